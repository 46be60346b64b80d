//! Any bytes as the header, the state and a record of a store: nothing is read but what was
//! written, where it was written, and every other answer is one of two errors.
//!
//! The first byte says which of the three is replaced by the rest, or, if it is odd, what is
//! done to it: a place and a byte to put there, any number of times. The engine below is not
//! tried here: what it makes of any bytes is its own affair, and its values are not believed.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use strongroom::ErrorKind;
use strongroom::internal::{read_store, write_store};
use strongroom::seal::SealingKey;

const VALUE: &[u8] = b"the value of a record";

static GOOD: LazyLock<(SealingKey, [Vec<u8>; 3])> = LazyLock::new(|| {
    let key = SealingKey::from_bytes([7; 32]);
    let written = write_store(&key, ("name", 7, VALUE)).expect("randomness");
    (key, written)
});

fuzz_target!(|data: &[u8]| {
    let [which, rest @ ..] = data else {
        return;
    };
    let (key, good) = &*GOOD;
    let mut parts = good.clone();
    let part = &mut parts[usize::from(which / 2) % 3];
    if which % 2 == 1 {
        for change in rest.chunks_exact(2) {
            let place = usize::from(change[0]) % part.len();
            part[place] = change[1];
        }
    } else {
        *part = rest.to_vec();
    }
    let unchanged = parts == *good;
    let [header, state, record] = &parts;
    match read_store(key, header, state, ("name", record)) {
        Ok(read) => assert!(unchanged && read == (7, VALUE.to_vec())),
        Err(error) => {
            assert!(!unchanged);
            let told = matches!(
                error.kind(),
                ErrorKind::Corrupt { .. } | ErrorKind::Misconfigured { .. }
            );
            assert!(told, "{error:?}");
        }
    }
    // In another place the good one is no better.
    assert!(read_store(key, &good[0], &good[1], ("other", &good[2])).is_err());
});
