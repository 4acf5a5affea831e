//! What an adapter's signers may give out.

use std::collections::{BTreeMap, HashMap};

use crate::attest::Release;
use crate::candidate::CandidateAdapter;
use crate::policy::Limits;
use crate::verify::Refusal;

/// Frobenius norms of a base model's matrices, by tensor name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BaseNorms(HashMap<String, f64>);

impl FromIterator<(String, f64)> for BaseNorms {
    fn from_iter<I: IntoIterator<Item = (String, f64)>>(norms: I) -> Self {
        Self(norms.into_iter().collect())
    }
}

impl BaseNorms {
    /// The norm of a matrix.
    #[must_use]
    pub fn of(&self, tensor: &str) -> Option<f64> {
        self.0.get(tensor).copied()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, &norm)| (name.as_str(), norm))
    }
}

/// Checks the file against what the release says of it and against the limits. Returns by how
/// much of its norm each matrix is changed at a scale of 1.
pub(super) fn check(
    adapter: &CandidateAdapter,
    release: &Release,
    limits: &Limits,
    norms: &BaseNorms,
) -> Result<BTreeMap<String, f64>, Refusal> {
    if release.lora.as_ref() != Some(&adapter.lora_facts()) {
        return Err(Refusal::ShapeDiffers);
    }
    let found_bytes = adapter.bytes().len() as u64;
    if found_bytes > limits.max_bytes {
        return Err(Refusal::BytesBeyondLimit {
            found_bytes,
            limit_bytes: limits.max_bytes,
        });
    }
    for pair in adapter.pairs() {
        let target = || pair.target.clone();
        if pair.rank > limits.max_rank {
            return Err(Refusal::RankBeyondLimit {
                target: target(),
                found: pair.rank,
                limit: limits.max_rank,
            });
        }
        if !limits.targets.iter().any(|kind| *kind == pair.kind()) {
            return Err(Refusal::TargetBeyondLimit { target: target() });
        }
    }
    let mut ratios = BTreeMap::new();
    for (pair, update) in adapter.pairs().iter().zip(adapter.update_norms()) {
        // A norm that nobody knows, or that bounds nothing: the update is then endless.
        let base = norms.of(&pair.target).filter(|norm| norm.is_finite());
        let ratio = match (update, base) {
            (0.0, _) => 0.0,
            (_, Some(base)) => update / base,
            (_, None) => f64::INFINITY,
        };
        // What is no number must not pass.
        if ratio.is_nan() || ratio > limits.max_update_norm {
            return Err(Refusal::UpdateBeyondLimit {
                target: pair.target.clone(),
                ratio,
                limit: limits.max_update_norm,
            });
        }
        ratios.insert(pair.target.clone(), ratio);
    }
    Ok(ratios)
}
