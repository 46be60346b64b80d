//! Generators that fail, stand still, or go round in circles.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use rand_core::{TryCryptoRng, TryRng};
use strongroom::fit::{EncryptInPlaceRequest, SignRequest, WrapRequest};
use strongroom::provider::KeyProvider;
use strongroom::software::{SealingKey, Software};
use strongroom::{EncryptAlg, EncryptParams, ErrorKind, KeySpec, SignAlg, WrapAlg};

use super::common::*;

const GOOD: u8 = 0;
const FAILS: u8 = 1;
const ZEROS: u8 = 2;
const CONSTANT: u8 = 3;
const CIRCLE: u8 = 4;

/// A generator with a switch.
struct Switched {
    mode: Arc<AtomicU8>,
    draws: AtomicU64,
}

#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken")
    }
}

impl std::error::Error for Broken {}

impl From<Infallible> for Broken {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl TryRng for Switched {
    type Error = Broken;

    fn try_next_u32(&mut self) -> Result<u32, Broken> {
        let mut word = [0; 4];
        self.try_fill_bytes(&mut word)?;
        Ok(u32::from_ne_bytes(word))
    }

    fn try_next_u64(&mut self) -> Result<u64, Broken> {
        let mut word = [0; 8];
        self.try_fill_bytes(&mut word)?;
        Ok(u64::from_ne_bytes(word))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Broken> {
        let draws = self.draws.fetch_add(1, Ordering::Relaxed);
        match self.mode.load(Ordering::Relaxed) {
            FAILS => return Err(Broken),
            ZEROS => out.fill(0),
            CONSTANT => out.fill(0x5A),
            CIRCLE => out.fill(if draws.is_multiple_of(2) { 0x11 } else { 0x22 }),
            _ => getrandom::fill(out).map_err(|_| Broken)?,
        }
        Ok(())
    }
}

impl TryCryptoRng for Switched {}

fn switched() -> (Software, Arc<AtomicU8>) {
    let mode = Arc::new(AtomicU8::new(GOOD));
    let rng = Switched {
        mode: Arc::clone(&mode),
        draws: AtomicU64::new(0),
    };
    let key = SealingKey::from_bytes([7; 32]);
    (Software::with_rng(key, rng).unwrap(), mode)
}

/// Everything that draws, each call once.
fn draw(software: &Software, keys: &[strongroom::KeyHandle; 3]) -> Vec<Option<ErrorKind>> {
    let [ec, aes, rsa] = keys;
    let none = EncryptParams::none();
    let mut buffer = *b"plaintext";
    let in_place = &mut EncryptInPlaceRequest::new(aes, EncryptAlg::A256Gcm, &mut buffer, b"");
    let in_place = software.encrypt_in_place(in_place.as_mut().unwrap());
    if in_place.is_err() {
        assert_eq!(buffer, *b"plaintext");
    }
    let wrap = WrapRequest::new(rsa, WrapAlg::RsaOaep256, b"material").unwrap();
    let results = [
        in_place.err(),
        sign(software, ec, SignAlg::Es256).err(),
        sign(software, rsa, SignAlg::Rs256).err(),
        sign(software, rsa, SignAlg::Ps256).err(),
        encrypt(software, aes, EncryptAlg::A256Gcm, b"text", none).err(),
        encrypt(software, rsa, EncryptAlg::RsaOaep256, b"text", none).err(),
        encrypt(software, rsa, EncryptAlg::Rsa15, b"text", none).err(),
        software.wrap_key(&wrap).err(),
        software.generate(&new(9, P256)).err(),
        software.generate(&new(9, AES)).err(),
        software.generate(&new(9, RSA)).err(),
        software.random(&mut [0; 16]).err(),
    ];
    let kinds = results.map(|error| error.map(|error| error.kind().clone()));
    kinds.into()
}

/// Its place in what [`draw`] gives.
const RS256: usize = 2;

#[test]
fn a_generator_that_is_dead_makes_nothing() {
    let (software, mode) = switched();
    let keys = [P256, AES, RSA].map(|spec| software.generate(&new(1, spec)).unwrap());
    assert_eq!(draw(&software, &keys), vec![None; 12]);
    let mut expected = vec![Some(ErrorKind::Randomness); 12];
    // RS256 draws nothing.
    expected[RS256] = None;
    for broken in [FAILS, ZEROS] {
        mode.store(broken, Ordering::Relaxed);
        assert_eq!(draw(&software, &keys), expected);
    }
    mode.store(CONSTANT, Ordering::Relaxed);
    // The first draw of a constant differs from the one before; no other does.
    assert!(software.random(&mut [0; 8]).is_ok());
    assert_eq!(draw(&software, &keys), expected);
    mode.store(GOOD, Ordering::Relaxed);
    assert_eq!(draw(&software, &keys), vec![None; 12]);
}

#[test]
fn without_a_draw_nothing_fails() {
    let (software, mode) = switched();
    let spec = KeySpec::Hmac { bits: 256 };
    let key = software.generate(&new(1, spec)).unwrap();
    let aes = software.generate(&new(2, AES)).unwrap();
    mode.store(FAILS, Ordering::Relaxed);
    assert!(sign(&software, &key, SignAlg::Hs256).is_ok());
    let request = WrapRequest::new(&aes, WrapAlg::A256Kw, &[7; 32]).unwrap();
    assert!(software.wrap_key(&request).is_ok());
}

/// A generator in a circle is not noticed. ECDSA is hedged: the nonce depends on key and
/// digest as well, so the same draw with another digest is another nonce (two digests
/// with one nonce give the key away; `r` would be the same).
#[test]
fn a_generator_in_a_circle_repeats_no_nonce() {
    let (software, mode) = switched();
    let key = software.generate(&new(1, P256)).unwrap();
    mode.store(CIRCLE, Ordering::Relaxed);
    let mut seen = Vec::new();
    for message in [b"one", b"two", b"3rd", b"4th"] {
        let request = SignRequest::for_message(&key, SignAlg::Es256, message).unwrap();
        let r = software.sign(&request).unwrap().as_bytes()[..32].to_vec();
        assert!(!seen.contains(&r));
        seen.push(r);
    }
}

#[test]
fn the_same_digest_is_signed_differently_each_time() {
    let one = sign(&SOFTWARE, key(P256), SignAlg::Es256).unwrap();
    let two = sign(&SOFTWARE, key(P256), SignAlg::Es256).unwrap();
    assert_ne!(one, two);
}

/// An ephemeral key is drawn from the given generator, and its failure is an error.
#[test]
fn an_ephemeral_backend_needs_randomness() {
    let mode = Arc::new(AtomicU8::new(FAILS));
    let rng = Switched {
        mode,
        draws: AtomicU64::new(0),
    };
    let built = Software::builder().ephemeral().rng(rng).build();
    assert_eq!(kind(built), ErrorKind::Randomness);
}
