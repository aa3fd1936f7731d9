//! sort, uniq, comm, diff.

use std::cmp::Ordering;

use super::{Input, Output, Shell, Stop, file, inputs, lines, option};

pub(super) fn sort(
    shell: &mut Shell<'_>,
    arguments: &[String],
    input: &mut Input,
    output: &mut Output,
) -> Result<i32, Stop> {
    let (mut unique, mut reverse, mut numeric, mut files) = (false, false, false, Vec::new());
    for argument in arguments {
        match argument.strip_prefix('-').filter(|flags| !flags.is_empty()) {
            Some(flags) => {
                for flag in flags.chars() {
                    match flag {
                        'u' => unique = true,
                        'r' => reverse = true,
                        'n' => numeric = true,
                        _ => return option("sort", argument),
                    }
                }
            }
            None => files.push(argument.as_str()),
        }
    }
    let (text, whole) = inputs(shell, "sort", &files, input, output)?;
    let mut all: Vec<&str> = lines(&text).collect();
    shell.step(all.len())?;
    let leading = |line: &str| {
        let line = line.trim_start();
        let end = line.find(|one: char| !one.is_ascii_digit() && one != '-').unwrap_or(line.len());
        line[..end].parse::<i64>().unwrap_or_default()
    };
    all.sort_by(|a, b| {
        let order = if numeric { leading(a).cmp(&leading(b)) } else { Ordering::Equal };
        let order = order.then_with(|| a.cmp(b));
        if reverse { order.reverse() } else { order }
    });
    if unique {
        all.dedup();
    }
    output.out(&all.iter().map(|line| format!("{line}\n")).collect::<String>());
    Ok(if whole { 0 } else { 2 })
}

pub(super) fn uniq(
    shell: &mut Shell<'_>,
    arguments: &[String],
    input: &mut Input,
    output: &mut Output,
) -> Result<i32, Stop> {
    let (mut counted, mut files) = (false, Vec::new());
    for argument in arguments {
        match argument.as_str() {
            "-c" => counted = true,
            flag if flag.starts_with('-') => return option("uniq", flag),
            path => files.push(path),
        }
    }
    let (text, whole) = inputs(shell, "uniq", &files, input, output)?;
    let all: Vec<&str> = lines(&text).collect();
    for same in all.chunk_by(|a, b| a == b) {
        shell.step(1)?;
        let count = if counted { format!("{:7} ", same.len()) } else { String::new() };
        output.out(&format!("{count}{}\n", same[0]));
    }
    Ok(i32::from(!whole))
}

/// Two files, or what is printed as one of them is not there.
fn two(
    shell: &Shell<'_>,
    program: &str,
    files: &[&str],
    input: &mut Input,
    output: &mut Output,
) -> Result<Option<[String; 2]>, Stop> {
    let [first, second] = files else {
        return Err(Stop::unknown(format!("{program} of other than two files")));
    };
    let mut texts = [String::new(), String::new()];
    for (path, text) in [first, second].into_iter().zip(&mut texts) {
        *text = match *path {
            "-" => input.rest(),
            path => match file(shell, path)? {
                Ok(text) => text,
                Err(why) => {
                    output.error(&format!("{program}: {path}: {why}\n"));
                    return Ok(None);
                }
            },
        };
    }
    Ok(Some(texts))
}

pub(super) fn comm(
    shell: &mut Shell<'_>,
    arguments: &[String],
    input: &mut Input,
    output: &mut Output,
) -> Result<i32, Stop> {
    let (mut hidden, mut files) = (String::new(), Vec::new());
    for argument in arguments {
        match argument.strip_prefix('-').filter(|flags| !flags.is_empty()) {
            Some(flags) if flags.chars().all(|flag| "123".contains(flag)) => hidden += flags,
            Some(_) => return option("comm", argument),
            None => files.push(argument.as_str()),
        }
    }
    let Some([first, second]) = two(shell, "comm", &files, input, output)? else { return Ok(1) };
    let indent = |column: char| {
        let before = ('1'..column).filter(|column| !hidden.contains(*column)).count();
        "\t".repeat(before)
    };
    let (mut left, mut right) = (lines(&first).peekable(), lines(&second).peekable());
    loop {
        shell.step(1)?;
        let (column, line) = match (left.peek(), right.peek()) {
            (None, None) => return Ok(0),
            (Some(a), Some(b)) if a == b => {
                right.next();
                ('3', left.next())
            }
            (Some(a), Some(b)) if a > b => ('2', right.next()),
            (Some(_), _) => ('1', left.next()),
            (None, Some(_)) => ('2', right.next()),
        };
        if !hidden.contains(column) {
            output.out(&format!("{}{}\n", indent(column), line.unwrap_or_default()));
        }
    }
}

/// Says whether two files differ, with the lines that only one of them has.
pub(super) fn diff(
    shell: &mut Shell<'_>,
    arguments: &[String],
    input: &mut Input,
    output: &mut Output,
) -> Result<i32, Stop> {
    let mut files = Vec::new();
    for argument in arguments {
        match argument.as_str() {
            flag if flag.len() > 1 && flag.starts_with('-') => return option("diff", flag),
            path => files.push(path),
        }
    }
    let Some([first, second]) = two(shell, "diff", &files, input, output)? else { return Ok(2) };
    if first == second {
        return Ok(0);
    }
    let (left, right): (Vec<&str>, Vec<&str>) = (lines(&first).collect(), lines(&second).collect());
    let same_before = left.iter().zip(&right).take_while(|(a, b)| a == b).count();
    let most = left.len().min(right.len()) - same_before;
    let same_after =
        left.iter().rev().zip(right.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    let differing = |all: &[&str], sign: char| -> String {
        let lines = &all[same_before..all.len() - same_after];
        lines.iter().map(|line| format!("{sign} {line}\n")).collect()
    };
    shell.step(left.len() + right.len())?;
    output.out(&differing(&left, '<'));
    output.out(&differing(&right, '>'));
    Ok(1)
}
