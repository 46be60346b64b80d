//! PKCS #11 tokens to test with, made by the scripts in `tests/tokens`, which also say
//! where modules are looked for.
//!
//! What a process gets:
//!
//! * **SoftHSM** reads its configuration when a process initialises it, and then sees no
//!   token that is made later, by another process that is. So the first call makes
//!   [`TOKENS`] of them, and each call hands out another: tests of one program have each
//!   its own, in any order.
//! * **NSS softokn** takes one directory a process: everyone gets the same token.
//! * **p11-kit's client** takes one server a process: one [`Remote`] at a time.
//!
//! Where the module is not installed there is none, aloud: see [`skip`].
//!
//! The directory is below `target/tmp`. A child ([`keeper`]) removes it, and stops the
//! servers, as soon as this process has ended, by a signal too.
#![allow(dead_code, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::{env, fs, thread};

/// How many SoftHSM tokens a process has; in a process for one test alone, two.
pub(crate) const TOKENS: usize = 16;
const TOKENS_OF_ONE_TEST: usize = 2;

/// Where a token is and what opens it.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) module: PathBuf,
    pub(crate) label: String,
    pub(crate) pin: String,
    /// What `C_Initialize` gets as `pReserved`, if the module needs it.
    pub(crate) init: Option<String>,
    /// Module, label and PIN as RFC 7512 has them.
    pub(crate) uri: String,
}

impl Token {
    /// A new SoftHSM token, of this caller alone.
    pub(crate) fn softhsm() -> Option<Token> {
        static NEW: LazyLock<Result<Mutex<Vec<Token>>, String>> = LazyLock::new(|| {
            let one_test = env::var_os("STRONGROOM_OWN_PROCESS").is_some();
            let count = if one_test { TOKENS_OF_ONE_TEST } else { TOKENS };
            // None the beginning of another: pkcs11-tool takes that for a match.
            let labels: Vec<_> = (1..=count).map(|n| format!("test-{n:02}")).collect();
            let directory = home().softhsm();
            let mut args = vec![path_text(&directory)];
            args.extend(labels.iter().map(String::as_str));
            let first = Token::from_variables(&script("softhsm.sh", &args)?);
            let with_label = |label: &String| Token {
                label: label.clone(),
                uri: first.uri.replacen(&first.label, label, 1),
                ..first.clone()
            };
            Ok(Mutex::new(labels.iter().rev().map(with_label).collect()))
        });
        let tokens = available(&NEW)?;
        let token = tokens.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let why = "this process has handed out its SoftHSM tokens: raise TOKENS, share one, \
                   or run the test in a process of its own";
        Some(token.expect(why))
    }

    /// The NSS softokn token of this process.
    pub(crate) fn nss() -> Option<Token> {
        static TOKEN: LazyLock<Result<Token, String>> = LazyLock::new(|| {
            let variables = script("nss.sh", &[path_text(&home().nss())])?;
            Ok(Token::from_variables(&variables))
        });
        available(&TOKEN).cloned()
    }

    fn from_variables(variables: &Variables) -> Token {
        let text = |name: &str| {
            let value = variables.get(&format!("STRONGROOM_PKCS11_{name}"));
            value.cloned()
        };
        let required = |name: &str| text(name).unwrap_or_else(|| panic!("{name} is not set"));
        Token {
            module: required("MODULE").into(),
            label: required("TOKEN"),
            pin: required("PIN"),
            init: text("INIT"),
            uri: required("URI"),
        }
    }
}

/// A SoftHSM token behind a server process, and p11-kit's client module in front of it.
/// The server is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) token: Token,
}

/// Whether there is a [`Remote`].
static REMOTE: AtomicBool = AtomicBool::new(false);

impl Remote {
    /// A server with a token, the same token each time in one process.
    pub(crate) fn start() -> Option<Remote> {
        let taken = REMOTE.swap(true, Ordering::SeqCst);
        assert!(!taken, "one remote token a process at a time");
        let variables = script("p11kit.sh", &["start", path_text(&home().remote())]);
        let Some(variables) = available(&variables) else {
            REMOTE.store(false, Ordering::SeqCst);
            return None;
        };
        let token = Token::from_variables(variables);
        Some(Remote { token })
    }

    /// SIGKILL to the server and to all connections, which leaves the socket behind.
    pub(crate) fn kill(&self) {
        Remote::command("kill");
    }

    /// Starts the server on the same token and socket, after killing it if it is running.
    pub(crate) fn restart(&self) {
        Remote::command("restart");
    }

    fn command(command: &str) {
        let done = script("p11kit.sh", &[command, path_text(&home().remote())]);
        done.expect("p11-kit is still installed");
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        Remote::command("stop");
        REMOTE.store(false, Ordering::SeqCst);
    }
}

/// Says aloud that a test has no token to run with; fails it where all tokens must be
/// there, that is if `STRONGROOM_REQUIRE_TOKENS=1`.
pub(crate) fn skip(reason: &str) {
    let required = env::var("STRONGROOM_REQUIRE_TOKENS").is_ok_and(|value| value == "1");
    assert!(!required, "{reason}");
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    // Past the test harness, which shows what is printed by failed tests alone.
    let said = writeln!(
        io::stderr(),
        "SKIPPED: {test}: {reason}; see tests/tokens/README.md"
    );
    said.expect("standard error");
}

/// What is installed, or `None` after [`skip`].
fn available<T>(made: &Result<T, String>) -> Option<&T> {
    let skipped = made.as_ref().inspect_err(|reason| skip(reason));
    skipped.ok()
}

// --- This process's directory ----------------------------------------------------------

/// The directory of this process's tokens.
pub(crate) fn directory() -> &'static Path {
    &home().directory
}

struct Home {
    directory: PathBuf,
    /// The input of the keeper. The system closes it when the process ends.
    _keeper: ChildStdin,
}

impl Home {
    fn softhsm(&self) -> PathBuf {
        self.directory.join("softhsm")
    }

    fn nss(&self) -> PathBuf {
        self.directory.join("nss")
    }

    fn remote(&self) -> PathBuf {
        self.directory.join("remote")
    }
}

fn home() -> &'static Home {
    static HOME: LazyLock<Home> = LazyLock::new(|| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let directory = directory.join(format!("tokens-{}", process::id()));
        // Of a process that had this number before, and its keeper was killed too.
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).expect("a directory for tokens");
        let home = Home {
            _keeper: keeper(&directory),
            directory,
        };
        set_variables(&home);
        home
    });
    &HOME
}

/// Starts the child that clears up. In a process group of its own: what is sent to ours,
/// such as Control-C, is not meant for it.
fn keeper(directory: &Path) -> ChildStdin {
    let keeper = Command::new("bash")
        .arg(script_path("keeper.sh"))
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    let input = keeper.expect("bash runs").stdin.take();
    input.expect("a pipe to the keeper")
}

/// What the modules read from the environment of the process that loads them. There is no
/// other way to tell them, and tests that are functions of one program share a process.
#[expect(unsafe_code, reason = "the modules know the environment alone")]
fn set_variables(home: &Home) {
    let softhsm = home.softhsm().join("softhsm2.conf");
    let remote = format!("unix:path={}", path_text(&home.remote().join("socket")));
    // SAFETY: no thread reads the environment meanwhile but through the standard library,
    // which has a lock for it. The code that does not is in the modules, and nobody loads
    // one before he has a `Token`, which is after this; and this runs once.
    unsafe {
        env::set_var("SOFTHSM2_CONF", softhsm);
        env::set_var("P11_KIT_SERVER_ADDRESS", remote);
    }
}

// --- The scripts -----------------------------------------------------------------------

type Variables = BTreeMap<String, String>;

/// Of `tests/tokens/lib.sh`.
const NOT_INSTALLED: i32 = 77;

/// The environment after evaluating what a script prints, or what is not installed. A
/// script that fails otherwise fails the test.
fn script(name: &str, args: &[&str]) -> Result<Variables, String> {
    let output = Command::new("bash")
        .args(["-euc", "printed=$(\"$@\"); eval \"$printed\"; env -0"])
        .args(["bash", &script_path(name)])
        .args(args)
        .env_remove("STRONGROOM_PKCS11_INIT")
        .stdin(Stdio::null())
        .output();
    let output = output.expect("bash runs");
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(NOT_INSTALLED) {
        return Err(said.trim().to_owned());
    }
    assert!(output.status.success(), "{name}: {}\n{said}", output.status);
    let variables = String::from_utf8_lossy(&output.stdout);
    let variables = variables
        .split('\0')
        .filter_map(|line| line.split_once('='));
    Ok(variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

fn script_path(name: &str) -> String {
    format!("{}/tests/tokens/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn path_text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}
