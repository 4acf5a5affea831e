//! Memory of activations: given back to the system at once when it is large.

use std::fmt;
use std::ops::{Deref, DerefMut};

use memmap2::{MmapMut, MmapOptions};

use crate::lanes::Row;

/// From this size on a buffer has pages of its own. An allocator would keep freed
/// ones for later, and training's peak would grow beyond what was planned.
const OWN_PAGES_BYTES: usize = 256 << 10;

/// A fixed number of [`Row`]s, zeros at first.
pub(crate) struct Rows(Memory);

enum Memory {
    Allocated(Vec<Row>),
    Pages { pages: MmapMut, rows: usize },
}

impl Rows {
    pub(crate) fn zeros(rows: usize) -> Self {
        let bytes = rows * size_of::<Row>();
        if bytes >= OWN_PAGES_BYTES
            && let Ok(pages) = MmapOptions::new().len(bytes).populate().map_anon()
        {
            return Self(Memory::Pages { pages, rows });
        }
        Self(Memory::Allocated(vec![Row::default(); rows]))
    }

    pub(crate) fn from_slice(rows: &[Row]) -> Self {
        let mut copy = Self::zeros(rows.len());
        copy.copy_from_slice(rows);
        copy
    }
}

impl Deref for Rows {
    type Target = [Row];

    fn deref(&self) -> &[Row] {
        match &self.0 {
            Memory::Allocated(rows) => rows,
            Memory::Pages { pages, rows } => {
                let first = pages.as_ptr().cast();
                // SAFETY: the pages begin at a multiple of 4096, hold `rows` rows
                // (`zeros`), are never resized, and any bytes are floats.
                unsafe { std::slice::from_raw_parts(first, *rows) }
            }
        }
    }
}

impl DerefMut for Rows {
    fn deref_mut(&mut self) -> &mut [Row] {
        match &mut self.0 {
            Memory::Allocated(rows) => rows,
            Memory::Pages { pages, rows } => {
                let first = pages.as_mut_ptr().cast();
                // SAFETY: as in `deref`, and `self` is borrowed mutably.
                unsafe { std::slice::from_raw_parts_mut(first, *rows) }
            }
        }
    }
}

impl Clone for Rows {
    fn clone(&self) -> Self {
        Self::from_slice(self)
    }
}

impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{OWN_PAGES_BYTES, Rows};
    use crate::lanes::Row;

    #[test]
    fn small_and_large_ones_begin_as_zeros_and_keep_what_is_written() {
        for count in [0, 3, OWN_PAGES_BYTES / size_of::<Row>() + 1] {
            let mut rows = Rows::zeros(count);
            assert!(rows.iter().all(|row| *row == Row::default()));
            if let Some(last) = rows.last_mut() {
                last.0[15] = 2.0;
            }
            let copy = rows.clone();
            assert!(copy == rows && copy.len() == count);
        }
    }
}
