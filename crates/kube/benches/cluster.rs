//! How long the analyses take on a synthetic cluster:
//! `cargo bench -p cofferdam-kube --profile release-fast`
//!
//! The cluster has 1,000 namespaces, 50,000 service accounts, 20,000 roles and 100,000 bindings; one
//! account in a hundred may create workloads, and a few reach administrators over several steps.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use cofferdam_kube::{
    load,
    rbac::{
        Access, Request, parse_resource,
        paths::{Options, find},
    },
};

const NAMESPACES: usize = 1_000;
const ACCOUNTS: usize = 50_000;
const ROLES: usize = 20_000;
const BINDINGS: usize = 100_000;
const RUNS: usize = 5;

/// Rules as applications have them; the last three lead somewhere.
const RULES: [&str; 8] = [
    r#"{"apiGroups":[""],"resources":["configmaps","services"],"verbs":["get","list","watch"]}"#,
    r#"{"apiGroups":["apps"],"resources":["deployments"],"verbs":["get","list"]}"#,
    r#"{"apiGroups":["batch"],"resources":["jobs","cronjobs"],"verbs":["get","delete"]}"#,
    r#"{"apiGroups":["example.org"],"resources":["widgets","widgets/status"],"verbs":["*"]}"#,
    r#"{"apiGroups":[""],"resources":["secrets"],"resourceNames":["own"],"verbs":["get"]}"#,
    r#"{"apiGroups":["apps"],"resources":["deployments"],"verbs":["create","patch"]}"#,
    r#"{"apiGroups":[""],"resources":["pods/exec"],"verbs":["create"]}"#,
    r#"{"apiGroups":[""],"resources":["serviceaccounts/token"],"verbs":["create"]}"#,
];

fn cluster() -> String {
    let mut text = String::from(r#"{"apiVersion":"v1","kind":"List","items":["#);
    for index in 0..NAMESPACES {
        let _ = write!(
            text,
            r#"{{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"n{index}"}}}},"#
        );
    }
    for index in 0..ACCOUNTS {
        let namespace = index % NAMESPACES;
        let _ = write!(
            text,
            r#"{{"apiVersion":"v1","kind":"ServiceAccount","metadata":{{"name":"a{index}","namespace":"n{namespace}"}}}},"#
        );
    }
    let api = r#""apiVersion":"rbac.authorization.k8s.io/v1""#;
    for index in 0..ROLES {
        // One role in a hundred leads somewhere.
        let last = if index.is_multiple_of(100) { 5 + (index / 100) % 3 } else { index % 5 };
        let rules = [RULES[index % 5], RULES[(index / 5) % 5], RULES[last]].join(",");
        let namespace = index % NAMESPACES;
        let place = match index % 2 {
            0 => format!(
                r#""kind":"Role","metadata":{{"name":"r{index}","namespace":"n{namespace}"}}"#
            ),
            _ => format!(r#""kind":"ClusterRole","metadata":{{"name":"r{index}"}}"#),
        };
        let _ = write!(text, r#"{{{api},{place},"rules":[{rules}]}},"#);
    }
    for index in 0..BINDINGS {
        let role = index % ROLES;
        // A Role is bound in its own namespace.
        let namespace = if role.is_multiple_of(2) { role % NAMESPACES } else { index % NAMESPACES };
        let kind = if role.is_multiple_of(2) { "Role" } else { "ClusterRole" };
        let account = (index * 7 + namespace) % ACCOUNTS;
        let home = account % NAMESPACES;
        let _ = write!(
            text,
            r#"{{{api},"kind":"RoleBinding","metadata":{{"name":"b{index}","namespace":"n{namespace}"}},"roleRef":{{"apiGroup":"rbac.authorization.k8s.io","kind":"{kind}","name":"r{role}"}},"subjects":[{{"kind":"ServiceAccount","name":"a{account}","namespace":"n{home}"}}]}},"#
        );
    }
    for index in 0..20 {
        let account = index * 997;
        let home = account % NAMESPACES;
        let _ = write!(
            text,
            r#"{{{api},"kind":"ClusterRoleBinding","metadata":{{"name":"admin{index}"}},"roleRef":{{"kind":"ClusterRole","name":"all"}},"subjects":[{{"kind":"ServiceAccount","name":"a{account}","namespace":"n{home}"}}]}},"#
        );
    }
    let _ = write!(
        text,
        r#"{{{api},"kind":"ClusterRole","metadata":{{"name":"all"}},"rules":[{{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}}]}}]}}"#
    );
    text
}

/// The median of several runs.
fn measure<T>(what: &str, mut run: impl FnMut() -> T) -> T {
    let mut times: Vec<Duration> = Vec::new();
    let mut result = None;
    for _ in 0..RUNS {
        let begin = Instant::now();
        result = Some(run());
        times.push(begin.elapsed());
    }
    times.sort_unstable();
    println!("{what:<44} {:>8.1} ms", times[RUNS / 2].as_secs_f64() * 1e3);
    result.expect("there is at least one run")
}

fn main() {
    let text = cluster();
    println!("dump: {} MB", text.len() >> 20);
    let snapshot = measure("load", || load::texts([("cluster.json", text.as_bytes())]));
    println!("{} objects, {} gaps", snapshot.objects.len(), snapshot.gaps.len());
    let access = measure("roles, bindings, subjects", || Access::of(&snapshot));
    let target = parse_resource("deployments", "", Some("n5")).expect("it is a resource");
    let request = Request { verb: "create".into(), target };
    let grants = measure("who-can create deployments", || access.who_can(&request).len());
    println!("{grants} subjects");
    let workloads = snapshot.workloads();
    let mut ready: Vec<Access> = (0..RUNS).map(|_| Access::of(&snapshot)).collect();
    let found = measure("all attack paths, with cuts", || {
        let access = ready.pop().expect("one for each run");
        find(&snapshot, access, &workloads, &Options::default())
    });
    println!("{} paths; {} nodes, {} edges", found.paths.len(), found.nodes, found.edges);
}
