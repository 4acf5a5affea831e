//! Both arms' answers to suites: the model as it is, and the model under a candidate.

use pocketune_adapter::{AskedBy, CandidateAdapter, Digest};
use pocketune_judge::critic::Panel;
use pocketune_judge::suite::{Answered, Comparison, Suite, SuiteReplies, SuiteResult, compare};
use serde::Serialize;

use super::arm::{self, ItemScores, RawReply, Responder, Scorer};
use super::cache::{AnswerCache, Answers, Key};
use crate::cancel::CancelToken;
use crate::engine::Engine;
use crate::error::Error;

/// How suites are asked.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationPlan {
    /// By log-probabilities of given replies, by generated replies, or one after the other.
    pub asked_by: Vec<AskedBy>,
    /// Most tokens of a generated reply.
    pub max_tokens: u32,
    /// Share of a suite's items that an adapter may lose, between 0 and 1.
    pub margin: f64,
}

/// One of the two that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvaluationArm {
    /// The model as it is.
    Base,
    /// The model under the candidate.
    Changed,
}

/// How far an evaluation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvaluationProgress {
    /// Who is asked.
    pub arm: EvaluationArm,
    /// Items that this arm has answered, over all suites and ways of asking.
    pub done: usize,
    /// Items that it answers in all.
    pub of: usize,
}

/// What both arms make of suites.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// The model.
    pub model_sha256: Digest,
    /// The candidate, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adapter_sha256: Option<Digest>,
    /// By suite, in the order in which they were asked.
    pub suites: Vec<EvaluatedSuite>,
}

/// What both arms make of one suite.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvaluatedSuite {
    /// What the suite is called.
    pub suite: String,
    /// SHA-256 of its file.
    pub suite_sha256: Digest,
    /// By log-probabilities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<ComparedArms<SuiteResult>>,
    /// By generated replies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<ComparedArms<SuiteReplies>>,
}

/// The model as it is, and under a candidate if there is one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedArms<T> {
    /// The model as it is.
    pub base: T,
    /// Under the candidate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<T>,
    /// One beside the other, item by item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

/// One arm's answers to one suite.
#[derive(Debug, Default)]
struct ArmAnswers {
    probability: Option<SuiteResult>,
    generation: Option<SuiteReplies>,
}

impl EvaluationPlan {
    /// Asks the model as it is, and then under `candidate`. Blocks for all of it: minutes for
    /// a small model on a phone. `on_progress` runs on this thread after each item; `cancel`
    /// may be raised from any thread and takes effect within a token. Answers of the model as
    /// it is are taken from `cache` where it has them, and kept there: no other arm's are.
    ///
    /// # Errors
    /// As [`Engine::score`], [`Engine::chat`], [`crate::Chat::send`] and [`Engine::evaluate`];
    /// [`Error::Suite`]; [`Error::Cancelled`].
    pub fn run(
        &self,
        engine: &Engine,
        candidate: Option<CandidateAdapter>,
        suites: &[Suite],
        cache: Option<&AnswerCache>,
        cancel: &CancelToken,
        mut on_progress: impl FnMut(EvaluationProgress),
    ) -> Result<Evaluation, Error> {
        let model_sha256 = engine.digest()?;
        let adapter_sha256 = candidate.as_ref().map(|it| Digest::of(it.bytes()));
        let asked = Asked {
            plan: self,
            engine,
            suites,
            cancel,
        };
        let base = asked.arm(engine, EvaluationArm::Base, cache, &mut on_progress)?;
        let changed = candidate.map(|candidate| {
            let session = engine.evaluate(candidate)?;
            asked.arm(&session, EvaluationArm::Changed, None, &mut on_progress)
        });
        let mut changed = changed.transpose()?.map(Vec::into_iter);
        let each = suites.iter().zip(base).map(|(suite, base)| {
            let changed = changed.as_mut().and_then(Iterator::next);
            self.compared(suite, base, changed.unwrap_or_default())
        });
        Ok(Evaluation {
            model_sha256,
            adapter_sha256,
            suites: each.collect::<Result<_, _>>()?,
        })
    }

    fn compared(
        &self,
        suite: &Suite,
        base: ArmAnswers,
        changed: ArmAnswers,
    ) -> Result<EvaluatedSuite, Error> {
        let margin = self.margin;
        Ok(EvaluatedSuite {
            suite: suite.name.clone(),
            suite_sha256: digest(suite)?,
            probability: ComparedArms::of(base.probability, changed.probability, margin, |it| {
                &it.items
            })?,
            generation: ComparedArms::of(base.generation, changed.generation, margin, |it| {
                &it.items
            })?,
        })
    }
}

/// What one arm after the other is asked.
struct Asked<'a> {
    plan: &'a EvaluationPlan,
    engine: &'a Engine,
    suites: &'a [Suite],
    cancel: &'a CancelToken,
}

impl Asked<'_> {
    fn arm<A: Scorer + Responder>(
        &self,
        asked: &A,
        arm: EvaluationArm,
        cache: Option<&AnswerCache>,
        on_progress: &mut impl FnMut(EvaluationProgress),
    ) -> Result<Vec<ArmAnswers>, Error> {
        let items: usize = self.suites.iter().map(|suite| suite.items.len()).sum();
        let of = items * self.plan.asked_by.len();
        let (panel, mut before) = (Panel::default(), 0);
        let mut answers = Vec::with_capacity(self.suites.len());
        for suite in self.suites {
            let mut answered = ArmAnswers::default();
            for &way in &self.plan.asked_by {
                let mut done = |items: usize| {
                    let done = before + items;
                    on_progress(EvaluationProgress { arm, done, of });
                };
                match way {
                    AskedBy::Probability => {
                        let scores = self.scores(asked, suite, cache, &mut done)?;
                        answered.probability = Some(arm::scored(suite, &scores)?);
                    }
                    AskedBy::Generation => {
                        let replies = self.replies(asked, suite, cache, &mut done)?;
                        answered.generation = Some(arm::judged(suite, &panel, replies));
                    }
                }
                before += suite.items.len();
            }
            answers.push(answered);
        }
        Ok(answers)
    }

    fn scores(
        &self,
        scorer: &impl Scorer,
        suite: &Suite,
        cache: Option<&AnswerCache>,
        done: &mut impl FnMut(usize),
    ) -> Result<Vec<ItemScores>, Error> {
        let kept = self.kept(suite, AskedBy::Probability, cache)?;
        if let Some((cache, key)) = &kept
            && let Some(Answers::Scores(scores)) = cache.get(key, suite.items.len())
        {
            done(scores.len());
            return Ok(scores);
        }
        let scores = arm::scores(scorer, suite, self.cancel, done)?;
        if let Some((cache, key)) = kept {
            cache.put(key, Answers::Scores(scores.clone()));
        }
        Ok(scores)
    }

    fn replies(
        &self,
        responder: &impl Responder,
        suite: &Suite,
        cache: Option<&AnswerCache>,
        done: &mut impl FnMut(usize),
    ) -> Result<Vec<RawReply>, Error> {
        let kept = self.kept(suite, AskedBy::Generation, cache)?;
        if let Some((cache, key)) = &kept
            && let Some(Answers::Replies(replies)) = cache.get(key, suite.items.len())
        {
            done(replies.len());
            return Ok(replies);
        }
        let replies = arm::replies(responder, suite, self.plan.max_tokens, self.cancel, done)?;
        if let Some((cache, key)) = kept {
            cache.put(key, Answers::Replies(replies.clone()));
        }
        Ok(replies)
    }

    /// Where answers to a suite are kept, and by what.
    fn kept<'c>(
        &self,
        suite: &Suite,
        asked_by: AskedBy,
        cache: Option<&'c AnswerCache>,
    ) -> Result<Option<(&'c AnswerCache, Key)>, Error> {
        let Some(cache) = cache else {
            return Ok(None);
        };
        let max_tokens = match asked_by {
            AskedBy::Probability => None,
            AskedBy::Generation => Some(self.plan.max_tokens),
        };
        let key = Key::of(self.engine, digest(suite)?, asked_by, max_tokens)?;
        Ok(Some((cache, key)))
    }
}

impl<T> ComparedArms<T> {
    fn of<I: Answered>(
        base: Option<T>,
        changed: Option<T>,
        margin: f64,
        items: impl Fn(&T) -> &Vec<I>,
    ) -> Result<Option<Self>, Error> {
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

impl Evaluation {
    /// Whether every comparison there is shows the candidate to be within the margin.
    #[must_use]
    pub fn not_worse(&self) -> bool {
        self.suites.iter().all(EvaluatedSuite::not_worse)
    }
}

impl EvaluatedSuite {
    fn not_worse(&self) -> bool {
        let probability = self.probability.as_ref().and_then(|it| it.comparison);
        let generation = self.generation.as_ref().and_then(|it| it.comparison);
        let mut comparisons = probability.into_iter().chain(generation);
        comparisons.all(|it| it.not_worse)
    }
}

/// SHA-256 of a suite's file.
fn digest(suite: &Suite) -> Result<Digest, Error> {
    Digest::from_hex(&suite.sha256).ok_or(Error::InvalidOption {
        name: "suite",
        reason: "has no digest: it must be read from a file".to_owned(),
    })
}
