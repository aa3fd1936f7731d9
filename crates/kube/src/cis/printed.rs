//! Values as Go's `fmt` and `encoding/json` write them, which is what benchmarks compare with.

use serde_json::Value;

use super::jsonpath::Origin;

/// A value as client-go's templates print it.
pub(super) fn printed(value: &Value, origin: Origin) -> String {
    match value {
        Value::Null => "<nil>".into(),
        Value::Bool(value) => value.to_string(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if origin == Origin::Json || number.is_f64() => fraction(float),
            _ => number.to_string(),
        },
        Value::Array(_) | Value::Object(_) => json(value),
    }
}

/// `%v` of a floating-point number: the shortest digits, an exponent from a million on or below a
/// ten-thousandth.
fn fraction(value: f64) -> String {
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// Compact JSON as Go writes it: keys in order, `<`, `>` and `&` escaped.
pub(super) fn json(value: &Value) -> String {
    escaped(&value.to_string())
}

/// Escapes what Go escapes in JSON besides what has to be.
pub(super) fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_does() {
        for (value, text) in [
            (0.0, "0"),
            (10250.0, "10250"),
            (100_000.0, "100000"),
            (1_000_000.0, "1e+06"),
            (123_456_789.0, "1.23456789e+08"),
            (0.5, "0.5"),
            (0.000_01, "1e-05"),
            (-3.0, "-3"),
        ] {
            assert_eq!(fraction(value), text);
        }
        assert_eq!(printed(&1_000_000.into(), Origin::Yaml), "1000000");
        assert_eq!(
            json(&serde_json::json!({"b": "<&>", "a": 1})),
            r#"{"a":1,"b":"\u003c\u0026\u003e"}"#
        );
    }
}
