//! The whole crate in one run: keys read from files and made here, every operation on
//! every kind of key, and refusals with their reasons.
//!
//! ```text
//! cargo run --release --example quickstart
//! ```
//!
//! Prints a table and exits with 0 only if every round trip and every refusal came out
//! as it must.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use strongroom::alg::{Alg, EncryptScheme, Standing};
use strongroom::jwk::SecretJwk;
use strongroom::software::Software;
use strongroom::store::MemoryStore;
use strongroom::vault::{
    Key, KeyOptions, KeyUpdate, Keyed, LegacyPolicy, NoAudit, SignInput, SignItem, UnixTime, Vault,
};
use strongroom::{
    Ciphertext, Curve, DecryptParams, Denial, Digest, EncryptAlg, EncryptParams, Error, ErrorKind,
    Hash, KeySpec, Op, OpSet, SignAlg, Signature, WrapAlg,
};

const MESSAGE: &[u8] = b"the quick brown fox jumps over the lazy dog";

/// A key that others are wrapped in or that is wrapped: 32 bytes.
const MATERIAL: &[u8] = &[0x42; 32];

type Tested<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Tested<ExitCode> {
    // Legacy algorithms are refused until configured; the tour shows them all.
    let vault = open_vault(LegacyPolicy::allow_all())?;
    let mut table = Table::default();

    table.heading("Keys");
    let mut keys = read_keys(&vault, &mut table)?;
    for spec in KeySpec::ALL {
        let name = format!("made-{}", spec.name().to_lowercase());
        let (key, time) = timed(|| vault.create(&name, *spec, &KeyOptions::new()));
        table.row(&name, spec.name(), "create", done(&key), Some(time));
        keys.push(key?);
    }

    table.heading("Operations");
    for key in &keys {
        for alg in Alg::all().filter(|alg| key.spec().is_ok_and(|spec| alg.fits(spec))) {
            round_trip(key, alg, &mut table);
        }
    }

    table.heading("Other forms");
    other_forms(&vault, &mut table)?;

    table.heading("Refusals");
    refusals(&vault, &mut table)?;

    println!("{} rows, {} wrong", table.rows, table.wrong);
    Ok(match table.wrong {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn open_vault(legacy: LegacyPolicy) -> Result<Vault, Error> {
    Vault::builder()
        .host("tour.vault.example")
        .provider(Arc::new(Software::ephemeral()?))
        .store(Arc::new(MemoryStore::new()))
        .audit(Arc::new(NoAudit))
        .legacy(legacy)
        .build()
}

/// Imports a JWK and a PEM file as they came.
fn read_keys(vault: &Vault, table: &mut Table) -> Tested<Vec<Key>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let jwk = std::fs::read(data.join("rfc7517-ec-private.jwk"))?;
    let pem = std::fs::read(data.join("rsa-2048-private.pem"))?;

    // The JWK says `"use": "enc"`, which is not ours to enforce; a vault goes by key_ops.
    let (jwk, jwk_time) = timed(|| SecretJwk::from_json(&jwk));
    let (pem, pem_time) = timed(|| SecretJwk::from_pem(&pem));
    let mut keys = Vec::new();
    for (name, read, reading) in [("from-jwk", jwk, jwk_time), ("from-pem", pem, pem_time)] {
        let key = read?;
        let (key, importing) = timed(|| vault.import(name, &key, &KeyOptions::new()));
        let spec = key
            .as_ref()
            .map_or("", |key| key.spec().map_or("", KeySpec::name));
        table.row(name, spec, "import", done(&key), Some(reading + importing));
        keys.push(key?);
    }
    Ok(keys)
}

/// Both operations of an algorithm, and that the second gives back what went into the
/// first.
fn round_trip(key: &Key, alg: Alg, table: &mut Table) {
    let [produce, consume] = alg.ops();
    let (made, making) = timed(|| make(key, alg));
    table.row(
        key.name().as_str(),
        alg.name(),
        produce.name(),
        done(&made),
        Some(making),
    );
    let Ok(made) = made else { return };
    let (back, checking) = timed(|| check(key, alg, &made));
    table.row(
        key.name().as_str(),
        alg.name(),
        consume.name(),
        back,
        Some(checking),
    );
}

/// What sign, wrapKey or encrypt made.
enum Made {
    Signature(Vec<u8>),
    Wrapped(Vec<u8>),
    Sealed(Ciphertext),
}

fn make(key: &Key, alg: Alg) -> Result<Made, Error> {
    Ok(match alg {
        Alg::Sign(alg) => Made::Signature(key.sign(alg, MESSAGE)?.value.into_bytes()),
        Alg::Wrap(alg) => Made::Wrapped(key.wrap_key(alg, MATERIAL)?.value),
        Alg::Encrypt(alg) => Made::Sealed(key.encrypt(alg, MESSAGE, encrypt_params(alg))?.value),
        other => unreachable!("{other} has no operation here"),
    })
}

fn check(key: &Key, alg: Alg, made: &Made) -> Outcome {
    let same = match (alg, made) {
        (Alg::Sign(alg), Made::Signature(signature)) => {
            key.verify(alg, MESSAGE, signature).map(|_| true)
        }
        (Alg::Wrap(alg), Made::Wrapped(wrapped)) => key
            .unwrap_key(alg, wrapped)
            .map(|key| key.value.expose() == MATERIAL),
        (Alg::Encrypt(alg), Made::Sealed(sealed)) => {
            let opened = key.decrypt(alg, sealed.as_bytes(), decrypt_params(alg, sealed));
            // Zero-filled CBC gives the zeros back too.
            let zeros = match alg.row().scheme {
                EncryptScheme::Cbc(_) => MESSAGE.len().next_multiple_of(16) - MESSAGE.len(),
                _ => 0,
            };
            let expected = [MESSAGE, &vec![0; zeros]].concat();
            opened.map(|text| text.value.expose() == expected)
        }
        _ => Ok(false),
    };
    match same {
        Ok(true) => Outcome::Right("same again".into()),
        Ok(false) => Outcome::Wrong("other bytes came back".into()),
        Err(error) => Outcome::Wrong(error.to_string()),
    }
}

/// CBC wants the caller's IV, GCM makes its own and takes associated data.
fn encrypt_params(alg: EncryptAlg) -> EncryptParams<'static> {
    match alg.row().scheme {
        EncryptScheme::Gcm(_) => EncryptParams::none().with_aad(b"tour"),
        EncryptScheme::Cbc(_) | EncryptScheme::CbcPad(_) => {
            EncryptParams::none().with_iv(&[0x24; 16])
        }
        _ => EncryptParams::none(),
    }
}

fn decrypt_params(alg: EncryptAlg, sealed: &Ciphertext) -> DecryptParams<'_> {
    match alg.row().scheme {
        EncryptScheme::Gcm(_) => sealed.params().with_aad(b"tour"),
        _ => sealed.params(),
    }
}

/// Digests made elsewhere, encryption in the caller's buffer, and batches.
fn other_forms(vault: &Vault, table: &mut Table) -> Tested<()> {
    let ec = vault.create("forms-ec", Curve::P256, &KeyOptions::new())?;
    let digest = Hash::Sha256.hash(MESSAGE);
    let (signed, signing) = timed(|| ec.sign_digest(SignAlg::Es256, digest.as_digest()));
    table.row(
        "forms-ec",
        "ES256",
        "sign digest",
        done(&signed),
        Some(signing),
    );
    let signature = signed?.value.into_bytes();
    // Over the digest of the message or over the message: the same signature for ES256.
    let (verified, verifying) = timed(|| ec.verify(SignAlg::Es256, MESSAGE, &signature));
    table.row(
        "forms-ec",
        "ES256",
        "verify",
        done(&verified),
        Some(verifying),
    );

    let aes = vault.create("forms-aes", KeySpec::Aes { bits: 256 }, &KeyOptions::new())?;
    let mut buffer = vec![0x42; 1 << 20];
    let (sealed, sealing) = timed(|| aes.encrypt_in_place(EncryptAlg::A256Gcm, &mut buffer, b""));
    table.row(
        "forms-aes",
        "A256GCM, 1 MiB",
        "in place",
        done(&sealed),
        Some(sealing),
    );
    let sealed = sealed?.value;
    let params = DecryptParams::none()
        .with_iv(&sealed.iv)
        .with_tag(&sealed.tag);
    let (opened, opening) =
        timed(|| aes.decrypt_in_place(EncryptAlg::A256Gcm, &mut buffer, params));
    let outcome = match opened {
        Ok(_) if buffer.iter().all(|byte| *byte == 0x42) => Outcome::Right("same again".into()),
        Ok(_) => Outcome::Wrong("other bytes came back".into()),
        Err(error) => Outcome::Wrong(error.to_string()),
    };
    table.row(
        "forms-aes",
        "A256GCM, 1 MiB",
        "in place",
        outcome,
        Some(opening),
    );

    let item = SignItem {
        alg: SignAlg::Es256,
        input: SignInput::Message(MESSAGE),
    };
    let (batch, time) = timed(|| ec.sign_batch(&[item; 64]));
    let good = |signed: &Result<Keyed<Signature>, Error>| {
        let signed = signed.as_ref().ok();
        signed.is_some_and(|it| ec.verify(item.alg, MESSAGE, it.value.as_bytes()).is_ok())
    };
    let outcome = match batch.iter().filter(|signed| good(signed)).count() {
        64 => Outcome::Right("64 verified".into()),
        some => Outcome::Wrong(format!("{some} of 64 verified")),
    };
    table.row(
        "forms-ec",
        "ES256, batch of 64",
        "sign",
        outcome,
        Some(time),
    );
    Ok(())
}

/// What must be refused, and for which reason.
fn refusals(vault: &Vault, table: &mut Table) -> Tested<()> {
    let key = vault.create("refused", Curve::P256, &KeyOptions::new())?;
    let signature = key.sign(SignAlg::Es256, MESSAGE)?.value.into_bytes();

    let other_curve = key.sign(SignAlg::Es384, MESSAGE);
    table.refused("refused", "ES384", "sign", other_curve, |kind| {
        matches!(kind, ErrorKind::Unfit { .. })
    });
    let altered = key.verify(SignAlg::Es256, b"another message", &signature);
    table.refused("refused", "ES256", "verify", altered, |kind| {
        *kind == ErrorKind::BadSignature
    });
    let short = Digest::new(Hash::Sha256, &[0; 20]);
    table.refused("refused", "ES256", "sign", short, |kind| {
        matches!(
            kind,
            ErrorKind::Invalid {
                field: "digest",
                ..
            }
        )
    });
    let wrap = key.wrap_key(WrapAlg::RsaOaep256, MATERIAL);
    table.refused(
        "refused",
        "RSA-OAEP-256",
        "wrapKey",
        wrap,
        denied(Denial::NotInKeyOps),
    );
    key.update(&KeyUpdate::new().enabled(false))?;
    let disabled = key.verify(SignAlg::Es256, MESSAGE, &signature);
    table.refused(
        "refused",
        "ES256",
        "verify",
        disabled,
        denied(Denial::Disabled),
    );

    let long_ago = KeyOptions::new().exp(UnixTime(1_000_000_000));
    let expired = vault.create("expired", KeySpec::Aes { bits: 256 }, &long_ago)?;
    let encrypt = expired.encrypt(EncryptAlg::A256Gcm, MESSAGE, EncryptParams::none());
    table.refused(
        "expired",
        "A256GCM",
        "encrypt",
        encrypt,
        denied(Denial::Expired),
    );

    let aes = vault.create("aes", KeySpec::Aes { bits: 256 }, &KeyOptions::new())?;
    let sealed = aes
        .encrypt(EncryptAlg::A256Gcm, MESSAGE, EncryptParams::none())?
        .value;
    let mut flipped = sealed.as_bytes().to_vec();
    if let Some(byte) = flipped.first_mut() {
        *byte ^= 1;
    }
    let opened = aes.decrypt(EncryptAlg::A256Gcm, &flipped, sealed.params());
    table.refused("aes", "A256GCM", "decrypt", opened, |kind| {
        *kind == ErrorKind::DecryptFailed
    });
    let own_iv = EncryptParams::none().with_iv(&[0; 12]);
    let encrypt = aes.encrypt(EncryptAlg::A256Gcm, MESSAGE, own_iv);
    table.refused("aes", "A256GCM", "encrypt", encrypt, |kind| {
        matches!(kind, ErrorKind::Invalid { field: "iv", .. })
    });

    let strict = open_vault(LegacyPolicy::deny_all())?;
    let options = KeyOptions::new().ops(OpSet::from_iter([Op::Encrypt, Op::Decrypt]));
    let key = strict.create("strict", KeySpec::Aes { bits: 256 }, &options)?;
    let legacy = EncryptParams::none().with_iv(&[0; 16]);
    let encrypt = key.encrypt(EncryptAlg::A256CbcPad, MESSAGE, legacy);
    table.refused(
        "strict",
        "A256CBCPAD",
        "encrypt",
        encrypt,
        denied(Denial::Legacy),
    );
    Ok(())
}

fn denied(expected: Denial) -> impl Fn(&ErrorKind) -> bool {
    move |kind| *kind == ErrorKind::Denied(expected)
}

/// How a step came out.
enum Outcome {
    Right(String),
    Wrong(String),
}

fn done<T>(result: &Result<T, Error>) -> Outcome {
    match result {
        Ok(_) => Outcome::Right("done".into()),
        Err(error) => Outcome::Wrong(error.to_string()),
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

/// Prints as it goes and counts what came out wrong.
#[derive(Default)]
struct Table {
    rows: usize,
    wrong: usize,
}

impl Table {
    fn heading(&self, title: &str) {
        println!("{title}");
        println!(
            "  {:<14} {:<21} {:<11} {:>12}  result",
            "key", "algorithm", "operation", "time"
        );
    }

    fn row(&mut self, key: &str, alg: &str, op: &str, outcome: Outcome, time: Option<Duration>) {
        let (mark, text) = match &outcome {
            Outcome::Right(text) => ("", text),
            Outcome::Wrong(text) => ("WRONG: ", text),
        };
        self.rows += 1;
        self.wrong += usize::from(!mark.is_empty());
        let legacy = Alg::all().any(|row| row.name() == alg && row.standing() == Standing::Legacy);
        let alg = format!("{alg}{}", if legacy { " (legacy)" } else { "" });
        let time = time.map_or_else(String::new, |time| format!("{time:.1?}"));
        println!("  {key:<14} {alg:<21} {op:<11} {time:>12}  {mark}{text}");
    }

    /// A step that must fail, with an error that `expected` recognises.
    fn refused<T>(
        &mut self,
        key: &str,
        alg: &str,
        op: &str,
        result: Result<T, Error>,
        expected: impl Fn(&ErrorKind) -> bool,
    ) {
        let outcome = match result {
            Ok(_) => Outcome::Wrong("was not refused".into()),
            Err(error) if expected(error.kind()) => Outcome::Right(format!("refused: {error}")),
            Err(error) => Outcome::Wrong(error.to_string()),
        };
        self.row(key, alg, op, outcome, None);
    }
}
