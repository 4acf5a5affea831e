//! A compiled template.

use std::ops::Range;

use crate::ast::Body;
use crate::error::TemplateError;
use crate::inputs::Inputs;
use crate::{interpreter, lexer, parser};

/// A compiled chat template. Cheap to share between threads.
#[derive(Debug)]
pub struct ChatTemplate {
    body: Body,
    literals: Vec<String>,
}

/// What a template wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rendered {
    /// The text.
    pub text: String,
    /// The parts of `text`, in bytes, that came from inputs of [`crate::Origin::Input`]:
    /// sorted, apart from each other, none of them empty, ending at characters.
    pub input: Vec<Range<usize>>,
}

impl ChatTemplate {
    /// Compiles `source`. Blocks for the work, some microseconds a kilobyte. Run it on a stack
    /// of [`crate::limits::STACK_BYTES`].
    ///
    /// # Errors
    /// [`crate::Fault::SourceTooLong`], [`crate::Fault::NestedTooDeep`],
    /// [`crate::Fault::Syntax`], [`crate::Fault::Unknown`] for a tag.
    pub fn compile(source: &str) -> Result<Self, TemplateError> {
        let body = parser::parse(source)?;
        let tokens = lexer::tokenize(source)?;
        let literals = tokens
            .into_iter()
            .filter_map(|spanned| match spanned.token {
                lexer::Token::Data(text) | lexer::Token::Text(text) => Some(text),
                _ => None,
            });
        Ok(Self {
            literals: literals.collect(),
            body,
        })
    }

    /// Every text that stands literally in the template, in its order.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.literals.iter().map(String::as_str)
    }

    /// The template's text for these inputs. Blocks for the work, mostly under a millisecond.
    /// Run it on a stack of [`crate::limits::STACK_BYTES`].
    ///
    /// # Errors
    /// Any [`crate::Fault`] but those of compiling.
    pub fn render(&self, inputs: &Inputs) -> Result<Rendered, TemplateError> {
        interpreter::render(&self.body, inputs)
    }
}
