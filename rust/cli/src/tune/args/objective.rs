//! What is made likelier.

use clap::{Args, ValueEnum};
use pocketune_core::tuning::{
    AnchorOptions, DpoLoss, DpoOptions, Feedback, KtoLoss, KtoOptions, Objectives, Recipe,
    RecordKind, SftOptions,
};

const OBJECTIVE: &str = "Objective";

#[derive(Debug, Args)]
pub(crate) struct ObjectiveArgs {
    /// Training objective
    #[arg(long, value_enum, help_heading = OBJECTIVE)]
    pub(crate) objective: ObjectiveKind,
    /// DPO loss; δ is the log-ratio of policy to reference, chosen minus rejected, and δ̄ the
    /// same per token
    #[arg(long, value_enum, default_value_t = default_loss().0, help_heading = OBJECTIVE)]
    loss_type: LossKind,
    /// KTO loss; r is the log-ratio of policy to reference, z an estimate of KL
    #[arg(long, value_enum, default_value_t = Recipe::kto_options().loss.into(),
          help_heading = OBJECTIVE)]
    kto_loss_type: KtoLossKind,
    /// Beta of DPO and KTO: higher values keep the model closer to the reference model
    #[arg(long, default_value_t = Recipe::dpo_options().beta, value_name = "B",
          help_heading = OBJECTIVE)]
    beta: f64,
    /// Probability that a preference label is flipped, for the robust loss
    #[arg(long, default_value_t = Recipe::dpo_options().label_smoothing, value_name = "E",
          help_heading = OBJECTIVE)]
    label_smoothing: f64,
    /// Weight of an SFT loss on the chosen replies, added to the DPO loss, and on liked ones, added
    /// to the KTO loss; 0 for none
    #[arg(long, default_value_t = default_loss().1, value_name = "W", help_heading = OBJECTIVE)]
    sft_weight: f64,
    /// Weight of the token that ends a reply in SFT losses, where every other token has 1
    #[arg(long, default_value_t = Recipe::dpo_options().end_weight, value_name = "W",
          help_heading = OBJECTIVE)]
    end_weight: f64,
    /// Weight of KTO's losses on liked replies [default: both labels have the same say]
    #[arg(long, value_name = "W", help_heading = OBJECTIVE)]
    desirable_weight: Option<f64>,
    /// Weight of KTO's losses on disliked replies [default: both labels have the same say]
    #[arg(long, value_name = "W", help_heading = OBJECTIVE)]
    undesirable_weight: Option<f64>,
    #[arg(long, value_name = "W", help_heading = OBJECTIVE, help = anchor_weight_help())]
    anchor_weight: Option<f64>,
    /// Replies in each step's batch that --anchor-weight keeps as they are
    #[arg(long, default_value_t = Recipe::anchor_options().samples, value_name = "N",
          help_heading = OBJECTIVE)]
    anchor_samples: usize,
}

fn anchor_weight_help() -> String {
    format!(
        "Weight of KL(reference‖policy) by token on the model's own replies to requests for certain \
         forms, which keeps them as they are; 0 for none [default: {}, but 0 for sft]",
        Recipe::anchor_options().weight
    )
}

/// The main term, and the weight of the other one.
fn default_loss() -> (LossKind, f64) {
    let terms = Recipe::dpo_options().losses;
    let main = terms.iter().find_map(|&(term, _)| LossKind::main(term));
    let sft = terms.iter().find(|term| term.0 == DpoLoss::Sft);
    (
        main.unwrap_or(LossKind::Sigmoid),
        sft.map_or(0.0, |term| term.1),
    )
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ObjectiveKind {
    /// Supervised fine-tuning on texts
    Sft,
    /// Direct preference optimisation on pairs
    Dpo,
    /// Kahneman-Tversky optimisation on thumbs
    Kto,
    /// What the data hold: DPO on pairs and edits, KTO on thumbs, both in one run
    Auto,
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
enum KtoLossKind {
    /// 1 − σ(β(r − z)) for liked replies, 1 − σ(β(z − r)) for others
    Kto,
    /// The same with z = 0: faster
    #[value(name = "apo_zero_unpaired")]
    ApoZeroUnpaired,
}

impl From<KtoLoss> for KtoLossKind {
    fn from(loss: KtoLoss) -> Self {
        match loss {
            KtoLoss::Kto => Self::Kto,
            KtoLoss::ApoZeroUnpaired => Self::ApoZeroUnpaired,
        }
    }
}

impl ObjectiveArgs {
    /// What a line of its data holds.
    pub(crate) fn kind(&self) -> RecordKind {
        match self.objective {
            ObjectiveKind::Sft => RecordKind::Completion,
            ObjectiveKind::Dpo => RecordKind::Preference,
            ObjectiveKind::Kto => RecordKind::Thumb,
            ObjectiveKind::Auto => RecordKind::Feedback,
        }
    }

    /// What feedback is learned by.
    pub(super) fn objectives(&self, feedback: &Feedback) -> Objectives {
        let all = Objectives {
            sft: Some(SftOptions {
                end_weight: self.end_weight,
            }),
            dpo: Some(self.dpo()),
            kto: Some(self.kto()),
            anchor: self.anchor(),
        };
        let balances = self.desirable_weight.is_none() && self.undesirable_weight.is_none();
        feedback.objectives(all, balances)
    }

    /// Demonstrations say what every reply is to be like: nothing else is kept beside them unless
    /// somebody asks for it.
    pub(super) fn anchor(&self) -> Option<AnchorOptions> {
        let weight = self.anchor_weight.unwrap_or(match self.objective {
            ObjectiveKind::Sft => 0.0,
            _ => Recipe::anchor_options().weight,
        });
        let samples = self.anchor_samples;
        (weight != 0.0).then_some(AnchorOptions { weight, samples })
    }

    fn kto(&self) -> KtoOptions {
        KtoOptions {
            loss: match self.kto_loss_type {
                KtoLossKind::Kto => KtoLoss::Kto,
                KtoLossKind::ApoZeroUnpaired => KtoLoss::ApoZeroUnpaired,
            },
            beta: self.beta,
            desirable_weight: self.desirable_weight.unwrap_or(1.0),
            undesirable_weight: self.undesirable_weight.unwrap_or(1.0),
            sft_weight: self.sft_weight,
            end_weight: self.end_weight,
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
            end_weight: self.end_weight,
        }
    }
}
