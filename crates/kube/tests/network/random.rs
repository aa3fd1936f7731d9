//! Random clusters, small, but with everything that policies can say.

use cofferdam_kube::network::{
    Action, Cluster, ContainerPort, Labels, Namespace, NamespaceMatch, Node, Operator, Peer, Pod,
    PodPeer, Policy, PolicyId, PolicyKind, PortMatch, PortSet, Protocol, Requirement, Rule,
    Selector, Tier, WorkloadId,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

const BLOCKS: &[&str] = &[
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.0.0.0/30",
    "10.0.0.2/32",
    "203.0.113.0/24",
    "203.0.113.128/25",
    "192.168.0.0/16",
    "169.254.169.254/32",
    "::/0",
    "fd00::/8",
    "fd00::1/128",
    "2001:db8::/32",
];

/// Addresses on both sides of the ends of the blocks.
pub(crate) const ADDRESSES: &[&str] = &[
    "0.0.0.0",
    "9.255.255.255",
    "10.0.0.2",
    "10.255.255.255",
    "11.0.0.0",
    "203.0.113.1",
    "203.0.113.200",
    "203.0.114.0",
    "192.168.1.1",
    "169.254.169.254",
    "255.255.255.255",
    "::",
    "fd00::1",
    "fd00::2",
    "2001:db8::1",
    "ffff::",
];

fn labels() -> impl Strategy<Value = Labels> {
    let value = || option::of(select(vec!["1", "2"]));
    (value(), value()).prop_map(|(a, b)| {
        let pairs = [("a", a), ("b", b)].into_iter();
        pairs.filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))).collect()
    })
}

fn selector() -> impl Strategy<Value = Selector> {
    let values = || vec(select(vec!["1", "2"]).prop_map(str::to_owned), 1..3);
    let operator = prop_oneof![
        4 => values().prop_map(Operator::In),
        1 => values().prop_map(Operator::NotIn),
        1 => Just(Operator::Exists),
        1 => Just(Operator::DoesNotExist),
    ];
    let requirement = (select(vec!["a", "b"]), operator)
        .prop_map(|(key, operator)| Requirement { key: key.to_owned(), operator });
    vec(requirement, 0..3).prop_map(Selector::of)
}

fn port_set() -> impl Strategy<Value = PortSet> {
    let protocol = select(Protocol::ALL.to_vec());
    let range = (select(vec![1_u16, 53, 80, 81, 8080]), select(vec![0_u16, 1, 30, 60000]));
    prop_oneof![
        1 => Just(PortSet::all()),
        1 => protocol.clone().prop_map(PortSet::of_protocol),
        4 => (protocol, range).prop_map(|(protocol, (first, more))| {
            PortSet::of_range(protocol, first, first.saturating_add(more))
        }),
    ]
}

fn port_match() -> impl Strategy<Value = PortMatch> {
    let named = (option::of(select(Protocol::ALL.to_vec())), select(vec!["web", "dns"]));
    prop_oneof![
        2 => port_set().prop_map(PortMatch::Numbers),
        1 => named.prop_map(|(protocol, name)| PortMatch::Named { protocol, name: name.to_owned() }),
    ]
}

fn pod_peer() -> impl Strategy<Value = PodPeer> {
    let namespaces = prop_oneof![
        select(vec!["n0", "n1", "n2", "n9"]).prop_map(|it| NamespaceMatch::Named(it.to_owned())),
        selector().prop_map(NamespaceMatch::Selected),
    ];
    (namespaces, selector()).prop_map(|(namespaces, pods)| PodPeer { namespaces, pods })
}

fn peer() -> impl Strategy<Value = Peer> {
    let block = || select(BLOCKS.to_vec()).prop_map(|text| text.parse().expect("a block"));
    prop_oneof![
        1 => Just(Peer::Everything),
        4 => pod_peer().prop_map(Peer::Pods),
        3 => (block(), vec(block(), 0..3)).prop_map(|(block, except)| Peer::Network { block, except }),
        1 => selector().prop_map(Peer::Nodes),
    ]
}

fn rule(actions: Vec<Action>) -> impl Strategy<Value = Rule> {
    (select(actions), vec(peer(), 1..3), vec(port_match(), 1..3))
        .prop_map(|(action, peers, ports)| Rule { name: String::new(), action, peers, ports })
}

fn policy(number: usize) -> impl Strategy<Value = Policy> {
    let tier = select(vec![Tier::Admin, Tier::Namespace, Tier::Namespace, Tier::Baseline]);
    tier.prop_flat_map(move |tier| {
        let actions = match tier {
            Tier::Namespace => vec![Action::Allow],
            _ => vec![Action::Allow, Action::Deny, Action::Pass],
        };
        let rules = || option::of(vec(rule(actions.clone()), 0..4));
        (0..3_i64, pod_peer(), rules(), rules()).prop_map(
            move |(priority, subject, ingress, egress)| Policy {
                id: PolicyId {
                    kind: PolicyKind::ClusterNetworkPolicy,
                    namespace: None,
                    name: format!("p{number}"),
                },
                tier,
                priority,
                subject,
                ingress,
                egress,
            },
        )
    })
}

fn ports() -> impl Strategy<Value = Vec<ContainerPort>> {
    let port = (
        select(vec!["web", "dns", "x"]),
        select(Protocol::ALL.to_vec()),
        select(vec![53_u16, 80, 81]),
    );
    vec(port, 0..3).prop_map(|ports| {
        let port = |(name, protocol, number): (&str, _, _)| ContainerPort {
            name: Some(name.to_owned()),
            protocol,
            number,
            host_port: None,
        };
        ports.into_iter().map(port).collect()
    })
}

fn pod(number: usize) -> impl Strategy<Value = Pod> {
    let host_network = prop::bool::weighted(0.15);
    (0..3_usize, labels(), ports(), host_network, 0..3_usize).prop_map(
        move |(namespace, labels, ports, host_network, node)| {
            let address = match host_network {
                true => format!("192.168.1.{}", node + 1),
                false => format!("10.0.0.{number}"),
            };
            let v6 = format!("fd00::{number}").parse().expect("an address");
            Pod {
                namespace: format!("n{namespace}"),
                name: format!("pod{number}"),
                workload: WorkloadId::default(),
                labels,
                ports,
                host_network,
                node: Some(format!("node{node}")),
                addresses: vec![address.parse().expect("an address"), v6],
            }
        },
    )
}

/// A cluster of three namespaces, a few pods, two nodes and a few policies.
pub(crate) fn cluster() -> impl Strategy<Value = Cluster> {
    let namespaces = [0, 1, 2]
        .map(|it| labels().prop_map(move |labels| Namespace::new(format!("n{it}"), labels)));
    let nodes = [0, 1].map(|it| {
        labels().prop_map(move |labels| Node {
            name: format!("node{it}"),
            labels,
            addresses: vec![format!("192.168.1.{}", it + 1).parse().expect("an address")],
        })
    });
    let pods: Vec<_> = (0..6).map(pod).collect();
    let policies = (0..7_usize).prop_flat_map(|count| (0..count).map(policy).collect::<Vec<_>>());
    (namespaces, nodes, pods, policies).prop_map(|(namespaces, nodes, pods, policies)| Cluster {
        namespaces: namespaces.into(),
        pods,
        nodes: nodes.into(),
        policies,
        ..Cluster::default()
    })
}
