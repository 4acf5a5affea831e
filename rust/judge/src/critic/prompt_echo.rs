//! The prompt, or the system prompt, comes back instead of an answer.
//!
//! Caught: a reply that begins with the whole prompt (of six words or more), also after a few
//! words of its own; a reply most of which is made of the prompt's phrases; a recited system
//! prompt. Not caught: the words of a question taken up in its answer, the question as a
//! heading over a full answer, and tasks that are copying (correct, translate, sort,
//! continue), unless even the instruction is repeated.

use std::collections::HashSet;

use super::Remark;
use super::reading::Reading;
use super::text::{Plain, Terms, WordHash, is_unspaced, run_hash, word_hashes};

/// Words of its own that a reply may put before an echo.
const LEAD_WORDS_MAX: usize = 12;

pub(super) fn check(reading: &Reading<'_>) -> Remark {
    let (prompt, reply) = (&reading.prompt_words, &reading.reply_words);
    let dense = reading.exchange.prompt.chars().any(is_unspaced);
    let words_min = if dense { 8 } else { 6 };
    if reply.is_empty() {
        return Remark::NONE;
    }
    let recited = reading
        .exchange
        .system
        .map_or(0.0, |system| share_from(&word_hashes(system), reply, 8));
    if recited >= 0.4 {
        return Remark::new(0.3 * (1.0 - recited), "it recites its system prompt");
    }
    if prompt.len() < words_min {
        return Remark::NONE;
    }
    let rest = reply.len().saturating_sub(prompt.len());
    let heading = reading.exchange.reply.trim_start().starts_with(['#', '*']);
    if begins_with(prompt, reply) && !(heading && rest >= 30) {
        let share = prompt.len() as f64 / reply.len() as f64;
        return Remark::new(0.6 * (1.0 - share), "it begins by repeating the prompt");
    }
    let gram = if dense { 6 } else { 4 };
    let share = share_from(prompt, reply, gram);
    if share >= 0.6 && !is_copying(&reading.prompt_plain) && adds_nothing(prompt, reply) {
        return Remark::new(
            0.5 * (1.0 - share),
            "it says little but what the prompt says",
        );
    }
    Remark::NONE
}

/// Whether the whole prompt, but for one word in ten, stands near the start.
fn begins_with(prompt: &[WordHash], reply: &[WordHash]) -> bool {
    let needed = prompt.len() - prompt.len() / 10;
    let longest = (0..LEAD_WORDS_MAX.min(reply.len())).map(|lead| {
        let pairs = prompt.iter().zip(&reply[lead..]);
        pairs.take_while(|(a, b)| a == b).count()
    });
    longest.max().is_some_and(|longest| longest >= needed)
}

/// Whether hardly a word of a reply is new. An answer in the question's words adds one at
/// least, so that a short reply may add none.
fn adds_nothing(prompt: &[WordHash], reply: &[WordHash]) -> bool {
    let known: HashSet<WordHash> = prompt.iter().copied().collect();
    let new = reply.iter().filter(|word| !known.contains(word)).count();
    new * 15 <= reply.len()
}

/// How much of a reply lies in runs of `gram` words that its source has too.
fn share_from(source: &[WordHash], reply: &[WordHash], gram: usize) -> f64 {
    let known: HashSet<WordHash> = source.windows(gram).map(run_hash).collect();
    let (mut covered, mut until) = (0, 0);
    for (at, run) in reply.windows(gram).enumerate() {
        if known.contains(&run_hash(run)) {
            covered += at + gram - until.max(at);
            until = at + gram;
        }
    }
    covered as f64 / reply.len().max(1) as f64
}

/// Whether a prompt asks for its own words back.
fn is_copying(prompt: &Plain) -> bool {
    const TASKS: Terms = Terms(
        "correct*|fix|proofread|repeat|rewrite|rephrase|reword|paraphrase|polite*|upper case|\
         uppercase|lower case|lowercase|translate|copy|convert|sort|extract|continue|complete|\
         finish|add|make this|typo|typos|format|quote|shorten|edit|spell*|grammar|improve this|\
         remove|replace|korrigier*|übersetz*|wiederhol*|verbesser*|ergänz*|corrige*|traduis|\
         traduce",
    );
    TASKS.found_in(prompt)
}
