//! A conversation in which both arms answer and the user picks.

use std::sync::{Arc, Mutex, PoisonError};

use pocketune_adapter::Timestamp;
use pocketune_judge::critic::Panel;
use pocketune_judge::experiment::{Arm, DesignKind, Measure, Outcome, Pick};

use super::auto::{self, measured};
use super::{Adapters, Experiment};
use crate::cancel::CancelToken;
use crate::chat::{Chat, Message};
use crate::engine::Engine;
use crate::error::Error;
use crate::options::{ChatOptions, GenerationOptions};
use crate::reply::Reply;
use crate::reward::{RewardModel, RewardScore};

/// A conversation of a side-by-side experiment. Each question is a unit: both arms answer
/// it, in an order that the unit's hash decides, and the reply that is picked becomes the
/// history of both. Speed, critics' and reward model's scores and refusals are written down
/// by themselves where the experiment takes them. Thread-safe; requests queue.
#[derive(Debug)]
pub struct SideBySideChat {
    experiment: Arc<Experiment>,
    /// Names its units: random, so that they say nothing.
    name: String,
    /// Two chats of one history.
    incumbent: Chat,
    challenger: Chat,
    panel: Panel,
    reward: Option<RewardModel>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    questions: u64,
    open: Option<Open>,
}

/// A question whose replies wait for a pick.
#[derive(Debug)]
struct Open {
    unit: String,
    text: String,
    first: Arm,
    incumbent: Reply,
    challenger: Reply,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// It takes no part: the incumbent answered, and the reply is in the history.
    One(Reply),
    /// Both answered: show them, then [`SideBySideChat::pick`].
    Two(Shown),
}

/// Two replies in the order in which they are to be shown. Which arm gave which is not
/// said, so that nobody can be swayed by it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The question's unit in the experiment.
    pub unit: String,
    /// To be shown first, or on the left.
    pub first: Reply,
    /// To be shown second.
    pub second: Reply,
}

/// What the user picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The reply that was shown first.
    First,
    /// The reply that was shown second.
    Second,
    /// Neither is better.
    Neither,
}

impl SideBySideChat {
    /// Starts a conversation. Blocks for verifying and loading the adapters of both arms.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for an experiment of another design; [`Error::Store`] where
    /// an adapter of an arm is refused; those of [`Engine::chat`].
    pub fn start(
        experiment: Arc<Experiment>,
        adapters: &Adapters,
        engine: &Engine,
        options: ChatOptions,
        reward: Option<RewardModel>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        if experiment.definition().design != DesignKind::SideBySide {
            let reason = "is of an experiment in which one arm answers";
            return Err(Error::option("design", reason));
        }
        let incumbent = experiment.load(adapters, engine, Arm::Incumbent, now)?;
        let challenger = experiment.load(adapters, engine, Arm::Challenger, now)?;
        let incumbent = engine.chat_under(&incumbent, options)?;
        let name = getrandom::u64().map_err(|error| Error::Io(error.into()))?;
        Ok(Self {
            challenger: incumbent.beside(challenger),
            incumbent,
            name: format!("{name:016x}"),
            panel: Panel::default(),
            reward,
            experiment,
            state: Mutex::default(),
        })
    }

    /// Asks both arms, the one that is shown first first. Blocks for both replies. A
    /// question that was not picked from before counts as left open, and the incumbent's
    /// reply as the one that was said.
    ///
    /// # Errors
    /// As [`Chat::send`] and [`Chat::reward`], and those of [`Experiment::assign`];
    /// [`Error::Cancelled`]: then nothing was said, and nothing written.
    pub fn ask(
        &self,
        text: &str,
        options: &GenerationOptions,
        now: Timestamp,
        cancel: &CancelToken,
    ) -> Result<Asked, Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = state.open.take() {
            self.incumbent.keep_turn(&open.text, &open.incumbent)?;
        }
        state.questions += 1;
        let unit = format!("{}/{}", self.name, state.questions);
        let wanted = match self.experiment.ended()? {
            false => self.experiment.definition().assign(&unit, None),
            true => None,
        };
        let Some(first) = wanted else {
            return self.answer_alone(text, options, cancel);
        };
        let answer = |arm| self.answer(arm, text, options, cancel);
        let (incumbent, challenger) = match first {
            Arm::Incumbent => {
                let incumbent = answer(Arm::Incumbent)?;
                (incumbent, answer(Arm::Challenger)?)
            }
            Arm::Challenger => {
                let challenger = answer(Arm::Challenger)?;
                (answer(Arm::Incumbent)?, challenger)
            }
        };
        let outcomes = self.outcomes(text, &incumbent, &challenger);
        if self.experiment.assign(&unit, now)?.is_none() {
            // It was ended while the arms were answering.
            self.incumbent.keep_turn(text, &incumbent.reply)?;
            return Ok(Asked::One(incumbent.reply));
        }
        self.experiment.record_all(&unit, &outcomes, now)?;
        let open = Open {
            unit,
            text: text.to_owned(),
            first,
            incumbent: incumbent.reply,
            challenger: challenger.reply,
        };
        let shown = open.shown();
        state.open = Some(open);
        Ok(Asked::Two(shown))
    }

    /// Writes down what the user picked, and goes on from there; from the incumbent's
    /// reply where neither is better.
    ///
    /// # Errors
    /// [`Error::NotNow`] where nothing waits for a pick; those of [`Experiment::record`].
    pub fn pick(&self, choice: Choice, now: Timestamp) -> Result<(), Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let open = state.open.as_ref().ok_or(Error::NotNow {
            reason: "no question waits for a pick",
        })?;
        let picked = open.picked(choice);
        let takes_picks = self.experiment.definition().metric(Measure::Pick);
        if takes_picks.is_some() && !self.experiment.ended()? {
            let outcome = Outcome::Pick(picked);
            self.experiment
                .record(&open.unit, Measure::Pick, outcome, now)?;
        }
        let reply = match picked {
            Pick::Challenger => &open.challenger,
            Pick::Incumbent | Pick::Tie => &open.incumbent,
        };
        self.incumbent.keep_turn(&open.text, reply)?;
        state.open = None;
        Ok(())
    }

    /// The turns so far, without the system prompt. Does not block.
    #[must_use]
    pub fn history(&self) -> Vec<Message> {
        self.incumbent.history()
    }

    fn answer_alone(
        &self,
        text: &str,
        options: &GenerationOptions,
        cancel: &CancelToken,
    ) -> Result<Asked, Error> {
        let reply = self.incumbent.draft(text, options, cancel)?;
        self.incumbent.keep_turn(text, &reply)?;
        Ok(Asked::One(reply))
    }

    fn answer(
        &self,
        arm: Arm,
        text: &str,
        options: &GenerationOptions,
        cancel: &CancelToken,
    ) -> Result<Answer, Error> {
        let chat = match arm {
            Arm::Incumbent => &self.incumbent,
            Arm::Challenger => &self.challenger,
        };
        let reply = chat.draft(text, options, cancel)?;
        let reward = match &self.reward {
            Some(model) => chat.draft_reward(text, &reply, model, cancel)?,
            None => None,
        };
        Ok(Answer { reply, reward })
    }

    /// What both replies answer by themselves.
    fn outcomes(
        &self,
        text: &str,
        incumbent: &Answer,
        challenger: &Answer,
    ) -> Vec<(Measure, Outcome)> {
        let system = self.incumbent.system_prompt();
        let asked = auto::Asked {
            system: system.as_deref(),
            prompt: text,
            panel: &self.panel,
        };
        let definition = self.experiment.definition();
        let of = |answer: &Answer| measured(definition, &asked, &answer.reply, answer.reward);
        let challenger = of(challenger);
        let pairs = of(incumbent).into_iter().filter_map(|(measure, ours)| {
            let theirs = challenger.iter().find(|(other, _)| *other == measure)?;
            let outcome = Outcome::Pair {
                incumbent: ours,
                challenger: theirs.1,
            };
            Some((measure, outcome))
        });
        pairs.collect()
    }
}

struct Answer {
    reply: Reply,
    reward: Option<RewardScore>,
}

impl Open {
    fn shown(&self) -> Shown {
        let (first, second) = match self.first {
            Arm::Incumbent => (&self.incumbent, &self.challenger),
            Arm::Challenger => (&self.challenger, &self.incumbent),
        };
        Shown {
            unit: self.unit.clone(),
            first: first.clone(),
            second: second.clone(),
        }
    }

    fn picked(&self, choice: Choice) -> Pick {
        match (choice, self.first) {
            (Choice::Neither, _) => Pick::Tie,
            (Choice::First, Arm::Incumbent) | (Choice::Second, Arm::Challenger) => Pick::Incumbent,
            (Choice::First, Arm::Challenger) | (Choice::Second, Arm::Incumbent) => Pick::Challenger,
        }
    }
}
