//! Text as other programs save it: UTF-8, with or without a byte order mark.

use std::fmt;

/// U+FEFF. Some editors put it at the start of a file, and joined files have it at the
/// start of a line; it says nothing.
pub const BYTE_ORDER_MARK: char = '\u{feff}';

/// Why bytes are no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextFault {
    /// Two bytes a character, as some editors call "Unicode".
    #[error("this is UTF-16: save it as UTF-8")]
    Utf16,
    /// Four bytes a character.
    #[error("this is UTF-32: save it as UTF-8")]
    Utf32,
    /// An older encoding, or no text.
    #[error("it is no UTF-8")]
    NotUtf8,
    /// A file of something else, or one that a crash left behind.
    #[error("it holds a NUL character: this is no text, or it is damaged")]
    Nul,
}

/// Where bytes are no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct TextError {
    /// From 1.
    pub line: usize,
    /// What is wrong there.
    pub fault: TextFault,
}

/// The text of a whole file, without byte order marks at its start.
///
/// # Errors
/// [`TextError`], with the line.
pub fn text(bytes: &[u8]) -> Result<&str, TextError> {
    if let Some(fault) = wide(bytes) {
        return Err(TextError { line: 1, fault });
    }
    let at = |place: usize, fault| {
        let before = bytes.iter().take(place);
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        TextError { line, fault }
    };
    if let Some(place) = bytes.iter().position(|byte| *byte == 0) {
        return Err(at(place, TextFault::Nul));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(without_byte_order_mark(text)),
        Err(error) => Err(at(error.valid_up_to(), TextFault::NotUtf8)),
    }
}

/// The text after the byte order marks at its start.
#[must_use]
pub fn without_byte_order_mark(text: &str) -> &str {
    text.trim_start_matches(BYTE_ORDER_MARK)
}

/// UTF-16 and UTF-32 by their byte order marks, or by the zeros of plain characters.
fn wide(bytes: &[u8]) -> Option<TextFault> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some(TextFault::Utf32),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some(TextFault::Utf16),
        [a, b, c, d, ..] => match [a, b, c, d].map(|byte| *byte == 0) {
            [false, true, true, true] | [true, true, true, false] => Some(TextFault::Utf32),
            [false, true, false, true] | [true, false, true, false] => Some(TextFault::Utf16),
            _ => None,
        },
        _ => None,
    }
}

/// A name that is short and plain enough for a message. What is not may be anything, a
/// sentence of a user too.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl Shown<'_> {
    const CHARACTERS_MAX: usize = 48;

    fn is_plain(&self) -> bool {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.$@".contains(&b);
        (1..=Self::CHARACTERS_MAX).contains(&self.0.len()) && self.0.bytes().all(plain)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_plain() { self.0 } else { "…" })
    }
}

#[cfg(test)]
mod tests {
    use super::{TextError, TextFault, text};

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        for bytes in ["a\nb", "\u{feff}a\nb", "\u{feff}\u{feff}a\nb"] {
            assert_eq!(text(bytes.as_bytes()), Ok("a\nb"));
        }
        // Inside it is a character as any other.
        assert_eq!(text("a\u{feff}".as_bytes()), Ok("a\u{feff}"));
        assert_eq!(text(b""), Ok(""));
    }

    #[test]
    fn what_is_no_text_is_told_with_its_line() {
        let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(bytes).collect()
        };
        let utf32: Vec<u8> = "\u{feff}{\n}"
            .chars()
            .flat_map(|it| u32::from(it).to_le_bytes())
            .collect();
        for (bytes, line, fault) in [
            (utf16("\u{feff}{\n}", u16::to_le_bytes), 1, TextFault::Utf16),
            (utf16("\u{feff}{\n}", u16::to_be_bytes), 1, TextFault::Utf16),
            (utf16("{\n}", u16::to_le_bytes), 1, TextFault::Utf16),
            (utf16("{\n}", u16::to_be_bytes), 1, TextFault::Utf16),
            (utf32, 1, TextFault::Utf32),
            (b"a\nb\n\xe4\n".to_vec(), 3, TextFault::NotUtf8),
            (b"a\nb\0\n".to_vec(), 2, TextFault::Nul),
            (vec![0; 16], 1, TextFault::Nul),
        ] {
            assert_eq!(text(&bytes), Err(TextError { line, fault }), "{bytes:?}");
        }
    }
}
