//! Tenants on the command line, as users see them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "several tests share it, and not each uses all of it")]
mod place;

use place::Place;

#[test]
fn tenants_are_written_and_looked_at() {
    let place = Place::new(&[]);
    place.write(
        "dump.yaml",
        "\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: blue}}
---
apiVersion: v1
kind: Namespace
metadata: {name: crm, labels: {team: green}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: web, image: web}]}
---
apiVersion: v1
kind: Pod
metadata: {name: crm, namespace: crm}
spec: {hostNetwork: true, containers: [{name: crm, image: crm, securityContext: {privileged: true}}]}
",
    );
    let shown = |arguments: &[&str]| -> String {
        let text = place.transcript(arguments);
        let lines = text.lines().filter(|line| !line.starts_with("Made "));
        lines.map(|line| format!("{}\n", line.trim_end())).collect()
    };
    let text = [
        shown(&["kube", "tenants", "check", "dump.yaml", "--label", "team", "--fail-on", "high"]),
        shown(&["kube", "tenants", "check", "dump.yaml", "--label", "taem"]),
        shown(&["kube", "tenants", "check", "dump.yaml", "--tenant", "blue"]),
        shown(&["kube", "tenants", "generate", "blue", "--namespace", "Blue"]),
        shown(&["kube", "tenants", "generate", "blue", "--group", "blue-developers"]),
    ];
    insta::assert_snapshot!("tenants", text.concat());
}
