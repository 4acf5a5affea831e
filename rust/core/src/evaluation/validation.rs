//! An evaluation as the content of a validation statement. What is signed is named here: these
//! names are part of the format and stay as they are.

use pocketune_adapter::{
    AskedBy, Digest, Measurement, Procedure, SuiteRef, TestResult, Timestamp, Validation,
};

use super::compare::{ComparedArms, EvaluatedSuite, Evaluation, EvaluationPlan};
use crate::engine::Engine;

/// What measures, as statements name it.
pub(super) const TOOL: &str = concat!("pocketune ", env!("CARGO_PKG_VERSION"));

impl EvaluationPlan {
    /// How an adapter is measured by this plan on this engine, as a statement says it.
    #[must_use]
    pub fn procedure(&self, engine: &Engine, adapter_sha256: Digest) -> Procedure {
        let generates = self.asked_by.contains(&AskedBy::Generation);
        Procedure {
            tool: TOOL.to_owned(),
            adapter_sha256,
            margin: self.margin,
            max_tokens: generates.then_some(self.max_tokens),
            asked_by: self.asked_by.clone(),
            context_tokens: engine.memory_estimate().context_tokens,
            kv_cache_type: engine.options().kv_cache_type.name().to_owned(),
        }
    }
}

impl Evaluation {
    /// What the comparisons come to, for a validation statement. Suites that were asked
    /// without a candidate say nothing.
    #[must_use]
    pub fn validation(&self, procedure: Procedure, created: Timestamp) -> Validation {
        let mut measurements = Vec::new();
        let [mut passed_tests, mut failed_tests] = [const { Vec::new() }; 2];
        let margin = procedure.margin;
        for suite in &self.suites {
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
        let configuration = self.suites.iter().map(|suite| SuiteRef {
            name: suite.suite.clone(),
            sha256: suite.suite_sha256,
        });
        Validation {
            result: match failed_tests.is_empty() {
                true => TestResult::Passed,
                false => TestResult::Failed,
            },
            configuration: configuration.collect(),
            base_model_sha256: self.model_sha256,
            created,
            passed_tests,
            warned_tests: Vec::new(),
            failed_tests,
            measurements,
            procedure: Some(procedure),
        }
    }
}

/// Where one suite's figures go.
struct Tests<'a> {
    suite: &'a EvaluatedSuite,
    margin: f64,
    measurements: &'a mut Vec<Measurement>,
    passed: &'a mut Vec<String>,
    failed: &'a mut Vec<String>,
}

impl Tests<'_> {
    /// The figures of one way of asking: a share, of which something is asked, and a mean.
    fn add<T>(
        &mut self,
        arms: Option<&ComparedArms<T>>,
        figures: impl Fn(&T) -> [(&'static str, f64); 2],
    ) {
        let Some(ComparedArms {
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

#[cfg(test)]
mod tests {
    use pocketune_adapter::{AskedBy, Digest, Procedure, Timestamp};
    use pocketune_judge::suite::{ItemResult, Suite, SuiteResult, compare};

    use super::super::compare::{ComparedArms, EvaluatedSuite, Evaluation};

    const ITEM: &str = r#"{"form":"choice","id":"a","kind":"k","licence":"MIT","source":"s","question":"hi","choices":["a","b"],"answer":0}"#;

    /// What was signed in the first version, byte for byte.
    const SIGNED: &str = r#"{"result":"FAILED","configuration":[{"name":"facts","sha256":"SUITE"}],"baseModelSha256":"MODEL","created":"2026-11-25T07:00:00Z","passedTests":[],"warnedTests":[],"failedTests":["facts:accuracy"],"measurements":[{"suiteSha256":"SUITE","metric":"accuracy","value":0.0,"baseline":1.0,"threshold":0.95},{"suiteSha256":"SUITE","metric":"mean_margin","value":-1.0,"baseline":1.0}],"procedure":{"tool":"pocketune 0.1.0","adapterSha256":"ADAPTER","askedBy":["probability"],"margin":0.05,"contextTokens":256,"kvCacheType":"f16"}}"#;

    #[test]
    fn the_bytes_that_are_signed_stay_as_they_are() {
        let suite = Suite::parse("facts", ITEM.as_bytes()).unwrap();
        let result = |by_token: &[f64]| {
            let item = ItemResult::of(&suite.items[0], by_token).unwrap();
            SuiteResult::of(&suite, vec![item])
        };
        let (base, changed) = (result(&[-1.0, -2.0]), result(&[-2.0, -1.0]));
        let comparison = compare(&base.items, &changed.items, 0.05).unwrap();
        let evaluation = Evaluation {
            model_sha256: Digest::of(b"model"),
            adapter_sha256: Some(Digest::of(b"adapter")),
            suites: vec![EvaluatedSuite {
                suite: "facts".to_owned(),
                suite_sha256: Digest::of(ITEM.as_bytes()),
                probability: Some(ComparedArms {
                    base,
                    changed: Some(changed),
                    comparison: Some(comparison),
                }),
                generation: None,
            }],
        };
        let procedure = Procedure {
            tool: "pocketune 0.1.0".to_owned(),
            adapter_sha256: Digest::of(b"adapter"),
            asked_by: vec![AskedBy::Probability],
            margin: 0.05,
            max_tokens: None,
            context_tokens: 256,
            kv_cache_type: "f16".to_owned(),
        };
        let created = Timestamp::parse("2026-11-25T07:00:00Z").unwrap();
        let validation = evaluation.validation(procedure, created);
        let expected = SIGNED
            .replace("SUITE", &suite.sha256)
            .replace("MODEL", &Digest::of(b"model").to_string())
            .replace("ADAPTER", &Digest::of(b"adapter").to_string());
        assert_eq!(serde_json::to_string(&validation).unwrap(), expected);
    }
}
