//! How far replies to ordinary prompts may move.

use pocketune_kernels::Control;

use crate::error::TrainError;
use crate::trainer::{KlProbe, Trainer};

/// How far replies to ordinary prompts may move.
#[derive(Debug, Clone)]
pub struct KlLimit {
    /// What they are measured on.
    pub probe: KlProbe,
    /// Most nats a token; infinity to measure alone.
    pub bound: f64,
    /// Steps between measurements; the last step is always followed by one.
    pub every: u64,
}

impl KlLimit {
    /// # Errors
    /// [`TrainError::Option`] for a bound that no measurement could pass or keep.
    pub(super) fn check(&self) -> Result<(), TrainError> {
        let refuse = |reason| Err(TrainError::option("kl_bound", reason));
        if self.bound.is_nan() || self.bound <= 0.0 {
            return refuse("must be above 0");
        }
        if self.bound.is_finite() && self.probe.is_empty() {
            return refuse("needs replies to ordinary prompts, to measure KL on");
        }
        Ok(())
    }

    /// A unique text form, for the checkpoint.
    pub(super) fn describe(&self) -> String {
        let Self {
            probe,
            bound,
            every,
        } = self;
        format!("{bound} every {every} on {}", probe.digest())
    }

    /// Whether a measurement follows this step, counted from 1.
    fn follows(&self, step: u64, steps: u64) -> bool {
        step > 0 && (step.is_multiple_of(self.every.max(1)) || step == steps)
    }
}

impl Trainer<'_> {
    /// Whether the last step is to be followed by a measurement that has not been made: by this
    /// process or by one before it.
    pub(super) fn owes_measurement(&self) -> bool {
        let step = self.history.len() as u64;
        let measured = self.measured.last().map(|it| it.0);
        let follows = |limit: &KlLimit| limit.follows(step, self.options.last_step());
        self.limit.as_ref().is_some_and(follows) && measured != Some(step)
    }

    /// KL(policy‖reference) in nats a token on the replies to ordinary prompts, under the
    /// adapter as it is now; 0 without any. The reference's states are kept from the first call
    /// on.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`]; [`TrainError::Diverged`] where it is no number.
    pub fn kl(&mut self, control: &Control) -> Result<f64, TrainError> {
        self.kl_by(|trainer, probe| trainer.probed(probe, control))
    }

    /// The same, where `measure` asks the probe, which leaves the trainer as it is.
    pub(super) fn kl_by(
        &mut self,
        measure: impl FnOnce(&Self, &mut KlProbe) -> Result<f64, TrainError>,
    ) -> Result<f64, TrainError> {
        // Taken out while it is measured, so that everything else can be shared.
        let Some(mut limit) = self.limit.take() else {
            return Ok(0.0);
        };
        let kl = measure(self, &mut limit.probe);
        self.limit = Some(limit);
        let kl = kl?;
        match kl.is_finite() {
            true => Ok(kl),
            false => Err(TrainError::Diverged {
                step: self.history.len() as u64,
                what: "KL",
                value: kl,
            }),
        }
    }

    /// Shrinks the change until the bound is kept: KL grows as the square of small ones.
    /// Returns the factor. After an error the adapter is as it was.
    pub(super) fn shrink(&mut self, reached: f64, control: &Control) -> Result<f32, TrainError> {
        let bound = self.bound();
        let before = self.network.lora.clone();
        let (mut kl, mut shrunk_by) = (reached, 1.0);
        while kl > bound {
            let factor = (0.98 * (bound / kl).sqrt()) as f32;
            self.network.shrink_change(factor);
            shrunk_by *= factor;
            kl = match self.kl(control) {
                Ok(kl) => kl,
                Err(error) => {
                    self.network.lora = before;
                    return Err(error);
                }
            };
        }
        Ok(shrunk_by)
    }

    pub(super) fn bound(&self) -> f64 {
        self.limit
            .as_ref()
            .map_or(f64::INFINITY, |limit| limit.bound)
    }
}
