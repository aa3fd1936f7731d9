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
        "automountServiceAccountToken: false, containers: [{{name: c, image: 'app:1@sha256:00', \
         readinessProbe: {{}}, resources: {{limits: {{memory: 1Gi, cpu: 2}}}}, \
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
        (container("").replace("app:1@sha256:00", "app"), Some("kube-image-tag")),
        (container("").replace("app:1@sha256:00", "app:latest"), Some("kube-image-tag")),
        (container("").replace("readinessProbe: {},", ""), Some("kube-probe-missing")),
        (container("").replace("readinessProbe", "livenessProbe"), None),
        (
            container("").replace("limits: {memory: 1Gi, ", "requests: {memory: 1}, limits: {"),
            Some("kube-memory-unlimited"),
        ),
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
        (volume("/var/log"), None),
        (volume("/"), Some("kube-host-path-sensitive")),
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

/// What is added to the container of a workload, or else to its pod, that otherwise breaks no rule; and
/// the rules that it breaks then.
#[test]
fn what_breaks_each_rule_of_its_own() {
    let pod = |added: &str| container("") + ", " + added;
    let tagged = container("").replace("app:1@sha256:00", "app:1");
    for (spec, rules) in [
        (
            container(", imagePullPolicy: Always").replace("@sha256:00", ""),
            &["kube-image-by-tag"][..],
        ),
        (tagged, &["kube-image-by-tag", "kube-pull-policy"]),
        (
            container(", imagePullPolicy: Never").replace("app:1@sha256:00", "app"),
            &["kube-image-tag", "kube-pull-policy"],
        ),
        (container("").replace(", cpu: 2", ""), &["kube-cpu-unlimited", "kube-requests-missing"]),
        (
            pod("volumes: [{name: v, hostPath: {path: /data}}]")
                .replace("name: c,", "name: c, volumeMounts: [{name: v, mountPath: /d}],"),
            &["kube-host-path-writable"],
        ),
        (
            pod("volumes: [{name: v, hostPath: {path: /data}}]").replace(
                "name: c,",
                "name: c, volumeMounts: [{name: v, mountPath: /d, readOnly: true}],",
            ),
            &[],
        ),
        (
            container(
                ", volumeMounts: [{name: v, mountPath: /d, mountPropagation: Bidirectional}]",
            ),
            &["kube-mount-propagation"],
        ),
        (
            container("").replace(
                "Filesystem: true",
                "Filesystem: true, capabilities: {add: [SYS_ADMIN, CHOWN]}",
            ),
            &["kube-capability-escape"],
        ),
        (
            container("")
                .replace("Filesystem: true", "Filesystem: true, capabilities: {add: [NET_ADMIN]}"),
            &[],
        ),
        (
            pod("hostNetwork: true")
                .replace("Filesystem: true", "Filesystem: true, capabilities: {add: [NET_ADMIN]}"),
            &["kube-capability-escape"],
        ),
        (
            container(", livenessProbe: {httpGet: {port: 80, path: /}}")
                .replace("readinessProbe: {}", "readinessProbe: {httpGet: {port: 80, path: /}}"),
            &["kube-probe-identical"],
        ),
        (
            container(", livenessProbe: {httpGet: {port: 80, path: /alive}}")
                .replace("readinessProbe: {}", "readinessProbe: {httpGet: {port: 80, path: /}}"),
            &[],
        ),
        (container(", startupProbe: {tcpSocket: {port: web}}"), &["kube-probe-port-unknown"]),
        (
            container(
                ", startupProbe: {tcpSocket: {port: web}}, ports: [{name: web, containerPort: 8080}]",
            ),
            &[],
        ),
        (
            container(", ports: [{containerPort: 8080}]")
                .replace("readinessProbe", "livenessProbe"),
            &["kube-readiness-missing"],
        ),
        (
            container(", env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]"),
            &["kube-secret-ref-in-env"],
        ),
        (container(", envFrom: [{secretRef: {name: s}}]"), &["kube-secret-ref-in-env"]),
        (container(", env: [{name: A, value: x}, {name: A, value: z}]"), &["kube-env-repeated"]),
        (container(", ports: [{containerPort: 22}]"), &["kube-ssh-port"]),
        (container(", ports: [{containerPort: 22, protocol: UDP}]"), &[]),
        (container(", ports: [{containerPort: 80}]"), &["kube-privileged-port"]),
        (pod("hostAliases: [{ip: 10.0.0.1, hostnames: [a]}]"), &["kube-host-aliases"]),
        (pod("shareProcessNamespace: true"), &["kube-shared-processes"]),
        (pod("securityContext: {runAsGroup: 0, runAsUser: 10001}"), &["kube-root-group"]),
        (pod("securityContext: {runAsUser: 1000}"), &["kube-low-user"]),
        (pod("hostUsers: false, securityContext: {runAsUser: 1000}"), &[]),
        (pod("nodeName: one"), &["kube-node-pinned"]),
        (pod("tolerations: [{operator: Exists}]"), &["kube-tolerates-all"]),
        (
            pod("tolerations: [{operator: Exists, effect: NoExecute}, {key: a, operator: Exists}]"),
            &[],
        ),
        (
            pod("tolerations: [{key: node-role.kubernetes.io/control-plane}]"),
            &["kube-tolerates-all"],
        ),
    ] {
        assert_eq!(broken(&spec, &Settings::default()), rules, "{spec}");
    }
}

#[test]
fn what_is_around_the_template_counts_too() {
    let spec = container("");
    for (kind, around, rules) in [
        ("apps/v1, kind: Deployment", "replicas: 1", &["kube-replicas-single"][..]),
        ("apps/v1, kind: Deployment", "replicas: 2", &["kube-replicas-together"]),
        ("apps/v1, kind: Deployment", "replicas: 0", &[]),
        (
            "apps/v1, kind: DaemonSet",
            "selector: {matchLabels: {a: b}}",
            &["kube-selector-mismatch"],
        ),
        ("apps/v1, kind: DaemonSet", "selector: {matchLabels: {app: x}}", &[]),
        ("batch/v1, kind: Job", "parallelism: 1", &["kube-job-kept"]),
        ("batch/v1, kind: Job", "ttlSecondsAfterFinished: 60", &[]),
    ] {
        let text = format!(
            "{{apiVersion: {kind}, metadata: {{name: x}}, spec: {{{around}, template: {{metadata: {{labels: {{app: x}}}}, spec: {{{spec}}}}}}}}}"
        );
        let snapshot = load::texts([("m.yaml", text.as_bytes())]);
        let found = snapshot.workloads();
        let findings = evaluate(&found.workloads[0], &snapshot, &Settings::default());
        let broken: Vec<_> = findings.iter().map(|finding| finding.rule.as_ref()).collect();
        assert_eq!(broken, rules, "{text}");
    }
    let spread = container("") + ", topologySpreadConstraints: [{maxSkew: 1}]";
    let text = format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: x}}, spec: {{replicas: 3, template: {{spec: {{{spread}}}}}}}}}"
    );
    let snapshot = load::texts([("m.yaml", text.as_bytes())]);
    let found = snapshot.workloads();
    assert!(evaluate(&found.workloads[0], &snapshot, &Settings::default()).is_empty());
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
        let spec = container("").replace("app:1@sha256:00", &format!("{image}@sha256:00"));
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
