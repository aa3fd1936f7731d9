//! The rules on workloads beyond the Pod Security Standards: what breaks each, and what does not.

use cofferdam_kube::{
    load,
    practice::{PRACTICES, Settings, evaluate},
};

/// Rules that a Deployment with this pod spec breaks; a text that begins with `metadata` is put
/// there instead.
fn broken(spec: &str, settings: &Settings) -> Vec<String> {
    let (meta, spec) = spec.split_once(" spec ").unwrap_or(("", spec));
    let text = format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: x{meta}}}, spec: {{template: {{spec: {{{spec}}}}}}}}}"
    );
    let snapshot = load::texts([("m.yaml", text.as_bytes())]);
    assert!(snapshot.gaps.is_empty(), "{:?} {text}", snapshot.gaps);
    let found = snapshot.workloads();
    let findings = evaluate(&found.workloads[0], &snapshot, settings);
    assert!(findings.iter().all(|finding| !finding.evidence.is_empty() && finding.fix.is_some()));
    findings.iter().map(|finding| finding.rule.to_string()).collect()
}

/// A container that breaks none, with something added.
fn container(added: &str) -> String {
    format!(
        "automountServiceAccountToken: false, containers: [{{name: c, image: 'app:1', \
         readinessProbe: {{}}, resources: {{limits: {{memory: 1Gi}}}}, \
         securityContext: {{readOnlyRootFilesystem: true}}{added}}}]"
    )
}

#[test]
fn a_workload_that_keeps_all_rules() {
    assert_eq!(broken(&container(""), &Settings::default()), [""; 0]);
}

#[test]
fn what_breaks_each_rule() {
    let volume = |path: &str| {
        container("") + &format!(", volumes: [{{name: v, hostPath: {{path: {path}}}}}]")
    };
    let env = |name: &str, value: &str| {
        container(&format!(", env: [{{name: {name}, value: '{value}'}}]"))
    };
    for (spec, rule) in [
        (container("").replace("app:1", "app"), Some("kube-image-tag")),
        (container("").replace("app:1", "app:latest"), Some("kube-image-tag")),
        (container("").replace("readinessProbe: {},", ""), Some("kube-probe-missing")),
        (container("").replace("readinessProbe", "livenessProbe"), None),
        (container("").replace("memory", "cpu"), Some("kube-memory-unlimited")),
        (container("").replace("readOnlyRootFilesystem: true", ""), Some("kube-writable-root")),
        (
            container("").replace("automountServiceAccountToken: false,", ""),
            Some("kube-token-mounted"),
        ),
        (
            container("").replace("automountServiceAccountToken: false", "serviceAccountName: own"),
            None,
        ),
        (format!(", namespace: default spec {}", container("")), Some("kube-default-namespace")),
        (volume("/var/run/docker.sock"), Some("kube-runtime-socket")),
        (volume("/run/containerd/"), Some("kube-runtime-socket")),
        (volume("/run/containerd-other"), None),
        (volume("/"), None),
        (env("DB_PASSWORD", "hunter2"), Some("kube-secret-in-env")),
        (env("API_TOKEN", "abcdef"), Some("kube-secret-in-env")),
        (env("TOKEN_FILE", "x"), None),
        (env("PASSWORD", "/run/secrets/p"), None),
        (env("PASSWORD", "$(OTHER)"), None),
        (env("TOKEN_CACHE", "true"), None),
        (env("SECRET_NAME", "abc"), None),
    ] {
        let expected: Vec<&str> = rule.into_iter().collect();
        assert_eq!(broken(&spec, &Settings::default()), expected, "{spec}");
    }
}

#[test]
fn images_from_registries_that_are_not_allowed() {
    let settings = Settings { registries: vec!["quay.io/org".into(), "docker.io/library".into()] };
    for (image, allowed) in [
        ("app:1", true),
        ("org/app:1", false),
        ("quay.io/org/a:1", true),
        ("quay.io/other/a:1", false),
    ] {
        let spec = container("").replace("app:1", image);
        assert_eq!(broken(&spec, &settings).is_empty(), allowed, "{image}");
    }
}

#[test]
fn a_value_that_may_be_a_secret_is_not_told() {
    let text = "{apiVersion: v1, kind: Pod, metadata: {name: x}, spec: {containers: [{name: c, env: [{name: PASSWORD, value: hunter2}]}]}}";
    let snapshot = load::texts([("m.yaml", text.as_bytes())]);
    let found = snapshot.workloads();
    let findings = evaluate(&found.workloads[0], &snapshot, &Settings::default());
    assert!(!format!("{findings:?}").contains("hunter2"));
    assert!(findings.iter().any(|finding| finding.title.contains("a value of 7 characters")));
}

#[test]
fn every_rule_is_listed_once() {
    let ids: Vec<_> = PRACTICES.iter().map(|practice| practice.rule.id.clone()).collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), PRACTICES.len());
}
