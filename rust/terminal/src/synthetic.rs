//! Prompts of a wanted length that mean nothing.

use pocketune_core::{Engine, Sampling};

use crate::error::RunError;

/// Words that common vocabularies hold as one token each, with their space.
const WORDS: [&str; 32] = [
    "time", "people", "water", "light", "house", "world", "school", "story", "music", "paper",
    "river", "city", "family", "night", "money", "heart", "country", "plan", "road", "table",
    "game", "line", "body", "voice", "land", "food", "work", "book", "door", "class", "group",
    "market",
];
/// Corrections of the length; two are enough for words of one token.
const ATTEMPTS: usize = 24;

/// A prompt of `tokens` tokens, the begin-of-sequence token included where the
/// model has one, or of a few less. Different seeds below 32 begin differently.
pub fn prompt(engine: &Engine, tokens: usize, seed: u64) -> Result<String, RunError> {
    let tokenizer = &engine.facts().header.tokenizer;
    let wanted = tokens.saturating_sub(usize::from(tokenizer.add_bos)).max(1);
    let mut words = Words { seed, drawn: 0 };
    let mut text: Vec<&str> = (0..wanted).map(|_| words.next_word()).collect();
    for _ in 0..ATTEMPTS {
        let count = engine.tokenize(&text.join(" "), true)?.len();
        if count < wanted {
            text.extend((count..wanted).map(|_| words.next_word()));
        } else if count > wanted {
            text.truncate(
                text.len()
                    .saturating_sub((count - wanted).div_ceil(2))
                    .max(1),
            );
        } else {
            return Ok(text.join(" "));
        }
    }
    while text.len() > 1 && engine.tokenize(&text.join(" "), true)?.len() > wanted {
        text.pop();
    }
    Ok(text.join(" "))
}

/// The seed's own word first, then others as SplitMix64 draws them.
struct Words {
    seed: u64,
    drawn: u64,
}

impl Words {
    fn next_word(&mut self) -> &'static str {
        let choice = if self.drawn == 0 {
            self.seed
        } else {
            split_mix(self.seed, self.drawn)
        };
        self.drawn += 1;
        WORDS[usize::try_from(choice % WORDS.len() as u64).unwrap_or(0)]
    }
}

fn split_mix(seed: u64, index: u64) -> u64 {
    let mut z = (seed << 32)
        .wrapping_add(index)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Greedy sampling that never ends a reply, so that each has the length asked for.
pub fn endless_greedy(engine: &Engine) -> Sampling {
    let ends = engine.end_of_generation_tokens();
    Sampling {
        logit_bias: ends
            .into_iter()
            .map(|token| (token, f32::NEG_INFINITY))
            .collect(),
        ..Sampling::greedy()
    }
}
