//! The model's own Jinja chat template, rendered under limits.
//!
//! Templates come with the model file and are untrusted: loops are bounded by
//! fuel, the output by a byte limit, recursion by the engine's own limit. They
//! see the messages and the special tokens, nothing else.

use std::io::{self, Write};

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, Value, context};
use pocketune_base::without_byte_order_mark;

use crate::chat::Message;
use crate::error::Error;

/// Instructions that one rendering may execute.
const FUEL: u64 = 2_000_000;
/// Bytes that one rendering may write on top of four times its input.
const OUTPUT_BYTES_ALLOWANCE: usize = 64 * 1024;
/// Nested calls of macros and includes.
const RECURSION_LIMIT: usize = 64;
const TEMPLATE_NAME: &str = "chat";

/// The ChatML form, used only when asked for by name.
const CHATML: &str = "\
{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}";

/// Where a chat's template comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TemplateChoice {
    /// The template in the model file; a model without one is refused.
    #[default]
    Model,
    /// ChatML, whatever the model file says.
    ChatMl,
    /// A Jinja template of the caller.
    Jinja(String),
}

/// A compiled template with the special tokens it may name.
#[derive(Debug)]
pub(crate) struct ChatTemplate {
    environment: Environment<'static>,
    bos: String,
    eos: String,
}

impl ChatTemplate {
    pub(crate) fn compile(
        choice: &TemplateChoice,
        of_model: Option<&str>,
        bos: String,
        eos: String,
    ) -> Result<Self, Error> {
        let source = match choice {
            TemplateChoice::Model => of_model.ok_or(Error::NoChatTemplate)?,
            TemplateChoice::ChatMl => CHATML,
            TemplateChoice::Jinja(source) => without_byte_order_mark(source),
        };
        let mut environment = Environment::new();
        // Hugging Face renders chat templates with both switched on.
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build();
        environment.set_syntax(syntax.map_err(|error| failed(&error))?);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(RECURSION_LIMIT);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", raise_exception);
        environment
            .add_template_owned(TEMPLATE_NAME, source.to_owned())
            .map_err(|error| failed(&error))?;
        Ok(Self {
            environment,
            bos,
            eos,
        })
    }

    /// The text of `messages`, followed by the opening of a reply. Blocks for
    /// a few milliseconds at most.
    pub(crate) fn render(&self, messages: &[Message]) -> Result<String, Error> {
        let template = self
            .environment
            .get_template(TEMPLATE_NAME)
            .map_err(|error| failed(&error))?;
        let input_bytes: usize = messages.iter().map(|message| message.content.len()).sum();
        let mut out = Bounded {
            bytes: Vec::new(),
            limit: input_bytes
                .saturating_mul(4)
                .saturating_add(OUTPUT_BYTES_ALLOWANCE),
        };
        template
            .render_captured_to(
                context! {
                    messages => messages.iter().map(as_value).collect::<Value>(),
                    add_generation_prompt => true,
                    bos_token => self.bos.as_str(),
                    eos_token => self.eos.as_str(),
                },
                &mut out,
            )
            .map_err(|error| failed(&error))?;
        String::from_utf8(out.bytes).map_err(|_| Error::TemplateFailed {
            reason: "the output is not UTF-8".to_owned(),
        })
    }
}

fn as_value(message: &Message) -> Value {
    Value::from_pairs([
        ("role", message.role.name()),
        ("content", message.content.as_str()),
    ])
}

/// Only the kind and place of a template error: its message may quote the conversation.
fn failed(error: &minijinja::Error) -> Error {
    let place = error
        .line()
        .map_or_else(String::new, |line| format!(" in line {line}"));
    let reason = match error.kind() {
        ErrorKind::OutOfFuel => format!("it ran out of fuel{place}"),
        ErrorKind::WriteFailure => format!("its output is too long{place}"),
        ErrorKind::SyntaxError => {
            format!(
                "syntax error{place}: {}",
                error.detail().unwrap_or("unknown")
            )
        }
        kind => format!("{kind}{place}"),
    };
    Error::TemplateFailed { reason }
}

/// What templates call to refuse a conversation.
fn raise_exception(message: &str) -> Result<Value, minijinja::Error> {
    Err(minijinja::Error::new(
        ErrorKind::InvalidOperation,
        message.to_owned(),
    ))
}

struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if piece.len() > self.limit.saturating_sub(self.bytes.len()) {
            return Err(io::Error::other("the output limit is reached"));
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
