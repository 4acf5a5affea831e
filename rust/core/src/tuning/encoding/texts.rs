//! Texts as tokens, as TRL's tokenizer reads them.
//!
//! Control tokens that are written out are control tokens. The text of the token that ends
//! texts is put behind a reply that does not end with it. Prompt and reply are tokenized
//! together, and the reply begins where the tokens of the prompt alone end or differ.

use pocketune_train::{Reply, Sample};

use super::ids;
use crate::conversation::is_special;
use crate::engine::Shared;
use crate::error::{Error, RecordFault};
use crate::tuning::dataset::Part;

#[derive(Debug)]
pub(super) struct Texts<'e> {
    shared: &'e Shared,
    // How the token that ends texts is written.
    end: Option<String>,
}

impl<'e> Texts<'e> {
    pub(super) fn of(shared: &'e Shared) -> Self {
        let model = shared.model();
        let special = model.special_tokens();
        let eos = special.eos.filter(|&eos| is_special(eos, model));
        let end = eos
            .or(special.eot)
            .and_then(|token| model.detokenize(&[token], true).ok());
        Self { shared, end }
    }

    /// A text all of whose tokens are learned but for the first, which nothing predicts.
    pub(super) fn whole(&self, text: &str) -> Result<Sample, RecordFault> {
        self.check_says_something(Part::TEXT, text)?;
        let mut tokens = self.ended("", text)?;
        let reply = tokens.split_off(tokens.len().min(1));
        Ok(Sample::demonstration(tokens, reply))
    }

    /// Replies to a prompt. For the one reply to an empty prompt its first token serves as
    /// the prompt.
    pub(super) fn replies(
        &self,
        prompt: &str,
        replies: &[(Part, &str)],
    ) -> Result<Sample, RecordFault> {
        let mut tokens = self.tokens(prompt)?;
        let mut wholes = Vec::new();
        for (part, reply) in replies {
            self.check_says_something(*part, reply)?;
            wholes.push(self.ended(prompt, reply)?);
        }
        let shared = |whole: &Vec<u32>| shared_beginning(&tokens, whole);
        let mut border = wholes.iter().map(shared).min().unwrap_or(0);
        if let (0, [whole]) = (border, wholes.as_slice()) {
            tokens.clone_from(whole);
            border = 1;
        }
        tokens.truncate(border);
        let replies = wholes
            .into_iter()
            .zip(replies)
            .map(|(mut whole, (part, _))| {
                let begins = border.min(whole.len());
                Reply::new(whole.split_off(begins), part.label)
            });
        Ok(Sample {
            replies: replies.collect(),
            prompt: tokens,
        })
    }

    /// Prompt and reply with the token that ends texts, once.
    fn ended(&self, prompt: &str, reply: &str) -> Result<Vec<u32>, Error> {
        let Some(end) = &self.end else {
            return self.tokens(&format!("{prompt}{reply}"));
        };
        let said = reply.strip_suffix(end).unwrap_or(reply);
        self.tokens(&format!("{prompt}{said}{end}"))
    }

    fn tokens(&self, text: &str) -> Result<Vec<u32>, Error> {
        let tokens = self.shared.raw_text(text).tokenize(self.shared.model())?;
        Ok(ids(tokens))
    }

    /// Nothing but the end of the text says nothing.
    fn check_says_something(&self, part: Part, reply: &str) -> Result<(), RecordFault> {
        let end = self.end.as_deref();
        let said = end.and_then(|end| reply.strip_suffix(end));
        part.check_says_something(said.unwrap_or(reply))
    }
}

fn shared_beginning(one: &[u32], other: &[u32]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}
