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
];
