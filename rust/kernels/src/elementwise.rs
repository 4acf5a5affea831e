//! What touches each value once.

use crate::lanes::{Lanes, Row};
use crate::panels::Panels;
use crate::pool::ThreadPool;
use crate::share::{Shared, split};

/// `y += x`.
///
/// # Panics
/// When the shapes differ.
pub fn add(pool: &ThreadPool, x: &Panels, y: &mut Panels) {
    same_shape(x, y);
    let out = Shared::new(y.rows_mut());
    pool.run(|thread| {
        let rows = split(x.rows().len(), thread, pool.threads());
        // SAFETY: this thread's rows.
        let y = unsafe { out.part(rows.start, rows.len()) };
        for (x, y) in x.rows()[rows].iter().zip(y) {
            Lanes::load(x).add(Lanes::load(y)).store(y);
        }
    });
}

/// SwiGLU (Shazeer 2020, arXiv:2002.05202): `y = silu(gate)·up` with
/// `silu(g) = g·σ(g)`.
///
/// # Panics
/// When the shapes differ.
pub fn swiglu_forward(pool: &ThreadPool, gate: &Panels, up: &Panels, y: &mut Panels) {
    same_shape(gate, up);
    same_shape(gate, y);
    let out = Shared::new(y.rows_mut());
    pool.run(|thread| {
        let rows = split(gate.rows().len(), thread, pool.threads());
        // SAFETY: this thread's rows.
        let y = unsafe { out.part(rows.start, rows.len()) };
        for ((gate, up), y) in gate.rows()[rows.clone()]
            .iter()
            .zip(&up.rows()[rows])
            .zip(y)
        {
            let g = Lanes::load(gate);
            g.mul(sigmoid(gate)).mul(Lanes::load(up)).store(y);
        }
    });
}

/// Replaces `gate` and `up` by their gradients, given dY:
/// `dup = dy·silu(g)`, `dgate = dy·up·σ(g)·(1 + g·(1 − σ(g)))`.
///
/// # Panics
/// When the shapes differ.
pub fn swiglu_backward(pool: &ThreadPool, gate: &mut Panels, up: &mut Panels, dy: &Panels) {
    same_shape(gate, up);
    same_shape(gate, dy);
    let len = gate.rows().len();
    let gates = Shared::new(gate.rows_mut());
    let ups = Shared::new(up.rows_mut());
    pool.run(|thread| {
        let rows = split(len, thread, pool.threads());
        // SAFETY: this thread's rows.
        let gates = unsafe { gates.part(rows.start, rows.len()) };
        // SAFETY: this thread's rows.
        let ups = unsafe { ups.part(rows.start, rows.len()) };
        for ((gate, up), dy) in gates.iter_mut().zip(ups).zip(&dy.rows()[rows]) {
            let (g, u, dy) = (Lanes::load(gate), Lanes::load(up), Lanes::load(dy));
            let s = sigmoid(gate);
            let one = Lanes::splat(1.0);
            let slope = g.mul_add(one.sub(s), one).mul(s);
            dy.mul(u).mul(slope).store(gate);
            dy.mul(g.mul(s)).store(up);
        }
    });
}

#[inline(always)]
fn sigmoid(x: &Row) -> Lanes {
    Lanes::load(x).map(|x| 1.0 / (1.0 + crate::lanes::exp(-x)))
}

fn same_shape(a: &Panels, b: &Panels) {
    assert_eq!(a.features(), b.features(), "features");
    assert_eq!(a.tokens(), b.tokens(), "T");
}
