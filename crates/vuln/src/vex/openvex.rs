//! OpenVEX 0.2.0 (<https://github.com/openvex/spec>), and 0.0.1, which wrote products and
//! vulnerabilities as plain texts.

use cofferdam_finding::VexStatus;
use serde_json::Value;

use super::{Identifier, Product, Reader, Statement, VexError, items, kept, text, time};

pub(super) fn read(document: &Value, to: &mut Reader) -> Result<(), VexError> {
    let written = time(document, "last_updated").or_else(|| time(document, "timestamp"));
    if document.get("statements").is_none_or(|statements| !statements.is_array()) {
        to.problem("statements", "it is no list");
    }
    for (number, statement) in items(document, "statements").enumerate() {
        let place = format!("statement {}", number + 1);
        let Some(status) = text(statement, "status").and_then(status) else {
            to.problem(place, "its status is none of OpenVEX");
            continue;
        };
        let names = vulnerability(statement);
        let products = products(statement);
        if products.is_empty() {
            to.problem(place, "it names no product");
            continue;
        }
        let detail = match status {
            VexStatus::Affected => kept(statement, "action_statement"),
            _ => kept(statement, "impact_statement"),
        };
        for product in products {
            let statement = Statement {
                vulnerability: names.clone(),
                product,
                status,
                justification: kept(statement, "justification"),
                detail: detail.clone().or_else(|| kept(statement, "status_notes")),
                timestamp: time(statement, "last_updated")
                    .or_else(|| time(statement, "timestamp"))
                    .or(written),
            };
            to.statement(&place, statement)?;
        }
    }
    Ok(())
}

fn status(text: &str) -> Option<VexStatus> {
    [VexStatus::NotAffected, VexStatus::Affected, VexStatus::Fixed, VexStatus::UnderInvestigation]
        .into_iter()
        .find(|status| status.name() == text)
}

/// Its name, then its identifier and aliases.
fn vulnerability(statement: &Value) -> Vec<String> {
    let Some(vulnerability) = statement.get("vulnerability") else { return Vec::new() };
    if let Some(name) = vulnerability.as_str() {
        return vec![super::shortened(name)];
    }
    let own = [kept(vulnerability, "name"), kept(vulnerability, "@id")].into_iter().flatten();
    let aliases = items(vulnerability, "aliases").filter_map(Value::as_str);
    let mut names: Vec<String> = own.chain(aliases.map(super::shortened)).collect();
    // An identifier may be the address of a page about it.
    for name in &mut names {
        if name.contains("://")
            && let Some((_, last)) = name.trim_end_matches('/').rsplit_once('/')
        {
            *name = last.to_owned();
        }
    }
    names.retain(|name| !name.is_empty());
    names.dedup();
    names
}

/// One for each product and subcomponent.
fn products(statement: &Value) -> Vec<Product> {
    // In version 0.0.1 subcomponents stand beside the products.
    let beside: Vec<Vec<Identifier>> = items(statement, "subcomponents").map(component).collect();
    let mut all = Vec::new();
    for product in items(statement, "products") {
        let of_product = component(product);
        if of_product.is_empty() {
            continue;
        }
        let own: Vec<Vec<Identifier>> = items(product, "subcomponents").map(component).collect();
        let parts = if own.is_empty() { &beside } else { &own };
        let with = |component: Vec<Identifier>| Product {
            identifiers: of_product.clone(),
            component,
            range: None,
        };
        if parts.is_empty() {
            all.push(with(Vec::new()));
        }
        all.extend(parts.iter().filter(|part| !part.is_empty()).map(|part| with(part.clone())));
    }
    all
}

/// What identifies a product or a component: any of it.
fn component(value: &Value) -> Vec<Identifier> {
    if let Some(text) = value.as_str() {
        return vec![Identifier::of(text)];
    }
    let mut all: Vec<Identifier> = text(value, "@id").map(Identifier::of).into_iter().collect();
    let texts = |name: &str| value.get(name).and_then(Value::as_object).into_iter().flatten();
    all.extend(texts("identifiers").filter_map(|(_, id)| id.as_str()).map(Identifier::of));
    all.extend(texts("hashes").filter_map(|(kind, hash)| {
        Some(Identifier::Hash(format!("{}:{}", kind.replace('-', ""), hash.as_str()?)))
    }));
    all.dedup();
    all
}
