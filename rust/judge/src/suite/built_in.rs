//! Suites that come with Pocketune.

use super::{Suite, SuiteError};

/// A suite that comes with Pocketune.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn {
    /// What it is called.
    pub name: &'static str,
    /// Its file: what its digest is of.
    pub file: &'static [u8],
}

/// All of them, in the order in which they are asked.
pub const BUILT_IN: [BuiltIn; 2] = [
    BuiltIn {
        name: "helpfulness",
        file: include_bytes!("../../suites/helpfulness.jsonl"),
    },
    BuiltIn {
        name: "factuality",
        file: include_bytes!("../../suites/factuality.jsonl"),
    },
];

/// The one of this name.
#[must_use]
pub fn built_in(name: &str) -> Option<BuiltIn> {
    BUILT_IN.into_iter().find(|it| it.name == name)
}

impl BuiltIn {
    /// Its items.
    ///
    /// # Errors
    /// As [`Suite::parse`].
    pub fn suite(&self) -> Result<Suite, SuiteError> {
        Suite::parse(self.name, self.file)
    }
}
