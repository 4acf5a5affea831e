//! What goes through the model at once.

use std::ops::Range;

use pocketune_kernels::{Segment, TreeMask};

use crate::error::TrainError;

/// Something to learn from, as tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sample {
    /// A text; loss on the tokens from `loss_from` on (at least the second one).
    Text {
        /// Prompt and reply.
        tokens: Vec<u32>,
        /// Index of the first token that counts: the prompt's length, or 1 for all.
        loss_from: usize,
    },
    /// A preferred and a rejected reply to the same prompt.
    Pair {
        /// At least one token.
        prompt: Vec<u32>,
        /// The better reply, at least one token.
        chosen: Vec<u32>,
        /// The worse reply, at least one token.
        rejected: Vec<u32>,
    },
}

impl Sample {
    /// Tokens that are computed for it: all but the last ones, which predict nothing.
    #[must_use]
    pub fn tokens(&self) -> usize {
        match self {
            Self::Text { tokens, .. } => tokens.len().saturating_sub(1),
            Self::Pair {
                prompt,
                chosen,
                rejected,
            } => (prompt.len() + chosen.len() + rejected.len()).saturating_sub(2),
        }
    }

    /// Predictions of it that count.
    #[must_use]
    pub fn targets(&self) -> usize {
        self.replies().map(<[u32]>::len).sum()
    }

    /// Tokens of its first reply.
    pub(crate) fn first_reply(&self) -> usize {
        self.replies().next().map_or(0, <[u32]>::len)
    }

    /// What comes before the tokens that count.
    fn prompt(&self) -> &[u32] {
        match self {
            Self::Text { tokens, loss_from } => &tokens[..*loss_from],
            Self::Pair { prompt, .. } => prompt,
        }
    }

    /// The tokens that count, reply by reply.
    fn replies(&self) -> impl Iterator<Item = &[u32]> {
        let (first, second) = match self {
            Self::Text { tokens, loss_from } => (&tokens[*loss_from..], None),
            Self::Pair {
                chosen, rejected, ..
            } => (&chosen[..], Some(&rejected[..])),
        };
        std::iter::once(first).chain(second)
    }

    /// How many tokens all prompts begin with in common.
    pub(crate) fn shared_prompt<'a>(samples: impl IntoIterator<Item = &'a Self>) -> usize {
        let mut samples = samples.into_iter().map(Self::prompt);
        let Some(first) = samples.next() else {
            return 0;
        };
        samples.fold(first.len(), |shared, prompt| {
            let pairs = first[..shared].iter().zip(prompt);
            pairs.take_while(|(a, b)| a == b).count()
        })
    }

    /// Refuses what cannot be trained on.
    pub(crate) fn check(&self, index: usize, vocabulary: usize) -> Result<(), TrainError> {
        let refuse = |reason: &str| {
            Err(TrainError::Sample {
                index,
                reason: reason.to_owned(),
            })
        };
        let known = |tokens: &[u32]| tokens.iter().all(|&token| (token as usize) < vocabulary);
        match self {
            Self::Text { tokens, loss_from } => {
                if *loss_from == 0 || *loss_from >= tokens.len() {
                    return refuse("it has no token to learn after a first one");
                }
                if !known(tokens) {
                    return refuse("a token is outside the vocabulary");
                }
            }
            Self::Pair {
                prompt,
                chosen,
                rejected,
            } => {
                if prompt.is_empty() || chosen.is_empty() || rejected.is_empty() {
                    return refuse("prompt, chosen and rejected need a token each");
                }
                if chosen == rejected {
                    return refuse("chosen and rejected are the same");
                }
                if ![prompt, chosen, rejected]
                    .iter()
                    .all(|tokens| known(tokens))
                {
                    return refuse("a token is outside the vocabulary");
                }
            }
        }
        Ok(())
    }
}

/// A token whose probability counts: the one that follows `token`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Index in the pack of the token before.
    pub token: usize,
    /// The vocabulary entry that follows there.
    pub target: u32,
}

/// Tokens, who sees whom, and which predictions count. What sequences begin with in
/// common is computed once.
#[derive(Debug, Clone)]
pub struct Pack {
    pub(crate) tokens: Vec<u32>,
    pub(crate) mask: TreeMask,
    pub(crate) targets: Vec<Target>,
    /// The targets of each reply: one of a text, two of a pair, chosen first.
    replies: Vec<Range<usize>>,
}

impl Pack {
    /// A sample on its own; a pair shares its prompt.
    #[must_use]
    pub fn new(sample: &Sample) -> Self {
        Self::of(&[sample])
    }

    /// Several samples at once, which share what all their prompts begin with.
    #[must_use]
    pub fn of(samples: &[&Sample]) -> Self {
        let shared = Sample::shared_prompt(samples.iter().copied());
        let mut pack = PackBuilder::default();
        let root = pack.segment(
            None,
            &samples.first().map_or(&[][..], |it| it.prompt())[..shared],
        );
        for sample in samples {
            let rest = &sample.prompt()[shared..];
            // The root's last token is the last of every prompt that ends there.
            let prompt = if rest.is_empty() {
                root
            } else {
                pack.segment(Some(root), rest)
            };
            for reply in sample.replies() {
                pack.reply(prompt, reply);
            }
        }
        pack.build()
    }

    /// Tokens that are computed.
    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Predictions that count, reply after reply; of a pair the chosen one first.
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// The targets of each reply.
    #[must_use]
    pub fn replies(&self) -> &[Range<usize>] {
        &self.replies
    }

    /// The sum of each reply's values.
    pub(crate) fn sums(&self, values: &[f32]) -> Vec<f64> {
        let sum = |reply: &Range<usize>| {
            let values = values[reply.clone()].iter();
            values.map(|&value| f64::from(value)).sum()
        };
        self.replies.iter().map(sum).collect()
    }
}

#[derive(Default)]
struct PackBuilder {
    tokens: Vec<u32>,
    segments: Vec<Segment>,
    // Index of each segment's last token.
    ends: Vec<usize>,
    targets: Vec<Target>,
    replies: Vec<Range<usize>>,
}

impl PackBuilder {
    fn segment(&mut self, parent: Option<usize>, tokens: &[u32]) -> usize {
        self.tokens.extend(tokens);
        self.segments.push(Segment {
            parent,
            tokens: tokens.len(),
        });
        self.ends.push(self.tokens.len().saturating_sub(1));
        self.segments.len() - 1
    }

    /// A reply after `prompt`, which is not empty. Its last token predicts nothing
    /// that counts and is not computed.
    fn reply(&mut self, prompt: usize, reply: &[u32]) {
        let (first, start) = (self.targets.len(), self.tokens.len());
        for (index, &target) in reply.iter().enumerate() {
            let token = match index {
                0 => self.ends[prompt],
                _ => start + index - 1,
            };
            self.targets.push(Target { token, target });
        }
        self.segment(Some(prompt), &reply[..reply.len().saturating_sub(1)]);
        self.replies.push(first..self.targets.len());
    }

    fn build(self) -> Pack {
        Pack {
            mask: TreeMask::new(&self.segments),
            tokens: self.tokens,
            targets: self.targets,
            replies: self.replies,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Pack, Sample};

    #[test]
    fn samples_share_what_their_prompts_begin_with() {
        let pair = Sample::Pair {
            prompt: vec![1, 2, 3],
            chosen: vec![7, 8],
            rejected: vec![9],
        };
        let text = Sample::Text {
            tokens: vec![1, 2, 4, 5, 6],
            loss_from: 3,
        };
        let pack = Pack::of(&[&pair, &text]);
        assert_eq!(pack.tokens(), [1, 2, 3, 7, 4, 5]);
        let targets = pack.targets().iter().map(|it| (it.token, it.target));
        assert_eq!(
            targets.collect::<Vec<_>>(),
            [(2, 7), (3, 8), (2, 9), (4, 5), (5, 6)]
        );
        assert_eq!(pack.replies(), [0..2, 2..3, 3..5]);
        assert_eq!(pack.mask.positions(), [0, 1, 2, 3, 2, 3]);
        // Alone, or where a prompt is all that is shared.
        assert_eq!(Pack::new(&text).tokens(), [1, 2, 4, 5]);
        assert_eq!(Pack::of(&[&pair, &pair]).tokens(), [1, 2, 3, 7, 7]);
    }
}
