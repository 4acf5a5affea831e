//! What needs no tuning: a system prompt, examples before the prompt, the best of several
//! replies.

use std::time::Instant;

use pocketune_core::{ChatOptions, Engine, GenerationOptions, Message, Reply, Sampling, criticize};
use pocketune_tests::measures::{Kind, Measured};
use serde::Deserialize;
use serde_json::json;

use crate::Result;
use crate::answer::{Answer, Arm, REPLY_TOKENS, answers};
use crate::behaviour::measured;
use crate::data::{Data, digest, records, spread};
use crate::kept::Kept;
use crate::share_out::share_out;

const EXAMPLES: usize = 8;
const DRAFTS: u32 = 4;

/// One way without tuning, and what it replies to the unseen prompts.
pub(crate) struct Baseline {
    pub(crate) name: String,
    pub(crate) answers: Vec<Answer>,
}

#[derive(Clone, Deserialize)]
struct Pair {
    prompt: Vec<Message>,
    chosen: Vec<Message>,
}

/// All of one kind: three system prompts, examples, the best of four.
pub(crate) fn baselines(
    kind: &Kind,
    engines: &[Engine],
    data: &Data,
    kept: &Kept,
) -> Result<Vec<Baseline>> {
    let mut found = Vec::new();
    let mut add = |name: String, answers| found.push(Baseline { name, answers });
    let arms: Vec<_> = engines.iter().map(Arm::Base).collect();
    let greedy = |chat: &ChatOptions| answers(&arms, chat, &data.prompts);
    for (number, &system_prompt) in (1..).zip(&kind.system_prompts) {
        let chat = ChatOptions {
            system_prompt: Some(system_prompt.to_owned()),
            ..ChatOptions::default()
        };
        let file = format!("{}-system-prompt-{number}", kind.name);
        let answers = kept.or_measured(&file, &[json!(system_prompt)], || greedy(&chat))?;
        add(format!("system prompt {number}"), answers);
    }
    let pairs = format!("{}.jsonl", kind.name);
    let chat = ChatOptions {
        history: examples(&pairs)?,
        ..ChatOptions::default()
    };
    let depends_on = [json!(digest(&pairs)?), json!(EXAMPLES)];
    let answers = kept.or_measured(&format!("{}-examples", kind.name), &depends_on, || {
        greedy(&chat)
    })?;
    add(format!("{EXAMPLES} examples"), answers);
    // The same whatever is preferred.
    let answers = kept.or_measured("best-of", &[json!(DRAFTS)], || {
        let prompts: Vec<_> = (0..).step_by(DRAFTS as usize).zip(&data.prompts).collect();
        share_out(engines, &prompts, |engine, &(first_seed, prompt)| {
            best_of(engine, prompt, first_seed)
        })
    })?;
    add(format!("best of {DRAFTS}"), answers);
    Ok(found)
}

/// The one with the highest mean of the kind's measure.
pub(crate) fn best<'a>(kind: &Kind, baselines: &'a [Baseline]) -> Option<&'a Baseline> {
    let mean = |it: &Baseline| measured(&it.answers, kind.measure);
    baselines.iter().max_by(|a, b| mean(a).total_cmp(&mean(b)))
}

/// Chosen replies from all parts of the file, as turns that have been.
fn examples(pairs: &str) -> Result<Vec<Message>> {
    let examples = spread(&records::<Pair>(pairs)?, Some(EXAMPLES));
    let turns = examples
        .into_iter()
        .flat_map(|pair| pair.prompt.into_iter().chain(pair.chosen));
    Ok(turns.collect())
}

/// Of several sampled replies, the one to which the critics object least; of equals, the
/// first. The prompt is computed once.
fn best_of(engine: &Engine, prompt: &str, first_seed: u32) -> Result<Answer> {
    let started = Instant::now();
    let chat = engine.chat(ChatOptions::default())?;
    let mut drafts = Vec::new();
    for seed in first_seed..first_seed + DRAFTS {
        let options = GenerationOptions {
            max_tokens: REPLY_TOKENS,
            sampling: Sampling {
                seed: Some(seed),
                ..Sampling::default()
            },
            ..GenerationOptions::default()
        };
        let stream = match drafts.is_empty() {
            true => chat.send(prompt, &options)?,
            false => chat.regenerate(&options)?,
        };
        drafts.push(stream.finish()?);
    }
    let score = |draft: &Reply| criticize(None, prompt, &draft.text, draft.stop_reason).score;
    let generated_tokens = drafts.iter().map(|draft| draft.generated_tokens).sum();
    let prompt_tokens = drafts.first().map_or(0, |draft| draft.prompt_tokens);
    // Of equals, `max_by` takes the last.
    let best = drafts
        .into_iter()
        .rev()
        .max_by(|a, b| score(a).total_cmp(&score(b)));
    let best = best.ok_or("no drafts")?;
    Ok(Answer {
        prompt_tokens,
        generated_tokens,
        seconds: started.elapsed().as_secs_f64(),
        reply: Measured {
            tokens: best.generated_tokens,
            text: best.text,
        },
    })
}
