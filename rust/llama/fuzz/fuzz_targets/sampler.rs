//! Any logits, any stages, a grammar or none, over a vocabulary of bytes: whatever is
//! chosen had a finite logit and is what the grammar allows, or there is an error.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use pocketune_grammar::{Grammar, Matcher, TokenText};
use pocketune_llama::{Sampler, Stage, sanitize};

const GRAMMARS: [&str; 4] = [
    "root ::= \"yes\" | \"no\"",
    "root ::= [a-z]{1,8} (\", \" [^a]+)?",
    "root ::= .*",
    "root ::= \"(\" root \")\" | <[3]>",
];

/// The input, read from its start; zeros after its end.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let (byte, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *byte
    }

    fn float(&mut self) -> f32 {
        f32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    fn stage(&mut self) -> Stage {
        match self.byte() % 7 {
            0 => Stage::LogitBias(vec![
                (i32::from(self.byte()), self.float()),
                (i32::from(self.byte()), f32::NEG_INFINITY),
            ]),
            1 => Stage::Penalties {
                last_tokens: u32::from(self.byte()),
                repeat: self.float(),
                frequency: self.float(),
                presence: self.float(),
            },
            2 => Stage::TopK(u32::from(self.byte())),
            3 => Stage::TopP(self.float()),
            4 => Stage::MinP(self.float()),
            5 => Stage::Temperature(self.float()),
            _ => Stage::Greedy,
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let size = 1 + usize::from(input.byte());
    let mut matcher = GRAMMARS.get(usize::from(input.byte() % 6)).map(|gbnf| {
        let token = |text: &str| text.strip_prefix("<[")?.strip_suffix("]>")?.parse().ok();
        let grammar = Grammar::parse(gbnf, "root", &token).expect("our own grammar");
        Matcher::new(Arc::new(grammar)).expect("our own grammar")
    });
    let mut stages: Vec<Stage> = (0..input.byte() % 6).map(|_| input.stage()).collect();
    stages.push(Stage::Distribution { seed: 7 });
    let Ok(mut sampler) = Sampler::new(size, &stages) else {
        return;
    };
    let letters: Vec<[u8; 1]> = (0..=255).map(|byte| [byte]).collect();
    // The first token ends a reply.
    let text = |token: u32| TokenText {
        bytes: &letters[token as usize],
        ends: token == 0,
    };
    for _ in 0..8 {
        let computed: Vec<f32> = (0..size).map(|_| input.float()).collect();
        let mut row = computed.clone();
        let raw = sampler.choose(&computed);
        if sanitize(&mut row).is_err() {
            assert!(raw.is_err());
            return;
        }
        if let Some(matcher) = &mut matcher
            && matcher.mask(&mut row, text).is_err()
        {
            return;
        }
        let Ok(token) = sampler.choose(&row) else {
            return;
        };
        let id = u32::try_from(token).expect("a token of the vocabulary");
        assert!(computed[id as usize].is_finite());
        assert!(row[id as usize].is_finite());
        sampler.observe(token).expect("a sampler that chose");
        if let Some(matcher) = &mut matcher {
            assert!(matcher.accept(id, text(id)).is_ok());
        }
        if id == 0 {
            return;
        }
    }
});
