//! From a handle to the object in the token, and back.
//!
//! Object numbers are remembered, as a search costs some tokens time for each object that
//! they hold. They are good within one login: after another, the same number may be another
//! key. So they are kept with the epoch that they were found in, and when a key is found its
//! object is compared with what the handle says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use cryptoki_sys::*;
use sha2::{Digest, Sha256};

use super::error::Trouble;
use super::mechanism::class_and_type;
use super::raw::{Attribute, Object, Value};
use super::sync::lock;
use super::token::Desk;
use crate::alg::{Curve, KeySpec};
use crate::encoding;
use crate::error::{Error, ErrorKind};
use crate::handle::{KeyHandle, ProviderId, ProviderKeyId};
use crate::jwk::{EcPublic, Jwk, PublicKey, RsaPublic, integer};
use crate::public::padding::rejection::RejectionKey;

/// The most objects that are remembered. One that was forgotten is searched for again.
const MOST_REMEMBERED: usize = 1 << 16;

/// The most bytes of an attribute that is looked at: a modulus, a point, a label.
const MOST_BYTES: usize = 1024;

/// What is known of a key in the token.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// The handle that it was compared with.
    pub(super) handle: KeyHandle,
    pub(super) object: Object,
    /// `CKA_ALWAYS_AUTHENTICATE`: each use wants the PIN.
    pub(super) always_authenticate: bool,
    /// Whether a signature has shown that the private half belongs to the handle's public
    /// half. That an RSA object has the right modulus shows less: a faulty signature of it
    /// would give the key away.
    pub(super) proven: bool,
    /// The key of implicit rejection, once RSA1_5 was decrypted with it.
    pub(super) rejection: Option<Arc<RejectionKey>>,
}

/// The objects that were found.
#[derive(Debug, Default)]
pub(super) struct Objects(Mutex<HashMap<ProviderKeyId, (u64, Known)>>);

impl Objects {
    fn get(&self, epoch: u64, handle: &KeyHandle) -> Option<Known> {
        let objects = lock(&self.0);
        let (found_in, known) = objects.get(&handle.id())?;
        let same = known.handle.is_same(handle) || known.handle == *handle;
        (*found_in == epoch && same).then(|| known.clone())
    }

    fn put(&self, epoch: u64, known: Known) {
        let mut objects = lock(&self.0);
        if objects.len() >= MOST_REMEMBERED {
            objects.clear();
        }
        objects.insert(known.handle.id(), (epoch, known));
    }

    pub(super) fn forget(&self, id: ProviderKeyId) {
        lock(&self.0).remove(&id);
    }

    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }
}

/// By which attributes a key is found: `CKA_ID`, or `CKA_LABEL` if it has none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Locator {
    Id(Vec<u8>),
    Label(Vec<u8>),
}

impl Locator {
    fn attribute(&self) -> Attribute<'_> {
        match self {
            Locator::Id(id) => Attribute(CKA_ID, Value::Bytes(id)),
            Locator::Label(label) => Attribute(CKA_LABEL, Value::Bytes(label)),
        }
    }

    /// The id of a key that is found this way: `CKA_ID` itself where it is 16 bytes long,
    /// else a hash of whichever it is.
    pub(super) fn key_id(&self) -> ProviderKeyId {
        if let Locator::Id(id) = self
            && let Ok(id) = id.as_slice().try_into()
        {
            return ProviderKeyId::from_bytes(id);
        }
        let (kind, bytes) = match self {
            Locator::Id(id) => (b"id", id),
            Locator::Label(label) => (b"lb", label),
        };
        let hash = Sha256::new()
            .chain_update(b"strongroom pkcs11 adopted key\0")
            .chain_update(kind)
            .chain_update(bytes)
            .finalize();
        let mut id = [0; 16];
        id.iter_mut()
            .zip(hash.iter())
            .for_each(|(to, from)| *to = *from);
        ProviderKeyId::from_bytes(id)
    }
}

/// The blob's first byte.
const VERSION: u8 = 1;

/// The length of the fingerprint in a blob.
const FINGERPRINT: usize = 16;

/// A blob: version, fingerprint of the handle, and for an adopted key how it is found (one
/// byte for the attribute, then its value).
///
/// The fingerprint finds mix-ups: parts of two handles put together, a damaged record. It is
/// no defence against forgery: who can write handles can name any key of the token anyway.
fn blob(
    provider: &ProviderId,
    id: ProviderKeyId,
    spec: KeySpec,
    public: Option<&Jwk>,
    locator: &Locator,
) -> Vec<u8> {
    let place = match locator {
        Locator::Id(own) if own == id.as_bytes() => Vec::new(),
        Locator::Id(id) => [&[0], id.as_slice()].concat(),
        Locator::Label(label) => [&[1], label.as_slice()].concat(),
    };
    let public = match public.map(Jwk::key) {
        Some(PublicKey::Rsa(key)) => [key.n(), key.e()].concat(),
        Some(PublicKey::Ec(key)) => key.sec1().to_vec(),
        _ => Vec::new(),
    };
    let mut hash = Sha256::new().chain_update(b"strongroom pkcs11 handle\0");
    let parts = [
        provider.as_str().as_bytes(),
        id.as_bytes(),
        spec.name().as_bytes(),
        &public,
        &place,
    ];
    for part in parts {
        let len = u64::try_from(part.len()).unwrap_or(u64::MAX);
        hash.update(len.to_be_bytes());
        hash.update(part);
    }
    let mut blob = vec![VERSION];
    blob.extend(hash.finalize().iter().take(FINGERPRINT));
    blob.extend(place);
    blob
}

/// The handle of a key of this token.
pub(super) fn handle(
    provider: &ProviderId,
    spec: KeySpec,
    public: Option<Jwk>,
    locator: &Locator,
) -> Result<KeyHandle, Error> {
    let id = locator.key_id();
    let blob = blob(provider, id, spec, public.as_ref(), locator);
    KeyHandle::new(provider.clone(), id, spec, public, blob)
}

/// How the key of a handle is found, if the handle is one of ours and whole.
pub(super) fn locator(provider: &ProviderId, handle: &KeyHandle) -> Result<Locator, Error> {
    if handle.provider() != provider {
        return Err(ErrorKind::NotFound.into());
    }
    let corrupt = || Error::from(ErrorKind::Corrupt { what: "key handle" });
    let place = handle.blob().get(1 + FINGERPRINT..).ok_or_else(corrupt)?;
    let locator = match place {
        [] => Locator::Id(handle.id().as_bytes().to_vec()),
        [0, id @ ..] => Locator::Id(id.to_vec()),
        [1, label @ ..] => Locator::Label(label.to_vec()),
        _ => return Err(corrupt()),
    };
    let (id, spec, public) = (handle.id(), handle.spec(), handle.public());
    if locator.key_id() != id || blob(provider, id, spec, public, &locator) != handle.blob() {
        return Err(corrupt());
    }
    Ok(locator)
}

/// The handle is of another key than is there.
const MISMATCH: ErrorKind = ErrorKind::Corrupt { what: "key handle" };

impl Desk<'_> {
    /// The object of a handle: remembered, or searched for and compared.
    pub(super) fn resolve(&mut self, handle: &KeyHandle) -> Result<Known, Trouble> {
        if self.attempt == 0
            && let Some(known) = self.token.objects.get(self.epoch, handle)
        {
            return Ok(known);
        }
        let locator = locator(&self.token.config.id, handle)?;
        let (class, _) = class_and_type(handle.spec());
        let object = self.find_one(class, &locator)?.ok_or(Trouble::Missing)?;
        let spec = self.spec_of(class, object)?;
        // A token that does not tell the size of a key cannot contradict the handle.
        if spec.is_some_and(|spec| spec != handle.spec()) {
            return Err(MISMATCH.into());
        }
        if let Some(PublicKey::Rsa(public)) = handle.public().map(Jwk::key)
            && self
                .attribute(object, CKA_MODULUS)?
                .is_some_and(|n| integer::strip(&n) != public.n())
        {
            return Err(MISMATCH.into());
        }
        let known = Known {
            handle: handle.clone(),
            object,
            always_authenticate: self.flag(object, CKA_ALWAYS_AUTHENTICATE)?,
            proven: handle.spec().is_symmetric(),
            rejection: None,
        };
        self.learn(&known);
        Ok(known)
    }

    /// [`Missing`](Trouble::Missing) where what goes by the label of this key is another one by now,
    /// as far as its kind and its public half tell.
    pub(super) fn is_still_there(
        &mut self,
        handle: &KeyHandle,
        locator: &Locator,
    ) -> Result<(), Trouble> {
        self.token.objects.forget(handle.id());
        match self.resolve(handle) {
            Err(Trouble::Final(error)) if *error.kind() == MISMATCH => {
                return Err(Trouble::Missing);
            }
            found => drop(found?),
        }
        if let KeySpec::Ec(curve) = handle.spec()
            && let Some(public) = self.find_one(CKO_PUBLIC_KEY, locator)?
            && Some(self.point_of(curve, public)?.key()) != handle.public().map(Jwk::key)
        {
            return Err(Trouble::Missing);
        }
        Ok(())
    }

    /// Remembers what was learnt of a key.
    pub(super) fn learn(&self, known: &Known) {
        self.token.objects.put(self.epoch, known.clone());
    }

    /// The one object of this class at this place. Two are an error: nobody knows which is
    /// meant.
    pub(super) fn find_one(
        &mut self,
        class: CK_OBJECT_CLASS,
        locator: &Locator,
    ) -> Result<Option<Object>, Trouble> {
        let template = [
            Attribute(CKA_CLASS, Value::Ulong(class)),
            Attribute(CKA_TOKEN, Value::Bool(true)),
            locator.attribute(),
        ];
        let found = self.library.find_objects(self.session, &template, 2)?;
        match found.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            _ => Err(ErrorKind::Corrupt {
                what: "token: two keys have one id",
            }
            .into()),
        }
    }

    pub(super) fn attribute(
        &mut self,
        object: Object,
        kind: CK_ATTRIBUTE_TYPE,
    ) -> Result<Option<Vec<u8>>, Trouble> {
        Ok(self
            .library
            .attribute(self.session, object, kind, MOST_BYTES)?)
    }

    pub(super) fn flag(
        &mut self,
        object: Object,
        kind: CK_ATTRIBUTE_TYPE,
    ) -> Result<bool, Trouble> {
        let value = self.attribute(object, kind)?;
        Ok(value.is_some_and(|value| value.first().is_some_and(|byte| *byte != 0)))
    }

    fn number(
        &mut self,
        object: Object,
        kind: CK_ATTRIBUTE_TYPE,
    ) -> Result<Option<CK_ULONG>, Trouble> {
        // Into a buffer of just this size: NSS refuses a larger one.
        let value = self
            .library
            .attribute(self.session, object, kind, size_of::<CK_ULONG>())?;
        let value = value.and_then(|value| value.as_slice().try_into().ok());
        Ok(value.map(CK_ULONG::from_ne_bytes))
    }

    /// The kind of a private or secret key; `None` for kinds that this crate does not know,
    /// and where the token does not tell.
    pub(super) fn spec_of(
        &mut self,
        class: CK_OBJECT_CLASS,
        object: Object,
    ) -> Result<Option<KeySpec>, Trouble> {
        let kind = self.number(object, CKA_KEY_TYPE)?;
        let spec = match (class, kind) {
            (CKO_PRIVATE_KEY, Some(CKK_RSA)) => {
                let modulus = self.attribute(object, CKA_MODULUS)?.unwrap_or_default();
                Some(KeySpec::Rsa {
                    bits: integer::bits(integer::strip(&modulus)),
                })
            }
            (CKO_PRIVATE_KEY, Some(CKK_EC)) => self.curve_of(object)?.map(KeySpec::Ec),
            (CKO_SECRET_KEY, Some(CKK_AES)) => {
                self.bits_of(object)?.map(|bits| KeySpec::Aes { bits })
            }
            (CKO_SECRET_KEY, Some(_)) => self.bits_of(object)?.map(|bits| KeySpec::Hmac { bits }),
            _ => None,
        };
        Ok(spec.and_then(|spec| spec.check().ok()))
    }

    /// The length of a secret key. SoftHSM says 0 of keys that were unwrapped.
    fn bits_of(&mut self, object: Object) -> Result<Option<u32>, Trouble> {
        let len = self.number(object, CKA_VALUE_LEN)?.filter(|len| *len > 0);
        Ok(len.and_then(|len| u32::try_from(len).ok()?.checked_mul(8)))
    }

    fn curve_of(&mut self, object: Object) -> Result<Option<Curve>, Trouble> {
        let Some(parameters) = self.attribute(object, CKA_EC_PARAMS)? else {
            return Ok(None);
        };
        let mut curves = Curve::ALL.iter();
        let is = |curve: &&Curve| encoding::ec_parameters(**curve).is_ok_and(|it| it == parameters);
        Ok(curves.find(is).copied())
    }

    /// The public half: of RSA from the private object, of EC from the public one, which has
    /// the same place.
    pub(super) fn public_of(
        &mut self,
        spec: KeySpec,
        object: Object,
        locator: &Locator,
    ) -> Result<Option<Jwk>, Trouble> {
        let corrupt = || {
            Trouble::from(ErrorKind::Corrupt {
                what: "public key in the token",
            })
        };
        match spec {
            KeySpec::Rsa { .. } => {
                let n = self.attribute(object, CKA_MODULUS)?;
                let mut e = self.attribute(object, CKA_PUBLIC_EXPONENT)?;
                if e.as_ref().is_none_or(Vec::is_empty)
                    && let Some(public) = self.find_one(CKO_PUBLIC_KEY, locator)?
                {
                    e = self.attribute(public, CKA_PUBLIC_EXPONENT)?;
                }
                let (n, e) = (n.ok_or_else(corrupt)?, e.ok_or_else(corrupt)?);
                let key = RsaPublic::from_components(&n, &e)?;
                Ok(Some(Jwk::new(PublicKey::Rsa(key))))
            }
            KeySpec::Ec(curve) => {
                let public = self
                    .find_one(CKO_PUBLIC_KEY, locator)?
                    .ok_or_else(corrupt)?;
                self.point_of(curve, public).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The point of a public EC object.
    pub(super) fn point_of(&mut self, curve: Curve, public: Object) -> Result<Jwk, Trouble> {
        let corrupt = || {
            Trouble::from(ErrorKind::Corrupt {
                what: "public key in the token",
            })
        };
        let point = self.attribute(public, CKA_EC_POINT)?.ok_or_else(corrupt)?;
        let key = ec_point(curve, &point).ok_or_else(corrupt)?;
        Ok(Jwk::new(PublicKey::Ec(key)))
    }
}

/// A point in either form: the standard's DER OCTET STRING (section 6.3.3), or bare as some
/// tokens have it. Decided by the length; a point's first byte, 4, is an OCTET STRING's too.
/// The DER header is not looked at closely: for P-521 one module writes it wrongly.
fn ec_point(curve: Curve, point: &[u8]) -> Option<EcPublic> {
    let bare = 1 + 2 * curve.field_len();
    let header = point.len().checked_sub(bare)?;
    if header > 3 {
        return None;
    }
    EcPublic::from_sec1(curve, point.get(header..)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwk::SecretJwk;

    #[test]
    fn points_are_read_in_both_forms() {
        for curve in Curve::ALL {
            let mut scalar = vec![0; curve.field_len()];
            *scalar.last_mut().unwrap() = 7;
            let jwk = SecretJwk::from_ec_scalar(*curve, &scalar).unwrap();
            let PublicKey::Ec(key) = jwk.public().key() else {
                panic!("an EC key");
            };
            let bare = key.sec1().to_vec();
            let len = u8::try_from(bare.len()).unwrap();
            let header = if len < 128 {
                vec![4, len]
            } else {
                vec![4, 0x81, len]
            };
            let broken = if len < 128 {
                vec![4, len]
            } else {
                vec![4, 0x85, 4]
            };
            for form in [
                bare.clone(),
                [header, bare.clone()].concat(),
                [broken, bare.clone()].concat(),
            ] {
                assert_eq!(ec_point(*curve, &form).as_ref(), Some(key));
            }
            assert!(ec_point(*curve, &bare[1..]).is_none());
            assert!(ec_point(*curve, &[&[0; 4], bare.as_slice()].concat()).is_none());
            let mut off = bare;
            *off.last_mut().unwrap() ^= 1;
            assert!(ec_point(*curve, &off).is_none());
        }
    }

    #[test]
    fn a_handle_is_whole_or_refused() {
        let provider = ProviderId::new("hsm").unwrap();
        let places = [
            Locator::Id(vec![7; 16]),
            Locator::Id(vec![7; 5]),
            Locator::Id(Vec::new()),
            Locator::Label(b"signing".to_vec()),
        ];
        for place in places {
            let made = handle(&provider, KeySpec::Aes { bits: 256 }, None, &place).unwrap();
            assert_eq!(locator(&provider, &made).unwrap(), place);
            let other = ProviderId::new("other").unwrap();
            assert!(locator(&other, &made).is_err());
            for at in 0..made.blob().len() {
                let mut blob = made.blob().to_vec();
                blob[at] ^= 1;
                let forged = KeyHandle::new(provider.clone(), made.id(), made.spec(), None, blob);
                assert!(locator(&provider, &forged.unwrap()).is_err(), "byte {at}");
            }
        }
    }
}
