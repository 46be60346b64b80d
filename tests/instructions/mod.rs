//! Instructions, counted by valgrind's callgrind: the same number on every run of the
//! same code, however busy the machine is.
//!
//! A test or a bench runs itself again under callgrind. The child, told by a variable,
//! calls [`Probe::run`] for each thing to measure; what happens inside is counted and
//! nothing else. The parent gets the counts with the labels that the child gave.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, thread};

/// Set in the child.
const CHILD: &str = "STRONGROOM_COUNTING";

/// Before each label on the child's standard output.
const MARK: &str = "@@measured ";

/// The function whose calls are counted.
const MEASURED: &str = concat!(module_path!(), "::strongroom_measured");

/// What is called is counted.
#[inline(never)]
fn strongroom_measured(work: &mut dyn FnMut()) {
    black_box(work)();
}

/// Measures, in the child.
pub(crate) struct Probe(());

impl Probe {
    /// The probe, if this process is the child.
    pub(crate) fn in_child() -> Option<Self> {
        env::var_os(CHILD).map(|_| Probe(()))
    }

    /// Counts the instructions of one call.
    pub(crate) fn run<T>(&self, label: &str, mut work: impl FnMut() -> T) -> T {
        let mut out = None;
        println!("{MARK}{label}");
        strongroom_measured(&mut || out = Some(work()));
        match out {
            Some(out) => out,
            None => unreachable!("it has been called"),
        }
    }
}

/// The counts of a child, by label, in the order in which they were taken.
pub(crate) type Counts = BTreeMap<String, Vec<u64>>;

/// Why there are no counts.
pub(crate) enum NoCounts {
    /// There is no valgrind here.
    NoValgrind,
    /// Something went wrong.
    Failed(String),
}

/// Runs this program again under callgrind, with the arguments that bring the child to its
/// probe.
pub(crate) fn count(arguments: &[&str]) -> Result<Counts, NoCounts> {
    run(arguments).map(|(counts, _)| counts)
}

/// The counts, and what the child printed.
fn run(arguments: &[&str]) -> Result<(Counts, String), NoCounts> {
    let failed = |what: &str| NoCounts::Failed(what.to_owned());
    if Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        return Err(NoCounts::NoValgrind);
    }
    let program = env::current_exe().map_err(|_| failed("no path of this program"))?;
    // Tests of one process run side by side.
    static RUN: AtomicUsize = AtomicUsize::new(0);
    let run = RUN.fetch_add(1, Ordering::Relaxed);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("callgrind-{}-{run}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|_| failed("no folder for callgrind's files"))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .arg(format!("--toggle-collect={MEASURED}"))
        .arg(format!("--dump-after={MEASURED}"))
        .arg(format!("--callgrind-out-file={}/part", folder.display()))
        .arg(program)
        .args(arguments)
        .env(CHILD, "1")
        .output()
        .map_err(|_| failed("valgrind does not start"))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let counts = read(&stdout, &folder);
    let _ = fs::remove_dir_all(&folder);
    if !output.status.success() {
        return Err(failed(&String::from_utf8_lossy(&output.stderr)));
    }
    match counts {
        Some(counts) => Ok((counts, stdout)),
        None => Err(failed("callgrind's parts are not those that were measured")),
    }
}

/// Callgrind writes `part.1`, `part.2` and so on, one for each call.
fn read(stdout: &str, folder: &Path) -> Option<Counts> {
    let mut counts = Counts::new();
    // libtest may have written on the same line.
    let labels = stdout
        .lines()
        .filter_map(|line| Some(line.split_once(MARK)?.1));
    for (at, label) in labels.enumerate() {
        let part = fs::read_to_string(folder.join(format!("part.{}", at + 1))).ok()?;
        let total = part
            .lines()
            .find_map(|line| line.strip_prefix("totals: "))?;
        let total = total.trim().parse().ok()?;
        counts.entry(label.to_owned()).or_default().push(total);
    }
    (!counts.is_empty()).then_some(counts)
}

/// The counts of the test that calls this, or `None` after saying that there are none: that
/// is an error only where everything must be there.
pub(crate) fn count_or_skip() -> Option<Counts> {
    let thread = thread::current();
    let test = thread.name();
    assert!(test.is_some(), "the harness names a test's thread after it");
    let test = test.unwrap_or_default();
    if cfg!(debug_assertions) {
        eprintln!("SKIPPED {test}: instructions are counted in the release profile alone");
        return None;
    }
    match run(&["--exact", test, "--nocapture", "--test-threads=1"]) {
        Ok((counts, stdout)) => {
            let ran = stdout.contains("test result: ok. 1 passed;");
            assert!(ran, "{test}: the child did not run it:\n{stdout}");
            Some(counts)
        }
        Err(NoCounts::NoValgrind) => {
            let required = env::var_os("STRONGROOM_REQUIRE_PEERS").is_some_and(|v| v == "1");
            assert!(!required, "{test}: valgrind is not installed");
            eprintln!("SKIPPED {test}: valgrind is not installed");
            None
        }
        Err(NoCounts::Failed(why)) => {
            assert!(why.is_empty(), "{test}: {why}");
            None
        }
    }
}

/// The least count of a label: what it takes when nothing comes in between, such as a
/// random number that had to be drawn again.
pub(crate) fn least(counts: &Counts, label: &str) -> u64 {
    let least = counts.get(label).and_then(|counts| counts.iter().min());
    assert!(least.is_some(), "{label} was not measured");
    least.copied().unwrap_or_default()
}
