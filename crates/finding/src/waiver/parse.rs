use std::ops::Range;

use time::{Date, macros::format_description};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::Waiver;
use crate::glob;

const KEYS: [&str; 7] =
    ["rule", "subject", "target", "reason", "owner", "justification", "expires"];

/// The justifications of VEX, as OpenVEX writes them.
const JUSTIFICATIONS: [&str; 5] = [
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
];

/// Waivers that a file may have: more than anybody looks through.
const MOST_WAIVERS: usize = 100_000;

/// Why a waivers file cannot be used. Entries and lines are counted from 1.
#[derive(Debug, thiserror::Error)]
pub enum WaiverError {
    /// Not TOML.
    #[error("could not read line {line}, column {column} as TOML: {why}")]
    Syntax {
        /// Line.
        line: usize,
        /// Column, in characters.
        column: usize,
        /// What the TOML parser objects to.
        why: String,
    },
    /// Something beside `[[waiver]]`.
    #[error(
        "could not read line {line}: unknown key '{key}'; a waivers file holds [[waiver]] tables"
    )]
    UnknownTable {
        /// Line.
        line: usize,
        /// The key.
        key: String,
    },
    /// `waiver` is something else than an array of tables.
    #[error("could not read line {line}: a waiver is a table headed [[waiver]], not {saw}")]
    NotATable {
        /// Line.
        line: usize,
        /// TOML type found instead.
        saw: &'static str,
    },
    /// A key that no waiver has.
    #[error(
        "could not read waiver {entry} (line {line}): unknown key '{key}'; the keys are rule, \
         subject, target, reason, owner, justification, expires"
    )]
    UnknownKey {
        /// Number of the waiver.
        entry: usize,
        /// Line of the key.
        line: usize,
        /// The key.
        key: String,
    },
    /// A required key is absent.
    #[error("could not read waiver {entry} (line {line}): '{key}' is missing")]
    Missing {
        /// Number of the waiver.
        entry: usize,
        /// Line of the waiver's head.
        line: usize,
        /// The key.
        key: &'static str,
    },
    /// A value is empty or blank.
    #[error("could not read waiver {entry} (line {line}): '{key}' is empty")]
    Empty {
        /// Number of the waiver.
        entry: usize,
        /// Line of the value.
        line: usize,
        /// The key.
        key: &'static str,
    },
    /// A value has a wrong type.
    #[error("could not read waiver {entry} (line {line}): '{key}' must be a {wanted}, not {saw}")]
    WrongType {
        /// Number of the waiver.
        entry: usize,
        /// Line of the value.
        line: usize,
        /// The key.
        key: &'static str,
        /// What it should be.
        wanted: &'static str,
        /// TOML type found instead.
        saw: &'static str,
    },
    /// A rule id has blanks in it or around it: no rule has such an id.
    #[error("could not read waiver {entry} (line {line}): rule '{rule}' has blanks in it")]
    Rule {
        /// Number of the waiver.
        entry: usize,
        /// Line of the value.
        line: usize,
        /// The rule.
        rule: String,
    },
    /// None of the justifications of VEX.
    #[error(
        "could not read waiver {entry} (line {line}): justification '{saw}' is none of {}",
        JUSTIFICATIONS.join(", ")
    )]
    Justification {
        /// Number of the waiver.
        entry: usize,
        /// Line of the value.
        line: usize,
        /// The value.
        saw: String,
    },
    /// There are more than anybody looks through.
    #[error("could not read the waivers: {count} are more than {MOST_WAIVERS}")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// Not a day of the calendar.
    #[error(
        "could not read waiver {entry} (line {line}): expires '{saw}' is not a date such as \
         2027-01-31"
    )]
    Date {
        /// Number of the waiver.
        entry: usize,
        /// Line of the value.
        line: usize,
        /// The value.
        saw: String,
    },
    /// It would cover every finding of every target.
    #[error(
        "could not read waiver {entry} (line {line}): it would waive everything; name a rule, a \
         subject or a target"
    )]
    Everything {
        /// Number of the waiver.
        entry: usize,
        /// Line of the waiver's head.
        line: usize,
    },
}

pub(super) fn waivers(text: &str) -> Result<Vec<Waiver>, WaiverError> {
    let file = DeTable::parse(text).map_err(|error| syntax(text, &error))?;
    let mut waivers = Vec::new();
    for (key, value) in file.get_ref() {
        if key.get_ref() != "waiver" {
            let line = position(text, &key.span()).0;
            return Err(WaiverError::UnknownTable { line, key: key.get_ref().to_string() });
        }
        waivers = entries(text, value)?;
    }
    Ok(waivers)
}

fn entries(text: &str, value: &Spanned<DeValue<'_>>) -> Result<Vec<Waiver>, WaiverError> {
    let DeValue::Array(array) = value.get_ref() else {
        return Err(not_a_table(text, value));
    };
    if array.len() > MOST_WAIVERS {
        return Err(WaiverError::TooMany { count: array.len() });
    }
    array
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let DeValue::Table(table) = value.get_ref() else {
                return Err(not_a_table(text, value));
            };
            let line = position(text, &value.span()).0;
            Entry { text, table, number: index + 1, line }.waiver()
        })
        .collect()
}

fn not_a_table(text: &str, value: &Spanned<DeValue<'_>>) -> WaiverError {
    let line = position(text, &value.span()).0;
    WaiverError::NotATable { line, saw: value.get_ref().type_str() }
}

fn syntax(text: &str, error: &toml::de::Error) -> WaiverError {
    let (line, column) = position(text, &error.span().unwrap_or(0..0));
    WaiverError::Syntax { line, column, why: error.message().to_owned() }
}

/// Line and column, from 1, of the start of a span.
fn position(text: &str, span: &Range<usize>) -> (usize, usize) {
    let before = text.get(..span.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// One `[[waiver]]` table.
struct Entry<'a> {
    text: &'a str,
    table: &'a DeTable<'a>,
    number: usize,
    line: usize,
}

impl Entry<'_> {
    fn waiver(&self) -> Result<Waiver, WaiverError> {
        self.refuse_unknown_keys()?;
        let waiver = Waiver {
            rule: self.rule()?,
            subject: self.string("subject")?,
            target: self.string("target")?,
            reason: self.required("reason")?,
            owner: self.required("owner")?,
            justification: self.justification()?,
            expires: self.expires()?,
        };
        let everything =
            |pattern: &Option<String>| pattern.as_deref().is_none_or(glob::is_everything);
        if glob::is_everything(&waiver.rule)
            && everything(&waiver.subject)
            && everything(&waiver.target)
        {
            return Err(WaiverError::Everything { entry: self.number, line: self.line });
        }
        Ok(waiver)
    }

    fn refuse_unknown_keys(&self) -> Result<(), WaiverError> {
        match self.table.keys().find(|key| !KEYS.contains(&key.get_ref().as_ref())) {
            None => Ok(()),
            Some(key) => Err(WaiverError::UnknownKey {
                entry: self.number,
                line: position(self.text, &key.span()).0,
                key: key.get_ref().to_string(),
            }),
        }
    }

    fn value(&self, key: &'static str) -> Option<(&DeValue<'_>, usize)> {
        let value = self.table.get(key)?;
        Some((value.get_ref(), position(self.text, &value.span()).0))
    }

    /// The string of a key, if the key is there: never blank.
    fn string(&self, key: &'static str) -> Result<Option<String>, WaiverError> {
        let entry = self.number;
        let Some((value, line)) = self.value(key) else { return Ok(None) };
        let DeValue::String(string) = value else {
            let saw = value.type_str();
            return Err(WaiverError::WrongType { entry, line, key, wanted: "string", saw });
        };
        if string.trim().is_empty() {
            return Err(WaiverError::Empty { entry, line, key });
        }
        Ok(Some(string.to_string()))
    }

    fn required(&self, key: &'static str) -> Result<String, WaiverError> {
        self.string(key)?.ok_or(self.missing(key))
    }

    fn missing(&self, key: &'static str) -> WaiverError {
        WaiverError::Missing { entry: self.number, line: self.line, key }
    }

    fn rule(&self) -> Result<String, WaiverError> {
        let rule = self.required("rule")?;
        if rule.contains(char::is_whitespace) {
            let line = self.value("rule").map_or(self.line, |(_, line)| line);
            return Err(WaiverError::Rule { entry: self.number, line, rule });
        }
        Ok(rule)
    }

    fn justification(&self) -> Result<Option<String>, WaiverError> {
        let justification = self.string("justification")?;
        match justification {
            Some(saw) if !JUSTIFICATIONS.contains(&saw.as_str()) => {
                let line = self.value("justification").map_or(self.line, |(_, line)| line);
                Err(WaiverError::Justification { entry: self.number, line, saw })
            }
            justification => Ok(justification),
        }
    }

    /// The date, quoted or not: TOML has dates of its own.
    fn expires(&self) -> Result<Date, WaiverError> {
        let (key, entry) = ("expires", self.number);
        let (value, line) = self.value(key).ok_or(self.missing(key))?;
        let saw = match value {
            DeValue::String(string) => string.to_string(),
            DeValue::Datetime(date) => date.to_string(),
            other => {
                let saw = other.type_str();
                return Err(WaiverError::WrongType { entry, line, key, wanted: "date", saw });
            }
        };
        Date::parse(&saw, format_description!("[year]-[month]-[day]"))
            .map_err(|_| WaiverError::Date { entry, line, saw })
    }
}
