//! Bills of materials conform to the official schema, and the same input gives the same text.
#![expect(clippy::unwrap_used, reason = "in functions that tests share")]

#[expect(dead_code, reason = "shared by tests that use different parts of it")]
mod support;

use std::collections::BTreeSet;

use cofferdam_finding::{Target, Tool};
use cofferdam_image::Tree;
use cofferdam_vuln::{
    inventory,
    sbom::{About, cyclonedx},
};
use jsonschema::{Registry, Validator};
use serde_json::{Value, json};

fn validator() -> Validator {
    let schema = |text| serde_json::from_str::<Value>(text).unwrap();
    let registry = Registry::new()
        .add(
            "http://cyclonedx.org/schema/spdx.schema.json",
            schema(include_str!("schemas/spdx.schema.json")),
        )
        .unwrap()
        .add(
            "http://cyclonedx.org/schema/jsf-0.82.schema.json",
            schema(include_str!("schemas/jsf-0.82.schema.json")),
        )
        .unwrap()
        .prepare()
        .unwrap();
    jsonschema::options()
        .with_registry(&registry)
        .build(&schema(include_str!("schemas/bom-1.6.schema.json")))
        .unwrap()
}

fn image() -> Target {
    Target {
        name: "example:latest".into(),
        kind: "oci-layout".into(),
        digest: Some(format!("sha256:{}", "ab".repeat(32))),
        platform: Some("linux/amd64".into()),
        os: None,
        layers: vec![format!("sha256:{}", "01".repeat(32))],
    }
}

fn bom(tree: &Tree, target: &Target, created: &str) -> Value {
    let tool = Tool { name: "cofferdam".into(), version: "0.1.0".into() };
    let about = About { target, tool: &tool, created, serial_number: None };
    serde_json::to_value(cyclonedx(&inventory(tree, &target.layers), &about)).unwrap()
}

const CREATED: &str = "2026-11-23T12:00:00Z";

#[test]
fn bills_of_real_distributions_conform_to_the_schema() {
    let validator = validator();
    for (name, tree) in support::trees("package-databases.tar.zst") {
        let bom = bom(&tree, &image(), CREATED);
        let errors: Vec<String> =
            validator.iter_errors(&bom).take(5).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
        let packages = inventory(&tree, &[]).packages.len();
        let libraries = |component: &&Value| component["type"] == "library";
        let components = bom["components"].as_array().unwrap();
        assert_eq!(components.iter().filter(libraries).count(), packages, "{name}");
    }
}

#[test]
fn the_schema_is_the_one_that_refuses() {
    let trees = support::trees("package-databases.tar.zst");
    let mut bom = bom(&trees["alpine-3.20"], &image(), CREATED);
    assert!(validator().is_valid(&bom));
    bom["components"][1]["licenses"] = json!([{ "license": { "id": "GPLv2+" } }]);
    assert!(!validator().is_valid(&bom));
}

#[test]
fn an_empty_directory_has_a_valid_and_incomplete_bill() {
    let target = Target { name: "/srv/root".into(), kind: "directory".into(), ..Target::default() };
    let bom = bom(&Tree::default(), &target, CREATED);
    assert!(validator().is_valid(&bom));
    assert_eq!(bom["compositions"][0]["aggregate"], "incomplete");
    assert_eq!(bom["metadata"]["component"]["type"], "file");
    assert_eq!(bom["metadata"]["properties"].as_array().unwrap().len(), 2);
}

#[test]
fn a_component_says_what_is_known_of_a_package() {
    let trees = support::trees("package-databases.tar.zst");
    let bom = bom(&trees["alpine-3.20"], &image(), CREATED);
    let components = bom["components"].as_array().unwrap();
    let component = |name| components.iter().find(|component| component["name"] == name).unwrap();
    let purl =
        "pkg:apk/alpine/ssl_client@1.36.1-r29?arch=x86_64&distro=alpine-3.20.3&upstream=busybox";
    assert_eq!(
        component("ssl_client"),
        &json!({
            "type": "library",
            "bom-ref": purl,
            "name": "ssl_client",
            "version": "1.36.1-r29",
            "licenses": [{ "license": { "id": "GPL-2.0-only" } }],
            "purl": purl,
            "properties": [
                { "name": "cofferdam:package:architecture", "value": "x86_64" },
                { "name": "cofferdam:package:kind", "value": "apk" },
                { "name": "cofferdam:source:name", "value": "busybox" },
                { "name": "cofferdam:source:version", "value": "1.36.1-r29" },
                { "name": "cofferdam:layer", "value": format!("sha256:{}", "01".repeat(32)) },
                { "name": "cofferdam:location", "value": "lib/apk/db/installed" },
            ],
        })
    );
    assert_eq!(component("alpine")["type"], "operating-system");
    assert_eq!(component("alpine")["version"], "3.20.3");
    assert_eq!(bom["dependencies"][0]["dependsOn"], json!(["os:alpine@3.20.3"]));
    assert_eq!(bom["dependencies"][1]["dependsOn"].as_array().unwrap().len(), 14);
}

#[test]
fn the_serial_number_follows_from_the_content() {
    let trees = support::trees("package-databases.tar.zst");
    let serial = |tree: &str, created| {
        bom(&trees[tree], &image(), created)["serialNumber"].as_str().unwrap().to_owned()
    };
    let serials = [
        serial("alpine-3.20", CREATED),
        serial("alpine-3.19", CREATED),
        serial("alpine-3.20", "2026-11-24T12:00:00Z"),
    ];
    assert_eq!(serials[0], serial("alpine-3.20", CREATED));
    assert_eq!(serials.iter().collect::<BTreeSet<_>>().len(), 3);
    assert_eq!(&serials[0][23..24], "8", "a UUID of version 8: {}", serials[0]);
}

#[test]
fn the_identifiers_of_licences_are_those_of_the_schema() {
    let schema: Value = serde_json::from_str(include_str!("schemas/spdx.schema.json")).unwrap();
    let mut schema: Vec<&str> =
        schema["enum"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    schema.sort_unstable();
    assert!(include_str!("../src/sbom/spdx-identifiers.txt").lines().eq(schema));
}
