//! Keys that come into the token, are found in it, and leave it.

use std::collections::HashMap;

use cryptoki_sys::*;

use super::crew::Overdue;
use super::error::Trouble;
use super::mechanism::{class_and_type, generation};
use super::object::{Locator, handle};
use super::raw::{Attribute, Object, Value};
use super::template::{NewTemplates, Numbers};
use super::token::Desk;
use crate::alg::{KeySpec, SignAlg};
use crate::error::ErrorKind;
use crate::fit::SignRequest;
use crate::handle::KeyHandle;
use crate::jwk::{Jwk, SecretJwk};
use crate::provider::NewKey;

impl Desk<'_> {
    /// Makes a key, and tries it.
    pub(super) fn generate(&mut self, new: &NewKey) -> Result<KeyHandle, Trouble> {
        self.clear_the_place(new)?;
        let templates = NewTemplates::new(new, true)?;
        let mechanism = generation(new.spec());
        if new.spec().is_symmetric() {
            let template = templates.secret();
            self.library
                .generate_key(self.session, mechanism, &template)?;
        } else {
            let (public, private) = (templates.public(), templates.private());
            self.library
                .generate_key_pair(self.session, mechanism, &public, &private)?;
        }
        self.settle(new)
    }

    /// Takes over a key, and tries it. What the JWK's members must be was checked when it was
    /// read.
    pub(super) fn import(&mut self, key: &SecretJwk, new: &NewKey) -> Result<KeyHandle, Trouble> {
        self.clear_the_place(new)?;
        let templates = NewTemplates::new(new, true)?;
        let numbers = Numbers::of(key.public().key());
        let template = templates.import(key.secret(), &numbers);
        self.library.create_object(self.session, &template)?;
        if !new.spec().is_symmetric() {
            let template = templates.import_public(&numbers);
            if let Err(failure) = self.library.create_object(self.session, &template) {
                self.remove(&place(new), new.spec())?;
                return Err(failure.into());
            }
        }
        self.settle(new)
    }

    /// A first attempt may have failed after it did its work, wholly or by half. The id is
    /// random and was chosen for this key: whatever has it is that attempt's.
    pub(super) fn clear_the_place(&mut self, new: &NewKey) -> Result<(), Trouble> {
        match self.attempt {
            0 => Ok(()),
            _ => self.remove(&place(new), new.spec()),
        }
    }

    /// The handle of a key that was just made; tried before anybody relies on it, and removed
    /// if it does not stand the trial.
    pub(super) fn settle(&mut self, new: &NewKey) -> Result<KeyHandle, Trouble> {
        let result = match self.tried(new) {
            // A caller who waits no longer will not know of it.
            Ok(_) if !self.is_awaited() => Err(Trouble::Overdue(Overdue::NoAnswer)),
            result => result,
        };
        if let Err(trouble) = &result {
            let removed = self.remove(&place(new), new.spec());
            // Where the work may be done again, it begins with this.
            if !matches!(trouble, Trouble::Failure(_) | Trouble::Missing) {
                removed?;
            }
        }
        result
    }

    fn tried(&mut self, new: &NewKey) -> Result<KeyHandle, Trouble> {
        let made = self.find(&place(new))?.ok_or(Trouble::Missing)?;
        if made.spec() != new.spec() {
            return Err(ErrorKind::FaultDetected.into());
        }
        self.check_pair(new, &made)?;
        Ok(made)
    }

    /// The pairwise consistency test (FIPS 140-3 IG 10.3.A), for keys that may sign. An RSA key
    /// that may not is tried when it first decrypts.
    fn check_pair(&mut self, new: &NewKey, key: &KeyHandle) -> Result<(), Trouble> {
        let mut fitting = SignAlg::ALL.iter().filter(|alg| alg.fits(key.spec()));
        let offered = fitting.find(|alg| self.token.offers_sign(**alg, key.spec()));
        let may = !key.spec().is_symmetric() && new.ops().contains(crate::alg::Op::Sign);
        let Some(alg) = offered.filter(|_| may) else {
            return Ok(());
        };
        let digest = alg.row().hash.hash(b"pairwise consistency test");
        let request = SignRequest::for_digest(key, *alg, digest.as_digest())?;
        // The first signature of a key is verified, as it is not known yet to be the handle's.
        match self.sign(&request) {
            Err(Trouble::Final(error)) if matches!(error.kind(), ErrorKind::Corrupt { .. }) => {
                Err(ErrorKind::FaultDetected.into())
            }
            result => result.map(drop),
        }
    }

    /// The key at this place, of whichever kind.
    pub(super) fn find(&mut self, locator: &Locator) -> Result<Option<KeyHandle>, Trouble> {
        for class in [CKO_PRIVATE_KEY, CKO_SECRET_KEY] {
            if let Some(object) = self.find_one(class, locator)? {
                return self.describe(class, object, locator).map(Some);
            }
        }
        Ok(None)
    }

    fn describe(
        &mut self,
        class: CK_OBJECT_CLASS,
        object: Object,
        locator: &Locator,
    ) -> Result<KeyHandle, Trouble> {
        let spec = self.spec_of(class, object)?;
        let spec = spec.ok_or(ErrorKind::Corrupt {
            what: "token: a key of an unknown kind",
        })?;
        let public: Option<Jwk> = self.public_of(spec, object, locator)?;
        Ok(handle(&self.token.config.id, spec, public, locator)?)
    }

    /// Removes every object of the key at this place, which may be none.
    pub(super) fn remove(&mut self, locator: &Locator, spec: KeySpec) -> Result<(), Trouble> {
        let (class, _) = class_and_type(spec);
        let classes = if spec.is_symmetric() {
            &[class][..]
        } else {
            &[class, CKO_PUBLIC_KEY][..]
        };
        for class in classes {
            // One after the other, so that each is the only one of its class.
            while let Some(object) = self.find_one(*class, locator)? {
                self.library.destroy_object(self.session, object)?;
            }
        }
        self.token.objects.forget(locator.key_id());
        Ok(())
    }

    /// The key at a place that a person named. If it was named by its label and has an id, its
    /// handle goes by the id.
    pub(super) fn adopt(&mut self, locator: &Locator) -> Result<KeyHandle, Trouble> {
        for class in [CKO_PRIVATE_KEY, CKO_SECRET_KEY] {
            if let Some(object) = self.find_one(class, locator)? {
                let id = self.attribute(object, CKA_ID)?.filter(|id| !id.is_empty());
                let place = id.map_or_else(|| locator.clone(), Locator::Id);
                // An error if the label is one key's and its id another's too.
                self.find_one(class, &place)?;
                return self.describe(class, object, &place);
            }
        }
        Err(Trouble::Missing)
    }

    /// Every private and secret key of the token, as far as this crate knows its kind and can
    /// tell it from others. Keys without `CKA_ID` go by their label.
    pub(super) fn list(&mut self) -> Result<Vec<(KeyHandle, String)>, Trouble> {
        let mut places = Vec::new();
        for class in [CKO_PRIVATE_KEY, CKO_SECRET_KEY] {
            let found = self.places(class)?.into_iter();
            places.extend(found.map(|(object, place, label)| (class, object, place, label)));
        }
        let mut counts = HashMap::new();
        for (_, _, place, _) in &places {
            *counts.entry(place).or_insert(0) += 1;
        }
        let mut keys = Vec::new();
        for (class, object, place, label) in &places {
            if counts.get(place) != Some(&1) {
                continue;
            }
            match self.describe(*class, *object, place) {
                Ok(key) => keys.push((key, String::from_utf8_lossy(label).into_owned())),
                // A kind that this crate has no use for, or a key without its public half.
                Err(Trouble::Final(_)) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        // Where a login is gone a search finds less, and says nothing of it.
        self.vouch()?;
        Ok(keys)
    }

    /// The objects of a class, how each is found, and their labels.
    fn places(
        &mut self,
        class: CK_OBJECT_CLASS,
    ) -> Result<Vec<(Object, Locator, Vec<u8>)>, Trouble> {
        let template = [
            Attribute(CKA_CLASS, Value::Ulong(class)),
            Attribute(CKA_TOKEN, Value::Bool(true)),
        ];
        let objects = self
            .library
            .find_objects(self.session, &template, MOST_LISTED)?;
        let mut places = Vec::new();
        for object in objects {
            let id = self.attribute(object, CKA_ID)?.unwrap_or_default();
            let label = self.attribute(object, CKA_LABEL)?.unwrap_or_default();
            let place = match id.is_empty() {
                true => Locator::Label(label.clone()),
                false => Locator::Id(id),
            };
            places.push((object, place, label));
        }
        Ok(places)
    }
}

/// The most keys of one class that are listed.
const MOST_LISTED: usize = 1 << 20;

/// Where a new key will be.
pub(super) fn place(new: &NewKey) -> Locator {
    Locator::Id(new.id().as_bytes().to_vec())
}
