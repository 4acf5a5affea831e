//! Memory of activations: given back to the system at once when it is large, or kept
//! for the next buffer of the same size while someone asks for that.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use memmap2::{MmapMut, MmapOptions};

use crate::lanes::Row;

/// From this size on a buffer has pages of its own. An allocator would keep freed
/// ones for later, and training's peak would grow beyond what was planned.
const OWN_PAGES_BYTES: usize = 128 << 10;

/// A fixed number of [`Row`]s.
pub(crate) struct Rows(Memory);

enum Memory {
    Allocated(Vec<Row>),
    Pages { pages: MmapMut, rows: usize },
    // Only while a buffer is dropped.
    Gone,
}

/// While this lives, freed buffers of this thread are kept for new ones of the same
/// size, as long as those in use and those kept take no more than a number of bytes
/// together: fresh pages have to be cleared by the system, and taking them away
/// interrupts all cores. Where several live, the first one's number counts; with the
/// last one everything is given back.
#[derive(Debug)]
pub struct Recycling {
    // Buffers are kept by thread.
    not_send: PhantomData<*const ()>,
}

#[derive(Default)]
struct Recycled {
    holders: usize,
    limit_bytes: usize,
    used_bytes: usize,
    kept_bytes: usize,
    kept: Vec<MmapMut>,
}

thread_local! {
    static RECYCLED: RefCell<Recycled> = RefCell::default();
}

impl Recycling {
    /// At most `limit_bytes` of large buffers, used and kept.
    #[must_use]
    pub fn up_to(limit_bytes: usize) -> Self {
        RECYCLED.with_borrow_mut(|recycled| {
            if recycled.holders == 0 {
                recycled.limit_bytes = limit_bytes;
            }
            recycled.holders += 1;
        });
        Self {
            not_send: PhantomData,
        }
    }
}

impl Drop for Recycling {
    fn drop(&mut self) {
        let freed = RECYCLED.with_borrow_mut(|recycled| {
            recycled.holders -= 1;
            if recycled.holders > 0 {
                return Vec::new();
            }
            recycled.limit_bytes = 0;
            recycled.kept_bytes = 0;
            std::mem::take(&mut recycled.kept)
        });
        drop(freed);
    }
}

impl Recycled {
    /// A kept buffer of that size; where there is none, room for a new one.
    fn take(&mut self, bytes: usize) -> Option<MmapMut> {
        self.used_bytes += bytes;
        // The one used last is the one most likely to be in a cache.
        if let Some(index) = self.kept.iter().rposition(|pages| pages.len() == bytes) {
            self.kept_bytes -= bytes;
            return Some(self.kept.remove(index));
        }
        while self.used_bytes + self.kept_bytes > self.limit_bytes && !self.kept.is_empty() {
            self.kept_bytes -= self.kept.remove(0).len();
        }
        None
    }

    /// Keeps the pages, or hands them back where there is no room.
    fn keep(&mut self, pages: MmapMut) -> Option<MmapMut> {
        // A buffer that came from another thread was counted there.
        self.used_bytes = self.used_bytes.saturating_sub(pages.len());
        if self.used_bytes + self.kept_bytes + pages.len() > self.limit_bytes {
            return Some(pages);
        }
        self.kept_bytes += pages.len();
        self.kept.push(pages);
        None
    }
}

impl Rows {
    pub(crate) fn zeros(rows: usize) -> Self {
        let (mut new, cleared) = Self::obtain(rows);
        if !cleared {
            new.fill(Row::default());
        }
        new
    }

    /// Rows of any values, for whoever writes all of them.
    pub(crate) fn of_any_values(rows: usize) -> Self {
        Self::obtain(rows).0
    }

    /// Rows, and whether they are zeros.
    fn obtain(rows: usize) -> (Self, bool) {
        let bytes = rows * size_of::<Row>();
        if bytes < OWN_PAGES_BYTES {
            return (Self(Memory::Allocated(vec![Row::default(); rows])), true);
        }
        if let Some(pages) = RECYCLED.with_borrow_mut(|recycled| recycled.take(bytes)) {
            return (Self(Memory::Pages { pages, rows }), false);
        }
        let memory = match MmapOptions::new().len(bytes).populate().map_anon() {
            Ok(pages) => Memory::Pages { pages, rows },
            Err(_) => Memory::Allocated(vec![Row::default(); rows]),
        };
        (Self(memory), true)
    }

    pub(crate) fn from_slice(rows: &[Row]) -> Self {
        let mut copy = Self::of_any_values(rows.len());
        copy.copy_from_slice(rows);
        copy
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        if let Memory::Pages { pages, .. } = std::mem::replace(&mut self.0, Memory::Gone) {
            // At the end of a thread there is nothing to keep them in.
            let rest = RECYCLED.try_with(|recycled| match recycled.try_borrow_mut() {
                Ok(mut recycled) => recycled.keep(pages),
                Err(_) => Some(pages),
            });
            drop(rest);
        }
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
                // (`obtain`), are never resized, and any bytes are floats.
                unsafe { std::slice::from_raw_parts(first, *rows) }
            }
            Memory::Gone => &[],
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
            Memory::Gone => &mut [],
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
    use super::{OWN_PAGES_BYTES, RECYCLED, Recycling, Rows};
    use crate::lanes::Row;

    const LARGE: usize = OWN_PAGES_BYTES / size_of::<Row>() + 1;

    #[test]
    fn small_and_large_ones_begin_as_zeros_and_keep_what_is_written() {
        for count in [0, 3, LARGE] {
            let mut rows = Rows::zeros(count);
            assert!(rows.iter().all(|row| *row == Row::default()));
            if let Some(last) = rows.last_mut() {
                last.0[15] = 2.0;
            }
            let copy = rows.clone();
            assert!(copy == rows && copy.len() == count);
        }
    }

    #[test]
    fn freed_buffers_serve_again_as_zeros_and_go_in_the_end() {
        let kept = || RECYCLED.with_borrow(|recycled| recycled.kept.len());
        let bytes = LARGE * size_of::<Row>();
        let recycling = Recycling::up_to(2 * bytes);
        let inner = Recycling::up_to(0);
        let mut rows = [Rows::zeros(LARGE), Rows::zeros(LARGE), Rows::zeros(LARGE)];
        for rows in &mut rows {
            rows[7].0[7] = 1.0;
        }
        drop(rows);
        assert_eq!(kept(), 2, "there is room for two");
        drop(inner);
        let other = Rows::zeros(LARGE + 1);
        assert_eq!(kept(), 0, "there is no room for a third");
        drop(other);
        drop(Rows::zeros(LARGE));
        let again = Rows::zeros(LARGE);
        assert_eq!(kept(), 0);
        assert!(again.iter().all(|row| *row == Row::default()));
        drop(again);
        drop(recycling);
        assert_eq!(kept(), 0);
        drop(Rows::zeros(LARGE));
        assert_eq!(kept(), 0, "nobody asks for it");
    }
}
