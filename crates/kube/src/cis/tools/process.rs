//! ps, journalctl.

use std::borrow::Cow;

use super::{Output, Shell, Stop, option};
use crate::cis::node::Process;

/// Letters that the kernel keeps of a program's name.
const NAME_LENGTH: usize = 15;

pub(super) fn ps(
    shell: &mut Shell<'_>,
    arguments: &[String],
    output: &mut Output,
) -> Result<i32, Stop> {
    let (mut names, mut columns, mut full, mut every) = (Vec::new(), Vec::new(), false, false);
    let mut header = true;
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        match argument {
            "--no-headers" | "--no-heading" => header = false,
            "aux" | "-aux" => return option("ps", argument),
            _ if argument.starts_with("--") || !argument.starts_with('-') => {
                return option("ps", argument);
            }
            _ => {
                for (at, flag) in argument.char_indices().skip(1) {
                    match flag {
                        'e' | 'A' => every = true,
                        'f' => full = true,
                        'w' => {}
                        'C' | 'o' => {
                            let inline = &argument[at + 1..];
                            let value = if inline.is_empty() { rest.next() } else { Some(inline) };
                            let Some(value) = value else { return option("ps", argument) };
                            if value.starts_with('-') {
                                output.error(&format!("error: a list must follow -{flag}\n"));
                                return Ok(1);
                            }
                            let list = if flag == 'C' { &mut names } else { &mut columns };
                            list.extend(value.split(',').map(str::to_owned));
                            break;
                        }
                        _ => return option("ps", argument),
                    }
                }
            }
        }
    }
    let Some(processes) = shell.node.processes() else {
        return Err(Stop::unknown("the processes are not known"));
    };
    if !every && names.is_empty() {
        return Err(Stop::unknown("ps of this session's processes"));
    }
    let chosen: Vec<&Process> = processes
        .iter()
        .filter(|process| every || names.iter().any(|name| is_named(process, name)))
        .collect();
    shell.step(chosen.len())?;
    if columns.is_empty() {
        return listing(&chosen, full, header, output);
    }
    let shown = columns.iter().map(|column| column.split_once('=').unwrap_or((column, "")).0);
    let shown: Vec<&str> = shown.collect();
    if header && columns.iter().any(|column| !column.ends_with('=')) {
        output.out(&format!("{}\n", shown.join(" ").to_uppercase()));
    }
    for process in &chosen {
        let mut cells = Vec::new();
        for column in &shown {
            cells.push(match *column {
                "pid" => Cow::Owned(format!("{:>7}", process.pid)),
                "ppid" => Cow::Owned(format!("{:>7}", process.parent)),
                "user" | "uname" => Cow::Borrowed(process.user.as_str()),
                "comm" | "ucmd" => Cow::Borrowed(process.name.as_str()),
                "cmd" | "args" | "command" => Cow::Borrowed(process.command.as_str()),
                column => return option("ps", &format!("-o {column}")),
            });
        }
        output.out(&format!("{}\n", cells.join(" ")));
    }
    Ok(i32::from(chosen.is_empty()))
}

/// Whether `ps -C` takes a process for `name`.
pub(in crate::cis) fn is_named(process: &Process, name: &str) -> bool {
    let cut = |text: &str| text.chars().take(NAME_LENGTH).collect::<String>();
    cut(&process.name) == cut(name)
}

fn listing(
    chosen: &[&Process],
    full: bool,
    header: bool,
    output: &mut Output,
) -> Result<i32, Stop> {
    if !full {
        if header {
            output.out("    PID TTY          TIME CMD\n");
        }
        for process in chosen {
            output.out(&format!("{:>7} ?        00:00:00 {}\n", process.pid, process.name));
        }
        return Ok(i32::from(chosen.is_empty()));
    }
    if header {
        output.out("UID          PID    PPID  C STIME TTY          TIME CMD\n");
    }
    for process in chosen {
        let Process { user, pid, parent, command, .. } = process;
        output
            .out(&format!("{user:<8} {pid:>7} {parent:>7}  0 00:00 ?        00:00:00 {command}\n"));
    }
    Ok(i32::from(chosen.is_empty()))
}

/// Lines of the journal: those of some units, if the text has names of units.
pub(super) fn journal(
    shell: &mut Shell<'_>,
    arguments: &[String],
    output: &mut Output,
) -> Result<i32, Stop> {
    let mut units = Vec::new();
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        match argument {
            "-m" | "--no-pager" => {}
            "-u" => units.extend(rest.next()),
            _ => return option("journalctl", argument),
        }
    }
    let Some(journal) = shell.node.journal() else {
        return Err(Stop::unknown("the journal is not known"));
    };
    for line in journal.lines() {
        shell.step(1)?;
        // `Nov 29 10:00:00 host k3s[1]: text`: the program's name is that of the unit.
        let program = line.split(": ").next().and_then(|head| head.split_whitespace().last());
        let program = program.and_then(|program| program.split('[').next());
        if units.is_empty() || program.is_none_or(|program| units.contains(&program)) {
            output.out(&format!("{line}\n"));
        }
    }
    shell.bytes(journal.len())?;
    Ok(0)
}
