//! Both arms' answers to suites.

use pocketune_adapter::AskedBy;
use pocketune_core::{CancelToken, CandidateAdapter, Digest, Engine, answer, evaluate as score};
use pocketune_judge::critic::Panel;
use pocketune_judge::suite::{Answered, Comparison, SuiteReplies, SuiteResult, compare};
use serde::Serialize;

use super::suites::SuiteFile;
use crate::candidate::Subject;
use crate::error::CliError;
use crate::output::Output;

/// How suites are asked.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) asked_by: Vec<AskedBy>,
    pub(super) max_tokens: u32,
    pub(super) margin: f64,
}

/// One suite.
#[derive(Debug, Serialize)]
pub(super) struct Evaluated {
    pub(super) suite: String,
    pub(super) suite_sha256: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) probability: Option<Arms<SuiteResult>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) generation: Option<Arms<SuiteReplies>>,
}

/// The model as it is, and under a change if there is one.
#[derive(Debug, Serialize)]
pub(super) struct Arms<T> {
    pub(super) base: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) changed: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) comparison: Option<Comparison>,
}

/// One arm's answers to a suite.
#[derive(Debug, Default)]
struct Answers {
    probability: Option<SuiteResult>,
    generation: Option<SuiteReplies>,
}

/// Asks the model as it is, and then under `adapter`.
pub(super) fn evaluate(
    engine: &Engine,
    adapter: Option<CandidateAdapter>,
    suites: &[SuiteFile],
    plan: &Plan,
    output: &Output,
) -> Result<Vec<Evaluated>, CliError> {
    let model = Subject::open(engine, None)?;
    let base = ask(&model, suites, plan, "model as it is", output)?;
    let changed = adapter.map(|adapter| {
        let subject = Subject::open(engine, Some(adapter))?;
        ask(&subject, suites, plan, "under the adapter", output)
    });
    let mut changed = changed.transpose()?.map(Vec::into_iter);
    let each = suites.iter().zip(base).map(|(file, base)| {
        let changed = changed.as_mut().and_then(Iterator::next);
        let changed = changed.unwrap_or_default();
        let margin = plan.margin;
        Ok(Evaluated {
            suite: file.suite.name.clone(),
            suite_sha256: file.sha256,
            probability: Arms::of(base.probability, changed.probability, margin, |it| {
                &it.items
            })?,
            generation: Arms::of(base.generation, changed.generation, margin, |it| &it.items)?,
        })
    });
    each.collect()
}

fn ask(
    subject: &Subject<'_>,
    suites: &[SuiteFile],
    plan: &Plan,
    who: &'static str,
    output: &Output,
) -> Result<Vec<Answers>, CliError> {
    let items: usize = suites.iter().map(|file| file.suite.items.len()).sum();
    let bar = output.progress(who, (items * plan.asked_by.len()) as u64);
    let (cancel, panel) = (CancelToken::new(), Panel::default());
    let mut answers = Vec::new();
    for SuiteFile { suite, .. } in suites {
        let mut answered = Answers::default();
        for way in &plan.asked_by {
            let done = |_| bar.inc(1);
            match way {
                AskedBy::Probability => {
                    answered.probability = Some(score(subject, suite, &cancel, done)?);
                }
                AskedBy::Generation => {
                    let replies = answer(subject, suite, &panel, plan.max_tokens, &cancel, done)?;
                    answered.generation = Some(replies);
                }
            }
        }
        answers.push(answered);
    }
    bar.finish_and_clear();
    Ok(answers)
}

impl<T> Arms<T> {
    fn of<I: Answered>(
        base: Option<T>,
        changed: Option<T>,
        margin: f64,
        items: impl Fn(&T) -> &Vec<I>,
    ) -> Result<Option<Self>, CliError> {
        let Some(base) = base else {
            return Ok(None);
        };
        let compared = |changed| compare(items(&base), items(changed), margin);
        let comparison = changed.as_ref().map(compared).transpose()?;
        Ok(Some(Self {
            base,
            changed,
            comparison,
        }))
    }
}

impl Evaluated {
    /// Whether every comparison there is shows the change to be within the margin.
    pub(super) fn not_worse(&self) -> bool {
        let probability = self.probability.as_ref().and_then(|it| it.comparison);
        let generation = self.generation.as_ref().and_then(|it| it.comparison);
        let mut comparisons = probability.into_iter().chain(generation);
        comparisons.all(|it| it.not_worse)
    }
}
