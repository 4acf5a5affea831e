//! The validation predicate: which suites were run, and what came out.

use pocketune_base::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::attest::json::{self, JsonError};

/// What a validation statement says of its subject, in the fields of in-toto's
/// test-result predicate (result, configuration, passedTests, warnedTests,
/// failedTests), with the figures beside them. Strict like a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Validation {
    /// All in all.
    pub result: TestResult,
    /// The suites that were run.
    pub configuration: Vec<SuiteRef>,
    /// The base model under the adapter.
    pub base_model_sha256: Digest,
    /// When they were run.
    pub created: Timestamp,
    /// Names of what passed.
    #[serde(default)]
    pub passed_tests: Vec<String>,
    /// Names of what passed with a remark.
    #[serde(default)]
    pub warned_tests: Vec<String>,
    /// Names of what failed.
    #[serde(default)]
    pub failed_tests: Vec<String>,
    /// What was measured.
    pub measurements: Vec<Measurement>,
    /// How it was measured, where somebody is to be able to measure it again. Statements
    /// from before this field have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub procedure: Option<Procedure>,
}

/// How suites were run: all that the figures depend on beside model, adapter and suites.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Procedure {
    /// What ran them, such as `pocketune 0.1.0`. Another build may compute other figures.
    pub tool: String,
    /// SHA-256 of the adapter under which they were run: the statement's subject. It says
    /// so itself, because it is measured first and signed later.
    pub adapter_sha256: Digest,
    /// How items were asked, in the order in which they were.
    pub asked_by: Vec<AskedBy>,
    /// Share of a suite's items that the adapter might lose: 0 to 1.
    pub margin: f64,
    /// Most tokens of a reply, where replies were generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Tokens of prompt and reply together that the model was loaded for.
    pub context_tokens: u32,
    /// Storage type of cached keys and values, such as `f16`.
    pub kv_cache_type: String,
}

/// How a suite's items are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AskedBy {
    /// Which of the given replies is the likeliest a token: `accuracy`, `mean_margin`.
    Probability,
    /// Replies of the model's own, decoded greedily, to critics: `pass_rate`, `mean_score`.
    Generation,
}

/// The outcome of all suites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TestResult {
    /// Good.
    Passed,
    /// Good, with remarks.
    Warned,
    /// Not good.
    Failed,
}

/// A suite by the digest of its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SuiteRef {
    /// For people, and for measurements to refer to.
    pub name: String,
    /// SHA-256 of the suite.
    pub sha256: Digest,
}

/// One figure of one suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Measurement {
    /// SHA-256 of the suite; one of the configuration.
    pub suite_sha256: Digest,
    /// What was measured, such as `accuracy`.
    pub metric: String,
    /// With the adapter.
    pub value: f64,
    /// Without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<f64>,
    /// What was asked of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

impl Validation {
    /// The predicate's type.
    pub const TYPE: &'static str = "https://pocketune.dev/attestation/validation/v1";

    /// Reads a predicate that is yet to be signed, as strictly as a signed one: bounded in
    /// depth, without equal keys, without unknown fields. Does not block.
    ///
    /// # Errors
    /// [`JsonError`].
    pub fn parse(predicate: &[u8]) -> Result<Self, JsonError> {
        json::read(predicate)
    }

    /// Whether nothing failed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.result != TestResult::Failed && self.failed_tests.is_empty()
    }

    /// What was measured by this suite, where it says so once.
    #[must_use]
    pub fn value(&self, suite: &Digest, metric: &str) -> Option<f64> {
        let mut found = self
            .measurements
            .iter()
            .filter(|one| one.suite_sha256 == *suite && one.metric == metric);
        let first = found.next()?;
        found.next().is_none().then_some(first.value)
    }
}
