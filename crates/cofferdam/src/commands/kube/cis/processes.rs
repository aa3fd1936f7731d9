//! What runs on a node: from /proc, or from a list.

use cofferdam_kube::cis::node::{Node, Process};

use super::machine::{Machine, base};

/// Letters that the kernel keeps of a program's name.
const NAME_LENGTH: usize = 15;
/// Processes of a list.
const LIMIT: usize = 100_000;
/// Columns of `ps -ef` before the command.
const COLUMNS_BEFORE_COMMAND: usize = 7;

/// The processes in the node's /proc, none if it has no /proc; this one is left out where it is there.
pub(super) fn of(machine: &Machine, live: bool) -> Option<Vec<Process>> {
    let users = machine.read("/etc/passwd").unwrap_or_default();
    let users = String::from_utf8_lossy(&users);
    let names = machine.names("/proc").ok()?;
    let mut pids: Vec<u32> = names.iter().filter_map(|name| name.parse().ok()).collect();
    pids.sort_unstable();
    if live {
        pids.retain(|pid| *pid != std::process::id());
    } else if pids.is_empty() {
        return None;
    }
    Some(pids.into_iter().filter_map(|pid| one(machine, pid, &users)).collect())
}

/// A process; none if it has ended.
fn one(machine: &Machine, pid: u32, users: &str) -> Option<Process> {
    let status = machine.read(&format!("/proc/{pid}/status")).ok()?;
    let status = String::from_utf8_lossy(&status);
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next().map(str::to_owned)
    };
    let name = field("Name:")?;
    let command = machine.read(&format!("/proc/{pid}/cmdline")).ok()?;
    let command = String::from_utf8_lossy(&command);
    let command = command.trim_end_matches('\0').replace('\0', " ");
    let user = field("Uid:").unwrap_or_default();
    Some(Process {
        pid,
        parent: field("PPid:").and_then(|pid| pid.parse().ok()).unwrap_or_default(),
        user: user_name(users, &user).to_owned(),
        command: if command.is_empty() { format!("[{name}]") } else { command },
        name,
    })
}

fn user_name<'a>(users: &'a str, number: &'a str) -> &'a str {
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(number)).then_some(name)
    });
    named.unwrap_or(number)
}

/// The processes of a list: what `ps -ef` prints, or one command a line.
pub(super) fn parse(text: &str) -> Vec<Process> {
    let mut lines = text.lines().peekable();
    let has_columns = lines.next_if(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some("UID") && words.next() == Some("PID")
    });
    let process = |line: &str| {
        if has_columns.is_some() {
            columns(line)
        } else {
            Some(named(line.trim(), Process::default()))
        }
    };
    lines.filter(|line| !line.trim().is_empty()).filter_map(process).take(LIMIT).collect()
}

fn columns(line: &str) -> Option<Process> {
    let mut rest = line.trim_start();
    let mut columns = Vec::new();
    for _ in 0..COLUMNS_BEFORE_COMMAND {
        let (column, after) = rest.split_once(char::is_whitespace)?;
        columns.push(column);
        rest = after.trim_start();
    }
    let process = Process {
        user: columns[0].to_owned(),
        pid: columns[1].parse().ok()?,
        parent: columns[2].parse().ok()?,
        ..Process::default()
    };
    Some(named(rest, process))
}

fn named(command: &str, process: Process) -> Process {
    let first = command.split_whitespace().next().unwrap_or_default();
    let name = base(first.trim_matches(['[', ']'])).chars().take(NAME_LENGTH).collect();
    Process { name, command: command.to_owned(), ..process }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_those_of_ps_or_plain() {
        let listed = parse(
            "UID          PID    PPID  C STIME TTY          TIME CMD\n\
             root           7       1  0 10:00 ?        00:00:01 /usr/bin/kube-controller-manager --a  b\n\
             broken\n",
        );
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].name, "kube-controller");
        assert_eq!(listed[0].command, "/usr/bin/kube-controller-manager --a  b");
        assert_eq!((listed[0].pid, listed[0].parent), (7, 1));
        let plain = parse("kubelet --config=/x\n\n[kthreadd]\n");
        let names: Vec<&str> = plain.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["kubelet", "kthreadd"]);
    }
}
