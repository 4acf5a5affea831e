//! Saving and restoring a lane's cache.

use crate::conversation::Proven;
use crate::error::Error;
use crate::worker::{Desk, Job, Request, SavedLane, Step};

/// Copies a lane out of the engine.
pub(crate) struct SaveLane;

impl Job for SaveLane {
    type Output = SavedLane;

    fn step(
        &mut self,
        desk: &mut Desk,
        request: &Request<SavedLane>,
    ) -> Result<Step<SavedLane>, Error> {
        desk.save(request.lane).map(Step::Done)
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

    fn step(&mut self, desk: &mut Desk, request: &Request<()>) -> Result<Step<()>, Error> {
        desk.restore(request.lane, &self.saved, self.proven.clone())
            .map(Step::Done)
    }
}
