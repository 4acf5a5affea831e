//! Saving and restoring a lane's cache.

use async_channel::Sender;

use crate::cancel::CancelToken;
use crate::conversation::Proven;
use crate::error::Error;
use crate::worker::{Desk, Job, LaneId, SavedLane, Step};

/// Copies a lane out of the engine.
pub(crate) struct SaveLane {
    pub(crate) lane: LaneId,
    pub(crate) cancel: CancelToken,
    pub(crate) result: Sender<Result<SavedLane, Error>>,
}

impl Job for SaveLane {
    fn step(&mut self, desk: &mut Desk) -> Step {
        let saved = if self.cancel.is_cancelled() {
            Err(Error::Cancelled)
        } else {
            desk.save(self.lane)
        };
        let _ = self.result.try_send(saved);
        Step::Done
    }

    fn cancel_token(&self) -> &CancelToken {
        &self.cancel
    }
}

/// Puts a saved lane back.
pub(crate) struct RestoreLane {
    pub(crate) lane: LaneId,
    pub(crate) cancel: CancelToken,
    pub(crate) saved: SavedLane,
    /// What of it is the conversation's.
    pub(crate) proven: Option<Proven>,
    pub(crate) result: Sender<Result<(), Error>>,
}

impl Job for RestoreLane {
    fn step(&mut self, desk: &mut Desk) -> Step {
        let restored = match self.cancel.is_cancelled() {
            true => Err(Error::Cancelled),
            false => desk.restore(self.lane, &self.saved, self.proven.take()),
        };
        let _ = self.result.try_send(restored);
        Step::Done
    }

    fn cancel_token(&self) -> &CancelToken {
        &self.cancel
    }
}
