use std::net::IpAddr;

use cofferdam_kube::{
    load,
    network::{
        AddressRange, Cluster, Connection, Entity, IpBlocks, PortSet, Protocol, Reachability,
        WorkloadId, decide,
        generate::{End as NeedEnd, Need, generate},
    },
};
use proptest::prelude::*;

use super::{
    naive::{Attempt, End, is_allowed},
    random::{ADDRESSES, cluster},
};

/// On both sides of the ends of the ranges in random policies.
const PORTS: &[u16] =
    &[1, 2, 31, 52, 53, 54, 79, 80, 81, 82, 83, 110, 111, 8079, 8080, 8081, 60053, 60054, 65535];

fn ends(cluster: &Cluster) -> Vec<(Entity, End<'_>)> {
    let pods = cluster.pods.iter().enumerate().map(|(it, pod)| (Entity::Pod(it), End::Pod(pod)));
    let nodes = cluster.nodes.iter().enumerate();
    let nodes = nodes.map(|(it, node)| (Entity::Node(it), End::Node(node)));
    let addresses = ADDRESSES.iter().map(|text| {
        let address: IpAddr = text.parse().expect("an address");
        (Entity::Addresses(AddressRange::of(address)), End::Address(address))
    });
    pods.chain(nodes).chain(addresses).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// The analysis by classes, the explanation of one connection and the naive evaluation agree on
    /// every pair of ends, on ports on both sides of every boundary.
    #[test]
    fn classes_agree_with_pair_by_pair(cluster in cluster()) {
        let reachability = Reachability::of(&cluster, IpBlocks::Everything);
        let ends = ends(&cluster);
        for (source, from) in &ends {
            for (destination, to) in &ends {
                let outside = |end: &End<'_>| matches!(end, End::Address(_));
                if outside(from) && outside(to) {
                    continue;
                }
                let ports = reachability.ports(*source, *destination);
                for protocol in Protocol::ALL {
                    for port in PORTS {
                        let attempt = Attempt { from: *from, to: *to, protocol, port: *port };
                        let wanted = is_allowed(&cluster, attempt);
                        prop_assert_eq!(ports.contains(protocol, *port), wanted, "{:?}", attempt);
                        let connection = Connection {
                            source: *source,
                            destination: *destination,
                            protocol,
                            port: *port,
                        };
                        let decision = decide(&cluster, &connection, IpBlocks::Everything);
                        prop_assert_eq!(decision.allowed, wanted, "{:?}", attempt);
                    }
                }
            }
        }
    }

    /// Members of a class reach the same, and are reached from the same.
    #[test]
    fn the_count_of_pairs_is_that_of_the_pairs(cluster in cluster()) {
        let reachability = Reachability::of(&cluster, IpBlocks::Everything);
        let pods = 0..cluster.pods.len();
        let pairs = pods.clone().flat_map(|from| pods.clone().map(move |to| (from, to)));
        let reached = pairs.filter(|(from, to)| {
            from != to && !reachability.ports(Entity::Pod(*from), Entity::Pod(*to)).is_empty()
        });
        prop_assert_eq!(reachability.pod_pairs(), reached.count() as u64);
    }

    /// Generated policies are as their proof says: where it holds, the naive evaluation finds what
    /// was asked on every pair and nothing else; where it does not, it finds a difference.
    #[test]
    fn generated_policies_permit_what_their_proof_says(
        mut cluster in cluster(),
        asked in prop::collection::vec((0..6_usize, 0..6_usize, prop::sample::select(vec![53_u16, 80, 8080])), 0..8),
    ) {
        cluster.policies.clear();
        for pod in &mut cluster.pods {
            let (namespace, name) = (pod.namespace.clone(), pod.name.clone());
            pod.workload = WorkloadId { namespace, name, kind: "Pod".into() };
        }
        let end = |pod: usize| NeedEnd::Workload(cluster.pods[pod].workload.clone());
        let needs: Vec<_> = asked.iter().map(|(from, to, port)| Need {
            from: end(*from),
            to: end(*to),
            ports: PortSet::of_port(Protocol::Tcp, *port),
            why: "asked".into(),
        }).collect();
        let generated = generate(&cluster, &needs, &[], IpBlocks::Everything);
        let written = load::texts([("generated.yaml", generated.manifest.as_bytes())]);
        let read = Cluster::read(&written);
        prop_assert_eq!(&read.gaps, &[]);
        let after = Cluster { policies: read.policies, ..cluster.clone() };
        let mut differs = false;
        for (from, source) in after.pods.iter().enumerate() {
            for (to, destination) in after.pods.iter().enumerate() {
                if source.host_network && destination.host_network {
                    continue;
                }
                for port in PORTS {
                    let attempt = Attempt {
                        from: End::Pod(source), to: End::Pod(destination), protocol: Protocol::Tcp, port: *port,
                    };
                    let wanted = asked.contains(&(from, to, *port));
                    differs |= is_allowed(&after, attempt) != wanted;
                }
            }
        }
        for pod in after.pods.iter().filter(|pod| !pod.host_network) {
            for address in ADDRESSES {
                let address = End::Address(address.parse().expect("an address"));
                for (from, to) in [(End::Pod(pod), address), (address, End::Pod(pod))] {
                    // The addresses of pods and nodes are among them; those were asked for.
                    let known = matches!(address, End::Address(it) if after.pods.iter().any(|pod| pod.addresses.contains(&it)));
                    let attempt = Attempt { from, to, protocol: Protocol::Tcp, port: 80 };
                    prop_assert!(known || !is_allowed(&after, attempt));
                }
            }
        }
        prop_assert_eq!(generated.proof.holds(), !differs, "{}", generated.manifest);
    }
}
