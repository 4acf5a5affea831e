//! What is wrong with a suite or with results.

use pocketune_base::{LineError, LineFault};
use thiserror::Error;

/// Why a suite or a comparison is refused. No figure is given from such.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SuiteError {
    /// A line is no item.
    #[error("line {line}: {reason}")]
    LineMalformed {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        reason: LineFault,
    },
    /// An item that cannot be asked.
    #[error("item {id:?}: {reason}")]
    ItemInvalid {
        /// Its id.
        id: String,
        /// Why.
        reason: &'static str,
    },
    /// Two items of one id.
    #[error("the id {id:?} comes twice")]
    DuplicateId {
        /// The id.
        id: String,
    },
    /// No items.
    #[error("the suite is empty")]
    Empty,
    /// A result that is no number.
    #[error("item {id:?}: the result is no finite number")]
    NotFinite {
        /// The item's id.
        id: String,
    },
    /// Results of two arms that are not of the same items.
    #[error("item {id:?} has a result in one arm only")]
    Unpaired {
        /// The item's id.
        id: String,
    },
}

impl From<LineError> for SuiteError {
    fn from(LineError { line, fault }: LineError) -> Self {
        Self::LineMalformed {
            line,
            reason: fault,
        }
    }
}
