//! The table of keys and values.

use crate::cursor::Cursor;
use crate::owned_value::encode_str;
use crate::{Array, FromValue, GgufError, OwnedValue, Value, ValueType, limits};
use std::collections::HashMap;

/// A file's metadata: unique keys with typed values, in file order.
#[derive(Debug, Clone)]
pub struct Metadata<'a> {
    entries: Vec<(&'a str, Value<'a>)>,
    index: HashMap<&'a str, usize>,
}

impl<'a> Metadata<'a> {
    /// Number of keys.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keys and values in file order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a str, Value<'a>)> + '_ {
        self.entries.iter().copied()
    }

    /// The value of `key`, of whatever type.
    pub fn value(&self, key: &str) -> Option<Value<'a>> {
        let &position = self.index.get(key)?;
        self.entries.get(position).map(|&(_, value)| value)
    }

    /// The value of `key` as a `T`, or `None` where the key is absent.
    ///
    /// `T` is a number, `bool`, `&str`, [`Array`] or [`List`](crate::List).
    ///
    /// # Errors
    /// [`GgufError::WrongType`], [`GgufError::WrongElementType`].
    pub fn read<T: FromValue<'a>>(&self, key: &str) -> Result<Option<T>, GgufError> {
        self.value(key)
            .map(|value| T::from_value(key, value))
            .transpose()
    }

    /// The value of `key` as a `T`.
    ///
    /// # Errors
    /// [`GgufError::MissingKey`] and those of [`Metadata::read`].
    pub fn require<T: FromValue<'a>>(&self, key: &str) -> Result<T, GgufError> {
        self.read(key)?.ok_or_else(|| GgufError::MissingKey {
            key: key.to_owned(),
        })
    }

    /// The keys that begin with `prefix` and their values, encoded as in a file, in the
    /// order of the keys' bytes: the same for files that say the same.
    #[must_use]
    pub fn encode_under(&self, prefix: &str) -> Vec<u8> {
        let entries = self.entries.iter();
        let mut wanted: Vec<_> = entries.filter(|(key, _)| key.starts_with(prefix)).collect();
        wanted.sort_unstable_by_key(|(key, _)| *key);
        let mut out = Vec::new();
        for &&(key, value) in &wanted {
            encode_str(key, &mut out);
            OwnedValue::from(value).encode(&mut out);
        }
        out
    }

    pub(crate) fn parse(cursor: &mut Cursor<'a>, count: u64) -> Result<Self, GgufError> {
        // Growing as bytes are read: the announced count buys no memory.
        let mut entries = Vec::new();
        let mut index = HashMap::new();
        for _ in 0..count {
            let offset = cursor.offset();
            let key = cursor.string(limits::MAX_KEY_BYTES)?;
            if key.is_empty() {
                return Err(GgufError::EmptyName { offset });
            }
            if index.insert(key, entries.len()).is_some() {
                return Err(GgufError::DuplicateKey {
                    key: key.to_owned(),
                });
            }
            let value_type = parse_type(cursor, key)?;
            entries.push((key, parse_value(cursor, key, value_type)?));
        }
        Ok(Self { entries, index })
    }
}

fn parse_type(cursor: &mut Cursor<'_>, key: &str) -> Result<ValueType, GgufError> {
    let found = cursor.u32()?;
    ValueType::from_id(found).ok_or_else(|| GgufError::UnknownValueType {
        key: key.to_owned(),
        found,
    })
}

fn parse_value<'a>(
    cursor: &mut Cursor<'a>,
    key: &str,
    value_type: ValueType,
) -> Result<Value<'a>, GgufError> {
    Ok(match value_type {
        ValueType::U8 => Value::U8(u8::from_le_bytes(cursor.array()?)),
        ValueType::I8 => Value::I8(i8::from_le_bytes(cursor.array()?)),
        ValueType::U16 => Value::U16(u16::from_le_bytes(cursor.array()?)),
        ValueType::I16 => Value::I16(i16::from_le_bytes(cursor.array()?)),
        ValueType::U32 => Value::U32(cursor.u32()?),
        ValueType::I32 => Value::I32(i32::from_le_bytes(cursor.array()?)),
        ValueType::F32 => Value::F32(f32::from_le_bytes(cursor.array()?)),
        ValueType::Bool => {
            let [byte] = cursor.array()?;
            check_bool(key, byte)?;
            Value::Bool(byte == 1)
        }
        ValueType::Str => Value::Str(cursor.string(limits::MAX_STRING_BYTES)?),
        ValueType::Array => Value::Array(parse_array(cursor, key)?),
        ValueType::U64 => Value::U64(cursor.u64()?),
        ValueType::I64 => Value::I64(i64::from_le_bytes(cursor.array()?)),
        ValueType::F64 => Value::F64(f64::from_le_bytes(cursor.array()?)),
    })
}

fn parse_array<'a>(cursor: &mut Cursor<'a>, key: &str) -> Result<Array<'a>, GgufError> {
    let element_type = parse_type(cursor, key)?;
    let found = cursor.u64()?;
    if element_type == ValueType::Array {
        return Err(GgufError::NestedArray {
            key: key.to_owned(),
        });
    }
    let limit = limits::MAX_ARRAY_LEN;
    let too_long = || GgufError::ArrayTooLong {
        key: key.to_owned(),
        found,
        limit,
    };
    if found > limit {
        return Err(too_long());
    }
    let len = usize::try_from(found).map_err(|_| too_long())?;
    let bytes = match element_type.fixed_bytes() {
        Some(size) => cursor.bytes(found.checked_mul(size).ok_or_else(too_long)?)?,
        None => parse_strings(cursor, found)?,
    };
    if element_type == ValueType::Bool {
        bytes.iter().try_for_each(|&byte| check_bool(key, byte))?;
    }
    Ok(Array::new(element_type, len, bytes))
}

/// Checks `count` strings and returns the bytes that encode them.
fn parse_strings<'a>(cursor: &mut Cursor<'a>, count: u64) -> Result<&'a [u8], GgufError> {
    // A string takes eight bytes at least: one look tells whether all can be there.
    cursor.ensure(count.saturating_mul(8))?;
    let before = cursor.rest();
    let start = cursor.offset();
    for _ in 0..count {
        cursor.string(limits::MAX_STRING_BYTES)?;
    }
    let len = usize::try_from(cursor.offset().saturating_sub(start)).unwrap_or(usize::MAX);
    Ok(before.get(..len).unwrap_or(before))
}

/// The specification allows 0 and 1; C++ turns any other byte into `true` in
/// one place and undefined behaviour in another.
fn check_bool(key: &str, found: u8) -> Result<(), GgufError> {
    if found > 1 {
        return Err(GgufError::InvalidBool {
            key: key.to_owned(),
            found,
        });
    }
    Ok(())
}
