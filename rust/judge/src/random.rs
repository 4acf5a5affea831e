//! Draws that a seed determines.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore as _;

/// In [0, 1), 53 random bits.
pub(crate) fn uniform(random: &mut ChaCha8Rng) -> f64 {
    (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Below `count`, each as likely to 2⁻³²: multiply and shift. 0 for no `count`.
pub(crate) fn below(random: &mut ChaCha8Rng, count: usize) -> usize {
    let place = (u64::from(random.next_u32()) * count as u64) >> 32;
    usize::try_from(place).unwrap_or(0)
}
