//! Low-rank adapters (Hu et al. 2021, arXiv:2106.09685): `y = W·x + s·B·A·x` with A of
//! r x K, B of N x r and `s = alpha/r`.

use std::ops::Range;

use pocketune_kernels::Matrix;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::model::Model;

/// The matrices of a layer that an adapter can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Projection {
    /// Queries.
    Q,
    /// Keys.
    K,
    /// Values.
    V,
    /// Output of attention.
    O,
    /// Gate of the feed-forward layer.
    Gate,
    /// Its other input.
    Up,
    /// Its output.
    Down,
}

impl Projection {
    /// All seven, in the order of computation.
    pub const ALL: [Self; 7] = [
        Self::Q,
        Self::K,
        Self::V,
        Self::O,
        Self::Gate,
        Self::Up,
        Self::Down,
    ];

    /// The name users write, which is PEFT's without `_proj`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Q => "q",
            Self::K => "k",
            Self::V => "v",
            Self::O => "o",
            Self::Gate => "gate",
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    /// The projection of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|projection| projection.name() == name)
    }

    /// GGUF's name of the weight in `layer`.
    #[must_use]
    pub fn tensor(self, layer: usize) -> String {
        let name = match self {
            Self::Q => "attn_q",
            Self::K => "attn_k",
            Self::V => "attn_v",
            Self::O => "attn_output",
            Self::Gate => "ffn_gate",
            Self::Up => "ffn_up",
            Self::Down => "ffn_down",
        };
        format!("blk.{layer}.{name}.weight")
    }
}

/// What an adapter changes and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoraShape {
    /// r, 1 to 256.
    pub rank: usize,
    /// Numerator of the scale alpha/r.
    pub alpha: f32,
    /// Matrices changed in each layer, without repetition.
    pub projections: Vec<Projection>,
    /// Layers changed.
    pub layers: AdaptedLayers,
}

/// The layers that an adapter changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AdaptedLayers {
    /// Every one.
    #[default]
    All,
    /// All but the lowest third, rounded down. What the lowest layers make of a text serves
    /// everything that a model says; without them the backward pass is shorter by a third, and so
    /// is the adapter.
    UpperTwoThirds,
    /// Those of these numbers, from 0, without repetition.
    Only(Vec<usize>),
}

impl AdaptedLayers {
    /// Their numbers in a model of `layers` layers.
    fn numbers(&self, layers: usize) -> Vec<usize> {
        match self {
            Self::All => (0..layers).collect(),
            Self::UpperTwoThirds => (layers / 3..layers).collect(),
            Self::Only(numbers) => numbers.clone(),
        }
    }
}

impl LoraShape {
    /// All projections of all layers, at twice the rank as alpha: a scale of 2.
    #[must_use]
    pub fn of_rank(rank: usize) -> Self {
        Self {
            rank,
            alpha: 2.0 * rank as f32,
            projections: Projection::ALL.to_vec(),
            layers: AdaptedLayers::All,
        }
    }
}

impl Default for LoraShape {
    /// Rank 8.
    fn default() -> Self {
        Self::of_rank(8)
    }
}

/// One changed matrix: where its A and B lie among the parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) layer: usize,
    pub(crate) projection: Projection,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    start: usize,
}

impl Site {
    /// r x K.
    pub(crate) fn a(&self, rank: usize) -> Range<usize> {
        self.start..self.start + rank * self.columns
    }

    /// N x r.
    pub(crate) fn b(&self, rank: usize) -> Range<usize> {
        let start = self.a(rank).end;
        start..start + self.rows * rank
    }
}

/// The two halves of one changed matrix: rows, columns and values of each.
pub(crate) struct Pair {
    pub(crate) layer: usize,
    pub(crate) projection: Projection,
    pub(crate) a: (usize, usize, Vec<f32>),
    pub(crate) b: (usize, usize, Vec<f32>),
}

/// An adapter with its parameters: A and B of each site, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Lora {
    shape: LoraShape,
    sites: Vec<Site>,
    parameters: Vec<f32>,
}

impl Lora {
    /// A from zero change: A uniform in ±1/√K as PEFT draws it, B zero.
    ///
    /// # Errors
    /// [`TrainError::Adapter`].
    pub fn new(model: &Model, shape: LoraShape, seed: u64) -> Result<Self, TrainError> {
        let mut lora = Self::zero(model, shape)?;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let rank = lora.shape.rank;
        for site in &lora.sites {
            let bound = 1.0 / (site.columns as f32).sqrt();
            for a in &mut lora.parameters[site.a(rank)] {
                let unit = (random.next_u32() >> 8) as f32 / (1u32 << 23) as f32 - 1.0;
                *a = unit * bound;
            }
        }
        Ok(lora)
    }

    /// All parameters zero.
    ///
    /// # Errors
    /// [`TrainError::Adapter`].
    pub fn zero(model: &Model, shape: LoraShape) -> Result<Self, TrainError> {
        let refuse = |reason: String| Err(TrainError::Adapter { reason });
        if !(1..=256).contains(&shape.rank) {
            return refuse(format!("rank {}, allowed are 1 to 256", shape.rank));
        }
        if !(shape.alpha.is_finite() && shape.alpha > 0.0) {
            return refuse(format!("alpha {}, it must be above 0", shape.alpha));
        }
        if shape.projections.is_empty() {
            return refuse("it changes no projection".to_owned());
        }
        let mut sites: Vec<Site> = Vec::new();
        let mut start = 0;
        for layer in shape.layers.numbers(model.layers()) {
            if layer >= model.layers() {
                return refuse(format!("layer {layer} of {}", model.layers()));
            }
            for &projection in &shape.projections {
                let known = |site: &Site| site.layer == layer && site.projection == projection;
                if sites.iter().any(known) {
                    return refuse(format!("{} of layer {layer} twice", projection.name()));
                }
                let weight = model.projection(layer, projection);
                let site = Site {
                    layer,
                    projection,
                    rows: weight.rows(),
                    columns: weight.columns(),
                    start,
                };
                start = site.b(shape.rank).end;
                sites.push(site);
            }
        }
        if sites.is_empty() {
            return refuse("it changes no layer".to_owned());
        }
        Ok(Self {
            shape,
            sites,
            parameters: vec![0.0; start],
        })
    }

    /// From matrices that exist; projections and layers of `shape` are made from them.
    ///
    /// # Errors
    /// [`TrainError::Adapter`] when a matrix does not fit the model or the rank.
    pub(crate) fn from_pairs(
        model: &Model,
        mut shape: LoraShape,
        pairs: Vec<Pair>,
    ) -> Result<Self, TrainError> {
        let rank = shape.rank;
        let (mut sites, mut parameters) = (Vec::new(), Vec::new());
        for pair in pairs {
            let weight = model.projection(pair.layer, pair.projection);
            let (rows, columns) = (weight.rows(), weight.columns());
            let (a, b) = ((pair.a.0, pair.a.1), (pair.b.0, pair.b.1));
            if a != (rank, columns) || b != (rows, rank) {
                let name = pair.projection.tensor(pair.layer);
                let reason = format!(
                    "{name} is {rows} x {columns}; A is {} x {}, B {} x {}, the rank {rank}",
                    a.0, a.1, b.0, b.1
                );
                return Err(TrainError::Adapter { reason });
            }
            sites.push(Site {
                layer: pair.layer,
                projection: pair.projection,
                rows,
                columns,
                start: parameters.len(),
            });
            parameters.extend(pair.a.2);
            parameters.extend(pair.b.2);
        }
        let mut layers: Vec<usize> = sites.iter().map(|site| site.layer).collect();
        layers.dedup();
        shape.projections = Projection::ALL.to_vec();
        shape
            .projections
            .retain(|&it| sites.iter().any(|site| site.projection == it));
        shape.layers = match layers.len() < model.layers() {
            true => AdaptedLayers::Only(layers),
            false => AdaptedLayers::All,
        };
        Ok(Self {
            shape,
            sites,
            parameters,
        })
    }

    /// What it changes and how.
    #[must_use]
    pub fn shape(&self) -> &LoraShape {
        &self.shape
    }

    /// All parameters, site after site, A before B.
    #[must_use]
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// All parameters, to change them.
    pub fn parameters_mut(&mut self) -> &mut [f32] {
        &mut self.parameters
    }

    /// A (r x K) and B (N x r) of each changed matrix.
    pub fn matrices(&self) -> impl Iterator<Item = (usize, Projection, Matrix<'_>, Matrix<'_>)> {
        self.sites.iter().map(|site| {
            let (a, b) = self.pair(site);
            (site.layer, site.projection, a, b)
        })
    }

    /// alpha/r.
    pub(crate) fn scale(&self) -> f32 {
        self.shape.alpha / self.shape.rank as f32
    }

    pub(crate) fn rank(&self) -> usize {
        self.shape.rank
    }

    pub(crate) fn site(&self, layer: usize, projection: Projection) -> Option<&Site> {
        let it = |site: &&Site| site.layer == layer && site.projection == projection;
        self.sites.iter().find(it)
    }

    pub(crate) fn pair(&self, site: &Site) -> (Matrix<'_>, Matrix<'_>) {
        let rank = self.rank();
        let a = Matrix::dense(&self.parameters[site.a(rank)], rank, site.columns);
        let b = Matrix::dense(&self.parameters[site.b(rank)], site.rows, rank);
        (a, b)
    }

    /// Whether every B is zero.
    pub(crate) fn changes_nothing(&self) -> bool {
        let rank = self.rank();
        let mut bs = self.sites.iter().map(|site| &self.parameters[site.b(rank)]);
        bs.all(|b| b.iter().all(|&value| value == 0.0))
    }

    /// Multiplies every B.
    pub(crate) fn scale_b(&mut self, factor: f32) {
        let rank = self.rank();
        for site in &self.sites {
            for value in &mut self.parameters[site.b(rank)] {
                *value *= factor;
            }
        }
    }

    /// Leaves `factor` of what each parameter differs by from `start`'s, which has the same
    /// shape.
    pub(crate) fn shrink_towards(&mut self, start: &Self, factor: f32) {
        for (value, start) in self.parameters.iter_mut().zip(&start.parameters) {
            *value = start + factor * (*value - start);
        }
    }

    /// The first layer that it changes.
    pub(crate) fn first_layer(&self) -> usize {
        self.sites.iter().map(|site| site.layer).min().unwrap_or(0)
    }
}
