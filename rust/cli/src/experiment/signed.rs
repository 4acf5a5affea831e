//! Summaries that their devices signed, and whose signatures count.
//!
//! A signed summary is a DSSE envelope whose payload is the summary as the device wrote it, of
//! a type of its own: no signature of it passes for one of a statement or of a policy, nor the
//! other way round. A key is one person.

use std::fs;
use std::path::{Path, PathBuf};

use pocketune_adapter::{Envelope, EnvelopeError, KeyId, PublicKey};
use pocketune_base::json;
use pocketune_judge::experiment::{Definition, ExperimentError, Tally};

use crate::error::CliError;
use crate::files::Named;
use crate::key::read_public;
use crate::output::printable;

/// Payload type of an envelope that holds a summary.
pub(super) const SUMMARY_TYPE: &str = "application/vnd.pocketune.summary+json";

/// How the files of public keys in a folder end, as `key generate` names them.
const PUBLIC_KEY_EXTENSION: &str = "pub";

/// Most that is shown of what somebody called his payload.
const TYPE_CHARS_MAX: usize = 80;

/// Why a summary does not count where signatures are demanded.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum NotCounted {
    #[error("it is not signed")]
    NotSigned,
    #[error("{0}")]
    Envelope(EnvelopeError),
    #[error("what is signed is no summary but {found}")]
    OtherType { found: String },
    #[error("nobody whose key is accepted signed it")]
    SignerNotAccepted,
    #[error("several accepted keys signed it, and a summary is one person's")]
    SeveralSigners,
    #[error("{0}")]
    Summary(ExperimentError),
    #[error("other accepted keys signed summaries of its run too")]
    RunOfOthers,
}

impl NotCounted {
    /// A stable name for programs.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::NotSigned => "not_signed",
            Self::Envelope(_) => "envelope_malformed",
            Self::OtherType { .. } => "other_payload_type",
            Self::SignerNotAccepted => "signer_not_accepted",
            Self::SeveralSigners => "several_signers",
            Self::Summary(_) => "summary_refused",
            Self::RunOfOthers => "run_of_others",
        }
    }
}

/// The keys whose signatures count.
#[derive(Debug)]
pub(super) struct AcceptedKeys(Vec<PublicKey>);

impl AcceptedKeys {
    /// Of files of public keys, and of folders with such.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, CliError> {
        let mut keys = Vec::new();
        for path in paths {
            if !path.is_dir() {
                keys.push(read_public(path)?);
                continue;
            }
            let files = public_keys_in(path)?;
            if files.is_empty() {
                let none = CliError::Key("there is no file .pub in the folder".to_owned());
                return Err(none.in_file(path));
            }
            for file in &files {
                keys.push(read_public(file)?);
            }
        }
        Ok(Self(keys))
    }

    /// A summary, and the one accepted key that signed it.
    pub(super) fn open(
        &self,
        bytes: &[u8],
        definition: &Definition,
    ) -> Result<(KeyId, Tally), NotCounted> {
        let envelope = match parse(bytes) {
            Some(envelope) => envelope.map_err(NotCounted::Envelope)?,
            None => return Err(NotCounted::NotSigned),
        };
        let payload = payload(&envelope)?;
        let signer = match self.signers(&envelope).as_slice() {
            [] => return Err(NotCounted::SignerNotAccepted),
            [signer] => *signer,
            _ => return Err(NotCounted::SeveralSigners),
        };
        let summary = Tally::parse(payload, definition).map_err(NotCounted::Summary)?;
        Ok((signer, summary))
    }

    /// Those that signatures name are tried first, so that thousands of devices' summaries are
    /// not each held against thousands of keys.
    fn signers(&self, envelope: &Envelope) -> Vec<KeyId> {
        let hints: Vec<KeyId> = { envelope.unverified_key_ids() }
            .filter_map(KeyId::from_hex)
            .collect();
        let hinted = self.0.iter().filter(|key| hints.contains(&key.id()));
        let found = envelope.signers(hinted);
        match found.len() == envelope.signature_count() {
            true => found,
            false => envelope.signers(&self.0),
        }
    }
}

fn public_keys_in(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let unreadable = |source| Named::new("folder of keys", folder).unreadable(source);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path
            .extension()
            .is_some_and(|it| it == PUBLIC_KEY_EXTENSION)
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The envelope that a file holds, or `None` where it holds none: a summary as it is has no
/// payload.
pub(super) fn parse(bytes: &[u8]) -> Option<Result<Envelope, EnvelopeError>> {
    let value = json::parse(bytes, json::DEPTH_MAX).ok()?;
    value
        .get("payload")
        .is_some()
        .then(|| Envelope::parse(bytes))
}

/// The summary in an envelope, whoever signed it.
pub(super) fn payload(envelope: &Envelope) -> Result<&[u8], NotCounted> {
    match envelope.payload_type() {
        SUMMARY_TYPE => Ok(envelope.unverified_payload()),
        other => {
            let found: String = other.chars().take(TYPE_CHARS_MAX).collect();
            Err(NotCounted::OtherType {
                found: printable(&found),
            })
        }
    }
}
