//! One backend and one key of each kind for the whole run: RSA keys are slow to make.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::LazyLock;

use strongroom::fit::{
    DecryptRequest, EncryptRequest, SignRequest, UnwrapRequest, VerifyRequest, WrapRequest,
};
use strongroom::provider::NewKey;
use strongroom::software::Software;
use strongroom::{
    Ciphertext, Curve, DecryptParams, EncryptAlg, EncryptParams, Error, ErrorKind, KeyHandle,
    KeyProvider, KeySpec, ProviderKeyId, SecretBytes, SignAlg, WrapAlg,
};

pub(crate) const RSA: KeySpec = KeySpec::Rsa { bits: 2048 };
pub(crate) const P256: KeySpec = KeySpec::Ec(Curve::P256);
pub(crate) const AES: KeySpec = KeySpec::Aes { bits: 256 };

pub(crate) static SOFTWARE: LazyLock<Software> = LazyLock::new(|| Software::ephemeral().unwrap());

static KEYS: LazyLock<BTreeMap<KeySpec, KeyHandle>> = LazyLock::new(|| {
    let keys = KeySpec::ALL.iter().zip(0..);
    keys.map(|(spec, id)| (*spec, SOFTWARE.generate(&new(id, *spec)).unwrap()))
        .collect()
});

/// The key of this kind.
pub(crate) fn key(spec: KeySpec) -> &'static KeyHandle {
    &KEYS[&spec]
}

pub(crate) fn new(id: u8, spec: KeySpec) -> NewKey {
    NewKey::new(ProviderKeyId::from_bytes([id; 16]), spec).unwrap()
}

pub(crate) fn kind<T: Debug>(result: Result<T, Error>) -> ErrorKind {
    result.unwrap_err().kind().clone()
}

pub(crate) fn sign(provider: &Software, key: &KeyHandle, alg: SignAlg) -> Result<Vec<u8>, Error> {
    let request = SignRequest::for_message(key, alg, b"message")?;
    provider
        .sign(&request)
        .map(|signature| signature.into_bytes())
}

pub(crate) fn verify(key: &KeyHandle, alg: SignAlg, signature: &[u8]) -> Result<(), Error> {
    SOFTWARE.verify(&VerifyRequest::for_message(
        key, alg, b"message", signature,
    )?)
}

pub(crate) fn encrypt(
    provider: &Software,
    key: &KeyHandle,
    alg: EncryptAlg,
    plaintext: &[u8],
    params: EncryptParams<'_>,
) -> Result<Ciphertext, Error> {
    provider.encrypt(&EncryptRequest::new(key, alg, plaintext, params)?)
}

pub(crate) fn decrypt(
    key: &KeyHandle,
    alg: EncryptAlg,
    ciphertext: &[u8],
    params: DecryptParams<'_>,
) -> Result<SecretBytes, Error> {
    SOFTWARE.decrypt(&DecryptRequest::new(key, alg, ciphertext, params)?)
}

pub(crate) fn wrap(key: &KeyHandle, alg: WrapAlg, material: &[u8]) -> Result<Vec<u8>, Error> {
    SOFTWARE.wrap_key(&WrapRequest::new(key, alg, material)?)
}

pub(crate) fn unwrap(key: &KeyHandle, alg: WrapAlg, wrapped: &[u8]) -> Result<SecretBytes, Error> {
    SOFTWARE.unwrap_key(&UnwrapRequest::new(key, alg, wrapped)?)
}

/// The bytes with one bit of one byte flipped.
pub(crate) fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}
