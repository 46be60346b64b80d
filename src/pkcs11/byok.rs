//! Keys that come and go in wrapped form (`CKM_RSA_AES_KEY_WRAP`, PKCS #11 v3.1 section 6.1.29).
//!
//! The material is never in this process. Few tokens have the mechanism; most have its two
//! halves, RSA-OAEP and RFC 5649, and do the same in two steps with an AES key that lives in
//! the token for one call.

use cryptoki_sys::*;

use super::Pkcs11;
use super::create::place;
use super::error::Trouble;
use super::mechanism::{Mechanism, class_and_type, generation, hash, oaep};
use super::raw::{Attribute, Object, Value};
use super::rv::Failure;
use super::template::{NewTemplates, Numbers};
use super::token::{Desk, Kind};
use crate::alg::{Hash, KeySpec};
use crate::error::{Error, ErrorKind, Rule};
use crate::handle::KeyHandle;
use crate::jwk::{Jwk, PublicKey, RsaPublic};
use crate::provider::{NewKey, WrappedKey, WrappingKey, not_offered};
use crate::public::transfer::{MOST_WRAPPED, check_length};

/// OAEP's hash, and MGF1's: that of the service (see [`WrappedKey`]).
const OAEP_HASH: Hash = Hash::Sha1;

/// The AES key between the two.
const AES: KeySpec = KeySpec::Aes { bits: 256 };

/// How a wrapped key comes in, or goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// By the one mechanism.
    Whole,
    /// RSA-OAEP, then RFC 5649 by this mechanism.
    Steps(CK_MECHANISM_TYPE),
}

fn whole() -> Mechanism<'static> {
    let (hash, mgf) = hash(OAEP_HASH);
    let bits = CK_ULONG::from(AES.bits());
    Mechanism::RsaAes { bits, hash, mgf }
}

impl Pkcs11 {
    pub(super) fn unwrap_into_token(
        &self,
        by: &KeyHandle,
        blob: &WrappedKey,
        new: &NewKey,
    ) -> Result<KeyHandle, Error> {
        let spec = new.spec();
        if !matches!(by.spec(), KeySpec::Rsa { .. }) {
            return Err(not_offered("import_wrapped", by.spec()));
        }
        if blob.alg().row().hash != OAEP_HASH {
            return Err(not_offered("import_wrapped", spec));
        }
        let token = self.token()?;
        let way = token.offer().unwraps(spec);
        let way = way.ok_or_else(|| not_offered("import_wrapped", spec))?;
        let wrapped = blob.as_bytes().len().checked_sub(by.spec().byte_len());
        check_length(wrapped.ok_or(ErrorKind::DecryptFailed)?, spec)?;
        let (by, blob, wanted) = (by.clone(), blob.clone(), new.clone());
        let work = token.work(Kind::Write, move |desk| {
            desk.import_wrapped(way, &by, &blob, &wanted)
        });
        work.map_err(|trouble| self.untaken("import_wrapped", new, trouble))
    }

    /// A failure to take a key over that came wrapped.
    pub(super) fn untaken(&self, op: &'static str, new: &NewKey, trouble: Trouble) -> Error {
        match trouble {
            Trouble::Failure(failure) if blames_the_blob(failure) => {
                ErrorKind::DecryptFailed.into()
            }
            Trouble::Failure(failure) if failure.is_forbidden() => not_offered(op, new.spec()),
            trouble => self.unmade(op, new, trouble),
        }
    }

    pub(super) fn wrap_out_of_token(
        &self,
        key: &KeyHandle,
        by: &WrappingKey<'_>,
    ) -> Result<WrappedKey, Error> {
        let refused = || not_offered("export_wrapped", key.spec());
        let (own, public) = match *by {
            WrappingKey::Own(handle) => (Some(handle.clone()), handle.public()),
            WrappingKey::Public(jwk) => (None, Some(jwk)),
        };
        let Some(PublicKey::Rsa(public)) = public.map(Jwk::key) else {
            return Err(refused());
        };
        let token = self.token()?;
        let way = token.offer().wrapped_out.ok_or_else(refused)?;
        let (handle, public) = (key.clone(), public.clone());
        let work = token.work(Kind::Repeatable, move |desk| {
            if let Some(own) = &own {
                // Nobody else could open what it wraps.
                desk.resolve(own)?;
            }
            desk.export_wrapped(way, &handle, &public)
        });
        work.map_err(|trouble| match trouble {
            Trouble::Failure(failure) if failure.is_template() || failure.is_forbidden() => {
                refused()
            }
            trouble => trouble.into(),
        })
    }
}

/// In a token that is well: whatever is wrong with a blob has one face, in whichever step it is
/// found. That the mechanism and the template are taken was seen when the token was tried.
fn blames_the_blob(failure: Failure) -> bool {
    let no_room = matches!(
        failure.rv,
        CKR_DEVICE_MEMORY | CKR_HOST_MEMORY | CKR_TOKEN_WRITE_PROTECTED | CKR_SESSION_READ_ONLY
    );
    failure.function == "C_UnwrapKey" && !no_room && !failure.is_forbidden()
}

impl Desk<'_> {
    fn import_wrapped(
        &mut self,
        way: Transport,
        by: &KeyHandle,
        blob: &WrappedKey,
        new: &NewKey,
    ) -> Result<KeyHandle, Trouble> {
        self.clear_the_place(new)?;
        let (kek, k) = (self.resolve(by)?.object, by.spec().byte_len());
        // Not every token enforces it.
        if self.attribute(kek, CKA_UNWRAP)?.is_some_and(|it| it == [0]) {
            return Err(not_offered("import_wrapped", by.spec()).into());
        }
        let templates = NewTemplates::new(new, true)?;
        let opened = self.unwrap_object(way, kek, k, blob.as_bytes(), &templates.typed());
        self.take_over(opened, new, &templates)
    }

    /// What was unwrapped as the key that it is to be.
    pub(super) fn take_over(
        &mut self,
        unwrapped: Result<Object, Trouble>,
        new: &NewKey,
        templates: &NewTemplates<'_>,
    ) -> Result<KeyHandle, Trouble> {
        let result = unwrapped.and_then(|object| self.complete(object, new, templates));
        if result.is_err() {
            // It may be there although the token says that it is not. If this fails too, the
            // next attempt clears up.
            let _ = self.remove(&place(new), new.spec());
        }
        result
    }

    /// What came out must be what was announced; then its public half is put beside it.
    fn complete(
        &mut self,
        object: Object,
        new: &NewKey,
        templates: &NewTemplates<'_>,
    ) -> Result<KeyHandle, Trouble> {
        let (class, _) = class_and_type(new.spec());
        if self.spec_of(class, object)? != Some(new.spec()) {
            let field = match new.spec() {
                KeySpec::Ec(_) => "crv",
                _ => "key_size",
            };
            return Err(Error::invalid(field, Rule::Inconsistent).into());
        }
        let public = match new.spec() {
            // A private EC object does not tell its point (PKCS #11 v3.1 section 6.3.4).
            KeySpec::Ec(curve) => Some(PublicKey::Ec(self.recover_point(curve, object)?)),
            spec => {
                let public = self.public_of(spec, object, &place(new))?;
                public.map(|jwk| jwk.key().clone())
            }
        };
        if let Some(public) = public {
            let numbers = Numbers::of(&public);
            let template = templates.import_public(&numbers);
            self.library.create_object(self.session, &template)?;
        }
        self.settle(new)
    }

    /// The key in a blob, as an object; `k` is the length of the RSA key's modulus.
    pub(super) fn unwrap_object(
        &mut self,
        way: Transport,
        by: Object,
        k: usize,
        blob: &[u8],
        template: &[Attribute<'_>],
    ) -> Result<Object, Trouble> {
        let library = self.library;
        let Transport::Steps(padded) = way else {
            return Ok(library.unwrap_key(self.session, whole(), by, blob, template)?);
        };
        let parts = blob.split_at_checked(k);
        let (sealed, wrapped) = parts.ok_or(ErrorKind::DecryptFailed)?;
        // Without CKA_VALUE_LEN, which some tokens refuse: OAEP tells the length.
        let aes = [
            Attribute(CKA_CLASS, Value::Ulong(CKO_SECRET_KEY)),
            Attribute(CKA_KEY_TYPE, Value::Ulong(CKK_AES)),
            Attribute(CKA_TOKEN, Value::Bool(false)),
            Attribute(CKA_SENSITIVE, Value::Bool(true)),
            Attribute(CKA_EXTRACTABLE, Value::Bool(false)),
            Attribute(CKA_UNWRAP, Value::Bool(true)),
        ];
        let aes = library.unwrap_key(self.session, oaep(OAEP_HASH), by, sealed, &aes)?;
        self.destroying(aes, |desk| {
            let padded = Mechanism::Plain(padded);
            Ok(library.unwrap_key(desk.session, padded, aes, wrapped, template)?)
        })
    }

    fn export_wrapped(
        &mut self,
        way: Transport,
        key: &KeyHandle,
        by: &RsaPublic,
    ) -> Result<WrappedKey, Trouble> {
        let object = self.resolve(key)?.object;
        // Not every token enforces it.
        if self.attribute(object, CKA_EXTRACTABLE)? != Some(vec![1]) {
            return Err(not_offered("export_wrapped", key.spec()).into());
        }
        let blob = self.wrap_object(way, by, object)?;
        let wrapped = blob.len().checked_sub(by.n().len());
        if wrapped.is_none_or(|len| check_length(len, key.spec()).is_err()) {
            return Err(ErrorKind::FaultDetected.into());
        }
        Ok(WrappedKey::from_bytes(blob))
    }

    /// An object as a blob.
    pub(super) fn wrap_object(
        &mut self,
        way: Transport,
        by: &RsaPublic,
        object: Object,
    ) -> Result<Vec<u8>, Trouble> {
        let (n, e, library) = (by.n(), by.e(), self.library);
        let public = [
            Attribute(CKA_CLASS, Value::Ulong(CKO_PUBLIC_KEY)),
            Attribute(CKA_KEY_TYPE, Value::Ulong(CKK_RSA)),
            Attribute(CKA_TOKEN, Value::Bool(false)),
            Attribute(CKA_WRAP, Value::Bool(true)),
            Attribute(CKA_MODULUS, Value::Bytes(&n)),
            Attribute(CKA_PUBLIC_EXPONENT, Value::Bytes(&e)),
        ];
        self.with_object(&public, |desk, public| {
            let Transport::Steps(padded) = way else {
                let most = n.len() + MOST_WRAPPED;
                return Ok(library.wrap_key(desk.session, whole(), public, object, most)?);
            };
            let len = CK_ULONG::from(AES.bits() / 8);
            let aes = [
                Attribute(CKA_TOKEN, Value::Bool(false)),
                Attribute(CKA_SENSITIVE, Value::Bool(true)),
                Attribute(CKA_EXTRACTABLE, Value::Bool(true)),
                Attribute(CKA_WRAP, Value::Bool(true)),
                Attribute(CKA_VALUE_LEN, Value::Ulong(len)),
            ];
            let aes = library.generate_key(desk.session, generation(AES), &aes)?;
            desk.destroying(aes, |desk| {
                let (oaep, padded) = (oaep(OAEP_HASH), Mechanism::Plain(padded));
                let mut blob = library.wrap_key(desk.session, oaep, public, aes, n.len())?;
                if blob.len() != n.len() {
                    return Err(ErrorKind::FaultDetected.into());
                }
                let session = &mut *desk.session;
                blob.extend(library.wrap_key(session, padded, aes, object, MOST_WRAPPED)?);
                Ok(blob)
            })
        })
    }
}
