//! What needs no tuning: a system prompt, examples before the prompt, the best of several
//! replies.

use std::time::Instant;

use pocketune_core::{
    ChatOptions, Engine, GenerationOptions, Message, Sampling, StopReason, criticize,
};
use pocketune_tests::many_replies::ManyReplies;
use pocketune_tests::measures::{Kind, Measured};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Result;
use crate::answer::{Answer, Arm, REPLY_TOKENS, answer};
use crate::behaviour::{Behaviour, measured};
use crate::data::{Data, digest, records, spread};
use crate::kept::Kept;
use crate::obedience::{REQUEST_SEEDS, REQUEST_TOKENS, prompts, texts};
use crate::share_out::share_out;
use crate::verdict::breaks_nothing;

const EXAMPLES: usize = 8;
const DRAFTS: u32 = 4;

/// One way without tuning.
pub(crate) struct Baseline {
    pub(crate) name: String,
    /// What it replies to the unseen prompts.
    pub(crate) answers: Vec<Answer>,
    /// Of each request, the share of replies that obey it; not looked at where a stronger way
    /// breaks nothing.
    pub(crate) obeyed: Option<Vec<f64>>,
    /// Whether it is kept to the limits on replies and requests that adapters are kept to.
    pub(crate) breaks_nothing: bool,
}

/// How replies come about.
struct Way {
    name: String,
    file: String,
    depends_on: Vec<Value>,
    /// What comes before every conversation.
    chat: ChatOptions,
    /// One is greedy.
    drafts: u32,
}

#[derive(Clone, Deserialize)]
struct Pair {
    prompt: Vec<Message>,
    chosen: Vec<Message>,
}

/// All of one kind, by the kind's measure, the strongest first.
pub(crate) fn baselines(
    kind: &Kind,
    (engines, many): (&[Engine], &mut ManyReplies),
    data: &Data,
    kept: &Kept,
    base: &Behaviour,
) -> Result<Vec<Baseline>> {
    let engine = engines.first().ok_or("no engine")?;
    let mean = |answers: &[Answer]| measured(answers, kind.measure);
    let mut found = Vec::new();
    for way in ways(kind)? {
        let answers = kept.or_measured(&way.file, &way.depends_on, || {
            let prompts: Vec<_> = data.prompts.iter().zip(seeds()).collect();
            share_out(engines, &prompts, |engine, &(prompt, seed)| {
                way.answer(engine, prompt, seed)
            })
        })?;
        found.push((way, answers));
    }
    found.sort_by(|one, other| mean(&other.1).total_cmp(&mean(&one.1)));
    let mut settled = false;
    let judge = |(way, answers): (Way, Vec<Answer>)| -> Result<Baseline> {
        // What does not even move the measure is no rival.
        settled |= mean(&answers) <= mean(&base.replies);
        let mut baseline = Baseline {
            name: way.name.clone(),
            answers,
            obeyed: None,
            breaks_nothing: false,
        };
        if !settled {
            let replies = way.replies((engine, &mut *many), data, kept)?;
            let obeyed = data.obeyed(&replies);
            baseline.breaks_nothing = breaks_nothing(
                [&base.replies, &baseline.answers],
                [&base.obeyed(data), &obeyed],
            );
            baseline.obeyed = Some(obeyed);
            settled = baseline.breaks_nothing;
        }
        Ok(baseline)
    };
    found.into_iter().map(judge).collect()
}

/// Three system prompts, examples, the best of four.
fn ways(kind: &Kind) -> Result<Vec<Way>> {
    let name = kind.name;
    let prompts = (1..).zip(&kind.system_prompts);
    let mut ways: Vec<_> = prompts
        .map(|(number, &system_prompt)| Way {
            name: format!("system prompt {number}"),
            file: format!("{name}-system-prompt-{number}"),
            depends_on: vec![json!(system_prompt)],
            chat: ChatOptions {
                system_prompt: Some(system_prompt.to_owned()),
                ..ChatOptions::default()
            },
            drafts: 1,
        })
        .collect();
    let pairs = format!("{name}.jsonl");
    ways.push(Way {
        name: format!("{EXAMPLES} examples"),
        file: format!("{name}-examples"),
        depends_on: vec![json!(digest(&pairs)?), json!(EXAMPLES)],
        chat: ChatOptions {
            history: examples(&pairs)?,
            ..ChatOptions::default()
        },
        drafts: 1,
    });
    // The same whatever is preferred.
    ways.push(Way {
        name: format!("best of {DRAFTS}"),
        file: "best-of".to_owned(),
        depends_on: vec![json!(DRAFTS)],
        chat: ChatOptions::default(),
        drafts: DRAFTS,
    });
    Ok(ways)
}

/// Chosen replies from all parts of the file, as turns that have been.
fn examples(pairs: &str) -> Result<Vec<Message>> {
    let examples = spread(&records::<Pair>(pairs)?, Some(EXAMPLES));
    let turns = examples
        .into_iter()
        .flat_map(|pair| pair.prompt.into_iter().chain(pair.chosen));
    Ok(turns.collect())
}

/// Of the first of each reply's drafts.
fn seeds() -> impl Iterator<Item = u32> {
    (0..).step_by(DRAFTS as usize)
}

impl Way {
    /// Its replies to each of the requests.
    fn replies(
        &self,
        (engine, many): (&Engine, &mut ManyReplies),
        data: &Data,
        kept: &Kept,
    ) -> Result<Vec<Vec<String>>> {
        let file = format!("{}-requests", self.file);
        kept.or_measured(&file, &self.depends_on, || {
            let prompts = prompts(engine, data, |conversation| self.before(conversation))?;
            let drafts = self.drafts * u32::try_from(REQUEST_SEEDS.len())?;
            let seeds: Vec<_> = (REQUEST_SEEDS.start..).take(drafts as usize).collect();
            let replies = many.sample(&prompts, &seeds, REQUEST_TOKENS, None)?;
            let chosen = data.requests.iter().zip(replies).map(|(request, replies)| {
                let (_, asked) = request.conversation()?;
                let groups = replies.chunks(self.drafts as usize);
                let best = groups.filter_map(|drafts| {
                    best(asked, drafts.to_vec(), |draft| {
                        (&draft.text, draft.stop_reason)
                    })
                });
                Ok(texts(best.collect()))
            });
            chosen.collect()
        })
    }

    /// The reply to an unseen prompt.
    fn answer(&self, engine: &Engine, prompt: &str, seed: u32) -> Result<Answer> {
        let chat = self.chat.clone();
        match self.drafts {
            1 => answer(&Arm::Base(engine), chat, prompt, REPLY_TOKENS),
            _ => best_of(engine, chat, prompt, (REPLY_TOKENS, seed)),
        }
    }

    /// A conversation that brings a system prompt of its own keeps it.
    fn before(&self, mut conversation: ChatOptions) -> ChatOptions {
        let system_prompt = self.chat.system_prompt.clone();
        conversation.system_prompt = conversation.system_prompt.or(system_prompt);
        let turns = self.chat.history.iter().cloned();
        conversation.history = turns.chain(conversation.history).collect();
        conversation
    }
}

/// The best of several sampled replies. The prompt is computed once.
fn best_of(
    engine: &Engine,
    chat: ChatOptions,
    asked: &str,
    (tokens, first_seed): (u32, u32),
) -> Result<Answer> {
    let started = Instant::now();
    let chat = engine.chat(chat)?;
    let mut drafts = Vec::new();
    for seed in first_seed..first_seed + DRAFTS {
        let options = GenerationOptions {
            max_tokens: tokens,
            sampling: Sampling {
                seed: Some(seed),
                ..Sampling::default()
            },
            ..GenerationOptions::default()
        };
        let stream = match drafts.is_empty() {
            true => chat.send(asked, &options)?,
            false => chat.regenerate(&options)?,
        };
        drafts.push(stream.finish()?);
    }
    let generated_tokens = drafts.iter().map(|draft| draft.generated_tokens).sum();
    let prompt_tokens = drafts.first().map_or(0, |draft| draft.prompt_tokens);
    let best = best(asked, drafts, |draft| (&draft.text, draft.stop_reason));
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

/// The draft to which the critics object least; of equals, the first.
fn best<T>(asked: &str, drafts: Vec<T>, said: fn(&T) -> (&str, StopReason)) -> Option<T> {
    let score = |draft: &T| {
        let (text, stop_reason) = said(draft);
        criticize(None, asked, text, stop_reason).score
    };
    // Of equals, `max_by` takes the last.
    let drafts = drafts.into_iter().rev();
    drafts.max_by(|a, b| score(a).total_cmp(&score(b)))
}
