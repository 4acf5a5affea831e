//! From messages to a prompt that remembers who wrote what.
//!
//! A rendered prompt mixes what the template writes (`<|im_start|>`) with text of
//! people. It says of each byte whether it came from a message, so that a message
//! cannot pretend to be a template when the prompt is tokenized.

use std::ops::Range;
use std::sync::Arc;

use pocketune_llama::{Model, Token};

use crate::cancel::CancelToken;
use crate::conversation::markers::{Markers, SpecialTexts};
use crate::conversation::template::{ChatTemplate, TemplateChoice};
use crate::conversation::{Message, Role};
use crate::error::Error;

/// A prompt for scoring or embedding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Text as it stands; control tokens in it are control tokens.
    Raw(String),
    /// A conversation, rendered with a chat template and the opening of a reply.
    Chat {
        /// Instructions before the first turn.
        system_prompt: Option<String>,
        /// The turns.
        turns: Vec<Message>,
        /// Where the template comes from.
        template: TemplateChoice,
    },
}

/// A prompt, and which parts of it people wrote.
#[derive(Debug, Clone)]
pub(crate) struct PromptText {
    text: String,
    // Bytes that came from messages: sorted, apart from each other, none empty.
    input: Vec<Range<usize>>,
    markers: Markers,
}

impl PromptText {
    /// Text for a completion: control tokens in it are control tokens.
    pub(crate) fn raw(text: impl Into<String>, markers: Markers) -> Self {
        Self {
            text: text.into(),
            input: Vec::new(),
            markers,
        }
    }

    /// Text of a person and nothing else.
    pub(crate) fn plain(text: impl Into<String>, markers: Markers) -> Self {
        let mut it = Self::raw(String::new(), markers);
        it.push_input(&text.into());
        it
    }

    /// The prompt with a reply and the text of the token that ends it.
    pub(crate) fn with_reply(&self, reply: &str, end: &str) -> Self {
        let mut it = self.clone();
        it.push_input(reply);
        it.text.push_str(end);
        it
    }

    /// The prompt of a completion with what followed; `None` where something in it
    /// would be a marker if the app wrote it.
    pub(crate) fn with_completion(&self, text: &str) -> Option<Self> {
        let mut it = self.with_reply(text, "");
        let forged = it.has_forged_markers();
        it.input.clear();
        (!forged).then_some(it)
    }

    fn push_input(&mut self, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        match self.input.last_mut() {
            _ if text.is_empty() => {}
            Some(last) if last.end == start => last.end = self.text.len(),
            _ => self.input.push(start..self.text.len()),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn input(&self) -> &[Range<usize>] {
        &self.input
    }

    pub(crate) fn markers(&self) -> &Markers {
        &self.markers
    }

    /// Whether a person wrote any byte of `range`.
    pub(crate) fn touches_input(&self, range: &Range<usize>) -> bool {
        let next = self.input.partition_point(|it| it.end <= range.start);
        let next = self.input.get(next);
        next.is_some_and(|it| it.start < range.end)
    }

    /// `range` in parts that one side wrote.
    pub(crate) fn parts(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let borders = self.input.iter().flat_map(|it| [it.start, it.end]);
        let inside = borders.filter(|border| range.start < *border && *border < range.end);
        let mut parts = Vec::new();
        let mut start = range.start;
        for end in inside.chain([range.end]) {
            parts.push(start..end);
            start = end;
        }
        parts
    }

    /// What the template wrote.
    pub(crate) fn template_parts(&self) -> impl Iterator<Item = Range<usize>> {
        let parts = self.parts(0..self.text.len()).into_iter();
        parts.filter(|it| !self.touches_input(it))
    }

    /// The first `bytes`, which end with a character.
    pub(crate) fn beginning(&self, bytes: usize) -> Self {
        let text = self.text.get(..bytes).unwrap_or_default();
        Self {
            text: text.to_owned(),
            input: self.input_before(text.len()),
            markers: self.markers.clone(),
        }
    }

    fn input_before(&self, end: usize) -> Vec<Range<usize>> {
        let before = self.input.iter().filter(|it| it.start < end);
        before.map(|it| it.start..it.end.min(end)).collect()
    }

    /// Whether this goes on where `done` ends, with the same bytes from the same sides.
    pub(crate) fn continues(&self, done: &Self) -> bool {
        self.text.starts_with(&done.text)
            && self.markers.same(&done.markers)
            && self.input_before(done.text.len()) == done.input
    }
}

/// Renders conversations of one chat.
#[derive(Debug)]
pub(crate) struct Renderer {
    template: ChatTemplate,
    // With those that stand in the template's own text.
    markers: Markers,
}

impl Renderer {
    pub(crate) fn new(
        choice: &TemplateChoice,
        of_model: Option<&str>,
        model: &Model,
        specials: Arc<SpecialTexts>,
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
        let markers = Markers::always(specials).and_written(template.literals());
        let mut it = Self { template, markers };
        it.add_composed_markers();
        Ok(it)
    }

    /// Templates also put markers together, such as of `<|`, a role and `|>`: takes in
    /// what this one writes for each role, whichever a conversation has.
    fn add_composed_markers(&mut self) {
        let turns = [
            Message::user("u"),
            Message::assistant("a"),
            Message::user("u"),
        ];
        for system_prompt in [None, Some("s")] {
            // Some refuse a system prompt.
            if let Ok(prompt) = self.render(system_prompt, &turns, &CancelToken::new()) {
                self.markers = prompt.markers;
            }
        }
    }

    /// The prompt for a reply to `turns` under `system_prompt`.
    pub(crate) fn render(
        &self,
        system_prompt: Option<&str>,
        turns: &[Message],
        cancel: &CancelToken,
    ) -> Result<PromptText, Error> {
        let system = system_prompt.map(|content| (Role::System, content));
        let turns = turns.iter().map(|turn| (turn.role, turn.content.as_str()));
        let messages: Vec<_> = system.into_iter().chain(turns).collect();
        let rendered = self.template.render(&messages, cancel)?;
        let mut prompt = PromptText {
            text: rendered.text,
            input: rendered.input,
            markers: self.markers.clone(),
        };
        let parts = prompt.template_parts();
        let texts = parts.filter_map(|part| prompt.text.get(part));
        prompt.markers = prompt.markers.and_written(texts);
        Ok(prompt)
    }
}
