//! The model's own Jinja chat template.
//!
//! Templates come with the model file and are untrusted. They compile and render under the
//! limits of `pocketune-template`, on a thread whose stack is known: an app may call from one
//! of 512 KiB.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pocketune_base::without_byte_order_mark;
use pocketune_template::{Data, Fault, Inputs, Origin, Rendered, TemplateError, limits};

use crate::cancel::CancelToken;
use crate::clock::local_time;
use crate::conversation::Role;
use crate::error::Error;

/// The longest that one rendering may take. Published templates take less than a millisecond
/// for a conversation of a few turns (`template/tests/published.rs`); the rest is room for long
/// ones and for a phone under load.
const RENDER_TIME_MAX: Duration = Duration::from_secs(5);

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
    /// A Jinja template of the caller, of at most 128 KiB. `pocketune-template` says what it
    /// may use: what transformers' renderer offers.
    Jinja(String),
}

/// A compiled template with the special tokens it may name.
#[derive(Debug)]
pub(crate) struct ChatTemplate {
    template: pocketune_template::ChatTemplate,
    bos: String,
    eos: String,
}

impl ChatTemplate {
    /// Blocks for some microseconds a kilobyte.
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
        let template = on_known_stack(|| pocketune_template::ChatTemplate::compile(source))?;
        Ok(Self {
            template: template.map_err(failed)?,
            bos,
            eos,
        })
    }

    /// Every text that stands literally in the template.
    pub(crate) fn literals(&self) -> impl Iterator<Item = &str> {
        self.template.literals()
    }

    /// The text of `messages`, followed by the opening of a reply. Blocks for about a
    /// millisecond where the conversation is short; a hostile template for at most [`RENDER_TIME_MAX`], or until `cancel`.
    pub(crate) fn render(
        &self,
        messages: &[(Role, &str)],
        cancel: &CancelToken,
    ) -> Result<Rendered, Error> {
        let started = Instant::now();
        let asked = cancel.clone();
        let stop = Arc::new(move || asked.is_cancelled() || started.elapsed() > RENDER_TIME_MAX);
        let own = |text: &str| Data::Text(text.to_owned(), Origin::Template);
        // `tools` and `documents` are there and empty, as transformers passes them.
        let inputs = Inputs::new()
            .set(
                "messages",
                Data::List(messages.iter().copied().map(as_data).collect()),
            )
            .set("tools", Data::None)
            .set("documents", Data::None)
            .set("add_generation_prompt", Data::Bool(true))
            .set("bos_token", own(&self.bos))
            .set("eos_token", own(&self.eos))
            .now(local_time())
            .interrupt(stop);
        match on_known_stack(|| self.template.render(&inputs))? {
            Ok(rendered) => Ok(rendered),
            Err(error) if error.fault == Fault::Interrupted => match cancel.is_cancelled() {
                true => Err(Error::Cancelled),
                false => Err(Error::TemplateFailed {
                    reason: format!("it takes longer than {} seconds", RENDER_TIME_MAX.as_secs()),
                }),
            },
            Err(error) => Err(failed(error)),
        }
    }
}

fn as_data((role, content): (Role, &str)) -> Data {
    let role = Data::Text(role.name().to_owned(), Origin::Template);
    let content = Data::Text(content.to_owned(), Origin::Input);
    Data::dict([("role", role), ("content", content)])
}

fn failed(error: TemplateError) -> Error {
    Error::TemplateFailed {
        reason: error.to_string(),
    }
}

/// Runs on a thread with the stack that templates need, and waits for it.
fn on_known_stack<T: Send>(run: impl FnOnce() -> T + Send) -> Result<T, Error> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("pocketune-template".to_owned())
            .stack_size(limits::STACK_BYTES)
            .spawn_scoped(scope, run)
            .map_err(Error::Io)?;
        thread.join().map_err(|_| Error::TemplateFailed {
            reason: "the engine of templates failed".to_owned(),
        })
    })
}
