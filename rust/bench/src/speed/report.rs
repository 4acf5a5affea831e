//! What the benchmark reports.

use std::time::Duration;

use pocketune_core::{Engine, ProcessMemory, cpu_facts};
use pocketune_terminal::estimate::EstimateReport;
use pocketune_terminal::output::{grouped, human_bytes};
use serde::Serialize;

use crate::speed::{Run, Work};

/// Medians over all pairs of runs; each pair is one run of ours and one raw.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    threads: u32,
    context_tokens: u32,
    prompt_tokens: u32,
    decode_tokens: u32,
    repetitions: usize,
    cpu: String,
    load_ms: f64,
    raw_load_ms: f64,
    time_to_first_token_ms: f64,
    raw_time_to_first_token_ms: f64,
    prefill_tokens_per_s: f64,
    raw_prefill_tokens_per_s: f64,
    decode_tokens_per_s: f64,
    raw_decode_tokens_per_s: f64,
    /// Median over pairs of ours divided by raw.
    prefill_ratio: f64,
    /// Median over pairs of ours divided by raw.
    decode_ratio: f64,
    /// Pairs whose replies were the same. Ties in the logits fall differently
    /// when thread counts or the cut of batches differ.
    equal_replies: usize,
    pairs: Vec<Pair>,
    peak_rss_bytes: u64,
    peak_anon_bytes: u64,
    model_bytes: u64,
    /// The adapter that both sides computed under.
    #[serde(skip_serializing_if = "Option::is_none")]
    adapter_bytes: Option<u64>,
    estimate: EstimateReport,
    #[serde(flatten)]
    busy: Option<Busy>,
}

/// What one pair of runs measured, to see how much it varies.
#[derive(Debug, Serialize)]
pub(crate) struct Pair {
    prefill_tokens_per_s: f64,
    raw_prefill_tokens_per_s: f64,
    decode_tokens_per_s: f64,
    raw_decode_tokens_per_s: f64,
}

impl From<&(Run, Run)> for Pair {
    fn from((ours, raw): &(Run, Run)) -> Self {
        Self {
            prefill_tokens_per_s: ours.prefill_tokens_per_s(),
            raw_prefill_tokens_per_s: raw.prefill_tokens_per_s(),
            decode_tokens_per_s: ours.decode_tokens_per_s(),
            raw_decode_tokens_per_s: raw.decode_tokens_per_s(),
        }
    }
}

/// Medians of the series beside busy neighbours.
#[derive(Debug, Serialize)]
pub(crate) struct Busy {
    pub(crate) neighbours: u32,
    pub(crate) busy_pairs: Vec<Pair>,
    pub(crate) busy_prefill_tokens_per_s: f64,
    pub(crate) raw_busy_prefill_tokens_per_s: f64,
    pub(crate) busy_decode_tokens_per_s: f64,
    pub(crate) raw_busy_decode_tokens_per_s: f64,
    pub(crate) busy_ratio: f64,
    pub(crate) raw_busy_ratio: f64,
}

impl Report {
    pub(crate) fn new(
        engine: &Engine,
        work: &Work,
        load: Duration,
        raw_load: Duration,
        peak: ProcessMemory,
        pairs: &[(Run, Run)],
        busy: Option<Busy>,
    ) -> Self {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        Self {
            threads: work.threads,
            context_tokens: work.context_tokens,
            prompt_tokens: pairs.first().map_or(0, |(ours, _)| ours.prompt_tokens),
            decode_tokens: work.decode_tokens,
            repetitions: pairs.len(),
            cpu: cpu_facts().features,
            load_ms: ms(load),
            raw_load_ms: ms(raw_load),
            time_to_first_token_ms: median_of(pairs, |(ours, _)| ms(ours.first_token)),
            raw_time_to_first_token_ms: median_of(pairs, |(_, raw)| ms(raw.first_token)),
            prefill_tokens_per_s: median_of(pairs, |(ours, _)| ours.prefill_tokens_per_s()),
            raw_prefill_tokens_per_s: median_of(pairs, |(_, raw)| raw.prefill_tokens_per_s()),
            decode_tokens_per_s: median_of(pairs, |(ours, _)| ours.decode_tokens_per_s()),
            raw_decode_tokens_per_s: median_of(pairs, |(_, raw)| raw.decode_tokens_per_s()),
            prefill_ratio: median_of(pairs, |(ours, raw)| {
                ours.prefill_tokens_per_s() / raw.prefill_tokens_per_s()
            }),
            decode_ratio: median_of(pairs, |(ours, raw)| {
                ours.decode_tokens_per_s() / raw.decode_tokens_per_s()
            }),
            pairs: pairs.iter().map(Pair::from).collect(),
            equal_replies: pairs
                .iter()
                .filter(|(ours, raw)| ours.text == raw.text)
                .count(),
            peak_rss_bytes: peak.rss_bytes,
            peak_anon_bytes: peak.anonymous_bytes,
            model_bytes: engine.facts().file_bytes,
            adapter_bytes: work
                .candidate
                .as_ref()
                .map(|candidate| candidate.bytes().len() as u64),
            estimate: EstimateReport::from(&engine.memory_estimate()),
            busy,
        }
    }

    /// The figures in columns, for a person.
    pub(crate) fn table(&self, title: &str) -> String {
        let adapter = self.adapter_bytes.map_or_else(String::new, |bytes| {
            format!(", under an adapter of {}", human_bytes(bytes))
        });
        let mut out = format!(
            "{title}, {}{adapter}, {} threads, context of {} tokens, {} of prompt and {} of reply, {} pairs\n\n",
            human_bytes(self.model_bytes),
            self.threads,
            grouped(u64::from(self.context_tokens)),
            self.prompt_tokens,
            self.decode_tokens,
            self.repetitions,
        );
        out += &columns(["", "pocketune", "llama.cpp", "ratio"]);
        let rate = |value: f64| format!("{value:.1} tok/s");
        let ms = |value: f64| format!("{value:.0} ms");
        let ratio = |value: f64| format!("{value:.3}");
        let mut row = |name, ours: String, raw: String, ratio: String| {
            out += &columns([name, &ours, &raw, &ratio]);
        };
        row(
            "load",
            ms(self.load_ms),
            ms(self.raw_load_ms),
            String::new(),
        );
        row(
            "first token",
            ms(self.time_to_first_token_ms),
            ms(self.raw_time_to_first_token_ms),
            String::new(),
        );
        row(
            "prefill",
            rate(self.prefill_tokens_per_s),
            rate(self.raw_prefill_tokens_per_s),
            ratio(self.prefill_ratio),
        );
        row(
            "decode",
            rate(self.decode_tokens_per_s),
            rate(self.raw_decode_tokens_per_s),
            ratio(self.decode_ratio),
        );
        if let Some(busy) = &self.busy {
            row(
                "decode, busy",
                rate(busy.busy_decode_tokens_per_s),
                rate(busy.raw_busy_decode_tokens_per_s),
                String::new(),
            );
            row(
                "busy / alone",
                ratio(busy.busy_ratio),
                ratio(busy.raw_busy_ratio),
                String::new(),
            );
        }
        out += &format!(
            "\npeak memory {} ({} anonymous), estimated {}; {} of {} replies equal\n",
            human_bytes(self.peak_rss_bytes),
            human_bytes(self.peak_anon_bytes),
            human_bytes(self.estimate.required_bytes),
            self.equal_replies,
            self.repetitions,
        );
        out
    }
}

fn columns([name, ours, raw, ratio]: [&str; 4]) -> String {
    let line = format!("{name:<14}{ours:>14}{raw:>14}{ratio:>8}");
    format!("{}\n", line.trim_end())
}

/// The median of what `figure` reads from each pair; 0 without any.
pub(crate) fn median_of(pairs: &[(Run, Run)], figure: impl Fn(&(Run, Run)) -> f64) -> f64 {
    let mut figures: Vec<f64> = pairs.iter().map(figure).collect();
    figures.sort_unstable_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match (figures.get(middle), figures.len() % 2) {
        (Some(&upper), 1) => upper,
        (Some(&upper), _) => {
            let lower = middle.checked_sub(1).and_then(|below| figures.get(below));
            (upper + lower.copied().unwrap_or(upper)) / 2.0
        }
        (None, _) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Run, median_of};

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        let pairs: Vec<_> = [4.0, 1.0, 3.0, 2.0].map(pair).into_iter().collect();
        let first = |(ours, _): &(Run, Run)| ours.first_token.as_secs_f64();
        assert_eq!(median_of(&pairs, first), 2.5);
        assert_eq!(median_of(&pairs[..3], first), 3.0);
        assert_eq!(median_of(&[], first), 0.0);
    }

    fn pair(seconds: f64) -> (Run, Run) {
        let run = Run {
            first_token: Duration::from_secs_f64(seconds),
            decode: Duration::ZERO,
            prompt_tokens: 0,
            generated_tokens: 0,
            text: String::new(),
        };
        (run.clone(), run)
    }
}
