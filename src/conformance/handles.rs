//! Keys and their handles: made, found, forged, destroyed.

use super::encryption::{decrypt, encrypt, encrypt_in_software};
use super::signing::{sign, verifies_everywhere};
use super::subject::{Case, Subject, must};
use super::wrapping::{unwrap, wrap, wrap_in_software};
use crate::alg::{KeySpec, Op};
use crate::error::{Error, ErrorKind};
use crate::fit::{DecryptParams, SignRequest};
use crate::handle::{KeyHandle, ProviderId, ProviderKeyId};
use crate::jwk::Jwk;

/// A generated key is the one that was asked for: its id, its kind, its backend, and
/// where there is one a public half that survives being written and read.
pub fn generated_keys_are_what_was_asked_for(subject: &Subject) {
    for key in subject.keys() {
        let spec = key.spec();
        assert!(
            key.provider() == subject.provider().id(),
            "{spec}: another backend's name"
        );
        assert!(
            key.public().is_some() != spec.is_symmetric(),
            "{spec}: the public half"
        );
        let Some(public) = key.public() else { continue };
        let json = public.to_json();
        let read = must(
            "read the public half",
            spec,
            Jwk::from_json(json.as_bytes()),
        );
        assert!(
            read == *public,
            "{spec}: the public half was read back changed"
        );
        assert!(
            read.spec().is_ok_and(|read| read == spec),
            "{spec}: the public half's kind"
        );
    }
    let offers = subject.provider().capabilities();
    let cheap = |spec: &&KeySpec| spec.bits() <= 521;
    for spec in KeySpec::ALL.iter().filter(cheap) {
        if offers.can_generate(*spec) && subject.key(*spec).is_ok() {
            let new = subject.new_key(*spec);
            let key = must("generate", spec, subject.provider().generate(&new));
            assert!(
                key.id() == new.id(),
                "{spec}: another id than the one asked for"
            );
            assert!(
                key.spec() == *spec,
                "{spec}: another kind than the one asked for"
            );
            must("destroy", spec, subject.provider().destroy(&key));
        }
    }
}

/// Two generated keys are two keys.
pub fn generated_keys_differ(subject: &Subject) {
    for key in subject.keys() {
        let Some(other) = subject.second_key(key.spec()) else {
            continue;
        };
        let spec = key.spec();
        assert!(key.id() != other.id(), "{spec}: two keys have one id");
        if let (Some(one), Some(two)) = (key.public(), other.public()) {
            assert!(
                one.key() != two.key(),
                "{spec}: two keys have one public half"
            );
        }
        // A symmetric key shows by what it makes.
        let macs = subject.signing(Op::Sign).into_iter();
        for case in macs.filter(|case| spec.is_symmetric() && case.spec() == spec) {
            let [one, two] = [&key, &other].map(|key| sign(subject, &case.with(key.clone()), b"x"));
            assert!(one != two, "{case}: two keys make one MAC");
        }
        let wraps = subject.wrapping(Op::WrapKey).into_iter();
        for case in wraps.filter(|case| spec.is_symmetric() && case.spec() == spec) {
            let [one, two] = [&key, &other].map(|key| {
                let case = case.with(key.clone());
                must("wrap", &case, wrap(subject, &case, &[7; 16]))
            });
            assert!(one != two, "{case}: two keys wrap alike");
        }
    }
}

/// An id that no key has is not found; a key's own is found as that key, or not at all where
/// [keys are in their handles](crate::provider::Capabilities::keys_in_handles): then none is held.
pub fn keys_are_found_by_their_id(subject: &Subject) {
    let unknown = subject.new_key(KeySpec::Rsa { bits: 2048 }).id();
    let found = must(
        "find an unknown id",
        unknown,
        subject.provider().find(&unknown),
    );
    assert!(
        found.is_none(),
        "an id that no key has was found: {found:?}"
    );
    let in_handles = subject.provider().capabilities().keys_in_handles();
    for key in subject.keys() {
        let found = must("find", key.spec(), subject.provider().find(&key.id()));
        assert!(
            found.is_none() == in_handles,
            "{}: its keys are in their handles: {in_handles}; found: {found:?}",
            key.spec()
        );
        if let Some(found) = found {
            assert!(
                found == key,
                "{}: found as {found:?}, made as {key:?}",
                key.spec()
            );
            works(subject, &found);
        }
    }
    let held = must(
        "list the keys held",
        "a provider",
        subject.provider().held_keys(),
    );
    assert!(
        held.is_empty() || !in_handles,
        "its keys are in their handles, and it holds {held:?}"
    );
}

/// A handle of another backend is not found, even if everything else in it is right.
pub fn handles_of_another_provider_are_not_found(subject: &Subject) {
    let stranger = must(
        "a name",
        "stranger",
        ProviderId::new("conformance-stranger"),
    );
    for key in subject.keys() {
        let foreign = rebuilt(&key, |parts| parts.provider = stranger.clone());
        for (what, result) in uses(subject, &foreign) {
            let not_found = result.is_err_and(|error| *error.kind() == ErrorKind::NotFound);
            assert!(not_found, "{}: {what} with a stranger's handle", key.spec());
        }
    }
}

/// A handle whose blob the backend did not make never works: not with a bit flipped, cut,
/// extended, or taken from another key.
pub fn forged_blobs_never_work(subject: &Subject) {
    for key in subject.keys() {
        let blob = key.blob();
        let mut forgeries: Vec<(String, Vec<u8>)> = Vec::new();
        for at in spread(blob.len()) {
            let mut forged = blob.to_vec();
            forged[at] ^= 0x01;
            forgeries.push((format!("byte {at} changed"), forged));
        }
        if let Some(less) = blob.len().checked_sub(1) {
            forgeries.push(("one byte less".to_owned(), blob[..less].to_vec()));
            forgeries.push(("nothing".to_owned(), Vec::new()));
        }
        forgeries.push(("one byte more".to_owned(), [blob, &[0]].concat()));
        if let Some(other) = subject
            .second_key(key.spec())
            .filter(|other| other.blob() != blob)
        {
            forgeries.push(("another key's".to_owned(), other.blob().to_vec()));
        }
        for (what, forged) in forgeries {
            let forged = rebuilt(&key, |parts| parts.blob.clone_from(&forged));
            never_works(subject, &forged, &format!("with the blob: {what}"));
        }
    }
}

/// A handle that says something else than the one that was given out never works: with
/// another id, another public half, or another kind.
pub fn forged_handles_never_work(subject: &Subject) {
    for key in subject.keys() {
        let unknown = subject.new_key(key.spec()).id();
        let forged = rebuilt(&key, |parts| parts.id = unknown);
        never_works(subject, &forged, "with an id that no key has");
        if let Some(other) = subject.second_key(key.spec()) {
            let forged = rebuilt(&key, |parts| parts.id = other.id());
            never_works(subject, &forged, "with another key's id");
            if key.public().is_some() {
                let forged = rebuilt(&key, |parts| parts.public = other.public().cloned());
                never_works(subject, &forged, "with another key's public half");
            }
        }
        for spec in KeySpec::ALL.iter().filter(|spec| spec.is_symmetric()) {
            if key.spec().is_symmetric() && key.spec() != *spec {
                let forged = rebuilt(&key, |parts| parts.spec = *spec);
                never_works(subject, &forged, &format!("as {spec}"));
            }
        }
    }
}

/// Destroying twice is as good as once. A backend that keeps its keys then neither finds
/// nor uses the key. (Where the handle is the key, it ends with its last copy.)
pub fn destroyed_keys_are_gone(subject: &Subject) {
    let offers = subject.provider().capabilities();
    let cheap = KeySpec::ALL.iter().filter(|spec| spec.bits() <= 521);
    for spec in cheap.filter(|spec| offers.can_generate(**spec) && subject.key(**spec).is_ok()) {
        let provider = subject.provider();
        let key = must("generate", spec, provider.generate(&subject.new_key(*spec)));
        // So that it is in whatever cache there is.
        works(subject, &key);
        for time in ["once", "twice", "three times"] {
            must(&format!("destroy {time}"), spec, provider.destroy(&key));
        }
        let found = must("find", spec, provider.find(&key.id()));
        assert!(found.is_none(), "{spec}: found after it was destroyed");
        if offers.keys_in_handles() {
            continue;
        }
        for (what, result) in uses(subject, &key) {
            let gone = result.is_err_and(|error| *error.kind() == ErrorKind::NotFound);
            assert!(gone, "{spec}: {what} with a key that was destroyed");
        }
    }
}

/// What a handle is made of.
struct Parts {
    provider: ProviderId,
    id: ProviderKeyId,
    spec: KeySpec,
    public: Option<Jwk>,
    blob: Vec<u8>,
}

fn rebuilt(key: &KeyHandle, change: impl FnOnce(&mut Parts)) -> KeyHandle {
    let mut parts = Parts {
        provider: key.provider().clone(),
        id: key.id(),
        spec: key.spec(),
        public: key.public().cloned(),
        blob: key.blob().to_vec(),
    };
    change(&mut parts);
    let Parts {
        provider,
        id,
        spec,
        public,
        blob,
    } = parts;
    let handle = KeyHandle::new(provider, id, spec, public, blob);
    must("a handle", key.spec(), handle)
}

fn never_works(subject: &Subject, forged: &KeyHandle, how: &str) {
    for (what, result) in uses(subject, forged) {
        let Err(error) = result else {
            panic!("{}: {what} worked {how}", forged.spec());
        };
        // OAEP cannot be encrypted for one key and decrypted by another: a forged public
        // half may come to light as the failure that it causes.
        let allowed = matches!(
            error.kind(),
            ErrorKind::Corrupt { .. } | ErrorKind::NotFound | ErrorKind::DecryptFailed
        );
        assert!(
            allowed,
            "{}: {what} {how} failed as {error:?}",
            forged.spec()
        );
    }
}

/// The key does everything that it should.
pub(super) fn works(subject: &Subject, key: &KeyHandle) {
    for (what, result) in uses(subject, key) {
        must(what, key.spec(), result);
    }
}

/// Every use of the secret that is offered for this kind of key, one of each operation.
fn uses(subject: &Subject, key: &KeyHandle) -> Vec<(&'static str, Result<(), Error>)> {
    let mut uses = Vec::new();
    let symmetric = key.spec().is_symmetric();
    if let Some(case) = first(subject.signing(Op::Sign), key) {
        let request = SignRequest::for_message(key, case.alg, b"a message");
        let request = must("a request to sign", &case, request);
        let signature = subject.provider().sign(&request);
        if let Ok(signature) = &signature {
            let case = Case {
                alg: case.alg,
                key: key.clone(),
            };
            if !symmetric {
                verifies_everywhere(subject, &case, b"a message", signature.as_bytes());
            }
        }
        uses.push(("sign", signature.map(drop)));
    }
    let wraps = if symmetric {
        Op::WrapKey
    } else {
        Op::UnwrapKey
    };
    if let Some(case) = first(subject.wrapping(wraps), key) {
        uses.push(match symmetric {
            true => ("wrap", wrap(subject, &case, &[7; 16]).map(drop)),
            false => {
                let wrapped = wrap_in_software(subject, &case, &[7; 16]);
                ("unwrap", unwrap(subject, &case, &wrapped).map(drop))
            }
        });
    }
    let encrypts = if symmetric { Op::Encrypt } else { Op::Decrypt };
    if let Some(case) = first(subject.encryption(encrypts), key) {
        uses.push(match symmetric {
            true => ("encrypt", encrypt(subject, &case, b"x", None).map(drop)),
            false => {
                let made = encrypt_in_software(subject, &case, b"x");
                let back = decrypt(subject, &case, made.as_bytes(), DecryptParams::none());
                ("decrypt", back.map(drop))
            }
        });
    }
    uses
}

/// The first row for this kind of key, with this key.
fn first<A: Copy + Into<crate::alg::Alg>>(cases: Vec<Case<A>>, key: &KeyHandle) -> Option<Case<A>> {
    let mut fitting = cases.into_iter().filter(|case| case.spec() == key.spec());
    fitting.next().map(|case| case.with(key.clone()))
}

/// Places all over a blob, both ends among them.
fn spread(len: usize) -> Vec<usize> {
    let step = (len / 24).max(1);
    let mut places: Vec<usize> = (0..len).step_by(step).collect();
    places.extend(len.checked_sub(1));
    places
}
