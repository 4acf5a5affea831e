//! LoRA adapters of Hugging Face PEFT, to and from GGUF.
//!
//! PEFT keeps A and B as rows (`lora_A` r x K, `lora_B` N x r), as GGUF does. What
//! differs: names, the order of Q's and K's rows in `llama` models, whose rotary halves
//! GGUF interleaves, and scales, which PEFT has by module and GGUF once.
//!
//! An imported adapter computes what PEFT 0.21.2 computes from the same folder, or it is
//! refused with the field, tensor or module that is to blame. Files of other people: no input
//! panics, and regular expressions of Python are read by a matcher that cannot blow up.
#![forbid(unsafe_code)]

mod config;
mod document;
mod error;
mod export;
mod fields;
mod folder;
mod import;
mod layout;
mod python_re;
mod targets;
mod tensors;
#[cfg(test)]
mod tests;

pub use config::Config;
pub use error::{PEFT_VERSION, PeftError};
pub use export::from_gguf;
pub use folder::{CONFIG, CONFIG_BYTES_MAX, TENSORS, check_config, check_tensors};
pub use import::{Imported, to_gguf};
pub use layout::Layout;
pub use python_re::PatternError;
