//! The subject of a release: an adapter, or another file that influences replies or verdicts.

use std::path::Path;

use clap::ValueEnum;
use pocketune_adapter::{BaseModelRef, Digest, LoraFacts, SubjectKind};
use pocketune_core::{BaseIdentity, DigestCache, Engine, ModelSource};
use pocketune_judge::experiment::Definition;
use pocketune_judge::reward::RewardHead;
use pocketune_judge::suite::Suite;

use super::{identify, parse};
use crate::args::ModelArgs;
use crate::error::CliError;
use crate::evaluate::SUITE_BYTES_MAX;
use crate::experiment::FILE_BYTES_MAX;
use crate::files::{model_source, read_bytes};
use crate::reward::HEAD_BYTES_MAX;

/// Types of files on the command line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// A LoRA in GGUF form
    #[default]
    Adapter,
    /// A model in GGUF form
    BaseModel,
    /// The head of a reward model
    RewardHead,
    /// A suite of JSON lines
    Suite,
    /// An experiment's definition
    Experiment,
}

impl From<Kind> for SubjectKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Adapter => Self::Adapter,
            Kind::BaseModel => Self::BaseModel,
            Kind::RewardHead => Self::RewardHead,
            Kind::Suite => Self::Suite,
            Kind::Experiment => Self::Experiment,
        }
    }
}

/// A file as a release states it. It was read as what it is to be: nobody signs what could not
/// be used.
pub(super) struct ReleaseSubject {
    pub(super) kind: Kind,
    pub(super) sha256: Digest,
    pub(super) size_bytes: u64,
    pub(super) base_models: Vec<BaseModelRef>,
    pub(super) lora: Option<LoraFacts>,
    /// What the file says of its making, as far as it does.
    pub(super) objective: String,
    pub(super) data_summary: String,
}

impl ReleaseSubject {
    pub(super) fn read(kind: Kind, file: &Path, model: &ModelArgs) -> Result<Self, CliError> {
        match kind {
            Kind::Adapter => Self::adapter(file, model),
            Kind::BaseModel => Self::base_model(file, model),
            Kind::RewardHead => {
                let bytes = bytes(kind, file)?;
                let base = identify(model)?;
                RewardHead::parse(&bytes, base.sha256.as_bytes())?;
                Ok(Self::of(kind, &bytes, vec![base_model(&base, model)?]))
            }
            Kind::Suite => {
                let bytes = bytes(kind, file)?;
                let suite = Suite::parse("", &bytes);
                let suite = suite.map_err(|error| CliError::from(error).in_file(file))?;
                let items = suite.items.len();
                Ok(Self {
                    data_summary: format!("{items} items"),
                    ..Self::of(kind, &bytes, named_model(model)?)
                })
            }
            Kind::Experiment => {
                let bytes = bytes(kind, file)?;
                let parsed = Definition::parse(&bytes);
                parsed.map_err(|error| CliError::from(error).in_file(file))?;
                Ok(Self::of(kind, &bytes, named_model(model)?))
            }
        }
    }

    fn of(kind: Kind, bytes: &[u8], base_models: Vec<BaseModelRef>) -> Self {
        Self {
            kind,
            sha256: Digest::of(bytes),
            size_bytes: bytes.len() as u64,
            base_models,
            lora: None,
            objective: String::new(),
            data_summary: String::new(),
        }
    }

    fn adapter(file: &Path, model: &ModelArgs) -> Result<Self, CliError> {
        let base = identify(model)?;
        let adapter = parse(file, &base)?;
        let facts = adapter.unverified_facts();
        let fact = |name: &str| facts.get(name).cloned().unwrap_or_default();
        let models = vec![base_model(&base, model)?];
        Ok(Self {
            lora: Some(adapter.lora_facts()),
            objective: fact("objective"),
            data_summary: format!("{} samples", fact("samples")),
            ..Self::of(Kind::Adapter, adapter.bytes(), models)
        })
    }

    fn base_model(file: &Path, model: &ModelArgs) -> Result<Self, CliError> {
        let (sha256, size_bytes) = model_file(file, model)?;
        Ok(Self {
            sha256,
            size_bytes,
            ..Self::of(Kind::BaseModel, &[], Vec::new())
        })
    }
}

/// Digest and length of a model that passes the audit. It is hashed anew, whatever was
/// remembered of it: a signature, or a verdict, is about what was read.
pub(super) fn model_file(file: &Path, model: &ModelArgs) -> Result<(Digest, u64), CliError> {
    if model.model.is_some() {
        return Err(CliError::usage("a base model stands on no --model"));
    }
    let source = ModelSource::Path(file.to_owned());
    let facts = Engine::inspect(&source)?;
    let sha256 = Engine::digest_of(&source, &DigestCache::in_memory())?;
    Ok((sha256, facts.file_bytes))
}

/// All of a file that is no model.
pub(super) fn bytes(kind: Kind, file: &Path) -> Result<Vec<u8>, CliError> {
    let (what, limit_bytes) = match kind {
        Kind::Adapter => ("adapter", super::ADAPTER_BYTES_MAX),
        Kind::BaseModel => return Err(CliError::usage("a base model is not read whole")),
        Kind::RewardHead => ("reward head", HEAD_BYTES_MAX),
        Kind::Suite => ("suite", SUITE_BYTES_MAX),
        Kind::Experiment => ("definition", FILE_BYTES_MAX),
    };
    Ok(read_bytes(what, file, limit_bytes)?)
}

/// The one model that something is for, where it is named.
fn named_model(model: &ModelArgs) -> Result<Vec<BaseModelRef>, CliError> {
    if model.model.is_none() {
        return Ok(Vec::new());
    }
    Ok(vec![base_model(&identify(model)?, model)?])
}

/// A model by its `general.name`, or by its architecture where the file has none.
fn base_model(base: &BaseIdentity, model: &ModelArgs) -> Result<BaseModelRef, CliError> {
    let facts = Engine::inspect(&model_source(model.model.as_deref())?)?;
    let name = facts.header.name.filter(|name| !name.trim().is_empty());
    let name = name.unwrap_or_else(|| base.shapes.architecture().to_owned());
    Ok(BaseModelRef {
        name,
        sha256: base.sha256,
        tokenizer_sha256: base.tokenizer_sha256,
    })
}
