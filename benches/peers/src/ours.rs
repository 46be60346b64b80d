//! strongroom's side: keys in a vault, and every verb through `Key` with all its checks on.

use std::sync::Arc;

use strongroom::jwk::SecretJwk;
use strongroom::software::Software;
use strongroom::store::MemoryStore;
use strongroom::vault::{
    Key, KeyOptions, LegacyPolicy, NoAudit, SignInput, SignItem, Vault, VerifyItem,
};
use strongroom::{Op, OpSet, SignAlg};

use crate::contender::{Batch, Contender, OURS};
use crate::keys::{Message, Pair, leak, message};

/// A vault in memory.
#[derive(Clone, Copy)]
pub(crate) struct Ours(pub(crate) &'static Vault);

impl Ours {
    pub(crate) fn new() -> Self {
        let software = Software::builder().ephemeral();
        let vault = Vault::builder()
            .provider(Arc::new(software.build().expect("random bytes")))
            .store(Arc::new(MemoryStore::new()))
            .audit(Arc::new(NoAudit))
            // RSA1_5 and CBC are rows too.
            .legacy(LegacyPolicy::allow_all())
            .build();
        Ours(leak(vault.expect("a vault")))
    }

    /// A key pair, in the vault.
    pub(crate) fn pair(self, pair: &Pair, ops: &[Op]) -> &'static Key {
        let jwk = SecretJwk::from_pkcs8_der(&pair.pkcs8).expect("what OpenSSL wrote");
        self.import(&jwk, ops)
    }

    /// Bytes, in the vault.
    pub(crate) fn secret(self, secret: &[u8], ops: &[Op]) -> &'static Key {
        self.import(&SecretJwk::from_oct(secret).expect("a key's length"), ops)
    }

    fn import(self, jwk: &SecretJwk, ops: &[Op]) -> &'static Key {
        let options = KeyOptions::new().ops(OpSet::from_iter(ops.iter().copied()));
        // Another version of the same name each time; a `Key` is one version.
        leak(self.0.import("key", jwk, &options).expect("a good key"))
    }

    /// Signing with the first key, one by one and as these batches.
    pub(crate) fn signers(
        self,
        alg: SignAlg,
        pairs: &'static [Pair],
        batches: &[Batch],
        check: impl Fn(&Pair, &Message, &[u8]) -> bool,
    ) -> Vec<Contender> {
        let pairs = &pairs[..keys_for(batches, pairs)];
        let keys: Vec<_> = pairs.iter().map(|pair| self.pair(pair, OPS)).collect();
        let (key, first) = (keys[0], message(0));
        let single = Contender::making(
            OURS,
            Vec::new(),
            move |out| {
                let signed = key.sign(alg, &first).expect("a signature");
                *out = signed.value.into_bytes();
            },
            |out| check(&pairs[0], &first, out),
        );
        let batches = batches.iter().map(|batch| {
            let items = Item::all(*batch, &keys);
            let check = |signatures: &Vec<Vec<u8>>| {
                signatures.len() == items.len()
                    && items
                        .iter()
                        .zip(signatures)
                        .all(|(item, signature)| check(&pairs[item.at], &item.message, signature))
            };
            let one_key = matches!(batch, Batch::OneKey(_));
            let work = move |out: &mut Vec<Vec<u8>>| {
                let sign = |item: &'static Item| SignItem {
                    alg,
                    input: SignInput::Message(&item.message),
                };
                let signed = if one_key {
                    let items: Vec<_> = items.iter().map(sign).collect();
                    key.sign_batch(&items)
                } else {
                    let items: Vec<_> = items.iter().map(|item| (item.key, sign(item))).collect();
                    self.0.sign_batch(&items)
                };
                let signed = signed
                    .into_iter()
                    .map(|signed| signed.expect("a signature"));
                out.clear();
                out.extend(signed.map(|signed| signed.value.into_bytes()));
            };
            Contender::making(OURS, Vec::new(), work, check).with_batch(*batch)
        });
        [single].into_iter().chain(batches).collect()
    }

    /// Verifying with the first key, one by one and as these batches, what `sign` signs.
    pub(crate) fn verifiers(
        self,
        alg: SignAlg,
        pairs: &'static [Pair],
        batches: &[Batch],
        sign: impl Fn(&Pair, &Message) -> Vec<u8>,
    ) -> Vec<Contender> {
        let pairs = &pairs[..keys_for(batches, pairs)];
        let keys: Vec<_> = pairs.iter().map(|pair| self.pair(pair, OPS)).collect();
        let (key, first) = (keys[0], message(0));
        let single = Contender::verifying(OURS, sign(&pairs[0], &first), move |signature| {
            key.verify(alg, &first, signature).is_ok()
        });
        let batches = batches.iter().map(|batch| {
            let items = Item::all(*batch, &keys);
            let signed = items
                .iter()
                .map(|item| sign(&pairs[item.at], &item.message));
            let signatures: &'static Vec<_> = leak(signed.collect::<Vec<_>>());
            let one_key = matches!(batch, Batch::OneKey(_));
            let work = move |good: &mut usize| {
                let verify = |(item, signature): (&'static Item, &'static Vec<u8>)| VerifyItem {
                    alg,
                    input: SignInput::Message(&item.message),
                    signature,
                };
                let both = items.iter().zip(signatures);
                let verified = if one_key {
                    let items: Vec<_> = both.map(verify).collect();
                    key.verify_batch(&items)
                } else {
                    let items: Vec<_> = both.map(|both| (both.0.key, verify(both))).collect();
                    self.0.verify_batch(&items)
                };
                *good = verified.iter().filter(|result| result.is_ok()).count();
            };
            let check = |good: &usize| *good == items.len();
            Contender::making(OURS, 0, work, check).with_batch(*batch)
        });
        [single].into_iter().chain(batches).collect()
    }
}

const OPS: &[Op] = &[Op::Sign, Op::Verify];

/// An item of a batch.
struct Item {
    key: &'static Key,
    /// The place of the key.
    at: usize,
    message: Message,
}

impl Item {
    fn all(batch: Batch, keys: &[&'static Key]) -> &'static [Item] {
        let item = |item| {
            let at = match batch {
                Batch::ManyKeys(_) => item % keys.len(),
                _ => 0,
            };
            Item {
                key: keys[at],
                at,
                message: message(item),
            }
        };
        leak(Vec::from_iter((0..usize::from(batch.items())).map(item)))
    }
}

/// One, unless there is a batch with more.
fn keys_for(batches: &[Batch], pairs: &[Pair]) -> usize {
    let many = |batch: &Batch| matches!(batch, Batch::ManyKeys(_));
    if batches.iter().any(many) {
        pairs.len()
    } else {
        1
    }
}
