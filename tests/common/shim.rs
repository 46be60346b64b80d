//! The fault-injecting PKCS#11 module of `tests/shim`: builds it, loads it, and speaks
//! to it. What it can do is in `tests/shim/README.md`.
//!
//! The module is one instance a path and process, whoever loads it: a plan given here
//! meets the calls of the crate under test. It is never unloaded. As its state is one,
//! tests that use it take turns.
#![expect(unsafe_code, reason = "the functions of a loaded library are foreign")]
#![allow(dead_code, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::ffi::{CString, c_char, c_int};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use libloading::Library;

/// The loaded module.
#[derive(Debug)]
pub(crate) struct Shim {
    path: PathBuf,
    library: Library,
}

/// What the module has counted since it was loaded or reset.
#[derive(Clone, Debug)]
pub(crate) struct Stats(BTreeMap<String, u64>);

impl Shim {
    /// Builds the module, at most once a process, and returns its path. Processes that
    /// do so at the same time wait for each other: cargo locks the folder.
    pub(crate) fn build() -> PathBuf {
        static BUILT: OnceLock<PathBuf> = OnceLock::new();
        let build = || {
            let target = concat!(env!("CARGO_MANIFEST_DIR"), "/target/shim");
            let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/shim/Cargo.toml");
            let output = Command::new(env!("CARGO"))
                .args(["build", "--release", "--locked", "--quiet"])
                .args(["--manifest-path", manifest, "--target-dir", target])
                // It would put the module into another folder.
                .env_remove("CARGO_BUILD_TARGET")
                .output()
                .expect("cargo runs");
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success(),
                "tests/shim does not build:\n{errors}"
            );
            Path::new(target).join(format!("release/{DLL_PREFIX}p11shim{DLL_SUFFIX}"))
        };
        BUILT.get_or_init(build).clone()
    }

    /// Loads a module that was built. The real one is set by [`Shim::set`] of
    /// `P11SHIM_MODULE`, before anybody asks the module for its function list, or by
    /// that variable of the environment.
    pub(crate) fn load(path: &Path) -> Shim {
        // SAFETY: our own module; its initialisers do nothing.
        let library = unsafe { Library::new(path) };
        let shim = Shim {
            path: path.to_owned(),
            library: library.expect("the module is loaded"),
        };
        // One handle more that is never closed: the module stays in the process.
        // SAFETY: as above.
        std::mem::forget(unsafe { Library::new(path) });
        shim
    }

    /// What the crate under test is to load.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the plan, and lets go what hangs.
    pub(crate) fn plan(&self, plan: &str) {
        let text = c_string(plan);
        // SAFETY: the type of tests/shim/src/lib.rs, and a C string.
        let answer = unsafe { self.get::<PlanFn>("p11shim_plan")(text.as_ptr()) };
        assert_eq!(answer, 0, "no plan: {plan}");
    }

    /// Lets go what hangs; the plan stays.
    pub(crate) fn release(&self) {
        // SAFETY: the type of tests/shim/src/lib.rs.
        unsafe { self.get::<ActFn>("p11shim_release")() }
    }

    /// Sets what the variable `name` of the environment sets when the module is loaded.
    pub(crate) fn set(&self, name: &str, value: &str) {
        let (c_name, c_value) = (c_string(name), c_string(value));
        // SAFETY: the type of tests/shim/src/lib.rs, and C strings.
        let answer = unsafe { self.get::<SetFn>("p11shim_set")(c_name.as_ptr(), c_value.as_ptr()) };
        assert_eq!(answer, 0, "not to be set: {name}={value}");
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut text = vec![0_u8; 8192];
        loop {
            // SAFETY: the type of tests/shim/src/lib.rs; the buffer is as long as it says.
            let needed = unsafe {
                self.get::<StatsFn>("p11shim_stats")(text.as_mut_ptr().cast(), text.len())
            };
            let fits = needed <= text.len();
            text.resize(needed, 0);
            if fits {
                return Stats::parse(&String::from_utf8(text).expect("the counters are text"));
            }
        }
    }

    /// Counts from 0 again; sessions that are open stay known.
    pub(crate) fn reset(&self) {
        // SAFETY: the type of tests/shim/src/lib.rs.
        unsafe { self.get::<ActFn>("p11shim_reset_stats")() }
    }

    fn get<T: Copy>(&self, name: &str) -> T {
        // SAFETY: each caller names the type that the function has.
        let symbol = unsafe { self.library.get::<T>(name.as_bytes()) };
        *symbol.unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

impl Stats {
    fn parse(text: &str) -> Stats {
        let lines = text.lines().map(|line| {
            let (name, value) = line.split_once('=').expect("name=value");
            (name.to_owned(), value.parse().expect("a count"))
        });
        Stats(lines.collect())
    }

    /// Calls of a function by its name, `C_Sign`: length queries too, and those that
    /// the plan let fail.
    pub(crate) fn calls(&self, function: &str) -> u64 {
        let count = self.0.get(&format!("calls.{function}"));
        count.copied().unwrap_or_default()
    }

    /// Calls of all functions.
    pub(crate) fn all_calls(&self) -> u64 {
        let calls = self.0.iter().filter(|(name, _)| name.starts_with("calls."));
        calls.map(|(_, count)| count).sum()
    }

    /// Sessions that are open now.
    pub(crate) fn open_sessions(&self) -> u64 {
        self.count("open_sessions")
    }

    /// The most sessions that were open at a time.
    pub(crate) fn max_open(&self) -> u64 {
        self.count("max_open_sessions")
    }

    /// Sessions opened, and said by `after:` to be not: no leak of the crate's.
    pub(crate) fn orphans(&self) -> u64 {
        self.count("orphaned_sessions")
    }

    /// Calls on a session that was in use by another call.
    pub(crate) fn overlaps(&self) -> u64 {
        self.count("overlaps")
    }

    /// Calls on a session that the caller had closed, finalised away or never opened.
    pub(crate) fn closed_use(&self) -> u64 {
        self.count("closed_use")
    }

    /// C_Login, whatever came of it.
    pub(crate) fn logins(&self) -> u64 {
        self.count("logins")
    }

    /// C_Login that did not say CKR_OK.
    pub(crate) fn logins_failed(&self) -> u64 {
        self.count("logins_failed")
    }

    /// C_Login that said CKR_PIN_something.
    pub(crate) fn pin_errors(&self) -> u64 {
        self.count("pin_errors")
    }

    /// C_Initialize that said CKR_OK.
    pub(crate) fn initializes(&self) -> u64 {
        self.count("initializes")
    }

    /// C_Finalize by the caller that said CKR_OK.
    pub(crate) fn finalizes(&self) -> u64 {
        self.count("finalizes")
    }

    /// Those of them that came while other calls were in the module.
    pub(crate) fn finalize_overlaps(&self) -> u64 {
        self.count("finalize_overlaps")
    }

    /// Calls that met a fault of the plan.
    pub(crate) fn faults(&self) -> u64 {
        self.count("faults")
    }

    /// Calls that hang now.
    pub(crate) fn hanging(&self) -> u64 {
        self.count("hanging")
    }

    fn count(&self, name: &str) -> u64 {
        let count = self.0.get(name);
        *count.unwrap_or_else(|| panic!("no count `{name}`"))
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|(name, count)| writeln!(f, "{name}={count}"))
    }
}

type ActFn = unsafe extern "C" fn();
type PlanFn = unsafe extern "C" fn(*const c_char) -> c_int;
type SetFn = unsafe extern "C" fn(*const c_char, *const c_char) -> c_int;
type StatsFn = unsafe extern "C" fn(*mut c_char, usize) -> usize;

fn c_string(text: &str) -> CString {
    CString::new(text).expect("no zero octet")
}
