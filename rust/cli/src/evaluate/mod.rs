//! `evaluate`: what a model, and a change to it, make of suites.

mod report;
mod reproduce;
mod suites;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use clap::{Args, ValueEnum};
use pocketune_adapter::AskedBy;
use pocketune_core::{
    AnswerCache, CancelToken, CandidateAdapter, Digest, Engine, EvaluatedSuite, Evaluation,
    EvaluationArm, EvaluationPlan,
};
use pocketune_judge::suite::{Suite, paired_outcomes};

use crate::args::EngineArgs;
use crate::candidate::ChangeArgs;
use crate::error::CliError;
use crate::files;
use crate::load;
use crate::out_files::{OutFile, Places, write_all};
use crate::output::Output;
pub(crate) use suites::SUITE_BYTES_MAX;

const EXAMPLES: &str = "\
Examples:
  pocketune evaluate
  pocketune evaluate --suite factuality --json
  pocketune evaluate --candidate brief.gguf --margin 0.02
  pocketune evaluate --store app --suite our-items.jsonl
  pocketune evaluate --by generation --suite helpfulness --max-tokens 96
  pocketune evaluate --by both --candidate brief.gguf --validation-out evaluation.json \\
      --items-out items.jsonl
  pocketune adapter attest validation brief.gguf --evaluation evaluation.json \\
      --sign validation.pem
  pocketune evaluate --candidate brief.gguf --reproduce brief.gguf.intoto.jsonl
  pocketune experiment simulate --definition experiment.json --items items.jsonl

--by probability scores each candidate reply of an item by its mean log-probability per
token given the prompt; the item counts as right if the correct reply scores highest.
--by generation generates a reply greedily and runs the critics (deterministic checks of
length, repetition, format and so on) on it. An item passes if the critics pass the reply;
a multiple-choice item passes if the reply names the correct choice and no other. With
--candidate or --store, every item is run with and without the adapter and the results are
compared item by item.

The comparison is over all items of a suite: a regression in one kind can be hidden by an
improvement in another. Check the per-kind lines, and put what must not regress, such as
safety, into a suite of its own. Critics are heuristics: about half of reworded unsafe
replies pass them (rust/adr/0018-critics.md). rust/FORMATS.md describes the suite format.

--validation-out writes, for each suite with and without the adapter: accuracy (share of
right items) and mean_margin (nats per token) for --by probability; pass_rate (share) and
mean_score (critics, 0 to 1) for --by generation. The threshold of accuracy and pass_rate
is the base model's value minus the margin. The result is PASSED if every comparison is
shown to be within the margin (95 %, score interval).

--items-out writes one JSON object per item for `experiment simulate --items`: critic_score
and refusal of both replies, and as pick the reply with the higher critic score (a tie
within 0.001).

--answer-cache keeps what the model without the adapter answered, as files of at most 16 MiB
in that folder, at most 64. Answers are reused only for the same version of pocketune, CPU
features, model, suite and options. After rebuilding pocketune from changed sources, use
another folder. --reproduce never reuses answers.

--reproduce runs the evaluation of a validation statement again and compares the figures bit
by bit. Equal figures need the same build of pocketune on a CPU with the same instruction
sets; the number of threads and --no-mmap do not matter (measured with 1 and 2 threads on
x86-64 with AVX-512, SmolLM2 Q4_1). Name your own suites with --suite. Without --policy,
signatures are not checked.

Exit code 1 also if the adapter is not shown to be within the margin, or if --reproduce
finds different figures.";

const MAX_TOKENS: u32 = 128;

/// Run test suites with and without an adapter, scoring log-probabilities or generated replies
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct EvaluateArgs {
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    change: ChangeArgs,
    /// Suite to run: helpfulness, factuality or a JSON Lines file; repeatable [default: both]
    #[arg(long, value_name = "SUITE")]
    suite: Vec<String>,
    /// Scoring method
    #[arg(long, value_enum, default_value_t, value_name = "WAY")]
    by: By,
    /// Maximum number of tokens per generated reply [default: 128]
    #[arg(long, value_name = "TOKENS")]
    max_tokens: Option<u32>,
    /// Non-inferiority margin: share of a suite's items that the adapter may lose
    #[arg(long, default_value_t = 0.05, value_name = "SHARE")]
    margin: f64,
    /// Write per-item results with and without the adapter, for `experiment simulate`
    #[arg(long, value_name = "FILE")]
    items_out: Option<PathBuf>,
    /// Write the validation results to sign with `adapter attest validation`
    #[arg(long, value_name = "FILE")]
    validation_out: Option<PathBuf>,
    /// Folder to cache the base model's answers in; later runs with the same model, suites and
    /// options reuse them
    #[arg(long, value_name = "DIR")]
    answer_cache: Option<PathBuf>,
    /// Run the evaluation of a signed validation statement about the candidate again and
    /// compare the figures: a DSSE envelope, or the attestation bundle of the adapter
    #[arg(
        long,
        value_name = "ATTESTATION",
        requires = "candidate",
        conflicts_with_all = [
            "by", "max_tokens", "margin", "items_out", "validation_out", "answer_cache",
            "context", "kv_type"
        ]
    )]
    reproduce: Option<PathBuf>,
    /// Trust policy: verify the whole bundle and its signatures first
    #[arg(long, value_name = "FILE", requires = "reproduce")]
    policy: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum By {
    /// Log-probabilities of the given replies
    #[default]
    Probability,
    /// Generated replies, checked by critics
    Generation,
    /// Both methods
    Both,
}

impl By {
    fn ways(self) -> Vec<AskedBy> {
        match self {
            Self::Probability => vec![AskedBy::Probability],
            Self::Generation => vec![AskedBy::Generation],
            Self::Both => vec![AskedBy::Probability, AskedBy::Generation],
        }
    }
}

pub(crate) fn run(args: &EvaluateArgs, output: &Output) -> Result<ExitCode, CliError> {
    args.check()?;
    let [items_file, validation_file] = args.out_files()?;
    if let Some(attestation) = &args.reproduce {
        return reproduce::run(args, attestation, output);
    }
    let suites = suites::asked(&args.suite)?;
    let engine = load::engine(&args.engine, output, &AtomicBool::new(false))?;
    let adapter = args.change.read(&engine)?;
    let plan = args.plan();
    let procedure = adapter
        .as_ref()
        .map(|it| plan.procedure(&engine, Digest::of(it.bytes())));
    let cache = args.answer_cache.as_ref().map(AnswerCache::in_folder);
    let evaluation = run_plan(&plan, &engine, adapter, &suites, cache.as_ref(), output)?;
    let validation = procedure.map(|procedure| {
        let validation = evaluation.validation(procedure, pocketune_core::now());
        serde_json::to_vec_pretty(&validation).unwrap_or_default()
    });
    let items = items_file.as_ref().map(|_| outcomes(&evaluation.suites));
    let items = items.transpose()?;
    let mut written = Vec::new();
    if let (Some(file), Some(json)) = (&validation_file, &validation) {
        written.push((file, json.as_slice()));
    }
    if let (Some(file), Some(lines)) = (&items_file, &items) {
        written.push((file, lines.as_slice()));
    }
    write_all(&written)?;
    if output.json {
        output.json(&evaluation)?;
    } else {
        output.text(&report::table(&evaluation))?;
    }
    Ok(match evaluation.not_worse() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

impl EvaluateArgs {
    /// What is known to make no sense before anything is computed.
    fn check(&self) -> Result<(), CliError> {
        if !(self.margin > 0.0 && self.margin < 1.0) {
            return Err(CliError::usage("--margin is a share between 0 and 1"));
        }
        let generates = self.by != By::Probability;
        if !generates && (self.max_tokens.is_some() || self.items_out.is_some()) {
            let reason = "--max-tokens and --items-out need --by generation or --by both";
            return Err(CliError::usage(reason));
        }
        let compares = self.items_out.is_some() || self.validation_out.is_some();
        if compares && !self.change.is_some() {
            let reason = "--items-out and --validation-out need --candidate or --store";
            return Err(CliError::usage(reason));
        }
        Ok(())
    }

    /// --items-out and --validation-out, known to be possible before anything is computed.
    fn out_files(&self) -> Result<[Option<OutFile>; 2], CliError> {
        let model = files::model_path(self.engine.model.model.as_deref()).ok();
        let suites: Vec<PathBuf> = self.suite.iter().map(PathBuf::from).collect();
        let inputs = model.iter().chain(&suites).chain(self.change.input());
        let mut places = Places::beside(inputs);
        Ok([
            places.optional_personal("--items-out", self.items_out.as_deref())?,
            places.optional_personal("--validation-out", self.validation_out.as_deref())?,
        ])
    }

    fn plan(&self) -> EvaluationPlan {
        EvaluationPlan {
            asked_by: self.by.ways(),
            max_tokens: self.max_tokens.unwrap_or(MAX_TOKENS),
            margin: self.margin,
        }
    }
}

/// Runs a plan with a bar for each arm.
fn run_plan(
    plan: &EvaluationPlan,
    engine: &Engine,
    candidate: Option<CandidateAdapter>,
    suites: &[Suite],
    cache: Option<&AnswerCache>,
    output: &Output,
) -> Result<Evaluation, CliError> {
    let items: usize = suites.iter().map(|suite| suite.items.len()).sum();
    let bar = |who| output.progress(who, (items * plan.asked_by.len()) as u64);
    let (base, changed) = (bar("model as it is"), bar("under the adapter"));
    let cancel = CancelToken::new();
    let evaluation = plan.run(engine, candidate, suites, cache, &cancel, |progress| {
        let bar = match progress.arm {
            EvaluationArm::Base => &base,
            EvaluationArm::Changed => &changed,
        };
        bar.set_position(progress.done as u64);
        if progress.done == progress.of {
            bar.finish_and_clear();
        }
    });
    Ok(evaluation?)
}

/// A line for each item that both arms replied to.
fn outcomes(suites: &[EvaluatedSuite]) -> Result<Vec<u8>, CliError> {
    let mut lines = Vec::new();
    let replies = suites.iter().filter_map(|suite| {
        let generation = suite.generation.as_ref()?;
        Some((&generation.base, generation.changed.as_ref()?))
    });
    for (base, changed) in replies {
        for outcome in paired_outcomes(&base.items, &changed.items)? {
            // Names and finite numbers have no way to fail.
            lines.extend(serde_json::to_vec(&outcome).unwrap_or_default());
            lines.push(b'\n');
        }
    }
    Ok(lines)
}
