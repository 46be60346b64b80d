//! Secrets are erased before their memory is given back.
//!
//! This program's heap searches every block that is freed ([`heap`]). Reading and writing keys
//! of every kind, making them, sealing and unsealing them, and every operation must leave
//! nothing there.
//!
//! The heap alone is searched. What the compiler leaves on the stack, no test here sees.
#![allow(unsafe_code)]
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used)]

mod canary;
#[path = "zeroing/heap.rs"]
mod heap;

use std::hint::black_box;

use aes_kw::KwpAes256;
use aes_kw::cipher::KeyInit;
use base64ct::{Base64UrlUnpadded, Encoding};
use canary::Canary;
use heap::{Heap, Watch};
use rand_core::SeedableRng;
use strongroom::encoding::PasswordKdf;
use strongroom::fit::{
    DecryptRequest, EncryptRequest, SignRequest, UnwrapRequest, VerifyRequest, WrapRequest,
};
use strongroom::jwk::{PublicKey, SecretJwk};
use strongroom::provider::{NewKey, WrappingKey};
use strongroom::software::{PassphraseCosts, SealingHeader, SealingKey, Software};
use strongroom::{
    Curve, DecryptParams, EncryptAlg, EncryptParams, ErrorKind, KeyHandle, KeyProvider, KeySpec,
    OpSet, SecretBytes, SignAlg, WrapAlg,
};

#[global_allocator]
static HEAP: Heap = Heap;

/// A canary's numbers, and what else would give them away: their base64url, and the two
/// pads of HMAC.
struct Needles(Vec<(String, Vec<u8>)>);

impl Needles {
    fn of(canary: &Canary) -> Self {
        let mut all = Vec::new();
        for (name, part) in &canary.parts {
            all.push((name.clone(), part.clone()));
            let text = Base64UrlUnpadded::encode_string(part).into_bytes();
            all.push((format!("{name} as base64url"), text));
            if part.len() <= 64 {
                let pad = |byte: u8| part.iter().map(|k| k ^ byte).collect::<Vec<u8>>();
                all.push((format!("{name} ^ ipad"), pad(0x36)));
                all.push((format!("{name} ^ opad"), pad(0x5c)));
            }
        }
        Needles(all)
    }

    fn and(mut self, name: &str, bytes: &[u8]) -> Self {
        self.0.push((name.to_owned(), bytes.to_vec()));
        self
    }

    fn watch(&self) -> Watch {
        Watch::new(
            self.0
                .iter()
                .map(|(name, needle)| (name.as_str(), needle.as_slice())),
        )
    }
}

/// Overwrites what the calls so far have left on the stack. A value that is moved takes
/// with it whatever stood where its unused parts are, and would bring those leftovers to
/// the heap.
#[inline(never)]
fn scrub_stack() {
    black_box(&mut [0_u8; 256 * 1024]);
}

#[track_caller]
fn nothing(watch: &Watch, after: &str) {
    scrub_stack();
    let found = watch.found();
    assert!(
        found.is_empty(),
        "after {after}, in freed memory: {found:?}"
    );
}

fn handle(software: &Software, canary: &Canary, ops: Option<OpSet>) -> KeyHandle {
    let spec = canary.jwk.spec_for(ops).unwrap();
    let new = NewKey::new(canary::id(canary.name), spec).unwrap();
    software.import(&canary.jwk, &new).unwrap()
}

// ---------------------------------------------------------------------------
// The heap finds what is there

#[test]
fn a_leaked_copy_is_found() {
    let secret = canary::bytes("leaked", 40);
    let reversed: Vec<u8> = secret.iter().rev().copied().collect();
    let needles = Needles(vec![("secret".into(), secret.clone())]);
    let watch = needles.watch();
    let hits = |watch: &Watch| watch.found().get("secret").copied().unwrap_or(0);

    drop(secret.clone());
    assert_eq!(hits(&watch), 1, "a vector");
    drop(reversed.clone());
    assert_eq!(hits(&watch), 1, "the other byte order");
    drop(secret[7..23].to_vec());
    assert_eq!(hits(&watch), 1, "sixteen bytes of it");
    drop([b"at an odd place".as_slice(), &secret, b"."].concat());
    assert_eq!(hits(&watch), 1, "in the middle of something");

    let mut grown = Vec::with_capacity(40);
    grown.extend_from_slice(&secret);
    grown.reserve_exact(1000);
    assert_eq!(hits(&watch), 1, "what growing leaves");
    grown.fill(0);
    drop(grown);
    assert_eq!(hits(&watch), 0, "erased");
    drop(secret[..15].to_vec());
    assert_eq!(hits(&watch), 0, "fifteen bytes of it");
    drop(canary::bytes("another", 4000));
    assert_eq!(hits(&watch), 0, "another secret");
}

// ---------------------------------------------------------------------------
// What is ours

#[test]
fn secret_bytes_are_erased() {
    let secret = canary::bytes("secret bytes", 100);
    let needles = Needles(vec![("secret".into(), secret.clone())]);
    let watch = needles.watch();
    drop(SecretBytes::copy_of(&secret));
    nothing(&watch, "copy_of");
    let mut exact = Vec::with_capacity(100);
    exact.extend_from_slice(&secret);
    drop(SecretBytes::from_vec(exact));
    nothing(&watch, "from_vec");
    let mut roomy = Vec::with_capacity(300);
    roomy.extend_from_slice(&secret);
    drop(SecretBytes::from_vec(roomy));
    nothing(&watch, "from_vec with spare capacity");
    let mut zeroed = SecretBytes::zeroed(100);
    zeroed.expose_mut().copy_from_slice(&secret);
    let same = zeroed == SecretBytes::copy_of(&secret);
    assert!(same && format!("{zeroed:?}").len() > 5);
    drop(zeroed);
    nothing(&watch, "filling");
}

#[test]
fn keys_are_read_and_written_without_a_trace() {
    for canary in canary::all() {
        let needles = Needles::of(&canary);
        let jwk = &canary.jwk;
        let pkcs8 = jwk.to_pkcs8_der_exposing_secret().ok();
        let pem = jwk.to_pkcs8_pem_exposing_secret().ok();
        let sec1 = jwk.to_sec1_der_exposing_secret().ok();
        let pkcs1 = jwk.to_pkcs1_der_exposing_secret().ok();
        let truncated = &canary.json[..canary.json.len() - 3];
        let twice = [br#"{"kid":"a","kid":"b","#, &canary.json[1..]].concat();

        let watch = needles.watch();
        let read = SecretJwk::from_json(&canary.json).unwrap();
        drop(read.to_json_exposing_secret());
        assert!(read == *jwk);
        drop(read.public().to_json());
        let _ = read.thumbprint();
        drop(read);
        nothing(&watch, "JSON");
        assert!(SecretJwk::from_json(truncated).is_err());
        assert!(SecretJwk::from_json(&twice).is_err());
        nothing(&watch, "damaged JSON");
        if let (Some(pkcs8), Some(pem)) = (&pkcs8, &pem) {
            drop(SecretJwk::from_pkcs8_der(pkcs8.expose()).unwrap());
            nothing(&watch, "reading PKCS #8");
            drop(SecretJwk::from_pem(pem.expose()).unwrap());
            nothing(&watch, "reading PEM");
            let cut = &pkcs8.expose()[..pkcs8.len() - 1];
            assert!(SecretJwk::from_pkcs8_der(cut).is_err());
            nothing(&watch, "reading damaged PKCS #8");
            drop(jwk.to_pkcs8_der_exposing_secret().unwrap());
            drop(jwk.to_pkcs8_pem_exposing_secret().unwrap());
            nothing(&watch, "writing PKCS #8");
        }
        if let Some(sec1) = &sec1 {
            drop(SecretJwk::from_sec1_der(sec1.expose()).unwrap());
            nothing(&watch, "reading SEC1");
            drop(jwk.to_sec1_der_exposing_secret().unwrap());
            drop(jwk.to_sec1_pem_exposing_secret().unwrap());
            nothing(&watch, "writing SEC1");
        }
        if let Some(pkcs1) = &pkcs1 {
            drop(SecretJwk::from_pkcs1_der(pkcs1.expose()).unwrap());
            nothing(&watch, "reading PKCS #1");
            drop(jwk.to_pkcs1_der_exposing_secret().unwrap());
            drop(jwk.to_pkcs1_pem_exposing_secret().unwrap());
            nothing(&watch, "writing PKCS #1");
        }
        drop(watch);
        if canary.name == "P-256" {
            let password = b"correct horse battery staple";
            let needles = needles.and("password", password);
            let watch = needles.watch();
            let kdf = PasswordKdf::Scrypt;
            let der = jwk.to_encrypted_pkcs8_der(password, kdf).unwrap();
            nothing(&watch, "encrypting PKCS #8");
            drop(SecretJwk::from_encrypted_pkcs8_der(&der, password).unwrap());
            nothing(&watch, "decrypting PKCS #8");
            let wrong = b"wrong horse battery staple";
            assert!(SecretJwk::from_encrypted_pkcs8_der(&der, wrong).is_err());
            nothing(&watch, "decrypting PKCS #8 with a wrong password");
        }
    }
}

#[test]
fn opened_keys_are_erased() {
    for canary in canary::all() {
        let needles = Needles::of(&canary);
        for ops in [None, Some(OpSet::SIGN_VERIFY)] {
            if canary.jwk.spec_for(ops).is_err() {
                continue;
            }
            let watch = needles.watch();
            let software = Software::ephemeral().unwrap();
            let handle = handle(&software, &canary, ops);
            nothing(&watch, "import");
            use_it(&software, &handle);
            nothing(&watch, "use");
            software.destroy(&handle).unwrap();
            nothing(&watch, "destroy");
            // From its blob again.
            use_it(&software, &handle);
            drop(software);
            nothing(&watch, "the backend's end");
            drop(handle);
            nothing(&watch, "the handle's end");
        }
    }
}

/// Every operation that the key has.
fn use_it(software: &Software, handle: &KeyHandle) {
    let mut uses = 0;
    for alg in SignAlg::ALL {
        if let Ok(request) = SignRequest::for_message(handle, *alg, b"message") {
            let signature = software.sign(&request).unwrap();
            let signature = signature.as_bytes();
            let verify = VerifyRequest::for_message(handle, *alg, b"message", signature);
            software.verify(&verify.unwrap()).unwrap();
            scrub_stack();
            uses += 1;
        }
    }
    for alg in EncryptAlg::ALL {
        let params = EncryptParams::none();
        let plain = [9; 32];
        let request = EncryptRequest::new(handle, *alg, &plain, params)
            .or_else(|_| EncryptRequest::new(handle, *alg, &plain, params.with_iv(&[1; 16])));
        if let Ok(request) = request {
            let sealed = software.encrypt(&request).unwrap();
            let request = DecryptRequest::new(handle, *alg, sealed.as_bytes(), sealed.params());
            drop(software.decrypt(&request.unwrap()).unwrap());
            scrub_stack();
            uses += 1;
        }
    }
    for alg in WrapAlg::ALL {
        if let Ok(request) = WrapRequest::new(handle, *alg, &[9; 32]) {
            let wrapped = software.wrap_key(&request).unwrap();
            let request = UnwrapRequest::new(handle, *alg, &wrapped).unwrap();
            drop(software.unwrap_key(&request).unwrap());
            scrub_stack();
            uses += 1;
        }
    }
    assert!(uses > 0, "nothing was done with {handle:?}");
}

#[test]
fn sealing_leaves_nothing_of_any_key() {
    let old: [u8; 32] = *canary::bytes("sealing, old", 32).first_chunk().unwrap();
    let new: [u8; 32] = *canary::bytes("sealing, new", 32).first_chunk().unwrap();
    for canary in canary::all() {
        let before = Software::new(SealingKey::from_bytes(old)).unwrap();
        let sealed = handle(&before, &canary, None);
        let needles = Needles::of(&canary).and("old", &old).and("new", &new);
        let watch = needles.watch();
        let software = Software::builder()
            .sealing_key(SealingKey::from_bytes(new))
            .older_sealing_key(SealingKey::from_bytes(old))
            .build()
            .unwrap();
        let resealed = software.reseal(&sealed).unwrap();
        drop(software.reseal(&resealed).unwrap());
        nothing(&watch, "reseal");
        let mut blob = resealed.blob().to_vec();
        *blob.last_mut().unwrap() ^= 1;
        let (provider, public) = (resealed.provider().clone(), resealed.public().cloned());
        let damaged = KeyHandle::new(provider, resealed.id(), resealed.spec(), public, blob);
        let error = software.reseal(&damaged.unwrap()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Corrupt { .. }));
        nothing(&watch, "a damaged blob");
        drop((software, resealed));
        nothing(&watch, "dropping it all");
    }
}

#[test]
fn sealing_keys_and_passwords_are_erased() {
    let password = canary::bytes("password", 24);
    let root: [u8; 32] = *canary::bytes("root", 32).first_chunk().unwrap();
    let needles = Needles(vec![
        ("password".into(), password.clone()),
        ("root".into(), root.to_vec()),
    ]);
    let watch = needles.watch();
    drop(SealingKey::from_bytes(root));
    drop(SealingKey::from_secret(SecretBytes::copy_of(&root)).unwrap());
    assert!(SealingKey::from_secret(SecretBytes::copy_of(&root[1..])).is_err());
    nothing(&watch, "a sealing key");
    let costs = PassphraseCosts::new(PassphraseCosts::MIN_MEMORY_KIB, 1, 1).unwrap();
    let (header, key) = SealingHeader::from_passphrase(&password, costs).unwrap();
    drop(key);
    drop(header.open_with_passphrase(&password).unwrap());
    assert!(header.open_with_passphrase(&password[1..]).is_err());
    nothing(&watch, "a password");
}

// ---------------------------------------------------------------------------
// What fails

#[test]
fn failed_imports_leave_nothing() {
    for canary in canary::all() {
        let needles = Needles::of(&canary);
        let software = Software::ephemeral().unwrap();
        let wrong = if canary.name.starts_with("oct") {
            KeySpec::Ec(Curve::P256)
        } else {
            KeySpec::Hmac { bits: 256 }
        };
        let wrong = NewKey::new(canary::id("wrong"), wrong).unwrap();
        let own = &canary.parts[0].1;
        let longer = SecretBytes::from_vec([own.as_slice(), &[1]].concat());
        let watch = needles.watch();
        assert!(software.import(&canary.jwk, &wrong).is_err());
        nothing(&watch, "an import as another kind");
        assert!(SecretJwk::from_oct(longer.expose()).is_err());
        for curve in Curve::ALL {
            assert!(SecretJwk::from_ec_scalar(*curve, longer.expose()).is_err());
            drop(SecretJwk::from_ec_scalar(*curve, own));
        }
        nothing(&watch, "numbers of a wrong length");
        // A private key beside another one's public half.
        if canary.name == "P-256" {
            let text = str::from_utf8(&canary.json).unwrap();
            let stranger = canary::bytes("stranger", 32);
            let stranger = SecretJwk::from_ec_scalar(Curve::P256, &stranger).unwrap();
            let public = stranger.public().to_json();
            let d = text.find(",\"d\"").unwrap();
            let mixed = [
                public.trim_end_matches('}').as_bytes(),
                &text.as_bytes()[d..],
            ]
            .concat();
            let mixed = SecretBytes::from_vec(mixed);
            assert!(SecretJwk::from_json(mixed.expose()).is_err());
            drop(mixed);
            nothing(&watch, "a key whose halves do not belong together");
        }
    }
}

#[test]
fn failed_decryptions_leave_no_plaintext() {
    let plaintext = canary::bytes("plaintext", 96);
    let needles = Needles(vec![("plaintext".into(), plaintext.clone())]);
    let software = Software::ephemeral().unwrap();
    let handle = handle(&software, &canary::oct(32), None);
    let iv = [3; 16];
    for alg in EncryptAlg::ALL {
        let params = EncryptParams::none();
        let watch = needles.watch();
        let Ok(request) = EncryptRequest::new(&handle, *alg, &plaintext, params)
            .or_else(|_| EncryptRequest::new(&handle, *alg, &plaintext, params.with_iv(&iv)))
        else {
            continue;
        };
        let sealed = software.encrypt(&request).unwrap();
        nothing(&watch, "encryption");
        let decrypt = |bytes: &[u8], params: DecryptParams<'_>| {
            let request = DecryptRequest::new(&handle, *alg, bytes, params).unwrap();
            software.decrypt(&request)
        };
        let opened = decrypt(sealed.as_bytes(), sealed.params()).unwrap();
        assert!(opened.expose() == plaintext);
        drop(opened);
        nothing(&watch, "decryption");
        if let Some(tag) = sealed.tag() {
            let mut wrong = tag.to_vec();
            wrong[15] ^= 1;
            let params = sealed.params().with_tag(&wrong);
            assert!(decrypt(sealed.as_bytes(), params).is_err());
            nothing(&watch, "a bad tag");
        }
        // CBC with padding that is wrong behind a right beginning.
        let mut cut = sealed.as_bytes().to_vec();
        if sealed.tag().is_none() {
            cut.truncate(cut.len() - 16);
            drop(decrypt(&cut, sealed.params()));
            nothing(&watch, "bad padding");
        }
    }
    for alg in WrapAlg::ALL {
        let Ok(request) = WrapRequest::new(&handle, *alg, &plaintext) else {
            continue;
        };
        let watch = needles.watch();
        let mut wrapped = software.wrap_key(&request).unwrap();
        nothing(&watch, "wrapping");
        let unwrap = |wrapped: &[u8]| {
            let request = UnwrapRequest::new(&handle, *alg, wrapped).unwrap();
            software.unwrap_key(&request)
        };
        drop(unwrap(&wrapped).unwrap());
        nothing(&watch, "unwrapping");
        *wrapped.last_mut().unwrap() ^= 1;
        assert!(unwrap(&wrapped).is_err());
        nothing(&watch, "unwrapping what is damaged");
    }
}

// ---------------------------------------------------------------------------
// RSA

/// Without its primes, which are then computed.
#[test]
fn primes_that_were_found_are_erased() {
    let canary = canary::rsa();
    let needles = Needles::of(&canary);
    let Some(PublicKey::Rsa(public)) = Some(canary.jwk.public().key().clone()) else {
        panic!("an RSA key");
    };
    let d = &canary.parts[0].1;
    let watch = needles.watch();
    drop(SecretJwk::from_rsa_components(&public.n(), &public.e(), d, None).unwrap());
    nothing(&watch, "reading d alone");
}

/// Makes the same key whenever it is called.
fn made() -> (Software, KeyHandle) {
    let rng = chacha20::ChaCha20Rng::from_seed([3; 32]);
    let software = Software::builder().ephemeral().rng(rng).build().unwrap();
    let new = NewKey::new(canary::id("made"), KeySpec::Rsa { bits: 2048 }).unwrap();
    let handle = software.generate(&new.with_exportable(true)).unwrap();
    (software, handle)
}

#[test]
fn a_key_that_was_made_is_erased() {
    let (software, key) = made();
    // What it is: it leaves in wrapped form (CKM_RSA_AES_KEY_WRAP), and is unwrapped by hand.
    let kek = canary::rsa();
    let by = WrappingKey::Public(kek.jwk.public());
    let blob = software.export_wrapped(&key, &by).unwrap();
    let (first, second) = blob.as_bytes().split_at(256);
    let opener = handle(&software, &kek, None);
    let none = DecryptParams::none();
    let request = DecryptRequest::new(&opener, EncryptAlg::RsaOaep, first, none).unwrap();
    let aes = software.decrypt(&request).unwrap();
    let kwp = KwpAes256::new_from_slice(aes.expose()).unwrap();
    let mut pkcs8 = vec![0; second.len()];
    let pkcs8 = kwp.unwrap_key(second, &mut pkcs8).unwrap();
    let secret = SecretJwk::from_pkcs8_der(pkcs8).unwrap();
    let json = secret.to_json_exposing_secret();
    let json: serde_json::Value = serde_json::from_slice(json.expose()).unwrap();
    let parts = ["d", "p", "q", "dp", "dq", "qi"].map(|name| {
        let text = json[name].as_str().unwrap();
        (name.to_owned(), canary::base64url(text))
    });
    let needles = Needles(parts.into());

    let watch = needles.watch();
    let (again, same) = made();
    assert_eq!(same.public(), key.public());
    nothing(&watch, "making a key");
    use_it(&again, &same);
    drop((again, same));
    nothing(&watch, "using it");
}
