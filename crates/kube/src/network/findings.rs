//! What is wrong with the networks of a cluster.

use std::collections::{BTreeMap, BTreeSet};

use cofferdam_finding::{Applicability, Evidence, Finding, Fingerprint, Fix, Severity, Status};

use super::{
    cluster::{Cluster, Pod},
    entities::{Entities, Entity},
    exposure::{Exposure, exposures},
    members::Members,
    policy::Tier,
    port::{PortSet, Protocol},
    reach::{IpBlocks, Reachability},
    rules,
};

/// Pieces of evidence of a finding; the rest as a number.
const EVIDENCE_TOLD: usize = 20;

/// What is wrong, worst first within each rule; one finding for each namespace or policy.
pub fn findings(cluster: &Cluster, reachability: &Reachability) -> Vec<Finding> {
    let exposures = exposures(cluster, reachability);
    let mut findings = Vec::new();
    findings.extend(by_namespace(&exposures, &rules::NO_INGRESS_DENY, |it| {
        (it.from_any_pod.is_all() && !it.host_network).then(|| Evidence {
            location: it.workload.to_string(),
            saw: format!("any pod reaches it on every port; {} workloads do now", it.reached_by),
            wanted: "a policy that selects it for ingress".into(),
            ..Evidence::default()
        })
    }));
    findings.extend(by_namespace(&exposures, &rules::OPEN_EGRESS, |it| {
        (it.internet.is_all() && !it.host_network).then(|| Evidence {
            location: it.workload.to_string(),
            saw: "it reaches every address of the internet on every port".into(),
            wanted: "egress to what it needs".into(),
            ..Evidence::default()
        })
    }));
    findings.extend(by_namespace(&exposures, &rules::METADATA_ACCESS, |it| {
        let reached = it.metadata.contains(Protocol::Tcp, 80) && !it.host_network;
        reached.then(|| Evidence {
            location: it.workload.to_string(),
            saw: "it reaches 169.254.169.254 on TCP 80".into(),
            wanted: "no egress to 169.254.169.254".into(),
            ..Evidence::default()
        })
    }));
    findings.extend(by_namespace(&exposures, &rules::EXPOSED, exposed));
    findings.extend(dns(cluster, reachability));
    findings.extend(idle(cluster));
    findings.extend(ties(cluster));
    findings
}

/// One finding of `rule` for each namespace in which `evidence` finds something.
fn by_namespace(
    exposures: &[Exposure],
    rule: &rules::NetworkRule,
    evidence: impl Fn(&Exposure) -> Option<Evidence>,
) -> Vec<Finding> {
    let mut namespaces: BTreeMap<&str, Vec<Evidence>> = BTreeMap::new();
    for exposure in exposures {
        let found = evidence(exposure);
        namespaces.entry(&exposure.workload.namespace).or_default().extend(found);
    }
    let found = namespaces.into_iter().filter(|(_, evidence)| !evidence.is_empty());
    found
        .map(|(namespace, evidence)| {
            let count = evidence.len();
            let title = (rule.title_of)(count);
            let summary = rule.fix.replace("NAMESPACE", namespace);
            finding(
                rule.id,
                rule.severity,
                format!("Namespace {namespace}"),
                title,
                evidence,
                summary,
            )
        })
        .collect()
}

fn finding(
    rule: &'static str,
    severity: Severity,
    subject: String,
    title: String,
    mut evidence: Vec<Evidence>,
    fix: String,
) -> Finding {
    if evidence.len() > EVIDENCE_TOLD {
        let more = evidence.len() - EVIDENCE_TOLD;
        evidence.truncate(EVIDENCE_TOLD);
        let saw = format!("{more} more");
        evidence.push(Evidence { location: subject.clone(), saw, ..Evidence::default() });
    }
    Finding {
        rule: rule.into(),
        context: None,
        fingerprint: Fingerprint::of(rule, &subject),
        subject,
        title,
        status: Status::Fail,
        severity,
        evidence,
        fix: Some(Fix { summary: fix, edits: Vec::new(), applicability: Applicability::Manual }),
    }
}

fn exposed(exposure: &Exposure) -> Option<Evidence> {
    if exposure.entries.is_empty() {
        return None;
    }
    let ways = exposure.entries.iter().map(|entry| format!("{} on {}", entry.by, entry.ports));
    Some(Evidence {
        location: exposure.workload.to_string(),
        saw: format!("reached from outside by {}", ways.collect::<Vec<_>>().join("; ")),
        wanted: String::new(),
        ..Evidence::default()
    })
}

/// Pods that do name lookups for the cluster, by the label that every distribution keeps.
pub(super) fn is_dns(pod: &Pod) -> bool {
    let label = |key: &str, values: &[&str]| {
        pod.labels.get(key).is_some_and(|value| values.contains(&value.as_str()))
    };
    label("k8s-app", &["kube-dns", "coredns"])
        || label("dns.operator.openshift.io/daemonset-dns", &["default"])
}

/// Workloads that cannot look up names, or only short answers.
fn dns(cluster: &Cluster, reachability: &Reachability) -> Vec<Finding> {
    let servers: Vec<_> = (0..cluster.pods.len()).filter(|it| is_dns(&cluster.pods[*it])).collect();
    if servers.is_empty() {
        return Vec::new();
    }
    let mut namespaces: BTreeMap<&str, BTreeMap<String, &str>> = BTreeMap::new();
    for (index, pod) in cluster.pods.iter().enumerate().filter(|(_, pod)| !pod.host_network) {
        let reached =
            servers.iter().map(|it| reachability.ports(Entity::Pod(index), Entity::Pod(*it)));
        let ports = reached.fold(PortSet::none(), |all, ports| all.union(ports));
        // OpenShift's listens on 5353.
        let open = |protocol| ports.contains(protocol, 53) || ports.contains(protocol, 5353);
        let saw = match (open(Protocol::Udp), open(Protocol::Tcp)) {
            (true, true) => continue,
            (true, false) => "names are looked up over UDP only: long answers are lost",
            (false, true) => {
                "names are looked up over TCP only, which few programs do by themselves"
            }
            (false, false) => "the cluster's DNS is out of reach",
        };
        namespaces.entry(&pod.namespace).or_default().insert(pod.workload.to_string(), saw);
    }
    let found = namespaces.into_iter().map(|(namespace, workloads)| {
        let rule = &rules::NO_DNS;
        let title = (rule.title_of)(workloads.len());
        let evidence = workloads.into_iter().map(|(location, saw)| Evidence {
            location,
            saw: saw.to_owned(),
            wanted: "egress to the cluster's DNS on UDP and TCP 53".into(),
            ..Evidence::default()
        });
        let summary = rule.fix.replace("NAMESPACE", namespace);
        let subject = format!("Namespace {namespace}");
        finding(rule.id, rule.severity, subject, title, evidence.collect(), summary)
    });
    found.collect()
}

/// Policies that apply to no pod.
fn idle(cluster: &Cluster) -> Vec<Finding> {
    let entities = Entities::new(cluster, []);
    let mut members = Members::new(cluster, &entities, IpBlocks::External);
    let selected = cluster.policies.iter().map(|it| (it, members.of_pods(&it.subject)));
    let idle = selected
        .filter(|(_, selected)| !selected.iter().any(|index| entities.pods().contains(&index)));
    idle.map(|(policy, _)| {
        let rule = &rules::IDLE;
        let evidence = Evidence {
            location: policy.id.to_string(),
            saw: format!("its selector is {}", policy.subject.pods),
            wanted: "a selector that selects pods".into(),
            ..Evidence::default()
        };
        let (title, subject) = (format!("{} applies to no pod", policy.id), policy.id.to_string());
        finding(rule.id, rule.severity, subject, title, vec![evidence], rule.fix.to_owned())
    })
    .collect()
}

/// Policies of administrators whose order the API leaves open.
fn ties(cluster: &Cluster) -> Vec<Finding> {
    let mut turns: BTreeMap<(Tier, i64), BTreeSet<String>> = BTreeMap::new();
    for policy in cluster.policies.iter().filter(|policy| policy.tier != Tier::Namespace) {
        turns.entry((policy.tier, policy.priority)).or_default().insert(policy.id.to_string());
    }
    let ties = turns.into_iter().filter(|(_, policies)| policies.len() > 1);
    ties.map(|((_, priority), policies)| {
        let rule = &rules::TIE;
        let names: Vec<_> = policies.into_iter().collect();
        let evidence = names.iter().map(|name| Evidence {
            location: name.clone(),
            saw: format!("priority {priority}"),
            wanted: "a priority of its own".into(),
            ..Evidence::default()
        });
        let title = format!("{} have the same priority {priority}", names.join(" and "));
        let subject = names.join(", ");
        finding(rule.id, rule.severity, subject, title, evidence.collect(), rule.fix.to_owned())
    })
    .collect()
}
