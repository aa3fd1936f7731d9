//! What each workload is exposed to: from outside, to outside, and to its neighbours.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};

use serde::{Serialize, Serializer};

use super::{
    address::Family,
    bits::Bits,
    cluster::{Cluster, ServiceExposure, WorkloadId},
    entities::Entity,
    listing::from_ingress,
    port::PortSet,
    reach::Reachability,
};

/// Where clouds tell an instance about itself, its credentials included.
pub const METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));

/// What a workload is exposed to. Where its pods differ, what any of them is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exposure {
    /// The workload.
    pub workload: WorkloadId,
    /// Whether it is in the nodes' network, where policies do not apply.
    pub host_network: bool,
    /// Ways in from outside of the cluster that policies leave open.
    pub entries: Vec<Entry>,
    /// Ports on which it reaches every address of the internet (IPv4).
    #[serde(serialize_with = "written")]
    pub internet: PortSet,
    /// Ports on which it reaches at least some address of the internet (IPv4).
    #[serde(serialize_with = "written")]
    pub some_internet: PortSet,
    /// Ports on which it reaches [`METADATA`].
    #[serde(serialize_with = "written")]
    pub metadata: PortSet,
    /// Ports on which any pod of the cluster, of whatever labels and namespace, reaches it.
    #[serde(serialize_with = "written")]
    pub from_any_pod: PortSet,
    /// Number of other workloads that reach it.
    pub reached_by: usize,
    /// Number of other workloads that it reaches.
    pub reaches: usize,
    /// Number of other workloads that it reaches, each a step to the next.
    pub spreads_to: usize,
}

/// A way into a workload from outside of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Entry {
    /// What leads there: `Service shop/web (load-balancer)`, `Ingress shop/web`, `host port 80`.
    pub by: String,
    /// Ports of the pods.
    #[serde(serialize_with = "written")]
    pub ports: PortSet,
}

fn written<S: Serializer>(ports: &PortSet, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(ports)
}

/// What each workload of `cluster` is exposed to, by name.
pub fn exposures(cluster: &Cluster, reachability: &Reachability) -> Vec<Exposure> {
    let survey = Survey::of(cluster, reachability);
    let entries = entries(cluster, reachability);
    let workloads = survey.workloads.iter();
    let exposures = workloads.map(|(workload, pods)| {
        let mut exposure = survey.of_workload(workload, pods);
        for pod in pods {
            exposure.entries.extend(entries.get(pod).into_iter().flatten().cloned());
        }
        exposure.entries.sort();
        exposure.entries.dedup();
        exposure
    });
    exposures.collect()
}

/// Pods by workload and what is asked of each class only once.
struct Survey<'a> {
    cluster: &'a Cluster,
    reachability: &'a Reachability,
    workloads: BTreeMap<&'a WorkloadId, Vec<usize>>,
    /// Classes of pods.
    classes: Vec<usize>,
    /// Of each class, the classes of pods that it reaches.
    reached: Vec<Bits>,
    /// Of each class, the numbers of the workloads that have pods in it.
    members: Vec<Vec<usize>>,
    /// One range of addresses for each way in which policies treat addresses of the internet.
    internet: Vec<Entity>,
}

impl<'a> Survey<'a> {
    fn of(cluster: &'a Cluster, reachability: &'a Reachability) -> Self {
        let mut workloads: BTreeMap<&WorkloadId, Vec<usize>> = BTreeMap::new();
        for (index, pod) in cluster.pods.iter().enumerate() {
            workloads.entry(&pod.workload).or_default().push(index);
        }
        let count = reachability.class_count();
        let mut members = vec![BTreeSet::new(); count];
        for (number, pods) in workloads.values().enumerate() {
            for pod in pods {
                members[reachability.class(Entity::Pod(*pod))].insert(number);
            }
        }
        let has_pods = |class: &usize| !members[*class].is_empty();
        let classes: Vec<_> = (0..count).filter(has_pods).collect();
        let reached = (0..count).map(|class| {
            let to = reachability.row(class).flat_map(|(_, to)| to);
            Bits::of(count, to.filter(has_pods))
        });
        let reached = reached.collect();
        let mut seen = BTreeSet::new();
        let public = reachability.entities.public(Family::V4);
        let internet = public.filter(|index| seen.insert(reachability.classes.of(*index)));
        let internet = internet.map(|index| reachability.entities.entity(index)).collect();
        let members = members.into_iter().map(|set| set.into_iter().collect()).collect();
        Self { cluster, reachability, workloads, classes, reached, members, internet }
    }

    fn of_workload(&self, workload: &WorkloadId, pods: &[usize]) -> Exposure {
        let any = |ports: &dyn Fn(Entity) -> PortSet| {
            let all = pods.iter().map(|pod| ports(Entity::Pod(*pod)));
            all.fold(PortSet::none(), |all, ports| all.union(&ports))
        };
        let to = |from, to| self.reachability.ports(from, to);
        let metadata = self.reachability.at(METADATA);
        let everywhere = |pod| {
            let all = self.internet.iter().map(|range| to(pod, *range));
            all.fold(PortSet::all(), |all, ports| all.intersection(ports))
        };
        let somewhere = |pod| {
            let all = self.internet.iter().map(|range| to(pod, *range));
            all.fold(PortSet::none(), |all, ports| all.union(ports))
        };
        let own: BTreeSet<_> =
            pods.iter().map(|pod| self.reachability.class(Entity::Pod(*pod))).collect();
        Exposure {
            workload: workload.clone(),
            host_network: pods.iter().any(|pod| self.cluster.pods[*pod].host_network),
            entries: Vec::new(),
            internet: any(&everywhere),
            some_internet: any(&somewhere),
            metadata: any(&|pod| to(pod, metadata).clone()),
            from_any_pod: any(&|pod| to(Entity::IngressController, pod).clone()),
            reached_by: self.others(workload, self.reaching(&own)),
            reaches: self.others(workload, self.reached_from(&own).iter()),
            spreads_to: self.others(workload, self.spread(&own).iter()),
        }
    }

    fn reaching<'b>(&'b self, own: &'b BTreeSet<usize>) -> impl Iterator<Item = usize> + 'b {
        let reaches = |class: &&usize| own.iter().any(|own| self.reached[**class].contains(*own));
        self.classes.iter().filter(reaches).copied()
    }

    fn reached_from(&self, classes: &BTreeSet<usize>) -> Bits {
        let mut reached = Bits::none(self.reached.len());
        classes.iter().for_each(|class| reached.add(&self.reached[*class]));
        reached
    }

    fn spread(&self, own: &BTreeSet<usize>) -> Bits {
        let mut reached = self.reached_from(own);
        let mut done = Bits::none(self.reached.len());
        loop {
            let mut next = reached.clone();
            next.remove(&done);
            if next.is_empty() {
                return reached;
            }
            for class in next.iter() {
                reached.add(&self.reached[class]);
            }
            done.add(&next);
        }
    }

    fn others(&self, workload: &WorkloadId, classes: impl Iterator<Item = usize>) -> usize {
        let mut workloads = Bits::none(self.workloads.len());
        classes.flat_map(|class| &self.members[class]).for_each(|it| workloads.insert(*it));
        let itself = self.workloads.keys().position(|it| *it == workload);
        let itself = itself.filter(|itself| workloads.contains(*itself));
        workloads.iter().count() - usize::from(itself.is_some())
    }
}

/// Ways in from outside, by pod.
fn entries(cluster: &Cluster, reachability: &Reachability) -> BTreeMap<usize, Vec<Entry>> {
    let mut entries: BTreeMap<usize, Vec<Entry>> = BTreeMap::new();
    let mut add = |pod: usize, by: String, ports: PortSet| {
        if !ports.is_empty() {
            entries.entry(pod).or_default().push(Entry { by, ports });
        }
    };
    let public: Vec<_> = reachability.entities.public(Family::V4).collect();
    let open = |pod: usize| {
        let ranges = public.iter().map(|index| reachability.entities.entity(*index));
        let ports = ranges.map(|range| reachability.ports(range, Entity::Pod(pod)));
        ports.fold(PortSet::none(), |all, ports| all.union(ports))
    };
    for service in cluster.services.iter().filter(|it| it.exposure != ServiceExposure::Cluster) {
        let pods = cluster.pods.iter().enumerate().filter(|(_, pod)| service.selects(pod));
        for (index, pod) in pods {
            let targets = service.ports.iter().map(|port| port.target_of(pod));
            let targets = targets.fold(PortSet::none(), |all, ports| all.union(&ports));
            let by = format!("{} ({})", service.title(), service.exposure.name());
            add(index, by, targets.intersection(&open(index)));
        }
    }
    for (index, pod) in cluster.pods.iter().enumerate() {
        for port in pod.ports.iter().filter(|port| pod.host_network || port.host_port.is_some()) {
            let host = port.host_port.unwrap_or(port.number);
            let by = if pod.host_network { "port of the node" } else { "host port" };
            let ports = PortSet::of_port(port.protocol, port.number);
            add(index, format!("{by} {host}"), ports.intersection(&open(index)));
        }
    }
    let mut backends: BTreeMap<usize, PortSet> = BTreeMap::new();
    for (pod, ports) in from_ingress(cluster, reachability) {
        let all = backends.entry(pod).or_default();
        *all = all.union(&ports);
    }
    backends.into_iter().for_each(|(pod, ports)| add(pod, "ingress controllers".to_owned(), ports));
    entries
}

impl ServiceExposure {
    /// As reports write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::NodePort => "node port",
            Self::LoadBalancer => "load balancer",
            Self::ExternalIps => "external IPs",
        }
    }
}
