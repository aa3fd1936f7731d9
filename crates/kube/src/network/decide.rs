//! Why one connection is let through or not: the policies that are asked, in order.

use std::net::IpAddr;

use serde::Serialize;

use super::{
    cluster::{Cluster, Pod},
    entities::Entity,
    members::covers_private,
    policy::{
        Action, Direction, NamespaceMatch, Peer, PodPeer, Policy, PolicyId, PortMatch, Rule, Tier,
    },
    port::Protocol,
    reach::{IpBlocks, in_order},
};

/// A connection, as the receiving pod sees it.
#[derive(Debug, Clone, Copy)]
pub struct Connection {
    /// Where it comes from; of a range of addresses, the first.
    pub source: Entity,
    /// Where it goes to; of a range of addresses, the first.
    pub destination: Entity,
    /// Protocol.
    pub protocol: Protocol,
    /// Port of the destination.
    pub port: u16,
}

/// Whether a connection is let through, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Whether it is.
    pub allowed: bool,
    /// What the source's policies say.
    pub egress: Verdict,
    /// What the destination's policies say.
    pub ingress: Verdict,
}

/// What the policies of one end say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether they let it through.
    pub allowed: bool,
    /// What decides.
    pub reason: Reason,
    /// The policies that select the end, in the order in which they are asked, up to the one that
    /// decides.
    pub asked: Vec<Asked>,
}

/// What decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// A rule matches: that of the policy that was asked last.
    Rule,
    /// Policies of the namespace select the pod, and none of their rules matches.
    Isolated,
    /// No policy selects the pod, or those that do leave it open.
    Default,
    /// The end is no pod that policies can select: a node, a pod in a node's network, an address.
    NotSubject,
}

/// A policy that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// Which one.
    pub policy: PolicyId,
    /// Its tier.
    pub tier: Tier,
    /// The rule that matches, from 0; none if none does.
    pub rule: Option<usize>,
    /// Name of the rule, if it has one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rule_name: String,
    /// What the rule does.
    pub action: Option<Action>,
}

/// Asks the policies of `cluster` about one connection.
pub fn decide(cluster: &Cluster, connection: &Connection, blocks: IpBlocks) -> Decision {
    let ask = |direction| Question { cluster, connection, blocks, direction }.verdict();
    let (egress, ingress) = (ask(Direction::Egress), ask(Direction::Ingress));
    Decision { allowed: egress.allowed && ingress.allowed, egress, ingress }
}

struct Question<'a> {
    cluster: &'a Cluster,
    connection: &'a Connection,
    blocks: IpBlocks,
    direction: Direction,
}

impl Question<'_> {
    fn verdict(&self) -> Verdict {
        let (subject, _) = self.ends();
        let pod = match subject {
            Entity::Pod(index) => &self.cluster.pods[index],
            _ => return verdict(true, Reason::NotSubject, Vec::new()),
        };
        if pod.host_network {
            return verdict(true, Reason::NotSubject, Vec::new());
        }
        let policies = in_order(self.cluster).into_iter();
        let policies: Vec<_> = policies
            .filter(|it| it.rules(self.direction).is_some() && self.selects(&it.subject, pod))
            .collect();
        let mut asked = Vec::new();
        if let Some(allowed) = self.ask_tier(Tier::Admin, &policies, &mut asked) {
            return verdict(allowed, Reason::Rule, asked);
        }
        if policies.iter().any(|policy| policy.tier == Tier::Namespace) {
            let allowed = self.ask_tier(Tier::Namespace, &policies, &mut asked) == Some(true);
            let reason = if allowed { Reason::Rule } else { Reason::Isolated };
            return verdict(allowed, reason, asked);
        }
        match self.ask_tier(Tier::Baseline, &policies, &mut asked) {
            Some(allowed) => verdict(allowed, Reason::Rule, asked),
            None => verdict(true, Reason::Default, asked),
        }
    }

    /// The end that policies are asked about, and the other.
    fn ends(&self) -> (Entity, Entity) {
        match self.direction {
            Direction::Egress => (self.connection.source, self.connection.destination),
            Direction::Ingress => (self.connection.destination, self.connection.source),
        }
    }

    /// The first rule that matches decides, unless it passes the question on.
    fn ask_tier(&self, tier: Tier, policies: &[&Policy], asked: &mut Vec<Asked>) -> Option<bool> {
        for policy in policies.iter().filter(|policy| policy.tier == tier) {
            let rules = policy.rules(self.direction).unwrap_or_default();
            let rule = rules.iter().position(|rule| self.matches(rule));
            let action = rule.map(|index| rules[index].action);
            asked.push(Asked {
                policy: policy.id.clone(),
                tier,
                rule,
                rule_name: rule.map(|index| rules[index].name.clone()).unwrap_or_default(),
                action,
            });
            match action {
                Some(Action::Allow) => return Some(true),
                Some(Action::Deny) => return Some(false),
                Some(Action::Pass) => return None,
                None => {}
            }
        }
        None
    }

    fn matches(&self, rule: &Rule) -> bool {
        let (_, other) = self.ends();
        rule.ports.iter().any(|port| self.is_port(port))
            && rule.peers.iter().any(|peer| self.means(peer, other))
    }

    fn is_port(&self, port: &PortMatch) -> bool {
        let &Connection { protocol, port: number, destination, .. } = self.connection;
        match (port, destination) {
            (PortMatch::Numbers(set), _) => set.contains(protocol, number),
            (PortMatch::Named { protocol: of, name }, Entity::Pod(index)) => {
                let pod = &self.cluster.pods[index];
                !pod.host_network && pod.named(*of, name).contains(protocol, number)
            }
            (PortMatch::Named { .. }, _) => false,
        }
    }

    fn means(&self, peer: &Peer, entity: Entity) -> bool {
        match (peer, entity) {
            (Peer::Everything, _) => true,
            (Peer::Domain(_), _) => false,
            (Peer::Pods(peer), Entity::Pod(index)) => {
                let pod = &self.cluster.pods[index];
                !pod.host_network && self.selects(peer, pod)
            }
            (Peer::Pods(peer), Entity::IngressController) => {
                let everywhere = |selected: &NamespaceMatch| matches!(selected, NamespaceMatch::Selected(it) if it.is_empty());
                everywhere(&peer.namespaces) && peer.pods.is_empty()
            }
            (Peer::Pods(_), _) => false,
            (Peer::Nodes(selector), Entity::Node(index)) => {
                selector.selects(&self.cluster.nodes[index].labels)
            }
            (Peer::Nodes(selector), Entity::Pod(index)) => {
                let pod = &self.cluster.pods[index];
                let on = self.cluster.nodes.iter().filter(|it| pod.node.as_ref() == Some(&it.name));
                let selected = on.into_iter().any(|node| selector.selects(&node.labels));
                pod.host_network && (selector.is_empty() || selected)
            }
            (Peer::Nodes(_), _) => false,
            (Peer::Network { block, except }, entity) => {
                let inside = |address: &IpAddr| {
                    block.range().contains(*address)
                        && !except.iter().any(|it| it.range().contains(*address))
                };
                let addresses = match entity {
                    Entity::Addresses(range) => return inside(&range.first_address()),
                    _ if self.blocks == IpBlocks::External => return false,
                    Entity::Pod(index) => &self.cluster.pods[index].addresses[..],
                    Entity::Node(index) => &self.cluster.nodes[index].addresses[..],
                    Entity::IngressController => &[],
                };
                addresses.iter().any(inside)
                    || (addresses.is_empty() && covers_private(block, except))
            }
        }
    }

    fn selects(&self, peer: &PodPeer, pod: &Pod) -> bool {
        let in_namespace = match &peer.namespaces {
            NamespaceMatch::Named(name) => *name == pod.namespace,
            NamespaceMatch::Selected(selector) => {
                let namespaces = &self.cluster.namespaces;
                let at = namespaces.binary_search_by(|it| it.name.cmp(&pod.namespace));
                at.is_ok_and(|at| selector.selects(&namespaces[at].labels))
            }
        };
        in_namespace && peer.pods.selects(&pod.labels)
    }
}

const fn verdict(allowed: bool, reason: Reason, asked: Vec<Asked>) -> Verdict {
    Verdict { allowed, reason, asked }
}
