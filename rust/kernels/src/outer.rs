//! Gradients of weights: sums over tokens.

use crate::lanes::{Lanes, Row};
use crate::panels::Panels;
use crate::pool::ThreadPool;
use crate::share::{Shared, split};

/// Rows and columns of the gradient that are summed in registers at once.
const BLOCK_ROWS: usize = 2;
const BLOCK_COLUMNS: usize = 2;

/// `G += scale·A·Bᵀ`: G is N x K, row after row; A has N features, B has K.
/// Padding must be 0 in A or B.
///
/// # Panics
/// When the shapes do not fit.
pub fn outer_product(pool: &ThreadPool, a: &Panels, b: &Panels, gradient: &mut [f32], scale: f32) {
    let (n, k) = (a.features(), b.features());
    assert_eq!(a.tokens(), b.tokens(), "T");
    assert_eq!(gradient.len(), n * k, "N x K");
    let panels = a.panel_count();
    let out = Shared::new(gradient);
    // The longer side is shared among the threads; N is a small rank or K is.
    pool.run(|thread| {
        let (rows, columns) = if n >= k {
            (split(n, thread, pool.threads()), 0..k)
        } else {
            (0..n, split(k, thread, pool.threads()))
        };
        for row in rows.clone().step_by(BLOCK_ROWS) {
            for column in columns.clone().step_by(BLOCK_COLUMNS) {
                let height = BLOCK_ROWS.min(rows.end - row);
                let width = BLOCK_COLUMNS.min(columns.end - column);
                let mut sums = [[Lanes::zero(); BLOCK_COLUMNS]; BLOCK_ROWS];
                for panel in 0..panels {
                    let a = &a.panel(panel)[row..][..height];
                    let b = &b.panel(panel)[column..][..width];
                    multiply(a, b, &mut sums);
                }
                for (i, sums) in sums.iter().enumerate().take(height) {
                    // SAFETY: a stretch of this thread's rows and columns.
                    let out = unsafe { out.part((row + i) * k + column, width) };
                    for (out, sum) in out.iter_mut().zip(sums) {
                        *out += scale * sum.sum();
                    }
                }
            }
        }
    });
}

#[inline(always)]
fn multiply(a: &[Row], b: &[Row], sums: &mut [[Lanes; BLOCK_COLUMNS]; BLOCK_ROWS]) {
    if let ([a0, a1], [b0, b1]) = (a, b) {
        let (a0, a1) = (Lanes::load(a0), Lanes::load(a1));
        let (b0, b1) = (Lanes::load(b0), Lanes::load(b1));
        sums[0][0] = a0.mul_add(b0, sums[0][0]);
        sums[0][1] = a0.mul_add(b1, sums[0][1]);
        sums[1][0] = a1.mul_add(b0, sums[1][0]);
        sums[1][1] = a1.mul_add(b1, sums[1][1]);
        return;
    }
    for (a, sums) in a.iter().zip(sums) {
        for (b, sum) in b.iter().zip(sums) {
            *sum = Lanes::load(a).mul_add(Lanes::load(b), *sum);
        }
    }
}
