//! What a reply is called and how it came to be.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use pocketune_adapter::{Digest, Timestamp};
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Error;
use crate::options::{GenerationOptions, Penalties};

/// Names one reply, for good: 128 random bits, written as 32 lower-case hexadecimal
/// digits. It says nothing about the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyId(u128);

impl ReplyId {
    /// A new one.
    ///
    /// # Errors
    /// [`Error::Io`] where the system has no random bits.
    pub(crate) fn make_random() -> Result<Self, Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| Error::Io(error.into()))?;
        Ok(Self(u128::from_be_bytes(bytes)))
    }

    /// From its one spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let this = Self(u128::from_str_radix(text, 16).ok()?);
        (this.to_string() == text).then_some(this)
    }
}

impl fmt::Display for ReplyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for ReplyId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ReplyId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::invalid_value(
                Unexpected::Other("another text"),
                &"32 lower-case hexadecimal digits",
            )
        })
    }
}

/// An adapter and the factor on its change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AppliedAdapter {
    /// SHA-256 of the adapter's file.
    pub sha256: Digest,
    /// 1 for all of its change.
    pub scale: f32,
}

/// How the tokens of a reply were chosen: what was asked for, with everything that was
/// left open filled in. Biases, stop strings and constraints are not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReplySampling {
    /// 0 is greedy: then `top_k`, `top_p`, `min_p` and `seed` had no effect.
    pub temperature: f32,
    /// Tokens that were kept; 0 is all.
    pub top_k: u32,
    /// The probability that was kept; 1 is all.
    pub top_p: f32,
    /// The least probability of a kept token as a share of the likeliest one's.
    pub min_p: f32,
    /// Penalties on repetition.
    pub penalties: Penalties,
    /// Seed of the draw.
    pub seed: u32,
    /// Most tokens that the reply could have.
    pub max_tokens: u32,
}

impl ReplySampling {
    pub(crate) fn of(options: &GenerationOptions, seed: u32) -> Self {
        let sampling = &options.sampling;
        Self {
            temperature: sampling.temperature,
            top_k: sampling.top_k,
            top_p: sampling.top_p,
            min_p: sampling.min_p,
            penalties: sampling.penalties,
            seed,
            max_tokens: options.max_tokens,
        }
    }

    fn is_finite(&self) -> bool {
        let penalties = &self.penalties;
        let numbers = [
            self.temperature,
            self.top_p,
            self.min_p,
            penalties.repeat,
            penalties.frequency,
            penalties.presence,
        ];
        numbers.iter().all(|number| number.is_finite())
    }
}

/// Where a reply comes from. It stays with the reply when its chat is saved and restored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplyOrigin {
    /// Names the reply.
    pub id: ReplyId,
    /// When it was asked for, by the device's clock.
    pub time: Timestamp,
    /// What it was computed under, in their order; empty for the model as it is.
    pub adapters: Vec<AppliedAdapter>,
    /// How its tokens were chosen.
    pub sampling: ReplySampling,
}

impl ReplyOrigin {
    /// Whether all of its numbers are numbers: JSON's need not be, once they are read.
    pub(crate) fn is_finite(&self) -> bool {
        let mut adapters = self.adapters.iter();
        self.sampling.is_finite() && adapters.all(|adapter| adapter.scale.is_finite())
    }
}

/// The origins of a history's replies.
pub(crate) type Origins = BTreeMap<ReplyId, Arc<ReplyOrigin>>;

#[cfg(test)]
mod tests {
    use super::ReplyId;

    #[test]
    fn ids_have_one_spelling_and_differ() {
        let id = ReplyId::make_random().unwrap();
        assert_eq!(ReplyId::parse(&id.to_string()), Some(id));
        assert_ne!(ReplyId::make_random().unwrap(), id);
        let zeros = "0".repeat(32);
        assert_eq!(ReplyId::parse(&zeros).unwrap().to_string(), zeros);
        let upper = "A".repeat(32);
        let signed = format!("+{}", "0".repeat(31));
        for other in [
            "",
            "0",
            "g",
            &"0".repeat(31),
            &"0".repeat(33),
            &upper,
            &signed,
        ] {
            assert_eq!(ReplyId::parse(other), None, "{other}");
        }
    }
}
