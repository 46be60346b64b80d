//! Under what name the records of a key are.

use crate::vault::id::{KeyName, KeyVersion};

pub(in crate::vault) const KEYS: &str = "key/";
pub(in crate::vault) const PENDING: &str = "pending/";
pub(in crate::vault) const VERSIONS: &str = "version/";

pub(in crate::vault) fn key_record(name: &KeyName) -> String {
    [KEYS, name.folded()].concat()
}

pub(in crate::vault) fn versions_of(name: &KeyName) -> String {
    [VERSIONS, name.folded(), "/"].concat()
}

pub(in crate::vault) fn version_record(name: &KeyName, version: KeyVersion) -> String {
    [VERSIONS, name.folded(), "/", &version.to_string()].concat()
}

pub(in crate::vault) fn pending_of(name: &KeyName) -> String {
    [PENDING, name.folded(), "/"].concat()
}

pub(in crate::vault) fn pending_record(name: &KeyName, version: KeyVersion) -> String {
    [PENDING, name.folded(), "/", &version.to_string()].concat()
}
