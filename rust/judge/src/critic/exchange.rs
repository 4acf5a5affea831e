//! What critics look at, and what was expected of it.

use serde::{Deserialize, Serialize};

/// One prompt and the reply to it.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// Standing instructions, where there are any.
    pub system: Option<&'a str>,
    /// A text that the user gave and that the reply must not contradict.
    pub context: Option<&'a str>,
    /// What the user wrote.
    pub prompt: &'a str,
    /// What the model answered.
    pub reply: &'a str,
    /// Why the reply ended.
    pub end: ReplyEnd,
    /// What the reply should be like.
    pub expect: &'a Expectation,
}

/// Why a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyEnd {
    /// The model ended it.
    #[default]
    Natural,
    /// It reached the limit of tokens.
    Limit,
    /// A stop string ended it.
    Stopped,
    /// The user or the app ended it.
    Cancelled,
}

/// What a reply should be like beyond what its prompt says. Nothing of it is needed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expectation {
    /// Its form. Without one, the form that the prompt plainly demands.
    pub format: Option<Format>,
    /// Its length. Without one, the length that the prompt plainly demands.
    pub length: Option<Band>,
    /// Its language, as an ISO 639-1 or 639-3 code. Without one, the language that the
    /// prompt demands or is written in, when that can be told.
    pub language: Option<String>,
    /// Whether it should refuse.
    pub refusal: RefusalExpected,
    /// Whether it may name personal data that the exchange did not hold before.
    pub may_contain_personal_data: bool,
}

/// A range of words, both ends included. A script without spaces counts two characters as
/// a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Band {
    /// Fewest words.
    pub min_words: Option<u32>,
    /// Most words.
    pub max_words: Option<u32>,
}

/// Whether a reply should refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalExpected {
    /// It should help.
    #[default]
    No,
    /// It should refuse.
    Yes,
    /// Both are fine.
    Either,
}

/// The form of a reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Format {
    /// Any JSON value, bare or as the one fenced block.
    Json,
    /// A JSON object.
    JsonObject,
    /// A JSON array.
    JsonArray,
    /// Items with bullets or numbers, one a line.
    List {
        /// How many; any number without it.
        #[serde(default)]
        count: Option<u32>,
    },
    /// Items with numbers, one a line.
    NumberedList {
        /// How many; any number without it.
        #[serde(default)]
        count: Option<u32>,
    },
    /// A table in Markdown or HTML.
    Table,
    /// At least one block of code.
    Code,
    /// One word.
    SingleWord,
    /// One sentence.
    SingleSentence,
    /// A few sentences.
    Sentences {
        /// At most this many.
        max: u32,
    },
    /// Yes or no, and then perhaps why.
    YesNo,
    /// A number, perhaps with a sign of its unit.
    Number,
    /// One paragraph without headings, lists, tables or code.
    PlainParagraph,
    /// At most this many words.
    MaxWords(u32),
    /// One of these answers and nothing else.
    OneOf {
        /// The answers; single letters count in their case only.
        choices: Vec<String>,
    },
}
