//! Modular powers: every path of the engine agrees with `crypto-bigint`. The input is the
//! number, the exponent and the modulus, from the least byte of the number on; what is
//! missing repeats the input's last byte, so that long runs of ones and zeros are near.
//! They have 1024 bits, or 2048 if the input has an odd number of bytes.
#![no_main]

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use libfuzzer_sys::fuzz_target;
use strongroom::internal;

fuzz_target!(|data: &[u8]| {
    let Some(last) = data.last() else { return };
    let byte = |at: usize| *data.get(at).unwrap_or(last);
    let (len, bits) = match data.len() % 2 {
        0 => (128, 1024),
        _ => (256, 2048),
    };
    let number = |from: usize| (from..from + len).rev().map(byte).collect::<Vec<u8>>();
    let (x, exponent, mut n) = (number(0), number(len), number(2 * len));
    n[0] |= 0x80;
    n[len - 1] |= 1;

    let uint = |bytes: &[u8]| BoxedUint::from_be_slice(bytes, bits).expect("so many bits");
    let params = BoxedMontyParams::new_vartime(Odd::new(uint(&n)).expect("odd"));
    let reduced = uint(&x).rem_vartime(params.modulus().as_nz_ref());
    let expected = BoxedMontyForm::new(reduced, &params).pow(&uint(&exponent));
    let expected = expected.retrieve().to_be_bytes();
    for power in internal::rsa_powers(&n, &exponent, &x).expect("a modulus") {
        assert_eq!(power[..], expected[..]);
    }
});
