//! What a validation statement says, measured again.

use pocketune_adapter::{
    AskedBy, Bundle, Digest, Envelope, Measurement, Predicate, Procedure, Statement, TestResult,
    Validation, VerifiedAdapter,
};
use pocketune_judge::suite::Suite;
use serde::Serialize;

use super::compare::{Evaluation, EvaluationPlan};
use super::error::EvaluationError;
use super::validation::TOOL;
use crate::clock::now;
use crate::options::{EngineOptions, KvCacheType};

/// What a statement about one adapter says, and who signed it.
#[derive(Debug, Clone, PartialEq)]
pub struct StatedValidation {
    /// What it says.
    pub validation: Validation,
    /// Who says so.
    pub signatures: StatedSignatures,
}

/// Who signed, and whether that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatedSignatures {
    /// Whether the verifier checked them.
    pub checked: bool,
    /// The keys, as they name themselves where nobody checked.
    pub key_ids: Vec<String>,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reproduced {
    /// Whether all figures and tests are the same, to the last bit.
    pub reproduced: bool,
    /// The adapter.
    pub adapter_sha256: Digest,
    /// The model.
    pub model_sha256: Digest,
    /// Who signed the statement.
    pub signatures: StatedSignatures,
    /// What measured the first time, and now.
    pub tools: [String; 2],
    /// What both come to.
    pub results: [TestResult; 2],
    /// Whether the same tests passed.
    pub same_tests: bool,
    /// Figure by figure.
    pub measurements: Vec<ComparedMeasurement>,
}

/// A figure of the statement beside the one of now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedMeasurement {
    /// The suite, as the statement names it.
    pub suite: String,
    /// What was measured.
    pub metric: String,
    /// Whether they are the same, to the last bit.
    pub same: bool,
    /// What the statement says.
    pub stated: Option<Measurement>,
    /// What was measured now.
    pub measured: Option<Measurement>,
}

impl StatedValidation {
    /// What the verifier let pass.
    #[must_use]
    pub fn of_verified(adapter: &VerifiedAdapter) -> Self {
        let validators = adapter.validators().iter();
        Self {
            validation: adapter.validation().clone(),
            signatures: StatedSignatures {
                checked: true,
                key_ids: validators.map(ToString::to_string).collect(),
            },
        }
    }

    /// The latest validation of these bytes that says how it was measured, whoever signed it,
    /// of an envelope or a bundle. Lines of others are passed over, and told where there is no
    /// such validation.
    ///
    /// # Errors
    /// [`EvaluationError`].
    pub fn unverified(sha256: &Digest, bundle: &[u8]) -> Result<Self, EvaluationError> {
        let mut other = None;
        let mut without_procedure = false;
        let mut latest: Option<Self> = None;
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
            let before = |stated: &Self| stated.validation.created <= validation.created;
            if validation.procedure.is_some() && latest.as_ref().is_none_or(before) {
                latest = Some(Self {
                    validation: validation.as_ref().clone(),
                    signatures: StatedSignatures {
                        checked: false,
                        key_ids: envelope.unverified_key_ids().map(str::to_owned).collect(),
                    },
                });
            }
        }
        let found = *sha256;
        latest.ok_or(match (other, fault) {
            _ if without_procedure => EvaluationError::NoProcedure,
            (Some(stated), _) => EvaluationError::OtherAdapter { stated, found },
            (None, Some(fault)) => fault,
            (None, None) => EvaluationError::NoValidation,
        })
    }

    /// How it was measured.
    ///
    /// # Errors
    /// [`EvaluationError::NoProcedure`], [`EvaluationError::OtherAdapter`].
    pub fn procedure(&self, sha256: &Digest) -> Result<Procedure, EvaluationError> {
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

    /// That it was measured with this model.
    ///
    /// # Errors
    /// [`EvaluationError::OtherModel`].
    pub fn check_model(&self, found: Digest) -> Result<(), EvaluationError> {
        let stated = self.validation.base_model_sha256;
        match stated == found {
            true => Ok(()),
            false => Err(EvaluationError::OtherModel { stated, found }),
        }
    }

    /// Its suites, in its order and by its names, out of those at hand.
    ///
    /// # Errors
    /// [`EvaluationError::SuiteDiffers`], [`EvaluationError::SuiteMissing`].
    pub fn suites(&self, mut at_hand: Vec<Suite>) -> Result<Vec<Suite>, EvaluationError> {
        let each = self.validation.configuration.iter().map(|stated| {
            let wanted = stated.sha256.to_string();
            let found = at_hand.iter().position(|suite| suite.sha256 == wanted);
            let Some(at) = found else {
                let same_name = at_hand.iter().rfind(|suite| suite.name == stated.name);
                let found = same_name.and_then(|suite| Digest::from_hex(&suite.sha256));
                let (name, stated) = (stated.name.clone(), stated.sha256);
                return Err(match found {
                    Some(found) => EvaluationError::SuiteDiffers {
                        name,
                        stated,
                        found,
                    },
                    None => EvaluationError::SuiteMissing { name, stated },
                });
            };
            let mut suite = at_hand.swap_remove(at);
            // Tests are named by suites: a file may have been renamed.
            suite.name.clone_from(&stated.name);
            Ok(suite)
        });
        each.collect()
    }

    /// What it says beside what was measured again by the same procedure.
    ///
    /// # Errors
    /// As [`StatedValidation::procedure`].
    pub fn compare(
        &self,
        adapter_sha256: Digest,
        evaluation: &Evaluation,
    ) -> Result<Reproduced, EvaluationError> {
        let again = Procedure {
            tool: TOOL.to_owned(),
            ..self.procedure(&adapter_sha256)?
        };
        let measured = evaluation.validation(again, now());
        Ok(self.beside(adapter_sha256, &measured))
    }

    fn beside(&self, adapter_sha256: Digest, measured: &Validation) -> Reproduced {
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
            signatures: self.signatures.clone(),
        }
    }
}

impl EvaluationPlan {
    /// The plan by which something was measured.
    ///
    /// # Errors
    /// [`EvaluationError::ProcedureUnknown`].
    pub fn of_procedure(procedure: &Procedure) -> Result<Self, EvaluationError> {
        let generates = procedure.asked_by.contains(&AskedBy::Generation);
        let max_tokens = match (generates, procedure.max_tokens) {
            (true, None) => return Err(EvaluationError::ProcedureUnknown { what: "maxTokens" }),
            (_, max_tokens) => max_tokens.unwrap_or(1),
        };
        Ok(Self {
            asked_by: procedure.asked_by.clone(),
            max_tokens,
            margin: procedure.margin,
        })
    }
}

/// How an engine is loaded to measure by a procedure; all else is as `given`.
///
/// # Errors
/// [`EvaluationError::ProcedureUnknown`].
pub fn procedure_options(
    procedure: &Procedure,
    given: EngineOptions,
) -> Result<EngineOptions, EvaluationError> {
    let kv_cache_type = KvCacheType::from_name(&procedure.kv_cache_type);
    let what = "kvCacheType";
    Ok(EngineOptions {
        context_tokens: Some(procedure.context_tokens),
        kv_cache_type: kv_cache_type.ok_or(EvaluationError::ProcedureUnknown { what })?,
        ..given
    })
}

/// One envelope on any number of lines, or one a line.
fn read(bundle: &[u8]) -> Result<Bundle, EvaluationError> {
    match Envelope::parse(bundle) {
        Ok(envelope) => Ok(envelope.into()),
        Err(_) => Ok(Bundle::read(bundle)?),
    }
}

/// Every figure that either has, with what the other has for it.
fn compared(stated: &Validation, measured: &Validation) -> Vec<ComparedMeasurement> {
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
        all.push(ComparedMeasurement {
            suite: suite(&figure.suite_sha256),
            metric: figure.metric.clone(),
            same: found == Some(figure),
            stated: Some(figure.clone()),
            measured: found.cloned(),
        });
    }
    all.extend(left.into_iter().map(|figure| ComparedMeasurement {
        suite: suite(&figure.suite_sha256),
        metric: figure.metric.clone(),
        same: false,
        stated: None,
        measured: Some(figure.clone()),
    }));
    all
}
