//! From a request to its results: every kind of request is queued and answered here.

use async_channel::{Receiver, Sender};

use crate::cancel::CancelToken;
use crate::error::Error;
use crate::worker::{LaneId, WorkerState};

/// What a request computes: a state machine.
pub(crate) trait Job: Send {
    /// What it results in; of a reply also its parts.
    type Output: Send;

    /// Does one piece of work: at most one batch or one token.
    fn step(
        &mut self,
        state: &mut WorkerState,
        request: &Request<Self::Output>,
    ) -> Result<Step<Self::Output>, Error>;

    /// What the caller hears who gave up.
    fn cancelled(
        &mut self,
        _desk: &mut WorkerState,
        _request: &Request<Self::Output>,
    ) -> Result<Self::Output, Error> {
        Err(Error::Cancelled)
    }
}

/// What a job says after a step.
#[derive(Debug)]
pub(crate) enum Step<T> {
    /// There is more to do.
    More,
    /// The result.
    Done(T),
}

/// Where a job computes, and who waits for it.
pub(crate) struct Request<T> {
    pub(crate) lane: LaneId,
    pub(crate) cancel: CancelToken,
    results: Sender<Result<T, Error>>,
}

impl<T> Request<T> {
    /// Sends something before the result. Nobody listening is no reason to fail: a stream
    /// cancels when it is dropped.
    pub(crate) fn send_part(&self, part: T) {
        let _ = self.results.try_send(Ok(part));
    }
}

/// Results that somebody waits for on another thread.
#[derive(Debug)]
pub(crate) struct Pending<T>(Receiver<Result<T, Error>>);

impl<T> Pending<T> {
    /// What answers, and where its answers arrive.
    pub(crate) fn channel() -> (Sender<Result<T, Error>>, Self) {
        let (results, receiver) = async_channel::unbounded();
        (results, Self(receiver))
    }

    /// Blocks until the result is there; [`Error::Closed`] where the engine was closed first.
    pub(crate) fn wait(self) -> Result<T, Error> {
        self.0.recv_blocking().map_err(|_| Error::Closed)?
    }

    /// All results, as they arrive.
    pub(crate) fn into_receiver(self) -> Receiver<Result<T, Error>> {
        self.0
    }
}

/// A job in the worker's hands. Dropping it tells the caller that the engine was closed.
pub(crate) struct Queued<J: Job> {
    job: J,
    request: Request<J::Output>,
}

impl<J: Job> Queued<J> {
    pub(crate) fn new(
        job: J,
        lane: LaneId,
        cancel: CancelToken,
        results: Sender<Result<J::Output, Error>>,
    ) -> Self {
        let request = Request {
            lane,
            cancel,
            results,
        };
        Self { job, request }
    }

    fn try_step(&mut self, state: &mut WorkerState) -> Result<Step<J::Output>, Error> {
        if !self.request.cancel.is_cancelled() {
            match self.job.step(state, &self.request) {
                // The graph was aborted for another request's sake: try again.
                Err(Error::Cancelled) if !self.request.cancel.is_cancelled() => {
                    return Ok(Step::More);
                }
                Err(Error::Cancelled) => {}
                stepped => return stepped,
            }
        }
        self.job.cancelled(state, &self.request).map(Step::Done)
    }
}

/// A job of any kind, as the queue sees it.
pub(crate) trait Task: Send {
    /// Does one piece of work, and delivers the result where that was the last one. Says
    /// whether there is more to do.
    fn step(&mut self, state: &mut WorkerState) -> Progress;
    /// Whether the caller gave up, so that no time is spent on it.
    fn is_cancelled(&self) -> bool;
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is more to do.
    Unfinished,
    /// The result was delivered.
    Finished,
}

impl<J: Job> Task for Queued<J> {
    fn step(&mut self, state: &mut WorkerState) -> Progress {
        let result = match self.try_step(state) {
            Ok(Step::More) => return Progress::Unfinished,
            Ok(Step::Done(result)) => Ok(result),
            Err(error) => Err(error),
        };
        let _ = self.request.results.try_send(result);
        self.request.results.close();
        Progress::Finished
    }

    fn is_cancelled(&self) -> bool {
        self.request.cancel.is_cancelled()
    }
}
