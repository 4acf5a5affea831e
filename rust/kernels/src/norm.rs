//! RMS norm (Zhang and Sennrich 2019, arXiv:1910.07467): `y = w·x/√(mean(x²)+ε)`.

use crate::lanes::{Lanes, Row};
use crate::panels::Panels;
use crate::pool::ThreadPool;
use crate::share::{Shared, split};

/// `y = w·x·r` with `r = 1/√(mean over K of x² + ε)`.
///
/// # Panics
/// When the shapes do not fit.
pub fn rms_norm_forward(pool: &ThreadPool, x: &Panels, w: &[f32], epsilon: f32, y: &mut Panels) {
    check(x, w, y);
    let k = x.features();
    let out = Shared::new(y.rows_mut());
    pool.run(|thread| {
        for panel in split(x.panel_count(), thread, pool.threads()) {
            let x = x.panel(panel);
            // SAFETY: this thread's panel.
            let y = unsafe { out.part(panel * k, k) };
            let r = reciprocal_root(x, epsilon);
            for ((x, &w), y) in x.iter().zip(w).zip(y) {
                Lanes::load(x).mul(r).mul(Lanes::splat(w)).store(y);
            }
        }
    });
}

/// `dx += r·w·dy − x·r³/K·Σ(w·dy·x)`: the gradient with respect to x.
///
/// # Panics
/// When the shapes do not fit.
pub fn rms_norm_backward(
    pool: &ThreadPool,
    x: &Panels,
    w: &[f32],
    epsilon: f32,
    dy: &Panels,
    dx: &mut Panels,
) {
    check(x, w, dx);
    check(x, w, dy);
    let k = x.features();
    let out = Shared::new(dx.rows_mut());
    pool.run(|thread| {
        for panel in split(x.panel_count(), thread, pool.threads()) {
            let (x, dy) = (x.panel(panel), dy.panel(panel));
            // SAFETY: this thread's panel.
            let dx = unsafe { out.part(panel * k, k) };
            let r = reciprocal_root(x, epsilon);
            let mut dot = Lanes::zero();
            for ((x, dy), &w) in x.iter().zip(dy).zip(w) {
                dot = Lanes::load(dy)
                    .mul(Lanes::splat(w))
                    .mul_add(Lanes::load(x), dot);
            }
            let shrink = dot.mul(r).mul(r).mul(r).mul(Lanes::splat(-1.0 / k as f32));
            for (((x, dy), &w), dx) in x.iter().zip(dy).zip(w).zip(dx) {
                let direct = Lanes::load(dy)
                    .mul(Lanes::splat(w))
                    .mul_add(r, Lanes::load(dx));
                let sum = Lanes::load(x).mul_add(shrink, direct);
                sum.without_specks().store(dx);
            }
        }
    });
}

fn reciprocal_root(x: &[Row], epsilon: f32) -> Lanes {
    // Four sums: one alone would wait for itself.
    let mut sums = [Lanes::zero(); 4];
    for (index, x) in x.iter().enumerate() {
        let x = Lanes::load(x);
        sums[index % 4] = x.mul_add(x, sums[index % 4]);
    }
    let sum = sums[0].add(sums[1]).add(sums[2].add(sums[3]));
    let count = x.len() as f32;
    sum.map(|sum| 1.0 / (sum / count + epsilon).sqrt())
}

fn check(x: &Panels, w: &[f32], y: &Panels) {
    assert_eq!(x.features(), w.len(), "K");
    assert_eq!(x.features(), y.features(), "K");
    assert_eq!(x.tokens(), y.tokens(), "T");
}
