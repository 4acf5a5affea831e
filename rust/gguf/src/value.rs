//! Metadata values, borrowed from the file's bytes.

use std::fmt;

macro_rules! value_types {
    ($($(#[$doc:meta])* $variant:ident = $id:literal, $name:literal, $size:expr;)*) => {
        /// The type of a metadata value, with the numbers of the GGUF
        /// specification.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum ValueType {
            $($(#[$doc])* $variant = $id,)*
        }

        impl ValueType {
            /// The type with this number in the GGUF specification.
            pub fn from_id(id: u32) -> Option<Self> {
                match id {
                    $($id => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// A short name, as ggml prints it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Bytes of one value; `None` for strings and arrays, which vary.
            pub fn fixed_bytes(self) -> Option<u64> {
                match self { $(Self::$variant => $size,)* }
            }
        }
    };
}

value_types! {
    /// Unsigned, 8 bits.
    U8 = 0, "u8", Some(1);
    /// Signed, 8 bits.
    I8 = 1, "i8", Some(1);
    /// Unsigned, 16 bits.
    U16 = 2, "u16", Some(2);
    /// Signed, 16 bits.
    I16 = 3, "i16", Some(2);
    /// Unsigned, 32 bits.
    U32 = 4, "u32", Some(4);
    /// Signed, 32 bits.
    I32 = 5, "i32", Some(4);
    /// Float, 32 bits.
    F32 = 6, "f32", Some(4);
    /// One byte, 0 or 1.
    Bool = 7, "bool", Some(1);
    /// UTF-8 with a 64-bit length before it.
    Str = 8, "str", None;
    /// Element type, 64-bit length, elements.
    Array = 9, "arr", None;
    /// Unsigned, 64 bits.
    U64 = 10, "u64", Some(8);
    /// Signed, 64 bits.
    I64 = 11, "i64", Some(8);
    /// Float, 64 bits.
    F64 = 12, "f64", Some(8);
}

impl ValueType {
    /// The type's number in the GGUF specification.
    pub fn id(self) -> u32 {
        self as u32
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One metadata value. Strings and arrays borrow the file's bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Unsigned, 8 bits.
    U8(u8),
    /// Signed, 8 bits.
    I8(i8),
    /// Unsigned, 16 bits.
    U16(u16),
    /// Signed, 16 bits.
    I16(i16),
    /// Unsigned, 32 bits.
    U32(u32),
    /// Signed, 32 bits.
    I32(i32),
    /// Float, 32 bits.
    F32(f32),
    /// A truth value.
    Bool(bool),
    /// A string without NUL bytes.
    Str(&'a str),
    /// An array of anything but arrays.
    Array(Array<'a>),
    /// Unsigned, 64 bits.
    U64(u64),
    /// Signed, 64 bits.
    I64(i64),
    /// Float, 64 bits.
    F64(f64),
}

impl Value<'_> {
    /// The value's type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Value::U8(_) => ValueType::U8,
            Value::I8(_) => ValueType::I8,
            Value::U16(_) => ValueType::U16,
            Value::I16(_) => ValueType::I16,
            Value::U32(_) => ValueType::U32,
            Value::I32(_) => ValueType::I32,
            Value::F32(_) => ValueType::F32,
            Value::Bool(_) => ValueType::Bool,
            Value::Str(_) => ValueType::Str,
            Value::Array(_) => ValueType::Array,
            Value::U64(_) => ValueType::U64,
            Value::I64(_) => ValueType::I64,
            Value::F64(_) => ValueType::F64,
        }
    }
}

/// An array of scalars or strings, still in the file's encoding.
///
/// The reader has checked every element before it hands one of these out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Array<'a> {
    element_type: ValueType,
    len: usize,
    bytes: &'a [u8],
}

impl<'a> Array<'a> {
    pub(crate) fn new(element_type: ValueType, len: usize, bytes: &'a [u8]) -> Self {
        Self {
            element_type,
            len,
            bytes,
        }
    }

    /// The type of all elements; never [`ValueType::Array`].
    pub fn element_type(&self) -> ValueType {
        self.element_type
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The elements as the file has them: little endian, strings with their
    /// 64-bit lengths.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The elements in order.
    pub fn iter(&self) -> ArrayIter<'a> {
        ArrayIter {
            element_type: self.element_type,
            remaining: self.len,
            bytes: self.bytes,
        }
    }
}

impl<'a> IntoIterator for &Array<'a> {
    type Item = Value<'a>;
    type IntoIter = ArrayIter<'a>;
    fn into_iter(self) -> ArrayIter<'a> {
        self.iter()
    }
}

/// Elements of an [`Array`], in order.
#[derive(Debug, Clone)]
pub struct ArrayIter<'a> {
    element_type: ValueType,
    remaining: usize,
    bytes: &'a [u8],
}

impl<'a> ArrayIter<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = tail;
        Some(*head)
    }

    fn take_str(&mut self) -> Option<&'a str> {
        let len = usize::try_from(u64::from_le_bytes(self.take()?)).ok()?;
        let (head, tail) = self.bytes.split_at_checked(len)?;
        self.bytes = tail;
        std::str::from_utf8(head).ok()
    }

    fn take_value(&mut self) -> Option<Value<'a>> {
        Some(match self.element_type {
            ValueType::U8 => Value::U8(u8::from_le_bytes(self.take()?)),
            ValueType::I8 => Value::I8(i8::from_le_bytes(self.take()?)),
            ValueType::U16 => Value::U16(u16::from_le_bytes(self.take()?)),
            ValueType::I16 => Value::I16(i16::from_le_bytes(self.take()?)),
            ValueType::U32 => Value::U32(u32::from_le_bytes(self.take()?)),
            ValueType::I32 => Value::I32(i32::from_le_bytes(self.take()?)),
            ValueType::F32 => Value::F32(f32::from_le_bytes(self.take()?)),
            ValueType::Bool => Value::Bool(self.take::<1>()? == [1]),
            ValueType::Str => Value::Str(self.take_str()?),
            ValueType::U64 => Value::U64(u64::from_le_bytes(self.take()?)),
            ValueType::I64 => Value::I64(i64::from_le_bytes(self.take()?)),
            ValueType::F64 => Value::F64(f64::from_le_bytes(self.take()?)),
            ValueType::Array => return None,
        })
    }
}

impl<'a> Iterator for ArrayIter<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        self.remaining = self.remaining.checked_sub(1)?;
        self.take_value()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining, Some(self.remaining))
    }
}

impl ExactSizeIterator for ArrayIter<'_> {}
