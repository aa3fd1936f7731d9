//! Each rule of the API that is easily got wrong, as a manifest and what follows.

use cofferdam_kube::{
    load,
    network::{Cluster, Entity, IpBlocks, Reachability},
};

const PODS: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: blue}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: c, ports: [{name: sql, containerPort: 5432}, {name: http, containerPort: 9000}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: other, namespace: elsewhere, labels: {app: web}}
spec: {containers: [{name: c}]}
---
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: shop, labels: {app: web}}
spec: {hostNetwork: true, containers: [{name: c}]}
";

fn cluster(policies: &str) -> Cluster {
    let text = format!("{PODS}\n---\n{policies}");
    Cluster::read(&load::texts([("test.yaml", text.as_bytes())]))
}

/// Ports on which one pod reaches another; `internet` is 8.8.8.8, `v6` 2001:db8::1, `metadata` the
/// address of the metadata service.
fn ports(cluster: &Cluster, from: &str, to: &str) -> String {
    let reachability = Reachability::of(cluster, IpBlocks::Everything);
    let entity = |name: &str| match name {
        "internet" => reachability.at("8.8.8.8".parse().expect("an address")),
        "v6" => reachability.at("2001:db8::1".parse().expect("an address")),
        "metadata" => reachability.at("169.254.169.254".parse().expect("an address")),
        "controller" => Entity::IngressController,
        name => Entity::Pod(cluster.pods.iter().position(|pod| pod.name == name).expect(name)),
    };
    reachability.ports(entity(from), entity(to)).to_string()
}

fn check(policy: &str, wanted: &[(&str, &str, &str)]) {
    let cluster = cluster(policy);
    assert!(cluster.gaps.is_empty(), "{:?}", cluster.gaps);
    for (from, to, ports_wanted) in wanted {
        assert_eq!(ports(&cluster, from, to), *ports_wanted, "{from} to {to} under {policy}");
    }
}

fn namespaced(spec: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p, namespace: shop}}\nspec: {spec}"
    )
}

#[test]
fn without_policies_everything_is_open() {
    check(
        "",
        &[
            ("web", "db", "all"),
            ("internet", "db", "all"),
            ("db", "v6", "all"),
            ("controller", "db", "all"),
        ],
    );
}

#[test]
fn without_policy_types_egress_counts_only_if_there_is_a_rule_for_it() {
    check(
        &namespaced("{podSelector: {}, egress: []}"),
        &[("web", "db", "none"), ("web", "other", "all"), ("web", "internet", "all")],
    );
    check(
        &namespaced("{podSelector: {}, egress: [{to: [{podSelector: {}}]}]}"),
        &[("web", "db", "none"), ("web", "other", "none"), ("web", "internet", "none")],
    );
    check(
        &namespaced("{podSelector: {}, policyTypes: [Egress]}"),
        &[("web", "db", "none"), ("other", "db", "all")],
    );
}

#[test]
fn an_empty_rule_allows_all_and_no_rule_nothing() {
    check(
        &namespaced("{podSelector: {}, ingress: [{}]}"),
        &[("other", "db", "all"), ("internet", "db", "all")],
    );
    check(
        &namespaced("{podSelector: {}, ingress: []}"),
        &[("other", "db", "none"), ("internet", "db", "none")],
    );
    check(&namespaced("{podSelector: {}, ingress: null}"), &[("other", "db", "none")]);
}

#[test]
fn a_pod_selector_alone_means_the_policys_namespace() {
    check(
        &namespaced(
            "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}",
        ),
        &[("web", "db", "all"), ("other", "db", "none"), ("controller", "db", "none")],
    );
    check(
        &namespaced(
            "{podSelector: {}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}]}]}",
        ),
        &[("web", "db", "all"), ("other", "db", "all"), ("controller", "db", "none")],
    );
    check(
        &namespaced(
            "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: elsewhere}}}]}]}",
        ),
        &[("web", "db", "none"), ("other", "db", "all")],
    );
    check(
        &namespaced("{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}"),
        &[("controller", "db", "all"), ("internet", "db", "none"), ("agent", "db", "none")],
    );
}

#[test]
fn names_of_ports_are_the_receivers() {
    check(
        &namespaced("{podSelector: {}, ingress: [{ports: [{port: http}]}]}"),
        &[("other", "web", "TCP 8080"), ("other", "db", "TCP 9000")],
    );
    check(
        &namespaced("{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: http}]}]}"),
        &[
            ("web", "db", "TCP 9000"),
            ("db", "web", "TCP 8080"),
            ("web", "other", "none"),
            ("web", "internet", "none"),
        ],
    );
    check(
        &namespaced("{podSelector: {}, ingress: [{ports: [{port: http, protocol: UDP}]}]}"),
        &[("other", "web", "none")],
    );
}

#[test]
fn ports_have_ends_and_protocols() {
    check(
        &namespaced(
            "{podSelector: {}, ingress: [{ports: [{port: 53, protocol: UDP}, {port: 53}, {port: 8000, endPort: 8100}, {protocol: SCTP}]}]}",
        ),
        &[("other", "db", "SCTP 1-65535, TCP 53,8000-8100, UDP 53")],
    );
}

#[test]
fn blocks_have_holes_and_a_family() {
    let policy = namespaced(
        "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.169.254/32]}}]}]}",
    );
    // A pod of which no address is known has a private one, which the block covers.
    check(
        &policy,
        &[
            ("web", "internet", "all"),
            ("web", "metadata", "none"),
            ("web", "v6", "none"),
            ("web", "other", "all"),
        ],
    );
    check(
        &namespaced(
            "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]}]}",
        ),
        &[("web", "internet", "all"), ("web", "other", "none")],
    );
    check(
        &namespaced(
            "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: '2001:db8::/32'}}]}]}",
        ),
        &[("web", "internet", "none"), ("web", "v6", "all")],
    );
}

#[test]
fn pods_in_the_nodes_network_are_no_subjects() {
    check(
        &namespaced("{podSelector: {}, policyTypes: [Ingress, Egress]}"),
        &[
            ("agent", "other", "all"),
            ("other", "agent", "all"),
            ("agent", "db", "none"),
            ("web", "agent", "none"),
        ],
    );
}

fn admin(spec: &str) -> String {
    format!(
        "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {{name: a}}\nspec: {spec}"
    )
}

fn cluster_policy(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {{name: {name}}}\nspec: {spec}"
    )
}

#[test]
fn administrators_decide_first_and_may_pass() {
    let deny = admin(
        "{priority: 1, subject: {namespaces: {matchLabels: {team: blue}}}, ingress: [{action: Deny, from: [{namespaces: {}}], ports: [{portNumber: {protocol: TCP, port: 80}}]}]}",
    );
    let open = namespaced("{podSelector: {}, ingress: [{}]}");
    check(
        &format!("{deny}\n---\n{open}"),
        &[
            ("other", "db", "SCTP 1-65535, TCP 1-79,81-65535, UDP 1-65535"),
            ("internet", "db", "all"),
        ],
    );
    let allow = admin(
        "{priority: 1, subject: {namespaces: {}}, ingress: [{action: Allow, from: [{namespaces: {}}], ports: [{portRange: {protocol: TCP, start: 80, end: 90}}]}]}",
    );
    let closed = namespaced("{podSelector: {}, ingress: []}");
    check(
        &format!("{allow}\n---\n{closed}"),
        &[("other", "db", "TCP 80-90"), ("internet", "db", "none")],
    );
    let pass = admin(
        "{priority: 1, subject: {namespaces: {}}, ingress: [{action: Pass, from: [{namespaces: {matchLabels: {team: blue}}}]}, {action: Deny, from: [{namespaces: {}}]}]}",
    );
    check(&format!("{pass}\n---\n{open}"), &[("web", "db", "all"), ("other", "db", "none")]);
}

#[test]
fn the_baseline_is_for_pods_that_no_namespace_policy_selects() {
    let baseline = "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\nmetadata: {name: default}\nspec: {subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}";
    let open = namespaced("{podSelector: {matchLabels: {app: db}}, ingress: [{}]}");
    check(
        &format!("{baseline}\n---\n{open}"),
        &[("other", "db", "all"), ("other", "web", "none"), ("internet", "web", "all")],
    );
}

#[test]
fn cluster_policies_have_tiers_and_priorities() {
    let later = cluster_policy(
        "a",
        "{tier: Admin, priority: 20, subject: {namespaces: {}}, egress: [{action: Deny, to: [{networks: ['0.0.0.0/0']}]}]}",
    );
    let sooner = cluster_policy(
        "b",
        "{tier: Admin, priority: 10, subject: {namespaces: {}}, egress: [{action: Accept, to: [{namespaces: {}}], protocols: [{udp: {destinationPort: {number: 53}}}, {destinationNamedPort: sql}]}]}",
    );
    check(
        &format!("{later}\n---\n{sooner}"),
        // Networks mean pods, too.
        &[("web", "db", "TCP 5432, UDP 53"), ("web", "internet", "none"), ("web", "v6", "all")],
    );
    let baseline = cluster_policy(
        "c",
        "{tier: Baseline, priority: 1, subject: {namespaces: {}}, ingress: [{action: Pass, from: [{namespaces: {matchLabels: {team: blue}}}]}, {action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {}}]}]}",
    );
    check(&baseline, &[("web", "db", "all"), ("other", "db", "SCTP 1-65535, UDP 1-65535")]);
}

#[test]
fn what_the_api_server_refuses_has_no_effect_and_is_a_gap() {
    for (spec, says) in [
        ("{podSelector: {matchExpressions: [{key: a, operator: In}]}}", "no values"),
        ("{podSelector: {}, ingress: [{from: [{}]}]}", "spec.ingress[0].from[0]"),
        ("{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/40}}]}]}", "10.0.0.0/40"),
        (
            "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/8]}}]}]}",
            "not a part",
        ),
        (
            "{podSelector: {}, ingress: [{ports: [{port: 10, endPort: 9}]}]}",
            "ends before it begins",
        ),
        ("{podSelector: {}, ingress: [{ports: [{port: http, endPort: 9}]}]}", "number"),
        ("{podSelector: {}, ingress: [{ports: [{port: 0}]}]}", "0 is not a port"),
        ("{podSelector: {}, ingress: [{ports: [{port: 80, protocol: tcp}]}]}", "'tcp'"),
        ("{podSelector: {}, policyTypes: [ingress]}", "'ingress'"),
        ("{podSelector: 5}", "spec.podSelector"),
    ] {
        let cluster = cluster(&namespaced(spec));
        let gaps: Vec<_> = cluster.gaps.iter().map(|gap| gap.why.as_str()).collect();
        assert!(gaps.len() == 1 && gaps[0].contains(says), "{spec}: {gaps:?}");
        assert_eq!(ports(&cluster, "other", "db"), "all", "{spec}");
    }
}

#[test]
fn a_controllers_pods_stand_for_it_and_its_template_where_there_are_none() {
    let text = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec: {template: {metadata: {labels: {app: api}}, spec: {containers: [{name: c}]}}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: api-1, namespace: shop, ownerReferences: [{kind: Deployment, name: api, controller: true}]}
spec: {template: {metadata: {labels: {app: api}}, spec: {containers: [{name: c}]}}}
";
    let template = cluster(text);
    let names = |cluster: &Cluster| {
        let ours = cluster.pods.iter().filter(|pod| pod.workload.name == "api");
        ours.map(|pod| format!("{} of {}", pod.name, pod.workload)).collect::<Vec<_>>()
    };
    assert_eq!(names(&template), ["api of shop/api[Deployment]"]);
    let running = cluster(&format!(
        "{text}---
apiVersion: v1
kind: Pod
metadata: {{name: api-1-x, namespace: shop, labels: {{app: api}}, ownerReferences: [{{kind: ReplicaSet, name: api-1, controller: true}}]}}
spec: {{containers: [{{name: c}}]}}
status: {{phase: Running, podIP: 10.0.0.9}}
---
apiVersion: v1
kind: Pod
metadata: {{name: api-1-y, namespace: shop, ownerReferences: [{{kind: ReplicaSet, name: api-1, controller: true}}]}}
spec: {{containers: [{{name: c}}]}}
status: {{phase: Failed}}
"
    ));
    assert_eq!(names(&running), ["api-1-x of shop/api[Deployment]"]);
    assert_eq!(running.pods.iter().filter(|pod| !pod.addresses.is_empty()).count(), 1);
}
