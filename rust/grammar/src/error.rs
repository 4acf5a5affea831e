//! Why a grammar is refused, or a reply under it cannot go on.

use crate::limits::{
    BYTES_MAX, ELEMENTS_MAX, NESTING_MAX, REPETITION_PRODUCT_MAX, REPETITIONS_MAX, STACKS_MAX,
    STEPS_MAX,
};

/// What is wrong with a grammar. Lines count from 1; rules are named as the
/// grammar names them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrammarError {
    /// Nothing but white space and comments.
    #[error("the grammar is empty")]
    Empty,
    /// Longer than [`BYTES_MAX`].
    #[error("the grammar has {bytes} bytes, at most {BYTES_MAX} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A NUL character, written out or as an escape.
    #[error("line {line}: a NUL character")]
    Nul {
        /// Where.
        line: usize,
    },
    /// Something else is needed here.
    #[error("line {line}: expected {expected}, found {found}")]
    Expected {
        /// Where.
        line: usize,
        /// What is needed.
        expected: &'static str,
        /// The character there, or the end.
        found: String,
    },
    /// A backslash and something that is no escape.
    #[error("line {line}: unknown escape `\\{escape}`")]
    UnknownEscape {
        /// Where.
        line: usize,
        /// What follows the backslash.
        escape: char,
    },
    /// `\x`, `\u` or `\U` without its hexadecimal digits.
    #[error("line {line}: `\\{escape}` needs {digits} hexadecimal digits")]
    ShortEscape {
        /// Where.
        line: usize,
        /// The letter.
        escape: char,
        /// How many it needs.
        digits: usize,
    },
    /// An escape for a surrogate, or beyond U+10FFFF.
    #[error("line {line}: {code_point:#x} is no character")]
    NoCharacter {
        /// Where.
        line: usize,
        /// What the escape says.
        code_point: u32,
    },
    /// `[]` or `[^]`.
    #[error("line {line}: an empty character class")]
    EmptyClass {
        /// Where.
        line: usize,
    },
    /// `[z-a]`.
    #[error("line {line}: the range {from:?}-{to:?} is the wrong way round")]
    ReversedRange {
        /// Where.
        line: usize,
        /// Its first character.
        from: char,
        /// Its last.
        to: char,
    },
    /// `*`, `+`, `?` or `{…}` after nothing.
    #[error("line {line}: nothing to repeat")]
    NothingToRepeat {
        /// Where.
        line: usize,
    },
    /// `{m,n}` with a number over [`REPETITIONS_MAX`].
    #[error("rule `{rule}`: {count} repetitions, at most {REPETITIONS_MAX} are allowed")]
    TooManyRepetitions {
        /// In which rule.
        rule: String,
        /// What it asks for, as written.
        count: String,
    },
    /// `{m,n}` with n below m.
    #[error("rule `{rule}`: {{{from},{to}}} ends before it begins")]
    ReversedRepetition {
        /// In which rule.
        rule: String,
        /// m.
        from: u32,
        /// n.
        to: u32,
    },
    /// Repetitions inside repetitions, over [`REPETITION_PRODUCT_MAX`].
    #[error(
        "rule `{rule}`: repetitions inside repetitions multiply to more than {REPETITION_PRODUCT_MAX}"
    )]
    RepetitionProduct {
        /// The outermost rule.
        rule: String,
    },
    /// More than [`NESTING_MAX`] parentheses inside each other.
    #[error("rule `{rule}` is nested deeper than {NESTING_MAX} parentheses")]
    TooDeep {
        /// In which rule.
        rule: String,
    },
    /// More than [`ELEMENTS_MAX`] elements.
    #[error("rule `{rule}` brings the grammar to more than {ELEMENTS_MAX} elements")]
    TooManyElements {
        /// The rule that went over it.
        rule: String,
    },
    /// A rule is defined twice.
    #[error("rule `{rule}` is defined twice")]
    DuplicateRule {
        /// Which.
        rule: String,
    },
    /// A rule is used and not defined.
    #[error("rule `{rule}` is not defined")]
    UndefinedRule {
        /// Which.
        rule: String,
    },
    /// There is no rule with the start symbol's name.
    #[error("the grammar has no rule `{root}`")]
    NoRoot {
        /// The start symbol.
        root: String,
    },
    /// A rule begins with itself.
    #[error("rule `{rule}` is left-recursive: it can begin with itself")]
    LeftRecursion {
        /// Which.
        rule: String,
    },
    /// `<…>` names no single token of the model.
    #[error("line {line}: `{text}` is not one token of this model")]
    UnknownToken {
        /// Where.
        line: usize,
        /// As written, at most 64 characters.
        text: String,
    },
    /// More than [`STACKS_MAX`] ways to go on at once.
    #[error("the grammar is too ambiguous: there are more than {STACKS_MAX} ways to go on at once")]
    TooAmbiguous,
    /// More than [`STEPS_MAX`] steps for one token.
    #[error("the grammar is too costly: one token takes more than {STEPS_MAX} steps")]
    TooCostly,
    /// A token that the grammar does not allow here.
    #[error("the grammar does not allow token {token} here")]
    Forbidden {
        /// Its id.
        token: u32,
    },
}
