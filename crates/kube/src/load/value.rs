use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads any value, and remembers keys that stand twice in one mapping.
pub(super) struct Tree<'a>(pub(super) &'a mut Keys);

/// The way to the value that is being read, and the repeated keys so far.
#[derive(Debug, Default)]
pub(super) struct Keys {
    path: Vec<String>,
    pub(super) repeated: Vec<String>,
}

impl Keys {
    /// Repeated keys that are kept.
    const LIMIT: usize = 64;

    pub(super) fn repeat(&mut self, key: &str) {
        if self.repeated.len() < Self::LIMIT {
            let mut path = self.path.join(".");
            if !path.is_empty() {
                path.push('.');
            }
            self.repeated.push(path + key);
        }
    }

    pub(super) fn enter(&mut self, key: impl Into<String>) {
        self.path.push(key.into());
    }

    pub(super) fn leave(&mut self) {
        self.path.pop();
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        self.0.enter("[]");
        while let Some(value) = access.next_element_seed(Tree(self.0))? {
            values.push(value);
        }
        self.0.leave();
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            self.0.enter(key.clone());
            let value = access.next_value_seed(Tree(self.0)).map_err(A::Error::custom)?;
            self.0.leave();
            if map.contains_key(&key) {
                self.0.repeat(&key);
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}
