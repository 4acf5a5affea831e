//! The second series: the same beside processes that keep the cores busy.

use std::time::{Duration, Instant};

use pocketune_terminal::output::Output;

use crate::error::BenchError;
use crate::neighbours::Neighbours;
use crate::speed::ours::Ours;
use crate::speed::raw::Raw;
use crate::speed::report::{Busy, Pair, median_of};
use crate::speed::{Run, pair};

/// Most pairs of runs; each may take a hundred times longer than alone.
const PAIRS_MAX: usize = 3;
/// A run is cut after this.
const RUN_LIMIT: Duration = Duration::from_secs(25);
/// No further pair is started after this.
const SERIES_LIMIT: Duration = Duration::from_secs(90);

/// Runs beside `neighbours` busy processes; `alone` holds the pairs measured before.
pub(crate) fn run(
    ours: &mut Ours<'_>,
    raw: &mut Raw<'_>,
    alone: &[(Run, Run)],
    neighbours: u32,
    output: &Output,
) -> Result<Busy, BenchError> {
    let waiting = output.spinner("measuring beside busy neighbours");
    let started = Instant::now();
    let busy = Neighbours::start(neighbours)?;
    let mut pairs = Vec::new();
    // Prompts that were not read before: the last one is still in the cache.
    for repetition in (1 + alone.len()..).take(alone.len().min(PAIRS_MAX)) {
        let repetition = u32::try_from(repetition).unwrap_or(u32::MAX);
        pairs.push(pair(ours, raw, repetition, Some(RUN_LIMIT))?);
        if started.elapsed() > SERIES_LIMIT {
            break;
        }
    }
    drop(busy);
    waiting.finish_and_clear();
    let ours_alone = median_of(alone, |(ours, _)| ours.decode_tokens_per_s());
    let raw_alone = median_of(alone, |(_, raw)| raw.decode_tokens_per_s());
    let ours_busy = median_of(&pairs, |(ours, _)| ours.decode_tokens_per_s());
    let raw_busy = median_of(&pairs, |(_, raw)| raw.decode_tokens_per_s());
    Ok(Busy {
        neighbours,
        busy_pairs: pairs.iter().map(Pair::from).collect(),
        busy_prefill_tokens_per_s: median_of(&pairs, |(ours, _)| ours.prefill_tokens_per_s()),
        raw_busy_prefill_tokens_per_s: median_of(&pairs, |(_, raw)| raw.prefill_tokens_per_s()),
        busy_decode_tokens_per_s: ours_busy,
        raw_busy_decode_tokens_per_s: raw_busy,
        busy_ratio: ours_busy / ours_alone,
        raw_busy_ratio: raw_busy / raw_alone,
    })
}
