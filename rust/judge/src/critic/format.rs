//! Another form than was expected, or than the prompt plainly demands (see
//! [`demand`](super::demand)).
//!
//! JSON is parsed by serde_json (RFC 8259); everything else is counted: items, sentences,
//! words. An introduction before a fenced block, a list or a table is forgiven, an explanation
//! after yes or no too.

use serde_json::Value;

use super::Remark;
use super::demand::demanded;
use super::exchange::Format;
use super::reading::Reading;
use super::text::{Parts, Terms, count_words, is_unspaced, item, plain, sentences};

pub(super) fn check(reading: &Reading<'_>) -> Remark {
    let exchange = reading.exchange;
    let demanded = exchange
        .expect
        .format
        .is_none()
        .then(|| demanded(exchange.prompt))
        .flatten();
    let Some(format) = exchange.expect.format.as_ref().or(demanded.as_ref()) else {
        return Remark::NONE;
    };
    let (reply, parts) = (exchange.reply.trim(), &reading.parts);
    match format {
        Format::Json => json(reply, parts, |_| true),
        Format::JsonObject => json(reply, parts, Value::is_object),
        Format::JsonArray => json(reply, parts, Value::is_array),
        Format::List { count } => list(reply, *count, false),
        Format::NumberedList { count } => list(reply, *count, true),
        Format::Table => table(reply),
        Format::Code => code(reply, parts),
        Format::SingleWord => single_word(reply),
        Format::SingleSentence => few_sentences(reply, 1),
        Format::Sentences { max } => few_sentences(reply, *max as usize),
        Format::YesNo => yes_no(reading),
        Format::Number => number(reply),
        Format::PlainParagraph => plain_paragraph(reply, parts),
        Format::MaxWords(most) => max_words(reply, *most),
        Format::OneOf { choices } => one_of(reply, choices),
    }
}

fn json(reply: &str, parts: &Parts<'_>, fits: impl Fn(&Value) -> bool) -> Remark {
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    let fenced = match parts.code.as_slice() {
        [code] if code.closed => Some(code.body),
        _ => None,
    };
    match parse(reply).or_else(|| fenced.and_then(parse)) {
        Some(value) if fits(&value) => Remark::NONE,
        Some(_) => Remark::new(0.3, "it is JSON, but of another kind"),
        None => {
            // Something around it: an app that cuts at the outer brackets can still read it.
            let inner = reply.find(['{', '[']).zip(reply.rfind(['}', ']']));
            let inner = inner
                .and_then(|(from, to)| reply.get(from..=to))
                .and_then(parse);
            if inner.is_some_and(|value| fits(&value)) {
                Remark::new(0.6, "there is text around the JSON")
            } else {
                Remark::new(0.1, "it is not valid JSON")
            }
        }
    }
}

fn list(reply: &str, count: Option<u32>, numbered: bool) -> Remark {
    let items: Vec<_> = reply.lines().filter_map(item).collect();
    let outermost = items.iter().map(|item| item.indent).min().unwrap_or(0);
    let top = || items.iter().filter(|item| item.indent <= outermost + 1);
    if top().next().is_none() {
        return Remark::new(0.1, "it is not a list");
    }
    if numbered && top().filter(|item| item.numbered).count() * 2 < top().count() {
        return Remark::new(0.4, "its items have no numbers");
    }
    let found = if numbered {
        top().filter(|item| item.numbered).count()
    } else {
        top().count()
    };
    match count {
        Some(wanted) if found != wanted as usize => {
            Remark::new(0.4, format!("{found} items where {wanted} were asked for"))
        }
        _ => Remark::NONE,
    }
}

fn table(reply: &str) -> Remark {
    let rule = |line: &str| {
        line.contains('-')
            && line
                .chars()
                .all(|c| matches!(c, '|' | '-' | ':' | ' ' | '+'))
    };
    let ruled = reply
        .lines()
        .any(|line| line.contains('|') && rule(line.trim()));
    if ruled || reply.contains("<table") {
        Remark::NONE
    } else {
        Remark::new(0.1, "it is not a table")
    }
}

fn code(reply: &str, parts: &Parts<'_>) -> Remark {
    let fenced = parts.code.iter().any(|code| !code.body.trim().is_empty());
    let ends = [';', '{', '}', ':', ')'];
    let bare = |line: &&str| line.trim_end().ends_with(ends) && line.contains(['(', '=', '{', '}']);
    let lines = reply.lines().filter(|line| !line.trim().is_empty()).count();
    if fenced || reply.lines().filter(bare).count() * 2 > lines {
        Remark::NONE
    } else {
        Remark::new(0.1, "there is no code")
    }
}

fn single_word(reply: &str) -> Remark {
    let pieces = reply
        .split_whitespace()
        .filter(|piece| piece.contains(char::is_alphanumeric));
    let count = pieces.clone().count();
    let dense = reply.chars().filter(|&c| is_unspaced(c)).count();
    let name = count <= 3
        && pieces
            .clone()
            .all(|piece| piece.contains(char::is_uppercase));
    match count {
        0 => Remark::new(0.1, "there is no word"),
        1 if dense <= 8 => Remark::NONE,
        2 | 3 if name => Remark::new(0.85, "it is a name of several words"),
        _ => Remark::new(0.2, "it is more than one word"),
    }
}

fn few_sentences(reply: &str, most: usize) -> Remark {
    let found = sentences(reply).len();
    if found == 0 {
        Remark::new(0.1, "there is no sentence")
    } else if found > most {
        let score = 0.6 * most as f64 / found as f64;
        Remark::new(
            score,
            format!("{found} sentences where {most} were asked for"),
        )
    } else {
        Remark::NONE
    }
}

fn yes_no(reading: &Reading<'_>) -> Remark {
    const ANSWERS: Terms = Terms("yes|no|ja|nein|oui|non|sí|si|nee|da|sim|não|да|нет|tak|nie|yep");
    let first = reading
        .reply_plain
        .split_ascii_whitespace()
        .next()
        .unwrap_or_default();
    let dense = Terms("是|不|はい|いいえ|对|否");
    let reply = reading.exchange.reply.trim_start();
    if ANSWERS.has(first) || dense.iter().any(|answer| reply.starts_with(answer)) {
        return Remark::NONE;
    }
    Remark::new(0.3, "it does not begin with yes or no")
}

fn number(reply: &str) -> Remark {
    let kept = reply.chars().filter(|c| !c.is_whitespace());
    let fits = |c: char| {
        c.is_ascii_digit()
            || matches!(
                c,
                '.' | ',' | '-' | '+' | '%' | '€' | '$' | '£' | '\'' | '°' | '*'
            )
    };
    let digits = reply.contains(|c: char| c.is_ascii_digit());
    if digits && kept.clone().all(fits) {
        Remark::NONE
    } else if digits && count_words(reply) <= 2 {
        Remark::new(0.85, "there is a word beside the number")
    } else {
        Remark::new(0.2, "it is not just a number")
    }
}

fn plain_paragraph(reply: &str, parts: &Parts<'_>) -> Remark {
    let marked =
        |line: &str| line.starts_with('#') || line.starts_with('|') || item(line).is_some();
    if !parts.code.is_empty() || reply.lines().any(marked) {
        Remark::new(0.2, "it has headings, lists, tables or code")
    } else if reply.contains("\n\n") {
        Remark::new(0.5, "it is more than one paragraph")
    } else {
        Remark::NONE
    }
}

fn max_words(reply: &str, most: u32) -> Remark {
    let found = count_words(reply);
    if found <= most as usize {
        return Remark::NONE;
    }
    let score = 0.7 * f64::from(most) / found as f64;
    Remark::new(
        score,
        format!("{found} words where at most {most} were asked for"),
    )
}

fn one_of(reply: &str, choices: &[String]) -> Remark {
    let bare = reply.trim_matches(|c: char| c.is_whitespace() || c.is_ascii_punctuation());
    // A single letter in lower case is an article or a pronoun.
    let letter = |choice: &str| choice.chars().count() == 1;
    let same = |choice: &String| {
        bare == choice || !letter(choice) && bare.to_lowercase() == choice.to_lowercase()
    };
    if choices.iter().any(same) {
        return Remark::NONE;
    }
    let lower = plain(reply);
    let named = choices.iter().filter(|choice| {
        if letter(choice) {
            reply
                .split(|c: char| !c.is_alphanumeric())
                .any(|word| word == choice.as_str())
        } else {
            lower.mentions(plain(choice).trim())
        }
    });
    match named.count() {
        1 => Remark::new(0.6, "it says more than the answer"),
        0 => Remark::new(0.1, "it is none of the answers to choose from"),
        _ => Remark::new(0.2, "it names several of the answers to choose from"),
    }
}
