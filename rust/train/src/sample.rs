//! Something to learn from, as tokens.

use std::ops::Range;

use crate::error::TrainError;

/// A prompt, and what was replied to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// What the replies answer; at least one token.
    pub prompt: Vec<u32>,
    /// At least one.
    pub replies: Vec<Reply>,
}

/// A reply, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// At least one.
    pub tokens: Vec<u32>,
    /// What it is worth.
    pub label: Label,
    /// Tokens that are read and not learned, such as what a user says between two replies:
    /// in order, without overlap.
    pub unlearned: Vec<Range<usize>>,
}

/// What a reply is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Label {
    /// To be imitated, without a word on how good it is.
    Demonstration,
    /// Preferred to the other reply of its sample.
    Chosen,
    /// The other reply.
    Rejected,
    /// Good by itself, as a thumb up says.
    Desirable,
    /// Bad by itself.
    Undesirable,
    /// What the reference itself replies to another prompt, to be kept as it is.
    Anchor,
}

impl Reply {
    /// A reply all of whose tokens are learned.
    #[must_use]
    pub fn new(tokens: Vec<u32>, label: Label) -> Self {
        Self {
            tokens,
            label,
            unlearned: Vec::new(),
        }
    }

    /// Number of tokens that are learned.
    #[must_use]
    pub fn learned(&self) -> usize {
        let unlearned: usize = self.unlearned.iter().map(ExactSizeIterator::len).sum();
        self.tokens.len().saturating_sub(unlearned)
    }

    /// The last token that is learned.
    pub(crate) fn last_learned(&self) -> Option<usize> {
        (0..self.tokens.len())
            .rev()
            .find(|&token| self.learns(token))
    }

    /// Whether the token is learned.
    pub(crate) fn learns(&self, token: usize) -> bool {
        !self.unlearned.iter().any(|range| range.contains(&token))
    }
}

impl Sample {
    /// A reply to imitate. For a text without a prompt, its first token serves as one: nothing
    /// predicts it.
    #[must_use]
    pub fn demonstration(prompt: Vec<u32>, reply: Vec<u32>) -> Self {
        Self::one(prompt, reply, Label::Demonstration)
    }

    /// A preferred and a rejected reply.
    #[must_use]
    pub fn pair(prompt: Vec<u32>, chosen: Vec<u32>, rejected: Vec<u32>) -> Self {
        Self {
            prompt,
            replies: vec![
                Reply::new(chosen, Label::Chosen),
                Reply::new(rejected, Label::Rejected),
            ],
        }
    }

    /// A reply that was liked or not.
    #[must_use]
    pub fn thumb(prompt: Vec<u32>, reply: Vec<u32>, up: bool) -> Self {
        let label = match up {
            true => Label::Desirable,
            false => Label::Undesirable,
        };
        Self::one(prompt, reply, label)
    }

    /// The reference's own reply to an ordinary prompt.
    #[must_use]
    pub fn ordinary(prompt: Vec<u32>, reply: Vec<u32>) -> Self {
        Self::one(prompt, reply, Label::Anchor)
    }

    fn one(prompt: Vec<u32>, reply: Vec<u32>, label: Label) -> Self {
        Self {
            prompt,
            replies: vec![Reply::new(reply, label)],
        }
    }

    /// Tokens of the prompt and the longest reply.
    #[must_use]
    pub fn longest(&self) -> usize {
        let replies = self.replies.iter().map(|reply| reply.tokens.len());
        self.prompt.len() + replies.max().unwrap_or(0)
    }

    /// Predictions that are learned from, of all replies; what replies begin with in common
    /// counts for each.
    #[must_use]
    pub fn learned(&self) -> usize {
        self.replies.iter().map(Reply::learned).sum()
    }

    /// The labels of its replies.
    pub fn labels(&self) -> impl Iterator<Item = Label> {
        self.replies.iter().map(|reply| reply.label)
    }

    /// Whether it is to be kept as it is, and not learned from.
    #[must_use]
    pub fn is_anchor(&self) -> bool {
        self.labels().eq([Label::Anchor])
    }

    /// Bytes that no other sample has: numbers in 8 bytes and tokens in 4, little-endian, lists
    /// behind their length. Checkpoints hold digests of them.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_tokens(&mut bytes, &self.prompt);
        put(&mut bytes, self.replies.len());
        for reply in &self.replies {
            put(&mut bytes, reply.label as usize);
            put_tokens(&mut bytes, &reply.tokens);
            put(&mut bytes, reply.unlearned.len());
            for range in &reply.unlearned {
                put(&mut bytes, range.start);
                put(&mut bytes, range.end);
            }
        }
        bytes
    }

    /// How many tokens all prompts begin with in common.
    pub(crate) fn shared_prompt<'a>(samples: impl IntoIterator<Item = &'a Self>) -> usize {
        let mut prompts = samples.into_iter().map(|sample| &sample.prompt);
        let Some(first) = prompts.next() else {
            return 0;
        };
        prompts.fold(first.len(), |shared, prompt| {
            let pairs = first[..shared].iter().zip(prompt);
            pairs.take_while(|(a, b)| a == b).count()
        })
    }

    /// Refuses what no objective can learn from.
    pub(crate) fn check(&self, vocabulary: usize) -> Result<(), &'static str> {
        if self.prompt.is_empty() {
            return Err("its prompt has no token");
        }
        if self.replies.is_empty() {
            return Err("it has no reply");
        }
        for reply in &self.replies {
            if reply.tokens.is_empty() {
                return Err("a reply of it has no token");
            }
            let ends = reply.unlearned.iter().map(|range| range.end);
            let starts = reply.unlearned.iter().map(|range| range.start);
            let ordered = starts.zip(std::iter::once(0).chain(ends.clone()));
            let in_order = ordered.clone().all(|(start, end)| start >= end);
            if !in_order || ends.max().unwrap_or(0) > reply.tokens.len() {
                return Err("what is not learned of a reply lies outside it");
            }
            if reply.learned() == 0 {
                return Err("nothing of a reply is learned");
            }
        }
        let mut tokens = self
            .prompt
            .iter()
            .chain(self.replies.iter().flat_map(|reply| &reply.tokens));
        match tokens.all(|&token| (token as usize) < vocabulary) {
            true => Ok(()),
            false => Err("a token is outside the vocabulary"),
        }
    }
}

/// [`Sample::check`] of each, with the index of the first that fails.
pub(crate) fn check_all<'s>(
    samples: impl IntoIterator<Item = &'s Sample>,
    vocabulary: usize,
) -> Result<(), TrainError> {
    for (index, sample) in samples.into_iter().enumerate() {
        sample
            .check(vocabulary)
            .map_err(|reason| TrainError::Sample {
                index,
                reason: reason.to_owned(),
            })?;
    }
    Ok(())
}

fn put(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend((number as u64).to_le_bytes());
}

fn put_tokens(bytes: &mut Vec<u8>, tokens: &[u32]) {
    put(bytes, tokens.len());
    bytes.extend(tokens.iter().flat_map(|token| token.to_le_bytes()));
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::iter::once;

    use super::{Label, Reply, Sample};

    #[test]
    fn what_differs_has_other_bytes() {
        let masked = Sample {
            prompt: vec![1],
            replies: vec![Reply {
                unlearned: once(0..1).collect(),
                ..Reply::new(vec![2, 3], Label::Demonstration)
            }],
        };
        let samples = [
            Sample::demonstration(vec![1], vec![2, 3]),
            Sample::demonstration(vec![1, 2], vec![3]),
            Sample::ordinary(vec![1], vec![2, 3]),
            Sample::thumb(vec![1], vec![2, 3], true),
            Sample::thumb(vec![1], vec![2, 3], false),
            Sample::pair(vec![1], vec![2, 3], vec![4]),
            Sample::pair(vec![1], vec![2], vec![3, 4]),
            masked,
        ];
        let distinct: HashSet<_> = samples.iter().map(Sample::to_bytes).collect();
        assert_eq!(distinct.len(), samples.len());
    }

    /// The bytes are a format.
    #[test]
    fn the_bytes_stay() {
        let sample = Sample::thumb(vec![7], vec![258], true);
        let numbers = |all: &[u64]| {
            all.iter()
                .flat_map(|it| it.to_le_bytes())
                .collect::<Vec<_>>()
        };
        let expected = [
            numbers(&[1]),
            vec![7, 0, 0, 0],
            numbers(&[1, 3, 1]),
            vec![2, 1, 0, 0],
            numbers(&[0]),
        ];
        assert_eq!(sample.to_bytes(), expected.concat());
    }

    #[test]
    fn what_cannot_be_learned_from_is_refused() {
        let text = Sample::demonstration(vec![1], vec![2, 3, 4]);
        assert_eq!(text.check(5), Ok(()));
        let masked = |unlearned| Sample {
            replies: vec![Reply {
                unlearned,
                ..Reply::new(vec![2, 3, 4], Label::Demonstration)
            }],
            ..text.clone()
        };
        assert_eq!(masked(vec![0..1, 1..2]).check(5), Ok(()));
        assert_eq!(masked(vec![0..1, 1..2]).learned(), 1);
        for (sample, says) in [
            (Sample::demonstration(vec![], vec![2]), "prompt"),
            (Sample::demonstration(vec![1], vec![]), "no token"),
            (Sample::demonstration(vec![1], vec![5]), "vocabulary"),
            (Sample::demonstration(vec![5], vec![1]), "vocabulary"),
            (masked(once(0..3).collect()), "nothing"),
            (masked(vec![1..2, 0..1]), "outside"),
            (masked(once(2..4).collect()), "outside"),
        ] {
            let refused = sample.check(5).unwrap_err();
            assert!(refused.contains(says), "{refused} does not say {says}");
        }
    }
}
