//! Typed views of metadata values.

use crate::{Array, GgufError, Value, ValueType, value::ArrayIter};
use std::marker::PhantomData;

/// A type that a metadata value can be read as.
///
/// There are no conversions between number types: llama.cpp's readers accept
/// exactly one type for a key and throw on any other.
pub trait FromValue<'a>: Sized {
    /// Reads `value`, which belongs to `key`.
    ///
    /// # Errors
    /// [`GgufError::WrongType`] or [`GgufError::WrongElementType`].
    fn from_value(key: &str, value: Value<'a>) -> Result<Self, GgufError>;
}

macro_rules! scalars {
    ($($rust:ty => $variant:ident;)*) => {$(
        impl<'a> FromValue<'a> for $rust {
            fn from_value(key: &str, value: Value<'a>) -> Result<Self, GgufError> {
                match value {
                    Value::$variant(inner) => Ok(inner),
                    other => Err(wrong_type(key, other, ValueType::$variant)),
                }
            }
        }
    )*};
}

scalars! {
    u8 => U8; i8 => I8; u16 => U16; i16 => I16; u32 => U32; i32 => I32;
    u64 => U64; i64 => I64; f32 => F32; f64 => F64; bool => Bool;
    &'a str => Str; Array<'a> => Array;
}

fn wrong_type(key: &str, value: Value<'_>, expected: ValueType) -> GgufError {
    GgufError::WrongType {
        key: key.to_owned(),
        found: value.value_type(),
        expected,
    }
}

/// An array whose elements are all of the Rust type `T`: a number, `bool` or
/// `&str`.
#[derive(Debug, Clone, Copy)]
pub struct List<'a, T> {
    array: Array<'a>,
    element: PhantomData<T>,
}

impl<'a, T: Element<'a>> List<'a, T> {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.array.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.array.is_empty()
    }

    /// The elements in order, decoded one at a time.
    pub fn iter(&self) -> ListIter<'a, T> {
        ListIter {
            values: self.array.iter(),
            element: PhantomData,
        }
    }
}

impl<'a, T: Element<'a>> FromValue<'a> for List<'a, T> {
    fn from_value(key: &str, value: Value<'a>) -> Result<Self, GgufError> {
        let array = Array::from_value(key, value)?;
        if array.element_type() != T::TYPE {
            return Err(GgufError::WrongElementType {
                key: key.to_owned(),
                found: array.element_type(),
                expected: T::TYPE,
            });
        }
        Ok(List {
            array,
            element: PhantomData,
        })
    }
}

/// Elements of a [`List`], in order.
#[derive(Debug, Clone)]
pub struct ListIter<'a, T> {
    values: ArrayIter<'a>,
    element: PhantomData<T>,
}

impl<'a, T: Element<'a>> Iterator for ListIter<'a, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        T::from_element(self.values.next()?)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.values.size_hint()
    }
}

impl<'a, T: Element<'a>> ExactSizeIterator for ListIter<'a, T> {}

/// A type that an array element can be read as.
pub trait Element<'a>: Sized {
    /// The element type in the file.
    const TYPE: ValueType;

    /// Reads one element; `None` if it is of another type.
    fn from_element(value: Value<'a>) -> Option<Self>;
}

macro_rules! elements {
    ($($rust:ty => $variant:ident;)*) => {$(
        impl<'a> Element<'a> for $rust {
            const TYPE: ValueType = ValueType::$variant;

            fn from_element(value: Value<'a>) -> Option<Self> {
                match value {
                    Value::$variant(inner) => Some(inner),
                    _ => None,
                }
            }
        }
    )*};
}

elements! {
    u8 => U8; i8 => I8; u16 => U16; i16 => I16; u32 => U32; i32 => I32;
    u64 => U64; i64 => I64; f32 => F32; f64 => F64; bool => Bool; &'a str => Str;
}
