//! `--candidate` and `--store`: an adapter to try out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use pocketune_core::{
    CancelToken, CandidateAdapter, Chat, ChatOptions, Engine, Error, EvaluationChat,
    EvaluationSession, GenerationOptions, Message, Prompt, ReplyStream, Score, Scorer, Store, now,
};

use crate::error::RunError;
use crate::files;

/// Rank 64 on every matrix of a model of 8 billion parameters takes half of it.
const ADAPTER_BYTES_MAX: u64 = 1 << 30;

/// An unsigned adapter.
#[derive(Debug, Args)]
pub struct CandidateArgs {
    /// Apply this LoRA adapter (GGUF) without checking signatures; its structure is validated
    #[arg(long, value_name = "FILE")]
    candidate: Option<PathBuf>,
}

/// Where nothing is installed, nothing is made either: the folder may be misspelt.
pub fn must_exist(store: &Path) -> Result<(), RunError> {
    match Store::exists(store) {
        true => Ok(()),
        false => Err(RunError::NoStore),
    }
}

impl CandidateArgs {
    /// Reads and checks the adapter, if one is named.
    pub fn read(&self, engine: &Engine) -> Result<Option<CandidateAdapter>, RunError> {
        let Some(bytes) = self.bytes()? else {
            return Ok(None);
        };
        let candidate = CandidateAdapter::parse(bytes, engine.base_model()).map_err(Error::from)?;
        Ok(Some(candidate))
    }

    /// Its file, unchecked, if one is named.
    fn bytes(&self) -> Result<Option<Vec<u8>>, RunError> {
        let read = |path: &Path| files::read_bytes("adapter", path, ADAPTER_BYTES_MAX);
        self.candidate.as_deref().map(read).transpose()
    }
}

/// An adapter to measure beside the model as it is.
#[derive(Debug, Args)]
pub struct ChangeArgs {
    #[command(flatten)]
    candidate: CandidateArgs,
    /// Apply the one active adapter of this adapter store; its signatures are verified first
    #[arg(long, value_name = "DIR", conflicts_with = "candidate")]
    store: Option<PathBuf>,
}

impl ChangeArgs {
    /// Whether one is named.
    pub fn is_some(&self) -> bool {
        self.store.is_some() || self.candidate.candidate.is_some()
    }

    /// The file of --candidate, if one is named.
    pub fn input(&self) -> Option<&PathBuf> {
        self.candidate.candidate.as_ref()
    }

    /// The file of --candidate, unchecked.
    pub fn candidate_bytes(&self) -> Result<Option<Vec<u8>>, RunError> {
        self.candidate.bytes()
    }

    /// The adapter, if one is named: a candidate even where a store vouches for it, since
    /// both sides take it as they take any other.
    pub fn read(&self, engine: &Arc<Engine>) -> Result<Option<CandidateAdapter>, RunError> {
        let Some(folder) = &self.store else {
            return self.candidate.read(engine);
        };
        must_exist(folder)?;
        let store = Store::open_with(folder, Arc::clone(engine), None)?;
        let active = store.adapters().active(now())?;
        match active.adapters.as_slice() {
            [one] if one.scale == 1.0 => Ok(Some(one.adapter.adapter().clone())),
            _ => Err(RunError::Usage(
                "--store needs exactly one active adapter that is accepted, of scale 1",
            )),
        }
    }
}

/// Who replies: the engine as it is, or under a candidate.
pub struct Subject<'a> {
    /// The engine.
    pub engine: &'a Engine,
    session: Option<EvaluationSession>,
}

/// A conversation with either.
pub enum Conversation {
    /// Without a candidate.
    Base(Chat),
    /// Under one.
    Candidate(EvaluationChat),
}

impl<'a> Subject<'a> {
    /// Opens an evaluation session where there is a candidate.
    pub fn open(engine: &'a Engine, candidate: Option<CandidateAdapter>) -> Result<Self, RunError> {
        let session = candidate
            .map(|candidate| engine.evaluate(candidate))
            .transpose()?;
        Ok(Self { engine, session })
    }

    /// Begins a conversation.
    pub fn chat(&self, options: ChatOptions) -> Result<Conversation, Error> {
        Ok(match &self.session {
            None => Conversation::Base(self.engine.chat(options)?),
            Some(session) => Conversation::Candidate(session.chat(options)?),
        })
    }

    /// Replies to a prompt as it stands.
    pub fn complete(
        &self,
        prompt: &str,
        options: &GenerationOptions,
    ) -> Result<ReplyStream, Error> {
        match &self.session {
            None => self.engine.complete(prompt, options),
            Some(session) => session.complete(prompt, options),
        }
    }
}

impl Scorer for Subject<'_> {
    fn score(&self, prompt: &Prompt, reply: &str, cancel: &CancelToken) -> Result<Score, Error> {
        match &self.session {
            None => self.engine.score(prompt, reply, cancel),
            Some(session) => session.score(prompt, reply, cancel),
        }
    }
}

impl Conversation {
    /// Says something.
    pub fn send(&self, text: &str, options: &GenerationOptions) -> Result<ReplyStream, Error> {
        match self {
            Self::Base(chat) => chat.send(text, options),
            Self::Candidate(chat) => chat.send(text, options),
        }
    }

    /// Replies once more to what was said last.
    pub fn regenerate(&self, options: &GenerationOptions) -> Result<ReplyStream, Error> {
        match self {
            Self::Base(chat) => chat.regenerate(options),
            Self::Candidate(chat) => chat.regenerate(options),
        }
    }

    /// What was said.
    pub fn history(&self) -> Vec<Message> {
        match self {
            Self::Base(chat) => chat.history(),
            Self::Candidate(chat) => chat.history(),
        }
    }

    /// The instructions.
    pub fn system_prompt(&self) -> Option<String> {
        match self {
            Self::Base(chat) => chat.system_prompt(),
            Self::Candidate(chat) => chat.system_prompt(),
        }
    }

    /// Forgets what was said; the instructions stay.
    pub fn forget(&self) -> Result<(), Error> {
        match self {
            Self::Base(chat) => chat.replace_history(Vec::new()),
            Self::Candidate(chat) => chat.replace_history(Vec::new()),
        }
    }
}
