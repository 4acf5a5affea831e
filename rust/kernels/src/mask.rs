//! Who sees whom: causal attention over sequences that share beginnings.

use std::ops::Range;

use crate::lanes::WIDTH;

/// A stretch of tokens that goes on where its parent ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Index of the segment that this one continues; it must come earlier.
    pub parent: Option<usize>,
    /// Tokens.
    pub tokens: usize,
}

/// Segments one after the other in one row of T tokens. A token sees itself, what
/// comes before it in its segment, and all of the segments that this continues:
/// a prompt is computed once for all its replies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeMask {
    segments: Vec<(Segment, Range<usize>)>,
    positions: Vec<u32>,
    by_query: Vec<Vec<Run>>,
    by_key: Vec<Vec<Run>>,
}

/// Neighbouring tokens that a panel has to do with, and which of its lanes do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) start: usize,
    /// One entry a token; bit `lane` for each lane of the panel.
    pub(crate) lanes: Vec<u16>,
}

impl TreeMask {
    /// One sequence.
    #[must_use]
    pub fn causal(tokens: usize) -> Self {
        Self::new(&[Segment {
            parent: None,
            tokens,
        }])
    }

    /// `segments` in the order of their tokens.
    ///
    /// # Panics
    /// When a parent does not come before its child.
    #[must_use]
    pub fn new(segments: &[Segment]) -> Self {
        let mut placed: Vec<(Segment, Range<usize>)> = Vec::with_capacity(segments.len());
        let mut positions = Vec::new();
        for segment in segments {
            let start = positions.len();
            let first = segment.parent.map_or(0, |parent| {
                assert!(parent < placed.len(), "a parent comes before its children");
                let end = placed[parent].1.end;
                // An empty parent has the position its own parent ends at.
                end.checked_sub(1)
                    .filter(|_| !placed[parent].1.is_empty())
                    .map_or_else(|| depth(&placed, parent), |last| positions[last] + 1)
            });
            positions.extend((first..).take(segment.tokens));
            placed.push((*segment, start..start + segment.tokens));
        }
        let mut mask = Self {
            segments: placed,
            positions,
            by_query: Vec::new(),
            by_key: Vec::new(),
        };
        let owner = mask.owners();
        // A query of padding sees what its panel sees, or its softmax would divide by
        // zero; a key of padding is seen by none, so that its gradient is zero.
        mask.by_query = mask.runs(true, |token, other| mask.sees(&owner, token, other));
        mask.by_key = mask.runs(false, |token, other| mask.sees(&owner, other, token));
        mask
    }

    /// T.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.positions.len()
    }

    /// Each token's position in its own sequence.
    #[must_use]
    pub fn positions(&self) -> &[u32] {
        &self.positions
    }

    /// The tokens of a segment.
    ///
    /// # Panics
    /// When there is no such segment.
    #[must_use]
    pub fn range(&self, segment: usize) -> Range<usize> {
        self.segments[segment].1.clone()
    }

    /// Keys that the queries of `panel` see.
    pub(crate) fn keys(&self, panel: usize) -> &[Run] {
        &self.by_query[panel]
    }

    /// Queries that see the keys of `panel`.
    pub(crate) fn queries(&self, panel: usize) -> &[Run] {
        &self.by_key[panel]
    }

    fn owners(&self) -> Vec<usize> {
        let segments = self.segments.iter().enumerate();
        segments
            .flat_map(|(index, (_, range))| range.clone().map(move |_| index))
            .collect()
    }

    fn sees(&self, owner: &[usize], query: usize, key: usize) -> bool {
        if key > query {
            return false;
        }
        let mut segment = Some(owner[query]);
        while let Some(index) = segment {
            if index == owner[key] {
                return true;
            }
            segment = self.segments[index].0.parent;
        }
        false
    }

    /// For each panel the tokens that any of its lanes `meets`.
    fn runs(&self, pad: bool, meets: impl Fn(usize, usize) -> bool) -> Vec<Vec<Run>> {
        let tokens = self.tokens();
        let mut panels = Vec::new();
        for first in (0..tokens).step_by(WIDTH) {
            let mut runs: Vec<Run> = Vec::new();
            let used = (tokens - first).min(WIDTH);
            let padding = if pad && used < WIDTH { !0 << used } else { 0 };
            for other in 0..tokens {
                let lanes = (first..tokens.min(first + WIDTH))
                    .filter(|&token| meets(token, other))
                    .fold(0u16, |lanes, token| lanes | 1 << (token - first));
                if lanes == 0 {
                    continue;
                }
                match runs.last_mut() {
                    Some(run) if run.start + run.lanes.len() == other => {
                        run.lanes.push(lanes | padding);
                    }
                    _ => runs.push(Run {
                        start: other,
                        lanes: vec![lanes | padding],
                    }),
                }
            }
            panels.push(runs);
        }
        panels
    }
}

/// Where an empty segment's children begin.
fn depth(placed: &[(Segment, Range<usize>)], mut segment: usize) -> u32 {
    let mut tokens = 0;
    loop {
        let (it, range) = &placed[segment];
        tokens += range.len();
        match it.parent {
            Some(parent) => segment = parent,
            None => return u32::try_from(tokens).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Segment, TreeMask};

    #[test]
    fn replies_share_their_prompt_and_not_each_other() {
        let segment = |parent, tokens| Segment { parent, tokens };
        let mask = TreeMask::new(&[
            segment(None, 3),
            segment(Some(0), 2),
            segment(Some(0), 20),
            segment(None, 1),
        ]);
        assert_eq!(mask.positions()[..7], [0, 1, 2, 3, 4, 3, 4]);
        assert_eq!(mask.positions()[25], 0);
        assert_eq!(mask.range(2), 5..25);
        let owner = mask.owners();
        assert!(mask.sees(&owner, 4, 3) && mask.sees(&owner, 4, 0) && mask.sees(&owner, 4, 4));
        assert!(!mask.sees(&owner, 5, 4) && !mask.sees(&owner, 3, 4) && !mask.sees(&owner, 25, 0));
        // The second panel holds tokens 16 to 25: reply and the last sequence.
        let runs: Vec<_> = mask
            .keys(1)
            .iter()
            .map(|run| (run.start, run.lanes.len()))
            .collect();
        assert_eq!(runs, [(0, 3), (5, 21)]);
    }

    #[test]
    fn an_empty_prompt_starts_at_zero() {
        let mask = TreeMask::new(&[
            Segment {
                parent: None,
                tokens: 0,
            },
            Segment {
                parent: Some(0),
                tokens: 2,
            },
        ]);
        assert_eq!(mask.positions(), [0, 1]);
    }
}
