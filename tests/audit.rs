//! The log that shows what was done to it: each line, each fault, each crash.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod common;
#[path = "audit/outbox.rs"]
mod outbox;
#[path = "common/store.rs"]
mod store;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use common::refusal;
use serde_json::Value;
use strongroom::audit::{AuditKey, JsonLinesAudit};
use strongroom::software::Software;
use strongroom::store::MemoryStore;
use strongroom::vault::access::{Caller, Role, Scope};
use strongroom::vault::{
    AuditEvent, AuditSink, Change, Key, KeyOptions, KeyUpdate, ManualClock, MemoryAudit, Store,
    UnixTime, Vault,
};
use strongroom::{Curve, Error, ErrorKind, SignAlg};

use store::Through;

/// A path that is removed with its file.
struct Path(PathBuf);

impl Path {
    fn fresh() -> Path {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("strongroom-audit-{}-{number}.jsonl", std::process::id());
        Path(std::env::temp_dir().join(name))
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.0).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn write(&self, lines: &[String]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(&self.0, text).unwrap();
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// How commits of the head fail.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Fault {
    #[default]
    None,
    Before,
    After,
}

fn key() -> AuditKey {
    AuditKey::from_bytes([7; 32])
}

struct Rig {
    path: Path,
    store: Arc<Through>,
    fault: Arc<Mutex<Fault>>,
}

impl Rig {
    fn new() -> Rig {
        Rig::at(Path::fresh())
    }

    fn at(path: Path) -> Rig {
        let fault = Arc::new(Mutex::new(Fault::None));
        let now = fault.clone();
        let commit = move |store: &dyn Store, changes: &[Change]| {
            let of_head = changes.iter().any(|change| change.key == "audit/head");
            let fault = *now.lock().unwrap();
            let lost = || ErrorKind::Unavailable { what: "store" }.into();
            match fault {
                Fault::Before if of_head => Err(lost()),
                Fault::After if of_head => store.commit(changes).and(Err(lost())),
                _ => store.commit(changes),
            }
        };
        let store = Arc::new(Through::new(Arc::new(MemoryStore::new()), commit));
        Rig { path, store, fault }
    }

    fn fail(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    fn open(&self) -> Result<Arc<JsonLinesAudit>, Error> {
        JsonLinesAudit::open(&self.path.0, key(), self.store.clone()).map(Arc::new)
    }

    fn vault(&self) -> (Vault, Arc<JsonLinesAudit>) {
        let log = self.open().unwrap();
        let vault = Vault::builder()
            .host("vault.example")
            .provider(Arc::new(Software::ephemeral().unwrap()))
            .store(self.store.clone())
            .audit(log.clone())
            .clock(Arc::new(ManualClock::at(UnixTime(1_700_000_000))))
            .build()
            .unwrap();
        (vault, log)
    }

    /// A log of these many lines and one more.
    fn with_lines(count: usize) -> Rig {
        let rig = Rig::new();
        let (vault, log) = rig.vault();
        let key = signing(&vault);
        for _ in 0..count {
            key.sign(SignAlg::Es256, b"message").unwrap();
        }
        assert_eq!(log.verify().unwrap().lines, count as u64 + 1);
        rig
    }

    fn verify(&self) -> Result<u64, Error> {
        let log = JsonLinesAudit::verify_file(&self.path.0, &key(), &*self.store)?;
        assert!(!log.torn);
        Ok(log.lines)
    }
}

fn signing(vault: &Vault) -> Key {
    vault
        .create("signing", Curve::P256, &KeyOptions::new())
        .unwrap()
}

/// The line at which a log was found to be wrong.
fn broken_at<T>(result: Result<T, Error>) -> u64 {
    match refusal(result) {
        ErrorKind::AuditLog { line, .. } => line,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_line_has_the_services_members_and_no_data() {
    let rig = Rig::new();
    let (vault, _) = rig.vault();
    let key = signing(&vault);
    vault
        .assign_role("alice", Role::CryptoAuditor, &Scope::Keys)
        .unwrap();
    let caller = Caller::new("alice").unwrap();
    let caller = caller.with_correlation_id("a1").unwrap();
    let view = vault.as_caller(caller.with_address("10.0.0.7").unwrap());
    assert!(
        view.latest("signing")
            .unwrap()
            .sign(SignAlg::Es256, b"secret message")
            .is_err()
    );
    key.sign(SignAlg::Es256, b"secret message").unwrap();
    let lines = rig.path.lines();
    assert!(lines.iter().all(|line| !line.contains("secret message")));
    let lines: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let names: Vec<_> = lines
        .iter()
        .map(|line| line["operationName"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "KeyCreate",
            "RoleAssignmentCreate",
            "KeyGet",
            "KeySign",
            "KeySign"
        ]
    );
    for (at, line) in lines.iter().enumerate() {
        assert_eq!(line["seq"], at + 1);
        assert_eq!(line["category"], "AuditEvent");
        assert_eq!(line["time"], "2023-11-14T22:13:20Z");
        let took = line["durationMs"].as_f64().unwrap();
        assert!((0.0..60_000.0).contains(&took), "{took}");
        assert!(at == 2 || took > 0.0, "a key is made or used in no time");
    }
    let ids: BTreeSet<_> = lines
        .iter()
        .map(|line| line["eventId"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), lines.len(), "each event has an id of its own");
    assert!(ids.iter().all(|id| id.len() == 32));
    let denied = &lines[3];
    assert_eq!(denied["resultType"], "Failure");
    assert_eq!(denied["httpStatusCode"], 403);
    assert_eq!(denied["resultSignature"], "Forbidden");
    assert_eq!(
        denied["resultDescription"],
        "the caller is not granted /keys/sign/action at /keys/signing"
    );
    assert_eq!(denied["identity"], "alice");
    assert_eq!(denied["correlationId"], "a1");
    assert_eq!(denied["callerIpAddress"], "10.0.0.7");
    assert_eq!(denied["algorithm"], "ES256");
    let signed = &lines[4];
    assert_eq!(
        (&signed["resultType"], &signed["bytesIn"]),
        (&"Success".into(), &14.into())
    );
    assert_eq!(signed["id"], key.id().unwrap().to_string());
    assert!(signed.get("identity").is_none());
}

#[test]
fn no_name_begins_a_line() {
    let rig = Rig::new();
    let (vault, log) = rig.vault();
    let evil = "a\"}\n{\"seq\":1,\"operationName\":\"KeyGet\u{2028}\u{202e}\\";
    let view = vault.as_caller(
        Caller::new(evil)
            .unwrap()
            .with_correlation_id(evil)
            .unwrap(),
    );
    assert!(view.latest("x").is_err());
    assert!(view.latest(evil).is_err());
    let lines = rig.path.lines();
    assert_eq!(lines.len(), 2);
    for line in &lines {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["identity"], evil);
    }
    assert_eq!(log.verify().unwrap().lines, 2);
}

#[test]
fn every_alteration_is_found_and_where() {
    let rig = Rig::with_lines(4);
    let good = rig.path.lines();
    assert_eq!(rig.verify().unwrap(), 5);
    for at in 0..good.len() {
        // A bit of each byte of the line.
        for byte in 0..good[at].len() {
            let mut line = good[at].clone().into_bytes();
            line[byte] ^= 1;
            let mut lines = good.clone();
            lines[at] = String::from_utf8(line).unwrap();
            rig.path.write(&lines);
            let found = broken_at(rig.verify());
            // A byte that became the end of a line made two of one.
            assert_eq!(found, at as u64 + 1, "{at} {byte}");
        }
        let mut dropped = good.clone();
        dropped.remove(at);
        rig.path.write(&dropped);
        assert_eq!(broken_at(rig.verify()), at as u64 + 1, "dropped {at}");
        let mut doubled = good.clone();
        doubled.insert(at, good[at].clone());
        rig.path.write(&doubled);
        assert_eq!(broken_at(rig.verify()), at as u64 + 2, "doubled {at}");
        for other in 0..at {
            let mut swapped = good.clone();
            swapped.swap(at, other);
            rig.path.write(&swapped);
            assert_eq!(
                broken_at(rig.verify()),
                other as u64 + 1,
                "{at} and {other}"
            );
        }
        rig.path.write(&good[..at]);
        assert_eq!(broken_at(rig.verify()), at as u64 + 1, "cut to {at}");
        assert_eq!(broken_at(rig.open()), at as u64 + 1, "cut to {at}, opened");
    }
    rig.path.write(&good);
    assert_eq!(rig.verify().unwrap(), 5);
    // Without the last line's end.
    let text = fs::read(&rig.path.0).unwrap();
    fs::write(&rig.path.0, &text[..text.len() - 1]).unwrap();
    assert_eq!(broken_at(rig.verify()), 5);
    // A log of another key, as long as this one.
    fs::write(&rig.path.0, &text).unwrap();
    let other = AuditKey::from_bytes([8; 32]);
    let result = JsonLinesAudit::verify_file(&rig.path.0, &other, &*rig.store);
    assert_eq!(broken_at(result), 1);
}

#[test]
fn another_good_log_of_the_same_key_is_not_this_one() {
    let (rig, other) = (Rig::with_lines(3), Rig::with_lines(3));
    fs::copy(&other.path.0, &rig.path.0).unwrap();
    let result = rig.verify();
    assert_eq!(broken_at(result), 4, "the store knows another last line");
}

#[test]
fn lines_without_a_head_are_refused() {
    let rig = Rig::with_lines(1);
    let rig = Rig::at(Path(rig.path.0.clone()));
    assert_eq!(broken_at(rig.open()), 1);
    assert_eq!(broken_at(rig.verify()), 1);
}

#[test]
fn two_at_once_are_refused() {
    let rig = Rig::new();
    let _first = rig.open().unwrap();
    assert_eq!(
        refusal(rig.open()),
        ErrorKind::Unavailable { what: "audit log" }
    );
}

#[test]
fn a_log_goes_on_where_it_ended() {
    let rig = Rig::with_lines(2);
    for round in 0..3 {
        let (vault, log) = rig.vault();
        vault.list(None, None).unwrap();
        assert_eq!(log.verify().unwrap().lines, 4 + round);
    }
    // A piece of a line, as a crash in the middle of writing leaves it.
    for piece in ["{", "{\"seq\":7,", "x"] {
        let mut bytes = fs::read(&rig.path.0).unwrap();
        bytes.extend_from_slice(piece.as_bytes());
        fs::write(&rig.path.0, bytes).unwrap();
        let torn = JsonLinesAudit::verify_file(&rig.path.0, &key(), &*rig.store).unwrap();
        assert!(torn.torn && torn.lines == 6);
        drop(rig.open().unwrap());
        assert_eq!(rig.verify().unwrap(), 6);
    }
    // A whole line that nobody with the key wrote.
    let mut lines = rig.path.lines();
    lines.push(lines[5].replace("\"seq\":6", "\"seq\":7"));
    rig.path.write(&lines);
    assert_eq!(broken_at(rig.open()), 7);
}

/// The store fails before or after it took the head; each acknowledged event is in the log
/// once, and what was withheld is there once or not at all.
#[test]
fn a_head_that_is_not_taken_withholds_the_result() {
    for fault in [Fault::Before, Fault::After] {
        let rig = Rig::with_lines(1);
        let (vault, log) = rig.vault();
        let key = signing(&vault);
        let before = log.verify().unwrap().lines;
        rig.fail(fault);
        for _ in 0..2 {
            let result = key.sign(SignAlg::Es256, b"message");
            assert_eq!(refusal(result), ErrorKind::Audit);
        }
        rig.fail(Fault::None);
        let crashed = rig.path.lines().len() as u64;
        assert!(
            (before + 1..=before + 2).contains(&crashed),
            "{fault:?}: {crashed}"
        );
        key.sign(SignAlg::Es256, b"message").unwrap();
        assert_eq!(log.verify().unwrap().lines, crashed + 1);
        // And the same with a crash in place of going on.
        rig.fail(fault);
        assert!(key.sign(SignAlg::Es256, b"message").is_err());
        rig.fail(Fault::None);
        drop((vault, key, log));
        let log = rig.open().unwrap();
        assert_eq!(log.verify().unwrap().lines, crashed + 2);
    }
}

#[test]
fn the_event_of_a_change_is_in_the_log_once() {
    for fault in [Fault::Before, Fault::After] {
        let rig = Rig::new();
        let (vault, log) = rig.vault();
        let key = signing(&vault);
        rig.fail(fault);
        key.update(&KeyUpdate::new().enabled(false)).unwrap();
        for _ in 0..2 {
            assert_eq!(refusal(vault.list(None, None)), ErrorKind::Audit);
        }
        rig.fail(Fault::None);
        vault.list(None, None).unwrap();
        let mut names: Vec<String> = rig
            .path
            .lines()
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["operationName"].to_string())
            .collect();
        // A list that was withheld may be in it too.
        names.dedup();
        assert_eq!(names, ["\"KeyCreate\"", "\"KeyUpdate\"", "\"KeyList\""]);
        log.verify().unwrap();
        assert!(log.wants_events());
    }
}

#[test]
fn an_event_that_comes_again_is_known_after_others_and_after_a_restart() {
    let rig = Rig::new();
    let events = some_events();
    let log = rig.open().unwrap();
    log.record_once(&events[0]).unwrap();
    log.record_once(&events[0]).unwrap();
    for event in &events[1..] {
        log.record(event).unwrap();
    }
    log.record_once(&events[0]).unwrap();
    drop(log);
    let log = rig.open().unwrap();
    log.record_once(&events[0]).unwrap();
    assert_eq!(log.verify().unwrap().lines, events.len() as u64);

    let memory = MemoryAudit::new(10);
    memory.record_once(&events[0]).unwrap();
    memory.record_once(&events[0]).unwrap();
    assert_eq!(memory.events(), events[..1]);
}

fn some_events() -> Vec<AuditEvent> {
    let audit = Arc::new(MemoryAudit::new(100));
    let vault = Vault::builder()
        .provider(Arc::new(Software::ephemeral().unwrap()))
        .store(Arc::new(MemoryStore::new()))
        .audit(audit.clone())
        .build()
        .unwrap();
    for _ in 0..20 {
        vault.list(None, None).unwrap();
    }
    audit.events()
}
