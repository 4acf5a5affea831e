//! What touches each value once.

use crate::lanes::{Lanes, Row, WIDTH};
use crate::panels::Panels;
use crate::pool::ThreadPool;
use crate::share::{Shared, split};

/// `y += x`.
///
/// # Panics
/// When the shapes differ.
pub fn add(pool: &ThreadPool, x: &Panels, y: &mut Panels) {
    add_scaled(pool, x, 1.0, y);
}

/// `y += scale·x`.
///
/// # Panics
/// When the shapes differ.
pub fn add_scaled(pool: &ThreadPool, x: &Panels, scale: f32, y: &mut Panels) {
    same_shape(x, y);
    let out = Shared::new(y.rows_mut());
    let scale = Lanes::splat(scale);
    pool.run(|thread| {
        let rows = split(x.rows().len(), thread, pool.threads());
        // SAFETY: this thread's rows.
        let y = unsafe { out.part(rows.start, rows.len()) };
        for (x, y) in x.rows()[rows].iter().zip(y) {
            Lanes::load(x).mul_add(scale, Lanes::load(y)).store(y);
        }
    });
}

/// Sets values to 0 with probability `rate` and divides the others by `1 − rate`
/// (inverted dropout). `seed` and a value's place decide, so that the same call on
/// a gradient hides the same places. `x` is the stretch from token `start` on of
/// what the places are counted in. Probabilities are multiples of 2⁻¹⁶.
///
/// # Panics
/// Unless `rate` is from 0 to below 1 and `start` the first of a panel.
pub fn dropout(pool: &ThreadPool, x: &mut Panels, start: usize, rate: f32, seed: u64) {
    assert!((0.0..1.0).contains(&rate), "rate");
    assert!(start.is_multiple_of(WIDTH), "start");
    let before = start / WIDTH * x.features();
    let hidden = (rate * 65_536.0) as u64;
    let kept = Lanes::splat(1.0 / (1.0 - rate));
    let len = x.rows().len();
    let out = Shared::new(x.rows_mut());
    pool.run(|thread| {
        let rows = split(len, thread, pool.threads());
        // SAFETY: this thread's rows.
        let x = unsafe { out.part(rows.start, rows.len()) };
        for (place, x) in rows.zip(x) {
            Lanes::load(x).mul(kept).store(x);
            for (word, lanes) in x.0.chunks_exact_mut(4).enumerate() {
                let bits = scramble(seed, (4 * (before + place) + word) as u64);
                for (lane, value) in lanes.iter_mut().enumerate() {
                    if bits >> (16 * lane) & 0xffff < hidden {
                        *value = 0.0;
                    }
                }
            }
        }
    });
}

/// 64 bits that look random (SplitMix64; Steele, Lea and Flood 2014).
fn scramble(seed: u64, place: u64) -> u64 {
    let step = |z: u64, shift: u32, factor: u64| (z ^ (z >> shift)).wrapping_mul(factor);
    let z = step(seed, 30, 0xbf58_476d_1ce4_e5b9)
        .wrapping_add(place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let z = step(z, 30, 0xbf58_476d_1ce4_e5b9);
    let z = step(z, 27, 0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
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

#[cfg(test)]
mod tests {
    use super::dropout;
    use crate::panels::Panels;
    use crate::pool::ThreadPool;

    #[test]
    fn dropout_hides_the_stated_share_and_the_same_places_again() {
        let pool = ThreadPool::new(2);
        let (tokens, features, rate) = (160, 500, 0.1);
        let ones = Panels::from_tokens(&vec![1.0; tokens * features], features);
        let [a, b, c] = [7, 7, 8].map(|seed| {
            let mut x = ones.clone();
            dropout(&pool, &mut x, 0, rate, seed);
            x
        });
        assert!(a == b && a != c);
        let mut end = ones.stretch(64..tokens);
        dropout(&pool, &mut end, 64, rate, 7);
        assert!(end == a.stretch(64..tokens));
        let values = a.to_tokens();
        let hidden = values.iter().filter(|&&value| value == 0.0).count() as f32;
        assert!((hidden / values.len() as f32 - rate).abs() < 0.004);
        assert!(values.iter().all(|&v| v == 0.0 || v == 1.0 / (1.0 - rate)));
    }
}
