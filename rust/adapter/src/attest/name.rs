//! Names of releases and channels.

use std::fmt;

use serde::{Deserialize, Serialize};

/// 1 to 64 of the characters `a`–`z`, `A`–`Z`, `0`–`9`, `.`, `_`, `-`, the first one a
/// letter or digit: nothing that a path, a terminal or a query reads in a way of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// A text that is no [`Name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 64 letters, digits, dots, dashes and underscores")]
pub struct NotAName;

impl Name {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = NotAName;

    fn try_from(text: String) -> Result<Self, NotAName> {
        let begins = text
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric());
        let fits = (1..=64).contains(&text.len());
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if begins && fits && text.bytes().all(plain) {
            Ok(Self(text))
        } else {
            Err(NotAName)
        }
    }
}

impl TryFrom<&str> for Name {
    type Error = NotAName;

    fn try_from(text: &str) -> Result<Self, NotAName> {
        text.to_owned().try_into()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn names_mean_nothing_to_paths_and_terminals() {
        for good in ["brief", "Brief-2.1_b", "0"] {
            assert!(Name::try_from(good).is_ok(), "{good}");
        }
        let long = "x".repeat(65);
        for bad in [
            "", ".", "..", "../brief", "a/b", "a\\b", "-rf", "a b", "é", "a\0", &long,
        ] {
            assert!(Name::try_from(bad).is_err(), "{bad}");
        }
    }
}
