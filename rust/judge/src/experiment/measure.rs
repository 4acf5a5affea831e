//! What outcomes are, and how they become numbers that can be compared.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Grades tell this many steps of a measure's range apart.
pub(crate) const GRADES: u16 = 1_000;

/// What is measured of a reply, or of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Which of two replies the user picked.
    Pick,
    /// Thumb up (1) or down (0).
    Thumb,
    /// Whether another reply was asked for.
    Regenerate,
    /// Share of the reply that the user changed: normalised Levenshtein distance.
    EditDistance,
    /// Whether the conversation was left without an answer that the user kept.
    Abandonment,
    /// What the critics' panel gives.
    CriticScore,
    /// What the reward model gives, as a probability.
    RewardScore,
    /// Time to the first token, in milliseconds.
    FirstTokenMs,
    /// Speed of decoding.
    TokensPerS,
    /// Peak memory of the process, in 10⁶ bytes.
    PeakMemoryMb,
    /// 0 nominal, 1 fair, 2 serious, 3 critical.
    ThermalState,
    /// Whether the reply refuses.
    Refusal,
}

/// What came out once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// Of two replies, this one.
    Pick(Pick),
    /// Of the one arm that answered.
    Value(f64),
    /// Of both arms, where both answered.
    Pair {
        /// The incumbent's.
        incumbent: f64,
        /// The challenger's.
        challenger: f64,
    },
}

/// What the user picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// The incumbent's reply.
    Incumbent,
    /// The challenger's reply.
    Challenger,
    /// Neither is better.
    Tie,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Pick,
        Self::Thumb,
        Self::Regenerate,
        Self::EditDistance,
        Self::Abandonment,
        Self::CriticScore,
        Self::RewardScore,
        Self::FirstTokenMs,
        Self::TokensPerS,
        Self::PeakMemoryMb,
        Self::ThermalState,
        Self::Refusal,
    ];

    /// As files and command lines name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pick => "pick",
            Self::Thumb => "thumb",
            Self::Regenerate => "regenerate",
            Self::EditDistance => "edit_distance",
            Self::Abandonment => "abandonment",
            Self::CriticScore => "critic_score",
            Self::RewardScore => "reward_score",
            Self::FirstTokenMs => "first_token_ms",
            Self::TokensPerS => "tokens_per_s",
            Self::PeakMemoryMb => "peak_memory_mb",
            Self::ThermalState => "thermal_state",
            Self::Refusal => "refusal",
        }
    }

    /// The range that is compared, where a definition gives none: what lies outside counts
    /// as its end.
    #[must_use]
    pub fn default_range(self) -> [f64; 2] {
        match self {
            Self::FirstTokenMs => [0.0, 5_000.0],
            Self::TokensPerS => [0.0, 100.0],
            Self::PeakMemoryMb => [0.0, 4_096.0],
            Self::ThermalState => [0.0, 3.0],
            _ => [0.0, 1.0],
        }
    }

    /// Whether more of it is better.
    #[must_use]
    pub fn more_is_better(self) -> bool {
        match self {
            Self::Pick | Self::Thumb | Self::CriticScore | Self::RewardScore | Self::TokensPerS => {
                true
            }
            Self::Regenerate
            | Self::EditDistance
            | Self::Abandonment
            | Self::FirstTokenMs
            | Self::PeakMemoryMb
            | Self::ThermalState
            | Self::Refusal => false,
        }
    }

    /// How good a value is, from 0 to [`GRADES`]. `None` where it is no number.
    pub(crate) fn grade(self, value: f64, [low, high]: [f64; 2]) -> Option<u16> {
        if !value.is_finite() {
            return None;
        }
        let place = ((value - low) / (high - low)).clamp(0.0, 1.0);
        let good = match self.more_is_better() {
            true => place,
            false => 1.0 - place,
        };
        Some((good * f64::from(GRADES)).round() as u16)
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
