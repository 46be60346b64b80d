//! A backend that does one thing wrong.

use std::sync::{Arc, Mutex};

use strongroom::conformance::Fixture;
use strongroom::fit::{
    DecryptInPlaceRequest, DecryptRequest, EncryptInPlaceRequest, EncryptRequest, Sealed,
    SignRequest, UnwrapRequest, VerifyRequest, WrapRequest,
};
use strongroom::jwk::SecretJwk;
use strongroom::provider::{Capabilities, Health, NewKey};
use strongroom::software::Software;
use strongroom::{
    Ciphertext, Curve, DecryptParams, EncryptParams, Error, ErrorKind, KeyHandle, KeyProvider,
    KeySpec, Op, ProviderId, ProviderKeyId, Rule, SecretBytes, SignAlg, Signature,
};

/// What it does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    AcceptsAnySignature,
    RefusesLongSignaturesApart,
    SignsDer,
    SignsAnotherDigest,
    TellsPaddingFromTag,
    TellsWrappingsApart,
    IgnoresAssociatedData,
    RepeatsIvs,
    CutsPlaintext,
    ReportsPkcs1Padding,
    RejectsAnewEachTime,
    BatchInAnotherOrder,
    BatchFailsAsAWhole,
    BatchLosesOne,
    NamesAnotherTriple,
    OffersWhatItLacks,
    OpensStrangersHandles,
    IgnoresTheId,
    GivesAnotherId,
    GivesOneKeyTwice,
    FindsEverything,
    SaysThatItKeepsKeys,
    HoldsKeysAllTheSame,
    CannotDestroyTwice,
    ConstantRandomness,
    LeavesTheEndOfTheBuffer,
    SpoilsTheBuffer,
    ImportsAnything,
}

/// Each fault, with the checks that must find it.
pub(crate) const FAULTS: &[(Fault, &[&str])] = &[
    (
        Fault::AcceptsAnySignature,
        &[
            "altered_signatures_are_refused",
            "signatures_of_another_key_are_refused",
            "signatures_of_another_algorithm_are_refused",
            "failures_in_a_batch_stay_in_their_place",
        ],
    ),
    (
        Fault::RefusesLongSignaturesApart,
        &["altered_signatures_are_refused"],
    ),
    (
        Fault::SignsDer,
        &["signatures_verify", "every_offer_is_kept"],
    ),
    (
        Fault::SignsAnotherDigest,
        &[
            "signatures_verify",
            "known_signatures",
            "digests_are_signed_like_their_messages",
        ],
    ),
    (
        Fault::TellsPaddingFromTag,
        &[
            "altered_ciphertexts_are_refused",
            "failed_decryptions_have_one_face",
        ],
    ),
    (
        Fault::TellsWrappingsApart,
        &[
            "altered_wrapped_keys_are_refused",
            "failed_decryptions_have_one_face",
        ],
    ),
    (
        Fault::IgnoresAssociatedData,
        &["known_ciphertexts", "altered_ciphertexts_are_refused"],
    ),
    (Fault::RepeatsIvs, &["ciphertexts_repeat_where_they_must"]),
    (
        Fault::CutsPlaintext,
        &["ciphertexts_decrypt", "large_plaintexts_come_back"],
    ),
    (Fault::ReportsPkcs1Padding, &["rsa1_5_rejects_implicitly"]),
    (Fault::RejectsAnewEachTime, &["rsa1_5_rejects_implicitly"]),
    (
        Fault::BatchInAnotherOrder,
        &[
            "a_batch_is_a_loop",
            "failures_in_a_batch_stay_in_their_place",
        ],
    ),
    (
        Fault::BatchFailsAsAWhole,
        &["failures_in_a_batch_stay_in_their_place"],
    ),
    (Fault::BatchLosesOne, &["a_batch_is_a_loop"]),
    (
        Fault::NamesAnotherTriple,
        &[
            "what_is_not_offered_is_refused_by_name",
            "every_offer_is_kept",
        ],
    ),
    (
        Fault::OffersWhatItLacks,
        &["signatures_verify", "every_offer_is_kept"],
    ),
    (
        Fault::OpensStrangersHandles,
        &["handles_of_another_provider_are_not_found"],
    ),
    (Fault::IgnoresTheId, &["forged_handles_never_work"]),
    (
        Fault::GivesAnotherId,
        &["generated_keys_are_what_was_asked_for"],
    ),
    (Fault::GivesOneKeyTwice, &["generated_keys_differ"]),
    (Fault::FindsEverything, &["keys_are_found_by_their_id"]),
    (Fault::HoldsKeysAllTheSame, &["keys_are_found_by_their_id"]),
    (
        Fault::SaysThatItKeepsKeys,
        &["keys_are_found_by_their_id", "destroyed_keys_are_gone"],
    ),
    (Fault::CannotDestroyTwice, &["destroyed_keys_are_gone"]),
    (Fault::ConstantRandomness, &["randomness_fills_and_differs"]),
    (
        Fault::LeavesTheEndOfTheBuffer,
        &["randomness_fills_and_differs"],
    ),
    (Fault::SpoilsTheBuffer, &["in_place_agrees"]),
    (
        Fault::ImportsAnything,
        &["imports_of_another_kind_are_refused"],
    ),
];

#[derive(Debug)]
pub(crate) struct Broken(Provider);

impl Broken {
    pub(crate) fn new(fault: Fault) -> Self {
        Broken(Provider {
            inner: Software::ephemeral().expect("a backend"),
            fault,
            seen: Mutex::default(),
        })
    }
}

impl Fixture for Broken {
    fn provider(&self) -> &dyn KeyProvider {
        &self.0
    }

    fn leave_out(&self, spec: KeySpec) -> Option<&'static str> {
        all_but_one_of_each_family(spec)
    }
}

pub(crate) fn all_but_one_of_each_family(spec: KeySpec) -> Option<&'static str> {
    let kept = [
        KeySpec::Rsa { bits: 2048 },
        KeySpec::Ec(Curve::P256),
        KeySpec::Aes { bits: 256 },
        KeySpec::Hmac { bits: 256 },
    ];
    (!kept.contains(&spec)).then_some("one kind of each family shows it")
}

#[derive(Debug)]
struct Provider {
    inner: Software,
    fault: Fault,
    /// What some faults remember: a key, the ids that were destroyed, a counter.
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    keys: Vec<KeyHandle>,
    destroyed: Vec<ProviderKeyId>,
    ciphertext: Option<(ProviderKeyId, Ciphertext)>,
    counter: u8,
}

impl Provider {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().expect("no panic under the lock")
    }

    /// The handle under which the key was made, whatever this one says.
    fn original(&self, key: &KeyHandle) -> KeyHandle {
        let seen = self.seen();
        let known = match self.fault {
            Fault::OpensStrangersHandles | Fault::IgnoresTheId => {
                seen.keys.iter().find(|known| known.blob() == key.blob())
            }
            _ => None,
        };
        known
            .filter(|known| self.is(Fault::IgnoresTheId) || known.id() == key.id())
            .unwrap_or(key)
            .clone()
    }
}

impl KeyProvider for Provider {
    fn id(&self) -> &ProviderId {
        self.inner.id()
    }

    fn capabilities(&self) -> Arc<Capabilities> {
        let all = self.inner.capabilities();
        let lacks = |op: Op, alg: SignAlg| {
            self.is(Fault::NamesAnotherTriple) && op == Op::Sign && alg == SignAlg::Es256
        };
        let rows = all.rows().iter().copied().filter(|row| match row.alg {
            strongroom::alg::Alg::Sign(alg) => !lacks(row.op, alg),
            _ => true,
        });
        let importable = KeySpec::ALL.iter().copied();
        Capabilities::new(rows)
            .with_generate(KeySpec::ALL.iter().copied())
            .with_import(importable)
            .with_ephemeral(true)
            .with_keys_in_handles(!self.is(Fault::SaysThatItKeepsKeys))
            .into()
    }

    fn generate(&self, new: &NewKey) -> Result<KeyHandle, Error> {
        let mut key = self.inner.generate(new)?;
        if self.is(Fault::GivesAnotherId) {
            let id = ProviderKeyId::from_bytes([7; 16]);
            key = self.inner.generate(&NewKey::new(id, new.spec())?)?;
        }
        let mut seen = self.seen();
        if self.is(Fault::GivesOneKeyTwice) {
            let first = seen.keys.iter().find(|known| known.spec() == new.spec());
            key = first.cloned().unwrap_or(key);
        }
        seen.keys.push(key.clone());
        Ok(key)
    }

    fn import(&self, key: &SecretJwk, new: &NewKey) -> Result<KeyHandle, Error> {
        let imported = self.inner.import(key, new);
        if imported.is_err() && self.is(Fault::ImportsAnything) {
            return self.inner.generate(new);
        }
        imported
    }

    fn find(&self, id: &ProviderKeyId) -> Result<Option<KeyHandle>, Error> {
        if self.is(Fault::FindsEverything) {
            return Ok(self.seen().keys.first().cloned().or_else(|| {
                let new = NewKey::new(*id, KeySpec::Ec(Curve::P256)).expect("a kind of key");
                self.inner.generate(&new).ok()
            }));
        }
        self.inner.find(id)
    }

    fn held_keys(&self) -> Result<Vec<KeyHandle>, Error> {
        match self.is(Fault::HoldsKeysAllTheSame) {
            true => Ok(self.seen().keys.clone()),
            false => Ok(Vec::new()),
        }
    }

    fn destroy(&self, key: &KeyHandle) -> Result<(), Error> {
        let mut seen = self.seen();
        if self.is(Fault::CannotDestroyTwice) && seen.destroyed.contains(&key.id()) {
            return Err(ErrorKind::NotFound.into());
        }
        seen.destroyed.push(key.id());
        self.inner.destroy(key)
    }

    fn sign(&self, request: &SignRequest<'_>) -> Result<Signature, Error> {
        let (alg, key) = (request.alg(), request.key());
        let es256 = alg == SignAlg::Es256;
        match self.fault {
            Fault::NamesAnotherTriple if es256 => Err(ErrorKind::NotOffered {
                op: "sign",
                alg: "ES384",
                key: key.spec().name(),
            }
            .into()),
            Fault::OffersWhatItLacks if es256 => {
                Err(strongroom::provider::unsupported(Op::Sign, alg, key))
            }
            Fault::SignsDer if es256 => {
                let signature = self.inner.sign(request)?.into_bytes();
                Ok(Signature::from_bytes(
                    [&[0x30, 0x44], &signature[..]].concat(),
                ))
            }
            Fault::SignsAnotherDigest => self
                .inner
                .sign(&SignRequest::for_message(key, alg, b"another")?),
            Fault::OpensStrangersHandles | Fault::IgnoresTheId => {
                let key = self.original(key);
                self.inner
                    .sign(&SignRequest::for_message(&key, alg, b"a message")?)
            }
            _ => self.inner.sign(request),
        }
    }

    fn verify(&self, request: &VerifyRequest<'_>) -> Result<(), Error> {
        if self.is(Fault::AcceptsAnySignature) {
            return Ok(());
        }
        let long = request.signature().len() > 300;
        if self.is(Fault::RefusesLongSignaturesApart) && long {
            return Err(Error::invalid("signature", Rule::TooLong(300)));
        }
        self.inner.verify(request)
    }

    fn decrypt(&self, request: &DecryptRequest<'_>) -> Result<SecretBytes, Error> {
        let alg = request.alg().row().name;
        if let (Fault::IgnoresAssociatedData, Some((sealed, _))) = (self.fault, request.gcm()) {
            let params = DecryptParams::none()
                .with_iv(&sealed.iv)
                .with_tag(&sealed.tag);
            let (key, alg, ciphertext) = (request.key(), request.alg(), request.ciphertext());
            let request = DecryptRequest::new(key, alg, ciphertext, params)?;
            return self.inner.decrypt(&request);
        }
        let result = self.inner.decrypt(request);
        match self.fault {
            Fault::TellsPaddingFromTag if alg.starts_with("RSA-OAEP") => {
                result.map_err(|_| Error::invalid("padding", Rule::Encoding))
            }
            Fault::CutsPlaintext => result.map(|plaintext| {
                let bytes = plaintext.expose();
                SecretBytes::copy_of(&bytes[..bytes.len() - bytes.len() / 1000])
            }),
            Fault::ReportsPkcs1Padding if alg == "RSA1_5" => {
                let plaintext = result?;
                match plaintext.len() {
                    32 => Ok(plaintext),
                    _ => Err(ErrorKind::DecryptFailed.into()),
                }
            }
            Fault::RejectsAnewEachTime if alg == "RSA1_5" => {
                let mut seen = self.seen();
                seen.counter = seen.counter.wrapping_add(1);
                Ok(SecretBytes::copy_of(&[seen.counter; 32]))
            }
            _ => result,
        }
    }

    fn unwrap_key(&self, request: &UnwrapRequest<'_>) -> Result<SecretBytes, Error> {
        let result = self.inner.unwrap_key(request);
        let symmetric = request.key().spec().is_symmetric();
        if self.is(Fault::TellsWrappingsApart) && symmetric {
            return result.map_err(|_| {
                ErrorKind::Corrupt {
                    what: "wrapped key",
                }
                .into()
            });
        }
        result
    }

    fn encrypt(&self, request: &EncryptRequest<'_>) -> Result<Ciphertext, Error> {
        if self.is(Fault::IgnoresAssociatedData) && !request.aad().is_empty() {
            let (key, alg, none) = (request.key(), request.alg(), EncryptParams::none());
            let request = EncryptRequest::new(key, alg, request.plaintext(), none)?;
            return self.inner.encrypt(&request);
        }
        let made = self.inner.encrypt(request)?;
        if self.is(Fault::RepeatsIvs) {
            let mut seen = self.seen();
            let key = request.key().id();
            let last = seen.ciphertext.take().filter(|(of, _)| *of == key);
            let (_, kept) = seen.ciphertext.insert(last.unwrap_or((key, made)));
            return Ok(kept.clone());
        }
        Ok(made)
    }

    fn wrap_key(&self, request: &WrapRequest<'_>) -> Result<Vec<u8>, Error> {
        self.inner.wrap_key(request)
    }

    fn encrypt_in_place(&self, request: &mut EncryptInPlaceRequest<'_>) -> Result<Sealed, Error> {
        self.inner.encrypt_in_place(request)
    }

    fn decrypt_in_place(&self, request: &mut DecryptInPlaceRequest<'_>) -> Result<(), Error> {
        let result = self.inner.decrypt_in_place(request);
        if self.is(Fault::SpoilsTheBuffer) && result.is_err() {
            request.buffer_mut().fill(0);
        }
        result
    }

    fn sign_batch(&self, requests: &[SignRequest<'_>]) -> Vec<Result<Signature, Error>> {
        let mut signatures: Vec<_> = requests.iter().map(|request| self.sign(request)).collect();
        let failed = signatures.iter().any(Result::is_err);
        match self.fault {
            Fault::BatchInAnotherOrder => signatures.reverse(),
            Fault::BatchFailsAsAWhole if failed => {
                let not_found = |_| Err(ErrorKind::NotFound.into());
                signatures = requests.iter().map(not_found).collect();
            }
            Fault::BatchLosesOne => drop(signatures.pop()),
            _ => {}
        }
        signatures
    }

    fn random(&self, out: &mut [u8]) -> Result<(), Error> {
        match self.fault {
            Fault::ConstantRandomness => out.fill(0x5A),
            Fault::LeavesTheEndOfTheBuffer if out.len() > 32 => {
                self.inner.random(&mut out[..32])?;
            }
            _ => self.inner.random(out)?,
        }
        Ok(())
    }

    fn health(&self) -> Health {
        Health::Up
    }
}
