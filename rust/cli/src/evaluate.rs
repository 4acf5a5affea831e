//! `evaluate`: what a model, and a change to it, make of suites.

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use clap::Args;
use pocketune_core::{CancelToken, Scorer, evaluate};
use pocketune_judge::suite::{Comparison, Suite, SuiteResult, compare};
use serde::Serialize;

use crate::args::EngineArgs;
use crate::candidate::{ChangeArgs, Subject};
use crate::error::CliError;
use crate::files;
use crate::load;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  pocketune evaluate
  pocketune evaluate --suite factuality --json
  pocketune evaluate --candidate brief.gguf --margin 0.02
  pocketune evaluate --store app --suite our-items.jsonl

Each reply of an item is scored by its mean log-probability a token after the
prompt; an item is right where the right reply is the likeliest. With
--candidate or --store the same items are asked with and without the change,
and compared item by item.

Exit code 1 also where the change is not shown to be within the margin.";

/// Suites that come with Pocketune.
const BUILT_IN: [(&str, &[u8]); 2] = [
    (
        "helpfulness",
        include_bytes!("../../judge/suites/helpfulness.jsonl"),
    ),
    (
        "factuality",
        include_bytes!("../../judge/suites/factuality.jsonl"),
    ),
];

const SUITE_BYTES_MAX: u64 = 1 << 28;

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
    /// Share of a suite's items that a change may lose
    #[arg(long, default_value_t = 0.05, value_name = "SHARE")]
    margin: f64,
}

/// One suite.
#[derive(Debug, Serialize)]
struct Evaluated {
    base: SuiteResult,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<SuiteResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
}

#[derive(Debug, Serialize)]
struct Report {
    model_sha256: String,
    suites: Vec<Evaluated>,
}

pub(crate) fn run(args: &EvaluateArgs, output: &Output) -> Result<ExitCode, CliError> {
    if !(args.margin > 0.0 && args.margin < 1.0) {
        return Err(CliError::Usage("--margin is a share between 0 and 1"));
    }
    let suites = args.suites()?;
    let engine = load::engine(&args.engine, output, &AtomicBool::new(false))?;
    let adapter = args.change.read(&engine)?;
    let base = each(&engine, &suites, "model as it is", output)?;
    let changed = match adapter {
        Some(adapter) => {
            let subject = Subject::open(&engine, Some(adapter))?;
            Some(each(&subject, &suites, "under the adapter", output)?)
        }
        None => None,
    };
    let mut changed = changed.map(Vec::into_iter);
    let mut evaluated = Vec::new();
    for base in base {
        let changed = changed.as_mut().and_then(Iterator::next);
        let comparison = changed
            .as_ref()
            .map(|changed| compare(&base, changed, args.margin))
            .transpose()?;
        evaluated.push(Evaluated {
            base,
            changed,
            comparison,
        });
    }
    let report = Report {
        model_sha256: engine.digest()?.to_string(),
        suites: evaluated,
    };
    if output.json {
        output.json(&report)?;
    } else {
        output.text(&report.table())?;
    }
    let mut comparisons = report.suites.iter().filter_map(|it| it.comparison);
    Ok(match comparisons.all(|it| it.not_worse) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn each(
    scorer: &impl Scorer,
    suites: &[Suite],
    who: &'static str,
    output: &Output,
) -> Result<Vec<SuiteResult>, CliError> {
    let items: usize = suites.iter().map(|suite| suite.items.len()).sum();
    let bar = output.progress(who, items as u64);
    let results = suites.iter().map(|suite| {
        let cancel = CancelToken::new();
        Ok(evaluate(scorer, suite, &cancel, |_| bar.inc(1))?)
    });
    let results = results.collect();
    bar.finish_and_clear();
    results
}

impl EvaluateArgs {
    fn suites(&self) -> Result<Vec<Suite>, CliError> {
        let both = BUILT_IN.map(|(name, _)| name.to_owned());
        let names = match self.suite.is_empty() {
            true => &both[..],
            false => &self.suite,
        };
        names.iter().map(|name| suite(name)).collect()
    }
}

fn suite(name: &str) -> Result<Suite, CliError> {
    let built_in = BUILT_IN.iter().find(|(known, _)| *known == name);
    if let Some((name, file)) = built_in {
        return Ok(Suite::parse(name, file)?);
    }
    let path = Path::new(name);
    let bytes = files::read_bytes("suite", path, SUITE_BYTES_MAX)?;
    let stem = path.file_stem().unwrap_or_default();
    Ok(Suite::parse(&stem.to_string_lossy(), &bytes)?)
}

impl Report {
    fn table(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        for Evaluated {
            base,
            changed,
            comparison,
        } in &self.suites
        {
            let _ = writeln!(text, "{} ({} items)", base.suite, base.items.len());
            let mut line = |who: &str, result: &SuiteResult| {
                let _ = writeln!(
                    text,
                    "  {who:16} {:5.1} % right ({:.1} to {:.1}; chance {:.1}), margin {:+.3}",
                    100.0 * result.accuracy,
                    100.0 * result.interval.low,
                    100.0 * result.interval.high,
                    100.0 * result.chance,
                    result.mean_margin
                );
            };
            line("as it is", base);
            if let Some(changed) = changed {
                line("changed", changed);
            }
            if let Some(comparison) = comparison {
                let _ = writeln!(
                    text,
                    "  difference       {:+5.1} points ({:+.1} to {:+.1}), McNemar p {:.3}: {}",
                    100.0 * comparison.difference,
                    100.0 * comparison.interval.low,
                    100.0 * comparison.interval.high,
                    comparison.mcnemar.p,
                    match comparison.not_worse {
                        true => "not worse",
                        false => "not shown to be within the margin",
                    }
                );
            }
            for (kind, result) in &base.kinds {
                let _ = writeln!(text, "    {kind:18} {:3} of {}", result.right, result.of);
            }
        }
        text
    }
}
