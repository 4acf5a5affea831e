//! A saved chat: history, tokens, keys and values, bound to its model.
//!
//! Layout, little-endian: magic `PTCHAT\0\x01`, u64 length of the header, the
//! header (JSON), the keys and values, SHA-256 over everything before it. The
//! digest finds damage; it is no signature.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use pocketune_adapter::Digest;
use pocketune_base::{OpenError, open_regular};
use pocketune_llama::Token;
use serde::{Deserialize, Serialize};

use crate::chat::Message;
use crate::error::Error;
use crate::worker::SavedLane;

const MAGIC: &[u8; 8] = b"PTCHAT\0\x01";
const DIGEST_BYTES: usize = 32;
/// Keys and values are for the llama.cpp build that wrote them.
const BUILD: &str = concat!(
    "llama-cpp-sys-2 0.1.161 ",
    "pocketune ",
    env!("CARGO_PKG_VERSION")
);

/// A chat that was saved with [`crate::Chat::save`].
#[derive(Debug, Clone, PartialEq)]
pub struct SavedChat {
    header: Header,
    kv: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Header {
    build: String,
    model: String,
    kv_type: String,
    system_prompt: Option<String>,
    history: Vec<Message>,
    text: String,
    tokens: Vec<Token>,
    // Under which adapters keys and values were computed.
    #[serde(default)]
    adapters: Vec<String>,
}

impl SavedChat {
    pub(crate) fn new(
        model: Digest,
        adapters: Vec<String>,
        system_prompt: Option<String>,
        history: Vec<Message>,
        lane: SavedLane,
    ) -> Self {
        let header = Header {
            build: format!("{BUILD} {}", std::env::consts::ARCH),
            model: model.to_string(),
            kv_type: lane.kv_type,
            system_prompt,
            history,
            text: lane.text,
            tokens: lane.tokens,
            adapters,
        };
        Self {
            header,
            kv: lane.kv,
        }
    }

    pub(crate) fn check(&self, model: Digest) -> Result<(), Error> {
        let differs = |what: &str| {
            Err(Error::StateMismatch {
                reason: format!("another {what}"),
            })
        };
        if self.header.build != format!("{BUILD} {}", std::env::consts::ARCH) {
            return differs("build");
        }
        if self.header.model != model.to_string() {
            return differs("model");
        }
        Ok(())
    }

    /// Whether keys and values were computed under these adapters.
    pub(crate) fn is_under(&self, adapters: &[String]) -> bool {
        self.header.adapters == adapters
    }

    pub(crate) fn into_parts(self) -> (Option<String>, Vec<Message>, SavedLane) {
        let Header {
            kv_type,
            system_prompt,
            history,
            text,
            tokens,
            ..
        } = self.header;
        (
            system_prompt,
            history,
            SavedLane {
                kv_type,
                text,
                tokens,
                kv: self.kv,
            },
        )
    }

    /// The turns that were saved.
    #[must_use]
    pub fn history(&self) -> &[Message] {
        &self.header.history
    }

    /// The bytes to store.
    ///
    /// # Errors
    /// [`Error::StateMismatch`] when the header cannot be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let header = serde_json::to_vec(&self.header).map_err(|error| damaged(&error))?;
        let mut bytes = Vec::with_capacity(header.len() + self.kv.len() + 64);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&(header.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(&self.kv);
        let digest = Digest::of(&bytes);
        bytes.extend_from_slice(digest.as_bytes());
        Ok(bytes)
    }

    /// Reads what [`SavedChat::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::StateMismatch`] when a byte is missing or differs.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let cut = bytes
            .len()
            .checked_sub(DIGEST_BYTES)
            .ok_or_else(|| damaged(&"too short"))?;
        let (body, digest) = bytes.split_at(cut);
        if Digest::of(body).as_bytes() != digest {
            return Err(damaged(&"the checksum differs"));
        }
        let body = body
            .strip_prefix(MAGIC)
            .ok_or_else(|| damaged(&"another format"))?;
        let (length, body) = body
            .split_first_chunk()
            .ok_or_else(|| damaged(&"too short"))?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|e| damaged(&e))?;
        let (header, kv) = body
            .split_at_checked(length)
            .ok_or_else(|| damaged(&"the header is cut"))?;
        let header = serde_json::from_slice(header).map_err(|error| damaged(&error))?;
        Ok(Self {
            header,
            kv: kv.to_vec(),
        })
    }

    /// Writes the chat to `path`; at any moment the file is the old or the new one. Blocks.
    ///
    /// # Errors
    /// [`Error::Io`]; then an older file at `path` is untouched.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let dir = dir.unwrap_or(Path::new("."));
        let mut temporary = tempfile::NamedTempFile::new_in(dir).map_err(Error::Io)?;
        temporary.write_all(&self.to_bytes()?).map_err(Error::Io)?;
        temporary.as_file().sync_all().map_err(Error::Io)?;
        temporary
            .persist(path)
            .map_err(|error| Error::Io(error.error))?;
        File::open(dir)
            .and_then(|dir| dir.sync_all())
            .map_err(Error::Io)
    }

    /// Reads a chat from `path`. Blocks.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NotAFile`], [`Error::StateMismatch`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let file = open_regular(path).map_err(unopened)?;
        let size = file.metadata().map_err(Error::Io)?.len();
        let mut bytes = Vec::new();
        file.take(size).read_to_end(&mut bytes).map_err(Error::Io)?;
        Self::from_bytes(&bytes)
    }
}

fn unopened(error: OpenError) -> Error {
    match error {
        OpenError::NotAFile { found } => Error::NotAFile {
            what: "saved chat",
            found,
        },
        OpenError::Io(error) => Error::Io(error),
    }
}

fn damaged(reason: &dyn std::fmt::Display) -> Error {
    Error::StateMismatch {
        reason: format!("it is damaged: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Digest, SavedChat, SavedLane};
    use crate::Message;

    fn saved() -> SavedChat {
        let lane = SavedLane {
            kv_type: "F16".to_owned(),
            text: "ab".to_owned(),
            tokens: vec![1, 2],
            kv: vec![9; 40],
        };
        SavedChat::new(
            Digest::from_bytes([7; 32]),
            Vec::new(),
            None,
            vec![Message::user("hi")],
            lane,
        )
    }

    #[test]
    fn bytes_round_trip() {
        let bytes = saved().to_bytes().unwrap();
        assert_eq!(SavedChat::from_bytes(&bytes).unwrap(), saved());
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_refused() {
        let bytes = saved().to_bytes().unwrap();
        for index in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[index] ^= 1;
            assert!(SavedChat::from_bytes(&flipped).is_err(), "byte {index}");
            assert!(
                SavedChat::from_bytes(&bytes[..index]).is_err(),
                "cut at {index}"
            );
        }
    }

    #[test]
    fn another_model_is_refused() {
        assert!(saved().check(Digest::from_bytes([7; 32])).is_ok());
        assert!(saved().check(Digest::from_bytes([8; 32])).is_err());
    }
}
