//! A key's life in a vault that outlives the process: made, rotated, stopped, backed up,
//! deleted, recovered, purged and restored, with a restart in between.
//!
//! ```text
//! cargo run --release --example lifecycle
//! ```

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use strongroom::seal::SealingKey;
use strongroom::software::Software;
use strongroom::store::RedbStore;
use strongroom::vault::{
    BackupKey, Clock, KeyOptions, KeyUpdate, MemoryAudit, RotationPolicy, SystemClock, Tags,
    Trigger, Vault,
};
use strongroom::{Curve, SignAlg};

const DAY: u64 = 86_400;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::temp_dir().join(format!("strongroom-life-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let result = life(&directory.join("keys.redb"));
    std::fs::remove_dir_all(&directory)?;
    result
}

/// The vault in this file. In a service the sealing key comes from where secrets are kept, and
/// the audit sink is one that keeps what it is given.
fn open(file: &Path) -> Result<Vault, strongroom::Error> {
    let sealing = || SealingKey::from_bytes([7; SealingKey::LEN]);
    let store = match file.exists() {
        true => RedbStore::open(file, &sealing())?,
        false => RedbStore::create(file, &sealing())?,
    };
    Vault::builder()
        .host("vault.example")
        .provider(Arc::new(Software::new(sealing())?))
        .store(Arc::new(store))
        .audit(Arc::new(MemoryAudit::new(100)))
        .soft_delete_days(30)
        .build()
}

fn life(file: &Path) -> Result<(), Box<dyn Error>> {
    let vault = open(file)?;

    // Made, with what people should know of it.
    let options = KeyOptions::new().tags(Tags::new([("team", "payments")])?);
    let first = vault.create("signing", Curve::P256, &options)?;
    let signature = first.sign(SignAlg::Es256, b"an invoice")?;
    println!("made      {}", signature.key);

    // Replaced every quarter, by versions that are valid for a year. A vault has no thread of
    // its own: a service calls `rotate_due` and `purge_due` now and then, with the time.
    let policy = RotationPolicy::new()
        .rotate(Trigger::after_create("P3M")?)
        .notify(Trigger::before_expiry("P30D")?)
        .expiry_time("P1Y".parse()?);
    vault.set_rotation_policy("signing", &policy)?;
    let now = SystemClock.now();
    let next_quarter = vault.rotate_due(now.plus(93 * DAY))?;
    println!("rotated   {}", next_quarter.rotated.len());

    // Two versions: the newer one signs, the older one still verifies what it signed.
    let latest = vault.latest("signing")?;
    let older = vault.get_by_id(&signature.key)?;
    older.verify(SignAlg::Es256, b"an invoice", signature.value.as_bytes())?;
    assert_ne!(latest.id()?, older.id()?);

    // A suspicion: stopped at once, for everyone who holds it.
    older.update(&KeyUpdate::new().enabled(false))?;
    let stopped = first.sign(SignAlg::Es256, b"another invoice");
    if let Err(error) = stopped {
        println!("stopped   {error}");
    }
    older.update(&KeyUpdate::new().enabled(true))?;

    // Backed up, for every vault that has the same backup key.
    let domain = BackupKey::from_bytes([9; 32]);
    let backup = vault.backup("signing", &domain)?;
    let (versions, bytes) = (backup.versions.len(), backup.blob.len());
    println!("backed up {versions} versions in {bytes} bytes");

    // Deleted by mistake, in a process that then ends.
    let deleted = vault.delete("signing")?;
    println!("deleted   {}", deleted.recovery_id);
    drop((vault, first, latest, older));

    // The next one finds it so, and takes it back.
    let vault = open(file)?;
    println!(
        "store     {} records, all as written",
        vault.verify_store()?.records
    );
    let again = vault.create("signing", Curve::P256, &KeyOptions::new());
    if let Err(error) = again {
        println!("refused   {error}");
    }
    vault.recover("signing")?;
    let older = vault.get_by_id(&signature.key)?;
    older.verify(SignAlg::Es256, b"an invoice", signature.value.as_bytes())?;
    println!("recovered {}", vault.latest("signing")?.id()?);

    // Deleted in earnest: gone when its time is over, and its name is free.
    vault.delete("signing")?;
    let purged = vault.purge_due(now.plus(31 * DAY))?;
    println!("purged    {}", purged.purged.len());

    // And back, as it was, from its backup.
    vault.restore(&backup.blob, &domain)?;
    let older = vault.get_by_id(&signature.key)?;
    older.verify(SignAlg::Es256, b"an invoice", signature.value.as_bytes())?;
    println!("restored  {}", vault.latest("signing")?.id()?);
    Ok(())
}
