//! The policy and what it is compared with.

use pocketune_kernels::{Control, ThreadPool};

use crate::lora::Lora;
use crate::model::Model;
use crate::pass::{AdaptedModel, Adapters};
use crate::plan::MemoryPlan;

/// The weights, everything over them, and what computes.
pub(super) struct Network<'a> {
    pub(super) model: &'a Model,
    pub(super) pool: &'a ThreadPool,
    pub(super) frozen: &'a [Lora],
    pub(super) lora: Lora,
    /// What the reference has beside the frozen adapters.
    pub(super) initial: Option<Lora>,
    pub(super) plan: MemoryPlan,
}

/// Whose log-probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// With the trained adapter.
    Policy,
    /// What it is compared with.
    Reference,
}

impl Network<'_> {
    pub(super) fn adapted<'p>(&'p self, side: Side, control: &'p Control) -> AdaptedModel<'p> {
        let (initial, trained) = match side {
            Side::Policy => (None, Some(&self.lora)),
            Side::Reference => (self.initial.as_ref(), None),
        };
        AdaptedModel {
            model: self.model,
            pool: self.pool,
            adapters: Adapters {
                frozen: self.frozen,
                initial,
                trained,
            },
            plan: &self.plan,
            control,
            dropout: None,
        }
    }

    /// Brings the adapter closer to the reference: what is left of the change is `factor`.
    pub(super) fn shrink_change(&mut self, factor: f32) {
        match &self.initial {
            Some(initial) => self.lora.shrink_towards(initial, factor),
            None => self.lora.scale_b(factor),
        }
    }

    /// Whether the adapter is, to the last bit, what the reference has.
    pub(super) fn is_reference(&self) -> bool {
        match &self.initial {
            Some(initial) => initial.parameters() == self.lora.parameters(),
            None => self.lora.changes_nothing(),
        }
    }
}
