//! How much an adapter changes a matrix.

use pocketune_gguf::Gguf;

use crate::attest::LoraFacts;
use crate::candidate::{CandidateAdapter, LoraPair};
use crate::factors::LoraFactors;

impl CandidateAdapter {
    /// `‖s·B·A‖` (Frobenius) of each pair, in the order of [`CandidateAdapter::pairs`],
    /// with the scale s that llama.cpp applies: alpha/r, or 1 without alpha.
    ///
    /// `‖B·A‖² = Σᵢⱼ (Bᵀ·B)ᵢⱼ·(A·Aᵀ)ᵢⱼ`: two r x r matrices instead of an N x K one.
    #[must_use]
    pub fn update_norms(&self) -> Vec<f64> {
        let Ok(gguf) = Gguf::parse(self.bytes(), self.bytes().len() as u64) else {
            // `parse` has read the same bytes.
            return vec![f64::INFINITY; self.pairs().len()];
        };
        let norm = |pair: &LoraPair| -> Option<f64> {
            let factors = LoraFactors::read(&gguf, self.bytes(), pair)?;
            let products = gram_of_rows(&factors.a, factors.columns, factors.rank)
                .iter()
                .zip(gram_of_columns(&factors.b, factors.rank))
                .map(|(a, b)| a * b)
                .sum::<f64>();
            // Rounding may leave a sum of squares a little below zero.
            Some(self.scale_of(pair) * products.max(0.0).sqrt())
        };
        let each = self.pairs().iter();
        each.map(|pair| norm(pair).unwrap_or(f64::INFINITY))
            .collect()
    }

    /// What llama.cpp multiplies this pair's product by.
    #[must_use]
    pub fn scale_of(&self, pair: &LoraPair) -> f64 {
        self.alpha()
            .map_or(1.0, |alpha| (f64::from(alpha) / pair.rank as f64).abs())
    }

    /// Its shape, as a release describes it.
    #[must_use]
    pub fn lora_facts(&self) -> LoraFacts {
        let kinds = self.pairs().iter().map(|pair| pair.kind().to_owned());
        let mut targets: Vec<String> = kinds.collect();
        targets.sort_unstable();
        targets.dedup();
        LoraFacts {
            rank: self.pairs().iter().map(|pair| pair.rank).max().unwrap_or(0),
            alpha: self.alpha(),
            targets,
        }
    }
}

impl LoraPair {
    /// Which of a layer's matrices it changes, such as `attn_q`; or `output`.
    #[must_use]
    pub fn kind(&self) -> &str {
        let name = self.target.strip_suffix(".weight").unwrap_or(&self.target);
        name.rsplit('.').next().unwrap_or(name)
    }
}

/// `A·Aᵀ` of r rows of `columns` values.
fn gram_of_rows(a: &[f32], columns: usize, rank: usize) -> Vec<f64> {
    let rows: Vec<&[f32]> = a.chunks_exact(columns.max(1)).take(rank).collect();
    let mut gram = Vec::with_capacity(rank.saturating_mul(rank));
    for left in &rows {
        for right in &rows {
            let products = left.iter().zip(*right);
            gram.push(products.map(|(&l, &r)| f64::from(l) * f64::from(r)).sum());
        }
    }
    gram
}

/// `Bᵀ·B` of rows of r values.
fn gram_of_columns(b: &[f32], rank: usize) -> Vec<f64> {
    let mut gram = vec![0.0; rank.saturating_mul(rank)];
    for row in b.chunks_exact(rank.max(1)) {
        for (sums, &left) in gram.chunks_exact_mut(rank.max(1)).zip(row) {
            for (sum, &right) in sums.iter_mut().zip(row) {
                *sum += f64::from(left) * f64::from(right);
            }
        }
    }
    gram
}
