//! A whole run: steps, checkpoints, and a bound on how far replies may move.

use pocketune_kernels::Control;

use crate::error::TrainError;
use crate::trainer::{CheckpointDir, KlProbe, MicroStep, StepReport, Trainer};

/// How far replies to ordinary prompts may move.
#[derive(Debug)]
pub struct KlLimit<'p> {
    /// What they are measured on.
    pub probe: &'p mut KlProbe,
    /// Most nats a token.
    pub bound: f64,
    /// Steps between measurements; the last step is always followed by one.
    pub every: u64,
}

/// What happened in a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RunEvent {
    /// A part of a step is done.
    MicroStep(MicroStep),
    /// A step is done, and saved where there is a checkpoint.
    Step(StepReport),
    /// KL(policy‖reference) was measured, in nats a token.
    Kl(f64),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RunEnd {
    /// All steps were taken.
    Steps,
    /// The bound was passed. Training stopped, and the adapter was shrunk towards the
    /// reference until it kept the bound.
    KlBound {
        /// What was measured when it stopped.
        reached: f64,
        /// Factor on every B since.
        shrunk_by: f32,
    },
}

impl Trainer<'_> {
    /// Takes all steps that are left. A checkpoint holds every finished step when this
    /// returns, with whatever error.
    ///
    /// # Errors
    /// As [`Trainer::step`] and [`Trainer::save`].
    pub fn run(
        &mut self,
        checkpoint: Option<&CheckpointDir>,
        mut limit: Option<KlLimit<'_>>,
        control: &Control,
        mut observe: impl FnMut(RunEvent),
    ) -> Result<RunEnd, TrainError> {
        let steps = self.options.steps;
        for step in self.history.len() as u64 + 1..=steps {
            let report = self.step(control, |micro| observe(RunEvent::MicroStep(micro)))?;
            if let Some(directory) = checkpoint {
                self.save(directory)?;
            }
            observe(RunEvent::Step(report));
            let Some(limit) = &mut limit else {
                continue;
            };
            if step % limit.every.max(1) == 0 || step == steps {
                let kl = self.kl(limit.probe, control)?;
                observe(RunEvent::Kl(kl));
                if kl > limit.bound {
                    let shrunk_by = self.shrink(limit, kl, control)?;
                    return Ok(RunEnd::KlBound {
                        reached: kl,
                        shrunk_by,
                    });
                }
            }
        }
        Ok(RunEnd::Steps)
    }

    /// Shrinks every B until the bound is kept: for small changes KL grows as their
    /// square.
    fn shrink(
        &mut self,
        limit: &mut KlLimit<'_>,
        reached: f64,
        control: &Control,
    ) -> Result<f32, TrainError> {
        let (mut kl, mut shrunk_by) = (reached, 1.0);
        while kl > limit.bound {
            let factor = (0.98 * (limit.bound / kl).sqrt()) as f32;
            self.lora.scale_b(factor);
            shrunk_by *= factor;
            kl = self.kl(limit.probe, control)?;
        }
        Ok(shrunk_by)
    }
}
