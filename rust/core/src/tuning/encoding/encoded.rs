//! What a dataset came to.

use std::ops::AddAssign;

use pocketune_train::Sample;

use crate::error::{DatasetError, RecordFault};
use crate::tuning::dataset::{Claim, Claims, Content, Record};

/// So many lines that are left out are named.
const NAMED_MAX: usize = 100;

/// A dataset as samples, in the order of its lines.
#[derive(Debug, Default)]
pub struct EncodedDataset {
    /// At least one.
    pub samples: Vec<Sample>,
    /// What they are.
    pub counts: SampleCounts,
    /// Replies that were disliked, as they were read.
    pub disliked: Vec<Disliked>,
    /// How many of them lost turns from their front.
    pub shortened: usize,
    /// Lines that nothing is learned from; none unless they were to be skipped.
    pub skipped: SkippedLines,
}

/// A reply that somebody disliked.
#[derive(Debug, Clone, PartialEq)]
pub struct Disliked {
    /// Where it stood, from 1.
    pub line: usize,
    /// What it answers.
    pub prompt: Content,
    /// What was said.
    pub reply: Content,
}

/// How many samples there are of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SampleCounts {
    /// Replies and texts that are imitated.
    pub demonstrations: usize,
    /// Better and worse replies.
    pub pairs: usize,
    /// Replies that the user rewrote. Preference training takes them for pairs.
    pub edits: usize,
    /// Replies that were liked.
    pub thumbs_up: usize,
    /// Replies that were disliked.
    pub thumbs_down: usize,
}

/// Lines that were left out.
#[derive(Debug, Default)]
pub struct SkippedLines {
    /// How many there are.
    pub count: usize,
    /// The first hundred in their order: the line, from 1, and what is wrong with it.
    pub first: Vec<(usize, RecordFault)>,
}

impl SampleCounts {
    /// One of what a record is.
    fn one(record: &Record) -> Self {
        let mut counts = Self::default();
        let kind = match record {
            Record::Text(_) | Record::Conversation(_) | Record::Completion { .. } => {
                &mut counts.demonstrations
            }
            Record::Preference { .. } => &mut counts.pairs,
            Record::Edit { .. } => &mut counts.edits,
            Record::Thumb { up: true, .. } => &mut counts.thumbs_up,
            Record::Thumb { up: false, .. } => &mut counts.thumbs_down,
        };
        *kind = 1;
        counts
    }
}

impl Disliked {
    fn of(line: usize, record: Record) -> Option<Self> {
        match record {
            Record::Thumb {
                prompt,
                completion: reply,
                up: false,
            } => Some(Self {
                line,
                prompt,
                reply,
            }),
            _ => None,
        }
    }
}

impl AddAssign for SampleCounts {
    fn add_assign(&mut self, other: Self) {
        self.demonstrations += other.demonstrations;
        self.pairs += other.pairs;
        self.edits += other.edits;
        self.thumbs_up += other.thumbs_up;
        self.thumbs_down += other.thumbs_down;
    }
}

impl SkippedLines {
    fn add(&mut self, line: usize, fault: RecordFault) {
        self.count += 1;
        // Those of contradictions come late.
        let at = self.first.partition_point(|(before, _)| *before < line);
        if at < NAMED_MAX {
            self.first.insert(at, (line, fault));
            self.first.truncate(NAMED_MAX);
        }
    }
}

/// One record as a sample.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) sample: Sample,
    pub(super) shortened: bool,
}

/// What is read of a dataset so far.
#[derive(Debug)]
pub(super) struct Collected {
    skips: bool,
    entries: Vec<Entry>,
    claims: Claims,
    skipped: SkippedLines,
}

#[derive(Debug)]
struct Entry {
    line: usize,
    encoded: Encoded,
    count: SampleCounts,
    claim: Option<Claim>,
    disliked: Option<Disliked>,
}

impl Collected {
    /// With `skips`, lines that nothing can be learned from are left out.
    pub(super) fn new(skips: bool) -> Self {
        Self {
            skips,
            entries: Vec::new(),
            claims: Claims::default(),
            skipped: SkippedLines::default(),
        }
    }

    /// Takes a line in.
    pub(super) fn add(
        &mut self,
        line: usize,
        read: Result<(Record, Encoded), RecordFault>,
    ) -> Result<(), DatasetError> {
        let (record, encoded) = match read {
            Ok(read) => read,
            Err(fault) if self.skips && fault.is_of_line() => {
                self.skipped.add(line, fault);
                return Ok(());
            }
            Err(fault) => return Err(DatasetError::line(line, fault)),
        };
        let claim = Claim::of(&record);
        if let Some(claim) = claim {
            self.claims.add(line, claim);
            if let (false, Some((earlier, contradiction))) =
                (self.skips, self.claims.against(claim))
            {
                return Err(DatasetError::Contradiction {
                    earlier,
                    line,
                    contradiction,
                });
            }
        }
        self.entries.push(Entry {
            line,
            encoded,
            count: SampleCounts::one(&record),
            claim,
            disliked: Disliked::of(line, record),
        });
        Ok(())
    }

    /// What all lines come to.
    pub(super) fn finish(self) -> Result<EncodedDataset, DatasetError> {
        let mut dataset = EncodedDataset {
            skipped: self.skipped,
            ..EncodedDataset::default()
        };
        for entry in self.entries {
            let against = entry.claim.and_then(|claim| self.claims.against(claim));
            if let Some((line, contradiction)) = against {
                let fault = RecordFault::Contradicts {
                    line,
                    contradiction,
                };
                dataset.skipped.add(entry.line, fault);
                continue;
            }
            dataset.counts += entry.count;
            dataset.disliked.extend(entry.disliked);
            dataset.shortened += usize::from(entry.encoded.shortened);
            dataset.samples.push(entry.encoded.sample);
        }
        if !dataset.samples.is_empty() {
            return Ok(dataset);
        }
        let SkippedLines {
            count: lines,
            first,
        } = dataset.skipped;
        match first.into_iter().next() {
            None => Err(DatasetError::Empty),
            Some((line, fault)) => Err(DatasetError::NothingUsable { lines, line, fault }),
        }
    }
}

#[cfg(test)]
mod tests {
    use pocketune_train::Sample;

    use super::{Collected, Encoded, NAMED_MAX, SampleCounts};
    use crate::error::{Contradiction, DatasetError, RecordFault};
    use crate::tuning::dataset::{Content, Record};

    fn text(text: &str) -> Content {
        Content::Text(text.to_owned())
    }

    fn encoded(record: Record) -> Result<(Record, Encoded), RecordFault> {
        let sample = Sample::demonstration(vec![1], vec![2]);
        let shortened = matches!(record, Record::Text(_));
        Ok((record, Encoded { sample, shortened }))
    }

    fn thumb(reply: &str, up: bool) -> Result<(Record, Encoded), RecordFault> {
        encoded(Record::Thumb {
            prompt: text("q"),
            completion: text(reply),
            up,
        })
    }

    fn pair(chosen: &str, rejected: &str) -> Result<(Record, Encoded), RecordFault> {
        encoded(Record::Preference {
            prompt: text("q"),
            chosen: text(chosen),
            rejected: text(rejected),
        })
    }

    fn edit(chosen: &str, rejected: &str) -> Result<(Record, Encoded), RecordFault> {
        encoded(Record::Edit {
            prompt: text("q"),
            chosen: text(chosen),
            rejected: text(rejected),
        })
    }

    #[test]
    fn samples_are_counted_by_kind() {
        let mut collected = Collected::new(false);
        let all = [
            encoded(Record::Text("t".to_owned())),
            thumb("a", true),
            thumb("b", false),
            thumb("a", true),
            pair("a", "b"),
            edit("c", "b"),
        ];
        for (at, read) in all.into_iter().enumerate() {
            collected.add(at + 1, read).unwrap();
        }
        let dataset = collected.finish().unwrap();
        assert_eq!(dataset.samples.len(), 6);
        assert_eq!(dataset.shortened, 1);
        assert_eq!(
            dataset.counts,
            SampleCounts {
                demonstrations: 1,
                pairs: 1,
                edits: 1,
                thumbs_up: 2,
                thumbs_down: 1,
            }
        );
    }

    #[test]
    fn a_contradiction_names_both_lines() {
        for (before, after, expected) in [
            (thumb("a", true), thumb("a", false), Contradiction::Thumbs),
            (pair("a", "b"), pair("b", "a"), Contradiction::Pairs),
            (pair("a", "b"), edit("b", "a"), Contradiction::Pairs),
        ] {
            let mut collected = Collected::new(false);
            collected.add(3, thumb("c", true)).unwrap();
            collected.add(4, before).unwrap();
            let refused = collected.add(7, after).unwrap_err();
            let DatasetError::Contradiction {
                earlier: 4,
                line: 7,
                contradiction,
            } = refused
            else {
                panic!("{refused}");
            };
            assert_eq!(contradiction, expected);
        }
    }

    #[test]
    fn both_sides_of_a_contradiction_are_left_out() {
        let mut collected = Collected::new(true);
        let all = [
            thumb("a", true),
            thumb("b", true),
            thumb("a", true),
            Err(RecordFault::EmptyPrompt),
            thumb("a", false),
        ];
        for (at, read) in all.into_iter().enumerate() {
            collected.add(at + 1, read).unwrap();
        }
        let dataset = collected.finish().unwrap();
        assert_eq!(dataset.counts.thumbs_up, 1);
        assert_eq!((dataset.samples.len(), dataset.skipped.count), (1, 4));
        let told: Vec<_> = dataset.skipped.first.iter().map(|it| it.0).collect();
        assert_eq!(told, [1, 3, 4, 5]);
        for (at, against) in [(0, 5), (1, 5), (3, 1)] {
            assert!(matches!(
                dataset.skipped.first[at].1,
                RecordFault::Contradicts { line, .. } if line == against
            ));
        }
    }

    #[test]
    fn all_lines_that_are_left_out_are_counted_and_the_first_are_named() {
        let mut collected = Collected::new(true);
        for line in 1..=3 * NAMED_MAX {
            collected.add(line, Err(RecordFault::SameReplies)).unwrap();
        }
        let refused = collected.finish().unwrap_err();
        assert!(matches!(
            refused,
            DatasetError::NothingUsable {
                lines: 300,
                line: 1,
                fault: RecordFault::SameReplies,
            }
        ));
        let empty = Collected::new(true).finish().unwrap_err();
        assert!(matches!(empty, DatasetError::Empty));

        let mut collected = Collected::new(true);
        for line in 1..=NAMED_MAX {
            collected
                .add(2 * line, Err(RecordFault::SameReplies))
                .unwrap();
        }
        collected.add(1_000, thumb("a", true)).unwrap();
        collected.add(1_001, thumb("a", false)).unwrap();
        collected.add(1_002, pair("a", "b")).unwrap();
        let skipped = collected.finish().unwrap().skipped;
        assert_eq!((skipped.count, skipped.first.len()), (102, NAMED_MAX));
        assert_eq!(skipped.first.last().unwrap().0, 200);
    }

    #[test]
    fn what_ails_the_engine_is_no_fault_of_a_line() {
        let mut collected = Collected::new(true);
        let closed = RecordFault::from(crate::error::Error::Closed);
        let refused = collected.add(1, Err(closed)).unwrap_err();
        assert!(matches!(refused, DatasetError::Line { line: 1, .. }));
    }
}
