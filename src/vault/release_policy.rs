//! Under which attestation a key may be released: the service's policy grammar.
//!
//! ```text
//! policy    = { "version": "1.0.0", "anyOf": [ authority+ ] }
//! authority = { "authority": issuer-url, ("anyOf" | "allOf"): [ condition+ ] }
//! condition = { "claim": dotted.name, operator: value }
//!           | { "anyOf": [ condition+ ] } | { "allOf": [ condition+ ] }
//! value     = string | number | true | false
//! ```
//!
//! Nobody releases keys here yet. A policy is checked and kept, so that what is written today
//! is what a release will be decided by; hence nothing that is not understood is let in.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::tier::Tier;
use crate::error::{Error, Rule};
use crate::jwk::{Members, base64url};

/// The whole, in errors.
const WHOLE: &str = "release_policy";
const VERSION: &str = "1.0.0";
const CONTENT_TYPE: &str = "application/json; charset=utf-8";
const SCHEME: &str = "https://";

/// Under which attestation a key may be released to an environment that asks for it: which
/// issuers of attestation tokens are believed, and what their tokens must claim.
///
/// A policy belongs to a key, all its versions; see
/// [`KeyOptions::release_policy`](super::KeyOptions::release_policy). Two policies are equal if
/// they are written the same, whatever the white space.
///
/// ```
/// use strongroom::vault::ReleasePolicy;
/// let policy = ReleasePolicy::from_json(br#"{
///     "anyOf": [{
///         "authority": "https://attest.example/",
///         "allOf": [{ "claim": "x-ms-compliance-status", "equals": "azure-compliant-cvm" }]
///     }],
///     "version": "1.0.0"
/// }"#)?;
/// assert!(policy.to_json().starts_with(r#"{"version":"1.0.0","anyOf":[{"authority":"#));
/// assert_eq!(ReleasePolicy::from_member_json(policy.to_member_json().as_bytes())?, policy);
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleasePolicy {
    authorities: Vec<Authority>,
    immutable: bool,
}

/// An issuer of tokens, and what its tokens must claim.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Authority {
    url: String,
    conditions: Conditions,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Conditions {
    all: bool,
    list: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    Claim {
        name: String,
        operator: &'static str,
        value: Value,
    },
    Nested(Conditions),
}

/// A value that a claim is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Text(String),
    /// As it was written: nothing is rounded.
    Number(String),
    Bool(bool),
}

impl ReleasePolicy {
    /// The longest policy read, in bytes.
    pub const MAX_LEN: usize = 16 * 1024;
    /// How deeply conditions may be nested.
    pub const MAX_DEPTH: usize = 8;

    /// Reads a policy: each member once, of its type, and no others. The older form
    /// `{"claim": .., "condition": "equals", "value": ..}` of a condition is read and written
    /// as `{"claim": .., "equals": ..}`.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for the member that is wrong, or for
    /// `release_policy`.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        let json = text(json, ReleasePolicy::MAX_LEN)?;
        let policy = object(WHOLE, json, &["version", "anyOf"])?;
        if required("version", policy.text("version")?)? != VERSION {
            return Err(Error::invalid("version", Rule::Unsupported));
        }
        let authorities = required("anyOf", policy.raw("anyOf"))?;
        let authorities = items("anyOf", authorities)?.into_iter();
        Ok(ReleasePolicy {
            authorities: authorities
                .map(|authority| Authority::read(authority.get()))
                .collect::<Result<_, _>>()?,
            immutable: false,
        })
    }

    /// Writes the policy, in one form for all spellings: compact, `version` first.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = format!(r#"{{"version":"{VERSION}","anyOf":["#);
        write_list(&mut out, &self.authorities, Authority::write);
        out.push_str("]}");
        out
    }

    /// Reads the member `release_policy` of a request: the policy in base64url as `data`,
    /// `contentType`, which can only be JSON, and `immutable`.
    ///
    /// # Errors
    /// As [`from_json`](ReleasePolicy::from_json), and for `contentType`, `data` or
    /// `immutable`. An unknown member is refused, as a misspelled `immutable` would be one.
    pub fn from_member_json(json: &[u8]) -> Result<Self, Error> {
        // Four characters for three bytes, and the other members.
        let json = text(json, ReleasePolicy::MAX_LEN / 3 * 4 + 1024)?;
        let member = object(WHOLE, json, &["contentType", "data", "immutable"])?;
        if let Some(given) = member.text("contentType")?
            && !is_json(&given)
        {
            return Err(Error::invalid("contentType", Rule::Unsupported));
        }
        let immutable = match member.raw("immutable") {
            None => false,
            Some(flag) => read_as("immutable", flag)?,
        };
        let data = required("data", member.text("data")?)?;
        let policy = ReleasePolicy::from_json(base64url::decode("data", &data)?.expose())?;
        Ok(policy.with_immutable(immutable))
    }

    /// Writes the member `release_policy` of an answer.
    #[must_use]
    pub fn to_member_json(&self) -> String {
        let data = base64url::encode(self.to_json().as_bytes());
        let immutable = self.immutable;
        format!(r#"{{"contentType":"{CONTENT_TYPE}","data":"{data}","immutable":{immutable}}}"#)
    }

    /// The same, to be kept for ever or not: a key's policy that is immutable can be neither
    /// changed nor made mutable again. A Managed HSM does not have this.
    #[must_use]
    pub fn with_immutable(mut self, immutable: bool) -> Self {
        self.immutable = immutable;
        self
    }

    /// Whether a key that has it keeps it for ever.
    #[must_use]
    pub fn is_immutable(&self) -> bool {
        self.immutable
    }

    /// Whether this policy may be a key's, now that it has, or has not, one.
    ///
    /// # Errors
    /// [`Rule::Contradicts`] unless it is the same or the one that there is may be changed.
    pub(super) fn may_replace(&self, old: Option<&ReleasePolicy>) -> Result<(), Error> {
        match old {
            Some(old) if old.immutable && old != self => {
                Err(Error::invalid(WHOLE, Rule::Contradicts("immutable")))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a key may be exportable, or not, with this policy or without one.
///
/// A vault without a tier has exportable keys without a policy, for backups of one's own:
/// nothing is released by them.
pub(super) fn check_export(
    tier: Option<Tier>,
    hsm: bool,
    exportable: bool,
    policy: Option<&ReleasePolicy>,
) -> Result<(), Error> {
    if policy.is_some() && !exportable {
        return Err(Error::invalid(WHOLE, Rule::Contradicts("exportable")));
    }
    let Some(tier) = tier.filter(|_| exportable) else {
        return Ok(());
    };
    if !tier.has_release() {
        return Err(Error::invalid("exportable", Rule::Unsupported));
    }
    if !hsm {
        return Err(Error::invalid("exportable", Rule::NotWithKey));
    }
    let policy = required(WHOLE, policy)?;
    if policy.immutable && !tier.has_immutable_policies() {
        return Err(Error::invalid("immutable", Rule::Unsupported));
    }
    Ok(())
}

impl Authority {
    fn read(json: &str) -> Result<Self, Error> {
        let members = object("authority", json, &["authority", "anyOf", "allOf"])?;
        let url = required("authority", members.text("authority")?)?;
        check_issuer(&url)?;
        Ok(Authority {
            url,
            conditions: Conditions::read(&members, 1)?,
        })
    }

    fn write(&self, out: &mut String) {
        out.push_str(r#"{"authority":"#);
        out.push_str(&quoted(&self.url));
        out.push(',');
        self.conditions.write(out);
        out.push('}');
    }
}

impl Conditions {
    /// The one of `anyOf` and `allOf` that is there.
    fn read(members: &Members<'_>, depth: usize) -> Result<Self, Error> {
        let (field, list) = match (members.raw("anyOf"), members.raw("allOf")) {
            (Some(any), None) => ("anyOf", any),
            (None, Some(all)) => ("allOf", all),
            (None, None) => return Err(Error::invalid("anyOf", Rule::Missing)),
            (Some(_), Some(_)) => return Err(Error::invalid("anyOf", Rule::Contradicts("allOf"))),
        };
        if depth > ReleasePolicy::MAX_DEPTH {
            let rule = Rule::TooDeep(ReleasePolicy::MAX_DEPTH);
            return Err(Error::invalid(field, rule));
        }
        let list = items(field, list)?.into_iter();
        let list = list.map(|condition| Condition::read(condition.get(), depth));
        Ok(Conditions {
            all: field == "allOf",
            list: list.collect::<Result<_, _>>()?,
        })
    }

    fn write(&self, out: &mut String) {
        out.push_str(if self.all {
            r#""allOf":["#
        } else {
            r#""anyOf":["#
        });
        write_list(out, &self.list, Condition::write);
        out.push(']');
    }
}

impl Condition {
    fn read(json: &str, depth: usize) -> Result<Self, Error> {
        let members = Members::read_with("claim", json, known)?;
        if members.raw("claim").is_none() {
            only("claim", &members, &["anyOf", "allOf"])?;
            if members.names().next().is_none() {
                return Err(Error::invalid("claim", Rule::Missing));
            }
            return Conditions::read(&members, depth + 1).map(Condition::Nested);
        }
        let name = required("claim", members.text("claim")?)?;
        check_claim(&name)?;
        let (operator, value) = match members.text("condition")? {
            Some(operator) => read_older(&members, &operator)?,
            None => read_comparison(&members)?,
        };
        Ok(Condition::Claim {
            name,
            operator,
            value,
        })
    }

    fn write(&self, out: &mut String) {
        match self {
            Condition::Nested(conditions) => {
                out.push('{');
                conditions.write(out);
            }
            Condition::Claim {
                name,
                operator,
                value,
            } => {
                out.push_str(r#"{"claim":"#);
                out.push_str(&quoted(name));
                out.push_str(&format!(r#","{operator}":"#));
                match value {
                    Value::Text(text) => out.push_str(&quoted(text)),
                    Value::Number(number) => out.push_str(number),
                    Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
                }
            }
        }
        out.push('}');
    }
}

/// `"equals": value`, and no other operator.
fn read_comparison(members: &Members<'_>) -> Result<(&'static str, Value), Error> {
    only("claim", members, &[&["claim"], OPERATORS].concat())?;
    let mut given = OPERATORS.iter().filter(|it| members.raw(it).is_some());
    let operator = *required("condition", given.next())?;
    if let Some(second) = given.next() {
        return Err(Error::invalid(operator, Rule::Contradicts(second)));
    }
    let value = required(operator, members.raw(operator))?;
    Ok((operator, Value::read(operator, operator, value)?))
}

/// `"condition": "equals", "value": value`.
fn read_older(members: &Members<'_>, operator: &str) -> Result<(&'static str, Value), Error> {
    only("claim", members, &["claim", "condition", "value"])?;
    let operator = OPERATORS.iter().find(|known| **known == operator);
    let operator = *operator.ok_or_else(|| Error::invalid("condition", Rule::UnknownName))?;
    let value = required("value", members.raw("value"))?;
    Ok((operator, Value::read(operator, "value", value)?))
}

impl Value {
    fn read(operator: &str, field: &'static str, json: &str) -> Result<Self, Error> {
        match json.as_bytes().first() {
            Some(b't' | b'f') => read_as(field, json).map(Value::Bool),
            _ if operator == EXISTS => Err(Error::invalid(field, Rule::Syntax)),
            Some(b'"') => read_as(field, json).map(Value::Text),
            Some(b'-' | b'0'..=b'9') => Ok(Value::Number(json.to_owned())),
            _ => Err(Error::invalid(field, Rule::Syntax)),
        }
    }
}

/// The form in records and backups.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseWire {
    policy: String,
    immutable: bool,
}

impl From<&ReleasePolicy> for ReleaseWire {
    fn from(policy: &ReleasePolicy) -> Self {
        ReleaseWire {
            policy: policy.to_json(),
            immutable: policy.immutable,
        }
    }
}

impl TryFrom<ReleaseWire> for ReleasePolicy {
    type Error = Error;

    fn try_from(wire: ReleaseWire) -> Result<Self, Error> {
        let policy = ReleasePolicy::from_json(wire.policy.as_bytes())?;
        Ok(policy.with_immutable(wire.immutable))
    }
}

fn text(json: &[u8], most: usize) -> Result<&str, Error> {
    if json.len() > most {
        return Err(Error::invalid(WHOLE, Rule::TooLong(most)));
    }
    str::from_utf8(json).map_err(|_| Error::invalid(WHOLE, Rule::Syntax))
}

/// An object with no members but these.
fn object<'a>(
    field: &'static str,
    json: &'a str,
    members: &[&'static str],
) -> Result<Members<'a>, Error> {
    let object = Members::read_with(field, json, known)?;
    only(field, &object, members)?;
    Ok(object)
}

fn only(field: &'static str, object: &Members<'_>, members: &[&str]) -> Result<(), Error> {
    match object.names().find(|name| !members.contains(name)) {
        None => Ok(()),
        Some(name) => Err(match known(name) {
            Some(name) => Error::invalid(name, Rule::Unexpected),
            None => Error::invalid(field, Rule::UnknownName),
        }),
    }
}

/// The members of a list that is not empty.
fn items<'a>(field: &'static str, json: &'a str) -> Result<Vec<&'a RawValue>, Error> {
    let list: Vec<&RawValue> = read_as(field, json)?;
    if list.is_empty() {
        return Err(Error::invalid(field, Rule::Empty));
    }
    Ok(list)
}

fn required<T>(field: &'static str, member: Option<T>) -> Result<T, Error> {
    member.ok_or_else(|| Error::invalid(field, Rule::Missing))
}

fn read_as<'a, T: Deserialize<'a>>(field: &'static str, json: &'a str) -> Result<T, Error> {
    serde_json::from_str(json).map_err(|_| Error::invalid(field, Rule::Syntax))
}

fn write_list<T>(out: &mut String, list: &[T], write: impl Fn(&T, &mut String)) {
    for (at, item) in list.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(item, out);
    }
}

/// A JSON string (RFC 8259 section 7) with the fewest escapes.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// An issuer: a URL with the scheme https and a host, without query or fragment (OpenID
/// Connect Discovery 1.0 section 3). It is compared with a token's `iss` as it is written.
fn check_issuer(url: &str) -> Result<(), Error> {
    let wrong = |rule| Err(Error::invalid("authority", rule));
    let Some(rest) = url.strip_prefix(SCHEME) else {
        return wrong(Rule::Unsupported);
    };
    let is_good = |b: u8| b.is_ascii_graphic() && !br#"?#@\"<>^`{|}"#.contains(&b);
    if !rest.bytes().all(is_good) {
        return wrong(Rule::Character);
    }
    match rest.bytes().next() {
        None | Some(b'/' | b':') => wrong(Rule::Empty),
        Some(_) => Ok(()),
    }
}

/// A claim's name: parts joined by dots. Lists are not indexed.
fn check_claim(name: &str) -> Result<(), Error> {
    if name.split('.').any(str::is_empty) {
        return Err(Error::invalid("claim", Rule::Empty));
    }
    let is_bad = |c: char| c.is_control() || c.is_whitespace() || c == '[' || c == ']';
    if name.contains(is_bad) {
        return Err(Error::invalid("claim", Rule::Character));
    }
    Ok(())
}

/// The media type application/json, in UTF-8 if it says in what.
fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|media| media.eq_ignore_ascii_case("application/json"));
    is_json && parts.all(|part| part.eq_ignore_ascii_case("charset=utf-8"))
}

fn known(name: &str) -> Option<&'static str> {
    let all = MEMBERS.iter().chain(OPERATORS);
    all.copied().find(|known| *known == name)
}

const MEMBERS: &[&str] = &[
    "version",
    "anyOf",
    "allOf",
    "authority",
    "claim",
    "condition",
    "value",
    "contentType",
    "data",
    "immutable",
];

const EXISTS: &str = "exists";

/// How a claim is compared. The service evaluates `equals` alone so far, and takes all.
const OPERATORS: &[&str] = &[
    "equals",
    "notEquals",
    "less",
    "lessOrEquals",
    "greater",
    "greaterOrEquals",
    EXISTS,
];
