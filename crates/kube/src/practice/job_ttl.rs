use serde::Deserialize;

use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-job-kept",
        "A finished job is kept for ever",
        cofferdam_finding::Severity::Info,
        "A Job that no CronJob made does not set ttlSecondsAfterFinished.",
        "Finished jobs and their pods, with logs and environment, stay until somebody removes \
         them.",
        "Set ttlSecondsAfterFinished.",
    ),
    look,
};

#[derive(Deserialize)]
struct Job {
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    ttl_seconds_after_finished: Option<i64>,
}

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let workload = subject.workload;
    if workload.object.kind != "Job" || workload.own.controller().is_some() {
        return Vec::new();
    }
    match workload.object.view::<Job>() {
        Ok(Job { spec: Spec { ttl_seconds_after_finished: None } }) => {
            vec![Observed::new("spec.ttlSecondsAfterFinished".into(), "unset", "a number")]
        }
        _ => Vec::new(),
    }
}
