//! A memory estimate as commands report it.

use pocketune_core::MemoryEstimate;
use serde::Serialize;

use crate::output::human_bytes;

/// [`MemoryEstimate`] for JSON.
#[derive(Debug, Serialize)]
pub(crate) struct EstimateReport {
    pub(crate) context_tokens: u32,
    pub(crate) required_bytes: u64,
    pub(crate) parts: Parts,
    pub(crate) weights_mapped: bool,
    pub(crate) unreclaimable_bytes: u64,
    /// Taken by the first reply under a JSON Schema, beside `required_bytes`.
    pub(crate) schema_bytes: u64,
    pub(crate) available_bytes: Option<u64>,
    pub(crate) fits: bool,
}

/// What `required_bytes` is the sum of.
#[derive(Debug, Serialize)]
pub(crate) struct Parts {
    pub(crate) weight_bytes: u64,
    pub(crate) repacked_bytes: u64,
    pub(crate) kv_bytes: u64,
    pub(crate) compute_bytes: u64,
    pub(crate) overhead_bytes: u64,
}

impl From<&MemoryEstimate> for EstimateReport {
    fn from(estimate: &MemoryEstimate) -> Self {
        Self {
            context_tokens: estimate.context_tokens,
            required_bytes: estimate.required_bytes(),
            parts: Parts {
                weight_bytes: estimate.weight_bytes,
                repacked_bytes: estimate.repacked_bytes,
                kv_bytes: estimate.kv_bytes,
                compute_bytes: estimate.compute_bytes,
                overhead_bytes: estimate.overhead_bytes,
            },
            weights_mapped: estimate.weights_mapped,
            unreclaimable_bytes: estimate.unreclaimable_bytes(),
            schema_bytes: estimate.schema_bytes,
            available_bytes: estimate.available_bytes,
            fits: estimate.fits(),
        }
    }
}

impl EstimateReport {
    /// Names and values for a person.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String)> {
        let mapped = if self.weights_mapped {
            "mapped from the file"
        } else {
            "copied"
        };
        vec![
            ("context", format!("{} tokens", self.context_tokens)),
            ("memory", human_bytes(self.required_bytes)),
            (
                "  weights",
                format!("{}, {mapped}", human_bytes(self.parts.weight_bytes)),
            ),
            ("  repacked", human_bytes(self.parts.repacked_bytes)),
            ("  KV cache", human_bytes(self.parts.kv_bytes)),
            ("  computing", human_bytes(self.parts.compute_bytes)),
            ("  overhead", human_bytes(self.parts.overhead_bytes)),
            (
                "  JSON Schema",
                format!("{} more when first used", human_bytes(self.schema_bytes)),
            ),
            (
                "free",
                self.available_bytes
                    .map_or("unknown".to_owned(), human_bytes),
            ),
            ("fits", if self.fits { "yes" } else { "no" }.to_owned()),
        ]
    }
}
