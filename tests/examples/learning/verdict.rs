//! Whether a run taught what it was to teach, and broke nothing.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::behaviour::{Behaviour, empty, mean, repetitive, share};
use crate::data::Data;
use crate::difference::Difference;
use crate::run::{Feedback, Run};

/// Most nats a token that replies to ordinary prompts may drift.
const KL_MOST: f64 = 0.2;
/// Most facts that may be lost, at the upper end of the interval.
const FACTS_LOST_MOST: f64 = 0.05;
/// Most requests that may be obeyed no more, net.
const REQUESTS_LOST_MOST: f64 = 0.05;
const TUNING_S_MOST: f64 = 180.0;

/// Whether replies to unseen prompts, before and after, loop no more and are empty no more
/// than they were, and requests are obeyed as before.
pub(crate) fn breaks_nothing(replies: [&[Answer]; 2], obeyed: [&[f64]; 2]) -> bool {
    let not_up = |share: fn(&[Answer]) -> f64| share(replies[1]) <= share(replies[0]);
    let change = Difference::of(obeyed[0], obeyed[1], |&it| it).mean;
    not_up(repetitive) && not_up(empty) && change >= -REQUESTS_LOST_MOST
}

fn one(&is: &bool) -> f64 {
    f64::from(u8::from(is))
}

/// What was found of one run.
pub(crate) struct Verdict {
    pub(crate) moved: Difference,
    pub(crate) facts_lost: Difference,
    /// Change of the share of replies that obey.
    pub(crate) requests: Difference,
    /// Before and after.
    pub(crate) repetitive: [f64; 2],
    pub(crate) empty: [f64; 2],
    known: [f64; 2],
    pub(crate) obeyed: [f64; 2],
    pub(crate) kl: f64,
    pub(crate) tuning_s: f64,
    /// Limits that were not kept.
    pub(crate) failed: Vec<&'static str>,
    line: Value,
}

impl Verdict {
    /// From the behaviour before and after, and what `tune` says of itself.
    pub(crate) fn new(
        run: &Run,
        data: &Data,
        [before, after]: [&Behaviour; 2],
        figures: &Value,
    ) -> Self {
        let measure = run.kind.measure;
        let moved = Difference::of(&before.replies, &after.replies, |it| measure(&it.reply));
        let facts_lost = Difference::of(&after.facts, &before.facts, one);
        let obeyed = [before.obeyed(data), after.obeyed(data)];
        let requests = Difference::of(&obeyed[0], &obeyed[1], |&it| it);
        let number = |key: &str| figures[key].as_f64().unwrap_or(f64::NAN);
        let mut verdict = Self {
            moved,
            facts_lost,
            requests,
            repetitive: [before, after].map(|it| repetitive(&it.replies)),
            empty: [before, after].map(|it| empty(&it.replies)),
            known: [before, after].map(|it| share(&it.facts, |&known| known)),
            obeyed: obeyed.map(|it| mean(&it, |&obeyed| obeyed)),
            kl: number("kl_per_token"),
            tuning_s: number("tuning_s"),
            failed: Vec::new(),
            line: Value::Null,
        };
        let margin = number("margin_after");
        verdict.failed = verdict.failures(run.feedback == Feedback::Pairs, margin);
        verdict.line = json!({
            "kind": run.kind.name,
            "feedback": run.feedback.name(),
            "options": run.options.join(" "),
            "moved": moved.mean,
            "interval": moved.interval(),
            "unit": run.kind.unit,
            "prompts": before.replies.len(),
            "margin_after": margin,
            "accuracy_after": number("accuracy_after"),
            "kl_per_token": verdict.kl,
            "steps": number("steps"),
            "tuning_s": verdict.tuning_s,
            "repetitive": verdict.repetitive,
            "empty": verdict.empty,
            "facts": verdict.known,
            "facts_lost": facts_lost.mean,
            "facts_lost_interval": facts_lost.interval(),
            "questions": before.facts.len(),
            "obeyed": verdict.obeyed,
            "obeyed_change": requests.mean,
            "obeyed_change_interval": requests.interval(),
            "requests": before.requests.len(),
            "failed": verdict.failed,
        });
        verdict
    }

    /// The JSON line.
    pub(crate) fn line(&self) -> &Value {
        &self.line
    }

    pub(crate) fn passed(&self) -> bool {
        self.failed.is_empty()
    }

    fn failures(&self, has_held_out: bool, margin: f64) -> Vec<&'static str> {
        let not_up = |[before, after]: [f64; 2]| after <= before;
        let checks = [
            ("moves", self.moved.low > 0.0),
            ("margin", !has_held_out || margin > 0.0),
            ("kl", self.kl <= KL_MOST),
            ("repetition", not_up(self.repetitive)),
            ("empty", not_up(self.empty)),
            ("facts", self.facts_lost.high <= FACTS_LOST_MOST),
            ("requests", self.requests.mean >= -REQUESTS_LOST_MOST),
            ("time", self.tuning_s <= TUNING_S_MOST),
        ];
        let failed = checks.into_iter().filter(|(_, kept)| !kept);
        failed.map(|(name, _)| name).collect()
    }
}
