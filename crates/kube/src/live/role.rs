use std::collections::BTreeMap;

/// A kind that something here looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Plural name.
    pub resource: &'static str,
}

/// Group, and resources of it.
const TABLE: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "configmaps",
            "endpoints",
            "limitranges",
            "namespaces",
            "nodes",
            "persistentvolumeclaims",
            "persistentvolumes",
            "pods",
            "podtemplates",
            "replicationcontrollers",
            "resourcequotas",
            "serviceaccounts",
            "services",
        ],
    ),
    (
        "admissionregistration.k8s.io",
        &[
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
            "mutatingwebhookconfigurations",
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
            "validatingwebhookconfigurations",
        ],
    ),
    ("apiextensions.k8s.io", &["customresourcedefinitions"]),
    ("apiregistration.k8s.io", &["apiservices"]),
    ("apps", &["daemonsets", "deployments", "replicasets", "statefulsets"]),
    ("apps.openshift.io", &["deploymentconfigs"]),
    ("argoproj.io", &["rollouts"]),
    ("autoscaling", &["horizontalpodautoscalers"]),
    ("batch", &["cronjobs", "jobs"]),
    ("certificates.k8s.io", &["certificatesigningrequests"]),
    ("cilium.io", &["ciliumclusterwidenetworkpolicies", "ciliumnetworkpolicies"]),
    ("crd.antrea.io", &["clusternetworkpolicies", "networkpolicies"]),
    ("crd.projectcalico.org", &["globalnetworkpolicies", "networkpolicies"]),
    ("gateway.networking.k8s.io", &["gateways", "grpcroutes", "httproutes", "tlsroutes"]),
    ("k8s.cni.cncf.io", &["multi-networkpolicies", "network-attachment-definitions"]),
    ("k8s.ovn.org", &["clusteruserdefinednetworks", "egressfirewalls", "userdefinednetworks"]),
    ("kubevirt.io", &["virtualmachineinstances", "virtualmachines"]),
    ("networking.k8s.io", &["ingressclasses", "ingresses", "networkpolicies"]),
    ("policy", &["poddisruptionbudgets"]),
    (
        "policy.networking.k8s.io",
        &["adminnetworkpolicies", "baselineadminnetworkpolicies", "clusternetworkpolicies"],
    ),
    ("projectcalico.org", &["globalnetworkpolicies", "networkpolicies"]),
    (
        "rbac.authorization.k8s.io",
        &["clusterrolebindings", "clusterroles", "rolebindings", "roles"],
    ),
    ("route.openshift.io", &["routes"]),
    ("scheduling.k8s.io", &["priorityclasses"]),
    ("security.istio.io", &["authorizationpolicies"]),
    ("serving.knative.dev", &["configurations", "services"]),
    ("storage.k8s.io", &["storageclasses"]),
];

const COUNT: usize = {
    let (mut count, mut index) = (0, 0);
    while index < TABLE.len() {
        count += TABLE[index].1.len();
        index += 1;
    }
    count
};

/// The kinds that something here looks at. Others are kept and counted where they may be listed.
pub static KINDS: [Kind; COUNT] = {
    let mut kinds = [Kind { group: "", resource: "" }; COUNT];
    let (mut at, mut row) = (0, 0);
    while row < TABLE.len() {
        let (group, resources) = TABLE[row];
        let mut column = 0;
        while column < resources.len() {
            kinds[at] = Kind { group, resource: resources[column] };
            at += 1;
            column += 1;
        }
        row += 1;
    }
    kinds
};

/// The ClusterRole with the least rights that reading a cluster needs, as YAML. Reading the names of
/// Secrets needs the right to list them: whoever has that can read what they hold.
pub fn role(name: &str, secret_names: bool) -> String {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for kind in &KINDS {
        groups.entry(kind.group).or_default().push(kind.resource);
    }
    if secret_names {
        groups.entry("").or_default().push("secrets");
    }
    let mut text = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: {name}\nrules:\n"
    );
    for (group, mut resources) in groups {
        resources.sort_unstable();
        let group = if group.is_empty() { "''" } else { group };
        text.push_str(&format!("- apiGroups: [{group}]\n  resources:\n"));
        resources.iter().for_each(|one| text.push_str(&format!("  - {one}\n")));
        text.push_str("  verbs: [list]\n");
    }
    text.push_str("- nonResourceURLs: [/api, /api/*, /apis, /apis/*, /version]\n  verbs: [get]\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load;

    #[test]
    fn the_role_lists_and_does_nothing_else() {
        let text = role("auditor", false);
        let snapshot = load::texts([("role.yaml", text.as_bytes())]);
        assert_eq!(snapshot.gaps, []);
        let role: crate::api::ClusterRole = snapshot.objects[0].view().unwrap();
        assert!(role.rules.iter().all(|rule| rule.verbs == ["list"] || rule.verbs == ["get"]));
        let named: usize = role.rules.iter().map(|rule| rule.resources.len()).sum();
        assert_eq!(named, KINDS.len());
        assert!(!text.contains("secrets"));
        assert!(super::role("auditor", true).contains("  - secrets\n"));
    }
}
