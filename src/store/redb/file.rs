//! The store's file: what may stand at its path, and how it gets there.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use super::error::io as failed;
use crate::error::{Error, ErrorKind};
use crate::seal::Randomness;

/// What the name of a successor ends in.
const SUCCESSOR: &str = ".draft";

/// A new file, empty, for its owner alone, which becomes the store at `path` when it is
/// [put there](Draft::publish), and is removed if it never is.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
}

impl Draft {
    /// For a store that is not there yet, under a name of its own: others may be making
    /// one for the same path.
    pub(super) fn of_new(path: &Path) -> Result<(Self, File), Error> {
        let mut number = [0; 8];
        Randomness::system().fill(&mut number)?;
        let suffix = format!(".draft-{:016x}", u64::from_be_bytes(number));
        Draft::create(beside(path, &suffix)?)
    }

    /// For what is to replace the store at `path`, which must be locked. The name is fixed,
    /// so that a draft that a crash left is found and removed.
    pub(super) fn of_successor(path: &Path) -> Result<(Self, File), Error> {
        remove_draft(path);
        Draft::create(beside(path, SUCCESSOR)?)
    }

    fn create(path: PathBuf) -> Result<(Self, File), Error> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(failed)?;
        Ok((Draft { path }, file))
    }

    /// Puts the file at a path where there is none. Never in place of another: a hard link
    /// fails where something is, and a rename would not.
    pub(super) fn publish(self, path: &Path) -> Result<(), Error> {
        fs::hard_link(&self.path, path).map_err(failed)?;
        fs::remove_file(&self.path).map_err(failed)?;
        sync_directory(path)
    }

    /// Puts the file in the place of the one that is there.
    pub(super) fn replace(self, path: &Path) -> Result<(), Error> {
        fs::rename(&self.path, path).map_err(failed)?;
        sync_directory(path)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Gone already if it was published.
        let _ = fs::remove_file(&self.path);
    }
}

/// Opens the file at a path, if it is one that a store may trust: a regular file, not
/// behind a link, of this user, and closed to everybody outside its group.
pub(super) fn open(path: &Path) -> Result<File, Error> {
    let refused = |rule| Err(ErrorKind::Misconfigured { rule }.into());
    let named = fs::symlink_metadata(path).map_err(failed)?;
    if !named.file_type().is_file() {
        return refused("a store is a regular file, and no link to one");
    }
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).open(path).map_err(failed)?;
    let opened = file.metadata().map_err(failed)?;
    if !same_file(&named, &opened) {
        return refused("the store's file was exchanged while it was opened");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if opened.mode() & 0o007 != 0 {
            return refused("a store's file must be closed to others: chmod o-rwx");
        }
        if effective_user().is_some_and(|user| user != opened.uid()) {
            return refused("a store's file must belong to the user who opens it");
        }
    }
    if opened.len() == 0 {
        return Err(ErrorKind::Corrupt { what: "store file" }.into());
    }
    Ok(file)
}

/// Whether the file that is open is still the one at the path: a file that was replaced
/// between being opened and being locked is an old one, which nobody will read again.
pub(super) fn is_current(path: &Path, file: &fs::Metadata) -> bool {
    fs::symlink_metadata(path).is_ok_and(|named| same_file(&named, file))
}

/// Removes a draft that a crash left. The store at `path` must be locked, so that nobody
/// is writing one.
pub(super) fn remove_draft(path: &Path) {
    if let Ok(draft) = beside(path, SUCCESSOR) {
        let _ = fs::remove_file(draft);
    }
}

/// In the same directory: renaming is atomic within one only.
fn beside(path: &Path, suffix: &str) -> Result<PathBuf, Error> {
    let Some(name) = path.file_name() else {
        let rule = "a store's path must end in the name of a file";
        return Err(ErrorKind::Misconfigured { rule }.into());
    };
    let mut name = name.to_owned();
    name.push(suffix);
    Ok(path.with_file_name(name))
}

/// Makes a change of a directory durable: without it, the file may be complete on disk
/// under no name.
#[cfg(unix)]
fn sync_directory(path: &Path) -> Result<(), Error> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(failed)
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> Result<(), Error> {
    Ok(())
}

#[cfg(unix)]
fn same_file(one: &fs::Metadata, two: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (two.dev(), two.ino())
}

#[cfg(not(unix))]
fn same_file(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}

/// Where the system tells without `unsafe` (Linux). Elsewhere, the file's mode has to do.
#[cfg(unix)]
fn effective_user() -> Option<u32> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    users.split_whitespace().nth(1)?.parse().ok()
}
