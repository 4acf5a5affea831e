//! Rotary position embedding (Su et al. 2021, arXiv:2104.09864), in the two
//! layouts of ggml: `norm` turns neighbours (2i, 2i+1), `neox` turns (i, i+D/2).

use crate::lanes::{Lanes, Row, WIDTH};
use crate::panels::Panels;
use crate::pool::ThreadPool;
use crate::share::{Shared, split};

/// Cosines and sines of each token's position at each frequency.
#[derive(Debug, Clone)]
pub struct RopeTable {
    pairs: usize,
    neox: bool,
    // [panel][pair]: cosine, sine
    turns: Vec<[Row; 2]>,
}

impl RopeTable {
    /// `positions[t]` turned by `frequencies[pair]` radians each, as many pairs as
    /// half the rotated features of a head.
    #[must_use]
    pub fn new(positions: &[u32], frequencies: &[f32], neox: bool) -> Self {
        let pairs = frequencies.len();
        let mut turns = vec![[Row::default(); 2]; positions.len().div_ceil(WIDTH) * pairs];
        for (token, &position) in positions.iter().enumerate() {
            for (pair, &frequency) in frequencies.iter().enumerate() {
                // The product is taken in F32, as llama.cpp does.
                let (sin, cos) = (position as f32 * frequency).sin_cos();
                let [cosines, sines] = &mut turns[token / WIDTH * pairs + pair];
                cosines.0[token % WIDTH] = cos;
                sines.0[token % WIDTH] = sin;
            }
        }
        Self { pairs, neox, turns }
    }

    /// Bytes of a table for T tokens.
    #[must_use]
    pub fn bytes_of(tokens: usize, pairs: usize) -> usize {
        tokens.div_ceil(WIDTH) * pairs * size_of::<[Row; 2]>()
    }

    fn pair(&self, pair: usize) -> (usize, usize) {
        if self.neox {
            (pair, pair + self.pairs)
        } else {
            (2 * pair, 2 * pair + 1)
        }
    }
}

/// Turns every head of `head_features` in place; features past the rotated ones stay.
///
/// # Panics
/// When the shapes do not fit.
pub fn rope_forward(pool: &ThreadPool, table: &RopeTable, head_features: usize, x: &mut Panels) {
    turn(pool, table, head_features, x, 1.0);
}

/// Turns the gradient back, in place: rotations are orthogonal.
///
/// # Panics
/// When the shapes do not fit.
pub fn rope_backward(pool: &ThreadPool, table: &RopeTable, head_features: usize, dx: &mut Panels) {
    turn(pool, table, head_features, dx, -1.0);
}

fn turn(pool: &ThreadPool, table: &RopeTable, head: usize, x: &mut Panels, direction: f32) {
    let (k, panels) = (x.features(), x.panel_count());
    assert!(head >= 2 * table.pairs && k.is_multiple_of(head), "heads");
    assert_eq!(table.turns.len(), panels * table.pairs, "T");
    let out = Shared::new(x.rows_mut());
    let direction = Lanes::splat(direction);
    pool.run(|thread| {
        for panel in split(panels, thread, pool.threads()) {
            // SAFETY: this thread's panel.
            let x = unsafe { out.part(panel * k, k) };
            let turns = &table.turns[panel * table.pairs..][..table.pairs];
            for head in x.chunks_exact_mut(head) {
                for (pair, [cos, sin]) in turns.iter().enumerate() {
                    let (first, second) = table.pair(pair);
                    let (cos, sin) = (Lanes::load(cos), Lanes::load(sin).mul(direction));
                    let (a, b) = (Lanes::load(&head[first]), Lanes::load(&head[second]));
                    a.mul(cos).sub(b.mul(sin)).store(&mut head[first]);
                    a.mul(sin).add(b.mul(cos)).store(&mut head[second]);
                }
            }
        }
    });
}
