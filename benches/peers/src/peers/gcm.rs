//! AES-GCM by each peer. All draw the IV at random, each from its own generator.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes128Gcm, Aes256Gcm, KeyInit};
use aws_lc_rs::aead as aws;
use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use openssl::error::ErrorStack;
use openssl::rand::rand_bytes;
use ring::aead as ring_aead;
use ring::rand::{SecureRandom, SystemRandom};

use crate::contender::{AWS_LC, Contender, GRAVIOLA, OPENSSL, RING, RUSTCRYPTO};

/// A plaintext or a ciphertext in its place, with what GCM adds to it.
#[derive(Clone)]
pub(crate) struct Text {
    pub(crate) iv: [u8; 12],
    pub(crate) bytes: Vec<u8>,
    pub(crate) tag: [u8; 16],
}

impl Text {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Text {
            iv: [0; 12],
            bytes: bytes.to_vec(),
            tag: [0; 16],
        }
    }
}

/// A key of 16 or 32 bytes.
pub(crate) trait Gcm: Send + 'static {
    const WHO: &str;

    fn new(key: &[u8]) -> Self;

    /// With a new IV.
    fn seal(&mut self, text: &mut Text);

    fn open(&mut self, text: &mut Text) -> bool;
}

/// Encrypts this plaintext: in a buffer that it has to be copied to first, or where it is.
pub(crate) fn sealing<G: Gcm>(key: &[u8], plaintext: &[u8], in_place: bool) -> Contender {
    let (mut gcm, plaintext) = (G::new(key), plaintext.to_vec());
    let source = (!in_place).then(|| plaintext.clone());
    let mut checker: Box<dyn FnMut(&mut Text) -> bool> = match G::WHO {
        AWS_LC => {
            let mut other = OpenSsl::new(key);
            Box::new(move |text| other.open(text))
        }
        _ => {
            let mut other = AwsLc::new(key);
            Box::new(move |text| other.open(text))
        }
    };
    Contender::making(
        G::WHO,
        Text::new(&plaintext),
        move |text| {
            if let Some(source) = &source {
                text.bytes.copy_from_slice(source);
            }
            gcm.seal(text);
        },
        |text| {
            let mut text = text.clone();
            checker(&mut text) && text.bytes == plaintext
        },
    )
}

/// Decrypts what another has encrypted: from its place into a buffer, or where it is, to
/// which it is copied in nobody's time.
pub(crate) fn opening<G: Gcm>(
    key: &[u8],
    sealed: &'static Text,
    plaintext: &[u8],
    in_place: bool,
) -> Contender {
    let mut gcm = G::new(key);
    let check = |text: &Text| text.bytes == plaintext;
    let copy = |text: &mut Text| text.bytes.copy_from_slice(&sealed.bytes);
    if in_place {
        let open = move |text: &mut Text| assert!(gcm.open(text), "does not open");
        Contender::restoring(G::WHO, sealed.clone(), copy, open, check)
    } else {
        let open = move |text: &mut Text| {
            copy(text);
            assert!(gcm.open(text), "does not open");
        };
        Contender::making(G::WHO, sealed.clone(), open, check)
    }
}

/// The key length is in the type.
pub(crate) enum RustCrypto {
    Aes128(Box<Aes128Gcm>),
    Aes256(Box<Aes256Gcm>),
}

impl Gcm for RustCrypto {
    const WHO: &str = RUSTCRYPTO;

    fn new(key: &[u8]) -> Self {
        match key.len() {
            16 => RustCrypto::Aes128(Box::new(KeyInit::new_from_slice(key).expect("16 bytes"))),
            _ => RustCrypto::Aes256(Box::new(KeyInit::new_from_slice(key).expect("32 bytes"))),
        }
    }

    fn seal(&mut self, text: &mut Text) {
        getrandom::fill(&mut text.iv).expect("random bytes");
        let (iv, buffer) = ((&text.iv).into(), text.bytes.as_mut_slice().into());
        let tag = match self {
            RustCrypto::Aes128(key) => key.encrypt_inout_detached(iv, &[], buffer),
            RustCrypto::Aes256(key) => key.encrypt_inout_detached(iv, &[], buffer),
        };
        text.tag = tag.expect("a short text").into();
    }

    fn open(&mut self, text: &mut Text) -> bool {
        let (iv, tag) = ((&text.iv).into(), (&text.tag).into());
        let buffer = text.bytes.as_mut_slice().into();
        let opened = match self {
            RustCrypto::Aes128(key) => key.decrypt_inout_detached(iv, &[], buffer, tag),
            RustCrypto::Aes256(key) => key.decrypt_inout_detached(iv, &[], buffer, tag),
        };
        opened.is_ok()
    }
}

/// It has a key that draws the IV, and one that takes it.
pub(crate) struct AwsLc {
    sealing: aws::RandomizedNonceKey,
    opening: aws::LessSafeKey,
}

impl Gcm for AwsLc {
    const WHO: &str = AWS_LC;

    fn new(key: &[u8]) -> Self {
        let alg = match key.len() {
            16 => &aws::AES_128_GCM,
            _ => &aws::AES_256_GCM,
        };
        AwsLc {
            sealing: aws::RandomizedNonceKey::new(alg, key).expect("a key"),
            opening: aws::LessSafeKey::new(aws::UnboundKey::new(alg, key).expect("a key")),
        }
    }

    fn seal(&mut self, text: &mut Text) {
        let aad = aws::Aad::empty();
        let sealed = self
            .sealing
            .seal_in_place_separate_tag(aad, &mut text.bytes);
        let (iv, tag) = sealed.expect("a ciphertext");
        text.iv = *iv.as_ref();
        text.tag.copy_from_slice(tag.as_ref());
    }

    fn open(&mut self, text: &mut Text) -> bool {
        let (iv, aad) = (
            aws::Nonce::assume_unique_for_key(text.iv),
            aws::Aad::empty(),
        );
        let key = &self.opening;
        let opened = key.open_in_place_separate_tag(iv, aad, &text.tag, &mut text.bytes);
        opened.is_ok()
    }
}

pub(crate) struct Ring(ring_aead::LessSafeKey, SystemRandom);

impl Gcm for Ring {
    const WHO: &str = RING;

    fn new(key: &[u8]) -> Self {
        let alg = match key.len() {
            16 => &ring_aead::AES_128_GCM,
            _ => &ring_aead::AES_256_GCM,
        };
        let key = ring_aead::UnboundKey::new(alg, key).expect("a key");
        Ring(ring_aead::LessSafeKey::new(key), SystemRandom::new())
    }

    fn seal(&mut self, text: &mut Text) {
        self.1.fill(&mut text.iv).expect("random bytes");
        let iv = ring_aead::Nonce::assume_unique_for_key(text.iv);
        let aad = ring_aead::Aad::empty();
        let sealed = self.0.seal_in_place_separate_tag(iv, aad, &mut text.bytes);
        text.tag
            .copy_from_slice(sealed.expect("a ciphertext").as_ref());
    }

    fn open(&mut self, text: &mut Text) -> bool {
        let iv = ring_aead::Nonce::assume_unique_for_key(text.iv);
        let (aad, tag) = (ring_aead::Aad::empty(), text.tag.into());
        let opened = (self.0).open_in_place_separate_tag(iv, aad, tag, &mut text.bytes, 0..);
        opened.is_ok()
    }
}

/// Two contexts that keep the key; each message sets the IV alone.
pub(crate) struct OpenSsl {
    sealing: CipherCtx,
    opening: CipherCtx,
}

impl Gcm for OpenSsl {
    const WHO: &str = OPENSSL;

    fn new(key: &[u8]) -> Self {
        let cipher = match key.len() {
            16 => Cipher::aes_128_gcm(),
            _ => Cipher::aes_256_gcm(),
        };
        let contexts = || {
            let (mut sealing, mut opening) = (CipherCtx::new()?, CipherCtx::new()?);
            sealing.encrypt_init(Some(cipher), Some(key), None)?;
            opening.decrypt_init(Some(cipher), Some(key), None)?;
            Ok::<_, ErrorStack>(OpenSsl { sealing, opening })
        };
        contexts().expect("contexts")
    }

    fn seal(&mut self, text: &mut Text) {
        let context = &mut self.sealing;
        let mut seal = || {
            rand_bytes(&mut text.iv)?;
            context.encrypt_init(None, None, Some(&text.iv))?;
            let len = text.bytes.len();
            context.cipher_update_inplace(&mut text.bytes, len)?;
            context.cipher_final(&mut [])?;
            context.tag(&mut text.tag)
        };
        seal().expect("a ciphertext");
    }

    fn open(&mut self, text: &mut Text) -> bool {
        let context = &mut self.opening;
        let mut open = || {
            context.decrypt_init(None, None, Some(&text.iv))?;
            let len = text.bytes.len();
            context.cipher_update_inplace(&mut text.bytes, len)?;
            context.set_tag(&text.tag)?;
            context.cipher_final(&mut [])
        };
        open().is_ok()
    }
}

pub(crate) struct Graviola(graviola::aead::AesGcm);

impl Gcm for Graviola {
    const WHO: &str = GRAVIOLA;

    fn new(key: &[u8]) -> Self {
        Graviola(graviola::aead::AesGcm::new(key))
    }

    fn seal(&mut self, text: &mut Text) {
        graviola::random::fill(&mut text.iv).expect("random bytes");
        let tag = &mut text.tag;
        self.0.encrypt(&text.iv, &[], &mut text.bytes, tag);
    }

    fn open(&mut self, text: &mut Text) -> bool {
        let opened = self.0.decrypt(&text.iv, &[], &mut text.bytes, &text.tag);
        opened.is_ok()
    }
}
