//! What a template may cost. Templates come with model files and are untrusted.
//!
//! The largest published templates are some 20 KB long, nest a dozen blocks and take a few
//! thousand steps a message.

/// Longest source of a template, in bytes.
pub const SOURCE_BYTES_MAX: usize = 128 * 1024;

/// Blocks, parentheses, brackets, calls and signs inside each other in a source. Chains of
/// operators, attributes, filters and `elif` do not nest.
pub const NESTING_MAX: usize = 100;

/// Blocks, expressions and macro calls under evaluation inside each other.
pub const DEPTH_MAX: usize = 400;

/// Lists and dictionaries inside each other, those of tools and messages included.
pub const VALUE_DEPTH_MAX: usize = 100;

/// Steps of one rendering: an expression, a statement, 64 bytes of text or an item copied or
/// compared are a step each. 16 more are granted for each byte of the inputs, because a
/// template may read its messages several times.
pub const STEPS_MAX: u64 = 10_000_000;

/// Bytes of text, lists and dictionaries that are alive at once in one rendering, beside 16
/// for each byte of the inputs.
pub const LIVE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes that one rendering may write, beside 4 for each byte of the inputs.
pub const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// Most numbers that `range` gives, as in Jinja's sandbox.
pub const RANGE_MAX: usize = 100_000;

/// A stack on which any template compiles and renders: the deepest one uses about half of it.
pub const STACK_BYTES: usize = 4 * 1024 * 1024;
