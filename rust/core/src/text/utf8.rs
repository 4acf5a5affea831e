//! Whole characters out of a stream of bytes.

/// Collects the bytes of tokens and releases complete characters.
#[derive(Debug, Default)]
pub(crate) struct Utf8Pieces {
    held: Vec<u8>,
}

impl Utf8Pieces {
    /// Adds `bytes` and returns the characters that are complete now. Bytes
    /// that can never become a character turn into U+FFFD.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        self.held.extend_from_slice(bytes);
        let mut text = String::new();
        let mut rest = self.held.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (valid, broken) = rest.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    rest = broken;
                    // None: the rest may still become a character.
                    let Some(invalid) = error.error_len() else {
                        break;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = rest.get(invalid..).unwrap_or_default();
                }
            }
        }
        self.held = rest.to_vec();
        text
    }

    /// What is left at the end of the stream: U+FFFD for a cut character.
    pub(crate) fn finish(&mut self) -> String {
        let left = std::mem::take(&mut self.held);
        if left.is_empty() {
            String::new()
        } else {
            char::REPLACEMENT_CHARACTER.to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Utf8Pieces;

    #[test]
    fn a_character_cut_by_the_end_becomes_one_replacement() {
        let mut pieces = Utf8Pieces::default();
        assert_eq!(pieces.push(&"é".as_bytes()[..1]), "");
        assert_eq!(pieces.finish(), "\u{FFFD}");
        assert_eq!(pieces.finish(), "");
    }

    proptest! {
        #[test]
        fn any_cut_of_valid_text_yields_the_text(text in "\\PC{0,40}", cut in 1usize..5) {
            let mut pieces = Utf8Pieces::default();
            let mut out = String::new();
            for chunk in text.as_bytes().chunks(cut) {
                out.push_str(&pieces.push(chunk));
            }
            out.push_str(&pieces.finish());
            prop_assert_eq!(out, text);
        }

        #[test]
        fn any_bytes_yield_what_a_lossy_read_yields(
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
            cut in 1usize..5,
        ) {
            let mut pieces = Utf8Pieces::default();
            let mut out = String::new();
            for chunk in bytes.chunks(cut) {
                out.push_str(&pieces.push(chunk));
            }
            out.push_str(&pieces.finish());
            prop_assert_eq!(out, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}
