//! Replies that are made at once are those that the engine makes one by one.

use pocketune_core::{
    ChatOptions, EngineOptions, GenerationOptions, Message, Prompt, Sampling, TemplateChoice,
};
use pocketune_tests::many_replies::ManyReplies;
use pocketune_tests::{engine, smollm2};

const SEEDS: [u32; 3] = [100, 101, 102];
const TOKENS: u32 = 12;

/// Ten prompts have more replies than are made at once, so that some wait.
const ASKED: [&str; 10] = [
    "What is a lamp?",
    "Name a color.",
    "Write a sentence about snow.",
    "Say hello.",
    "What is the capital of France?",
    "Why do people sleep?",
    "Count to five.",
    "Who makes bread?",
    "Describe a cat.",
    "What is rain?",
];

#[test]
fn replies_at_once_are_those_of_the_engine() {
    let engine = engine(
        smollm2(),
        &EngineOptions {
            context_tokens: Some(512),
            ..EngineOptions::default()
        },
    );
    let prompt = |asked: &str| {
        let prompt = Prompt::Chat {
            system_prompt: None,
            turns: vec![Message::user(asked)],
            template: TemplateChoice::Model,
        };
        engine.prompt_tokens(&prompt).unwrap()
    };
    let mut many = ManyReplies::load(&smollm2()).unwrap();
    let replies = many.sample(&ASKED.map(prompt), &SEEDS, TOKENS as usize, None);
    let replies = replies.unwrap();
    let mut same = 0;
    for (asked, replies) in ASKED.iter().zip(&replies) {
        for (seed, reply) in SEEDS.into_iter().zip(replies) {
            let options = GenerationOptions {
                max_tokens: TOKENS,
                sampling: Sampling {
                    seed: Some(seed),
                    ..Sampling::default()
                },
                ..GenerationOptions::default()
            };
            let chat = engine.chat(ChatOptions::default()).unwrap();
            let alone = chat.send(*asked, &options).unwrap().finish().unwrap();
            let is_same = alone.text == reply.text && alone.stop_reason == reply.stop_reason;
            same += usize::from(is_same);
        }
    }
    // Sums are rounded otherwise where there are several: a draw on a border falls elsewhere.
    assert!(same >= 25, "{same} of 30");
}
