use thiserror::Error;

/// A tenant to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Name of the tenant.
    pub tenant: String,
    /// Its namespace.
    pub namespace: String,
    /// Label of namespaces that says whose they are.
    pub label: String,
    /// Group of the people who work in it.
    pub group: String,
    /// Pod Security level: `baseline` or `restricted`.
    pub level: String,
    /// Quota of processors, as a quantity.
    pub cpu: String,
    /// Quota of memory, as a quantity.
    pub memory: String,
    /// Quota of pods.
    pub pods: u32,
}

/// A name that Kubernetes would not take.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("'{text}' cannot be the {what}: {reason}")]
pub struct PlanError {
    what: &'static str,
    text: String,
    reason: &'static str,
}

/// Letters of a name of a namespace, and of a value of a label.
const LONGEST_NAME: usize = 63;

/// The objects of a tenant as YAML: namespace with Pod Security labels, quota, limits, policies that
/// keep it to itself and to the DNS, a role for its people, and a service account without a token.
///
/// # Errors
/// If a name is not one that Kubernetes takes.
pub fn manifest(plan: &Plan) -> Result<String, PlanError> {
    check(plan)?;
    let Plan { tenant, namespace, label, group, level, cpu, memory, pods } = plan;
    let group = serde_json::Value::from(group.as_str()).to_string();
    let tenant = serde_json::Value::from(tenant.as_str()).to_string();
    Ok(format!(
        "apiVersion: v1
kind: Namespace
metadata:
  name: {namespace}
  labels:
    {label}: {tenant}
    pod-security.kubernetes.io/enforce: {level}
    pod-security.kubernetes.io/audit: restricted
    pod-security.kubernetes.io/warn: restricted
---
apiVersion: v1
kind: ResourceQuota
metadata:
  name: tenant
  namespace: {namespace}
spec:
  hard:
    requests.cpu: \"{cpu}\"
    limits.cpu: \"{cpu}\"
    requests.memory: \"{memory}\"
    limits.memory: \"{memory}\"
    pods: \"{pods}\"
    # Neither takes addresses and ports of the cluster; raise them for who has to.
    services.loadbalancers: \"0\"
    services.nodeports: \"0\"
---
apiVersion: v1
kind: LimitRange
metadata:
  name: tenant
  namespace: {namespace}
spec:
  limits:
  - type: Container
    default: {{cpu: 500m, memory: 256Mi}}
    defaultRequest: {{cpu: 100m, memory: 128Mi}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: default-deny
  namespace: {namespace}
spec:
  podSelector: {{}}
  policyTypes: [Ingress, Egress]
---
# Within the tenant, in all of its namespaces.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: within-tenant
  namespace: {namespace}
spec:
  podSelector: {{}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from:
    - namespaceSelector:
        matchLabels:
          {label}: {tenant}
  egress:
  - to:
    - namespaceSelector:
        matchLabels:
          {label}: {tenant}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: allow-dns
  namespace: {namespace}
spec:
  podSelector: {{}}
  policyTypes: [Egress]
  egress:
  - to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
      podSelector:
        matchLabels:
          k8s-app: kube-dns
    ports:
    - {{protocol: UDP, port: 53}}
    - {{protocol: TCP, port: 53}}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: default
  namespace: {namespace}
automountServiceAccountToken: false
---
# No roles, bindings, quotas, policies nor secrets: nothing that the tenant could widen itself with.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: tenant
  namespace: {namespace}
rules:
- apiGroups: [\"\"]
  resources: [configmaps, services, persistentvolumeclaims]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [\"\"]
  resources: [pods, pods/log, events]
  verbs: [get, list, watch]
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [batch]
  resources: [jobs, cronjobs]
  verbs: [get, list, watch, create, update, patch, delete]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: tenant
  namespace: {namespace}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: tenant
subjects:
- apiGroup: rbac.authorization.k8s.io
  kind: Group
  name: {group}
"
    ))
}

fn check(plan: &Plan) -> Result<(), PlanError> {
    let error = |what, text: &str, reason| Err(PlanError { what, text: text.to_owned(), reason });
    let is_label = |text: &str| {
        let ends = |it: Option<char>| it.is_some_and(|it| it.is_ascii_alphanumeric());
        let known = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.');
        text.len() <= LONGEST_NAME
            && text.chars().all(known)
            && ends(text.chars().next())
            && ends(text.chars().last())
    };
    let letters = "it takes letters, digits and hyphens, at most 63";
    if !is_label(&plan.tenant) {
        return error("tenant", &plan.tenant, letters);
    }
    let lower = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    if !is_label(&plan.namespace) || !plan.namespace.chars().all(lower) {
        return error(
            "namespace",
            &plan.namespace,
            "it takes lower-case letters, digits and hyphens, at most 63",
        );
    }
    let (prefix, name) = plan.label.rsplit_once('/').unwrap_or(("a", &plan.label));
    if !is_label(name) || !prefix.split('.').all(is_label) {
        return error("label", &plan.label, "it is a name, or a domain, '/' and a name");
    }
    if !["baseline", "restricted"].contains(&plan.level.as_str()) {
        return error("Pod Security level", &plan.level, "it is baseline or restricted");
    }
    for (what, text) in [("quota of processors", &plan.cpu), ("quota of memory", &plan.memory)] {
        let digits = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
        let suffix = &text[digits.len()..];
        let known = ["", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti"].contains(&suffix);
        if !known
            || digits.parse::<f64>().is_err()
            || !digits.starts_with(|it: char| it.is_ascii_digit())
        {
            return error(what, text, "it is a quantity such as 4, 500m or 8Gi");
        }
    }
    Ok(())
}
