//! The advisory database that `scan` would use.

use cofferdam_vuln::database::{Database, DatabaseError};
use time::{Date, OffsetDateTime};

use super::{Check, Machine};

const NAME: &str = "advisory database";
/// Advisories come daily; after a month a report misses too many.
const FRESH_DAYS: i64 = 30;

pub(super) fn check(machine: &Machine) -> Check {
    let opened = match &machine.database {
        Some(path) => Database::open(path),
        None => Database::open_or_starter(Some(&machine.data_directory)),
    };
    judge(opened, OffsetDateTime::now_utc().date()).needed_by_scan()
}

fn judge(opened: Result<Database, DatabaseError>, today: Date) -> Check {
    let database = match opened {
        Ok(database) => database,
        Err(error) => {
            return Check::missing(NAME, causes(&error))
                .means("scan cannot tell vulnerabilities")
                .advice("cofferdam db update, or remove the file to use the built-in one");
        }
    };
    let header = database.header();
    // Each source by itself: one that is stale hides behind no other.
    let ages: Option<Vec<_>> = header.sources.iter().map(|source| source.age_days(today)).collect();
    let oldest = ages.and_then(|ages| ages.into_iter().max());
    let saw = format!("{}, {} records", header.name, database.record_count());
    match oldest {
        Some(days) if days <= FRESH_DAYS => Check::works(NAME, format!("{saw}, {days} days old")),
        Some(days) => Check::degraded(NAME, format!("{saw}, {days} days old"))
            .means("scan misses what was published since")
            .advice("cofferdam db update, or cofferdam db import where there is no network"),
        None => Check::unknown(NAME, format!("{saw}, of unknown age"))
            .means("scan may miss what is new")
            .advice("cofferdam db update"),
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::{super::Status, *};

    #[test]
    fn the_starter_database_grows_old() {
        let judge = |today| judge(Database::starter(), today);
        let found = judge(date!(2199 - 01 - 01));
        assert_eq!(found.status, Status::Degraded, "{found:?}");
        assert!(found.saw.starts_with("built-in, "), "{found:?}");
        assert_eq!(judge(date!(2000 - 01 - 01)).status, Status::Works);
    }

    #[test]
    fn a_damaged_database_is_not_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("advisories.cdb");
        std::fs::write(&path, "not a database").unwrap();
        let found = judge(Database::open(&path), date!(2026 - 01 - 01));
        assert_eq!(found.status, Status::Missing, "{found:?}");
        assert!(found.advice.is_some());
    }
}
