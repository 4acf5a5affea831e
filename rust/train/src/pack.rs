//! What goes through the model at once.

use std::ops::Range;

use pocketune_kernels::{Segment, TreeMask};

use crate::objective::ReplyWeight;
use crate::sample::{Reply, Sample};

/// A token whose probability counts: the one that follows `token`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Index in the pack of the token before.
    pub token: usize,
    /// The vocabulary entry that follows there.
    pub target: u32,
}

/// How large a pack is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PackSize {
    /// Tokens that are computed.
    pub tokens: usize,
    /// Predictions that count.
    pub targets: usize,
}

/// Tokens, who sees whom, and which predictions count. What sequences begin with in
/// common is computed once: prompts, and the beginnings of the replies to one prompt.
#[derive(Debug, Clone)]
pub struct Pack {
    pub(crate) tokens: Vec<u32>,
    pub(crate) mask: TreeMask,
    pub(crate) targets: Vec<Target>,
    replies: Vec<ReplyTargets>,
}

/// Where the targets of a reply are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ReplyTargets {
    /// First those that it shares with others.
    ranges: Vec<Range<usize>>,
    /// Of its last token, where that is learned.
    end: Option<usize>,
}

impl Pack {
    /// A sample on its own.
    #[must_use]
    pub fn new(sample: &Sample) -> Self {
        Self::of(&[sample])
    }

    /// Several samples at once, which share what all their prompts begin with.
    #[must_use]
    pub fn of(samples: &[&Sample]) -> Self {
        let shared = Sample::shared_prompt(samples.iter().copied());
        let mut pack = PackBuilder::default();
        let first = samples.first().map_or(&[][..], |sample| &sample.prompt);
        let root = pack.segment(None, &first[..shared]);
        for sample in samples {
            // The root's last token is the last of every prompt that ends there.
            let prompt = pack.segment(Some(root), &sample.prompt[shared..]);
            pack.replies(prompt, &sample.replies);
        }
        pack.build()
    }

    /// Tokens that are computed.
    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Predictions that count, each once.
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Tokens and targets.
    #[must_use]
    pub fn size(&self) -> PackSize {
        PackSize {
            tokens: self.tokens.len(),
            targets: self.targets.len(),
        }
    }

    /// The sum of the values at each reply's targets, sample after sample.
    pub(crate) fn sums(&self, values: &[f32]) -> Vec<f64> {
        let sum = |reply: &ReplyTargets| {
            let values = reply.ranges.iter().flat_map(|range| &values[range.clone()]);
            values.map(|&value| f64::from(value)).sum()
        };
        self.replies.iter().map(sum).collect()
    }

    /// The value at each reply's last token, sample after sample; 0 where that is not learned.
    pub(crate) fn ends(&self, values: &[f32]) -> Vec<f64> {
        let ends = self.replies.iter().map(|reply| reply.end);
        ends.map(|end| end.map_or(0.0, |end| f64::from(values[end])))
            .collect()
    }

    /// A weight for each target, from those of each reply: where replies share a target, it
    /// has the weights of all of them.
    pub(crate) fn spread(&self, weights: &[ReplyWeight]) -> Vec<f32> {
        assert_eq!(weights.len(), self.replies.len(), "replies");
        let mut spread = vec![0.0; self.targets.len()];
        for (reply, weight) in self.replies.iter().zip(weights) {
            for target in reply.ranges.iter().cloned().flatten() {
                spread[target] += weight.each;
            }
            if let Some(end) = reply.end {
                spread[end] += weight.end;
            }
        }
        spread.into_iter().map(|weight| weight as f32).collect()
    }
}

#[derive(Default)]
struct PackBuilder {
    tokens: Vec<u32>,
    segments: Vec<Segment>,
    targets: Vec<Target>,
    replies: Vec<ReplyTargets>,
}

/// Where replies go on: a segment, and its last token.
#[derive(Clone, Copy)]
struct Node {
    segment: usize,
    end: usize,
}

/// What is left of a reply below a node.
#[derive(Clone, Copy)]
struct Rest<'a> {
    reply: &'a Reply,
    /// Its place in the pack.
    index: usize,
    /// Tokens of it that are above the node.
    done: usize,
}

impl Rest<'_> {
    /// Tokens left to compute: nothing that counts is predicted from the last one that is
    /// learned, or from what comes after it.
    fn computed(&self) -> &[u32] {
        let last = self.reply.last_learned().unwrap_or(0);
        &self.reply.tokens[self.done..last.max(self.done)]
    }

    /// Whether the token that is so many behind the node is learned.
    fn learns(&self, index: usize) -> bool {
        self.reply.learns(self.done + index)
    }
}

impl PackBuilder {
    /// The node below `parent`, or `parent` where there is nothing between.
    fn segment(&mut self, parent: Option<Node>, tokens: &[u32]) -> Node {
        match parent {
            Some(node) if tokens.is_empty() => return node,
            _ => {}
        }
        self.tokens.extend(tokens);
        self.segments.push(Segment {
            parent: parent.map(|node| node.segment),
            tokens: tokens.len(),
        });
        Node {
            segment: self.segments.len() - 1,
            end: self.tokens.len().saturating_sub(1),
        }
    }

    /// Replies after a prompt that is not empty.
    fn replies(&mut self, prompt: Node, replies: &[Reply]) {
        let first = self.replies.len();
        self.replies
            .extend(replies.iter().map(|_| ReplyTargets::default()));
        let rests = replies.iter().enumerate().map(|(index, reply)| Rest {
            reply,
            index: first + index,
            done: 0,
        });
        self.branch(prompt, rests.collect());
    }

    /// What all of the rests begin with, then each group that goes on alike.
    fn branch(&mut self, node: Node, rests: Vec<Rest<'_>>) {
        let shared = shared_beginning(&rests);
        let Some(leader) = rests.first() else {
            return;
        };
        let below = self.segment(Some(node), &leader.computed()[..shared]);
        let start = below.end + 1 - shared;
        let before = |index| {
            if index == 0 {
                node.end
            } else {
                start + index - 1
            }
        };
        let targets = self.targets.len();
        for index in 0..shared {
            self.target(leader, index, before(index));
        }
        let taken = targets..self.targets.len();
        let mut groups: Vec<Vec<Rest<'_>>> = Vec::new();
        for mut rest in rests {
            if !taken.is_empty() {
                self.replies[rest.index].ranges.push(taken.clone());
            }
            rest.done += shared;
            let alike = |group: &&mut Vec<Rest<'_>>| shared_beginning(&[group[0], rest]) > 0;
            match groups.iter_mut().find(alike) {
                Some(group) => group.push(rest),
                None => groups.push(vec![rest]),
            }
        }
        for group in groups {
            match group[0].computed() {
                [] => self.last_target(below, &group[0]),
                _ => self.branch(below, group),
            }
        }
    }

    fn last_target(&mut self, node: Node, rest: &Rest<'_>) {
        let first = self.targets.len();
        self.target(rest, 0, node.end);
        let own = first..self.targets.len();
        if !own.is_empty() {
            let reply = &mut self.replies[rest.index];
            let is_end = rest.done + 1 == rest.reply.tokens.len();
            reply.end = is_end.then_some(own.start);
            reply.ranges.push(own);
        }
    }

    /// The prediction, after `token`, of the rest's token at `index`, where it is learned.
    fn target(&mut self, rest: &Rest<'_>, index: usize, token: usize) {
        if rest.learns(index) {
            let target = rest.reply.tokens[rest.done + index];
            self.targets.push(Target { token, target });
        }
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

/// How many tokens all of them begin with in common, and learn alike.
fn shared_beginning(rests: &[Rest<'_>]) -> usize {
    let [first, others @ ..] = rests else {
        return 0;
    };
    others.iter().fold(first.computed().len(), |shared, rest| {
        let pairs = first.computed()[..shared].iter().zip(rest.computed());
        let alike = pairs
            .enumerate()
            .take_while(|(index, (a, b))| a == b && first.learns(*index) == rest.learns(*index));
        alike.count()
    })
}

#[cfg(test)]
mod tests {
    use std::iter::once;
    use std::ops::Range;

    use super::{Pack, PackSize};
    use crate::objective::ReplyWeight;
    use crate::sample::{Label, Reply, Sample};

    fn targets(pack: &Pack) -> Vec<(usize, u32)> {
        pack.targets()
            .iter()
            .map(|it| (it.token, it.target))
            .collect()
    }

    #[test]
    fn samples_share_what_their_prompts_begin_with() {
        let pair = Sample::pair(vec![1, 2, 3], vec![7, 8], vec![9]);
        let text = Sample::demonstration(vec![1, 2, 4], vec![5, 6]);
        let pack = Pack::of(&[&pair, &text]);
        assert_eq!(pack.tokens(), [1, 2, 3, 7, 4, 5]);
        assert_eq!(targets(&pack), [(2, 7), (3, 8), (2, 9), (4, 5), (5, 6)]);
        let ranges = pack.replies.iter().map(|reply| reply.ranges.clone());
        assert_eq!(
            ranges.collect::<Vec<_>>(),
            [vec![0..1, 1..2], once(2..3).collect(), vec![3..4, 4..5]]
        );
        assert_eq!(pack.mask.positions(), [0, 1, 2, 3, 2, 3]);
        // Alone, or where a prompt is all that is shared.
        assert_eq!(Pack::new(&text).tokens(), [1, 2, 4, 5]);
        assert_eq!(Pack::of(&[&pair, &pair]).tokens(), [1, 2, 3, 7, 7]);
    }

    #[test]
    fn replies_share_what_they_begin_with() {
        let edit = Sample::pair(vec![1], vec![5, 6, 7, 2], vec![5, 6, 8, 9, 2]);
        let pack = Pack::new(&edit);
        assert_eq!(pack.tokens(), [1, 5, 6, 7, 8, 9]);
        assert_eq!(
            targets(&pack),
            [(0, 5), (1, 6), (2, 7), (3, 2), (2, 8), (4, 9), (5, 2)]
        );
        let values = [1.0, 10.0, 100.0, 1_000.0, 2.0, 20.0, 200.0];
        assert_eq!(pack.sums(&values), [1_111.0, 233.0]);
        assert_eq!(pack.ends(&values), [1_000.0, 200.0]);
        // Opposite weights cancel where both go the same way.
        let weights = [
            ReplyWeight {
                each: 1.0,
                end: 0.5,
            },
            ReplyWeight::of(-1.0),
        ];
        let spread = [0.0, 0.0, 1.0, 1.5, -1.0, -1.0, -1.0];
        assert_eq!(pack.spread(&weights), spread);
    }

    /// An edit, of which only what was changed is learned.
    #[test]
    fn replies_share_what_neither_learns() {
        let reply = |tokens, learned: Range<usize>, label| Reply {
            unlearned: [0..learned.start, learned.end..5].into(),
            ..Reply::new(tokens, label)
        };
        let edit = Sample {
            prompt: vec![1],
            replies: vec![
                reply(vec![5, 6, 7, 9, 2], 2..3, Label::Chosen),
                reply(vec![5, 6, 8, 9, 2], 2..3, Label::Rejected),
            ],
        };
        let pack = Pack::new(&edit);
        // Nor is what comes behind it computed.
        assert_eq!(pack.tokens(), [1, 5, 6]);
        assert_eq!(targets(&pack), [(2, 7), (2, 8)]);
        assert_eq!(pack.sums(&[3.0, 4.0]), [3.0, 4.0]);
        // Neither learns how it ends.
        assert_eq!(pack.ends(&[3.0, 4.0]), [0.0, 0.0]);
        let weight = ReplyWeight {
            each: 1.0,
            end: 0.5,
        };
        assert_eq!(pack.spread(&[weight; 2]), [1.0, 1.0]);
        // Where one learns what the other does not, they part.
        let mut edit = edit;
        edit.replies[0].unlearned = vec![0..1, 3..5];
        assert_eq!(Pack::new(&edit).tokens(), [1, 5, 6, 6]);
    }

    #[test]
    fn a_reply_may_end_where_another_goes_on() {
        let pair = Sample::pair(vec![1], vec![5, 6], vec![5, 6, 7, 8]);
        let pack = Pack::new(&pair);
        assert_eq!(pack.tokens(), [1, 5, 6, 7]);
        assert_eq!(targets(&pack), [(0, 5), (1, 6), (1, 6), (2, 7), (3, 8)]);
        assert_eq!(pack.sums(&[1.0; 5]), [2.0, 4.0]);
    }

    /// The groups of a policy's samples: three of four go on alike.
    #[test]
    fn a_tree_has_as_many_branches_as_it_needs() {
        let replies = [[5, 6, 2], [5, 7, 2], [5, 6, 3], [9, 6, 2]];
        let group = Sample {
            prompt: vec![1],
            replies: replies
                .iter()
                .map(|tokens| Reply::new(tokens.to_vec(), Label::Desirable))
                .collect(),
        };
        let pack = Pack::new(&group);
        assert_eq!(pack.tokens(), [1, 5, 6, 7, 9, 6]);
        let values: Vec<f32> = pack.targets().iter().map(|it| it.target as f32).collect();
        assert_eq!(pack.sums(&values), [13.0, 14.0, 14.0, 17.0]);
        assert_eq!(
            pack.size(),
            PackSize {
                tokens: 6,
                targets: 9
            }
        );
    }

    #[test]
    fn what_is_not_learned_is_no_target() {
        let sample = Sample {
            prompt: vec![1],
            replies: vec![Reply {
                unlearned: once(1..3).collect(),
                ..Reply::new(vec![4, 5, 6, 7, 8], Label::Demonstration)
            }],
        };
        let pack = Pack::new(&sample);
        assert_eq!(pack.tokens(), [1, 4, 5, 6, 7]);
        assert_eq!(targets(&pack), [(0, 4), (3, 7), (4, 8)]);
        assert_eq!(pack.sums(&[1.0; 3]), [3.0]);
    }
}
