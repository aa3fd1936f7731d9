//! The kube commands on dumps and manifests, as their users see them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "not every test scans")]
mod place;

use place::Place;

/// What a run prints, without the day on which it was made.
fn shown(place: &Place, arguments: &[&str]) -> String {
    let text = place.transcript(arguments);
    let lines = text.lines().filter(|line| !line.starts_with("Made "));
    lines.map(|line| format!("{}\n", line.trim_end())).collect()
}

fn shop() -> Place {
    let place = Place::new(&[]);
    place.write(
        "shop/web.yaml",
        "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  template:
    metadata: {labels: {app: web}}
    spec:
      hostNetwork: true
      containers:
      - name: web
        image: nginx
        securityContext:
          privileged: true
",
    );
    place.write(
        "shop/broken.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec: {containers: 7}\n---\nkind: [\n",
    );
    place
}

#[test]
fn pod_security_of_a_folder() {
    let place = shop();
    let text = [
        shown(&place, &["kube", "pss", "shop"]),
        shown(
            &place,
            &["kube", "pss", "--level", "baseline", "--fail-on", "high", "shop/web.yaml"],
        ),
        shown(&place, &["kube", "pss", "--strict", "-q", "--level", "privileged", "shop"]),
    ];
    insta::assert_snapshot!("pss", text.concat());
}

#[test]
fn a_snapshot_is_what_was_read() {
    let place = shop();
    let output = place.run(&["kube", "snapshot", "-v", "shop", "-o", "cluster.json"]);
    insta::assert_snapshot!("snapshot", String::from_utf8(output.stderr).unwrap());
    let first =
        shown(&place, &["kube", "pss", "-q", "--severity", "high", "--format", "json", "shop"]);
    let again = shown(
        &place,
        &["kube", "pss", "-q", "--severity", "high", "--format", "json", "cluster.json"],
    );
    let rules = |text: &str| text.matches("\"rule\": \"kube-").count();
    // Two failures, and two gaps, which no severity hides.
    assert_eq!((rules(&first), rules(&again)), (4, 4));
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let place = Place::new(&[]);
    place.write("none.yaml", "a: 1\n");
    place.write("broken.json", "{\"kind\": ");
    let text = [
        shown(&place, &["kube", "pss", "missing"]),
        shown(&place, &["kube", "pss", "none.yaml"]),
        shown(&place, &["kube", "pss", "broken.json"]),
        shown(&place, &["kube", "pss", "--level", "strict", "none.yaml"]),
        shown(&place, &["kube", "pss", "--standard-version", "v2", "none.yaml"]),
    ];
    insta::assert_snapshot!("kube_errors", text.concat());
}

const ACCESS: &str = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: deployer}
rules:
- {apiGroups: [apps], resources: [deployments], verbs: [create, patch]}
- {apiGroups: [''], resources: [secrets], verbs: [get], resourceNames: [own]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: deployers}
subjects:
- {kind: ServiceAccount, namespace: shop, name: web}
- {kind: ServiceAccount, namespace: shop, name: ci}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: deployer}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: binder}
rules:
- {apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], verbs: [bind]}
- {apiGroups: [rbac.authorization.k8s.io], resources: [clusterrolebindings], verbs: [create]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: operators}
subjects: [{kind: ServiceAccount, namespace: ops, name: operator}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: binder}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: gone, namespace: shop}
subjects: [{kind: User, name: alice}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: gone}
";

#[test]
fn questions_about_access() {
    let place = shop();
    place.write("rbac.yaml", ACCESS);
    let who =
        |arguments: &[&str]| shown(&place, &[&["kube", "rbac", "who-can"], arguments].concat());
    let can = |arguments: &[&str]| shown(&place, &[&["kube", "rbac", "can"], arguments].concat());
    let text = [
        who(&["create", "deployments", "-n", "shop", "rbac.yaml"]),
        who(&["get", "secrets", "--name", "other", "-n", "shop", "rbac.yaml"]),
        who(&["get", "widgets", "rbac.yaml"]),
        can(&["sa:shop/web", "rbac.yaml"]),
        can(&["sa:shop/wep", "rbac.yaml"]),
        can(&[
            "sa:shop/web",
            "rbac.yaml",
            "--verb",
            "get",
            "--resource",
            "secrets",
            "--name",
            "own",
        ]),
        can(&["sa:shop/web", "rbac.yaml", "--verb", "list", "--resource", "secrets"]),
        can(&["alice", "rbac.yaml"]),
    ];
    insta::assert_snapshot!("rbac_questions", text.concat());
}

#[test]
fn attack_paths_step_by_step_and_as_a_report() {
    let place = shop();
    place.write("rbac.yaml", ACCESS);
    let text = [
        shown(&place, &["kube", "rbac", "paths", "--steps", "rbac.yaml"]),
        shown(&place, &["kube", "rbac", "paths", "--fail-on", "high", "rbac.yaml"]),
    ];
    insta::assert_snapshot!("rbac_paths", text.concat());
}

#[test]
fn versions_of_a_cluster() {
    let place = Place::new(&[]);
    place.write(
        "nodes.yaml",
        "{apiVersion: v1, kind: Node, metadata: {name: a}, status: {nodeInfo: {kubeletVersion: v1.19.2, containerRuntimeVersion: 'containerd://1.5.1'}}}",
    );
    let output =
        place.run(&["kube", "versions", "--format", "json", "--fail-on", "high", "nodes.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let has = |rule: &str| findings.iter().any(|finding| finding["rule"] == rule);
    for rule in [
        "kube-version-end-of-life",
        "kube-version-behind",
        "kube-version-unknown",
        "CVE-2021-25741",
    ] {
        assert!(has(rule), "{rule}");
    }
    assert_eq!(report["data"].as_array().unwrap().len(), 3);
    let rules = report["rules"].as_array().unwrap();
    assert!(rules.iter().any(|rule| rule["id"] == "CVE-2021-25741"));
}

#[test]
fn an_audit_brings_everything_together() {
    let place = shop();
    place.write("shop/rbac.yaml", ACCESS);
    let text = [
        shown(&place, &["kube", "audit", "shop"]),
        shown(
            &place,
            &[
                "kube",
                "audit",
                "-q",
                "--severity",
                "critical",
                "--fail-on",
                "high",
                "--registry",
                "quay.io",
                "shop",
            ],
        ),
    ];
    insta::assert_snapshot!("audit", text.concat());
}
