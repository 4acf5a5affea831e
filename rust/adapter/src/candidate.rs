//! An adapter that fits a model and that nobody vouches for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use pocketune_gguf::{Gguf, Metadata, TensorInfo};

use crate::base::{BaseModel, is_target};
use crate::error::AdapterError;
use crate::values;

const ALPHA: &str = "adapter.lora.alpha";
const KIND: &str = "adapter.type";
/// Where facts about the making of an adapter stand.
const FACTS: &str = "pocketune.";

/// A LoRA in GGUF form that fits one base model: just trained, or under
/// evaluation. It may change replies in an evaluation session and nowhere else.
///
/// Holding one means: the file is sound, it is a plain LoRA (nothing that
/// llama.cpp would read beside it), its matrices come in pairs that fit the
/// base model's, in all four dimensions, and every number in it is finite. It
/// says nothing about what the numbers do to replies, nor where they come from.
#[derive(Clone)]
pub struct CandidateAdapter {
    bytes: Arc<[u8]>,
    base: Arc<BaseModel>,
    alpha: Option<f32>,
    pairs: Vec<LoraPair>,
    facts: BTreeMap<String, String>,
}

/// One changed matrix of the base model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoraPair {
    /// Name of the base model's tensor.
    pub target: String,
    /// Rank of the change, at least 1.
    pub rank: u64,
}

impl CandidateAdapter {
    /// Checks an adapter file against the model it is to change. Does not block;
    /// takes some milliseconds for an adapter of 10 MB.
    ///
    /// # Errors
    /// The first fault found, each with a variant of [`AdapterError`].
    pub fn parse(bytes: impl Into<Arc<[u8]>>, base: &Arc<BaseModel>) -> Result<Self, AdapterError> {
        let bytes = bytes.into();
        let gguf = Gguf::parse(&bytes, bytes.len() as u64)?;
        let metadata = gguf.metadata();
        check_kind(metadata, base)?;
        let alpha = read_alpha(metadata)?;
        let facts = read_facts(metadata)?;
        let pairs = check_tensors(&gguf, &bytes, base)?;
        Ok(Self {
            base: Arc::clone(base),
            alpha,
            pairs,
            facts,
            bytes,
        })
    }

    /// The whole file, as it was checked.
    #[must_use]
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// The model that it was checked against.
    #[must_use]
    pub fn base(&self) -> &Arc<BaseModel> {
        &self.base
    }

    /// Numerator of the scale alpha/rank; without it the scale is 1.
    #[must_use]
    pub fn alpha(&self) -> Option<f32> {
        self.alpha
    }

    /// The changed matrices, by name. Their ranks may differ.
    #[must_use]
    pub fn pairs(&self) -> &[LoraPair] {
        &self.pairs
    }

    /// Number of tensors: two for each changed matrix.
    #[must_use]
    pub fn tensors(&self) -> usize {
        self.pairs.len().saturating_mul(2)
    }

    /// What the file says about its making: the texts under `pocketune.`,
    /// without that prefix. Nobody vouches for them.
    #[must_use]
    pub fn unverified_facts(&self) -> &BTreeMap<String, String> {
        &self.facts
    }
}

impl fmt::Debug for CandidateAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CandidateAdapter")
            .field("bytes", &self.bytes.len())
            .field("alpha", &self.alpha)
            .field("tensors", &self.tensors())
            .finish_non_exhaustive()
    }
}

/// A plain LoRA for this architecture, without anything that llama.cpp would do
/// beside adding it. Keys under `adapter.` are refused unless known, so that
/// what a later version reads there does not slip through.
fn check_kind(metadata: &Metadata<'_>, base: &BaseModel) -> Result<(), AdapterError> {
    let text = |key| -> Result<String, AdapterError> {
        let found: Option<&str> = metadata.read(key)?;
        Ok(found.unwrap_or("missing").to_owned())
    };
    let found = text("general.type")?;
    if found != "adapter" {
        return Err(AdapterError::NotAnAdapter { found });
    }
    let found = text(KIND)?;
    if found != "lora" {
        return Err(AdapterError::KindUnsupported { found });
    }
    let found = text("general.architecture")?;
    if found != base.architecture() {
        return Err(AdapterError::OtherArchitecture {
            found,
            expected: base.architecture().to_owned(),
        });
    }
    let unknown = metadata
        .iter()
        .map(|(key, _)| key)
        .find(|&key| key.starts_with("adapter.") && key != KIND && key != ALPHA);
    match unknown {
        Some(key) => Err(AdapterError::UnsupportedKey {
            key: key.to_owned(),
        }),
        None => Ok(()),
    }
}

/// Zero counts as absent, as in llama.cpp.
fn read_alpha(metadata: &Metadata<'_>) -> Result<Option<f32>, AdapterError> {
    // llama.cpp ends the process on another type than f32.
    let alpha: Option<f32> = metadata.read(ALPHA)?;
    match alpha {
        Some(found) if !found.is_finite() => Err(AdapterError::AlphaNotFinite { found }),
        alpha => Ok(alpha.filter(|&alpha| alpha != 0.0)),
    }
}

fn read_facts(metadata: &Metadata<'_>) -> Result<BTreeMap<String, String>, AdapterError> {
    let mut facts = BTreeMap::new();
    for (key, _) in metadata.iter() {
        if let Some(name) = key.strip_prefix(FACTS) {
            let fact: &str = metadata.require(key)?;
            facts.insert(name.to_owned(), fact.to_owned());
        }
    }
    Ok(facts)
}

/// A and B of one target.
#[derive(Default)]
struct Halves<'a, 'f> {
    a: Option<&'a TensorInfo<'f>>,
    b: Option<&'a TensorInfo<'f>>,
}

fn check_tensors(
    gguf: &Gguf<'_>,
    file: &[u8],
    base: &BaseModel,
) -> Result<Vec<LoraPair>, AdapterError> {
    let mut targets: BTreeMap<&str, Halves<'_, '_>> = BTreeMap::new();
    for tensor in gguf.tensors() {
        // Names are unique in the file, so no half can be there twice.
        if let Some(target) = tensor.name().strip_suffix(".lora_a") {
            targets.entry(target).or_default().a = Some(tensor);
        } else if let Some(target) = tensor.name().strip_suffix(".lora_b") {
            targets.entry(target).or_default().b = Some(tensor);
        } else {
            return Err(AdapterError::UnexpectedTensor {
                tensor: tensor.name().to_owned(),
            });
        }
    }
    if targets.is_empty() {
        return Err(AdapterError::Empty);
    }
    targets
        .into_iter()
        .map(|(target, halves)| check_pair(gguf, file, base, target, halves))
        .collect()
}

fn check_pair(
    gguf: &Gguf<'_>,
    file: &[u8],
    base: &BaseModel,
    target: &str,
    halves: Halves<'_, '_>,
) -> Result<LoraPair, AdapterError> {
    let (a, b) = match (halves.a, halves.b) {
        (Some(a), Some(b)) => (a, b),
        (Some(_), None) => return Err(half_missing(target, "lora_b")),
        (None, _) => return Err(half_missing(target, "lora_a")),
    };
    let dims = target_dims(base, target, a)?;
    let rank = check_shapes(target, dims, a, b)?;
    for tensor in [a, b] {
        if !values::is_supported(tensor.tensor_type()) {
            return Err(AdapterError::TensorType {
                tensor: tensor.name().to_owned(),
                found: tensor.tensor_type(),
            });
        }
        // Inside the file: the reader has checked it.
        let data = gguf.tensor_data(tensor, file).unwrap_or_default();
        if let Some(index) = values::first_not_finite(tensor.tensor_type(), data) {
            return Err(AdapterError::NotFinite {
                tensor: tensor.name().to_owned(),
                index,
            });
        }
    }
    Ok(LoraPair {
        target: target.to_owned(),
        rank,
    })
}

fn half_missing(target: &str, half: &str) -> AdapterError {
    AdapterError::HalfMissing {
        tensor: format!("{target}.{half}"),
    }
}

/// Dimensions of the matrix that is changed; `a` names the fault.
fn target_dims(
    base: &BaseModel,
    target: &str,
    a: &TensorInfo<'_>,
) -> Result<[u64; 4], AdapterError> {
    let tensor = || a.name().to_owned();
    if !is_target(target) {
        return Err(AdapterError::TargetUnsupported { tensor: tensor() });
    }
    match base.dims(target) {
        Some(dims @ [_, _, 1, 1]) => Ok(dims),
        Some(dims) => Err(AdapterError::TargetNotAMatrix {
            tensor: tensor(),
            dims,
        }),
        None => Err(AdapterError::TargetMissing { tensor: tensor() }),
    }
}

/// `[K, r, 1, 1]` and `[r, N, 1, 1]` for `[K, N, 1, 1]`; returns r.
fn check_shapes(
    target: &str,
    base: [u64; 4],
    a: &TensorInfo<'_>,
    b: &TensorInfo<'_>,
) -> Result<u64, AdapterError> {
    let [columns, rows, ..] = base;
    let ([a_columns, rank_a, a_depth, a_more], [rank_b, b_rows, b_depth, b_more]) =
        (a.dims(), b.dims());
    let wrong_shape = |tensor: &TensorInfo<'_>| AdapterError::TensorShape {
        tensor: tensor.name().to_owned(),
        found: tensor.dims(),
        base,
    };
    if [a_columns, a_depth, a_more] != [columns, 1, 1] {
        return Err(wrong_shape(a));
    }
    if [b_rows, b_depth, b_more] != [rows, 1, 1] {
        return Err(wrong_shape(b));
    }
    if rank_a != rank_b {
        return Err(AdapterError::RanksDiffer {
            target: target.to_owned(),
            rank_a,
            rank_b,
        });
    }
    let limit = columns.min(rows);
    if rank_a > limit {
        return Err(AdapterError::RankTooLarge {
            target: target.to_owned(),
            rank: rank_a,
            limit,
        });
    }
    Ok(rank_a)
}
