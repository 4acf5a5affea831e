//! Products with a weight matrix, dequantised tile by tile.
//!
//! Both directions use tiles of at most [`TILE_ROWS`] rows and [`TILE_COLUMNS`]
//! columns, as they come out of dequantisation: a tile and the panel rows that meet
//! it stay in the near caches of a core. Threads claim pieces of the output, with
//! the weights that belong to them, so that no weight is dequantised twice, a slow
//! core holds up nobody, and no sum depends on who computed it.

use std::cell::RefCell;
use std::ops::Range;

use crate::control::Workers;
use crate::lanes::{Lanes, ROWS, Row};
use crate::matrix::Matrix;
use crate::panels::Panels;
use crate::share::Shared;

const TILE_ROWS: usize = 192;
const TILE_COLUMNS: usize = 256;

/// Floats between the rows of a tile beyond its columns: rows a power of two apart
/// would all fall into the same few sets of the nearest cache.
const TILE_GAP: usize = 16;

/// Most bytes of dequantised weights that a thread holds at a time.
pub const TILE_BYTES: usize = TILE_ROWS * (TILE_COLUMNS + TILE_GAP) * size_of::<f32>();

/// Calls a function that is generic over its number of rows with as many as are
/// left and fit the registers; evaluates to that number. Rests are halved, since a
/// few sums alone cannot keep the multipliers busy.
macro_rules! by_rows {
    ($left:expr, $function:ident($($argument:expr),*)) => {{
        let rows = match $left {
            left if left >= 2 * ROWS || left <= ROWS => left.min(ROWS),
            left => left.div_ceil(2),
        };
        match rows {
            ROWS => $function::<ROWS>($($argument),*),
            5.. => { $function::<5>($($argument),*); }
            4 => $function::<4>($($argument),*),
            3 => $function::<3>($($argument),*),
            2 => $function::<2>($($argument),*),
            _ => $function::<1>($($argument),*),
        }
        if rows == ROWS { ROWS } else { rows.min(5) }
    }};
}

/// A product of low rank that is added to a product with a weight matrix, while the
/// output is near: one half of a LoRA.
#[derive(Debug, Clone, Copy)]
pub struct LowRank<'a> {
    /// N x r for [`matmul_forward`], r x K for [`matmul_backward`]; dense.
    pub factor: Matrix<'a>,
    /// r features of the same tokens.
    pub z: &'a Panels,
    /// Factor on the product.
    pub scale: f32,
}

/// `Y = W·X + Σ scale·F·z` over `added`.
///
/// W is N x K, X has K features, Y has N; both have T tokens.
///
/// # Panics
/// When the shapes do not fit, or a factor is not dense.
pub fn matmul_forward<'p>(
    workers: impl Into<Workers<'p>>,
    w: &Matrix<'_>,
    x: &Panels,
    y: &mut Panels,
    added: &[LowRank<'_>],
) {
    let workers = workers.into();
    assert_eq!(w.columns(), x.features(), "K");
    assert_eq!(w.rows(), y.features(), "N");
    assert_eq!(x.tokens(), y.tokens(), "T");
    for low in added {
        assert_eq!(low.factor.rows(), w.rows(), "N of a factor");
        low.check(low.factor.columns(), x.tokens());
    }
    let (n, k) = (w.rows(), w.columns());
    let pieces = Pieces::new(n, ROWS, TILE_ROWS, x.panel_count(), workers.pool.threads());
    let out = Shared::new(y.rows_mut());
    workers.share(pieces.count(), |claims| {
        with_tile(|tile| {
            for (rows, panels) in claims.map(|claim| pieces.at(claim)) {
                // SAFETY: rows of the output that belong to this piece alone.
                let y = |panel| unsafe { out.part(panel * n + rows.start, rows.len()) };
                for columns in blocks(0..k, TILE_COLUMNS) {
                    let (weights, stride) = tile.load(w, &rows, &columns);
                    for panel in panels.clone() {
                        let x = &x.panel(panel)[columns.clone()];
                        let first = columns.start == 0;
                        dense_forward(weights, stride, x, y(panel), 1.0, first);
                    }
                }
                for low in added {
                    let rank = low.factor.columns();
                    let weights = &low.weights()[rows.start * rank..];
                    for panel in panels.clone() {
                        let z = low.z.panel(panel);
                        dense_forward(weights, rank, z, y(panel), low.scale, false);
                    }
                }
            }
        });
    });
}

/// `dX = Wᵀ·dY + Σ scale·Fᵀ·z` over `added`, or `dX += …` when `accumulate`.
///
/// W is N x K, dY has N features, dX has K; both have T tokens.
///
/// # Panics
/// When the shapes do not fit, or a factor is not dense.
pub fn matmul_backward<'p>(
    workers: impl Into<Workers<'p>>,
    w: &Matrix<'_>,
    dy: &Panels,
    dx: &mut Panels,
    accumulate: bool,
    added: &[LowRank<'_>],
) {
    let workers = workers.into();
    assert_eq!(w.columns(), dx.features(), "K");
    assert_eq!(w.rows(), dy.features(), "N");
    assert_eq!(dx.tokens(), dy.tokens(), "T");
    for low in added {
        assert_eq!(low.factor.columns(), w.columns(), "K of a factor");
        low.check(low.factor.rows(), dy.tokens());
    }
    let (n, k) = (w.rows(), w.columns());
    // Whole blocks of weights; three of the small ones are a multiple of ROWS.
    let step = match w.column_unit() {
        1 => ROWS,
        unit => unit * if unit < 128 { 3 } else { 1 },
    };
    let pieces = Pieces::new(
        k,
        step,
        TILE_COLUMNS,
        dx.panel_count(),
        workers.pool.threads(),
    );
    let out = Shared::new(dx.rows_mut());
    workers.share(pieces.count(), |claims| {
        with_tile(|tile| {
            for (columns, panels) in claims.map(|claim| pieces.at(claim)) {
                // SAFETY: rows of the output that belong to this piece alone.
                let dx = |panel| unsafe { out.part(panel * k + columns.start, columns.len()) };
                for rows in blocks(0..n, TILE_ROWS) {
                    let (weights, stride) = tile.load(w, &rows, &columns);
                    for panel in panels.clone() {
                        let dy = &dy.panel(panel)[rows.clone()];
                        let first = rows.start == 0 && !accumulate;
                        dense_backward(weights, stride, dy, dx(panel), 1.0, first);
                    }
                }
                for low in added {
                    let weights = &low.weights()[columns.start..];
                    for panel in panels.clone() {
                        let z = low.z.panel(panel);
                        dense_backward(weights, k, z, dx(panel), low.scale, false);
                    }
                }
            }
        });
    });
}

impl LowRank<'_> {
    fn check(&self, rank: usize, tokens: usize) {
        assert_eq!(self.z.features(), rank, "r");
        assert_eq!(self.z.tokens(), tokens, "T of a factor");
        assert!(self.factor.as_dense().is_some(), "a dense factor");
    }

    fn weights(&self) -> &[f32] {
        self.factor.as_dense().unwrap_or_default()
    }
}

/// An output of F features and some panels of tokens, cut for threads to claim.
struct Pieces {
    features: usize,
    size: usize,
    panels: usize,
    groups: usize,
}

impl Pieces {
    /// Stretches of features that are multiples of `step` and at most `most` (or one
    /// step), small enough that threads end together; few features are cut by
    /// panels as well.
    fn new(features: usize, step: usize, most: usize, panels: usize, threads: usize) -> Self {
        let wanted = if threads == 1 { 1 } else { 4 * threads };
        let most = (most / step * step).max(step);
        let size = features
            .div_ceil(wanted)
            .next_multiple_of(step)
            .clamp(step, most);
        let groups = wanted.div_ceil(features.div_ceil(size).max(1));
        let groups = groups.clamp(1, panels.max(1));
        Self {
            features,
            size,
            panels,
            groups: if threads == 1 { 1 } else { groups },
        }
    }

    fn count(&self) -> usize {
        self.features.div_ceil(self.size) * self.groups
    }

    fn at(&self, index: usize) -> (Range<usize>, Range<usize>) {
        let (stretch, group) = (index / self.groups, index % self.groups);
        let start = stretch * self.size;
        let panel = |group| self.panels * group / self.groups;
        (
            start..(start + self.size).min(self.features),
            panel(group)..panel(group + 1),
        )
    }
}

/// `range` in pieces of `size`, the last one smaller.
fn blocks(range: Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range
        .step_by(size)
        .map(move |start| start..(start + size).min(end))
}

/// Calls `work` with this thread's tile, which stays allocated.
fn with_tile(work: impl FnOnce(&mut Tile)) {
    thread_local! {
        static TILE: RefCell<Tile> = RefCell::default();
    }
    TILE.with_borrow_mut(work);
}

/// Dequantised weights, row by row.
#[derive(Default)]
struct Tile {
    values: Vec<f32>,
}

impl Tile {
    /// The weights of `rows` and `columns`, and how far apart their rows are.
    fn load<'t>(
        &'t mut self,
        w: &'t Matrix<'_>,
        rows: &Range<usize>,
        columns: &Range<usize>,
    ) -> (&'t [f32], usize) {
        // Small ones need no copy: their rows are few or close together.
        let small = w.rows() <= 64 || w.columns() <= 64;
        if let Some(dense) = w.as_dense().filter(|_| small) {
            return (
                &dense[rows.start * w.columns() + columns.start..],
                w.columns(),
            );
        }
        let stride = columns.len() + TILE_GAP;
        self.values.resize(rows.len() * stride, 0.0);
        let out = self.values.chunks_exact_mut(stride);
        for (row, out) in rows.clone().zip(out) {
            w.dequantize_row(row, columns.start, &mut out[..columns.len()]);
        }
        (&self.values, stride)
    }
}

/// One panel: `y[n] (+)= scale·Σₖ w[n·stride + k]·x[k]`; overwrites when `first`.
pub(crate) fn dense_forward(
    w: &[f32],
    stride: usize,
    x: &[Row],
    y: &mut [Row],
    scale: f32,
    first: bool,
) {
    assert!(
        y.is_empty() || w.len() >= (y.len() - 1) * stride + x.len(),
        "weights"
    );
    let mut done = 0;
    while done < y.len() {
        let w = &w[done * stride..];
        let y = &mut y[done..];
        done += by_rows!(y.len(), forward_rows(w, stride, x, y, scale, first));
    }
}

/// One panel: `dx[k] (+)= scale·Σₙ w[n·stride + k]·dy[n]`; overwrites when `first`.
pub(crate) fn dense_backward(
    w: &[f32],
    stride: usize,
    dy: &[Row],
    dx: &mut [Row],
    scale: f32,
    first: bool,
) {
    assert!(
        dy.is_empty() || w.len() >= (dy.len() - 1) * stride + dx.len(),
        "weights"
    );
    let mut done = 0;
    while done < dx.len() {
        let w = w.get(done..).unwrap_or_default();
        let dx = &mut dx[done..];
        done += by_rows!(dx.len(), backward_rows(w, stride, dy, dx, scale, first));
    }
}

#[inline(always)]
fn forward_rows<const R: usize>(
    w: &[f32],
    stride: usize,
    x: &[Row],
    y: &mut [Row],
    scale: f32,
    first: bool,
) {
    let mut sums = [Lanes::zero(); R];
    let rows: [&[f32]; R] = std::array::from_fn(|row| &w[row * stride..][..x.len()]);
    for (k, x) in x.iter().enumerate() {
        let x = Lanes::load(x);
        for (sum, row) in sums.iter_mut().zip(&rows) {
            // SAFETY: every row is as long as x.
            let w = unsafe { *row.get_unchecked(k) };
            *sum = Lanes::splat(w).mul_add(x, *sum);
        }
    }
    finish(&sums, y, scale, first);
}

#[inline(always)]
fn backward_rows<const R: usize>(
    w: &[f32],
    stride: usize,
    dy: &[Row],
    dx: &mut [Row],
    scale: f32,
    first: bool,
) {
    let mut sums = [Lanes::zero(); R];
    assert!(
        dy.is_empty() || w.len() >= (dy.len() - 1) * stride + R,
        "weights"
    );
    // No check, and so no way out, inside the loop: the sums stay in registers.
    let mut offset = 0usize;
    for dy in dy {
        let dy = Lanes::load(dy);
        for (row, sum) in sums.iter_mut().enumerate() {
            // SAFETY: `offset` is a multiple of the stride below that of the last row,
            // which has R weights by the assertion.
            let w = unsafe { *w.get_unchecked(offset.wrapping_add(row)) };
            *sum = Lanes::splat(w).mul_add(dy, *sum);
        }
        offset = offset.wrapping_add(stride);
    }
    finish(&sums, dx, scale, first);
}

#[inline(always)]
fn finish<const R: usize>(sums: &[Lanes; R], out: &mut [Row], scale: f32, first: bool) {
    let scale = Lanes::splat(scale);
    for (sum, out) in sums.iter().zip(out) {
        if first {
            sum.mul(scale).store(out);
        } else {
            sum.mul_add(scale, Lanes::load(out)).store(out);
        }
    }
}
