//! A log of every use, and how to see that nobody touched it.
//!
//! ```sh
//! cargo run --example audit
//! ```

use std::error::Error;
use std::fs;
use std::sync::Arc;

use strongroom::audit::{AuditKey, JsonLinesAudit};
use strongroom::software::Software;
use strongroom::store::MemoryStore;
use strongroom::vault::access::{Caller, Role, Scope};
use strongroom::vault::{KeyOptions, Vault};
use strongroom::{Curve, SignAlg};

fn main() -> Result<(), Box<dyn Error>> {
    // The key of the log is kept elsewhere than the log; here it is made up. The head of the
    // log is in the store, which with `RedbStore` is sealed.
    let path = std::env::temp_dir().join(format!("audit-{}.jsonl", std::process::id()));
    let store = Arc::new(MemoryStore::new());
    let key = AuditKey::from_bytes([7; 32]);
    let log = Arc::new(JsonLinesAudit::open(&path, key, store.clone())?);
    let vault = Vault::builder()
        .provider(Arc::new(Software::ephemeral()?))
        .store(store)
        .audit(log.clone())
        .build()?;

    // The owner makes a key and says who may see it.
    vault.create("signing", Curve::P256, &KeyOptions::new())?;
    vault.assign_role("auditor", Role::CryptoAuditor, &Scope::Keys)?;

    // A request, as a service would serve it. Seeing is granted, signing is not.
    let caller = Caller::new("auditor")?.with_correlation_id("request 1")?;
    let view = vault.as_caller(caller);
    let signing = view.latest("signing")?;
    if let Err(refused) = signing.sign(SignAlg::Es256, b"message") {
        println!("refused: {refused}");
    }

    // Each of these is a line.
    print!("{}", fs::read_to_string(&path)?);
    println!("{} lines, as they were written", log.verify()?.lines);

    // Somebody takes the line of the refusal out.
    let lines = fs::read_to_string(&path)?;
    let kept: Vec<_> = lines
        .lines()
        .filter(|line| !line.contains("Forbidden"))
        .collect();
    fs::write(&path, kept.join("\n") + "\n")?;
    if let Err(found) = log.verify() {
        println!("{found}");
    }
    fs::remove_file(&path)?;
    Ok(())
}
