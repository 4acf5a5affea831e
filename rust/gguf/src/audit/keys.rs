//! Range-checked reads of one architecture's hyperparameters.

use crate::{FromValue, GgufError, Metadata, Value};
use std::ops::RangeInclusive;

/// The keys `<architecture>.<suffix>` of a file.
pub(super) struct Keys<'m, 'a> {
    metadata: &'m Metadata<'a>,
    architecture: &'static str,
}

impl<'m, 'a> Keys<'m, 'a> {
    pub(super) fn new(metadata: &'m Metadata<'a>, architecture: &'static str) -> Self {
        Self {
            metadata,
            architecture,
        }
    }

    /// The full key.
    pub(super) fn key(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.architecture)
    }

    /// Whether the file has this key.
    pub(super) fn has(&self, suffix: &str) -> bool {
        self.read_any(suffix).is_some()
    }

    /// The value, of whatever type.
    pub(super) fn read_any(&self, suffix: &str) -> Option<Value<'a>> {
        self.metadata.value(&self.key(suffix))
    }

    /// The value, of a type llama.cpp accepts there.
    ///
    /// # Errors
    /// [`GgufError::WrongType`], [`GgufError::WrongElementType`].
    pub(super) fn read<T: FromValue<'a>>(&self, suffix: &str) -> Result<Option<T>, GgufError> {
        self.metadata.read(&self.key(suffix))
    }

    /// A `u32` within `range`.
    ///
    /// # Errors
    /// [`GgufError::WrongType`], [`GgufError::OutOfRange`].
    pub(super) fn u32(
        &self,
        suffix: &str,
        range: RangeInclusive<u32>,
    ) -> Result<Option<u32>, GgufError> {
        let Some(found) = self.read::<u32>(suffix)? else {
            return Ok(None);
        };
        check_u32(&self.key(suffix), found, range).map(Some)
    }

    /// A `u32` within `range` that must be there.
    ///
    /// # Errors
    /// [`GgufError::MissingKey`] and those of [`Keys::u32`].
    pub(super) fn require_u32(
        &self,
        suffix: &str,
        range: RangeInclusive<u32>,
    ) -> Result<u32, GgufError> {
        self.u32(suffix, range)?.ok_or_else(|| self.missing(suffix))
    }

    /// An `f32` within `range`, which no NaN is.
    ///
    /// # Errors
    /// [`GgufError::WrongType`], [`GgufError::FloatOutOfRange`].
    pub(super) fn f32(
        &self,
        suffix: &str,
        range: RangeInclusive<f32>,
    ) -> Result<Option<f32>, GgufError> {
        let Some(found) = self.read::<f32>(suffix)? else {
            return Ok(None);
        };
        if !range.contains(&found) {
            let (min, max) = range.into_inner();
            return Err(GgufError::FloatOutOfRange {
                key: self.key(suffix),
                found,
                min,
                max,
            });
        }
        Ok(Some(found))
    }

    /// An `f32` within `range` that must be there.
    ///
    /// # Errors
    /// [`GgufError::MissingKey`] and those of [`Keys::f32`].
    pub(super) fn require_f32(
        &self,
        suffix: &str,
        range: RangeInclusive<f32>,
    ) -> Result<f32, GgufError> {
        self.f32(suffix, range)?.ok_or_else(|| self.missing(suffix))
    }

    /// A string out of `allowed`.
    ///
    /// # Errors
    /// [`GgufError::WrongType`], [`GgufError::UnsupportedValue`].
    pub(super) fn one_of(
        &self,
        suffix: &str,
        allowed: &[&'static str],
    ) -> Result<Option<&'static str>, GgufError> {
        let Some(found) = self.read::<&str>(suffix)? else {
            return Ok(None);
        };
        match allowed.iter().find(|&&name| name == found) {
            Some(&name) => Ok(Some(name)),
            None => {
                let found = found.to_owned();
                Err(GgufError::UnsupportedValue {
                    key: self.key(suffix),
                    found,
                })
            }
        }
    }

    /// Refuses keys that would lead llama.cpp where no audit follows.
    ///
    /// # Errors
    /// [`GgufError::UnsupportedKey`].
    pub(super) fn refuse(&self, suffixes: &[&str]) -> Result<(), GgufError> {
        match suffixes.iter().find(|suffix| self.has(suffix)) {
            Some(suffix) => Err(GgufError::UnsupportedKey {
                key: self.key(suffix),
            }),
            None => Ok(()),
        }
    }

    fn missing(&self, suffix: &str) -> GgufError {
        GgufError::MissingKey {
            key: self.key(suffix),
        }
    }
}

/// # Errors
/// [`GgufError::OutOfRange`].
pub(super) fn check_u32(
    key: &str,
    found: u32,
    range: RangeInclusive<u32>,
) -> Result<u32, GgufError> {
    if range.contains(&found) {
        return Ok(found);
    }
    let (min, max) = range.into_inner();
    Err(GgufError::OutOfRange {
        key: key.to_owned(),
        found: found.into(),
        min: min.into(),
        max: max.into(),
    })
}
