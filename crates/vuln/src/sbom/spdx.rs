//! SPDX 2.3, JSON (<https://spdx.github.io/spdx-spec/v2.3/>).

use std::collections::BTreeMap;

use cofferdam_finding::Package;
use serde::Serialize;

use super::{
    About,
    license::{Declared, declared},
};
use crate::Inventory;

/// An SPDX document. Serialises the same for the same input.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    id: &'static str,
    name: String,
    document_namespace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    creation_info: CreationInfo,
    packages: Vec<Element>,
    relationships: Vec<Relationship>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    has_extracted_licensing_infos: Vec<Extracted>,
}

#[derive(Debug, Clone, Serialize)]
struct CreationInfo {
    created: String,
    creators: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Element {
    #[serde(rename = "SPDXID")]
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_info: Option<String>,
    download_location: &'static str,
    files_analyzed: bool,
    license_concluded: &'static str,
    license_declared: String,
    copyright_text: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_package_purpose: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_info: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_refs: Vec<ExternalRef>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: String,
    relationship_type: &'static str,
    related_spdx_element: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Extracted {
    license_id: String,
    extracted_text: String,
}

const NO_ASSERTION: &str = "NOASSERTION";
const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const TARGET: &str = "SPDXRef-target";

/// The document of an inventory: the target, and in it the operating system and the packages. What
/// could not be looked at stands in the comment.
pub fn spdx(inventory: &Inventory, about: &About<'_>) -> Document {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    let mut packages = vec![Element {
        primary_package_purpose: Some(match about.target.kind.as_str() {
            "directory" | "sbom" => "FILE",
            _ => "CONTAINER",
        }),
        ..element(TARGET.to_owned(), &about.target.name, about.target.digest.as_deref())
    }];
    if let Some(system) = &inventory.distribution {
        packages.push(Element {
            primary_package_purpose: Some("OPERATING-SYSTEM"),
            ..element("SPDXRef-os".to_owned(), &system.id, system.version_id.as_deref())
        });
    }
    let numbered = inventory.packages.iter().enumerate();
    packages.extend(numbered.map(|(i, package)| of_package(i, package, &mut texts)));
    let contains = packages.iter().skip(1).map(|package| relation(TARGET, "CONTAINS", &package.id));
    let relationships =
        std::iter::once(relation(DOCUMENT, "DESCRIBES", TARGET)).chain(contains).collect();
    let gaps: Vec<String> = inventory
        .gaps
        .iter()
        .map(|gap| format!("not looked at: {}: {}", gap.object, gap.why))
        .collect();
    let mut document = Document {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        id: DOCUMENT,
        name: about.target.name.clone(),
        document_namespace: String::new(),
        comment: (!gaps.is_empty()).then(|| gaps.join("\n")),
        creation_info: CreationInfo {
            created: about.created.to_owned(),
            creators: vec![format!("Tool: {}-{}", about.tool.name, about.tool.version)],
        },
        packages,
        relationships,
        has_extracted_licensing_infos: texts
            .into_iter()
            .map(|(extracted_text, license_id)| Extracted { license_id, extracted_text })
            .collect(),
    };
    document.document_namespace =
        about.serial_number.map_or_else(|| super::derived_uuid(&document), str::to_owned);
    document
}

fn element(id: String, name: &str, version: Option<&str>) -> Element {
    Element {
        id,
        name: name.to_owned(),
        version_info: version.map(str::to_owned),
        download_location: NO_ASSERTION,
        files_analyzed: false,
        license_concluded: NO_ASSERTION,
        license_declared: NO_ASSERTION.to_owned(),
        copyright_text: NO_ASSERTION,
        primary_package_purpose: None,
        source_info: None,
        external_refs: Vec::new(),
    }
}

fn of_package(index: usize, package: &Package, texts: &mut BTreeMap<String, String>) -> Element {
    let version = Some(package.version.as_str()).filter(|version| !version.is_empty());
    let how = if package.declared { "named in" } else { "installed according to" };
    let mut source = format!("{how} {}", package.location);
    if package.source.name != package.name || package.source.version != package.version {
        source.push_str(&format!(
            "; built from source package {} {}",
            package.source.name, package.source.version
        ));
    }
    Element {
        license_declared: license(&package.licenses, texts),
        source_info: Some(source),
        external_refs: vec![ExternalRef {
            reference_category: "PACKAGE-MANAGER",
            reference_type: "purl",
            reference_locator: package.purl.clone(),
        }],
        ..element(format!("SPDXRef-package-{index}"), &package.name, version)
    }
}

/// Several declarations hold together. Free text gets an identifier, and is kept as it is.
fn license(declarations: &[String], texts: &mut BTreeMap<String, String>) -> String {
    let parts: Vec<String> = declarations
        .iter()
        .map(|text| match declared(text) {
            Declared::Identifier => text.clone(),
            Declared::Expression if declarations.len() == 1 => text.clone(),
            Declared::Expression => format!("({text})"),
            Declared::Text => {
                let next = format!("LicenseRef-{}", texts.len() + 1);
                texts.entry(text.clone()).or_insert(next).clone()
            }
        })
        .collect();
    if parts.is_empty() { NO_ASSERTION.to_owned() } else { parts.join(" AND ") }
}

fn relation(from: &str, kind: &'static str, to: &str) -> Relationship {
    Relationship {
        spdx_element_id: from.to_owned(),
        relationship_type: kind,
        related_spdx_element: to.to_owned(),
    }
}
