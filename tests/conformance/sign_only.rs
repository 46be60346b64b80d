//! A token that signs with RSA-2048, as RS256 and PS256, and can do nothing else.

use std::sync::Arc;

use strongroom::fit::SignRequest;
use strongroom::provider::{
    Capabilities, Capability, Health, NewKey, Place, not_offered, unsupported,
};
use strongroom::software::Software;
use strongroom::{
    Error, KeyHandle, KeyProvider, KeySpec, Op, ProviderId, ProviderKeyId, SignAlg, Signature,
};

const SPEC: KeySpec = KeySpec::Rsa { bits: 2048 };

#[derive(Debug)]
pub(crate) struct SignOnly {
    inner: Software,
    offers: Arc<Capabilities>,
}

impl SignOnly {
    pub(crate) fn new() -> Self {
        let algs = [SignAlg::Rs256, SignAlg::Ps256];
        let rows = algs.into_iter().flat_map(|alg| {
            [(Op::Sign, Place::Inside), (Op::Verify, Place::Public)].map(|(op, place)| Capability {
                op,
                alg: alg.into(),
                spec: SPEC,
                place,
            })
        });
        let offers = Capabilities::new(rows).with_generate([SPEC]);
        SignOnly {
            inner: Software::ephemeral().expect("a backend"),
            offers: offers.with_keys_in_handles(true).into(),
        }
    }
}

/// What is not written here, the trait does.
impl KeyProvider for SignOnly {
    fn id(&self) -> &ProviderId {
        self.inner.id()
    }

    fn capabilities(&self) -> Arc<Capabilities> {
        Arc::clone(&self.offers)
    }

    fn generate(&self, new: &NewKey) -> Result<KeyHandle, Error> {
        if new.spec() != SPEC {
            return Err(not_offered("generate", new.spec()));
        }
        self.inner.generate(new)
    }

    fn find(&self, id: &ProviderKeyId) -> Result<Option<KeyHandle>, Error> {
        self.inner.find(id)
    }

    fn destroy(&self, key: &KeyHandle) -> Result<(), Error> {
        self.inner.destroy(key)
    }

    fn sign(&self, request: &SignRequest<'_>) -> Result<Signature, Error> {
        let (alg, key) = (request.alg(), request.key());
        if self.offers.supports(Op::Sign, alg, key.spec()).is_none() {
            return Err(unsupported(Op::Sign, alg, key));
        }
        self.inner.sign(request)
    }

    fn random(&self, out: &mut [u8]) -> Result<(), Error> {
        self.inner.random(out)
    }

    fn health(&self) -> Health {
        Health::Up
    }
}
