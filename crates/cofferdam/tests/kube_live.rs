//! What is said of a cluster, compared with what a real API server says. Needs kube-apiserver, etcd,
//! kubectl and openssl: `tests/conformance/apiserver` builds the first.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "a test that cannot run says why")]

mod apiserver;

use apiserver::Server;
use cofferdam_kube::{
    load,
    rbac::{Access, Request, SubjectId, Target},
};
use serde_json::{Value, json};

/// Questions about access that are asked of both.
const QUESTIONS: usize = 4000;

/// Numbers that are the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % limit
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn some<'a>(&mut self, of: &[&'a str], most: usize) -> Vec<&'a str> {
        (0..=self.below(most)).map(|_| self.one(of)).collect()
    }
}

#[test]
fn a_real_server_is_read_as_it_is() {
    let Some(server) = Server::start() else { return };
    the_printed_role_is_enough(&server);
    a_stock_cluster_is_in_order(&server);
    who_may_nothing_gets_gaps(&server);
    answers_about_access_are_the_servers(&server);
    what_is_generated_is_taken(&server);
}

fn the_printed_role_is_enough(server: &Server) {
    let role = server.cofferdam(&["kube", "audit", "--print-rbac"]);
    assert_eq!(role.status.code(), Some(0));
    server.must(&["apply", "-f", "-"], &String::from_utf8(role.stdout).unwrap());
    let binding = ["create", "clusterrolebinding", "auditor", "--user", "auditor"];
    server.must(&[&binding[..], &["--clusterrole", "cofferdam-audit"]].concat(), "");
    server
        .must(&["create", "secret", "generic", "hidden", "--from-literal", "k=not-to-be-seen"], "");
    // More than one page of a kind.
    let maps: String = (0..1203)
        .map(|number| {
            format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: map-{number}}}\n")
        })
        .collect();
    server.must(&["create", "-f", "-"], &maps);
    let output =
        server.cofferdam(&["kube", "snapshot", "-v", "--context", "auditor", "-o", "cluster.json"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    let text = std::fs::read_to_string(server.path().join("cluster.json")).unwrap();
    let snapshot = load::texts([("cluster.json", text.as_bytes())]);
    assert_eq!(snapshot.gaps, [], "{told}");
    let version: Value =
        serde_json::from_str(&server.must(&["get", "--raw", "/version"], "")).unwrap();
    assert_eq!(snapshot.server_version.as_deref(), version["gitVersion"].as_str());
    let named = |kind: &str, name: &str| {
        snapshot.objects.iter().any(|object| object.kind == kind && object.name == name)
    };
    assert!(named("ClusterRole", "cluster-admin") && named("Namespace", "kube-system"));
    let maps = snapshot.of("", "ConfigMap").filter(|map| map.name.starts_with("map-")).count();
    assert_eq!(maps, 1203);
    assert!(snapshot.of("", "Secret").next().is_none());
    let output = server.cofferdam(&["kube", "snapshot", "--secret-names", "--context", "admin"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("hidden") && !text.contains("not-to-be-seen") && !text.contains("bm90LXRv")
    );
}

fn a_stock_cluster_is_in_order(server: &Server) {
    let output = server.cofferdam(&[
        "kube",
        "rbac",
        "paths",
        "--context",
        "admin",
        "--fail-on",
        "medium",
        "--strict",
    ]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
}

fn who_may_nothing_gets_gaps(server: &Server) {
    let output = server.cofferdam(&["kube", "audit", "--strict", "--context", "nobody"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("kube-kind-not-listed"), "{told}");
    let output = server.cofferdam(&["kube", "pss", "--context", "other"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("its contexts are admin, auditor, nobody"), "{told}");
    let output = server.cofferdam(&["kube", "pss", "--context", "admin", "--offline"]);
    assert_eq!(output.status.code(), Some(2));
}

const VERBS: [&str; 10] =
    ["get", "list", "watch", "create", "update", "patch", "delete", "impersonate", "bind", "*"];
const GROUPS: [&str; 5] = ["", "apps", "rbac.authorization.k8s.io", "batch", "*"];
const RESOURCES: [&str; 12] = [
    "pods",
    "pods/exec",
    "pods/*",
    "*/exec",
    "*/scale",
    "deployments",
    "deployments/scale",
    "secrets",
    "roles",
    "jobs",
    "*",
    "nodes/proxy",
];
const NAMES: [&str; 4] = ["", "one", "two", "three"];
const PATHS: [&str; 6] = ["/healthz", "/healthz/*", "/metrics", "/api/*", "*", "/logs/a"];
const NAMESPACES: [&str; 3] = ["blue", "green", "grey"];
const SUBJECTS: [&str; 6] = ["alice", "bob", "team-a", "team-b", "robot", "worker"];

fn subject(name: &str, namespace: &str) -> Value {
    match name {
        "alice" | "bob" => {
            json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": name})
        }
        "team-a" | "team-b" => {
            json!({"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": name})
        }
        account => json!({"kind": "ServiceAccount", "namespace": namespace, "name": account}),
    }
}

/// Roles and bindings of all forms, some to roles that are not there, some aggregated.
fn objects(random: &mut Random) -> Vec<Value> {
    let mut objects: Vec<Value> = NAMESPACES
        .iter()
        .map(|name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
        .collect();
    let api = "rbac.authorization.k8s.io/v1";
    for number in 0..120 {
        let is_cluster = random.below(2) == 0;
        let rules: Vec<Value> = (0..=random.below(3))
            .map(|_| {
                if is_cluster && random.below(5) == 0 {
                    return json!({"verbs": random.some(&VERBS, 2), "nonResourceURLs": random.some(&PATHS, 2)});
                }
                let mut rule = json!({
                    "verbs": random.some(&VERBS, 3),
                    "apiGroups": random.some(&GROUPS, 2),
                    "resources": random.some(&RESOURCES, 3),
                });
                if random.below(3) == 0 {
                    rule["resourceNames"] = json!(random.some(&NAMES[1..], 2));
                }
                rule
            })
            .collect();
        let namespace = random.one(&NAMESPACES);
        let mut role = json!({"apiVersion": api, "metadata": {"name": format!("role-{number}")}, "rules": rules});
        if is_cluster {
            role["kind"] = "ClusterRole".into();
        } else {
            role["kind"] = "Role".into();
            role["metadata"]["namespace"] = namespace.into();
        }
        objects.push(role);
        let kind = if is_cluster { "ClusterRole" } else { "Role" };
        let is_cluster_binding = is_cluster && random.below(3) == 0;
        // One in ten is of a role that is not there.
        let number = if random.below(10) == 0 { number + 1000 } else { number };
        let who = random.some(&SUBJECTS, 2);
        let subjects: Vec<Value> =
            who.iter().map(|who| subject(who, random.one(&NAMESPACES))).collect();
        let mut binding = json!({
            "apiVersion": api,
            "metadata": {"name": format!("binding-{}", objects.len())},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": format!("role-{number}")},
            "subjects": subjects,
        });
        if is_cluster_binding {
            binding["kind"] = "ClusterRoleBinding".into();
        } else {
            binding["kind"] = "RoleBinding".into();
            binding["metadata"]["namespace"] = namespace.into();
        }
        objects.push(binding);
    }
    objects
}

fn answers_about_access_are_the_servers(server: &Server) {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects(&mut random)});
    server.must(&["create", "-f", "-"], &list.to_string());
    let output = server.cofferdam(&["kube", "snapshot", "--context", "admin"]);
    let snapshot = load::texts([("cluster.json", output.stdout.as_slice())]);
    let access = Access::of(&snapshot);
    assert_eq!(access.gaps, []);
    let mut proxy = server.proxy();
    let mut allowed = 0;
    for number in 0..QUESTIONS {
        let (who, groups) = asker(&mut random);
        let verb = random.one(&VERBS[..9]);
        let (target, attributes) = target(&mut random, verb);
        let (user, subject) = who;
        let mut spec = json!({"user": user, "groups": server_groups(&user, &groups)});
        let (key, value) = attributes;
        spec[key] = value;
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec});
        let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
        let (status, body) = proxy.post(path, &review.to_string());
        assert_eq!(status, 201, "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        let expected = answer["status"]["allowed"].as_bool().unwrap();
        let request = Request { verb: verb.to_owned(), target };
        let ours = access.allows(&subject, &groups, &request);
        assert_eq!(ours, expected, "question {number}: {review}: {answer}");
        allowed += usize::from(expected);
    }
    // Both answers have to be common, or the questions are worth nothing.
    assert!(allowed > QUESTIONS / 20 && allowed < QUESTIONS * 19 / 20, "{allowed}");
    println!("{QUESTIONS} questions, {allowed} of them allowed: all answers agree");
}

/// Who asks: the name for the server, ours, and the groups besides those that everybody is in.
fn asker(random: &mut Random) -> ((String, SubjectId), Vec<String>) {
    let name = random.one(&SUBJECTS);
    let groups: Vec<String> = match random.below(3) {
        0 => vec![random.one(&["team-a", "team-b"]).to_owned()],
        _ => Vec::new(),
    };
    match name {
        "robot" | "worker" => {
            let namespace = random.one(&NAMESPACES);
            let user = format!("system:serviceaccount:{namespace}:{name}");
            ((user, SubjectId::account(namespace, name)), groups)
        }
        user => ((user.to_owned(), SubjectId::user(user)), groups),
    }
}

/// The server is told all groups; ours adds those that it gives everybody.
fn server_groups(user: &str, groups: &[String]) -> Vec<String> {
    let mut all = groups.to_vec();
    all.push("system:authenticated".to_owned());
    if let Some(rest) = user.strip_prefix("system:serviceaccount:") {
        let namespace = rest.split(':').next().unwrap();
        all.push("system:serviceaccounts".to_owned());
        all.push(format!("system:serviceaccounts:{namespace}"));
    }
    all
}

fn target(random: &mut Random, verb: &str) -> (Target, (&'static str, Value)) {
    if random.below(6) == 0 {
        let path =
            random.one(&["/healthz", "/healthz/etcd", "/metrics", "/api/v1", "/logs/a", "/x"]);
        let attributes = json!({"verb": verb, "path": path});
        return (Target::Path(path.to_owned()), ("nonResourceAttributes", attributes));
    }
    let resource = random.one(&["pods", "deployments", "secrets", "roles", "jobs", "nodes"]);
    let subresource = random.one(&["", "", "exec", "scale", "proxy", "status"]);
    let group = random.one(&GROUPS[..4]);
    let name = random.one(&NAMES);
    let namespace = if random.below(4) == 0 { None } else { Some(random.one(&NAMESPACES)) };
    let attributes = json!({
        "verb": verb, "group": group, "resource": resource, "subresource": subresource,
        "name": name, "namespace": namespace.unwrap_or_default(),
    });
    let target = Target::Resource {
        group: group.to_owned(),
        resource: resource.to_owned(),
        subresource: subresource.to_owned(),
        name: name.to_owned(),
        namespace: namespace.map(str::to_owned),
    };
    (target, ("resourceAttributes", attributes))
}

fn what_is_generated_is_taken(server: &Server) {
    let tenant = server.cofferdam(&["kube", "tenants", "generate", "violet"]);
    let tenant = String::from_utf8(tenant.stdout).unwrap();
    server.must(&["create", "namespace", "violet"], "");
    server.must(&["apply", "--dry-run=server", "-f", "-"], &tenant);
    let shop = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: violet}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: web:1, env: [{name: DB, value: 'db.violet.svc:5432'}], ports: [{containerPort: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: violet}
spec:
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers: [{name: db, image: db:1, ports: [{containerPort: 5432, name: sql}]}]
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: violet}
spec: {selector: {app: db}, ports: [{port: 5432, targetPort: sql}]}
";
    server.must(&["apply", "-f", "-"], shop);
    let policies = server.cofferdam(&["kube", "netpol", "generate", "--context", "admin"]);
    let told = String::from_utf8_lossy(&policies.stderr).into_owned();
    let policies = String::from_utf8(policies.stdout).unwrap();
    assert!(policies.contains("kind: NetworkPolicy"), "{told}");
    server.must(&["apply", "--dry-run=server", "-f", "-"], &policies);
}
