//! What a grammar may ask for at most.

/// Longest grammar, in bytes: ten times the largest that llama.cpp ships.
pub const BYTES_MAX: usize = 64 * 1024;
/// Most parentheses inside each other. The reader recurses once for each, on
/// the caller's thread, which may have a stack of 512 KiB.
pub const NESTING_MAX: usize = 64;
/// Highest number in `{m,n}`. llama.cpp has the same limit for `m` and silently
/// takes a higher `n` for "without end".
pub const REPETITIONS_MAX: u32 = 2_000;
/// Highest product of repetitions inside repetitions, also through rules: no
/// reply is that long, so a grammar that asks for it is a mistake.
pub const REPETITION_PRODUCT_MAX: u64 = 1_000_000;
/// Most elements after repetitions are written out, 8 bytes each.
pub const ELEMENTS_MAX: usize = 250_000;
/// Most ways to go on that are followed at once. Unambiguous grammars need one
/// for each alternative that may come next.
pub const STACKS_MAX: usize = 10_000;
/// Most steps to decide about one token of a reply, over the whole vocabulary:
/// some tenths of a second.
pub const STEPS_MAX: u64 = 2_000_000;
