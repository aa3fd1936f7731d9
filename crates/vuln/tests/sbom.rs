//! Bills of materials conform to the official schema, and the same input gives the same text.
#![expect(clippy::unwrap_used, reason = "in functions that tests share")]

mod schemas;
#[expect(dead_code, reason = "shared by tests that use different parts of it")]
mod support;

use std::collections::BTreeSet;

use cofferdam_finding::{Target, Tool};
use cofferdam_image::Tree;
use cofferdam_vuln::{
    inventory,
    sbom::{About, ReadError, cyclonedx, read, spdx},
};
use serde_json::{Value, json};

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
    let validator = schemas::cyclonedx();
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
    assert!(schemas::cyclonedx().is_valid(&bom));
    bom["components"][1]["licenses"] = json!([{ "license": { "id": "GPLv2+" } }]);
    assert!(!schemas::cyclonedx().is_valid(&bom));
}

#[test]
fn an_empty_directory_has_a_valid_and_incomplete_bill() {
    let target = Target { name: "/srv/root".into(), kind: "directory".into(), ..Target::default() };
    let bom = bom(&Tree::default(), &target, CREATED);
    assert!(schemas::cyclonedx().is_valid(&bom));
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

/// Name, version, source and purl of each package.
fn lines(inventory: &cofferdam_vuln::Inventory) -> BTreeSet<String> {
    let line = |package: &cofferdam_finding::Package| {
        let source = &package.source;
        format!(
            "{} {} {} {} {}",
            package.name, package.version, source.name, source.version, package.purl
        )
    };
    inventory.packages.iter().map(line).collect()
}

#[test]
fn a_bill_reads_as_the_inventory_that_it_was_made_of() {
    let tool = Tool { name: "cofferdam".into(), version: "0.1.0".into() };
    let target = image();
    let about = About { target: &target, tool: &tool, created: CREATED, serial_number: None };
    for (name, tree) in support::trees("package-databases.tar.zst") {
        let of_tree = inventory(&tree, &target.layers);
        let document = serde_json::to_vec(&cyclonedx(&of_tree, &about)).unwrap();
        let of_bill = read(&document, "bill").unwrap();
        assert_eq!(lines(&of_bill), lines(&of_tree), "{name}");
        let ecosystem = |inventory: &cofferdam_vuln::Inventory| {
            inventory.distribution.as_ref().and_then(|d| d.ecosystem())
        };
        assert_eq!(ecosystem(&of_bill), ecosystem(&of_tree), "{name}");
        assert_eq!(of_bill.packages[0].location, of_tree.packages[0].location);
        assert_eq!(of_bill.packages[0].layer, of_tree.packages[0].layer);

        let document = serde_json::to_value(spdx(&of_tree, &about)).unwrap();
        assert_eq!(document["spdxVersion"], "SPDX-2.3");
        assert_eq!(
            document["packages"].as_array().unwrap().len(),
            of_tree.packages.len() + 1 + usize::from(of_tree.distribution.is_some())
        );
        let of_spdx = read(document.to_string().as_bytes(), "bill").unwrap();
        let names = |inventory: &cofferdam_vuln::Inventory| -> BTreeSet<_> {
            inventory
                .packages
                .iter()
                .map(|p| (p.name.to_lowercase(), p.version.clone(), p.purl.clone()))
                .collect()
        };
        assert_eq!(names(&of_spdx), names(&of_tree), "{name}");
        assert_eq!(ecosystem(&of_spdx), ecosystem(&of_tree), "{name}");
    }
}

#[test]
fn spdx_keeps_licences_that_have_no_identifier() {
    let trees = support::trees("package-databases.tar.zst");
    let tool = Tool { name: "cofferdam".into(), version: "0.1.0".into() };
    let target = image();
    let about = About { target: &target, tool: &tool, created: CREATED, serial_number: None };
    let mut with_texts = 0;
    for tree in trees.values() {
        let document = serde_json::to_value(spdx(&inventory(tree, &[]), &about)).unwrap();
        let extracted = document["hasExtractedLicensingInfos"].as_array();
        let ids: BTreeSet<&str> =
            extracted.into_iter().flatten().filter_map(|e| e["licenseId"].as_str()).collect();
        assert_eq!(ids.len(), extracted.map_or(0, Vec::len));
        with_texts += usize::from(!ids.is_empty());
        for package in document["packages"].as_array().unwrap() {
            for word in package["licenseDeclared"].as_str().unwrap().split([' ', '(', ')']) {
                assert!(!word.starts_with("LicenseRef-") || ids.contains(word), "{word}");
            }
        }
    }
    assert!(with_texts > 0);
}

#[test]
fn bills_of_other_tools_are_read_with_their_qualifiers() {
    let list = "# a list\npkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl\n\
                pkg:rpm/redhat/bash@4.4.20-4.el8?arch=x86_64&epoch=1&distro=rhel-8.9&upstream=bash-4.4.20-4.el8.src.rpm\n\
                pkg:npm/%40babel/core@7.0.0\npkg:maven/org.slf4j/slf4j-api@1.7.36?type=jar\n\
                pkg:golang/golang.org/x/net@v0.1.0#html\npkg:pypi/Zope.Interface@5.0\npkg:oci/debian@sha256:0\nnot one\n";
    let inventory = read(list.as_bytes(), "purls.txt").unwrap();
    let lines: Vec<String> = inventory
        .packages
        .iter()
        .map(|p| {
            format!(
                "{} {} {} {} {}",
                p.kind.name(),
                p.name,
                p.version,
                p.source.name,
                p.source.version
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            "deb libssl3 3.0.11-1~deb12u2 openssl 3.0.11-1~deb12u2",
            "rpm bash 1:4.4.20-4.el8 bash 4.4.20-4.el8",
            "npm @babel/core 7.0.0 @babel/core 7.0.0",
            "pypi zope-interface 5.0 zope-interface 5.0",
            "golang golang.org/x/net v0.1.0 golang.org/x/net v0.1.0",
            "maven org.slf4j:slf4j-api 1.7.36 org.slf4j:slf4j-api 1.7.36",
        ]
    );
    let objects: Vec<&str> = inventory.gaps.iter().map(|gap| gap.object.as_str()).collect();
    assert_eq!(objects, ["not one", "distribution"]);

    let trivy = json!({"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [
        {"type": "operating-system", "name": "debian", "version": "12.5"},
        {"type": "library", "name": "libc6", "version": "2.36-9", "purl": "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12.5",
         "properties": [{"name": "aquasecurity:trivy:SrcName", "value": "glibc"}, {"name": "aquasecurity:trivy:SrcVersion", "value": "2.36"},
                        {"name": "aquasecurity:trivy:SrcRelease", "value": "9"}, {"name": "aquasecurity:trivy:LayerDiffID", "value": "sha256:0"}],
         "components": [{"type": "library", "name": "inner", "purl": "pkg:npm/inner@1.0.0"}]},
        {"type": "library", "name": "unknown", "version": "1"},
    ]});
    let inventory = read(trivy.to_string().as_bytes(), "bom").unwrap();
    assert_eq!(
        inventory.distribution.as_ref().and_then(|d| d.ecosystem()).as_deref(),
        Some("Debian:12")
    );
    assert_eq!(inventory.packages.len(), 2);
    assert_eq!(
        (inventory.packages[0].source.name.as_str(), inventory.packages[0].source.version.as_str()),
        ("glibc", "2.36-9")
    );
    assert_eq!(inventory.packages[0].layer.as_deref(), Some("sha256:0"));
    assert_eq!(inventory.gaps[0].object, "unknown");

    let syft = json!({"schema": {"version": "16"}, "distro": {"id": "alpine", "versionID": "3.19.1"}, "artifacts": [
        {"name": "musl", "purl": "pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&distro=alpine-3.19.1", "locations": [{"path": "/lib/apk/db/installed", "layerID": "sha256:1"}]}]});
    let inventory = read(syft.to_string().as_bytes(), "syft").unwrap();
    assert_eq!(
        inventory.distribution.as_ref().and_then(|d| d.ecosystem()).as_deref(),
        Some("Alpine:v3.19")
    );
    assert_eq!(inventory.packages[0].location, "lib/apk/db/installed");
}

#[test]
fn what_is_no_bill_is_an_error() {
    for text in ["", "{", "{}", "hello", "{\"bomFormat\":\"SPDX\"}", "# only a comment\n", "[1]"] {
        assert!(read(text.as_bytes(), "x").is_err(), "{text}");
    }
    assert_eq!(read(b"hello", "x"), Err(ReadError::Unknown));
    let mut nested = json!({"type": "library", "name": "x", "purl": "pkg:npm/x@1"});
    for _ in 0..40 {
        nested =
            json!({"type": "library", "name": "x", "purl": "pkg:npm/x@1", "components": [nested]});
    }
    let bill = json!({"bomFormat": "CycloneDX", "components": [nested]}).to_string();
    assert!(!read(bill.as_bytes(), "x").unwrap().gaps.is_empty());
}
