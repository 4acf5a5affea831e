//! `evaluate --reproduce`: what a validation statement says, measured again.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use pocketune_adapter::{BUNDLE_BYTES_MAX, Digest, Measurement, Rollout, Verifier};
use pocketune_core::{
    CandidateAdapter, Engine, Error, EvaluationPlan, Reproduced, StatedValidation, StoreError, now,
    procedure_options,
};

use super::{EvaluateArgs, run_plan, suites};
use crate::adapter::identify;
use crate::error::CliError;
use crate::files::{self, read_bytes};
use crate::load;
use crate::output::{Output, line};
use crate::policy;

pub(super) fn run(
    args: &EvaluateArgs,
    attestation: &Path,
    output: &Output,
) -> Result<ExitCode, CliError> {
    let adapter = args.change.candidate_bytes()?;
    let adapter = adapter.ok_or(CliError::usage("--reproduce needs --candidate"))?;
    let sha256 = Digest::of(&adapter);
    let bundle = read_bytes("attestation", attestation, BUNDLE_BYTES_MAX as u64)?;
    let stated = match &args.policy {
        Some(policy) => verified(args, policy, adapter.clone(), &bundle)?,
        None => StatedValidation::unverified(&sha256, &bundle)
            .map_err(|error| CliError::from(error).in_file(attestation))?,
    };
    let procedure = stated.procedure(&sha256)?;
    let source = files::model_source(args.engine.model.model.as_deref())?;
    stated.check_model(Engine::digest_of(&source, &files::digest_cache())?)?;
    let suites = stated.suites(suites::at_hand(&args.suite)?)?;
    let options = procedure_options(&procedure, args.engine.options())?;
    let plan = EvaluationPlan::of_procedure(&procedure)?;
    let engine = load::engine_with(&source, &options, output, &AtomicBool::new(false))?;
    let candidate = CandidateAdapter::parse(adapter, engine.base_model()).map_err(Error::from)?;
    // Nothing that was kept: all of it is measured again.
    let evaluation = run_plan(&plan, &engine, Some(candidate), &suites, None, output)?;
    let reproduced = stated.compare(sha256, &evaluation)?;
    if output.json {
        output.json(&reproduced)?;
    } else {
        output.text(&table(&reproduced))?;
    }
    Ok(match reproduced.reproduced {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// What the one verifier lets pass under a policy.
fn verified(
    args: &EvaluateArgs,
    path: &Path,
    adapter: Vec<u8>,
    bundle: &[u8],
) -> Result<StatedValidation, CliError> {
    let policy = policy::read(path)?;
    let base = identify(&args.engine.model)?;
    let verifier = Verifier {
        policy: &policy,
        device: None,
        now: now(),
        base: &base,
        high_water: &BTreeMap::new(),
    };
    let verified = verifier.verify_for(Rollout::Kept, adapter, bundle);
    let verified = verified.map_err(|refusal| Error::from(StoreError::from(Box::new(refusal))))?;
    Ok(StatedValidation::of_verified(&verified))
}

/// Names of keys, suites and tools are whoever's who wrote the statement.
fn table(reproduced: &Reproduced) -> String {
    let mut text = String::new();
    let keys = line(&reproduced.signatures.key_ids.join(", "));
    text += &match reproduced.signatures.checked {
        true => format!("signed by {keys}\n"),
        false => format!("signed, as it says, by {keys}: signatures were NOT checked\n"),
    };
    for figure in &reproduced.measurements {
        let value = |it: &Option<Measurement>| {
            it.as_ref().map_or("–".to_owned(), |it| match it.baseline {
                Some(baseline) => format!("{} (without {baseline})", it.value),
                None => it.value.to_string(),
            })
        };
        let (suite, metric) = (line(&figure.suite), line(&figure.metric));
        text += &match figure.same {
            true => format!("same    {suite}: {metric} {}\n", value(&figure.stated)),
            false => format!(
                "DIFFERS {suite}: {metric} {}, now {}\n",
                value(&figure.stated),
                value(&figure.measured)
            ),
        };
    }
    if !reproduced.same_tests {
        let [stated, measured] = reproduced.results;
        text += &format!("DIFFERS the tests: {stated:?}, now {measured:?}\n");
    }
    let [stated, measured] = &reproduced.tools;
    if stated != measured {
        text += &format!("measured by {}, now by {measured}\n", line(stated));
    }
    text += match reproduced.reproduced {
        true => "reproduced\n",
        false => "not reproduced\n",
    };
    text
}
