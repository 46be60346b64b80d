//! The two forms of an ECDSA signature: what converts, converts back to the same bytes,
//! both ways. The first byte picks the curve.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom::Curve;
use strongroom::encoding::ecdsa_sig;

fuzz_target!(|data: &[u8]| {
    let Some((first, data)) = data.split_first() else {
        return;
    };
    let curve = Curve::ALL[usize::from(*first) % Curve::ALL.len()];
    if let Ok(der) = ecdsa_sig::to_der(curve, data) {
        assert_eq!(data.len(), 2 * curve.field_len());
        let back = ecdsa_sig::to_p1363(curve, &der).expect("our own DER is read");
        assert_eq!(back, data, "r || s changed");
    }
    if let Ok(p1363) = ecdsa_sig::to_p1363(curve, data) {
        assert_eq!(p1363.len(), 2 * curve.field_len());
        let back = ecdsa_sig::to_der(curve, &p1363).expect("our own r || s is read");
        assert_eq!(back, data, "two encodings of one signature were read");
    }
});
