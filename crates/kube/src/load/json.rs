use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{
    intake::Intake,
    value::{Keys, Tree},
};

/// Reads JSON: one value, or several in a row. Says whether it could; what is broken is told to
/// `intake` if the file is JSON for `certain` or something of it was understood.
pub(super) fn read(text: &str, intake: &mut Intake<'_>, certain: bool) -> bool {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    while deserializer.end().is_err() {
        intake.begin();
        let mut keys = Keys::default();
        match (Document { intake, keys: &mut keys }).deserialize(&mut deserializer) {
            Ok(root) => intake.end(root, 0),
            Err(error) => {
                if certain || intake.took_any() {
                    intake.broken(error.line(), &without_position(&error), "");
                    return true;
                }
                return false;
            }
        }
        keys.repeated.iter().for_each(|path| intake.repeated_key(path));
    }
    true
}

fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

/// The outermost value: what it lists goes to the intake at once, and is not kept.
struct Document<'a, 'b> {
    intake: &'a mut Intake<'b>,
    keys: &'a mut Keys,
}

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let (mut before, mut index) = (self.keys.repeated.len(), 0);
        while let Some(value) = access.next_element_seed(Tree(self.keys))? {
            if self.keys.repeated.len() > before {
                self.keys.within(before, &format!("[{index}]"));
                before = self.keys.repeated.len();
            }
            index += 1;
            self.intake.item(value, 0);
        }
        Ok(Value::Array(Vec::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let before = self.keys.repeated.len();
            let value = if key == "items" {
                access.next_value_seed(Items { intake: self.intake, keys: self.keys })?
            } else {
                access.next_value_seed(Tree(self.keys))?
            };
            self.keys.within(before, &key);
            if map.contains_key(&key) {
                self.keys.repeat(&key);
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// The value of `items`: any, but of an array nothing is kept.
struct Items<'a, 'b> {
    intake: &'a mut Intake<'b>,
    keys: &'a mut Keys,
}

impl<'de> DeserializeSeed<'de> for Items<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        Document { intake: self.intake, keys: self.keys }.visit_seq(access)
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        Tree(self.keys).visit_map(access)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        Tree(self.keys).visit_str(value)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}
