//! The public operation, `x^e mod n`.
//!
//! The exponent is public and its bits decide what is computed; the number need not be, and
//! takes the same steps whatever it is.

use zeroize::Zeroizing;

use super::ifma::{LANES, Wide, pow_lanes_vartime};
use super::modulus::Modulus;
use crate::engine::limbs;

/// A public key of one of the three sizes.
pub(crate) enum PublicKey {
    Rsa2048(Box<Public<32, 5>>),
    Rsa3072(Box<Public<48, 8>>),
    Rsa4096(Box<Public<64, 10>>),
}

/// A modulus of `64 M` bits, for which `W` vectors have room, and an exponent.
#[derive(Clone)]
pub(crate) struct Public<const M: usize, const W: usize> {
    modulus: Modulus<M>,
    wide: Option<Box<Wide<W>>>,
    e: u64,
}

impl PublicKey {
    /// From a big-endian modulus of exactly 2048, 3072 or 4096 bits and an exponent above 1, both
    /// odd.
    pub(crate) fn new(n: &[u8], e: u64) -> Option<Self> {
        match n.len() {
            256 => Public::new(n, e).map(PublicKey::Rsa2048),
            384 => Public::new(n, e).map(PublicKey::Rsa3072),
            512 => Public::new(n, e).map(PublicKey::Rsa4096),
            _ => None,
        }
    }

    /// The bytes of a big-endian `x`, as many as the modulus has, become those of `x^e mod n`.
    /// `false`, and `x` as it was, unless it has so many and is below the modulus.
    #[must_use]
    pub(crate) fn raise(&self, x: &mut [u8]) -> bool {
        match self {
            PublicKey::Rsa2048(key) => key.raise_bytes(x),
            PublicKey::Rsa3072(key) => key.raise_bytes(x),
            PublicKey::Rsa4096(key) => key.raise_bytes(x),
        }
    }
}

/// Raises many, each to its own key's exponent: the bytes of [`PublicKey::raise`], and its
/// answer for each. Eight go side by side where the processor can.
#[must_use]
pub(crate) fn raise_batch(items: &mut [(&PublicKey, &mut [u8])]) -> Vec<bool> {
    let mut done = vec![false; items.len()];
    raise_sized(items, &mut done, |key| match key {
        PublicKey::Rsa2048(key) => Some(key),
        _ => None,
    });
    raise_sized(items, &mut done, |key| match key {
        PublicKey::Rsa3072(key) => Some(key),
        _ => None,
    });
    raise_sized(items, &mut done, |key| match key {
        PublicKey::Rsa4096(key) => Some(key),
        _ => None,
    });
    done
}

/// Raises those whose keys are of one size.
fn raise_sized<const M: usize, const W: usize>(
    items: &mut [(&PublicKey, &mut [u8])],
    done: &mut [bool],
    of_size: impl Fn(&PublicKey) -> Option<&Public<M, W>>,
) {
    let mut places = Vec::new();
    let mut numbers = Vec::new();
    for (item, done) in items.iter_mut().zip(done) {
        let Some(key) = of_size(item.0) else { continue };
        if let Some(number) = key.read(item.1) {
            numbers.push((key, number));
            places.push((&mut item.1, done));
        }
    }
    Public::raise_many(&mut numbers);
    for ((bytes, done), (_, number)) in places.into_iter().zip(&numbers) {
        limbs::to_be(number.as_slice(), bytes);
        *done = true;
    }
}

/// From how many on eight lanes are faster than one at a time, wherever it is: they take as long as
/// four, and where a processor does 512 bits in halves as five or a little more.
const PAYS_FROM: usize = 6;

impl<const M: usize, const W: usize> Public<M, W> {
    /// Each `x` becomes `x^e mod n` of its key.
    pub(super) fn raise_many(items: &mut [(&Self, Zeroizing<[u64; M]>)]) {
        let mut order: Vec<_> = items.iter_mut().collect();
        // The lanes share an exponent.
        order.sort_by_key(|(key, _)| key.e);
        for same in order.chunk_by_mut(|(one, _), (other, _)| one.e == other.e) {
            for group in same.chunks_mut(LANES) {
                if group.len() < PAYS_FROM || !Self::raise_lanes(group) {
                    group.iter_mut().for_each(|(key, x)| key.raise(x));
                }
            }
        }
    }

    /// Up to eight with one exponent; `false`, and nothing done, if the processor cannot.
    fn raise_lanes(group: &mut [&mut (&Self, Zeroizing<[u64; M]>)]) -> bool {
        let keys: Vec<&Self> = group.iter().map(|(key, _)| *key).collect();
        // What the lanes behind the last key compute is thrown away.
        let key = |lane: usize| keys.get(lane).or(keys.first());
        let lane: [Option<_>; LANES] = std::array::from_fn(|lane| {
            key(lane).and_then(|key| key.wide.as_deref().zip(Some(*key)))
        });
        let Some(lane) = all(lane) else {
            return false;
        };
        let e = lane.map(|(_, key)| key.e)[0];
        let mut numbers = [(); LANES].map(|()| Zeroizing::new([0; M]));
        swap(group, &mut numbers);
        let (wide, moduli) = (
            lane.map(|(wide, _)| wide),
            lane.map(|(_, key)| &key.modulus),
        );
        pow_lanes_vartime(wide, moduli, &mut numbers, e);
        swap(group, &mut numbers);
        true
    }

    fn new(n: &[u8], e: u64) -> Option<Box<Self>> {
        if e.is_multiple_of(2) || e == 1 {
            return None;
        }
        let modulus = Modulus::new(&limbs::from_be(n)?)?;
        let wide = Wide::new(&modulus, 0);
        Some(Box::new(Public { modulus, wide, e }))
    }

    fn raise_bytes(&self, x: &mut [u8]) -> bool {
        let Some(mut number) = self.read(x) else {
            return false;
        };
        self.raise(&mut number);
        limbs::to_be(number.as_slice(), x);
        true
    }

    /// The number in as many bytes as the modulus has, if it is below it.
    pub(super) fn read(&self, bytes: &[u8]) -> Option<Zeroizing<[u64; M]>> {
        if bytes.len() != 8 * M {
            return None;
        }
        let number = Zeroizing::new(limbs::from_be(bytes)?);
        // That it is too large ends up public: it is refused.
        let fits = limbs::less(number.as_slice(), self.modulus.n()) == 1;
        fits.then_some(number)
    }

    /// `x` becomes `x^e mod n`.
    pub(super) fn raise(&self, x: &mut [u64; M]) {
        match &self.wide {
            Some(wide) => wide.pow_vartime(&self.modulus, x, self.e),
            None => self.modulus.pow_vartime(x, self.e),
        }
    }

    pub(super) fn n(&self) -> &[u64; M] {
        self.modulus.n()
    }

    pub(super) fn e(&self) -> u64 {
        self.e
    }
}

/// All of them, or none.
pub(super) fn all<T: Copy>(lanes: [Option<T>; LANES]) -> Option<[T; LANES]> {
    let [a, b, c, d, e, f, g, h] = lanes;
    Some([a?, b?, c?, d?, e?, f?, g?, h?])
}

fn swap<K, T>(group: &mut [&mut (K, T)], numbers: &mut [T; LANES]) {
    let pairs = group.iter_mut().zip(numbers);
    pairs.for_each(|((_, x), number)| std::mem::swap(x, number));
}
