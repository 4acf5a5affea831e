//! A saved chat: history, tokens, keys and values, bound to its model.
//!
//! Layout, little-endian: magic `PTCHAT\0\x01`, u64 length of the header, the
//! header (JSON), the keys and values, SHA-256 over everything before it. The
//! digest finds damage; it is no signature: [`crate::Chat::restore`] holds the tokens
//! against the history.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use pocketune_adapter::Digest;
use pocketune_base::{OpenError, Readers, open_regular, write_whole};
use pocketune_llama::{LLAMA_BUILD, Token};
use serde::{Deserialize, Serialize};

use crate::conversation::{Message, Role, Snapshot, check_roles};
use crate::error::Error;
use crate::origin::ReplyOrigin;
use crate::worker::SavedLane;

const MAGIC: &[u8; 8] = b"PTCHAT\0\x01";
const DIGEST_BYTES: usize = 32;
/// Most bytes of a saved chat. The cache of 65,536 tokens of a model of a billion
/// parameters takes as much, and a phone has no more for one chat.
const FILE_BYTES_MAX: u64 = 2 << 30;
/// Most bytes of its header: 10,000 turns of 6 kB. Its values take at most eight times
/// that in memory.
const HEADER_BYTES_MAX: u64 = 64 << 20;
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
    history: Vec<SavedTurn>,
    // Turns that the prompt was computed without; older files do not say.
    #[serde(default)]
    dropped: usize,
    tokens: Vec<Token>,
    // Under which adapters keys and values were computed.
    #[serde(default)]
    adapters: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SavedTurn {
    role: Role,
    content: String,
    // Where the chat's model wrote it; older files do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply: Option<ReplyOrigin>,
}

impl SavedChat {
    pub(crate) fn new(
        model: Digest,
        adapters: Vec<String>,
        said: Snapshot,
        lane: SavedLane,
    ) -> Self {
        let mut origins = said.origins;
        let turn = |turn: Message| SavedTurn {
            reply: turn
                .reply_id
                .and_then(|id| origins.remove(&id))
                .map(Arc::unwrap_or_clone),
            role: turn.role,
            content: turn.content,
        };
        let history = said.history.into_iter().map(turn).collect();
        let header = Header {
            build: this_build(),
            model: model.to_string(),
            kv_type: lane.kv_type,
            system_prompt: said.system_prompt,
            history,
            dropped: said.dropped,
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
        if self.header.build != this_build() {
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

    pub(crate) fn into_parts(self) -> (Snapshot, SavedLane) {
        let header = self.header;
        let history = header.history.iter().map(SavedTurn::message).collect();
        let replies = header.history.into_iter().filter_map(|turn| turn.reply);
        let said = Snapshot {
            system_prompt: header.system_prompt,
            history,
            origins: replies.map(|it| (it.id, Arc::new(it))).collect(),
            dropped: header.dropped,
        };
        let lane = SavedLane {
            kv_type: header.kv_type,
            tokens: header.tokens,
            kv: self.kv,
        };
        (said, lane)
    }

    /// The turns that were saved.
    #[must_use]
    pub fn history(&self) -> Vec<Message> {
        self.header.history.iter().map(SavedTurn::message).collect()
    }

    /// The bytes to store: at most 2 GiB, of which the history takes at most 64 MiB.
    ///
    /// # Errors
    /// [`Error::SavedChatTooLarge`]; [`Error::StateMismatch`] when the header cannot be
    /// encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let header = serde_json::to_vec(&self.header).map_err(|error| damaged(&error))?;
        check_size("history", header.len() as u64, HEADER_BYTES_MAX)?;
        let size = (header.len() as u64).saturating_add(self.kv.len() as u64);
        check_size("file", size.saturating_add(64), FILE_BYTES_MAX)?;
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
    /// [`Error::StateMismatch`] when a byte is missing or differs, or the turns do not
    /// alternate; [`Error::SavedChatTooLarge`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        check_size("file", bytes.len() as u64, FILE_BYTES_MAX)?;
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
        let length = u64::from_le_bytes(*length);
        check_size("history", length, HEADER_BYTES_MAX)?;
        let length = usize::try_from(length).map_err(|error| damaged(&error))?;
        let (header, kv) = body
            .split_at_checked(length)
            .ok_or_else(|| damaged(&"the header is cut"))?;
        let header: Header = serde_json::from_slice(header).map_err(|error| damaged(&error))?;
        let roles = header.history.iter().map(|turn| turn.role);
        check_roles(roles).map_err(|error| damaged(&error))?;
        check_replies(&header.history)?;
        if header.dropped % 2 == 1 || header.dropped > header.history.len() {
            return Err(damaged(&"it leaves out turns that it does not have"));
        }
        Ok(Self {
            header,
            kv: kv.to_vec(),
        })
    }

    /// Writes the chat to `path`; at any moment the file is the old or the new one. Blocks.
    ///
    /// # Errors
    /// [`Error::Io`], also where `path` is a folder, a pipe or a device;
    /// [`Error::SavedChatTooLarge`]. Then an older file at `path` is untouched.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        write_whole(path, &self.to_bytes()?, Readers::Owner).map_err(Error::Io)
    }

    /// Reads a chat from `path`. Blocks.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NotAFile`], [`Error::StateMismatch`],
    /// [`Error::SavedChatTooLarge`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let file = open_regular(path).map_err(unopened)?;
        let size = file.metadata().map_err(Error::Io)?.len();
        check_size("file", size, FILE_BYTES_MAX)?;
        let mut bytes = Vec::new();
        file.take(size).read_to_end(&mut bytes).map_err(Error::Io)?;
        Self::from_bytes(&bytes)
    }
}

/// Keys and values are for the build that computed them.
fn this_build() -> String {
    let (version, architecture) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    format!("{LLAMA_BUILD} pocketune {version} {architecture}")
}

impl SavedTurn {
    fn message(&self) -> Message {
        Message {
            reply_id: self.reply.as_ref().map(|origin| origin.id),
            ..Message::by(self.role, self.content.as_str())
        }
    }
}

/// Only the model's turns are replies, each once.
fn check_replies(turns: &[SavedTurn]) -> Result<(), Error> {
    let mut ids = BTreeSet::new();
    for turn in turns {
        let Some(reply) = &turn.reply else { continue };
        if turn.role != Role::Assistant || !reply.is_finite() || !ids.insert(reply.id) {
            return Err(damaged(&"a turn is no such reply"));
        }
    }
    Ok(())
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

fn check_size(what: &'static str, found: u64, limit: u64) -> Result<(), Error> {
    match found > limit {
        true => Err(Error::SavedChatTooLarge { what, found, limit }),
        false => Ok(()),
    }
}

fn damaged(reason: &dyn std::fmt::Display) -> Error {
    Error::StateMismatch {
        reason: format!("it is damaged: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Digest, HEADER_BYTES_MAX, MAGIC, SavedChat, SavedLane, Snapshot};
    use crate::origin::Origins;
    use crate::{Error, Message};

    fn saved() -> SavedChat {
        let lane = SavedLane {
            kv_type: "F16".to_owned(),
            tokens: vec![1, 2],
            kv: vec![9; 40],
        };
        let said = Snapshot {
            system_prompt: None,
            history: vec![Message::user("hi")],
            origins: Origins::new(),
            dropped: 0,
        };
        SavedChat::new(Digest::from_bytes([7; 32]), Vec::new(), said, lane)
    }

    /// A file with this header and a right digest.
    fn file(header: &str, length: u64) -> Vec<u8> {
        let body = [MAGIC.as_slice(), &length.to_le_bytes(), header.as_bytes()].concat();
        let digest = Digest::of(&body);
        [body.as_slice(), digest.as_bytes()].concat()
    }

    fn with_header(change: impl Fn(&str) -> String) -> Result<SavedChat, Error> {
        let header = change(&serde_json::to_string(&saved().header).unwrap());
        SavedChat::from_bytes(&file(&header, header.len() as u64))
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
    fn the_header_says_which_build_computed_it() {
        let build = saved().header.build;
        let mut parts = build.split(' ');
        assert_eq!(parts.next(), Some("llama-cpp-sys-2"));
        let version = parts.next().unwrap_or_default().split('.');
        assert!(
            version.map(str::parse::<u32>).all(|part| part.is_ok()),
            "{build}"
        );
        assert_eq!(parts.next(), Some("pocketune"));
        assert_eq!(parts.next(), Some(env!("CARGO_PKG_VERSION")));
        assert_eq!(parts.next(), Some(std::env::consts::ARCH));
        let mut other = saved();
        other.header.build = build.replacen(' ', " 1", 1);
        assert!(other.check(Digest::from_bytes([7; 32])).is_err());
    }

    #[test]
    fn another_model_is_refused() {
        assert!(saved().check(Digest::from_bytes([7; 32])).is_ok());
        assert!(saved().check(Digest::from_bytes([8; 32])).is_err());
    }

    #[test]
    fn a_length_that_is_not_the_headers_is_refused() {
        for length in [3, HEADER_BYTES_MAX, u64::MAX, u64::MAX - 15, 1 << 63] {
            assert!(
                SavedChat::from_bytes(&file("{}", length)).is_err(),
                "{length}"
            );
        }
        let huge = SavedChat::from_bytes(&file("{}", HEADER_BYTES_MAX + 1));
        assert!(
            matches!(huge, Err(Error::SavedChatTooLarge { .. })),
            "{huge:?}"
        );
    }

    #[test]
    fn an_older_file_without_newer_fields_is_read() {
        let older = with_header(|header| {
            let header = header.replace(r#","dropped":0"#, r#","text":"hidden""#);
            header.replace(r#","adapters":[]"#, "")
        });
        assert_eq!(older.unwrap().header, saved().header);
    }

    #[test]
    fn turns_of_nobody_are_refused() {
        let changes = [
            (r#""role":"user""#, r#""role":"tool""#),
            (r#""role":"user""#, r#""role":"system""#),
            (r#""role":"user""#, r#""role":"assistant""#),
            (r#""dropped":0"#, r#""dropped":1"#),
            (r#""dropped":0"#, r#""dropped":2"#),
            (r#""dropped":0"#, r#""dropped":18446744073709551615"#),
            (r#""dropped":0"#, r#""dropped":-1"#),
            (r#""tokens":[1,2]"#, r#""tokens":[4294967296]"#),
            (r#""tokens":[1,2]"#, r#""tokens":null"#),
        ];
        for (from, to) in changes {
            let refused = with_header(|header| {
                assert!(header.contains(from), "{header}");
                header.replace(from, to)
            });
            assert!(
                matches!(refused, Err(Error::StateMismatch { .. })),
                "{to}: {refused:?}"
            );
        }
    }
}
