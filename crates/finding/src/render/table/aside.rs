//! The sections of what does not count: waived, closed by a statement; and of waivers and
//! statements that are about nothing.

use std::io::{self, Write};

use super::{Column, Row, Style, Terminal, field, grid, section, severity};
use crate::{BaselineUse, Report, Upgrade, Waiver};

/// Statements about nothing that are listed; JSON has more.
const UNMATCHED_TOLD: usize = 10;

pub(super) fn aside(report: &Report, terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
    waived(report, terminal, out)?;
    let decision = &report.decision;
    let expired = "Expired waivers: their findings are open again";
    waivers(expired, "EXPIRED", &decision.expired_waivers, terminal, out)?;
    let unused = "Unused waivers: they cover nothing here";
    waivers(unused, "UNTIL", &decision.unused_waivers, terminal, out)?;
    closed(report, terminal, out)?;
    unmatched(report, terminal, out)?;
    if let Some(BaselineUse { file, created, gone }) = &decision.baseline {
        let known = decision.known.len();
        let text = format!("{file} of {created}: {known} known before, {gone} gone since");
        writeln!(out)?;
        field("Baseline", &text, terminal, out)?;
    }
    Ok(())
}

/// The section of what to upgrade.
pub(super) fn upgrades(
    upgrades: &[Upgrade],
    terminal: Terminal,
    out: &mut dyn Write,
) -> io::Result<()> {
    const COLUMNS: [Column; 4] = [
        Column::new("PACKAGE", 16),
        Column::new("INSTALLED", 13),
        Column::new("UPGRADE TO", 13),
        Column::new("CLOSES", 9),
    ];
    if upgrades.is_empty() {
        return Ok(());
    }
    let row = |upgrade: &Upgrade| {
        let closes = upgrade.closes.len();
        let closes = format!("{closes} of {}", closes + upgrade.leaves.len());
        let to = upgrade.to.as_deref().unwrap_or("no fix yet");
        let mut note = upgrade.command.clone().unwrap_or_default();
        for (count, what) in
            [(upgrade.exploited, "known to be exploited"), (upgrade.brings.len(), "new ones")]
        {
            if count > 0 {
                let between = if note.is_empty() { "" } else { "; " };
                note.push_str(&format!("{between}{count} {what}"));
            }
        }
        let style = if upgrade.to.is_some() { Style::Bold } else { Style::Dim };
        Row::new(style, [&*upgrade.subject, &upgrade.installed, to, &closes], &note)
    };
    let rows: Vec<Row> = upgrades.iter().map(row).collect();
    section("Upgrades: the smallest that close most", rows.len(), terminal, out)?;
    grid(&COLUMNS, "BY", &rows, terminal, out)
}

fn waived(report: &Report, terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
    const COLUMNS: [Column; 5] = [
        Column::new("SEVERITY", 8),
        Column::new("ID", 20),
        Column::new("SUBJECT", 10),
        Column::new("UNTIL", 10),
        Column::new("OWNER", 8),
    ];
    let rows: Vec<Row> = report
        .decision
        .waived
        .iter()
        .map(|waived| {
            let (finding, waiver) = (&waived.finding, &waived.waiver);
            let (until, owner) = (waiver.last_day(), &waiver.owner);
            let cells = [severity(finding), &finding.rule, &finding.subject, &until, owner];
            Row::new(Style::Dim, cells, &waiver.reason)
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    section("Waived", rows.len(), terminal, out)?;
    grid(&COLUMNS, "REASON", &rows, terminal, out)
}

fn waivers(
    title: &str,
    until: &'static str,
    waivers: &[Waiver],
    terminal: Terminal,
    out: &mut dyn Write,
) -> io::Result<()> {
    if waivers.is_empty() {
        return Ok(());
    }
    let columns = [
        Column::new("RULE", 20),
        Column::new("SUBJECT", 10),
        Column::new(until, 10),
        Column::new("OWNER", 8),
    ];
    let rows: Vec<Row> = waivers
        .iter()
        .map(|waiver| {
            let subject = waiver.subject.as_deref().unwrap_or("*");
            let cells = [&waiver.rule, subject, &waiver.last_day(), &waiver.owner];
            Row::new(Style::Warning, cells, &waiver.reason)
        })
        .collect();
    section(title, rows.len(), terminal, out)?;
    grid(&columns, "REASON", &rows, terminal, out)
}

fn closed(report: &Report, terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
    const COLUMNS: [Column; 5] = [
        Column::new("SEVERITY", 8),
        Column::new("ID", 20),
        Column::new("SUBJECT", 10),
        Column::new("STATUS", 12),
        Column::new("SAID BY", 10),
    ];
    let rows: Vec<Row> = report
        .decision
        .suppressed
        .iter()
        .map(|closed| {
            let (finding, statement) = (&closed.finding, &closed.statement);
            let (status, by) = (statement.status.name(), &statement.document);
            let cells = [severity(finding), &finding.rule, &finding.subject, status, by];
            Row::new(Style::Dim, cells, &statement.reason())
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    section("Closed by VEX statements", rows.len(), terminal, out)?;
    grid(&COLUMNS, "REASON", &rows, terminal, out)
}

fn unmatched(report: &Report, terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
    const COLUMNS: [Column; 3] =
        [Column::new("ID", 20), Column::new("STATUS", 12), Column::new("PRODUCT", 20)];
    let Some(vex) = &report.decision.vex else { return Ok(()) };
    let count = vex.statements.saturating_sub(vex.matched);
    if vex.unmatched.is_empty() || count == 0 {
        return Ok(());
    }
    let row = |one: &crate::UnmatchedStatement| {
        let statement = &one.statement;
        let cells = [&*statement.vulnerability, statement.status.name(), &statement.product];
        Row::new(Style::Warning, cells, &one.why)
    };
    let rows: Vec<Row> = vex.unmatched.iter().take(UNMATCHED_TOLD).map(row).collect();
    section("VEX statements that are about nothing here", count, terminal, out)?;
    grid(&COLUMNS, "WHY", &rows, terminal, out)?;
    if count > rows.len() {
        writeln!(out, "  and {} more", count - rows.len())?;
    }
    Ok(())
}
