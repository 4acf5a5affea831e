//! What is learned from and measured by.

use std::path::PathBuf;

use clap::Args;

use super::default_recipe;

const DATA: &str = "Data";

#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// Training data: JSON lines in TRL's formats
    #[arg(long = "data", value_name = "FILE", help_heading = DATA)]
    pub(crate) learned: PathBuf,
    /// Held-out data of the same kind, evaluated before and after training
    #[arg(long, value_name = "FILE", help_heading = DATA)]
    pub(crate) heldout: Option<PathBuf>,
    /// Earlier data of the same kind, of which each step sees some again
    #[arg(long, value_name = "FILE", help_heading = DATA)]
    pub(crate) replay: Option<PathBuf>,
    /// Samples of --replay in each step's batch, beside those of --data
    #[arg(long, default_value_t = default_recipe().replay_samples, value_name = "N",
          requires = "replay", help_heading = DATA)]
    pub(crate) replay_samples: usize,
    /// Ordinary prompts with the model's own replies, as prompt and completion, on which KL
    /// is measured [default: built-in prompts, answered before training]
    #[arg(long, value_name = "FILE", help_heading = DATA)]
    pub(crate) ordinary: Option<PathBuf>,
    /// Prompts with the model's own replies for --anchor-weight, as prompt and completion
    /// [default: built-in requests for certain forms, answered before training]
    #[arg(long, value_name = "FILE", help_heading = DATA)]
    pub(crate) anchors: Option<PathBuf>,
    /// Learn from every assistant turn of `messages`, not from the last alone
    #[arg(long, help_heading = DATA)]
    pub(crate) assistant_only_loss: bool,
    /// Leave out lines that cannot be learned from, and say how many
    #[arg(long, help_heading = DATA)]
    pub(crate) skip_unusable: bool,
}

impl DataArgs {
    /// All files that are read.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let optional = [&self.heldout, &self.replay, &self.ordinary, &self.anchors];
        std::iter::once(&self.learned).chain(optional.into_iter().flatten())
    }
}
