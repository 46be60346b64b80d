//! A process to itself for one test: for what a module keeps for the whole process, such
//! as being initialised, and for what may crash or never return.
//!
//! A test wraps its body:
//!
//! ```ignore
//! #[test]
//! fn a_finalised_module_is_started_again() {
//!     own_process::run(LIMIT, || { .. });
//! }
//! ```
//!
//! The body runs in a child, which is this test program told to run this test alone. The
//! test fails if the child does, however it ends, or is not done in time; then it is
//! killed with all that it started in its process group.
#![allow(dead_code, clippy::expect_used, clippy::panic)]

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

/// Set in the child.
pub(crate) const CHILD: &str = "STRONGROOM_OWN_PROCESS";

/// How a child ended, and what it printed.
pub(crate) struct Outcome {
    pub(crate) result: Result<(), String>,
    pub(crate) output: String,
}

/// Runs `test` in a process of its own, and fails as it does.
pub(crate) fn run(limit: Duration, test: impl FnOnce()) {
    let Some(outcome) = attempt(limit, test) else {
        return;
    };
    // Marked, for those who count results in what is printed.
    for line in outcome.output.lines() {
        println!("  | {line}");
    }
    if let Err(why) = outcome.result {
        panic!("the test's own process {why}");
    }
}

/// Runs `test` in a process of its own. In the child, `None`.
pub(crate) fn attempt(limit: Duration, test: impl FnOnce()) -> Option<Outcome> {
    attempt_with(&[], limit, test)
}

/// As [`attempt`], with variables in the child's environment, for what is read there
/// when a module is loaded.
pub(crate) fn attempt_with(
    variables: &[(&str, &str)],
    limit: Duration,
    test: impl FnOnce(),
) -> Option<Outcome> {
    if env::var_os(CHILD).is_some() {
        thread::spawn(end_with_parent);
        test();
        return None;
    }
    let name = thread::current().name().map(str::to_owned);
    let name = name.expect("the test harness names a test's thread after it");
    Some(supervise(&name, variables, limit))
}

/// The child's input is a pipe from the parent, which says nothing and ends.
fn end_with_parent() {
    // Whatever this reads or fails with, there is no parent any more.
    let _ = io::stdin().read(&mut [0]);
    process::abort();
}

fn supervise(name: &str, variables: &[(&str, &str)], limit: Duration) -> Outcome {
    let (mut reader, writer) = io::pipe().expect("a pipe");
    let mut child = Command::new(env::current_exe().expect("this program"))
        .args([name, "--exact", "--include-ignored", "--nocapture"])
        .envs(variables.iter().copied())
        .env(CHILD, name)
        .stdin(Stdio::piped())
        .stdout(writer.try_clone().expect("a pipe's end"))
        .stderr(writer)
        .process_group(0)
        .spawn()
        .expect("this program starts again");
    let reading = thread::spawn(move || {
        let mut output = Vec::new();
        reader.read_to_end(&mut output).expect("the child's output");
        String::from_utf8_lossy(&output).into_owned()
    });
    let status = wait(&mut child, limit);
    // Forks of the child may be left, and hold the pipe open.
    kill_group(child.id());
    let output = reading.join().expect("the output is read");
    pass_on_skips(&output);
    let result = match status {
        None => Err(format!("was not done after {limit:?}")),
        Some(status) if !status.success() => Err(format!("ended with {status}")),
        Some(_) if !output.contains("test result: ok. 1 passed;") => {
            Err("did not run the test".to_owned())
        }
        Some(_) => Ok(()),
    };
    Outcome { result, output }
}

fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("the child's state") {
            return Some(status);
        }
        if start.elapsed() > limit {
            kill_group(child.id());
            child.wait().expect("the killed child ends");
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// The standard library has no call for it.
fn kill_group(leader: u32) {
    let killed = Command::new("bash")
        .args(["-c", "kill -KILL -- \"-$0\""])
        .arg(leader.to_string())
        .stderr(Stdio::null())
        .status();
    killed.expect("bash runs");
}

/// A test that was skipped in the child says so past this process's harness too.
fn pass_on_skips(output: &str) {
    for line in output.lines().filter(|line| line.starts_with("SKIPPED: ")) {
        writeln!(io::stderr(), "{line}").expect("standard error");
    }
}
