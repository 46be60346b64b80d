//! Audit events as those of `tracing`, seen by a subscriber that keeps them.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use strongroom::audit::TracingAudit;
use strongroom::software::Software;
use strongroom::store::MemoryStore;
use strongroom::vault::access::Caller;
use strongroom::vault::{KeyOptions, ManualClock, UnixTime, Vault};
use strongroom::{Curve, SignAlg};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Level, target and fields.
type Seen = (Level, String, BTreeMap<String, String>);

#[derive(Clone, Default)]
struct Keeper(Arc<Mutex<Vec<Seen>>>);

impl Subscriber for Keeper {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        self.0
            .lock()
            .unwrap()
            .push((level, target.into(), fields.0));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().into(), format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }
}

#[test]
fn events_have_the_fields_of_the_log_and_a_level() {
    let keeper = Keeper::default();
    tracing::subscriber::with_default(keeper.clone(), || {
        let vault = Vault::builder()
            .host("vault.example")
            .provider(Arc::new(Software::ephemeral().unwrap()))
            .store(Arc::new(MemoryStore::new()))
            .audit(Arc::new(TracingAudit))
            .clock(Arc::new(ManualClock::at(UnixTime(1_700_000_000))))
            .build()
            .unwrap();
        let options = KeyOptions::new();
        let key = vault.create("signing", Curve::P256, &options).unwrap();
        key.sign(SignAlg::Es256, b"secret message").unwrap();
        let caller = Caller::new("alice").unwrap().with_address("10.0.0.7");
        let view = vault.as_caller(caller.unwrap());
        assert!(view.latest("signing").is_err());
    });
    let seen = keeper.0.lock().unwrap();
    let [created, signed, denied] = &seen[..] else {
        panic!("{seen:?}");
    };
    assert!(seen.iter().all(|it| it.1 == "strongroom::audit"));
    let levels = [created.0, signed.0, denied.0];
    assert_eq!(levels, [Level::INFO, Level::INFO, Level::WARN]);
    assert_eq!(created.2["operationName"], "KeyCreate");
    let fields: Vec<&str> = signed.2.keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        [
            "algorithm",
            "bytesIn",
            "category",
            "durationMs",
            "eventId",
            "httpStatusCode",
            "id",
            "operationName",
            "resultSignature",
            "resultType",
            "time"
        ]
    );
    let signed = &signed.2;
    assert_eq!(signed["operationName"], "KeySign");
    assert_eq!(signed["algorithm"], "ES256");
    assert_eq!(signed["bytesIn"], "14");
    assert_eq!(signed["time"], "2023-11-14T22:13:20Z");
    assert!(signed["durationMs"].parse::<f64>().unwrap() > 0.0);
    assert!(signed["id"].starts_with("https://vault.example/keys/signing/"));
    let denied = &denied.2;
    assert_eq!(denied["resultType"], "Failure");
    assert_eq!(denied["httpStatusCode"], "403");
    assert_eq!(denied["identity"], "alice");
    assert_eq!(denied["callerIpAddress"], "10.0.0.7");
    assert_eq!(
        denied["resultDescription"],
        "the caller is not granted /keys/read/action at /keys/signing"
    );
    assert!(!format!("{seen:?}").contains("secret message"));
}
