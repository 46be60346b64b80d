//! The keys that all contenders share, and what is signed with them. A benchmark's keys live
//! as long as it does, so they are leaked and lent to everyone.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::thread;

use openssl::bn::BigNumContext;
use openssl::ec::{EcGroup, EcKey, PointConversionForm};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use strongroom::Curve;

/// How many keys a batch with different keys goes round.
pub(crate) const KEYS: usize = 8;

/// Every message is as long as a SHA-256 hash. ring and graviola sign messages and no digests,
/// so messages are what everybody gets, and hashing is in everybody's time.
pub(crate) type Message = [u8; 32];

/// The message of this item of a batch.
pub(crate) fn message(item: usize) -> Message {
    let mut message = *b"number .. of the messages signed";
    message[7..9].copy_from_slice(&u16::try_from(item).expect("a small batch").to_be_bytes());
    message
}

/// A key pair, in the form in which each contender reads it.
pub(crate) struct Pair {
    pub(crate) openssl: PKey<Private>,
    pub(crate) pkcs8: Vec<u8>,
    /// The point, uncompressed, or an `RSAPublicKey`.
    pub(crate) public: Vec<u8>,
    /// The private scalar; nothing of an RSA key.
    pub(crate) scalar: Vec<u8>,
}

/// Key pairs, made when they are first asked for.
#[derive(Default)]
pub(crate) struct Keys {
    rsa: RefCell<BTreeMap<u32, &'static [Pair]>>,
    ec: RefCell<BTreeMap<&'static str, &'static [Pair]>>,
}

impl Keys {
    pub(crate) fn rsa(&self, bits: u32) -> &'static [Pair] {
        let make = || {
            let pairs = thread::scope(|scope| {
                let one = || scope.spawn(move || Pair::rsa(bits));
                let threads = [(); KEYS].map(|()| one());
                threads.map(|thread| thread.join().expect("a key"))
            });
            leak(Vec::from(pairs)).as_slice()
        };
        self.rsa.borrow_mut().entry(bits).or_insert_with(make)
    }

    pub(crate) fn ec(&self, curve: Curve) -> &'static [Pair] {
        let make = || {
            let pairs = (0..KEYS).map(|_| Pair::ec(curve)).collect();
            leak::<Vec<_>>(pairs).as_slice()
        };
        self.ec
            .borrow_mut()
            .entry(curve.name())
            .or_insert_with(make)
    }
}

impl Pair {
    fn rsa(bits: u32) -> Self {
        let key = Rsa::generate(bits).expect("an RSA key");
        let public = key.public_key_to_der_pkcs1().expect("DER");
        Self::new(PKey::from_rsa(key).expect("a key"), public, Vec::new())
    }

    fn ec(curve: Curve) -> Self {
        let group = group(curve);
        let key = EcKey::generate(&group).expect("an EC key");
        let mut context = BigNumContext::new().expect("memory");
        let form = PointConversionForm::UNCOMPRESSED;
        let public = key.public_key().to_bytes(&group, form, &mut context);
        let public = public.expect("a point");
        let len = i32::try_from(curve.field_len()).expect("a short one");
        let scalar = key.private_key().to_vec_padded(len).expect("it fits");
        Self::new(PKey::from_ec_key(key).expect("a key"), public, scalar)
    }

    fn new(openssl: PKey<Private>, public: Vec<u8>, scalar: Vec<u8>) -> Self {
        let pkcs8 = openssl.private_key_to_pkcs8().expect("DER");
        Pair {
            openssl,
            pkcs8,
            public,
            scalar,
        }
    }
}

/// OpenSSL's name for the curve.
pub(crate) fn group(curve: Curve) -> EcGroup {
    let nid = match curve {
        Curve::P256 => Nid::X9_62_PRIME256V1,
        Curve::P384 => Nid::SECP384R1,
        Curve::P521 => Nid::SECP521R1,
        _ => Nid::SECP256K1,
    };
    EcGroup::from_curve_name(nid).expect("a curve that OpenSSL knows")
}

/// For as long as the benchmark runs.
pub(crate) fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}
