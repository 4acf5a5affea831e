//! The number of words against a band: the expected one, or one that the prompt states.
//!
//! The score is how much of the way there is: half the words of the lower end, or twice those
//! of the upper end, score 0.5. A number beside "words" in the prompt counts only with a word
//! that makes it a demand ("at most", "in about", "a 200-word …"); a plain number of words is
//! met within a quarter. Limits in sentences are for the critic of form.

use super::Remark;
use super::exchange::Band;
use super::reading::Reading;
use super::text::{Terms, count_words, words};

pub(super) fn check(reading: &Reading<'_>) -> Remark {
    let exchange = reading.exchange;
    let band = exchange.expect.length.or_else(|| demanded(exchange.prompt));
    let Some(band) = band else {
        return Remark::NONE;
    };
    let found = count_words(exchange.reply);
    let (least, most) = (band.min_words, band.max_words);
    if let Some(least) = least.filter(|&least| found < least as usize) {
        let reason = format!("{found} words where at least {least} were asked for");
        return Remark::new(found as f64 / f64::from(least), reason);
    }
    if let Some(most) = most.filter(|&most| found > most as usize) {
        let reason = format!("{found} words where at most {most} were asked for");
        return Remark::new(f64::from(most) / found as f64, reason);
    }
    Remark::NONE
}

/// Verbs that make a prompt a task.
const ASKING: Terms = Terms(
    "write|describe|explain|summarise|summarize|give|tell|compose|draft|schreib*|beschreib*|\
     erklär*|fasse|écris|escribe|answer|say|keep|reply|limit*|shorten|restrict",
);

/// The band that a prompt states.
fn demanded(prompt: &str) -> Option<Band> {
    let lower: Vec<String> = words(prompt).map(str::to_lowercase).collect();
    let verbs = ASKING
        .iter()
        .any(|verb| lower.iter().any(|word| starts(word, verb)));
    let number = |at: usize| lower.get(at).and_then(|word| word.parse::<u32>().ok());
    (0..lower.len()).find_map(|at| {
        let value = number(at).filter(|&value| value > 0)?;
        let unit = lower.get(at + 1)?.as_str();
        if !matches!(
            unit,
            "word" | "words" | "wörter" | "wörtern" | "worte" | "mots" | "palabras" | "parole"
        ) {
            return None;
        }
        let before = format!(" {} ", lower.get(at.saturating_sub(4)..at)?.join(" "));
        let after = format!(
            " {} ",
            lower.get(at + 2..(at + 5).min(lower.len()))?.join(" ")
        );
        band(
            value,
            at.checked_sub(2).and_then(number),
            unit,
            &before,
            &after,
            verbs,
        )
    })
}

/// The band that a number of words with these neighbours asks for.
fn band(
    value: u32,
    lower_end: Option<u32>,
    unit: &str,
    before: &str,
    after: &str,
    is_task: bool,
) -> Option<Band> {
    let is = |ends: Terms| ends.iter().any(|end| before.ends_with(&format!(" {end} ")));
    let at_most = Band {
        min_words: None,
        max_words: Some(value),
    };
    if before.contains(" between ") || before.contains(" zwischen ") {
        return Some(Band {
            min_words: lower_end,
            max_words: Some(value),
        });
    }
    let more = Terms(
        "at least|minimum|minimum of|mindestens|more than|over|no fewer than|no less than|\
         au moins|al menos|mehr als|almeno",
    );
    // "No more than" would read as "more than".
    let most = Terms(
        "at most|no more than|not more than|maximum|maximum of|max|under|less than|fewer than|\
         up to|within|höchstens|maximal|unter|below|nicht mehr als|weniger als|au maximum|máximo|\
         limit of|limit it to|al massimo",
    );
    let after_most = Terms("or less|or fewer|max*|or under|oder weniger|at most|limit");
    if is(most) || after_most.iter().any(|phrase| after_starts(after, phrase)) {
        return Some(at_most);
    }
    if is(more) || after_starts(after, "or more") || after_starts(after, "oder mehr") {
        return Some(Band {
            min_words: Some(value),
            max_words: None,
        });
    }
    let near = Terms(
        "in|in about|in around|in roughly|in approximately|in exactly|in just|in only|exactly|\
         approximately|in etwa|in ungefähr|in genau|genau|en|environ",
    );
    let loose = Terms("about|around|with|using|of|etwa|ungefähr|mit|rund|to");
    let essay = unit == "word" && is(Terms("a|one"));
    let slack = value / 4;
    (is(near) || (is(loose) || essay) && is_task).then(|| Band {
        min_words: Some(value - slack),
        max_words: Some(value.saturating_add(slack)),
    })
}

fn after_starts(after: &str, phrase: &str) -> bool {
    match phrase.strip_suffix('*') {
        Some(stem) => after
            .strip_prefix(' ')
            .is_some_and(|rest| rest.starts_with(stem)),
        None => after.starts_with(&format!(" {phrase} ")),
    }
}

/// Whether a word is this one, or begins with it when it ends on `*`.
fn starts(word: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(stem) => word.starts_with(stem),
        None => word == pattern,
    }
}
