//! The options of `tune`.

use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use pocketune_train::{
    CheckpointDir, DpoLoss, DpoOptions, LoraShape, MemoryLimit, Objective, OptimizerOptions,
    Precision, Projection, Schedule, TrainerOptions,
};

use crate::args::ModelArgs;
use crate::error::CliError;
use crate::files::model_path;
use crate::out_files::{OutFile, Places};

const EXAMPLES: &str = r#"Examples:
  pocketune tune --objective dpo --data pairs.jsonl --out brief.gguf
  pocketune tune --objective dpo --data pairs.jsonl --heldout unseen.jsonl --out brief.gguf --json
  pocketune tune --objective sft --data texts.jsonl --steps 20 --targets q,v --out style.gguf
  pocketune tune --objective dpo --data pairs.jsonl --out brief.gguf --plan
  pocketune tune --objective dpo --data pairs.jsonl --out brief.gguf --checkpoint run

A run with --checkpoint that was stopped goes on where it was when the same
command is given again.

Data are JSON lines in TRL's formats: prompt, chosen and rejected for dpo; text,
messages, or prompt and completion for sft; texts or lists of messages. One line for dpo,
broken here:
  {"prompt": [{"role": "user", "content": "Is ice cold?"}],
   "chosen": [{"role": "assistant", "content": "Yes."}],
   "rejected": [{"role": "assistant", "content": "Well, that depends."}],
   "annotator": "ann"}
Give prompts as messages if the app chats; a text prompt is read without the chat template.
What else a line holds (annotator, id, tie) is for `pocketune reward` and ignored here: leave
ties out. One object stands on each line: `jq -c '.[]'` makes lines of a JSON array. Unpaired
preferences (label), tool calls and images are not learned from yet."#;

/// Make an adapter from preferences or texts
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TuneArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// What is optimised
    #[arg(long, value_enum)]
    pub(crate) objective: ObjectiveKind,
    /// Samples to learn from, as JSON lines
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// Pairs that training does not see, to judge it by (dpo)
    #[arg(long, value_name = "FILE")]
    pub(crate) heldout: Option<PathBuf>,
    /// Where the adapter goes
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Say what memory and time training takes, and do nothing
    #[arg(long)]
    pub(crate) plan: bool,
    /// Go on from this adapter instead of from none
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rank", "alpha", "targets", "layers"])]
    pub(crate) init_adapter: Option<PathBuf>,
    /// Adapters to stand on, which stay as they are; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) over_adapter: Vec<PathBuf>,
    /// Rank of the adapter
    #[arg(long, default_value_t = 8, value_name = "R",
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    rank: usize,
    /// Numerator of its scale [default: twice the rank]
    #[arg(long, value_name = "A")]
    alpha: Option<f32>,
    /// Matrices it changes: q, k, v, o, gate, up, down [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    targets: Vec<String>,
    /// Layers it changes, from 0 on, such as 10-29 or 0,5,7 [default: all]
    #[arg(long, value_delimiter = ',', value_name = "LAYERS")]
    layers: Vec<String>,
    /// Probability with which a feature is hidden from the adapter while it learns
    #[arg(long, default_value_t = 0.0, value_name = "P")]
    dropout: f32,
    /// Main term of the preference loss
    #[arg(long, value_enum, default_value_t)]
    loss_type: LossKind,
    /// Weight of an added term: likelihood of the chosen replies
    #[arg(long, default_value_t = 1.0, value_name = "W")]
    sft_weight: f64,
    /// How dearly departing from the reference is paid
    #[arg(long, default_value_t = 0.1, value_name = "B")]
    beta: f64,
    /// Share of wrong labels that `robust` assumes
    #[arg(long, default_value_t = 0.0, value_name = "E")]
    label_smoothing: f64,
    /// Peak learning rate
    #[arg(long, default_value_t = 2e-4, value_name = "RATE")]
    learning_rate: f64,
    /// Steps
    #[arg(long, default_value_t = 40, value_name = "N",
          value_parser = RangedU64ValueParser::<u64>::new().range(1..=1_000_000))]
    steps: u64,
    /// Steps over which the learning rate rises
    #[arg(long, default_value_t = 5, value_name = "N")]
    warm_up: u64,
    /// Learning rate after that
    #[arg(long, value_enum, default_value_t)]
    schedule: ScheduleKind,
    /// What turns gradients into steps
    #[arg(long, value_enum, default_value_t)]
    optimizer: OptimizerKind,
    /// Share of the last step that the next one keeps (sgd)
    #[arg(long, default_value_t = 0.9, value_name = "M")]
    momentum: f32,
    /// Share of each parameter lost a step, times the learning rate (adamw)
    #[arg(long, default_value_t = 0.0, value_name = "W")]
    weight_decay: f32,
    /// Samples a step
    #[arg(long, default_value_t = 4, value_name = "N",
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=4096))]
    batch: usize,
    /// Longest gradient
    #[arg(long, default_value_t = 1.0, value_name = "NORM")]
    clip: f32,
    /// Stop when replies to ordinary prompts have moved by more nats a token than
    /// this; 0 for no bound
    #[arg(long, default_value_t = 0.18, value_name = "NATS")]
    max_kl: f64,
    /// Steps between measurements of that
    #[arg(long, default_value_t = 10, value_name = "N",
          value_parser = RangedU64ValueParser::<u64>::new().range(1..=1_000_000))]
    pub(crate) kl_every: u64,
    /// Ordinary prompts with the model's own replies, as prompt and completion
    /// [default: built-in prompts, answered before training]
    #[arg(long, value_name = "FILE")]
    pub(crate) ordinary: Option<PathBuf>,
    /// Save each step in this folder, and go on from what is saved there
    #[arg(long, value_name = "DIR")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Most tokens of prompt and reply
    #[arg(long, default_value_t = 256, value_name = "N",
          value_parser = RangedU64ValueParser::<usize>::new().range(2..=65_536))]
    pub(crate) sequence_tokens: usize,
    /// Anonymous memory that training may use, in 10⁶ bytes [default: no limit]
    #[arg(long, value_name = "MB")]
    memory_mb: Option<u64>,
    /// Threads that compute [default: the fast cores, at most 4]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    pub(crate) threads: Option<usize>,
    /// Determines first values and the order of the samples
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
    /// How parameters are written
    #[arg(long, value_enum, default_value_t, value_name = "TYPE")]
    pub(crate) precision: PrecisionKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ObjectiveKind {
    /// Likelier texts
    Sft,
    /// Preferred replies likelier than rejected ones
    Dpo,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum LossKind {
    /// −log σ(βδ)
    #[default]
    Sigmoid,
    /// The same for labels that may be wrong
    Robust,
    /// (δ̄ − 1/2β)², by token
    Ipo,
    /// −log σ(βδ̄), by token
    #[value(name = "sigmoid_norm")]
    SigmoidNorm,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum OptimizerKind {
    /// Adam with decoupled weight decay
    #[default]
    #[value(name = "adamw")]
    AdamW,
    /// Gradient descent with momentum: half the state
    Sgd,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum ScheduleKind {
    /// Falls to 0 along half a cosine
    #[default]
    Cosine,
    /// Stays
    Constant,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum PrecisionKind {
    /// As trained
    #[default]
    F32,
    /// Half the bytes
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
    /// Where the adapter goes, known to be possible before hours of work. What a run keeps
    /// for itself is no place: it is removed at the end.
    /// None for a plan, which writes nothing.
    pub(crate) fn out_file(&self) -> Result<Option<OutFile>, CliError> {
        if self.plan {
            return Ok(None);
        }
        let model = model_path(self.model.model.as_deref()).ok();
        let kept = self.checkpoint.as_deref().map(CheckpointDir::files);
        let inputs = model.iter().chain([&self.data]).chain(&self.heldout);
        let inputs = inputs.chain(&self.ordinary).chain(&self.init_adapter);
        let inputs = inputs
            .chain(&self.over_adapter)
            .chain(kept.iter().flatten());
        Places::beside(inputs)
            .personal("--out", &self.out)
            .map(Some)
    }

    pub(crate) fn pairs(&self) -> bool {
        self.objective == ObjectiveKind::Dpo
    }

    pub(crate) fn objective_name(&self) -> &'static str {
        match self.objective {
            ObjectiveKind::Sft => "sft",
            ObjectiveKind::Dpo => "dpo",
        }
    }

    pub(crate) fn shape(&self) -> Result<LoraShape, CliError> {
        let known = self
            .targets
            .iter()
            .map(|name| Projection::from_name(name.trim()));
        let targets: Option<Vec<Projection>> = known.collect();
        let targets = targets.ok_or(CliError::usage(
            "--targets takes q, k, v, o, gate, up and down",
        ))?;
        Ok(LoraShape {
            rank: self.rank,
            alpha: self.alpha.unwrap_or(2.0 * self.rank as f32),
            projections: if targets.is_empty() {
                Projection::ALL.to_vec()
            } else {
                targets
            },
            layers: self.layers()?,
        })
    }

    fn layers(&self) -> Result<Option<Vec<usize>>, CliError> {
        let range = |text: &String| -> Option<std::ops::RangeInclusive<usize>> {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
        };
        let ranges: Option<Vec<_>> = self.layers.iter().map(range).collect();
        let ranges = ranges.ok_or(CliError::usage("--layers takes numbers and ranges"))?;
        let layers: Vec<usize> = ranges.into_iter().flatten().collect();
        Ok((!layers.is_empty()).then_some(layers))
    }

    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// Most nats a token, where there is a bound.
    pub(crate) fn kl_bound(&self) -> Option<f64> {
        (self.max_kl > 0.0).then_some(self.max_kl)
    }

    pub(crate) fn memory(&self) -> MemoryLimit {
        MemoryLimit {
            budget_bytes: self.memory_mb.map(|mb| mb * 1_000_000),
            reserved_bytes: 0,
        }
    }

    fn optimizer(&self) -> OptimizerOptions {
        match self.optimizer {
            OptimizerKind::AdamW => OptimizerOptions::AdamW {
                beta1: 0.9,
                beta2: 0.999,
                epsilon: 1e-8,
                weight_decay: self.weight_decay,
            },
            OptimizerKind::Sgd => OptimizerOptions::Sgd {
                momentum: self.momentum,
            },
        }
    }

    pub(crate) fn dpo(&self) -> DpoOptions {
        let main = match self.loss_type {
            LossKind::Sigmoid => DpoLoss::Sigmoid,
            LossKind::Robust => DpoLoss::Robust,
            LossKind::Ipo => DpoLoss::Ipo,
            LossKind::SigmoidNorm => DpoLoss::SigmoidNorm,
        };
        let mut losses = vec![(main, 1.0)];
        if self.sft_weight != 0.0 {
            losses.push((DpoLoss::Sft, self.sft_weight));
        }
        DpoOptions {
            beta: self.beta,
            label_smoothing: self.label_smoothing,
            losses,
        }
    }

    pub(crate) fn options(&self) -> TrainerOptions {
        TrainerOptions {
            objective: match self.objective {
                ObjectiveKind::Sft => Objective::Sft,
                ObjectiveKind::Dpo => Objective::Dpo(self.dpo()),
            },
            learning_rate: self.learning_rate,
            steps: self.steps,
            warm_up: self.warm_up.min(self.steps),
            schedule: match self.schedule {
                ScheduleKind::Cosine => Schedule::Cosine,
                ScheduleKind::Constant => Schedule::Constant,
            },
            batch: self.batch,
            clip: self.clip,
            optimizer: self.optimizer(),
            dropout: self.dropout,
            seed: self.seed,
        }
    }
}
