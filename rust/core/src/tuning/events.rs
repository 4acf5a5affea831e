//! What a run tells while it goes on: pulled, and never waited for.

use std::time::Duration;

use async_channel::{Receiver, Sender};
use pocketune_train::{MicroStep, StepReport};

use super::control::TuningControl;
use super::figures::Tuned;
use crate::error::Error;

/// So many events wait for a reader. When there are more, the oldest go.
pub(super) const BUFFER: usize = 64;

/// What happened in a run.
#[derive(Debug)]
pub enum TuningEvent {
    /// The run goes on where its checkpoint left it.
    Resumed {
        /// Steps that were done before.
        steps: u64,
    },
    /// So many folds of a cross-validation are done, which comes before the first step.
    Fold {
        /// Of `folds`.
        done: usize,
        /// All.
        folds: usize,
    },
    /// A part of a step is done.
    MicroStep(MicroStep),
    /// A step is done.
    Step(StepDone),
    /// KL(policy‖reference) was measured, in nats a token.
    Kl(f64),
    /// All steps so far are in the checkpoint.
    Saved,
    /// The end; nothing follows.
    Done(Box<Tuned>),
}

/// A step and what it cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepDone {
    /// What it did.
    pub report: StepReport,
    /// How long it took, without pauses; with the checkpoint that followed it, if one did.
    pub took: Duration,
    /// Most anonymous memory since the run began, above what the process had then; `None`
    /// where the system does not tell.
    pub peak_bytes: Option<u64>,
}

/// The run's end of the channel.
pub(super) struct Reporter {
    events: Sender<Result<TuningEvent, Error>>,
    control: TuningControl,
}

pub(super) type Events = Receiver<Result<TuningEvent, Error>>;

impl Reporter {
    pub(super) fn new(control: TuningControl) -> (Self, Events) {
        let (events, receiver) = async_channel::bounded(BUFFER);
        (Self { events, control }, receiver)
    }

    /// Tells of progress, unless nobody listens; waits while the run is paused, so that a
    /// pause is quiet.
    pub(super) fn tell(&self, event: TuningEvent) {
        if self.control.goes_on() {
            // What does not fit takes the place of the oldest: news of a step is worth
            // nothing beside news of the next, and arithmetic waits for no reader.
            let _ = self.events.force_send(Ok(event));
        }
    }

    /// Tells how the run ended. Nothing takes the place of that.
    pub(super) fn end(self, end: Result<TuningEvent, Error>) {
        let _ = self.events.force_send(end);
        self.events.close();
    }
}
