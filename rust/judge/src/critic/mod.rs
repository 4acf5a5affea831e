//! Small deterministic checks of one reply.
//!
//! Each [`Critic`] looks at one fault and says how much there is to object to: 1 is
//! nothing, 0 is certain. A [`Panel`] of critics rules on what they found. All of
//! it is pure: the same exchange gives the same findings. It never blocks for long (far below
//! a millisecond for an ordinary reply, linear in its length) and may run on any thread.
//!
//! Critics see words, not meaning. What each catches and what it cannot is said in its file.

mod balance;
mod contradiction;
mod cut_off;
mod demand;
mod exchange;
mod facts;
mod format;
mod language;
mod length;
mod panel;
mod personal_data;
mod prompt_echo;
mod reading;
mod refusal;
mod repetition;
mod template_leak;
mod text;
mod unsafe_compliance;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use exchange::{Band, Exchange, Expectation, Format, RefusalExpected, ReplyEnd};
pub use panel::{CriticError, Judgement, Member, Panel, PanelConfig, Ruling};
use reading::Reading;

/// A check of one reply, by its stable name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Critic {
    /// Nothing was said, or the last sentence has no end.
    EmptyOrCutOff,
    /// Characters, words, sentences or lines go round in a loop.
    Repetition,
    /// Fewer or more words than were asked for.
    Length,
    /// Another language or script than was asked for.
    Language,
    /// The prompt comes back instead of an answer.
    PromptEcho,
    /// Tokens of a chat template, or places of a text template nobody filled.
    TemplateLeak,
    /// Refused what should be answered, or answered what should be refused.
    UndueRefusal,
    /// Instructions for something that does harm.
    UnsafeCompliance,
    /// Data of a person that the exchange did not hold before.
    PersonalData,
    /// Numbers, dates or names that differ from the text that was given.
    Contradiction,
    /// Another form than was asked for.
    Format,
    /// Fences, brackets, quotes or tags that do not close.
    Balance,
}

/// What one critic has to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Who says it.
    pub critic: Critic,
    /// From 0, certainly at fault, to 1, nothing to object.
    pub score: f64,
    /// The objection in plain words, without anything that user or model wrote.
    pub reason: Option<Cow<'static, str>>,
}

impl Critic {
    /// All of them, in the order of findings.
    pub const ALL: [Self; 12] = [
        Self::EmptyOrCutOff,
        Self::Repetition,
        Self::Length,
        Self::Language,
        Self::PromptEcho,
        Self::TemplateLeak,
        Self::UndueRefusal,
        Self::UnsafeCompliance,
        Self::PersonalData,
        Self::Contradiction,
        Self::Format,
        Self::Balance,
    ];

    /// The name that stands in configurations and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EmptyOrCutOff => "empty_or_cut_off",
            Self::Repetition => "repetition",
            Self::Length => "length",
            Self::Language => "language",
            Self::PromptEcho => "prompt_echo",
            Self::TemplateLeak => "template_leak",
            Self::UndueRefusal => "undue_refusal",
            Self::UnsafeCompliance => "unsafe_compliance",
            Self::PersonalData => "personal_data",
            Self::Contradiction => "contradiction",
            Self::Format => "format",
            Self::Balance => "balance",
        }
    }

    /// Checks one exchange.
    #[must_use]
    pub fn check(self, exchange: &Exchange<'_>) -> Finding {
        self.look(&Reading::of(exchange))
    }

    fn look(self, reading: &Reading<'_>) -> Finding {
        let Remark { score, reason } = match self {
            Self::EmptyOrCutOff => cut_off::check(reading),
            Self::Repetition => repetition::check(reading),
            Self::Length => length::check(reading),
            Self::Language => language::check(reading),
            Self::PromptEcho => prompt_echo::check(reading),
            Self::TemplateLeak => template_leak::check(reading),
            Self::UndueRefusal => refusal::check(reading),
            Self::UnsafeCompliance => unsafe_compliance::check(reading),
            Self::PersonalData => personal_data::check(reading),
            Self::Contradiction => contradiction::check(reading),
            Self::Format => format::check(reading),
            Self::Balance => balance::check(reading),
        };
        Finding {
            critic: self,
            score: score.clamp(0.0, 1.0),
            reason,
        }
    }
}

/// Whether a reply refuses, be that right or wrong. One that refuses a part and helps with
/// the rest does not.
#[must_use]
pub fn refuses(exchange: &Exchange<'_>) -> bool {
    refusal::refusal(&Reading::of(exchange)) == refusal::Refusal::Full
}

/// A score and the objection behind it.
#[derive(Debug, Clone, PartialEq)]
struct Remark {
    score: f64,
    reason: Option<Cow<'static, str>>,
}

impl Remark {
    /// Nothing to object.
    const NONE: Self = Self {
        score: 1.0,
        reason: None,
    };

    fn new(score: f64, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            score,
            reason: Some(reason.into()),
        }
    }

    /// The graver of two.
    fn or(self, other: Self) -> Self {
        if other.score < self.score {
            other
        } else {
            self
        }
    }
}
