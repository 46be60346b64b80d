//! OpenSSL, through contexts that are made once: it lets one sign again and again.

use std::ptr::{null, null_mut};

use openssl::error::ErrorStack;
use openssl::md::Md;
use openssl::pkey::Private;
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::sha::{Sha256, Sha384, Sha512};
use openssl::sign::RsaPssSaltlen;
use strongroom::SignAlg;

use super::{SignatureBuffer, aws_lc};
use crate::contender::{Contender, OPENSSL};
use crate::keys::{Message, Pair, message};

/// What OpenSSL signs, aws-lc-rs accepts.
pub(crate) fn signer(alg: SignAlg, pair: &'static Pair) -> Contender {
    let mut context = context(alg, pair, |context| context.sign_init());
    let message = message(0);
    Contender::making(
        OPENSSL,
        SignatureBuffer::new(),
        move |out| {
            out.len = hashed(alg, &message, |hash| {
                let signed = context.sign(hash, Some(&mut out.bytes));
                signed.expect("a signature")
            });
        },
        |out| aws_lc::accepts(aws_lc::native(alg), pair, &message, out.as_bytes()),
    )
}

pub(crate) fn verifier(alg: SignAlg, pair: &'static Pair) -> Contender {
    let mut context = context(alg, pair, |context| context.verify_init());
    let message = message(0);
    let signature = aws_lc::sign(aws_lc::native(alg), pair, &message);
    Contender::verifying(OPENSSL, signature, move |signature| {
        let verified = hashed(alg, &message, |hash| context.verify(hash, signature));
        verified.is_ok_and(|good| good)
    })
}

/// Whether OpenSSL accepts this; ECDSA in DER.
pub(crate) fn accepts(alg: SignAlg, pair: &Pair, message: &Message, signature: &[u8]) -> bool {
    let mut context = context(alg, pair, |context| context.verify_init());
    let verified = hashed(alg, message, |hash| context.verify(hash, signature));
    verified.is_ok_and(|good| good)
}

fn context(
    alg: SignAlg,
    pair: &Pair,
    init: impl Fn(&mut PkeyCtx<Private>) -> Result<(), ErrorStack>,
) -> PkeyCtx<Private> {
    let mut context = PkeyCtx::new(&pair.openssl).expect("a context");
    let padding = match alg {
        SignAlg::Rs256 => Some(Padding::PKCS1),
        SignAlg::Ps256 => Some(Padding::PKCS1_PSS),
        _ => None,
    };
    let mut set = || {
        init(&mut context)?;
        if let Some(padding) = padding {
            context.set_rsa_padding(padding)?;
            context.set_signature_md(Md::sha256())?;
        }
        if padding == Some(Padding::PKCS1_PSS) {
            context.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        }
        Ok::<_, ErrorStack>(())
    };
    set().expect("parameters that OpenSSL knows");
    context
}

/// The low-level functions: those named `SHA256` look the algorithm up each time.
fn hashed<T>(alg: SignAlg, message: &Message, then: impl FnOnce(&[u8]) -> T) -> T {
    macro_rules! by {
        ($hash:ident) => {{
            let mut hash = $hash::new();
            hash.update(message);
            then(&hash.finish())
        }};
    }
    match alg {
        SignAlg::Es384 => by!(Sha384),
        SignAlg::Es512 => by!(Sha512),
        _ => by!(Sha256),
    }
}

/// HMAC-SHA256 with the key set once. The safe functions look the algorithm up and set the
/// key for each message, which would take longer than the MAC.
pub(crate) struct HmacKey(*mut openssl_sys::HMAC_CTX);

// SAFETY: the context is reached through this owner alone, and has no thread of its own.
#[allow(unsafe_code)]
unsafe impl Send for HmacKey {}

#[allow(unsafe_code)]
impl HmacKey {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        // SAFETY: the context is checked, and the key is as long as said.
        unsafe {
            let context = openssl_sys::HMAC_CTX_new();
            assert!(!context.is_null(), "no memory");
            let hash = openssl_sys::EVP_sha256();
            let set = openssl_sys::HMAC_Init_ex(context, key.as_ptr().cast(), 32, hash, null_mut());
            assert_eq!(set, 1, "no key");
            HmacKey(context)
        }
    }

    pub(crate) fn mac(&mut self, message: &Message) -> [u8; 32] {
        let (mut out, mut len) = ([0; 32], 0);
        // SAFETY: a context that `new` has made; null for the key keeps the one that is set;
        // the message is as long as said and the output as the hash.
        let done = unsafe {
            openssl_sys::HMAC_Init_ex(self.0, null(), 0, null(), null_mut())
                & openssl_sys::HMAC_Update(self.0, message.as_ptr(), message.len())
                & openssl_sys::HMAC_Final(self.0, out.as_mut_ptr(), &mut len)
        };
        assert_eq!((done, len), (1, 32), "no MAC");
        out
    }
}

#[allow(unsafe_code)]
impl Drop for HmacKey {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and not used again.
        unsafe { openssl_sys::HMAC_CTX_free(self.0) }
    }
}
