//! The options of `tune`.

mod adapter;
mod data;
mod objective;
mod optimisation;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use pocketune_core::tuning::{
    CheckpointDir, EncodingOptions, Feedback, MemoryBudget, Objectives, Precision, Recipe,
    RecordKind, TrainerOptions,
};

use self::adapter::AdapterArgs;
use self::data::DataArgs;
use self::objective::ObjectiveArgs;
use self::optimisation::OptimisationArgs;
use crate::args::ModelArgs;
use crate::error::CliError;
use crate::files::model_path;
use crate::out_files::{OutFile, Places};

const LIMITS: &str = "Limits";
const OUTPUT: &str = "Output";

const EXAMPLES: &str = r#"Examples:
  pocketune tune --objective auto --data feedback.jsonl --out mine.gguf
  pocketune tune --objective dpo --data pairs.jsonl --heldout unseen.jsonl --out brief.gguf --json
  pocketune tune --objective kto --data thumbs.jsonl --out liked.gguf
  pocketune tune --objective sft --data texts.jsonl --steps 20 --targets q,v --out style.gguf
  pocketune tune --objective dpo --data pairs.jsonl --out brief.gguf --plan
  pocketune tune --objective dpo --data pairs.jsonl --out brief.gguf --checkpoint run

With --checkpoint, an interrupted run resumes when the same command is given again.

Data are JSON lines in TRL's formats: prompt, chosen and rejected for dpo; prompt, completion
and label (true or false) for kto; text, messages, or prompt and completion for sft; each a
text or a list of messages. auto takes lines of dpo and of kto in one file, and edits: lines
of dpo with "edit": true, whose chosen reply is the user's rewrite of the rejected one. One
line for dpo, broken here:
  {"prompt": [{"role": "user", "content": "Is ice cold?"}],
   "chosen": [{"role": "assistant", "content": "Yes."}],
   "rejected": [{"role": "assistant", "content": "Well, that depends."}],
   "annotator": "ann"}
Give prompts as messages if the app chats: a text prompt is read without the chat template.
Other fields of a line (annotator, id, tie) are for `pocketune reward` and ignored here:
leave ties out. `jq -c '.[]'` turns a JSON array into lines. Tool calls and images are not
supported yet."#;

/// Train a LoRA adapter on feedback (thumbs, edits, preferences) or on texts
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TuneArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) adapter: AdapterArgs,
    #[command(flatten)]
    pub(crate) objective: ObjectiveArgs,
    #[command(flatten)]
    pub(crate) optimisation: OptimisationArgs,

    /// Maximum sequence length in tokens, prompt and reply together
    #[arg(long, default_value_t = default_recipe().sequence_tokens, value_name = "N", help_heading = LIMITS,
          value_parser = RangedU64ValueParser::<usize>::new().range(2..=65_536))]
    pub(crate) sequence_tokens: usize,
    /// Maximum KL divergence from the reference model on ordinary prompts, in nats per token:
    /// training stops above it, and the adapter is scaled down to it; 0 for no limit
    #[arg(long, default_value_t = default_recipe().kl_bound.unwrap_or(0.0), value_name = "NATS",
          help_heading = LIMITS)]
    max_kl: f64,
    /// Steps between KL measurements
    #[arg(long, default_value_t = default_recipe().kl_every, value_name = "N", help_heading = LIMITS,
          value_parser = RangedU64ValueParser::<u64>::new().range(1..=1_000_000))]
    kl_every: u64,
    /// Anonymous memory that training may use, in MB (10⁶ bytes); 0 for no limit [default: 250,
    /// or what the smallest plan takes where that is more]
    #[arg(long, value_name = "MB", help_heading = LIMITS)]
    memory_mb: Option<u64>,
    /// Threads that compute [default: the fast cores, at most 4]
    #[arg(long, value_name = "N", help_heading = LIMITS,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    pub(crate) threads: Option<usize>,

    /// Adapter file to write (GGUF)
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub(crate) out: PathBuf,
    /// Data type of the adapter's weights
    #[arg(long, value_enum, default_value_t, value_name = "TYPE", help_heading = OUTPUT)]
    pub(crate) precision: PrecisionKind,
    /// Folder for checkpoints, from which an interrupted run resumes
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Seconds between checkpoints; a cancelled run is saved in any case
    #[arg(long, value_name = "SECONDS", requires = "checkpoint",
          default_value_t = CheckpointDir::DEFAULT_INTERVAL.as_secs(),
          help_heading = OUTPUT)]
    checkpoint_every: u64,
    /// Print the memory and time that training would take, and exit
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) plan: bool,
}

fn default_recipe() -> Recipe {
    Recipe::default()
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum PrecisionKind {
    /// 32-bit floats
    #[default]
    F32,
    /// 16-bit floats: half the size
    F16,
}

impl From<PrecisionKind> for Precision {
    fn from(kind: PrecisionKind) -> Self {
        match kind {
            PrecisionKind::F32 => Self::F32,
            PrecisionKind::F16 => Self::F16,
        }
    }
}

impl TuneArgs {
    /// Refuses what would be ignored.
    pub(crate) fn check(&self) -> Result<(), CliError> {
        if self.data.anchors.is_some() && self.objective.anchor().is_none() {
            return Err(CliError::usage(
                "--anchors needs an --anchor-weight above 0",
            ));
        }
        if !(self.max_kl.is_finite() && self.max_kl >= 0.0) {
            return Err(CliError::usage(
                "--max-kl takes nats a token, or 0 for no bound",
            ));
        }
        Ok(())
    }

    /// Where the adapter goes, known to be possible before hours of work. What a run keeps
    /// for itself is no place: it is removed at the end.
    /// None for a plan, which writes nothing.
    pub(crate) fn out_file(&self) -> Result<Option<OutFile>, CliError> {
        if self.plan {
            return Ok(None);
        }
        let model = model_path(self.model.model.as_deref()).ok();
        let kept = self.checkpoint.as_deref().map(CheckpointDir::files);
        let inputs = model
            .iter()
            .chain(self.data.files())
            .chain(&self.adapter.init_adapter)
            .chain(&self.adapter.over_adapter)
            .chain(kept.iter().flatten());
        let out = Places::beside(inputs).personal("--out", &self.out)?;
        Ok(Some(out))
    }

    /// What a line of its data holds.
    pub(crate) fn kind(&self) -> RecordKind {
        self.objective.kind()
    }

    /// How its lines become samples.
    pub(crate) fn encoding(&self) -> EncodingOptions {
        EncodingOptions {
            sequence_tokens: self.sequence_tokens,
            assistant_only_loss: self.data.assistant_only_loss,
            skip_unusable: self.data.skip_unusable,
        }
    }

    /// What feedback is learned by.
    pub(crate) fn objectives(&self, feedback: &Feedback) -> Objectives {
        self.objective.objectives(feedback)
    }

    /// The default recipe with what was asked for instead.
    pub(crate) fn recipe(&self, objectives: Objectives) -> Result<Recipe, CliError> {
        let steps = &self.optimisation;
        Ok(Recipe {
            lora: self.adapter.shape()?,
            training: TrainerOptions {
                objectives,
                reference: self.adapter.reference(),
                learning_rate: steps.learning_rate,
                steps: steps.steps,
                stop_after: None,
                warm_up: steps.warm_up(),
                schedule: steps.schedule(),
                clip: steps.clip,
                optimizer: steps.optimizer(),
                dropout: self.adapter.dropout,
                seed: steps.seed,
            },
            batch: steps.batch,
            replay_samples: self.data.replay_samples,
            cross_validation: steps.cross_validation(),
            kl_bound: (self.max_kl > 0.0).then_some(self.max_kl),
            kl_every: self.kl_every,
            sequence_tokens: self.sequence_tokens,
        })
    }

    pub(crate) fn memory(&self) -> MemoryBudget {
        match self.memory_mb {
            None => MemoryBudget::Default,
            Some(0) => MemoryBudget::Unlimited,
            Some(mb) => MemoryBudget::Bytes(mb.saturating_mul(1_000_000)),
        }
    }

    pub(crate) fn checkpoint_every(&self) -> Duration {
        Duration::from_secs(self.checkpoint_every)
    }
}
