//! Asks every policy about one pair of ends and one port: slow, and as the API's documents say it.
//! Shares the model of policies with the analysis, and nothing of how it works.

use std::net::IpAddr;

use cofferdam_kube::network::{
    Action, Cluster, Direction, Labels, NamespaceMatch, Operator, Peer, Pod, PodPeer, Policy,
    PortMatch, Protocol, Rule, Selector, Tier,
};

/// One end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End<'a> {
    Pod(&'a Pod),
    Node(&'a cofferdam_kube::network::Node),
    Address(IpAddr),
}

/// One connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub(crate) from: End<'a>,
    pub(crate) to: End<'a>,
    pub(crate) protocol: Protocol,
    pub(crate) port: u16,
}

pub(crate) fn is_allowed(cluster: &Cluster, attempt: Attempt<'_>) -> bool {
    leaves(cluster, attempt) && arrives(cluster, attempt)
}

fn leaves(cluster: &Cluster, attempt: Attempt<'_>) -> bool {
    side(cluster, attempt, Direction::Egress, attempt.from, attempt.to)
}

fn arrives(cluster: &Cluster, attempt: Attempt<'_>) -> bool {
    side(cluster, attempt, Direction::Ingress, attempt.to, attempt.from)
}

fn side(
    cluster: &Cluster,
    attempt: Attempt<'_>,
    direction: Direction,
    subject: End<'_>,
    peer: End<'_>,
) -> bool {
    let End::Pod(pod) = subject else { return true };
    if pod.host_network {
        return true;
    }
    let mut chosen: Vec<&Policy> = Vec::new();
    for policy in &cluster.policies {
        if policy.rules(direction).is_some() && pod_matches(cluster, &policy.subject, pod) {
            chosen.push(policy);
        }
    }
    let hit = |rule: &&Rule| {
        rule.ports.iter().any(|port| port_matches(port, attempt))
            && rule.peers.iter().any(|it| peer_matches(cluster, it, peer))
    };
    let first = |tier: Tier| {
        let mut of_tier: Vec<_> = chosen.iter().filter(|policy| policy.tier == tier).collect();
        of_tier.sort_by(|a, b| a.priority.cmp(&b.priority).then(a.id.cmp(&b.id)));
        of_tier
            .into_iter()
            .flat_map(|policy| policy.rules(direction).expect("chosen for it"))
            .find(hit)
            .map(|rule| rule.action)
    };
    match first(Tier::Admin) {
        Some(Action::Allow) => return true,
        Some(Action::Deny) => return false,
        Some(Action::Pass) | None => {}
    }
    let namespaced: Vec<_> = chosen.iter().filter(|it| it.tier == Tier::Namespace).collect();
    if !namespaced.is_empty() {
        return namespaced
            .into_iter()
            .flat_map(|policy| policy.rules(direction).expect("chosen for it"))
            .any(|rule| hit(&rule));
    }
    first(Tier::Baseline) != Some(Action::Deny)
}

fn port_matches(port: &PortMatch, attempt: Attempt<'_>) -> bool {
    match port {
        PortMatch::Numbers(set) => set.contains(attempt.protocol, attempt.port),
        PortMatch::Named { protocol, name } => {
            let End::Pod(pod) = attempt.to else { return false };
            !pod.host_network
                && pod.ports.iter().any(|it| {
                    it.name.as_ref() == Some(name)
                        && it.number == attempt.port
                        && it.protocol == attempt.protocol
                        && protocol.is_none_or(|of| of == attempt.protocol)
                })
        }
    }
}

fn peer_matches(cluster: &Cluster, peer: &Peer, end: End<'_>) -> bool {
    match peer {
        Peer::Everything => true,
        Peer::Domain(_) => false,
        Peer::Pods(peer) => match end {
            End::Pod(pod) => !pod.host_network && pod_matches(cluster, peer, pod),
            _ => false,
        },
        Peer::Nodes(selector) => match end {
            End::Node(node) => selects(selector, &node.labels),
            End::Pod(pod) if pod.host_network => {
                let node = cluster.nodes.iter().find(|node| Some(&node.name) == pod.node.as_ref());
                selector.is_empty() || node.is_some_and(|node| selects(selector, &node.labels))
            }
            _ => false,
        },
        Peer::Network { block, except } => {
            let addresses = match end {
                End::Pod(pod) => pod.addresses.clone(),
                End::Node(node) => node.addresses.clone(),
                End::Address(address) => vec![address],
            };
            // Random clusters know all addresses.
            assert!(!addresses.is_empty());
            addresses.iter().any(|address| {
                block.range().contains(*address)
                    && except.iter().all(|it| !it.range().contains(*address))
            })
        }
    }
}

fn pod_matches(cluster: &Cluster, peer: &PodPeer, pod: &Pod) -> bool {
    let namespace = cluster.namespaces.iter().find(|it| it.name == pod.namespace);
    let namespace = namespace.expect("it has the pod");
    let in_namespace = match &peer.namespaces {
        NamespaceMatch::Named(name) => *name == namespace.name,
        NamespaceMatch::Selected(selector) => selects(selector, &namespace.labels),
    };
    in_namespace && selects(&peer.pods, &pod.labels)
}

fn selects(selector: &Selector, labels: &Labels) -> bool {
    for requirement in selector.requirements() {
        let value = labels.get(&requirement.key);
        let holds = match &requirement.operator {
            Operator::In(values) => value.map(|value| values.contains(value)) == Some(true),
            Operator::NotIn(values) => value.map(|value| values.contains(value)) != Some(true),
            Operator::Exists => labels.contains_key(&requirement.key),
            Operator::DoesNotExist => !labels.contains_key(&requirement.key),
        };
        if !holds {
            return false;
        }
    }
    true
}
