//! What a run that was killed leaves of a key.
//!
//! The private half waits in a temporary file whose name says which key it is of, locked by
//! whoever makes it. Where that process is gone, nobody has seen the key: what it left is
//! removed, and no half of a pair is in anybody's way.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use pocketune_adapter::PublicKey;
use pocketune_base::{open_regular, read_regular};

use super::files::{public_key, public_path};

/// Enough of a key's name to know it by.
const ID_DIGITS: usize = 16;

/// A public key in PEM is far shorter.
const PUBLIC_BYTES_MAX: u64 = 4096;

/// How the name of the private half's temporary file begins: `.NAME.ID.`
pub(super) fn prefix(path: &Path, key: &PublicKey) -> OsString {
    let mut prefix = start(path);
    prefix.push(id(key));
    prefix.push(".");
    prefix
}

fn start(path: &Path) -> OsString {
    let mut start = OsString::from(".");
    start.push(path.file_name().unwrap_or_default());
    start.push(".");
    start
}

fn id(key: &PublicKey) -> String {
    let id = key.id().to_string();
    id.chars().take(ID_DIGITS).collect()
}

/// Removes temporary files of runs that made this key file and were killed, with the public
/// half where that has its name already. As well as it can: what stays is looked at again
/// when the places are checked.
pub(super) fn remove(path: &Path) {
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
    let Ok(entries) = fs::read_dir(parent.unwrap_or(Path::new("."))) else {
        return;
    };
    let start = start(path);
    for entry in entries.flatten() {
        let name = entry.file_name();
        if let Some(id) = id_of(&name, &start) {
            remove_one(path, &entry.path(), id);
        }
    }
}

/// The key's id in the name of a temporary file: 16 digits, a dot, and what chance adds.
fn id_of<'n>(name: &'n OsStr, start: &OsStr) -> Option<&'n [u8]> {
    let rest = name.as_bytes().strip_prefix(start.as_bytes())?;
    let (id, end) = rest.split_at_checked(ID_DIGITS)?;
    let is_id = id.iter().all(u8::is_ascii_hexdigit);
    let by_chance = end.strip_prefix(b".")?;
    let is_ours = is_id && !by_chance.is_empty() && by_chance.iter().all(u8::is_ascii_alphanumeric);
    is_ours.then_some(id)
}

fn remove_one(path: &Path, draft: &Path, id_found: &[u8]) {
    let Ok(file) = open_regular(draft) else {
        return;
    };
    // Its process lives, or nobody can know.
    if file.try_lock().is_err() {
        return;
    }
    let public = public_path(path);
    let published = read_regular(&public, PUBLIC_BYTES_MAX).ok().flatten();
    let published = published.and_then(|bytes| public_key(&bytes).ok());
    // In a folder that others write into, nobody else's file says what goes.
    let same_owner = match (file.metadata(), fs::symlink_metadata(&public)) {
        (Ok(draft), Ok(public)) => draft.uid() == public.uid(),
        _ => false,
    };
    let is_its_half = same_owner && published.is_some_and(|key| id(&key).as_bytes() == id_found);
    // The draft goes last: as long as it is there, somebody knows.
    if is_its_half && fs::symlink_metadata(path).is_err() {
        let _ = fs::remove_file(&public);
    }
    let _ = fs::remove_file(draft);
}
