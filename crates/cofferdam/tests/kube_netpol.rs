//! Network policies on the command line, as users see it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "several tests share it, and not each uses all of it")]
mod place;

use place::Place;

/// What a run prints, without the day on which it was made.
fn shown(place: &Place, arguments: &[&str]) -> String {
    let text = place.transcript(arguments);
    let lines = text.lines().filter(|line| !line.starts_with("Made "));
    lines.map(|line| format!("{}\n", line.trim_end())).collect()
}

const WORKLOADS: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: shop}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        env: [{name: DB_HOST, value: db}, {name: PAYMENTS_URL, value: 'http://gateway.payments/pay'}]
        ports: [{name: http, containerPort: 8080}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, ports: [{name: sql, containerPort: 5432}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: gateway, namespace: payments}
spec:
  template:
    metadata: {labels: {app: gateway}}
    spec: {containers: [{name: gateway, ports: [{containerPort: 9000}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {selector: {app: db}, ports: [{port: 5432, targetPort: sql}]}
---
apiVersion: v1
kind: Service
metadata: {name: gateway, namespace: payments}
spec: {selector: {app: gateway}, ports: [{port: 80, targetPort: 9000}]}
";

const POLICIES: &str = "\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: sql}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: typing-error, namespace: shop}
spec: {podSelector: {matchLabels: {app: wbe}}}
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: no-metadata}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {}}
  egress:
  - {name: metadata, action: Deny, to: [{networks: [169.254.169.254/32]}]}
";

fn shop() -> Place {
    let place = Place::new(&[]);
    place.write("shop/workloads.yaml", WORKLOADS);
    place.write("shop/policies.yaml", POLICIES);
    place
}

#[test]
fn connections_are_listed_in_every_format() {
    let place = shop();
    let list = ["kube", "netpol", "list", "shop", "--format"];
    for format in ["table", "txt", "csv", "json", "md", "dot", "svg"] {
        let text = shown(&place, &[&list[..], &[format]].concat());
        insta::assert_snapshot!(format!("list_{format}"), text);
    }
}

#[test]
fn a_picture_is_well_formed_whatever_names_are_in_it() {
    let place = Place::new(&[]);
    place.write(
        "shop/hostile.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: '<script>\"&', namespace: \"a\\x1b[2J\"}\n\
         spec: {containers: [{name: c}]}\n",
    );
    for format in ["svg", "txt", "csv", "md", "dot", "table", "json"] {
        let text = place.transcript(&["kube", "netpol", "list", "shop", "--format", format]);
        assert!(!text.contains('\x1b'), "{format}: {text}");
        if format == "svg" {
            let picture = text.lines().filter(|line| line.starts_with('<'));
            let picture = picture.collect::<Vec<_>>().join("\n");
            assert!(!picture.contains("<script>"), "{picture}");
            assert!(picture.ends_with("</svg>"), "{picture}");
        }
    }
}

#[test]
fn a_connection_is_explained() {
    let place = shop();
    let eval = ["kube", "netpol", "eval", "shop"];
    let text: String = [
        &["shop/web", "shop/db", "5432"][..],
        &["payments/gateway", "shop/svc/db", "5432"],
        &["shop/web", "169.254.169.254", "80"],
        &["shop/db", "shop/wbe", "53/UDP"],
        &["shop/db", "shop/web", "99999"],
        &["shop/web", "shop/svc/db", "1"],
        &["--format", "json", "shop/web", "8.8.8.8", "443"],
    ]
    .iter()
    .map(|ends| shown(&place, &[&eval[..], ends].concat()))
    .collect();
    insta::assert_snapshot!("eval", text);
}

#[test]
fn exposures_and_findings() {
    let place = shop();
    let text = [
        shown(&place, &["kube", "netpol", "exposure", "shop"]),
        shown(&place, &["kube", "netpol", "audit", "shop", "--fail-on", "medium"]),
        shown(&place, &["kube", "netpol", "list", "shop", "--namespace", "shpo"]),
        shown(&place, &["kube", "netpol", "list", "shop/policies.yaml"]),
    ];
    insta::assert_snapshot!("audit", text.concat());
}

#[test]
fn generated_policies_are_proven_and_change_what_they_should() {
    let place = shop();
    place.write(
        "flows.jsonl",
        "{\"source\":\"shop/web\",\"destination\":\"shop/db\",\"port\":5432}\n\
         {\"flow\":{\"verdict\":\"FORWARDED\",\"IP\":{\"source\":\"10.0.0.1\",\"destination\":\"1.2.3.4\"},\
         \"l4\":{\"TCP\":{\"destination_port\":443}},\"source\":{\"namespace\":\"shop\",\"pod_name\":\"web\"}}}\n\
         {\"flow\":{\"verdict\":\"DROPPED\"}}\n\
         {\"source\":\"shop/gone\",\"destination\":\"shop/db\",\"port\":1}\n",
    );
    let declared = shown(&place, &["kube", "netpol", "generate", "shop"]);
    let observed = shown(
        &place,
        &["kube", "netpol", "generate", "shop", "-n", "shop", "--flows", "flows.jsonl"],
    );
    place.transcript(&["kube", "netpol", "generate", "shop", "-o", "after.yaml", "-q"]);
    std::fs::create_dir(place.path().join("after")).unwrap();
    place.write("after/workloads.yaml", WORKLOADS);
    std::fs::rename(place.path().join("after.yaml"), place.path().join("after/policies.yaml"))
        .unwrap();
    let diff = shown(&place, &["kube", "netpol", "diff", "shop", "after", "--exit-code"]);
    let same = shown(&place, &["kube", "netpol", "diff", "after", "after", "--exit-code"]);
    insta::assert_snapshot!("generate", [declared, observed, diff, same].concat());
}

#[test]
fn what_is_listed_can_be_asked_for() {
    let place = shop();
    place.transcript(&["kube", "netpol", "list", "shop", "--format", "csv", "-o", "now.csv"]);
    let text = shown(
        &place,
        &["kube", "netpol", "generate", "shop", "--flows", "now.csv", "-o", "p.yaml"],
    );
    insta::assert_snapshot!("round", text);
}
