use std::sync::OnceLock;

use serde::Deserialize;
use time::{Date, macros::format_description};

use super::{Role, Version};

/// Supported releases and known vulnerabilities.
#[derive(Debug, Deserialize)]
pub struct Table {
    /// Where it comes from, and of which day.
    pub sources: Vec<Source>,
    pub(super) releases: Vec<Release>,
    pub(super) runtimes: Vec<Runtime>,
    pub(super) vulnerabilities: Vec<Vulnerability>,
}

/// A source of the table.
#[derive(Debug, Deserialize)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Day of the copy, `YYYY-MM-DD`.
    pub date: String,
    /// Records taken from it.
    pub records: u64,
}

/// A minor release of Kubernetes.
#[derive(Debug, Deserialize)]
pub(super) struct Release {
    pub(super) minor: u32,
    /// Day on which support ends.
    pub(super) end: String,
    /// Newest patch.
    pub(super) latest: u32,
    pub(super) latest_date: String,
}

/// A release of a container runtime.
#[derive(Debug, Deserialize)]
pub(super) struct Runtime {
    pub(super) name: String,
    /// `1.7`.
    pub(super) cycle: String,
    pub(super) end: String,
    pub(super) latest: String,
}

/// A vulnerability of Kubernetes itself.
#[derive(Debug, Deserialize)]
pub(super) struct Vulnerability {
    pub(super) id: String,
    /// `apiserver`, `kubelet` or `any`.
    pub(super) component: String,
    pub(super) severity: cofferdam_finding::Severity,
    pub(super) summary: String,
    /// First version that has it, first that has not; the latter empty where there is none.
    pub(super) ranges: Vec<(String, String)>,
    pub(super) source: String,
}

/// The table that the program ships.
pub fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        serde_json::from_str(include_str!("../../../../data/kubernetes.json"))
            .expect("a test reads the table that is shipped")
    })
}

/// A day as the table writes it.
pub(super) fn day(text: &str) -> Option<Date> {
    Date::parse(text, format_description!("[year]-[month]-[day]")).ok()
}

impl Source {
    /// Days between the copy and `today`.
    pub fn age_days(&self, today: Date) -> i64 {
        day(&self.date).map_or(i64::MAX, |date| (today - date).whole_days())
    }
}

impl Vulnerability {
    /// Whether a component is of the kind that has it.
    pub(super) fn concerns(&self, role: &Role) -> bool {
        match role {
            Role::ApiServer => matches!(self.component.as_str(), "any" | "apiserver"),
            Role::Kubelet => matches!(self.component.as_str(), "any" | "kubelet"),
            Role::Runtime(_) => false,
        }
    }

    /// If a version has it: the version that has not, if there is one.
    pub(super) fn fixed_for(&self, version: Version) -> Option<Option<&str>> {
        self.ranges.iter().find_map(|(begin, end)| {
            let begins = Version::of(begin).unwrap_or_default();
            let within = version >= begins && Version::of(end).is_none_or(|end| version < end);
            within.then(|| Some(end.as_str()).filter(|end| !end.is_empty()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_that_is_shipped_is_whole() {
        let table = table();
        assert!(table.releases.len() > 30 && table.vulnerabilities.len() > 40);
        for release in &table.releases {
            assert!(day(&release.end).is_some() && day(&release.latest_date).is_some());
        }
        for vulnerability in &table.vulnerabilities {
            assert!(["any", "apiserver", "kubelet"].contains(&vulnerability.component.as_str()));
            for (begin, end) in &vulnerability.ranges {
                assert!(begin == "0" || Version::of(begin).is_some(), "{}", vulnerability.id);
                assert!(end.is_empty() || Version::of(end).is_some(), "{}", vulnerability.id);
            }
        }
        assert!(table.sources.iter().all(|source| day(&source.date).is_some()));
    }
}
