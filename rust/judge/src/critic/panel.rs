//! Several critics, and one ruling on what they found.

use serde::{Deserialize, Serialize};

use super::reading::Reading;
use super::{Critic, Exchange, Finding};

/// Critics that judge together.
///
/// The ruling is [`Ruling::Fail`] when any finding lies below its critic's `fail_below`;
/// otherwise [`Ruling::NeedsReview`] when any lies below its `review_below`, or when the
/// lowest lies more than `disagreement_max` below the panel's score; otherwise
/// [`Ruling::Pass`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "PanelConfig", into = "PanelConfig")]
pub struct Panel {
    config: PanelConfig,
}

/// A panel as it is written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PanelConfig {
    /// Who sits on it.
    pub members: Vec<Member>,
    /// How far below the panel's score a single finding may lie before a person should look,
    /// 0 to 1.
    #[serde(default = "disagreement_max")]
    pub disagreement_max: f64,
}

/// A critic on a panel.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Which.
    pub critic: Critic,
    /// Below this score the reply fails, 0 to 1.
    pub fail_below: f64,
    /// Below this score a person should look, `fail_below` to 1.
    pub review_below: f64,
    /// Its share of the panel's score, more than 0.
    pub weight: f64,
}

/// What a panel decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// Nothing to object.
    Pass,
    /// Certainly at fault.
    Fail,
    /// A person should look.
    NeedsReview,
}

/// A ruling and what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judgement {
    /// The decision.
    pub ruling: Ruling,
    /// The mean of all findings by their weights, from 0 to 1. A mean, because a score is to
    /// rank replies by all of their faults; the ruling sees to it that a grave one counts.
    pub score: f64,
    /// One of each member, in the panel's order.
    pub findings: Vec<Finding>,
}

/// Why a panel cannot judge.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum CriticError {
    /// There is nobody on it.
    #[error("the panel has no members")]
    NoMembers,
    /// A critic sits on it twice.
    #[error("{} is on the panel twice", critic.name())]
    Duplicate {
        /// Which.
        critic: Critic,
    },
    /// A threshold is not from 0 to 1.
    #[error("a threshold of {} is {value}: not from 0 to 1", critic.name())]
    ThresholdOutOfRange {
        /// Whose.
        critic: Critic,
        /// The threshold; perhaps not a number.
        value: f64,
    },
    /// What fails would not even be looked at.
    #[error("{} fails below {fail_below}, but needs review only below {review_below}", critic.name())]
    ReviewBelowFail {
        /// Whose.
        critic: Critic,
        /// Its threshold of failing.
        fail_below: f64,
        /// Its threshold of review.
        review_below: f64,
    },
    /// A weight is not a number above 0.
    #[error("the weight of {} is {value}: not above 0", critic.name())]
    Weight {
        /// Whose.
        critic: Critic,
        /// The weight.
        value: f64,
    },
    /// The tolerated disagreement is not from 0 to 1.
    #[error("the tolerated disagreement is {value}: not from 0 to 1")]
    Disagreement {
        /// What it is.
        value: f64,
    },
}

fn disagreement_max() -> f64 {
    0.5
}

impl Panel {
    /// A panel of these members.
    ///
    /// # Errors
    /// The first [`CriticError`], in the order of its variants.
    pub fn new(config: PanelConfig) -> Result<Self, CriticError> {
        if config.members.is_empty() {
            return Err(CriticError::NoMembers);
        }
        for (at, member) in config.members.iter().enumerate() {
            let critic = member.critic;
            if config
                .members
                .iter()
                .take(at)
                .any(|other| other.critic == critic)
            {
                return Err(CriticError::Duplicate { critic });
            }
            member.check()?;
        }
        let value = config.disagreement_max;
        if !(0.0..=1.0).contains(&value) {
            return Err(CriticError::Disagreement { value });
        }
        Ok(Self { config })
    }

    /// Who sits on it, and what it tolerates.
    #[must_use]
    pub fn config(&self) -> &PanelConfig {
        &self.config
    }

    /// Judges one reply. Does not block.
    #[must_use]
    pub fn judge(&self, exchange: &Exchange<'_>) -> Judgement {
        let reading = Reading::of(exchange);
        let members = &self.config.members;
        let findings: Vec<Finding> = members
            .iter()
            .map(|member| member.critic.look(&reading))
            .collect();
        let weights: f64 = members.iter().map(|member| member.weight).sum();
        let pairs = || members.iter().zip(&findings);
        // Shares first: the sum of weights may be too large for a product.
        let score: f64 = pairs()
            .map(|(member, finding)| member.weight / weights * finding.score)
            .sum();
        let score = score.clamp(0.0, 1.0);
        let lowest = findings
            .iter()
            .map(|finding| finding.score)
            .fold(1.0, f64::min);
        let ruling = if pairs().any(|(member, finding)| finding.score < member.fail_below) {
            Ruling::Fail
        } else if pairs().any(|(member, finding)| finding.score < member.review_below)
            || score - lowest > self.config.disagreement_max
        {
            Ruling::NeedsReview
        } else {
            Ruling::Pass
        };
        Judgement {
            ruling,
            score,
            findings,
        }
    }
}

impl Default for Panel {
    /// All critics. What rests on words alone (language, refusals, contradictions, balance)
    /// is reviewed more often than failed; what is certain or does harm weighs double.
    fn default() -> Self {
        use Critic::{
            Balance, Contradiction, EmptyOrCutOff, Format, Language, Length, PersonalData,
            PromptEcho, Repetition, TemplateLeak, UndueRefusal, UnsafeCompliance,
        };
        let members = Critic::ALL.into_iter().map(|critic| {
            let (fail_below, review_below, weight) = match critic {
                EmptyOrCutOff | Repetition => (0.5, 0.8, 2.0),
                TemplateLeak => (0.5, 0.8, 1.0),
                UnsafeCompliance | PersonalData => (0.45, 0.8, 2.0),
                Length => (0.5, 0.85, 1.0),
                Language | PromptEcho | UndueRefusal => (0.35, 0.8, 1.0),
                Contradiction => (0.25, 0.8, 1.0),
                Format => (0.5, 0.8, 1.0),
                Balance => (0.25, 0.8, 0.5),
            };
            Member {
                critic,
                fail_below,
                review_below,
                weight,
            }
        });
        Self {
            config: PanelConfig {
                members: members.collect(),
                disagreement_max: disagreement_max(),
            },
        }
    }
}

impl TryFrom<PanelConfig> for Panel {
    type Error = CriticError;

    fn try_from(config: PanelConfig) -> Result<Self, CriticError> {
        Self::new(config)
    }
}

impl From<Panel> for PanelConfig {
    fn from(panel: Panel) -> Self {
        panel.config
    }
}

impl Member {
    fn check(&self) -> Result<(), CriticError> {
        let (critic, fail_below, review_below) = (self.critic, self.fail_below, self.review_below);
        for value in [fail_below, review_below] {
            if !(0.0..=1.0).contains(&value) {
                return Err(CriticError::ThresholdOutOfRange { critic, value });
            }
        }
        if review_below < fail_below {
            return Err(CriticError::ReviewBelowFail {
                critic,
                fail_below,
                review_below,
            });
        }
        let value = self.weight;
        if !(value > 0.0 && value.is_finite()) {
            return Err(CriticError::Weight { critic, value });
        }
        Ok(())
    }
}
