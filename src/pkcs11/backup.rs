//! What of a token's keys is in a backup: the keys that were made `exportable`, wrapped by the
//! token (RFC 5649) under the backup's transport key. That key is an object of the token for one
//! call, and what it wraps is never in this process unwrapped.
//!
//! A key that may not leave stays, and so does every key of a token that cannot wrap so, or would
//! not take it back: the backup refers to it.

use cryptoki_sys::*;

use super::Pkcs11;
use super::byok::Transport;
use super::error::Trouble;
use super::mechanism::Mechanism;
use super::raw::{Attribute, Value};
use super::template::NewTemplates;
use super::token::{Desk, Kind};
use crate::error::{Error, ErrorKind};
use crate::handle::KeyHandle;
use crate::provider::{NewKey, not_offered};
use crate::public::transfer::{MOST_WRAPPED, check_length};
use crate::secret::SecretBytes;

impl Pkcs11 {
    pub(super) fn back_up_key(
        &self,
        key: &KeyHandle,
        under: &SecretBytes,
    ) -> Result<Option<Vec<u8>>, Error> {
        let token = self.token()?;
        let offer = token.offer();
        let Some(Transport::Steps(padded)) = offer.wrapped_out else {
            return Ok(None);
        };
        if !matches!(offer.unwraps(key.spec()), Some(Transport::Steps(_))) {
            return Ok(None);
        }
        let (handle, under) = (key.clone(), SecretBytes::copy_of(under.expose()));
        let work = token.work(Kind::Repeatable, move |desk| {
            desk.back_up(padded, &handle, &under)
        });
        match work {
            // The token does not give it, or takes no key to wrap it under.
            Err(Trouble::Failure(failure)) if failure.is_template() || failure.is_forbidden() => {
                Ok(None)
            }
            done => done.map_err(Error::from),
        }
    }

    pub(super) fn restore_key(
        &self,
        wrapped: &[u8],
        under: &SecretBytes,
        new: &NewKey,
    ) -> Result<KeyHandle, Error> {
        let spec = new.spec();
        let token = self.token()?;
        let Some(Transport::Steps(padded)) = token.offer().unwraps(spec) else {
            return Err(not_offered("restore", spec));
        };
        check_length(wrapped.len(), spec)?;
        let (wrapped, wanted) = (wrapped.to_vec(), new.clone());
        let under = SecretBytes::copy_of(under.expose());
        let work = token.work(Kind::Write, move |desk| {
            desk.restore(padded, &wrapped, &under, &wanted)
        });
        work.map_err(|trouble| self.untaken("restore", new, trouble))
    }
}

/// An AES key of the session alone, for one direction.
fn transport<'a>(under: &'a SecretBytes, direction: CK_ATTRIBUTE_TYPE) -> [Attribute<'a>; 7] {
    [
        Attribute(CKA_CLASS, Value::Ulong(CKO_SECRET_KEY)),
        Attribute(CKA_KEY_TYPE, Value::Ulong(CKK_AES)),
        Attribute(CKA_TOKEN, Value::Bool(false)),
        Attribute(CKA_SENSITIVE, Value::Bool(true)),
        Attribute(CKA_EXTRACTABLE, Value::Bool(false)),
        Attribute(direction, Value::Bool(true)),
        Attribute(CKA_VALUE, Value::Bytes(under.expose())),
    ]
}

impl Desk<'_> {
    /// Nothing where the key is not extractable.
    fn back_up(
        &mut self,
        padded: CK_MECHANISM_TYPE,
        key: &KeyHandle,
        under: &SecretBytes,
    ) -> Result<Option<Vec<u8>>, Trouble> {
        let object = self.resolve(key)?.object;
        // Not every token enforces it.
        if self.attribute(object, CKA_EXTRACTABLE)? != Some(vec![1]) {
            return Ok(None);
        }
        let wrapped = self.with_object(&transport(under, CKA_WRAP), |desk, aes| {
            let (session, padded) = (&mut *desk.session, Mechanism::Plain(padded));
            let library = desk.library;
            Ok(library.wrap_key(session, padded, aes, object, MOST_WRAPPED)?)
        })?;
        match check_length(wrapped.len(), key.spec()) {
            Ok(()) => Ok(Some(wrapped)),
            Err(_) => Err(ErrorKind::FaultDetected.into()),
        }
    }

    fn restore(
        &mut self,
        padded: CK_MECHANISM_TYPE,
        wrapped: &[u8],
        under: &SecretBytes,
        new: &NewKey,
    ) -> Result<KeyHandle, Trouble> {
        self.clear_the_place(new)?;
        let templates = NewTemplates::new(new, true)?;
        let opened = self.with_object(&transport(under, CKA_UNWRAP), |desk, aes| {
            let (padded, template) = (Mechanism::Plain(padded), templates.typed());
            let library = desk.library;
            Ok(library.unwrap_key(desk.session, padded, aes, wrapped, &template)?)
        });
        self.take_over(opened, new, &templates)
    }
}
