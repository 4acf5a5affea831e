//! What comes of a question that both arms answer.

use crate::reply::Reply;

/// The next piece of text of one of two replies: whole characters, never a part of a stop
/// string. Which arm it is of is not said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskedPart {
    /// Of the reply that is to be shown first, or of the only one.
    First(String),
    /// Of the reply that is to be shown second.
    Second(String),
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "made once a question, and taken apart at once"
)]
pub enum Asked {
    /// It takes no part: the incumbent answered, or after the end whatever is active, and the
    /// reply is in the history.
    One(Reply),
    /// Both answered: show them, then [`crate::SideBySideChat::pick`].
    Two(Shown),
}

/// Two replies in the order in which they are to be shown. Which arm gave which is not
/// said, so that nobody can be swayed by it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The question's unit in the experiment.
    pub unit: String,
    /// To be shown first, or on the left.
    pub first: Reply,
    /// To be shown second.
    pub second: Reply,
}

/// What the user picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The reply that was shown first.
    First,
    /// The reply that was shown second.
    Second,
    /// Neither is better.
    Neither,
}
