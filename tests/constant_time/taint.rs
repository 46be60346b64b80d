//! Valgrind's memcheck, told that secrets are undefined memory.
//!
//! It follows undefined bits through every instruction, and reports where one decides a
//! branch or an address: what must not depend on a secret (Langley's ctgrind, 2010). The
//! requests are an instruction sequence that does nothing outside valgrind
//! (`valgrind.h`, `memcheck.h`).
#![allow(unsafe_code)]

use std::process::{Command, Stdio};
use std::{env, thread};

/// Set in the child.
const CHILD: &str = "STRONGROOM_TAINTING";

/// The exit status of a child for which memcheck had something to report.
const REPORTED: i32 = 99;

const SUPPRESSIONS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/constant_time/valgrind.supp"
);

/// What came of a run under memcheck.
pub(crate) enum Outcome {
    /// This process is the child, and has done the work.
    Child,
    /// There is no valgrind here, or no optimised code.
    Skipped,
    Clean,
    /// The reports.
    Reported(String),
}

/// Runs the test that calls this again under memcheck, and `work` in it.
pub(crate) fn under_memcheck(work: impl FnOnce()) -> Outcome {
    if env::var_os(CHILD).is_some() {
        assert!(
            request([RUNNING_ON_VALGRIND, 0, 0, 0, 0, 0]) > 0,
            "no valgrind"
        );
        work();
        return Outcome::Child;
    }
    let thread = thread::current();
    let test = thread.name();
    let test = test.expect("the test harness names a test's thread after it");
    if let Some(why) = cannot() {
        println!("SKIPPED {test}: {why}");
        return Outcome::Skipped;
    }
    let program = env::current_exe().expect("the path of this program");
    let output = Command::new("valgrind")
        .args(["--quiet", "--error-limit=no", "--num-callers=30"])
        .arg(format!("--error-exitcode={REPORTED}"))
        .arg(format!("--suppressions={SUPPRESSIONS}"))
        .arg(program)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .expect("valgrind runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    // Nothing is reported of a test that was not run either.
    let ran = String::from_utf8_lossy(&output.stdout).contains("test result: ok. 1 passed;");
    match output.status.code() {
        Some(0) if ran => Outcome::Clean,
        Some(REPORTED) if ran => Outcome::Reported(text),
        _ => panic!("{test} failed under valgrind, or was not run:\n{text}"),
    }
}

/// Why nothing can be said here. Unoptimised code is not what runs, and slow.
fn cannot() -> Option<&'static str> {
    if cfg!(debug_assertions) {
        return Some("the release profile alone is examined");
    }
    if cfg!(not(target_arch = "x86_64")) {
        return Some("memcheck's requests are written for x86-64");
    }
    let valgrind = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if valgrind.is_ok() {
        return None;
    }
    let required = env::var_os("STRONGROOM_REQUIRE_PEERS").is_some_and(|v| v == "1");
    assert!(!required, "valgrind is not installed");
    Some("valgrind is not installed")
}

/// From now on a branch or an address that depends on this is reported.
pub(crate) fn secret(bytes: &mut [u8]) {
    mark(MAKE_MEM_UNDEFINED, bytes);
}

/// What was computed from a secret and may be known, such as a signature.
pub(crate) fn public(bytes: &[u8]) {
    mark(MAKE_MEM_DEFINED, bytes);
}

/// The value itself, not what it points to.
pub(crate) fn public_value<T>(value: &T) {
    let address = std::ptr::from_ref(value).cast();
    mark_range(MAKE_MEM_DEFINED, address, size_of::<T>());
}

fn mark(what: u64, bytes: &[u8]) {
    mark_range(what, bytes.as_ptr(), bytes.len());
}

fn mark_range(what: u64, start: *const u8, len: usize) {
    let len = u64::try_from(len).expect("64 bits");
    let address = u64::try_from(start.addr()).expect("64 bits");
    request([what, address, len, 0, 0, 0]);
}

const RUNNING_ON_VALGRIND: u64 = 0x1001;
const MAKE_MEM_UNDEFINED: u64 = 0x4d43_0001;
const MAKE_MEM_DEFINED: u64 = 0x4d43_0002;

/// The answer, and 0 outside valgrind.
#[cfg(target_arch = "x86_64")]
fn request(arguments: [u64; 6]) -> u64 {
    let mut answer = 0_u64;
    // SAFETY: the rotations add up to 128 bits and the exchange is of a register with
    // itself, so the processor changes nothing but flags. Valgrind reads the six words that
    // `rax` points to, changes its own knowledge of memory, and answers in `rdx`.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") arguments.as_ptr(),
            inout("rdx") answer,
        );
    }
    answer
}

#[cfg(not(target_arch = "x86_64"))]
fn request(_: [u64; 6]) -> u64 {
    0
}
