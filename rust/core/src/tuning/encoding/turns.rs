//! Messages as tokens, through the model's own template.
//!
//! The template writes the conversation up to the opening of a reply; the reply follows as
//! plain text, and then the token that ends turns, as when the model is asked. No text of a
//! message becomes a control token.

use std::ops::Range;

use pocketune_llama::Token;
use pocketune_train::{Label, Reply, Sample};

use super::{Encoded, ids};
use crate::cancel::CancelToken;
use crate::conversation::{Message, PromptText, Renderer, Role, TemplateChoice};
use crate::engine::Shared;
use crate::error::{Error, RecordFault};
use crate::tuning::dataset::{Part, question};

#[derive(Debug)]
pub(super) struct Turns<'e> {
    shared: &'e Shared,
    renderer: Renderer,
    end: Option<Token>,
}

impl<'e> Turns<'e> {
    /// Blocks for compiling the template.
    ///
    /// # Errors
    /// [`Error::NoChatTemplate`], [`Error::TemplateFailed`], [`Error::Compute`].
    pub(super) fn of(shared: &'e Shared) -> Result<Self, Error> {
        let renderer = shared.renderer(&TemplateChoice::Model)?;
        let end = renderer.end_of_turn(shared.model());
        Ok(Self {
            shared,
            renderer,
            end,
        })
    }

    pub(super) fn end(&self) -> Option<Token> {
        self.end
    }

    /// The last reply of a conversation, as [`Turns::replies_to`].
    pub(super) fn last_reply(
        &self,
        messages: &[Message],
        limit_tokens: usize,
    ) -> Result<Encoded, RecordFault> {
        let (reply, prompt) = last_reply(messages)?;
        self.replies_to(prompt, &[(Part::MESSAGES, reply)], limit_tokens)
    }

    /// Replies to a conversation, which loses turns from its front until all fits.
    pub(super) fn replies_to(
        &self,
        prompt: &[Message],
        replies: &[(Part, &str)],
        limit_tokens: usize,
    ) -> Result<Encoded, RecordFault> {
        let (system, turns) = question(prompt)?;
        let (sample, start) = fitting(turns, limit_tokens, |turns| {
            self.sample(system, turns, replies)
        })?;
        Ok(Encoded {
            sample,
            shortened: start > 0,
        })
    }

    /// A conversation that ends with a reply, all of whose replies are learned. It loses
    /// turns from its front until it fits.
    pub(super) fn all_replies(
        &self,
        messages: &[Message],
        limit_tokens: usize,
    ) -> Result<Encoded, RecordFault> {
        let (reply, prompt) = last_reply(messages)?;
        let (system, turns) = question(prompt)?;
        let answered =
            |turns: &[Message], reply: &str| self.sample(system, turns, &[(Part::MESSAGES, reply)]);
        let (whole, start) = fitting(turns, limit_tokens, |turns| answered(turns, reply))?;
        let (tokens, _) = joined(whole);
        let (_, turns) = messages.split_at(prompt.len() - turns.len());
        let (gone, turns) = turns.split_at(start);
        let mut learned: Vec<Range<usize>> = Vec::new();
        for (at, turn) in turns.iter().enumerate() {
            // What the model says first answers nothing.
            if turn.role != Role::Assistant || at == 0 {
                continue;
            }
            let (earlier, _) = turns.split_at(at);
            question(earlier)?;
            Part::MESSAGES.check_says_something(&turn.content)?;
            let (so_far, range) = joined(answered(earlier, &turn.content)?);
            let end = learned.last().map_or(0, |before| before.end);
            if range.start < end || !tokens.starts_with(&so_far) {
                return Err(RecordFault::RewrittenTurn {
                    reply: replies_in(gone) + replies_in(earlier) + 1,
                });
            }
            learned.push(range);
        }
        Ok(Encoded {
            sample: demonstration(tokens, &learned),
            shortened: start > 0,
        })
    }

    fn sample(
        &self,
        system: Option<&str>,
        turns: &[Message],
        replies: &[(Part, &str)],
    ) -> Result<Sample, RecordFault> {
        let model = self.shared.model();
        let asked = self.renderer.render(system, turns, &CancelToken::new())?;
        let prompt = asked.tokenize(model)?;
        let replies = replies.iter().map(|(part, reply)| {
            let reply = PromptText::plain(*reply, asked.markers().clone());
            let mut tokens = reply.tokenize_alone(prompt.last().copied(), model)?;
            tokens.extend(self.end);
            Ok::<_, RecordFault>(Reply::new(ids(tokens), part.label))
        });
        Ok(Sample {
            replies: replies.collect::<Result<_, _>>()?,
            prompt: ids(prompt),
        })
    }
}

/// The end of a conversation that is encoded in few enough tokens, and how many turns go
/// before it. A turn is what the user says and what is replied to it; the last question
/// stays.
fn fitting(
    turns: &[Message],
    limit_tokens: usize,
    encode: impl Fn(&[Message]) -> Result<Sample, RecordFault>,
) -> Result<(Sample, usize), RecordFault> {
    let fit = |start: usize| -> Result<Result<Sample, RecordFault>, RecordFault> {
        let sample = encode(turns.get(start..).unwrap_or_default())?;
        let tokens = sample.longest();
        Ok(match tokens <= limit_tokens {
            true => Ok(sample),
            false => Err(RecordFault::TooManyTokens {
                tokens,
                limit_tokens,
            }),
        })
    };
    let too_long = match fit(0)? {
        Ok(sample) => return Ok((sample, 0)),
        Err(fault) => fault,
    };
    let starts: Vec<usize> = later_turns(turns).collect();
    let Some((&last, earlier)) = starts.split_last() else {
        return Err(too_long);
    };
    let mut best = (fit(last)??, last);
    // What begins later is no longer: of long conversations few beginnings are looked at.
    let (mut from, mut to) = (0, earlier.len());
    while from < to {
        let middle = from.midpoint(to);
        let start = earlier.get(middle).copied().unwrap_or(last);
        match fit(start)? {
            Ok(sample) => (best, to) = ((sample, start), middle),
            Err(_) => from = middle + 1,
        }
    }
    Ok(best)
}

/// Where turns begin, but for the first.
fn later_turns(turns: &[Message]) -> impl Iterator<Item = usize> {
    let pairs = turns.iter().zip(turns.iter().skip(1)).enumerate();
    pairs
        .filter(|(_, (before, it))| before.role == Role::Assistant && it.role == Role::User)
        .map(|(at, _)| at + 1)
}

/// The reply that a conversation ends with, and what goes before it.
fn last_reply(messages: &[Message]) -> Result<(&str, &[Message]), RecordFault> {
    match messages {
        [prompt @ .., reply] if reply.role == Role::Assistant => Ok((&reply.content, prompt)),
        _ => Err(RecordFault::Record(
            "`messages` must end with a message of the assistant",
        )),
    }
}

fn replies_in(turns: &[Message]) -> usize {
    let replies = turns.iter().filter(|turn| turn.role == Role::Assistant);
    replies.count()
}

/// All tokens of a sample with one reply, and where that lies.
fn joined(sample: Sample) -> (Vec<u32>, Range<usize>) {
    let mut tokens = sample.prompt;
    let begin = tokens.len();
    tokens.extend(sample.replies.into_iter().flat_map(|reply| reply.tokens));
    let end = tokens.len();
    (tokens, begin..end)
}

/// A reply from where the first thing to learn begins.
fn demonstration(mut tokens: Vec<u32>, learned: &[Range<usize>]) -> Sample {
    let begin = learned.first().map_or(tokens.len(), |first| first.start);
    let reply = tokens.split_off(begin);
    let gaps = learned.iter().zip(learned.iter().skip(1));
    let gaps = gaps.map(|(one, next)| one.end - begin..next.start - begin);
    Sample {
        prompt: tokens,
        replies: vec![Reply {
            unlearned: gaps.collect(),
            ..Reply::new(reply, Label::Demonstration)
        }],
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::{demonstration, fitting};
    use crate::conversation::Message;
    use crate::error::RecordFault;
    use pocketune_train::Sample;

    /// Each message takes as many tokens as it says.
    fn encode(turns: &[Message]) -> Result<Sample, RecordFault> {
        let count = |turn: &Message| turn.content.parse::<usize>().unwrap();
        let prompt = vec![0; turns.iter().map(count).sum()];
        Ok(Sample::demonstration(prompt, vec![0]))
    }

    fn turns(said: &[(char, usize)]) -> Vec<Message> {
        let message = |&(role, tokens): &(char, usize)| match role {
            'u' => Message::user(tokens.to_string()),
            _ => Message::assistant(tokens.to_string()),
        };
        said.iter().map(message).collect()
    }

    #[test]
    fn whole_turns_go_from_the_front_until_the_rest_fits() {
        let said = [
            ('a', 1),
            ('u', 2),
            ('a', 3),
            ('u', 4),
            ('u', 5),
            ('a', 6),
            ('u', 7),
        ];
        let turns = turns(&said);
        for (limit, start, tokens) in [
            (29, 0, 29),
            (28, 1, 28),
            (27, 3, 23),
            (23, 3, 23),
            (22, 6, 8),
            (8, 6, 8),
        ] {
            let (sample, found) = fitting(&turns, limit, encode).unwrap();
            assert_eq!((found, sample.longest()), (start, tokens), "{limit}");
        }
        let too_long = fitting(&turns, 7, encode).unwrap_err();
        assert!(matches!(
            too_long,
            RecordFault::TooManyTokens {
                tokens: 8,
                limit_tokens: 7
            }
        ));
        // Nothing to leave out.
        let too_long = fitting(&turns[6..], 7, encode).unwrap_err();
        assert!(matches!(
            too_long,
            RecordFault::TooManyTokens { tokens: 8, .. }
        ));
    }

    #[test]
    fn of_a_long_conversation_few_beginnings_are_looked_at() {
        let said = [('u', 1), ('a', 1)].repeat(10_000);
        let turns = turns(&said[..said.len() - 1]);
        let looked = Cell::new(0);
        let (sample, start) = fitting(&turns, 100, |turns| {
            looked.set(looked.get() + 1);
            encode(turns)
        })
        .unwrap();
        assert_eq!((sample.longest(), start), (100, 19_900));
        assert!(looked.get() < 20, "{}", looked.get());
    }

    #[test]
    fn what_lies_between_replies_is_not_learned() {
        let sample = demonstration((0..10).collect(), &[2..4, 6..7, 9..10]);
        assert_eq!(sample.prompt, [0, 1]);
        assert_eq!(sample.replies[0].tokens, [2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(sample.replies[0].unlearned, [2..4, 5..7]);
        assert_eq!(sample.learned(), 4);
    }
}
