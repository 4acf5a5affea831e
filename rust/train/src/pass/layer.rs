//! What layers compute with: projections through adapters.

use std::ops::Range;

use pocketune_kernels::{
    Panels, RopeTable, ThreadPool, TreeMask, matmul_backward, matmul_forward, outer_product,
};

use crate::control::Control;
use crate::error::TrainError;
use crate::lora::{Lora, Projection};
use crate::model::{LayerStates, Model};
use crate::pass::Adapters;

/// Everything around a layer.
pub(crate) struct Env<'a> {
    pub(crate) model: &'a Model,
    pub(crate) pool: &'a ThreadPool,
    pub(crate) mask: &'a TreeMask,
    pub(crate) rope: &'a RopeTable,
    pub(crate) adapters: Adapters<'a>,
    pub(crate) control: &'a Control,
    /// Tokens that the feed-forward layer takes at a time, a multiple of 16.
    pub(crate) chunk_tokens: usize,
}

/// A layer's input, and what is left of its forward pass.
pub(crate) struct LayerInput<'a> {
    pub(crate) x: &'a Panels,
    /// Computed anew when absent.
    pub(crate) states: Option<LayerStates>,
    /// Whether the gradient of x is wanted.
    pub(crate) wanted: bool,
}

/// Where the gradient of the trained adapter's parameters is added up.
pub(crate) struct Gradient<'a>(pub(crate) &'a mut [f32]);

impl Env<'_> {
    /// Stretches of at most [`Env::chunk_tokens`].
    pub(crate) fn chunks(&self, tokens: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let chunk = self.chunk_tokens;
        (0..tokens)
            .step_by(chunk)
            .map(move |start| start..tokens.min(start + chunk))
    }

    /// `y = W·x + Σ s·B·A·x` over the adapters that change this matrix.
    pub(crate) fn project(
        &self,
        layer: usize,
        projection: Projection,
        x: &Panels,
    ) -> Result<Panels, TrainError> {
        self.control.check()?;
        let w = self.model.projection(layer, projection);
        let mut y = Panels::new(x.tokens(), w.rows());
        matmul_forward(self.pool, &w, x, &mut y, 1.0, false);
        for lora in self.adapters.all() {
            if let Some(site) = lora.site(layer, projection) {
                let (a, b) = lora.pair(site);
                let mut z = Panels::new(x.tokens(), lora.rank());
                matmul_forward(self.pool, &a, x, &mut z, 1.0, false);
                matmul_forward(self.pool, &b, &z, &mut y, lora.scale(), true);
            }
        }
        Ok(y)
    }

    /// Adds to the trained adapter's gradient, and writes x's where it is given:
    /// added to what is there when its flag is set.
    pub(crate) fn project_backward(
        &self,
        layer: usize,
        projection: Projection,
        x: &Panels,
        dy: &Panels,
        mut dx: Option<(&mut Panels, bool)>,
        gradient: &mut Gradient<'_>,
    ) -> Result<(), TrainError> {
        self.control.check()?;
        let w = self.model.projection(layer, projection);
        if let Some((dx, accumulate)) = &mut dx {
            matmul_backward(self.pool, &w, dy, dx, 1.0, *accumulate);
        }
        for lora in self.adapters.all() {
            let Some(site) = lora.site(layer, projection) else {
                continue;
            };
            let (a, b) = lora.pair(site);
            let mut dz = Panels::new(x.tokens(), lora.rank());
            matmul_backward(self.pool, &b, dy, &mut dz, lora.scale(), false);
            if let Some((dx, _)) = &mut dx {
                matmul_backward(self.pool, &a, &dz, dx, 1.0, true);
            }
            if self.adapters.trains(lora) {
                let mut z = Panels::new(x.tokens(), lora.rank());
                matmul_forward(self.pool, &a, x, &mut z, 1.0, false);
                let rank = lora.rank();
                outer_product(self.pool, &dz, x, &mut gradient.0[site.a(rank)], 1.0);
                outer_product(
                    self.pool,
                    dy,
                    &z,
                    &mut gradient.0[site.b(rank)],
                    lora.scale(),
                );
            }
        }
        Ok(())
    }
}

impl Adapters<'_> {
    fn all(&self) -> impl Iterator<Item = &Lora> {
        self.frozen.iter().chain(self.trained)
    }

    fn trains(&self, lora: &Lora) -> bool {
        self.trained
            .is_some_and(|trained| std::ptr::eq(trained, lora))
    }
}
