//! Rows of logits as the rest may rely on them.
//!
//! Weights can be damaged or made to harm: one NaN in a row makes a softmax take
//! whatever comes last, a forbidden token too. So no row leaves this crate as it
//! was computed.

use crate::error::LlamaError;

/// Logits further from zero count as this. Honest models stay below some
/// hundreds; sums and quotients of numbers up to here cannot overflow, nor can
/// llama.cpp's conversion of a logit to the integer of a bucket while it sorts.
pub const LOGIT_MAX: f32 = 1e6;

/// Makes NaN and infinities −∞ (no token is chosen for those) and brings the
/// others within [`LOGIT_MAX`], in one pass that the compiler vectorizes.
///
/// # Errors
/// [`LlamaError::NoFiniteLogit`].
pub fn sanitize(row: &mut [f32]) -> Result<(), LlamaError> {
    let mut any = false;
    for logit in row {
        any |= logit.is_finite();
        *logit = if logit.is_finite() {
            logit.clamp(-LOGIT_MAX, LOGIT_MAX)
        } else {
            f32::NEG_INFINITY
        };
    }
    match any {
        true => Ok(()),
        false => Err(LlamaError::NoFiniteLogit),
    }
}

#[cfg(test)]
mod tests {
    use super::{LOGIT_MAX, sanitize};
    use crate::error::LlamaError;

    #[test]
    fn what_is_not_finite_is_never_chosen() {
        let mut row = [
            f32::NAN,
            1.5,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MAX,
            -3.0,
            f32::MIN,
        ];
        sanitize(&mut row).unwrap();
        let none = f32::NEG_INFINITY;
        assert_eq!(row, [none, 1.5, none, none, LOGIT_MAX, -3.0, -LOGIT_MAX]);
    }

    #[test]
    fn a_row_without_a_number_is_an_error() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let refused = sanitize(&mut [value; 70]);
            assert!(matches!(refused, Err(LlamaError::NoFiniteLogit)));
        }
        assert!(matches!(sanitize(&mut []), Err(LlamaError::NoFiniteLogit)));
    }
}
