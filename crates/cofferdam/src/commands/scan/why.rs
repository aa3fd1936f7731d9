//! `scan --why`: what decided about a vulnerability or a package.

use std::io::{self, Write};

use cofferdam_finding::{Report, render::escape};
use cofferdam_vuln::{
    database::Database,
    matching::{Consulted, Judgement, Why, why},
};
use serde::Serialize;

use super::form::Form;
use crate::{error::CliError, facts::Facts, session::Session};

/// Version of the JSON answer: fields are only ever added; the number rises when one is.
const SCHEMA_VERSION: u32 = 1;

/// The answer, and what the report makes of it.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    schema_version: u32,
    target: String,
    #[serde(flatten)]
    why: Why,
    /// What became of findings about it that are not open.
    set_aside: Vec<SetAside>,
}

/// A finding that somebody has decided about.
#[derive(Debug, Serialize)]
struct SetAside {
    vulnerability: String,
    subject: String,
    /// Who decided, and why.
    by: String,
}

impl Answer {
    /// Looks up what is asked for.
    pub(super) fn new(
        facts: &Facts,
        database: Option<&Database>,
        asked: &str,
    ) -> Result<Self, CliError> {
        let Some(database) = database else {
            return Err(CliError::new("could not explain what was not matched")
                .hint("--why needs the analysis of packages: --scanners vuln"));
        };
        Ok(Self {
            schema_version: SCHEMA_VERSION,
            target: facts.target.name.clone(),
            why: why(&facts.inventory, database, asked)?,
            set_aside: Vec::new(),
        })
    }

    /// Adds what the report has decided about.
    pub(super) fn decided(&mut self, report: &Report) {
        let concerns = |rule: &str, subject: &str| {
            let judgements = &self.why.judgements;
            judgements.iter().any(|one| one.vulnerability == rule && one.subject == subject)
        };
        let waived = report.decision.waived.iter().filter_map(|waived| {
            let (finding, waiver) = (&waived.finding, &waived.waiver);
            concerns(&finding.rule, &finding.subject).then(|| SetAside {
                vulnerability: finding.rule.to_string(),
                subject: finding.subject.clone(),
                by: format!(
                    "waived by {} until {}: {}",
                    waiver.owner,
                    waiver.last_day(),
                    waiver.reason
                ),
            })
        });
        let closed = report.decision.suppressed.iter().filter_map(|closed| {
            let (finding, statement) = (&closed.finding, &closed.statement);
            concerns(&finding.rule, &finding.subject).then(|| SetAside {
                vulnerability: finding.rule.to_string(),
                subject: finding.subject.clone(),
                by: format!(
                    "closed by {}, which says {}: {}",
                    statement.document,
                    statement.status.name(),
                    statement.reason()
                ),
            })
        });
        let all: Vec<SetAside> = waived.chain(closed).collect();
        self.set_aside = all;
    }

    /// Whether there is anything to say.
    pub(super) fn knows_something(&self) -> bool {
        self.why.vulnerability.is_some()
            || !self.why.judgements.is_empty()
            || !self.why.not_compared.is_empty()
    }

    /// Writes it in the form that was asked for.
    pub(super) fn write(&self, format: Form, session: &mut Session) -> Result<(), CliError> {
        match format {
            Form::Table => self.table(session.printer.data())?,
            Form::Json => session.printer.json(self)?,
            _ => {
                return Err(CliError::new("could not write an explanation in that format")
                    .hint("--why is written as table or json"));
            }
        }
        Ok(())
    }

    fn table(&self, out: &mut impl Write) -> io::Result<()> {
        if let Some(vulnerability) = &self.why.vulnerability {
            let aliases = self.why.aliases.join(", ");
            let aliases = if aliases.is_empty() { aliases } else { format!(" ({aliases})") };
            writeln!(out, "{}{}", escape(vulnerability), escape(&aliases))?;
        }
        for judgement in &self.why.judgements {
            self.judgement(judgement, out)?;
        }
        if !self.why.not_compared.is_empty() {
            writeln!(out, "\nNot compared")?;
        }
        for one in &self.why.not_compared {
            writeln!(out, "  {}: {}", escape(&one.purl), escape(&one.why))?;
        }
        if !self.why.notes.is_empty() {
            writeln!(out)?;
        }
        for note in &self.why.notes {
            writeln!(out, "note: {}", escape(note))?;
        }
        Ok(())
    }

    fn judgement(&self, one: &Judgement, out: &mut impl Write) -> io::Result<()> {
        let package = &one.package;
        writeln!(
            out,
            "\n{} in {} {} ({}): {}{}",
            escape(&one.vulnerability),
            escape(&package.name),
            escape(&package.version),
            escape(&package.location),
            one.decision.name(),
            match &one.fixed_version {
                Some(fixed) => format!(", fixed in {}", escape(fixed)),
                None => String::new(),
            }
        )?;
        let Judgement { name, version, ecosystem, order, .. } = one;
        writeln!(
            out,
            "  compared as {} {} with {}, in the order of {order} versions",
            escape(name),
            escape(version),
            escape(ecosystem),
        )?;
        for Consulted { record, sources, range, says, counts, because } in &one.records {
            let counts = if *counts { "decides" } else { "does not count" };
            writeln!(out, "  {}: affected {}", escape(record), escape(range))?;
            writeln!(out, "    says {}, {counts}: {}", says.name(), escape(because))?;
            writeln!(out, "    from {}", escape(&sources.join(" or ")))?;
        }
        let is_of = |aside: &&SetAside| {
            aside.vulnerability == one.vulnerability && aside.subject == one.subject
        };
        for aside in self.set_aside.iter().filter(is_of) {
            writeln!(out, "  {}", escape(&aside.by))?;
        }
        Ok(())
    }
}
