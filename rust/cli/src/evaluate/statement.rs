//! An evaluation as the content of a validation statement.

use clap::ValueEnum as _;
use pocketune_adapter::{
    Digest, Measurement, Procedure, SuiteRef, TestResult, Timestamp, Validation,
};

use super::arms::{Arms, Evaluated};
use super::report::Report;
use crate::args::KvType;

/// What measures.
pub(super) fn tool() -> String {
    concat!("pocketune ", env!("CARGO_PKG_VERSION")).to_owned()
}

/// As the command line names it.
pub(super) fn kv_name(kind: KvType) -> String {
    let value = kind.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

/// What the comparisons of `report` come to. Suites without a change say nothing.
pub(super) fn validation(report: &Report, procedure: Procedure, created: Timestamp) -> Validation {
    let mut measurements = Vec::new();
    let [mut passed_tests, mut failed_tests] = [const { Vec::new() }; 2];
    let margin = procedure.margin;
    for suite in &report.suites {
        let mut tests = Tests {
            suite,
            margin,
            measurements: &mut measurements,
            passed: &mut passed_tests,
            failed: &mut failed_tests,
        };
        tests.add(suite.probability.as_ref(), |it| {
            [("accuracy", it.accuracy), ("mean_margin", it.mean_margin)]
        });
        tests.add(suite.generation.as_ref(), |it| {
            [("pass_rate", it.pass_rate), ("mean_score", it.mean_score)]
        });
    }
    let configuration = report.suites.iter().map(|suite| SuiteRef {
        name: suite.suite.clone(),
        sha256: suite.suite_sha256,
    });
    Validation {
        result: match failed_tests.is_empty() {
            true => TestResult::Passed,
            false => TestResult::Failed,
        },
        configuration: configuration.collect(),
        base_model_sha256: report.model_sha256,
        created,
        passed_tests,
        warned_tests: Vec::new(),
        failed_tests,
        measurements,
        procedure: Some(procedure),
    }
}

/// Where one suite's figures go.
struct Tests<'a> {
    suite: &'a Evaluated,
    margin: f64,
    measurements: &'a mut Vec<Measurement>,
    passed: &'a mut Vec<String>,
    failed: &'a mut Vec<String>,
}

impl Tests<'_> {
    /// The figures of one way of asking: a share, of which something is asked, and a mean.
    fn add<T>(&mut self, arms: Option<&Arms<T>>, figures: impl Fn(&T) -> [(&'static str, f64); 2]) {
        let Some(Arms {
            base,
            changed: Some(changed),
            comparison: Some(comparison),
        }) = arms
        else {
            return;
        };
        let [(share, share_before), (mean, mean_before)] = figures(base);
        let [(_, share_after), (_, mean_after)] = figures(changed);
        let suite_sha256: Digest = self.suite.suite_sha256;
        self.measurements.push(Measurement {
            suite_sha256,
            metric: share.to_owned(),
            value: share_after,
            baseline: Some(share_before),
            threshold: Some(share_before - self.margin),
        });
        self.measurements.push(Measurement {
            suite_sha256,
            metric: mean.to_owned(),
            value: mean_after,
            baseline: Some(mean_before),
            threshold: None,
        });
        let test = format!("{}:{share}", self.suite.suite);
        match comparison.not_worse {
            true => self.passed.push(test),
            false => self.failed.push(test),
        }
    }
}
