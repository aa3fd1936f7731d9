use std::net::IpAddr;

use cofferdam_kube::network::{
    AddressRange, Cluster, Connection, Entity, IpBlocks, Protocol, Reachability, decide,
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
}
