//! What a model will occupy, known before it is loaded.

use std::sync::Arc;

use pocketune_llama::{Context, ContextParams, Model, ModelLoad, available_memory_bytes};

use crate::error::Error;
use crate::options::EngineOptions;
use crate::process::check_free;
use crate::source::ModelFile;
use crate::threads::default_threads;
use crate::vocabulary::{schema_bytes, structure_bytes};

/// Rows of logits in one batch. Each costs a row of compute buffer as wide as
/// the vocabulary (1 MiB for 262,144 tokens), so scoring goes in small batches.
pub(crate) const OUTPUTS_MAX: u32 = 32;

/// Code, stacks and allocator slack of a process that serves one engine.
const PROCESS_BYTES: u64 = 12 << 20;

/// Memory that a model needs with given options, in bytes. All parts are
/// resident once a chat has filled the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryEstimate {
    /// Context length that the estimate is for, in tokens.
    pub context_tokens: u32,
    /// Weights in the file's layout.
    pub weight_bytes: u64,
    /// Whether the weights are mapped: then the system can take these pages
    /// back, at the price of reading them again.
    pub weights_mapped: bool,
    /// Weights copied into a layout that suits this CPU.
    pub repacked_bytes: u64,
    /// KV cache of the active chat.
    pub kv_bytes: u64,
    /// Compute buffers and logits.
    pub compute_bytes: u64,
    /// Vocabulary, code and thread stacks.
    pub overhead_bytes: u64,
    /// What the first reply under a JSON Schema takes beside all that: the vocabulary as a
    /// trie. It is kept; a grammar takes less. Not part of [`Self::required_bytes`]: most
    /// engines never need it.
    pub schema_bytes: u64,
    /// What the system says is free; `None` where it does not say.
    pub available_bytes: Option<u64>,
}

impl MemoryEstimate {
    /// All parts together.
    #[must_use]
    pub fn required_bytes(&self) -> u64 {
        self.weight_bytes + self.anonymous_bytes()
    }

    /// The parts that the system cannot take back without ending the process.
    #[must_use]
    pub fn unreclaimable_bytes(&self) -> u64 {
        self.anonymous_bytes()
            + if self.weights_mapped {
                0
            } else {
                self.weight_bytes
            }
    }

    fn anonymous_bytes(&self) -> u64 {
        self.repacked_bytes + self.kv_bytes + self.compute_bytes + self.overhead_bytes
    }

    /// Whether the model can be loaded. Where the system counts mapped pages as
    /// free (Apple), only the rest has to fit.
    #[must_use]
    pub fn fits(&self) -> bool {
        let needed = if cfg!(target_vendor = "apple") {
            self.unreclaimable_bytes()
        } else {
            self.required_bytes()
        };
        self.available_bytes
            .is_none_or(|available| needed <= available)
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.available_bytes {
            Some(available_bytes) if !self.fits() => Err(Error::OutOfMemory {
                required_bytes: self.required_bytes(),
                available_bytes,
            }),
            _ => Ok(()),
        }
    }
}

/// The context parameters that the options mean for this model.
pub(crate) fn context_params(
    file: &ModelFile,
    options: &EngineOptions,
) -> Result<ContextParams, Error> {
    options.check()?;
    Ok(ContextParams {
        context_tokens: options.resolve_context_tokens(file.facts.header.context_length)?,
        batch_tokens: options.batch_tokens,
        micro_batch_tokens: options.micro_batch_tokens,
        outputs_max: OUTPUTS_MAX,
        threads: options.threads.unwrap_or_else(default_threads),
        kv_type: options.kv_cache_type.into(),
        full_sliding_window: options.full_sliding_window,
    })
}

/// Refuses a vocabulary that alone does not fit: llama.cpp reads all of it to plan the rest.
pub(crate) fn check_vocabulary(file: &ModelFile) -> Result<(), Error> {
    check_free(overhead_bytes(file))
}

fn overhead_bytes(file: &ModelFile) -> u64 {
    structure_bytes(&file.facts.header.vocabulary) + PROCESS_BYTES
}

/// Asks llama.cpp itself: it plans all buffers of a model without weights,
/// allocating none of them. Blocks for reading the vocabulary.
pub(crate) fn estimate(file: &ModelFile, options: &EngineOptions) -> Result<MemoryEstimate, Error> {
    let params = context_params(file, options)?;
    let model =
        Model::load(&file.file, ModelLoad::WeightsAbsent, |_| true).map_err(Error::from_load)?;
    let context = Context::new(Arc::new(model), params)?;
    let planned = context.memory()?;
    let weights = file.facts.header.tensor_bytes;
    let vocabulary = u64::from(file.facts.header.vocabulary_size);
    // One row of logits is kept for sampling, one for its candidates (12 bytes each).
    let sampling_bytes = vocabulary * (4 + 12);
    Ok(MemoryEstimate {
        context_tokens: params.context_tokens,
        weight_bytes: if options.use_mmap {
            weights
        } else {
            planned.weight_bytes
        },
        weights_mapped: options.use_mmap,
        repacked_bytes: planned.repacked_bytes,
        kv_bytes: planned.kv_bytes,
        compute_bytes: planned.compute_bytes + sampling_bytes,
        overhead_bytes: overhead_bytes(file),
        schema_bytes: schema_bytes(&file.facts.header.vocabulary),
        available_bytes: available_memory_bytes(),
    })
}
