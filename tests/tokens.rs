//! The tokens that other tests use (`common/token.rs`, `common/own_process.rs`) are what
//! they are said to be, and nothing of them is left behind. OpenSC's `pkcs11-tool` looks
//! at them, so that no code of this crate is needed to believe it.
#![allow(clippy::expect_used)]

#[path = "common/own_process.rs"]
mod own_process;
#[path = "common/token.rs"]
mod token;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use token::{Remote, TOKENS, Token};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn each_call_has_a_softhsm_token_of_its_own() {
    own_process::run(LIMIT, || {
        let Some((one, other)) = Token::softhsm().zip(Token::softhsm()) else {
            return;
        };
        let (Some(seen), Some(())) = (labels(&one), make_key(&one, "only-here")) else {
            return;
        };
        assert_ne!(one.label, other.label);
        assert_eq!(
            seen,
            BTreeSet::from([&*one.label, &*other.label].map(str::to_owned))
        );
        assert!(objects(&one).contains("only-here"));
        assert!(!objects(&other).contains("only-here"));
    });
}

#[test]
fn threads_have_softhsm_tokens_of_their_own() {
    if Token::softhsm().is_none() {
        return;
    }
    let threads: Vec<_> = (1..TOKENS).map(|_| thread::spawn(Token::softhsm)).collect();
    let tokens = threads
        .into_iter()
        .map(|thread| thread.join().expect("a token"));
    let labels: BTreeSet<_> = tokens.map(|token| token.expect("a token").label).collect();
    assert_eq!(labels.len(), TOKENS - 1);
}

#[test]
fn the_uri_says_what_the_fields_do() {
    own_process::run(LIMIT, || {
        for token in [Token::softhsm(), Token::softhsm(), Token::nss()] {
            let Some(token) = token else {
                return;
            };
            let label = token.label.replace(' ', "%20");
            let module = token.module.to_str().expect("text");
            let pin = &token.pin;
            let uri = format!("pkcs11:token={label}?module-path={module}&pin-value={pin}");
            assert_eq!(token.uri, uri);
        }
    });
}

/// `pkcs11-tool` cannot hand over the string that softokn asks for; `certutil` opens the
/// directory that the string names.
#[test]
fn the_nss_token_opens_with_its_pin() {
    let Some(token) = Token::nss() else {
        return;
    };
    let init = token.init.expect("softokn wants a string");
    let directory = init.split('\'').nth(1).expect("a quoted directory");
    let pin_file = token::directory().join("pin");
    for (pin, opens) in [(&*token.pin, true), ("wrong", false)] {
        fs::write(&pin_file, pin).expect("the PIN is written");
        let certutil = Command::new("certutil")
            .args(["-K", "-d", directory, "-f"])
            .arg(&pin_file)
            .output();
        let said = certutil.expect("certutil runs").stdout;
        let said = String::from_utf8_lossy(&said).into_owned();
        assert_eq!(said.contains("no keys found"), opens, "{pin}: {said}");
    }
    assert_eq!(token.label, "NSS Certificate DB");
}

#[test]
fn a_killed_remote_comes_back_with_its_keys() {
    own_process::run(LIMIT, || {
        let Some(remote) = Remote::start() else {
            return;
        };
        let Some(seen) = labels(&remote.token) else {
            return;
        };
        assert_eq!(seen, BTreeSet::from([remote.token.label.clone()]));
        make_key(&remote.token, "survivor").expect("pkcs11-tool was there before");

        remote.kill();
        assert_eq!(labels(&remote.token), Some(BTreeSet::new()));
        assert!(!objects(&remote.token).contains("survivor"));

        remote.restart();
        assert!(objects(&remote.token).contains("survivor"));
    });
}

#[test]
fn nothing_is_left_of_a_process_that_was_aborted() {
    let outcome = own_process::attempt(LIMIT, || {
        let Some(remote) = Remote::start() else {
            return;
        };
        println!("\nleft {}", token::directory().display());
        assert!(server_of(token::directory()).is_some());
        std::mem::forget(remote);
        process::abort();
    });
    let Some(outcome) = outcome else {
        return;
    };
    let mut lines = outcome.output.lines();
    let Some(directory) = lines.find_map(|line| line.strip_prefix("left ")) else {
        assert_eq!(outcome.result, Ok(()), "{}", outcome.output);
        return;
    };
    let (directory, start) = (Path::new(directory), Instant::now());
    while directory.exists() || server_of(directory).is_some() {
        assert!(start.elapsed() < LIMIT, "{} is left", directory.display());
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_test_in_its_own_process_fails_however_it_ends() {
    let test = || match env::var("STRONGROOM_TEST_ENDS").as_deref() {
        Ok("panic") => panic!("on purpose"),
        Ok("abort") => process::abort(),
        Ok("exit") => process::exit(0),
        Ok("hang") => thread::sleep(10 * LIMIT),
        _ => {}
    };
    if env::var_os(own_process::CHILD).is_some() {
        own_process::run(LIMIT, test);
        return;
    }
    for (ends, limit, expected) in [
        ("well", LIMIT, None),
        ("panic", LIMIT, Some("ended with exit status: 101")),
        ("abort", LIMIT, Some("ended with signal: 6 (SIGABRT)")),
        ("exit", LIMIT, Some("did not run the test")),
        (
            "hang",
            Duration::from_millis(500),
            Some("was not done after 500ms"),
        ),
    ] {
        let outcome = own_process::attempt_with(&[("STRONGROOM_TEST_ENDS", ends)], limit, test);
        let why = outcome.expect("not the child").result.err();
        let why = why
            .as_deref()
            .map(|why| why.trim_end_matches(" (core dumped)"));
        assert_eq!(why, expected, "{ends}");
    }
}

// --- What pkcs11-tool says -------------------------------------------------------------

/// What it prints, or `None`, aloud, where it is not installed.
fn pkcs11_tool(token: &Token, args: &[&str]) -> Option<String> {
    let output = Command::new("pkcs11-tool")
        .arg("--module")
        .arg(&token.module)
        .args(args)
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else {
        token::skip("pkcs11-tool is not installed");
        return None;
    };
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Of every token that the module shows.
fn labels(token: &Token) -> Option<BTreeSet<String>> {
    let slots = pkcs11_tool(token, &["--list-token-slots"])?;
    let labels = slots
        .lines()
        .filter_map(|line| line.trim().strip_prefix("token label"));
    let labels = labels.filter_map(|line| line.split_once(": "));
    Some(labels.map(|(_, label)| label.to_owned()).collect())
}

fn make_key(token: &Token, label: &str) -> Option<()> {
    let key = [
        "--keypairgen",
        "--key-type",
        "EC:prime256v1",
        "--id",
        "01",
        "--label",
        label,
    ];
    let made = pkcs11_tool(token, &[&logged_in(token)[..], &key].concat())?;
    assert!(made.contains("Key pair generated"), "{made}");
    Some(())
}

fn objects(token: &Token) -> String {
    let args = [&logged_in(token)[..], &["--list-objects"]].concat();
    pkcs11_tool(token, &args).expect("pkcs11-tool was there before")
}

fn logged_in(token: &Token) -> [&str; 5] {
    [
        "--token-label",
        &token.label,
        "--login",
        "--pin",
        &token.pin,
    ]
}

/// The process that serves the remote token of a directory.
fn server_of(directory: &Path) -> Option<u32> {
    let directory = directory.to_str().expect("text");
    let processes = fs::read_dir("/proc").expect("processes").flatten();
    let mut ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.find(|id: &u32| {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.contains(directory) && line.contains("--provider")
    })
}
