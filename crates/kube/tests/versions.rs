//! What versions amount to, on days of the past: the table does not change then.

use cofferdam_kube::{
    load,
    versions::{inventory, judge, table},
};
use time::{Date, macros::date};

fn node(name: &str, kubelet: &str, runtime: &str) -> String {
    format!(
        "---\n{{apiVersion: v1, kind: Node, metadata: {{name: {name}}}, status: {{nodeInfo: {{kubeletVersion: {kubelet}, containerRuntimeVersion: '{runtime}'}}}}}}\n"
    )
}

fn shown(text: &str, server: Option<&str>, today: Date) -> String {
    let snapshot = load::texts([("nodes.yaml", text.as_bytes())]);
    let judged = judge(&inventory(&snapshot, server), table(), today);
    let findings = judged.findings.iter().map(|finding| {
        let wanted = finding.evidence.iter().map(|one| one.wanted.as_str()).collect::<Vec<_>>();
        format!(
            "{} {}: {} -> {}",
            finding.severity,
            finding.rule,
            finding.title,
            wanted.join(" | ")
        )
    });
    let gaps =
        judged.gaps.iter().map(|gap| format!("gap {}: {}: {}", gap.rule, gap.object, gap.why));
    findings.chain(gaps).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_cluster_that_is_up_to_date_has_what_nobody_has_fixed() {
    let text = node("a", "v1.36.4", "containerd://2.3.4");
    insta::assert_snapshot!(shown(&text, Some("v1.36.4"), date!(2026 - 08 - 23)), @"
    unknown CVE-2024-7598: Kubernetes kube-apiserver Vulnerable to Race Condition in k8s.io/kubernetes ->  | 
    unknown CVE-2025-1767: Kubernetes GitRepo Volume Inadvertent Local Repository Access in k8s.io/kubernetes ->  | 
    gap kube-version-data-stale: kubernetes-cve-feed: is of 2024-11-18, 643 days ago
    ");
}

#[test]
fn an_old_cluster_has_many() {
    let text = node("a", "v1.30.1", "containerd://1.6.8")
        + &node("b", "v1.30.1", "cri-o://1.30.0")
        + &node("c", "v1.25.3+k3s1", "containerd://1.7.34")
        + &node("d", "broken", "containerd://x")
        + "---\n{apiVersion: v1, kind: Pod, metadata: {name: kube-apiserver-a, namespace: kube-system}, spec: {containers: [{name: s, image: 'registry.k8s.io/kube-apiserver:v1.29.0'}]}}\n";
    insta::assert_snapshot!(shown(&text, None, date!(2026 - 08 - 23)), @"
    high kube-version-end-of-life: kube-apiserver 1.29.0 is out of support since 2025-02-28 -> 1.36.4, 1.35.8, 1.34.11
    medium kube-version-behind: kube-apiserver 1.29.0 is 15 patches behind 1.29.15 of 2025-03-11 -> 1.29.15
    high kube-version-end-of-life: kubelet 1.25.3 is out of support since 2023-10-27 -> 1.36.4, 1.35.8, 1.34.11
    medium kube-version-behind: kubelet 1.25.3 is 13 patches behind 1.25.16 of 2023-11-15 -> 1.25.16
    high kube-version-end-of-life: kubelet 1.30.1 is out of support since 2025-07-15 -> 1.36.4, 1.35.8, 1.34.11
    medium kube-version-behind: kubelet 1.30.1 is 13 patches behind 1.30.14 of 2025-06-17 -> 1.30.14
    medium kube-runtime-end-of-life: containerd 1.6.8 is out of support since 2025-08-23 -> 2.3.4
    medium kube-version-skew: kubelet 1.25.3 is 4 minor releases older than the API server 1.29.0, of 3 allowed -> 1.29.0
    medium kube-version-skew: kubelet 1.30.1 is newer than the API server 1.29.0 -> 1.29.0
    low CVE-2023-2431: Bypass of seccomp profile enforcement -> 1.25.10
    high CVE-2023-3676: A security issue was discovered in Kubernetes where a user that can create pods on Windows nodes may be able to escalate to admin privileges on those nodes. Kubernetes clusters are only affected if they include Windows nodes. -> 1.25.13
    high CVE-2023-3955: A security issue was discovered in Kubernetes where a user that can create pods on Windows nodes may be able to escalate to admin privileges on those nodes. Kubernetes clusters are only affected if they include Windows nodes. -> 1.25.13
    high CVE-2023-5528: Insufficient input sanitization in in-tree storage plugin leads to privilege escalation on Windows nodes -> 1.25.16
    unknown CVE-2024-0793: Kubernetes Nil pointer dereference in KCM after v1 HPA patch request in k8s.io/kubernetes -> 1.27.0
    unknown CVE-2024-10220: Kubernetes kubelet arbitrary command execution in k8s.io/kubernetes -> 1.29.7 | 1.28.12 | 1.30.3
    low CVE-2024-3177: Bypassing mountable secrets policy imposed by the ServiceAccount admission plugin -> 1.29.4
    medium CVE-2024-5321: Incorrect permissions on Windows containers logs -> 1.30.3
    unknown CVE-2024-7598: Kubernetes kube-apiserver Vulnerable to Race Condition in k8s.io/kubernetes ->  |  | 
    unknown CVE-2024-9042: Kubernetes allows Command Injection affecting Windows nodes via nodes/*/logs/query API in k8s.io/kubernetes -> 1.29.13 | 1.29.13 | 1.30.9
    unknown CVE-2025-0426: Node Denial of Service via kubelet Checkpoint API in k8s.io/kubernetes -> 1.29.14 | 1.29.14 | 1.30.10
    unknown CVE-2025-13281: Half-blind Server Side Request Forgery in kube-controller-manager through in-tree Portworx StorageClass in k8s.io/kubernetes -> 1.32.10 | 1.32.10 | 1.32.10
    unknown CVE-2025-1767: Kubernetes GitRepo Volume Inadvertent Local Repository Access in k8s.io/kubernetes ->  |  | 
    unknown CVE-2025-5187: Kubernetes Nodes can delete themselves by adding an OwnerReference in k8s.io/kubernetes -> 1.31.12 | 1.31.12 | 1.31.12
    gap kube-version-data-stale: kubernetes-cve-feed: is of 2024-11-18, 643 days ago
    gap kube-version-unknown: Node d: 'broken' is no version
    gap kube-version-unknown: Node d: 'x' is no version
    gap kube-version-unknown: cri-o 1.30.0: the table does not know cri-o 1.30
    ");
}

#[test]
fn what_is_not_shown_is_a_gap() {
    insta::assert_snapshot!(shown("{apiVersion: v1, kind: Namespace, metadata: {name: x}}", None, date!(2026 - 08 - 23)), @"
    gap kube-version-data-stale: kubernetes-cve-feed: is of 2024-11-18, 643 days ago
    gap kube-version-unknown: kube-apiserver: its version is not in the snapshot
    gap kube-version-unknown: kubelet: its version is not in the snapshot
    ");
    insta::assert_snapshot!(shown(&node("a", "v1.99.0", "containerd://2.3.4"), Some("v1.99.0"), date!(2026 - 08 - 23)), @"
    unknown CVE-2024-7598: Kubernetes kube-apiserver Vulnerable to Race Condition in k8s.io/kubernetes ->  | 
    unknown CVE-2025-1767: Kubernetes GitRepo Volume Inadvertent Local Repository Access in k8s.io/kubernetes ->  | 
    gap kube-version-data-stale: kubernetes-cve-feed: is of 2024-11-18, 643 days ago
    gap kube-version-unknown: kube-apiserver 1.99.0: the table does not know release 1.99
    gap kube-version-unknown: kubelet 1.99.0: the table does not know release 1.99
    ");
}

#[test]
fn kubelets_may_be_older_by_some_releases_and_never_newer() {
    for (kubelet, server, skewed) in [
        ("v1.33.0", "v1.36.0", false),
        ("v1.32.0", "v1.36.0", true),
        ("v1.36.0", "v1.35.0", true),
        ("v1.36.4", "v1.36.0", false),
        ("v1.24.0", "v1.26.0", false),
        ("v1.24.0", "v1.27.0", true),
    ] {
        let text =
            shown(&node("a", kubelet, "containerd://2.3.4"), Some(server), date!(2026 - 08 - 23));
        assert_eq!(text.contains("kube-version-skew"), skewed, "{kubelet} {server}");
    }
}
