//! A whole run: steps, checkpoints, and a bound on how far replies may move.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pocketune_kernels::Control;

use crate::error::TrainError;
use crate::trainer::checkpoint::Progress;
use crate::trainer::{CheckpointDir, MicroStep, StepReport, Trainer};

/// Where and how often a run is saved. It is saved in any case when it is paused or cancelled;
/// what a killed process had done since is done again, to the same bytes.
#[derive(Debug, Clone, Copy)]
pub struct Checkpointing<'c> {
    /// Where.
    pub folder: &'c CheckpointDir,
    /// Time between two checkpoints; zero for one after each step.
    pub every: Duration,
}

/// What happened in a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RunEvent {
    /// A part of a step is done.
    MicroStep(MicroStep),
    /// A step is done.
    Step(StepReport),
    /// KL(policy‖reference) was measured, in nats a token.
    Kl(f64),
    /// All steps so far are on the disk.
    Saved,
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
        /// What is left of the change since.
        shrunk_by: f32,
    },
}

impl Trainer<'_> {
    /// Takes all steps that are left, and makes all measurements that are owed. When this
    /// returns, a checkpoint holds every finished step, after an error too.
    ///
    /// # Errors
    /// As [`Trainer::step`], [`Trainer::kl`] and [`Trainer::save`]; where both training and
    /// saving fail, training's error, but not [`TrainError::Cancelled`].
    pub fn run(
        &mut self,
        checkpoint: Option<Checkpointing<'_>>,
        control: &Control,
        mut observe: impl FnMut(RunEvent),
    ) -> Result<RunEnd, TrainError> {
        if checkpoint.is_some() {
            // The model is hashed now, not when the app is about to be killed.
            self.identity()?;
        }
        let mut saving = Saving {
            checkpoint,
            saved_steps: self.saved_steps,
            last: Instant::now(),
        };
        let end = self.run_saved(&mut saving, control, &mut observe);
        let saved = saving.save(self.progress());
        self.saved_steps = saving.saved_steps;
        match end {
            // Whoever cancels relies on what is saved.
            Ok(_) | Err(TrainError::Cancelled) => saved.and(end),
            // What went wrong first is worth more than that it could not be saved.
            Err(_) => end,
        }
    }

    fn run_saved(
        &mut self,
        saving: &mut Saving<'_>,
        control: &Control,
        observe: &mut dyn FnMut(RunEvent),
    ) -> Result<RunEnd, TrainError> {
        loop {
            if self.owes_measurement() {
                let kl = self.kl_by(|trainer, probe| {
                    let measure = || trainer.probed(probe, control);
                    saving.save_if_paused_during(measure, trainer.progress(), control)?
                })?;
                let tell = || observe(RunEvent::Kl(kl));
                saving.save_if_paused_during(tell, self.progress(), control)?;
                if kl > self.bound() {
                    // Never saved shrunk: who resumes measures again, and shrinks alike.
                    saving.save(self.progress())?;
                    let shrunk_by = self.shrink(kl, control)?;
                    return Ok(RunEnd::KlBound {
                        reached: kl,
                        shrunk_by,
                    });
                }
                self.measured.push((self.history.len() as u64, kl));
            }
            if self.history.len() as u64 >= self.options.last_step() {
                return Ok(RunEnd::Steps);
            }
            let report = self.step_by(control, |trainer, batch, gradient| {
                let mut tell = |micro| observe(RunEvent::MicroStep(micro));
                let compute = || trainer.batch_gradient(batch, gradient, control, &mut tell);
                saving.save_if_paused_during(compute, trainer.progress(), control)?
            })?;
            if saving.is_due() {
                saving.save(self.progress())?;
                observe(RunEvent::Saved);
            }
            // The observer may block while paused.
            let tell = || observe(RunEvent::Step(report));
            saving.save_if_paused_during(tell, self.progress(), control)?;
        }
    }
}

/// When a run was saved, and where it is to be saved next.
struct Saving<'c> {
    checkpoint: Option<Checkpointing<'c>>,
    saved_steps: usize,
    last: Instant,
}

impl Saving<'_> {
    fn is_due(&self) -> bool {
        let every = self.checkpoint.map(|it| it.every);
        every.is_some_and(|every| self.last.elapsed() >= every)
    }

    /// Writes what is not on the disk yet.
    fn save(&mut self, progress: Progress<'_>) -> Result<(), TrainError> {
        if let Some(checkpoint) = self.checkpoint
            && progress.steps() > self.saved_steps
        {
            progress.save(checkpoint.folder)?;
            self.saved_steps = progress.steps();
            self.last = Instant::now();
        }
        Ok(())
    }

    /// Computes `work`, which leaves what is saved as it is, and saves it meanwhile if the run
    /// is paused: a paused app may be killed at any time.
    fn save_if_paused_during<T>(
        &mut self,
        work: impl FnOnce() -> T,
        progress: Progress<'_>,
        control: &Control,
    ) -> Result<T, TrainError> {
        if self.checkpoint.is_none() || progress.steps() == self.saved_steps {
            return Ok(work());
        }
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let save = || match control.paused_before(&done) {
                true => self.save(progress),
                false => Ok(()),
            };
            let saved = thread::Builder::new()
                .spawn_scoped(scope, save)
                .map_err(TrainError::CheckpointNotWritten)?;
            let ending = Ending {
                done: &done,
                control,
            };
            let made = work();
            drop(ending);
            // A panic of a thread of ours is a fault of ours: it goes on here.
            match saved.join() {
                Ok(saved) => saved.map(|()| made),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}

/// Ends the wait for a pause when dropped, also by a panic: the scope joins whoever waits.
struct Ending<'a> {
    done: &'a AtomicBool,
    control: &'a Control,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        self.control.wake();
    }
}
