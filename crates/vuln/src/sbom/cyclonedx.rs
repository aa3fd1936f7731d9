//! CycloneDX 1.6, JSON (ECMA-424; <https://cyclonedx.org/docs/1.6/json/>).
//!
//! What CycloneDX has no field for is in properties whose names begin with `cofferdam:`.

use std::collections::HashMap;

use cofferdam_finding::{Package, Target};
use serde::Serialize;

use super::{
    About,
    license::{Declared, declared},
};
use crate::{Distribution, Inventory};

const TARGET_REF: &str = "target";

/// A CycloneDX document. Serialises in the order of the specification, the same for the same input.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bom {
    #[serde(rename = "$schema")]
    schema: &'static str,
    bom_format: &'static str,
    spec_version: &'static str,
    serial_number: String,
    version: u32,
    metadata: Metadata,
    components: Vec<Component>,
    dependencies: Vec<Dependency>,
    compositions: Vec<Composition>,
}

#[derive(Debug, Clone, Serialize)]
struct Metadata {
    timestamp: String,
    tools: Tools,
    component: Component,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

#[derive(Debug, Clone, Serialize)]
struct Tools {
    components: Vec<Component>,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Component {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref", skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<License>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpe: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

#[derive(Debug, Clone, Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

/// Either `license` or `expression`; a component has many of the one or one of the other.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "lowercase")]
enum License {
    License(LicenseName),
    Expression(String),
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "lowercase")]
enum LicenseName {
    Id(String),
    Name(String),
}

#[derive(Debug, Clone, Serialize)]
struct Property {
    name: String,
    value: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    depends_on: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
struct Composition {
    aggregate: &'static str,
    assemblies: Vec<&'static str>,
}

/// The bill of materials of an inventory.
///
/// The target holds the operating system, and that the packages: databases of packages say what
/// a package needs, not what it is part of, so no dependencies between packages are claimed. What
/// could not be looked at stands in properties `cofferdam:gap` of the metadata, and makes the
/// composition `incomplete`.
pub fn cyclonedx(inventory: &Inventory, about: &About<'_>) -> Bom {
    let system = inventory.distribution.as_ref().map(operating_system);
    let packages = packages(&inventory.packages);
    let mut bom = Bom {
        schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
        bom_format: "CycloneDX",
        spec_version: "1.6",
        serial_number: String::new(),
        version: 1,
        metadata: metadata(inventory, about),
        dependencies: dependencies(system.as_ref(), &packages),
        components: system.into_iter().chain(packages).collect(),
        compositions: vec![Composition {
            aggregate: if inventory.gaps.is_empty() { "complete" } else { "incomplete" },
            assemblies: vec![TARGET_REF],
        }],
    };
    bom.serial_number = about.serial_number.map_or_else(|| bom.derive_serial(), str::to_owned);
    bom
}

impl Bom {
    fn derive_serial(&self) -> String {
        super::derived_uuid(self)
    }
}

fn metadata(inventory: &Inventory, about: &About<'_>) -> Metadata {
    let gap = |gap: &cofferdam_finding::Gap| {
        property("cofferdam:gap", &format!("{}: {}: {}", gap.rule, gap.object, gap.why))
    };
    Metadata {
        timestamp: about.created.to_owned(),
        tools: Tools {
            components: vec![Component {
                kind: "application",
                name: about.tool.name.clone(),
                version: Some(about.tool.version.clone()),
                ..Component::default()
            }],
        },
        component: subject(about.target),
        properties: inventory.gaps.iter().map(gap).collect(),
    }
}

/// The target as a component.
fn subject(target: &Target) -> Component {
    let digest = target.digest.as_deref();
    let hash = digest.and_then(|digest| digest.strip_prefix("sha256:"));
    let properties = [Some(property("cofferdam:target:kind", &target.kind))]
        .into_iter()
        .chain([target.platform.as_deref().map(|p| property("cofferdam:target:platform", p))])
        .flatten()
        .chain(target.layers.iter().map(|layer| property("cofferdam:target:layer", layer)));
    Component {
        kind: if target.kind == "directory" { "file" } else { "container" },
        reference: Some(TARGET_REF.into()),
        name: target.name.clone(),
        version: digest.map(str::to_owned),
        hashes: hash
            .map(|content| Hash { alg: "SHA-256", content: content.into() })
            .into_iter()
            .collect(),
        properties: properties.collect(),
        ..Component::default()
    }
}

fn operating_system(distribution: &Distribution) -> Component {
    let optional = [
        ("cofferdam:os:codename", distribution.codename.clone()),
        ("cofferdam:os:ecosystem", distribution.ecosystem()),
        ("cofferdam:location", Some(distribution.location.clone())),
    ];
    Component {
        kind: "operating-system",
        reference: Some(format!(
            "os:{}@{}",
            distribution.id,
            distribution.version_id.as_deref().unwrap_or_default()
        )),
        name: distribution.id.clone(),
        version: distribution.version_id.clone(),
        description: Some(distribution.pretty_name.clone()),
        cpe: distribution.cpe.clone().filter(|cpe| cpe.starts_with("cpe:")),
        properties: optional
            .into_iter()
            .filter_map(|(name, value)| Some(property(name, &value?)))
            .collect(),
        ..Component::default()
    }
}

/// The packages as components. A package URL names one, except where a package manager lets two
/// packages differ in what the URL folds: those get a number after it.
fn packages(packages: &[Package]) -> Vec<Component> {
    let mut uses: HashMap<&str, usize> = HashMap::new();
    packages
        .iter()
        .map(|package| {
            let used = uses.entry(&package.purl).or_default();
            *used += 1;
            let suffix = if *used > 1 { format!("#{used}") } else { String::new() };
            component(package, format!("{}{suffix}", package.purl))
        })
        .collect()
}

fn component(package: &Package, reference: String) -> Component {
    let optional = [
        ("cofferdam:package:architecture", package.architecture.as_deref()),
        ("cofferdam:package:kind", Some(package.kind.name())),
        ("cofferdam:package:module", package.module.as_deref()),
        ("cofferdam:source:name", Some(package.source.name.as_str())),
        ("cofferdam:source:version", Some(package.source.version.as_str())),
        ("cofferdam:layer", package.layer.as_deref()),
        ("cofferdam:location", Some(package.location.as_str())),
        ("cofferdam:owner", package.owner.as_deref()),
        ("cofferdam:declared", package.declared.then_some("true")),
    ];
    Component {
        kind: "library",
        reference: Some(reference),
        name: package.name.clone(),
        version: Some(package.version.clone()),
        licenses: licenses(&package.licenses),
        purl: Some(package.purl.clone()),
        properties: optional
            .into_iter()
            .filter_map(|(name, value)| Some(property(name, value?)))
            .collect(),
        ..Component::default()
    }
}

fn licenses(declarations: &[String]) -> Vec<License> {
    if let [only] = declarations
        && declared(only) == Declared::Expression
    {
        return vec![License::Expression(only.clone())];
    }
    let name = |text: &String| match declared(text) {
        Declared::Identifier => LicenseName::Id(text.clone()),
        Declared::Expression | Declared::Text => LicenseName::Name(text.clone()),
    };
    declarations.iter().map(|text| License::License(name(text))).collect()
}

fn dependencies(system: Option<&Component>, packages: &[Component]) -> Vec<Dependency> {
    let references = || packages.iter().filter_map(|package| package.reference.clone()).collect();
    let Some(system) = system.and_then(|system| system.reference.clone()) else {
        return vec![Dependency { reference: TARGET_REF.into(), depends_on: references() }];
    };
    vec![
        Dependency { reference: TARGET_REF.into(), depends_on: vec![system.clone()] },
        Dependency { reference: system, depends_on: references() },
    ]
}

fn property(name: &str, value: &str) -> Property {
    Property { name: name.into(), value: value.into() }
}
