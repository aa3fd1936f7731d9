//! Published schemas that written documents are held against.

use jsonschema::{Registry, Validator};
use serde_json::Value;

/// The schema of CycloneDX 1.6.
pub(crate) fn cyclonedx() -> Validator {
    let schema = |text| serde_json::from_str::<Value>(text).unwrap();
    let registry = Registry::new()
        .add(
            "http://cyclonedx.org/schema/spdx.schema.json",
            schema(include_str!("spdx.schema.json")),
        )
        .unwrap()
        .add(
            "http://cyclonedx.org/schema/jsf-0.82.schema.json",
            schema(include_str!("jsf-0.82.schema.json")),
        )
        .unwrap()
        .prepare()
        .unwrap();
    jsonschema::options()
        .with_registry(&registry)
        .build(&schema(include_str!("bom-1.6.schema.json")))
        .unwrap()
}
