//! The rules on objects as they are together: what breaks each, and what does not.

use cofferdam_kube::{load, wiring};

/// Rules that these objects break, with the object of each.
fn broken(text: &str) -> Vec<String> {
    let snapshot = load::texts([("m.yaml", text.as_bytes())]);
    assert!(snapshot.gaps.is_empty(), "{:?} {text}", snapshot.gaps);
    let found = snapshot.workloads();
    let findings = wiring::evaluate(&snapshot, &found.workloads);
    assert!(findings.iter().all(|finding| !finding.evidence.is_empty() && finding.fix.is_some()));
    findings.iter().map(|finding| format!("{} {}", finding.rule, finding.subject)).collect()
}

/// A workload behind which nothing is wrong.
const WEB: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {pod-security.kubernetes.io/enforce: restricted}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: shop}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  tls: [{hosts: ['*.example.org'], secretName: web}]
  rules: [{host: www.example.org, http: {paths: [{backend: {service: {name: web}}}]}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: shop}
data: {LOG_LEVEL: info, app.properties: 'password_file=/run/p'}
";

#[test]
fn what_is_in_order_breaks_no_rule() {
    assert_eq!(broken(WEB), [""; 0]);
}

#[test]
fn what_is_changed_breaks_a_rule() {
    for (from, to, rule) in [
        (
            "selector: {app: web}",
            "selector: {app: other}",
            "kube-service-dangling Service shop/web",
        ),
        ("targetPort: http", "targetPort: grpc", "kube-service-port-unknown Service shop/web"),
        (
            "ports: [{port: 80",
            "type: NodePort, ports: [{port: 80",
            "kube-service-exposed Service shop/web",
        ),
        (
            "ports: [{port: 80",
            "type: LoadBalancer, loadBalancerSourceRanges: [0.0.0.0/0], ports: [{port: 80",
            "kube-service-exposed Service shop/web",
        ),
        (
            "ports: [{port: 80",
            "externalIPs: [192.0.2.1], ports: [{port: 80",
            "kube-service-external-ips Service shop/web",
        ),
        (
            "host: www.example.org",
            "host: a.www.example.org",
            "kube-ingress-clear-text Ingress shop/web",
        ),
        ("service: {name: web}", "service: {name: gone}", "kube-ingress-dangling Ingress shop/web"),
        (
            "spec: {containers",
            "spec: {serviceAccountName: gone, containers",
            "kube-account-missing Deployment shop/web",
        ),
        ("LOG_LEVEL: info", "API_TOKEN: abcdefgh", "kube-secret-in-config ConfigMap shop/web"),
        (
            "password_file=/run/p",
            "a=1\n\n    export DB_PASSWORD=\"hunter2\"\n\n    b=2",
            "kube-secret-in-config ConfigMap shop/web",
        ),
        ("enforce: restricted", "enforce: privileged", "kube-namespace-unenforced Namespace shop"),
        (
            "spec:\n  template",
            "spec:\n  replicas: 3\n  template",
            "kube-budget-missing Deployment shop/web",
        ),
    ] {
        assert!(WEB.contains(from), "{from}");
        assert_eq!(broken(&WEB.replacen(from, to, 1)), [rule], "{to}");
    }
}

#[test]
fn what_is_added_breaks_a_rule() {
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n";
    let binding = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nroleRef: {kind: ClusterRole, name: view}\n";
    for (added, rules) in [
        (
            format!("{role}metadata: {{name: all}}\nrules: [{{verbs: ['*'], apiGroups: [''], resources: [pods]}}]\n"),
            &["kube-role-wildcard ClusterRole all"][..],
        ),
        (
            format!("{role}metadata: {{name: own}}\nrules: [{{verbs: ['*'], apiGroups: [example.org], resources: ['*']}}]\n"),
            &[],
        ),
        (
            format!("{role}metadata: {{name: admin, labels: {{kubernetes.io/bootstrapping: rbac-defaults}}}}\nrules: [{{verbs: ['*'], apiGroups: ['*'], resources: ['*']}}]\n"),
            &[],
        ),
        (
            format!("{binding}metadata: {{name: b}}\nsubjects: [{{kind: User, name: 'system:anonymous'}}]\n"),
            &["kube-binding-anonymous ClusterRoleBinding b"],
        ),
        (
            format!("{binding}metadata: {{name: b}}\nsubjects: [{{kind: ServiceAccount, name: default, namespace: shop}}]\n"),
            &["kube-binding-default-account ClusterRoleBinding b"],
        ),
        (
            "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: b, namespace: shop}\nspec: {maxUnavailable: 0}\n".into(),
            &["kube-api-removed PodDisruptionBudget shop/b", "kube-budget-blocks PodDisruptionBudget shop/b"],
        ),
        (
            "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b, namespace: shop}\nspec: {minAvailable: 1}\n".into(),
            &[],
        ),
        (
            "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: p}\nspec: {hostPath: {path: /data}}\n".into(),
            &["kube-volume-host-path PersistentVolume p"],
        ),
        (
            "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: h, namespace: shop}\nspec: {scaleTargetRef: {kind: Deployment, name: gone}}\n".into(),
            &["kube-autoscaler-dangling HorizontalPodAutoscaler shop/h"],
        ),
        (
            "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: h, namespace: shop}\nspec: {scaleTargetRef: {kind: Deployment, name: web}}\n".into(),
            &[],
        ),
    ] {
        assert_eq!(broken(&format!("{WEB}---\n{added}")), rules, "{added}");
    }
}

#[test]
fn a_value_that_may_be_a_secret_is_not_told() {
    let text = WEB.replace("LOG_LEVEL: info", "API_TOKEN: abcdefgh");
    let snapshot = load::texts([("m.yaml", text.as_bytes())]);
    let findings = wiring::evaluate(&snapshot, &snapshot.workloads().workloads);
    assert!(!findings.is_empty() && !format!("{findings:?}").contains("abcdefgh"));
}

/// The reference names every rule on workloads and on objects.
#[test]
fn the_reference_has_every_rule() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/kubernetes-rules.md");
    let page = std::fs::read_to_string(page).unwrap_or_default();
    let practices = cofferdam_kube::practice::PRACTICES.iter().map(|practice| &practice.rule);
    for rule in practices.chain(wiring::WIRINGS.iter().map(|wiring| &wiring.rule)) {
        let row = format!("| `{}` | {} | {} |", rule.id, rule.severity, rule.title);
        assert!(page.contains(&row), "{row}");
    }
}
