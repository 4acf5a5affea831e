//! `evaluate --reproduce`: what a validation statement says, measured again.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use clap::ValueEnum as _;
use pocketune_adapter::{
    AskedBy, BUNDLE_BYTES_MAX, Bundle, Digest, Envelope, Measurement, Predicate, Procedure,
    Rollout, Statement, SuiteRef, TestResult, Validation, Verifier,
};
use pocketune_core::{
    CandidateAdapter, Engine, EngineOptions, Error, ModelSource, StoreError, now,
};
use serde::Serialize;

use super::arms::{self, Plan};
use super::report::Report;
use super::suites::{self, SuiteFile};
use super::{EvaluateArgs, EvaluationError, statement};
use crate::adapter::identify;
use crate::args::KvType;
use crate::error::CliError;
use crate::files::{self, read_bytes};
use crate::load;
use crate::output::{Output, line};
use crate::policy;

/// What came out.
#[derive(Debug, Serialize)]
struct Reproduced {
    reproduced: bool,
    adapter_sha256: Digest,
    model_sha256: Digest,
    signatures: Signatures,
    /// What measured the first time, and now.
    tools: [String; 2],
    results: [TestResult; 2],
    same_tests: bool,
    measurements: Vec<Compared>,
}

/// Who signed, and whether that was checked.
#[derive(Debug, Serialize)]
struct Signatures {
    checked: bool,
    key_ids: Vec<String>,
}

/// A figure of the statement beside the one of now.
#[derive(Debug, Serialize)]
struct Compared {
    suite: String,
    metric: String,
    same: bool,
    stated: Option<Measurement>,
    measured: Option<Measurement>,
}

/// A statement about the adapter at hand.
struct Stated {
    validation: Validation,
    signatures: Signatures,
}

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
        None => unverified(&sha256, &bundle).map_err(|error| error.in_file(attestation))?,
    };
    let procedure = stated.procedure(&sha256)?;
    let source = files::model_source(args.engine.model.model.as_deref())?;
    let model_sha256 = check_model(&stated.validation, &source)?;
    let suites = at_hand(&stated.validation.configuration, &args.suite)?;
    let options = engine_options(&procedure, args.engine.options())?;
    let engine = load::engine_with(&source, &options, output, &AtomicBool::new(false))?;
    let candidate = CandidateAdapter::parse(adapter, engine.base_model()).map_err(Error::from)?;
    let plan = plan(&procedure)?;
    let report = Report {
        model_sha256,
        adapter_sha256: Some(sha256),
        suites: arms::evaluate(&engine, Some(candidate), &suites, &plan, output)?,
    };
    let again = Procedure {
        tool: statement::tool(),
        ..procedure
    };
    let measured = statement::validation(&report, again, now());
    let reproduced = stated.compare(sha256, &measured);
    if output.json {
        output.json(&reproduced)?;
    } else {
        output.text(&reproduced.table())?;
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
) -> Result<Stated, CliError> {
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
    Ok(Stated {
        validation: verified.validation().clone(),
        signatures: Signatures {
            checked: true,
            key_ids: { verified.validators().iter() }
                .map(ToString::to_string)
                .collect(),
        },
    })
}

/// The latest validation of these bytes that says how it was measured, whoever signed it.
/// Lines of others are passed over, and told where there is no such validation.
fn unverified(sha256: &Digest, bundle: &[u8]) -> Result<Stated, CliError> {
    let mut other = None;
    let mut without_procedure = false;
    let mut latest: Option<Stated> = None;
    let bundle = read(bundle)?;
    let mut fault = bundle.first_fault().map(|(line, cause)| {
        let cause = cause.clone();
        EvaluationError::Envelope { line, cause }
    });
    for (line, envelope) in bundle.envelopes() {
        let statement = match Statement::unverified(envelope) {
            Ok(statement) => statement,
            Err(cause) => {
                fault.get_or_insert(EvaluationError::Statement { line, cause });
                continue;
            }
        };
        let Predicate::Validation(validation) = &statement.predicate else {
            continue;
        };
        if !statement.is_about(sha256) {
            other = other.or(statement.subjects.first().map(|subject| subject.sha256));
            continue;
        }
        without_procedure |= validation.procedure.is_none();
        let before = |stated: &Stated| stated.validation.created <= validation.created;
        if validation.procedure.is_some() && latest.as_ref().is_none_or(before) {
            latest = Some(Stated {
                validation: validation.as_ref().clone(),
                signatures: Signatures {
                    checked: false,
                    key_ids: envelope.unverified_key_ids().map(str::to_owned).collect(),
                },
            });
        }
    }
    let found = *sha256;
    Ok(latest.ok_or(match (other, fault) {
        _ if without_procedure => EvaluationError::NoProcedure,
        (Some(stated), _) => EvaluationError::OtherAdapter { stated, found },
        (None, Some(fault)) => fault,
        (None, None) => EvaluationError::NoValidation,
    })?)
}

/// One envelope on any number of lines, or one a line.
fn read(bundle: &[u8]) -> Result<Bundle, CliError> {
    match Envelope::parse(bundle) {
        Ok(envelope) => Ok(envelope.into()),
        Err(_) => Ok(Bundle::read(bundle)?),
    }
}

fn check_model(validation: &Validation, source: &ModelSource) -> Result<Digest, CliError> {
    let found = Engine::digest_of(source, &files::digest_cache())?;
    let stated = validation.base_model_sha256;
    if stated != found {
        return Err(EvaluationError::OtherModel { stated, found }.into());
    }
    Ok(found)
}

/// The suites of a statement, in its order: those that come with Pocketune and those named.
fn at_hand(stated: &[SuiteRef], named: &[String]) -> Result<Vec<SuiteFile>, CliError> {
    let mut here = suites::built_in()?;
    for name in named {
        here.push(suites::named(name)?);
    }
    let each = stated.iter().map(|stated| {
        let found = here.iter().position(|file| file.sha256 == stated.sha256);
        let Some(at) = found else {
            let same_name = here.iter().rfind(|file| file.suite.name == stated.name);
            let name = stated.name.clone();
            let stated = stated.sha256;
            return Err(CliError::from(match same_name {
                Some(SuiteFile { sha256, .. }) => EvaluationError::SuiteDiffers {
                    name,
                    stated,
                    found: *sha256,
                },
                None => EvaluationError::SuiteMissing { name, stated },
            }));
        };
        let mut file = here.swap_remove(at);
        // Tests are named by suites: a file may have been renamed.
        file.suite.name.clone_from(&stated.name);
        Ok(file)
    });
    each.collect()
}

fn plan(procedure: &Procedure) -> Result<Plan, EvaluationError> {
    let generates = procedure.asked_by.contains(&AskedBy::Generation);
    let max_tokens = match (generates, procedure.max_tokens) {
        (true, None) => return Err(EvaluationError::ProcedureUnknown { what: "maxTokens" }),
        (_, max_tokens) => max_tokens.unwrap_or(1),
    };
    Ok(Plan {
        asked_by: procedure.asked_by.clone(),
        max_tokens,
        margin: procedure.margin,
    })
}

fn engine_options(
    procedure: &Procedure,
    given: EngineOptions,
) -> Result<EngineOptions, EvaluationError> {
    let kv = KvType::from_str(&procedure.kv_cache_type, false);
    let what = "kvCacheType";
    Ok(EngineOptions {
        context_tokens: Some(procedure.context_tokens),
        kv_cache_type: { kv }
            .map_err(|_| EvaluationError::ProcedureUnknown { what })?
            .into(),
        ..given
    })
}

impl Stated {
    fn procedure(&self, sha256: &Digest) -> Result<Procedure, EvaluationError> {
        let procedure = self.validation.procedure.clone();
        let procedure = procedure.ok_or(EvaluationError::NoProcedure)?;
        if procedure.adapter_sha256 != *sha256 {
            return Err(EvaluationError::OtherAdapter {
                stated: procedure.adapter_sha256,
                found: *sha256,
            });
        }
        Ok(procedure)
    }

    fn compare(self, adapter_sha256: Digest, measured: &Validation) -> Reproduced {
        let stated = &self.validation;
        let measurements = compared(stated, measured);
        let tests = |it: &Validation| {
            let lists = [&it.passed_tests, &it.warned_tests, &it.failed_tests];
            lists.map(Clone::clone)
        };
        let same_tests = stated.result == measured.result && tests(stated) == tests(measured);
        let tool = |it: &Validation| {
            let procedure = it.procedure.as_ref();
            procedure.map_or_else(String::new, |procedure| procedure.tool.clone())
        };
        Reproduced {
            reproduced: same_tests && measurements.iter().all(|it| it.same),
            adapter_sha256,
            model_sha256: stated.base_model_sha256,
            tools: [tool(stated), tool(measured)],
            results: [stated.result, measured.result],
            same_tests,
            measurements,
            signatures: self.signatures,
        }
    }
}

/// Every figure that either has, with what the other has for it.
fn compared(stated: &Validation, measured: &Validation) -> Vec<Compared> {
    let mut left: Vec<&Measurement> = measured.measurements.iter().collect();
    let suite = |sha256: &Digest| {
        let mut suites = stated.configuration.iter();
        let suite = suites.find(|suite| suite.sha256 == *sha256);
        suite.map_or_else(|| sha256.to_string(), |suite| suite.name.clone())
    };
    let mut all = Vec::new();
    for figure in &stated.measurements {
        let same = |it: &&Measurement| {
            it.suite_sha256 == figure.suite_sha256 && it.metric == figure.metric
        };
        let found = left.iter().position(same).map(|at| left.remove(at));
        all.push(Compared {
            suite: suite(&figure.suite_sha256),
            metric: figure.metric.clone(),
            same: found == Some(figure),
            stated: Some(figure.clone()),
            measured: found.cloned(),
        });
    }
    all.extend(left.into_iter().map(|figure| Compared {
        suite: suite(&figure.suite_sha256),
        metric: figure.metric.clone(),
        same: false,
        stated: None,
        measured: Some(figure.clone()),
    }));
    all
}

impl Reproduced {
    /// Names of keys, suites and tools are whoever's who wrote the statement.
    fn table(&self) -> String {
        let mut text = String::new();
        let keys = line(&self.signatures.key_ids.join(", "));
        text += &match self.signatures.checked {
            true => format!("signed by {keys}\n"),
            false => format!("signed, as it says, by {keys}: signatures were NOT checked\n"),
        };
        for figure in &self.measurements {
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
        if !self.same_tests {
            let [stated, measured] = self.results;
            text += &format!("DIFFERS the tests: {stated:?}, now {measured:?}\n");
        }
        let [stated, measured] = &self.tools;
        if stated != measured {
            text += &format!("measured by {}, now by {measured}\n", line(stated));
        }
        text += match self.reproduced {
            true => "reproduced\n",
            false => "not reproduced\n",
        };
        text
    }
}
