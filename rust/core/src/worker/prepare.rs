//! From a request to prompt tokens that fit the context.

use std::sync::Arc;

use pocketune_llama::Token;

use crate::cancel::CancelToken;
use crate::conversation::OverflowPolicy;
use crate::conversation::{Ask, Conversation, OpenTurn, PromptText};
use crate::error::Error;
use crate::worker::{LaneId, WorkerState};

/// Where a prompt comes from.
pub(crate) enum Source {
    /// A turn of a chat.
    Chat {
        conversation: Arc<Conversation>,
        ask: Ask,
    },
    /// Text to go on with.
    Raw(PromptText),
}

/// A prompt that fits.
pub(crate) struct Prepared {
    pub(crate) tokens: Vec<Token>,
    pub(crate) text: PromptText,
    pub(crate) open_turn: Option<OpenTurn>,
    pub(crate) dropped_messages: usize,
}

pub(crate) fn prepare(
    source: &Source,
    max_tokens: u32,
    lane: LaneId,
    state: &WorkerState,
    cancel: &CancelToken,
) -> Result<Prepared, Error> {
    match source {
        Source::Raw(text) => {
            let tokens = tokenize(text, lane, state)?;
            check_fits(&tokens, state)?;
            Ok(Prepared {
                tokens,
                text: text.clone(),
                open_turn: None,
                dropped_messages: 0,
            })
        }
        Source::Chat { conversation, ask } => fit(
            conversation,
            conversation.open_turn(ask)?,
            max_tokens,
            lane,
            state,
            cancel,
        ),
    }
}

fn fit(
    conversation: &Conversation,
    mut open: OpenTurn,
    max_tokens: u32,
    lane: LaneId,
    state: &WorkerState,
    cancel: &CancelToken,
) -> Result<Prepared, Error> {
    let context = state.context_tokens();
    let room_for_reply = (max_tokens as usize).min(context / 4);
    let mut limit = context.saturating_sub(room_for_reply);
    loop {
        let kept = open.turns.get(open.dropped..).unwrap_or_default();
        let text = conversation
            .renderer
            .render(open.system_prompt.as_deref(), kept, cancel)?;
        let tokens = tokenize(&text, lane, state)?;
        let droppable = conversation.overflow == OverflowPolicy::DropOldestTurns && kept.len() > 2;
        if droppable && tokens.len() > limit {
            open.dropped += 2;
            // Make room for several turns at once: each drop changes the start
            // of the prompt, and all that follows must be computed again.
            limit = context / 2;
            continue;
        }
        check_fits(&tokens, state)?;
        let dropped_messages = open.dropped;
        return Ok(Prepared {
            tokens,
            text,
            open_turn: Some(open),
            dropped_messages,
        });
    }
}

/// Keeps the tokens that the lane went through as far as the text is the same:
/// tokenizing a reply again may cut it differently than it was generated.
pub(crate) fn tokenize(
    text: &PromptText,
    lane: LaneId,
    state: &WorkerState,
) -> Result<Vec<Token>, Error> {
    if let Some((done, tokens)) = state.transcript(lane)
        && let Some(rest) = text.tokenize_after(done, tokens.last().copied(), state.model())
    {
        return Ok([tokens, &rest?].concat());
    }
    text.tokenize(state.model())
}

fn check_fits(tokens: &[Token], state: &WorkerState) -> Result<(), Error> {
    if tokens.is_empty() {
        return Err(Error::option(
            "prompt",
            "is empty and the model starts no text by itself",
        ));
    }
    if tokens.len() >= state.context_tokens() {
        return Err(Error::ContextFull {
            prompt_tokens: tokens.len() as u64,
            context_tokens: state.context_tokens() as u64,
        });
    }
    Ok(())
}
