//! A conversation under one arm.

use std::sync::Arc;

use pocketune_adapter::Timestamp;
use pocketune_judge::experiment::{Arm, DesignKind};

use super::Experiment;
use crate::chat::Chat;
use crate::conversation::ChatOptions;
use crate::engine::{AdaptedLane, AdapterSet, Engine};
use crate::error::Error;

/// A conversation of an experiment by conversation: under the arm that its unit was
/// assigned to, or, where it takes no part, under whatever is active.
#[derive(Debug)]
pub struct ArmChat {
    /// The conversation.
    pub chat: Chat,
    /// Its arm, where it takes part.
    pub arm: Option<Arm>,
}

impl Experiment {
    /// Starts a conversation and assigns it. It stays under its arm whatever becomes
    /// active; after the end nobody takes part. Blocks for verifying and loading the arm's
    /// adapters.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for an experiment side by side; those of [`Experiment::assign`], [`Engine::chat`] and [`Engine::use_adapters`];
    /// [`Error::Store`] where an adapter of the arm is refused. Then nothing was written.
    pub fn chat(&self, unit: &str, options: ChatOptions, now: Timestamp) -> Result<ArmChat, Error> {
        if self.definition.design != DesignKind::ByConversation {
            let reason = "is of an experiment in which both arms answer";
            return Err(Error::option("design", reason));
        }
        let engine = self.adapters.engine()?;
        let arm = match self.ended()? {
            false => self.definition.assign(unit, self.arm_of(unit)?),
            true => None,
        };
        let Some(arm) = arm else {
            return Ok(ArmChat {
                chat: engine.chat(options)?,
                arm: None,
            });
        };
        let chat = engine.chat_under(&self.load(arm, now)?, options.clone())?;
        // Written when nothing can fail any more: whoever is counted has a conversation.
        match self.assign(unit, now)? {
            arm @ Some(_) => Ok(ArmChat { chat, arm }),
            None => Ok(ArmChat {
                chat: engine.chat(options)?,
                arm: None,
            }),
        }
    }

    /// Verifies an arm's adapters and loads them beside what is active.
    pub(super) fn load(&self, arm: Arm, now: Timestamp) -> Result<Arc<AdapterSet>, Error> {
        let verified = self.adapters.verified(&self.wanted(arm), now)?;
        Ok(Arc::new(self.adapters.engine()?.load_verified(&verified)?))
    }
}

impl Engine {
    pub(super) fn chat_under(
        &self,
        set: &Arc<AdapterSet>,
        options: ChatOptions,
    ) -> Result<Chat, Error> {
        let lane = self.shared().new_lane(set.id());
        let lane = AdaptedLane::new(lane, Arc::clone(set));
        Chat::fixed(Arc::clone(self.shared()), lane, options)
    }
}
