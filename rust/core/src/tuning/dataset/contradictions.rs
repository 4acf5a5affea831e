//! Lines that say the opposite of each other: one of two thumbs, or two orders of a pair.

use std::collections::HashMap;

use pocketune_base::Digest;

use super::content::Content;
use super::record::Record;
use crate::error::Contradiction;

/// What a record says of replies: the same about the same ones, or the opposite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tuning) struct Claim {
    about: Digest,
    side: bool,
    kind: Contradiction,
}

impl Claim {
    /// None for what only shows a reply.
    pub(in crate::tuning) fn of(record: &Record) -> Option<Self> {
        match record {
            Record::Text(_) | Record::Conversation(_) | Record::Completion { .. } => None,
            Record::Thumb {
                prompt,
                completion,
                up,
            } => Some(Self {
                about: about([prompt, completion]),
                side: *up,
                kind: Contradiction::Thumbs,
            }),
            Record::Preference {
                prompt,
                chosen,
                rejected,
            }
            | Record::Edit {
                prompt,
                chosen,
                rejected,
            } => {
                let side = chosen.to_bytes() < rejected.to_bytes();
                let [first, last] = match side {
                    true => [chosen, rejected],
                    false => [rejected, chosen],
                };
                Some(Self {
                    about: about([prompt, first, last]),
                    side,
                    kind: Contradiction::Pairs,
                })
            }
        }
    }
}

/// How many there are, and each behind its length.
fn about<const COUNT: usize>(contents: [&Content; COUNT]) -> Digest {
    let bytes = contents.map(Content::to_bytes);
    let lengths = bytes.each_ref().map(|it| (it.len() as u64).to_le_bytes());
    let count = [(COUNT as u64).to_le_bytes()];
    let heads = count.iter().chain(&lengths).map(<[u8; 8]>::as_slice);
    Digest::of_parts(heads.chain(bytes.iter().map(Vec::as_slice)))
}

/// What all lines say.
#[derive(Debug, Default)]
pub(in crate::tuning) struct Claims {
    // The first line of each side.
    lines: HashMap<Digest, [Option<usize>; 2]>,
}

impl Claims {
    /// Takes a line's claim in.
    pub(in crate::tuning) fn add(&mut self, line: usize, claim: Claim) {
        let [no, yes] = self.lines.entry(claim.about).or_default();
        let first = if claim.side { yes } else { no };
        first.get_or_insert(line);
    }

    /// The first line that says the opposite of this, and how.
    pub(in crate::tuning) fn against(&self, claim: Claim) -> Option<(usize, Contradiction)> {
        let [no, yes] = self.lines.get(&claim.about)?;
        let other = if claim.side { no } else { yes };
        other.map(|line| (line, claim.kind))
    }
}

#[cfg(test)]
mod tests {
    use super::{Claim, Claims, Content, Contradiction, Record};
    use crate::conversation::Message;

    fn text(text: &str) -> Content {
        Content::Text(text.to_owned())
    }

    fn said(text: &str) -> Content {
        Content::Messages(vec![Message::assistant(text)])
    }

    fn thumb(prompt: &Content, completion: &Content, up: bool) -> Claim {
        let (prompt, completion) = (prompt.clone(), completion.clone());
        Claim::of(&Record::Thumb {
            prompt,
            completion,
            up,
        })
        .unwrap()
    }

    fn pair(prompt: &Content, chosen: &Content, rejected: &Content) -> Claim {
        Claim::of(&Record::Preference {
            prompt: prompt.clone(),
            chosen: chosen.clone(),
            rejected: rejected.clone(),
        })
        .unwrap()
    }

    #[test]
    fn only_the_opposite_about_the_same_replies_contradicts() {
        let [q, a, b] = ["q", "a", "b"].map(text);
        let edit = |chosen: &Content, rejected: &Content| {
            Claim::of(&Record::Edit {
                prompt: q.clone(),
                chosen: chosen.clone(),
                rejected: rejected.clone(),
            })
            .unwrap()
        };
        let mut claims = Claims::default();
        claims.add(1, thumb(&q, &a, true));
        claims.add(2, thumb(&q, &a, true));
        claims.add(3, pair(&q, &a, &b));
        for same in [thumb(&q, &a, true), pair(&q, &a, &b), edit(&a, &b)] {
            assert_eq!(claims.against(same), None);
        }
        for other in [
            thumb(&q, &b, false),
            thumb(&a, &q, false),
            thumb(&text("qa"), &text(""), false),
            thumb(&q, &said("a"), false),
            thumb(&said("q"), &a, false),
            pair(&b, &b, &a),
        ] {
            assert_eq!(claims.against(other), None);
        }
        let thumbs = Some((1, Contradiction::Thumbs));
        assert_eq!(claims.against(thumb(&q, &a, false)), thumbs);
        let pairs = Some((3, Contradiction::Pairs));
        assert_eq!(claims.against(pair(&q, &b, &a)), pairs);
        assert_eq!(claims.against(edit(&b, &a)), pairs);
        let shown = Record::Completion {
            prompt: q.clone(),
            completion: a,
        };
        assert_eq!(Claim::of(&shown), None);
    }
}
