//! Grammars in GBNF, llama.cpp's notation (layer L0).
//!
//! [`Grammar::parse`] reads a text by llama.cpp's own rules and refuses what it
//! would accept and then not survive; [`Matcher`] says token by token what may
//! come next. Nothing here recurses over what a grammar holds, except for
//! parentheses up to [`NESTING_MAX`], and what a grammar may cost has a limit:
//! bytes and elements while it is read, stacks and steps while it is matched.
#![forbid(unsafe_code)]

mod check;
mod class;
mod cursor;
mod error;
mod limits;
mod matcher;
mod parse;
mod repeat;
mod rules;
mod stacks;
mod utf8;

pub use error::GrammarError;
pub use limits::{
    BYTES_MAX, ELEMENTS_MAX, NESTING_MAX, REPETITION_PRODUCT_MAX, REPETITIONS_MAX, STACKS_MAX,
    STEPS_MAX,
};
pub use matcher::{Matcher, TokenText};
pub use rules::Grammar;
