//! What the manifests say that workloads need: services that their settings name, and what leads to
//! them from outside.

use std::collections::{BTreeMap, HashMap};

use super::{End, Need};
use crate::{
    Snapshot, Workload,
    api::Container,
    network::{
        address::Cidr,
        cluster::{Cluster, Pod, Service, ServiceExposure, WorkloadId},
        port::PortSet,
    },
};

/// Letters of one setting that are looked at: more is data, not a setting.
const LONGEST_SETTING: usize = 64 << 10;

/// Endings of names of settings that hold the name of a host.
const HOST_SETTINGS: &[&str] = &[
    "HOST", "HOSTNAME", "ADDR", "ADDRESS", "URL", "URI", "SERVER", "SERVICE", "ENDPOINT",
    "BACKEND", "HOSTS", "SERVERS", "BROKERS",
];

/// Labels of the pods of common ingress controllers.
const CONTROLLERS: &[(&str, &[&str])] = &[
    (
        "app.kubernetes.io/name",
        &[
            "ingress-nginx",
            "nginx-ingress",
            "traefik",
            "haproxy-ingress",
            "kubernetes-ingress",
            "contour",
            "envoy",
            "kong",
        ],
    ),
    ("app", &["istio-ingressgateway", "nginx-ingress", "traefik", "ingress-nginx"]),
    ("ingresscontroller.operator.openshift.io/deployment-ingresscontroller", &["default"]),
];

/// What `snapshot`, of which `cluster` was read, declares.
pub fn needs(snapshot: &Snapshot, cluster: &Cluster) -> Vec<Need> {
    let mut needs = from_settings(snapshot, cluster);
    needs.extend(from_services(cluster));
    needs.extend(from_ingresses(cluster));
    needs
}

/// Connections to the workloads behind `service` on the ports that `meant` chooses.
fn behind<'a>(
    cluster: &'a Cluster,
    service: &'a Service,
    meant: impl Fn(&crate::network::ServicePort) -> bool,
) -> BTreeMap<&'a WorkloadId, PortSet> {
    let mut targets: BTreeMap<&WorkloadId, PortSet> = BTreeMap::new();
    for pod in cluster.pods.iter().filter(|pod| service.selects(pod)) {
        for port in service.ports.iter().filter(|port| meant(port)) {
            let all = targets.entry(&pod.workload).or_default();
            *all = all.union(&port.target_of(pod));
        }
    }
    targets
}

fn from_services(cluster: &Cluster) -> Vec<Need> {
    let everywhere: Cidr = "0.0.0.0/0".parse().expect("a block");
    let outside = cluster.services.iter().filter(|it| it.exposure != ServiceExposure::Cluster);
    let needs = outside.flat_map(|service| {
        behind(cluster, service, |_| true).into_iter().map(move |(workload, ports)| Need {
            from: End::Block(everywhere),
            to: End::Workload(workload.clone()),
            ports,
            why: format!("{} is a {}", service.title(), service.exposure.name()),
        })
    });
    needs.collect()
}

fn from_ingresses(cluster: &Cluster) -> Vec<Need> {
    let is_controller = |pod: &&Pod| {
        CONTROLLERS.iter().any(|(key, values)| {
            pod.labels.get(*key).is_some_and(|value| values.contains(&value.as_str()))
        })
    };
    let controllers = cluster.pods.iter().filter(is_controller);
    let mut sources: Vec<End> =
        controllers.map(|pod| End::Workload(pod.workload.clone())).collect();
    sources.sort();
    sources.dedup();
    if sources.is_empty() {
        sources.push(End::AnyPod);
    }
    let mut needs = Vec::new();
    for backend in &cluster.backends {
        let services = cluster.services.iter().filter(|service| {
            service.namespace == backend.namespace && service.name == backend.service
        });
        for (workload, ports) in
            services.flat_map(|it| behind(cluster, it, |port| backend.means(port)))
        {
            needs.extend(sources.iter().map(|from| Need {
                from: from.clone(),
                to: End::Workload(workload.clone()),
                ports: ports.clone(),
                why: format!("{} leads to it", backend.from),
            }));
        }
    }
    needs
}

fn from_settings(snapshot: &Snapshot, cluster: &Cluster) -> Vec<Need> {
    let services: HashMap<(&str, &str), &Service> = cluster
        .services
        .iter()
        .map(|service| ((service.namespace.as_str(), service.name.as_str()), service))
        .collect();
    let workloads = workloads(cluster);
    let mut needs = Vec::new();
    for object in snapshot.objects.iter().filter(|object| !object.superseded) {
        let Some(Ok(workload)) = Workload::of(object) else { continue };
        let id = (object.kind.as_str(), object.namespace_or_default(), object.name.as_str());
        let Some(from) = workloads.get(&id) else { continue };
        for (setting, text) in settings(snapshot, &workload) {
            for mention in mentions(&setting, &text, object.namespace_or_default()) {
                let Some(service) = services.get(&(&*mention.namespace, &*mention.service)) else {
                    continue;
                };
                let meant = |port: &crate::network::ServicePort| {
                    mention.port.is_none_or(|it| port.port == it)
                };
                needs.extend(behind(cluster, service, meant).into_iter().map(|(to, ports)| Need {
                    from: End::Workload((*from).clone()),
                    to: End::Workload(to.clone()),
                    ports,
                    why: format!("{from} has {setting} for {}", service.title()),
                }));
            }
        }
    }
    needs
}

/// Workloads by the objects that describe their pods: themselves, or the pods.
fn workloads(cluster: &Cluster) -> HashMap<(&str, &str, &str), &WorkloadId> {
    let mut workloads = HashMap::new();
    for pod in &cluster.pods {
        let id = &pod.workload;
        workloads.insert((id.kind.as_str(), id.namespace.as_str(), id.name.as_str()), id);
        workloads.insert(("Pod", pod.namespace.as_str(), pod.name.as_str()), id);
    }
    workloads
}

/// Names and texts of what containers are configured with.
fn settings(snapshot: &Snapshot, workload: &Workload<'_>) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    let mut maps: Vec<&str> = Vec::new();
    let volumes: Vec<_> =
        workload.spec.volumes.iter().filter_map(|it| it.source("configMap")).collect();
    maps.extend(volumes.iter().filter_map(|it| it.get("name")?.as_str()));
    for container in workload.spec.all_containers() {
        let Container { command, args, env, env_from, .. } = container;
        settings.extend(command.iter().map(|it| ("a command".to_owned(), it.clone())));
        settings.extend(args.iter().map(|it| ("an argument".to_owned(), it.clone())));
        for variable in env {
            settings.extend(variable.value.clone().map(|value| (variable.name.clone(), value)));
            let map = variable.value_from.as_ref().and_then(|it| it.config_map_key_ref.as_ref());
            maps.extend(map.map(|map| map.name.as_str()));
        }
        maps.extend(
            env_from.iter().filter_map(|it| Some(it.config_map_ref.as_ref()?.name.as_str())),
        );
    }
    maps.sort_unstable();
    maps.dedup();
    for map in snapshot.of("", "ConfigMap") {
        if map.namespace_or_default() == workload.namespace() && maps.contains(&map.name.as_str()) {
            settings.extend(data_of(map));
        }
    }
    settings.retain(|(_, text)| text.len() <= LONGEST_SETTING);
    settings
}

#[derive(serde::Deserialize)]
struct ConfigMap {
    #[serde(default, deserialize_with = "crate::api::null_is_default")]
    data: BTreeMap<String, String>,
}

fn data_of(map: &crate::Object) -> Vec<(String, String)> {
    // A map that cannot be read is a gap of the snapshot, or will be one of the audit.
    let data = map.view::<ConfigMap>().map(|map| map.data).unwrap_or_default();
    data.into_iter().collect()
}

/// A service that a setting names.
#[derive(Debug, PartialEq, Eq)]
struct Mention {
    namespace: String,
    service: String,
    port: Option<u16>,
}

/// Services that `text`, the value of `setting`, may name; whether they exist is for the caller.
fn mentions(setting: &str, text: &str, namespace: &str) -> Vec<Mention> {
    let names_host = HOST_SETTINGS.iter().any(|end| setting.to_ascii_uppercase().ends_with(end));
    let mut mentions = Vec::new();
    let mut rest = text;
    let is_word = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | ':');
    while let Some(start) = rest.find(is_word) {
        let before = &rest[..start];
        let word = &rest[start..];
        let end = word.find(|it| !is_word(it)).unwrap_or(word.len());
        let (word, after) = word.split_at(end);
        // `scheme:` of a URL is no host.
        if !after.starts_with("//") || !word.ends_with(':') {
            let in_url = before.ends_with("//") || before.ends_with('@');
            mentions.extend(mention(word, names_host || in_url, namespace));
        }
        rest = after;
    }
    mentions
}

fn mention(word: &str, surely_host: bool, namespace: &str) -> Option<Mention> {
    let (host, port) = match word.split_once(':') {
        Some((host, port)) => (host, Some(port.trim_end_matches(':').parse::<u16>().ok()?)),
        None => (word, None),
    };
    let parts: Vec<&str> = host.trim_end_matches('.').split('.').collect();
    let (service, namespace) = match parts[..] {
        [service] if surely_host || port.is_some() => (service, namespace),
        [service, namespace] | [service, namespace, "svc", ..] => (service, namespace),
        _ => return None,
    };
    Some(Mention { namespace: namespace.to_owned(), service: service.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_found_in_settings() {
        let found = |setting: &str, text: &str| {
            let mentions = mentions(setting, text, "shop").into_iter();
            let text = mentions.map(|it| match it.port {
                Some(port) => format!("{}/{}:{port}", it.namespace, it.service),
                None => format!("{}/{}", it.namespace, it.service),
            });
            text.collect::<Vec<_>>().join(" ")
        };
        for (setting, text, wanted) in [
            ("CART_ADDR", "cart:7070", "shop/cart:7070"),
            ("DB_HOST", "db", "shop/db"),
            ("MODE", "db", ""),
            ("DSN", "postgres://user:secret@db.data:5432/app?sslmode=off", "data/db:5432"),
            ("API", "http://api.backend.svc.cluster.local/v1", "backend/api"),
            ("API", "http://api/v1", "shop/api"),
            ("BROKERS", "k-0.k.mq.svc:9092,k-1:9092", "shop/k-1:9092"),
            ("X", "1.2.3.4:80", ""),
        ] {
            let found = found(setting, text);
            let ours: Vec<_> = wanted.split_whitespace().collect();
            assert!(
                ours.iter().all(|it| found.split(' ').any(|found| found == *it)),
                "{text}: {found}"
            );
        }
        assert_eq!(found("MODE", "db"), "");
    }
}
