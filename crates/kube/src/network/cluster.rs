//! The part of a cluster that network policies are about.

mod backend;
mod read;
mod service;

use std::{fmt, net::IpAddr};

use cofferdam_finding::Gap;
use serde::Serialize;

use super::{
    policy::Policy,
    port::{PortSet, Protocol},
    selector::{Labels, Selector},
};

/// The label that every namespace has, with its name.
pub const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Pods, nodes, policies and what leads to pods.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    /// Namespaces by name, each with the label [`NAMESPACE_NAME`].
    pub namespaces: Vec<Namespace>,
    /// Pods, or what pods will be made from.
    pub pods: Vec<Pod>,
    /// Nodes.
    pub nodes: Vec<Node>,
    /// Policies that have an effect.
    pub policies: Vec<Policy>,
    /// Services.
    pub services: Vec<Service>,
    /// Backends of ingresses and routes: services that the ingress controllers connect to.
    pub backends: Vec<Backend>,
    /// What could not be understood.
    pub gaps: Vec<Gap>,
}

/// A namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: Labels,
}

impl Namespace {
    /// A namespace; the label with its name is added.
    pub fn new(name: impl Into<String>, mut labels: Labels) -> Self {
        let name = name.into();
        labels.insert(NAMESPACE_NAME.to_owned(), name.clone());
        Self { name, labels }
    }
}

/// A pod that runs, or the template of pods that will.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pod {
    /// Namespace.
    pub namespace: String,
    /// Name of the pod; of the workload, if it is a template.
    pub name: String,
    /// What manages it; itself, if nothing does.
    pub workload: WorkloadId,
    /// Labels.
    pub labels: Labels,
    /// Ports that its containers name.
    pub ports: Vec<ContainerPort>,
    /// Whether it is in the node's network, where policies do not select it.
    pub host_network: bool,
    /// Node that it runs on.
    pub node: Option<String>,
    /// Its addresses, where known; those of the node, if it is in the node's network.
    pub addresses: Vec<IpAddr>,
}

/// A workload: what reports speak of, rather than of each of its pods.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct WorkloadId {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: String,
}

impl fmt::Display for WorkloadId {
    /// `shop/web[Deployment]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}[{}]", self.namespace, self.name, self.kind)
    }
}

/// A port that a container names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerPort {
    /// Name, by which policies and services may refer to it.
    pub name: Option<String>,
    /// Protocol.
    pub protocol: Protocol,
    /// Number.
    pub number: u16,
    /// Port of the node that leads to it.
    pub host_port: Option<u16>,
}

impl Pod {
    /// The ports that the pod gives a name; none if it has no port of that name and protocol.
    pub fn named(&self, protocol: Option<Protocol>, name: &str) -> PortSet {
        let fits = |port: &&ContainerPort| {
            port.name.as_deref() == Some(name) && protocol.is_none_or(|it| it == port.protocol)
        };
        let ports = self.ports.iter().filter(fits);
        ports.fold(PortSet::none(), |set, it| set.union(&PortSet::of_port(it.protocol, it.number)))
    }
}

/// A node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: Labels,
    /// Addresses.
    pub addresses: Vec<IpAddr>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// The pods behind it; none if something else than a selector says which.
    pub selector: Option<Selector>,
    /// Ports.
    pub ports: Vec<ServicePort>,
    /// How it is reached from outside.
    pub exposure: ServiceExposure,
}

/// How a service is reached from outside of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceExposure {
    /// Not at all.
    Cluster,
    /// On a port of every node.
    NodePort,
    /// By a load balancer.
    LoadBalancer,
    /// By addresses that the nodes take for it.
    ExternalIps,
}

/// A port of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePort {
    /// Name.
    pub name: Option<String>,
    /// Protocol.
    pub protocol: Protocol,
    /// Port of the service.
    pub port: u16,
    /// Port of the pods.
    pub target: Target,
}

/// Port of a pod, by number or by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Number.
    Number(u16),
    /// Name that the pod gives it.
    Name(String),
}

impl Service {
    /// Whether `pod` is behind the service.
    pub fn selects(&self, pod: &Pod) -> bool {
        self.namespace == pod.namespace
            && self.selector.as_ref().is_some_and(|selector| selector.selects(&pod.labels))
    }
}

impl ServicePort {
    /// The ports of `pod` that the port leads to.
    pub fn target_of(&self, pod: &Pod) -> PortSet {
        match &self.target {
            Target::Number(number) => PortSet::of_port(self.protocol, *number),
            Target::Name(name) => pod.named(Some(self.protocol), name),
        }
    }
}

/// A service that an Ingress or Route leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// What leads there: `Ingress shop/web`.
    pub from: String,
    /// Namespace of the service.
    pub namespace: String,
    /// Name of the service.
    pub service: String,
    /// Which of its ports.
    pub port: BackendPort,
}

/// Which port of a service is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendPort {
    /// Every one.
    Any,
    /// The one with this number or name.
    Service(Target),
    /// Those that lead to this port of the pods.
    Pod(u16),
}

impl Backend {
    /// Whether `port` of the service is meant.
    pub fn means(&self, port: &ServicePort) -> bool {
        match &self.port {
            BackendPort::Any => true,
            BackendPort::Service(Target::Number(number)) => port.port == *number,
            BackendPort::Service(Target::Name(name)) => port.name.as_deref() == Some(name),
            BackendPort::Pod(number) => port.target == Target::Number(*number),
        }
    }
}
