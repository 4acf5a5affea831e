//! A memory estimate as commands report it.

use pocketune_core::MemoryEstimate;
use serde::Serialize;

use crate::figures::human_bytes;

/// [`MemoryEstimate`] for JSON.
#[derive(Debug, Serialize)]
pub struct EstimateReport {
    /// Tokens of the context.
    pub context_tokens: u32,
    /// All of it.
    pub required_bytes: u64,
    /// What that is the sum of.
    pub parts: Parts,
    /// Whether weights are mapped from the file.
    pub weights_mapped: bool,
    /// What the system cannot take back.
    pub unreclaimable_bytes: u64,
    /// Taken by the first reply under a JSON Schema, beside `required_bytes`.
    pub schema_bytes: u64,
    /// What is free.
    pub available_bytes: Option<u64>,
    /// Whether it fits.
    pub fits: bool,
}

/// What `required_bytes` is the sum of.
#[derive(Debug, Serialize)]
pub struct Parts {
    /// Weights.
    pub weight_bytes: u64,
    /// Weights in another layout.
    pub repacked_bytes: u64,
    /// The KV cache.
    pub kv_bytes: u64,
    /// What computing takes.
    pub compute_bytes: u64,
    /// Everything else.
    pub overhead_bytes: u64,
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
    pub fn rows(&self) -> Vec<(&'static str, String)> {
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
