//! CycloneDX 1.4 and later: `vulnerabilities` with an `analysis`, in a bill of materials or beside it.

use std::collections::BTreeMap;

use cofferdam_finding::VexStatus;
use serde_json::Value;

use super::{Identifier, Product, Reader, Statement, VexError, items, kept, text, time};
use crate::purl::decode;

/// How deep components may be nested.
const DEEPEST: usize = 64;

pub(super) fn read(document: &Value, to: &mut Reader) -> Result<(), VexError> {
    let metadata = document.get("metadata");
    let written = metadata.and_then(|metadata| time(metadata, "timestamp"));
    let mut components = BTreeMap::new();
    if let Some(root) = metadata.and_then(|metadata| metadata.get("component")) {
        component(root, DEEPEST, &mut components);
    }
    for one in items(document, "components") {
        component(one, DEEPEST, &mut components);
    }
    if document.get("vulnerabilities").is_none() {
        return Err(VexError::Unknown);
    }
    for (number, vulnerability) in items(document, "vulnerabilities").enumerate() {
        let place = format!("vulnerability {}", number + 1);
        // Without an analysis it is a list of findings, and says nothing.
        let Some(analysis) = vulnerability.get("analysis") else { continue };
        let Some(status) = text(analysis, "state").and_then(status) else {
            to.problem(place, "the state of its analysis is none of CycloneDX");
            continue;
        };
        let others = items(vulnerability, "references").filter_map(|other| kept(other, "id"));
        let names: Vec<String> = kept(vulnerability, "id").into_iter().chain(others).collect();
        if items(vulnerability, "affects").next().is_none() {
            to.problem(&place, "it names no component that it affects");
        }
        for affected in items(vulnerability, "affects") {
            let Some(reference) = text(affected, "ref") else {
                to.problem(&place, "a component that it affects has no ref");
                continue;
            };
            for (status, range) in versions(affected, status) {
                let mut product = product(reference, &components);
                product.range = range;
                let statement = Statement {
                    vulnerability: names.clone(),
                    product,
                    status,
                    justification: text(analysis, "justification").map(justification),
                    detail: kept(analysis, "detail").or_else(|| responses(analysis)),
                    timestamp: ["lastUpdated", "firstIssued"]
                        .iter()
                        .find_map(|name| time(analysis, name))
                        .or_else(|| time(vulnerability, "updated"))
                        .or(written),
                };
                to.statement(&place, statement)?;
            }
        }
    }
    Ok(())
}

/// Notes what identifies a component and those in it, by reference.
fn component(value: &Value, left: usize, to: &mut BTreeMap<String, Vec<Identifier>>) {
    if left == 0 {
        return;
    }
    let mut identifiers: Vec<Identifier> =
        text(value, "purl").map(Identifier::of).into_iter().collect();
    for hash in items(value, "hashes") {
        if let (Some(kind), Some(content)) = (text(hash, "alg"), text(hash, "content")) {
            let kind = kind.to_ascii_lowercase().replace('-', "");
            identifiers.push(Identifier::Hash(format!("{kind}:{content}")));
        }
    }
    if identifiers.is_empty() {
        identifiers.extend(text(value, "name").map(|name| Identifier::Text(name.to_owned())));
    }
    if let Some(reference) = text(value, "bom-ref") {
        to.insert(reference.to_owned(), identifiers);
    }
    for one in items(value, "components") {
        component(one, left - 1, to);
    }
}

/// What a reference means: a component of this document, or of another one
/// (`urn:cdx:serial/version#reference`), where its reference may be its package URL.
fn product(reference: &str, components: &BTreeMap<String, Vec<Identifier>>) -> Product {
    let foreign = reference.strip_prefix("urn:cdx:").and_then(|rest| rest.split_once('#'));
    let fragment = foreign.and_then(|(_, fragment)| decode(fragment));
    let name = fragment.as_deref().unwrap_or(reference);
    let identifiers = match components.get(name) {
        Some(known) if !known.is_empty() => known.clone(),
        _ => vec![Identifier::of(name)],
    };
    Product { identifiers, component: Vec::new(), range: None }
}

/// The versions that an entry is about, each with what is said of it; all of them if it lists none.
fn versions(affected: &Value, status: VexStatus) -> Vec<(VexStatus, Option<String>)> {
    let listed = items(affected, "versions").filter_map(|one| {
        let status = match text(one, "status") {
            Some("unaffected") => VexStatus::NotAffected,
            Some("unknown") => VexStatus::UnderInvestigation,
            _ => status,
        };
        let range = kept(one, "range").or_else(|| kept(one, "version"))?;
        Some((status, Some(range)))
    });
    let listed: Vec<_> = listed.collect();
    if listed.is_empty() { vec![(status, None)] } else { listed }
}

fn status(text: &str) -> Option<VexStatus> {
    Some(match text {
        "resolved" | "resolved_with_pedigree" => VexStatus::Fixed,
        "exploitable" => VexStatus::Affected,
        "in_triage" => VexStatus::UnderInvestigation,
        "false_positive" | "not_affected" => VexStatus::NotAffected,
        _ => return None,
    })
}

/// The justification as OpenVEX has it, where that has the same.
fn justification(text: &str) -> String {
    match text {
        "code_not_present" => "vulnerable_code_not_present",
        "code_not_reachable" => "vulnerable_code_not_in_execute_path",
        "protected_by_mitigating_control" => "inline_mitigations_already_exist",
        other => other,
    }
    .chars()
    .take(100)
    .collect()
}

fn responses(analysis: &Value) -> Option<String> {
    let all: Vec<&str> = items(analysis, "response").filter_map(Value::as_str).take(8).collect();
    (!all.is_empty()).then(|| super::shortened(&all.join(", ")))
}
