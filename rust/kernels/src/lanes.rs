//! Sixteen floats, one a token, in the registers of the target.

/// Tokens side by side in a panel.
pub const WIDTH: usize = 16;

/// Rows that the inner product keeps in registers at once: what the target has
/// registers for, less those that hold the operands.
#[cfg(target_feature = "avx512f")]
pub(crate) const ROWS: usize = 12;
#[cfg(not(target_feature = "avx512f"))]
pub(crate) const ROWS: usize = 6;

/// One feature of 16 tokens in memory.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[repr(C, align(64))]
pub(crate) struct Row(pub(crate) [f32; WIDTH]);

/// The same feature of 16 tokens in registers.
#[derive(Clone, Copy)]
pub(crate) struct Lanes([Part; PARTS]);

use target::Part;

/// Floats in one register, and registers in [`Lanes`].
const PART: usize = size_of::<Part>() / size_of::<f32>();
const PARTS: usize = WIDTH / PART;

/// The operations of one register. Each macro argument is an intrinsic that every
/// CPU has on which this code, compiled for its features, may run.
#[cfg_attr(
    not(any(target_arch = "aarch64", target_feature = "fma")),
    allow(unused_macros)
)]
macro_rules! register {
    ($part:ty, $splat:ident, $load:ident, $store:ident, $add:ident, $sub:ident, $mul:ident, $max:ident) => {
        pub(super) type Part = $part;

        #[inline(always)]
        pub(super) fn splat(value: f32) -> Part {
            // SAFETY: the crate is compiled for CPUs with this instruction.
            unsafe { $splat(value) }
        }

        #[inline(always)]
        pub(super) fn load(from: &[f32; super::PART]) -> Part {
            // SAFETY: as above; as many floats are read as a register holds, and
            // they lie in a Row, which is aligned for all of them.
            unsafe { $load(from.as_ptr()) }
        }

        #[inline(always)]
        pub(super) fn store(part: Part, to: &mut [f32; super::PART]) {
            // SAFETY: as for `load`.
            unsafe { $store(to.as_mut_ptr(), part) }
        }

        register!(@binary add $add);
        register!(@binary sub $sub);
        register!(@binary mul $mul);
        register!(@binary max $max);
    };
    (@binary $name:ident $intrinsic:ident) => {
        #[inline(always)]
        pub(super) fn $name(a: Part, b: Part) -> Part {
            // SAFETY: the crate is compiled for CPUs with this instruction.
            unsafe { $intrinsic(a, b) }
        }
    };
}

#[cfg(all(target_arch = "x86_64", target_feature = "avx512f"))]
mod target {
    use std::arch::x86_64::*;

    register!(
        __m512,
        _mm512_set1_ps,
        _mm512_load_ps,
        _mm512_store_ps,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_mul_ps,
        _mm512_max_ps
    );

    #[inline(always)]
    pub(super) fn mul_add(a: Part, b: Part, c: Part) -> Part {
        // SAFETY: the crate is compiled for CPUs with this instruction.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
}

#[cfg(all(
    target_arch = "x86_64",
    target_feature = "avx2",
    target_feature = "fma",
    not(target_feature = "avx512f")
))]
mod target {
    use std::arch::x86_64::*;

    register!(
        __m256,
        _mm256_set1_ps,
        _mm256_load_ps,
        _mm256_store_ps,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_mul_ps,
        _mm256_max_ps
    );

    #[inline(always)]
    pub(super) fn mul_add(a: Part, b: Part, c: Part) -> Part {
        // SAFETY: the crate is compiled for CPUs with this instruction.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
}

#[cfg(target_arch = "aarch64")]
mod target {
    use std::arch::aarch64::*;

    register!(
        float32x4_t,
        vdupq_n_f32,
        vld1q_f32,
        vst1q_f32,
        vaddq_f32,
        vsubq_f32,
        vmulq_f32,
        vmaxq_f32
    );

    #[inline(always)]
    pub(super) fn mul_add(a: Part, b: Part, c: Part) -> Part {
        // SAFETY: the crate is compiled for CPUs with this instruction.
        unsafe { vfmaq_f32(c, a, b) }
    }
}

/// Plain floats: correct everywhere, fast nowhere.
#[cfg(not(any(
    target_arch = "aarch64",
    all(target_arch = "x86_64", target_feature = "avx512f"),
    all(
        target_arch = "x86_64",
        target_feature = "avx2",
        target_feature = "fma"
    )
)))]
mod target {
    pub(super) type Part = f32;

    pub(super) fn splat(value: f32) -> Part {
        value
    }

    pub(super) fn load(from: &[f32; 1]) -> Part {
        from[0]
    }

    pub(super) fn store(part: Part, to: &mut [f32; 1]) {
        to[0] = part;
    }

    pub(super) fn add(a: Part, b: Part) -> Part {
        a + b
    }

    pub(super) fn sub(a: Part, b: Part) -> Part {
        a - b
    }

    pub(super) fn mul(a: Part, b: Part) -> Part {
        a * b
    }

    pub(super) fn max(a: Part, b: Part) -> Part {
        if a > b { a } else { b }
    }

    // Rounded twice: one rounding takes a library call here.
    pub(super) fn mul_add(a: Part, b: Part, c: Part) -> Part {
        a * b + c
    }
}

impl Lanes {
    #[inline(always)]
    pub(crate) fn splat(value: f32) -> Self {
        Self([target::splat(value); PARTS])
    }

    #[inline(always)]
    pub(crate) fn load(row: &Row) -> Self {
        let (parts, _) = row.0.as_chunks::<PART>();
        Self(std::array::from_fn(|part| target::load(&parts[part])))
    }

    #[inline(always)]
    pub(crate) fn store(self, row: &mut Row) {
        let (parts, _) = row.0.as_chunks_mut::<PART>();
        for (part, to) in self.0.into_iter().zip(parts) {
            target::store(part, to);
        }
    }

    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(Part, Part) -> Part) -> Self {
        Self(std::array::from_fn(|part| f(self.0[part], other.0[part])))
    }

    #[inline(always)]
    pub(crate) fn add(self, other: Self) -> Self {
        self.zip(other, target::add)
    }

    #[inline(always)]
    pub(crate) fn sub(self, other: Self) -> Self {
        self.zip(other, target::sub)
    }

    #[inline(always)]
    pub(crate) fn mul(self, other: Self) -> Self {
        self.zip(other, target::mul)
    }

    #[inline(always)]
    pub(crate) fn max(self, other: Self) -> Self {
        self.zip(other, target::max)
    }

    /// `self·factor + addend`, rounded once where the target can.
    #[inline(always)]
    pub(crate) fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(std::array::from_fn(|part| {
            target::mul_add(self.0[part], factor.0[part], addend.0[part])
        }))
    }

    #[inline(always)]
    pub(crate) fn zero() -> Self {
        Self::splat(0.0)
    }

    #[inline(always)]
    pub(crate) fn to_array(self) -> [f32; WIDTH] {
        let mut row = Row::default();
        self.store(&mut row);
        row.0
    }

    #[inline(always)]
    pub(crate) fn from_array(values: [f32; WIDTH]) -> Self {
        Self::load(&Row(values))
    }

    /// Each lane through `f`, in a loop that the compiler vectorises if it can.
    #[inline(always)]
    pub(crate) fn map(self, f: impl Fn(f32) -> f32) -> Self {
        let mut row = Row::default();
        self.store(&mut row);
        for value in &mut row.0 {
            *value = f(*value);
        }
        Self::load(&row)
    }

    /// The sum of all lanes, always in the same order.
    #[inline(always)]
    pub(crate) fn sum(self) -> f32 {
        let all = self.to_array();
        let eight: [f32; 8] = std::array::from_fn(|lane| all[lane] + all[lane + 8]);
        let four: [f32; 4] = std::array::from_fn(|lane| eight[lane] + eight[lane + 4]);
        (four[0] + four[2]) + (four[1] + four[3])
    }

    /// Gradients below 2⁻⁶² become 0. They come of tokens that nobody attends to, move no
    /// parameter by as much as rounding does, and layer by layer would shrink to
    /// subnormal numbers, which make an x86 core many times slower.
    #[inline(always)]
    pub(crate) fn without_specks(self) -> Self {
        const LEAST: f32 = 2.168_404_3e-19;
        self.map(|x| if x.abs() < LEAST { 0.0 } else { x })
    }

    /// `eˣ` of each lane as a probability: below 2⁻⁶⁴ there is nothing. Such a share of a
    /// sum is lost in rounding anyway, and its products with gradients would be
    /// subnormal, on which an x86 core spends a hundred cycles each.
    #[inline(always)]
    pub(crate) fn exp_of_share(self) -> Self {
        const LEAST: f32 = -44.361_42;
        self.map(|x| if x < LEAST { 0.0 } else { exp(x) })
    }
}

/// `eˣ` within 2 units in the last place, in operations that vectorise: the
/// argument is reduced by multiples of ln 2 and a polynomial of degree 6 taken of
/// the rest. Below −87.3 the result is 0, above 88.7 infinity.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Adding this rounds to a whole number, which then lies in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let bounded = x.clamp(-87.336_54, 88.722_83);
    let shifted = bounded * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (bounded - n * LN_2_HIGH) - n * LN_2_LOW;
    let p = 1.987_569_1e-4_f32;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_6e-1;
    let p = p * r + 0.5;
    let e = p * r * r + r + 1.0;
    // Two steps, because 2ⁿ for n = 128 is no float.
    let n = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let half = n >> 1;
    let scaled = e * power_of_two(half) * power_of_two(n.wrapping_sub(half));
    if x < -87.336_54 {
        0.0
    } else if x > 88.722_83 {
        f32::INFINITY
    } else {
        // NaN stays NaN: clamp keeps it.
        scaled
    }
}

#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use super::{Lanes, exp};

    #[test]
    fn exp_is_close_everywhere() {
        let mut x = -87.0f32;
        while x < 88.0 {
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(error < 2.5e-7, "exp({x}): {error:e}");
            x += 0.003_7;
        }
    }

    #[test]
    fn exp_at_the_edges() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(-1000.0), 0.0);
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn shares_are_never_subnormal() {
        let x = Lanes::from_array(std::array::from_fn(|lane| -6.0 * lane as f32));
        for (lane, share) in x.exp_of_share().to_array().into_iter().enumerate() {
            let expected = exp(-6.0 * lane as f32);
            assert_eq!(share, if lane < 8 { expected } else { 0.0 });
        }
    }

    #[test]
    fn specks_vanish_and_nothing_else() {
        let mut values = [1.0; 16];
        values[..6].copy_from_slice(&[1e-18, -1e-18, 1e-19, -1e-40, f32::INFINITY, 0.0]);
        let mut expected = values;
        expected[2..4].copy_from_slice(&[0.0, 0.0]);
        let got = Lanes::from_array(values).without_specks();
        assert_eq!(got.to_array(), expected);
        let nan = Lanes::splat(f32::NAN).without_specks();
        assert!(nan.to_array()[0].is_nan(), "divergence must be seen");
    }

    #[test]
    fn lanes_compute_like_floats() {
        let a = Lanes::from_array(std::array::from_fn(|lane| lane as f32));
        let b = Lanes::splat(2.0);
        assert_eq!(a.mul(b).to_array()[5], 10.0);
        assert_eq!(a.mul_add(b, b).to_array()[15], 32.0);
        assert_eq!(
            a.sub(b).max(Lanes::zero()).to_array()[..4],
            [0.0, 0.0, 0.0, 1.0]
        );
        assert_eq!(a.add(b).sum(), 152.0);
    }
}
