//! grep.

use regex::Regex;

use super::{Input, Output, Shell, Stop, file, lines, option};
use crate::cis::pattern::{Flavour, posix};

#[derive(Debug, Default)]
struct Options {
    invert: bool,
    fold: bool,
    only: bool,
    quiet: bool,
    count: bool,
    numbers: bool,
    words: bool,
    whole: bool,
    silent: bool,
    no_names: bool,
    names: bool,
    most: Option<usize>,
    before: usize,
    after: usize,
}

pub(super) fn run(
    shell: &mut Shell<'_>,
    program: &str,
    arguments: &[String],
    input: &mut Input,
    output: &mut Output,
) -> Result<i32, Stop> {
    let mut flavour = match program {
        "egrep" => Flavour::Extended,
        "fgrep" => Flavour::Fixed,
        _ => Flavour::Basic,
    };
    let mut options = Options::default();
    let (mut patterns, mut operands): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut rest = arguments.iter().map(String::as_str);
    let mut only_operands = false;
    while let Some(argument) = rest.next() {
        if only_operands || !argument.starts_with('-') || argument == "-" {
            operands.push(argument);
        } else if argument == "--" {
            only_operands = true;
        } else if argument.starts_with("--") {
            long(argument, &mut options, &mut flavour)?;
        } else {
            let flags = argument[1..].char_indices();
            for (at, flag) in flags {
                match flag {
                    'e' | 'm' | 'A' | 'B' | 'C' => {
                        let inline = &argument[at + 2..];
                        let value = if inline.is_empty() { rest.next() } else { Some(inline) };
                        let Some(value) = value else { return option("grep", argument) };
                        if flag == 'e' {
                            patterns.push(value);
                        } else {
                            options.number(flag, value)?;
                        }
                        break;
                    }
                    'E' | 'P' => flavour = Flavour::Extended,
                    'F' => flavour = Flavour::Fixed,
                    'G' => flavour = Flavour::Basic,
                    _ if options.flag(flag) => {}
                    _ => return option("grep", argument),
                }
            }
        }
    }
    if patterns.is_empty() {
        let Some((pattern, files)) = operands.split_first() else {
            output.error("Usage: grep [OPTION]... PATTERNS [FILE]...\n");
            return Ok(2);
        };
        patterns.push(pattern);
        operands = files.to_vec();
    }
    let mut regexes = Vec::new();
    for pattern in patterns.iter().flat_map(|pattern| pattern.split('\n')) {
        regexes.push(posix(pattern, flavour, options.fold).map_err(Stop::Unknown)?);
    }
    search(shell, &regexes, &options, &operands, input, output)
}

impl Options {
    fn flag(&mut self, flag: char) -> bool {
        match flag {
            'v' => self.invert = true,
            'i' => self.fold = true,
            'o' => self.only = true,
            'q' => self.quiet = true,
            'c' => self.count = true,
            'n' => self.numbers = true,
            'w' => self.words = true,
            'x' => self.whole = true,
            's' => self.silent = true,
            'h' => self.no_names = true,
            'H' => self.names = true,
            'a' => {}
            _ => return false,
        }
        true
    }

    fn number(&mut self, flag: char, value: &str) -> Result<(), Stop> {
        let Ok(value) = value.trim().parse() else { return option("grep", value) };
        match flag {
            'm' => self.most = Some(value),
            'A' => self.after = value,
            'B' => self.before = value,
            _ => (self.before, self.after) = (value, value),
        }
        Ok(())
    }
}

fn long(argument: &str, options: &mut Options, flavour: &mut Flavour) -> Result<(), Stop> {
    match argument {
        "--invert-match" => options.invert = true,
        "--ignore-case" => options.fold = true,
        "--only-matching" => options.only = true,
        "--quiet" | "--silent" => options.quiet = true,
        "--count" => options.count = true,
        "--no-messages" => options.silent = true,
        "--extended-regexp" => *flavour = Flavour::Extended,
        "--fixed-strings" => *flavour = Flavour::Fixed,
        _ => return option("grep", argument),
    }
    Ok(())
}

fn search(
    shell: &Shell<'_>,
    regexes: &[Regex],
    options: &Options,
    files: &[&str],
    input: &mut Input,
    output: &mut Output,
) -> Result<i32, Stop> {
    let (mut found, mut failed) = (false, false);
    let named = (files.len() > 1 || options.names) && !options.no_names;
    for path in if files.is_empty() { &["-"] } else { files } {
        let text = match *path {
            "-" => input.rest(),
            path => match file(shell, path)? {
                Ok(text) => text,
                Err(why) => {
                    failed = true;
                    if !options.silent {
                        output.error(&format!("grep: {path}: {why}\n"));
                    }
                    continue;
                }
            },
        };
        let name = if named { format!("{path}:") } else { String::new() };
        found |= one(shell, regexes, options, &text, &name, output)?;
    }
    Ok(if found && options.quiet {
        0
    } else if failed {
        2
    } else {
        i32::from(!found)
    })
}

/// Searches one text; whether something was found.
fn one(
    shell: &Shell<'_>,
    regexes: &[Regex],
    options: &Options,
    text: &str,
    name: &str,
    output: &mut Output,
) -> Result<bool, Stop> {
    let all: Vec<&str> = lines(text).collect();
    let mut count = 0;
    // The first line that was not printed yet, and how many more are to be printed.
    let (mut printed, mut after) = (0, 0);
    for (at, line) in all.iter().enumerate() {
        shell.step(1 + line.len() / 256)?;
        let matches = regexes.iter().any(|regex| holds(regex, line, options)) != options.invert;
        let full = options.most.is_some_and(|most| count >= most);
        if matches && !full {
            count += 1;
            if options.quiet {
                return Ok(true);
            }
            if options.count {
                continue;
            }
            if options.only {
                if !options.invert {
                    for found in regexes.iter().flat_map(|regex| regex.find_iter(line)) {
                        if !found.is_empty() {
                            output.out(&format!("{name}{}\n", found.as_str()));
                        }
                    }
                }
                continue;
            }
            let from = at.saturating_sub(options.before).max(printed);
            if from > printed && printed > 0 && options.before + options.after > 0 {
                output.out("--\n");
            }
            for (number, line) in all.iter().enumerate().take(at + 1).skip(from) {
                let number =
                    if options.numbers { format!("{}:", number + 1) } else { String::new() };
                output.out(&format!("{name}{number}{line}\n"));
            }
            (printed, after) = (at + 1, options.after);
        } else if after > 0 && !options.only && !options.count {
            output.out(&format!("{name}{line}\n"));
            (printed, after) = (at + 1, after - 1);
        } else if full {
            break;
        }
    }
    if options.count && !options.quiet {
        output.out(&format!("{name}{count}\n"));
    }
    Ok(count > 0)
}

fn holds(regex: &Regex, line: &str, options: &Options) -> bool {
    if options.whole {
        return regex.find(line).is_some_and(|found| found.len() == line.len());
    }
    if !options.words {
        return regex.is_match(line);
    }
    let is_word =
        |letter: Option<char>| letter.is_some_and(|one| one.is_alphanumeric() || one == '_');
    regex.find_iter(line).any(|found| {
        !is_word(line[..found.start()].chars().next_back())
            && !is_word(line[found.end()..].chars().next())
    })
}
