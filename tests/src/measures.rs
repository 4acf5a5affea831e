//! What a reply is like, in numbers that need no judge. `tests/preferences/README.md`
//! has the same definitions in words.

use serde::{Deserialize, Serialize};

/// A reply and what is known of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measured {
    /// The reply.
    pub text: String,
    /// Tokens the model generated.
    pub tokens: u32,
}

/// A kind of preference: its data's name, and the measure that should rise.
#[derive(Debug)]
pub struct Kind {
    /// What its files begin with.
    pub name: &'static str,
    /// Rises as replies come to be as preferred.
    pub measure: fn(&Measured) -> f64,
    /// What it counts.
    pub unit: &'static str,
    /// System prompts that ask for it, as an app would without any tuning.
    pub system_prompts: [&'static str; 3],
}

/// The preferences of `tests/preferences`.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "brief",
        measure: |reply| -f64::from(reply.tokens),
        unit: "tokens fewer",
        system_prompts: [
            "Answer in one short sentence.",
            "You are a concise assistant. Reply with a single short, direct sentence and then stop.",
            "Be brief. The user has little time: give the answer in one sentence, without explanations.",
        ],
    },
    Kind {
        name: "style",
        measure: |reply| addresses(&reply.text),
        unit: "\"you\" in 100 words",
        system_prompts: [
            "Speak to the user as \"you\".",
            "Answer in the second person: say \"you\" and \"your\" in every sentence.",
            "You are a friendly guide who talks directly to the user: use the words you and your as often as you can.",
        ],
    },
    Kind {
        name: "format",
        measure: |reply| f64::from(u8::from(is_paragraph(&reply.text))),
        unit: "share of plain paragraphs",
        system_prompts: [
            "Answer in one plain paragraph.",
            "Write a single paragraph of plain text. Never use lists, headings, line breaks or markup.",
            "Reply in a few full sentences that follow each other in one paragraph, not in a list.",
        ],
    },
    Kind {
        name: "question",
        measure: |reply| f64::from(u8::from(asks(&reply.text))),
        unit: "share that ends with a question",
        system_prompts: [
            "End every answer with a question to the user.",
            "Answer in one sentence, then ask the user one short question about it.",
            "You are a curious companion: after each answer you ask the user a question.",
        ],
    },
    Kind {
        name: "simple",
        measure: |reply| short_words(&reply.text),
        unit: "short words in 100 words",
        system_prompts: [
            "Use short and simple words.",
            "Explain things to a small child: use only short, easy words.",
            "You are a primary school teacher. Use plain words of one syllable wherever you can.",
        ],
    },
];

/// Forms of "you" in 100 words.
#[must_use]
pub fn addresses(text: &str) -> f64 {
    let you = ["you", "your", "yours", "yourself", "yourselves"];
    in_100_words(text, |word| {
        let stem = word.split('\'').next();
        stem.is_some_and(|stem| you.contains(&stem))
    })
}

/// Words of at most four letters in 100 words.
#[must_use]
pub fn short_words(text: &str) -> f64 {
    in_100_words(text, |word| word.len() <= 4)
}

fn in_100_words(text: &str, counts: impl Fn(&str) -> bool) -> f64 {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !(c.is_ascii_lowercase() || c == '\''));
    let words = words.map(|word| word.trim_start_matches('\''));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let count = words.iter().filter(|word| counts(word)).count();
    100.0 * count as f64 / words.len().max(1) as f64
}

/// Whether the last word is a question.
#[must_use]
pub fn asks(text: &str) -> bool {
    text.trim_end().ends_with('?')
}

/// One paragraph without line breaks, list marks and markup.
#[must_use]
pub fn is_paragraph(text: &str) -> bool {
    let text = text.trim();
    let begins = text
        .chars()
        .next()
        .is_some_and(|c| !(c.is_whitespace() || c.is_ascii_digit() || "*#`-".contains(c)));
    begins && !text.chars().any(|c| "\n*#`".contains(c))
}

/// Whether some four words in a row come four times or more.
#[must_use]
pub fn is_repetitive(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    words
        .windows(4)
        .any(|four| words.windows(4).filter(|other| *other == four).count() >= 4)
}

/// Mean with the half-width of its 95 % interval (normal approximation).
#[must_use]
pub fn interval(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, 1.96 * (variance / n).sqrt())
}
