//! `adapter verify`: the verifier's word on one file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use pocketune_adapter::{Predicate, Refusal, Statement, Timestamp, VerifiedAdapter, Verifier};
use pocketune_core::{Delivery, StoreError};
use serde_json::{Value, json};

use super::identify;
use crate::args::ModelArgs;
use crate::error::CliError;
use crate::key::read_public;
use crate::output::Output;
use crate::policy;
use crate::time;

/// Whether a policy lets an adapter pass, and why not
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The adapter; its attestations lie beside it
    file: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
    /// Whom to believe
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Public key of the device, for what it made itself
    #[arg(long, value_name = "FILE")]
    device: Option<PathBuf>,
    /// As if it were then [default: now]
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    at: Option<Timestamp>,
}

pub(super) fn run(args: &VerifyArgs, output: &Output) -> Result<ExitCode, CliError> {
    let policy = policy::read(&args.policy)?;
    let base = identify(&args.model)?;
    let device = args.device.as_deref().map(read_public).transpose()?;
    let verifier = Verifier {
        policy: &policy,
        device: device.as_ref(),
        now: args.at.unwrap_or_else(pocketune_core::now),
        base: &base,
        high_water: &BTreeMap::new(),
    };
    let delivery = match Delivery::read(&args.file, verifier.bytes_max()) {
        Ok(delivery) => delivery,
        Err(StoreError::Refused(refusal)) => return refused(&refusal, output),
        Err(error) => return Err(pocketune_core::Error::from(error).into()),
    };
    match verifier.verify(delivery.adapter, &delivery.bundle) {
        Ok(adapter) => {
            accepted(&adapter, output)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(refusal) => refused(&refusal, output),
    }
}

fn refused(refusal: &Refusal, output: &Output) -> Result<ExitCode, CliError> {
    if output.json {
        output.json(&json!({
            "verdict": "refused",
            "reason": refusal.reason(),
            "detail": refusal.to_string(),
        }))?;
    } else {
        output.rows(&[
            ("refused", refusal.reason().to_owned()),
            ("because", refusal.to_string()),
        ])?;
    }
    Ok(ExitCode::FAILURE)
}

fn accepted(adapter: &VerifiedAdapter, output: &Output) -> Result<(), CliError> {
    if output.json {
        return output.json(&json!({
            "verdict": "accepted",
            "reason": null,
            "detail": summary(adapter),
            "sha256": adapter.sha256(),
            "release": adapter.release(),
            "validation": adapter.validation(),
            "signers": adapter.signers(),
            "validators": adapter.validators(),
            "other_statements": adapter.other_statements().iter().map(other).collect::<Vec<_>>(),
        }));
    }
    output.rows(&rows(adapter))
}

fn summary(adapter: &VerifiedAdapter) -> String {
    let release = adapter.release();
    format!(
        "{} {} of {}",
        release.name, release.version, release.channel
    )
}

/// What whoever decides about an adapter wants to know.
pub(super) fn rows(adapter: &VerifiedAdapter) -> Vec<(&'static str, String)> {
    let release = adapter.release();
    let ids = |keys: &[pocketune_adapter::KeyId]| {
        let ids: Vec<String> = keys.iter().map(ToString::to_string).collect();
        ids.join(", ")
    };
    let mut rows = vec![
        ("accepted", summary(adapter)),
        ("sha256", adapter.sha256().to_string()),
        ("changes", release.changelog.clone()),
        ("made from", release.data_summary.clone()),
        ("expires", release.expires.to_string()),
        ("released by", ids(adapter.signers())),
        ("validated by", ids(adapter.validators())),
    ];
    let validation = adapter.validation();
    for measured in &validation.measurements {
        let suite = validation
            .configuration
            .iter()
            .find(|suite| suite.sha256 == measured.suite_sha256);
        let suite = suite.map_or("a suite", |suite| suite.name.as_str());
        let metric = &measured.metric;
        rows.push(("measured", format!("{suite}: {metric} {}", measured.value)));
    }
    for statement in adapter.other_statements() {
        if let Predicate::Other { predicate_type, .. } = &statement.predicate {
            rows.push(("also says", predicate_type.clone()));
        }
    }
    rows
}

/// A statement that decides nothing, such as SLSA provenance, as it stands.
fn other(statement: &Statement) -> Value {
    match &statement.predicate {
        Predicate::Other {
            predicate_type,
            predicate,
        } => json!({ "predicate_type": predicate_type, "predicate": predicate }),
        Predicate::Release(_) | Predicate::Validation(_) => Value::Null,
    }
}
