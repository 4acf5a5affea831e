//! A conversation in which both arms answer and the user picks.

use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::thread;
use std::time::Duration;

use pocketune_adapter::Timestamp;
use pocketune_judge::critic::Panel;
use pocketune_judge::experiment::{Arm, DesignKind, Measure, Outcome, Pick};

use super::Experiment;
use super::asked::{Asked, AskedPart, Choice, Shown};
use super::auto::{self, measured};
use crate::cancel::CancelToken;
use crate::chat::Chat;
use crate::conversation::{ChatOptions, Message};
use crate::error::Error;
use crate::options::GenerationOptions;
use crate::reply::Reply;
use crate::reward::{RewardModel, RewardScore};

/// A conversation of a side-by-side experiment. Each question is a unit: both arms answer
/// it, in an order that the unit's hash decides, and the reply that is picked becomes the
/// history of both. Speed, critics' and reward model's scores and refusals are written down
/// by themselves where the experiment takes them. Thread-safe; questions queue.
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
    /// Answers after the experiment's end.
    after: Option<Chat>,
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

impl SideBySideChat {
    /// Starts a conversation. Blocks for verifying and loading the adapters of both arms.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for an experiment of another design; [`Error::Store`] where
    /// an adapter of an arm is refused; those of [`crate::Engine::chat`].
    pub fn start(
        experiment: Arc<Experiment>,
        options: ChatOptions,
        reward: Option<RewardModel>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        if experiment.definition().design != DesignKind::SideBySide {
            let reason = "is of an experiment in which one arm answers";
            return Err(Error::option("design", reason));
        }
        let engine = experiment.adapters.engine()?;
        let [incumbent, challenger] = match experiment.ended()? {
            // Nobody asks them any more: what has lost may be gone.
            true => [engine.shared().active(), engine.shared().active()],
            false => [
                experiment.load(Arm::Incumbent, now)?,
                experiment.load(Arm::Challenger, now)?,
            ],
        };
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
    /// Those of [`Chat::send`], [`Chat::reward`] and [`Experiment::assign`];
    /// [`Error::Cancelled`]. Then nothing was said, nothing written, and the question before
    /// still waits for its pick.
    pub fn ask(
        &self,
        text: &str,
        options: &GenerationOptions,
        now: Timestamp,
        cancel: &CancelToken,
    ) -> Result<Asked, Error> {
        self.ask_streamed(text, options, now, cancel, &mut |_| ())
    }

    /// As [`SideBySideChat::ask`]; `hear` is called on this thread with each piece of text as
    /// it is generated, those of the first reply first. Where this fails, what was heard was
    /// not said.
    ///
    /// # Errors
    /// As [`SideBySideChat::ask`].
    pub fn ask_streamed(
        &self,
        text: &str,
        options: &GenerationOptions,
        now: Timestamp,
        cancel: &CancelToken,
        hear: &mut dyn FnMut(AskedPart),
    ) -> Result<Asked, Error> {
        let mut state = self.queue(cancel)?;
        let before = self.incumbent.bookmark();
        if let Some(open) = &state.open {
            self.incumbent.keep_turn(&open.text, &open.incumbent)?;
        }
        let mut question = Question {
            text,
            options,
            cancel,
            hear,
        };
        let asked = self.answer_any(&mut state, &mut question, now);
        match asked {
            Ok((asked, open)) => {
                state.open = open;
                Ok(asked)
            }
            Err(error) => {
                self.incumbent.go_back(before);
                Err(error)
            }
        }
    }

    fn answer_any(
        &self,
        state: &mut State,
        question: &mut Question<'_>,
        now: Timestamp,
    ) -> Result<(Asked, Option<Open>), Error> {
        state.questions += 1;
        let unit = format!("{}/{}", self.name, state.questions);
        if self.experiment.ended()? {
            let chat = self.after_the_end(state);
            return Ok((question.answered_alone(chat)?, None));
        }
        let Some(first) = self.experiment.definition().assign(&unit, None) else {
            return Ok((question.answered_alone(&self.incumbent)?, None));
        };
        let (incumbent, challenger) = match first {
            Arm::Incumbent => {
                let incumbent = self.answer(Arm::Incumbent, question, AskedPart::First)?;
                let challenger = self.answer(Arm::Challenger, question, AskedPart::Second)?;
                (incumbent, challenger)
            }
            Arm::Challenger => {
                let challenger = self.answer(Arm::Challenger, question, AskedPart::First)?;
                let incumbent = self.answer(Arm::Incumbent, question, AskedPart::Second)?;
                (incumbent, challenger)
            }
        };
        let text = question.text;
        let outcomes = self.outcomes(text, &incumbent, &challenger);
        if question.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let takes_part = self.experiment.take_part(&unit, &outcomes, now)?;
        if takes_part.is_none() {
            // It was ended while the arms were answering.
            self.incumbent.keep_turn(text, &incumbent.reply)?;
            return Ok((Asked::One(incumbent.reply), None));
        }
        let open = Open {
            unit,
            text: text.to_owned(),
            first,
            incumbent: incumbent.reply,
            challenger: challenger.reply,
        };
        Ok((Asked::Two(open.shown()), Some(open)))
    }

    /// The chat under what is active now.
    fn after_the_end<'a>(&self, state: &'a mut State) -> &'a Chat {
        let active = self.incumbent.shared().active();
        let fits = state.after.take().filter(|chat| chat.is_under(&active));
        let chat = fits.unwrap_or_else(|| self.incumbent.beside(active));
        state.after.insert(chat)
    }

    /// The state, unless a question is being answered: a pick is of what was shown before it.
    fn state(&self) -> Option<MutexGuard<'_, State>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(state)) => Some(state.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// The state, when the question before is answered: one that was cancelled takes a moment
    /// to end, and waiting can be cancelled too.
    fn queue(&self, cancel: &CancelToken) -> Result<MutexGuard<'_, State>, Error> {
        loop {
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            if let Some(state) = self.state() {
                return Ok(state);
            }
            thread::sleep(PATIENCE);
        }
    }

    /// Writes down what the user picked, and goes on from there; from the incumbent's
    /// reply where neither is better.
    ///
    /// # Errors
    /// [`Error::NotNow`] where nothing waits for a pick, or a question is being answered;
    /// those of [`Experiment::record`].
    pub fn pick(&self, choice: Choice, now: Timestamp) -> Result<(), Error> {
        let mut state = self.state().ok_or(Error::NotNow {
            reason: "a question is being answered",
        })?;
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

    fn answer(
        &self,
        arm: Arm,
        question: &mut Question<'_>,
        part: fn(String) -> AskedPart,
    ) -> Result<Answer, Error> {
        let Question { text, cancel, .. } = *question;
        let chat = match arm {
            Arm::Incumbent => &self.incumbent,
            Arm::Challenger => &self.challenger,
        };
        // The arm whose reply was picked holds it already, the other one does not.
        if self
            .experiment
            .definition()
            .metric(Measure::FirstTokenMs)
            .is_some()
        {
            chat.catch_up(cancel)?;
        }
        let reply = question.answered(chat, part)?;
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
        let alike = prompts_cost_alike(&incumbent.reply, &challenger.reply);
        let challenger = of(challenger);
        let pairs = of(incumbent).into_iter().filter_map(|(measure, ours)| {
            if measure == Measure::FirstTokenMs && !alike {
                return None;
            }
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

/// Between two looks at whether a question is answered.
const PATIENCE: Duration = Duration::from_millis(5);

/// Tokens by which two prompts may differ in what they cost.
const ALIKE_TOKENS: u32 = 8;

/// Whether both arms had about as many tokens to compute before their first one: where one
/// had the prompt cached and the other not, their times say nothing about the arms.
fn prompts_cost_alike(incumbent: &Reply, challenger: &Reply) -> bool {
    let computed = |reply: &Reply| reply.prompt_tokens.saturating_sub(reply.reused_tokens);
    computed(incumbent).abs_diff(computed(challenger)) <= ALIKE_TOKENS
}

/// What is asked, and who hears the answers while they are generated.
struct Question<'a> {
    text: &'a str,
    options: &'a GenerationOptions,
    cancel: &'a CancelToken,
    hear: &'a mut dyn FnMut(AskedPart),
}

impl Question<'_> {
    fn answered(&mut self, chat: &Chat, part: fn(String) -> AskedPart) -> Result<Reply, Error> {
        let hear = &mut *self.hear;
        chat.draft_streamed(self.text, self.options, self.cancel, |text| {
            hear(part(text))
        })
    }

    /// The reply of one chat, kept in the history of all.
    fn answered_alone(&mut self, chat: &Chat) -> Result<Asked, Error> {
        let reply = self.answered(chat, AskedPart::First)?;
        chat.keep_turn(self.text, &reply)?;
        Ok(Asked::One(reply))
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
