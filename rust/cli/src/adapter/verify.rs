//! `adapter verify`: the verifier's word on one file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use pocketune_adapter::{
    KeyId, Predicate, Refusal, Release, Released, Stages, Statement, Timestamp, VerifiedAdapter,
    VerifiedRelease, Verifier,
};
use pocketune_core::{Delivery, StoreError};
use pocketune_store::read_bundle;
use serde_json::{Value, json};

use super::identify;
use super::subject::{Kind, bytes, model_file};
use crate::args::ModelArgs;
use crate::error::CliError;
use crate::key::read_public;
use crate::output::Output;
use crate::policy;
use crate::time;

/// Verify the signatures of an adapter or another released file against a trust policy
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// File to verify; its attestations are in FILE.intoto.jsonl
    file: PathBuf,
    /// Type of the file
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    kind: Kind,
    #[command(flatten)]
    model: ModelArgs,
    /// Trust policy
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Public key of the device, for adapters it trained itself
    #[arg(long, value_name = "FILE")]
    device: Option<PathBuf>,
    /// Verify as of this time, such as 2026-11-25T07:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    at: Option<Timestamp>,
}

pub(super) fn run(args: &VerifyArgs, output: &Output) -> Result<ExitCode, CliError> {
    let policy = policy::read(&args.policy)?;
    // A base model stands on no other: the one in use is itself.
    let itself = ModelArgs {
        model: Some(args.file.clone()),
    };
    let base = identify(match args.kind {
        Kind::BaseModel => &itself,
        _ => &args.model,
    })?;
    let device = args.device.as_deref().map(read_public).transpose()?;
    let verifier = Verifier {
        policy: &policy,
        device: device.as_ref(),
        now: args.at.unwrap_or_else(pocketune_core::now),
        base: &base,
        high_water: &BTreeMap::new(),
    };
    match args.kind {
        Kind::Adapter => adapter(args, &verifier, output),
        _ => released(args, &verifier, output),
    }
}

fn adapter(
    args: &VerifyArgs,
    verifier: &Verifier<'_>,
    output: &Output,
) -> Result<ExitCode, CliError> {
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

/// The same of what is no adapter.
fn released(
    args: &VerifyArgs,
    verifier: &Verifier<'_>,
    output: &Output,
) -> Result<ExitCode, CliError> {
    let bundle = match read_bundle(&args.file) {
        Ok(bundle) => bundle,
        Err(StoreError::Refused(refusal)) => return refused(&refusal, output),
        Err(error) => return Err(pocketune_core::Error::from(error).into()),
    };
    let kind = args.kind.into();
    let verdict = match args.kind {
        // Too large to be held in memory.
        Kind::BaseModel => {
            let (sha256, size_bytes) = model_file(&args.file, &args.model)?;
            let subject = Released {
                kind,
                sha256,
                size_bytes,
            };
            verifier.verify_release(subject, &bundle)
        }
        _ => {
            let file = verifier.verify_file(kind, bytes(args.kind, &args.file)?, &bundle);
            file.map(|file| file.verified().clone())
        }
    };
    match verdict {
        Ok(verified) => {
            accepted_release(&verified, output)?;
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
        return Ok(output.json(&json!({
            "verdict": "accepted",
            "reason": null,
            "detail": summary(adapter.release()),
            "sha256": adapter.sha256(),
            "release": adapter.release(),
            "validation": adapter.validation(),
            "signers": adapter.signers(),
            "validators": adapter.validators(),
            "other_statements": adapter.other_statements().iter().map(other).collect::<Vec<_>>(),
        }))?);
    }
    Ok(output.rows(&rows(adapter))?)
}

fn accepted_release(verified: &VerifiedRelease, output: &Output) -> Result<(), CliError> {
    let release = verified.release();
    if output.json {
        return Ok(output.json(&json!({
            "verdict": "accepted",
            "reason": null,
            "detail": summary(release),
            "sha256": verified.sha256(),
            "release": release,
            "signers": verified.signers(),
        }))?);
    }
    let mut rows = vec![
        ("accepted", summary(release)),
        ("sha256", verified.sha256().to_string()),
        ("changes", release.changelog.clone()),
        ("expires", release.expires.to_string()),
    ];
    rows.extend(stages(release));
    rows.push(("released by", ids(verified.signers())));
    Ok(output.rows(&rows)?)
}

fn summary(release: &Release) -> String {
    format!(
        "{} {} of {}",
        release.name, release.version, release.channel
    )
}

/// Which share of devices may install it, and from when on.
fn stages(release: &Release) -> impl Iterator<Item = (&'static str, String)> {
    let stages = release.stages.iter().flat_map(Stages::iter);
    stages.map(|stage| ("stage", format!("{} % from {}", stage.percent, stage.from)))
}

fn ids(keys: &[KeyId]) -> String {
    let ids: Vec<String> = keys.iter().map(ToString::to_string).collect();
    ids.join(", ")
}

/// What whoever decides about an adapter wants to know.
pub(super) fn rows(adapter: &VerifiedAdapter) -> Vec<(&'static str, String)> {
    let release = adapter.release();
    let mut rows = vec![
        ("accepted", summary(release)),
        ("sha256", adapter.sha256().to_string()),
        ("changes", release.changelog.clone()),
        ("made from", release.data_summary.clone()),
        ("expires", release.expires.to_string()),
    ];
    rows.extend(stages(release));
    rows.push(("released by", ids(adapter.signers())));
    rows.push(("validated by", ids(adapter.validators())));
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
        Predicate::Release(_) | Predicate::Validation(_) | Predicate::Halt(_) => Value::Null,
    }
}
