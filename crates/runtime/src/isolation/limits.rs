//! Limits: of single processes, and of the control group.

use super::{Evidence, Expected, Severity, difference::Findings};
use crate::{explain::Observation, plan::Plan};

/// What to do about something that only a new start sets right.
pub(super) const RESTART: &str = "find out who has changed it, and start the container anew";
const UPDATE: &str =
    "set it again with 'cofferdam-runtime update', and find out who has changed it";

/// Names of resource limits in the configuration and in `/proc/PID/limits`.
const NAMES: [(&str, &str); 16] = [
    ("RLIMIT_AS", "Max address space"),
    ("RLIMIT_CORE", "Max core file size"),
    ("RLIMIT_CPU", "Max cpu time"),
    ("RLIMIT_DATA", "Max data size"),
    ("RLIMIT_FSIZE", "Max file size"),
    ("RLIMIT_LOCKS", "Max file locks"),
    ("RLIMIT_MEMLOCK", "Max locked memory"),
    ("RLIMIT_MSGQUEUE", "Max msgqueue size"),
    ("RLIMIT_NICE", "Max nice priority"),
    ("RLIMIT_NOFILE", "Max open files"),
    ("RLIMIT_NPROC", "Max processes"),
    ("RLIMIT_RSS", "Max resident set"),
    ("RLIMIT_RTPRIO", "Max realtime priority"),
    ("RLIMIT_RTTIME", "Max realtime timeout"),
    ("RLIMIT_SIGPENDING", "Max pending signals"),
    ("RLIMIT_STACK", "Max stack size"),
];

/// No ceiling may be above the planned one; a process may lower its own.
pub(super) fn compare_process(plan: &Plan, seen: &Observation, findings: &mut Findings) {
    const LAYER: &str = "resource limits";
    let pid = Some(seen.pid);
    if plan.process.limits.is_empty() {
        return;
    }
    let Some(found) = findings.known(pid, LAYER, &seen.limits) else { return };
    for limit in &plan.process.limits {
        let name = NAMES.iter().find(|(name, _)| *name == limit.name).map(|(_, name)| *name);
        let Some(found) = found.iter().find(|found| Some(found.name.as_str()) == name) else {
            findings.gap(pid, LAYER, format!("the kernel shows no {}", limit.name));
            continue;
        };
        let hard = found.hard.unwrap_or(u64::MAX);
        if hard > limit.hard {
            let what = format!("{} may go higher than it should", limit.name);
            let (wanted, found) = (amount(limit.hard), amount(hard));
            let fix = "end it, unless you have put it there";
            findings.differ(Severity::Medium, LAYER, pid, what, wanted, found, fix);
        }
    }
}

fn amount(value: u64) -> String {
    if value == u64::MAX { "unlimited".into() } else { value.to_string() }
}

/// The files of the control group.
pub(super) fn compare_settings(evidence: &Evidence, findings: &mut Findings) {
    const LAYER: &str = "control group";
    for setting in &evidence.settings {
        let Some(found) = findings.known(None, LAYER, &setting.found) else { continue };
        let file = setting.file.display();
        match &setting.expected {
            Expected::Value(wanted) if is_as_written(wanted, found) => {}
            Expected::Value(wanted) => {
                let what = format!("{file} is not as the configuration says");
                findings.differ(Severity::Medium, LAYER, None, what, wanted, found, UPDATE);
            }
            Expected::NotEveryDevice if found.lines().all(|line| line.trim() != "a *:* rwm") => {}
            Expected::NotEveryDevice => {
                let what = format!("{file} allows every device of the machine");
                let wanted = "the configuration's devices only";
                findings.differ(Severity::Critical, LAYER, None, what, wanted, found, RESTART);
            }
            Expected::DeviceProgram if found != "0" => {}
            Expected::DeviceProgram => {
                let what = format!("nothing keeps the processes in {file} from any device");
                let (wanted, found) = ("a program that decides about devices", "none");
                findings.differ(Severity::Critical, LAYER, None, what, wanted, found, RESTART);
            }
        }
    }
}

/// Whether a file reads as what was written to it. Numbers of bytes come back rounded down to
/// pages, v1 shows no limit as the largest number of whole pages, lists of processors in their
/// shortest form, and files with a line a device in another order and with defaults: of those only
/// single numbers and plain words are compared.
fn is_as_written(wanted: &str, found: &str) -> bool {
    const PAGE: u64 = 65536;
    const NO_LIMIT: u64 = 1 << 62;
    let (wanted, found) = (wanted.trim(), found.trim());
    if wanted == found {
        return true;
    }
    let number = |text: &str| match text {
        "max" | "-1" => Some(u64::MAX),
        text => text.parse().ok().map(|n: u64| if n >= NO_LIMIT { u64::MAX } else { n }),
    };
    match (number(wanted), number(found)) {
        (Some(wanted), Some(found)) => {
            wanted == found || wanted > found && wanted - found < PAGE && wanted > PAGE
        }
        (Some(_), None) | (None, Some(_)) => false,
        // Two texts of several fields each.
        (None, None) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kernel_shows_otherwise_is_the_same() {
        for (wanted, found, same) in [
            ("100", "100", true),
            ("100", "99", false),
            ("max", "max", true),
            ("-1", "9223372036854771712", true),
            ("max", "100", false),
            ("100", "max", false),
            ("1000000", "999424", true),
            ("1000000", "1003520", false),
            ("1000000", "500000", false),
            ("50000 100000", "50000 100000", true),
        ] {
            assert_eq!(is_as_written(wanted, found), same, "{wanted} and {found}");
        }
    }
}
