//! Critics of a reply of this engine.

use pocketune_judge::critic::{Exchange, Expectation, Judgement, Panel, ReplyEnd};

use crate::reply::StopReason;

/// Lets all critics look at one reply, with nothing expected of it but what its prompt
/// demands. Does not block.
#[must_use]
pub fn criticize(
    system_prompt: Option<&str>,
    prompt: &str,
    reply: &str,
    stop_reason: StopReason,
) -> Judgement {
    let expect = Expectation::default();
    let exchange = Exchange {
        system: system_prompt,
        context: None,
        prompt,
        reply,
        end: stop_reason.into(),
        expect: &expect,
    };
    Panel::default().judge(&exchange)
}

impl From<StopReason> for ReplyEnd {
    fn from(reason: StopReason) -> Self {
        match reason {
            StopReason::EndOfTurn => Self::Natural,
            StopReason::MaxTokens | StopReason::ContextFull => Self::Limit,
            StopReason::StopString => Self::Stopped,
            StopReason::Cancelled => Self::Cancelled,
        }
    }
}
