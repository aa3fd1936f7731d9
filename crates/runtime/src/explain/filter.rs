//! What the system call filters of a process answer, found by running them.

use std::io;

use cofferdam_sys::seccomp::{self, Action, Arch, Data, Program, evaluate};

use super::Seen;

/// The filters in force for a process.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Filters {
    /// How many instructions each has, in the order of their installation.
    pub lengths: Vec<usize>,
    /// What they answer together to calls that a container has no use for.
    pub probes: Vec<Probe>,
    /// The filters themselves.
    #[serde(skip)]
    pub programs: Vec<Program>,
}

/// What filters answer to one call.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Probe {
    /// The call, and with what argument.
    pub call: &'static str,
    /// Whether it is refused.
    pub refused: bool,
    /// The answer, such as `errno 1`.
    pub answer: String,
}

/// Ways to more rights or to more of the kernel. Name, first arguments, how it is written.
const PROBES: [(&str, [u64; 2], &str); 14] = [
    ("mount", [0, 0], "mount"),
    ("unshare", [0x1000_0000, 0], "unshare of a user namespace"),
    ("clone", [0x1000_0011, 0], "clone into a user namespace"),
    ("setns", [0, 0], "setns"),
    ("ptrace", [0, 0], "ptrace"),
    ("bpf", [0, 0], "bpf"),
    ("perf_event_open", [0, 0], "perf_event_open"),
    ("io_uring_setup", [0, 0], "io_uring_setup"),
    ("userfaultfd", [0, 0], "userfaultfd"),
    ("keyctl", [0, 0], "keyctl"),
    ("init_module", [0, 0], "init_module"),
    ("kexec_load", [0, 0], "kexec_load"),
    ("open_by_handle_at", [0, 0], "open_by_handle_at"),
    ("ioctl", [0, 0x5412], "ioctl TIOCSTI"),
];

pub(super) fn read(pid: u32) -> Seen<Filters> {
    let Some(arch) = Arch::host() else {
        return Seen::Unknown("no table of system calls for this architecture".to_owned());
    };
    match seccomp::installed(pid) {
        Ok(programs) => Seen::Known(probe(&programs, arch)),
        Err(error) => Seen::Unknown(why(&error)),
    }
}

fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!(
            "reading filters takes CAP_SYS_ADMIN on the host and a process that may be traced: {error}"
        ),
        io::ErrorKind::InvalidInput => {
            format!("this kernel cannot give filters out (CONFIG_CHECKPOINT_RESTORE): {error}")
        }
        _ => format!("reading filters: {error}"),
    }
}

pub(super) fn probe(programs: &[Program], arch: Arch) -> Filters {
    let probes = PROBES.iter().filter_map(|&(name, [first, second], call)| {
        let arguments = [first, second, 0, 0, 0, 0];
        let data = Data::new(arch, arch.number(name)?, arguments);
        let answer = together(programs, &data);
        let refused = !matches!(answer, Action::Allow | Action::Log);
        Some(Probe { call, refused, answer: describe(answer) })
    });
    Filters {
        lengths: programs.iter().map(|program| program.instructions().len()).collect(),
        probes: probes.collect(),
        programs: programs.to_vec(),
    }
}

/// The most restrictive answer counts. A program that faults cannot have come from the kernel;
/// it is taken to kill, as the kernel does with what it does not know.
fn together(programs: &[Program], data: &Data) -> Action {
    let answers = programs.iter().map(|program| {
        evaluate(program, data).map_or(Action::KillProcess, Action::from_return_value)
    });
    answers.min().unwrap_or(Action::Allow)
}

fn describe(action: Action) -> String {
    match action {
        Action::KillProcess => "kills the process".to_owned(),
        Action::KillThread => "kills the thread".to_owned(),
        Action::Trap => "SIGSYS".to_owned(),
        Action::Errno(number) => format!("errno {number}"),
        Action::Notify => "asks a listener".to_owned(),
        Action::Trace(value) => format!("asks a tracer ({value})"),
        Action::Log => "allowed and logged".to_owned(),
        Action::Allow => "allowed".to_owned(),
    }
}
