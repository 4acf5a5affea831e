//! How many threads a token is computed with.
//!
//! ggml's threads wait for each other by spinning after every node of the
//! graph. When another program keeps a core busy, one of them is descheduled
//! for milliseconds while the rest spin: two threads beside two busy neighbours
//! lose a factor of 10 and more, where one thread would only lose its share.
//! The governor therefore watches the time of single tokens, steps down when it
//! collapses, and tries the larger number again from time to time. It reads no
//! clock: durations come in, a thread count goes out.

use std::time::Duration;

/// Tokens whose median is compared.
const WINDOW: usize = 4;
/// A median this many times the best one counts as a collapse.
const COLLAPSE: f64 = 1.8;
/// A window whose slowest token took this many times its fastest is suspicious:
/// the neighbour may have been there from the start, so that no best is known.
const IRREGULAR: f64 = 1.6;
/// Tokens until the larger count is tried again; doubles with every failure.
const FIRST_RETRY: u32 = 48;
const LONGEST_RETRY: u32 = 1536;
/// Tokens of a trial.
const TRIAL: usize = 2;

/// Chooses the thread count for single-token decoding.
#[derive(Debug)]
pub(crate) struct ThreadGovernor {
    most: u32,
    current: u32,
    best_at_most: Option<Duration>,
    recent: Vec<Duration>,
    reduced: Option<Reduced>,
}

#[derive(Debug)]
struct Reduced {
    // Median at all threads when the step down was taken.
    before: Duration,
    // Median at the smaller count.
    usual: Option<Duration>,
    until_retry: u32,
    retry_after: u32,
    on_trial: bool,
}

impl ThreadGovernor {
    pub(crate) fn new(most: u32) -> Self {
        Self {
            most,
            current: most,
            best_at_most: None,
            recent: Vec::new(),
            reduced: None,
        }
    }

    /// Threads for the next token.
    pub(crate) fn threads(&self) -> u32 {
        self.current
    }

    /// Takes the duration of a token computed with [`ThreadGovernor::threads`].
    pub(crate) fn record(&mut self, duration: Duration) {
        if self.most < 2 {
            return;
        }
        self.recent.push(duration);
        match &self.reduced {
            None => self.watch(),
            Some(reduced) if reduced.on_trial => self.judge_trial(),
            Some(_) => self.wait(),
        }
    }

    fn watch(&mut self) {
        if self.recent.len() < WINDOW {
            return;
        }
        let irregular = spread(&self.recent) > IRREGULAR;
        let median = take_median(&mut self.recent);
        let best = self.best_at_most.map_or(median, |best| best.min(median));
        // Attention grows with the context; let the yardstick follow slowly.
        self.best_at_most = Some(best.mul_f64(1.002));
        if irregular || median.as_secs_f64() > COLLAPSE * best.as_secs_f64() {
            self.reduce(median, FIRST_RETRY);
        }
    }

    fn reduce(&mut self, before: Duration, retry_after: u32) {
        self.current = self.most / 2;
        self.recent.clear();
        self.reduced = Some(Reduced {
            before,
            usual: None,
            until_retry: retry_after,
            retry_after,
            on_trial: false,
        });
    }

    fn restore(&mut self) {
        self.current = self.most;
        self.recent.clear();
        self.reduced = None;
    }

    fn wait(&mut self) {
        let Some(reduced) = &mut self.reduced else {
            return;
        };
        if self.recent.len() >= WINDOW {
            let median = take_median(&mut self.recent);
            if reduced.usual.is_none() && median >= reduced.before {
                // A false alarm: fewer threads are no faster.
                self.restore();
                return;
            }
            reduced.usual = Some(median);
        }
        reduced.until_retry = reduced.until_retry.saturating_sub(1);
        if reduced.until_retry == 0 && reduced.usual.is_some() {
            reduced.on_trial = true;
            self.recent.clear();
            self.current = self.most;
        }
    }

    fn judge_trial(&mut self) {
        let Some(reduced) = &self.reduced else { return };
        let usual = reduced.usual.unwrap_or(Duration::MAX);
        let Some(&last) = self.recent.last() else {
            return;
        };
        if last > usual {
            let retry_after = (reduced.retry_after * 2).min(LONGEST_RETRY);
            self.reduce(last, retry_after);
        } else if self.recent.len() >= TRIAL {
            self.restore();
        }
    }
}

fn spread(durations: &[Duration]) -> f64 {
    let fastest = durations
        .iter()
        .min()
        .copied()
        .unwrap_or_default()
        .as_secs_f64();
    let slowest = durations
        .iter()
        .max()
        .copied()
        .unwrap_or_default()
        .as_secs_f64();
    if fastest > 0.0 {
        slowest / fastest
    } else {
        1.0
    }
}

fn take_median(durations: &mut Vec<Duration>) -> Duration {
    durations.sort_unstable();
    let median = durations
        .get(durations.len() / 2)
        .copied()
        .unwrap_or_default();
    durations.clear();
    median
}

/// Cores worth a thread: the faster ones where they differ, at most 4 of them.
///
/// Decoding is bound by memory bandwidth, and slow cores hold up fast ones at
/// every node of the graph.
pub(crate) fn default_threads() -> u32 {
    let all = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let usable = performance_cores().map_or(all, |fast| fast.min(all));
    u32::try_from(usable.clamp(1, 4)).unwrap_or(1)
}

/// Cores whose top frequency is at least 80 % of the best one's; Linux and Android only.
fn performance_cores() -> Option<usize> {
    let mut frequencies = Vec::new();
    for core in 0..64 {
        let path = format!("/sys/devices/system/cpu/cpu{core}/cpufreq/cpuinfo_max_freq");
        match std::fs::read_to_string(path) {
            Ok(text) => frequencies.push(text.trim().parse::<u64>().ok()?),
            Err(_) => break,
        }
    }
    let best = *frequencies.iter().max()?;
    Some(
        frequencies
            .iter()
            .filter(|&&frequency| frequency * 5 >= best * 4)
            .count(),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::ThreadGovernor;

    /// Feeds `tokens` durations chosen by the thread count; returns tokens computed at `most`.
    fn run(governor: &mut ThreadGovernor, tokens: u32, ms: impl Fn(u32) -> f64) -> u32 {
        let mut at_most = 0;
        for _ in 0..tokens {
            let threads = governor.threads();
            at_most += u32::from(threads == governor.most);
            governor.record(Duration::from_secs_f64(ms(threads) / 1000.0));
        }
        at_most
    }

    #[test]
    fn steady_work_keeps_all_threads() {
        let mut governor = ThreadGovernor::new(2);
        assert_eq!(run(&mut governor, 500, |_| 13.0), 500);
    }

    #[test]
    fn a_context_that_grows_is_no_collapse() {
        let mut governor = ThreadGovernor::new(2);
        for token in 0..4000u32 {
            governor.record(Duration::from_secs_f64(
                0.013 * (1.0 + f64::from(token) / 2000.0),
            ));
            assert_eq!(governor.threads(), 2, "token {token}");
        }
    }

    #[test]
    fn a_collapse_halves_the_threads_and_trials_stay_rare() {
        let mut governor = ThreadGovernor::new(2);
        run(&mut governor, 40, |_| 13.0);
        let busy = |threads: u32| if threads == 2 { 300.0 } else { 35.0 };
        let at_most = run(&mut governor, 1000, busy);
        assert_eq!(governor.threads(), 1);
        assert!(
            at_most <= 4 + 6,
            "{at_most} of 1000 tokens on the collapsed count"
        );
    }

    #[test]
    fn all_threads_come_back_when_the_neighbour_leaves() {
        let mut governor = ThreadGovernor::new(2);
        run(&mut governor, 40, |_| 13.0);
        run(
            &mut governor,
            60,
            |threads| if threads == 2 { 300.0 } else { 35.0 },
        );
        run(
            &mut governor,
            200,
            |threads| if threads == 2 { 13.0 } else { 25.0 },
        );
        assert_eq!(governor.threads(), 2);
    }

    #[test]
    fn a_neighbour_from_the_start_is_noticed_by_its_irregularity() {
        let mut governor = ThreadGovernor::new(2);
        let mut token = 0;
        for _ in 0..60 {
            token += 1;
            let ms = match governor.threads() {
                2 if token % 3 == 0 => 40.0,
                2 => 200.0,
                _ => 35.0,
            };
            governor.record(Duration::from_secs_f64(ms / 1000.0));
        }
        assert_eq!(governor.threads(), 1);
    }

    #[test]
    fn a_hiccup_costs_a_few_tokens_at_most() {
        let mut governor = ThreadGovernor::new(2);
        run(&mut governor, 40, |_| 13.0);
        governor.record(Duration::from_millis(60));
        let at_most = run(
            &mut governor,
            100,
            |threads| if threads == 2 { 13.0 } else { 22.0 },
        );
        assert!(at_most >= 90, "{at_most} of 100");
    }

    #[test]
    fn one_thread_stays_one() {
        let mut governor = ThreadGovernor::new(1);
        run(&mut governor, 40, |_| 13.0);
        run(&mut governor, 40, |_| 500.0);
        assert_eq!(governor.threads(), 1);
    }
}
