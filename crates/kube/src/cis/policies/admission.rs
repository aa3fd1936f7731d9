//! 5.2.1, 5.3, 5.4.2, 5.5, 5.6: what is set up for the cluster and its namespaces.

use std::collections::BTreeSet;

use super::{
    Answer,
    scene::{Scene, is_system},
};
use crate::{Object, api::Metadata};

/// Label by which a namespace enforces a Pod Security level.
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
/// The group of webhook configurations and admission policies.
const ADMISSION: &str = "admissionregistration.k8s.io";

/// Engines that decide about pods, by a part of the names of their webhooks.
const ENGINES: [&str; 8] = [
    "gatekeeper",
    "kyverno",
    "kubewarden",
    "polaris",
    "jspolicy",
    "neuvector",
    "securitycontextconstraints",
    "cofferdam",
];

/// Engines that verify images, likewise.
const VERIFIERS: [&str; 5] =
    ["connaisseur", "portieris", "ratify", "policy.sigstore.dev", "cosign"];

/// Network plugins that enforce network policies, by a part of the names of their workloads.
const ENFORCING: [&str; 11] = [
    "calico",
    "canal",
    "cilium",
    "antrea",
    "weave",
    "kube-router",
    "ovn",
    "romana",
    "azure-npm",
    "aws-network-policy",
    "kindnet",
];

/// Network plugins that do not.
const NOT_ENFORCING: [&str; 3] = ["flannel", "bridge-cni", "aws-node"];

/// Stores of secrets, by the group of their objects.
const STORES: [&str; 5] = [
    "secrets-store.csi.x-k8s.io",
    "external-secrets.io",
    "secrets.hashicorp.com",
    "bitnami.com",
    "secrets.infisical.com",
];

/// Whether a webhook of one of these engines is installed.
fn has_webhook(scene: &Scene<'_>, engines: &[&str]) -> bool {
    let of = |kind| scene.snapshot.of(ADMISSION, kind);
    of("ValidatingWebhookConfiguration").chain(of("MutatingWebhookConfiguration")).any(|object| {
        let name = object.name.to_ascii_lowercase();
        engines.iter().any(|engine| name.contains(engine))
    })
}

fn unknown_namespaces(scene: &Scene<'_>) -> Option<Answer> {
    let none = scene.snapshot.of("", "Namespace").next().is_none();
    none.then(|| Answer::Unknown("the dump has no namespaces".into()))
}

pub(super) fn policy_control(scene: &Scene<'_>) -> Answer {
    if let Some(unknown) = unknown_namespaces(scene) {
        return unknown;
    }
    let has_policy =
        scene.snapshot.of(ADMISSION, "ValidatingAdmissionPolicyBinding").next().is_some();
    if has_policy || has_webhook(scene, &ENGINES) {
        return Answer::Seen(Vec::new());
    }
    let level = |object: &Object| {
        let view: Metadata = object.view().ok()?;
        view.metadata.labels.get(ENFORCE).cloned()
    };
    let namespaces = scene.snapshot.of("", "Namespace").filter(|object| !is_system(&object.name));
    let open = namespaces.filter_map(|object| match level(object).as_deref() {
        Some("baseline" | "restricted") => None,
        Some(level) => Some(scene.seen(object, format!("it enforces the level {level}"))),
        None => Some(scene.seen(object, "it enforces no level")),
    });
    Answer::Seen(open.collect())
}

pub(super) fn network_plugin(scene: &Scene<'_>) -> Answer {
    let named = |names: &[&str]| {
        scene.all_workloads().iter().find(|workload| {
            let containers = workload.spec.all_containers();
            let images = containers.flat_map(|one| [one.image.as_str(), one.name.as_str()]);
            std::iter::once(workload.object.name.as_str())
                .chain(images)
                .any(|text| names.iter().any(|name| text.contains(name)))
        })
    };
    if named(&ENFORCING).is_some() {
        return Answer::Seen(Vec::new());
    }
    match named(&NOT_ENFORCING) {
        Some(plugin) => {
            let saw = "it enforces no network policies, and nothing else does";
            Answer::Seen(vec![scene.seen(plugin.object, saw)])
        }
        None => Answer::Unknown("no network plugin that is known is in the dump".into()),
    }
}

pub(super) fn network_policies(scene: &Scene<'_>) -> Answer {
    let covered: BTreeSet<&str> = scene
        .snapshot
        .of("networking.k8s.io", "NetworkPolicy")
        .map(Object::namespace_or_default)
        .collect();
    let used: BTreeSet<&str> = scene.workloads().map(|one| one.namespace()).collect();
    let cluster_wide = scene.snapshot.objects.iter().any(|object| {
        object.kind == "AdminNetworkPolicy" || object.kind == "BaselineAdminNetworkPolicy"
    });
    if cluster_wide {
        let why =
            "policies for the whole cluster exist: cofferdam kube netpol says what they permit";
        return Answer::Unknown(why.into());
    }
    scene.with_workloads(|| {
        let open = scene.workloads().filter(|one| !covered.contains(one.namespace()));
        let mut told = BTreeSet::new();
        let open =
            open.filter(|one| used.contains(one.namespace()) && told.insert(one.namespace()));
        open.map(|workload| {
            let namespace = workload.namespace();
            let mut seen = scene.seen(workload.object, "it has workloads and no network policy");
            seen.subject = format!("Namespace {namespace}");
            seen
        })
        .collect()
    })
}

pub(super) fn secret_store(scene: &Scene<'_>) -> Answer {
    let is_store = |object: &Object| STORES.contains(&object.group.as_str());
    if scene.snapshot.objects.iter().any(is_store) {
        return Answer::Seen(Vec::new());
    }
    Answer::Unknown("a person has to say whether secrets need a store outside".into())
}

pub(super) fn image_provenance(scene: &Scene<'_>) -> Answer {
    let server = scene.all_workloads().iter().find(|one| {
        one.namespace() == "kube-system"
            && one.spec.containers.iter().any(|container| container.name == "kube-apiserver")
    });
    let has_plugin = server.is_some_and(|server| {
        let containers = server.spec.containers.iter();
        let mut words = containers.flat_map(|one| one.command.iter().chain(&one.args));
        words.any(|word| {
            word.starts_with("--enable-admission-plugins") && word.contains("ImagePolicyWebhook")
        })
    });
    let verifies = |object: &Object| match (object.group.as_str(), object.kind.as_str()) {
        ("policy.sigstore.dev", _) | (_, "ImageValidatingPolicy") => true,
        ("kyverno.io", "ClusterPolicy" | "Policy") => object.body.contains("\"verifyImages\""),
        _ => false,
    };
    let by_policy = scene.snapshot.objects.iter().any(verifies);
    if has_plugin || by_policy || has_webhook(scene, &VERIFIERS) {
        return Answer::Seen(Vec::new());
    }
    match server {
        Some(server) => {
            let saw = "no ImagePolicyWebhook, and no engine that verifies images is known";
            Answer::Seen(vec![scene.seen(server.object, saw)])
        }
        None => Answer::Unknown("the API server's arguments are not in the dump".into()),
    }
}

pub(super) fn namespaces(scene: &Scene<'_>) -> Answer {
    scene.with_workloads(|| {
        let used: BTreeSet<&str> = scene.workloads().map(|one| one.namespace()).collect();
        let count = scene.workloads().count();
        let all = scene.namespaces();
        match (used.first(), scene.workloads().next()) {
            (Some(only), Some(first)) if used.len() == 1 && count > 1 && all.len() == 1 => {
                let saw = format!("all {count} workloads are in it");
                let mut seen = scene.seen(first.object, saw);
                seen.subject = format!("Namespace {only}");
                vec![seen]
            }
            _ => Vec::new(),
        }
    })
}

pub(super) fn default_namespace(scene: &Scene<'_>) -> Answer {
    let of_every_cluster = |object: &Object| {
        matches!(
            (object.kind.as_str(), object.name.as_str()),
            ("Service" | "Endpoints", "kubernetes")
                | ("ConfigMap", "kube-root-ca.crt")
                | ("ServiceAccount", "default")
                | ("EndpointSlice", _)
                | ("Event", _)
        ) || (object.kind == "Secret"
            && object.body.contains("kubernetes.io/service-account-token"))
    };
    let in_default = scene.snapshot.objects.iter().filter(|object| {
        !object.superseded
            && object.namespace.as_deref() == Some("default")
            && !of_every_cluster(object)
    });
    Answer::Seen(
        in_default.map(|object| scene.seen(object, "it is in the namespace default")).collect(),
    )
}
