//! What tenants share: nodes, and what a namespace may take of them.

use std::collections::{BTreeMap, BTreeSet};

use cofferdam_finding::{Evidence, Finding};
use serde::Deserialize;
use serde_json::Value;

use super::{Tenants, by_tenant, evidence, rules};
use crate::{Object, Snapshot, Workload, api::Metadata, rbac::paths::node_escape};

/// Label by which the API server enforces a Pod Security level.
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

type Found<'a> = BTreeMap<&'a str, Vec<Evidence>>;

/// Workloads that can take over their node, priority above all others, and nodes with pods of several
/// tenants.
pub(super) fn nodes(snapshot: &Snapshot, tenants: &Tenants) -> Vec<Finding> {
    let (mut escapes, mut priorities, mut shared) = (Found::new(), Found::new(), Found::new());
    let mut on_node: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for workload in snapshot.workloads().workloads {
        let Some(tenant) = tenants.of(workload.namespace()) else { continue };
        if let Some((field, value)) = node_escape(&workload) {
            let saw = format!("{field} is {value}");
            let found = evidence(workload.object.title(), saw, "no way to the node");
            escapes.entry(tenant).or_default().push(found);
        }
        let class = workload.spec.priority_class_name.as_deref().unwrap_or_default();
        if class.starts_with("system-") {
            let saw = format!("priorityClassName is {class}: it evicts the pods of others");
            let found = evidence(workload.object.title(), saw, "a class of the tenant's own");
            priorities.entry(tenant).or_default().push(found);
        }
    }
    for pod in snapshot.of("", "Pod") {
        let Some(tenant) = tenants.of(pod.namespace_or_default()) else { continue };
        let Some(Ok(workload)) = Workload::of(pod) else { continue };
        if let Some(node) = workload.spec.node_name.filter(|node| !node.is_empty()) {
            on_node.entry(node).or_default().insert(tenant);
        }
    }
    for (node, here) in on_node.iter().filter(|(_, here)| here.len() > 1) {
        for tenant in here {
            let others: Vec<_> = here.iter().filter(|it| *it != tenant).copied().collect();
            let saw = format!("runs pods of {} too", others.join(", "));
            shared.entry(tenant).or_default().push(evidence(format!("Node {node}"), saw, ""));
        }
    }
    let mut findings = by_tenant(&rules::ESCAPE, escapes);
    findings.extend(by_tenant(&rules::PRIORITY, priorities));
    findings.extend(by_tenant(&rules::SHARED_NODE, shared));
    findings
}

#[derive(Debug, Default, Deserialize)]
struct Quota {
    #[serde(default)]
    spec: QuotaSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct QuotaSpec {
    hard: BTreeMap<String, Value>,
    scopes: Vec<String>,
    #[serde(rename = "scopeSelector")]
    scope_selector: Option<Value>,
}

/// What a quota has to bound, each by one of these names.
const BOUNDED: &[(&str, &[&str])] = &[
    ("memory", &["limits.memory", "requests.memory", "memory"]),
    ("processors", &["limits.cpu", "requests.cpu", "cpu"]),
    ("pods", &["pods", "count/pods"]),
];

/// Namespaces that may take as much as there is.
pub(super) fn starving(snapshot: &Snapshot, tenants: &Tenants) -> Vec<Finding> {
    let mut bounded: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for object in snapshot.of("", "ResourceQuota") {
        let Ok(Quota { spec }) = object.view() else { continue };
        // One that is for some pods only leaves the others unbounded.
        if !spec.scopes.is_empty() || spec.scope_selector.is_some() {
            continue;
        }
        for (what, names) in BOUNDED {
            if names.iter().any(|name| spec.hard.contains_key(*name)) {
                bounded.entry(object.namespace_or_default()).or_default().insert(what);
            }
        }
    }
    let mut found = Found::new();
    for (namespace, tenant) in &tenants.of_namespace {
        let has = bounded.get(namespace.as_str());
        let missing = BOUNDED.iter().map(|(what, _)| *what);
        let missing: Vec<_> =
            missing.filter(|what| !has.is_some_and(|has| has.contains(what))).collect();
        if !missing.is_empty() {
            let saw = format!("no quota bounds {}", missing.join(", "));
            let wanted = "a ResourceQuota for memory, processors and pods";
            let found = found.entry(tenant.as_str()).or_default();
            found.push(evidence(format!("Namespace {namespace}"), saw, wanted));
        }
    }
    let mut findings = by_tenant(&rules::NO_QUOTA, found);
    findings.extend(unlimited(snapshot, tenants));
    findings
}

/// Containers without a limit of memory, in namespaces without a default.
fn unlimited(snapshot: &Snapshot, tenants: &Tenants) -> Vec<Finding> {
    let defaults: BTreeSet<&str> = snapshot
        .of("", "LimitRange")
        .filter(|object| sets_memory(object))
        .map(Object::namespace_or_default)
        .collect();
    let mut found = Found::new();
    for workload in snapshot.workloads().workloads {
        let namespace = workload.namespace();
        let Some(tenant) = tenants.of(namespace).filter(|_| !defaults.contains(namespace)) else {
            continue;
        };
        let without = |it: &&crate::api::Container| !it.resources.limits.contains_key("memory");
        let names: Vec<_> = workload
            .spec
            .containers
            .iter()
            .filter(without)
            .map(|container| container.name.clone())
            .collect();
        if !names.is_empty() {
            let saw = format!("no limit of memory on {}", names.join(", "));
            let wanted = "limits.memory, or a LimitRange with a default";
            let found = found.entry(tenant).or_default();
            found.push(evidence(workload.object.title(), saw, wanted));
        }
    }
    by_tenant(&rules::NO_LIMIT, found)
}

fn sets_memory(object: &Object) -> bool {
    let value: Value = object.view().unwrap_or_default();
    let limits = value.pointer("/spec/limits").and_then(Value::as_array);
    limits.into_iter().flatten().any(|limit| {
        limit["type"] == "Container"
            && (limit.pointer("/default/memory").is_some()
                || limit.pointer("/max/memory").is_some())
    })
}

/// Namespaces in which a pod may be anything.
pub(super) fn pod_security(snapshot: &Snapshot, tenants: &Tenants) -> Vec<Finding> {
    let mut labels = BTreeMap::new();
    for object in snapshot.of("", "Namespace") {
        let metadata = object.view::<Metadata>().unwrap_or_default().metadata;
        labels.insert(object.name.as_str(), metadata.labels);
    }
    let mut found = Found::new();
    for (namespace, tenant) in &tenants.of_namespace {
        let level = labels.get(namespace.as_str()).and_then(|labels| labels.get(ENFORCE));
        let saw = match level.map(String::as_str) {
            Some("baseline" | "restricted") => continue,
            Some(level) => format!("{ENFORCE} is {level}"),
            None => format!("it has no label {ENFORCE}"),
        };
        let found = found.entry(tenant.as_str()).or_default();
        found.push(evidence(format!("Namespace {namespace}"), saw, "baseline or restricted"));
    }
    by_tenant(&rules::POD_SECURITY, found)
}
