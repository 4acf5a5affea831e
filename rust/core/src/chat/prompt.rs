//! From messages to tokens, so that a message cannot pretend to be a template.
//!
//! A rendered prompt mixes the template's control tokens (`<|im_start|>`) with
//! text of people. Written-out control tokens inside a message are wrapped in a
//! pair of Unicode noncharacters before rendering, and the wrapped parts are
//! tokenized as plain text afterwards.

use aho_corasick::{AhoCorasick, MatchKind};
use pocketune_llama::{Model, Token};

use crate::chat::template::{ChatTemplate, TemplateChoice};
use crate::chat::{Message, Role};
use crate::error::Error;

/// Noncharacters (Unicode 16.0, 23.7) never stand in text that is exchanged.
const PLAIN_START: char = '\u{FDD0}';
const PLAIN_END: char = '\u{FDD1}';

/// A rendered prompt; parts between the noncharacters are plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PromptText(String);

impl PromptText {
    /// Text for a completion: control tokens in it are control tokens.
    pub(crate) fn raw(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The prompt with a reply and the text of the token that ends it.
    pub(crate) fn with_reply(&self, control: &ControlTokens, reply: &str, end: &str) -> Self {
        Self(format!("{}{}{end}", self.0, control.mark(reply)))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Tokens of the whole prompt, with the model's begin-of-sequence token
    /// where the model expects one and the template wrote none.
    pub(crate) fn tokenize(&self, model: &Model) -> Result<Vec<Token>, Error> {
        let mut tokens = tokenize_from(&self.0, model)?;
        let special = model.special_tokens();
        if let Some(bos) = special.bos
            && special.add_bos
            && tokens.first() != Some(&bos)
        {
            tokens.insert(0, bos);
        }
        Ok(tokens)
    }

    /// Tokens of what follows `done`, if the prompt begins with it. The model's
    /// own tokens for `done` can then be kept.
    pub(crate) fn tokenize_after(
        &self,
        done: &str,
        model: &Model,
    ) -> Option<Result<Vec<Token>, Error>> {
        let rest = self.0.strip_prefix(done)?;
        // A cut inside a plain part would read its end as a template.
        let open = done.rfind(PLAIN_START) > done.rfind(PLAIN_END);
        (!open).then(|| tokenize_from(rest, model))
    }
}

fn tokenize_from(text: &str, model: &Model) -> Result<Vec<Token>, Error> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some((template, after)) = rest.split_once(PLAIN_START) {
        let (plain, next) = after.split_once(PLAIN_END).unwrap_or((after, ""));
        tokens.extend(model.tokenize(template, false, true)?);
        tokens.extend(model.tokenize(plain, false, false)?);
        rest = next;
    }
    tokens.extend(model.tokenize(rest, false, true)?);
    Ok(tokens)
}

/// Finds control tokens written out in text. One per engine.
#[derive(Debug)]
pub(crate) struct ControlTokens(Option<AhoCorasick>);

impl ControlTokens {
    pub(crate) fn of(model: &Model) -> Self {
        let texts = (0..model.vocab_size())
            .filter_map(|id| Token::try_from(id).ok())
            .filter(|&token| model.is_control(token))
            .filter_map(|token| model.token_bytes(token, true).ok())
            .filter(|bytes| !bytes.is_empty());
        Self(
            AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .build(texts)
                .ok(),
        )
    }

    /// `text` with every written-out control token marked as plain text.
    fn mark(&self, text: &str) -> String {
        let clean = text.replace([PLAIN_START, PLAIN_END], "\u{FFFD}");
        let Some(finder) = &self.0 else { return clean };
        let mut marked = String::with_capacity(clean.len());
        let mut done = 0;
        for found in finder.find_iter(&clean) {
            marked.push_str(clean.get(done..found.start()).unwrap_or_default());
            marked.push(PLAIN_START);
            marked.push_str(clean.get(found.range()).unwrap_or_default());
            marked.push(PLAIN_END);
            done = found.end();
        }
        marked.push_str(clean.get(done..).unwrap_or_default());
        marked
    }
}

/// Renders conversations of one chat.
#[derive(Debug)]
pub(crate) struct Renderer {
    template: ChatTemplate,
    control: std::sync::Arc<ControlTokens>,
}

impl Renderer {
    pub(crate) fn new(
        choice: &TemplateChoice,
        of_model: Option<&str>,
        model: &Model,
        control: std::sync::Arc<ControlTokens>,
    ) -> Result<Self, Error> {
        let special = model.special_tokens();
        let written = |token: Option<Token>| match token {
            Some(token) => model.detokenize(&[token], true).map_err(Error::from),
            None => Ok(String::new()),
        };
        let template = ChatTemplate::compile(
            choice,
            of_model,
            written(special.bos)?,
            written(special.eos)?,
        )?;
        Ok(Self { template, control })
    }

    /// The prompt for a reply to `turns` under `system_prompt`.
    pub(crate) fn render(
        &self,
        system_prompt: Option<&str>,
        turns: &[Message],
    ) -> Result<PromptText, Error> {
        let system = system_prompt.map(|content| Message {
            role: Role::System,
            content: content.to_owned(),
        });
        let marked: Vec<Message> = system
            .iter()
            .chain(turns)
            .map(|message| Message {
                role: message.role,
                content: self.control.mark(&message.content),
            })
            .collect();
        self.template.render(&marked).map(PromptText)
    }
}
