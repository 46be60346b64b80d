//! The sink for those who have their logs collected already.

use super::line::Line;
use crate::error::{Error, ErrorKind};
use crate::vault::{AuditEvent, AuditSink};

/// Each event as one of the crate `tracing`: target `strongroom::audit`, level `INFO` if it was
/// done and `WARN` if it was refused or failed, with fields that are named as the members of
/// [`JsonLinesAudit`](super::JsonLinesAudit). Needs the feature `tracing`.
///
/// `tracing` does not say whether anybody took an event, so nothing is ever withheld for want of
/// a record: this one is for watching. After a crash the event of a change may come twice, with the
/// same `eventId`.
///
/// ```
/// use std::sync::Arc;
/// use strongroom::audit::TracingAudit;
/// use strongroom::software::Software;
/// use strongroom::store::MemoryStore;
/// use strongroom::vault::Vault;
///
/// let vault = Vault::builder()
///     .provider(Arc::new(Software::ephemeral()?))
///     .store(Arc::new(MemoryStore::new()))
///     .audit(Arc::new(TracingAudit))
///     .build()?;
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingAudit;

impl AuditSink for TracingAudit {
    fn record(&self, event: &AuditEvent) -> Result<(), Error> {
        // The level is part of what is fixed about an event.
        macro_rules! emit {
            ($level:ident, $line:expr) => {
                tracing::event!(
                    target: "strongroom::audit",
                    tracing::Level::$level,
                    time = $line.time.as_str(),
                    eventId = $line.event_id.as_str(),
                    operationName = $line.operation_name,
                    category = $line.category,
                    durationMs = event.duration.as_secs_f64() * 1e3,
                    resultType = $line.result_type,
                    httpStatusCode = $line.http_status_code,
                    resultSignature = $line.result_signature,
                    resultDescription = $line.result_description.as_deref(),
                    identity = $line.identity,
                    correlationId = $line.correlation_id,
                    callerIpAddress = $line.caller_ip_address,
                    id = $line.id.as_str(),
                    algorithm = $line.algorithm,
                    bytesIn = $line.bytes_in,
                )
            };
        }
        let line = Line::of(event).ok_or(ErrorKind::Audit)?;
        match line.result_description {
            None => emit!(INFO, line),
            Some(_) => emit!(WARN, line),
        }
        Ok(())
    }
}
