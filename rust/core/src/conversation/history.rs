//! The state of one chat that its handles and the worker share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::conversation::message::check_turns;
use crate::conversation::{Message, OverflowPolicy, Renderer};
use crate::error::Error;

/// One chat's messages. Locked for moments only, never while computing.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) renderer: Renderer,
    pub(crate) overflow: OverflowPolicy,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Default)]
struct State {
    system_prompt: Option<String>,
    turns: Vec<Message>,
    // Turns left out of the prompt for good, so that its start stays the same
    // from turn to turn and keeps being reused.
    dropped: usize,
    // Raised by each change: a reply to another history does not join this one.
    revision: u64,
}

/// What a reply is asked for.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    /// A new message of the user.
    Send(String),
    /// Another reply to the last message of the user.
    Regenerate,
    /// A new message of the user, whose reply does not join the history.
    Draft(String),
}

impl Ask {
    pub(crate) fn joins_history(&self) -> bool {
        match self {
            Self::Send(_) | Self::Regenerate => true,
            Self::Draft(_) => false,
        }
    }
}

/// The turns a reply is asked for, ending with the user's.
#[derive(Debug)]
pub(crate) struct OpenTurn {
    pub(crate) system_prompt: Option<String>,
    pub(crate) turns: Vec<Message>,
    pub(crate) dropped: usize,
    revision: u64,
}

/// A history to come back to.
#[derive(Debug)]
pub(crate) struct Bookmark(State);

impl Conversation {
    pub(crate) fn new(
        renderer: Renderer,
        overflow: OverflowPolicy,
        system_prompt: Option<String>,
        turns: Vec<Message>,
    ) -> Result<Self, Error> {
        check_turns(&turns)?;
        let state = Mutex::new(State {
            system_prompt,
            turns,
            dropped: 0,
            revision: 0,
        });
        Ok(Self {
            renderer,
            overflow,
            state,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn turns(&self) -> Vec<Message> {
        self.lock().turns.clone()
    }

    pub(crate) fn system_prompt(&self) -> Option<String> {
        self.lock().system_prompt.clone()
    }

    /// How many of the turns are left out of the prompt.
    pub(crate) fn dropped(&self) -> usize {
        self.lock().dropped
    }

    /// Takes other turns, of which the first `dropped` are left out of the prompt.
    pub(crate) fn replace(
        &self,
        system_prompt: Option<String>,
        turns: Vec<Message>,
        dropped: usize,
    ) -> Result<(), Error> {
        check_turns(&turns)?;
        let mut state = self.lock();
        *state = State {
            system_prompt,
            turns,
            dropped,
            revision: state.revision + 1,
        };
        Ok(())
    }

    pub(crate) fn bookmark(&self) -> Bookmark {
        Bookmark(self.lock().clone())
    }

    pub(crate) fn go_back(&self, Bookmark(before): Bookmark) {
        let mut state = self.lock();
        let revision = state.revision + 1;
        *state = State { revision, ..before };
    }

    /// The turns to reply to. Changes nothing: a reply that fails leaves the
    /// history as it was.
    pub(crate) fn open_turn(&self, ask: &Ask) -> Result<OpenTurn, Error> {
        let State {
            system_prompt,
            mut turns,
            dropped,
            revision,
        } = self.lock().clone();
        match ask {
            Ask::Send(text) | Ask::Draft(text) => {
                if turns.len() % 2 == 1 {
                    return Err(Error::NotNow {
                        reason: "the last message has no reply yet",
                    });
                }
                turns.push(Message::user(text.as_str()));
            }
            Ask::Regenerate => {
                if turns.is_empty() {
                    return Err(Error::NotNow {
                        reason: "there is no reply to regenerate",
                    });
                }
                turns.truncate((turns.len() - 1) / 2 * 2 + 1);
            }
        }
        Ok(OpenTurn {
            system_prompt,
            turns,
            dropped,
            revision,
        })
    }

    /// The turns that led to the last reply, without those that were left out, and the
    /// reply.
    pub(crate) fn last_turn(&self) -> Result<(Option<String>, Vec<Message>, String), Error> {
        let State {
            system_prompt,
            mut turns,
            dropped,
            ..
        } = self.lock().clone();
        let reply = turns.pop().filter(|_| turns.len() % 2 == 1);
        let reply = reply.ok_or(Error::NotNow {
            reason: "there is no reply to score",
        })?;
        let kept = turns.get(dropped..).unwrap_or_default().to_vec();
        Ok((system_prompt, kept, reply.content))
    }

    /// Keeps a finished turn: the messages that led to it, and the reply. Does nothing, and
    /// says so, when the history has changed meanwhile.
    pub(crate) fn close_turn(&self, open: OpenTurn, reply: &str) -> bool {
        let mut state = self.lock();
        if state.revision != open.revision {
            return false;
        }
        state.revision += 1;
        state.turns = open.turns;
        state.turns.push(Message::assistant(reply));
        state.dropped = open.dropped;
        true
    }
}
