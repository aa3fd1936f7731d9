//! A file of checks, made on a machine.

use std::collections::BTreeSet;

use super::{
    Cluster,
    controls::{Check, Controls},
    evaluate::{Outputs, evaluate},
    node::Node,
    shell::{self, Ended},
};

/// Which checks are made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// These checks only, if any are named.
    pub checks: BTreeSet<String>,
    /// These groups only, if any are named.
    pub groups: BTreeSet<String>,
    /// Checks and groups that are left out.
    pub skipped: BTreeSet<String>,
}

/// What the checks see.
pub struct Scene<'a> {
    /// The machine.
    pub node: &'a dyn Node,
    /// The cluster.
    pub cluster: Option<&'a Cluster<'a>>,
    /// Runs what the interpreter does not know: exit status and output, or why it could not.
    pub fallback: Option<&'a Fallback<'a>>,
}

/// Runs a command: exit status and output, or why that was not possible.
pub type Fallback<'a> = dyn Fn(&str) -> Result<(i32, String), String> + 'a;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It holds.
    Pass,
    /// It does not.
    Fail,
    /// It does not and is not scored, or a person has to look.
    Warn,
    /// It was left out.
    Info,
    /// It could not be decided from here.
    Unknown,
}

/// A section of a benchmark with its results.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Results {
    /// The file of checks, without its groups.
    pub controls: Controls,
    /// Release that the benchmark was chosen for, if it was.
    pub detected: String,
    /// Groups in which checks were made.
    pub groups: Vec<GroupResults>,
}

/// A group with its results.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupResults {
    /// Number.
    pub id: String,
    /// Title.
    pub text: String,
    /// Its checks.
    pub checks: Vec<Checked>,
}

/// A check with its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The check, as it was made.
    pub check: Check,
    /// How it came out.
    pub state: State,
    /// What there was.
    pub actual: String,
    /// What there should have been.
    pub expected: String,
    /// Why it came out so, if not by comparing.
    pub reason: String,
}

impl Results {
    /// Results in one of the states.
    pub fn count(&self, state: State) -> usize {
        self.checks().filter(|checked| checked.state == state).count()
    }

    /// All checks.
    pub fn checks(&self) -> impl Iterator<Item = &Checked> {
        self.groups.iter().flat_map(|group| &group.checks)
    }
}

/// Makes the checks of a file whose variables have been replaced by `programs`, among others.
pub fn run(
    mut controls: Controls,
    programs: &[String],
    filter: &Filter,
    scene: &Scene<'_>,
) -> Results {
    let groups = std::mem::take(&mut controls.groups);
    let mut results = Results { controls, ..Results::default() };
    for group in groups {
        let left_out = group.kind == "skip" || filter.skipped.contains(&group.id);
        for mut check in group.checks {
            let named = |names: &BTreeSet<String>, id: &str| names.is_empty() || names.contains(id);
            if !named(&filter.groups, &group.id) || !named(&filter.checks, &check.id) {
                continue;
            }
            if left_out || filter.skipped.contains(&check.id) {
                check.kind = "skip".into();
            }
            environment(&mut check, programs);
            let checked = one(check, scene);
            match results.groups.iter_mut().find(|known| known.id == group.id) {
                Some(known) => known.checks.push(checked),
                None => results.groups.push(GroupResults {
                    id: group.id.clone(),
                    text: group.text.clone(),
                    checks: vec![checked],
                }),
            }
        }
    }
    results
}

/// Where a variable is looked for and no command prints the environment, one that does is added.
fn environment(check: &mut Check, programs: &[String]) {
    let Some(tests) = check.tests.as_ref().filter(|_| !check.no_environment) else { return };
    if check.audit_env.is_empty() && tests.items.iter().any(|item| !item.env.is_empty()) {
        let program = if let [program] = programs { program } else { "" };
        check.audit_env = format!(
            "cat \"/proc/$(/bin/ps -C {program} -o pid= | tr -d ' ')/environ\" | tr '\\0' '\\n'"
        );
    }
}

fn one(check: Check, scene: &Scene<'_>) -> Checked {
    let not_met = if check.scored { State::Fail } else { State::Warn };
    let mut checked = Checked {
        state: not_met,
        actual: String::new(),
        expected: String::new(),
        reason: String::new(),
        check,
    };
    let Checked { check, .. } = &checked;
    let ended = match (check.kind.as_str(), &check.tests) {
        (kind, None) if check.scored && kind.trim().is_empty() => {
            Some((State::Warn, "There are no tests"))
        }
        ("skip", _) => Some((State::Info, "Test marked as skip")),
        ("manual", _) => Some((State::Warn, "Test marked as a manual test")),
        (_, None) => Some((not_met, "No tests defined")),
        (_, Some(tests)) if tests.items.is_empty() => Some((not_met, "No tests defined")),
        _ => None,
    };
    if let Some((state, reason)) = ended {
        checked.state = state;
        checked.reason = reason.into();
        return checked;
    }
    let outputs = match outputs(check, scene) {
        Ok(outputs) => outputs,
        Err(End::Failed(reason)) => {
            checked.reason = reason;
            return checked;
        }
        Err(End::Unknown(why)) => {
            checked.state = State::Unknown;
            checked.reason = why;
            return checked;
        }
    };
    let tests = check.tests.clone().unwrap_or_default();
    match evaluate(&tests, &outputs.found, check.multiple) {
        Ok(judgement) => {
            match judgement.holds {
                Some(true) => checked.state = State::Pass,
                Some(false) => {}
                None => {
                    checked.state = State::Unknown;
                    checked.reason = outputs.unknown;
                }
            }
            checked.actual = judgement.actual;
            checked.expected = judgement.expected;
        }
        Err(reason) => checked.reason = reason,
    }
    checked
}

/// Why there is nothing to compare.
enum End {
    Failed(String),
    Unknown(String),
}

/// What the commands of a check printed, and why one of them could not be asked.
struct Asked {
    found: Outputs,
    unknown: String,
}

fn outputs(check: &Check, scene: &Scene<'_>) -> Result<Asked, End> {
    let mut unknown = String::new();
    let mut perhaps = |ended| match ended {
        Err(End::Unknown(why)) => {
            unknown = why;
            Ok(None)
        }
        ended => ended.map(Some),
    };
    let env = perhaps(audit(&check.audit_env, scene))?;
    let audited = audit(&check.audit, scene)?;
    let config = match perhaps(audit(&check.audit_config, scene)) {
        // That the file is not there does not matter where something else was found.
        Err(End::Failed(why))
            if (why.contains("exit status 127") || why.contains("No such file or directory"))
                && (!audited.is_empty() || env.as_deref().is_none_or(|env| !env.is_empty())) =>
        {
            Some(String::new())
        }
        config => config?,
    };
    let has_config = !check.audit_config.is_empty();
    Ok(Asked { found: Outputs { audit: audited, env, config, has_config }, unknown })
}

fn audit(command: &str, scene: &Scene<'_>) -> Result<String, End> {
    let command = command.trim();
    let ended = match (shell::run(command, scene.node, scene.cluster), scene.fallback) {
        (Ended::Unknown(_), Some(fallback)) => match fallback(command) {
            Ok((status, output)) => Ended::Exit { status, output },
            Err(why) => Ended::Unknown(why),
        },
        (ended, _) => ended,
    };
    match ended {
        Ended::Exit { status: 0, output } => Ok(output),
        Ended::Exit { status, output } => Err(End::Failed(format!(
            "failed to run: {command:?}, output: {output:?}, error: exit status {status}"
        ))),
        Ended::Unknown(why) => Err(End::Unknown(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cis::node::{Memory, Process};

    const CHECKS: &str = "
id: 4
type: node
text: Nodes
groups:
- id: 4.1
  text: Files
  checks:
  - {id: 4.1.1, scored: true, audit: 'stat -c permissions=%a /etc/k.conf', tests: {test_items: [{flag: permissions, compare: {op: bitmask, value: 600}}]}}
  - {id: 4.1.2, scored: false, audit: 'stat -c permissions=%a /etc/none', tests: {test_items: [{flag: permissions}]}}
  - {id: 4.1.3, type: manual, scored: true}
  - {id: 4.1.4, type: skip}
  - {id: 4.1.5, scored: true}
  - {id: 4.1.6, scored: true, audit: 'gcloud info', tests: {test_items: [{flag: x}]}}
- id: 4.2
  text: Kubelet
  checks:
  - {id: 4.2.1, scored: true, audit: '/bin/ps -fC kubelet', audit_config: 'cat /etc/k.conf', tests: {test_items: [{flag: --anonymous-auth, path: '{.authentication.anonymous.enabled}', env: KUBELET_AUTH, compare: {op: eq, value: false}}]}}
  - {id: 4.2.2, scored: true, audit: '/bin/ps -fC kubelet', audit_config: 'cat /etc/none', tests: {test_items: [{flag: --v, env: V}]}}
";

    fn node() -> Memory {
        let mut node = Memory::default();
        node.add("/etc/k.conf", 0o600, "authentication: {anonymous: {enabled: false}}\n");
        node.add("/proc/7/environ", 0o400, "A=b\0V=1\0");
        node.processes = Some(vec![Process {
            pid: 7,
            name: "kubelet".into(),
            command: "/usr/bin/kubelet --config=/etc/k.conf".into(),
            ..Process::default()
        }]);
        node
    }

    fn states(filter: &Filter, node: &Memory) -> Vec<(String, State)> {
        let controls = Controls::parse(CHECKS).unwrap();
        let scene = Scene { node, cluster: None, fallback: None };
        let results = run(controls, &["kubelet".to_owned()], filter, &scene);
        results.checks().map(|one| (one.check.id.clone(), one.state)).collect()
    }

    #[test]
    fn every_kind_of_check_has_its_state() {
        let states = states(&Filter::default(), &node());
        let expected = [
            ("4.1.1", State::Pass),
            ("4.1.2", State::Warn),
            ("4.1.3", State::Warn),
            ("4.1.4", State::Info),
            ("4.1.5", State::Warn),
            ("4.1.6", State::Unknown),
            ("4.2.1", State::Pass),
            ("4.2.2", State::Pass),
        ];
        assert_eq!(states, expected.map(|(id, state)| (id.to_owned(), state)));
    }

    #[test]
    fn what_is_not_asked_for_is_not_checked() {
        let one = BTreeSet::from(["4.1.1".to_owned()]);
        let filter = Filter { checks: one.clone(), ..Filter::default() };
        assert_eq!(states(&filter, &node()).len(), 1);
        let filter = Filter { groups: BTreeSet::from(["4.2".to_owned()]), ..Filter::default() };
        assert_eq!(states(&filter, &node()).len(), 2);
        let filter = Filter { skipped: one, ..Filter::default() };
        assert_eq!(states(&filter, &node())[0], ("4.1.1".to_owned(), State::Info));
    }

    #[test]
    fn without_a_list_of_processes_what_needs_one_is_undecided() {
        let mut node = node();
        node.processes = None;
        let states = states(&Filter::default(), &node);
        assert_eq!(states[6].1, State::Unknown);
        assert_eq!(states[0].1, State::Pass);
    }

    #[test]
    fn a_fallback_is_asked_only_where_the_interpreter_knows_no_answer() {
        let node = node();
        let asked = std::cell::RefCell::new(Vec::new());
        let fallback = |command: &str| {
            asked.borrow_mut().push(command.to_owned());
            Ok((0, "x".to_owned()))
        };
        let scene = Scene { node: &node, cluster: None, fallback: Some(&fallback) };
        let results = run(Controls::parse(CHECKS).unwrap(), &[], &Filter::default(), &scene);
        assert_eq!(results.count(State::Unknown), 0);
        assert_eq!(asked.into_inner(), ["gcloud info"]);
    }
}
