//! Superblocks of 256: scales of 32 or 16 elements that are quantized themselves.

use super::f16_at;

#[inline(always)]
pub(super) fn q4_k(block: &[u8; 144], y: &mut [f32; 256]) {
    let (d, min) = (f16_at(block, 0), f16_at(block, 2));
    let (scales, qs) = block[4..].split_at(12);
    for (pair, (qs, y)) in qs.chunks_exact(32).zip(y.chunks_exact_mut(64)).enumerate() {
        let (low, high) = y.split_at_mut(32);
        let (scale, minimum) = scale_and_minimum(scales, 2 * pair);
        let (d1, m1) = (d * scale, min * minimum);
        let (scale, minimum) = scale_and_minimum(scales, 2 * pair + 1);
        let (d2, m2) = (d * scale, min * minimum);
        for ((low, high), &q) in low.iter_mut().zip(high).zip(qs) {
            *low = d1 * f32::from(q & 15) - m1;
            *high = d2 * f32::from(q >> 4) - m2;
        }
    }
}

#[inline(always)]
pub(super) fn q5_k(block: &[u8; 176], y: &mut [f32; 256]) {
    let (d, min) = (f16_at(block, 0), f16_at(block, 2));
    let (scales, rest) = block[4..].split_at(12);
    let (fifth, qs) = rest.split_at(32);
    for (pair, (qs, y)) in qs.chunks_exact(32).zip(y.chunks_exact_mut(64)).enumerate() {
        let (low, high) = y.split_at_mut(32);
        let (scale, minimum) = scale_and_minimum(scales, 2 * pair);
        let (d1, m1) = (d * scale, min * minimum);
        let (scale, minimum) = scale_and_minimum(scales, 2 * pair + 1);
        let (d2, m2) = (d * scale, min * minimum);
        for (((low, high), &q), &bits) in low.iter_mut().zip(high).zip(qs).zip(fifth) {
            let bits = bits >> (2 * pair);
            *low = d1 * f32::from((q & 15) | (bits & 1) << 4) - m1;
            *high = d2 * f32::from((q >> 4) | (bits >> 1 & 1) << 4) - m2;
        }
    }
}

#[inline(always)]
pub(super) fn q6_k(block: &[u8; 210], y: &mut [f32; 256]) {
    let d = f16_at(block, 208);
    for half in 0..2 {
        let low = &block[half * 64..][..64];
        let high = &block[128 + half * 32..][..32];
        let scales = &block[192 + half * 8..][..8];
        let y = &mut y[half * 128..][..128];
        let scale = |at: usize| d * f32::from(scales[at] as i8);
        for quarter in 0..4 {
            let shift = if quarter < 2 { 0 } else { 4 };
            let low = &low[quarter % 2 * 32..][..32];
            let y = &mut y[quarter * 32..][..32];
            for sixteen in 0..2 {
                let d = scale(quarter * 2 + sixteen);
                let part = sixteen * 16..sixteen * 16 + 16;
                let sources = low[part.clone()].iter().zip(&high[part.clone()]);
                for (y, (&low, &high)) in y[part].iter_mut().zip(sources) {
                    let q = (low >> shift & 15) | (high >> (2 * quarter) & 3) << 4;
                    *y = d * f32::from(q as i8 - 32);
                }
            }
        }
    }
}

/// Six bits of scale and six of minimum for the `index`th 32 elements.
#[inline(always)]
fn scale_and_minimum(q: &[u8], index: usize) -> (f32, f32) {
    let (scale, minimum) = if index < 4 {
        (q[index] & 63, q[index + 4] & 63)
    } else {
        (
            (q[index + 4] & 15) | (q[index - 4] >> 6) << 4,
            (q[index + 4] >> 4) | (q[index] >> 6) << 4,
        )
    };
    (f32::from(scale), f32::from(minimum))
}
