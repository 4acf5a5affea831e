//! Whose turn it is: first come first served within a lane, round-robin among lanes.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::worker::adapters::AdapterSetId;
use crate::worker::{LaneId, Progress, Task, WorkerState};

#[derive(Default)]
pub(crate) struct FairQueue {
    waiting: HashMap<LaneId, VecDeque<Box<dyn Task>>>,
    // Lanes with waiting jobs, in the order of their turns.
    turns: VecDeque<LaneId>,
    // Lanes whose chat was dropped while jobs of it were still queued or running.
    forgotten: HashSet<LaneId>,
    // The same for the adapters of an evaluation session.
    unloading: HashSet<AdapterSetId>,
    running: Option<LaneId>,
}

impl FairQueue {
    pub(crate) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    pub(crate) fn push(&mut self, lane: LaneId, job: Box<dyn Task>) {
        let jobs = self.waiting.entry(lane).or_default();
        jobs.push_back(job);
        if jobs.len() == 1 && self.running != Some(lane) {
            self.turns.push_back(lane);
        }
    }

    /// Takes the first job of the lane whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<(LaneId, Box<dyn Task>)> {
        let lane = self.turns.pop_front()?;
        let job = self.waiting.get_mut(&lane)?.pop_front()?;
        self.running = Some(lane);
        Some((lane, job))
    }

    /// Puts an unfinished job first in its lane, and the lane last in line.
    pub(crate) fn put_back(&mut self, lane: LaneId, job: Box<dyn Task>) {
        self.running = None;
        self.waiting.entry(lane).or_default().push_front(job);
        self.turns.push_back(lane);
    }

    /// The running job of `lane` has ended.
    pub(crate) fn finished(&mut self, lane: LaneId, state: &mut WorkerState) {
        self.running = None;
        if self.waiting.get(&lane).is_some_and(|jobs| !jobs.is_empty()) {
            self.turns.push_back(lane);
            return;
        }
        self.waiting.remove(&lane);
        self.settle(lane, state);
    }

    /// The last job of `lane` has ended: does what had to wait for it.
    fn settle(&mut self, lane: LaneId, state: &mut WorkerState) {
        if self.forgotten.remove(&lane) {
            state.forget(lane);
        }
        if self.unloading.contains(&lane.adapters) && !self.uses(lane.adapters) {
            self.unloading.remove(&lane.adapters);
            state.unload_adapters(lane.adapters);
        }
    }

    /// Whether a job under these adapters waits or runs.
    fn uses(&self, adapters: AdapterSetId) -> bool {
        let mut lanes = self.waiting.keys().chain(&self.running);
        lanes.any(|lane| lane.adapters == adapters)
    }

    /// Ends waiting jobs that were cancelled. A cancelled job computes nothing:
    /// it only delivers its end.
    pub(crate) fn finish_cancelled(&mut self, state: &mut WorkerState) {
        let mut emptied = Vec::new();
        for (&lane, jobs) in &mut self.waiting {
            jobs.retain_mut(|job| !(job.is_cancelled() && job.step(state) == Progress::Finished));
            if jobs.is_empty() && self.running != Some(lane) {
                emptied.push(lane);
            }
        }
        for lane in emptied {
            self.waiting.remove(&lane);
            self.turns.retain(|&turn| turn != lane);
            state.release(lane);
            self.settle(lane, state);
        }
    }

    pub(crate) fn others_wait(&self, lane: LaneId) -> bool {
        self.turns.iter().any(|&other| other != lane)
    }

    /// Frees the lane's cache, now or when its last job has ended.
    pub(crate) fn forget(&mut self, lane: LaneId, state: &mut WorkerState) {
        if self.running == Some(lane) || self.waiting.contains_key(&lane) {
            self.forgotten.insert(lane);
        } else {
            state.forget(lane);
        }
    }

    /// Frees the adapters, now or when their last job has ended.
    pub(crate) fn unload(&mut self, adapters: AdapterSetId, state: &mut WorkerState) {
        if self.uses(adapters) {
            self.unloading.insert(adapters);
        } else {
            state.unload_adapters(adapters);
        }
    }
}
