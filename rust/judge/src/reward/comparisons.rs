//! Comparisons that training can use.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::error::RewardError;
use super::head::MAX_FEATURES;

/// A reply as the head sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// Names it in errors; unique among replies.
    pub id: String,
    /// F features, all finite.
    pub features: Vec<f32>,
    /// Its length, which the report looks at and training does not.
    pub tokens: usize,
}

/// A reply's place, as [`ComparisonsBuilder::reply`] returned it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReplyIndex(usize);

/// What one annotator thought of two replies.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Names it in errors; unique among comparisons and edits.
    pub id: String,
    /// What must not be torn apart when some comparisons are held out: the prompt.
    pub group: String,
    /// Who compared.
    pub annotator: String,
    /// The better reply; either of them in a tie.
    pub chosen: ReplyIndex,
    /// The other reply.
    pub rejected: ReplyIndex,
    /// Neither was better: half a win for each.
    pub tie: bool,
}

/// How a reply was made worse, by rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EditKind {
    /// Parts of it were repeated.
    Repeat,
    /// Praise for itself or its reader was added.
    Praise,
    /// Its words were put in another order.
    Shuffle,
}

impl EditKind {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Repeat => "repeat",
            Self::Praise => "praise",
            Self::Shuffle => "shuffle",
        }
    }
}

/// A reply and a nonsense edit of it, which must not score more.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// Names it in errors; unique among comparisons and edits.
    pub id: String,
    /// As [`Comparison::group`].
    pub group: String,
    /// What was done.
    pub kind: EditKind,
    /// The reply before.
    pub original: ReplyIndex,
    /// The reply after.
    pub edited: ReplyIndex,
    /// How many comparisons it counts for in training; above 0.
    pub weight: f64,
}

/// Collects replies and what is said of them, and refuses what is unsound.
#[derive(Debug, Clone)]
pub struct ComparisonsBuilder {
    features: usize,
    replies: Vec<Reply>,
    /// First reply with the same features: where two are the same.
    same_as: Vec<usize>,
    by_features: HashMap<Vec<u32>, usize>,
    reply_ids: HashSet<String>,
    ids: HashSet<String>,
    comparisons: Vec<Comparison>,
    edits: Vec<Edit>,
    annotators: Vec<String>,
    annotator_places: HashMap<String, usize>,
    annotator_of: Vec<usize>,
    /// By annotator and both replies, the better one first: the comparison.
    opinions: HashMap<(usize, usize, usize), usize>,
}

/// Sound comparisons: at least as many as asked for, of which one at least has a winner
/// and tells its replies apart.
#[derive(Debug, Clone)]
pub struct Comparisons {
    features: usize,
    replies: Vec<Reply>,
    comparisons: Vec<Comparison>,
    edits: Vec<Edit>,
    annotators: Vec<String>,
    annotator_of: Vec<usize>,
}

impl ComparisonsBuilder {
    /// Replies will have `features` features each.
    #[must_use]
    pub fn new(features: usize) -> Self {
        Self {
            features,
            replies: Vec::new(),
            same_as: Vec::new(),
            by_features: HashMap::new(),
            reply_ids: HashSet::new(),
            ids: HashSet::new(),
            comparisons: Vec::new(),
            edits: Vec::new(),
            annotators: Vec::new(),
            annotator_places: HashMap::new(),
            annotator_of: Vec::new(),
            opinions: HashMap::new(),
        }
    }

    /// Adds a reply.
    ///
    /// # Errors
    /// [`RewardError::WrongLength`], [`RewardError::NotFinite`],
    /// [`RewardError::DuplicateId`].
    pub fn reply(&mut self, reply: Reply) -> Result<ReplyIndex, RewardError> {
        let id = || reply.id.clone();
        let found = reply.features.len();
        if found != self.features {
            let expected = self.features;
            return Err(RewardError::WrongLength {
                id: id(),
                found,
                expected,
            });
        }
        if let Some(index) = reply.features.iter().position(|value| !value.is_finite()) {
            return Err(RewardError::NotFinite { id: id(), index });
        }
        if !self.reply_ids.insert(id()) {
            return Err(RewardError::DuplicateId { id: id() });
        }
        let index = self.replies.len();
        let bits = reply.features.iter().map(|value| value.to_bits()).collect();
        self.same_as
            .push(*self.by_features.entry(bits).or_insert(index));
        self.replies.push(reply);
        Ok(ReplyIndex(index))
    }

    /// Adds a comparison. Replies of the same features count as the same.
    ///
    /// # Errors
    /// [`RewardError::DuplicateId`], [`RewardError::UnknownReply`],
    /// [`RewardError::SameReply`], [`RewardError::Contradiction`].
    pub fn comparison(&mut self, comparison: Comparison) -> Result<&mut Self, RewardError> {
        let (chosen, rejected) =
            self.check_pair(&comparison.id, comparison.chosen, comparison.rejected)?;
        let known = self.annotator_places.get(&comparison.annotator).copied();
        let annotator = known.unwrap_or(self.annotators.len());
        if !comparison.tie {
            if let Some(first) = self
                .opinions
                .get(&(annotator, rejected, chosen))
                .and_then(|&first| self.comparisons.get(first))
                // Of replies without a difference nothing can be said twice.
                .filter(|_| chosen != rejected)
            {
                return Err(RewardError::Contradiction {
                    first: first.id.clone(),
                    second: comparison.id,
                });
            }
            self.opinions
                .entry((annotator, chosen, rejected))
                .or_insert(self.comparisons.len());
        }
        if known.is_none() {
            let name = comparison.annotator.clone();
            self.annotator_places.insert(name.clone(), annotator);
            self.annotators.push(name);
        }
        self.ids.insert(comparison.id.clone());
        self.annotator_of.push(annotator);
        self.comparisons.push(comparison);
        Ok(self)
    }

    /// Adds a nonsense edit.
    ///
    /// # Errors
    /// [`RewardError::DuplicateId`], [`RewardError::UnknownReply`],
    /// [`RewardError::SameReply`], [`RewardError::Weight`].
    pub fn edit(&mut self, edit: Edit) -> Result<&mut Self, RewardError> {
        self.check_pair(&edit.id, edit.original, edit.edited)?;
        if !(edit.weight > 0.0 && edit.weight.is_finite()) {
            return Err(RewardError::Weight {
                found: edit.weight,
                id: edit.id,
            });
        }
        self.ids.insert(edit.id.clone());
        self.edits.push(edit);
        Ok(self)
    }

    /// Everything added, if it is enough.
    ///
    /// # Errors
    /// [`RewardError::FeatureCount`], [`RewardError::Empty`],
    /// [`RewardError::TooFewComparisons`], [`RewardError::OnlyTies`],
    /// [`RewardError::NoDifference`].
    pub fn build(self, minimum: usize) -> Result<Comparisons, RewardError> {
        if self.features == 0 || self.features > MAX_FEATURES {
            return Err(RewardError::FeatureCount {
                found: self.features as u64,
                limit: MAX_FEATURES as u64,
            });
        }
        let found = self.comparisons.len();
        if found == 0 {
            return Err(RewardError::Empty);
        }
        if found < minimum {
            return Err(RewardError::TooFewComparisons { found, minimum });
        }
        if self.comparisons.iter().all(|comparison| comparison.tie) {
            return Err(RewardError::OnlyTies);
        }
        let opinions = self.opinions.keys();
        if !opinions
            .into_iter()
            .any(|&(_, chosen, rejected)| chosen != rejected)
        {
            return Err(RewardError::NoDifference);
        }
        Ok(Comparisons {
            features: self.features,
            replies: self.replies,
            comparisons: self.comparisons,
            edits: self.edits,
            annotators: self.annotators,
            annotator_of: self.annotator_of,
        })
    }

    /// The first replies of the same features as these.
    fn check_pair(
        &self,
        id: &str,
        one: ReplyIndex,
        other: ReplyIndex,
    ) -> Result<(usize, usize), RewardError> {
        let id = || id.to_owned();
        if self.ids.contains(&id()) {
            return Err(RewardError::DuplicateId { id: id() });
        }
        let same_as = |reply: ReplyIndex| {
            let found = self.same_as.get(reply.0).copied();
            found.ok_or_else(|| RewardError::UnknownReply { id: id() })
        };
        let pair = (same_as(one)?, same_as(other)?);
        if one == other {
            return Err(RewardError::SameReply { id: id() });
        }
        Ok(pair)
    }
}

impl Comparisons {
    /// F.
    #[must_use]
    pub fn features(&self) -> usize {
        self.features
    }

    /// The comparisons, in the order in which they were added.
    #[must_use]
    pub fn comparisons(&self) -> &[Comparison] {
        &self.comparisons
    }

    /// The nonsense edits.
    #[must_use]
    pub fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// Who compared, in the order of their first comparison.
    #[must_use]
    pub fn annotators(&self) -> &[String] {
        &self.annotators
    }

    /// A reply that a comparison or an edit names.
    pub(crate) fn reply(&self, index: ReplyIndex) -> &Reply {
        &self.replies[index.0]
    }

    /// Each comparison with its annotator's place.
    pub(crate) fn by_annotator(&self) -> impl Iterator<Item = (&Comparison, usize)> {
        self.comparisons
            .iter()
            .zip(self.annotator_of.iter().copied())
    }

    /// Replies that comparisons name, each once: those that mean and scale are taken of.
    pub(crate) fn compared_replies(&self) -> impl Iterator<Item = &Reply> {
        let mut named = vec![false; self.replies.len()];
        for comparison in &self.comparisons {
            named[comparison.chosen.0] = true;
            named[comparison.rejected.0] = true;
        }
        let replies = self.replies.iter().zip(named);
        replies.filter_map(|(reply, named)| named.then_some(reply))
    }
}
