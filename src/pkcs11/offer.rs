//! What a token offers, as its probe found it, and the table that follows from it.

use std::collections::BTreeMap;

use cryptoki_sys::*;

use super::SplitPolicy;
use super::byok::Transport;
use super::mechanism::{MechanismInfo, class_and_type};
use super::oct::KeyWrap;
use crate::alg::{Alg, Curve, EncryptScheme, Hash, KeySpec, Op, SignScheme, WrapScheme};
use crate::provider::{Capabilities, Capability, Place};

/// See the head of the file. Whatever is absent is not offered.
#[derive(Clone, Debug, Default)]
pub(super) struct Offer {
    /// The token's list.
    pub(super) mechanisms: BTreeMap<CK_MECHANISM_TYPE, MechanismInfo>,
    pub(super) pkcs1_sign: Option<Place>,
    pub(super) pss: BTreeMap<Hash, Place>,
    pub(super) oaep: BTreeMap<Hash, Place>,
    pub(super) rsa15: Option<Place>,
    pub(super) curves: Vec<Curve>,
    pub(super) gcm: Vec<u32>,
    pub(super) cbc: Vec<u32>,
    pub(super) cbc_pad: Vec<u32>,
    pub(super) key_wrap: Option<KeyWrap>,
    /// RFC 5649; some tokens do one direction rightly and the other not.
    pub(super) padded_wrap: Option<KeyWrap>,
    pub(super) padded_unwrap: Option<KeyWrap>,
    /// How keys come in wrapped form, by their type, and how they go out.
    pub(super) wrapped_in: BTreeMap<CK_KEY_TYPE, Transport>,
    pub(super) wrapped_out: Option<Transport>,
    /// The key sizes in bits and hashes of HMAC.
    pub(super) hmac: Vec<(u32, Hash)>,
    pub(super) import: Vec<KeySpec>,
}

impl Offer {
    pub(super) fn lists(&self, mechanism: CK_MECHANISM_TYPE) -> bool {
        self.mechanisms.contains_key(&mechanism)
    }

    /// Takes away what is computed outside in part, if that is not wanted.
    pub(super) fn under(mut self, policy: SplitPolicy) -> Self {
        if policy == SplitPolicy::Deny {
            let inside = |place: &Place| *place == Place::Inside;
            self.pkcs1_sign = self.pkcs1_sign.filter(inside);
            self.rsa15 = self.rsa15.filter(inside);
            self.pss.retain(|_, place| inside(place));
            self.oaep.retain(|_, place| inside(place));
        }
        self
    }

    /// Whether a mechanism takes keys of this size. Units differ: RSA's are bits, and bytes in
    /// some tokens; AES's are bytes, and bits in some.
    fn takes(&self, mechanism: CK_MECHANISM_TYPE, bits: u32) -> bool {
        let Some(info) = self.mechanisms.get(&mechanism) else {
            return false;
        };
        let (min, max) = (info.min, info.max);
        let bits = CK_ULONG::from(bits);
        // No limit is also said as 0.
        max == 0 || (min..=max).contains(&bits) || (min..=max).contains(&bits.div_ceil(8))
    }

    /// Whether keys of this kind can be made.
    fn generates(&self, spec: KeySpec) -> bool {
        let makes = |mechanism| self.takes(mechanism, spec.bits());
        match spec {
            KeySpec::Rsa { .. } => makes(CKM_RSA_PKCS_KEY_PAIR_GEN),
            KeySpec::Ec(curve) => self.curves.contains(&curve) && self.lists(CKM_EC_KEY_PAIR_GEN),
            KeySpec::Aes { bits } => self.has_aes(bits) && makes(CKM_AES_KEY_GEN),
            KeySpec::Hmac { bits } => {
                self.hmac.iter().any(|(size, _)| *size == bits)
                    && self.lists(CKM_GENERIC_SECRET_KEY_GEN)
            }
        }
    }

    /// How keys of this kind come in wrapped form.
    pub(super) fn unwraps(&self, spec: KeySpec) -> Option<Transport> {
        let usable = match spec {
            KeySpec::Rsa { bits } => self.takes_rsa(bits),
            KeySpec::Ec(curve) => self.curves.contains(&curve),
            KeySpec::Aes { bits } => self.has_aes(bits),
            KeySpec::Hmac { bits } => self.hmac.iter().any(|(size, _)| *size == bits),
        };
        let (_, kind) = class_and_type(spec);
        self.wrapped_in.get(&kind).copied().filter(|_| usable)
    }

    fn has_aes(&self, bits: u32) -> bool {
        let modes = [&self.gcm, &self.cbc, &self.cbc_pad];
        modes.iter().any(|sizes| sizes.contains(&bits))
            || self.key_wrap.is_some()
            || self.padded_unwrap.is_some()
    }

    fn takes_rsa(&self, bits: u32) -> bool {
        [CKM_RSA_PKCS, CKM_RSA_X_509]
            .iter()
            .any(|mechanism| self.takes(*mechanism, bits))
    }

    /// Where an operation that needs the secret is done.
    pub(super) fn place(&self, op: Op, alg: Alg, spec: KeySpec) -> Option<Place> {
        let inside = |yes: bool| yes.then_some(Place::Inside);
        let rsa = |place: Option<Place>| place.filter(|_| self.takes_rsa(spec.bits()));
        match (alg, spec) {
            (Alg::Sign(alg), _) => {
                let row = alg.row();
                match (row.scheme, spec) {
                    (SignScheme::Pkcs1v15, KeySpec::Rsa { .. }) => rsa(self.pkcs1_sign),
                    (SignScheme::Pss, KeySpec::Rsa { .. }) => rsa(self.pss.get(&row.hash).copied()),
                    (SignScheme::Ecdsa(curve), KeySpec::Ec(_)) => {
                        inside(self.curves.contains(&curve))
                    }
                    (SignScheme::Hmac, KeySpec::Hmac { bits }) => {
                        inside(self.hmac.contains(&(bits, row.hash)))
                    }
                    // HS* with an AES key: no token takes a key of one type for the other's work.
                    _ => None,
                }
            }
            (Alg::Encrypt(alg), _) => match alg.row().scheme {
                EncryptScheme::Oaep(hash) => rsa(self.oaep.get(&hash).copied()),
                EncryptScheme::Pkcs1v15 => rsa(self.rsa15),
                EncryptScheme::Gcm(bits) => inside(self.gcm.contains(&bits)),
                EncryptScheme::Cbc(bits) => inside(self.cbc.contains(&bits)),
                EncryptScheme::CbcPad(bits) => inside(self.cbc_pad.contains(&bits)),
            },
            (Alg::Wrap(alg), _) => match alg.row().scheme {
                WrapScheme::Oaep(hash) => rsa(self.oaep.get(&hash).copied()),
                WrapScheme::Pkcs1v15 => rsa(self.rsa15),
                WrapScheme::AesKw(_) => inside(self.key_wrap.is_some()),
                WrapScheme::AesKwp => inside(match op {
                    Op::WrapKey => self.padded_wrap.is_some(),
                    _ => self.padded_unwrap.is_some(),
                }),
            },
        }
    }

    /// Whether the token itself does the half of an algorithm that needs the public key alone.
    fn public_inside(&self, op: Op, alg: Alg, spec: KeySpec) -> bool {
        let (mechanism, flag) = match (op, alg) {
            (Op::Verify, Alg::Sign(alg)) => match alg.row().scheme {
                SignScheme::Pkcs1v15 => (CKM_RSA_PKCS, CKF_VERIFY),
                SignScheme::Pss => (CKM_RSA_PKCS_PSS, CKF_VERIFY),
                SignScheme::Ecdsa(_) => (CKM_ECDSA, CKF_VERIFY),
                SignScheme::Hmac => return false,
            },
            (Op::Encrypt | Op::WrapKey, Alg::Encrypt(_) | Alg::Wrap(_)) => {
                let secret = self.place(op, alg, spec);
                return secret == Some(Place::Inside);
            }
            _ => return false,
        };
        let info = self.mechanisms.get(&mechanism);
        self.place(Op::Sign, alg, spec) == Some(Place::Inside)
            && info.is_some_and(|info| info.flags & flag != 0)
    }

    /// The table. What needs a public key alone is done in this crate for every key that the
    /// token can have, or where asked inside.
    pub(super) fn capabilities(&self, public_in_token: bool) -> Capabilities {
        let pairs = Alg::all().flat_map(|alg| KeySpec::ALL.iter().map(move |spec| (alg, *spec)));
        let fitting = pairs.filter(|(alg, spec)| alg.fits(*spec));
        let rows = fitting.flat_map(|(alg, spec)| {
            let ops = alg.ops();
            ops.into_iter().filter_map(move |op| {
                let by_public =
                    !spec.is_symmetric() && op.produces() != matches!(alg, Alg::Sign(_));
                let place = match by_public {
                    false => self.place(op, alg, spec)?,
                    true if public_in_token && self.public_inside(op, alg, spec) => Place::Inside,
                    // Only beside its other half: what nobody can decrypt is not encrypted.
                    true => self.place(op, alg, spec).map(|_| Place::Public)?,
                };
                Some(Capability {
                    op,
                    alg,
                    spec,
                    place,
                })
            })
        });
        let generate = KeySpec::ALL
            .iter()
            .copied()
            .filter(|spec| self.generates(*spec));
        Capabilities::new(rows)
            .with_generate(generate)
            .with_import(self.import.iter().copied())
            .with_hsm(true)
    }
}
