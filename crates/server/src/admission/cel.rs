//! The policy as ValidatingAdmissionPolicy, which a server evaluates by itself, for the rules that its
//! language can say.

use std::fmt::Write as _;

use cofferdam_finding::Rule;
use cofferdam_kube::{
    practice::PRACTICES,
    pss::{self, Version},
};

use super::policy::{Action, Policy};

/// A policy in the language of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The objects, as YAML.
    pub yaml: String,
    /// Rules of the policy that are not in it.
    pub left: Vec<String>,
}

/// The first version of the standard as whose checks the expressions are written.
const STANDARD: u32 = 35;

/// What all containers that a rule may be broken by have to be: `c` is each of them.
const EXPRESSIONS: &[(&str, &str)] = &[
    ("kube-privileged", "variables.all.all(c, !c.?securityContext.?privileged.orValue(false))"),
    (
        "kube-privilege-escalation",
        "variables.windows || variables.all.all(c, !c.?securityContext.?allowPrivilegeEscalation.orValue(true))",
    ),
    (
        "kube-host-namespaces",
        "!variables.spec.?hostNetwork.orValue(false) && !variables.spec.?hostPID.orValue(false) && !variables.spec.?hostIPC.orValue(false)",
    ),
    (
        "kube-host-port",
        "variables.all.all(c, c.?ports.orValue([]).all(p, p.?hostPort.orValue(0) == 0))",
    ),
    ("kube-host-path", "variables.volumes.all(v, !has(v.hostPath))"),
    (
        "kube-capabilities-added",
        "variables.all.all(c, c.?securityContext.?capabilities.?add.orValue([]).all(a, a in ['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE', 'SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT']))",
    ),
    (
        "kube-capabilities-kept",
        "variables.windows || variables.all.all(c, 'ALL' in c.?securityContext.?capabilities.?drop.orValue([]) && c.?securityContext.?capabilities.?add.orValue([]).all(a, a == 'NET_BIND_SERVICE'))",
    ),
    (
        "kube-capability-escape",
        "variables.all.all(c, c.?securityContext.?capabilities.?add.orValue([]).all(a, !(a.replace('CAP_', '') in ['ALL', 'BPF', 'DAC_READ_SEARCH', 'MAC_ADMIN', 'MAC_OVERRIDE', 'PERFMON', 'SYS_ADMIN', 'SYS_BOOT', 'SYS_MODULE', 'SYS_PTRACE', 'SYS_RAWIO'] || (a.replace('CAP_', '') == 'NET_ADMIN' && variables.spec.?hostNetwork.orValue(false)))))",
    ),
    (
        "kube-root-allowed",
        "!variables.spec.?hostUsers.orValue(true) || (variables.spec.?securityContext.?runAsNonRoot.orValue(true) && variables.all.all(c, c.?securityContext.?runAsNonRoot.orValue(variables.spec.?securityContext.?runAsNonRoot.orValue(false))))",
    ),
    (
        "kube-root-user",
        "!variables.spec.?hostUsers.orValue(true) || (variables.spec.?securityContext.?runAsUser.orValue(1) != 0 && variables.all.all(c, c.?securityContext.?runAsUser.orValue(1) != 0))",
    ),
    (
        "kube-seccomp-off",
        "variables.seccomp in ['', 'RuntimeDefault', 'Localhost'] && variables.all.all(c, c.?securityContext.?seccompProfile.?type.orValue('') in ['', 'RuntimeDefault', 'Localhost'])",
    ),
    (
        "kube-seccomp-unset",
        "variables.windows || (variables.seccomp in ['', 'RuntimeDefault', 'Localhost'] && variables.all.all(c, c.?securityContext.?seccompProfile.?type.orValue(variables.seccomp) in ['RuntimeDefault', 'Localhost']))",
    ),
    (
        "kube-proc-mount",
        "!variables.spec.?hostUsers.orValue(true) || variables.all.all(c, c.?securityContext.?procMount.orValue('Default') == 'Default')",
    ),
    (
        "kube-proc-mount-restricted",
        "variables.all.all(c, c.?securityContext.?procMount.orValue('Default') == 'Default')",
    ),
    (
        "kube-volume-type",
        "variables.volumes.all(v, has(v.configMap) || has(v.csi) || has(v.downwardAPI) || has(v.emptyDir) || has(v.ephemeral) || has(v.persistentVolumeClaim) || has(v.projected) || has(v.secret))",
    ),
    (
        "kube-writable-root",
        "variables.windows || variables.main.all(c, c.?securityContext.?readOnlyRootFilesystem.orValue(false))",
    ),
    (
        "kube-host-path-writable",
        "variables.all.all(c, c.?volumeMounts.orValue([]).all(m, m.?readOnly.orValue(false) || !variables.volumes.exists(v, v.name == m.name && has(v.hostPath))))",
    ),
    (
        "kube-runtime-socket",
        "variables.volumes.all(v, !has(v.hostPath) || v.hostPath.path in ['', '/'] || ['/var/run/docker.sock', '/run/docker.sock', '/var/run/containerd/containerd.sock', '/run/containerd/containerd.sock', '/var/run/crio/crio.sock', '/run/crio/crio.sock', '/run/podman/podman.sock', '/run/k3s/containerd/containerd.sock'].all(s, !(s + '/').startsWith(v.hostPath.path.endsWith('/') ? v.hostPath.path : v.hostPath.path + '/')))",
    ),
    (
        "kube-image-tag",
        "variables.all.all(c, c.?image.orValue('') == '' || c.image.contains('@') || (c.image.matches(':[^/]*$') && !c.image.endsWith(':latest')))",
    ),
    (
        "kube-image-by-tag",
        "variables.all.all(c, c.?image.orValue('') == '' || c.image.contains('@') || !c.image.matches(':[^/]*$') || c.image.endsWith(':latest'))",
    ),
    ("kube-memory-unlimited", "variables.main.all(c, c.?resources.?limits[?'memory'].hasValue())"),
    ("kube-cpu-unlimited", "variables.main.all(c, c.?resources.?limits[?'cpu'].hasValue())"),
    (
        "kube-token-mounted",
        "variables.account != 'default' || !variables.spec.?automountServiceAccountToken.orValue(true)",
    ),
    ("kube-shared-processes", "!variables.spec.?shareProcessNamespace.orValue(false)"),
    ("kube-default-namespace", "request.namespace != 'default'"),
    (
        "kube-mount-propagation",
        "variables.all.all(c, c.?volumeMounts.orValue([]).all(m, m.?mountPropagation.orValue('') != 'Bidirectional'))",
    ),
    (
        "kube-ssh-port",
        "variables.all.all(c, c.?ports.orValue([]).all(p, p.containerPort != 22 || p.?protocol.orValue('TCP') != 'TCP'))",
    ),
    (
        "kube-privileged-port",
        "variables.all.all(c, c.?ports.orValue([]).all(p, p.containerPort >= 1024 || p.containerPort == 22 || p.containerPort == 0))",
    ),
    (
        "kube-root-group",
        "variables.spec.?securityContext.?runAsGroup.orValue(1) != 0 && variables.all.all(c, c.?securityContext.?runAsGroup.orValue(1) != 0)",
    ),
    ("kube-host-aliases", "size(variables.spec.?hostAliases.orValue([])) == 0"),
    ("kube-node-pinned", "object.kind == 'Pod' || variables.spec.?nodeName.orValue('') == ''"),
    (
        "kube-probe-missing",
        "!(object.kind in ['Deployment', 'StatefulSet', 'DaemonSet']) || variables.spec.containers.all(c, has(c.readinessProbe) || has(c.livenessProbe))",
    ),
    (
        "kube-pull-policy",
        "variables.all.all(c, c.?image.orValue('') == '' || c.image.contains('@') || c.?imagePullPolicy.orValue('') == 'Always')",
    ),
];

/// What the expressions are about.
const VARIABLES: &[(&str, &str)] = &[
    (
        "spec",
        "object.kind == 'Pod' ? object.spec : object.kind == 'PodTemplate' ? object.template.spec : object.kind == 'CronJob' ? object.spec.jobTemplate.spec.template.spec : object.spec.template.spec",
    ),
    ("main", "variables.spec.containers + variables.spec.?initContainers.orValue([])"),
    ("all", "variables.main + variables.spec.?ephemeralContainers.orValue([])"),
    ("volumes", "variables.spec.?volumes.orValue([])"),
    ("windows", "variables.spec.?os.?name.orValue('') == 'windows'"),
    ("seccomp", "variables.spec.?securityContext.?seccompProfile.?type.orValue('')"),
    (
        "account",
        "variables.spec.?serviceAccountName.orValue('') != '' ? variables.spec.serviceAccountName : variables.spec.?serviceAccount.orValue('') != '' ? variables.spec.serviceAccount : 'default'",
    ),
];

/// The policy as ValidatingAdmissionPolicies and their bindings, one pair for each action.
pub fn export(policy: &Policy, name: &str) -> Exported {
    let mut exported = Exported { yaml: String::new(), left: Vec::new() };
    let mut by_action: Vec<(Action, Vec<(&Rule, String)>)> =
        [Action::Deny, Action::Warn, Action::Audit].map(|action| (action, Vec::new())).into();
    for (rule, is_standard) in rules(policy) {
        let action = policy.action(&rule.id, rule.severity);
        if action == Action::Ignore {
            continue;
        }
        match expression(rule, is_standard, policy) {
            Some(expression) => {
                let list = by_action.iter_mut().find(|(other, _)| *other == action);
                list.into_iter().for_each(|(_, list)| list.push((rule, expression.clone())));
            }
            None => exported.left.push(rule.id.to_string()),
        }
    }
    exported.left.sort();
    let mut documents = Vec::new();
    for (action, list) in by_action.iter().filter(|(_, list)| !list.is_empty()) {
        documents.push(validations(&format!("{name}-{}", action.name()), list, policy));
        documents.push(binding(&format!("{name}-{}", action.name()), *action, policy));
    }
    if !exported.left.is_empty() {
        let _ = writeln!(
            exported.yaml,
            "# Not in here, as the language of a server cannot say them, or not of this version of the\n\
             # standard: {}.",
            exported.left.join(", ")
        );
    }
    exported.yaml.push_str(&documents.join("---\n"));
    exported
}

/// Rules that are in force, and whether each is of the Pod Security Standards.
fn rules(policy: &Policy) -> impl Iterator<Item = (&'static Rule, bool)> {
    let standard = pss::checks(policy.level, policy.version).map(|check| (&check.rule, true));
    standard.chain(PRACTICES.iter().map(|practice| (&practice.rule, false)))
}

fn expression(rule: &Rule, is_standard: bool, policy: &Policy) -> Option<String> {
    if is_standard && policy.version != Version::Latest && policy.version.minor() < STANDARD {
        return None;
    }
    if rule.id == "kube-image-registry" {
        return registries(&policy.registries);
    }
    let found = EXPRESSIONS.iter().find(|(id, _)| *id == rule.id);
    found.map(|(_, expression)| (*expression).to_owned())
}

/// Names are completed as runtimes complete them, and compared by whole parts.
fn registries(allowed: &[String]) -> Option<String> {
    let full = "(c.image.matches('^[^/]*[.:][^/]*/') || c.image.startsWith('localhost/') ? c.image : c.image.contains('/') ? 'docker.io/' + c.image : 'docker.io/library/' + c.image)";
    let one = |prefix: &String| {
        let prefix = quoted(prefix.trim_end_matches('/'));
        format!("{full} == {prefix} || ['/', ':', '@'].exists(e, {full}.startsWith({prefix} + e))")
    };
    let all: Vec<String> = allowed.iter().map(one).collect();
    if all.is_empty() {
        return Some("true".to_owned());
    }
    Some(format!("variables.all.all(c, c.?image.orValue('') == '' || {})", all.join(" || ")))
}

/// A text of the language.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn validations(name: &str, rules: &[(&Rule, String)], policy: &Policy) -> String {
    let mut text = format!(
        "\
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: {name}}}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - apiGroups: ['']
      apiVersions: [v1]
      operations: [CREATE, UPDATE]
      resources: [pods, pods/ephemeralcontainers, podtemplates, replicationcontrollers]
    - apiGroups: [apps]
      apiVersions: [v1]
      operations: [CREATE, UPDATE]
      resources: [daemonsets, deployments, replicasets, statefulsets]
    - apiGroups: [batch]
      apiVersions: [v1]
      operations: [CREATE, UPDATE]
      resources: [cronjobs, jobs]
"
    );
    if !policy.users.is_empty() {
        let conditions: Vec<String> = policy.users.iter().map(|user| exempts(user)).collect();
        let expression = format!("!({})", conditions.join(" || "));
        let _ = writeln!(
            text,
            "  matchConditions:\n  - name: users-that-are-not-exempt\n    expression: {}",
            yaml(&expression)
        );
    }
    text.push_str("  variables:\n");
    for (name, expression) in VARIABLES {
        let _ = writeln!(text, "  - name: {name}\n    expression: {}", yaml(expression));
    }
    text.push_str("  validations:\n");
    for (rule, expression) in rules {
        let message = format!("{}: {}. {}", rule.id, rule.title, rule.explain.fix);
        let _ = writeln!(
            text,
            "  - expression: {}\n    message: {}\n    reason: Forbidden",
            yaml(expression),
            yaml(&message)
        );
    }
    text
}

fn exempts(user: &str) -> String {
    match user.strip_suffix('*') {
        Some(prefix) => format!("request.userInfo.username.startsWith({})", quoted(prefix)),
        None => format!("request.userInfo.username == {}", quoted(user)),
    }
}

fn binding(name: &str, action: Action, policy: &Policy) -> String {
    let actions = match action {
        Action::Deny => "[Deny]",
        Action::Warn => "[Warn, Audit]",
        Action::Audit | Action::Ignore => "[Audit]",
    };
    let mut text = format!(
        "\
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: {name}}}
spec:
  policyName: {name}
  validationActions: {actions}
"
    );
    if !policy.namespaces.is_empty() {
        let names: Vec<String> = policy.namespaces.iter().map(|name| yaml(name)).collect();
        let _ = write!(
            text,
            "  matchResources:\n    namespaceSelector:\n      matchExpressions:\n      \
             - key: kubernetes.io/metadata.name\n        operator: NotIn\n        values: [{}]\n",
            names.join(", ")
        );
    }
    text
}

/// A text of YAML; that of JSON is one.
fn yaml(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
