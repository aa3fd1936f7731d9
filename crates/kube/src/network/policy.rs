//! Policies as the evaluation needs them: one shape for the four kinds of the API.

mod admin;
mod cluster;
mod namespaced;
mod read;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::read::{PolicyError, is_policy, read};
use super::{
    address::Cidr,
    port::{PortSet, Protocol},
    selector::Selector,
};

/// A policy of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Which one it is.
    pub id: PolicyId,
    /// When its turn is.
    pub tier: Tier,
    /// Order within the tier, least first; means nothing in [`Tier::Namespace`].
    pub priority: i64,
    /// The pods that it applies to.
    pub subject: PodPeer,
    /// Rules for connections to the subject; none if the policy says nothing about them.
    pub ingress: Option<Vec<Rule>>,
    /// Rules for connections from the subject; none if the policy says nothing about them.
    pub egress: Option<Vec<Rule>>,
}

impl Policy {
    /// The rules for a direction.
    pub fn rules(&self, direction: Direction) -> Option<&[Rule]> {
        match direction {
            Direction::Ingress => self.ingress.as_deref(),
            Direction::Egress => self.egress.as_deref(),
        }
    }
}

/// Kind and name of a policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PolicyId {
    /// Kind.
    pub kind: PolicyKind,
    /// Namespace, for a `NetworkPolicy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl fmt::Display for PolicyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind.name(), self.name),
            None => write!(f, "{} {}", self.kind.name(), self.name),
        }
    }
}

/// Kinds of policies.
#[expect(clippy::enum_variant_names, reason = "the kinds of the API, as it names them")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PolicyKind {
    /// `networking.k8s.io/v1`.
    NetworkPolicy,
    /// `policy.networking.k8s.io/v1alpha1`.
    AdminNetworkPolicy,
    /// `policy.networking.k8s.io/v1alpha1`.
    BaselineAdminNetworkPolicy,
    /// `policy.networking.k8s.io/v1alpha2`.
    ClusterNetworkPolicy,
}

impl PolicyKind {
    /// As the API writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NetworkPolicy => "NetworkPolicy",
            Self::AdminNetworkPolicy => "AdminNetworkPolicy",
            Self::BaselineAdminNetworkPolicy => "BaselineAdminNetworkPolicy",
            Self::ClusterNetworkPolicy => "ClusterNetworkPolicy",
        }
    }
}

/// Policies are asked tier by tier, until one decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Of the cluster's administrators; the first rule that matches decides, or passes on.
    Admin,
    /// Of the namespaces; once one selects a pod, what none allows is denied.
    Namespace,
    /// For pods that no policy of a namespace selects; the first rule that matches decides.
    Baseline,
}

/// Seen from the subject of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Connections to it.
    Ingress,
    /// Connections from it.
    Egress,
}

impl Direction {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ingress, Self::Egress];

    /// As the API writes it, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name, if it has one.
    pub name: String,
    /// What becomes of connections that it matches.
    pub action: Action,
    /// The other ends that it matches: any of these.
    pub peers: Vec<Peer>,
    /// The ports that it matches: any of these.
    pub ports: Vec<PortMatch>,
}

/// What a rule does with what it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Lets it through; `Accept` in a `ClusterNetworkPolicy`.
    Allow,
    /// Drops it.
    Deny,
    /// Leaves it to the next tier.
    Pass,
}

/// The other end of a connection, as a rule describes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// Any pod, node or address.
    Everything,
    /// Pods.
    Pods(PodPeer),
    /// Addresses, less some.
    Network {
        /// The addresses.
        block: Cidr,
        /// What is left out of them.
        except: Vec<Cidr>,
    },
    /// Nodes of the cluster.
    Nodes(Selector),
    /// A name of the DNS, perhaps with `*`: which addresses that means is not known here.
    Domain(String),
}

/// Pods by their namespaces and labels. Pods in the node's network are never among them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodPeer {
    /// Namespaces.
    pub namespaces: NamespaceMatch,
    /// Pods in them.
    pub pods: Selector,
}

/// Namespaces by name or by labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamespaceMatch {
    /// The one of this name.
    Named(String),
    /// Those with the right labels.
    Selected(Selector),
}

/// Ports as a rule describes them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortMatch {
    /// By number.
    Numbers(PortSet),
    /// By the name that the receiving pod's container gives one.
    Named {
        /// Of this protocol, or of whichever it is.
        protocol: Option<Protocol>,
        /// The name.
        name: String,
    },
}
