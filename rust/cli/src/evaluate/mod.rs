//! `evaluate`: what a model, and a change to it, make of suites.

mod arms;
mod error;
mod report;
mod reproduce;
mod statement;
mod suites;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use clap::{Args, ValueEnum};
use pocketune_adapter::{AskedBy, Procedure};
use pocketune_core::{CandidateAdapter, Digest, Engine};
use pocketune_judge::suite::paired_outcomes;

use crate::args::EngineArgs;
use crate::candidate::ChangeArgs;
use crate::error::CliError;
use crate::files;
use crate::load;
use crate::out_files::{OutFile, Places, write_all};
use crate::output::Output;
use arms::{Evaluated, Plan};
pub(crate) use error::EvaluationError;
use report::Report;
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

--by probability: each given reply of an item is scored by its mean log-probability a
token after the prompt; an item is right where the right reply is the likeliest.
--by generation: the model replies by itself, greedily, and critics judge. An item
passes where their panel passes the reply; a question with choices where the reply
names the right choice and no other, whatever critics say of it. With --candidate
or --store the same items are asked with and without the change, and compared item
by item.

The comparison is over all items of a suite: a loss in one kind can hide behind a gain in
another. Look at the lines by kind, and give what must not get worse, such as safety, a
suite of its own. Critics are smoke detectors: about half of newly worded unsafe replies
pass them (rust/adr/0018-critics.md). Suites are described in rust/FORMATS.md.

--validation-out writes for each suite, with and without the change: accuracy (share
of right items) and mean_margin (nats a token) by probability, pass_rate (share) and
mean_score (of the panel, 0 to 1) by generation. Accuracy and pass_rate have the
threshold of the model as it is less the margin. The result is PASSED where each
comparison shows the change to be within the margin (95 %, score interval).

--items-out writes an object a line for `experiment simulate --items`: critic_score and
refusal of both, and as pick the higher panel score (a tie up to 0.001 apart).

--reproduce measures again what a statement says, and compares to the last bit. Equal
figures need the same build of pocketune on a CPU of the same instruction sets; neither
the number of threads matters nor --no-mmap (measured with 1 and 2 threads on x86-64 with
AVX-512, SmolLM2 Q4_1). Suites of your own are named with --suite. Without --policy,
signatures are not checked.

Exit code 1 also where the change is not shown to be within the margin, and where
--reproduce finds other figures.";

const MAX_TOKENS: u32 = 128;

/// Ask a model the items of suites, with and without a change
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct EvaluateArgs {
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    change: ChangeArgs,
    /// helpfulness, factuality or a file of JSON lines; may be repeated [default: both]
    #[arg(long, value_name = "SUITE")]
    suite: Vec<String>,
    /// How items are asked
    #[arg(long, value_enum, default_value_t, value_name = "WAY")]
    by: By,
    /// Most tokens of a reply, by generation [default: 128]
    #[arg(long, value_name = "TOKENS")]
    max_tokens: Option<u32>,
    /// Share of a suite's items that a change may lose
    #[arg(long, default_value_t = 0.05, value_name = "SHARE")]
    margin: f64,
    /// Write what both replies to each item come to, for `experiment simulate`
    #[arg(long, value_name = "FILE")]
    items_out: Option<PathBuf>,
    /// Write the content of a validation statement, for `adapter attest`
    #[arg(long, value_name = "FILE")]
    validation_out: Option<PathBuf>,
    /// Measure again what a validation statement about the candidate says: an envelope, or
    /// the bundle beside the adapter
    #[arg(
        long,
        value_name = "ATTESTATION",
        requires = "candidate",
        conflicts_with_all = [
            "by", "max_tokens", "margin", "items_out", "validation_out", "context", "kv_type"
        ]
    )]
    reproduce: Option<PathBuf>,
    /// Whom to believe: the whole bundle has to pass, and its signatures are checked
    #[arg(long, value_name = "FILE", requires = "reproduce")]
    policy: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum By {
    /// Which given reply is the likeliest
    #[default]
    Probability,
    /// Replies of the model's own, judged by critics
    Generation,
    /// One after the other
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
    let procedure = adapter.as_ref().map(|it| args.procedure(&engine, it));
    let evaluated = arms::evaluate(&engine, adapter, &suites, &args.plan(), output)?;
    let report = Report {
        model_sha256: engine.digest()?,
        adapter_sha256: procedure.as_ref().map(|it| it.adapter_sha256),
        suites: evaluated,
    };
    let validation = procedure.map(|procedure| {
        let validation = statement::validation(&report, procedure, pocketune_core::now());
        serde_json::to_vec_pretty(&validation).unwrap_or_default()
    });
    let items = items_file.as_ref().map(|_| outcomes(&report.suites));
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
        output.json(&report)?;
    } else {
        output.text(&report.table())?;
    }
    Ok(match report.suites.iter().all(Evaluated::not_worse) {
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

    fn plan(&self) -> Plan {
        Plan {
            asked_by: self.by.ways(),
            max_tokens: self.max_tokens.unwrap_or(MAX_TOKENS),
            margin: self.margin,
        }
    }

    fn procedure(&self, engine: &Engine, adapter: &CandidateAdapter) -> Procedure {
        let plan = self.plan();
        let generates = plan.asked_by.contains(&AskedBy::Generation);
        Procedure {
            tool: statement::tool(),
            adapter_sha256: Digest::of(adapter.bytes()),
            margin: plan.margin,
            max_tokens: generates.then_some(plan.max_tokens),
            asked_by: plan.asked_by,
            context_tokens: engine.memory_estimate().context_tokens,
            kv_cache_type: statement::kv_name(self.engine.kv_type),
        }
    }
}

/// A line for each item that both arms replied to.
fn outcomes(suites: &[Evaluated]) -> Result<Vec<u8>, CliError> {
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
