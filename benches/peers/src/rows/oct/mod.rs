//! Symmetric keys.

mod cbc;
mod gcm;
mod hmac;
mod key_wrap;

use strongroom::{EncryptAlg, SignAlg, WrapAlg};

use super::{Plan, Shared};
use crate::contender::Contender;

/// Every symmetric key, cut to its length.
const SECRET: [u8; 32] = *b"a key that is known to everyone!";

pub(crate) fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    let mac =
        |op, line_up: fn(&Shared) -> Vec<Contender>| Plan::new(SignAlg::Hs256, op, 32, line_up);
    plans.push(mac("sign", hmac::sign));
    plans.push(mac("verify", hmac::verify));
    plans.push(mac("sign", hmac::sign).on_two_threads());
    for alg in [EncryptAlg::A128Gcm, EncryptAlg::A256Gcm] {
        for bytes in [16, 1 << 10, 16 << 10, 1 << 20] {
            let (encrypt, decrypt) = match bytes {
                ..=1024 => ("encrypt", "decrypt"),
                _ => ("encrypt_in_place", "decrypt_in_place"),
            };
            let row = |op, line_up: fn(&Shared, EncryptAlg, usize) -> Vec<Contender>| {
                Plan::new(alg, op, bytes, move |shared| line_up(shared, alg, bytes))
            };
            plans.push(row(encrypt, gcm::encrypt));
            plans.push(row(decrypt, gcm::decrypt));
        }
    }
    for bytes in [16, 16 << 10] {
        let alg = EncryptAlg::A256Gcm;
        let op = if bytes == 16 {
            "encrypt"
        } else {
            "encrypt_in_place"
        };
        let row = Plan::new(alg, op, bytes, move |shared| {
            gcm::encrypt(shared, alg, bytes)
        });
        plans.push(row.on_two_threads());
    }
    plans.push(Plan::new(
        EncryptAlg::A256CbcPad,
        "encrypt",
        cbc::LEN,
        cbc::encrypt,
    ));
    plans.push(Plan::new(
        EncryptAlg::A256CbcPad,
        "decrypt",
        cbc::LEN,
        cbc::decrypt,
    ));
    plans.push(Plan::new(WrapAlg::A256Kw, "wrap", 32, key_wrap::wrap));
    plans.push(Plan::new(WrapAlg::A256Kw, "unwrap", 32, key_wrap::unwrap));
    plans.push(Plan::new(WrapAlg::A256Kw, "wrap", 32, key_wrap::wrap).on_two_threads());
    plans
}
