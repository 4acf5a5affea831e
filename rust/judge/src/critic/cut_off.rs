//! Nothing was said, or the last sentence has no end.
//!
//! Caught: no letter, digit or pictograph at all; a thought (`<think>`) without an answer
//! after it; a reply at the token limit that does not end as sentences, code or tables do; a
//! reply that ended by itself on a comma, a colon, an opening bracket, the mark of an empty
//! list item or a word that must be followed by another. Not caught: a reply that ended by
//! itself on any other word, because titles, names and verses do. What the user cancelled is
//! not the model's fault.

use super::exchange::{Exchange, Format, ReplyEnd};
use super::reading::Reading;
use super::text::{Terms, item, words};
use super::{Remark, text::Parts};

/// How a text ends.
enum Ending {
    Complete,
    /// On a word or a digit.
    Open,
    /// On something that must be followed by more.
    Dangling,
}

pub(super) fn check(reading: &Reading<'_>) -> Remark {
    let exchange = reading.exchange;
    if exchange.end == ReplyEnd::Cancelled {
        return Remark::NONE;
    }
    let Some(answer) = after_thought(exchange.reply) else {
        return Remark::new(0.0, "it never stopped thinking");
    };
    if is_empty(answer, &reading.parts) {
        return Remark::new(0.0, "there is no answer");
    }
    let unclosed = reading.parts.code.iter().any(|code| !code.closed);
    let ending = if unclosed {
        Ending::Dangling
    } else {
        ending(answer)
    };
    match (ending, exchange.end) {
        (Ending::Dangling, ReplyEnd::Limit) => Remark::new(0.1, "it was cut off"),
        (Ending::Dangling, _) => Remark::new(0.3, "it stops where more must follow"),
        (Ending::Open, ReplyEnd::Limit) if !is_short_form(exchange) => {
            Remark::new(0.2, "it was cut off at the limit")
        }
        (Ending::Complete, ReplyEnd::Limit) => {
            Remark::new(0.9, "it reached the limit at the end of a sentence")
        }
        _ => Remark::NONE,
    }
}

/// What follows a leading `<think>` block; nothing when the block never ends.
fn after_thought(reply: &str) -> Option<&str> {
    match reply.trim_start().strip_prefix("<think>") {
        Some(thought) => thought.split_once("</think>").map(|(_, answer)| answer),
        None => Some(reply),
    }
}

fn is_empty(answer: &str, parts: &Parts<'_>) -> bool {
    let says = |text: &str| {
        text.chars()
            .any(|c| !c.is_whitespace() && !c.is_ascii_punctuation() && c != '…')
    };
    let fenced = parts.code.iter().any(|code| !code.body.trim().is_empty());
    !(fenced || says(&parts.outside) && says(answer))
}

/// A form that is complete without a full stop.
fn is_short_form(exchange: &Exchange<'_>) -> bool {
    use Format::{Number, OneOf, SingleWord, YesNo};
    let format = exchange.expect.format.as_ref();
    matches!(format, Some(SingleWord | YesNo | Number | OneOf { .. }))
}

fn ending(answer: &str) -> Ending {
    let text = answer.trim_end();
    let line = text.lines().next_back().unwrap_or_default();
    if item(line).is_some_and(|item| item.text.is_empty()) {
        return Ending::Dangling;
    }
    let bare = text.trim_end_matches(['*', '_', '`']);
    match bare.chars().next_back() {
        Some(',' | '，') if is_sign_off(line) => Ending::Complete,
        Some(
            ',' | ';' | ':' | '，' | '、' | '；' | '：' | '(' | '[' | '{' | '（' | '-' | '–' | '—'
            | '&' | '/' | '+' | '=',
        ) if !is_rule(line) => Ending::Dangling,
        Some(c) if c.is_alphanumeric() => {
            if must_be_followed(bare) {
                Ending::Dangling
            } else {
                Ending::Open
            }
        }
        _ => Ending::Complete,
    }
}

/// A line that only draws.
fn is_rule(line: &str) -> bool {
    !line.contains(char::is_alphanumeric)
}

/// The last line of a letter before its name.
fn is_sign_off(line: &str) -> bool {
    let closings = Terms(
        "regards|sincerely|cheers|love|yours|best|wishes|truly|thanks|faithfully|grüße|grüßen|\
         liebe|saludos|cordialement|saluti",
    );
    let line = line.to_lowercase();
    words(&line).count() <= 4 && words(&line).any(|word| closings.has(word))
}

/// Whether a text of some length ends on a word that opens something: an article, a
/// preposition, a conjunction.
fn must_be_followed(text: &str) -> bool {
    const OPENERS: Terms = Terms(
        "a|an|the|and|or|but|of|with|because|from|than|as|if|which|my|your|their|our|every|into|\
         such|is|are|und|oder|der|die|das|ein|eine|einen|einer|mit|weil|dass|für|von|im|dem|den|\
         des|sehr|et|ou|le|la|les|un|une|de|du|avec|mais|y|o|el|los|las|una|con|pero|es|il|che|e|\
         di|per|и|или|на|с|что|в|est|als|und/oder",
    );
    let tail = text.lines().next_back().unwrap_or_default();
    // A whole word: "DE" is a code, and "posteo.de" an address.
    let last = tail.split_whitespace().next_back().unwrap_or_default();
    words(tail).count() >= 4 && OPENERS.has(last)
}
