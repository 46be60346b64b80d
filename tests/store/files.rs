//! What may stand at a store's path.

use std::process::Command;

use strongroom::seal::{PassphraseCosts, SealingHeader};

use super::*;

#[test]
fn a_new_store_is_for_its_owner_alone_and_never_replaces_anything() {
    let directory = Directory::new();
    drop(directory.store("store"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(directory.path("store")).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
    let again = RedbStore::create(directory.path("store"), &key());
    assert_eq!(kind(again), ErrorKind::Conflict);
    fs::write(directory.path("other"), b"something").unwrap();
    assert_eq!(
        kind(RedbStore::create(directory.path("other"), &key())),
        ErrorKind::Conflict
    );
    assert_eq!(fs::read(directory.path("other")).unwrap(), b"something");
    // And nothing is left lying about.
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 2);
}

#[test]
fn a_store_that_is_not_there_is_not_made_by_opening_it() {
    let directory = Directory::new();
    let missing = RedbStore::open(directory.path("store"), &key());
    assert_eq!(kind(missing), ErrorKind::Unavailable { what: "store" });
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 0);
    let nowhere = RedbStore::create(directory.path("no/such/directory"), &key());
    assert_eq!(kind(nowhere), ErrorKind::Unavailable { what: "store" });
}

#[test]
fn a_file_that_is_open_is_not_opened_again() {
    let directory = Directory::new();
    let store = directory.store("store");
    let error = RedbStore::open(directory.path("store"), &key()).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unavailable { what: "store" });
    assert!(error.is_retryable());
    assert!(detail(&error).contains("open already"), "{error:?}");
    drop(store);
    RedbStore::open(directory.path("store"), &key()).unwrap();
}

/// This test program, run again as the second process.
#[test]
fn two_processes_do_not_open_one_file() {
    const PATH: &str = "STRONGROOM_STORE_OF_ANOTHER_PROCESS";
    if let Ok(path) = std::env::var(PATH) {
        let error = RedbStore::open(path, &key()).unwrap_err();
        assert!(detail(&error).contains("open already"), "{error:?}");
        return;
    }
    let directory = Directory::new();
    let store = directory.store("store");
    store.commit(&[insert("a", b"1")]).unwrap();
    let second = Command::new(std::env::current_exe().unwrap())
        .args(["two_processes_do_not_open_one_file", "--exact"])
        .args(["--test-threads", "1"])
        .env(PATH, directory.path("store"))
        .args(["files::two_processes_do_not_open_one_file"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&second.stdout);
    assert!(second.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
    store.commit(&[insert("b", b"1")]).unwrap();
}

#[cfg(unix)]
#[test]
fn what_is_no_file_to_trust_is_refused() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let directory = Directory::new();
    drop(directory.store("store"));
    let refused = |name: &str, why: &str| {
        let error = RedbStore::open(directory.path(name), &key()).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Misconfigured { .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains(why), "{error}");
    };
    symlink(directory.path("store"), directory.path("link")).unwrap();
    refused("link", "no link");
    fs::create_dir(directory.path("directory")).unwrap();
    refused("directory", "regular file");
    let made = Command::new("mkfifo").arg(directory.path("fifo")).status();
    if made.is_ok_and(|made| made.success()) {
        refused("fifo", "regular file");
    }
    symlink("/dev/null", directory.path("device")).unwrap();
    refused("device", "regular file");

    let mode = |mode| {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(directory.path("store"), permissions).unwrap();
    };
    for open_to_others in [0o604, 0o602, 0o644, 0o666] {
        mode(open_to_others);
        refused("store", "o-rwx");
    }
    // A group that was given the file on purpose is no stranger.
    mode(0o660);
    RedbStore::open(directory.path("store"), &key()).unwrap();
    // Root alone can give a file away.
    if std::os::unix::fs::chown(directory.path("store"), Some(12345), None).is_ok() {
        refused("store", "belong");
    }
}

#[test]
fn what_is_no_store_is_refused() {
    let directory = Directory::new();
    let path = directory.path("file");
    for content in [&b""[..], b"x", b"redb", &[0; 4096], &[0xff; 70_000]] {
        fs::write(&path, content).unwrap();
        damage::private(&path);
        let error = RedbStore::open(&path, &key()).unwrap_err();
        assert_eq!(
            *error.kind(),
            corrupt("store file"),
            "{} bytes: {error:?}",
            content.len()
        );
        assert_eq!(fs::read(&path).unwrap(), content, "it was written to");
    }
    // A file of the engine, and no store.
    fs::remove_file(&path).unwrap();
    drop(redb::Database::create(&path).unwrap());
    damage::private(&path);
    assert_eq!(
        kind(RedbStore::open(&path, &key())),
        corrupt("store header")
    );
}

#[test]
fn the_header_of_its_key_can_be_kept_in_the_file() {
    let directory = Directory::new();
    let path = directory.path("store");
    let costs = PassphraseCosts::new(19 * 1024, 1, 1).unwrap();
    let (header, key) = SealingHeader::from_passphrase(b"correct horse", costs).unwrap();
    let store = RedbStore::create_with_header(&path, &header, &key).unwrap();
    store.commit(&[insert("a", b"1")]).unwrap();
    store.compact().unwrap();
    drop(store);
    let kept = RedbStore::sealing_header(&path).unwrap().unwrap();
    assert_eq!(kept, header);
    let key = kept.open_with_passphrase(b"correct horse").unwrap();
    let store = RedbStore::open(&path, &key).unwrap();
    assert_eq!(value(&store, "a").unwrap(), b"1");

    let (header, key) = SealingHeader::from_passphrase(b"battery staple", costs).unwrap();
    store.reseal(&key, Some(&header)).unwrap();
    drop(store);
    let kept = RedbStore::sealing_header(&path).unwrap().unwrap();
    assert!(kept.open_with_passphrase(b"correct horse").is_err());
    let key = kept.open_with_passphrase(b"battery staple").unwrap();
    let store = RedbStore::open(&path, &key).unwrap();
    store.reseal(&super::key(), None).unwrap();
    drop(store);
    assert!(RedbStore::sealing_header(&path).unwrap().is_none());
}
