//! The coordinates that training works in.
//!
//! With an L2 penalty the best weights are a sum of the differences that they are trained
//! on. Where those are fewer than half of F, training works in an orthonormal basis of
//! their span: the penalty is the same there, and a step costs less.

use super::comparisons::{Comparisons, Reply, ReplyIndex};
use super::error::RewardError;
use super::math::{add_scaled, dot};

/// A feature that varies less than this part of its size is rounding noise: constant.
const CONSTANT: f64 = 1e-6;
/// A difference whose new part is shorter than this part of it adds no direction.
const DEPENDENT: f64 = 1e-9;

/// Standardised differences in D coordinates: comparisons first, then edits.
#[derive(Debug, Clone)]
pub(crate) struct Space {
    pub(crate) mean: Vec<f32>,
    pub(crate) scale: Vec<f32>,
    /// D.
    pub(crate) dims: usize,
    /// A row of D for each difference, of mean square length 1 over comparisons.
    rows: Vec<f64>,
    /// D rows of F; none where coordinates are the features themselves.
    basis: Option<Vec<f64>>,
    /// Length of a typical difference before it was divided by it.
    unit: f64,
}

impl Space {
    pub(crate) fn of(comparisons: &Comparisons) -> Result<Self, RewardError> {
        let (mean, scale) = mean_and_scale(comparisons);
        let mut rows = differences(comparisons, &scale);
        let features = comparisons.features();
        let compared = comparisons.comparisons().len();
        let squares: f64 = rows
            .chunks_exact(features)
            .take(compared)
            .map(|row| dot(row, row))
            .sum();
        let unit = (squares / compared as f64).sqrt();
        if unit <= 0.0 {
            return Err(RewardError::NoDifference);
        }
        rows.iter_mut().for_each(|value| *value /= unit);
        let mut space = Self {
            mean,
            scale: scale
                .into_iter()
                .map(|scale| scale.unwrap_or(1.0))
                .collect(),
            dims: features,
            rows,
            basis: None,
            unit,
        };
        if space.rows.len() / features <= features / 2 {
            space.project();
        }
        Ok(space)
    }

    /// The difference of one comparison or edit.
    pub(crate) fn row(&self, row: usize) -> &[f64] {
        &self.rows[row * self.dims..(row + 1) * self.dims]
    }

    /// Weights of standardised features for weights of coordinates.
    pub(crate) fn weights(&self, coordinates: &[f64]) -> Vec<f32> {
        let features = self.mean.len();
        let mut weights = vec![0.0; features];
        match &self.basis {
            None => weights.copy_from_slice(coordinates),
            Some(basis) => {
                for (direction, &weight) in basis.chunks_exact(features).zip(coordinates) {
                    add_scaled(&mut weights, weight, direction);
                }
            }
        }
        let narrow = weights.iter().map(|weight| (weight / self.unit) as f32);
        narrow.collect()
    }

    /// Replaces rows of F by rows of D (Gram–Schmidt, each direction cleaned twice).
    fn project(&mut self) {
        let features = self.mean.len();
        let mut basis: Vec<f64> = Vec::new();
        for row in self.rows.chunks_exact(features) {
            let mut direction = row.to_vec();
            for _ in 0..2 {
                for known in basis.chunks_exact(features) {
                    let part = dot(known, &direction);
                    add_scaled(&mut direction, -part, known);
                }
            }
            let length = dot(&direction, &direction).sqrt();
            if length > DEPENDENT * dot(row, row).sqrt() {
                basis.extend(direction.iter().map(|value| value / length));
            }
        }
        let rows = self.rows.chunks_exact(features);
        let coordinates = rows.flat_map(|row| {
            let directions = basis.chunks_exact(features);
            directions.map(|direction| dot(direction, row))
        });
        self.rows = coordinates.collect();
        self.dims = basis.len() / features;
        self.basis = Some(basis);
    }
}

/// Of the replies that comparisons name; no scale for a constant feature.
fn mean_and_scale(comparisons: &Comparisons) -> (Vec<f32>, Vec<Option<f32>>) {
    let features = comparisons.features();
    let replies: Vec<&Reply> = comparisons.compared_replies().collect();
    let count = replies.len() as f64;
    let mut mean = vec![0.0; features];
    for reply in &replies {
        for (sum, &value) in mean.iter_mut().zip(&reply.features) {
            *sum += f64::from(value) / count;
        }
    }
    let mut variance = vec![0.0; features];
    for reply in &replies {
        for ((sum, &value), mean) in variance.iter_mut().zip(&reply.features).zip(&mean) {
            *sum += (f64::from(value) - mean).powi(2) / count;
        }
    }
    let scale = variance.iter().zip(&mean).map(|(variance, mean)| {
        let deviation = variance.sqrt() as f32;
        let varies = f64::from(deviation) > CONSTANT * mean.abs();
        // A subnormal scale would make scores overflow.
        (varies && deviation.is_normal()).then_some(deviation)
    });
    let scale = scale.collect();
    (mean.iter().map(|&mean| mean as f32).collect(), scale)
}

/// Rows of F: how the better reply differs from the other. Constant features do not, so
/// that they get no weight.
fn differences(comparisons: &Comparisons, scale: &[Option<f32>]) -> Vec<f64> {
    let compared = comparisons.comparisons().iter();
    let edits = comparisons.edits().iter();
    let pairs = compared
        .map(|comparison| (comparison.chosen, comparison.rejected))
        .chain(edits.map(|edit| (edit.original, edit.edited)));
    let features = |index: ReplyIndex| &comparisons.reply(index).features;
    pairs
        .flat_map(|(better, worse)| {
            let values = features(better).iter().zip(features(worse)).zip(scale);
            values.map(|((&better, &worse), scale)| {
                let difference = f64::from(better) - f64::from(worse);
                scale.map_or(0.0, |scale| difference / f64::from(scale))
            })
        })
        .collect()
}

#[cfg(test)]
impl Space {
    /// A space whose coordinates are given.
    pub(crate) fn of_rows(dims: usize, rows: Vec<f64>) -> Self {
        Self {
            mean: vec![0.0; dims],
            scale: vec![1.0; dims],
            dims,
            rows,
            basis: None,
            unit: 1.0,
        }
    }
}
