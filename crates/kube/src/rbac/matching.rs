use thiserror::Error;

use crate::api::PolicyRule;

/// A request as the authorizer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `get`, `list`, `create`, `impersonate`, …
    pub verb: String,
    /// What it is about.
    pub target: Target,
}

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Objects of the API.
    Resource {
        /// API group; empty for the core group.
        group: String,
        /// Resource, in the plural: `pods`.
        resource: String,
        /// Part of it: `exec`; empty for the object itself.
        subresource: String,
        /// Name of the object; empty where a request has none, as `create` of a new object.
        name: String,
        /// Namespace; none for cluster-scoped objects and requests over all namespaces.
        namespace: Option<String>,
    },
    /// A path that is no resource: `/healthz`.
    Path(String),
}

/// Whether `rule` permits `request`, wherever the rule holds. This is `RuleAllows` of the API
/// server: `pods/*` stands for nothing, `*/exec` for the subresource of every resource, names never
/// for a request without one.
pub fn rule_allows(rule: &PolicyRule, request: &Request) -> bool {
    let verb = |verb: &String| verb == "*" || *verb == request.verb;
    if !rule.verbs.iter().any(verb) {
        return false;
    }
    match &request.target {
        Target::Resource { group, resource, subresource, name, .. } => {
            rule.api_groups.iter().any(|one| one == "*" || one == group)
                && rule.resources.iter().any(|one| resource_matches(one, resource, subresource))
                && (rule.resource_names.is_empty() || rule.resource_names.contains(name))
        }
        Target::Path(path) => rule.non_resource_urls.iter().any(|one| path_matches(one, path)),
    }
}

pub(super) fn resource_matches(rule: &str, resource: &str, subresource: &str) -> bool {
    if rule == "*" {
        return true;
    }
    if subresource.is_empty() {
        return rule == resource;
    }
    match rule.split_once('/') {
        Some((before, after)) => after == subresource && (before == "*" || before == resource),
        None => false,
    }
}

fn path_matches(rule: &str, path: &str) -> bool {
    rule == "*"
        || rule == path
        || (rule.ends_with('*') && path.starts_with(rule.trim_end_matches('*')))
}

/// A resource is not named in full.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ResourceError {
    /// The API group is missing and not known.
    #[error("the API group of '{0}' is not known")]
    Group(String),
    /// There is no name.
    #[error("'{0}' names no resource")]
    Empty(String),
}

/// Reads `pods`, `pods/exec`, `deployments.apps`, `deployments.apps/scale`, or a path such as
/// `/healthz`. The group of a built-in resource may be left out; that of the core group is written
/// with a dot at the end where it has to be said (`events.`).
///
/// # Errors
/// If the group of a resource is needed and missing.
pub fn parse_resource(
    text: &str,
    name: &str,
    namespace: Option<&str>,
) -> Result<Target, ResourceError> {
    if text.starts_with('/') {
        return Ok(Target::Path(text.to_owned()));
    }
    let (full, subresource) = text.split_once('/').unwrap_or((text, ""));
    let (resource, group) = match full.split_once('.') {
        Some((resource, group)) => (resource, group),
        None => {
            let known = BUILT_IN.iter().find(|(_, resources)| resources.contains(&full));
            (full, known.map(|(group, _)| *group).unwrap_or(if full == "*" { "*" } else { "?" }))
        }
    };
    if resource.is_empty() {
        return Err(ResourceError::Empty(text.to_owned()));
    }
    if group == "?" {
        return Err(ResourceError::Group(resource.to_owned()));
    }
    let owned = str::to_owned;
    Ok(Target::Resource {
        group: owned(group),
        resource: owned(resource),
        subresource: owned(subresource),
        name: owned(name),
        namespace: namespace.map(owned),
    })
}

/// Resources of the API server itself, by group.
const BUILT_IN: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "bindings",
            "componentstatuses",
            "configmaps",
            "endpoints",
            "events",
            "groups",
            "limitranges",
            "namespaces",
            "nodes",
            "persistentvolumeclaims",
            "persistentvolumes",
            "pods",
            "podtemplates",
            "replicationcontrollers",
            "resourcequotas",
            "secrets",
            "serviceaccounts",
            "services",
            "users",
        ],
    ),
    ("apps", &["controllerrevisions", "daemonsets", "deployments", "replicasets", "statefulsets"]),
    ("batch", &["cronjobs", "jobs"]),
    (
        "admissionregistration.k8s.io",
        &[
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
            "mutatingwebhookconfigurations",
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
            "validatingwebhookconfigurations",
        ],
    ),
    ("apiextensions.k8s.io", &["customresourcedefinitions"]),
    ("apiregistration.k8s.io", &["apiservices"]),
    ("authentication.k8s.io", &["selfsubjectreviews", "tokenreviews", "uids", "userextras"]),
    (
        "authorization.k8s.io",
        &[
            "localsubjectaccessreviews",
            "selfsubjectaccessreviews",
            "selfsubjectrulesreviews",
            "subjectaccessreviews",
        ],
    ),
    ("autoscaling", &["horizontalpodautoscalers"]),
    ("certificates.k8s.io", &["certificatesigningrequests", "clustertrustbundles", "signers"]),
    ("coordination.k8s.io", &["leases"]),
    ("discovery.k8s.io", &["endpointslices"]),
    ("flowcontrol.apiserver.k8s.io", &["flowschemas", "prioritylevelconfigurations"]),
    ("networking.k8s.io", &["ingressclasses", "ingresses", "networkpolicies", "ipaddresses"]),
    ("node.k8s.io", &["runtimeclasses"]),
    ("policy", &["poddisruptionbudgets"]),
    (
        "rbac.authorization.k8s.io",
        &["clusterrolebindings", "clusterroles", "rolebindings", "roles"],
    ),
    ("resource.k8s.io", &["deviceclasses", "resourceclaims", "resourceslices"]),
    ("scheduling.k8s.io", &["priorityclasses"]),
    (
        "storage.k8s.io",
        &["csidrivers", "csinodes", "csistoragecapacities", "storageclasses", "volumeattachments"],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(verbs: &[&str], groups: &[&str], resources: &[&str], names: &[&str]) -> PolicyRule {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        PolicyRule {
            verbs: owned(verbs),
            api_groups: owned(groups),
            resources: owned(resources),
            resource_names: owned(names),
            non_resource_urls: Vec::new(),
        }
    }

    #[test]
    fn resources_match_as_the_server_says() {
        for (pattern, resource, allowed) in [
            ("*", "pods", true),
            ("*", "pods/exec", true),
            ("pods", "pods", true),
            ("pods", "pods/exec", false),
            ("pods/exec", "pods/exec", true),
            ("pods/exec", "pods", false),
            ("*/exec", "pods/exec", true),
            ("*/exec", "pods/attach", false),
            ("*/exec", "pods", false),
            ("pods/*", "pods/exec", false),
            ("pods/*", "pods", false),
            ("*/*", "pods/exec", false),
        ] {
            let request = Request {
                verb: "get".into(),
                target: parse_resource(resource, "x", None).unwrap(),
            };
            let rule = rule(&["get"], &[""], &[pattern], &[]);
            assert_eq!(rule_allows(&rule, &request), allowed, "{pattern} for {resource}");
        }
    }

    #[test]
    fn names_never_match_a_request_without_one() {
        let rule = rule(&["*"], &["*"], &["*"], &["one"]);
        for (verb, name, allowed) in
            [("get", "one", true), ("get", "two", false), ("create", "", false)]
        {
            let target = parse_resource("pods", name, Some("n")).unwrap();
            let request = Request { verb: verb.into(), target };
            assert_eq!(rule_allows(&rule, &request), allowed, "{verb} {name}");
        }
    }

    #[test]
    fn paths_match_in_full_or_by_prefix() {
        for (pattern, path, allowed) in [
            ("/healthz", "/healthz", true),
            ("/healthz", "/healthz/ping", false),
            ("/healthz/*", "/healthz/ping", true),
            ("/healthz*", "/healthz", true),
            ("*", "/anything", true),
            ("/*", "/anything", true),
            ("/api", "/API", false),
        ] {
            let rule = PolicyRule {
                verbs: vec!["get".into()],
                non_resource_urls: vec![pattern.into()],
                ..PolicyRule::default()
            };
            let request = Request { verb: "get".into(), target: Target::Path(path.into()) };
            assert_eq!(rule_allows(&rule, &request), allowed, "{pattern} for {path}");
        }
    }

    #[test]
    fn a_wildcard_resource_is_no_path() {
        let request = Request { verb: "get".into(), target: Target::Path("/metrics".into()) };
        assert!(!rule_allows(&rule(&["*"], &["*"], &["*"], &[]), &request));
    }

    #[test]
    fn groups_of_resources() {
        let group = |text: &str| match parse_resource(text, "", None) {
            Ok(Target::Resource { group, .. }) => group,
            other => format!("{other:?}"),
        };
        assert_eq!(group("pods"), "");
        assert_eq!(group("deployments/scale"), "apps");
        assert_eq!(group("widgets.example.org"), "example.org");
        assert_eq!(group("events."), "");
        assert!(parse_resource("widgets", "", None).is_err());
    }
}
