use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, map::Entry};

/// Reads any value, and remembers keys that stand twice in one mapping.
pub(super) struct Tree<'a>(pub(super) &'a mut Keys);

/// The paths of repeated keys so far, from the value that is being read.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) repeated: Vec<String>,
}

impl Keys {
    /// Repeated keys that are kept.
    const LIMIT: usize = 64;

    pub(super) fn repeat(&mut self, key: &str) {
        if self.repeated.len() < Self::LIMIT {
            self.repeated.push(key.to_owned());
        }
    }

    /// Puts `parent` before the paths that were found since there were `before` of them: the way is
    /// only written down where there is something to tell.
    pub(super) fn within(&mut self, before: usize, parent: &str) {
        for path in self.repeated.iter_mut().skip(before) {
            let dot = if path.starts_with('[') { "" } else { "." };
            *path = format!("{parent}{dot}{path}");
        }
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
        let mut before = self.0.repeated.len();
        while let Some(value) = access.next_element_seed(Tree(self.0))? {
            if self.0.repeated.len() > before {
                self.0.within(before, &format!("[{}]", values.len()));
                before = self.0.repeated.len();
            }
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let before = self.0.repeated.len();
            let value = access.next_value_seed(Tree(self.0))?;
            self.0.within(before, &key);
            match map.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(value);
                }
                Entry::Occupied(mut entry) => {
                    self.0.repeat(entry.key());
                    entry.insert(value);
                }
            }
        }
        Ok(Value::Object(map))
    }
}
