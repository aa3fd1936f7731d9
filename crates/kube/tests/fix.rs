//! Fixes of manifests: what is changed, what stays as it was, what is left.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use cofferdam_kube::{
    fix::{Change, Fixed, Options, Put, Step, apply, edit, fix, path},
    load,
    practice::Settings,
    pss::{Level, Version},
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn options(rules: &[&str]) -> Options {
    Options {
        level: Level::Restricted,
        version: Version::Latest,
        settings: Settings::default(),
        rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
    }
}

fn fixed(text: &str, rules: &[&str]) -> Fixed {
    fix("m.yaml", text, &options(rules))
}

#[test]
fn a_field_is_put_where_it_belongs_and_nothing_else_changes() {
    for (rule, before, after) in [
        // Below the last field of its mapping, before what comments say of the next.
        (
            "kube-writable-root",
            "\
kind: Pod
apiVersion: v1
metadata: {name: p}   # a pod
spec:
  containers:
  - name: a     # first
    image: a:1  # pinned

  # the other
  - image: 'b:1'
    name: b
    securityContext:
      privileged: false
",
            "\
kind: Pod
apiVersion: v1
metadata: {name: p}   # a pod
spec:
  containers:
  - name: a     # first
    image: a:1  # pinned
    securityContext:
      readOnlyRootFilesystem: true

  # the other
  - image: 'b:1'
    name: b
    securityContext:
      privileged: false
      readOnlyRootFilesystem: true
",
        ),
        // In braces, and in JSON.
        (
            "kube-writable-root",
            "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: a, securityContext: {}}]}}\n",
            "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: a, securityContext: {readOnlyRootFilesystem: true}}]}}\n",
        ),
        (
            "kube-token-mounted",
            "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"Pod\",\n  \"metadata\": {\"name\": \"p\"},\n  \"spec\": {\n    \"containers\": []\n  }\n}",
            "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"Pod\",\n  \"metadata\": {\"name\": \"p\"},\n  \"spec\": {\n    \"containers\": [],\n    \"automountServiceAccountToken\": false\n  }\n}",
        ),
        // A value is replaced in its place, line ends are kept, and so is the lack of the last.
        (
            "kube-host-namespaces",
            "apiVersion: v1\r\nkind: Pod\r\nmetadata: {name: ü}\r\nspec:\r\n  hostNetwork: yes # ö why\r\n  nodeName: \"on\" # text",
            "apiVersion: v1\r\nkind: Pod\r\nmetadata: {name: ü}\r\nspec:\r\n  hostNetwork: false # ö why\r\n  nodeName: \"on\" # text",
        ),
        (
            "kube-token-mounted",
            "apiVersion: v1\r\nkind: Pod\r\nmetadata: {name: ü}\r\nspec:\r\n  containers: []",
            "apiVersion: v1\r\nkind: Pod\r\nmetadata: {name: ü}\r\nspec:\r\n  containers: []\r\n  automountServiceAccountToken: false",
        ),
        // A key that has no value yet, and lists of both forms.
        (
            "kube-capabilities-kept",
            "\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
  - name: a
    securityContext:   # empty
  - name: b
    securityContext:
      capabilities:
        drop:
        - NET_RAW  # at least
  - name: c
    securityContext: {capabilities: {drop: [KILL]}}
",
            "\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
  - name: a
    securityContext:   # empty
      capabilities:
        drop: [ALL]
  - name: b
    securityContext:
      capabilities:
        drop:
        - NET_RAW  # at least
        - ALL
  - name: c
    securityContext: {capabilities: {drop: [KILL, ALL]}}
",
        ),
        // What all containers lack is said once, for the pod.
        (
            "kube-seccomp-unset",
            "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  template:
    spec:
      containers: [{name: a}, {name: b}]
  replicas: 1
",
            "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  template:
    spec:
      containers: [{name: a}, {name: b}]
      securityContext:
        seccompProfile:
          type: RuntimeDefault
  replicas: 1
",
        ),
    ] {
        let result = fixed(before, &[rule]);
        assert_eq!(result.left, [], "{before}");
        assert_eq!(result.text, after);
        let again = fixed(&result.text, &[rule]);
        assert_eq!((again.text, again.fixes.len()), (result.text, 0));
    }
}

#[test]
fn other_documents_stay_as_they_are() {
    let head = "# values\r\na:  [1,   2]\n---\n\n---\nkind: [ # broken\n---\n";
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  hostIPC: true\n";
    let tail = "---\n{{ template }}\n...\n# end";
    let result = fixed(&format!("\u{feff}{head}{pod}{tail}"), &["kube-host-namespaces"]);
    let expected = pod.replace("true", "false");
    assert_eq!(result.text, format!("\u{feff}{head}{expected}{tail}"));
    assert_eq!(result.fixes.len(), 1);
}

#[test]
fn what_cannot_be_edited_is_left_with_the_reason() {
    for (text, reason) in [
        // An item of a list.
        (
            "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {hostIPC: true}}\n",
            "an item of a list",
        ),
        // Shared by an anchor, an alias, a merge.
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: &s\n  hostIPC: true\nother: *s\n",
            "anchor",
        ),
        (
            "x: &x {hostIPC: true}\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  <<: *x\n",
            "cannot be found",
        ),
        // Twice.
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  hostIPC: true\n  hostIPC: true\n",
            "cannot be found",
        ),
    ] {
        let result = fixed(text, &["kube-host-namespaces"]);
        assert_eq!(result.text, text);
        assert_eq!(result.fixes, []);
        assert!(result.left.len() == 1 && result.left[0].why.contains(reason), "{:?}", result.left);
    }
}

#[test]
fn a_person_decides_what_a_program_cannot_know() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    image: a\n    securityContext: {capabilities: {drop: [ALL], add: [SYS_ADMIN]}}\n";
    let result = fixed(text, &["kube-image-tag", "kube-capabilities-kept"]);
    assert_eq!(result.text, text);
    let rules: Vec<&str> = result.left.iter().map(|left| left.rule.as_str()).collect();
    assert_eq!(rules, ["kube-capabilities-kept", "kube-image-tag"]);
    assert!(result.left.iter().all(|left| left.why.starts_with("by hand: ")));
}

#[test]
fn all_rules_at_once_leave_a_pod_that_keeps_them() {
    let text = "\
apiVersion: batch/v1
kind: CronJob
metadata: {name: c, namespace: jobs}
spec:
  schedule: '@daily'
  jobTemplate:
    spec:
      template:
        spec:
          hostPID: true
          initContainers:
            - name: first
              image: first:1
              securityContext: {privileged: true, procMount: Unmasked}
          containers:
            - name: second
              image: second:1
              resources:
                limits: {memory: 1Gi}
";
    let mut result = fixed(text, &[]);
    // How much it needs and which image it is, a program cannot know.
    let known = [
        "kube-cpu-unlimited",
        "kube-image-by-tag",
        "kube-memory-unlimited",
        "kube-pull-policy",
        "kube-requests-missing",
    ];
    result.left.retain(|left| !known.contains(&left.rule.as_str()));
    let mut rules: Vec<&str> = result.fixes.iter().map(|done| done.rule.as_str()).collect();
    rules.sort_unstable();
    assert_eq!(result.left, []);
    assert_eq!(
        rules,
        [
            "kube-capabilities-kept",
            "kube-host-namespaces",
            "kube-privilege-escalation",
            "kube-privileged",
            "kube-proc-mount-restricted",
            "kube-root-allowed",
            "kube-seccomp-unset",
            "kube-token-mounted",
            "kube-writable-root",
        ]
    );
    let snapshot = load::texts([("m.yaml", result.text.as_bytes())]);
    let found = snapshot.workloads();
    let broken =
        cofferdam_kube::pss::evaluate(&found.workloads[0], Level::Restricted, Version::Latest);
    assert!(broken.is_empty(), "{broken:?}\n{}", result.text);
}

/// Numbers out of a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % limit
    }

    fn is(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }
}

const KEYS: [&str; 6] = ["alpha", "beta", "gamma", "delta", "name", "on-x"];
const SCALARS: [&str; 9] =
    ["1", "true", "'it''s'", "\"a\\nb: c\"", "plain text", "~", "v1.2", "ünïcode", "a#b"];

/// A mapping in block or in braces, with comments and blank lines where they may be.
fn mapping(random: &mut Random, column: usize, depth: usize, is_flow: bool, out: &mut String) {
    let count = 1 + random.below(4);
    let keys: Vec<&str> = KEYS.iter().copied().cycle().skip(random.below(6)).take(count).collect();
    if is_flow {
        out.push('{');
        for (index, key) in keys.iter().enumerate() {
            out.push_str(if index == 0 { "" } else { ", " });
            out.push_str(&format!("{key}: "));
            value(random, 0, depth + 1, true, out);
        }
        return out.push('}');
    }
    for (index, key) in keys.iter().enumerate() {
        if index > 0 {
            if random.is(4) {
                out.push_str("\n# cömment\n");
            }
            out.push_str(&" ".repeat(column));
        }
        out.push_str(&format!("{key}:"));
        let is_inline = depth > 3 || random.is(2);
        if is_inline {
            out.push(' ');
            let is_braced = random.is(2);
            if is_braced && depth < 4 {
                value(random, 0, depth + 1, true, out);
            } else {
                out.push_str(SCALARS[random.below(SCALARS.len())]);
            }
            out.push_str(if random.is(4) { "  # why\n" } else { "\n" });
        } else if random.is(3) {
            out.push('\n');
            for _ in 0..=random.below(2) {
                out.push_str(&format!("{}- ", " ".repeat(column)));
                mapping(random, column + 2, depth + 1, false, out);
            }
        } else if random.is(5) {
            out.push_str(" |\n");
            out.push_str(&format!("{0}  line one\n{0}  # line two\n", " ".repeat(column)));
        } else {
            out.push_str(&format!("\n{}", " ".repeat(column + 2)));
            mapping(random, column + 2, depth + 1, false, out);
        }
    }
}

fn value(random: &mut Random, column: usize, depth: usize, is_flow: bool, out: &mut String) {
    match random.below(3) {
        0 if depth < 4 => mapping(random, column, depth, is_flow, out),
        1 if depth < 4 => {
            out.push('[');
            out.push_str(SCALARS[random.below(6)]);
            out.push(']');
        }
        // Those that may stand in braces.
        _ => out.push_str(SCALARS[random.below(7)]),
    }
}

/// A path to somewhere in the value: along what is there for a while, then along what is not.
fn place(random: &mut Random, value: &Value) -> Vec<Step> {
    let (mut steps, mut at) = (Vec::new(), value);
    loop {
        match at {
            Value::Object(map) if !random.is(4) => {
                let Some((key, inner)) = map.iter().nth(random.below(map.len().max(1))) else {
                    break;
                };
                steps.push(Step::Key(key.clone()));
                at = inner;
            }
            Value::Array(items) if !items.is_empty() => {
                let index = random.below(items.len());
                let named = items[index].get("name").and_then(Value::as_str);
                steps.push(Step::Item(named.map_or_else(|| index.to_string(), str::to_owned)));
                at = &items[index];
            }
            _ => break,
        }
    }
    for _ in 0..random.below(3) {
        steps.push(Step::Key(["new", "other"][random.below(2)].to_owned()));
    }
    if steps.is_empty() {
        steps.push(Step::Key("new".to_owned()));
    }
    steps
}

/// What is edited says what was meant when it is read again.
fn check_edit(seed: u64, windows: bool) {
    let mut random = Random(seed);
    let mut text = String::new();
    mapping(&mut random, 0, 0, false, &mut text);
    if random.is(3) {
        text.truncate(text.trim_end().len());
    }
    if windows {
        text = text.replace('\n', "\r\n");
    }
    let before = load::document(&text).unwrap();
    let put = match random.below(3) {
        0 => Put::Bool(random.is(2)),
        1 => Put::Text(["RuntimeDefault", "yes", "a: b", "1"][random.below(4)].to_owned()),
        _ => Put::Item("ALL".to_owned()),
    };
    let change = Change { path: place(&mut random, &before), put };
    if let Ok(replacement) = edit(&text, &change) {
        let changed = replacement.applied(&text);
        let mut expected = before.clone();
        apply(&mut expected, &change);
        let after = load::document(&changed);
        assert_eq!(after.as_ref(), Ok(&expected), "{change:?}\n{text}\n----\n{changed}");
    }
}

#[test]
fn an_item_is_found_by_its_place_where_it_has_no_name() {
    check_edit(16_495_013_243_780_430_669, false);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn an_edit_reads_as_the_change(seed in any::<u64>(), windows in any::<bool>()) {
        check_edit(seed, windows);
    }

    /// Whatever the bytes are, there is an answer, and a text without objects stays as it is.
    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,60}|([-:?{}\\[\\],&*!|>'\"%@`#a \n\t\u{e9}]{0,60})") {
        let change = Change { path: path("spec.containers[a].x"), put: Put::Bool(true) };
        let _ = edit(&text, &change);
        let result = fix("m.yaml", &text, &options(&[]));
        prop_assert_eq!(result.text, text);
    }
}

#[test]
fn most_edits_are_made() {
    // The property above would hold if nothing were ever edited.
    let made = (0..500).filter(|seed| {
        let mut random = Random(seed * 7919);
        let mut text = String::new();
        mapping(&mut random, 0, 0, false, &mut text);
        let before = load::document(&text);
        before.is_ok_and(|before| {
            let change = Change { path: place(&mut random, &before), put: Put::Bool(true) };
            edit(&text, &change).is_ok()
        })
    });
    assert!(made.count() > 250);
}

#[test]
fn a_path_is_read_and_written() {
    let text = "spec.template.spec.containers[web].securityContext";
    let change = Change { path: path(text), put: Put::Bool(true) };
    assert_eq!(change.field(), text);
    let mut value = json!({"spec": {"template": {"spec": {"containers": [{"name": "web"}]}}}});
    apply(&mut value, &change);
    assert_eq!(value["spec"]["template"]["spec"]["containers"][0]["securityContext"], json!(true));
}
