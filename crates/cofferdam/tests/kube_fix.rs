//! Fixes of manifests on the command line, as their users see them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "several tests share it, and not each uses all of it")]
mod place;

use std::{fs, os::unix::fs::PermissionsExt as _};

use place::Place;

const WEB: &str = "\
# The shop's own.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  template:
    spec:
      automountServiceAccountToken: false
      containers:
      - name: web    # the only one
        image: 'registry.example.org/shop/web'
        securityContext:
          privileged: true   # why?
---
a: value of another program
";

#[test]
fn a_folder_is_fixed() {
    let place = Place::new(&[]);
    place.write("shop/web.yaml", WEB);
    place.write("shop/note.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: note}\n");
    let web = place.path().join("shop/web.yaml");
    fs::set_permissions(&web, fs::Permissions::from_mode(0o640)).unwrap();
    let rules =
        ["--rule", "kube-privileged", "--rule", "kube-writable-root", "--rule", "kube-image-tag"];
    let shown = place.transcript(&[&["kube", "fix", "shop"], &rules[..]].concat());
    assert_eq!(fs::read_to_string(&web).unwrap(), WEB);
    let asked = place.transcript(&[
        "kube",
        "fix",
        "-q",
        "--exit-code",
        "shop",
        "--rule",
        "kube-privileged",
    ]);
    let wrong = place.transcript(&["kube", "fix", "shop", "--rule", "kube-priviledged"]);
    insta::assert_snapshot!("fix", [shown, asked, wrong].concat());
    // What is shown is what a patch program takes, and what --apply writes.
    let applied = place.run(&[&["kube", "fix", "shop", "--apply"], &rules[..]].concat());
    assert_eq!(applied.status.code(), Some(0));
    let text = fs::read_to_string(&web).unwrap();
    let expected = WEB
        .replace("privileged: true", "privileged: false")
        .replace("# why?\n", "# why?\n          readOnlyRootFilesystem: true\n");
    assert_eq!(text, expected);
    assert_eq!(fs::metadata(&web).unwrap().permissions().mode() & 0o777, 0o640);
    let again = place.run(&[&["kube", "fix", "shop", "--exit-code"], &rules[..]].concat());
    assert_eq!(again.status.code(), Some(0));
    assert!(again.stdout.is_empty());
    let names: Vec<_> = fs::read_dir(place.path().join("shop")).unwrap().collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn what_is_applied_keeps_the_rules() {
    let place = Place::new(&[]);
    place.write("web.yaml", &WEB.replace("shop/web'", "shop/web:1'"));
    let level = ["--level", "restricted", "web.yaml"];
    assert_eq!(place.status(&[&["kube", "pss", "--fail-on", "low"], &level[..]].concat()), 1);
    assert_eq!(place.status(&[&["kube", "fix", "--apply"], &level[..]].concat()), 0);
    assert_eq!(place.status(&[&["kube", "pss", "--fail-on", "low"], &level[..]].concat()), 0);
}
