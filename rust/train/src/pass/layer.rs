//! What layers compute with: projections through adapters.

use std::borrow::Cow;
use std::ops::Range;

use pocketune_kernels::{
    LowRank, Matrix, Panels, RopeTable, ThreadPool, TreeMask, Workers, add_scaled, dropout,
    matmul_backward, matmul_forward, outer_product,
};

use crate::error::TrainError;
use crate::lora::{Lora, Projection};
use crate::model::LayerStates;
use crate::pass::{AdaptedModel, Adapters};

/// Everything around a layer.
#[derive(Clone, Copy)]
pub(crate) struct Env<'a> {
    pub(crate) adapted: AdaptedModel<'a>,
    pub(crate) mask: &'a TreeMask,
    pub(crate) rope: &'a RopeTable,
    /// Where in the pack the tokens at hand begin.
    pub(crate) first_token: usize,
}

/// Features that the trained adapter does not see (Srivastava et al. 2014), chosen
/// anew for each matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Probability of each, 0 to below 1; what is left is scaled up.
    pub rate: f32,
    /// Determines which ones.
    pub seed: u64,
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
    pub(crate) fn pool(&self) -> &ThreadPool {
        self.adapted.pool
    }

    /// Threads for the long products, which can be stopped in their midst: ask
    /// [`Env::check`] before using what they made.
    pub(crate) fn workers(&self) -> Workers<'_> {
        Workers::stopped_by(self.adapted.pool, self.adapted.control)
    }

    pub(crate) fn check(&self) -> Result<(), TrainError> {
        if self.adapted.control.goes_on() {
            Ok(())
        } else {
            Err(TrainError::Cancelled)
        }
    }

    /// Stretches that the feed-forward layer takes at a time, each with what
    /// computes it.
    pub(crate) fn chunks(&self, tokens: usize) -> impl Iterator<Item = (Range<usize>, Self)> {
        let chunk = self.adapted.plan.chunk_tokens;
        (0..tokens).step_by(chunk).map(move |start| {
            let mut env = *self;
            env.first_token = start;
            (start..tokens.min(start + chunk), env)
        })
    }

    /// `y = W·x + Σ s·B·A·d(x)` over the adapters that change this matrix, where d
    /// drops features of the trained one's input while training.
    pub(crate) fn project(
        &self,
        layer: usize,
        projection: Projection,
        x: &Panels,
    ) -> Result<Panels, TrainError> {
        let w = self.adapted.model.projection(layer, projection);
        let mut y = Panels::to_write(x.tokens(), w.rows());
        let sites: Vec<_> = self.sites(layer, projection).collect();
        let zs: Vec<Panels> = sites
            .iter()
            .map(|site| site.down(self.pool(), &self.dropped(site, x)))
            .collect();
        let added: Vec<LowRank<'_>> = sites.iter().zip(&zs).map(|(site, z)| site.up(z)).collect();
        matmul_forward(self.workers(), &w, x, &mut y, &added);
        self.check()?;
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
        dx: Option<(&mut Panels, bool)>,
        gradient: &mut Gradient<'_>,
    ) -> Result<(), TrainError> {
        let sites: Vec<_> = self.sites(layer, projection).collect();
        let mut dzs = Vec::with_capacity(sites.len());
        for site in &sites {
            let mut dz = Panels::to_write(x.tokens(), site.a.rows());
            matmul_backward(self.pool(), &site.b, dy, &mut dz, false, &[]);
            if let Some((a, b)) = &site.trained {
                let x = self.dropped(site, x);
                let z = site.down(self.pool(), &x);
                outer_product(self.pool(), &dz, &x, &mut gradient.0[a.clone()], site.scale);
                outer_product(self.pool(), dy, &z, &mut gradient.0[b.clone()], site.scale);
            }
            dzs.push(dz);
        }
        let Some((dx, accumulate)) = dx else {
            return Ok(());
        };
        let w = self.adapted.model.projection(layer, projection);
        // What dropout hid gets no gradient: such an adapter's share is masked first.
        let (masked, plain): (Vec<_>, Vec<_>) = sites
            .iter()
            .zip(&dzs)
            .partition(|(site, _)| self.dropout_of(site).is_some());
        let added: Vec<LowRank<'_>> = plain.iter().map(|(site, dz)| site.back(dz)).collect();
        matmul_backward(self.workers(), &w, dy, dx, accumulate, &added);
        for (site, dz) in masked {
            let mut share = Panels::to_write(x.tokens(), x.features());
            matmul_backward(self.pool(), &site.a, dz, &mut share, false, &[]);
            if let Some((rate, seed)) = self.dropout_of(site) {
                dropout(self.pool(), &mut share, self.first_token, rate, seed);
            }
            add_scaled(self.pool(), &share, site.scale, dx);
        }
        self.check()
    }

    /// The adapters' parts of this matrix.
    fn sites(&self, layer: usize, projection: Projection) -> impl Iterator<Item = AdapterSite<'_>> {
        self.adapted.adapters.all().filter_map(move |lora| {
            let site = lora.site(layer, projection)?;
            let (a, b) = lora.pair(site);
            let rank = lora.rank();
            let trained = self.adapted.adapters.trains(lora);
            Some(AdapterSite {
                a,
                b,
                scale: lora.scale(),
                trained: trained.then(|| (site.a(rank), site.b(rank))),
                number: layer * Projection::ALL.len() + projection as usize,
            })
        })
    }

    /// x as the adapter sees it.
    fn dropped<'x>(&self, site: &AdapterSite<'_>, x: &'x Panels) -> Cow<'x, Panels> {
        let Some((rate, seed)) = self.dropout_of(site) else {
            return Cow::Borrowed(x);
        };
        let mut x = x.clone();
        dropout(self.pool(), &mut x, self.first_token, rate, seed);
        Cow::Owned(x)
    }

    /// Rate and seed of this matrix: the same in the forward and the backward pass.
    fn dropout_of(&self, site: &AdapterSite<'_>) -> Option<(f32, u64)> {
        site.trained.as_ref()?;
        let Dropout { rate, seed } = self.adapted.dropout?;
        Some((rate, seed.wrapping_add(site.number as u64)))
    }
}

/// One adapter's part of one matrix.
struct AdapterSite<'a> {
    a: Matrix<'a>,
    b: Matrix<'a>,
    scale: f32,
    /// Where A and B lie among the parameters, when they are trained.
    trained: Option<(Range<usize>, Range<usize>)>,
    number: usize,
}

impl AdapterSite<'_> {
    /// `A·x`.
    fn down(&self, pool: &ThreadPool, x: &Panels) -> Panels {
        let mut z = Panels::to_write(x.tokens(), self.a.rows());
        matmul_forward(pool, &self.a, x, &mut z, &[]);
        z
    }

    /// `s·B·z`.
    fn up<'p>(&'p self, z: &'p Panels) -> LowRank<'p> {
        LowRank {
            factor: self.b,
            z,
            scale: self.scale,
        }
    }

    /// `s·Aᵀ·dz`.
    fn back<'p>(&'p self, dz: &'p Panels) -> LowRank<'p> {
        LowRank {
            factor: self.a,
            z: dz,
            scale: self.scale,
        }
    }
}

impl Adapters<'_> {
    fn all(&self) -> impl Iterator<Item = &Lora> {
        self.frozen.iter().chain(self.initial).chain(self.trained)
    }

    fn trains(&self, lora: &Lora) -> bool {
        self.trained
            .is_some_and(|trained| std::ptr::eq(trained, lora))
    }
}
