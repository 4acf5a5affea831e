//! Number literals, and numbers as Python writes and computes them.

use crate::error::{Fault, TemplateError};
use crate::lexer::Token;

/// The number that `text` begins with, and its length. After a dot it is an index, and has
/// no fraction.
pub(crate) fn literal(text: &str, after_dot: bool) -> Result<(Token, usize), String> {
    let radix = match text.get(..2) {
        Some("0x" | "0X") => 16,
        Some("0o" | "0O") => 8,
        Some("0b" | "0B") => 2,
        _ => 10,
    };
    if radix != 10 {
        let digits = text.get(2..).unwrap_or_default();
        let end = run(digits, |char| char.is_digit(radix));
        let number = digits.get(..end).unwrap_or_default().replace('_', "");
        let number = i64::from_str_radix(&number, radix);
        let number = number.map_err(|_| "a number is too large".to_owned())?;
        return Ok((Token::Int(number), end + 2));
    }
    let mut end = run(text, |char| char.is_ascii_digit());
    let mut fractional = false;
    let after = |end: usize| text.get(end..).unwrap_or_default();
    if !after_dot
        && let Some(fraction) = after(end).strip_prefix('.')
        && fraction.starts_with(|char: char| char.is_ascii_digit())
    {
        fractional = true;
        end += 1 + run(fraction, |char| char.is_ascii_digit());
    }
    if let Some(exponent) = after(end).strip_prefix(['e', 'E']) {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if unsigned.starts_with(|char: char| char.is_ascii_digit()) {
            fractional = true;
            let sign = exponent.len() - unsigned.len();
            end += 1 + sign + run(unsigned, |char| char.is_ascii_digit());
        }
    }
    let number = text.get(..end).unwrap_or_default();
    if number.contains("__") || number.ends_with('_') {
        return Err("underscores stand between digits".to_owned());
    }
    let number = number.replace('_', "");
    if !fractional && number.starts_with('0') && !number.trim_matches('0').is_empty() {
        return Err("a whole number begins with a zero".to_owned());
    }
    if fractional {
        let number = number.parse().map_err(|_| "this is no number".to_owned())?;
        return Ok((Token::Float(number), end));
    }
    let number = number.parse();
    let number = number.map_err(|_| "a number is too large".to_owned())?;
    Ok((Token::Int(number), end))
}

fn run(text: &str, is_digit: impl Fn(char) -> bool) -> usize {
    text.find(|char: char| !is_digit(char) && char != '_')
        .unwrap_or(text.len())
}

/// A float as Python's `repr` writes it.
pub(crate) fn float_repr(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    // The shortest digits that read back as the same number.
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{number}");
        return if plain.contains('.') {
            plain
        } else {
            plain + ".0"
        };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// Rounds to `digits` after the point, half to even, as Python's `round` does.
pub(crate) fn round_half_even(number: f64, digits: i64) -> f64 {
    if !number.is_finite() {
        return number;
    }
    match usize::try_from(digits) {
        Ok(digits) if digits > 300 => number,
        Ok(digits) => format!("{number:.digits$}").parse().unwrap_or(number),
        Err(_) => {
            let scale = 10f64.powi(i32::try_from(-digits).unwrap_or(i32::MAX));
            if scale.is_finite() {
                (number / scale).round_ties_even() * scale
            } else {
                0.0
            }
        }
    }
}

/// A whole number out of a float, towards zero.
pub(crate) fn truncate(number: f64) -> Result<i64, TemplateError> {
    // 2^63 is the first float beyond i64.
    if number.is_finite() && number.abs() < 9_223_372_036_854_775_808.0 {
        #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
        return Ok(number as i64);
    }
    Err(Fault::value("a number is too large for a whole number"))
}

#[cfg(test)]
mod tests {
    use super::{float_repr, literal, round_half_even};
    use crate::lexer::Token;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        for (number, written) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e16, "1e+16"),
            (1.5e-5, "1.5e-05"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (-0.0, "-0.0"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(float_repr(number), written);
        }
    }

    #[test]
    fn rounding_is_half_to_even_on_the_exact_value() {
        assert_eq!(round_half_even(2.5, 0), 2.0);
        assert_eq!(round_half_even(2.675, 2), 2.67);
        assert_eq!(round_half_even(1250.0, -2), 1200.0);
    }

    #[test]
    fn literals() {
        assert_eq!(literal("1_000 ", false).unwrap(), (Token::Int(1000), 5));
        assert_eq!(literal("0x1F", false).unwrap(), (Token::Int(31), 4));
        assert_eq!(literal("1.5e3,", false).unwrap(), (Token::Float(1500.0), 5));
        assert_eq!(literal("1.foo", false).unwrap(), (Token::Int(1), 1));
        assert_eq!(literal("0.1", true).unwrap(), (Token::Int(0), 1));
        assert!(literal("99999999999999999999", false).is_err());
    }
}
