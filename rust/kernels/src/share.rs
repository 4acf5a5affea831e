//! Output that several threads write, each in places of its own.

use std::marker::PhantomData;

/// A mutable slice whose parts threads take for themselves.
pub(crate) struct Shared<'a, T> {
    start: *mut T,
    len: usize,
    lifetime: PhantomData<&'a mut [T]>,
}

// SAFETY: parts are handed out by `part`, whose callers promise that no two
// threads hold overlapping ones; T may move between threads.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Self {
            start: slice.as_mut_ptr(),
            len: slice.len(),
            lifetime: PhantomData,
        }
    }

    /// `len` elements from `start` on.
    ///
    /// # Safety
    /// No two parts that live at the same time may overlap.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn part(&self, start: usize, len: usize) -> &mut [T] {
        assert!(
            start.checked_add(len).is_some_and(|end| end <= self.len),
            "part"
        );
        // SAFETY: inside the slice, by the assertion.
        let first = unsafe { self.start.add(start) };
        // SAFETY: inside the slice, which is mutably borrowed for 'a; the caller
        // promises that nobody else holds these elements.
        unsafe { std::slice::from_raw_parts_mut(first, len) }
    }
}

/// The part of `total` units that `thread` of `threads` takes: contiguous, in
/// order, sizes differing by one at most.
pub(crate) fn split(total: usize, thread: usize, threads: usize) -> std::ops::Range<usize> {
    let at = |thread: usize| total * thread / threads;
    at(thread)..at(thread + 1)
}
