use std::fmt::Write as _;

use super::{Check, Report, Status, Verdict};

const STATUS_WIDTH: usize = 8;

/// One line a check, and below it what it means and what to do unless it works.
pub(super) fn table(report: &Report, columns: usize, color: bool) -> String {
    let names = report.checks.iter().map(|check| check.name.len());
    let name_width = names.max().unwrap_or_default();
    let mut text = String::new();
    for check in &report.checks {
        row(&mut text, check, name_width, columns, color);
    }
    let verdicts = [("scan", report.scan), ("run", report.run)];
    let _ = writeln!(text);
    for (command, verdict) in verdicts {
        let (word, code) = match verdict {
            Verdict::Works => ("works", 32),
            Verdict::Degraded => ("works, with the limits above", 33),
            Verdict::Missing => ("does not work", 31),
        };
        let _ = writeln!(text, "cofferdam {command:<4}  {}", paint(word, code, color));
    }
    text
}

fn row(text: &mut String, check: &Check, name_width: usize, columns: usize, color: bool) {
    let (word, code) = match check.status {
        Status::Works => ("works", 32),
        Status::Degraded => ("degraded", 33),
        Status::Missing => ("missing", 31),
        Status::Unknown => ("unknown", 35),
    };
    let indent = STATUS_WIDTH + 2 + name_width + 2;
    let width = columns.saturating_sub(indent).max(24);
    let word = paint(&format!("{word:<STATUS_WIDTH$}"), code, color);
    let mut lines = wrap(&check.saw, width).into_iter();
    let _ =
        writeln!(text, "{word}  {:<name_width$}  {}", check.name, lines.next().unwrap_or_default());
    let more = [("means: ", &check.means), ("to do: ", &check.advice)];
    let more = more.into_iter().filter(|_| check.status != Status::Works);
    let more = more.filter_map(|(word, line)| Some(format!("{word}{}", line.as_deref()?)));
    for line in lines.chain(more.flat_map(|line| wrap(&line, width))) {
        let _ = writeln!(text, "{:indent$}{line}", "");
    }
}

fn paint(word: &str, code: u8, color: bool) -> String {
    if color { format!("\x1b[{code}m{word}\x1b[0m") } else { word.to_owned() }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let clean = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let mut lines: Vec<String> = Vec::new();
    for word in clean.collect::<String>().split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_work_says_what_to_do() {
        let checks = vec![
            Check::works("kernel", "Linux 7.2"),
            Check::degraded("Landlock", "not in this kernel")
                .means("one layer less")
                .advice("use Linux 5.13 or newer, with landlock"),
        ];
        let report =
            Report { schema_version: 1, scan: Verdict::Works, run: Verdict::Missing, checks };
        let expected = "\
works     kernel    Linux 7.2
degraded  Landlock  not in this kernel
                    means: one layer less
                    to do: use Linux 5.13 or
                    newer, with landlock

cofferdam scan  works
cofferdam run   does not work
";
        assert_eq!(table(&report, 44, false), expected);
        assert!(table(&report, 44, true).contains("\x1b[33mdegraded\x1b[0m"));
    }
}
