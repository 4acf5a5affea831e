//! The thread that owns model and context, and how requests share it.
//!
//! A request is a [`Job`]: a state machine whose `step` computes one batch or
//! one token. All are queued by [`Worker::submit`]. Jobs of one lane (a chat) run in order; lanes take turns, each for
//! a time slice, so that a short question does not wait for a long reply.

mod adapters;
mod embed;
mod features;
mod generation;
mod job;
mod lanes;
mod output;
mod prepare;
mod queue;
mod score;
mod state;
mod state_jobs;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use pocketune_adapter::CandidateAdapter;

pub(crate) use adapters::AdapterSetId;
pub(crate) use embed::EmbedJob;
pub(crate) use features::FeaturesJob;
pub(crate) use generation::Generation;
pub(crate) use job::Job;
use job::{Pending, Progress, Queued, Request, Step, Task};
pub(crate) use lanes::{LaneId, SavedLane};
pub(crate) use prepare::Source;
use queue::FairQueue;
pub(crate) use score::ScoreJob;
pub(crate) use state::WorkerState;
pub(crate) use state_jobs::{RestoreLane, SaveLane};

use crate::cancel::CancelToken;
use crate::error::Error;
use crate::threads::prefer_this_thread;

/// How long a lane computes before the next one gets its turn, if one waits.
/// Long enough that swapping KV caches (some milliseconds) hardly counts.
const SLICE: Duration = Duration::from_millis(400);

/// The engine thread's stack. llama.cpp walks graphs by recursion, and expressions of
/// a JSON Schema are followed by recursion while replies are made; the default of
/// some systems is 512 KiB.
const STACK_BYTES: usize = 16 << 20;

pub(crate) enum Command {
    Submit(LaneId, Box<dyn Task>),
    Forget(LaneId),
    Load(
        AdapterSetId,
        Vec<(CandidateAdapter, f32)>,
        async_channel::Sender<Result<(), Error>>,
    ),
    Unload(AdapterSetId),
    Close,
}

/// The worker's handle: sends commands, and ends the thread when dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    commands: Sender<Command>,
    abort: pocketune_llama::AbortFlag,
    closing: CancelToken,
    thread: OnceLock<ThreadId>,
    handle: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    pub(crate) fn start(state: WorkerState) -> Result<Self, Error> {
        let (commands, inbox) = std::sync::mpsc::channel();
        let abort = state.abort_flag();
        let closing = CancelToken::new();
        closing.bind(&abort);
        let told = closing.clone();
        let handle = thread::Builder::new()
            .name("pocketune-engine".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || serve(state, &inbox, &told))
            .map_err(Error::Io)?;
        let thread = OnceLock::from(handle.thread().id());
        Ok(Self {
            commands,
            abort,
            closing,
            thread,
            handle: std::sync::Mutex::new(Some(handle)),
        })
    }

    /// Queues a job on its lane and returns where its results arrive. Does not block.
    pub(crate) fn submit<J: Job + 'static>(
        &self,
        lane: LaneId,
        job: J,
        cancel: &CancelToken,
    ) -> Result<Pending<J::Output>, Error> {
        let (results, pending) = Pending::channel();
        let job = Queued::new(job, lane, cancel.clone(), results);
        cancel.bind(&self.abort);
        self.command(Command::Submit(lane, Box::new(job)))?;
        Ok(pending)
    }

    /// Loads adapters under a number that was never used before, when the worker is between
    /// two steps. Does not block.
    pub(crate) fn load(
        &self,
        id: AdapterSetId,
        adapters: Vec<(CandidateAdapter, f32)>,
    ) -> Result<Pending<()>, Error> {
        let (results, pending) = Pending::channel();
        self.command(Command::Load(id, adapters, results))?;
        Ok(pending)
    }

    fn command(&self, command: Command) -> Result<(), Error> {
        match self.closing.is_cancelled() {
            true => Err(Error::Closed),
            false => self.commands.send(command).map_err(|_| Error::Closed),
        }
    }

    pub(crate) fn forget(&self, lane: LaneId) {
        let _ = self.commands.send(Command::Forget(lane));
    }

    /// What frees adapters once their last job has ended.
    pub(crate) fn unloader(&self, id: AdapterSetId) -> impl Fn() + Send + Sync + use<> {
        let commands = self.commands.clone();
        move || {
            let _ = commands.send(Command::Unload(id));
        }
    }

    /// Stops the running computation and ends the thread. Blocks until model
    /// and context are freed, unless called on the worker's own thread (by code
    /// that a finished request woke there).
    pub(crate) fn close(&self) {
        self.closing.cancel();
        let _ = self.commands.send(Command::Close);
        let handle = self
            .handle
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        let on_worker = self.thread.get() == Some(&thread::current().id());
        if let Some(handle) = handle
            && !on_worker
            && handle.join().is_err()
        {
            log::error!("the engine thread ended with a panic");
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.close();
    }
}

fn serve(mut state: WorkerState, inbox: &Receiver<Command>, closing: &CancelToken) {
    prefer_this_thread();
    state.start_threads();
    let mut queue = FairQueue::default();
    loop {
        // A slice may have taken the command to close.
        if closing.is_cancelled() {
            return;
        }
        let command = if queue.is_empty() {
            inbox.recv().unwrap_or(Command::Close)
        } else {
            match inbox.try_recv() {
                Ok(command) => command,
                Err(TryRecvError::Disconnected) => Command::Close,
                Err(TryRecvError::Empty) => {
                    run_slice(&mut queue, &mut state, inbox, closing);
                    continue;
                }
            }
        };
        if obey(command, &mut queue, &mut state) == Next::Close {
            return;
        }
    }
}

/// What follows a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Work,
    Close,
}

/// Does what takes a moment, queues the rest.
fn obey(command: Command, queue: &mut FairQueue, state: &mut WorkerState) -> Next {
    match command {
        Command::Submit(lane, job) => queue.push(lane, job),
        Command::Forget(lane) => queue.forget(lane, state),
        Command::Load(id, adapters, result) => {
            // Nobody waits when the engine is being closed.
            let _ = result.try_send(state.load_adapters(id, &adapters));
        }
        Command::Unload(adapters) => queue.unload(adapters, state),
        Command::Close => return Next::Close,
    }
    Next::Work
}

/// Lets the next lane compute until its job ends, its slice is over while
/// others wait, or a command came in.
fn run_slice(
    queue: &mut FairQueue,
    state: &mut WorkerState,
    inbox: &Receiver<Command>,
    closing: &CancelToken,
) {
    let Some((lane, mut job)) = queue.pop() else {
        return;
    };
    let started = Instant::now();
    loop {
        state.lower_abort();
        if closing.is_cancelled() {
            return;
        }
        if job.step(state) == Progress::Finished {
            state.release(lane);
            queue.finished(lane, state);
            return;
        }
        // Who gave up while waiting hears of it now, not when its turn comes.
        queue.finish_cancelled(state);
        // Commands are taken between slices only, so look for company here.
        while let Ok(command) = inbox.try_recv() {
            if obey(command, queue, state) == Next::Close {
                return;
            }
        }
        if queue.others_wait(lane) && started.elapsed() >= SLICE && state.can_set_aside(lane) {
            queue.put_back(lane, job);
            return;
        }
    }
}

/// The next lanes and sets of adapters of an engine. No number is given twice.
#[derive(Debug)]
pub(crate) struct Numbers(AtomicU64);

impl Numbers {
    pub(crate) fn new() -> Self {
        // 0 is the set without adapters.
        Self(AtomicU64::new(AdapterSetId::NONE.0 + 1))
    }

    pub(crate) fn lane(&self, adapters: AdapterSetId) -> LaneId {
        LaneId {
            number: self.next(),
            adapters,
        }
    }

    pub(crate) fn adapter_set(&self) -> AdapterSetId {
        AdapterSetId(self.next())
    }

    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}
