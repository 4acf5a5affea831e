//! `experiment report`: the verdict with its evidence, as one HTML file that needs nothing
//! else and runs nothing.

mod chart;
mod digests;
mod figures;
mod looks;
mod metrics;
mod page;
mod reward;
mod samples;
mod verdict;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use pocketune_adapter::Timestamp;
use pocketune_core::Digest;
use serde_json::json;

use super::evidence::{EvidenceArgs, PassedOver, Source};
use crate::error::CliError;
use crate::out_files::{OutFile, Places, write};
use crate::output::{Output, line};
use crate::time;

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    #[command(flatten)]
    evidence: EvidenceArgs,
    /// What the reward model is worth, as its evaluation writes it
    #[arg(long, value_name = "FILE")]
    reward: Option<PathBuf>,
    /// Replies of both arms to show, a JSON object a line: id, prompt, incumbent, challenger,
    /// "consent": true, and picked (incumbent, challenger or tie) where somebody did
    #[arg(long, value_name = "FILE")]
    samples: Option<PathBuf>,
    /// Another file that was tested, to name with its digest; may be repeated
    #[arg(long, value_name = "NAME=FILE")]
    subject: Vec<String>,
    /// The moment of the verdict and of the report [default: now]
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    at: Option<Timestamp>,
    /// Where the report goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl ReportArgs {
    fn out(&self) -> Result<OutFile, CliError> {
        let subjects = self.subject.iter().filter_map(|it| it.split_once('='));
        let subjects: Vec<PathBuf> = subjects.map(|(_, file)| file.into()).collect();
        let inputs = self.evidence.inputs().chain(&self.reward);
        let inputs = inputs.chain(&self.samples).chain(&subjects);
        Places::beside(inputs).personal("--out", &self.out)
    }
}

pub(super) fn run(args: &ReportArgs, output: &Output) -> Result<ExitCode, CliError> {
    let out = args.out()?;
    let evidence = args.evidence.read()?;
    let definition = &evidence.definition;
    let at = args.at.unwrap_or_else(pocketune_core::now);
    let reward = args.reward.as_ref();
    let reward = reward.map(|path| Source::read("reward report", path));
    let reward = reward.transpose()?;
    let samples = args.samples.as_ref();
    let samples = samples.map(|path| Source::read("samples", path));
    let samples = samples.transpose()?;

    let decision = evidence.decide(at.unix_seconds())?;
    let sequence = looks::sequence(&evidence)?;
    let page = page::Page {
        verdict: verdict::View::of(&evidence, &decision, at),
        sequence: sequence.map(|it| chart::sequence(&it)).transpose()?,
        has_ledgers: !evidence.ledgers.is_empty(),
        summaries: evidence.summaries.len(),
        people: decision.people.is_some(),
        passed_over: evidence.passed_over.iter().map(PassedOver::row).collect(),
        metrics: metrics::rows(definition, &decision),
        forest: chart::forest(&decision.metrics)?,
        sample_ratio: metrics::SampleRatio::of(definition, &decision),
        reward: reward.as_ref().map(reward::View::of).transpose()?,
        samples: samples.as_ref().map(samples::read).transpose()?,
        digests: digests::Digests::of(&evidence, [&reward, &samples], &args.subject)?,
        version: env!("CARGO_PKG_VERSION"),
        at: at.to_string(),
    };
    let html = page.render()?;
    write(&out, html.as_bytes())?;
    if output.json {
        output.json(&json!({
            "verdict": decision.verdict,
            "sentence": decision.sentence,
            "sha256": Digest::of(html.as_bytes()),
        }))?;
    } else {
        output.text(&format!("{}\n", line(&decision.sentence)))?;
    }
    Ok(ExitCode::SUCCESS)
}
