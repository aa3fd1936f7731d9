//! The checks of the Pod Security Standards, and the versions between which they change. The whole
//! of the reference's fixtures is run by `tests/conformance/pod-security`.

use cofferdam_kube::{
    load,
    pss::{CHECKS, Level, NEWEST_MINOR, Version, evaluate},
};

/// The names of the checks that a pod with this spec and these annotations breaks.
fn broken(pod: &str, level: Level, minor: u32) -> Vec<&'static str> {
    let text = format!("{{apiVersion: v1, kind: Pod, metadata: {{name: p}}, {pod}}}");
    let snapshot = load::texts([("pod.yaml", text.as_bytes())]);
    let found = snapshot.workloads();
    assert!(
        snapshot.gaps.is_empty() && found.gaps.is_empty(),
        "{:?}{:?}",
        snapshot.gaps,
        found.gaps
    );
    evaluate(&found.workloads[0], level, Version::Minor(minor))
        .iter()
        .map(|violation| violation.check.id)
        .collect()
}

/// A pod that restricted allows, but for what is added to its container and to itself.
fn restricted(container: &str, pod: &str) -> String {
    format!(
        "spec: {{securityContext: {{runAsNonRoot: true, seccompProfile: {{type: RuntimeDefault}}}}, \
         containers: [{{name: c, image: i, securityContext: {{allowPrivilegeEscalation: false, \
         capabilities: {{drop: [ALL]}}{container}}}}}]{pod}}}"
    )
}

#[test]
fn a_restricted_pod_is_allowed_in_every_version() {
    for minor in 0..=NEWEST_MINOR + 2 {
        assert_eq!(broken(&restricted("", ""), Level::Restricted, minor), [""; 0], "v1.{minor}");
    }
}

/// A check, a pod that breaks it, minor versions in which it does not, and in which it does.
type Case = (&'static str, &'static str, &'static [u32], &'static [u32]);

#[test]
fn each_check_in_the_versions_that_have_it() {
    let cases: [Case; 12] = [
        (
            "privileged",
            "spec: {containers: [{name: c, securityContext: {privileged: true}}]}",
            &[],
            &[0, 37],
        ),
        ("hostNamespaces", "spec: {hostIPC: true, containers: [{name: c}]}", &[], &[0, 37]),
        (
            "hostPathVolumes",
            "spec: {containers: [{name: c}], volumes: [{name: v, hostPath: {path: /}}]}",
            &[],
            &[0, 37],
        ),
        (
            "hostPorts",
            "spec: {initContainers: [{name: c, ports: [{containerPort: 1, hostPort: 1}]}], containers: []}",
            &[],
            &[0, 37],
        ),
        (
            "hostProbesAndHostLifecycle",
            "spec: {containers: [{name: c, livenessProbe: {tcpSocket: {host: h, port: 1}}}]}",
            &[0, 33],
            &[34, 37],
        ),
        (
            "appArmorProfile",
            "spec: {containers: [{name: c, securityContext: {appArmorProfile: {type: Unconfined}}}]}",
            &[],
            &[0, 37],
        ),
        (
            "capabilities_baseline",
            "spec: {ephemeralContainers: [{name: e, securityContext: {capabilities: {add: [NET_RAW]}}}], containers: []}",
            &[],
            &[0, 37],
        ),
        (
            "procMount",
            "spec: {hostUsers: false, containers: [{name: c, securityContext: {procMount: Unmasked}}]}",
            &[35],
            &[0, 34],
        ),
        (
            "seLinuxOptions",
            "spec: {securityContext: {seLinuxOptions: {type: container_engine_t}}, containers: [{name: c}]}",
            &[31],
            &[0, 30],
        ),
        (
            "seccompProfile_baseline",
            "spec: {securityContext: {seccompProfile: {type: Unconfined}}, containers: [{name: c}]}",
            &[0, 18],
            &[19, 37],
        ),
        (
            "sysctls",
            "spec: {securityContext: {sysctls: [{name: net.ipv4.tcp_rmem, value: '1'}]}, containers: [{name: c}]}",
            &[32, 37],
            &[0, 31],
        ),
        (
            "windowsHostProcess",
            "spec: {securityContext: {windowsOptions: {hostProcess: true}}, containers: [{name: c}]}",
            &[],
            &[0, 37],
        ),
    ];
    for (check, pod, without, with) in cases {
        for minor in without {
            assert!(!broken(pod, Level::Baseline, *minor).contains(&check), "{check} v1.{minor}");
        }
        for minor in with {
            assert_eq!(broken(pod, Level::Baseline, *minor), [check], "v1.{minor}");
        }
    }
}

#[test]
fn what_restricted_adds() {
    let loose = "spec: {containers: [{name: c}]}";
    let at = |minor| broken(loose, Level::Restricted, minor);
    assert_eq!(at(0), ["runAsNonRoot"]);
    assert_eq!(at(8), ["allowPrivilegeEscalation", "runAsNonRoot"]);
    let all = [
        "allowPrivilegeEscalation",
        "capabilities_restricted",
        "runAsNonRoot",
        "seccompProfile_restricted",
    ];
    assert_eq!(at(37), all);
    let root = restricted(", runAsUser: 0", "");
    assert_eq!(broken(&root, Level::Restricted, 22), [""; 0]);
    assert_eq!(broken(&root, Level::Restricted, 23), ["runAsUser"]);
    let mapped = restricted(
        ", runAsUser: 0, runAsNonRoot: false, procMount: Unmasked",
        ", hostUsers: false",
    );
    assert_eq!(broken(&mapped, Level::Restricted, 34), ["procMount", "runAsNonRoot", "runAsUser"]);
    assert_eq!(broken(&mapped, Level::Restricted, 35), ["procMount_restricted"]);
    let windows = "spec: {os: {name: windows}, securityContext: {runAsNonRoot: true}, containers: [{name: c}]}";
    assert_eq!(broken(windows, Level::Restricted, 24).len(), 3);
    assert_eq!(broken(windows, Level::Restricted, 25), [""; 0]);
}

#[test]
fn a_stricter_check_takes_the_place_of_the_weaker_one() {
    let volume = restricted("", ", volumes: [{name: v, hostPath: {path: /}}]");
    assert_eq!(broken(&volume, Level::Baseline, 37), ["hostPathVolumes"]);
    assert_eq!(broken(&volume, Level::Restricted, 37), ["restrictedVolumes"]);
    // A volume that says nothing becomes an emptyDir; null is nothing.
    let empty = restricted("", ", volumes: [{name: v}, {name: w, nfs: null}]");
    assert_eq!(broken(&empty, Level::Restricted, 37), [""; 0]);
}

#[test]
fn privileged_checks_nothing() {
    assert_eq!(broken("spec: {hostPID: true, containers: []}", Level::Privileged, 37), [""; 0]);
}

#[test]
fn levels_and_versions_by_name() {
    assert_eq!("baseline".parse(), Ok(Level::Baseline));
    for (text, minor) in
        [("latest", NEWEST_MINOR), ("v1.0", 0), ("1.31", 31), ("v1.99", NEWEST_MINOR)]
    {
        assert_eq!(text.parse::<Version>().map(Version::minor), Ok(minor), "{text}");
    }
    for wrong in ["", "v1", "v2.1", "v1.01", "v1.-1", "v1.x", "Latest", "v1.99999999999"] {
        assert!(wrong.parse::<Version>().is_err(), "{wrong}");
    }
}

#[test]
fn every_template_is_looked_at() {
    let spec = "spec: {hostPID: true, containers: [{name: c}]}";
    let template = format!("template: {{{spec}}}");
    for (api, kind, body) in [
        ("v1", "Pod", spec.to_owned()),
        ("v1", "PodTemplate", template.clone()),
        ("v1", "ReplicationController", format!("spec: {{{template}}}")),
        ("apps/v1", "Deployment", format!("spec: {{{template}}}")),
        ("apps/v1", "StatefulSet", format!("spec: {{{template}}}")),
        ("apps/v1", "DaemonSet", format!("spec: {{{template}}}")),
        ("apps/v1", "ReplicaSet", format!("spec: {{{template}}}")),
        ("batch/v1", "Job", format!("spec: {{{template}}}")),
        ("batch/v1", "CronJob", format!("spec: {{jobTemplate: {{spec: {{{template}}}}}}}")),
    ] {
        let text = format!("{{apiVersion: {api}, kind: {kind}, metadata: {{name: x}}, {body}}}");
        let snapshot = load::texts([("m.yaml", text.as_bytes())]);
        let found = snapshot.workloads();
        let violations = evaluate(&found.workloads[0], Level::Baseline, Version::Latest);
        let field = &violations[0].observed[0].field;
        assert_eq!(*field, format!("{}.hostPID", found.workloads[0].path), "{kind}");
    }
}

#[test]
fn checks_are_listed_by_level_and_name() {
    let names: Vec<_> = CHECKS.iter().map(|check| (check.level, check.id)).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted);
}
