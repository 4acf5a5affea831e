//! Metadata values that own their bytes, for building files.

use crate::{Value, ValueType};

/// A metadata value to be written.
///
/// Made with `from`/`into`: numbers, `bool`, strings, slices of these, and
/// [`Value`]s read from another file.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedValue {
    value_type: ValueType,
    /// The value as the file has it, without its own type.
    bytes: Vec<u8>,
}

impl OwnedValue {
    /// The value's type.
    pub fn value_type(&self) -> ValueType {
        self.value_type
    }

    /// The value, if it is a `u32`.
    pub(crate) fn as_u32(&self) -> Option<u32> {
        match self.value_type {
            ValueType::U32 => Some(u32::from_le_bytes(self.bytes.as_slice().try_into().ok()?)),
            _ => None,
        }
    }

    /// Appends type and value.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.value_type.id().to_le_bytes());
        out.extend(&self.bytes);
    }

    fn array(element_type: ValueType, len: usize, elements: impl IntoIterator<Item = u8>) -> Self {
        let mut bytes = element_type.id().to_le_bytes().to_vec();
        bytes.extend((len as u64).to_le_bytes());
        bytes.extend(elements);
        OwnedValue {
            value_type: ValueType::Array,
            bytes,
        }
    }
}

/// Appends a string: 64-bit length, then bytes.
pub(crate) fn encode_str(text: &str, out: &mut Vec<u8>) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn str_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len().saturating_add(8));
    encode_str(text, &mut bytes);
    bytes
}

macro_rules! owned_numbers {
    ($($rust:ty => $variant:ident;)*) => {$(
        impl From<$rust> for OwnedValue {
            fn from(value: $rust) -> Self {
                OwnedValue { value_type: ValueType::$variant, bytes: value.to_le_bytes().to_vec() }
            }
        }

        impl From<&[$rust]> for OwnedValue {
            fn from(values: &[$rust]) -> Self {
                OwnedValue::array(
                    ValueType::$variant,
                    values.len(),
                    values.iter().flat_map(|value| value.to_le_bytes()),
                )
            }
        }
    )*};
}

owned_numbers! {
    u8 => U8; i8 => I8; u16 => U16; i16 => I16; u32 => U32; i32 => I32;
    u64 => U64; i64 => I64; f32 => F32; f64 => F64;
}

impl From<bool> for OwnedValue {
    fn from(value: bool) -> Self {
        OwnedValue {
            value_type: ValueType::Bool,
            bytes: vec![u8::from(value)],
        }
    }
}

impl From<&[bool]> for OwnedValue {
    fn from(values: &[bool]) -> Self {
        OwnedValue::array(
            ValueType::Bool,
            values.len(),
            values.iter().map(|&value| value.into()),
        )
    }
}

impl From<&str> for OwnedValue {
    fn from(text: &str) -> Self {
        OwnedValue {
            value_type: ValueType::Str,
            bytes: str_bytes(text),
        }
    }
}

impl From<String> for OwnedValue {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<&[&str]> for OwnedValue {
    fn from(texts: &[&str]) -> Self {
        OwnedValue::array(
            ValueType::Str,
            texts.len(),
            texts.iter().flat_map(|text| str_bytes(text)),
        )
    }
}

impl From<&[String]> for OwnedValue {
    fn from(texts: &[String]) -> Self {
        OwnedValue::array(
            ValueType::Str,
            texts.len(),
            texts.iter().flat_map(|text| str_bytes(text)),
        )
    }
}

impl From<Value<'_>> for OwnedValue {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::U8(value) => value.into(),
            Value::I8(value) => value.into(),
            Value::U16(value) => value.into(),
            Value::I16(value) => value.into(),
            Value::U32(value) => value.into(),
            Value::I32(value) => value.into(),
            Value::F32(value) => value.into(),
            Value::Bool(value) => value.into(),
            Value::Str(value) => value.into(),
            Value::U64(value) => value.into(),
            Value::I64(value) => value.into(),
            Value::F64(value) => value.into(),
            Value::Array(array) => OwnedValue::array(
                array.element_type(),
                array.len(),
                array.as_bytes().iter().copied(),
            ),
        }
    }
}
