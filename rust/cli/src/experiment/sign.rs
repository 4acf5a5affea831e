//! `experiment sign-summary`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use pocketune_adapter::{ENVELOPE_BYTES_MAX, Envelope};
use pocketune_judge::experiment::read_ledger;
use serde_json::json;

use super::evidence::{Source, definition};
use super::signed::SUMMARY_TYPE;
use crate::error::CliError;
use crate::files::Named;
use crate::key::{PassphraseArgs, read_secret};
use crate::out_files::{Places, write};
use crate::output::Output;

#[derive(Debug, Args)]
pub(super) struct SignSummaryArgs {
    /// Experiment definition
    #[arg(long, value_name = "FILE")]
    definition: PathBuf,
    /// Device's summary to sign
    #[arg(long, value_name = "FILE", required_unless_present = "ledger")]
    summary: Option<PathBuf>,
    /// Device's ledger, to summarise and sign
    #[arg(long, value_name = "FILE", conflicts_with = "summary")]
    ledger: Option<PathBuf>,
    /// Device's private key
    #[arg(long, value_name = "FILE")]
    sign: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Output file of the signed summary
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) fn run(args: &SignSummaryArgs, output: &Output) -> Result<ExitCode, CliError> {
    let counted = args.summary.iter().chain(&args.ledger);
    let keys = args.passphrase.input().into_iter().chain([&args.sign]);
    let inputs = counted.chain(keys).chain([&args.definition]);
    let out = Places::beside(inputs).personal("--out", &args.out)?;
    let definition = definition(&Source::read("definition", &args.definition)?)?;
    let summary = match (&args.summary, &args.ledger) {
        (_, Some(ledger)) => {
            let source = Source::read("ledger", ledger)?;
            let recorder = read_ledger(&definition, source.text()?, |_| ());
            let recorder = recorder.map_err(|error| source.refused(error))?;
            recorder.tally().clone()
        }
        (Some(summary), None) => Source::read("summary", summary)?.summary(&definition)?.0,
        (None, None) => return Err(CliError::usage("give --summary or --ledger")),
    };
    // Counts and texts have no way to fail.
    let payload = serde_json::to_vec(&summary).unwrap_or_default();
    let mut envelope = Envelope::new(SUMMARY_TYPE, payload);
    let key = read_secret(&args.sign, &args.passphrase)?;
    envelope.sign(&key);
    let json = envelope.to_json();
    if json.len() > ENVELOPE_BYTES_MAX {
        // Nobody would read it.
        let named = Named::new("signed summary", &args.out);
        return Err(named.too_long(ENVELOPE_BYTES_MAX as u64).into());
    }
    write(&out, format!("{json}\n").as_bytes())?;
    if output.json {
        output.json(&json!({
            "signed_by": key.public().id(),
            "experiment": summary.experiment,
            "runs": summary.runs,
        }))?;
    }
    Ok(ExitCode::SUCCESS)
}
