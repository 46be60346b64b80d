//! The private operation, `x^d mod n`, by way of the two primes.
//!
//! The steps are the same for all numbers of a size: no branch and no index depends on a key
//! or on what is raised. A result is raised to the public exponent and compared before it
//! leaves: one wrong half gives the primes away (Boneh, DeMillo, Lipton 1997).

use zeroize::{Zeroize, Zeroizing};

use super::ifma::{LANES, Wide, pow_lanes, pow_pair};
use super::modulus::{Modulus, scratch};
use super::public::{Public, PublicKey, all};
use crate::engine::erase::erase_stack;
use crate::engine::limbs;

/// A private key of one of the three sizes; erased when it is dropped.
pub(crate) enum PrivateKey {
    Rsa2048(Box<Private<16, 32, 3, 5>>),
    Rsa3072(Box<Private<24, 48, 4, 8>>),
    Rsa4096(Box<Private<32, 64, 5, 10>>),
}

/// Primes of `64 N` bits and a modulus of `64 M`, which is twice as many; `H` and `W` vectors
/// have room for them.
pub(crate) struct Private<const N: usize, const M: usize, const H: usize, const W: usize> {
    public: Public<M, W>,
    p: Half<N, H>,
    q: Half<N, H>,
    /// `q^-1 R mod p`.
    q_inverse: Zeroizing<[u64; N]>,
}

/// A prime and `d` modulo one less.
struct Half<const N: usize, const H: usize> {
    prime: Modulus<N>,
    wide: Option<Box<Wide<H>>>,
    exponent: Zeroizing<[u64; N]>,
}

/// Why numbers are no private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// `p q` is not `n`.
    Modulus,
    /// Anything else.
    Exponent,
}

/// What follows from `d`, `p` and `q`, big-endian, each half as wide as the modulus.
pub(crate) struct Crt {
    /// `d mod p - 1`.
    pub(crate) dp: Zeroizing<Vec<u8>>,
    /// `d mod q - 1`.
    pub(crate) dq: Zeroizing<Vec<u8>>,
    /// `q^-1 mod p`.
    pub(crate) qi: Zeroizing<Vec<u8>>,
}

impl PrivateKey {
    /// From big-endian numbers: `d` as wide as the modulus, `p` and `q` half that.
    ///
    /// Checks that `p q = n`, that `e d = 1` modulo `p - 1` and `q - 1`, and that the primes
    /// are prime to each other. Whether they are prime is not asked.
    pub(crate) fn new(public: &PublicKey, d: &[u8], p: &[u8], q: &[u8]) -> Result<Self, Mismatch> {
        let key = match public {
            PublicKey::Rsa2048(n) => Private::new(n, d, p, q).map(PrivateKey::Rsa2048),
            PublicKey::Rsa3072(n) => Private::new(n, d, p, q).map(PrivateKey::Rsa3072),
            PublicKey::Rsa4096(n) => Private::new(n, d, p, q).map(PrivateKey::Rsa4096),
        };
        erase_stack::<64>();
        key
    }

    /// The numbers with which the primes' halves are computed.
    pub(crate) fn crt(&self) -> Crt {
        let crt = match self {
            PrivateKey::Rsa2048(key) => key.crt(),
            PrivateKey::Rsa3072(key) => key.crt(),
            PrivateKey::Rsa4096(key) => key.crt(),
        };
        erase_stack::<64>();
        crt
    }

    /// The bytes of a big-endian `x`, as many as the modulus has, become those of
    /// `x^d mod n`.
    ///
    /// `false`, and `x` is erased, unless it has so many bytes and is below the modulus, or
    /// if the result does not lead back to it.
    #[must_use]
    pub(crate) fn raise(&self, x: &mut [u8]) -> bool {
        let done = match self {
            PrivateKey::Rsa2048(key) => key.raise_bytes(x),
            PrivateKey::Rsa3072(key) => key.raise_bytes(x),
            PrivateKey::Rsa4096(key) => key.raise_bytes(x),
        };
        // One half of a result gives a prime away, beside the whole.
        erase_stack::<64>();
        done
    }
}

impl PrivateKey {
    /// Makes the half of one prime come out wrong, as a flipped bit in memory does.
    #[cfg(test)]
    pub(crate) fn plant_fault(&mut self) {
        match self {
            PrivateKey::Rsa2048(key) => key.p.exponent[3] ^= 1 << 17,
            PrivateKey::Rsa3072(key) => key.p.exponent[3] ^= 1 << 17,
            PrivateKey::Rsa4096(key) => key.p.exponent[3] ^= 1 << 17,
        }
    }
}

/// Raises many, each with its own key: the bytes of [`PrivateKey::raise`], and its answer for
/// each. Four go side by side where the processor can.
#[must_use]
pub(crate) fn raise_batch(items: &mut [(&PrivateKey, &mut [u8])]) -> Vec<bool> {
    let mut done = vec![false; items.len()];
    raise_sized(items, &mut done, |key| match key {
        PrivateKey::Rsa2048(key) => Some(key),
        _ => None,
    });
    raise_sized(items, &mut done, |key| match key {
        PrivateKey::Rsa3072(key) => Some(key),
        _ => None,
    });
    raise_sized(items, &mut done, |key| match key {
        PrivateKey::Rsa4096(key) => Some(key),
        _ => None,
    });
    erase_stack::<64>();
    for (item, done) in items.iter_mut().zip(&done) {
        if !done {
            item.1.zeroize();
        }
    }
    done
}

/// Raises those whose keys are of one size.
#[inline(never)]
fn raise_sized<const N: usize, const M: usize, const H: usize, const W: usize>(
    items: &mut [(&PrivateKey, &mut [u8])],
    done: &mut [bool],
    of_size: impl Fn(&PrivateKey) -> Option<&Private<N, M, H, W>>,
) {
    let mut places = Vec::new();
    let mut numbers = Vec::new();
    for (item, done) in items.iter_mut().zip(done) {
        let Some(key) = of_size(item.0) else { continue };
        if let Some(number) = key.public.read(item.1) {
            numbers.push((key, number));
            places.push((&mut item.1, done));
        }
    }
    let powers = Private::raise_many(&numbers);
    let mut checks: Vec<_> = numbers
        .iter()
        .zip(&powers)
        .map(|((key, _), power)| (&key.public, power.clone()))
        .collect();
    Public::raise_many(&mut checks);
    for (((bytes, done), (_, number)), (power, (_, check))) in places
        .into_iter()
        .zip(&numbers)
        .zip(powers.iter().zip(&checks))
    {
        *done = limbs::equal(check.as_slice(), number.as_slice()) == 1;
        if *done {
            limbs::to_be(power.as_slice(), bytes);
        }
    }
}

/// Both primes of a key take a lane.
const KEYS: usize = LANES / 2;

impl<const N: usize, const M: usize, const H: usize, const W: usize> Private<N, M, H, W> {
    /// `x^d mod n` of each with its key, not compared with anything.
    fn raise_many(items: &[(&Self, Zeroizing<[u64; M]>)]) -> Vec<Zeroizing<[u64; M]>> {
        let mut powers = Vec::with_capacity(items.len());
        for group in items.chunks(KEYS) {
            match group {
                // The lanes take as long as two and a half, whether they are filled or not.
                [_, _, _, ..] if Self::raise_lanes(group, &mut powers) => {}
                _ => powers.extend(group.iter().map(|(key, x)| key.raise(x))),
            }
        }
        powers
    }

    /// Up to four; `false`, and nothing done, if the processor cannot.
    fn raise_lanes(
        group: &[(&Self, Zeroizing<[u64; M]>)],
        powers: &mut Vec<Zeroizing<[u64; M]>>,
    ) -> bool {
        // What the lanes behind the last key compute is thrown away.
        let halves: [Option<_>; LANES] = std::array::from_fn(|lane| {
            let (key, x) = group.get(lane / 2).or(group.first())?;
            let half = if lane % 2 == 0 { &key.p } else { &key.q };
            Some((half, half.wide.as_deref()?, x))
        });
        let Some(halves) = all(halves) else {
            return false;
        };
        let mut numbers = halves.map(|(half, _, x)| half.prime.reduce_wide(x.as_slice()));
        pow_lanes(
            halves.map(|(_, wide, _)| wide),
            halves.map(|(half, ..)| &half.prime),
            &mut numbers,
            halves.map(|(half, ..)| &*half.exponent),
        );
        let pairs = numbers.as_chunks::<2>().0;
        for ((key, _), [of_p, of_q]) in group.iter().zip(pairs) {
            powers.push(key.combine(of_p.clone(), of_q));
        }
        true
    }

    #[inline(never)]
    fn new(public: &Public<M, W>, d: &[u8], p: &[u8], q: &[u8]) -> Result<Box<Self>, Mismatch> {
        let read = |prime: &[u8]| limbs::from_be::<N>(prime).map(Zeroizing::new);
        let (p, q) = (read(p).zip(read(q))).ok_or(Mismatch::Modulus)?;
        let mut n = Zeroizing::new([0; M]);
        limbs::product(n.as_mut_slice(), &p, &q);
        if limbs::equal(n.as_slice(), public.n()) == 0 {
            return Err(Mismatch::Modulus);
        }
        let halves = || {
            let d = Zeroizing::new(limbs::from_be::<M>(d)?);
            let p = Half::new(&p, d.as_slice(), public.e())?;
            let q = Half::new(&q, d.as_slice(), public.e())?;
            let q_inverse = p.inverse(q.prime.n())?;
            Some((p, q, q_inverse))
        };
        let (p, q, q_inverse) = halves().ok_or(Mismatch::Exponent)?;
        Ok(Box::new(Private {
            public: public.clone(),
            p,
            q,
            q_inverse,
        }))
    }

    #[inline(never)]
    fn crt(&self) -> Crt {
        let mut qi = self.q_inverse.clone();
        self.p.prime.leave(&mut qi);
        let bytes = |number: &[u64; N]| {
            let mut bytes = Zeroizing::new(vec![0; 8 * N]);
            limbs::to_be(number, &mut bytes);
            bytes
        };
        Crt {
            dp: bytes(&self.p.exponent),
            dq: bytes(&self.q.exponent),
            qi: bytes(&qi),
        }
    }

    #[inline(never)]
    fn raise_bytes(&self, x: &mut [u8]) -> bool {
        let Some(number) = self.public.read(x) else {
            x.zeroize();
            return false;
        };
        let mut power = self.raise(&number);
        limbs::to_be(power.as_slice(), x);
        self.public.raise(&mut power);
        if limbs::equal(power.as_slice(), number.as_slice()) == 1 {
            return true;
        }
        x.zeroize();
        false
    }

    /// `x^d mod n`, not compared with anything.
    fn raise(&self, x: &[u64; M]) -> Zeroizing<[u64; M]> {
        let (p, q) = (&self.p, &self.q);
        let mut of_p = p.prime.reduce_wide(x);
        let mut of_q = q.prime.reduce_wide(x);
        if let (Some(wide_p), Some(wide_q)) = (&p.wide, &q.wide) {
            pow_pair(
                [wide_p, wide_q],
                [&p.prime, &q.prime],
                [&mut of_p, &mut of_q],
                [&p.exponent, &q.exponent],
            );
        } else {
            p.raise(&mut of_p);
            q.raise(&mut of_q);
        }
        self.combine(of_p, &of_q)
    }

    /// The number below `n` that is `of_p` modulo `p` and `of_q` modulo `q`, by Garner:
    /// `of_q + q ((of_p - of_q) q^-1 mod p)`.
    fn combine(&self, mut of_p: Zeroizing<[u64; N]>, of_q: &[u64; N]) -> Zeroizing<[u64; M]> {
        let mut t = scratch();
        // Below 2 p, as q is.
        let mut other = Zeroizing::new(*of_q);
        let p = &self.p.prime;
        p.reduce_once(&mut other);
        let borrow = limbs::sub(of_p.as_mut_slice(), other.as_slice());
        limbs::add_if(&mut of_p, p.n(), borrow);
        p.mul(&mut of_p, &self.q_inverse, &mut t);
        p.reduce_once(&mut of_p);

        let mut whole = Zeroizing::new([0; M]);
        limbs::product(whole.as_mut_slice(), &of_p, self.q.prime.n());
        let mut wide = Zeroizing::new([0; M]);
        let pairs = wide.iter_mut().zip(of_q);
        pairs.for_each(|(to, from)| *to = *from);
        limbs::add(whole.as_mut_slice(), wide.as_slice());
        whole
    }
}

impl<const N: usize, const H: usize> Half<N, H> {
    /// `None` unless the prime has its top bit and `e d = 1` modulo one less.
    fn new(prime: &[u64; N], d: &[u64], e: u64) -> Option<Self> {
        let mut less_one = Zeroizing::new(*prime);
        // The prime is odd, or the modulus is refused.
        *less_one.first_mut()? &= !1;
        let exponent = limbs::remainder(d, &less_one);
        // e has up to 33 bits, so the product has one limb more.
        let mut product = scratch();
        let product = product.get_mut(..=N)?;
        let carry = limbs::add_row(product, exponent.as_slice(), e);
        *product.last_mut()? = carry;
        let mut one = [0; N];
        *one.first_mut()? = 1;
        let rest = limbs::remainder(product, &less_one);
        if limbs::equal(rest.as_slice(), &one) == 0 {
            return None;
        }
        let prime = Modulus::new(prime)?;
        Some(Half {
            wide: Wide::new(&prime, 64 * N),
            prime,
            exponent,
        })
    }

    /// `x / R` becomes `x^d mod prime`.
    fn raise(&self, x: &mut [u64; N]) {
        self.prime.enter(x);
        self.prime.enter(x);
        self.prime.pow(x, &self.exponent);
        self.prime.leave(x);
    }

    /// `a^-1 R` modulo the prime, by Fermat; `None` if it is none.
    fn inverse(&self, a: &[u64; N]) -> Option<Zeroizing<[u64; N]>> {
        let prime = &self.prime;
        let mut less_two = Zeroizing::new(*prime.n());
        let mut two = [0; N];
        *two.first_mut()? = 2;
        limbs::sub(less_two.as_mut_slice(), &two);
        let mut inverse = Zeroizing::new(*a);
        prime.enter(&mut inverse);
        prime.pow(&mut inverse, &less_two);
        // a (a^-1 R) / R = 1.
        let mut one = inverse.clone();
        prime.mul(&mut one, a, &mut scratch());
        prime.reduce_once(&mut one);
        let [first, rest @ ..] = one.as_slice() else {
            return None;
        };
        let is_one = rest.iter().fold(first ^ 1, |sum, limb| sum | limb) == 0;
        is_one.then_some(inverse)
    }
}
