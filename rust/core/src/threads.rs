//! How many threads a token is computed with.
//!
//! ggml's threads wait for each other by spinning after every node of the
//! graph. When another program keeps a core busy, one of them is descheduled
//! for milliseconds while the rest spin: two threads beside two busy neighbours
//! lose a factor of 10 and more, where one thread would only lose its share.
//! The governor therefore watches single tokens. Suspicion arises when their
//! time collapses, or when the operating system preempts them; it then measures
//! a few tokens with fewer threads, keeps the faster count, and tries the larger
//! one again from time to time. It reads no clock: what a token cost comes in,
//! a thread count goes out.

use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};

/// Tokens whose median is compared.
const WINDOW: usize = 4;
/// A median this many times the best one counts as a collapse.
const COLLAPSE: f64 = 1.8;
/// Fewer threads must take at most this share of the time to be kept.
const WORTH_IT: f64 = 0.9;
/// Beside a neighbour, spinning threads lose their core this often or more.
const SLICE: Duration = Duration::from_millis(5);
/// Fewer preemptions in one token prove nothing: the thread that reads the
/// reply causes one or two each time it wakes.
const PREEMPTIONS: u32 = 16;
/// The same for fewer threads, which lose their core less often.
const REDUCED_SLICE: Duration = Duration::from_millis(10);
const REDUCED_PREEMPTIONS: u32 = 4;
/// A token that took this many times the best median is not explained by what
/// was a false alarm before.
const SEVERE: f64 = 4.0;
/// Tokens until the larger count is tried again, or until preemption raises
/// suspicion again; doubles with every failure.
const FIRST_PAUSE: u32 = 256;
const LONGEST_PAUSE: u32 = 4096;
/// A trial is due earlier when this part of the pause went undisturbed in a
/// row: the neighbour seems to be gone.
const CALM: u32 = 32;
/// Tokens of a trial of the larger count.
const TRIAL: usize = 3;

/// What computing one token cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TokenCost {
    pub(crate) duration: Duration,
    /// How often the system took a core away from this process meanwhile.
    pub(crate) preemptions: u32,
}

impl TokenCost {
    /// Whether all threads were disturbed by a neighbour.
    fn suspicious(&self) -> bool {
        self.preempted(PREEMPTIONS, SLICE)
    }

    /// Whether the reduced number of threads was.
    fn disturbed(&self) -> bool {
        self.preempted(REDUCED_PREEMPTIONS, REDUCED_SLICE)
    }

    fn preempted(&self, at_least: u32, slice: Duration) -> bool {
        self.preemptions >= at_least && slice.saturating_mul(self.preemptions) > self.duration
    }
}

/// Counts how often the system took a core away from a thread of this process.
/// Unlike time, this tells a neighbour on the same cores from slower hardware.
#[derive(Debug)]
pub(crate) struct Preemptions(i64);

impl Preemptions {
    pub(crate) fn watch() -> Self {
        Self(Self::so_far())
    }

    /// Those since the last call.
    pub(crate) fn take(&mut self) -> u32 {
        let before = std::mem::replace(&mut self.0, Self::so_far());
        u32::try_from(self.0.saturating_sub(before)).unwrap_or(0)
    }

    fn so_far() -> i64 {
        let usage = getrusage(UsageWho::RUSAGE_SELF);
        usage.map_or(0, |usage| usage.involuntary_context_switches())
    }
}

/// Chooses the thread count for single-token decoding.
#[derive(Debug)]
pub(crate) struct ThreadGovernor {
    most: u32,
    current: u32,
    best_at_most: Option<Duration>,
    recent: Vec<TokenCost>,
    state: State,
}

/// `pause` is what to wait for after the next failure, in tokens.
#[derive(Debug, Clone, Copy)]
enum State {
    /// All threads. Preemption raises no suspicion for `deaf_for` more tokens.
    Full { deaf_for: u32, pause: u32 },
    /// Measures whether fewer threads are faster than the median `before`.
    Comparing { before: Duration, pause: u32 },
    /// Fewer threads, with the median time `usual`, for `waited` tokens, the
    /// last `calm` of them undisturbed.
    Reduced {
        usual: Duration,
        waited: u32,
        calm: u32,
        pause: u32,
    },
    /// All threads again, to see whether they beat `usual`.
    Trial { usual: Duration, pause: u32 },
}

impl ThreadGovernor {
    pub(crate) fn new(most: u32) -> Self {
        Self {
            most,
            current: most,
            best_at_most: None,
            recent: Vec::new(),
            state: State::Full {
                deaf_for: 0,
                pause: FIRST_PAUSE,
            },
        }
    }

    /// Threads for the next token.
    pub(crate) fn threads(&self) -> u32 {
        self.current
    }

    /// Takes the cost of a token computed with [`ThreadGovernor::threads`].
    pub(crate) fn record(&mut self, cost: TokenCost) {
        if self.most < 2 {
            return;
        }
        self.recent.push(cost);
        match self.state {
            State::Full { deaf_for, pause } => self.watch(cost, deaf_for, pause),
            State::Comparing { before, pause } => self.compare(before, pause),
            State::Reduced {
                usual,
                waited,
                calm,
                pause,
            } => {
                let calm = if cost.disturbed() { 0 } else { calm + 1 };
                self.wait(usual, waited + 1, calm, pause);
            }
            State::Trial { usual, pause } => self.judge(cost, usual, pause),
        }
    }

    fn watch(&mut self, cost: TokenCost, deaf_for: u32, pause: u32) {
        let deaf_for = deaf_for.saturating_sub(1);
        self.state = State::Full { deaf_for, pause };
        let severe = self
            .best_at_most
            .is_some_and(|best| cost.duration > best.mul_f64(SEVERE));
        let suspicious = cost.suspicious() && (severe || deaf_for == 0);
        if self.recent.len() < WINDOW && !suspicious {
            return;
        }
        let median = self.take_median();
        let best = self.best_at_most.map_or(median, |best| best.min(median));
        // Attention grows with the context; let the yardstick follow slowly.
        self.best_at_most = Some(best.mul_f64(1.002));
        if suspicious || median > best.mul_f64(COLLAPSE) {
            let before = median;
            self.change(self.most / 2, State::Comparing { before, pause });
        }
    }

    fn compare(&mut self, before: Duration, pause: u32) {
        if self.recent.len() < WINDOW {
            return;
        }
        let usual = self.take_median();
        if usual < before.mul_f64(WORTH_IT) {
            self.reduce(usual, pause);
        } else {
            // A false alarm. What was slow is the machine (heat, or the yardstick
            // came from a better moment), not the number of threads.
            self.best_at_most = Some(before);
            self.restore(pause, longer(pause));
        }
    }

    fn wait(&mut self, usual: Duration, waited: u32, calm: u32, pause: u32) {
        let enough = self.recent.len() >= WINDOW;
        let usual = if enough { self.take_median() } else { usual };
        if waited >= pause || calm >= pause / CALM {
            self.change(self.most, State::Trial { usual, pause });
        } else {
            self.state = State::Reduced {
                usual,
                waited,
                calm,
                pause,
            };
        }
    }

    fn judge(&mut self, cost: TokenCost, usual: Duration, pause: u32) {
        // A slow token that nobody preempted is a hiccup and proves nothing;
        // a preempted one may take ten times as long: no second one is risked.
        let lost = cost.duration > usual && cost.suspicious();
        if !lost && self.recent.len() < TRIAL {
            return;
        }
        if !lost && self.take_median() <= usual {
            self.restore(0, FIRST_PAUSE);
        } else {
            self.reduce(usual, longer(pause));
        }
    }

    fn reduce(&mut self, usual: Duration, pause: u32) {
        let state = State::Reduced {
            usual,
            waited: 0,
            calm: 0,
            pause,
        };
        self.change(self.most / 2, state);
    }

    fn restore(&mut self, deaf_for: u32, pause: u32) {
        self.change(self.most, State::Full { deaf_for, pause });
    }

    fn change(&mut self, threads: u32, state: State) {
        log::debug!("{threads} of {} threads: {state:?}", self.most);
        self.current = threads;
        self.recent.clear();
        self.state = state;
    }

    fn take_median(&mut self) -> Duration {
        self.recent.sort_unstable_by_key(|cost| cost.duration);
        let middle = self.recent.get(self.recent.len() / 2);
        let median = middle.map_or(Duration::ZERO, |cost| cost.duration);
        self.recent.clear();
        median
    }
}

fn longer(pause: u32) -> u32 {
    (pause * 2).min(LONGEST_PAUSE)
}

/// Nice value of threads that compute a reply. Android calls -4 the priority of
/// threads that update the display, which is where a reply goes.
#[cfg(any(target_os = "linux", target_os = "android"))]
const NICE: i32 = -4;

/// Asks the system to prefer the calling thread, and threads that it starts,
/// to other work. Android lets apps do so, a desktop its administrator only;
/// without the right, or with a priority that someone chose, nothing changes.
pub(crate) fn prefer_this_thread() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        let preferred = match getpriority_process(None) {
            Ok(0) => setpriority_process(None, NICE),
            other => other.map(drop),
        };
        if let Err(error) = preferred {
            log::debug!("the priority stays as it is: {error}");
        }
    }
}

/// Cores worth a thread: the faster ones where they differ, at most 4 of them.
///
/// Decoding is bound by memory bandwidth, and slow cores hold up fast ones at
/// every node of the graph.
#[must_use]
pub fn default_threads() -> u32 {
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

    use super::{Preemptions, ThreadGovernor, TokenCost};

    const ALONE: u32 = 0;

    fn cost(ms: f64, preemptions: u32) -> TokenCost {
        TokenCost {
            duration: Duration::from_secs_f64(ms / 1000.0),
            preemptions,
        }
    }

    /// Feeds `tokens` costs chosen by the thread count; returns tokens computed at `most`.
    fn run(governor: &mut ThreadGovernor, tokens: u32, token: impl Fn(u32) -> TokenCost) -> u32 {
        let mut at_most = 0;
        for _ in 0..tokens {
            let threads = governor.threads();
            at_most += u32::from(threads == governor.most);
            governor.record(token(threads));
        }
        at_most
    }

    /// Two threads on two cores, alone and beside two busy neighbours, as measured.
    fn alone(threads: u32) -> TokenCost {
        cost(if threads == 2 { 13.0 } else { 22.0 }, ALONE)
    }

    fn beside_neighbours(threads: u32) -> TokenCost {
        if threads == 2 {
            cost(300.0, 80)
        } else {
            cost(35.0, 12)
        }
    }

    #[test]
    fn steady_work_keeps_all_threads() {
        let mut governor = ThreadGovernor::new(2);
        assert_eq!(run(&mut governor, 500, alone), 500);
    }

    #[test]
    fn hiccups_that_nobody_caused_keep_all_threads() {
        let mut governor = ThreadGovernor::new(2);
        for token in 0..2000u32 {
            let ms = if token % 5 == 0 { 40.0 } else { 13.0 };
            governor.record(cost(ms, ALONE));
            assert_eq!(governor.threads(), 2, "token {token}");
        }
    }

    #[test]
    fn a_context_that_grows_is_no_collapse() {
        let mut governor = ThreadGovernor::new(2);
        for token in 0..4000u32 {
            governor.record(cost(13.0 * (1.0 + f64::from(token) / 2000.0), ALONE));
            assert_eq!(governor.threads(), 2, "token {token}");
        }
    }

    #[test]
    fn a_phone_that_grows_hot_keeps_all_threads() {
        let mut governor = ThreadGovernor::new(2);
        run(&mut governor, 40, alone);
        let throttled = |threads| cost(if threads == 2 { 30.0 } else { 50.0 }, ALONE);
        let at_most = run(&mut governor, 1000, throttled);
        assert!(at_most >= 996, "{at_most} of 1000");
    }

    #[test]
    fn a_collapse_halves_the_threads_and_trials_stay_rare() {
        let mut governor = ThreadGovernor::new(2);
        run(&mut governor, 40, alone);
        let at_most = run(&mut governor, 1000, beside_neighbours);
        assert_eq!(governor.threads(), 1);
        assert!(
            at_most <= 4 + 5,
            "{at_most} of 1000 tokens on the collapsed count"
        );
    }

    #[test]
    fn all_threads_come_back_when_the_neighbour_leaves() {
        let mut governor = ThreadGovernor::new(2);
        run(&mut governor, 40, alone);
        run(&mut governor, 60, beside_neighbours);
        run(&mut governor, 200, alone);
        assert_eq!(governor.threads(), 2);
    }

    #[test]
    fn a_hiccup_does_not_spoil_a_trial() {
        let mut governor = ThreadGovernor::new(2);
        run(&mut governor, 40, alone);
        run(&mut governor, 10, beside_neighbours);
        while governor.threads() == 1 {
            governor.record(alone(1));
        }
        governor.record(cost(80.0, ALONE));
        run(&mut governor, 2, alone);
        assert_eq!(run(&mut governor, 100, alone), 100);
    }

    #[test]
    fn a_neighbour_from_the_start_is_noticed_by_its_preemptions() {
        let mut governor = ThreadGovernor::new(2);
        run(&mut governor, 40, beside_neighbours);
        assert_eq!(governor.threads(), 1);
    }

    #[test]
    fn preemption_of_threads_that_compute_nothing_costs_little() {
        let mut governor = ThreadGovernor::new(2);
        let busy_app = |threads| TokenCost {
            preemptions: 20,
            ..alone(threads)
        };
        let at_most = run(&mut governor, 1000, busy_app);
        assert!(at_most >= 976, "{at_most} of 1000");
    }

    #[test]
    fn one_thread_stays_one() {
        let mut governor = ThreadGovernor::new(1);
        run(&mut governor, 40, alone);
        run(&mut governor, 40, |_| cost(500.0, 9));
        assert_eq!(governor.threads(), 1);
    }

    #[test]
    fn preemptions_are_those_since_the_last_call() {
        let mut preemptions = Preemptions::watch();
        preemptions.take();
        assert!(preemptions.take() < 1000);
    }
}
