//! `experiment report`: the verdict with its evidence, as one HTML file that needs nothing
//! else and runs nothing.

mod digests;
mod samples;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use pocketune_adapter::Timestamp;
use pocketune_core::Digest;
use pocketune_judge::reward::RewardReport;
use pocketune_report::Report;
use serde_json::json;

use super::evidence::{EvidenceArgs, PassedOver, Source, outlook};
use crate::error::CliError;
use crate::out_files::{OutFile, Places, write};
use crate::output::{Output, line};
use crate::time;

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    #[command(flatten)]
    evidence: EvidenceArgs,
    /// Evaluation of the reward model, as `reward eval --json` prints it
    #[arg(long, value_name = "FILE")]
    reward: Option<PathBuf>,
    /// Sample replies of both arms to show (JSON Lines): id, prompt, incumbent, challenger,
    /// "consent": true, and optionally picked (incumbent, challenger or tie)
    #[arg(long, value_name = "FILE")]
    samples: Option<PathBuf>,
    /// Another tested file to list with its SHA-256; repeatable
    #[arg(long, value_name = "NAME=FILE")]
    subject: Vec<String>,
    /// Time of the verdict and the report [default: now]
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    at: Option<Timestamp>,
    /// Output file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl ReportArgs {
    fn out(&self) -> Result<OutFile, CliError> {
        let subjects = self.subject.iter().filter_map(|it| it.split_once('='));
        let subjects: Vec<PathBuf> = subjects.map(|(_, file)| file.into()).collect();
        let inputs = self.evidence.inputs().chain(&self.reward);
        let inputs = inputs.chain(&self.samples).chain(&subjects);
        Ok(Places::beside(inputs).personal("--out", &self.out)?)
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
    let parsed = reward.as_ref().map(|source| {
        RewardReport::parse(&source.bytes).map_err(|error| CliError::RewardReport {
            file: source.path().to_owned(),
            source: error,
        })
    });
    let parsed = parsed.transpose()?;
    let ledgers = evidence.ledgers.iter().map(Source::text);
    let report = Report {
        definition,
        decision: &decision,
        outlook: outlook(&decision),
        remarks: evidence.remarks(&decision),
        span: evidence.span(),
        ledgers: ledgers.collect::<Result<_, _>>()?,
        of_one_device: evidence.of_one_device().is_some(),
        summaries: evidence.summaries.len(),
        passed_over: evidence.passed_over.iter().map(PassedOver::row).collect(),
        reward: parsed.as_ref(),
        samples: samples.as_ref().map(samples::read).transpose()?,
        digests: digests::rows(&evidence, [&reward, &samples], &args.subject)?,
        version: env!("CARGO_PKG_VERSION"),
        at,
    };
    let html = report.html()?;
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
