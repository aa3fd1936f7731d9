use std::io::{self, Write};

use super::{
    Terminal,
    columns::{Column, Row, grid},
    text::{Style, escape, wrap},
};
use crate::{Rule, merge};

const INDENT: &str = "  ";

/// Writes what a rule looks for, why it matters, how to fix it and where to read more.
///
/// # Errors
///
/// The writer fails.
pub fn explain(rule: &Rule, terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
    let id = terminal.paint(Style::Bold, &escape(&rule.id));
    let severity = terminal.paint(Style::Severity(rule.severity), rule.severity.name());
    writeln!(out, "{id} ({severity}, {})", rule.topic)?;
    for line in wrap(&rule.title, terminal.width()) {
        writeln!(out, "{line}")?;
    }
    let explanation = &rule.explain;
    for (title, text) in [
        ("What it looks for", &explanation.what),
        ("Why it matters", &explanation.why),
        ("How to fix it", &explanation.fix),
    ] {
        if text.trim().is_empty() {
            continue;
        }
        writeln!(out, "\n{}", terminal.paint(Style::Bold, title))?;
        for line in wrap(text, terminal.width() - INDENT.len()) {
            writeln!(out, "{}", format!("{INDENT}{line}").trim_end())?;
        }
    }
    references(rule, terminal, out)
}

fn references(rule: &Rule, terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
    if rule.references.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", terminal.paint(Style::Bold, "References"))?;
    for reference in rule.references.iter() {
        // Never cut or wrapped: an address is to be copied.
        let (system, id) = (escape(&reference.system), escape(&reference.id));
        match system.as_ref() {
            "URL" => writeln!(out, "{INDENT}{id}")?,
            system if id.starts_with(system) => writeln!(out, "{INDENT}{id}")?,
            system => writeln!(out, "{INDENT}{system} {id}")?,
        }
    }
    Ok(())
}

/// Writes one line a rule, by topic and id.
///
/// # Errors
///
/// The writer fails.
pub fn rules_table<'a>(
    rules: impl IntoIterator<Item = &'a Rule>,
    terminal: Terminal,
    out: &mut dyn Write,
) -> io::Result<()> {
    const COLUMNS: [Column; 3] =
        [Column::new("SEVERITY", 8), Column::new("RULE", 20), Column::new("TOPIC", 13)];
    let mut rules: Vec<&Rule> = rules.into_iter().collect();
    rules.sort_by(|a, b| a.topic.cmp(&b.topic).then_with(|| merge::natural(&a.id, &b.id)));
    let rows: Vec<Row> = rules
        .into_iter()
        .map(|rule| {
            let cells = [rule.severity.name(), &rule.id, rule.topic.name()];
            Row::new(Style::Severity(rule.severity), cells, &rule.title)
        })
        .collect();
    grid(&COLUMNS, "TITLE", &rows, terminal, out)
}
