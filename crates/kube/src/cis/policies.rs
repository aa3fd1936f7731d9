//! Section 5 of the benchmark, decided from what the API shows: our own words and checks, the numbers
//! of the benchmark. What it leaves to a person is decided here where a dump can.

mod access;
mod admission;
mod pods;
mod scene;

use std::{borrow::Cow, sync::LazyLock};

use cofferdam_finding::{
    Applicability, Evidence, Explanation, Finding, Fingerprint, Fix, Gap, Reference, Rule,
    Severity, Status, Topic,
};
use serde::Deserialize;

use self::scene::Scene;
use crate::Snapshot;

/// The table of recommendations.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    benchmark: String,
    #[expect(dead_code, reason = "for whoever reads the file")]
    numbers: String,
    recommendations: Vec<Recommendation>,
}

/// A recommendation in our words.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recommendation {
    id: String,
    rule: String,
    severity: Severity,
    topic: Topic,
    title: String,
    what: String,
    why: String,
    fix: String,
}

/// What a check saw.
enum Answer {
    /// These things are not as they should be; none if it holds.
    Seen(Vec<Seen>),
    /// It cannot be decided from this snapshot.
    Unknown(String),
}

/// Something that is not as it should be.
struct Seen {
    /// Which object.
    subject: String,
    /// Where it stands.
    place: String,
    /// What is the case.
    saw: String,
}

type Check = fn(&Scene<'_>) -> Answer;

fn table() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        serde_json::from_str(include_str!("../../../../data/cis/policies.json"))
            .expect("a test reads the table that is shipped")
    });
    &TABLE
}

/// The check of a recommendation.
fn check(id: &str) -> Option<Check> {
    Some(match id {
        "5.1.1" => access::cluster_admin,
        "5.1.2" => access::secrets,
        "5.1.3" => access::wildcards,
        "5.1.4" => access::pod_creation,
        "5.1.5" => access::default_account,
        "5.1.6" => access::needless_token,
        "5.1.7" => access::system_masters,
        "5.1.8" => access::escalation,
        "5.1.9" => access::volume_creation,
        "5.1.10" => access::node_proxy,
        "5.1.11" => access::request_approval,
        "5.1.12" => access::webhook_writing,
        "5.1.13" => access::token_creation,
        "5.2.1" => admission::policy_control,
        "5.2.2" => pods::privileged,
        "5.2.3" => pods::host_pid,
        "5.2.4" => pods::host_ipc,
        "5.2.5" => pods::host_network,
        "5.2.6" => pods::privilege_escalation,
        "5.2.7" => pods::root_user,
        "5.2.8" => pods::net_raw,
        "5.2.9" => pods::added_capabilities,
        "5.2.10" => pods::kept_capabilities,
        "5.2.11" => pods::windows_host_process,
        "5.2.12" => pods::host_path,
        "5.2.13" => pods::host_ports,
        "5.3.1" => admission::network_plugin,
        "5.3.2" => admission::network_policies,
        "5.4.1" => pods::secrets_in_environment,
        "5.4.2" => admission::secret_store,
        "5.5.1" => admission::image_provenance,
        "5.6.1" => admission::namespaces,
        "5.6.2" => pods::seccomp,
        "5.6.3" => pods::security_context,
        "5.6.4" => admission::default_namespace,
        _ => return None,
    })
}

/// The rules of the recommendations.
pub fn rules() -> &'static [Rule] {
    static RULES: LazyLock<Vec<Rule>> =
        LazyLock::new(|| table().recommendations.iter().map(rule).collect());
    &RULES
}

/// Benchmark and version that the numbers are of.
pub fn benchmark() -> &'static str {
    &table().benchmark
}

fn rule(one: &'static Recommendation) -> Rule {
    Rule {
        id: Cow::Borrowed(&one.rule),
        title: Cow::Borrowed(&one.title),
        severity: one.severity,
        topic: one.topic,
        explain: Explanation {
            what: Cow::Borrowed(&one.what),
            why: Cow::Borrowed(&one.why),
            fix: Cow::Borrowed(&one.fix),
        },
        references: Cow::Owned(vec![Reference {
            system: Cow::Borrowed("CIS"),
            id: Cow::Owned(format!("Kubernetes 1.11 {}", one.id)),
        }]),
    }
}

/// Decides all recommendations; those that hold are findings, too. What could not be understood of the
/// snapshot's roles and workloads is a gap.
pub fn evaluate(snapshot: &Snapshot) -> (Vec<Finding>, Vec<Gap>) {
    let scene = Scene::of(snapshot);
    let mut findings = Vec::new();
    for one in &table().recommendations {
        let Some(check) = check(&one.id) else { continue };
        match check(&scene) {
            Answer::Seen(seen) if seen.is_empty() => {
                findings.push(finding(one, "cluster".into(), Status::Pass, None));
            }
            Answer::Seen(seen) => findings.extend(seen.into_iter().map(|seen| {
                let evidence =
                    Evidence { location: seen.place, saw: seen.saw, ..Evidence::default() };
                finding(one, seen.subject, Status::Fail, Some(evidence))
            })),
            Answer::Unknown(gap) => {
                findings.push(finding(one, "cluster".into(), Status::Unknown { gap }, None));
            }
        }
    }
    (findings, scene.gaps())
}

fn finding(
    one: &Recommendation,
    subject: String,
    status: Status,
    evidence: Option<Evidence>,
) -> Finding {
    let fix = (status == Status::Fail).then(|| Fix {
        summary: one.fix.clone(),
        edits: Vec::new(),
        applicability: Applicability::Manual,
    });
    let saw = evidence.as_ref().map_or(String::new(), |evidence| format!(": {}", evidence.saw));
    Finding {
        fingerprint: Fingerprint::of(&one.rule, &subject),
        title: format!("CIS {} {}{saw}", one.id, one.title),
        rule: Cow::Owned(one.rule.clone()),
        subject,
        status,
        severity: one.severity,
        evidence: evidence.into_iter().collect(),
        fix,
        context: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recommendation_has_a_check_and_a_name_of_its_own() {
        let mut names = std::collections::BTreeSet::new();
        for one in &table().recommendations {
            assert!(check(&one.id).is_some(), "{}", one.id);
            assert!(names.insert(&one.rule) && one.rule.starts_with("kube-cis-"), "{}", one.rule);
        }
        assert_eq!(rules().len(), 35);
        assert!(check("5.9.9").is_none());
    }
}
