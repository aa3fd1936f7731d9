//! Who may do what, as the API server decides it, and what follows.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use cofferdam_finding::Severity;
use cofferdam_kube::{
    Snapshot, load,
    rbac::{
        Access, Request, SubjectId, parse_resource,
        paths::{Options, Path, Paths, Sink, find},
    },
};

fn snapshot(text: &str) -> Snapshot {
    let snapshot = load::texts([("rbac.yaml", text.as_bytes())]);
    assert!(snapshot.gaps.is_empty(), "{:?}", snapshot.gaps);
    snapshot
}

fn role(kind: &str, place: &str, rules: &str) -> String {
    format!(
        "---\n{{apiVersion: rbac.authorization.k8s.io/v1, kind: {kind}, metadata: {{{place}}}, rules: [{rules}]}}\n"
    )
}

fn bind(kind: &str, place: &str, role: &str, subjects: &str) -> String {
    let (role_kind, role) = role.split_once('/').unwrap();
    format!(
        "---\n{{apiVersion: rbac.authorization.k8s.io/v1, kind: {kind}, metadata: {{{place}}}, \
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {role_kind}, name: {role}}}, subjects: [{subjects}]}}\n"
    )
}

fn request(verb: &str, resource: &str, namespace: Option<&str>, name: &str) -> Request {
    Request { verb: verb.into(), target: parse_resource(resource, name, namespace).unwrap() }
}

fn who(text: &str, request: &Request) -> Vec<String> {
    let access = Access::of(&snapshot(text));
    access.who_can(request).iter().map(|grant| grant.subject.to_string()).collect()
}

const ALICE: &str = "{kind: User, name: alice}";
const PODS: &str = "{apiGroups: [''], resources: [pods], verbs: [get]}";

#[test]
fn a_role_binding_holds_in_its_namespace_only() {
    let text = role("ClusterRole", "name: r", PODS)
        + &bind("RoleBinding", "name: b, namespace: shop", "ClusterRole/r", ALICE);
    assert_eq!(who(&text, &request("get", "pods", Some("shop"), "x")), ["user:alice"]);
    assert!(who(&text, &request("get", "pods", Some("bank"), "x")).is_empty());
    assert!(who(&text, &request("get", "pods", None, "")).is_empty());
    let path = "{nonResourceURLs: ['*'], verbs: ['*']}";
    let text = role("ClusterRole", "name: r", path)
        + &bind("RoleBinding", "name: b, namespace: shop", "ClusterRole/r", ALICE);
    assert!(who(&text, &request("get", "/metrics", None, "")).is_empty());
}

#[test]
fn bindings_that_dangle_or_name_nobody_give_nothing() {
    let text = role("Role", "name: r, namespace: shop", PODS)
        + &bind("RoleBinding", "name: gone, namespace: shop", "Role/none", ALICE)
        + &bind("RoleBinding", "name: elsewhere, namespace: bank", "Role/r", ALICE)
        + &bind("ClusterRoleBinding", "name: role", "Role/r", ALICE)
        + &bind("RoleBinding", "name: kind, namespace: shop", "Role/r", "{kind: Robot, name: x}")
        + &bind(
            "ClusterRoleBinding",
            "name: account",
            "ClusterRole/r",
            "{kind: ServiceAccount, name: x}",
        );
    let access = Access::of(&snapshot(&text));
    assert_eq!(access.dangling.len(), 4, "{:?}", access.dangling);
    assert!(access.who_can(&request("get", "pods", Some("shop"), "x")).is_empty());
}

#[test]
fn an_account_without_namespace_is_one_of_the_binding() {
    let text = role("Role", "name: r, namespace: shop", PODS)
        + &bind(
            "RoleBinding",
            "name: b, namespace: shop",
            "Role/r",
            "{kind: ServiceAccount, name: web}, {kind: User, name: 'system:serviceaccount:ops:ci'}",
        );
    let found = who(&text, &request("get", "pods", Some("shop"), "x"));
    assert_eq!(found, ["sa:ops/ci", "sa:shop/web"]);
}

#[test]
fn groups_that_everybody_is_in_count() {
    let text = role("ClusterRole", "name: r", PODS)
        + &bind(
            "ClusterRoleBinding",
            "name: b",
            "ClusterRole/r",
            "{kind: Group, name: 'system:serviceaccounts:shop'}",
        );
    let access = Access::of(&snapshot(&text));
    let pods = request("get", "pods", Some("bank"), "x");
    assert!(access.allows(&SubjectId::account("shop", "any"), &[], &pods));
    assert!(!access.allows(&SubjectId::account("bank", "any"), &[], &pods));
    assert!(!access.allows(&SubjectId::user("alice"), &[], &pods));
    assert!(access.allows(&SubjectId::user("alice"), &["system:masters".into()], &pods));
    assert!(access.allows(
        &SubjectId::user("alice"),
        &["system:serviceaccounts:shop".into()],
        &pods
    ));
}

/// ClusterRoles that select one another by label.
fn circle() -> String {
    let one = |name: &str, selects: &str, rules: &str| {
        format!(
            "---\n{{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {{name: {name}, \
             labels: {{to: {name}}}}}, aggregationRule: {{clusterRoleSelectors: [{{matchLabels: {{to: {selects}}}}}]}}, rules: [{rules}]}}\n"
        )
    };
    one("a", "b", PODS) + &one("b", "c", "") + &one("c", "a", "")
}

#[test]
fn aggregation_is_followed_in_circles_too() {
    for name in ["a", "b", "c"] {
        let text = circle()
            + &bind("ClusterRoleBinding", "name: x", &format!("ClusterRole/{name}"), ALICE);
        let pods = request("get", "pods", None, "");
        assert_eq!(who(&text, &pods), ["user:alice"], "{name}");
        assert!(
            Access::of(&snapshot(&text)).allows(&SubjectId::user("alice"), &[], &pods),
            "{name}"
        );
    }
}

fn paths_of(text: &str) -> Paths {
    paths_with(text, &Options::default())
}

fn paths_with(text: &str, options: &Options) -> Paths {
    let snapshot = snapshot(text);
    let workloads = snapshot.workloads();
    find(&snapshot, Access::of(&snapshot), &workloads, options)
}

fn shown(paths: &[Path]) -> Vec<String> {
    paths.iter().map(|path| format!("{} {}", path.severity, path.title())).collect()
}

/// A namespace that confines, an account with a token in it, an administrator's account in another.
const CLUSTER: &str = "\
---
{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: shop, pod-security.kubernetes.io/enforce: restricted}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: ops, labels: {team: ops, pod-security.kubernetes.io/enforce: restricted}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: default, labels: {pod-security.kubernetes.io/enforce: baseline}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: kube-system}}
---
{apiVersion: v1, kind: Pod, metadata: {name: admin-0, namespace: ops}, spec: {serviceAccountName: admin, containers: [{name: c}]}}
---
{apiVersion: v1, kind: Secret, metadata: {name: admin-token, namespace: ops, annotations: {kubernetes.io/service-account.name: admin}}}
";

fn admin() -> String {
    let everything = "{apiGroups: ['*'], resources: ['*'], verbs: ['*']}";
    role("ClusterRole", "name: cluster-admin", everything)
        + &bind(
            "ClusterRoleBinding",
            "name: admin",
            "ClusterRole/cluster-admin",
            "{kind: ServiceAccount, name: admin, namespace: ops}",
        )
}

const WEB: &str = "{kind: ServiceAccount, name: web, namespace: shop}";

/// The worst sink of sa:shop/web with a rule that holds in `namespace`, or everywhere.
fn reach(rules: &str, namespace: Option<&str>) -> Option<Sink> {
    let bound = match namespace {
        Some(namespace) => bind(
            "RoleBinding",
            &format!("name: web, namespace: {namespace}"),
            "ClusterRole/web",
            WEB,
        ),
        None => bind("ClusterRoleBinding", "name: web", "ClusterRole/web", WEB),
    };
    let text = CLUSTER.to_owned() + &admin() + &role("ClusterRole", "name: web", rules) + &bound;
    let found = paths_of(&text);
    let path = found.paths.iter().find(|path| path.sources[0] == "sa:shop/web")?;
    let cut = path.cut.as_ref().unwrap();
    assert!(cut.proven, "{rules}: {cut:?}");
    Some(path.sink.clone())
}

#[test]
fn every_permission_that_leads_somewhere() {
    let core = |resources: &str, verbs: &str| {
        format!("{{apiGroups: [''], resources: [{resources}], verbs: [{verbs}]}}")
    };
    let of = |group: &str, resources: &str, verbs: &str| {
        format!("{{apiGroups: [{group}], resources: [{resources}], verbs: [{verbs}]}}")
    };
    let rbac = |resources: &str, verbs: &str| of("rbac.authorization.k8s.io", resources, verbs);
    let admission = |resources: &str| of("admissionregistration.k8s.io", resources, "create");
    let certificates = |resources: &str, verbs: &str| of("certificates.k8s.io", resources, verbs);
    let both = |one: String, other: String| format!("{one}, {other}");
    let admin = Some(Sink::ClusterAdmin);
    for (rules, namespace, sink) in [
        (core("pods", "create"), Some("ops"), admin.clone()),
        (core("pods", "create"), Some("shop"), None),
        (core("pods", "create"), Some("kube-system"), Some(Sink::ClusterAdmin)),
        (of("apps", "deployments", "patch"), Some("ops"), admin.clone()),
        (of("batch", "cronjobs", "create"), Some("ops"), admin.clone()),
        (of("batch", "jobs", "patch"), Some("ops"), None),
        (core("pods/exec", "get"), Some("ops"), admin.clone()),
        (core("pods/exec", "create"), Some("ops"), admin.clone()),
        (core("pods/*", "create"), Some("ops"), None),
        (core("'*/exec'", "create"), Some("ops"), admin.clone()),
        (core("pods/attach", "create"), Some("ops"), admin.clone()),
        (core("pods/ephemeralcontainers", "patch"), Some("ops"), admin.clone()),
        (core("pods/portforward", "create"), Some("ops"), None),
        (core("pods", "patch"), Some("ops"), admin.clone()),
        (core("pods", "list"), Some("ops"), None),
        (core("nodes/proxy", "get"), None, admin.clone()),
        (core("nodes/proxy", "get"), Some("ops"), None),
        (core("secrets", "list"), Some("ops"), admin.clone()),
        (core("secrets", "watch"), Some("shop"), None),
        (core("secrets", "list"), None, admin.clone()),
        (core("serviceaccounts/token", "create"), Some("ops"), admin.clone()),
        (core("serviceaccounts", "impersonate"), Some("ops"), admin.clone()),
        (core("users", "impersonate"), None, None),
        (core("'users', 'groups'", "impersonate"), None, admin.clone()),
        (core("groups", "impersonate"), None, None),
        (rbac("clusterroles, clusterrolebindings", "bind, create"), None, admin.clone()),
        (rbac("clusterrolebindings", "create"), None, None),
        (rbac("clusterroles", "escalate, update"), None, admin.clone()),
        (rbac("clusterroles", "update"), None, None),
        (rbac("clusterroles, rolebindings", "bind, create"), Some("ops"), admin.clone()),
        (rbac("roles", "escalate, create"), Some("ops"), admin.clone()),
        (rbac("roles, rolebindings", "create, update"), Some("ops"), None),
        (admission("mutatingwebhookconfigurations"), None, admin.clone()),
        (admission("mutatingwebhookconfigurations"), Some("ops"), None),
        (admission("validatingwebhookconfigurations"), None, Some(Sink::Tamper)),
        (
            admission("mutatingadmissionpolicies, mutatingadmissionpolicybindings"),
            None,
            admin.clone(),
        ),
        (
            of("apiextensions.k8s.io", "customresourcedefinitions", "update"),
            None,
            Some(Sink::Tamper),
        ),
        (of("apiregistration.k8s.io", "apiservices", "create"), None, Some(Sink::Tamper)),
        (core("persistentvolumes, pods", "create"), None, admin),
        (both(core("persistentvolumes", "create"), core("pods", "get")), None, None),
        (core("nodes/status", "patch"), None, Some(Sink::Tamper)),
        (core("namespaces, pods", "patch, create"), Some("shop"), Some(Sink::ClusterAdmin)),
        (core("namespaces", "patch"), Some("shop"), None),
        (core("configmaps", "update"), Some("kube-system"), Some(Sink::Tamper)),
        (core("configmaps", "update"), Some("shop"), None),
        (core("services", "create"), None, Some(Sink::Tamper)),
        (of("discovery.k8s.io", "endpointslices", "create"), None, Some(Sink::Tamper)),
        (
            both(
                certificates(
                    "certificatesigningrequests, certificatesigningrequests/approval",
                    "create, update",
                ),
                certificates("signers", "approve"),
            ),
            None,
            None,
        ),
    ] {
        assert_eq!(reach(&rules, namespace), sink, "{rules} in {namespace:?}");
    }
}

#[test]
fn names_narrow_a_permission() {
    let named = |resource: &str, verb: &str, name: &str| {
        format!(
            "{{apiGroups: ['', rbac.authorization.k8s.io], resources: [{resource}], verbs: [{verb}], resourceNames: [{name}]}}"
        )
    };
    let admin = Some(Sink::ClusterAdmin);
    for (rules, sink) in [
        (named("secrets", "get", "admin-token"), admin.clone()),
        (named("secrets", "get", "other"), None),
        (named("serviceaccounts/token", "create", "admin"), admin.clone()),
        (named("serviceaccounts/token", "create", "other"), None),
        (named("serviceaccounts", "impersonate", "admin"), admin.clone()),
        (named("pods/exec", "create", "admin-0"), admin.clone()),
        (named("pods/exec", "create", "other"), None),
        (named("pods", "create", "any"), None),
    ] {
        assert_eq!(reach(&rules, Some("ops")), sink, "{rules}");
    }
    let bind = named("clusterroles", "bind", "cluster-admin")
        + ", {apiGroups: [rbac.authorization.k8s.io], resources: [clusterrolebindings], verbs: [create]}";
    assert_eq!(reach(&bind, None), admin);
    let masters = named("groups", "impersonate", "'system:masters'")
        + ", {apiGroups: [''], resources: [users], verbs: [impersonate]}";
    assert_eq!(reach(&masters, None), admin);
}

#[test]
fn a_privileged_pod_is_a_way_to_its_node_and_from_there_to_what_runs_on_it() {
    let pod = |spec: &str| {
        format!(
            "{CLUSTER}---\n{{apiVersion: v1, kind: Pod, metadata: {{name: agent, namespace: shop}}, spec: {{{spec}}}}}\n"
        )
    };
    let privileged = pod("containers: [{name: c, securityContext: {privileged: true}}]");
    assert_eq!(
        shown(&paths_of(&privileged).paths),
        ["high Pod shop/agent: 1 step to root on a node"]
    );
    let with_admin = privileged + &admin();
    let found = paths_of(&with_admin);
    let path = found.paths.iter().find(|path| path.sources[0] == "Pod shop/agent").unwrap();
    assert_eq!(path.hops.len(), 4, "{path:?}");
    assert_eq!(
        path.cut.as_ref().unwrap().removals[0].what,
        "spec.containers[c].securityContext.privileged of Pod shop/agent"
    );
    for (spec, escapes) in [
        ("containers: [{name: c, securityContext: {capabilities: {add: [SYS_ADMIN]}}}]", true),
        ("containers: [{name: c, securityContext: {capabilities: {add: [NET_ADMIN]}}}]", false),
        (
            "hostPID: true, containers: [{name: c, securityContext: {capabilities: {add: [SYS_PTRACE]}}}]",
            true,
        ),
        (
            "containers: [{name: c, volumeMounts: [{name: v, mountPath: /x}]}], volumes: [{name: v, hostPath: {path: /}}]",
            true,
        ),
        (
            "containers: [{name: c, volumeMounts: [{name: v, mountPath: /x, readOnly: true}]}], volumes: [{name: v, hostPath: {path: /etc}}]",
            false,
        ),
        (
            "containers: [{name: c, volumeMounts: [{name: v, mountPath: /x, readOnly: true}]}], volumes: [{name: v, hostPath: {path: /run/docker.sock}}]",
            true,
        ),
        (
            "containers: [{name: c, volumeMounts: [{name: v, mountPath: /x}]}], volumes: [{name: v, hostPath: {path: /srv/data}}]",
            false,
        ),
        (
            "hostUsers: false, containers: [{name: c, securityContext: {capabilities: {add: [SYS_ADMIN]}}}]",
            false,
        ),
    ] {
        assert_eq!(!paths_of(&pod(spec)).paths.is_empty(), escapes, "{spec}");
    }
}

#[test]
fn a_pod_without_a_token_is_no_way_to_its_account() {
    let pod = "---\n{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ops}, spec: {serviceAccountName: quiet, automountServiceAccountToken: false, containers: [{name: c}]}}\n";
    let text = CLUSTER.to_owned()
        + pod
        + &admin()
        + &bind(
            "ClusterRoleBinding",
            "name: quiet",
            "ClusterRole/cluster-admin",
            "{kind: ServiceAccount, name: quiet, namespace: ops}",
        )
        + &role(
            "ClusterRole",
            "name: enter",
            "{apiGroups: [''], resources: [pods/exec], verbs: [create], resourceNames: [p]}",
        )
        + &bind("RoleBinding", "name: enter, namespace: ops", "ClusterRole/enter", WEB);
    let found = paths_of(&text);
    assert!(found.paths.iter().all(|path| path.sources[0] != "sa:shop/web"), "{:?}", found.paths);
}

#[test]
fn tenants_are_told_apart_by_a_label() {
    let options = Options { tenant_label: Some("team".into()), ..Options::default() };
    let exec = role(
        "ClusterRole",
        "name: x",
        "{apiGroups: [''], resources: [pods/exec], verbs: [create]}",
    );
    let within = |namespace: &str| {
        CLUSTER.to_owned()
            + &exec
            + &bind(
                "RoleBinding",
                &format!("name: b, namespace: {namespace}"),
                "ClusterRole/x",
                WEB,
            )
    };
    assert!(paths_with(&within("shop"), &options).paths.is_empty());
    let found = paths_with(&within("ops"), &options);
    assert_eq!(shown(&found.paths), ["high sa:shop/web: 1 step to the namespaces of tenant ops"]);
    assert!(paths_of(&within("ops")).paths.is_empty());
}

#[test]
fn everybody_is_worse_than_somebody_and_an_administrator_is_expected() {
    let people =
        admin() + &bind("ClusterRoleBinding", "name: people", "ClusterRole/cluster-admin", ALICE);
    assert_eq!(
        shown(&paths_of(&people).paths),
        ["high sa:ops/admin: 1 step to cluster-admin", "low user:alice: 1 step to cluster-admin"]
    );
    let text = CLUSTER.to_owned()
        + &admin()
        + &bind(
            "ClusterRoleBinding",
            "name: all",
            "ClusterRole/cluster-admin",
            "{kind: Group, name: 'system:authenticated'}",
        );
    let worst = &paths_of(&text).paths[0];
    assert_eq!(worst.severity, Severity::Critical);
    assert_eq!(worst.title(), "group:system:authenticated: 1 step to cluster-admin");
}

#[test]
fn what_the_server_makes_for_itself_is_told_only_on_request() {
    let stock = |name: &str, role: &str, subject: &str| {
        bind(
            "ClusterRoleBinding",
            &format!("name: '{name}', labels: {{kubernetes.io/bootstrapping: rbac-defaults}}"),
            role,
            subject,
        )
    };
    let text = role(
        "ClusterRole",
        "name: cluster-admin",
        "{apiGroups: ['*'], resources: ['*'], verbs: ['*']}",
    ) + &role(
        "ClusterRole",
        "name: aggregator",
        "{apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], verbs: [escalate, update]}",
    ) + &stock(
        "cluster-admin",
        "ClusterRole/cluster-admin",
        "{kind: Group, name: 'system:masters'}",
    ) + &stock(
        "system:controller:aggregator",
        "ClusterRole/aggregator",
        "{kind: ServiceAccount, name: aggregator, namespace: kube-system}",
    );
    assert_eq!(shown(&paths_of(&text).paths), [""; 0]);
    assert_eq!(paths_of(&text).trusted, 2);
    let all = paths_with(&text, &Options { control_plane: true, ..Options::default() });
    assert_eq!(all.paths.len(), 2, "{:?}", shown(&all.paths));
    // A name of the control plane in a binding of somebody else's is no reason to trust it.
    let other = text
        + &bind(
            "ClusterRoleBinding",
            "name: other",
            "ClusterRole/cluster-admin",
            "{kind: ServiceAccount, name: x, namespace: kube-system}",
        );
    assert_eq!(shown(&paths_of(&other).paths), ["high sa:kube-system/x: 1 step to cluster-admin"]);
}

#[test]
fn a_cut_closes_the_path_when_it_is_made() {
    // Two ways, by two bindings: both have to go.
    let exec = role(
        "ClusterRole",
        "name: x",
        "{apiGroups: [''], resources: [pods/exec], verbs: [create]}",
    );
    let token = role(
        "ClusterRole",
        "name: t",
        "{apiGroups: [''], resources: [serviceaccounts/token], verbs: [create]}",
    );
    let base = CLUSTER.to_owned() + &admin() + &exec + &token;
    let first = bind(
        "RoleBinding",
        "name: exec, namespace: ops",
        "ClusterRole/x",
        &format!("{ALICE}, {WEB}"),
    );
    let second = bind("RoleBinding", "name: token, namespace: ops", "ClusterRole/t", WEB);
    let found = paths_of(&(base.clone() + &first + &second));
    let path = found.paths.iter().find(|path| path.sources[0] == "sa:shop/web").unwrap();
    let cut = path.cut.as_ref().unwrap();
    assert!(cut.proven);
    // One removal does: where both ways meet.
    insta::assert_debug_snapshot!(cut.removals, @r#"
    [
        Removal {
            what: "sa:ops/admin from ClusterRoleBinding admin",
            patch: "kubectl delete clusterrolebinding admin",
        },
    ]
    "#);
    let reaches = |text: &str| {
        let paths = paths_of(text).paths;
        paths.iter().any(|path| path.sources.iter().any(|source| source == "sa:shop/web"))
    };
    assert!(reaches(&(base.clone() + &first)));
    assert!(reaches(&(base.clone() + &second)));
    assert!(!reaches(&base));
}

#[test]
fn a_path_has_no_longest_length() {
    // a0 may impersonate a1, a1 a2, …, and the last is an administrator.
    let mut text = String::new();
    for step in 0..200 {
        text += &role(
            "ClusterRole",
            &format!("name: r{step}"),
            &format!(
                "{{apiGroups: [''], resources: [users], verbs: [impersonate], resourceNames: [a{}]}}",
                step + 1
            ),
        );
        text += &bind(
            "ClusterRoleBinding",
            &format!("name: b{step}"),
            &format!("ClusterRole/r{step}"),
            &format!("{{kind: User, name: a{step}}}"),
        );
    }
    text += &admin();
    text += &bind(
        "ClusterRoleBinding",
        "name: last",
        "ClusterRole/cluster-admin",
        "{kind: User, name: a200}",
    );
    let found = paths_of(&text);
    let longest = found.paths.iter().map(|path| path.hops.len()).max();
    assert_eq!(longest, Some(201));
}
