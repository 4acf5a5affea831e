//! What critics say of one arm's own replies to a suite.

use std::collections::BTreeMap;

use pocketune_base::Digest;
use serde::{Deserialize, Serialize};

use super::named::names_only;
use super::result::Shares;
use super::{Answered, Item, KindResult, Suite, Task};
use crate::critic::{Judgement, Panel, ReplyEnd, Ruling, refuses};
use crate::stats::Interval;

/// One arm's reply to one item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemReply {
    /// The item.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Of a question with choices: whether the right one is named and no other. Of all
    /// else: whether the panel passes the reply; what needs review does not pass.
    pub passed: bool,
    /// Whether it refuses.
    pub refuses: bool,
    /// Why it ended.
    pub end: ReplyEnd,
    /// SHA-256 of its text, in hexadecimal digits.
    pub reply_sha256: String,
    /// Its text.
    pub reply: String,
    /// What the panel says. Of a question with choices it decides nothing: a fact is right
    /// in a sentence that has no end.
    pub judgement: Judgement,
}

/// One arm's replies to a suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteReplies {
    /// What the suite is called.
    pub suite: String,
    /// SHA-256 of its file.
    pub suite_sha256: String,
    /// Share of items that passed.
    pub pass_rate: f64,
    /// Its interval at 95 % (Wilson).
    pub interval: Interval,
    /// Mean of the panel's scores, from 0 to 1.
    pub mean_score: f64,
    /// Items whose replies need review by a person.
    pub needs_review: u64,
    /// Passed items by kind.
    pub kinds: BTreeMap<String, KindResult>,
    /// By item, in the suite's order.
    pub items: Vec<ItemReply>,
}

impl ItemReply {
    /// Judges a reply. Does not block.
    #[must_use]
    pub fn of(item: &Item, panel: &Panel, reply: String, end: ReplyEnd) -> Self {
        let exchange = item.exchange(&reply, end);
        let judgement = panel.judge(&exchange);
        let refuses = refuses(&exchange);
        let passed = match &item.task {
            Task::Choice {
                choices, answer, ..
            } => names_only(&reply, choices, *answer),
            Task::Preference { .. } => judgement.ruling == Ruling::Pass,
        };
        Self {
            id: item.id.clone(),
            kind: item.kind.clone(),
            passed,
            refuses,
            end,
            reply_sha256: Digest::of(reply.as_bytes()).to_string(),
            reply,
            judgement,
        }
    }
}

impl Answered for ItemReply {
    fn id(&self) -> &str {
        &self.id
    }

    fn right(&self) -> bool {
        self.passed
    }
}

impl SuiteReplies {
    /// From the replies to all items.
    #[must_use]
    pub fn of(suite: &Suite, items: Vec<ItemReply>) -> Self {
        let shares = Shares::count(items.iter().map(|it| (it.kind.as_str(), it.passed)));
        let scores: f64 = items.iter().map(|item| item.judgement.score).sum();
        let review = |item: &&ItemReply| item.judgement.ruling == Ruling::NeedsReview;
        Self {
            suite: suite.name.clone(),
            suite_sha256: suite.sha256.clone(),
            pass_rate: shares.share,
            interval: shares.interval,
            mean_score: scores / shares.of.max(1) as f64,
            needs_review: items.iter().filter(review).count() as u64,
            kinds: shares.kinds,
            items,
        }
    }
}
