//! The whole crate in one run: keys read from files and made here, every operation on
//! every kind of key, and refusals with their reasons. In software, or with keys in a token:
//!
//! ```text
//! cargo run --release --example quickstart
//! cargo run --release --example quickstart -- --pkcs11 "pkcs11:token=..." [--init-string ...]
//! ```
//!
//! Prints a table and exits with 0 only if every round trip and every refusal came out
//! as it must. What a token's capabilities lack is shown as not offered, and is wrong only
//! if it is done all the same. The keys that were made in a token are destroyed at the end.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use strongroom::alg::{Alg, EncryptScheme, Standing};
use strongroom::jwk::SecretJwk;
use strongroom::provider::Capabilities;
use strongroom::software::Software;
use strongroom::store::MemoryStore;
use strongroom::vault::{
    Key, KeyOptions, KeyUpdate, Keyed, LegacyPolicy, NoAudit, SignInput, SignItem, UnixTime, Vault,
};
use strongroom::{
    Ciphertext, Curve, DecryptParams, Denial, Digest, EncryptAlg, EncryptParams, Error, ErrorKind,
    Hash, KeyProvider, KeySpec, Op, OpSet, SignAlg, Signature, WrapAlg,
};

const MESSAGE: &[u8] = b"the quick brown fox jumps over the lazy dog";

/// A key that others are wrapped in or that is wrapped: 32 bytes.
const MATERIAL: &[u8] = &[0x42; 32];

type Tested<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Tested<ExitCode> {
    let place = Place::from_arguments()?;
    let mut table = Table::new(&place);
    let toured = tour(&place, &mut table);
    // Whatever came of it, a token is left as it was.
    let left = place.leave();
    toured?;
    left?;
    println!(
        "{} rows, {} not offered, {} wrong",
        table.rows, table.lacking, table.wrong
    );
    Ok(match table.wrong {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn tour(place: &Place, table: &mut Table) -> Tested<()> {
    // Legacy algorithms are refused until configured; the tour shows them all.
    let vault = place.vault(LegacyPolicy::allow_all())?;

    table.heading("Keys");
    let mut keys = read_keys(place, &vault, table)?;
    for spec in KeySpec::ALL {
        let name = place.name(&format!("made-{}", spec.name().to_lowercase()));
        let (key, time) = timed(|| vault.create(&name, *spec, &KeyOptions::new()));
        let offered = place.capabilities().can_generate(*spec);
        table.row(
            &name,
            spec.name(),
            "create",
            done(&key, offered),
            Some(time),
        );
        keys.extend(key);
    }

    table.heading("Operations");
    for key in &keys {
        for alg in Alg::all().filter(|alg| key.spec().is_ok_and(|spec| alg.fits(spec))) {
            round_trip(place, key, alg, table)?;
        }
    }

    table.heading("Other forms");
    ec_forms(place, &vault, table)?;
    aes_forms(place, &vault, table)?;

    table.heading("Refusals");
    ec_refusals(place, &vault, table)?;
    aes_refusals(place, &vault, table)
}

/// Where the keys are.
struct Place {
    provider: Arc<dyn KeyProvider>,
    /// What the names of this run's keys begin with, to tell them from all others.
    prefix: String,
    #[cfg(feature = "pkcs11")]
    token: Option<Arc<strongroom::pkcs11::Pkcs11>>,
}

impl Place {
    fn from_arguments() -> Tested<Place> {
        let (mut uri, mut init_string) = (None, None);
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let value = match argument.as_str() {
                "--pkcs11" => &mut uri,
                "--init-string" => &mut init_string,
                _ => return Err(format!("{argument}: no such argument").into()),
            };
            *value = Some(arguments.next().ok_or("a value is missing")?);
        }
        match uri {
            Some(uri) => Place::token(&uri, init_string.as_deref()),
            None => Place::software(),
        }
    }

    fn software() -> Tested<Place> {
        Ok(Place {
            provider: Arc::new(Software::ephemeral()?),
            prefix: String::new(),
            #[cfg(feature = "pkcs11")]
            token: None,
        })
    }

    #[cfg(feature = "pkcs11")]
    fn token(uri: &str, init_string: Option<&str>) -> Tested<Place> {
        let mut builder = strongroom::pkcs11::Pkcs11::from_uri(uri)?;
        if let Some(text) = init_string {
            builder = builder.init_string(text);
        }
        let token = Arc::new(builder.open()?);
        let mut random = [0; 8];
        token.random(&mut random)?;
        let provider: Arc<dyn KeyProvider> = token.clone();
        Ok(Place {
            provider,
            prefix: format!("tour-{:016x}-", u64::from_be_bytes(random)),
            token: Some(token),
        })
    }

    #[cfg(not(feature = "pkcs11"))]
    fn token(_: &str, _: Option<&str>) -> Tested<Place> {
        Err("this was built without the feature `pkcs11`".into())
    }

    /// Destroys the keys that this run made in a token.
    fn leave(&self) -> Result<(), Error> {
        #[cfg(feature = "pkcs11")]
        if let Some(token) = &self.token {
            let keys = token.keys()?.into_iter();
            for key in keys.filter(|key| key.label.starts_with(&self.prefix)) {
                token.destroy(&key.handle)?;
            }
        }
        Ok(())
    }

    fn vault(&self, legacy: LegacyPolicy) -> Result<Vault, Error> {
        Vault::builder()
            .host("tour.vault.example")
            .provider(Arc::clone(&self.provider))
            .store(Arc::new(MemoryStore::new()))
            .audit(Arc::new(NoAudit))
            .legacy(legacy)
            .build()
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn capabilities(&self) -> Arc<Capabilities> {
        self.provider.capabilities()
    }

    fn offers(&self, op: Op, alg: impl Into<Alg>, spec: KeySpec) -> bool {
        self.capabilities().supports(op, alg, spec).is_some()
    }

    /// A key for what needs this operation too, or none and a row that says so.
    fn key_for(
        &self,
        vault: &Vault,
        (name, spec, options): (&str, KeySpec, KeyOptions),
        (op, alg): (Op, Alg),
        table: &mut Table,
    ) -> Result<Option<Key>, Error> {
        if self.capabilities().can_generate(spec) && self.offers(op, alg, spec) {
            return vault.create(&self.name(name), spec, &options).map(Some);
        }
        table.row(name, alg.name(), op.name(), Outcome::NotOffered, None);
        Ok(None)
    }
}

/// Imports a JWK and a PEM file as they came.
fn read_keys(place: &Place, vault: &Vault, table: &mut Table) -> Tested<Vec<Key>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let jwk = std::fs::read(data.join("rfc7517-ec-private.jwk"))?;
    let pem = std::fs::read(data.join("rsa-2048-private.pem"))?;

    // The JWK says `"use": "enc"`, which is not ours to enforce; a vault goes by key_ops.
    let (jwk, jwk_time) = timed(|| SecretJwk::from_json(&jwk));
    let (pem, pem_time) = timed(|| SecretJwk::from_pem(&pem));
    let mut keys = Vec::new();
    for (name, read, reading) in [("from-jwk", jwk, jwk_time), ("from-pem", pem, pem_time)] {
        let key = read?;
        let spec = key.public().spec()?;
        let name = place.name(name);
        let (key, importing) = timed(|| vault.import(&name, &key, &KeyOptions::new()));
        let outcome = done(&key, place.capabilities().can_import(spec));
        let time = Some(reading + importing);
        table.row(&name, spec.name(), "import", outcome, time);
        keys.extend(key);
    }
    Ok(keys)
}

/// Both operations of an algorithm, and that the second gives back what went into the
/// first.
fn round_trip(place: &Place, key: &Key, alg: Alg, table: &mut Table) -> Tested<()> {
    let (name, spec) = (key.name().as_str(), key.spec()?);
    let [produce, consume] = alg.ops();
    let (made, making) = timed(|| make(key, alg));
    let outcome = done(&made, place.offers(produce, alg, spec));
    table.row(name, alg.name(), produce.name(), outcome, Some(making));
    let Ok(made) = made else { return Ok(()) };
    let (back, checking) = timed(|| check(key, alg, &made));
    let outcome = match (back, place.offers(consume, alg, spec)) {
        (Ok(true), true) => Outcome::Right("same again".into()),
        (Ok(false), true) => Outcome::Wrong("other bytes came back".into()),
        (back, offered) => done(&back, offered),
    };
    table.row(name, alg.name(), consume.name(), outcome, Some(checking));
    Ok(())
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

/// Whether what was made gives back what went into it.
fn check(key: &Key, alg: Alg, made: &Made) -> Result<bool, Error> {
    match (alg, made) {
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

/// Digests made elsewhere, and batches.
fn ec_forms(place: &Place, vault: &Vault, table: &mut Table) -> Tested<()> {
    let key = ("forms-ec", Curve::P256.into(), KeyOptions::new());
    let sign = (Op::Sign, SignAlg::Es256.into());
    let Some(ec) = place.key_for(vault, key, sign, table)? else {
        return Ok(());
    };
    let digest = Hash::Sha256.hash(MESSAGE);
    let (signed, signing) = timed(|| ec.sign_digest(SignAlg::Es256, digest.as_digest()));
    table.row(
        "forms-ec",
        "ES256",
        "sign digest",
        done(&signed, true),
        Some(signing),
    );
    let signature = signed?.value.into_bytes();
    // Over the digest of the message or over the message: the same signature for ES256.
    let (verified, verifying) = timed(|| ec.verify(SignAlg::Es256, MESSAGE, &signature));
    table.row(
        "forms-ec",
        "ES256",
        "verify",
        done(&verified, true),
        Some(verifying),
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

/// Encryption in the caller's buffer.
fn aes_forms(place: &Place, vault: &Vault, table: &mut Table) -> Tested<()> {
    let key = ("forms-aes", KeySpec::Aes { bits: 256 }, KeyOptions::new());
    let encrypt = (Op::Encrypt, EncryptAlg::A256Gcm.into());
    let Some(aes) = place.key_for(vault, key, encrypt, table)? else {
        return Ok(());
    };
    let mut buffer = vec![0x42; 1 << 20];
    let (sealed, sealing) = timed(|| aes.encrypt_in_place(EncryptAlg::A256Gcm, &mut buffer, b""));
    table.row(
        "forms-aes",
        "A256GCM, 1 MiB",
        "in place",
        done(&sealed, true),
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
    Ok(())
}

/// What must be refused, and for which reason.
fn ec_refusals(place: &Place, vault: &Vault, table: &mut Table) -> Tested<()> {
    let key = ("refused", Curve::P256.into(), KeyOptions::new());
    let sign = (Op::Sign, SignAlg::Es256.into());
    let Some(key) = place.key_for(vault, key, sign, table)? else {
        return Ok(());
    };
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
    Ok(())
}

/// The same for AES.
fn aes_refusals(place: &Place, vault: &Vault, table: &mut Table) -> Tested<()> {
    let spec = KeySpec::Aes { bits: 256 };
    let encryption = (Op::Encrypt, EncryptAlg::A256Gcm.into());
    let long_ago = KeyOptions::new().exp(UnixTime(1_000_000_000));
    let key = ("expired", spec, long_ago);
    let Some(expired) = place.key_for(vault, key, encryption, table)? else {
        return Ok(());
    };
    let encrypt = expired.encrypt(EncryptAlg::A256Gcm, MESSAGE, EncryptParams::none());
    table.refused(
        "expired",
        "A256GCM",
        "encrypt",
        encrypt,
        denied(Denial::Expired),
    );

    let aes = vault.create(&place.name("aes"), spec, &KeyOptions::new())?;
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

    let strict = place.vault(LegacyPolicy::deny_all())?;
    let options = KeyOptions::new().ops(OpSet::from_iter([Op::Encrypt, Op::Decrypt]));
    let key = strict.create(&place.name("strict"), spec, &options)?;
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
    /// Said so, as the capabilities do.
    NotOffered,
    Wrong(String),
}

/// Of a step that the provider's capabilities offer or not.
fn done<T>(result: &Result<T, Error>, offered: bool) -> Outcome {
    match result {
        Ok(_) if offered => Outcome::Right("done".into()),
        Ok(_) => Outcome::Wrong("is done, but was not offered".into()),
        Err(error) if !offered && matches!(error.kind(), ErrorKind::NotOffered { .. }) => {
            Outcome::NotOffered
        }
        Err(error) => Outcome::Wrong(error.to_string()),
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

/// Prints as it goes and counts what came out wrong.
struct Table {
    /// Names are shown without it.
    prefix: String,
    rows: usize,
    lacking: usize,
    wrong: usize,
}

impl Table {
    fn new(place: &Place) -> Table {
        Table {
            prefix: place.prefix.clone(),
            rows: 0,
            lacking: 0,
            wrong: 0,
        }
    }

    fn heading(&self, title: &str) {
        println!("{title}");
        println!(
            "  {:<14} {:<21} {:<11} {:>12}  result",
            "key", "algorithm", "operation", "time"
        );
    }

    fn row(&mut self, key: &str, alg: &str, op: &str, outcome: Outcome, time: Option<Duration>) {
        let (mark, text) = match &outcome {
            Outcome::Right(text) => ("", text.as_str()),
            Outcome::NotOffered => ("", "not offered"),
            Outcome::Wrong(text) => ("WRONG: ", text.as_str()),
        };
        self.rows += 1;
        self.lacking += usize::from(matches!(outcome, Outcome::NotOffered));
        self.wrong += usize::from(matches!(outcome, Outcome::Wrong(_)));
        let key = key.strip_prefix(&self.prefix).unwrap_or(key);
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
