//! What is asked.

use std::collections::HashSet;

use pocketune_base::json::{self, Nulls};
use pocketune_base::{Digest, Line, LineError, lines};
use serde::{Deserialize, Serialize};

use super::SuiteError;
use crate::critic::{Exchange, Expectation, RefusalExpected, ReplyEnd};

/// What is expected of a reply to a question beyond the truth.
static NOTHING: Expectation = Expectation {
    format: None,
    length: None,
    language: None,
    refusal: RefusalExpected::No,
    may_contain_personal_data: false,
};

/// A suite as its file has it: one item a line, as JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Suite {
    /// What it is called.
    pub name: String,
    /// SHA-256 of its file, in hexadecimal digits.
    pub sha256: String,
    /// Its items, in the file's order.
    pub items: Vec<Item>,
}

/// One item.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    /// Unique in its suite.
    pub id: String,
    /// The group that it counts in, such as `geography`.
    pub kind: String,
    /// Under which terms it may be passed on.
    pub licence: String,
    /// Where it comes from, or where it can be checked.
    pub source: String,
    /// What is asked.
    #[serde(flatten)]
    pub task: Task,
}

/// What is asked, and what is right.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "form", rename_all = "snake_case")]
pub enum Task {
    /// Which of these replies is true.
    Choice {
        /// The question.
        question: String,
        /// Replies, of which one is right.
        choices: Vec<String>,
        /// The right one's place, from 0.
        answer: usize,
    },
    /// Which of two replies is better.
    Preference {
        /// Standing instructions.
        #[serde(skip_serializing_if = "Option::is_none")]
        system: Option<String>,
        /// A text that the user gives before the prompt.
        #[serde(skip_serializing_if = "Option::is_none")]
        context: Option<String>,
        /// What the user asks.
        prompt: String,
        /// The better reply.
        chosen: String,
        /// The worse one.
        rejected: String,
        /// What a reply of the model's own should be like.
        expect: Expectation,
    },
}

/// A line of the form `choice`. Strict, as all lines: a misspelt `expect` must not pass as
/// none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChoiceLine {
    id: String,
    kind: String,
    licence: String,
    source: String,
    question: String,
    choices: Vec<String>,
    answer: usize,
}

/// A line of the form `preference`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PreferenceLine {
    id: String,
    kind: String,
    licence: String,
    source: String,
    system: Option<String>,
    context: Option<String>,
    prompt: String,
    chosen: String,
    rejected: String,
    #[serde(default)]
    expect: Expectation,
}

impl From<ChoiceLine> for Item {
    fn from(line: ChoiceLine) -> Self {
        Self {
            id: line.id,
            kind: line.kind,
            licence: line.licence,
            source: line.source,
            task: Task::Choice {
                question: line.question,
                choices: line.choices,
                answer: line.answer,
            },
        }
    }
}

impl From<PreferenceLine> for Item {
    fn from(line: PreferenceLine) -> Self {
        Self {
            id: line.id,
            kind: line.kind,
            licence: line.licence,
            source: line.source,
            task: Task::Preference {
                system: line.system,
                context: line.context,
                prompt: line.prompt,
                chosen: line.chosen,
                rejected: line.rejected,
                expect: line.expect,
            },
        }
    }
}

impl Suite {
    /// Reads a suite. Blank lines are passed over.
    ///
    /// # Errors
    /// [`SuiteError::LineMalformed`], [`SuiteError::ItemInvalid`],
    /// [`SuiteError::DuplicateId`], [`SuiteError::Empty`].
    pub fn parse(name: &str, file: &[u8]) -> Result<Self, SuiteError> {
        let mut items = Vec::new();
        let mut ids = HashSet::new();
        for line in lines(file) {
            let item = Item::read(&line?)?;
            item.check()?;
            if !ids.insert(item.id.clone()) {
                return Err(SuiteError::DuplicateId { id: item.id });
            }
            items.push(item);
        }
        if items.is_empty() {
            return Err(SuiteError::Empty);
        }
        Ok(Self {
            name: name.to_owned(),
            sha256: Digest::of(file).to_string(),
            items,
        })
    }

    /// What answering at random would get right, as a share.
    #[must_use]
    pub fn chance(&self) -> f64 {
        let each = self
            .items
            .iter()
            .map(|item| 1.0 / item.replies().len() as f64);
        each.sum::<f64>() / self.items.len() as f64
    }
}

impl Item {
    /// By `form` first, so that what is wrong with a field is said with its name: a derived
    /// reader of [`Task`] has lost the names by then.
    fn read(line: &Line<'_>) -> Result<Self, LineError> {
        let mut value = line.value()?;
        let form = json::tag(&mut value, "form", &["choice", "preference"]);
        let form = form.map_err(|error| line.error(error.into()))?;
        Ok(match form {
            "choice" => line.shaped::<ChoiceLine>(&value, Nulls::Absent)?.into(),
            _ => line.shaped::<PreferenceLine>(&value, Nulls::Absent)?.into(),
        })
    }

    /// What the user says, given text first, and the instructions before it.
    #[must_use]
    pub fn prompt(&self) -> (Option<&str>, String) {
        match &self.task {
            Task::Choice { question, .. } => (None, question.clone()),
            Task::Preference {
                system,
                context,
                prompt,
                ..
            } => {
                let said = match context {
                    Some(context) => format!("{context}\n\n{prompt}"),
                    None => prompt.clone(),
                };
                (system.as_deref(), said)
            }
        }
    }

    /// The replies to tell apart.
    #[must_use]
    pub fn replies(&self) -> Vec<&str> {
        match &self.task {
            Task::Choice { choices, .. } => choices.iter().map(String::as_str).collect(),
            Task::Preference {
                chosen, rejected, ..
            } => vec![chosen, rejected],
        }
    }

    /// The right one's place among [`Self::replies`].
    #[must_use]
    pub fn answer(&self) -> usize {
        match self.task {
            Task::Choice { answer, .. } => answer,
            Task::Preference { .. } => 0,
        }
    }

    /// The item with a reply of a model's own, as critics look at it.
    #[must_use]
    pub fn exchange<'a>(&'a self, reply: &'a str, end: ReplyEnd) -> Exchange<'a> {
        let (system, context, prompt, expect) = match &self.task {
            Task::Choice { question, .. } => (None, None, question, &NOTHING),
            Task::Preference {
                system,
                context,
                prompt,
                expect,
                ..
            } => (system.as_deref(), context.as_deref(), prompt, expect),
        };
        Exchange {
            system,
            context,
            prompt,
            reply,
            end,
            expect,
        }
    }

    fn check(&self) -> Result<(), SuiteError> {
        let invalid = |reason| {
            Err(SuiteError::ItemInvalid {
                id: self.id.clone(),
                reason,
            })
        };
        let replies = self.replies();
        let distinct: HashSet<&&str> = replies.iter().collect();
        if self.id.is_empty() || self.kind.is_empty() {
            return invalid("it has no id or no kind");
        }
        if self.licence.is_empty() || self.source.is_empty() {
            return invalid("it has no licence or no source");
        }
        if replies.len() < 2 || self.answer() >= replies.len() {
            return invalid("there are fewer than two replies, or the answer is none of them");
        }
        if distinct.len() != replies.len() || replies.iter().any(|reply| reply.trim().is_empty()) {
            return invalid("two replies are the same, or one is empty");
        }
        if self.prompt().1.trim().is_empty() {
            return invalid("nothing is asked");
        }
        Ok(())
    }
}
