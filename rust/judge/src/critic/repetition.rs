//! Loops: of a character, of a few words, of sentences or lines.
//!
//! Caught: a run of one letter or sign; a run of the same one to 64 words without a break; a
//! sentence that comes three times; a text that says most four-word phrases more than once
//! (the share of repeated n-grams, as in Welleck et al. 2019, arXiv:1908.04319). Characters of
//! scripts without spaces count as words. Not caught: what the prompt asks to be repeated,
//! laughter, refrains of two, rules and tables, brackets of code, matrices. A list whose items
//! share a frame of four words or more can be caught wrongly.

use std::collections::{HashMap, HashSet};

use super::Remark;
use super::reading::Reading;
use super::text::{
    Terms, WordHash, count_words, is_unspaced, item, run_hash, sentences, word_hash, word_hashes,
    words,
};

const PERIOD_WORDS_MAX: usize = 64;
/// Sounds that are made of themselves.
const SOUNDS: Terms = Terms("ha|haha|he|ho|la|na|哈|呵|嘿|啊|w|笑");

pub(super) fn check(reading: &Reading<'_>) -> Remark {
    let asked =
        Terms("repeat|times|twice|again and again|mal|wiederhole*|répète*|repite|repeti*|重复");
    if asked.found_in(&reading.prompt_plain) {
        return Remark::NONE;
    }
    let reply = reading.exchange.reply;
    if character_loop(reply) {
        return Remark::new(0.1, "a character or syllable is repeated without end");
    }
    word_loop(reading)
        .or(repeated_sentences(&reading.parts.prose))
        .or(repeated_phrases(&reading.parts.prose))
}

/// A run of one character, or of two to eight letters, within a line.
fn character_loop(text: &str) -> bool {
    text.lines().any(|line| {
        let chars: Vec<char> = line.chars().collect();
        (1..=8).any(|period| {
            let mut matched = 0;
            chars.iter().zip(chars.iter().skip(period)).any(|(a, b)| {
                let counts = if period == 1 {
                    a.is_alphanumeric() || matches!(a, '!' | '?')
                } else {
                    a.is_alphabetic()
                };
                matched = if a == b && counts { matched + 1 } else { 0 };
                let run = matched + period;
                match (period, a) {
                    (1, '0') => run >= 40,
                    (1, c) if c.is_ascii_digit() => run >= 20,
                    (1, c) if is_unspaced(*c) => run >= 6 && !SOUNDS.has(c.to_string().as_str()),
                    (1, _) => run >= 12,
                    _ => run >= 12.max(period * 6),
                }
            })
        })
    })
}

/// The same few words again and again without a break.
fn word_loop(reading: &Reading<'_>) -> Remark {
    let reply = reading.exchange.reply;
    let hashes = &reading.reply_words;
    let texts: Vec<&str> = words(reply).collect();
    let sounds: HashSet<WordHash> = SOUNDS.iter().map(word_hash).collect();
    let rows = rows(reply, texts.len());
    for period in 1..=PERIOD_WORDS_MAX.min(hashes.len()) {
        let mut matched = 0;
        for at in period..hashes.len() {
            let repeats = hashes[at] == hashes[at - period];
            // Equal cells in different rows are a table.
            let same_row = period > 1 || rows[at] == rows[at - 1];
            matched = if repeats && same_row { matched + 1 } else { 0 };
            if matched < period {
                continue;
            }
            let turns = matched / period + 1;
            let unit = &texts[at - period..at];
            let spoken = unit.iter().any(|word| word.contains(char::is_alphabetic));
            let given = period == 1 && reading.prompt_words.contains(&hashes[at]);
            let enough = match period {
                _ if !spoken || given => 10,
                1 => 5,
                2 | 3 => 4,
                _ => 3,
            };
            let same = unit.iter().all(|word| word.eq_ignore_ascii_case(texts[at]));
            if period > 1 && same {
                continue;
            }
            if turns >= enough && !(period <= 2 && sounds.contains(&hashes[at])) {
                let share = (matched + period) as f64 / hashes.len() as f64;
                return Remark::new(
                    0.3 - 0.2 * share.min(1.0),
                    "the same words go round in a loop",
                );
            }
        }
    }
    Remark::NONE
}

/// The line in which each word stands.
fn rows(text: &str, words_total: usize) -> Vec<usize> {
    let mut rows = Vec::with_capacity(words_total);
    for (row, line) in text.split('\n').enumerate() {
        rows.extend(words(line).map(|_| row));
    }
    rows.resize(words_total, 0);
    rows
}

/// Sentences or lines of some length that come again.
fn repeated_sentences(prose: &str) -> Remark {
    let mut seen: HashMap<WordHash, usize> = HashMap::new();
    let (mut all, mut most) = (0usize, 0usize);
    let lines = prose
        .lines()
        .map(|line| item(line).map_or(line, |item| item.text));
    for sentence in lines.flat_map(sentences) {
        if count_words(sentence) < 3 || !sentence.contains(char::is_alphabetic) {
            continue;
        }
        let copies = seen.entry(run_hash(&word_hashes(sentence))).or_default();
        *copies += 1;
        all += 1;
        most = most.max(*copies);
    }
    let again = all - seen.len();
    let share = again as f64 / all.max(1) as f64;
    if most >= 3 || again >= 2 && share >= 0.3 {
        Remark::new(0.4 * (1.0 - share), "sentences come again word for word")
    } else {
        Remark::NONE
    }
}

/// Phrases of four words that come again, over texts of twenty words and more.
fn repeated_phrases(prose: &str) -> Remark {
    let hashes = word_hashes(prose);
    let all = hashes.len().saturating_sub(3);
    if all < 17 {
        return Remark::NONE;
    }
    let distinct: HashSet<WordHash> = hashes.windows(4).map(run_hash).collect();
    let share = 1.0 - distinct.len() as f64 / all as f64;
    if share > 0.1 {
        Remark::new(
            1.0 - 2.0 * (share - 0.1),
            "it says the same phrases several times",
        )
    } else {
        Remark::NONE
    }
}
