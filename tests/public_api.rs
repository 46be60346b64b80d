//! The public API, line by line, against `tests/public_api/strongroom.txt`.
//!
//! The list is made from rustdoc's JSON with all features on, and holds every
//! reachable item that is not `#[doc(hidden)]`: trait implementations too, the
//! derived ones by their header only, and `Send` and `Sync` where they are lost.
//! A change here is a decision. Take it with
//! `STRONGROOM_UPDATE_SNAPSHOTS=1 cargo test --all-features --test public_api`
//! and commit the file together with the code.
//!
//! rustdoc writes JSON on the stable toolchain only when `RUSTC_BOOTSTRAP` is
//! set. It is set for that one command, which builds in a folder of its own.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What `public-api` at the version in Cargo.toml reads: rustdoc of Rust 1.95
/// writes it. With another toolchain the test fails and says so.
const JSON_FORMAT: u64 = 57;

#[test]
fn public_api_is_the_committed_one() {
    let snapshot = root().join("tests/public_api/strongroom.txt");
    let now = public_api(&rustdoc_json());
    if env::var_os("STRONGROOM_UPDATE_SNAPSHOTS").is_some_and(|value| value == "1") {
        fs::create_dir_all(snapshot.parent().expect("a parent")).expect("a folder");
        fs::write(&snapshot, now).expect("the snapshot is written");
        return;
    }
    let committed = fs::read_to_string(&snapshot).unwrap_or_default();
    let changes = diff(&committed, &now);
    assert!(
        changes.is_empty(),
        "the public API is not the one in {}:\n{changes}\n\
         If that is meant: STRONGROOM_UPDATE_SNAPSHOTS=1 cargo test --all-features \
         --test public_api",
        snapshot.display()
    );
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs rustdoc and returns the path of the JSON file.
fn rustdoc_json() -> PathBuf {
    let target = root().join("target/public-api");
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args([
            "rustdoc",
            "--lib",
            "--all-features",
            "--locked",
            "--quiet",
            "--target-dir",
        ])
        .arg(&target)
        .args([
            "--",
            "-Zunstable-options",
            "--output-format=json",
            "--cap-lints=allow",
        ])
        .env("RUSTC_BOOTSTRAP", "1")
        // Whatever this test was built with is none of rustdoc's business.
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTDOCFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .output()
        .expect("cargo starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    target.join("doc/strongroom.json")
}

fn public_api(json: &Path) -> String {
    let text = fs::read_to_string(json).expect("rustdoc wrote its JSON");
    let format: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let format = format["format_version"].as_u64().expect("a format version");
    assert_eq!(
        format, JSON_FORMAT,
        "this toolchain's rustdoc writes JSON format {format}, and the snapshot was made \
         from {JSON_FORMAT}: run with Rust 1.95, or move to the `public-api` that reads {format}"
    );
    let listed = |derived: bool| {
        let api = public_api::Builder::from_rustdoc_json(json)
            .omit_blanket_impls(true)
            .omit_auto_trait_impls(!derived)
            .omit_auto_derived_impls(!derived)
            .build()
            .expect("public-api reads the JSON");
        api.items().map(ToString::to_string).collect::<Vec<_>>()
    };
    let written: HashSet<String> = listed(false).into_iter().collect();
    let mut lines = String::new();
    for line in listed(true) {
        if written.contains(&line) || is_derived_header(&line) || is_lost_auto_trait(&line) {
            writeln!(lines, "{line}").expect("a string grows");
        }
    }
    lines
}

fn is_derived_header(line: &str) -> bool {
    const DERIVED: &[&str] = &[
        "core::clone::Clone",
        "core::marker::Copy",
        "core::cmp::Eq",
        "core::cmp::Ord",
        "core::cmp::PartialEq",
        "core::cmp::PartialOrd",
        "core::default::Default",
        "core::fmt::Debug",
        "core::hash::Hash",
        "zeroize::Zeroize",
        "zeroize::ZeroizeOnDrop",
    ];
    line.starts_with("impl")
        && DERIVED
            .iter()
            .any(|name| line.contains(&format!(" {name} for ")))
}

fn is_lost_auto_trait(line: &str) -> bool {
    line.starts_with("impl")
        && ["Send", "Sync"]
            .iter()
            .any(|name| line.contains(&format!(" !core::marker::{name} for ")))
}

/// The lines that only one side has, in order.
fn diff(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let mut out = String::new();
    // Longest common subsequence, from the end; the lists differ little.
    let same_start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (old, new) = (
        old.get(same_start..).unwrap_or(&[]),
        new.get(same_start..).unwrap_or(&[]),
    );
    let same_end = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (old, new) = (&old[..old.len() - same_end], &new[..new.len() - same_end]);
    let mut longest = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            longest[i][j] = if a == b {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && longest[i + 1][j] >= longest[i][j + 1]) {
            writeln!(out, "- {}", old[i]).expect("a string grows");
            i += 1;
        } else {
            writeln!(out, "+ {}", new[j]).expect("a string grows");
            j += 1;
        }
    }
    out
}

#[test]
fn the_diff_names_what_changed() {
    assert_eq!(diff("a\nb\nc\n", "a\nb\nc\n"), "");
    assert_eq!(diff("a\nb\nc\n", "a\nx\nc\nd\n"), "- b\n+ x\n+ d\n");
    assert_eq!(diff("", "a\n"), "+ a\n");
    assert_eq!(diff("a\nb\n", ""), "- a\n- b\n");
}
