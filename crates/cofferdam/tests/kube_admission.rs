//! Admission by a real API server: the webhook lets through and refuses, and the exported policies say
//! what the webhook says. Needs what `kube_live` needs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "a test that cannot run says why")]

#[expect(dead_code, reason = "several tests share it, and not each uses all of it")]
mod apiserver;

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use apiserver::Server;
use cofferdam_server::admission::{Policy, decide};
use serde_json::{Value, json};

/// Time for what has to happen soon, on machines that are busy.
const SOON: Duration = Duration::from_secs(120);

#[test]
fn a_real_server_asks_and_evaluates() {
    let Some(server) = Server::start() else { return };
    the_manifests_are_taken(&server);
    let mut webhook = Webhook::start(&server);
    the_webhook_decides(&server);
    webhook.child.kill().unwrap();
    webhook.child.wait().unwrap();
    without_the_webhook_it_is_as_configured(&server, &webhook);
    server.must(&["delete", "validatingwebhookconfiguration", "cofferdam-admission"], "");
    what_is_exported_says_the_same(&server);
}

/// The service, as a process of its own.
struct Webhook {
    child: Child,
    address: String,
}

impl Drop for Webhook {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const POLICY: &str = "schema_version = 1\n[rules]\nkube-image-tag = \"warn\"\n";

impl Webhook {
    fn start(server: &Server) -> Self {
        let path = |name: &str| server.path().join(name);
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-nodes", "-days", "2", "-subj", "/CN=webhook"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout"])
            .arg(path("tls.key"))
            .arg("-out")
            .arg(path("tls.crt"))
            .stderr(Stdio::null())
            .status();
        assert!(made.unwrap().success());
        fs::write(path("policy.toml"), POLICY).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_cofferdam"))
            .args(["kube", "admission", "serve", "--listen", "127.0.0.1:0"])
            .args(["--certificate", "tls.crt", "--key", "tls.key", "--policy", "policy.toml"])
            .env_clear()
            .current_dir(server.path())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        stderr.read_line(&mut line).unwrap();
        // What it says later has to be read, or it waits for a reader.
        thread::spawn(move || stderr.lines().count());
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        let webhook = Self { child, address };
        webhook.configure(server, false);
        webhook
    }

    /// The configuration that is written for a cluster, with the address of this process.
    fn configure(&self, server: &Server, fail_open: bool) {
        let mut arguments = vec![
            "kube",
            "admission",
            "manifests",
            "--image",
            "cofferdam:1",
            "--ca-bundle",
            "tls.crt",
        ];
        if fail_open {
            arguments.push("--fail-open");
        }
        let written = String::from_utf8(server.cofferdam(&arguments).stdout).unwrap();
        let hook =
            written.split("---\n").find(|one| one.contains("ValidatingWebhookConfig")).unwrap();
        let service = "service: {namespace: cofferdam-system, name: cofferdam-admission, path: /validate, port: 443}";
        assert!(hook.contains(service), "{hook}");
        let hook = hook.replace(service, &format!("url: 'https://{}/validate'", self.address));
        server.must(&["apply", "-f", "-"], &hook);
    }
}

fn the_manifests_are_taken(server: &Server) {
    let arguments = ["kube", "admission", "manifests", "--image", "cofferdam:1", "--ca-bundle"];
    let arguments = [&arguments[..], &["certificates/apiserver.crt"]].concat();
    let written = String::from_utf8(server.cofferdam(&arguments).stdout).unwrap();
    server.must(&["create", "namespace", "cofferdam-system"], "");
    server.must(&["apply", "--dry-run=server", "-f", "-"], &written);
}

fn pod(name: &str, spec: &Value) -> String {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}).to_string()
}

/// Tries until it is so: a server takes a moment to know of a new configuration.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        thread::sleep(Duration::from_millis(300));
    }
}

fn the_webhook_decides(server: &Server) {
    let bad = json!({"containers": [{"name": "c", "image": "a:1", "securityContext": {"privileged": true}}]});
    let create = ["create", "--dry-run=server", "-f", "-"];
    until("the webhook is asked", || !server.kubectl(&create, &pod("bad", &bad)).status.success());
    let refused = server.kubectl(&create, &pod("bad", &bad));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("workloads.cofferdam.dev") && told.contains("kube-privileged"), "{told}");
    let good = json!({"containers": [{"name": "c", "image": "a"}]});
    let taken = server.kubectl(&["apply", "-f", "-"], &pod("good", &good));
    let told = String::from_utf8_lossy(&taken.stderr).into_owned();
    assert!(taken.status.success() && told.contains("Warning: kube-image-tag"), "{told}");
    // A Deployment is refused before its pods are.
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": bad}},
    });
    assert!(!server.kubectl(&["apply", "-f", "-"], &deployment.to_string()).status.success());
    // The server's own namespace is exempt.
    let in_system = [&create[..], &["-n", "kube-system"]].concat();
    assert!(server.kubectl(&in_system, &pod("bad", &bad)).status.success());
}

fn without_the_webhook_it_is_as_configured(server: &Server, webhook: &Webhook) {
    let good = json!({"containers": [{"name": "c", "image": "a:1"}]});
    let create = ["create", "--dry-run=server", "-f", "-"];
    assert!(!server.kubectl(&create, &pod("closed", &good)).status.success());
    webhook.configure(server, true);
    until("it fails open", || server.kubectl(&create, &pod("open", &good)).status.success());
}

/// Changes of a pod that keeps all rules; each breaks some, or none.
fn variants() -> Vec<Value> {
    let base = json!({
        "automountServiceAccountToken": false,
        "securityContext": {"runAsNonRoot": true, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{
            "name": "c", "image": "a:1@sha256:0123456789012345678901234567890123456789012345678901234567890123",
            "readinessProbe": {"tcpSocket": {"port": 8080}},
            "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
            "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]}},
        }],
    });
    let container = "/containers/0";
    let changes = [
        ("", "hostNetwork", json!(true)),
        ("", "hostPID", json!(true)),
        ("", "hostIPC", json!(true)),
        ("", "hostUsers", json!(false)),
        ("", "shareProcessNamespace", json!(true)),
        ("", "automountServiceAccountToken", json!(true)),
        ("", "serviceAccountName", json!("default")),
        ("", "securityContext", json!({})),
        ("", "securityContext", json!({"runAsNonRoot": false})),
        ("", "securityContext", json!({"runAsGroup": 0, "runAsNonRoot": true})),
        ("", "securityContext", json!({"seccompProfile": {"type": "Unconfined"}})),
        ("", "securityContext", json!({"runAsUser": 0})),
        ("", "nodeName", json!("n")),
        ("", "hostAliases", json!([{"ip": "10.0.0.1", "hostnames": ["x"]}])),
        ("", "volumes", json!([{"name": "v", "hostPath": {"path": "/data"}}])),
        ("", "volumes", json!([{"name": "v", "hostPath": {"path": "/run"}}])),
        ("", "volumes", json!([{"name": "v", "hostPath": {"path": "/var/run/docker.sock"}}])),
        ("", "volumes", json!([{"name": "v", "emptyDir": {}}])),
        ("", "volumes", json!([{"name": "v", "nfs": {"server": "s", "path": "/"}}])),
        ("", "initContainers", json!([{"name": "i", "image": "i"}])),
        (container, "image", json!("a")),
        (container, "image", json!("a:latest")),
        (container, "image", json!("host:5000/a")),
        (container, "image", json!("host:5000/a:1")),
        (container, "imagePullPolicy", json!("Never")),
        (container, "resources", json!({})),
        (container, "resources", json!({"limits": {"memory": "1Gi"}})),
        (container, "ports", json!([{"containerPort": 80}])),
        (container, "ports", json!([{"containerPort": 22}])),
        (container, "ports", json!([{"containerPort": 22, "protocol": "UDP"}])),
        (container, "ports", json!([{"containerPort": 8080, "hostPort": 8080}])),
        (container, "securityContext", json!({})),
        (container, "securityContext", json!({"privileged": true})),
        (container, "securityContext", json!({"runAsNonRoot": false, "runAsUser": 0})),
        (
            container,
            "securityContext",
            json!({"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}),
        ),
        (
            container,
            "securityContext",
            json!({"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}),
        ),
        (
            container,
            "securityContext",
            json!({"capabilities": {"drop": ["KILL"], "add": ["CHOWN"]}}),
        ),
        (container, "securityContext", json!({"seccompProfile": {"type": "Unconfined"}})),
        (
            container,
            "securityContext",
            json!({"seccompProfile": {"type": "Localhost", "localhostProfile": "p"}}),
        ),
        (
            container,
            "securityContext",
            json!({"allowPrivilegeEscalation": true, "readOnlyRootFilesystem": false}),
        ),
    ];
    let mut variants = vec![base.clone()];
    for (place, key, value) in changes {
        let mut variant = base.clone();
        variant.pointer_mut(place).unwrap()[key] = value;
        variants.push(variant);
    }
    variants
}

fn objects() -> Vec<Value> {
    let mut objects = Vec::new();
    for (number, spec) in variants().into_iter().enumerate() {
        let name = format!("v{number}");
        let labels = json!({"labels": {"a": "b"}});
        objects.push(match number % 4 {
            1 => json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
                "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": labels, "spec": spec}},
            }),
            2 => {
                let mut spec = spec;
                spec["restartPolicy"] = json!("Never");
                json!({
                    "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name},
                    "spec": {"schedule": "@daily", "jobTemplate": {"spec": {"template": {"metadata": labels, "spec": spec}}}},
                })
            }
            _ => json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}),
        });
    }
    objects
}

fn what_is_exported_says_the_same(server: &Server) {
    // Of warnings the server tells all, of refusals the first.
    let all =
        ["critical", "high", "medium", "low", "info"].map(|one| format!("{one} = \"warn\"\n"));
    let text = format!(
        "schema_version = 1\nlevel = \"restricted\"\nregistries = [\"docker.io/library\", \"host:5000\"]\n[actions]\n{}[exempt]\nusers = [\"system:node:*\"]\n",
        all.concat()
    );
    fs::write(server.path().join("all.toml"), &text).unwrap();
    let policy = Policy::parse(&text).unwrap();
    let exported = server.cofferdam(&["kube", "admission", "export", "--policy", "all.toml"]);
    let exported = String::from_utf8(exported.stdout).unwrap();
    server.must(&["apply", "-f", "-"], &exported);
    let left = cofferdam_server::admission::export(&policy, "cofferdam").left;
    let create = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
    let bad = pod("x", &json!({"containers": [{"name": "c", "image": "a"}]}));
    until("the policies are in force", || {
        String::from_utf8_lossy(&server.kubectl(&create, &bad).stderr).contains("kube-image-tag")
    });
    let mut compared = BTreeSet::new();
    for object in objects() {
        let output = server.kubectl(&create, &object.to_string());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{object}: {told}");
        let theirs: BTreeSet<String> = told.lines().filter_map(rule_of).collect();
        // What the server has put in is looked at, as the webhook would see it.
        let defaulted: Value = serde_json::from_slice(&output.stdout).unwrap();
        let verdict = decide(&defaulted, "default", &policy);
        let ours = verdict.decided.into_iter().map(|one| one.rule);
        let ours: BTreeSet<String> = ours.filter(|rule| !left.contains(rule)).collect();
        assert_eq!(theirs, ours, "{defaulted}\n{told}");
        compared.extend(ours);
    }
    assert!(compared.len() >= 25, "{compared:?}");
    println!("{} objects, {} rules: policies and webhook agree", objects().len(), compared.len());
}

/// `Warning: Validation failed for ValidatingAdmissionPolicy 'x' with binding 'x': kube-y: …`
fn rule_of(line: &str) -> Option<String> {
    let (_, message) = line.split_once("with binding ")?;
    let rule = message.split(": ").nth(1)?;
    rule.starts_with("kube-").then(|| rule.to_owned())
}
