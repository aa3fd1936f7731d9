//! The programs that benchmarks call, as functions that read and print.
//!
//! Each does what its benchmark needs as GNU's does it. An option that it does not know ends the
//! script as unknown: half of what a command does is a wrong answer.

mod awk;
pub(super) mod cluster;
mod compare;
mod files;
mod find;
mod grep;
mod jq;
mod kubectl;
mod print;
mod process;
pub(super) use process::is_named;
mod sed;
mod table;
pub(super) mod test;
mod text;
mod xargs;

use super::{
    node::Trouble,
    shell::{Input, Output, Shell, Stop},
};

/// Folders in which programs are found by every shell.
const FOLDERS: [&str; 6] =
    ["/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/"];

/// Runs `name`; its exit status.
pub(super) fn invoke(
    shell: &mut Shell<'_>,
    name: &str,
    arguments: &[String],
    input: &mut Input,
    output: &mut Output,
) -> Result<i32, Stop> {
    let folder = FOLDERS.into_iter().find_map(|folder| name.strip_prefix(folder));
    let program = folder.filter(|name| !name.contains('/')).unwrap_or(name);
    match program {
        ":" | "true" => Ok(0),
        "false" => Ok(1),
        "exit" => Err(Stop::Exit(number(arguments.first()).unwrap_or_default())),
        "break" => Err(Stop::Break(levels(arguments))),
        "continue" => Err(Stop::Continue(levels(arguments))),
        "export" => print::export(shell, arguments),
        "sh" | "bash" => sh(shell, arguments, input, output),
        "test" => test::run(shell, arguments),
        "[" => match arguments.split_last() {
            Some((last, arguments)) if last == "]" => test::run(shell, arguments),
            _ => Err(Stop::unknown("'[' without ']'")),
        },
        "echo" => print::echo(arguments, output),
        "printf" => print::printf(shell, arguments, output),
        "read" => print::read(shell, arguments, input),
        "cat" => text::cat(shell, arguments, input, output),
        "head" => text::head(shell, arguments, input, output),
        "tail" => text::tail(shell, arguments, input, output),
        "wc" => text::wc(shell, arguments, input, output),
        "cut" => text::cut(shell, arguments, input, output),
        "tr" => text::tr(shell, arguments, input, output),
        "sort" => compare::sort(shell, arguments, input, output),
        "uniq" => compare::uniq(shell, arguments, input, output),
        "paste" => text::paste(shell, arguments, input, output),
        "comm" => compare::comm(shell, arguments, input, output),
        "diff" => compare::diff(shell, arguments, input, output),
        "grep" | "egrep" | "fgrep" => grep::run(shell, program, arguments, input, output),
        "sed" => sed::run(shell, arguments, input, output),
        "awk" | "gawk" | "mawk" => awk::run(shell, arguments, input, output),
        "find" => find::run(shell, arguments, input, output),
        "stat" => files::stat(shell, arguments, output),
        "ls" => files::ls(shell, arguments, output),
        "xargs" => xargs::run(shell, arguments, input, output),
        "ps" => process::ps(shell, arguments, output),
        "journalctl" => process::journal(shell, arguments, output),
        "jq" => jq::run(shell, arguments, input, output),
        "kubectl" | "oc" => kubectl::run(shell, program, arguments, output),
        _ => Err(Stop::unknown(format!("the command '{program}' is not one that is interpreted"))),
    }
}

fn sh(
    shell: &mut Shell<'_>,
    arguments: &[String],
    input: &mut Input,
    output: &mut Output,
) -> Result<i32, Stop> {
    match arguments {
        [flag, text, ..] if flag == "-c" => shell.other(text, input, output),
        [] => {
            let text = input.rest();
            shell.other(&text, input, output)
        }
        _ => Err(Stop::unknown("a shell with other arguments than -c")),
    }
}

fn levels(arguments: &[String]) -> usize {
    arguments.first().and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn number(text: Option<&String>) -> Option<i32> {
    text?.parse().ok()
}

/// An option that the program does not know.
fn option<T>(program: &str, option: &str) -> Result<T, Stop> {
    Err(Stop::unknown(format!("{program} with '{option}'")))
}

/// What a file says, or what is printed about it instead.
fn file(shell: &Shell<'_>, path: &str) -> Result<Result<String, &'static str>, Stop> {
    if let Some(text) = shell.file_of(path) {
        return Ok(Ok(text));
    }
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    match shell.node.read(&path) {
        Ok(bytes) => {
            shell.bytes(bytes.len())?;
            Ok(Ok(String::from_utf8_lossy(&bytes).into_owned()))
        }
        Err(Trouble::Missing) => Ok(Err("No such file or directory")),
        Err(Trouble::IsADirectory) => Ok(Err("Is a directory")),
        Err(Trouble::NotADirectory) => Ok(Err("Not a directory")),
        Err(Trouble::Unreadable(why)) => unreadable(&path, &why),
    }
}

fn unreadable<T>(path: &str, why: &str) -> Result<T, Stop> {
    Err(Stop::unknown(format!("'{path}' cannot be read: {why}")))
}

/// What several files say, or the input if there are none; whether all could be read.
fn inputs(
    shell: &Shell<'_>,
    program: &str,
    files: &[&str],
    input: &mut Input,
    output: &mut Output,
) -> Result<(String, bool), Stop> {
    if files.is_empty() {
        return Ok((input.rest(), true));
    }
    let (mut all, mut whole) = (String::new(), true);
    for path in files {
        if *path == "-" {
            all.push_str(&input.rest());
            continue;
        }
        match file(shell, path)? {
            Ok(text) => all.push_str(&text),
            Err(why) => {
                output.error(&format!("{program}: {path}: {why}\n"));
                whole = false;
            }
        }
    }
    Ok((all, whole))
}

/// Lines without their ends.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.strip_suffix('\n').unwrap_or(text).split('\n').take(if text.is_empty() {
        0
    } else {
        usize::MAX
    })
}
