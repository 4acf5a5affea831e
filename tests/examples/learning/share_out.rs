//! Work in several engines at once. Each has one thread: a single reply keeps two cores
//! busy and comes hardly sooner than on one.

use std::panic::resume_unwind;
use std::thread;

use crate::Result;

/// What each item becomes, in order; the workers take turns.
pub(crate) fn share_out<W: Sync, T: Sync, R: Send>(
    workers: &[W],
    items: &[T],
    work: impl Fn(&W, &T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let share = |first: usize, worker: &W| -> Result<Vec<R>> {
        let items = items.iter().skip(first).step_by(workers.len());
        items.map(|item| work(worker, item)).collect()
    };
    let shares: Vec<Vec<R>> = thread::scope(|scope| {
        let share = &share;
        let spawn = |(first, worker)| scope.spawn(move || share(first, worker));
        let threads: Vec<_> = workers.iter().enumerate().map(spawn).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        let done = joined.map(|done| done.unwrap_or_else(|panic| resume_unwind(panic)));
        done.collect::<Result<_>>()
    })?;
    let mut shares: Vec<_> = shares.into_iter().map(Vec::into_iter).collect();
    let turns = (0..items.len()).map(|at| at % workers.len());
    Ok(turns
        .filter_map(|turn| shares.get_mut(turn)?.next())
        .collect())
}
