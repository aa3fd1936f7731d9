//! What a dump or a folder becomes: objects with their places, and gaps for what is broken.

use cofferdam_kube::{Snapshot, load};

fn read(name: &str, text: &str) -> Snapshot {
    load::texts([(name, text.as_bytes())])
}

/// One line an object and one a gap: what a reader of the snapshot sees.
fn shown(snapshot: &Snapshot) -> String {
    let mut lines: Vec<String> = snapshot
        .objects
        .iter()
        .map(|object| {
            let superseded = if object.superseded { " (superseded)" } else { "" };
            format!("{} at {}{superseded}", object.title(), snapshot.place(object.source))
        })
        .collect();
    lines.extend(
        snapshot.gaps.iter().map(|gap| format!("gap {}: {}: {}", gap.rule, gap.object, gap.why)),
    );
    if snapshot.foreign_documents > 0 {
        lines.push(format!("foreign documents: {}", snapshot.foreign_documents));
    }
    lines.join("\n")
}

#[test]
fn documents_lists_and_unknown_kinds_of_yaml() {
    let text = "\
# a comment only
---
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: shop}
---
apiVersion: v1
kind: List
items:
- apiVersion: example.org/v1alpha1
  kind: Widget
  metadata:
    name: unknown
- apiVersion: v1
  kind: List
  items:
  - {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
replicas: 3
---
apiVersion: v1
kind: Pod
metadata: {generateName: job-}
";
    insta::assert_snapshot!(shown(&read("m.yaml", text)), @"
    Pod shop/a at m.yaml:3
    Widget unknown at m.yaml:10
    Namespace shop at m.yaml:14
    Pod job-* at m.yaml:21
    foreign documents: 1
    ");
}

#[test]
fn lists_of_json_whose_items_leave_their_type_to_the_list() {
    let text = r#"{"items":[{"metadata":{"name":"a","namespace":"n"}},7],"kind":"PodList","apiVersion":"v1"}
        {"kind":"Namespace","apiVersion":"v1","metadata":{"name":"n"}}"#;
    insta::assert_snapshot!(shown(&read("raw.json", text)), @"
    Pod n/a at raw.json items[0]
    Namespace n at raw.json document 2
    gap kube-manifest-not-understood: raw.json items[1]: it is not a mapping
    ");
    let array = r#"[{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"n"}}]"#;
    insta::assert_snapshot!(shown(&read("array.json", array)), @"Namespace n at array.json items[0]");
}

#[test]
fn a_broken_document_is_a_gap_and_the_others_count() {
    let text = "\
apiVersion: v1
kind: Namespace
metadata: {name: a}
---
apiVersion: v1
kind: Pod
metadata:
  name: {{ .Values.name }}
---
kind: [x
---
apiVersion: v1
kind: Namespace
metadata: {name: b}
---
apiVersion: v1
kind: 7
---
apiVersion: v1
kind: Pod
metadata: {name: [x]}
";
    insta::assert_snapshot!(shown(&read("m.yaml", text)), @"
    Namespace a at m.yaml:1
    Namespace b at m.yaml:12
    gap kube-manifest-not-understood: m.yaml document 2: line 7: the key of a mapping has to be a text; this looks like a template: render it first (helm template, kustomize build)
    gap kube-manifest-not-understood: m.yaml document 3: line 10: while parsing a flow sequence, expected ',' or ']'
    gap kube-manifest-not-understood: m.yaml:16: apiVersion and kind have to be texts
    gap kube-manifest-not-understood: m.yaml:19: metadata has to be a mapping with texts for name and namespace
    ");
}

#[test]
fn what_a_list_had_before_it_broke_counts() {
    let text = r#"{"apiVersion":"v1","kind":"List","items":[
        {"kind":"Namespace","apiVersion":"v1","metadata":{"name":"n"}}, {"kind": "#;
    insta::assert_snapshot!(shown(&read("cut.json", text)), @"
    Namespace n at cut.json items[0]
    gap kube-manifest-not-understood: cut.json document 1: line 2: EOF while parsing a value
    ");
}

#[test]
fn the_last_of_two_definitions_counts_and_a_repetition_is_nothing() {
    let pod = |image: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{{name: c, image: {image}}}]}}\n"
        )
    };
    let text = pod("x") + &pod("y") + &pod("y");
    let snapshot = read("m.yaml", &text);
    insta::assert_snapshot!(shown(&snapshot), @"
    Pod a at m.yaml:2 (superseded)
    Pod a at m.yaml:12
    gap kube-object-ambiguous: Pod a (m.yaml:2): is defined differently at m.yaml:12 too, which counts where only one can
    ");
    assert_eq!(snapshot.of("", "Pod").count(), 1);
}

#[test]
fn keys_that_stand_twice_are_told() {
    let yaml = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: c\n    image: x\n    image: y\n";
    insta::assert_snapshot!(shown(&read("m.yaml", yaml)), @"
    Pod a at m.yaml:1
    gap kube-object-ambiguous: m.yaml document 1: the key spec.containers[0].image stands twice; the last one counts
    ");
    let json = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"hostPID":true,"hostPID":false}}"#;
    insta::assert_snapshot!(shown(&read("m.json", json)), @"
    Pod a at m.json document 1
    gap kube-object-ambiguous: m.json document 1: the key spec.hostPID stands twice; the last one counts
    ");
}

#[test]
fn anchors_and_merge_keys_are_followed() {
    let text = "\
apiVersion: v1
kind: Pod
metadata:
  name: a
spec:
  containers:
  - &base {name: one, image: x, ports: [{containerPort: 0x50}]}
  - <<: *base
    name: two
";
    let snapshot = read("m.yaml", text);
    let workloads = snapshot.workloads();
    let names: Vec<_> = workloads.workloads[0]
        .spec
        .containers
        .iter()
        .map(|one| (one.name.as_str(), one.image.as_str(), one.ports[0].container_port))
        .collect();
    assert_eq!(names, [("one", "x", 80), ("two", "x", 80)]);
}

#[test]
fn alias_bombs_and_deep_nesting_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    insta::assert_snapshot!(shown(&read("bomb.yaml", &bomb)), @"gap kube-manifest-not-understood: bomb.yaml document 1: line 4: aliases repeat more than 200000 values");
    for (name, text) in [
        ("flow.yaml", "[".repeat(100_000)),
        ("block.yaml", (0..5_000).map(|depth| " ".repeat(depth) + "a:\n").collect()),
        ("deep.json", r#"{"a":"#.repeat(100_000)),
        ("dashes.yaml", "- ".repeat(20_000)),
    ] {
        let snapshot = read(name, &text);
        assert_eq!(snapshot.gaps.len(), 1, "{name}: {:?}", snapshot.gaps);
        assert!(snapshot.objects.is_empty(), "{name}");
    }
}

#[test]
fn secrets_lose_their_values_and_bookkeeping_goes() {
    let text = "\
apiVersion: v1
kind: Secret
metadata:
  name: s
  managedFields: [{manager: x}]
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{\"data\":{\"password\":\"aHVudGVyMg==\"}}'
data: {password: aHVudGVyMg==}
";
    let body = &read("m.yaml", text).objects[0].body;
    insta::assert_snapshot!(body, @r#"{"apiVersion":"v1","data":{"password":""},"kind":"Secret","metadata":{"annotations":{},"name":"s"}}"#);
}

#[test]
fn text_that_is_no_utf8_is_a_gap() {
    let snapshot = load::texts([("latin.yaml", b"kind: P\xf6d".as_slice())]);
    insta::assert_snapshot!(shown(&snapshot), @"gap kube-manifest-not-understood: latin.yaml: is not UTF-8: byte 7 is wrong");
}

#[test]
fn a_written_snapshot_reads_as_the_same_objects_and_gaps() {
    let text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\nkind: [\n";
    let first = read("m.yaml", text);
    let mut written = Vec::new();
    load::write(&first, &mut written).unwrap();
    let second = load::texts([("snapshot.json", written.as_slice())]);
    let bodies = |snapshot: &Snapshot| -> Vec<_> {
        snapshot.objects.iter().map(|object| object.body.clone()).collect()
    };
    assert_eq!(bodies(&first), bodies(&second));
    assert_eq!(first.gaps, second.gaps);
}

#[test]
fn a_folder_is_read_in_order_without_following_links() {
    let folder = tempfile::tempdir().unwrap();
    let namespace =
        |name: &str| format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n");
    std::fs::create_dir_all(folder.path().join("b/.git")).unwrap();
    std::fs::write(folder.path().join("b/two.yml"), namespace("two")).unwrap();
    std::fs::write(folder.path().join("b/.git/no.yaml"), namespace("no")).unwrap();
    std::fs::write(folder.path().join("a.yaml"), namespace("one")).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "kind: x").unwrap();
    std::os::unix::fs::symlink("/etc/hostname", folder.path().join("link.yaml")).unwrap();
    let snapshot = load::path(folder.path()).unwrap();
    let shown = shown(&snapshot).replace(&folder.path().display().to_string(), "DIR");
    insta::assert_snapshot!(shown, @"
    Namespace one at DIR/a.yaml:1
    Namespace two at DIR/b/two.yml:1
    gap kube-manifest-not-read: DIR/link.yaml: is a symbolic link, which is not followed
    ");
    assert!(load::path(&folder.path().join("b/.git/none")).is_err());
}

#[test]
fn pods_of_a_controller_are_left_out_only_where_they_are_confined_alike() {
    let owned = |name: &str, extra: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  ownerReferences: [{{kind: ReplicaSet, name: web, controller: true}}]\nspec:\n{extra}  containers: [{{name: c, image: x}}]\n  volumes: [{{name: kube-api-access, projected: {{}}}}]\n"
        )
    };
    let text = "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers: [{name: c, image: x}]\n".to_owned()
        + &owned("web-1", "")
        + &owned("web-2", "  hostPID: true\n");
    let snapshot = read("m.yaml", &text);
    let found = snapshot.workloads();
    let names: Vec<_> = found.workloads.iter().map(|one| one.object.name.as_str()).collect();
    assert_eq!(names, ["web", "web-2"]);
}

#[test]
fn a_field_of_the_wrong_type_is_named() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      hostNetwork: 'yes'\n      containers: [{name: c}]\n";
    let snapshot = read("m.yaml", text);
    let found = snapshot.workloads();
    assert!(found.workloads.is_empty());
    insta::assert_snapshot!(format!("{}: {}", found.gaps[0].object, found.gaps[0].why), @r#"Deployment web (m.yaml:1): spec.template.spec.hostNetwork: invalid type: string "yes", expected a boolean"#);
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}|([-:\\[\\]{}&*!|>'\"#%@, \nab]{0,80})") {
        let snapshot = read("m.yaml", &text);
        snapshot.workloads();
    }
}
