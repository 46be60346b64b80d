//! After a fork parent and child never use the same IV: the system's bytes that a thread
//! has in stock are not the child's.
#![cfg(target_os = "linux")]
#![allow(unsafe_code)]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::FromRawFd;

use strongroom::vault::{Key, KeyOptions};
use strongroom::{EncryptAlg, EncryptParams, KeySpec, Op, OpSet};

/// More than a stock of IVs.
const DRAWS: usize = 200;

/// So many that the stock is not used up.
const BEFORE: usize = 70;

/// The last eight bytes hold the processor's count of cycles, which differs in the child
/// whatever else happens. The first four are the generator's alone.
type Start = [u8; 4];

fn starts(key: &Key, count: usize) -> Vec<Start> {
    let iv = || {
        let sealed = key.encrypt(EncryptAlg::A256Gcm, b"x", EncryptParams::none());
        let sealed = sealed.unwrap().value.sealed().unwrap();
        *sealed.iv.first_chunk().unwrap()
    };
    (0..count).map(|_| iv()).collect()
}

#[test]
fn a_child_has_ivs_of_its_own() {
    let vault = strongroom::in_memory().unwrap();
    let options = KeyOptions::new().ops(OpSet::from_iter([Op::Encrypt, Op::Decrypt]));
    let spec = KeySpec::Aes { bits: 256 };
    let key = vault.create("aes", spec, &options).unwrap();
    let mut seen = starts(&key, BEFORE);

    let mut ends = [0; 2];
    // SAFETY: two descriptors are written to an array of two.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: the descriptors were just opened and are owned by nobody else.
    let [mut reader, mut writer] = ends.map(|end| unsafe { File::from_raw_fd(end) });
    // SAFETY: the child encrypts, writes and leaves without unwinding. This test is the
    // program's only one, and the thread that waits for it holds no lock that it needs.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let written = writer.write_all(starts(&key, DRAWS).as_flattened());
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(i32::from(written.is_err())) };
    }
    assert!(child > 0);
    drop(writer);
    seen.extend(starts(&key, DRAWS));
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    let mut status = 0;
    // SAFETY: waits for the child made above.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0);

    let (children, []) = bytes.as_chunks::<4>() else {
        panic!("whole starts")
    };
    assert_eq!(children.len(), DRAWS);
    let seen: BTreeSet<Start> = seen.into_iter().collect();
    // By chance one of 54,000 pairs agrees once in 80,000 runs; a stock that is shared
    // agrees in dozens.
    let shared = children
        .iter()
        .filter(|start| seen.contains(*start))
        .count();
    assert!(
        shared < 2,
        "{shared} IVs of the child begin as the parent's"
    );
}
