//! Every path against the `crypto-bigint` crate: random numbers, and those at which carries
//! run, sums overflow and reductions do or do not take the modulus off.

use chacha20::ChaCha20Rng;
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, ConcatenatingMul, Odd};
use rand_core::{Rng, SeedableRng};

use super::ifma::{Wide, pow_lanes, pow_lanes_vartime, pow_pair};
use super::modulus::Modulus;
use super::*;
use crate::engine::limbs;

fn uint(limbs: &[u64]) -> BoxedUint {
    BoxedUint::from_words(limbs.iter().copied())
}

/// The limbs `from..from + N` of a longer number.
fn part<const N: usize>(limbs: &[u64], from: usize) -> [u64; N] {
    std::array::from_fn(|at| limbs[from + at])
}

/// `x^e mod n` by the other implementation.
fn expected<const N: usize>(x: &[u64; N], e: &[u64], n: &[u64; N]) -> [u64; N] {
    let params = BoxedMontyParams::new_vartime(Odd::new(uint(n)).unwrap());
    let reduced = uint(x).rem_vartime(params.modulus().as_nz_ref());
    let power = BoxedMontyForm::new(reduced, &params)
        .pow(&uint(e))
        .retrieve();
    part(power.as_words(), 0)
}

/// Numbers of `N` limbs that are made of runs of ones and of zeros.
fn edges<const N: usize>() -> Vec<[u64; N]> {
    let mut one = [0; N];
    one[0] = 1;
    let ones = [u64::MAX; N];
    let mut top = [0; N];
    top[N - 1] = 1 << 63;
    let half = std::array::from_fn(|i| if i < N / 2 { u64::MAX } else { 0 });
    let other_half = half.map(|limb: u64| !limb);
    // All digits of 52 bits but one are ones.
    let mut hole = ones;
    hole[52 * 7 / 64] &= !(1 << (52 * 7 % 64));
    let gaps = std::array::from_fn(|i| u64::from(i % 3 != 1).wrapping_neg());
    vec![[0; N], one, ones, top, half, other_half, hole, gaps]
}

/// The same with random ones, and with what lies at the edges of the modulus.
fn numbers<const N: usize>(n: &[u64; N], rng: &mut ChaCha20Rng) -> Vec<[u64; N]> {
    let mut numbers = edges();
    for step in 1..4 {
        let mut near = *n;
        near[0] = near[0].wrapping_sub(step);
        numbers.push(near);
    }
    numbers.push(std::array::from_fn(|_| rng.next_u64()));
    numbers
}

fn moduli<const N: usize>(rng: &mut ChaCha20Rng) -> Vec<[u64; N]> {
    let random = (0..2).map(|_| std::array::from_fn(|_| rng.next_u64()));
    let mut moduli: Vec<[u64; N]> = edges().into_iter().chain(random).collect();
    for n in &mut moduli {
        n[0] |= 1;
        n[N - 1] |= 1 << 63;
    }
    moduli
}

fn rng() -> ChaCha20Rng {
    let seed = rand_core::TryRng::try_next_u64(&mut getrandom::SysRng).unwrap();
    println!("seed {seed}");
    ChaCha20Rng::seed_from_u64(seed)
}

/// Secret exponents, on the path for all processors and on that for pairs.
fn secret_powers<const N: usize, const W: usize>(limit: usize) {
    let mut rng = rng();
    for n in moduli::<N>(&mut rng).into_iter().take(limit) {
        let modulus = Modulus::new(&n).unwrap();
        let wide = Wide::<W>::new(&modulus, 64 * N);
        let numbers = numbers(&n, &mut rng);
        for (x, e) in numbers.iter().zip(numbers.iter().rev()) {
            let wanted = expected(x, e, &n);
            let mut power = *x;
            modulus.enter(&mut power);
            modulus.pow(&mut power, e);
            modulus.leave(&mut power);
            assert_eq!(power, wanted, "{x:x?}^{e:x?} mod {n:x?}");
            let Some(wide) = &wide else { continue };
            let (mut left, mut right) = (modulus.reduce_wide(x), modulus.reduce_wide(e));
            let (wides, moduli) = ([&**wide; 2], [&modulus; 2]);
            pow_pair(wides, moduli, [&mut left, &mut right], [e, x]);
            assert_eq!(*left, wanted, "{x:x?}^{e:x?} mod {n:x?}");
            assert_eq!(*right, expected(e, x, &n), "{e:x?}^{x:x?} mod {n:x?}");
        }
    }
}

/// Public exponents.
fn public_powers<const N: usize, const W: usize>() {
    let mut rng = rng();
    for n in moduli::<N>(&mut rng) {
        let modulus = Modulus::new(&n).unwrap();
        let wide = Wide::<W>::new(&modulus, 0);
        for x in numbers(&n, &mut rng) {
            for e in [3, 5, 65537, (1 << 33) - 1] {
                let wanted = expected(&x, &[e], &n);
                let mut power = x;
                modulus.pow_vartime(&mut power, e);
                assert_eq!(power, wanted, "{x:x?}^{e} mod {n:x?}");
                let Some(wide) = &wide else { continue };
                let mut power = x;
                wide.pow_vartime(&modulus, &mut power, e);
                assert_eq!(power, wanted, "{x:x?}^{e} mod {n:x?}");
            }
        }
    }
}

#[test]
fn powers_modulo_primes_of_1024_bits() {
    secret_powers::<16, 3>(10);
}

#[test]
fn powers_modulo_primes_of_1536_bits() {
    secret_powers::<24, 4>(6);
}

#[test]
fn powers_modulo_primes_of_2048_bits() {
    secret_powers::<32, 5>(4);
}

#[test]
fn public_powers_of_every_size() {
    public_powers::<32, 5>();
    public_powers::<48, 8>();
    public_powers::<64, 10>();
}

/// Eight moduli, and in each round a number for each.
struct Eight<const N: usize, const W: usize> {
    moduli: [Modulus<N>; 8],
    wide: [Box<Wide<W>>; 8],
    rounds: [[[u64; N]; 8]; 3],
}

/// `None` if the processor has no lanes.
fn eight<const N: usize, const W: usize>(shift: usize) -> Option<Eight<N, W>> {
    let mut rng = rng();
    let mut moduli = moduli::<N>(&mut rng).into_iter().rev();
    let moduli: [Modulus<N>; 8] =
        std::array::from_fn(|_| Modulus::new(&moduli.next().unwrap()).unwrap());
    Wide::<W>::new(&moduli[0], shift)?;
    let wide = moduli
        .each_ref()
        .map(|modulus| Wide::<W>::new(modulus, shift).unwrap());
    let rounds = std::array::from_fn(|round| {
        std::array::from_fn(|lane| {
            let numbers = numbers(moduli[lane].n(), &mut rng);
            numbers[(lane + 5 * round) % numbers.len()]
        })
    });
    Some(Eight {
        moduli,
        wide,
        rounds,
    })
}

/// Eight lanes with different moduli, numbers and exponents.
fn secret_lanes<const N: usize, const W: usize>() {
    let Some(eight) = eight::<N, W>(64 * N) else {
        return;
    };
    let moduli = eight.moduli.each_ref();
    let wide = eight.wide.each_ref().map(|wide| &**wide);
    for (round, x) in eight.rounds.iter().enumerate() {
        let e: [[u64; N]; 8] = std::array::from_fn(|lane| x[(lane + round + 1) % 8]);
        let mut power: [_; 8] = std::array::from_fn(|lane| moduli[lane].reduce_wide(&x[lane]));
        pow_lanes(wide, moduli, &mut power, e.each_ref());
        for lane in 0..8 {
            let (x, e, n) = (&x[lane], &e[lane], moduli[lane].n());
            assert_eq!(*power[lane], expected(x, e, n), "{x:x?}^{e:x?} mod {n:x?}");
        }
    }
}

/// Eight lanes with different moduli and numbers, and one exponent.
fn public_lanes<const N: usize, const W: usize>() {
    let Some(eight) = eight::<N, W>(0) else {
        return;
    };
    let moduli = eight.moduli.each_ref();
    let wide = eight.wide.each_ref().map(|wide| &**wide);
    for x in eight.rounds {
        for e in [3, 5, 65537, (1 << 33) - 1] {
            let mut power = x.map(zeroize::Zeroizing::new);
            pow_lanes_vartime(wide, moduli, &mut power, e);
            for lane in 0..8 {
                let (x, n) = (&x[lane], moduli[lane].n());
                assert_eq!(*power[lane], expected(x, &[e], n), "{x:x?}^{e} mod {n:x?}");
            }
        }
    }
}

#[test]
fn powers_in_lanes() {
    secret_lanes::<16, 3>();
    secret_lanes::<24, 4>();
    secret_lanes::<32, 5>();
}

#[test]
fn public_powers_in_lanes() {
    public_lanes::<32, 5>();
    public_lanes::<48, 8>();
    public_lanes::<64, 10>();
}

/// Many keys of several sizes at once, good and bad numbers among them.
#[test]
fn batches_do_what_one_at_a_time_does() {
    let mut rng = rng();
    let keys: Vec<PublicKey> = [256, 384, 512, 256, 384]
        .iter()
        .zip([65537, 65537, 65537, 3, 65539])
        .map(|(len, e)| {
            let mut n = vec![0; *len];
            rng.fill_bytes(&mut n);
            n[0] |= 0x80;
            n[len - 1] |= 1;
            PublicKey::new(&n, e).unwrap()
        })
        .collect();
    for count in [0, 1, 2, 3, 7, 20, 41] {
        let mut numbers: Vec<Vec<u8>> = (0..count)
            .map(|i| {
                let mut x = vec![0; [256, 384, 512, 256, 384][i % 5]];
                rng.fill_bytes(&mut x);
                x[0] = if i % 7 == 3 { 0xFF } else { x[0] & 0x7F };
                if i % 11 == 4 {
                    x.pop();
                }
                x
            })
            .collect();
        let key = |i: usize| &keys[i % 5];
        let mut alone = numbers.clone();
        let wanted: Vec<bool> = (0..)
            .zip(&mut alone)
            .map(|(i, x)| key(i).raise(x))
            .collect();
        let items = (0..).zip(&mut numbers);
        let mut items: Vec<_> = items.map(|(i, x)| (key(i), x.as_mut_slice())).collect();
        assert_eq!(raise_public_batch(&mut items), wanted);
        assert!(numbers == alone, "{count}");
    }
}

#[test]
fn moduli_that_are_none_are_refused() {
    let mut n = [u64::MAX; 16];
    assert!(Modulus::new(&n).is_some());
    n[0] -= 1;
    assert!(Modulus::new(&n).is_none(), "even");
    assert!(Modulus::new(&[1; 16]).is_none(), "short");
    assert!(
        PublicKey::new(&[0xFF; 256], 2).is_none(),
        "an even exponent"
    );
    assert!(PublicKey::new(&[0xFF; 255], 3).is_none(), "of no size");
    assert!(
        PublicKey::new(&[0xFF; 256], 1).is_none(),
        "an exponent of one"
    );
}

#[test]
fn remainders_and_products_agree() {
    let mut rng = rng();
    for n in moduli::<16>(&mut rng) {
        for x in numbers(&n, &mut rng) {
            for y in edges::<16>() {
                let mut wide = [0; 32];
                limbs::product(&mut wide, &x, &y);
                assert_eq!(uint(&wide), uint(&x).concatenating_mul(&uint(&y)));
                let rest = uint(&wide).rem_vartime(&uint(&n).to_nz().unwrap());
                assert_eq!(
                    limbs::remainder(&wide, &n).as_slice(),
                    part::<16>(rest.as_words(), 0)
                );
            }
            let mut wide = [0; 32];
            limbs::square(&mut wide, &x);
            assert_eq!(uint(&wide), uint(&x).concatenating_mul(&uint(&x)));
        }
    }
}

/// A key whose every number is checked on the way in, and the round trips of its operations.
#[test]
fn a_key_of_each_half_is_checked_and_turns_back() {
    use rsa::traits::{PrivateKeyParts, PublicKeyParts};
    let mut rng = rng();
    let theirs = rsa::RsaPrivateKey::new(&mut rng, 2048).unwrap();
    let bytes = |value: &BoxedUint, len: usize| {
        let all = value.to_be_bytes();
        let mut out = vec![0; len.saturating_sub(all.len())];
        out.extend_from_slice(&all[all.len().saturating_sub(len)..]);
        out
    };
    let n = bytes(theirs.n().as_ref(), 256);
    let d = bytes(theirs.d(), 256);
    let [p, q] = [0, 1].map(|i| bytes(&theirs.primes()[i], 128));
    let public = PublicKey::new(&n, 65537).unwrap();
    // Either prime may be the greater one.
    for (p, q) in [(&p, &q), (&q, &p)] {
        let key = PrivateKey::new(&public, &d, p, q).unwrap();
        let mut edges = vec![
            vec![0; 256],
            n.clone(),
            n.clone(),
            [vec![0; 128], p.clone()].concat(),
        ];
        *edges[1].last_mut().unwrap() -= 1;
        edges.push([vec![0; 255], vec![1]].concat());
        edges.push([vec![0; 128], q.clone()].concat());
        for x in edges {
            let mut power = x.clone();
            let below = x < n;
            assert_eq!(key.raise(&mut power), below);
            if below {
                let number = |bytes: &[u8]| limbs::from_be::<32>(bytes).unwrap();
                let mut wanted = [0; 256];
                limbs::to_be(
                    &expected(&number(&x), &number(&d), &number(&n)),
                    &mut wanted,
                );
                assert_eq!(power, wanted);
                assert!(public.raise(&mut power));
                assert_eq!(power, x);
            } else {
                assert!(power.iter().all(|byte| *byte == 0), "not erased");
            }
        }
        assert!(!key.raise(&mut [0; 255]));
        // Side by side, with one that is refused and one whose key is faulty.
        let mut faulty = PrivateKey::new(&public, &d, p, q).unwrap();
        faulty.plant_fault();
        for count in 1..11 {
            let mut numbers: Vec<_> = (0..count).map(|i| vec![i; 256]).collect();
            numbers[0][0] = 0xFF;
            let mut alone = numbers.clone();
            let key = |i: usize| if i == 5 { &faulty } else { &key };
            let wanted: Vec<bool> = (0..)
                .zip(&mut alone)
                .map(|(i, x)| key(i).raise(x))
                .collect();
            let items = (0..).zip(&mut numbers);
            let mut items: Vec<_> = items.map(|(i, x)| (key(i), x.as_mut_slice())).collect();
            let done = raise_private_batch(&mut items);
            assert_eq!(done, wanted);
            assert!((0..).zip(done).all(|(i, done)| done == (i != 0 && i != 5)));
            assert!(numbers == alone);
        }
    }
    let refused = |d: &[u8], p: &[u8], q: &[u8]| PrivateKey::new(&public, d, p, q).err();
    assert_eq!(refused(&d, &p, &p), Some(Mismatch::Modulus));
    let mut wrong = d.clone();
    wrong[255] ^= 2;
    assert_eq!(refused(&wrong, &p, &q), Some(Mismatch::Exponent));
}
