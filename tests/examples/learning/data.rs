//! What is asked: unseen prompts, factual questions, explicit requests.

use std::fs;
use std::path::{Path, PathBuf};

use pocketune_core::Digest;
use pocketune_tests::requests::Request;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::Result;
use crate::behaviour::{Behaviour, share};

const PROMPTS: &str = "unseen-prompts.jsonl";
const FACTS: &str = "facts.jsonl";
const REQUESTS: &str = "requests.jsonl";

/// A multiple-choice question.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Fact {
    pub(crate) question: String,
    pub(crate) options: Vec<String>,
    pub(crate) answer: usize,
}

/// All that is asked of each arm.
pub(crate) struct Data {
    pub(crate) prompts: Vec<String>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) requests: Vec<Request>,
    /// At most so many of each.
    limit: Option<usize>,
}

#[derive(Clone, Deserialize)]
struct Unseen {
    prompt: String,
}

impl Data {
    pub(crate) fn read(limit: Option<usize>) -> Result<Self> {
        let prompts = spread(&records::<Unseen>(PROMPTS)?, limit);
        Ok(Self {
            prompts: prompts.into_iter().map(|unseen| unseen.prompt).collect(),
            facts: spread(&records(FACTS)?, limit),
            requests: spread(&records(REQUESTS)?, limit),
            limit,
        })
    }

    /// What names it: other data have another.
    pub(crate) fn key(&self) -> Result<Value> {
        Ok(json!({
            "limit": self.limit,
            PROMPTS: digest(PROMPTS)?,
            FACTS: digest(FACTS)?,
            REQUESTS: digest(REQUESTS)?,
        }))
    }

    /// Of each request, the share of its replies that obey it.
    pub(crate) fn obeyed(&self, replies: &[Vec<String>]) -> Vec<f64> {
        let replies = self.requests.iter().zip(replies);
        replies
            .map(|(request, replies)| share(replies, |reply| request.check.holds(reply)))
            .collect()
    }

    /// Both arms' replies, to be read by a person.
    pub(crate) fn side_by_side(&self, before: &Behaviour, after: &Behaviour) -> String {
        let replies = before.replies.iter().zip(&after.replies);
        let prompts = self.prompts.iter().zip(replies);
        let prompts = prompts.map(|(prompt, (before, after))| {
            let (before, after) = (before.reply.text.trim(), after.reply.text.trim());
            format!("? {prompt}\n- {before}\n+ {after}\n\n")
        });
        let replies = before.requests.iter().zip(&after.requests);
        let requests = self.requests.iter().zip(replies);
        let requests = requests.map(|(request, (before, after))| {
            let asked = request.messages.iter().map(|it| it.content.as_str());
            let asked = asked.collect::<Vec<_>>().join("\n| ");
            let said = |sign: char, replies: &[String]| -> String {
                let said = replies.iter().map(|text| match request.check.holds(text) {
                    true => format!("{sign} (obeyed) {}\n", text.trim()),
                    false => format!("{sign} (not obeyed) {}\n", text.trim()),
                });
                said.collect()
            };
            let (before, after) = (said('-', before), said('+', after));
            format!("{}: {asked}\n{before}{after}\n", request.id)
        });
        prompts.chain(requests).collect()
    }
}

/// A file of the preferences.
pub(crate) fn file(name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.join("preferences").join(name)
}

/// Its lines.
pub(crate) fn records<T: DeserializeOwned>(name: &str) -> Result<Vec<T>> {
    let text = fs::read_to_string(file(name))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let read = |line| serde_json::from_str(line).map_err(|error| format!("{name}: {error}"));
    Ok(lines.map(read).collect::<std::result::Result<_, _>>()?)
}

/// Its SHA-256.
pub(crate) fn digest(name: &str) -> Result<String> {
    Ok(Digest::of(&fs::read(file(name))?).to_string())
}

/// At most `limit` of them, from all parts of the list.
pub(crate) fn spread<T: Clone>(all: &[T], limit: Option<usize>) -> Vec<T> {
    let count = limit.map_or(all.len(), |limit| limit.min(all.len()));
    let places = (0..count).map(|at| at * all.len() / count);
    places.filter_map(|at| all.get(at)).cloned().collect()
}
