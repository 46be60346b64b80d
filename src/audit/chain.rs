//! The chain: what is computed over lines, and following it.
//!
//! ```text
//! {"seq":7,...,"mac":"<64 digits>"}
//! mac(0) = HMAC(key, "strongroom 1 audit log")
//! mac(n) = HMAC(key, mac(n-1) || the line up to `,"mac":"`)
//! ```
//!
//! What is verified is bytes, not what a JSON reader makes of them.

use std::fmt;
use std::io::{BufRead, Read};

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::encoding::hex::Hex;
use crate::error::{Error, ErrorKind};

const LABEL: &[u8] = b"strongroom 1 audit log";
const MAC_LEN: usize = 32;
/// The block of SHA-256: HMAC fills a shorter key up to it with zeros (RFC 2104 section 2).
const BLOCK: usize = 64;
const BEFORE_MAC: &[u8] = br#","mac":""#;
const AFTER_MAC: &[u8] = br#""}"#;
/// The longest line read; none that is written comes near it.
const MAX_LINE: u64 = 64 * 1024;

/// The key of one log: 32 random bytes, erased on drop. Whoever has it can forge the log, so
/// it belongs elsewhere than the log. Another log needs another key.
pub struct AuditKey(Box<Zeroizing<[u8; BLOCK]>>);

impl AuditKey {
    /// The length of a key, in bytes.
    pub const LEN: usize = 32;

    /// The key with these bytes, which must be random. The array is erased.
    #[must_use]
    pub fn from_bytes(bytes: [u8; AuditKey::LEN]) -> Self {
        let bytes = Zeroizing::new(bytes);
        let mut block = Box::new(Zeroizing::new([0; BLOCK]));
        let pairs = block.iter_mut().zip(bytes.iter());
        pairs.for_each(|(to, from)| *to = *from);
        AuditKey(block)
    }

    fn mac(&self, parts: [&[u8]; 2]) -> Hmac<Sha256> {
        let block: &[u8; BLOCK] = &self.0;
        let mut mac = Hmac::<Sha256>::new(block.into());
        parts.iter().for_each(|part| mac.update(part));
        mac
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey(..)")
    }
}

/// What a log was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedLog {
    /// How many lines there are, all of them as they were written.
    pub lines: u64,
    /// Whether behind them stands a piece of a line, as a crash leaves it: its event was never
    /// acknowledged. It is cut off when the log is next opened.
    pub torn: bool,
}

/// Where a chain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    format: u32,
    /// How many lines.
    pub(super) count: u64,
    /// The last one's MAC.
    mac: [u8; MAC_LEN],
    /// How many bytes they take.
    pub(super) offset: u64,
}

impl Head {
    const FORMAT: u32 = 1;

    pub(super) fn start(key: &AuditKey) -> Self {
        Head {
            format: Head::FORMAT,
            count: 0,
            mac: key.mac([LABEL, b""]).finalize().into_bytes().into(),
            offset: 0,
        }
    }

    /// The next line, given the JSON object behind `{"seq":n` and without its closing brace,
    /// and the head that it makes.
    pub(super) fn extend(&self, key: &AuditKey, rest: &[u8]) -> (Vec<u8>, Head) {
        let count = self.count + 1;
        let body = [prefix(count).as_bytes(), rest].concat();
        let mac: [u8; MAC_LEN] = key.mac([&self.mac, &body]).finalize().into_bytes().into();
        let digits = Hex(&mac).to_string();
        let line = [&body, BEFORE_MAC, digits.as_bytes(), AFTER_MAC, b"\n"].concat();
        let len = u64::try_from(line.len()).unwrap_or(u64::MAX);
        let head = Head {
            count,
            mac,
            offset: self.offset.saturating_add(len),
            ..*self
        };
        (line, head)
    }

    /// The head behind this line (without its end), if it is the next.
    fn accept(&self, key: &AuditKey, line: &[u8]) -> Result<Head, Error> {
        let count = self.count + 1;
        let wrong = |fault| Error::from(ErrorKind::AuditLog { line: count, fault });
        let parts = split(line).ok_or_else(|| wrong("it is no line of a log"))?;
        let (body, mac) = parts;
        if !body.starts_with(prefix(count).as_bytes()) {
            return Err(wrong(
                "it is not the next: lines are missing, added or exchanged",
            ));
        }
        let expected = key.mac([&self.mac, body]);
        expected
            .verify_slice(&mac)
            .map_err(|_| wrong("it was altered, or one before it is another"))?;
        let len = u64::try_from(line.len() + 1).unwrap_or(u64::MAX);
        Ok(Head {
            count,
            mac,
            offset: self.offset.saturating_add(len),
            ..*self
        })
    }
}

/// What the store keeps of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    /// What is acknowledged.
    pub(super) head: Head,
    /// The last events that may be given again, the latest last.
    once: Vec<String>,
}

impl Kept {
    /// One vault gives one such event at a time; a log may be that of several.
    const MOST: usize = 8;

    pub(super) fn start(key: &AuditKey) -> Self {
        Kept {
            head: Head::start(key),
            once: Vec::new(),
        }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(|_| corrupt())
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let kept: Kept = serde_json::from_slice(bytes).map_err(|_| corrupt())?;
        if kept.head.format != Head::FORMAT {
            return Err(corrupt());
        }
        Ok(kept)
    }

    pub(super) fn has(&self, event: &str) -> bool {
        self.once.iter().any(|known| known == event)
    }

    pub(super) fn remember(&mut self, event: String) {
        self.once.push(event);
        let forgotten = self.once.len().saturating_sub(Kept::MOST);
        self.once.drain(..forgotten);
    }
}

fn prefix(count: u64) -> String {
    format!("{{\"seq\":{count},")
}

fn split(line: &[u8]) -> Option<(&[u8], [u8; MAC_LEN])> {
    let rest = line.strip_suffix(AFTER_MAC)?;
    let (rest, digits) = rest.split_last_chunk::<{ 2 * MAC_LEN }>()?;
    let body = rest.strip_suffix(BEFORE_MAC)?;
    let mut mac = [0; MAC_LEN];
    base16ct::lower::decode(digits, &mut mac).ok()?;
    Some((body, mac))
}

/// Follows the chain from `from` to the end of the input, and past `head` if there is one.
/// Answers with where it ends, and whether a piece of a line stands behind that; shows each
/// line.
pub(super) fn follow(
    mut input: impl BufRead,
    key: &AuditKey,
    from: Head,
    head: Option<Head>,
    mut each: impl FnMut(&[u8]),
) -> Result<(Head, bool), Error> {
    let mut at = from;
    let mut line = Vec::new();
    let wrong = |line, fault| Err(ErrorKind::AuditLog { line, fault }.into());
    let torn = loop {
        line.clear();
        let read = input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        read.map_err(unavailable)?;
        match line.strip_suffix(b"\n") {
            Some(line) => {
                at = at.accept(key, line)?;
                each(line);
            }
            None if line.is_empty() => break false,
            None if u64::try_from(line.len()).is_ok_and(|len| len >= MAX_LINE) => {
                return wrong(at.count + 1, "it is no line of a log");
            }
            None => break true,
        }
        if head.is_some_and(|head| head.count == at.count && head != at) {
            return wrong(at.count, "it is not the one that the store knows");
        }
    };
    if head.is_some_and(|head| head.count > at.count) {
        return wrong(at.count + 1, "it and what followed it were cut off");
    }
    Ok((at, torn))
}

pub(super) fn unavailable(error: std::io::Error) -> Error {
    Error::with_source(ErrorKind::Unavailable { what: "audit log" }, error)
}

fn corrupt() -> Error {
    ErrorKind::Corrupt {
        what: "head of the audit log",
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_not_shown() {
        assert_eq!(
            format!("{:?}", AuditKey::from_bytes([7; 32])),
            "AuditKey(..)"
        );
    }

    /// Computed with Python's `hmac`.
    #[test]
    fn a_known_chain() {
        let key = AuditKey::from_bytes([7; 32]);
        let (line, head) = Head::start(&key).extend(&key, br#""a":1"#);
        let line = String::from_utf8(line).unwrap();
        assert!(line.starts_with(r#"{"seq":1,"a":1,"mac":""#), "{line}");
        assert_eq!(&line[22..86], KNOWN);
        assert_eq!(head.offset, 89);
    }
    const KNOWN: &str = "bd81c597a086dae615dc50e02f35e26c2fe973bedaa2d909d7c6f8d8adedd78b";
}
