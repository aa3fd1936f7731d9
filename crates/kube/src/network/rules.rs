//! The rules about networks: what each looks for, why, and what to do.

use std::borrow::Cow;

use cofferdam_finding::{Explanation, Reference, Rule, Severity, Topic};

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
    Rule {
        id: Cow::Borrowed(POLICY_NOT_IN_EFFECT),
        title: Cow::Borrowed("A network policy is not in effect"),
        severity: Severity::High,
        topic: Topic::Coverage,
        explain: Explanation {
            what: Cow::Borrowed(
                "Reads every NetworkPolicy, AdminNetworkPolicy, BaselineAdminNetworkPolicy and \
                 ClusterNetworkPolicy as the API server would. This one has a field with a value \
                 that it cannot have, or is of a version that is not understood.",
            ),
            why: Cow::Borrowed(
                "The API server refuses such a policy, so that it protects nothing. It was left \
                 out of the analysis.",
            ),
            fix: Cow::Borrowed(
                "Correct the field that is named; 'kubectl apply --dry-run=server -f FILE' says \
                 whether the server takes it.",
            ),
        },
        references: Cow::Borrowed(API),
    },
    Rule {
        id: Cow::Borrowed(POLICY_NOT_DECIDED),
        title: Cow::Borrowed("A network policy depends on names of the DNS"),
        severity: Severity::Low,
        topic: Topic::Coverage,
        explain: Explanation {
            what: Cow::Borrowed(
                "A rule lets connections through to names of the DNS. Which addresses they have \
                 when a connection is made is not in the objects of the cluster.",
            ),
            why: Cow::Borrowed(
                "What the rule adds is missing from the connections that are listed: the pods may \
                 reach more than is said here.",
            ),
            fix: Cow::Borrowed(
                "Keep it in mind when reading the result; where the addresses are stable, name \
                 them as networks instead.",
            ),
        },
        references: Cow::Borrowed(API),
    },
    Rule {
        id: Cow::Borrowed(POLICY_NOT_ANALYSED),
        title: Cow::Borrowed("Something else than network policies decides about connections"),
        severity: Severity::Medium,
        topic: Topic::Coverage,
        explain: Explanation {
            what: Cow::Borrowed(
                "Looks for the policies of Cilium, Calico, Antrea and Istio and for further \
                 networks of pods (Multus, user-defined networks of OVN-Kubernetes). They are not \
                 part of the Kubernetes API and are not analysed.",
            ),
            why: Cow::Borrowed(
                "They may deny what is listed as possible, and some may allow, or carry over \
                 another network, what is listed as denied.",
            ),
            fix: Cow::Borrowed(
                "Take the result as what the policies of the Kubernetes API say, and look at the \
                 other ones with the tools of their makers.",
            ),
        },
        references: Cow::Borrowed(API),
    },
    Rule {
        id: Cow::Borrowed(NO_INGRESS_DENY.id),
        title: Cow::Borrowed("Any pod of the cluster reaches workloads"),
        severity: NO_INGRESS_DENY.severity,
        topic: Topic::Network,
        explain: Explanation {
            what: Cow::Borrowed(
                "Works out from all policies together which workloads a pod of unknown labels \
                 in another namespace reaches on every port: no policy selects them for \
                 ingress, or the one that does allows everything.",
            ),
            why: Cow::Borrowed(
                "Whoever takes over any pod of the cluster can try every port of these, \
                 debugging and administration ports included. The network stops no lateral \
                 movement.",
            ),
            fix: Cow::Borrowed(
                "Deny ingress by default in every namespace, with a policy that has an empty \
                 podSelector and no rule, and allow what each workload needs. 'cofferdam kube \
                 netpol generate' writes such policies and proves what they permit.",
            ),
        },
        references: Cow::Borrowed(NIST),
    },
    Rule {
        id: Cow::Borrowed(OPEN_EGRESS.id),
        title: Cow::Borrowed("Workloads may connect to anywhere"),
        severity: OPEN_EGRESS.severity,
        topic: Topic::Network,
        explain: Explanation {
            what: Cow::Borrowed(
                "Works out from all policies together which workloads reach every public IPv4 \
                 address on every port.",
            ),
            why: Cow::Borrowed(
                "Code that was put into such a pod can fetch tools, be controlled and send data \
                 out, wherever it wants.",
            ),
            fix: Cow::Borrowed(
                "Deny egress by default and allow the destinations that are needed; 'cofferdam \
                 kube netpol generate' does so from declared dependencies or a flow log.",
            ),
        },
        references: Cow::Borrowed(NIST),
    },
    Rule {
        id: Cow::Borrowed(METADATA_ACCESS.id),
        title: Cow::Borrowed("Workloads reach the metadata address"),
        severity: METADATA_ACCESS.severity,
        topic: Topic::Network,
        explain: Explanation {
            what: Cow::Borrowed(
                "Works out which workloads reach 169.254.169.254 on TCP 80, where the large \
                 clouds hand out what an instance knows of itself.",
            ),
            why: Cow::Borrowed(
                "It hands out credentials of the node to whoever asks from it. A request forged \
                 through a web application (SSRF) is enough. Outside of a cloud nothing answers \
                 there.",
            ),
            fix: Cow::Borrowed(
                "Deny egress by default, or add the address as an exception to the ipBlock that \
                 allows it; ask the cloud for tokens that need a session (IMDSv2 with a hop \
                 limit of 1), too.",
            ),
        },
        references: Cow::Borrowed(METADATA),
    },
    Rule {
        id: Cow::Borrowed(EXPOSED.id),
        title: Cow::Borrowed("Workloads are reached from outside of the cluster"),
        severity: EXPOSED.severity,
        topic: Topic::Network,
        explain: Explanation {
            what: Cow::Borrowed(
                "Follows services of type LoadBalancer and NodePort, external IPs, host ports, \
                 and ingresses and routes to the pods behind them, as far as policies let \
                 connections through.",
            ),
            why: Cow::Borrowed(
                "They are where an attack begins. It is what such services are for, so that \
                 this is information, not an error.",
            ),
            fix: Cow::Borrowed(
                "Check that each is meant to be reached; restrict its sources where they are \
                 known.",
            ),
        },
        references: Cow::Borrowed(NIST),
    },
    Rule {
        id: Cow::Borrowed(NO_DNS.id),
        title: Cow::Borrowed("Policies cut workloads off from DNS"),
        severity: NO_DNS.severity,
        topic: Topic::Network,
        explain: Explanation {
            what: Cow::Borrowed(
                "Works out which workloads cannot reach the cluster's DNS pods over UDP and \
                 TCP. Answers that do not fit a datagram are asked for again over TCP.",
            ),
            why: Cow::Borrowed(
                "The workload fails, or fails sometimes; then somebody opens egress altogether.",
            ),
            fix: Cow::Borrowed("Allow egress to the DNS pods on port 53 of both protocols."),
        },
        references: Cow::Borrowed(API),
    },
    Rule {
        id: Cow::Borrowed(IDLE.id),
        title: Cow::Borrowed("A network policy applies to no pod"),
        severity: IDLE.severity,
        topic: Topic::Network,
        explain: Explanation {
            what: Cow::Borrowed(
                "Compares the selector of every policy with the labels of all pods and \
                 namespaces.",
            ),
            why: Cow::Borrowed(
                "Often a typing error in a label: the pods for which the policy was written are \
                 not protected by it.",
            ),
            fix: Cow::Borrowed(
                "Correct the selector, or remove the policy. If its pods are yet to come, a \
                 waiver may say so.",
            ),
        },
        references: Cow::Borrowed(API),
    },
    Rule {
        id: Cow::Borrowed(TIE.id),
        title: Cow::Borrowed("The order of two network policies is open"),
        severity: TIE.severity,
        topic: Topic::Network,
        explain: Explanation {
            what: Cow::Borrowed(
                "Compares the priorities of AdminNetworkPolicies and ClusterNetworkPolicies of \
                 one tier.",
            ),
            why: Cow::Borrowed(
                "If policies of one tier have one priority, the implementation may apply \
                 either; what is allowed can change with its version. The analysis takes them \
                 by kind and name.",
            ),
            fix: Cow::Borrowed("Give each a priority of its own."),
        },
        references: Cow::Borrowed(POLICY_API),
    },
];
