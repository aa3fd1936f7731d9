//! What lets one tenant get at another is found, and generated tenants have none of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use cofferdam_kube::{
    Snapshot, load,
    tenants::{Plan, Tenants, findings, manifest},
};

const LABEL: &str = "tenant";

fn snapshot(text: &str) -> Snapshot {
    load::texts([("tenants.yaml", text.as_bytes())])
}

/// Rules and subjects of what is found.
fn found(text: &str) -> Vec<String> {
    let snapshot = snapshot(text);
    assert!(snapshot.gaps.is_empty(), "{:?}", snapshot.gaps);
    let tenants = Tenants::by_label(&snapshot, LABEL);
    let (found, gaps) = findings(&snapshot, &tenants);
    assert!(gaps.is_empty(), "{gaps:?}");
    found.iter().map(|finding| format!("{} of {}", finding.rule, finding.subject)).collect()
}

#[test]
fn what_is_not_understood_is_told() {
    let broken = "---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: odd, namespace: a-apps}
spec: {podSelector: [wrong]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: odd, namespace: a-apps}
subjects: wrong
";
    let snapshot = snapshot(broken);
    let (_, gaps) = findings(&snapshot, &Tenants::by_label(&snapshot, LABEL));
    for object in ["NetworkPolicy a-apps/odd", "RoleBinding a-apps/odd"] {
        assert!(gaps.iter().any(|gap| gap.object.contains(object)), "{object}: {gaps:?}");
    }
}

fn plan(tenant: &str) -> Plan {
    Plan {
        tenant: tenant.into(),
        namespace: format!("{tenant}-apps"),
        label: LABEL.into(),
        group: format!("{tenant}-developers"),
        level: "restricted".into(),
        cpu: "4".into(),
        memory: "8Gi".into(),
        pods: 50,
    }
}

fn workload(tenant: &str, more: &str) -> String {
    format!(
        "---
apiVersion: v1
kind: Pod
metadata: {{name: app, namespace: {tenant}-apps, labels: {{app: app}}}}
spec: {{containers: [{{name: c, image: app}}], {more}}}
"
    )
}

/// Two generated tenants with a pod each.
fn pair() -> String {
    ["blue", "green"]
        .map(|tenant| format!("---\n{}{}", manifest(&plan(tenant)).unwrap(), workload(tenant, "")))
        .concat()
}

#[test]
fn generated_tenants_are_apart() {
    assert_eq!(found(&pair()), [""; 0]);
}

#[test]
fn each_way_from_a_tenant_to_another_is_found() {
    let without = |kind: &str, name: &str| {
        let pair = pair();
        let documents = pair.split("---\n").filter(|text| {
            let names = |line: &&str| **line == *format!("  name: {name}");
            !(text.contains(&format!("kind: {kind}\n")) && text.lines().any(|line| names(&line)))
        });
        documents.collect::<Vec<_>>().join("---\n")
    };
    let with = |more: &str| format!("{}---\n{more}", pair());
    let binding = |kind: &str, namespace: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1
kind: {kind}
metadata: {{name: reach, {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}}
subjects: [{{kind: ServiceAccount, namespace: blue-apps, name: default}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: reader}}
rules: [{{apiGroups: [''], resources: [secrets], verbs: [get]}}]
"
        )
    };
    let allow = "apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: NAME, namespace: NAMESPACE}
spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}
";
    let open = ["blue", "green"]
        .map(|it| allow.replace("NAMESPACE", &format!("{it}-apps")).replace("NAME", "open"));
    let node = "nodeName: n1";
    let on_one_node =
        pair().replace("image: app}], }", &format!("image: app, resources: {{}}}}], {node}}}"));
    for (text, wanted) in [
        (
            with(&open.join("---\n")),
            vec!["kube-tenant-reach of Tenant blue", "kube-tenant-reach of Tenant green"],
        ),
        (
            with(&binding("RoleBinding", "namespace: green-apps")),
            vec!["kube-tenant-access of Tenant blue"],
        ),
        (with(&binding("RoleBinding", "namespace: blue-apps")), vec![]),
        (with(&binding("ClusterRoleBinding", "")), vec!["kube-tenant-access of Tenant blue"]),
        (
            with(
                &workload("green", "hostPID: true")
                    .replace("name: app, namespace", "name: host, namespace")
                    .replace("image: app}", "image: app, securityContext: {privileged: true}}"),
            ),
            vec!["kube-tenant-node-escape of Tenant green"],
        ),
        (
            with(
                &workload("green", "priorityClassName: system-node-critical")
                    .replace("name: app, namespace", "name: first, namespace"),
            ),
            vec!["kube-tenant-system-priority of Tenant green"],
        ),
        (
            on_one_node,
            vec![
                "kube-tenant-shared-node of Tenant blue",
                "kube-tenant-shared-node of Tenant green",
            ],
        ),
        (
            without("ResourceQuota", "tenant"),
            vec!["kube-tenant-no-quota of Tenant blue", "kube-tenant-no-quota of Tenant green"],
        ),
        (
            without("LimitRange", "tenant"),
            vec![
                "kube-tenant-no-memory-limit of Tenant blue",
                "kube-tenant-no-memory-limit of Tenant green",
            ],
        ),
        (
            pair().replace("enforce: restricted", "enforce: privileged"),
            vec![
                "kube-tenant-pod-security of Tenant blue",
                "kube-tenant-pod-security of Tenant green",
            ],
        ),
    ] {
        assert_eq!(found(&text), wanted, "{text}");
    }
}

#[test]
fn a_quota_for_some_pods_is_none_for_the_others() {
    let scoped = pair().replace("spec:\n  hard:", "spec:\n  scopes: [BestEffort]\n  hard:");
    assert_eq!(
        found(&scoped),
        ["kube-tenant-no-quota of Tenant blue", "kube-tenant-no-quota of Tenant green"]
    );
}

#[test]
fn names_that_kubernetes_does_not_take_are_refused() {
    let refused = |change: fn(&mut Plan)| {
        let mut plan = plan("blue");
        change(&mut plan);
        manifest(&plan).unwrap_err().to_string()
    };
    for (error, says) in [
        (refused(|plan| plan.tenant = "a b".into()), "'a b' cannot be the tenant"),
        (refused(|plan| plan.namespace = "x\n---".into()), "cannot be the namespace"),
        (refused(|plan| plan.namespace = "UPPER".into()), "'UPPER' cannot be the namespace"),
        (refused(|plan| plan.label = "a: b".into()), "cannot be the label"),
        (refused(|plan| plan.level = "none".into()), "baseline or restricted"),
        (refused(|plan| plan.cpu = "lots".into()), "quota of processors"),
        (refused(|plan| plan.memory = "8Gi\"".into()), "quota of memory"),
    ] {
        assert!(error.contains(says), "{error}");
    }
    let mut quoted = plan("blue");
    quoted.group = "a: \"b\"\n- c".into();
    let text = manifest(&quoted).unwrap();
    assert!(snapshot(&text).gaps.is_empty(), "{text}");
}
