//! The report as text.

use std::fmt::Write as _;

use super::{Process, Report, Severity};
use crate::explain::{self, Layer};

/// Writes the report: the layers of the first process, those of others where they are not the
/// same, then the differences and what is unknown. `width` bounds the lines of layers where it
/// can; `colour` adds terminal colours.
#[must_use]
pub fn render(report: &Report, width: usize, colour: bool) -> String {
    let mut text = String::new();
    let count = report.processes.len();
    let plural = if count == 1 { "process" } else { "processes" };
    let _ = writeln!(text, "container '{}' is {}: {count} {plural}", report.id, report.status);
    let first = report.processes.first();
    for process in &report.processes {
        let _ = writeln!(text, "\nprocess {} ({})", process.pid, printable(&process.name));
        let layers = match first.filter(|first| first.pid != process.pid) {
            Some(first) => other_than(first, process),
            None => process.layers.clone(),
        };
        if layers.is_empty() {
            text.push_str("all layers as the first process has them\n");
        } else {
            text.push_str(&explain::render(&layers, width, colour));
        }
    }
    differences(report, colour, &mut text);
    for gap in &report.unknown {
        let _ = writeln!(text, "unknown: {}{}: {}", who(gap.pid), gap.layer, printable(&gap.why));
    }
    if report.hidden > 0 {
        let count = report.hidden;
        let _ = writeln!(text, "processes of this machine that this user may not look at: {count}");
    }
    if !report.untold.is_empty() {
        let untold = report.untold.join(", ");
        let _ = writeln!(text, "asked for, and told of other processes by no kernel: {untold}");
    }
    text
}

/// Layers that the first process has otherwise.
fn other_than(first: &Process, process: &Process) -> Vec<Layer> {
    let same = |layer: &&Layer| !first.layers.iter().any(|other| other == *layer);
    process.layers.iter().filter(same).cloned().collect()
}

fn differences(report: &Report, colour: bool, text: &mut String) {
    if report.differences.is_empty() {
        text.push_str("\nnothing differs from the configuration\n");
        return;
    }
    let count = report.differences.len();
    let plural = if count == 1 { "difference" } else { "differences" };
    let _ = writeln!(text, "\n{count} {plural} from the configuration");
    for found in &report.differences {
        let code = match found.severity {
            Severity::Critical | Severity::High => 31,
            Severity::Medium => 33,
            Severity::Low => 36,
        };
        let word = format!("{:<8}", found.severity.as_str());
        let word = if colour { format!("\x1b[{code}m{word}\x1b[0m") } else { word };
        let (who, what) = (who(found.pid), printable(&found.what));
        let _ = writeln!(text, "{word}  {who}{}: {what}", found.layer);
        let (expected, seen) = (printable(&found.expected), printable(&found.found));
        let _ = writeln!(text, "          expected: {expected}\n          found:    {seen}");
        let _ = writeln!(text, "          fix:      {}", found.fix);
    }
}

fn who(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!("process {pid}, "))
}

/// Names and labels come from the container: no control character of theirs reaches a terminal.
fn printable(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}
