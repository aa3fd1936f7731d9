//! From the objects of a snapshot to the cluster that policies are about.

use std::collections::{BTreeMap, HashMap, HashSet};

use cofferdam_finding::Gap;
use serde::Deserialize;

use super::{
    Backend, Cluster, ContainerPort, Namespace, Node, Pod, Service, WorkloadId, backend,
    service::read_service,
};
use crate::{
    Object, Snapshot, ViewError, Workload,
    api::{self, Meta, Metadata, OwnerReference, null_is_default},
    network::{
        policy,
        port::Protocol,
        rules::{POLICY_NOT_ANALYSED, POLICY_NOT_DECIDED, POLICY_NOT_IN_EFFECT},
    },
    rules::OBJECT_NOT_UNDERSTOOD,
};

/// How often an owner may have an owner: `CronJob`, `Job`, `Pod` are three, operators add some.
const LONGEST_OWNERSHIP: usize = 8;

impl Cluster {
    /// The cluster that `snapshot` shows.
    pub fn read(snapshot: &Snapshot) -> Self {
        let mut cluster = Self::default();
        let owners = Owners::of(snapshot);
        let mut running = HashSet::new();
        for object in snapshot.objects.iter().filter(|object| !object.superseded) {
            let read = cluster.take(object, &owners, &mut running);
            read.unwrap_or_else(|error| {
                let object = format!("{} ({})", object.title(), snapshot.place(object.source));
                let why = error.to_string();
                cluster.gaps.push(Gap { rule: OBJECT_NOT_UNDERSTOOD.into(), object, why });
            });
        }
        cluster.take_templates(snapshot, &owners, &running);
        cluster.take_policies(snapshot);
        cluster.note_foreign(snapshot);
        cluster.complete_namespaces(snapshot);
        cluster
    }

    fn take<'a>(
        &mut self,
        object: &'a Object,
        owners: &Owners<'a>,
        running: &mut HashSet<WorkloadId>,
    ) -> Result<(), ViewError> {
        match (object.group.as_str(), object.kind.as_str()) {
            ("", "Pod") => {
                let (pod, chain) = read_pod(object, owners)?;
                running.extend(chain);
                self.pods.extend(pod);
            }
            ("", "Node") => self.nodes.push(read_node(object)?),
            ("", "Service") => self.services.push(read_service(object)?),
            _ => self.backends.extend(backends(object)?),
        }
        Ok(())
    }

    /// Where no pod of a workload is known, its template stands for all of them.
    fn take_templates(
        &mut self,
        snapshot: &Snapshot,
        owners: &Owners<'_>,
        running: &HashSet<WorkloadId>,
    ) {
        let objects = snapshot.objects.iter().filter(|object| !object.superseded);
        for object in objects.filter(|it| !it.is("", "Pod") && !it.is("", "PodTemplate")) {
            let workload = match Workload::of(object) {
                Some(Ok(workload)) => workload,
                Some(Err(error)) => {
                    self.gaps.push(Gap {
                        rule: OBJECT_NOT_UNDERSTOOD.into(),
                        object: format!("{} ({})", object.title(), snapshot.place(object.source)),
                        why: error.to_string(),
                    });
                    continue;
                }
                None => continue,
            };
            let id = workload_id(object);
            let made = workload.own.controller().is_some_and(|owner| owners.knows(object, owner));
            if made || running.contains(&id) {
                continue;
            }
            self.pods.push(Pod {
                namespace: id.namespace.clone(),
                name: id.name.clone(),
                workload: id,
                labels: workload.metadata.labels,
                ports: ports(&workload.spec),
                host_network: workload.spec.host_network,
                node: workload.spec.node_name,
                addresses: Vec::new(),
            });
        }
        self.take_machines(snapshot, owners, running);
    }

    /// Virtual machines of KubeVirt run in pods with their labels.
    fn take_machines(
        &mut self,
        snapshot: &Snapshot,
        owners: &Owners<'_>,
        running: &HashSet<WorkloadId>,
    ) {
        let kinds = ["VirtualMachine", "VirtualMachineInstance"];
        for object in kinds.iter().flat_map(|kind| snapshot.of("kubevirt.io", kind)) {
            let id = workload_id(object);
            let Ok(view) = object.view::<Machine>() else { continue };
            let owner = view.metadata.controller();
            if running.contains(&id) || owner.is_some_and(|owner| owners.knows(object, owner)) {
                continue;
            }
            let template = view.spec.template.map(|template| template.metadata.labels);
            self.pods.push(Pod {
                namespace: id.namespace.clone(),
                name: id.name.clone(),
                workload: id,
                labels: template.unwrap_or(view.metadata.labels),
                ..Pod::default()
            });
        }
    }

    /// Kinds with which other programs decide about connections, beside or below the policies here.
    fn note_foreign(&mut self, snapshot: &Snapshot) {
        let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for object in snapshot.objects.iter().filter(|object| !object.superseded) {
            if FOREIGN.contains(&(&object.group, &object.kind)) {
                *counts.entry((&object.group, &object.kind)).or_default() += 1;
            }
        }
        self.gaps.extend(counts.into_iter().map(|((group, kind), count)| Gap {
            rule: POLICY_NOT_ANALYSED.into(),
            object: format!("{kind} ({group})"),
            why: format!("{count} of this kind are there and not analysed; connections may differ"),
        }));
    }

    fn take_policies(&mut self, snapshot: &Snapshot) {
        for object in snapshot.objects.iter().filter(|object| !object.superseded) {
            let Some(read) = policy::read(object) else { continue };
            let title = || format!("{} ({})", object.title(), snapshot.place(object.source));
            match read {
                Ok((policy, remarks)) => {
                    self.policies.push(policy);
                    self.gaps.extend(remarks.into_iter().map(|why| Gap {
                        rule: POLICY_NOT_DECIDED.into(),
                        object: title(),
                        why,
                    }));
                }
                Err(error) => self.gaps.push(Gap {
                    rule: POLICY_NOT_IN_EFFECT.into(),
                    object: title(),
                    why: error.to_string(),
                }),
            }
        }
    }

    /// Namespaces are there because an object says so, or because a pod is in them.
    fn complete_namespaces(&mut self, snapshot: &Snapshot) {
        let mut namespaces = BTreeMap::new();
        for object in snapshot.of("", "Namespace") {
            match object.view::<Metadata>() {
                Ok(view) => drop(namespaces.insert(object.name.clone(), view.metadata.labels)),
                Err(error) => self.gaps.push(Gap {
                    rule: OBJECT_NOT_UNDERSTOOD.into(),
                    object: format!("{} ({})", object.title(), snapshot.place(object.source)),
                    why: error.to_string(),
                }),
            }
        }
        for pod in &self.pods {
            if !namespaces.contains_key(&pod.namespace) {
                namespaces.insert(pod.namespace.clone(), BTreeMap::new());
            }
        }
        let namespaces = namespaces.into_iter();
        self.namespaces = namespaces.map(|(name, labels)| Namespace::new(name, labels)).collect();
    }
}

/// Group and kind of what can change connections and is not understood here.
const FOREIGN: &[(&str, &str)] = &[
    ("cilium.io", "CiliumNetworkPolicy"),
    ("cilium.io", "CiliumClusterwideNetworkPolicy"),
    ("crd.projectcalico.org", "NetworkPolicy"),
    ("crd.projectcalico.org", "GlobalNetworkPolicy"),
    ("projectcalico.org", "NetworkPolicy"),
    ("projectcalico.org", "GlobalNetworkPolicy"),
    ("crd.antrea.io", "NetworkPolicy"),
    ("crd.antrea.io", "ClusterNetworkPolicy"),
    ("k8s.cni.cncf.io", "NetworkAttachmentDefinition"),
    ("k8s.cni.cncf.io", "MultiNetworkPolicy"),
    ("k8s.ovn.org", "UserDefinedNetwork"),
    ("k8s.ovn.org", "ClusterUserDefinedNetwork"),
    ("k8s.ovn.org", "EgressFirewall"),
    ("security.istio.io", "AuthorizationPolicy"),
];

/// A virtual machine of KubeVirt.
#[derive(Debug, Deserialize)]
struct Machine {
    #[serde(default, deserialize_with = "null_is_default")]
    metadata: Meta,
    #[serde(default, deserialize_with = "null_is_default")]
    spec: MachineSpec,
}

#[derive(Debug, Default, Deserialize)]
struct MachineSpec {
    template: Option<Metadata>,
}

/// Objects that make other objects, and what made them.
struct Owners<'a> {
    known: HashSet<(&'a str, &'a str, &'a str)>,
    makers: HashMap<(&'a str, &'a str, &'a str), OwnerReference>,
}

impl<'a> Owners<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let mut owners = Self { known: HashSet::new(), makers: HashMap::new() };
        let makes_no_pods = ["Pod", "Secret", "ConfigMap", "Event"];
        for object in snapshot.objects.iter().filter(|object| !object.superseded) {
            if makes_no_pods.contains(&object.kind.as_str()) {
                continue;
            }
            let id = (object.kind.as_str(), object.namespace_or_default(), object.name.as_str());
            owners.known.insert(id);
            // Anything that is owned says so in these words.
            if object.body.contains("\"ownerReferences\"") {
                let metadata = object.view::<Metadata>().unwrap_or_default().metadata;
                owners.makers.extend(metadata.controller().map(|owner| (id, owner.clone())));
            }
        }
        owners
    }

    fn knows(&self, object: &Object, owner: &OwnerReference) -> bool {
        self.known.contains(&(&owner.kind, object.namespace_or_default(), &owner.name))
    }

    /// The makers of an object from `first` on, each the maker of the one before, as far as known.
    fn chain(&self, namespace: &str, first: &OwnerReference) -> Vec<WorkloadId> {
        let id = |owner: &OwnerReference| WorkloadId {
            namespace: namespace.to_owned(),
            name: owner.name.clone(),
            // An owner without a kind is against the API, but its name says what belongs together.
            kind: if owner.kind.is_empty() { "Pod".to_owned() } else { owner.kind.clone() },
        };
        let mut chain = vec![id(first)];
        let mut owner = first;
        while chain.len() < LONGEST_OWNERSHIP {
            match self.makers.get(&(owner.kind.as_str(), namespace, owner.name.as_str())) {
                Some(next) => {
                    chain.push(id(next));
                    owner = next;
                }
                None => break,
            }
        }
        chain
    }
}

/// A running pod: the little of it that matters, as there can be very many.
#[derive(Debug, Deserialize)]
struct PodObject {
    #[serde(default, deserialize_with = "null_is_default")]
    metadata: Meta,
    #[serde(default, deserialize_with = "null_is_default")]
    spec: Spec,
    #[serde(default, deserialize_with = "null_is_default")]
    status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    #[serde(deserialize_with = "null_is_default")]
    containers: Vec<Container>,
    #[serde(deserialize_with = "null_is_default")]
    init_containers: Vec<Container>,
    #[serde(deserialize_with = "null_is_default")]
    host_network: bool,
    node_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Container {
    #[serde(deserialize_with = "null_is_default")]
    ports: Vec<api::ContainerPort>,
    restart_policy: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    phase: Option<String>,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    #[serde(rename = "podIPs", deserialize_with = "null_is_default")]
    pod_ips: Vec<Address>,
    #[serde(deserialize_with = "null_is_default")]
    addresses: Vec<NodeAddress>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Address {
    ip: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeAddress {
    address: String,
}

/// The pod, unless it has ended, and all that made it.
fn read_pod(
    object: &Object,
    owners: &Owners<'_>,
) -> Result<(Option<Pod>, Vec<WorkloadId>), ViewError> {
    let PodObject { metadata, spec, status } = object.view()?;
    let namespace = object.namespace_or_default();
    let chain = match metadata.controller().or(metadata.owner_references.first()) {
        Some(owner) => owners.chain(namespace, owner),
        None => Vec::new(),
    };
    if matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")) {
        return Ok((None, Vec::new()));
    }
    // A static pod says that the node made it.
    let maker = chain.last().filter(|maker| maker.kind != "Node").cloned();
    let addresses = status.pod_ips.into_iter().filter_map(|it| it.ip).chain(status.pod_ip);
    let mut addresses: Vec<_> = addresses.filter_map(|text| text.parse().ok()).collect();
    addresses.sort();
    addresses.dedup();
    let sidecar = |it: &&Container| it.restart_policy.as_deref() == Some("Always");
    let containers = spec.containers.iter().chain(spec.init_containers.iter().filter(sidecar));
    let pod = Pod {
        namespace: namespace.to_owned(),
        name: object.name.clone(),
        workload: maker.unwrap_or_else(|| workload_id(object)),
        labels: metadata.labels,
        ports: containers.flat_map(|it| &it.ports).filter_map(port).collect(),
        host_network: spec.host_network,
        node: spec.node_name.filter(|name| !name.is_empty()),
        addresses,
    };
    Ok((Some(pod), chain))
}

fn workload_id(object: &Object) -> WorkloadId {
    WorkloadId {
        namespace: object.namespace_or_default().to_owned(),
        name: object.name.clone(),
        kind: object.kind.clone(),
    }
}

fn ports(spec: &api::PodSpec) -> Vec<ContainerPort> {
    let sidecar = |it: &&api::Container| it.restart_policy.as_deref() == Some("Always");
    let containers = spec.containers.iter().chain(spec.init_containers.iter().filter(sidecar));
    containers.flat_map(|it| &it.ports).filter_map(port).collect()
}

/// Ports that cannot be are left out: no policy can name them.
fn port(port: &api::ContainerPort) -> Option<ContainerPort> {
    let protocol = port.protocol.as_deref().filter(|text| !text.is_empty()).unwrap_or("TCP");
    let number = |number| u16::try_from(number).ok().filter(|number| *number > 0);
    Some(ContainerPort {
        name: port.name.clone().filter(|name| !name.is_empty()),
        protocol: Protocol::ALL.into_iter().find(|it| it.name() == protocol)?,
        number: number(port.container_port)?,
        host_port: number(port.host_port),
    })
}

fn read_node(object: &Object) -> Result<Node, ViewError> {
    let PodObject { metadata, status, .. } = object.view()?;
    let addresses = status.addresses.iter().filter_map(|it| it.address.parse().ok());
    Ok(Node { name: object.name.clone(), labels: metadata.labels, addresses: addresses.collect() })
}

fn backends(object: &Object) -> Result<Vec<Backend>, ViewError> {
    match (object.group.as_str(), object.kind.as_str()) {
        ("networking.k8s.io" | "extensions", "Ingress") => backend::of_ingress(object),
        ("route.openshift.io", "Route") => backend::of_route(object),
        (
            "gateway.networking.k8s.io",
            "HTTPRoute" | "GRPCRoute" | "TCPRoute" | "TLSRoute" | "UDPRoute",
        ) => backend::of_gateway_route(object),
        _ => Ok(Vec::new()),
    }
}

impl Service {
    /// Name as reports write it.
    pub fn title(&self) -> String {
        format!("Service {}/{}", self.namespace, self.name)
    }
}
