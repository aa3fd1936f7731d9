use std::{collections::BTreeSet, sync::LazyLock};

use cofferdam_finding::{Report, SCHEMA_VERSION, render};
use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{sample, strategies};

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/report.schema.json"
    )))
    .unwrap()
});
static VALIDATOR: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::draft202012::new(&SCHEMA).unwrap());

fn written(report: &Report) -> String {
    let mut out = Vec::new();
    render::json(report, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn complaints(report: &Value) -> Vec<String> {
    let location =
        |error: jsonschema::ValidationError<'_>| format!("{}: {error}", error.instance_path());
    VALIDATOR.iter_errors(report).map(location).collect()
}

/// Every name of an object's member, at any depth.
fn member_names(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            names.extend(members.keys().cloned());
            members.values().for_each(|value| member_names(value, names));
        }
        Value::Array(values) => values.iter().for_each(|value| member_names(value, names)),
        _ => {}
    }
}

/// Every name that the schema has a property for.
fn property_names(schema: &Value, names: &mut BTreeSet<String>) {
    let Value::Object(members) = schema else { return };
    for (key, value) in members {
        match (key.as_str(), value) {
            ("properties" | "$defs", Value::Object(properties)) => {
                if key == "properties" {
                    names.extend(properties.keys().cloned());
                }
                properties.values().for_each(|value| property_names(value, names));
            }
            (_, Value::Array(values)) => {
                values.iter().for_each(|value| property_names(value, names));
            }
            _ => property_names(value, names),
        }
    }
}

#[test]
fn everything_as_json() {
    insta::assert_snapshot!(written(&sample::report()));
}

#[test]
fn the_schema_is_a_schema_of_this_version() {
    jsonschema::draft202012::meta::validate(&SCHEMA).unwrap();
    assert_eq!(SCHEMA["properties"]["schema_version"], json!({ "const": SCHEMA_VERSION }));
}

#[test]
fn the_schema_has_a_property_for_all_that_is_written_and_for_nothing_else() {
    let report: Value = serde_json::from_str(&written(&sample::report())).unwrap();
    assert_eq!(complaints(&report), [""; 0]);
    let (mut written, mut described) = (BTreeSet::new(), BTreeSet::new());
    member_names(&report, &mut written);
    property_names(&SCHEMA, &mut described);
    assert_eq!(written, described);
}

#[test]
fn the_schema_refuses_what_is_no_report() {
    let good = serde_json::to_value(sample::report()).unwrap();
    let change = |pointer: &str, value: Value| {
        let mut report = good.clone();
        *report.pointer_mut(pointer).unwrap() = value;
        report
    };
    for report in [
        json!({}),
        change("/schema_version", json!(SCHEMA_VERSION + 1)),
        change("/findings/0/severity", json!("severe")),
        change("/findings/0/status", json!({ "is": "unknown" })),
        change("/findings/0/fingerprint", json!("abc")),
        change("/waived/0/waiver/expires", json!("tomorrow")),
        change("/verdict", json!("fine")),
        change("/summary/gaps", json!(-1)),
        change("/target", json!({ "name": "a", "kind": "b", "more": 1 })),
    ] {
        assert_ne!(complaints(&report), [""; 0], "{report}");
    }
}

proptest! {
    #[test]
    fn any_report_is_valid_and_comes_back(report in strategies::report()) {
        let text = written(&report);
        prop_assert_eq!(complaints(&serde_json::from_str(&text).unwrap()), [""; 0]);
        prop_assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    }
}
