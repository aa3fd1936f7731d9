//! Who can reach whom: network policies of all kinds, exactly.
//!
//! Start at [`Cluster`], which is made from a [`Snapshot`](crate::Snapshot), and at
//! [`Reachability`], which holds every connection that its policies let through.

mod address;
mod bits;
mod classes;
mod cluster;
mod decide;
mod diff;
mod entities;
mod exposure;
mod findings;
pub mod generate;
mod listing;
mod members;
mod policy;
mod port;
mod profile;
mod reach;
pub mod render;
pub mod rules;
mod selector;

pub(crate) use self::rules::RULES;
pub use self::{
    address::{AddressRange, Cidr, Family},
    cluster::{
        Backend, BackendPort, Cluster, ContainerPort, NAMESPACE_NAME, Namespace, Node, Pod,
        Service, ServiceExposure, ServicePort, Target, WorkloadId,
    },
    decide::{Asked, Connection, Decision, Reason, Verdict, decide},
    diff::{Change, Difference, Kind, difference},
    entities::Entity,
    exposure::{Entry, Exposure, METADATA, exposures},
    findings::findings,
    listing::{Link, Listing, Scope, Unit},
    policy::{
        Action, Direction, NamespaceMatch, Peer, PodPeer, Policy, PolicyError, PolicyId,
        PolicyKind, PortMatch, Rule, Tier, is_policy, read as read_policy,
    },
    port::{PortSet, Protocol},
    reach::{IpBlocks, Reachability},
    selector::{Labels, Operator, Requirement, Selector, SelectorError},
};
