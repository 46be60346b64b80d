//! Backups: contents that are read are written so that they are read again as the same, and a
//! blob that this key did not seal changes nothing.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use strongroom::ErrorKind;
use strongroom::internal::backup_contents;
use strongroom::vault::{BackupKey, Vault};

static VAULT: LazyLock<Vault> = LazyLock::new(|| strongroom::in_memory().expect("a vault"));

fuzz_target!(|data: &[u8]| {
    if let Ok(written) = backup_contents(data) {
        let again = backup_contents(&written).expect("our own contents are read");
        assert_eq!(written, again, "writing is not canonical");
    }
    let key = BackupKey::from_bytes([7; 32]);
    let sealed = [b"srb1".as_slice(), &key.id(), data].concat();
    for blob in [data, &sealed] {
        let refused = VAULT.restore(blob, &key).expect_err("nobody sealed this");
        assert_eq!(*refused.kind(), ErrorKind::MalformedBackup);
    }
    assert!(VAULT.list(None, None).expect("a list").items.is_empty());
});
