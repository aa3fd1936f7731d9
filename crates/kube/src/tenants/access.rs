use std::collections::BTreeMap;

use cofferdam_finding::{Evidence, Finding};

use super::{Tenants, by_tenant, evidence, rules};
use crate::rbac::{Access, Bound, SubjectId};

/// Service accounts of one tenant, or of everybody, that have a role over another: a binding in its
/// namespace, or one for all of the cluster whose role says more than what is public.
pub(super) fn bindings(access: &Access, tenants: &Tenants) -> Vec<Finding> {
    let mut found: BTreeMap<&str, Vec<Evidence>> = BTreeMap::new();
    for binding in &access.bindings {
        for subject in subjects(access, binding) {
            for tenant in owners(subject, tenants) {
                let over = match &binding.namespace {
                    Some(namespace) => match tenants.of(namespace) {
                        Some(other) if other != tenant => format!("tenant {other}"),
                        _ => continue,
                    },
                    None if reads_namespaced(access, binding) => "every tenant".to_owned(),
                    None => continue,
                };
                let role = index(binding.role).and_then(|it| access.roles.get(it));
                let role = role.map_or_else(|| "a role".to_owned(), |role| role.title());
                let saw = format!("gives {role} over {over} to {}", named(subject));
                let evidence = evidence(binding.title(), saw, "bindings within the tenant only");
                found.entry(tenant).or_default().push(evidence);
            }
        }
    }
    by_tenant(&rules::ACCESS, found)
}

fn index(number: u32) -> Option<usize> {
    usize::try_from(number).ok()
}

fn subjects<'a>(
    access: &'a Access,
    binding: &'a Bound,
) -> impl Iterator<Item = &'a SubjectId> + 'a {
    let numbers = binding.subjects.iter().filter_map(|number| index(*number));
    numbers.filter_map(|number| access.subjects.get(number))
}

/// Tenants whose pods can be the subject. Users and other groups are people, or not of a tenant.
fn owners<'a>(subject: &SubjectId, tenants: &'a Tenants) -> Vec<&'a str> {
    match subject {
        SubjectId::ServiceAccount { namespace, .. } => tenants.of(namespace).into_iter().collect(),
        SubjectId::Group { name } => match name.strip_prefix("system:serviceaccounts") {
            Some("") => tenants.names().into_iter().collect(),
            Some(rest) => {
                let namespace = rest.strip_prefix(':').unwrap_or_default();
                tenants.of(namespace).into_iter().collect()
            }
            None if name == "system:authenticated" => tenants.names().into_iter().collect(),
            None => Vec::new(),
        },
        SubjectId::User { .. } => Vec::new(),
    }
}

fn named(subject: &SubjectId) -> String {
    match subject {
        SubjectId::ServiceAccount { namespace, name } => {
            format!("service account {namespace}/{name}")
        }
        SubjectId::Group { name } => format!("group {name}"),
        SubjectId::User { name } => format!("user {name}"),
    }
}

/// API groups and resources that everybody may ask about, as it tells of nobody else.
const HARMLESS: &[&str] = &[
    "selfsubjectaccessreviews",
    "selfsubjectrulesreviews",
    "selfsubjectreviews",
    "certificatesigningrequests",
    "storageclasses",
    "priorityclasses",
    "runtimeclasses",
    "ingressclasses",
    "customresourcedefinitions",
];

/// Whether a role for all of the cluster is about objects that belong to tenants.
fn reads_namespaced(access: &Access, binding: &Bound) -> bool {
    let role = index(binding.role).and_then(|number| access.roles.get(number));
    // A role that aggregates others has its rules from them; it is bound to be about something.
    role.is_none_or(|role| {
        role.rules.is_empty()
            || role.rules.iter().any(|rule| {
                rule.resources.iter().any(|resource| !HARMLESS.contains(&resource.as_str()))
            })
    })
}
