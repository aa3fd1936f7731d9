//! Keys that a configuration has and the specification has not.

use serde_json::Value;

/// Paths of keys of `given` that are absent in `understood`, which is `given` read and written again.
///
/// Empty values are left out when written, so an unknown key with an empty value is not told from
/// a known one; nothing is lost by that, as it asks for nothing.
pub(super) fn keys(given: &Value, understood: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(given, Some(understood), "", &mut found);
    found
}

fn collect(given: &Value, understood: Option<&Value>, path: &str, found: &mut Vec<String>) {
    match given {
        Value::Object(object) => {
            for (key, value) in object {
                let below = format!("{path}/{key}");
                match understood.and_then(|u| u.get(key)) {
                    Some(known) => collect(value, Some(known), &below, found),
                    None if is_empty(value) => {}
                    None => found.push(below),
                }
            }
        }
        Value::Array(array) => {
            for (index, value) in array.iter().enumerate() {
                let known = understood.and_then(|u| u.get(index));
                collect(value, known, &format!("{path}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// Whether a value is what an absent optional field reads as.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(b) => !b,
        Value::Number(n) => n.as_f64() == Some(0.0),
        Value::String(s) => s.is_empty(),
        Value::Array(a) => a.is_empty(),
        Value::Object(o) => o.values().all(is_empty),
    }
}
