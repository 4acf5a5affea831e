//! From records to tokens, through the model's own template and tokenizer.

mod encoded;
mod ordinary;
mod texts;
mod turns;

use std::io::BufRead;
use std::sync::OnceLock;

use pocketune_base::Line;
use pocketune_train::{Recipe, Sample};

use self::encoded::{Collected, Encoded};
pub use self::encoded::{Disliked, EncodedDataset, SampleCounts, SkippedLines};
use self::texts::Texts;
use self::turns::Turns;
use super::dataset::{Content, Part, Parts, Record, visit_lines};
use crate::engine::Engine;
use crate::error::{DatasetError, Error, RecordFault, RecordKind};

/// How records become samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodingOptions {
    /// Most tokens of prompt and reply. A conversation that is longer loses whole turns from
    /// its front, but not its system prompt; a text that is longer cannot be learned from.
    pub sequence_tokens: usize,
    /// Whether all replies of `messages` are learned, as TRL's option of this name has it;
    /// otherwise the last one alone. (TRL then learns what the user says and the template
    /// writes as well.) Texts are refused: nobody knows where replies lie in them.
    pub assistant_only_loss: bool,
    /// Whether lines that cannot be learned from are left out and counted. Otherwise the
    /// first one is the error.
    pub skip_unusable: bool,
}

impl Default for EncodingOptions {
    fn default() -> Self {
        Self {
            sequence_tokens: Recipe::default().sequence_tokens,
            assistant_only_loss: false,
            skip_unusable: false,
        }
    }
}

/// Turns records into samples for the model of an engine. Blocks for tokenizing, some tenths
/// of a millisecond a sample, on the calling thread.
///
/// Texts are read as TRL's tokenizer reads them: control tokens that are written out are
/// control tokens, the token that ends texts is put behind a reply that does not end with
/// it, and a token that reaches over the border between prompt and reply is the reply's.
/// Messages go through the model's template, their text is never a control token, and a
/// reply ends with the token that ends the model's turns.
#[derive(Debug)]
pub struct Encoder<'e> {
    engine: &'e Engine,
    options: EncodingOptions,
    texts: Texts<'e>,
    // Compiled when there is a message: texts need no template.
    turns: OnceLock<Turns<'e>>,
}

impl<'e> Encoder<'e> {
    /// Samples of at most `sequence_tokens` tokens of prompt and reply.
    #[must_use]
    pub fn new(engine: &'e Engine, sequence_tokens: usize) -> Self {
        let options = EncodingOptions {
            sequence_tokens,
            ..EncodingOptions::default()
        };
        Self::with(engine, options)
    }

    /// Samples as asked for.
    #[must_use]
    pub fn with(engine: &'e Engine, options: EncodingOptions) -> Self {
        Self {
            engine,
            options,
            texts: Texts::of(engine.shared()),
            turns: OnceLock::new(),
        }
    }

    /// All records of a dataset, as samples in their order.
    ///
    /// # Errors
    /// [`DatasetError`]: the first line that cannot be learned from, or that contradicts an
    /// earlier one, unless such lines are to be skipped; [`DatasetError::Empty`] and
    /// [`DatasetError::NothingUsable`] where no sample is left.
    pub fn read(
        &self,
        from: impl BufRead,
        kind: RecordKind,
    ) -> Result<EncodedDataset, DatasetError> {
        let mut collected = Collected::new(self.options.skip_unusable);
        let read = |line: Line<'_>| {
            let record = Record::read(&line, kind)?;
            let encoded = self.encoded(&record)?;
            Ok((record, encoded))
        };
        visit_lines(from, |number, line| {
            collected.add(number, line.and_then(read))
        })?;
        collected.finish()
    }

    /// One record as a sample.
    ///
    /// # Errors
    /// [`RecordFault`].
    pub fn encode(&self, record: &Record) -> Result<Sample, RecordFault> {
        Ok(self.encoded(record)?.sample)
    }

    /// What it encodes for.
    pub(super) fn engine(&self) -> &'e Engine {
        self.engine
    }

    pub(super) fn sequence_tokens(&self) -> usize {
        self.options.sequence_tokens
    }

    /// The token behind a reply: that which ends the model's turns, or texts where it has no
    /// template.
    pub(super) fn end_of_reply(&self) -> Result<Option<u32>, Error> {
        let end = match self.turns() {
            Ok(turns) => turns.end(),
            Err(Error::NoChatTemplate) => {
                let special = self.engine.shared().model().special_tokens();
                special.eos.or(special.eot)
            }
            Err(error) => return Err(error),
        };
        Ok(end.and_then(|token| u32::try_from(token).ok()))
    }

    fn encoded(&self, record: &Record) -> Result<Encoded, RecordFault> {
        let all_replies = self.options.assistant_only_loss;
        let limit_tokens = self.options.sequence_tokens;
        let parts = record.parts();
        if all_replies && parts.is_text_to_imitate() {
            return Err(RecordFault::NoTurns);
        }
        let encoded = match &parts {
            Parts::Text(text) => self.fits(self.texts.whole(text)?),
            Parts::Conversation(messages) => {
                let turns = self.turns()?;
                match all_replies {
                    true => turns.all_replies(messages, limit_tokens),
                    false => turns.last_reply(messages, limit_tokens),
                }
            }
            Parts::Replies { prompt, replies } => {
                let said = replies
                    .iter()
                    .map(|(part, said)| Ok((*part, said.reply()?)));
                let said = said.collect::<Result<Vec<_>, RecordFault>>()?;
                match prompt {
                    Content::Text(prompt) => self.fits(self.texts.replies(prompt, &said)?),
                    Content::Messages(prompt) => {
                        self.turns()?.replies_to(prompt, &said, limit_tokens)
                    }
                }
            }
        }?;
        check(&encoded.sample, &parts)?;
        Ok(encoded)
    }

    /// A text cannot be shortened: nobody knows where its turns begin.
    fn fits(&self, sample: Sample) -> Result<Encoded, RecordFault> {
        let (tokens, limit_tokens) = (sample.longest(), self.options.sequence_tokens);
        match tokens <= limit_tokens {
            true => Ok(Encoded {
                sample,
                shortened: false,
            }),
            false => Err(RecordFault::TooManyTokens {
                tokens,
                limit_tokens,
            }),
        }
    }

    fn turns(&self) -> Result<&Turns<'e>, Error> {
        if let Some(turns) = self.turns.get() {
            return Ok(turns);
        }
        let turns = Turns::of(self.engine.shared())?;
        Ok(self.turns.get_or_init(|| turns))
    }
}

/// Refuses what shows among the tokens alone.
fn check(sample: &Sample, parts: &Parts<'_>) -> Result<(), RecordFault> {
    let field = |at: usize| match parts {
        Parts::Text(_) => Part::TEXT.field,
        Parts::Conversation(_) => Part::MESSAGES.field,
        Parts::Replies { replies, .. } => replies.get(at).map_or("", |(part, _)| part.field),
    };
    if sample.prompt.is_empty() {
        return Err(RecordFault::EmptyPrompt);
    }
    // Where no token ends a reply, an empty one has none.
    if let Some(at) = sample
        .replies
        .iter()
        .position(|reply| reply.tokens.is_empty())
    {
        return Err(RecordFault::EmptyReply { field: field(at) });
    }
    match sample.replies.as_slice() {
        [one, other] if one.tokens == other.tokens => Err(RecordFault::SameReplies),
        _ => Ok(()),
    }
}

pub(super) fn ids(tokens: impl IntoIterator<Item = i32>) -> Vec<u32> {
    let tokens = tokens.into_iter();
    tokens
        .filter_map(|token| u32::try_from(token).ok())
        .collect()
}
