//! JSON that somebody may have signed, read strictly. A byte order mark before it is passed
//! over here; what is signed or hashed are the bytes as they came.

use pocketune_base::json::{self, Nulls};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use pocketune_base::json::JsonError;

/// Objects and arrays inside each other; ours nest five deep.
const DEPTH_MAX: usize = 16;

/// Reads one document of a known shape.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    shaped(&json::parse(bytes, DEPTH_MAX)?)
}

/// A value as a known shape.
pub(crate) fn shaped<T: DeserializeOwned>(value: &Value) -> Result<T, JsonError> {
    json::shaped(value, Nulls::Absent)
}
