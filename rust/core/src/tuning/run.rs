//! A run on a thread of its own.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use pocketune_adapter::CandidateAdapter;
use pocketune_train::{
    CheckpointDir, Checkpointing, HeldOut, HeldOutFigures, Lora, Recipe, RunEnd, RunEvent, Sample,
    TrainError, Trainer, Training,
};

use super::control::TuningControl;
use super::events::{Events, Reporter, StepDone, TuningEvent};
use super::facts;
use super::figures::{BeforeAndAfter, MemoryWatch, StepTimes, Tuned, TuningFigures};
use super::prepare::{Tuning, reserved_bytes};
use crate::error::Error;

/// A run under way. Its events are pulled; a slow reader holds nothing up, misses the oldest
/// events and never the last one, which is [`TuningEvent::Done`] or an error. Thread-safe.
///
/// Dropping it cancels the run and waits for the tile under way, so that memory and the
/// checkpoint's folder are free afterwards.
#[derive(Debug)]
pub struct TuningRun {
    events: Events,
    control: TuningControl,
    thread: Option<JoinHandle<()>>,
}

impl Tuning {
    /// Starts the run on a thread of its own. With a checkpoint the run is saved so often, and
    /// when it is paused or cancelled, and a run that was saved there goes on; a checkpoint of
    /// another run is refused by the run's last event. Does not block.
    ///
    /// # Errors
    /// [`Error::Io`] when the system refuses a thread.
    pub fn start(
        self,
        checkpoint: Option<CheckpointDir>,
        save_every: Duration,
    ) -> Result<TuningRun, Error> {
        let control = TuningControl::new();
        let (reporter, events) = Reporter::new(control.clone());
        let of_run = control.clone();
        let thread = thread::Builder::new()
            .name("pocketune-tuning".to_owned())
            .spawn(move || {
                // Everything the run held is gone before its end is told.
                let end = work(self, checkpoint, save_every, &reporter, &of_run);
                reporter.end(end.map(|tuned| TuningEvent::Done(Box::new(tuned))));
            })
            .map_err(Error::Io)?;
        Ok(TuningRun {
            events,
            control,
            thread: Some(thread),
        })
    }
}

impl TuningRun {
    /// The next event, or `None` after the last one. Works on any executor and may be
    /// dropped while pending.
    pub async fn next(&self) -> Option<Result<TuningEvent, Error>> {
        self.events.recv().await.ok()
    }

    /// Like [`TuningRun::next`], blocking this thread.
    pub fn next_blocking(&self) -> Option<Result<TuningEvent, Error>> {
        self.events.recv_blocking().ok()
    }

    /// What pauses, resumes and cancels it, for other threads too.
    #[must_use]
    pub fn control(&self) -> TuningControl {
        self.control.clone()
    }

    /// Whether it has ended, though its last event may not have been taken. Does not block.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Blocks until the end and returns what was made.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::Tuning`], with what went wrong; [`Error::Closed`] when
    /// the last event was taken already.
    pub fn finish(self) -> Result<Tuned, Error> {
        while let Some(event) = self.next_blocking() {
            if let TuningEvent::Done(tuned) = event? {
                return Ok(*tuned);
            }
        }
        Err(Error::Closed)
    }
}

impl Drop for TuningRun {
    fn drop(&mut self) {
        self.control.cancel();
        if let Some(thread) = self.thread.take() {
            // Its panic, if any, was told by the hook.
            let _ = thread.join();
        }
    }
}

/// All of a run: what it measures before, its steps, what it measures after.
fn work(
    tuning: Tuning,
    checkpoint: Option<CheckpointDir>,
    save_every: Duration,
    reporter: &Reporter,
    control: &TuningControl,
) -> Result<Tuned, Error> {
    let waiting = control.clone();
    let memory = MemoryWatch::begin(tuning.memory_before, move || waiting.goes_on());
    let Tuning {
        model,
        pool,
        frozen,
        lora,
        learned,
        heldout,
        kl,
        mut recipe,
        precision,
        memory: budget,
        ..
    } = tuning;
    let weights = model.weights();
    let lora_bytes = size_of_val(lora.parameters()) as u64;
    let training = |recipe: &Recipe, samples: Vec<Sample>, lora: Lora| Training {
        model: weights,
        pool: &pool,
        frozen: &frozen,
        lora,
        source: Box::new(learned.source(recipe, samples)),
        options: recipe.training.clone(),
        kl: Some(kl.clone()),
        memory: budget,
        reserved_bytes: reserved_bytes(recipe, lora_bytes),
    };
    let curve = match recipe.cross_validation {
        None => None,
        Some(plan) => {
            let fold = |samples| training(&recipe, samples, lora.clone());
            let (all, folds) = (&learned.samples, plan.folds);
            let kernels = control.kernels();
            let tell = |done| reporter.tell(TuningEvent::Fold { done, folds });
            let curve = plan.run(all, fold, checkpoint.as_ref(), kernels, tell)?;
            recipe.training.stop_after = Some(curve.best_step()?);
            Some(curve)
        }
    };
    let count = learned.samples.len();
    let mut trainer = Trainer::new(training(&recipe, learned.samples.clone(), lora))?;
    let mut session = Session {
        control,
        reporter,
        memory,
        times: StepTimes::default(),
        heldout,
    };
    let saved = checkpoint.as_ref().map(|folder| Checkpointing {
        folder,
        every: save_every,
    });
    let measured = session.run(&mut trainer, saved)?;
    let objective = recipe.training.objectives.name();
    let mut figures = session.figures(&trainer, measured, objective, count);
    figures.cross_validation = curve;
    // Gradient, optimiser and activations are free before the file is made.
    let lora = trainer.into_lora();
    let facts = facts::of(&recipe, figures.steps.len(), count, figures.kl_per_token);
    let bytes = lora.to_gguf(weights, precision, &facts)?;
    Ok(Tuned {
        adapter: CandidateAdapter::parse(bytes, model.base_model())?,
        figures,
        checkpoint,
    })
}

/// What a run measures with, and whom it tells.
struct Session<'a> {
    control: &'a TuningControl,
    reporter: &'a Reporter,
    memory: MemoryWatch,
    times: StepTimes,
    heldout: Option<HeldOut>,
}

/// What is known when the last step is done.
struct Measured {
    end: RunEnd,
    tuning: Duration,
    kl_per_token: f64,
    heldout: Option<BeforeAndAfter>,
}

impl Session<'_> {
    fn run(
        &mut self,
        trainer: &mut Trainer<'_>,
        checkpoint: Option<Checkpointing<'_>>,
    ) -> Result<Measured, TrainError> {
        if let Some(checkpoint) = checkpoint
            && trainer.resume(checkpoint.folder)?
        {
            let steps = trainer.history().len() as u64;
            self.reporter.tell(TuningEvent::Resumed { steps });
        }
        let before = self.judge(trainer)?;
        let begun = self.control.active();
        let end = self.steps(trainer, checkpoint)?;
        let kl_per_token = trainer.kl(self.control.kernels())?;
        let tuning = self.control.active().saturating_sub(begun);
        let after = self.judge(trainer)?;
        let heldout = before.zip(after);
        Ok(Measured {
            end,
            tuning,
            kl_per_token,
            heldout: heldout.map(|(before, after)| BeforeAndAfter { before, after }),
        })
    }

    fn judge(&mut self, trainer: &Trainer<'_>) -> Result<Option<HeldOutFigures>, TrainError> {
        let heldout = self.heldout.as_mut();
        let judged = heldout.map(|pairs| trainer.judge(pairs, self.control.kernels()));
        judged.transpose()
    }

    fn steps(
        &mut self,
        trainer: &mut Trainer<'_>,
        checkpoint: Option<Checkpointing<'_>>,
    ) -> Result<RunEnd, TrainError> {
        let Self {
            control,
            reporter,
            memory,
            times,
            ..
        } = self;
        times.begin(control.active());
        trainer.run(checkpoint, control.kernels(), |event| {
            reporter.tell(match event {
                RunEvent::MicroStep(micro) => TuningEvent::MicroStep(micro),
                RunEvent::Step(report) => TuningEvent::Step(StepDone {
                    report,
                    took: times.ended(control.active(), report.tokens),
                    peak_bytes: memory.peak_bytes(),
                }),
                RunEvent::Kl(kl) => {
                    times.begin(control.active());
                    TuningEvent::Kl(kl)
                }
                RunEvent::Saved => TuningEvent::Saved,
            });
        })
    }

    fn figures(
        &self,
        trainer: &Trainer<'_>,
        measured: Measured,
        objective: String,
        samples: usize,
    ) -> TuningFigures {
        TuningFigures {
            objective,
            samples,
            cross_validation: None,
            trained_parameters: trainer.lora().parameters().len(),
            steps: trainer.history().to_vec(),
            end: measured.end,
            tokens_per_s: self.times.tokens_per_s(),
            step_median: self.times.median(),
            tuning: measured.tuning,
            kl_per_token: measured.kl_per_token,
            peak_bytes: self.memory.peak_bytes(),
            planned_bytes: trainer.plan().bytes,
            heldout: measured.heldout,
        }
    }
}
