//! How an adapter is made unless somebody asks for something else.
//!
//! The figures are data, judged by replies: kinds of preference, 120 unseen prompts and
//! factual questions each (`rust/adr/0013-default-recipe.md`). A change comes with a new run of
//! that judgement.

use crate::lora::{AdaptedLayers, LoraShape};
use crate::objective::{AnchorOptions, DpoLoss, DpoOptions, KtoOptions, Objectives, SftOptions};
use crate::optimizer::OptimizerOptions;
use crate::schedule::Schedule;
use crate::trainer::{CrossValidation, ReferencePolicy, TrainerOptions};

/// Everything that determines an adapter, beside the model, the data and the adapters that
/// it begins with.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// What a new adapter changes.
    pub lora: LoraShape,
    /// Objectives, steps and optimiser.
    pub training: TrainerOptions,
    /// Samples a step.
    pub batch: usize,
    /// Samples of what was learned before in each step's batch, beside the others.
    pub replay_samples: usize,
    /// How the number of steps is chosen, up to those of the training; all when `None`.
    pub cross_validation: Option<CrossValidation>,
    /// Most nats a token that replies to ordinary prompts may move; no bound when `None`.
    pub kl_bound: Option<f64>,
    /// Steps between measurements of that.
    pub kl_every: u64,
    /// Most tokens of prompt and reply.
    pub sequence_tokens: usize,
}

/// Weight of the token that ends a reply. A reply has one of it among dozens of others; at 1,
/// models learn how replies go on before they learn that they end, and greedy ones loop.
const END_WEIGHT: f64 = 4.0;

/// Weight of SFT's term beside a comparison of replies. Without it replies collapse to almost
/// nothing; at 1, replies to everything take on the length of those that were preferred, and
/// lists and questions that somebody asks for get lost.
const SFT_WEIGHT: f64 = 0.4;

/// Weight of the anchor. It frees what the bound on KL allows for what was preferred: without
/// it, replies to everything become shorter, and few steps reach the bound.
const ANCHOR_WEIGHT: f64 = 16.0;

impl Recipe {
    /// The default recipe with these objectives.
    #[must_use]
    pub fn with(objectives: Objectives) -> Self {
        Self {
            // Judged no worse than all layers, in three quarters of the time.
            lora: LoraShape {
                layers: AdaptedLayers::UpperTwoThirds,
                ..LoraShape::default()
            },
            training: TrainerOptions {
                objectives,
                reference: ReferencePolicy::default(),
                // What the anchor can carry: at a fifth of it twice as many steps move replies
                // less.
                learning_rate: 1e-3,
                steps: 20,
                stop_after: None,
                warm_up: 5,
                schedule: Schedule::Cosine,
                clip: 1.0,
                optimizer: OptimizerOptions::default(),
                dropout: 0.0,
                seed: 1,
            },
            batch: 4,
            replay_samples: 1,
            cross_validation: None,
            // It, not the number of steps, ends runs whose data are easy.
            kl_bound: Some(0.18),
            kl_every: 10,
            sequence_tokens: 256,
        }
    }

    /// The default recipe with DPO's objective.
    #[must_use]
    pub fn dpo() -> Self {
        Self::with(Objectives::dpo(Self::dpo_options()))
    }

    /// The default recipe with SFT's objective: judged for DPO, and taken over.
    #[must_use]
    pub fn sft() -> Self {
        Self::with(Objectives {
            sft: Some(Self::sft_options()),
            ..Objectives::default()
        })
    }

    /// The default recipe with KTO's objective.
    #[must_use]
    pub fn kto() -> Self {
        Self::with(Objectives::kto(Self::kto_options()))
    }

    /// SFT's constants in the default recipe.
    #[must_use]
    pub fn sft_options() -> SftOptions {
        SftOptions {
            end_weight: END_WEIGHT,
        }
    }

    /// DPO's constants in the default recipe.
    #[must_use]
    pub fn dpo_options() -> DpoOptions {
        DpoOptions {
            losses: vec![(DpoLoss::Sigmoid, 1.0), (DpoLoss::Sft, SFT_WEIGHT)],
            end_weight: END_WEIGHT,
            ..DpoOptions::default()
        }
    }

    /// The anchor's constants in the default recipe, beside what users say of replies.
    #[must_use]
    pub fn anchor_options() -> AnchorOptions {
        AnchorOptions {
            weight: ANCHOR_WEIGHT,
            samples: 8,
        }
    }

    /// KTO's constants in the default recipe, for as many thumbs up as down.
    #[must_use]
    pub fn kto_options() -> KtoOptions {
        KtoOptions {
            sft_weight: SFT_WEIGHT,
            end_weight: END_WEIGHT,
            ..KtoOptions::default()
        }
    }
}

impl Default for Recipe {
    /// [`Recipe::dpo`].
    fn default() -> Self {
        Self::dpo()
    }
}

#[cfg(test)]
mod tests {
    use super::Recipe;

    #[test]
    fn all_objectives_share_everything_else() {
        let dpo = Recipe::dpo();
        for mut other in [Recipe::sft(), Recipe::kto()] {
            assert_ne!(other, dpo);
            other.training.objectives = dpo.training.objectives.clone();
            assert_eq!(other, dpo);
        }
        assert_eq!(dpo, Recipe::default());
    }
}
