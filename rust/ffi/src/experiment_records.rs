//! What is recorded in experiments, and what they prove.

use pocketune_core as core;

use crate::stream::Reply;

/// One of the two variants of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Arm {
    /// What is in use, and stays unless the other proves better.
    Incumbent,
    /// What may take its place.
    Challenger,
}

impl From<core::Arm> for Arm {
    fn from(arm: core::Arm) -> Self {
        match arm {
            core::Arm::Incumbent => Self::Incumbent,
            core::Arm::Challenger => Self::Challenger,
        }
    }
}

/// What is measured of a reply, or of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Measure {
    /// Which of two replies the user picked.
    Pick,
    /// Thumb up (1) or down (0).
    Thumb,
    /// Whether another reply was asked for, 1 or 0.
    Regenerate,
    /// Share of the reply that the user changed.
    EditDistance,
    /// Whether the conversation was left without an answer that the user kept, 1 or 0.
    Abandonment,
    /// What the critics give, 0 to 1.
    CriticScore,
    /// What the reward model gives, as a probability.
    RewardScore,
    /// Time to the first token, in ms.
    FirstTokenMs,
    /// Speed of decoding.
    TokensPerS,
    /// Peak memory of the process, in 10⁶ bytes.
    PeakMemoryMb,
    /// 0 nominal, 1 fair, 2 serious, 3 critical.
    ThermalState,
    /// Whether the reply refuses, 1 or 0.
    Refusal,
}

macro_rules! measures {
    ($($name:ident),*) => {
        impl From<core::Measure> for Measure {
            fn from(measure: core::Measure) -> Self {
                match measure { $(core::Measure::$name => Self::$name,)* }
            }
        }

        impl From<Measure> for core::Measure {
            fn from(measure: Measure) -> Self {
                match measure { $(Measure::$name => Self::$name,)* }
            }
        }
    };
}

measures!(
    Pick,
    Thumb,
    Regenerate,
    EditDistance,
    Abandonment,
    CriticScore,
    RewardScore,
    FirstTokenMs,
    TokensPerS,
    PeakMemoryMb,
    ThermalState,
    Refusal
);

/// What came out once.
#[derive(Debug, Clone, Copy, PartialEq, uniffi::Enum)]
pub enum Outcome {
    /// Of two replies, this arm's; of neither, null.
    Picked {
        /// Whose.
        arm: Option<Arm>,
    },
    /// Of the one arm that answered.
    Value {
        /// How much, in the measure's unit.
        value: f64,
    },
    /// Of both arms, where both answered.
    Pair {
        /// The incumbent's.
        incumbent: f64,
        /// The challenger's.
        challenger: f64,
    },
}

impl From<Outcome> for core::Outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Picked { arm } => Self::Pick(match arm {
                Some(Arm::Incumbent) => core::Pick::Incumbent,
                Some(Arm::Challenger) => core::Pick::Challenger,
                None => core::Pick::Tie,
            }),
            Outcome::Value { value } => Self::Value(value),
            Outcome::Pair {
                incumbent,
                challenger,
            } => Self::Pair {
                incumbent,
                challenger,
            },
        }
    }
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Verdict {
    /// The challenger takes the incumbent's place.
    Promote,
    /// The challenger is worse and goes.
    RollBack,
    /// Nothing is proven yet.
    KeepGoing,
    /// Nothing was proven; the incumbent stays.
    Inconclusive,
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum VerdictReason {
    /// The goal of the primary metric is reached and every guardrail holds.
    PrimaryBetter,
    /// The challenger is worse by the primary metric.
    PrimaryWorse,
    /// It is worse by a guardrail's margin.
    GuardrailHarmed,
    /// The goal is reached; a guardrail is not shown to hold yet.
    GuardrailOpen,
    /// The goal is reached with fewer outcomes than asked for.
    TooFewOutcomes,
    /// The evidence is not enough yet.
    NotYet,
    /// Arms were not assigned by their weights: nothing that was counted can be believed.
    SampleRatio,
    /// There are as many outcomes as there may be.
    OutcomeLimit,
    /// It has lasted as long as it may.
    DayLimit,
    /// Somebody ended it.
    EndedByHand,
}

/// How many more outcomes of the primary metric a verdict needs, if those to come are as
/// those that came. An estimate, rough early on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Forecast {
    /// Nothing can be said yet.
    Unknown,
    /// Fewer than the limit leaves.
    WithinLimit,
    /// More than the limit leaves.
    BeyondLimit,
}

/// An experiment that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DamagedExperiment {
    /// Its name, with which it can be forgotten.
    pub sha256: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A verdict with its evidence.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Decision {
    /// What to do.
    pub verdict: Verdict,
    /// Why.
    pub reason: VerdictReason,
    /// The guardrail of that reason; null where it is about none.
    pub guardrail: Option<Measure>,
    /// What, why and on which numbers, in a sentence.
    pub sentence: String,
    /// Exposures of the incumbent.
    pub incumbent_exposures: u64,
    /// Exposures of the challenger.
    pub challenger_exposures: u64,
    /// Whether a verdict is in sight.
    pub forecast: Forecast,
    /// About how many more outcomes lead to it; null where it is not in sight.
    pub more_outcomes: Option<u64>,
    /// Evidence by each metric.
    pub metrics: Vec<MetricEvidence>,
}

/// What one metric says. Effects are shares of the metric's range, the challenger's mean
/// less the incumbent's, positive where the challenger is better.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct MetricEvidence {
    /// Which.
    pub measure: Measure,
    /// How many outcomes.
    pub outcomes: u64,
    /// The effect seen; null before both arms have outcomes.
    pub effect: Option<f64>,
    /// Where the effect is at least, at all looks at once, with probability 1 − alpha.
    pub low: f64,
    /// Where it is at most.
    pub high: f64,
}

impl From<core::Decision> for Decision {
    fn from(decision: core::Decision) -> Self {
        let [incumbent_exposures, challenger_exposures] = decision.exposures;
        let (reason, guardrail) = VerdictReason::of(decision.reason);
        let (forecast, more_outcomes) = match decision.forecast {
            core::Forecast::Unknown => (Forecast::Unknown, None),
            core::Forecast::MoreOutcomes(count) => (Forecast::WithinLimit, Some(count)),
            core::Forecast::BeyondLimit => (Forecast::BeyondLimit, None),
        };
        Self {
            verdict: match decision.verdict {
                core::Verdict::Promote => Verdict::Promote,
                core::Verdict::RollBack => Verdict::RollBack,
                core::Verdict::KeepGoing => Verdict::KeepGoing,
                core::Verdict::Inconclusive => Verdict::Inconclusive,
            },
            reason,
            guardrail: guardrail.map(Into::into),
            sentence: decision.sentence,
            incumbent_exposures,
            challenger_exposures,
            forecast,
            more_outcomes,
            metrics: decision.metrics.into_iter().map(Into::into).collect(),
        }
    }
}

impl VerdictReason {
    /// A reason, and the guardrail that it is about.
    fn of(reason: core::Reason) -> (Self, Option<core::Measure>) {
        match reason {
            core::Reason::PrimaryBetter => (Self::PrimaryBetter, None),
            core::Reason::PrimaryWorse => (Self::PrimaryWorse, None),
            core::Reason::GuardrailHarmed(measure) => (Self::GuardrailHarmed, Some(measure)),
            core::Reason::GuardrailOpen(measure) => (Self::GuardrailOpen, Some(measure)),
            core::Reason::TooFewOutcomes => (Self::TooFewOutcomes, None),
            core::Reason::NotYet => (Self::NotYet, None),
            core::Reason::SampleRatio => (Self::SampleRatio, None),
            core::Reason::OutcomeLimit => (Self::OutcomeLimit, None),
            core::Reason::DayLimit => (Self::DayLimit, None),
            core::Reason::EndedByHand => (Self::EndedByHand, None),
        }
    }
}

impl From<core::MeasureEvidence> for MetricEvidence {
    fn from(evidence: core::MeasureEvidence) -> Self {
        Self {
            measure: evidence.measure.into(),
            outcomes: evidence.outcomes,
            effect: evidence.effect,
            low: evidence.interval.low,
            high: evidence.interval.high,
        }
    }
}

/// What came of a question to a side-by-side conversation.
#[derive(Debug, Clone, PartialEq, uniffi::Enum)]
pub enum Asked {
    /// It takes no part: the reply is in the history.
    One {
        /// The reply.
        reply: Reply,
    },
    /// Two replies to show, in this order; then `pick`.
    Two {
        /// The question's unit in the experiment.
        unit: String,
        /// To be shown first, or on the left.
        first: Reply,
        /// To be shown second.
        second: Reply,
    },
}

impl From<core::Asked> for Asked {
    fn from(asked: core::Asked) -> Self {
        match asked {
            core::Asked::One(reply) => Self::One {
                reply: reply.into(),
            },
            core::Asked::Two(core::Shown {
                unit,
                first,
                second,
            }) => Self::Two {
                unit,
                first: first.into(),
                second: second.into(),
            },
        }
    }
}

/// What the user picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Choice {
    /// The reply that was shown first.
    First,
    /// The reply that was shown second.
    Second,
    /// Neither is better.
    Neither,
}

impl From<Choice> for core::Choice {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::First => Self::First,
            Choice::Second => Self::Second,
            Choice::Neither => Self::Neither,
        }
    }
}
