//! echo, printf, read, export.

use super::{Input, Output, Shell, Stop, option};

/// Letters that a field is filled up to.
const WIDTH_LIMIT: usize = 1024;

pub(super) fn echo(arguments: &[String], output: &mut Output) -> Result<i32, Stop> {
    let (mut newline, mut escapes) = (true, false);
    let mut words = arguments;
    while let Some((flags, rest)) = words.split_first() {
        match flags.strip_prefix('-') {
            Some(flags) if !flags.is_empty() && flags.chars().all(|flag| "neE".contains(flag)) => {
                newline &= !flags.contains('n');
                escapes |= flags.contains('e');
            }
            _ => break,
        }
        words = rest;
    }
    let text = words.join(" ");
    output.out(&if escapes { unescaped(&text) } else { text });
    if newline {
        output.out("\n");
    }
    Ok(0)
}

/// Backslash escapes as letters.
pub(super) fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('\\') => out.push('\\'),
            Some('"') => out.push('"'),
            Some('0') => out.push('\0'),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

pub(super) fn printf(
    shell: &Shell<'_>,
    arguments: &[String],
    output: &mut Output,
) -> Result<i32, Stop> {
    let arguments = if arguments.first().is_some_and(|first| first == "--") {
        &arguments[1..]
    } else {
        arguments
    };
    let Some((format, mut arguments)) = arguments.split_first() else {
        return Err(Stop::unknown("printf without a format"));
    };
    loop {
        let before = arguments.len();
        let (text, taken) = formatted(format, arguments)?;
        shell.step(1)?;
        shell.bytes(text.len())?;
        output.out(&text);
        arguments = &arguments[taken.min(before)..];
        if arguments.is_empty() || taken == 0 {
            return Ok(0);
        }
    }
}

/// A format with arguments put in, and how many of them it took.
pub(super) fn formatted(format: &str, arguments: &[String]) -> Result<(String, usize), Stop> {
    let format: Vec<char> = unescaped(format).chars().collect();
    let (mut out, mut taken, mut at) = (String::new(), 0, 0);
    while let Some(letter) = format.get(at).copied() {
        at += 1;
        if letter != '%' {
            out.push(letter);
            continue;
        }
        if format.get(at) == Some(&'%') {
            at += 1;
            out.push('%');
            continue;
        }
        let left = format.get(at) == Some(&'-');
        at += usize::from(left);
        let digits: String = format[at..].iter().take_while(|one| one.is_ascii_digit()).collect();
        at += digits.len();
        let argument = arguments.get(taken).map(String::as_str).unwrap_or_default();
        taken += 1;
        let text = match format.get(at) {
            Some('s') => argument.to_owned(),
            Some('b') => unescaped(argument),
            Some('d' | 'i') => argument.trim().parse::<i64>().unwrap_or_default().to_string(),
            other => return option("printf", &format!("%{}", other.unwrap_or(&' '))),
        };
        at += 1;
        let width = digits.parse().unwrap_or(0).min(WIDTH_LIMIT);
        out.push_str(&if left { format!("{text:<width$}") } else { format!("{text:>width$}") });
    }
    Ok((out, taken))
}

/// Splits a line into variables; fails at the end of the input.
pub(super) fn read(
    shell: &mut Shell<'_>,
    arguments: &[String],
    input: &mut Input,
) -> Result<i32, Stop> {
    let mut names: Vec<&str> = Vec::new();
    let mut raw = false;
    for argument in arguments {
        match argument.as_str() {
            "-r" => raw = true,
            flag if flag.starts_with('-') => return option("read", flag),
            name => names.push(name),
        }
    }
    let Some((line, ended)) = input.line() else {
        names.iter().for_each(|name| shell.set(name, String::new()));
        return Ok(1);
    };
    if !raw && line.contains('\\') {
        return Err(Stop::unknown("read of a backslash without -r"));
    }
    let mut rest = line.trim_matches([' ', '\t']);
    for (index, name) in names.iter().enumerate() {
        if index + 1 == names.len() {
            shell.set(name, rest.to_owned());
            break;
        }
        let (word, after) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
        shell.set(name, word.to_owned());
        rest = after.trim_start_matches([' ', '\t']);
    }
    Ok(i32::from(!ended))
}

pub(super) fn export(shell: &mut Shell<'_>, arguments: &[String]) -> Result<i32, Stop> {
    for argument in arguments {
        match argument.split_once('=') {
            Some((name, value)) => shell.set(name, value.to_owned()),
            None if argument.starts_with('-') => return option("export", argument),
            None => {}
        }
    }
    Ok(0)
}
