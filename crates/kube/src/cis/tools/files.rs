//! stat, ls.

use super::{Output, Shell, Stop, file, option, unreadable};
use crate::cis::node::{FileKind, Stat, Trouble};

/// What a user or group is called that is in no list.
const NOBODY: &str = "UNKNOWN";

pub(super) fn stat(
    shell: &mut Shell<'_>,
    arguments: &[String],
    output: &mut Output,
) -> Result<i32, Stop> {
    let (mut format, mut follow, mut files) = (None, false, Vec::new());
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        match argument {
            "-c" | "--format" => format = rest.next().map(str::to_owned),
            "-L" => follow = true,
            "-Lc" => {
                follow = true;
                format = rest.next().map(str::to_owned);
            }
            _ if argument.starts_with("--format=") => {
                format = Some(argument["--format=".len()..].to_owned());
            }
            _ if argument.starts_with("-c") => format = Some(argument[2..].to_owned()),
            _ if argument.starts_with('-') => return option("stat", argument),
            path => files.push(path),
        }
    }
    if files.is_empty() {
        output.error("stat: missing operand\n");
        return Ok(1);
    }
    let Some(format) = format else { return Err(Stop::unknown("stat without a format")) };
    let names = Names::of(shell, &format)?;
    let mut status = 0;
    for path in files {
        shell.step(1)?;
        let absolute = absolute(path);
        match shell.node.stat(&absolute, follow) {
            Ok(stat) => {
                let text = format_stat(&format, path, stat, &names)?;
                output.out(&(text + "\n"));
            }
            Err(Trouble::Unreadable(why)) => return unreadable(path, &why),
            Err(Trouble::NotADirectory) => {
                output.error(&format!("stat: cannot statx '{path}': Not a directory\n"));
                status = 1;
            }
            Err(_) => {
                output.error(&format!("stat: cannot statx '{path}': No such file or directory\n"));
                status = 1;
            }
        }
    }
    Ok(status)
}

/// Names of users and groups.
struct Names {
    users: String,
    groups: String,
}

impl Names {
    /// Reads the lists that a format asks for.
    fn of(shell: &Shell<'_>, format: &str) -> Result<Self, Stop> {
        let list = |letter: &str, path| {
            if format.contains(letter) { file(shell, path) } else { Ok(Ok(String::new())) }
        };
        let users = list("%U", "/etc/passwd")?.unwrap_or_default();
        let groups = list("%G", "/etc/group")?.unwrap_or_default();
        Ok(Self { users, groups })
    }
}

/// The name of a number in `/etc/passwd` or `/etc/group`.
fn name(list: &str, number: u32) -> &str {
    let number = number.to_string();
    let found = list.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(&number)).then_some(name)
    });
    // Root is root on every machine, with or without a list.
    found.unwrap_or(if number == "0" && list.is_empty() { "root" } else { NOBODY })
}

fn format_stat(format: &str, path: &str, stat: Stat, names: &Names) -> Result<String, Stop> {
    let mut out = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some('a') => out.push_str(&format!("{:o}", stat.mode)),
            Some('U') => out.push_str(name(&names.users, stat.user)),
            Some('G') => out.push_str(name(&names.groups, stat.group)),
            Some('u') => out.push_str(&stat.user.to_string()),
            Some('g') => out.push_str(&stat.group.to_string()),
            Some('n') => out.push_str(path),
            Some('s') => out.push_str(&stat.size.to_string()),
            Some('A') => out.push_str(&letters_of(stat)),
            Some('%') => out.push('%'),
            _ => return option("stat", format),
        }
    }
    Ok(out)
}

/// `drwxr-xr-x`.
pub(super) fn letters_of(stat: Stat) -> String {
    let kind = match stat.kind {
        FileKind::Directory => 'd',
        FileKind::Link => 'l',
        FileKind::File => '-',
        FileKind::Other => '?',
    };
    let bit = |shift: u32| {
        let letter = ['x', 'w', 'r'][shift as usize % 3];
        if stat.mode >> shift & 1 == 1 { letter } else { '-' }
    };
    std::iter::once(kind).chain((0..9).rev().map(bit)).collect()
}

pub(super) fn absolute(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

pub(super) fn ls(
    shell: &mut Shell<'_>,
    arguments: &[String],
    output: &mut Output,
) -> Result<i32, Stop> {
    let (mut long, mut itself, mut files) = (false, false, Vec::new());
    for argument in arguments {
        match argument.strip_prefix('-').filter(|flags| !flags.is_empty()) {
            Some(flags) => {
                for flag in flags.chars() {
                    match flag {
                        'l' => long = true,
                        'd' => itself = true,
                        '1' => {}
                        _ => return option("ls", argument),
                    }
                }
            }
            None => files.push(argument.as_str()),
        }
    }
    if files.is_empty() {
        files.push(".");
    }
    let names = Names::of(shell, "%U%G")?;
    let mut status = 0;
    for path in files {
        let found = match shell.node.stat(&absolute(path), false) {
            Ok(stat) => stat,
            Err(Trouble::Unreadable(why)) => return unreadable(path, &why),
            Err(_) => {
                output.error(&format!("ls: cannot access '{path}': No such file or directory\n"));
                status = 2;
                continue;
            }
        };
        let mut listed = vec![(path.to_owned(), found)];
        if found.kind == FileKind::Directory && !itself {
            listed.clear();
            let inside = match shell.node.names(&absolute(path)) {
                Ok(names) => names,
                Err(Trouble::Unreadable(why)) => return unreadable(path, &why),
                Err(_) => Vec::new(),
            };
            for name in inside.into_iter().filter(|name| !name.starts_with('.')) {
                shell.step(1)?;
                let below = format!("{}/{name}", absolute(path).trim_end_matches('/'));
                match shell.node.stat(&below, false) {
                    Ok(stat) => listed.push((name, stat)),
                    Err(Trouble::Unreadable(why)) => return unreadable(&below, &why),
                    Err(_) => {}
                }
            }
            listed.sort_by(|a, b| a.0.cmp(&b.0));
        }
        for (path, stat) in listed {
            if long {
                let user = name(&names.users, stat.user);
                let group = name(&names.groups, stat.group);
                let mode = letters_of(stat);
                // Times and numbers of links are not looked at, and no benchmark asks for them.
                output.out(&format!("{mode} 1 {user} {group} {} - - - {path}\n", stat.size));
            } else {
                output.out(&format!("{path}\n"));
            }
        }
    }
    Ok(status)
}
