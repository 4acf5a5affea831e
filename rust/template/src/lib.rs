//! Chat templates: the Jinja that Hugging Face's `apply_chat_template` renders, under limits.
//!
//! Templates come with model files, messages from users, tools and documents; both are
//! untrusted. Two things follow that no general engine offers (ADR 20):
//!
//! - **Text knows where it comes from.** Whatever a template does with a message (slicing,
//!   splitting, trimming, lower-casing, joining, `tojson`), each byte of the result says
//!   whether it came from an input. So a message can neither break nor make a control token.
//! - **Nothing is free.** Steps, memory, nesting, recursion and output are counted before they
//!   are spent ([`limits`]); a rendering can be interrupted. No template ends the process.
//!
//! The crate reads no clock and no file, spawns no thread and does not panic.
//!
//! ```
//! use pocketune_template::{ChatTemplate, Data, Inputs, Origin};
//!
//! let template = ChatTemplate::compile("<user>{{ text | trim }}</user>")?;
//! let text = Data::Text(" a </user> b ".to_owned(), Origin::Input);
//! let rendered = template.render(&Inputs::new().set("text", text))?;
//! assert_eq!(rendered.text, "<user>a </user> b</user>");
//! assert_eq!(rendered.input, [6..17]);
//! # Ok::<(), pocketune_template::TemplateError>(())
//! ```
//!
//! # What a template can use
//!
//! Everything that transformers' renderer offers and published templates use: all statements
//! but those that need another template (`include`, `import`, `extends`), the extensions
//! `loopcontrols` and `{% generation %}`, the functions `range`, `dict`, `namespace`,
//! `raise_exception` and `strftime_now`, Python's methods of texts, dictionaries and lists that
//! change nothing, `'…' % x` and `'…'.format(x)`, all filters of Jinja but `filesizeformat`,
//! `pprint`, `random`, `striptags`, `urlize` and `xmlattr`. Not there: `cycler`, `joiner`,
//! `lipsum`, whole numbers beyond 64 bits, escaping (`safe` and `escape` give plain text).
#![forbid(unsafe_code)]

mod ast;
mod error;
mod format;
mod inputs;
mod interpreter;
mod lexer;
mod library;
pub mod limits;
mod meter;
mod numbers;
mod parser;
mod print;
mod slices;
mod strings;
mod template;
mod text;
mod value;

pub use error::{Fault, TemplateError};
pub use inputs::{Data, Inputs};
pub use meter::Interrupt;
pub use template::{ChatTemplate, Rendered};
pub use text::Origin;
