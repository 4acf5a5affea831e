//! What llama.cpp writes of a sequence, looked through before it reads it again.
//!
//! `llama_kv_cache::state_read` (llama-kv-cache.cpp) compares types and sizes with
//! the model's, but takes any positions: those below zero stay in the cache for
//! ever, and every chat after that attends to them. It also takes numbers that are
//! not finite, which stay in the memory that other chats' positions get.
//!
//! Layout, little-endian: magic, the sequence's id, then one cache, or two where
//! some layers have a sliding window. A cache: streams (1), number of cells; of
//! each cell position, number of sequences (1) and one sequence's id; whether
//! values are transposed, layers, two sizes of rotation; of each layer type, bytes
//! of a row, and rows of keys; the same of values, or, transposed, type, bytes of an
//! element, elements of a row, and the elements.

/// `io_magic` in llama-context.cpp.
const MAGIC: u32 = 0xaf14_3cd8;
/// `ggml_type` of the caches that [`crate::KvType`] offers.
const F32: u32 = 0;
const F16: u32 = 1;
const Q8_0: u32 = 8;
/// Bytes of a block of `Q8_0`: a 16-bit scale and 32 values.
const Q8_0_BLOCK: usize = 34;

/// Checks that `bytes` hold finite keys and values of the positions 0 to `tokens`,
/// each once; where a sliding window is, of its last ones.
pub(crate) fn check_state(bytes: &[u8], tokens: usize) -> Result<(), &'static str> {
    let mut rest = Rest(bytes);
    if rest.number()? != MAGIC {
        return Err("it is no saved sequence");
    }
    // Any id: it is put back under the caller's.
    rest.number()?;
    let all = check_cache(&mut rest, tokens)?;
    if all != tokens {
        return Err("tokens and cache do not belong together");
    }
    if !rest.0.is_empty() {
        check_cache(&mut rest, tokens)?;
    }
    match rest.0.is_empty() {
        true => Ok(()),
        false => Err("something follows its end"),
    }
}

/// Checks one cache; returns how many of the last positions it holds.
fn check_cache(rest: &mut Rest<'_>, tokens: usize) -> Result<usize, &'static str> {
    if rest.number()? != 1 {
        return Err("it has several streams");
    }
    let cells = rest.size()?;
    if cells == 0 || cells > tokens {
        return Err("tokens and cache do not belong together");
    }
    let mut seen = vec![false; cells];
    for _ in 0..cells {
        let position = rest.size()?;
        let place = position
            .checked_sub(tokens - cells)
            .and_then(|place| seen.get_mut(place));
        match place {
            Some(seen) if !*seen => *seen = true,
            _ => return Err("a position is missing or not the conversation's"),
        }
        if rest.number()? != 1 {
            return Err("a position belongs to several sequences");
        }
        rest.number()?;
    }
    let transposed = rest.number()?;
    let layers = rest.size()?;
    // Sizes of rotations, which llama.cpp compares with the model's.
    rest.number()?;
    rest.number()?;
    for _ in 0..layers {
        check_rows(rest, cells)?;
    }
    for _ in 0..layers {
        match transposed {
            0 => check_rows(rest, cells)?,
            1 => check_columns(rest, cells)?,
            _ => return Err("its layout is unknown"),
        }
    }
    Ok(cells)
}

fn check_rows(rest: &mut Rest<'_>, cells: usize) -> Result<(), &'static str> {
    let tensor_type = rest.number()?;
    let row = usize::try_from(u64::from_le_bytes(rest.array()?)).map_err(|_| CUT)?;
    let values = rest.take(row.checked_mul(cells).ok_or(CUT)?)?;
    check_finite(tensor_type, row, values)
}

fn check_columns(rest: &mut Rest<'_>, cells: usize) -> Result<(), &'static str> {
    let tensor_type = rest.number()?;
    let (element, elements) = (rest.size()?, rest.size()?);
    let column = element.checked_mul(cells).ok_or(CUT)?;
    let values = rest.take(column.checked_mul(elements).ok_or(CUT)?)?;
    check_finite(tensor_type, element, values)
}

/// Values of which each `unit` bytes are whole floats or blocks.
fn check_finite(tensor_type: u32, unit: usize, values: &[u8]) -> Result<(), &'static str> {
    let size = match tensor_type {
        F32 => 4,
        F16 => 2,
        Q8_0 => Q8_0_BLOCK,
        _ => return Err("its type of keys or values is unknown"),
    };
    if !unit.is_multiple_of(size) {
        return Err("a row of it is cut");
    }
    match values.chunks_exact(size).all(is_finite) {
        true => Ok(()),
        false => Err("some of its numbers are not finite"),
    }
}

/// Whether a float, or a block that begins with its scale, is finite: an exponent of
/// ones says that it is not.
fn is_finite(value: &[u8]) -> bool {
    match *value {
        [_, _, low, high] => high & 0x7f != 0x7f || low & 0x80 == 0,
        [_, high, ..] => high & 0x7c != 0x7c,
        _ => false,
    }
}

const CUT: &str = "it is cut";

/// What was not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(CUT)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        self.take(N)?.try_into().map_err(|_| CUT)
    }

    fn number(&mut self) -> Result<u32, &'static str> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn size(&mut self) -> Result<usize, &'static str> {
        usize::try_from(self.number()?).map_err(|_| CUT)
    }
}

#[cfg(test)]
mod tests {
    use super::{F16, F32, MAGIC, Q8_0, check_state};

    /// A cache of these positions, with one layer of two floats a row.
    fn cache(positions: &[i32], transposed: bool, value: f32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut put = |number: u32| bytes.extend(number.to_le_bytes());
        put(1);
        put(u32::try_from(positions.len()).unwrap());
        for &position in positions {
            put(position.cast_unsigned());
            put(1);
            put(0);
        }
        for number in [u32::from(transposed), 1, 0, 0] {
            put(number);
        }
        let rows = positions.iter().flat_map(|_| [1.0, value]);
        let rows: Vec<u8> = rows.flat_map(f32::to_le_bytes).collect();
        put(F32);
        bytes.extend(8_u64.to_le_bytes());
        bytes.extend(&rows);
        bytes.extend(F32.to_le_bytes());
        if transposed {
            bytes.extend([4_u32, 2].map(u32::to_le_bytes).concat());
        } else {
            bytes.extend(8_u64.to_le_bytes());
        }
        bytes.extend(&rows);
        bytes
    }

    fn state(caches: &[Vec<u8>]) -> Vec<u8> {
        let start = [MAGIC.to_le_bytes(), 0_u32.to_le_bytes()].concat();
        [&[start], caches].concat().concat()
    }

    #[test]
    fn a_sound_state_passes() {
        for transposed in [false, true] {
            let whole = cache(&[0, 2, 1], transposed, 0.5);
            let window = cache(&[1, 2], transposed, 0.5);
            assert_eq!(check_state(&state(std::slice::from_ref(&whole)), 3), Ok(()));
            assert_eq!(check_state(&state(&[whole, window]), 3), Ok(()));
        }
    }

    #[test]
    fn a_state_cut_anywhere_is_refused() {
        let bytes = state(&[cache(&[0, 1], false, 0.5), cache(&[1], true, 0.5)]);
        let first = state(&[cache(&[0, 1], false, 0.5)]).len();
        for end in (0..bytes.len()).filter(|&end| end != first) {
            assert!(check_state(&bytes[..end], 2).is_err(), "cut at {end}");
        }
        assert!(check_state(&[&bytes[..], &[0]].concat(), 2).is_err());
    }

    #[test]
    fn positions_that_are_not_the_conversations_are_refused() {
        let odd = [
            [0, -5],
            [0, -1],
            [0, 0],
            [0, 2],
            [0, i32::MAX],
            [i32::MIN, 1],
        ];
        for positions in odd {
            let bytes = state(&[cache(&positions, false, 0.5)]);
            assert!(check_state(&bytes, 2).is_err(), "{positions:?}");
        }
        // The window must end where the conversation does.
        let bytes = state(&[cache(&[0, 1], false, 0.5), cache(&[0], false, 0.5)]);
        assert!(check_state(&bytes, 2).is_err());
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -f32::NAN] {
            let bytes = state(&[cache(&[0], false, value)]);
            assert!(check_state(&bytes, 1).is_err(), "{value}");
        }
        assert!(super::check_finite(F16, 2, &[0x00, 0x7c]).is_err());
        assert!(super::check_finite(F16, 2, &[0xff, 0x7b]).is_ok());
        let mut block = [0; 34];
        assert!(super::check_finite(Q8_0, 34, &block).is_ok());
        block[1] = 0xfe;
        assert!(super::check_finite(Q8_0, 34, &block).is_err());
    }

    #[test]
    fn sizes_that_overflow_are_refused() {
        let mut bytes = state(&[cache(&[0, 1], false, 0.5)]);
        // Behind the start, two cells, four numbers and a type.
        let row = 8 + 8 + 2 * 12 + 16 + 4;
        assert_eq!(bytes[row..row + 8], 8_u64.to_le_bytes());
        for size in [u64::MAX, u64::MAX / 2 + 1, 1 << 62] {
            let mut bytes = bytes.clone();
            bytes[row..row + 8].copy_from_slice(&size.to_le_bytes());
            assert!(check_state(&bytes, 2).is_err());
        }
        bytes[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(check_state(&bytes, 2).is_err());
    }
}
