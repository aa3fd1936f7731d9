//! `cofferdam kube cis` on benchmarks and nodes, as its users see it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "not every test scans")]
mod place;

use std::os::unix::fs::{PermissionsExt, symlink};

use place::Place;

const CONFIG: &str = "
master:
  components: [apiserver]
  apiserver: {bins: [kube-apiserver], confs: [/etc/kubernetes/manifests/kube-apiserver.yaml]}
node:
  components: [kubelet]
  kubelet:
    bins: [kubelet]
    confs: [/etc/none.yaml, /var/lib/kubelet/config.yaml]
    defaultconf: /etc/none.yaml
policies: {components: []}
version_mapping: {'1.30': house-1.0}
target_mapping: {house-1.0: [master, node, policies]}
";

const NODE: &str = "
id: 4
version: house-1.0
type: node
text: Nodes of the house
groups:
- id: 4.1
  text: Files
  checks:
  - id: 4.1.1
    text: The kubelet's configuration is for its owner only
    audit: /bin/sh -c 'if test -e $kubeletconf; then stat -c permissions=%a $kubeletconf; fi'
    tests: {test_items: [{flag: permissions, compare: {op: bitmask, value: 600}}]}
    remediation: chmod 600 $kubeletconf
    scored: true
  - id: 4.1.2
    text: Nothing is read outside of the root
    audit: cat /etc/escape /etc/up/shadow
    tests: {test_items: [{flag: secret, set: false}]}
    scored: true
  - {id: 4.1.3, text: Somebody looks at it, type: manual, scored: false}
  - {id: 4.1.4, text: Clouds are asked, audit: gcloud info, tests: {test_items: [{flag: x}]}, scored: true}
- id: 4.2
  text: Kubelet
  checks:
  - id: 4.2.1
    text: Anonymous requests are refused
    audit: /bin/ps -fC $kubeletbin
    audit_config: /bin/cat $kubeletconf
    tests:
      test_items:
      - {flag: --anonymous-auth, path: '{.authentication.anonymous.enabled}', compare: {op: eq, value: false}}
    scored: true
";

const POLICIES: &str = "
id: 5
version: house-1.0
type: policies
text: Policies of the house
groups:
- id: 5.1
  text: Access
  checks:
  - id: 5.1.1
    text: Nobody else is cluster-admin
    audit: |
      kubectl get clusterrolebindings -o json | jq -r '.items[] | select(.roleRef.name == \"cluster-admin\") | .subjects[]? | select(.name != \"system:masters\") | \"FOUND:\\(.name)\"'
    tests: {test_items: [{flag: FOUND, set: false}]}
    scored: true
";

const DUMP: &str = r#"{"kind": "List", "apiVersion": "v1", "items": [
  {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "a"},
   "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
   "subjects": [{"kind": "User", "name": "mallory"}]},
  {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "status": {"nodeInfo": {"kubeletVersion": "v1.31.2"}}}]}"#;

const ADMIN: &str = r#"{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
   "metadata": {"name": "cluster-admin"},
   "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}"#;

fn house() -> Place {
    let place = Place::new(&[]);
    place.write("cfg/config.yaml", CONFIG);
    place.write("cfg/house-1.0/node.yaml", NODE);
    place.write("cfg/house-1.0/policies.yaml", POLICIES);
    place.write("cfg/house-1.0/master.yaml", "id: 1\ntype: master\ntext: m\n");
    place.write("cfg/house-1.0/config.yaml", "---\n# nothing of its own\n");
    place.write("outside/shadow", "secret\n");
    place.write("root/etc/passwd", "root:x:0:0::/:/bin/sh\n");
    place.write(
        "root/var/lib/kubelet/config.yaml",
        "authentication: {anonymous: {enabled: false}}\n",
    );
    place.write("ps.txt", "/usr/bin/kubelet --config=/var/lib/kubelet/config.yaml\n");
    place.write("dump.json", DUMP);
    let root = place.path().join("root");
    symlink(place.path().join("outside/shadow"), root.join("etc/escape")).unwrap();
    symlink("../../outside", root.join("etc/up")).unwrap();
    let conf = root.join("var/lib/kubelet/config.yaml");
    std::fs::set_permissions(conf, PermissionsExt::from_mode(0o644)).unwrap();
    place
}

fn shown(place: &Place, arguments: &[&str]) -> String {
    let text = place.transcript(&[&["kube", "cis", "--benchmark-dir", "cfg"], arguments].concat());
    let lines = text.lines().filter(|line| !line.starts_with("Made "));
    lines.map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn a_copy_of_a_node_and_a_dump_are_judged() {
    let place = house();
    let on_root = ["--root", "root", "--processes", "ps.txt"];
    let text = [
        shown(&place, &[&["--cluster", "dump.json", "--fail-on", "medium"], &on_root[..]].concat()),
        shown(
            &place,
            &[&["--benchmark", "house-1.0", "--check", "4.2.1", "-q"], &on_root[..]].concat(),
        ),
        shown(
            &place,
            &["--benchmark", "house-1.0", "--root", "root", "--targets", "node", "--strict"],
        ),
    ];
    insta::assert_snapshot!("kube_cis", text.concat());
}

#[test]
fn the_forms_of_kube_bench_are_written() {
    let place = house();
    let write = |form: &str| {
        let arguments =
            ["--benchmark", "house-1.0", "--root", "root", "--processes", "ps.txt", "-q"];
        shown(&place, &[&arguments[..], &["--targets", "node", "--as", form]].concat())
    };
    let text = [write("kube-bench-json"), write("kube-bench-junit")];
    insta::assert_snapshot!("kube_cis_native", text.concat());
}

#[test]
fn section_5_of_a_dump_is_decided_without_a_benchmark() {
    let place = house();
    // Without the roles that bindings name, nothing is said to hold.
    let strict = ["kube", "cis", "--cluster", "dump.json", "--severity", "critical", "--strict"];
    let text = place.transcript(&strict);
    assert!(text.contains("the dump has bindings but no cluster roles"), "{text}");
    assert!(text.contains("exit status 3"), "{text}");
    place.write("dump.json", &DUMP.replace(r#""items": ["#, &format!(r#""items": [{ADMIN},"#)));
    let text = place.transcript(&["kube", "cis", "--cluster", "dump.json", "--fail-on", "high"]);
    assert!(text.contains("kube-cis-cluster-admin     ClusterRoleBinding a"), "{text}");
    assert!(text.contains("exit status 1"), "{text}");
    assert!(text.contains("the dump has no workloads"), "{text}");
    let check = ["kube", "cis", "--cluster", "dump.json", "--check", "5.1.1", "--format", "json"];
    let report: serde_json::Value = serde_json::from_slice(&place.run(&check).stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0]["rule"], "kube-cis-cluster-admin");
    assert_eq!(findings[0]["severity"], "high");
    let title = findings[0]["title"].as_str().unwrap();
    assert!(title.ends_with("cluster-admin for user:mallory"), "{title}");
}

#[test]
fn errors_say_what_to_do() {
    let place = house();
    place.write("broken/config.yaml", "version_mapping: [\n");
    let text = [
        shown(&place, &["--root", "root"]),
        shown(&place, &["--benchmark", "house-1.1", "--root", "root"]),
        shown(&place, &["--benchmark", "../cfg", "--root", "root"]),
        shown(&place, &["--kube-version", "1.2", "--root", "root"]),
        shown(&place, &["--benchmark", "house-1.0", "--targets", "etcd", "--root", "root"]),
        shown(&place, &["--benchmark", "house-1.0", "--allow-shell", "--root", "root"]),
        place.transcript(&["kube", "cis", "--cluster", "dump.json", "--as", "kube-bench-json"]),
        place.transcript(&["kube", "cis", "--benchmark-dir", "broken", "--benchmark", "x"]),
        place.transcript(&["kube", "cis", "--benchmark-dir", "outside", "--benchmark", "x"]),
    ];
    insta::assert_snapshot!("kube_cis_errors", text.concat());
}
