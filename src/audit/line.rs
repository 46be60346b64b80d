//! An event as a line of text, with the members of the service's own log.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::{AccessRule, ErrorKind};
use crate::vault::calendar::civil;
use crate::vault::{AuditEvent, Outcome, Target, UnixTime};

/// Names and values are the service's where it has them (its `properties` are not nested
/// here). All text goes through JSON's escapes, so no name can end a line or begin another.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line<'a> {
    pub(super) time: String,
    pub(super) event_id: String,
    pub(super) operation_name: &'a str,
    pub(super) category: &'a str,
    pub(super) duration_ms: Box<RawValue>,
    pub(super) result_type: &'a str,
    pub(super) http_status_code: u16,
    pub(super) result_signature: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) result_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) identity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) correlation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) caller_ip_address: Option<&'a str>,
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) algorithm: Option<&'a str>,
    pub(super) bytes_in: usize,
}

impl<'a> Line<'a> {
    pub(super) fn of(event: &'a AuditEvent) -> Option<Self> {
        let kind = match &event.outcome {
            Outcome::Success => None,
            Outcome::Denied(denial) => Some(ErrorKind::Denied(*denial)),
            Outcome::Forbidden { action, scope } => Some(ErrorKind::Forbidden {
                action,
                scope: scope.clone(),
                rule: AccessRule::Roles,
            }),
            Outcome::Failed(kind) => Some(kind.clone()),
        };
        let status = kind.as_ref().map_or(200, |kind| kind.service().status);
        let caller = event.caller.as_ref();
        Some(Line {
            time: iso8601(event.time),
            event_id: event.id.to_string(),
            operation_name: event.action.name(),
            category: "AuditEvent",
            duration_ms: milliseconds(event.duration)?,
            result_type: if kind.is_none() { "Success" } else { "Failure" },
            http_status_code: status,
            result_signature: status_text(status),
            result_description: kind.map(|kind| kind.to_string()),
            identity: caller.map(|caller| caller.principal()),
            correlation_id: caller.and_then(|caller| caller.correlation_id()),
            caller_ip_address: caller.and_then(|caller| caller.address()),
            id: match &event.target {
                Target::Vault => "/".into(),
                Target::Name(name) => format!("/keys/{name}"),
                target => target.to_string(),
            },
            algorithm: event.alg.map(|alg| alg.name()),
            bytes_in: event.bytes_in,
        })
    }
}

/// The members, without braces.
pub(super) fn members(event: &AuditEvent) -> Option<Vec<u8>> {
    let json = serde_json::to_vec(&Line::of(event)?).ok()?;
    let members = json.strip_prefix(b"{")?.strip_suffix(b"}")?;
    Some(members.to_vec())
}

/// The event of a line that was written here.
pub(super) fn event_id(line: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Id {
        event_id: String,
    }
    let read: Result<Id, _> = serde_json::from_slice(line);
    read.ok().map(|line| line.event_id)
}

fn status_text(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "",
    }
}

/// A number of JSON, with the microseconds as a fraction.
fn milliseconds(duration: Duration) -> Option<Box<RawValue>> {
    let micros = duration.as_micros();
    RawValue::from_string(format!("{}.{:03}", micros / 1000, micros % 1000)).ok()
}

/// UTC, as `2026-11-25T21:30:00Z`.
fn iso8601(time: UnixTime) -> String {
    let (days, second) = (time.0 / 86_400, time.0 % 86_400);
    let (year, month, day) = civil(i64::try_from(days).unwrap_or(i64::MAX));
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        for (time, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(iso8601(UnixTime(time)), text);
        }
    }
}
