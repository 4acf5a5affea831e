//! The state of one chat that its handles and the worker share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::conversation::message::check_turns;
use crate::conversation::{Message, OverflowPolicy, Renderer, Role};
use crate::error::Error;
use crate::origin::{Origins, ReplyId, ReplyOrigin};
use crate::reply::Reply;

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
    // Of those turns that name a reply.
    origins: Origins,
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

/// What is saved of a conversation.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) system_prompt: Option<String>,
    pub(crate) history: Vec<Message>,
    /// Of those turns that name a reply.
    pub(crate) origins: Origins,
    /// The first turns, which are left out of the prompt.
    pub(crate) dropped: usize,
}

/// A history to come back to.
#[derive(Debug)]
pub(crate) struct Bookmark(State);

impl Conversation {
    pub(crate) fn new(
        renderer: Renderer,
        overflow: OverflowPolicy,
        system_prompt: Option<String>,
        mut turns: Vec<Message>,
    ) -> Result<Self, Error> {
        check_turns(&turns)?;
        keep_ids(&mut turns, &State::default());
        let state = Mutex::new(State {
            system_prompt,
            turns,
            ..State::default()
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

    /// How a reply of the history came to be.
    pub(crate) fn origin(&self, id: ReplyId) -> Option<Arc<ReplyOrigin>> {
        self.lock().origins.get(&id).cloned()
    }

    /// What there is to save.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let State {
            system_prompt,
            turns,
            origins,
            dropped,
            ..
        } = self.lock().clone();
        Snapshot {
            system_prompt,
            history: turns,
            origins,
            dropped,
        }
    }

    /// Goes on from what was saved.
    pub(crate) fn take(&self, saved: Snapshot) -> Result<(), Error> {
        check_turns(&saved.history)?;
        let mut state = self.lock();
        *state = State {
            system_prompt: saved.system_prompt,
            turns: saved.history,
            origins: saved.origins,
            dropped: saved.dropped,
            revision: state.revision + 1,
        };
        Ok(())
    }

    /// Takes turns that the app says were said. Replies of this history that are among them,
    /// word for word, keep their ids.
    pub(crate) fn replace(&self, mut turns: Vec<Message>) -> Result<(), Error> {
        check_turns(&turns)?;
        let mut state = self.lock();
        keep_ids(&mut turns, &state);
        state.turns = turns;
        state.dropped = 0;
        state.revision += 1;
        state.forget_origins();
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
            ..
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
    pub(crate) fn close_turn(&self, open: OpenTurn, reply: &Reply) -> bool {
        let mut state = self.lock();
        if state.revision != open.revision {
            return false;
        }
        state.revision += 1;
        state.turns = open.turns;
        let id = reply.origin.id;
        state.turns.push(Message {
            reply_id: Some(id),
            ..Message::assistant(reply.text.as_str())
        });
        state.origins.insert(id, Arc::new(reply.origin.clone()));
        state.dropped = open.dropped;
        state.forget_origins();
        true
    }
}

impl State {
    /// Lets go of the origins of replies that are no longer there.
    fn forget_origins(&mut self) {
        let mut origins = std::mem::take(&mut self.origins);
        let ids = self.turns.iter().filter_map(|turn| turn.reply_id);
        self.origins = ids.filter_map(|id| origins.remove_entry(&id)).collect();
    }
}

/// Takes the ids from turns that are no replies of the history before, or no longer.
fn keep_ids(turns: &mut [Message], before: &State) {
    let named = |turn: &Message| Some((turn.reply_id?, turn.content.clone()));
    let mut replies: BTreeMap<_, _> = before.turns.iter().filter_map(named).collect();
    for turn in turns {
        let Some(id) = turn.reply_id else { continue };
        match replies.get(&id) == Some(&turn.content) && turn.role == Role::Assistant {
            true => drop(replies.remove(&id)),
            false => turn.reply_id = None,
        }
    }
}
