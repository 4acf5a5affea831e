//! Fences, brackets, quotes, emphasis and tags that do not close.
//!
//! Caught: an open code fence or inline code; in prose, brackets and CJK quotes that stay open
//! and bold text that does not end in its line; in code, brackets that stay open, close too
//! often or cross, and strings without an end, as far as the fence names the language; tags of
//! HTML and XML that are not closed in order, also those that HTML lets stay open. Not caught:
//! a bracket that only closes in prose (labels as "a)", smileys), intervals, apostrophes,
//! straight quotes in prose, single stars and underscores.

mod code;
mod markup;
mod prose;

use super::Remark;
use super::reading::Reading;

pub(super) fn check(reading: &Reading<'_>) -> Remark {
    let parts = &reading.parts;
    if parts.code.iter().any(|code| !code.closed) {
        return Remark::new(0.2, "a block of code is not closed");
    }
    let mut remark = Remark::NONE;
    for block in &parts.code {
        remark = remark.or(code::check(block.language, block.body));
    }
    if parts.open_tick {
        remark = remark.or(Remark::new(
            0.5,
            "a piece of code in the text is not closed",
        ));
    }
    remark
        .or(prose::brackets(&parts.prose))
        .or(prose::bold(&parts.prose))
        .or(markup::check(&parts.prose, false))
}
