//! The built-in prompts, as conversations that end with a message of the user.

use serde::Deserialize;

use crate::conversation::{Message, Prompt};
use crate::engine::Engine;
use crate::error::Error;
use crate::tuning::dataset::Content;

/// One prompt a line, about nothing in particular.
const ORDINARY: &str = include_str!("ordinary.txt");

/// TRL's prompt-only records in JSON lines. Each asks for a certain form: in so many words, by a
/// system prompt, or by earlier turns, which people do as often.
const REQUESTS: &str = include_str!("requests.jsonl");

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct BuiltIn {
    prompt: Vec<Message>,
}

/// Prompts about nothing in particular.
pub(super) fn ordinary() -> Vec<BuiltIn> {
    let asked = |line| BuiltIn {
        prompt: vec![Message::user(line)],
    };
    ORDINARY.lines().map(asked).collect()
}

/// Prompts that ask for a certain form.
pub(super) fn requests() -> Vec<BuiltIn> {
    // A test holds that every line is a record.
    let records = REQUESTS.lines().map(serde_json::from_str);
    records.filter_map(Result::ok).collect()
}

impl BuiltIn {
    /// For the model's template, or its text alone where the model has none, with its tokens. None
    /// where the template refuses it: some know no system prompt.
    ///
    /// # Errors
    /// As [`Engine::prompt_tokens`].
    pub(super) fn asked(&self, engine: &Engine) -> Result<Option<(Prompt, Vec<i32>)>, Error> {
        // A test holds that each can be asked.
        let Ok(mut prompt) = Content::Messages(self.prompt.clone()).prompt() else {
            return Ok(None);
        };
        let mut tokens = engine.prompt_tokens(&prompt);
        if let Err(Error::NoChatTemplate) = tokens {
            prompt = self.text();
            tokens = engine.prompt_tokens(&prompt);
        }
        match tokens {
            Err(Error::TemplateFailed { .. }) => Ok(None),
            tokens => Ok(Some((prompt, tokens?))),
        }
    }

    fn text(&self) -> Prompt {
        let texts: Vec<&str> = self
            .prompt
            .iter()
            .map(|message| &*message.content)
            .collect();
        Prompt::Raw(texts.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What KL is measured on must not be trained on.
    #[test]
    fn no_prompt_is_asked_twice() {
        let all = [ordinary(), requests()].concat();
        for (index, prompt) in all.iter().enumerate() {
            assert!(!all[..index].contains(prompt), "{prompt:?}");
        }
    }

    #[test]
    fn every_line_is_a_record() {
        assert_eq!(requests().len(), REQUESTS.lines().count());
    }

    #[test]
    fn every_prompt_can_be_asked() {
        for BuiltIn { prompt } in [ordinary(), requests()].concat() {
            let asked = Content::Messages(prompt.clone()).prompt();
            assert!(asked.is_ok(), "{prompt:?}");
        }
    }
}
