//! Does tuning teach a preference without breaking anything?
//!
//!     cargo run --release --example learning -- [--out FOLDER] [--baselines] [--prompts N] [RUN...]
//!
//! A run is a kind of `tests/preferences`, what of it is learned from, and options of `tune`
//! in the same argument: `brief` (its pairs), `brief:thumbs`, `"style:edits --steps 20"`.
//! Without any: all kinds, in all three ways.
//!
//! For each: `pocketune tune`, then greedy replies to unseen prompts, before and after, by a
//! deterministic measure; held-out pairs; KL; repetition and empty replies; factual
//! questions; explicit requests. Prints one JSON line a run and a table at the end; fails
//! unless all runs pass. `--baselines` compares with what needs no tuning. `--prompts N`
//! looks at N prompts, questions and requests only, to try the program.
//! `tests/preferences/README.md` has the rules.
#![forbid(unsafe_code)]

mod answer;
mod arguments;
mod baselines;
mod behaviour;
mod data;
mod difference;
mod kept;
mod obedience;
mod run;
mod share_out;
mod table;
mod verdict;

use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use pocketune_adapter::CandidateAdapter;
use pocketune_core::{Digest, DigestCache, Engine, EngineOptions, EvaluationSession, ModelSource};
use pocketune_tests::many_replies::ManyReplies;
use pocketune_tests::measures::{KINDS, Kind};
use pocketune_tests::smollm2;
use serde_json::json;

use crate::answer::{Answer, Arm};
use crate::arguments::Arguments;
use crate::baselines::baselines;
use crate::behaviour::Behaviour;
use crate::data::Data;
use crate::kept::Kept;
use crate::run::Run;
use crate::verdict::Verdict;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Room for eight examples before the prompt.
const CONTEXT_TOKENS: u32 = 1024;

fn main() -> ExitCode {
    match Arguments::read(std::env::args().skip(1)).and_then(judge) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A run, what is said of it, and its replies.
struct Judged {
    name: String,
    run: Run,
    verdict: Verdict,
    replies: Vec<Answer>,
}

/// Whether all runs pass.
fn judge(arguments: Arguments) -> Result<bool> {
    fs::create_dir_all(&arguments.out)?;
    let data = Data::read(arguments.prompts)?;
    let engines = load()?;
    let engine = engines.first().ok_or("no engine")?;
    let kept = Kept::new(&arguments.out, engine, &data)?;
    let untuned: Vec<_> = engines.iter().map(Arm::Base).collect();
    let mut many = ManyReplies::load(&smollm2())?;
    let base = kept.or_measured("base", &[], || {
        let requests = obedience::replies(&mut many, engine, &data, None)?;
        Behaviour::of(&untuned, &data, requests)
    })?;
    eprintln!("base: {}", base.summary(&data));
    let mut judged = Vec::new();
    for (number, run) in (1..).zip(arguments.runs) {
        let name = format!("{number}-{}", run.name());
        let path = |ending: &str| arguments.out.join(format!("{name}{ending}"));
        let adapter = path(".gguf");
        let figures = run.tune(&adapter)?;
        let bytes = fs::read(&adapter)?;
        let depends_on = [json!(Digest::of(&bytes).to_string())];
        let tuned = kept.or_measured(&run.name(), &depends_on, || {
            let sessions = evaluated(&engines, &bytes)?;
            let arms: Vec<_> = sessions.iter().map(Arm::Tuned).collect();
            let requests = obedience::replies(&mut many, engine, &data, Some(&adapter))?;
            Behaviour::of(&arms, &data, requests)
        })?;
        eprintln!("{name}: {}", tuned.summary(&data));
        fs::write(path("-replies.txt"), data.side_by_side(&base, &tuned))?;
        let verdict = Verdict::new(&run, &data, [&base, &tuned], &figures);
        println!("{}", verdict.line());
        judged.push(Judged {
            name,
            run,
            verdict,
            replies: tuned.replies,
        });
    }
    let mut tables = vec![table::of_runs(&judged)];
    let judged_kind = |kind: &&Kind| judged.iter().any(|it| it.run.kind.name == kind.name);
    for kind in KINDS.iter().filter(judged_kind) {
        if arguments.baselines {
            let baselines = baselines(kind, (&engines, &mut many), &data, &kept, &base)?;
            let obeyed = base.obeyed(&data);
            let untuned = (base.replies.as_slice(), obeyed.as_slice());
            tables.push(table::of_baselines(kind, untuned, &baselines, &judged));
        }
    }
    println!("\n{}", tables.join("\n"));
    Ok(judged.iter().all(|it| it.verdict.passed()))
}

/// The adapter in each of the engines.
fn evaluated(engines: &[Engine], adapter: &[u8]) -> Result<Vec<EvaluationSession>> {
    let sessions = engines.iter().map(|engine| {
        let candidate = CandidateAdapter::parse(adapter.to_vec(), engine.base_model())?;
        Ok(engine.evaluate(candidate)?)
    });
    sessions.collect()
}

/// The model once for each core, with a thread of its own.
fn load() -> Result<Vec<Engine>> {
    let options = EngineOptions {
        context_tokens: Some(CONTEXT_TOKENS),
        threads: Some(1),
        ..EngineOptions::default()
    };
    let source = ModelSource::Path(smollm2());
    let digests = Arc::new(DigestCache::in_memory());
    let cores = thread::available_parallelism()?.get();
    let load = |_| {
        Ok(Engine::load(
            &source,
            &options,
            Arc::clone(&digests),
            |_| true,
        )?)
    };
    (0..cores).map(load).collect()
}
