//! cat, head, tail, wc, cut, tr, paste.

use super::{Input, Output, Shell, Stop, inputs, lines, option};

pub(super) fn cat(
    shell: &mut Shell<'_>,
    arguments: &[String],
    input: &mut Input,
    output: &mut Output,
) -> Result<i32, Stop> {
    let mut files = Vec::new();
    for argument in arguments {
        match argument.as_str() {
            "-u" | "--" => {}
            flag if flag.len() > 1 && flag.starts_with('-') => return option("cat", flag),
            path => files.push(path),
        }
    }
    let (text, whole) = inputs(shell, "cat", &files, input, output)?;
    output.out(&text);
    Ok(i32::from(!whole))
}

/// How many lines, and which files.
fn count<'a>(program: &str, arguments: &'a [String]) -> Result<(&'a str, Vec<&'a str>), Stop> {
    let (mut count, mut files) = ("10", Vec::new());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "-n" => count = rest.next().map_or("", String::as_str),
            "-q" | "--" => {}
            flag if flag.starts_with("-n") => count = &flag[2..],
            flag if flag.starts_with("--lines=") => count = &flag["--lines=".len()..],
            flag if flag.len() > 1 && flag.starts_with('-') => {
                let digits = &flag[1..];
                if digits.parse::<usize>().is_err() {
                    return option(program, flag);
                }
                count = digits;
            }
            path => files.push(path),
        }
    }
    if files.len() > 1 {
        return Err(Stop::unknown(format!("{program} of several files")));
    }
    Ok((count, files))
}

pub(super) fn head(
    shell: &mut Shell<'_>,
    arguments: &[String],
    input: &mut Input,
    output: &mut Output,
) -> Result<i32, Stop> {
    let (count, files) = count("head", arguments)?;
    let Ok(count) = count.parse::<i64>() else { return option("head", count) };
    let (text, whole) = inputs(shell, "head", &files, input, output)?;
    let all: Vec<&str> = text.split_inclusive('\n').collect();
    let count = match usize::try_from(count) {
        Ok(count) => count,
        Err(_) => {
            all.len().saturating_sub(usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX))
        }
    };
    output.out(&all.iter().take(count).copied().collect::<String>());
    Ok(i32::from(!whole))
}

pub(super) fn tail(
    shell: &mut Shell<'_>,
    arguments: &[String],
    input: &mut Input,
    output: &mut Output,
) -> Result<i32, Stop> {
    let (count, files) = count("tail", arguments)?;
    let (text, whole) = inputs(shell, "tail", &files, input, output)?;
    let all: Vec<&str> = text.split_inclusive('\n').collect();
    let skipped = match count.strip_prefix('+') {
        Some(from) => from.parse::<usize>().map(|from| from.saturating_sub(1)),
        None => count
            .trim_start_matches('-')
            .parse::<usize>()
            .map(|count| all.len().saturating_sub(count)),
    };
    let Ok(skipped) = skipped else { return option("tail", count) };
    output.out(&all.iter().skip(skipped).copied().collect::<String>());
    Ok(i32::from(!whole))
}

pub(super) fn wc(
    shell: &mut Shell<'_>,
    arguments: &[String],
    input: &mut Input,
    output: &mut Output,
) -> Result<i32, Stop> {
    let mut counts = String::new();
    let mut files = Vec::new();
    for argument in arguments {
        match argument.strip_prefix('-') {
            Some("-lines") => counts.push('l'),
            Some(flags) if !flags.is_empty() && flags.chars().all(|one| "lwcm".contains(one)) => {
                counts.push_str(flags);
            }
            Some(_) => return option("wc", argument),
            None => files.push(argument.as_str()),
        }
    }
    if counts.len() != 1 || files.len() > 1 {
        return Err(Stop::unknown("wc of more than one count"));
    }
    let (text, whole) = inputs(shell, "wc", &files, input, output)?;
    let count = match counts.as_str() {
        "l" => text.matches('\n').count(),
        "w" => text.split_whitespace().count(),
        "c" => text.len(),
        _ => text.chars().count(),
    };
    let name = files.first().map_or(String::new(), |name| format!(" {name}"));
    if whole {
        output.out(&format!("{count}{name}\n"));
    }
    Ok(i32::from(!whole))
}

pub(super) fn cut(
    shell: &mut Shell<'_>,
    arguments: &[String],
    input: &mut Input,
    output: &mut Output,
) -> Result<i32, Stop> {
    let (mut delimiter, mut list, mut letters, mut files) = ("\t", "", false, Vec::new());
    let mut only_delimited = false;
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        match argument {
            "-s" => only_delimited = true,
            _ if argument.starts_with("-d") => {
                let inline = argument[2..].trim_start_matches('=');
                delimiter = if argument.len() > 2 && inline.is_empty() {
                    "="
                } else if inline.is_empty() {
                    rest.next().unwrap_or_default()
                } else {
                    inline
                };
            }
            _ if argument.starts_with("-f") || argument.starts_with("-c") => {
                letters = argument.starts_with("-c");
                let inline = &argument[2..];
                list = if inline.is_empty() { rest.next().unwrap_or_default() } else { inline };
            }
            _ if argument.len() > 1 && argument.starts_with('-') => {
                return option("cut", argument);
            }
            path => files.push(path),
        }
    }
    let Some(ranges) = ranges(list) else { return option("cut", list) };
    let chosen = |index: usize| ranges.iter().any(|(from, to)| (*from..=*to).contains(&index));
    let (text, whole) = inputs(shell, "cut", &files, input, output)?;
    for line in lines(&text) {
        shell.step(1)?;
        let taken = if letters {
            line.chars().enumerate().filter(|(at, _)| chosen(at + 1)).map(|one| one.1).collect()
        } else if !line.contains(delimiter) {
            if only_delimited {
                continue;
            }
            line.to_owned()
        } else {
            let parts = line.split(delimiter).enumerate();
            let taken = parts.filter(|(at, _)| chosen(at + 1)).map(|(_, part)| part);
            taken.collect::<Vec<_>>().join(delimiter)
        };
        output.out(&format!("{taken}\n"));
    }
    Ok(i32::from(!whole))
}

/// `1,3-5,7-`.
fn ranges(list: &str) -> Option<Vec<(usize, usize)>> {
    let range = |text: &str| match text.split_once('-') {
        Some((from, to)) => Some((
            if from.is_empty() { 1 } else { from.parse().ok()? },
            if to.is_empty() { usize::MAX } else { to.parse().ok()? },
        )),
        None => text.parse().ok().map(|one| (one, one)),
    };
    list.split(',').map(range).collect()
}

pub(super) fn tr(
    shell: &mut Shell<'_>,
    arguments: &[String],
    input: &mut Input,
    output: &mut Output,
) -> Result<i32, Stop> {
    let (mut delete, mut squeeze, mut complement, mut sets) = (false, false, false, Vec::new());
    for argument in arguments {
        match argument.strip_prefix('-').filter(|flags| !flags.is_empty()) {
            Some(flags) if sets.is_empty() => {
                for flag in flags.chars() {
                    match flag {
                        'd' => delete = true,
                        's' => squeeze = true,
                        'c' | 'C' => complement = true,
                        _ => return option("tr", argument),
                    }
                }
            }
            _ => sets.push(letters_of(argument)?),
        }
    }
    let first = sets.first().ok_or_else(|| Stop::unknown("tr without letters"))?;
    let listed = |letter: char| first.contains(&letter) != complement;
    let second = sets.get(1);
    let squeezed = second.unwrap_or(first);
    let text = input.rest();
    let mut out = String::with_capacity(text.len());
    let mut last = None;
    for letter in text.chars() {
        if delete && listed(letter) {
            continue;
        }
        let mut letter = letter;
        if let (Some(second), true, false) = (second, listed(letter), delete) {
            let place = first.iter().position(|one| *one == letter).unwrap_or(usize::MAX);
            letter = *second.get(place).or(second.last()).unwrap_or(&letter);
        }
        let repeats = squeeze && last == Some(letter);
        last = Some(letter);
        let in_set = if second.is_some() { squeezed.contains(&letter) } else { listed(letter) };
        if !(repeats && in_set) {
            out.push(letter);
        }
    }
    shell.step(out.len() / 64 + 1)?;
    output.out(&out);
    Ok(0)
}

/// The letters of a set: `a-z`, `\n`, `[:space:]`.
fn letters_of(text: &str) -> Result<Vec<char>, Stop> {
    let class = |name: &str| -> Option<fn(&char) -> bool> {
        Some(match name {
            "[:space:]" => char::is_ascii_whitespace,
            "[:blank:]" => |letter| *letter == ' ' || *letter == '\t',
            "[:upper:]" => char::is_ascii_uppercase,
            "[:lower:]" => char::is_ascii_lowercase,
            "[:digit:]" => char::is_ascii_digit,
            "[:alpha:]" => char::is_ascii_alphabetic,
            "[:alnum:]" => char::is_ascii_alphanumeric,
            "[:punct:]" => char::is_ascii_punctuation,
            _ => return None,
        })
    };
    if let Some(holds) = class(text) {
        return Ok((0..128_u8).map(char::from).filter(holds).collect());
    }
    let mut plain = Vec::new();
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        plain.push(match letter {
            '\\' => match rest.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some('0') => '\0',
                Some(other) => other,
                None => '\\',
            },
            _ => letter,
        });
    }
    let mut letters = Vec::new();
    let mut at = 0;
    while let Some(letter) = plain.get(at).copied() {
        match (plain.get(at + 1), plain.get(at + 2)) {
            (Some('-'), Some(to)) => {
                if u32::from(*to).saturating_sub(letter.into()) > 0xffff {
                    return option("tr", text);
                }
                letters.extend(letter..=*to);
                at += 3;
            }
            _ => {
                letters.push(letter);
                at += 1;
            }
        }
    }
    Ok(letters)
}

pub(super) fn paste(
    shell: &mut Shell<'_>,
    arguments: &[String],
    input: &mut Input,
    output: &mut Output,
) -> Result<i32, Stop> {
    let (mut serial, mut delimiter, mut files) = (false, "\t", Vec::new());
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        match argument {
            "-s" => serial = true,
            "-d" => delimiter = rest.next().unwrap_or_default(),
            "-sd" => {
                serial = true;
                delimiter = rest.next().unwrap_or_default();
            }
            _ if argument.starts_with("-d") => delimiter = &argument[2..],
            _ if argument.len() > 1 && argument.starts_with('-') => {
                return option("paste", argument);
            }
            path => files.push(path),
        }
    }
    if !serial {
        return Err(Stop::unknown("paste without -s"));
    }
    let (text, whole) = inputs(shell, "paste", &files, input, output)?;
    output.out(&(lines(&text).collect::<Vec<_>>().join(delimiter) + "\n"));
    Ok(i32::from(!whole))
}
