//! `adapter attest validation`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use pocketune_adapter::{
    Digest, ENVELOPE_BYTES_MAX, Measurement, SuiteRef, TestResult, Validation,
};
use pocketune_core::{BaseIdentity, EvaluationError};

use super::SubjectArgs;
use crate::error::CliError;
use crate::evaluate::SUITE_BYTES_MAX;
use crate::files::read_bytes;

#[derive(Debug, Args)]
pub(super) struct ValidationArgs {
    #[command(flatten)]
    pub(super) subject: SubjectArgs,
    /// Output of `evaluate --validation-out` for this adapter, signed unchanged
    #[arg(long, value_name = "FILE", conflicts_with_all = ["result", "suite", "measured"])]
    evaluation: Option<PathBuf>,
    /// Overall result
    #[arg(long, value_enum, required_unless_present_any = ["evaluation", "signature_in"])]
    result: Option<ResultKind>,
    /// Suite that was run; repeatable
    #[arg(long, value_name = "NAME=FILE")]
    suite: Vec<String>,
    /// Metric measured on a suite, such as facts:accuracy=0.91; repeatable
    #[arg(long, value_name = "NAME:METRIC=VALUE")]
    measured: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ResultKind {
    Passed,
    Warned,
    Failed,
}

impl ValidationArgs {
    /// The files named, the subject's apart.
    pub(super) fn inputs(&self) -> impl Iterator<Item = PathBuf> {
        let suites = self.suite.iter().filter_map(|it| it.split_once('='));
        let suites = suites.map(|(_, file)| PathBuf::from(file));
        suites.chain(self.evaluation.clone())
    }

    /// What is to be signed about the adapter with this digest.
    pub(super) fn validation(
        &self,
        base: &BaseIdentity,
        adapter: &Digest,
    ) -> Result<Validation, CliError> {
        match (&self.evaluation, self.result) {
            (Some(path), _) => evaluated(path, base, adapter),
            (None, Some(result)) => self.typed(base, result),
            (None, None) => Err(CliError::usage("attest needs --evaluation or --result")),
        }
    }

    /// The figures that somebody typed.
    fn typed(&self, base: &BaseIdentity, result: ResultKind) -> Result<Validation, CliError> {
        let suites = self.suite.iter().map(|suite| {
            let form = CliError::usage("--suite takes NAME=FILE");
            let (name, file) = suite.split_once('=').ok_or(form)?;
            let bytes = read_bytes("suite", Path::new(file), SUITE_BYTES_MAX)?;
            Ok(SuiteRef {
                name: name.to_owned(),
                sha256: Digest::of(&bytes),
            })
        });
        let configuration = suites.collect::<Result<Vec<_>, CliError>>()?;
        let measured = self.measured.iter().map(|text| {
            let form = || CliError::usage("--measured takes NAME:METRIC=VALUE of a --suite");
            let (subject, value) = text.rsplit_once('=').ok_or_else(form)?;
            let (suite, metric) = subject.split_once(':').ok_or_else(form)?;
            let suite = configuration.iter().find(|known| known.name == suite);
            Ok(Measurement {
                suite_sha256: suite.ok_or_else(form)?.sha256,
                metric: metric.to_owned(),
                value: value.parse().map_err(|_| form())?,
                baseline: None,
                threshold: None,
            })
        });
        let measurements = measured.collect::<Result<Vec<_>, CliError>>()?;
        let names: Vec<String> = configuration
            .iter()
            .map(|suite| suite.name.clone())
            .collect();
        let [mut passed, mut warned, mut failed] = [const { Vec::new() }; 3];
        let result = match result {
            ResultKind::Passed => {
                passed = names;
                TestResult::Passed
            }
            ResultKind::Warned => {
                warned = names;
                TestResult::Warned
            }
            ResultKind::Failed => {
                failed = names;
                TestResult::Failed
            }
        };
        Ok(Validation {
            result,
            configuration,
            base_model_sha256: base.sha256,
            created: pocketune_core::now(),
            passed_tests: passed,
            warned_tests: warned,
            failed_tests: failed,
            measurements,
            procedure: None,
        })
    }
}

/// An evaluation of this adapter on this model, and of no other.
fn evaluated(path: &Path, base: &BaseIdentity, adapter: &Digest) -> Result<Validation, CliError> {
    let json = read_bytes("evaluation", path, ENVELOPE_BYTES_MAX as u64)?;
    let validation = Validation::parse(&json).map_err(EvaluationError::Unreadable);
    let validation = validation.map_err(|error| CliError::from(error).in_file(path))?;
    let (stated, found) = (validation.base_model_sha256, base.sha256);
    if stated != found {
        return Err(EvaluationError::OtherModel { stated, found }.into());
    }
    let procedure = validation.procedure.as_ref();
    let procedure = procedure.ok_or(EvaluationError::NoProcedure)?;
    let (stated, found) = (procedure.adapter_sha256, *adapter);
    if stated != found {
        return Err(EvaluationError::OtherAdapter { stated, found }.into());
    }
    Ok(validation)
}
