//! The rules about networks: what each looks for, why, and what to do.

use cofferdam_finding::{Reference, Rule, Severity, Topic};

/// A policy that the API server would refuse.
pub const POLICY_NOT_IN_EFFECT: &str = "kube-netpol-not-in-effect";
/// A policy depends on what the objects of the cluster do not say.
pub const POLICY_NOT_DECIDED: &str = "kube-netpol-not-decided";

/// Something else than the policies of the API decides about connections, too.
pub const POLICY_NOT_ANALYSED: &str = "kube-netpol-not-analysed";

const API: &[Reference] = &[Reference::new(
    "URL",
    "https://kubernetes.io/docs/concepts/services-networking/network-policies/",
)];

/// What a finding says, beside the text of its rule.
pub(crate) struct NetworkRule {
    pub(crate) id: &'static str,
    pub(crate) severity: Severity,
    /// The title of a finding about so many workloads.
    pub(crate) title_of: fn(usize) -> String,
    /// What to do, with `NAMESPACE` for the namespace.
    pub(crate) fix: &'static str,
}

fn workloads(count: usize) -> String {
    if count == 1 { "1 workload".to_owned() } else { format!("{count} workloads") }
}

pub(crate) const NO_INGRESS_DENY: NetworkRule = NetworkRule {
    id: "kube-netpol-ingress-open",
    severity: Severity::Medium,
    title_of: |count| format!("any pod of the cluster reaches {}", workloads(count)),
    fix: "add a default deny and what is needed: \
          cofferdam kube netpol generate PATH --namespace NAMESPACE",
};
pub(crate) const OPEN_EGRESS: NetworkRule = NetworkRule {
    id: "kube-netpol-internet-egress",
    severity: Severity::Medium,
    title_of: |count| format!("{} may connect to anywhere", workloads(count)),
    fix: "deny egress by default and name what is needed: \
          cofferdam kube netpol generate PATH --namespace NAMESPACE",
};
pub(crate) const METADATA_ACCESS: NetworkRule = NetworkRule {
    id: "kube-netpol-metadata-access",
    severity: Severity::Medium,
    title_of: |count| format!("the metadata address is open to {}", workloads(count)),
    fix: "deny egress by default, or except 169.254.169.254/32 from the blocks that are allowed",
};
pub(crate) const EXPOSED: NetworkRule = NetworkRule {
    id: "kube-netpol-exposed",
    severity: Severity::Info,
    title_of: |count| format!("{} reached from outside of the cluster", workloads(count)),
    fix: "make sure that each is meant to be; restrict sources by ipBlock or \
          loadBalancerSourceRanges where they are known",
};
pub(crate) const NO_DNS: NetworkRule = NetworkRule {
    id: "kube-netpol-no-dns",
    severity: Severity::Low,
    title_of: |count| format!("policies cut {} off from DNS", workloads(count)),
    fix: "allow egress to the pods with k8s-app=kube-dns in kube-system on UDP and TCP 53",
};
pub(crate) const IDLE: NetworkRule = NetworkRule {
    id: "kube-netpol-idle",
    severity: Severity::Low,
    title_of: |_| String::new(),
    fix: "correct the selector, or remove the policy",
};
pub(crate) const TIE: NetworkRule = NetworkRule {
    id: "kube-netpol-priority-tie",
    severity: Severity::Medium,
    title_of: |_| String::new(),
    fix: "give each policy of a tier a priority of its own",
};

const NIST: &[Reference] =
    &[Reference::new("NIST SP 800-190", "4.4.2"), Reference::new("CIS", "Kubernetes 5.3.2")];
const METADATA: &[Reference] =
    &[Reference::new("NIST SP 800-190", "4.4.2"), Reference::new("CWE", "918")];
const POLICY_API: &[Reference] =
    &[Reference::new("URL", "https://network-policy-api.sigs.k8s.io/")];

/// The rules about networks.
pub(crate) static RULES: &[Rule] = &[
    Rule::new(
        POLICY_NOT_IN_EFFECT,
        "A network policy is not in effect",
        Severity::High,
        Topic::Coverage,
        [
            "Reads every NetworkPolicy, AdminNetworkPolicy, BaselineAdminNetworkPolicy and \
                 ClusterNetworkPolicy as the API server would. This one has a field with a value \
                 that it cannot have, or is of a version that is not understood.",
            "The API server refuses such a policy, so that it protects nothing. It was left \
                 out of the analysis.",
            "Correct the field that is named; 'kubectl apply --dry-run=server -f FILE' says \
                 whether the server takes it.",
        ],
        API,
    ),
    Rule::new(
        POLICY_NOT_DECIDED,
        "A network policy depends on names of the DNS",
        Severity::Low,
        Topic::Coverage,
        [
            "A rule lets connections through to names of the DNS. Which addresses they have \
                 when a connection is made is not in the objects of the cluster.",
            "What the rule adds is missing from the connections that are listed: the pods may \
                 reach more than is said here.",
            "Keep it in mind when reading the result; where the addresses are stable, name \
                 them as networks instead.",
        ],
        API,
    ),
    Rule::new(
        POLICY_NOT_ANALYSED,
        "Something else than network policies decides about connections",
        Severity::Medium,
        Topic::Coverage,
        [
            "Looks for the policies of Cilium, Calico, Antrea and Istio and for further \
                 networks of pods (Multus, user-defined networks of OVN-Kubernetes). They are not \
                 part of the Kubernetes API and are not analysed.",
            "They may deny what is listed as possible, and some may allow, or carry over \
                 another network, what is listed as denied.",
            "Take the result as what the policies of the Kubernetes API say, and look at the \
                 other ones with the tools of their makers.",
        ],
        API,
    ),
    Rule::new(
        NO_INGRESS_DENY.id,
        "Any pod of the cluster reaches workloads",
        NO_INGRESS_DENY.severity,
        Topic::Network,
        [
            "Works out from all policies together which workloads a pod of unknown labels \
                 in another namespace reaches on every port: no policy selects them for \
                 ingress, or the one that does allows everything.",
            "Whoever takes over any pod of the cluster can try every port of these, \
                 debugging and administration ports included. The network stops no lateral \
                 movement.",
            "Deny ingress by default in every namespace, with a policy that has an empty \
                 podSelector and no rule, and allow what each workload needs. 'cofferdam kube \
                 netpol generate' writes such policies and proves what they permit.",
        ],
        NIST,
    ),
    Rule::new(
        OPEN_EGRESS.id,
        "Workloads may connect to anywhere",
        OPEN_EGRESS.severity,
        Topic::Network,
        [
            "Works out from all policies together which workloads reach every public IPv4 \
                 address on every port.",
            "Code that was put into such a pod can fetch tools, be controlled and send data \
                 out, wherever it wants.",
            "Deny egress by default and allow the destinations that are needed; 'cofferdam \
                 kube netpol generate' does so from declared dependencies or a flow log.",
        ],
        NIST,
    ),
    Rule::new(
        METADATA_ACCESS.id,
        "Workloads reach the metadata address",
        METADATA_ACCESS.severity,
        Topic::Network,
        [
            "Works out which workloads reach 169.254.169.254 on TCP 80, where the large \
                 clouds hand out what an instance knows of itself.",
            "It hands out credentials of the node to whoever asks from it. A request forged \
                 through a web application (SSRF) is enough. Outside of a cloud nothing answers \
                 there.",
            "Deny egress by default, or add the address as an exception to the ipBlock that \
                 allows it; ask the cloud for tokens that need a session (IMDSv2 with a hop \
                 limit of 1), too.",
        ],
        METADATA,
    ),
    Rule::new(
        EXPOSED.id,
        "Workloads are reached from outside of the cluster",
        EXPOSED.severity,
        Topic::Network,
        [
            "Follows services of type LoadBalancer and NodePort, external IPs, host ports, \
                 and ingresses and routes to the pods behind them, as far as policies let \
                 connections through.",
            "They are where an attack begins. It is what such services are for, so that \
                 this is information, not an error.",
            "Check that each is meant to be reached; restrict its sources where they are \
                 known.",
        ],
        NIST,
    ),
    Rule::new(
        NO_DNS.id,
        "Policies cut workloads off from DNS",
        NO_DNS.severity,
        Topic::Network,
        [
            "Works out which workloads cannot reach the cluster's DNS pods over UDP and \
                 TCP. Answers that do not fit a datagram are asked for again over TCP.",
            "The workload fails, or fails sometimes; then somebody opens egress altogether.",
            "Allow egress to the DNS pods on port 53 of both protocols.",
        ],
        API,
    ),
    Rule::new(
        IDLE.id,
        "A network policy applies to no pod",
        IDLE.severity,
        Topic::Network,
        [
            "Compares the selector of every policy with the labels of all pods and \
                 namespaces.",
            "Often a typing error in a label: the pods for which the policy was written are \
                 not protected by it.",
            "Correct the selector, or remove the policy. If its pods are yet to come, a \
                 waiver may say so.",
        ],
        API,
    ),
    Rule::new(
        TIE.id,
        "The order of two network policies is open",
        TIE.severity,
        Topic::Network,
        [
            "Compares the priorities of AdminNetworkPolicies and ClusterNetworkPolicies of \
                 one tier.",
            "If policies of one tier have one priority, the implementation may apply \
                 either; what is allowed can change with its version. The analysis takes them \
                 by kind and name.",
            "Give each a priority of its own.",
        ],
        POLICY_API,
    ),
];
