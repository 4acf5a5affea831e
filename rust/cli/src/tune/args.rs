//! The options of `tune`.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use pocketune_core::tuning::{
    CheckpointDir, DpoLoss, DpoOptions, LoraShape, Objective, OptimizerOptions, Precision,
    Projection, Recipe, RecordKind, Schedule, TrainerOptions,
};

use crate::args::ModelArgs;
use crate::error::CliError;
use crate::files::model_path;
use crate::out_files::{OutFile, Places};

const DATA: &str = "Data";
const ADAPTER: &str = "Adapter";
const OBJECTIVE: &str = "Objective";
const OPTIMISATION: &str = "Optimisation";
const LIMITS: &str = "Limits";
const OUTPUT: &str = "Output";

const EXAMPLES: &str = r#"Examples:
  pocketune tune --objective dpo --data pairs.jsonl --out brief.gguf
  pocketune tune --objective dpo --data pairs.jsonl --heldout unseen.jsonl --out brief.gguf --json
  pocketune tune --objective sft --data texts.jsonl --steps 20 --targets q,v --out style.gguf
  pocketune tune --objective dpo --data pairs.jsonl --out brief.gguf --plan
  pocketune tune --objective dpo --data pairs.jsonl --out brief.gguf --checkpoint run

With --checkpoint, an interrupted run resumes when the same command is given again.

Data are JSON lines in TRL's formats: prompt, chosen and rejected for dpo; text,
messages, or prompt and completion for sft; each a text or a list of messages. One line
for dpo, broken here:
  {"prompt": [{"role": "user", "content": "Is ice cold?"}],
   "chosen": [{"role": "assistant", "content": "Yes."}],
   "rejected": [{"role": "assistant", "content": "Well, that depends."}],
   "annotator": "ann"}
Give prompts as messages if the app chats: a text prompt is read without the chat template.
Other fields of a line (annotator, id, tie) are for `pocketune reward` and ignored here:
leave ties out. `jq -c '.[]'` turns a JSON array into lines. Unpaired preferences (label),
tool calls and images are not supported yet."#;

/// Train a LoRA adapter on preferences (DPO) or texts (SFT)
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TuneArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Training data: JSON lines in TRL's formats
    #[arg(long, value_name = "FILE", help_heading = DATA)]
    pub(crate) data: PathBuf,
    /// Held-out preferences, evaluated before and after training (dpo)
    #[arg(long, value_name = "FILE", help_heading = DATA)]
    pub(crate) heldout: Option<PathBuf>,
    /// Ordinary prompts with the model's own replies, as prompt and completion, on which KL
    /// is measured [default: built-in prompts, answered before training]
    #[arg(long, value_name = "FILE", help_heading = DATA)]
    pub(crate) ordinary: Option<PathBuf>,

    /// LoRA rank
    #[arg(long, default_value_t = default_recipe().lora.rank, value_name = "R", help_heading = ADAPTER,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    rank: usize,
    /// LoRA alpha; updates are scaled by alpha / rank [default: twice the rank]
    #[arg(long, value_name = "A", help_heading = ADAPTER)]
    alpha: Option<f32>,
    /// LoRA dropout probability
    #[arg(long, default_value_t = default_recipe().training.dropout, value_name = "P",
          help_heading = ADAPTER)]
    dropout: f32,
    /// Target modules: q, k, v, o, gate, up, down [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAMES", help_heading = ADAPTER)]
    targets: Vec<String>,
    /// Layers to adapt, numbered from 0, such as 10-29 or 0,5,7 [default: all]
    #[arg(long, value_delimiter = ',', value_name = "LAYERS", help_heading = ADAPTER)]
    layers: Vec<String>,
    /// Adapter to continue training, instead of a new one
    #[arg(long, value_name = "FILE", help_heading = ADAPTER,
          conflicts_with_all = ["rank", "alpha", "targets", "layers"])]
    pub(crate) init_adapter: Option<PathBuf>,
    /// Frozen adapter to train on top of; repeatable
    #[arg(long, value_name = "FILE", help_heading = ADAPTER)]
    pub(crate) over_adapter: Vec<PathBuf>,

    /// Training objective
    #[arg(long, value_enum, help_heading = OBJECTIVE)]
    pub(crate) objective: ObjectiveKind,
    /// DPO loss; δ is the log-ratio of policy to reference, chosen minus rejected, and δ̄ the
    /// same per token
    #[arg(long, value_enum, default_value_t = default_loss().0, help_heading = OBJECTIVE)]
    loss_type: LossKind,
    /// DPO beta: higher values keep the model closer to the reference model
    #[arg(long, default_value_t = default_dpo().beta, value_name = "B", help_heading = OBJECTIVE)]
    beta: f64,
    /// Probability that a preference label is flipped, for the robust loss
    #[arg(long, default_value_t = default_dpo().label_smoothing, value_name = "E",
          help_heading = OBJECTIVE)]
    label_smoothing: f64,
    /// Weight of an SFT loss on the chosen replies, added to the DPO loss; 0 for none
    #[arg(long, default_value_t = default_loss().1, value_name = "W", help_heading = OBJECTIVE)]
    sft_weight: f64,

    /// Optimiser steps
    #[arg(long, default_value_t = default_recipe().training.steps, value_name = "N", help_heading = OPTIMISATION,
          value_parser = RangedU64ValueParser::<u64>::new().range(1..=1_000_000))]
    steps: u64,
    /// Batch size: samples per step
    #[arg(long, default_value_t = default_recipe().training.batch, value_name = "N", help_heading = OPTIMISATION,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=4096))]
    batch: usize,
    /// Peak learning rate
    #[arg(long, default_value_t = default_recipe().training.learning_rate, value_name = "RATE",
          help_heading = OPTIMISATION)]
    learning_rate: f64,
    /// Warm-up steps
    #[arg(long, default_value_t = default_recipe().training.warm_up, value_name = "N",
          help_heading = OPTIMISATION)]
    warm_up: u64,
    /// Learning rate schedule after warm-up
    #[arg(long, value_enum, default_value_t = default_recipe().training.schedule.into(),
          help_heading = OPTIMISATION)]
    schedule: ScheduleKind,
    /// Optimiser
    #[arg(long, value_enum, default_value_t = default_recipe().training.optimizer.into(),
          help_heading = OPTIMISATION)]
    optimizer: OptimizerKind,
    /// Momentum factor (sgd)
    #[arg(long, default_value_t = default_momentum(), value_name = "M", help_heading = OPTIMISATION)]
    momentum: f32,
    /// Weight decay (adamw)
    #[arg(long, default_value_t = default_weight_decay(), value_name = "W", help_heading = OPTIMISATION)]
    weight_decay: f32,
    /// Maximum gradient norm
    #[arg(long, default_value_t = default_recipe().training.clip, value_name = "NORM",
          help_heading = OPTIMISATION)]
    clip: f32,
    /// Random seed of initial weights, sample order and dropout
    #[arg(long, default_value_t = default_recipe().training.seed, value_name = "N",
          help_heading = OPTIMISATION)]
    seed: u64,

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
    /// Anonymous memory that training may use, in MB (10⁶ bytes) [default: no limit]
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
    /// Folder for checkpoints: each step is saved, and an interrupted run resumes
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Print the memory and time that training would take, and exit
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) plan: bool,
}

fn default_recipe() -> Recipe {
    Recipe::default()
}

fn default_dpo() -> DpoOptions {
    match default_recipe().training.objective {
        Objective::Dpo(options) => options,
        Objective::Sft => DpoOptions::default(),
    }
}

/// The main term, and the weight of the other one.
fn default_loss() -> (LossKind, f64) {
    let terms = default_dpo().losses;
    let main = terms.iter().find_map(|&(term, _)| LossKind::main(term));
    let sft = terms.iter().find(|term| term.0 == DpoLoss::Sft);
    (
        main.unwrap_or(LossKind::Sigmoid),
        sft.map_or(0.0, |term| term.1),
    )
}

fn default_momentum() -> f32 {
    match OptimizerOptions::SGD {
        OptimizerOptions::Sgd { momentum } => momentum,
        OptimizerOptions::AdamW { .. } => 0.0,
    }
}

fn default_weight_decay() -> f32 {
    match OptimizerOptions::default() {
        OptimizerOptions::AdamW { weight_decay, .. } => weight_decay,
        OptimizerOptions::Sgd { .. } => 0.0,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ObjectiveKind {
    /// Supervised fine-tuning on texts
    Sft,
    /// Direct preference optimisation on pairs
    Dpo,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LossKind {
    /// −log σ(βδ)
    Sigmoid,
    /// Sigmoid for labels that may be flipped (robust DPO)
    Robust,
    /// (δ̄ − 1/2β)², length-normalised
    Ipo,
    /// −log σ(βδ̄), length-normalised
    #[value(name = "sigmoid_norm")]
    SigmoidNorm,
}

impl LossKind {
    fn main(loss: DpoLoss) -> Option<Self> {
        match loss {
            DpoLoss::Sigmoid => Some(Self::Sigmoid),
            DpoLoss::Robust => Some(Self::Robust),
            DpoLoss::Ipo => Some(Self::Ipo),
            DpoLoss::SigmoidNorm => Some(Self::SigmoidNorm),
            DpoLoss::Sft => None,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OptimizerKind {
    /// Adam with decoupled weight decay
    #[value(name = "adamw")]
    AdamW,
    /// SGD with momentum: half the optimiser state
    Sgd,
}

impl From<OptimizerOptions> for OptimizerKind {
    fn from(options: OptimizerOptions) -> Self {
        match options {
            OptimizerOptions::AdamW { .. } => Self::AdamW,
            OptimizerOptions::Sgd { .. } => Self::Sgd,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScheduleKind {
    /// Decays to 0 along a half cosine
    Cosine,
    /// Stays at its peak
    Constant,
}

impl From<Schedule> for ScheduleKind {
    fn from(schedule: Schedule) -> Self {
        match schedule {
            Schedule::Cosine => Self::Cosine,
            Schedule::Constant => Self::Constant,
        }
    }
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

    /// What a line of its data holds.
    pub(crate) fn kind(&self) -> RecordKind {
        match self.objective {
            ObjectiveKind::Sft => RecordKind::Completion,
            ObjectiveKind::Dpo => RecordKind::Preference,
        }
    }

    /// The default recipe with what was asked for instead.
    pub(crate) fn recipe(&self) -> Result<Recipe, CliError> {
        Ok(Recipe {
            lora: self.shape()?,
            training: self.training(),
            kl_bound: (self.max_kl > 0.0).then_some(self.max_kl),
            kl_every: self.kl_every,
            sequence_tokens: self.sequence_tokens,
        })
    }

    pub(crate) fn memory_bytes(&self) -> Option<u64> {
        self.memory_mb.map(|mb| mb.saturating_mul(1_000_000))
    }

    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    fn shape(&self) -> Result<LoraShape, CliError> {
        let known = self
            .targets
            .iter()
            .map(|name| Projection::from_name(name.trim()));
        let targets: Option<Vec<Projection>> = known.collect();
        let targets = targets.ok_or(CliError::usage(
            "--targets takes q, k, v, o, gate, up and down",
        ))?;
        let mut shape = LoraShape::of_rank(self.rank);
        shape.alpha = self.alpha.unwrap_or(shape.alpha);
        shape.layers = self.layers()?;
        if !targets.is_empty() {
            shape.projections = targets;
        }
        Ok(shape)
    }

    fn layers(&self) -> Result<Option<Vec<usize>>, CliError> {
        let range = |text: &String| -> Option<RangeInclusive<usize>> {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
        };
        let ranges: Option<Vec<_>> = self.layers.iter().map(range).collect();
        let ranges = ranges.ok_or(CliError::usage("--layers takes numbers and ranges"))?;
        let layers: Vec<usize> = ranges.into_iter().flatten().collect();
        Ok((!layers.is_empty()).then_some(layers))
    }

    fn optimizer(&self) -> OptimizerOptions {
        match self.optimizer {
            OptimizerKind::AdamW => {
                let mut options = OptimizerOptions::default();
                if let OptimizerOptions::AdamW { weight_decay, .. } = &mut options {
                    *weight_decay = self.weight_decay;
                }
                options
            }
            OptimizerKind::Sgd => OptimizerOptions::Sgd {
                momentum: self.momentum,
            },
        }
    }

    fn dpo(&self) -> DpoOptions {
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

    fn training(&self) -> TrainerOptions {
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
