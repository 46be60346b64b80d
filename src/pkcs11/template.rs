//! What keys in the token are made with.
//!
//! Private and secret keys are sensitive always, and extractable only if they were asked to be
//! exportable. The rest of a key's rules (its operations by name, its dates) are for the
//! vault: tokens differ in what they enforce.

use cryptoki_sys::*;
use der::Encode;
use der::asn1::OctetString;

use super::mechanism::class_and_type;
use super::raw::{Attribute, Value, ulong};
use crate::alg::KeyOp;
use crate::alg::{KeySpec, Op};
use crate::encoding;
use crate::error::Error;
use crate::jwk::{PublicKey, SecretKey};
use crate::provider::NewKey;

/// 65537.
const EXPONENT: &[u8] = &[1, 0, 1];

/// The attributes of a new key, with the bytes that they point to.
pub(super) struct NewTemplates<'a> {
    new: &'a NewKey,
    id: [u8; 16],
    label: String,
    parameters: Vec<u8>,
    /// In the token, or for this session alone.
    token: bool,
}

impl<'a> NewTemplates<'a> {
    pub(super) fn new(new: &'a NewKey, token: bool) -> Result<Self, Error> {
        Ok(NewTemplates {
            id: *new.id().as_bytes(),
            // For people, beside keys of others.
            label: match new.label() {
                "" => format!("strongroom {}", new.id()),
                label => label.to_owned(),
            },
            parameters: match new.spec() {
                KeySpec::Ec(curve) => encoding::ec_parameters(curve)?,
                _ => Vec::new(),
            },
            new,
            token,
        })
    }

    fn named(&self) -> Vec<Attribute<'_>> {
        vec![
            Attribute(CKA_TOKEN, Value::Bool(self.token)),
            Attribute(CKA_ID, Value::Bytes(&self.id)),
            Attribute(CKA_LABEL, Value::Bytes(self.label.as_bytes())),
        ]
    }

    /// A public key, to be generated.
    pub(super) fn public(&self) -> Vec<Attribute<'_>> {
        let mut template = self.named();
        let usage = match self.new.spec() {
            KeySpec::Rsa { bits } => {
                template.push(Attribute(
                    CKA_MODULUS_BITS,
                    Value::Ulong(CK_ULONG::from(bits)),
                ));
                template.push(Attribute(CKA_PUBLIC_EXPONENT, Value::Bytes(EXPONENT)));
                &[CKA_VERIFY, CKA_ENCRYPT, CKA_WRAP][..]
            }
            _ => {
                template.push(Attribute(CKA_EC_PARAMS, Value::Bytes(&self.parameters)));
                &[CKA_VERIFY][..]
            }
        };
        template.extend(usage.iter().map(|kind| Attribute(*kind, Value::Bool(true))));
        template
    }

    /// A private or secret key, to be generated, imported or unwrapped.
    pub(super) fn private(&self) -> Vec<Attribute<'_>> {
        let mut template = self.named();
        template.extend([
            Attribute(CKA_PRIVATE, Value::Bool(true)),
            Attribute(CKA_SENSITIVE, Value::Bool(true)),
            Attribute(CKA_EXTRACTABLE, Value::Bool(self.new.exportable())),
        ]);
        template.extend(
            self.usage()
                .into_iter()
                .map(|(kind, yes)| Attribute(kind, Value::Bool(yes))),
        );
        template
    }

    /// A secret key, to be generated.
    pub(super) fn secret(&self) -> Vec<Attribute<'_>> {
        let mut template = self.private();
        template.push(Attribute(
            CKA_VALUE_LEN,
            Value::Ulong(ulong(self.new.spec().byte_len())),
        ));
        template
    }

    /// Class and type before [`private`](NewTemplates::private): for imports and unwrapping.
    pub(super) fn typed(&self) -> Vec<Attribute<'_>> {
        let (class, kind) = class_and_type(self.new.spec());
        let mut template = vec![
            Attribute(CKA_CLASS, Value::Ulong(class)),
            Attribute(CKA_KEY_TYPE, Value::Ulong(kind)),
        ];
        template.extend(self.private());
        template
    }

    /// What the private half may be used for. A token does not know this crate's verbs:
    /// unwrapping a caller's bytes is decryption to it, and wrapping them is wrapping an
    /// object or encrypting.
    fn usage(&self) -> Vec<(CK_ATTRIBUTE_TYPE, bool)> {
        let ops = self.new.ops();
        let may = |op: Op| ops.contains(op);
        let import = ops.contains(KeyOp::Import);
        match self.new.spec() {
            KeySpec::Rsa { .. } => vec![
                (CKA_SIGN, may(Op::Sign)),
                (CKA_DECRYPT, may(Op::Decrypt) || may(Op::UnwrapKey)),
                (CKA_UNWRAP, may(Op::UnwrapKey) || import),
            ],
            KeySpec::Ec(_) => vec![(CKA_SIGN, true)],
            KeySpec::Aes { .. } => vec![
                (CKA_ENCRYPT, may(Op::Encrypt) || may(Op::WrapKey)),
                (CKA_DECRYPT, may(Op::Decrypt) || may(Op::UnwrapKey)),
                (CKA_WRAP, may(Op::WrapKey)),
                (CKA_UNWRAP, may(Op::UnwrapKey) || import),
            ],
            KeySpec::Hmac { .. } => vec![(CKA_SIGN, true), (CKA_VERIFY, true)],
        }
    }

    /// The value of a key, to import, on top of [`typed`](NewTemplates::typed).
    pub(super) fn import<'b>(
        &'b self,
        secret: &'b SecretKey,
        public: &'b Numbers,
    ) -> Vec<Attribute<'b>> {
        let mut template = self.typed();
        let bytes = |kind, value: &'b [u8]| Attribute(kind, Value::Bytes(value));
        match secret {
            SecretKey::Rsa(key) => template.extend([
                bytes(CKA_MODULUS, &public.n),
                bytes(CKA_PUBLIC_EXPONENT, &public.e),
                bytes(CKA_PRIVATE_EXPONENT, key.d.expose()),
                bytes(CKA_PRIME_1, key.p.expose()),
                bytes(CKA_PRIME_2, key.q.expose()),
                bytes(CKA_EXPONENT_1, key.dp.expose()),
                bytes(CKA_EXPONENT_2, key.dq.expose()),
                bytes(CKA_COEFFICIENT, key.qi.expose()),
            ]),
            SecretKey::Ec(key) => template.extend([
                bytes(CKA_EC_PARAMS, &self.parameters),
                bytes(CKA_VALUE, key.d.expose()),
            ]),
            SecretKey::Oct(key) => template.push(bytes(CKA_VALUE, key.k.expose())),
        }
        template
    }

    /// The public object beside an imported or unwrapped private key.
    pub(super) fn import_public<'b>(&'b self, public: &'b Numbers) -> Vec<Attribute<'b>> {
        let kind = match self.new.spec() {
            KeySpec::Rsa { .. } => CKK_RSA,
            _ => CKK_EC,
        };
        let mut template = vec![
            Attribute(CKA_CLASS, Value::Ulong(CKO_PUBLIC_KEY)),
            Attribute(CKA_KEY_TYPE, Value::Ulong(kind)),
        ];
        template.extend(self.named());
        let usage = match kind {
            CKK_RSA => {
                template.push(Attribute(CKA_MODULUS, Value::Bytes(&public.n)));
                template.push(Attribute(CKA_PUBLIC_EXPONENT, Value::Bytes(&public.e)));
                &[CKA_VERIFY, CKA_ENCRYPT, CKA_WRAP][..]
            }
            _ => {
                template.push(Attribute(CKA_EC_PARAMS, Value::Bytes(&self.parameters)));
                template.push(Attribute(CKA_EC_POINT, Value::Bytes(&public.point)));
                &[CKA_VERIFY][..]
            }
        };
        template.extend(usage.iter().map(|kind| Attribute(*kind, Value::Bool(true))));
        template
    }
}

/// A public key as attributes have it.
#[derive(Default)]
pub(super) struct Numbers {
    pub(super) n: Vec<u8>,
    pub(super) e: Vec<u8>,
    /// In a DER OCTET STRING, as the standard wants it (PKCS #11 v3.1 section 6.3.3); the bare
    /// form is taken by some tokens and then never verifies.
    pub(super) point: Vec<u8>,
}

impl Numbers {
    pub(super) fn of(public: &PublicKey) -> Self {
        match public {
            PublicKey::Rsa(key) => Numbers {
                n: key.n(),
                e: key.e(),
                point: Vec::new(),
            },
            PublicKey::Ec(key) => Numbers {
                // A point is short enough for any form of DER.
                point: OctetString::new(key.sec1())
                    .and_then(|point| point.to_der())
                    .unwrap_or_default(),
                ..Numbers::default()
            },
            PublicKey::Oct(_) => Numbers::default(),
        }
    }
}

/// A secret of the session alone that is read out again: a caller's bytes, in the form of a key.
pub(super) fn readable() -> [Attribute<'static>; 5] {
    [
        Attribute(CKA_CLASS, Value::Ulong(CKO_SECRET_KEY)),
        Attribute(CKA_KEY_TYPE, Value::Ulong(CKK_GENERIC_SECRET)),
        Attribute(CKA_TOKEN, Value::Bool(false)),
        Attribute(CKA_SENSITIVE, Value::Bool(false)),
        Attribute(CKA_EXTRACTABLE, Value::Bool(true)),
    ]
}
