//! What arrives: an adapter and what is said about it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pocketune_adapter::{BUNDLE_BYTES_MAX, BundleTooLarge, Refusal};
use pocketune_base::{OpenError, read_regular};

use crate::error::StoreError;

/// An adapter and the attestations beside it, read and not believed.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The adapter file.
    pub adapter: Arc<[u8]>,
    /// Envelopes, one a line.
    pub bundle: Arc<[u8]>,
}

impl Delivery {
    /// Reads the adapter at `path` and the bundle beside it, whose name is the adapter's
    /// with `.intoto.jsonl` after it. Never reads more than `adapter_bytes_max` bytes,
    /// whatever the file claims to be. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for more bytes than that, [`StoreError::NotAFile`],
    /// [`StoreError::Io`].
    pub fn read(path: &Path, adapter_bytes_max: u64) -> Result<Self, StoreError> {
        let adapter = read_regular(path, adapter_bytes_max)?.ok_or(Refusal::TooLarge {
            found_bytes: adapter_bytes_max.saturating_add(1),
            limit_bytes: adapter_bytes_max,
        })?;
        let bundle = read_bundle(path)?;
        Ok(Self {
            adapter: adapter.into(),
            bundle: bundle.into(),
        })
    }
}

/// The bundle beside the file at `path`; nothing where there is none, for which the verifier
/// has its own word. Never reads more than [`BUNDLE_BYTES_MAX`] bytes. Blocks.
///
/// # Errors
/// [`StoreError::Refused`] for more bytes than that, [`StoreError::NotAFile`],
/// [`StoreError::Io`].
pub fn read_bundle(path: &Path) -> Result<Vec<u8>, StoreError> {
    match read_regular(&bundle_path(path), BUNDLE_BYTES_MAX as u64) {
        Ok(bundle) => Ok(bundle.ok_or(Refusal::from(BundleTooLarge))?),
        Err(OpenError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Where the attestations of the adapter at `path` lie.
#[must_use]
pub fn bundle_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".intoto.jsonl");
    name.into()
}
