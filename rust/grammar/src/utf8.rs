//! Characters out of the bytes of tokens, which may end inside of one.

/// The first bytes of a character that is not complete yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Partial {
    bytes: [u8; 4],
    len: usize,
}

/// What a byte made of what was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    Character(char),
    Incomplete,
    Invalid,
}

impl Partial {
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes the next byte. Strict: no overlong forms, no surrogates.
    pub(crate) fn push(&mut self, byte: u8) -> Pushed {
        if self.len == 0 && byte < 0x80 {
            return Pushed::Character(char::from(byte));
        }
        let Some(place) = self.bytes.get_mut(self.len) else {
            return Pushed::Invalid;
        };
        *place = byte;
        self.len += 1;
        match std::str::from_utf8(self.pending()) {
            Ok(text) => {
                let character = text.chars().next();
                *self = Self::default();
                character.map_or(Pushed::Invalid, Pushed::Character)
            }
            Err(error) if error.error_len().is_none() => Pushed::Incomplete,
            Err(_) => Pushed::Invalid,
        }
    }

    /// The code points that this can still become.
    pub(crate) fn range(&self) -> (u32, u32) {
        let (Some(&first), Some(total)) = (self.pending().first(), self.total()) else {
            return (0, u32::from(char::MAX));
        };
        let bits = |byte: u8| u32::from(byte & 0x3f);
        let head = u32::from(first) & (0x7f >> total);
        let mut low = head;
        let mut high = head;
        for index in 1..total {
            let (least, most) = match self.pending().get(index) {
                Some(&byte) => (byte, byte),
                None if index == 1 => second_byte(first),
                None => (0x80, 0xbf),
            };
            low = (low << 6) | bits(least);
            high = (high << 6) | bits(most);
        }
        (low, high)
    }

    fn pending(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn total(&self) -> Option<usize> {
        match self.pending().first()? {
            0xc2..=0xdf => Some(2),
            0xe0..=0xef => Some(3),
            0xf0..=0xf4 => Some(4),
            _ => None,
        }
    }
}

/// The second bytes that may follow `first` (Unicode, table 3-7).
fn second_byte(first: u8) -> (u8, u8) {
    match first {
        0xe0 => (0xa0, 0xbf),
        0xed => (0x80, 0x9f),
        0xf0 => (0x90, 0xbf),
        0xf4 => (0x80, 0x8f),
        _ => (0x80, 0xbf),
    }
}

#[cfg(test)]
mod tests {
    use super::{Partial, Pushed};

    #[test]
    fn every_character_comes_back_and_lies_in_the_range_of_its_beginnings() {
        for character in (0..=0x10_ffffu32).step_by(7).filter_map(char::from_u32) {
            let mut bytes = [0; 4];
            let mut partial = Partial::default();
            let mut last = Pushed::Invalid;
            for &byte in character.encode_utf8(&mut bytes).as_bytes() {
                last = partial.push(byte);
                if last == Pushed::Incomplete {
                    let (low, high) = partial.range();
                    let code = u32::from(character);
                    assert!(
                        low <= code && code <= high,
                        "{character:?} {low:x} {high:x}"
                    );
                    assert!(char::from_u32(low).is_some() && char::from_u32(high).is_some());
                }
            }
            assert_eq!(last, Pushed::Character(character));
        }
    }

    #[test]
    fn overlong_forms_surrogates_and_stray_bytes_are_invalid() {
        for bytes in [
            &b"\xc0\x80"[..],
            b"\xe0\x80",
            b"\xed\xa0",
            b"\xf4\x90",
            b"\xff",
            b"\x80",
            b"\xe4\x41",
        ] {
            let mut partial = Partial::default();
            assert!(
                bytes
                    .iter()
                    .any(|&byte| partial.push(byte) == Pushed::Invalid),
                "{bytes:?}"
            );
        }
    }
}
