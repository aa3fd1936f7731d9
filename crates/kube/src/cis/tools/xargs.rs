//! xargs.

use super::{Input, Output, Shell, Stop, lines, option};

/// Commands that one xargs may run.
const RUNS_LIMIT: usize = 20_000;
/// Arguments that are given to one command.
const ARGUMENTS_LIMIT: usize = 20_000;

pub(super) fn run(
    shell: &mut Shell<'_>,
    arguments: &[String],
    input: &mut Input,
    output: &mut Output,
) -> Result<i32, Stop> {
    let (mut never_empty, mut replaced, mut by_lines, mut by_words) = (false, None, None, None);
    let mut rest = arguments;
    while let Some((first, after)) = rest.split_first() {
        if !first.starts_with('-') {
            break;
        }
        rest = after;
        let mut value = |inline: &str| -> String {
            if !inline.is_empty() {
                return inline.to_owned();
            }
            let (value, after) = rest.split_first().map_or(("", rest), |(one, after)| (one, after));
            rest = after;
            value.to_owned()
        };
        match first.as_str() {
            "-r" | "--no-run-if-empty" => never_empty = true,
            flag if flag.starts_with("-I") => replaced = Some(value(&flag[2..])),
            flag if flag.starts_with("-L") => by_lines = Some(value(&flag[2..])),
            flag if flag.starts_with("-n") => by_words = Some(value(&flag[2..])),
            flag => return option("xargs", flag),
        }
    }
    let command: Vec<String> = if rest.is_empty() { vec!["echo".into()] } else { rest.to_vec() };
    let text = input.rest();
    if let Some(name) = replaced.filter(|name| !name.is_empty()) {
        let lines = lines(&text).map(str::trim_start).filter(|line| !line.is_empty());
        let runs = lines
            .map(|line| command.iter().map(|word| word.replace(&name, line)).collect::<Vec<_>>());
        return every(shell, runs, output);
    }
    let mut groups: Vec<Vec<String>> = Vec::new();
    if let Some(count) = by_lines {
        if count != "1" {
            return option("xargs", &format!("-L {count}"));
        }
        for line in lines(&text) {
            groups.push(words(line)?);
        }
        groups.retain(|words| !words.is_empty());
    } else {
        let words = words(&text)?;
        let count = by_words.and_then(|count| count.parse().ok()).unwrap_or(ARGUMENTS_LIMIT);
        groups.extend(words.chunks(count.max(1)).map(<[String]>::to_vec));
    }
    if groups.is_empty() && !never_empty {
        groups.push(Vec::new());
    }
    let runs = groups.into_iter().map(|words| [command.clone(), words].concat());
    every(shell, runs, output)
}

fn every(
    shell: &mut Shell<'_>,
    runs: impl Iterator<Item = Vec<String>>,
    output: &mut Output,
) -> Result<i32, Stop> {
    let mut failed = false;
    for (count, words) in runs.enumerate() {
        if count >= RUNS_LIMIT {
            return Err(Stop::unknown(format!("xargs of more than {RUNS_LIMIT} commands")));
        }
        shell.bytes(words.iter().map(String::len).sum())?;
        match shell.call(&words, &mut Input::default(), output)? {
            0 => {}
            _ => failed = true,
        }
    }
    Ok(if failed { 123 } else { 0 })
}

/// Words as xargs splits them: quotes and backslashes are its own.
fn words(text: &str) -> Result<Vec<String>, Stop> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some(_), '\n') => return Err(Stop::unknown("xargs with a quote that is not closed")),
            (Some(_), _) => word.get_or_insert_default().push(letter),
            (None, '"' | '\'') => {
                word.get_or_insert_default();
                quote = Some(letter);
            }
            (None, '\\') => word.get_or_insert_default().extend(letters.next()),
            (None, _) if letter.is_ascii_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(letter),
        }
    }
    if quote.is_some() {
        return Err(Stop::unknown("xargs with a quote that is not closed"));
    }
    words.extend(word);
    Ok(words)
}
