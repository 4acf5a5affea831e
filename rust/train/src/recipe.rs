//! How an adapter is made unless somebody asks for something else.
//!
//! The figures are data, judged by replies: three kinds of preference, 120 unseen prompts
//! and 161 factual questions each (`rust/adr/0013-default-recipe.md`). A change comes with a
//! new run of that judgement.

use crate::lora::LoraShape;
use crate::objective::{DpoLoss, DpoOptions, Objective};
use crate::optimizer::OptimizerOptions;
use crate::schedule::Schedule;
use crate::trainer::TrainerOptions;

/// Everything that determines an adapter, beside the model, the data and the adapters that
/// it begins with.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// What a new adapter changes.
    pub lora: LoraShape,
    /// Objective, steps and optimiser.
    pub training: TrainerOptions,
    /// Most nats a token that replies to ordinary prompts may move; no bound when `None`.
    pub kl_bound: Option<f64>,
    /// Steps between measurements of that.
    pub kl_every: u64,
    /// Most tokens of prompt and reply.
    pub sequence_tokens: usize,
}

impl Recipe {
    /// The default recipe with DPO's objective.
    #[must_use]
    pub fn dpo() -> Self {
        Self::with(Objective::Dpo(DpoOptions {
            // Without the second term replies collapse to almost nothing.
            losses: vec![(DpoLoss::Sigmoid, 1.0), (DpoLoss::Sft, 1.0)],
            ..DpoOptions::default()
        }))
    }

    /// The default recipe with SFT's objective: judged for DPO, and taken over.
    #[must_use]
    pub fn sft() -> Self {
        Self::with(Objective::Sft)
    }

    fn with(objective: Objective) -> Self {
        Self {
            lora: LoraShape::default(),
            training: TrainerOptions {
                objective,
                // As high as the bound on KL can carry: at half of it replies move half
                // way and loop more often.
                learning_rate: 2e-4,
                steps: 40,
                warm_up: 5,
                schedule: Schedule::Cosine,
                batch: 4,
                clip: 1.0,
                optimizer: OptimizerOptions::default(),
                dropout: 0.0,
                seed: 1,
            },
            // It, not the number of steps, ends runs whose data are easy.
            kl_bound: Some(0.18),
            kl_every: 10,
            sequence_tokens: 256,
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
    use crate::objective::Objective;

    #[test]
    fn both_objectives_share_everything_else() {
        let (dpo, sft) = (Recipe::dpo(), Recipe::sft());
        assert!(matches!(dpo.training.objective, Objective::Dpo(_)));
        assert!(matches!(sft.training.objective, Objective::Sft));
        let mut same = dpo.clone();
        same.training.objective = Objective::Sft;
        assert_eq!(same, sft);
        assert_eq!(dpo, Recipe::default());
    }
}
