//! CSAF 2.0 (OASIS standard), profile 5 "VEX": products in a tree, and by vulnerability the list of
//! those that are affected, not affected, fixed or looked into.

use std::collections::{BTreeMap, BTreeSet};

use cofferdam_finding::VexStatus;
use serde_json::Value;

use super::{Identifier, Product, Reader, Statement, VexError, items, kept, text, time};

/// How deep branches of products may be.
const DEEPEST: usize = 64;

/// Lists of products, and what it says of a product to stand in one.
const LISTS: [(&str, VexStatus); 8] = [
    ("known_not_affected", VexStatus::NotAffected),
    ("fixed", VexStatus::Fixed),
    ("first_fixed", VexStatus::Fixed),
    ("recommended", VexStatus::Fixed),
    ("known_affected", VexStatus::Affected),
    ("first_affected", VexStatus::Affected),
    ("last_affected", VexStatus::Affected),
    ("under_investigation", VexStatus::UnderInvestigation),
];

pub(super) fn read(document: &Value, to: &mut Reader) -> Result<(), VexError> {
    let tracking = document.get("document").and_then(|document| document.get("tracking"));
    let written = tracking.and_then(|tracking| time(tracking, "current_release_date"));
    let products = Products::of(document, to);
    for (number, vulnerability) in items(document, "vulnerabilities").enumerate() {
        let place = format!("vulnerability {}", number + 1);
        let ids = items(vulnerability, "ids").filter_map(|id| kept(id, "text"));
        let names: Vec<String> = kept(vulnerability, "cve").into_iter().chain(ids).collect();
        let Some(lists) = vulnerability.get("product_status") else { continue };
        for (list, status) in LISTS {
            for product in items(lists, list) {
                let Some(id) = product.as_str() else {
                    to.problem(&place, format!("a product of {list} is no text"));
                    continue;
                };
                let Some(product) = products.named(id) else {
                    let why = format!("product '{id}' has no purl, hash or platform that is known");
                    to.problem(&place, why);
                    continue;
                };
                let statement = Statement {
                    vulnerability: names.clone(),
                    product,
                    status,
                    justification: products.label(vulnerability, id),
                    detail: products.detail(vulnerability, id, status),
                    timestamp: written,
                };
                to.statement(&format!("{place}, product '{id}'"), statement)?;
            }
        }
    }
    Ok(())
}

/// The tree of products, by id.
#[derive(Default)]
struct Products {
    by_id: BTreeMap<String, Product>,
    groups: BTreeMap<String, BTreeSet<String>>,
}

impl Products {
    fn of(document: &Value, to: &mut Reader) -> Self {
        let mut products = Self::default();
        let Some(tree) = document.get("product_tree") else { return products };
        for name in items(tree, "full_product_names") {
            products.add(name, None);
        }
        products.branches(tree, None, DEEPEST, to);
        for relationship in items(tree, "relationships") {
            products.relate(relationship);
        }
        for group in items(tree, "product_groups") {
            let ids = items(group, "product_ids").filter_map(Value::as_str).map(str::to_owned);
            if let Some(id) = text(group, "group_id") {
                products.groups.insert(id.to_owned(), ids.collect());
            }
        }
        products
    }

    fn branches(&mut self, value: &Value, range: Option<&str>, left: usize, to: &mut Reader) {
        if left == 0 {
            return to.problem("product_tree", "its branches are nested too deep");
        }
        for branch in items(value, "branches") {
            // The name of such a branch is a range of versions, in the notation of `vers` or not.
            let own = text(branch, "name")
                .filter(|_| text(branch, "category") == Some("product_version_range"));
            let range = own.or(range);
            if let Some(product) = branch.get("product") {
                self.add(product, range);
            }
            self.branches(branch, range, left - 1, to);
        }
    }

    fn add(&mut self, product: &Value, range: Option<&str>) {
        let Some(id) = text(product, "product_id") else { return };
        let helper = product.get("product_identification_helper");
        let mut identifiers = Vec::new();
        for name in ["purl", "cpe"] {
            identifiers.extend(helper.and_then(|helper| text(helper, name)).map(Identifier::of));
        }
        for hashes in helper.into_iter().flat_map(|helper| items(helper, "hashes")) {
            for hash in items(hashes, "file_hashes") {
                if let (Some(kind), Some(value)) = (text(hash, "algorithm"), text(hash, "value")) {
                    identifiers.push(Identifier::Hash(format!("{kind}:{value}")));
                }
            }
        }
        let range = range.map(str::to_owned);
        self.by_id.insert(id.to_owned(), Product { identifiers, component: Vec::new(), range });
    }

    /// A component as a part of a product is a product of its own.
    fn relate(&mut self, relationship: &Value) {
        let get = |name| text(relationship, name).and_then(|id| self.by_id.get(id));
        let (Some(part), Some(whole)) =
            (get("product_reference"), get("relates_to_product_reference"))
        else {
            return;
        };
        // A part that nothing identifies must not be taken for the whole.
        let is_named = !part.identifiers.is_empty();
        let related = Product {
            identifiers: if is_named { whole.identifiers.clone() } else { Vec::new() },
            component: part.identifiers.clone(),
            range: part.range.clone(),
        };
        let id = relationship.get("full_product_name").and_then(|name| text(name, "product_id"));
        if let Some(id) = id {
            self.by_id.insert(id.to_owned(), related);
        }
    }

    /// A product that can be recognised.
    fn named(&self, id: &str) -> Option<Product> {
        self.by_id.get(id).filter(|product| !product.identifiers.is_empty()).cloned()
    }

    /// Whether a flag, a threat or a remedy is about a product.
    fn concerns(&self, value: &Value, id: &str) -> bool {
        let mut ids = items(value, "product_ids").filter_map(Value::as_str).peekable();
        let mut groups = items(value, "group_ids").filter_map(Value::as_str).peekable();
        if ids.peek().is_none() && groups.peek().is_none() {
            return true;
        }
        ids.any(|one| one == id)
            || groups.any(|group| self.groups.get(group).is_some_and(|ids| ids.contains(id)))
    }

    /// The label of the flag of a product, which is the justification of OpenVEX.
    fn label(&self, vulnerability: &Value, id: &str) -> Option<String> {
        let mut flags = items(vulnerability, "flags").filter(|flag| self.concerns(flag, id));
        flags.find_map(|flag| kept(flag, "label"))
    }

    /// The impact on a product that is not affected, the remedy for one that is.
    fn detail(&self, vulnerability: &Value, id: &str, status: VexStatus) -> Option<String> {
        let (list, wanted) = match status {
            VexStatus::NotAffected => ("threats", Some("impact")),
            _ => ("remediations", None),
        };
        let mut all = items(vulnerability, list)
            .filter(|one| wanted.is_none_or(|wanted| text(one, "category") == Some(wanted)))
            .filter(|one| self.concerns(one, id));
        all.find_map(|one| kept(one, "details"))
    }
}
