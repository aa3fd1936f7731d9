//! Measures the analysis of networks: writes a synthetic cluster as a dump, and analyses one.
//!
//! ```text
//! network write PODS POLICIES > dump.json
//! network read dump.json
//! ```

use std::{
    error::Error,
    io::{BufWriter, Write, stdout},
    path::Path,
    time::Instant,
};

use cofferdam_kube::{
    load,
    network::{Cluster, IpBlocks, Listing, Reachability, Scope},
};
use serde_json::{Value, json};

/// Pods of a namespace, and of a workload: a platform of many teams with twenty services each.
const PODS_OF_NAMESPACE: usize = 100;
const PODS_OF_WORKLOAD: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["write", pods, policies] => write(pods.parse()?, policies.parse()?),
        ["read", path] => read(Path::new(path)),
        _ => Err("usage: network write PODS POLICIES | network read DUMP".into()),
    }
}

fn read(path: &Path) -> Result<(), Box<dyn Error>> {
    let mut out = stdout().lock();
    let start = Instant::now();
    let mut last = start;
    let mut lap = |what: &str| {
        let now = Instant::now();
        let text = format!("{what:<14} {:>8.1} ms", (now - last).as_secs_f64() * 1e3);
        last = now;
        text
    };
    let snapshot = load::path(path)?;
    writeln!(out, "{}", lap("load"))?;
    let cluster = Cluster::read(&snapshot);
    drop(snapshot);
    writeln!(out, "{}", lap("read"))?;
    let reachability = Reachability::of(&cluster, IpBlocks::Everything);
    writeln!(out, "{}", lap("reach"))?;
    let listing = Listing::of(&cluster, &reachability, &Scope::default());
    writeln!(out, "{}", lap("list"))?;
    writeln!(out, "{:<14} {:>8.1} ms", "total", start.elapsed().as_secs_f64() * 1e3)?;
    writeln!(
        out,
        "{} pods, {} policies, {} classes, {} pairs of pods, {} groups, {} links",
        cluster.pods.len(),
        cluster.policies.len(),
        reachability.class_count(),
        reachability.pod_pairs(),
        listing.groups.len(),
        listing.links.len()
    )?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    writeln!(out, "{peak}")?;
    Ok(())
}

fn write(pods: usize, policies: usize) -> Result<(), Box<dyn Error>> {
    let mut out = BufWriter::new(stdout().lock());
    let namespaces = pods.div_ceil(PODS_OF_NAMESPACE);
    write!(out, "{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[")?;
    let names = (0..namespaces).map(namespace);
    let all = names.chain((0..pods).map(pod)).chain((0..policies).map(|it| policy(it, namespaces)));
    for (index, object) in all.enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(out, "{comma}\n{object}")?;
    }
    writeln!(out, "]}}")?;
    Ok(out.flush()?)
}

fn namespace(number: usize) -> Value {
    let labels =
        json!({"kubernetes.io/metadata.name": name(number), "team": format!("t{}", number % 10)});
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name(number), "labels": labels}})
}

fn name(namespace: usize) -> String {
    format!("ns-{namespace:03}")
}

/// With about as much around what matters as a real pod has.
fn pod(number: usize) -> Value {
    let namespace = number / PODS_OF_NAMESPACE;
    let app = number % PODS_OF_NAMESPACE / PODS_OF_WORKLOAD;
    let env: Vec<_> = (0..12)
        .map(|it| json!({"name": format!("SETTING_{it}"), "value": format!("value-{it}-of-app-{app}")}))
        .collect();
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": format!("app-{app}-{number}"), "namespace": name(namespace),
            "uid": format!("00000000-0000-0000-0000-{number:012}"),
            "labels": {"app": format!("app-{app}"), "tier": format!("tier-{}", app % 3), "pod-template-hash": format!("h{app}")},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("app-{app}-h"), "controller": true, "uid": "u"}],
        },
        "spec": {
            "nodeName": format!("node-{}", number % 200), "serviceAccountName": format!("app-{app}"),
            "containers": [{
                "name": "main", "image": format!("registry.example/app-{app}:1.2.3"), "env": env,
                "ports": [{"name": "http", "containerPort": 8000 + app}, {"name": "metrics", "containerPort": 9090}],
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
                "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true}],
            }],
            "volumes": [{"name": "token", "projected": {"sources": [{"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}]}}],
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
        },
        "status": {
            "phase": "Running", "podIP": format!("10.{}.{}.{}", number / 62500, number / 250 % 250, number % 250 + 1),
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "True"}],
            "containerStatuses": [{"name": "main", "ready": true, "restartCount": 0, "imageID": format!("sha256:{number:064x}")}],
        },
    })
}

/// In every namespace a default deny and DNS, then what the workloads need, each at both ends: each
/// other by number and by name of the port, neighbours in other namespaces, addresses outside.
fn policy(number: usize, namespaces: usize) -> Value {
    let (namespace, turn) = (number % namespaces, number / namespaces);
    let app = |it: usize| json!({"matchLabels": {"app": format!("app-{}", it % 20)}});
    let of_team = |team: usize| json!({"matchLabels": {"team": format!("t{}", team % 10)}});
    let (need, kind) = (turn / 2, turn / 2 % 4);
    let server = need + 3;
    let ports = match kind {
        1 => json!([{"port": "http"}]),
        _ => json!([{"port": 8000 + server % 20}, {"port": 9090}]),
    };
    let outside = json!({"ipBlock": {"cidr": format!("203.0.{}.0/24", need % 250), "except": [format!("203.0.{}.{}/32", need % 250, namespace)]}});
    let spec = match (turn, turn % 2, kind) {
        (0, ..) => json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}),
        (1, ..) => json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{
            "to": [{"namespaceSelector": {}}], "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53}]}]}),
        (_, 0, 2) => json!({"podSelector": app(need), "policyTypes": ["Egress"], "egress": [{
            "to": [{"namespaceSelector": of_team(namespace + 1), "podSelector": app(server)}], "ports": ports}]}),
        (_, 1, 2) => json!({"podSelector": app(server), "ingress": [{
            "from": [{"namespaceSelector": of_team(namespace + 9), "podSelector": app(need)}], "ports": ports}]}),
        (_, 0, 3) => json!({"podSelector": app(need), "policyTypes": ["Egress"], "egress": [{
            "to": [outside], "ports": [{"port": 443}, {"port": 8000, "endPort": 8100}]}]}),
        (_, 1, 3) => {
            json!({"podSelector": app(need), "ingress": [{"from": [outside], "ports": ports}]})
        }
        (_, 0, _) => json!({"podSelector": app(need), "policyTypes": ["Egress"], "egress": [{
            "to": [{"podSelector": app(server)}], "ports": ports}]}),
        _ => json!({"podSelector": app(server), "ingress": [{
            "from": [{"podSelector": app(need)}], "ports": ports}]}),
    };
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": format!("policy-{turn}"), "namespace": name(namespace)}, "spec": spec})
}
