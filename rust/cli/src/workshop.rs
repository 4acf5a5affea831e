//! What training works with: the model, threads, and an eye on memory.

use std::path::Path;

use pocketune_core::{PeakMemory, ProcessMemory, default_threads};
use pocketune_kernels::ThreadPool;
use pocketune_terminal::RunError;
use pocketune_train::{Lora, Model};

use crate::error::CliError;
use crate::files;

/// An adapter file may be this long.
const ADAPTER_BYTES_MAX: u64 = 1 << 30;

/// A model mapped for training, and what computes with it.
pub(crate) struct Workshop {
    pub(crate) model: Model,
    pub(crate) pool: ThreadPool,
    /// Anonymous and shared memory of the process before all this.
    pub(crate) baseline_bytes: u64,
    memory: PeakMemory,
}

impl Workshop {
    /// Maps the model at `path`; memory counts from here on.
    pub(crate) fn open(path: &Path, threads: Option<usize>) -> Result<Self, CliError> {
        let baseline = ProcessMemory::now().ok_or(RunError::NoMemoryFigures)?;
        let memory = PeakMemory::watch();
        Ok(Self {
            model: Model::open(path)?,
            pool: ThreadPool::new(threads.unwrap_or(default_threads() as usize)),
            baseline_bytes: baseline.anonymous_bytes,
            memory,
        })
    }

    /// Most anonymous and shared memory since then, beyond the baseline.
    pub(crate) fn peak_bytes(&self) -> u64 {
        let peak = self.memory.peak().anonymous_bytes;
        peak.saturating_sub(self.baseline_bytes)
    }

    /// Reads an adapter of this model.
    pub(crate) fn adapter(&self, path: &Path) -> Result<Lora, CliError> {
        let bytes = files::read_bytes("adapter", path, ADAPTER_BYTES_MAX)?;
        Ok(Lora::from_gguf(&self.model, &bytes)?)
    }
}
