//! Products with a weight matrix, dequantised tile by tile.
//!
//! Both directions use tiles of at most [`TILE_ROWS`] rows and about
//! [`TILE_COLUMNS`] columns, as they come out of dequantisation: a tile and the
//! panel rows that meet it stay in the near caches of a core. Each thread owns
//! parts of the output and the weights that belong to them, so that no weight is
//! dequantised twice and no sum depends on the number of threads.

use std::ops::Range;

use crate::lanes::{Lanes, ROWS, Row};
use crate::matrix::Matrix;
use crate::panels::Panels;
use crate::pool::ThreadPool;
use crate::share::{Shared, split};

const TILE_ROWS: usize = 192;
const TILE_COLUMNS: usize = 256;

/// Most bytes of dequantised weights that a thread holds at a time.
pub const TILE_BYTES: usize = TILE_ROWS * TILE_COLUMNS * size_of::<f32>();

/// Calls a function that is generic over its number of rows with as many as are
/// left and fit the registers; evaluates to that number.
macro_rules! by_rows {
    ($left:expr, $function:ident($($argument:expr),*)) => {{
        let rows = $left.min(ROWS);
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

/// `Y = scale·W·X`, or `Y += scale·W·X` when `accumulate`.
///
/// W is N x K, X has K features, Y has N; both have T tokens.
///
/// # Panics
/// When the shapes do not fit.
pub fn matmul_forward(
    pool: &ThreadPool,
    w: &Matrix<'_>,
    x: &Panels,
    y: &mut Panels,
    scale: f32,
    accumulate: bool,
) {
    assert_eq!(w.columns(), x.features(), "K");
    assert_eq!(w.rows(), y.features(), "N");
    assert_eq!(x.tokens(), y.tokens(), "T");
    let (n, k, panels) = (w.rows(), w.columns(), x.panel_count());
    let units = n.div_ceil(ROWS);
    let out = Shared::new(y.rows_mut());
    pool.run(|thread| {
        let mine = split(units, thread, pool.threads());
        let mut tile = Tile::default();
        for rows in blocks(mine.start * ROWS..(mine.end * ROWS).min(n), TILE_ROWS) {
            for columns in blocks(0..k, TILE_COLUMNS) {
                tile.load(w, &rows, &columns);
                let first = columns.start == 0 && !accumulate;
                for panel in 0..panels {
                    let x = &x.panel(panel)[columns.clone()];
                    // SAFETY: rows of the output that belong to this thread's units.
                    let y = unsafe { out.part(panel * n + rows.start, rows.len()) };
                    tile.forward(x, y, scale, first);
                }
            }
        }
    });
}

/// `dX += scale·Wᵀ·dY`, or `dX = scale·Wᵀ·dY` unless `accumulate`.
///
/// W is N x K, dY has N features, dX has K; both have T tokens.
///
/// # Panics
/// When the shapes do not fit.
pub fn matmul_backward(
    pool: &ThreadPool,
    w: &Matrix<'_>,
    dy: &Panels,
    dx: &mut Panels,
    scale: f32,
    accumulate: bool,
) {
    assert_eq!(w.columns(), dx.features(), "K");
    assert_eq!(w.rows(), dy.features(), "N");
    assert_eq!(dx.tokens(), dy.tokens(), "T");
    let (n, k, panels) = (w.rows(), w.columns(), dx.panel_count());
    let unit = w.column_unit().max(ROWS);
    let units = k.div_ceil(unit);
    let out = Shared::new(dx.rows_mut());
    pool.run(|thread| {
        let mine = split(units, thread, pool.threads());
        let mut tile = Tile::default();
        for columns in blocks(mine.start * unit..(mine.end * unit).min(k), TILE_COLUMNS) {
            for rows in blocks(0..n, TILE_ROWS) {
                tile.load(w, &rows, &columns);
                let first = rows.start == 0 && !accumulate;
                for panel in 0..panels {
                    let dy = &dy.panel(panel)[rows.clone()];
                    // SAFETY: rows of the output that belong to this thread's units.
                    let dx = unsafe { out.part(panel * k + columns.start, columns.len()) };
                    tile.backward(dy, dx, scale, first);
                }
            }
        }
    });
}

/// `range` in pieces of `size`, the last one smaller.
fn blocks(range: Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range
        .step_by(size)
        .map(move |start| start..(start + size).min(end))
}

/// Dequantised weights, row by row.
#[derive(Default)]
struct Tile {
    columns: usize,
    values: Vec<f32>,
}

impl Tile {
    fn load(&mut self, w: &Matrix<'_>, rows: &Range<usize>, columns: &Range<usize>) {
        self.columns = columns.len();
        self.values.resize(rows.len() * self.columns, 0.0);
        let out = self.values.chunks_exact_mut(self.columns);
        for (row, out) in rows.clone().zip(out) {
            w.dequantize_row(row, columns.start, out);
        }
    }

    fn forward(&self, x: &[Row], y: &mut [Row], scale: f32, first: bool) {
        dense_forward(&self.values, self.columns, x, y, scale, first);
    }

    fn backward(&self, dy: &[Row], dx: &mut [Row], scale: f32, first: bool) {
        dense_backward(&self.values, self.columns, dy, dx, scale, first);
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
    for (n, dy) in dy.iter().enumerate() {
        let dy = Lanes::load(dy);
        let w: &[f32] = &w[n * stride..][..R];
        for (sum, &w) in sums.iter_mut().zip(w) {
            *sum = Lanes::splat(w).mul_add(dy, *sum);
        }
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
