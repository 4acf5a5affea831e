//! Saving and restoring a lane's cache.

use crate::conversation::Proven;
use crate::error::Error;
use crate::worker::{Job, Request, SavedLane, Step, WorkerState};

/// Copies a lane out of the engine.
pub(crate) struct SaveLane;

impl Job for SaveLane {
    type Output = SavedLane;

    fn step(
        &mut self,
        state: &mut WorkerState,
        request: &Request<SavedLane>,
    ) -> Result<Step<SavedLane>, Error> {
        state.save(request.lane).map(Step::Done)
    }
}

/// Puts a saved lane back.
pub(crate) struct RestoreLane {
    pub(crate) saved: SavedLane,
    /// What of it is the conversation's.
    pub(crate) proven: Option<Proven>,
}

impl Job for RestoreLane {
    type Output = ();

    fn step(&mut self, state: &mut WorkerState, request: &Request<()>) -> Result<Step<()>, Error> {
        state
            .restore(request.lane, &self.saved, self.proven.clone())
            .map(Step::Done)
    }
}
