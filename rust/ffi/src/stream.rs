//! Replies, whole and in parts.

use std::sync::Arc;

use pocketune_core as core;

use crate::adapter_records::AdapterChoice;
use crate::error::PocketuneError;
use crate::records::Penalties;

/// Why a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum StopReason {
    /// The model ended its turn, or the constraint was fulfilled.
    EndOfTurn,
    /// A stop string came up.
    StopString,
    /// `max_tokens` were generated.
    MaxTokens,
    /// The context is full.
    ContextFull,
    /// The request was cancelled; the text is what there was.
    Cancelled,
}

impl From<core::StopReason> for StopReason {
    fn from(reason: core::StopReason) -> Self {
        match reason {
            core::StopReason::EndOfTurn => Self::EndOfTurn,
            core::StopReason::StopString => Self::StopString,
            core::StopReason::MaxTokens => Self::MaxTokens,
            core::StopReason::ContextFull => Self::ContextFull,
            core::StopReason::Cancelled => Self::Cancelled,
        }
    }
}

impl From<StopReason> for core::StopReason {
    fn from(reason: StopReason) -> Self {
        match reason {
            StopReason::EndOfTurn => Self::EndOfTurn,
            StopReason::StopString => Self::StopString,
            StopReason::MaxTokens => Self::MaxTokens,
            StopReason::ContextFull => Self::ContextFull,
            StopReason::Cancelled => Self::Cancelled,
        }
    }
}

/// How the tokens of a reply were chosen: what was asked for, with everything that was
/// left open filled in. Biases, stop strings and constraints are not repeated.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct ReplySampling {
    /// 0 is greedy: then top-k, top-p, min-p and the seed had no effect.
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

impl From<core::ReplySampling> for ReplySampling {
    fn from(sampling: core::ReplySampling) -> Self {
        Self {
            temperature: sampling.temperature,
            top_k: sampling.top_k,
            top_p: sampling.top_p,
            min_p: sampling.min_p,
            penalties: sampling.penalties.into(),
            seed: sampling.seed,
            max_tokens: sampling.max_tokens,
        }
    }
}

/// A finished reply, how it came to be and what it cost.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Reply {
    /// Names the reply, also in the history and after the chat was saved and restored: 32
    /// hexadecimal digits.
    pub id: String,
    /// When it was asked for, in seconds since 1970.
    pub time_s: i64,
    /// The adapters it was computed under; empty for the model as it is.
    pub adapters: Vec<AdapterChoice>,
    /// How its tokens were chosen.
    pub sampling: ReplySampling,
    /// The text, without stop strings.
    pub text: String,
    /// Why it ended.
    pub stop_reason: StopReason,
    /// Tokens of the prompt, reused ones included.
    pub prompt_tokens: u32,
    /// Prompt tokens that were still cached.
    pub reused_tokens: u32,
    /// Tokens generated.
    pub generated_tokens: u32,
    /// Messages of the history that were left out to fit the context.
    pub dropped_messages: u32,
    /// From the request to its first token, in ms.
    pub time_to_first_token_ms: f64,
    /// Prompt tokens computed per second; 0 when all were reused.
    pub prefill_tokens_per_s: f64,
    /// Tokens generated per second after the first.
    pub decode_tokens_per_s: f64,
}

impl From<core::Reply> for Reply {
    fn from(reply: core::Reply) -> Self {
        let origin = reply.origin;
        Self {
            id: origin.id.to_string(),
            time_s: origin.time.unix_seconds(),
            adapters: origin.adapters.into_iter().map(Into::into).collect(),
            sampling: origin.sampling.into(),
            text: reply.text,
            stop_reason: reply.stop_reason.into(),
            prompt_tokens: reply.prompt_tokens,
            reused_tokens: reply.reused_tokens,
            generated_tokens: reply.generated_tokens,
            dropped_messages: reply.dropped_messages,
            time_to_first_token_ms: reply.time_to_first_token_ms,
            prefill_tokens_per_s: reply.prefill_tokens_per_s,
            decode_tokens_per_s: reply.decode_tokens_per_s,
        }
    }
}

/// A part of a reply as it is generated.
#[derive(Debug, Clone, PartialEq, uniffi::Enum)]
pub enum ReplyPart {
    /// The next piece of text: whole characters, never a part of a stop string.
    Text {
        /// The piece.
        text: String,
    },
    /// The end; nothing follows.
    Done {
        /// The whole reply.
        reply: Reply,
    },
}

/// The parts of one reply, as they come. Freeing the stream cancels the reply.
#[derive(Debug, uniffi::Object)]
pub struct ReplyStream(core::ReplyStream);

impl ReplyStream {
    pub(crate) fn wrap(stream: core::ReplyStream) -> Arc<Self> {
        Arc::new(Self(stream))
    }
}

#[uniffi::export]
impl ReplyStream {
    /// The next part, or null after the end. Several may be pulled at once; each
    /// part goes to one of them.
    ///
    /// # Errors
    /// What the reply failed with.
    pub async fn next(&self) -> Result<Option<ReplyPart>, PocketuneError> {
        match self.0.next().await {
            None => Ok(None),
            Some(Ok(core::ReplyPart::Text(text))) => Ok(Some(ReplyPart::Text { text })),
            Some(Ok(core::ReplyPart::Done(reply))) => Ok(Some(ReplyPart::Done {
                reply: reply.into(),
            })),
            Some(Err(error)) => Err(error.into()),
        }
    }

    /// Asks the reply to stop. Returns at once; a last part with
    /// `StopReason.Cancelled` follows.
    pub fn cancel(&self) {
        self.0.cancel();
    }
}
