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
    Panel::default().judge(&exchange(
        system_prompt,
        prompt,
        reply,
        stop_reason,
        &expect,
    ))
}

/// A reply of this engine as critics look at it.
pub(crate) fn exchange<'a>(
    system: Option<&'a str>,
    prompt: &'a str,
    reply: &'a str,
    stop_reason: StopReason,
    expect: &'a Expectation,
) -> Exchange<'a> {
    Exchange {
        system,
        context: None,
        prompt,
        reply,
        end: stop_reason.into(),
        expect,
    }
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
