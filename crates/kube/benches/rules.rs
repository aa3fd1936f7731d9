//! How long all rules on workloads and objects take:
//! `cargo bench -p cofferdam-kube --bench rules --profile release-fast`
//!
//! 10,000 Deployments of two containers in 500 namespaces, each with a Service, a quarter of them with
//! an Ingress, a config map and a disruption budget.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use cofferdam_kube::{
    load,
    practice::{self, Settings},
    pss::{self, Level, Version},
    wiring,
};

const WORKLOADS: usize = 10_000;
const NAMESPACES: usize = 500;
const RUNS: usize = 5;

fn dump() -> String {
    let mut text = String::from(r#"{"apiVersion":"v1","kind":"List","items":["#);
    for index in 0..WORKLOADS {
        let namespace = index % NAMESPACES;
        let meta = format!(r#""metadata":{{"name":"w{index}","namespace":"n{namespace}"}}"#);
        let privileged = index.is_multiple_of(50);
        let container = |name: &str| {
            format!(
                r#"{{"name":"{name}","image":"registry.example.org/{name}:{index}","ports":[{{"name":"http","containerPort":8080}}],"env":[{{"name":"LOG_LEVEL","value":"info"}},{{"name":"DB_HOST","value":"db"}}],"resources":{{"requests":{{"cpu":"100m","memory":"64Mi"}}}},"readinessProbe":{{"httpGet":{{"path":"/","port":"http"}}}},"securityContext":{{"privileged":{privileged},"capabilities":{{"drop":["ALL"]}}}}}}"#
            )
        };
        let _ = write!(
            text,
            r#"{{"apiVersion":"apps/v1","kind":"Deployment",{meta},"spec":{{"replicas":2,"selector":{{"matchLabels":{{"app":"w{index}"}}}},"template":{{"metadata":{{"labels":{{"app":"w{index}"}}}},"spec":{{"containers":[{},{}],"volumes":[{{"name":"v","emptyDir":{{}}}}]}}}}}}}},"#,
            container("web"),
            container("sidecar")
        );
        let _ = write!(
            text,
            r#"{{"apiVersion":"v1","kind":"Service",{meta},"spec":{{"selector":{{"app":"w{index}"}},"ports":[{{"port":80,"targetPort":"http"}}]}}}},"#
        );
        if index.is_multiple_of(4) {
            let _ = write!(
                text,
                r#"{{"apiVersion":"networking.k8s.io/v1","kind":"Ingress",{meta},"spec":{{"rules":[{{"host":"w{index}.example.org","http":{{"paths":[{{"backend":{{"service":{{"name":"w{index}"}}}}}}]}}}}]}}}},{{"apiVersion":"v1","kind":"ConfigMap",{meta},"data":{{"LOG_LEVEL":"info"}}}},{{"apiVersion":"policy/v1","kind":"PodDisruptionBudget",{meta},"spec":{{"minAvailable":1,"selector":{{"matchLabels":{{"app":"w{index}"}}}}}}}},"#
            );
        }
    }
    text.push_str(r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"n0"}}]}"#);
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
    let text = dump();
    println!("dump: {} MB", text.len() >> 20);
    let snapshot = measure("load", || load::texts([("cluster.json", text.as_bytes())]));
    println!("{} objects, {} gaps", snapshot.objects.len(), snapshot.gaps.len());
    let found = measure("workloads", || snapshot.workloads());
    let (settings, version) = (Settings::default(), Version::Latest);
    let standard = measure("Pod Security Standards, restricted", || {
        let all = found.workloads.iter();
        let broken = all.flat_map(|one| {
            let broken = pss::evaluate(one, Level::Restricted, version).into_iter();
            broken.map(|broken| broken.finding(one, &snapshot)).collect::<Vec<_>>()
        });
        broken.count()
    });
    let practices = measure("rules on workloads", || {
        let all = found.workloads.iter();
        all.flat_map(|one| practice::evaluate(one, &snapshot, &settings)).count()
    });
    let wirings =
        measure("rules on objects", || wiring::evaluate(&snapshot, &found.workloads).len());
    println!("{standard} + {practices} + {wirings} findings");
}
