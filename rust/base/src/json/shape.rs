//! A value to a known shape, with the place of each fault.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

use super::error::unexpected;
use super::{FieldFault, JsonError, Nulls};

/// A place in a document.
#[derive(Clone, Copy)]
pub(super) struct At<'v> {
    pub(super) value: &'v Value,
    pub(super) nulls: Nulls,
}

impl<'v> At<'v> {
    fn inner(self, value: &'v Value) -> Self {
        Self { value, ..self }
    }

    fn unexpected(self) -> Unexpected<'v> {
        unexpected(self.value)
    }

    fn items<'de, V: Visitor<'de>>(
        self,
        values: &'v [Value],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        let mut items = Items {
            at: self,
            left: values,
            taken: 0,
        };
        let read = visitor.visit_seq(&mut items)?;
        match items.left {
            [] => Ok(read),
            _ => {
                let expected = format!("a list of {}", items.taken);
                Err(JsonError::invalid_length(values.len(), &expected.as_str()))
            }
        }
    }

    fn fields<'de, V: Visitor<'de>>(
        self,
        fields: &'v Map<String, Value>,
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        visitor.visit_map(Fields {
            at: self,
            left: fields.iter(),
            value: None,
        })
    }
}

impl<'de> Deserializer<'de> for At<'_> {
    type Error = JsonError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_str(text),
            Value::Array(values) => self.items(values, visitor),
            Value::Object(fields) => self.fields(fields, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        match (self.value, self.nulls) {
            (Value::Null, Nulls::Absent) => visitor.visit_none(),
            // Whoever reads it then refuses it, and says what it should be.
            _ => visitor.visit_some(self),
        }
    }

    /// Only from an object: derived readers take a list too, field by field.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        match self.value {
            Value::Object(fields) => self.fields(fields, visitor),
            _ => Err(JsonError::invalid_type(self.unexpected(), &"an object")),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        let variant = match self.value {
            Value::String(name) => Some((name, None)),
            Value::Object(fields) if fields.len() == 1 => fields
                .iter()
                .next()
                .map(|(name, value)| (name, Some(self.inner(value)))),
            _ => None,
        };
        match variant {
            Some((name, value)) => visitor.visit_enum(Variant { name, value }),
            None => {
                let expected = format!("one of {}", known.join(", "));
                let found = self.unexpected();
                Err(JsonError::invalid_type(found, &expected.as_str()))
            }
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

struct Items<'v> {
    at: At<'v>,
    left: &'v [Value],
    taken: usize,
}

impl<'de> SeqAccess<'de> for &mut Items<'_> {
    type Error = JsonError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, JsonError> {
        let Some((value, left)) = self.left.split_first() else {
            return Ok(None);
        };
        let index = self.taken;
        self.left = left;
        self.taken += 1;
        let read = seed.deserialize(self.at.inner(value));
        read.map(Some).map_err(|error| error.within_item(index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

struct Fields<'v> {
    at: At<'v>,
    left: serde_json::map::Iter<'v>,
    value: Option<(&'v str, &'v Value)>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = JsonError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, JsonError> {
        let Some((name, value)) = self.left.next() else {
            return Ok(None);
        };
        self.value = Some((name, value));
        seed.deserialize(Key(name)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, JsonError> {
        let Some((name, value)) = self.value.take() else {
            return Err(JsonError::custom("a value without a key"));
        };
        let read = seed.deserialize(self.at.inner(value));
        read.map_err(|error| error.within(name))
    }
}

/// A key, which may stand for a number.
struct Key<'v>(&'v str);

macro_rules! numbers {
    ($($deserialize:ident $visit:ident,)*) => {
        $(fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
            match self.0.parse() {
                Ok(number) => visitor.$visit(number),
                Err(_) => Err(JsonError::custom("a key is no whole number in range")),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Key<'_> {
    type Error = JsonError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        visitor.visit_str(self.0)
    }

    numbers! {
        deserialize_i8 visit_i8,
        deserialize_i16 visit_i16,
        deserialize_i32 visit_i32,
        deserialize_i64 visit_i64,
        deserialize_u8 visit_u8,
        deserialize_u16 visit_u16,
        deserialize_u32 visit_u32,
        deserialize_u64 visit_u64,
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        let (name, value) = (self.0, None);
        visitor.visit_enum(Variant { name, value })
    }

    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

/// `"name"`, or `{"name": value}`.
struct Variant<'v> {
    name: &'v str,
    value: Option<At<'v>>,
}

impl<'v> Variant<'v> {
    /// What stands behind the name.
    fn content(self) -> Result<At<'v>, JsonError> {
        self.value.ok_or_else(|| {
            JsonError::here(FieldFault::Kind {
                found: "text",
                expected: format!("an object, {{\"{}\": …}}", self.name),
            })
        })
    }
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = JsonError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), JsonError> {
        let name: StrDeserializer<'_, JsonError> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

// The name is a known one here: it has been read.
impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = JsonError;

    fn unit_variant(self) -> Result<(), JsonError> {
        match self.value {
            None => Ok(()),
            Some(_) => Err(JsonError::invalid_type(
                Unexpected::Map,
                &format!("the text \"{}\"", self.name).as_str(),
            )),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, JsonError> {
        let name = self.name;
        let read = seed.deserialize(self.content()?);
        read.map_err(|error| error.within(name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, JsonError> {
        let name = self.name;
        let read = self.content()?.deserialize_any(visitor);
        read.map_err(|error| error.within(name))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        let name = self.name;
        let read = self.content()?.deserialize_struct("", fields, visitor);
        read.map_err(|error| error.within(name))
    }
}
