//! Blocks of 32: a scale, perhaps a minimum, and 4, 5 or 8 bits an element. Element
//! j of the first half lies in the low four bits of byte j, that of the second
//! half in the high four.

use super::f16_at;

#[inline(always)]
pub(super) fn q8_0(block: &[u8; 34], y: &mut [f32; 32]) {
    let d = f16_at(block, 0);
    for (y, &q) in y.iter_mut().zip(&block[2..]) {
        *y = f32::from(q as i8) * d;
    }
}

#[inline(always)]
pub(super) fn q4_0(block: &[u8; 18], y: &mut [f32; 32]) {
    let d = f16_at(block, 0);
    let (low, high) = y.split_at_mut(16);
    for ((low, high), &q) in low.iter_mut().zip(high).zip(&block[2..]) {
        *low = (i32::from(q & 15) - 8) as f32 * d;
        *high = (i32::from(q >> 4) - 8) as f32 * d;
    }
}

#[inline(always)]
pub(super) fn q4_1(block: &[u8; 20], y: &mut [f32; 32]) {
    let (d, m) = (f16_at(block, 0), f16_at(block, 2));
    let (low, high) = y.split_at_mut(16);
    for ((low, high), &q) in low.iter_mut().zip(high).zip(&block[4..]) {
        *low = i32::from(q & 15) as f32 * d + m;
        *high = i32::from(q >> 4) as f32 * d + m;
    }
}

#[inline(always)]
pub(super) fn q5_0(block: &[u8; 22], y: &mut [f32; 32]) {
    let d = f16_at(block, 0);
    let (low, high) = fifth_bits([block[2], block[3], block[4], block[5]]);
    for j in 0..16 {
        let q = block[6 + j];
        y[j] = (i32::from(q & 15) + low[j] - 16) as f32 * d;
        y[j + 16] = (i32::from(q >> 4) + high[j] - 16) as f32 * d;
    }
}

#[inline(always)]
pub(super) fn q5_1(block: &[u8; 24], y: &mut [f32; 32]) {
    let (d, m) = (f16_at(block, 0), f16_at(block, 2));
    let (low, high) = fifth_bits([block[4], block[5], block[6], block[7]]);
    for j in 0..16 {
        let q = block[8 + j];
        y[j] = (i32::from(q & 15) + low[j]) as f32 * d + m;
        y[j + 16] = (i32::from(q >> 4) + high[j]) as f32 * d + m;
    }
}

/// 16 where bit j, or bit j + 16, is set.
#[inline(always)]
fn fifth_bits(bytes: [u8; 4]) -> ([i32; 16], [i32; 16]) {
    let bits = u32::from_le_bytes(bytes);
    let at = |shift: usize| (bits >> shift & 1) as i32 * 16;
    (std::array::from_fn(at), std::array::from_fn(|j| at(j + 16)))
}
