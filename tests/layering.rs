//! Arrows point down: which top-level module of `src/` may name which.
//!
//! The table is `ARROWS`. The test reads every file below `src/`, leaves out
//! comments, strings and `#[cfg(test)]` items, and follows each path that starts
//! with `crate`, `super` or `self`, `use` groups included. A module without a row
//! fails, so a new module starts with a decision about its place.
//!
//! The same pass checks where `unsafe` and the backends' crates may appear, and
//! how long a file may be.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// One module: it may name `below`, all that `below` may name, and `also`.
struct Row {
    module: &'static str,
    below: Option<&'static str>,
    also: &'static [&'static str],
}

const fn row(
    module: &'static str,
    below: Option<&'static str>,
    also: &'static [&'static str],
) -> Row {
    Row {
        module,
        below,
        also,
    }
}

/// Lowest first. A row may only build on rows above it in this list.
const ARROWS: &[Row] = &[
    row("error", None, &[]),
    row("secret", None, &["error"]),
    row("engine", None, &[]),
    row("alg", Some("secret"), &[]),
    // A public key keeps what the engine computed from it.
    row("jwk", Some("alg"), &["engine"]),
    row("encoding", Some("jwk"), &[]),
    row("handle", Some("encoding"), &[]),
    row("fit", Some("handle"), &[]),
    row("public", Some("fit"), &[]),
    row("provider", Some("public"), &[]),
    // What seals keys and records at rest; a header may be opened by a provider's key.
    row("seal", Some("provider"), &[]),
    // Backends. They never name each other, and nothing below names them.
    row("software", Some("seal"), &[]),
    row("pkcs11", Some("provider"), &[]),
    // The vault knows backends by their trait alone, and does no cryptography: it has things
    // sealed.
    row("vault", Some("fit"), &["provider", "seal"]),
    row("store", None, &["error", "secret", "alg", "seal", "vault"]),
    row("audit", None, &["error", "secret", "encoding", "vault"]),
    // Above everything: the paved path, the suite for backends, the test hooks.
    row("simple", Some(EVERYTHING), &[]),
    row("conformance", Some("provider"), &["vault"]),
    row("internal", Some(EVERYTHING), &[]),
];

/// As `below`: may name every module.
const EVERYTHING: &str = "*";

/// Crates that belong to one backend, and the only folder that may name them.
const OWNED_CRATES: &[(&str, &str)] = &[
    ("cryptoki_sys", "pkcs11"),
    ("redb", "store"),
    ("tracing", "audit"),
];

/// Where `unsafe` may be written, as the beginning of a path below `src/`.
const UNSAFE_IN: &[&str] = &["engine/", "pkcs11/raw.rs"];

/// The most lines of one file, test items not counted.
const MOST_LINES: usize = 500;

/// Files that may be longer, and how long.
const LONG_FILES: &[(&str, usize)] = &[
    // One place for all `unsafe` of the backend, and each function of the standard once.
    ("pkcs11/raw.rs", 700),
];

#[test]
fn arrows_point_down() {
    let sources = Sources::read(&src_dir());
    report(&sources.layering());
}

#[test]
fn every_module_has_a_row_and_every_row_a_module() {
    let sources = Sources::read(&src_dir());
    let found: BTreeSet<&str> = sources.files.iter().filter_map(File::top).collect();
    let mut wrong = Vec::new();
    for module in &found {
        if !ARROWS.iter().any(|row| row.module == *module) {
            wrong.push(format!(
                "src/{module}: no row in ARROWS; decide what it may name"
            ));
        }
    }
    for row in ARROWS {
        if !found.contains(row.module) {
            wrong.push(format!("ARROWS: `{}` has a row and no source", row.module));
        }
    }
    report(&wrong);
}

#[test]
fn backend_crates_stay_in_their_folder() {
    report(&Sources::read(&src_dir()).owned_crates());
}

#[test]
fn unsafe_stays_where_it_is_allowed() {
    report(&Sources::read(&src_dir()).unsafe_code());
}

#[test]
fn files_stay_short() {
    report(&Sources::read(&src_dir()).long_files());
}

#[test]
fn the_table_is_sound() {
    for (at, row) in ARROWS.iter().enumerate() {
        let above = |name: &str| ARROWS[..at].iter().any(|lower| lower.module == name);
        for name in row.also.iter().copied().chain(row.below) {
            let itself = row.module == name;
            assert!(
                name == EVERYTHING || above(name) || itself,
                "{}: {name}",
                row.module
            );
        }
    }
    for free in ["error", "engine"] {
        assert!(
            allowed(free).expect("a row").is_empty(),
            "{free} names nothing"
        );
    }
    for (from, to) in [
        ("vault", "public"),
        ("vault", "software"),
        ("vault", "store"),
        ("software", "pkcs11"),
        ("pkcs11", "software"),
        ("provider", "vault"),
        ("store", "provider"),
        ("conformance", "software"),
    ] {
        assert!(
            !allowed(from).expect("a row").contains(to),
            "{from} -> {to}"
        );
    }
    for (from, to) in [("fit", "error"), ("software", "jwk"), ("vault", "provider")] {
        assert!(allowed(from).expect("a row").contains(to), "{from} -> {to}");
    }
}

/// All that `module` may name, or `None` if it has no row.
fn allowed(module: &str) -> Option<BTreeSet<&'static str>> {
    let row = ARROWS.iter().find(|row| row.module == module)?;
    let mut names: BTreeSet<&str> = row.also.iter().copied().collect();
    match row.below {
        Some(EVERYTHING) => names.extend(ARROWS.iter().map(|row| row.module)),
        Some(below) => {
            names.insert(below);
            names.extend(allowed(below)?);
        }
        None => {}
    }
    Some(names)
}

fn src_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn report(wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} violation(s):\n  {}",
        wrong.len(),
        wrong.join("\n  ")
    );
}

// ---------------------------------------------------------------------------
// Reading the sources

struct Sources {
    files: Vec<File>,
}

struct File {
    /// Below `src/`, with `/`.
    path: String,
    /// `src/vault/key.rs` is `["vault", "key"]`, and `src/lib.rs` is empty.
    module: Vec<String>,
    /// The file's words and marks, without its test items.
    tokens: Vec<Token>,
    /// Lines that are no part of a test item.
    lines: usize,
}

impl File {
    fn top(&self) -> Option<&str> {
        self.module.first().map(String::as_str)
    }
}

impl Sources {
    fn read(dir: &Path) -> Sources {
        let mut texts = BTreeMap::new();
        collect(dir, dir, &mut texts);
        assert!(!texts.is_empty(), "no sources in {}", dir.display());
        Sources::parse(
            texts
                .iter()
                .map(|(path, text)| (path.as_str(), text.as_str())),
        )
    }

    fn parse<'a>(texts: impl Iterator<Item = (&'a str, &'a str)>) -> Sources {
        let mut files = Vec::new();
        let mut test_modules = Vec::new();
        for (path, text) in texts {
            let module = module_of(path);
            let tests = TestItems::remove_from(tokens(text));
            for name in tests.out_of_line {
                test_modules.push([module.clone(), vec![name]].concat());
            }
            let lines = text.lines().count().saturating_sub(tests.lines);
            files.push(File {
                path: path.to_owned(),
                module,
                tokens: tests.rest,
                lines,
            });
        }
        files.retain(|file| {
            !test_modules
                .iter()
                .any(|tests| file.module.starts_with(tests))
        });
        Sources { files }
    }

    fn layering(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for file in &self.files {
            let Some(top) = file.top() else {
                continue; // lib.rs names everything
            };
            let Some(may) = allowed(top) else {
                continue; // its own test says so
            };
            for (line, name) in root_names(&file.module, &file.tokens) {
                if name == top || may.contains(name.as_str()) {
                    continue;
                }
                let why = match name.as_str() {
                    "*" => "a glob of the crate's root hides what is used".to_owned(),
                    _ if ARROWS.iter().any(|row| row.module == name) => {
                        format!("`{top}` may not name `{name}`")
                    }
                    _ => format!("`crate::{name}` is no module; name it where it lives"),
                };
                wrong.push(format!("src/{}:{line}: {why}", file.path));
            }
        }
        wrong
    }

    fn owned_crates(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for file in &self.files {
            for (at, token) in file.tokens.iter().enumerate() {
                for (name, folder) in OWNED_CRATES {
                    let named = token.text == *name && is_crate_name(&file.tokens, at);
                    if named && file.top() != Some(folder) {
                        let place = format!("src/{}:{}", file.path, token.line);
                        wrong.push(format!("{place}: `{name}` belongs to src/{folder}"));
                    }
                }
            }
        }
        wrong
    }

    fn unsafe_code(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for file in &self.files {
            if UNSAFE_IN.iter().any(|place| file.path.starts_with(place)) {
                continue;
            }
            for token in file.tokens.iter().filter(|token| token.text == "unsafe") {
                wrong.push(format!(
                    "src/{}:{}: `unsafe` has no place here",
                    file.path, token.line
                ));
            }
        }
        wrong
    }

    fn long_files(&self) -> Vec<String> {
        let most = |file: &File| {
            let mut exceptions = LONG_FILES.iter();
            let exception = exceptions.find(|(path, _)| *path == file.path);
            exception.map_or(MOST_LINES, |(_, most)| *most)
        };
        let long = self.files.iter().filter(|file| file.lines > most(file));
        long.map(|file| format!("src/{}: {} lines", file.path, file.lines))
            .collect()
    }
}

fn collect(root: &Path, dir: &Path, texts: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(dir).expect("src is readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(root, &path, texts);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path
                .strip_prefix(root)
                .expect("below src")
                .to_str()
                .expect("UTF-8");
            let text = fs::read_to_string(&path).expect("a readable source");
            texts.insert(name.replace('\\', "/"), text);
        }
    }
}

fn module_of(path: &str) -> Vec<String> {
    let stem = path.strip_suffix(".rs").expect("a Rust file");
    let mut module: Vec<String> = stem.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod") || stem == "lib" {
        module.pop();
    }
    module
}

// ---------------------------------------------------------------------------
// Words and marks

#[derive(Clone, Debug)]
struct Token {
    text: String,
    line: usize,
}

/// Identifiers, `::` and single marks; no comments, strings or numbers.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let start = at;
        match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => {
                while at < chars.len() && chars[at] != '\n' {
                    at += 1;
                }
            }
            '/' if chars.get(at + 1) == Some(&'*') => at = block_comment_end(&chars, at),
            '"' => at = string_end(&chars, at),
            '\'' => at = quote_end(&chars, at),
            ':' if chars.get(at + 1) == Some(&':') => {
                out.push(Token {
                    text: "::".to_owned(),
                    line,
                });
                at += 2;
            }
            c if c.is_alphanumeric() || c == '_' => {
                while at < chars.len() && (chars[at].is_alphanumeric() || chars[at] == '_') {
                    at += 1;
                }
                let word: String = chars[start..at].iter().collect();
                let next = chars.get(at).copied();
                if matches!(word.as_str(), "r" | "br" | "cr") && matches!(next, Some('"' | '#')) {
                    // A raw string, or a raw identifier: `r#type`.
                    at = raw_end(&chars, at);
                } else if !skipped(&word, next) {
                    out.push(Token { text: word, line });
                }
            }
            c => {
                if !c.is_whitespace() {
                    out.push(Token {
                        text: c.to_string(),
                        line,
                    });
                }
                at += 1;
            }
        }
        line += chars[start..at].iter().filter(|c| **c == '\n').count();
    }
    out
}

/// A number, or the mark of a byte string.
fn skipped(word: &str, next: Option<char>) -> bool {
    word.starts_with(char::is_numeric) || (matches!(word, "b" | "c") && next == Some('"'))
}

fn block_comment_end(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string_end(chars: &[char], mut at: usize) -> usize {
    at += 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// The end of a character literal, or of the mark of a lifetime.
fn quote_end(chars: &[char], at: usize) -> usize {
    if chars.get(at + 1) == Some(&'\\') {
        let closing = chars[at + 3..].iter().position(|c| *c == '\'').unwrap_or(0);
        return at + 3 + closing + 1;
    }
    if chars.get(at + 2) == Some(&'\'') {
        at + 3
    } else {
        at + 1
    }
}

/// From the marks after `r`: past the raw string, or past the `#` of `r#name`.
fn raw_end(chars: &[char], at: usize) -> usize {
    let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
    if chars.get(at + hashes) != Some(&'"') {
        return at + hashes;
    }
    let mut end = at + hashes + 1;
    while end < chars.len() {
        let closes = chars[end] == '"'
            && chars[end + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
        end += 1;
        if closes {
            return end + hashes;
        }
    }
    end
}

/// Words that start something which may hold a comma outside of brackets.
const ITEM: &[&str] = &[
    "const", "enum", "fn", "impl", "let", "static", "struct", "trait", "type", "use",
];

struct TestItems {
    rest: Vec<Token>,
    /// `#[cfg(test)] mod name;`
    out_of_line: Vec<String>,
    /// Lines that test items cover.
    lines: usize,
}

impl TestItems {
    fn remove_from(tokens: Vec<Token>) -> TestItems {
        let mut found = TestItems {
            rest: Vec::new(),
            out_of_line: Vec::new(),
            lines: 0,
        };
        let mut at = 0;
        while at < tokens.len() {
            let Some(mut end) = test_attribute_end(&tokens, at) else {
                found.rest.push(tokens[at].clone());
                at += 1;
                continue;
            };
            let item = end;
            let mut depth = 0_usize;
            while let Some(token) = tokens.get(end) {
                end += 1;
                match token.text.as_str() {
                    "{" | "(" | "[" => depth += 1,
                    "}" | ")" | "]" => depth = depth.saturating_sub(1),
                    _ => {}
                }
                // A comma ends a field, a variant or an arm, but may stand in the
                // generics of an item.
                let closed = match token.text.as_str() {
                    "}" | ";" => true,
                    "," => !tokens[item..end]
                        .iter()
                        .any(|t| ITEM.contains(&t.text.as_str())),
                    _ => false,
                };
                if closed && depth == 0 {
                    break;
                }
            }
            for words in tokens[item..end].windows(3) {
                if words[0].text == "mod" && words[2].text == ";" {
                    found.out_of_line.push(words[1].text.clone());
                }
            }
            found.lines += tokens[end - 1].line - tokens[at].line + 1;
            at = end;
        }
        found
    }
}

/// If `#[cfg(test)]` or `#[cfg(all(test, ..))]` starts here: where it ends.
fn test_attribute_end(tokens: &[Token], at: usize) -> Option<usize> {
    let is = |offset: usize, text: &str| tokens.get(at + offset).is_some_and(|t| t.text == text);
    if !(is(0, "#") && is(1, "[") && is(2, "cfg") && is(3, "(")) {
        return None;
    }
    let mut depth = 0_usize;
    let mut end = at + 1;
    loop {
        match tokens.get(end)?.text.as_str() {
            "[" | "(" => depth += 1,
            "]" | ")" => depth -= 1,
            _ => {}
        }
        end += 1;
        if depth == 0 {
            break;
        }
    }
    let all = is(4, "all") && is(5, "(");
    let among = tokens[at + 4..end].iter().any(|token| token.text == "test");
    let negated = tokens[at + 4..end]
        .iter()
        .any(|token| matches!(&*token.text, "any" | "not"));
    (is(4, "test") || (all && among && !negated)).then_some(end)
}

// ---------------------------------------------------------------------------
// Paths

/// The names directly below the crate's root that the file's paths go through,
/// each with its line.
fn root_names(module: &[String], tokens: &[Token]) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    // The braces of inline modules that are open, by depth: `super` counts them.
    let (mut inline, mut depth) = (Vec::new(), 0_usize);
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let text = |at: usize| {
            tokens
                .get(at)
                .map_or("", |token: &Token| token.text.as_str())
        };
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                inline.retain(|opened| *opened < depth + 1);
            }
            "mod" if text(at + 2) == "{" => inline.push(depth + 1),
            "crate" | "super" | "self" if text(at + 1) == "::" && starts_path(tokens, at) => {
                let here = module.len() + inline.len();
                at = follow(tokens, at, module, here, &mut names);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    names
}

fn starts_path(tokens: &[Token], at: usize) -> bool {
    at == 0 || tokens[at - 1].text != "::"
}

/// Follows one path, groups included, from `tokens[at]`, as long as it stays
/// among the crate's own first names. `depth` is how many modules deep it
/// stands, and `module` says which they are. Returns where it stopped.
fn follow(
    tokens: &[Token],
    mut at: usize,
    module: &[String],
    mut depth: usize,
    names: &mut Vec<(usize, String)>,
) -> usize {
    loop {
        let Some(token) = tokens.get(at) else {
            return at;
        };
        match token.text.as_str() {
            "crate" => depth = 0,
            "super" => depth = depth.saturating_sub(1),
            "self" => {}
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token.text != "}") {
                    let next = follow(tokens, at, module, depth, names);
                    at = next.max(at + 1);
                    // To the next member of this group, past `as name` and what
                    // lies deeper.
                    let mut open = 0_usize;
                    while let Some(token) = tokens.get(at) {
                        match token.text.as_str() {
                            "{" => open += 1,
                            "}" if open == 0 => break,
                            "}" => open -= 1,
                            "," if open == 0 => {
                                at += 1;
                                break;
                            }
                            _ => {}
                        }
                        at += 1;
                    }
                }
                return at + 1;
            }
            name => {
                if depth == 0 {
                    names.push((token.line, name.to_owned()));
                }
                return at + 1;
            }
        }
        if tokens.get(at + 1).is_none_or(|token| token.text != "::") {
            // The path ends in `crate`, `super` or `self`.
            if depth > 0 && depth <= module.len() {
                names.push((token.line, module[0].clone()));
            }
            return at + 1;
        }
        at += 2;
    }
}

/// Whether the identifier at `at` starts a path, or is all of a `use`.
fn is_crate_name(tokens: &[Token], at: usize) -> bool {
    let text = |at: Option<usize>| {
        at.and_then(|at| tokens.get(at))
            .map_or("", |t| t.text.as_str())
    };
    let word = |text: &str| text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let before = text(at.checked_sub(1));
    let inside = before == "::"
        && (word(text(at.checked_sub(2))) && text(at.checked_sub(2)) != "use"
            || text(at.checked_sub(2)) == ">");
    let named = text(Some(at + 1)) == "::" || matches!(before, "use" | "::" | "crate");
    named && !inside
}

// ---------------------------------------------------------------------------
// The scanner finds what is planted

#[cfg(test)]
mod planted {
    use super::*;

    fn check(path: &str, text: &str, find: fn(&Sources) -> Vec<String>) -> Vec<String> {
        find(&Sources::parse([(path, text)].into_iter()))
    }

    fn names(path: &str, text: &str) -> Vec<String> {
        let found = root_names(&module_of(path), &tokens(text));
        found.into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn an_upward_arrow_is_found_in_every_spelling() {
        for text in [
            "fn f() { crate::software::go() }",
            "use crate::software::Software;",
            "use crate::software;",
            "pub(crate) use crate::{error::Error, software};",
            "use crate::{error::{Error, ErrorKind}, software::{rsa::{a, b}, ec}};",
            "use super::super::software;",
            "use super::super::{error, software as s};",
            "use super::{super::software, policy};",
            "mod inner { use super::super::super::software; }",
            "fn f<'a>(x: &'a str, c: char) { if c == '\"' { crate::software::go() } }",
            "macro_rules! m { () => { $crate::software::go() } }",
            "#[cfg(not(test))] use crate::software;",
            "#[cfg(any(test, feature = \"x\"))] use crate::software;",
            "#[cfg(test)] mod tests { use super::*; }\nuse crate::software;",
            "#[cfg(test)] use crate::public; use crate::software;",
        ] {
            let wrong = check("vault/key.rs", text, Sources::layering);
            assert_eq!(wrong.len(), 1, "{text}: {wrong:?}");
            assert!(
                wrong[0].contains("`vault` may not name `software`"),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn what_is_not_code_or_not_shipped_is_left_alone() {
        for text in [
            "// crate::software::go()",
            "/// [`Software`](crate::software::Software)\nfn f() {}",
            "/* /* */ crate::software */",
            "const S: &str = \"crate::software \\\" crate::software\";",
            "const S: &str = r#\"\" crate::software \"#;",
            "#[cfg(test)]\nmod tests { use crate::software::Software; }",
            "#[cfg(all(test, unix))]\n#[allow(dead_code)]\nfn f() { crate::software::go() }",
            "#[cfg(test)]\nimpl X<A, B> for C { fn f() { crate::software::go() } }",
            "struct S { #[cfg(test)] pub x: crate::software::X, y: u8 }",
            "use super::policy; use self::software::x; use crate::vault::software;",
            "mod inner { use super::super::policy; use super::software; }",
            "use other::crate_::software; pub(crate) fn f() {} pub(super) fn g() {}",
        ] {
            assert_eq!(
                check("vault/key.rs", text, Sources::layering),
                [""; 0],
                "{text}"
            );
        }
        let files = [
            ("vault/mod.rs", "#[cfg(test)]\n#[allow(x)]\nmod tests;"),
            ("vault/tests.rs", "use crate::store;"),
        ];
        assert_eq!(Sources::parse(files.into_iter()).layering(), [""; 0]);
    }

    #[test]
    fn names_hidden_behind_the_root_are_found() {
        assert_eq!(names("fit.rs", "use crate::*;"), ["*"]);
        assert_eq!(names("fit.rs", "use super::*;"), ["*"]);
        assert_eq!(
            names("fit.rs", "use crate::{Error, alg::{self, Op}};"),
            ["Error", "alg"]
        );
        let wrong = check("fit.rs", "\nuse crate::Error;", Sources::layering);
        assert_eq!(
            wrong,
            ["src/fit.rs:2: `crate::Error` is no module; name it where it lives"]
        );
    }

    #[test]
    fn a_backend_crate_outside_its_folder_is_found() {
        for text in [
            "use redb::Database;",
            "use redb as r;",
            "fn f() { ::redb::open() }",
        ] {
            assert_eq!(
                check("vault/key.rs", text, Sources::owned_crates).len(),
                1,
                "{text}"
            );
            assert_eq!(
                check("store/redb.rs", text, Sources::owned_crates).len(),
                0,
                "{text}"
            );
        }
        for text in [
            "let redb = 1;",
            "use crate::store::redb::RedbStore;",
            "// redb::x",
            "mod redb;",
        ] {
            assert_eq!(
                check("lib.rs", text, Sources::owned_crates).len(),
                0,
                "{text}"
            );
        }
    }

    #[test]
    fn unsafe_outside_its_places_is_found() {
        let text = "#![deny(unsafe_code)] // unsafe\nfn f() { unsafe { g() } }";
        let wrong = check("secret.rs", text, Sources::unsafe_code);
        assert_eq!(wrong, ["src/secret.rs:2: `unsafe` has no place here"]);
        for path in ["engine/rsa/modulus.rs", "pkcs11/raw.rs"] {
            assert_eq!(check(path, text, Sources::unsafe_code).len(), 0, "{path}");
        }
    }

    #[test]
    fn tests_do_not_count_as_length() {
        let code = "fn f() {}\n".repeat(MOST_LINES);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{code}}}\n");
        assert_eq!(
            check("fit.rs", &format!("{code}{tests}"), Sources::long_files).len(),
            0
        );
        let wrong = check("fit.rs", &format!("{tests}{code}//\n"), Sources::long_files);
        assert_eq!(wrong, [format!("src/fit.rs: {} lines", MOST_LINES + 1)]);
    }
}
