//! What goes through the model at once.

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

/// Tokens, who sees whom, and which predictions count.
#[derive(Debug, Clone)]
pub struct Pack {
    pub(crate) tokens: Vec<u32>,
    pub(crate) mask: TreeMask,
    pub(crate) targets: Vec<Target>,
    /// How many of the targets belong to the first (chosen) reply.
    pub(crate) first_targets: usize,
}

impl Pack {
    /// A sample on its own; a pair shares its prompt.
    #[must_use]
    pub fn new(sample: &Sample) -> Self {
        match sample {
            Sample::Text { tokens, loss_from } => {
                let targets: Vec<Target> = (*loss_from..tokens.len())
                    .map(|index| Target {
                        token: index - 1,
                        target: tokens[index],
                    })
                    .collect();
                // The last token predicts nothing that counts: it is not computed.
                let computed = tokens.len() - 1;
                Self {
                    tokens: tokens[..computed].to_vec(),
                    mask: TreeMask::causal(computed),
                    first_targets: targets.len(),
                    targets,
                }
            }
            Sample::Pair {
                prompt,
                chosen,
                rejected,
            } => Self::pair(prompt, chosen, rejected),
        }
    }

    fn pair(prompt: &[u32], chosen: &[u32], rejected: &[u32]) -> Self {
        // As above: the last tokens predict nothing.
        let segment = |parent, tokens| Segment { parent, tokens };
        let mask = TreeMask::new(&[
            segment(None, prompt.len()),
            segment(Some(0), chosen.len() - 1),
            segment(Some(0), rejected.len() - 1),
        ]);
        let mut tokens = prompt.to_vec();
        let mut targets = Vec::new();
        for reply in [chosen, rejected] {
            let start = tokens.len();
            for (index, &target) in reply.iter().enumerate() {
                let token = if index == 0 {
                    prompt.len() - 1
                } else {
                    start + index - 1
                };
                targets.push(Target { token, target });
            }
            tokens.extend(&reply[..reply.len() - 1]);
        }
        Self {
            tokens,
            mask,
            targets,
            first_targets: chosen.len(),
        }
    }

    /// Tokens that are computed.
    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Predictions that count; those of a chosen reply come first.
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Sums of the chosen reply's values and of the rejected one's.
    pub(crate) fn sums(&self, values: &[f32]) -> (f64, f64) {
        let sum = |values: &[f32]| values.iter().map(|&value| f64::from(value)).sum();
        let (first, second) = values.split_at(self.first_targets);
        (sum(first), sum(second))
    }
}
