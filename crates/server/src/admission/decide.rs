use cofferdam_finding::Severity;
use cofferdam_kube::{
    Snapshot, Workload, load,
    practice::{self, Settings},
    pss::{self, Observed},
};
use serde_json::Value;

use super::policy::{Action, Policy};

/// A rule that an object breaks, and what happens for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Id of the rule; empty if the object cannot be understood.
    pub rule: String,
    /// What happens.
    pub action: Action,
    /// What breaks it, in a line.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// What is said about an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Rules that it breaks, the gravest action first. What is ignored is not in it.
    pub decided: Vec<Decided>,
}

impl Verdict {
    /// Whether the object may be.
    pub fn allows(&self) -> bool {
        self.decided.iter().all(|one| one.action != Action::Deny)
    }
}

/// What the policy says about an object that is to be in `namespace`.
pub fn decide(object: &Value, namespace: &str, policy: &Policy) -> Verdict {
    let mut object = object.clone();
    // Requests say the namespace beside the object.
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
        && !namespace.is_empty()
    {
        metadata.insert("namespace".into(), namespace.into());
    }
    let text = object.to_string();
    let snapshot = load::texts([("request", text.as_bytes())]);
    let mut verdict = Verdict::default();
    for gap in &snapshot.gaps {
        // Objects get their names from the server after this.
        if gap.rule != cofferdam_kube::rules::OBJECT_UNNAMED {
            verdict.unclear(&gap.why, policy);
        }
    }
    for object in &snapshot.objects {
        match Workload::of(object) {
            Some(Ok(workload)) => look(&workload, policy, &mut verdict),
            Some(Err(error)) => verdict.unclear(&error.to_string(), policy),
            None => {}
        }
    }
    if is_empty(&snapshot) {
        verdict.unclear("it is no object", policy);
    }
    verdict.decided.sort_by(|a, b| b.action.cmp(&a.action).then_with(|| a.rule.cmp(&b.rule)));
    verdict
}

fn is_empty(snapshot: &Snapshot) -> bool {
    snapshot.objects.is_empty() && snapshot.gaps.is_empty()
}

fn look(workload: &Workload<'_>, policy: &Policy, verdict: &mut Verdict) {
    for broken in pss::evaluate(workload, policy.level, policy.version) {
        let rule = &broken.check.rule;
        verdict.add(&rule.id, rule.severity, &broken.observed, &rule.explain.fix, policy);
    }
    let settings = Settings { registries: policy.registries.clone() };
    for (practice, observed) in practice::observe(workload, &settings) {
        let rule = &practice.rule;
        verdict.add(&rule.id, rule.severity, &observed, &rule.explain.fix, policy);
    }
}

impl Verdict {
    fn add(
        &mut self,
        rule: &str,
        severity: Severity,
        observed: &[Observed],
        fix: &str,
        policy: &Policy,
    ) {
        let action = policy.action(rule, severity);
        if action != Action::Ignore {
            let what = summary(observed);
            self.decided.push(Decided { rule: rule.to_owned(), action, what, fix: fix.to_owned() });
        }
    }

    fn unclear(&mut self, why: &str, policy: &Policy) {
        if policy.not_understood != Action::Ignore {
            self.decided.push(Decided {
                rule: String::new(),
                action: policy.not_understood,
                what: format!("it cannot be understood: {why}"),
                fix: String::new(),
            });
        }
    }
}

/// The first field and what it is, and how many more.
fn summary(observed: &[Observed]) -> String {
    let Some(first) = observed.first() else { return String::new() };
    let more = match observed.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    format!("{} is {}{more}", first.field, first.saw)
}
