//! The numbers of an adapter.

use pocketune_gguf::Gguf;

use crate::candidate::{CandidateAdapter, LoraPair};
use crate::values;

/// A and B of one changed matrix of N rows and K columns, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraFactors {
    /// r.
    pub rank: usize,
    /// K.
    pub columns: usize,
    /// N.
    pub rows: usize,
    /// r x K.
    pub a: Vec<f32>,
    /// N x r.
    pub b: Vec<f32>,
}

impl CandidateAdapter {
    /// The factors of each pair, in the order of [`CandidateAdapter::pairs`]. Every number is
    /// finite. Takes as long as [`CandidateAdapter::parse`].
    #[must_use]
    pub fn factors(&self) -> Vec<LoraFactors> {
        let Ok(gguf) = Gguf::parse(self.bytes(), self.bytes().len() as u64) else {
            // `parse` has read the same bytes.
            return Vec::new();
        };
        let pairs = self.pairs().iter();
        pairs
            .filter_map(|pair| LoraFactors::read(&gguf, self.bytes(), pair))
            .collect()
    }
}

impl LoraFactors {
    /// Of a pair that [`CandidateAdapter::parse`] has checked.
    pub(crate) fn read(gguf: &Gguf<'_>, file: &[u8], pair: &LoraPair) -> Option<Self> {
        let half = |suffix: &str| -> Option<(Vec<f32>, usize, usize)> {
            let tensor = gguf.tensor(&format!("{}.{suffix}", pair.target))?;
            let data = gguf.tensor_data(tensor, file)?;
            let [columns, rows, ..] = tensor.dims();
            let size = |number: u64| usize::try_from(number).ok();
            let values = values::floats(tensor.tensor_type(), data);
            Some((values, size(rows)?, size(columns)?))
        };
        let (a, rank, columns) = half("lora_a")?;
        let (b, rows, _) = half("lora_b")?;
        Some(Self {
            rank,
            columns,
            rows,
            a,
            b,
        })
    }
}
