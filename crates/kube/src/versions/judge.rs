use std::{borrow::Cow, collections::BTreeMap};

use cofferdam_finding::{
    Applicability, DataSource, Evidence, Explanation, Finding, Fingerprint, Fix, Gap,
    PackageEvidence, Reference, RemedyState, Rule, STALE_AFTER_DAYS, Severity, SourcePackage,
    Status, Topic,
};
use time::Date;

use super::{
    Component, Inventory, RULES, Role, Table, Version,
    rules::{BEHIND, DATA_STALE, END_OF_LIFE, RUNTIME_END_OF_LIFE, SKEW, UNKNOWN},
    table::{Release, Vulnerability, day},
};

/// Patches behind from which it is more than a trifle.
const MANY_PATCHES: u32 = 3;
/// Places that are named in evidence; the others are counted.
const NAMED: usize = 5;

/// What the versions amount to.
#[derive(Debug, Default)]
pub struct Judged {
    /// Findings, vulnerabilities included.
    pub findings: Vec<Finding>,
    /// What is not known.
    pub gaps: Vec<Gap>,
    /// The vulnerabilities as rules.
    pub rules: Vec<Rule>,
    /// The sources of the table with their age.
    pub data: Vec<DataSource>,
}

/// Compares an inventory with the table as of `today`.
pub fn judge(inventory: &Inventory, table: &Table, today: Date) -> Judged {
    let mut judged = Judged::default();
    for source in &table.sources {
        let age_days = source.age_days(today);
        judged.data.push(DataSource {
            name: source.name.clone(),
            date: source.date.clone(),
            age_days,
            records: source.records,
        });
        if age_days > STALE_AFTER_DAYS {
            judged.gap(
                DATA_STALE,
                &source.name,
                format!("is of {}, {age_days} days ago", source.date),
            );
        }
    }
    for (place, text) in &inventory.unclear {
        judged.gap(UNKNOWN, place, format!("'{text}' is no version"));
    }
    for role in [Role::ApiServer, Role::Kubelet] {
        if !inventory.components.iter().any(|component| component.role == role) {
            judged.gap(UNKNOWN, &role.to_string(), "its version is not in the snapshot".into());
        }
    }
    for component in &inventory.components {
        match &component.role {
            Role::Runtime(name) => judged.runtime(component, name, table, today),
            Role::ApiServer | Role::Kubelet => judged.release(component, table, today),
        }
    }
    judged.skew(inventory);
    judged.vulnerabilities(inventory, table);
    judged
}

impl Judged {
    fn gap(&mut self, rule: &'static str, object: &str, why: String) {
        self.gaps.push(Gap { rule: rule.into(), object: object.to_owned(), why });
    }

    fn release(&mut self, component: &Component, table: &Table, today: Date) {
        let Version { major, minor, patch } = component.version;
        let known = |release: &&Release| major == 1 && release.minor == minor;
        let Some(release) = table.releases.iter().find(known) else {
            let why = format!("the table does not know release {major}.{minor}");
            return self.gap(UNKNOWN, &component.title(), why);
        };
        if day(&release.end).is_some_and(|end| end < today) {
            let wanted = supported(table, today);
            let title = format!("{} is out of support since {}", component.title(), release.end);
            self.fail(END_OF_LIFE, None, component, title, wanted);
        }
        if patch < release.latest {
            let behind = release.latest - patch;
            let wanted = format!("1.{minor}.{}", release.latest);
            let title = format!(
                "{} is {behind} patches behind {wanted} of {}",
                component.title(),
                release.latest_date
            );
            let severity = if behind >= MANY_PATCHES { Severity::Medium } else { Severity::Low };
            self.fail(BEHIND, Some(severity), component, title, wanted);
        }
    }

    fn runtime(&mut self, component: &Component, name: &str, table: &Table, today: Date) {
        let cycle = format!("{}.{}", component.version.major, component.version.minor);
        let rows = || table.runtimes.iter().filter(|row| row.name == name);
        let Some(row) = rows().find(|row| row.cycle == cycle) else {
            let why = format!("the table does not know {name} {cycle}");
            return self.gap(UNKNOWN, &component.title(), why);
        };
        if day(&row.end).is_some_and(|end| end < today) {
            let title = format!("{} is out of support since {}", component.title(), row.end);
            let newest = rows().next().map_or(&row.latest, |row| &row.latest);
            self.fail(RUNTIME_END_OF_LIFE, None, component, title, newest.clone());
        }
    }

    fn skew(&mut self, inventory: &Inventory) {
        let of = |role: Role| inventory.components.iter().filter(move |one| one.role == role);
        // While a control plane is upgraded there are two of its versions; the older one counts
        // for what is newer, the newer one for what is older.
        let servers = || of(Role::ApiServer).map(|one| one.version);
        let (Some(oldest), Some(newest)) = (servers().min(), servers().max()) else { return };
        for kubelet in of(Role::Kubelet) {
            let allowed = if kubelet.version.minor < 25 { 2 } else { 3 };
            let title = if kubelet.version.minor > oldest.minor {
                format!("{} is newer than the API server {oldest}", kubelet.title())
            } else if kubelet.version.minor + allowed < newest.minor {
                format!(
                    "{} is {} minor releases older than the API server {newest}, of {allowed} allowed",
                    kubelet.title(),
                    newest.minor - kubelet.version.minor
                )
            } else {
                continue;
            };
            self.fail(SKEW, None, kubelet, title, newest.to_string());
        }
    }

    fn vulnerabilities(&mut self, inventory: &Inventory, table: &Table) {
        let mut by_id: BTreeMap<&str, Vec<(&Vulnerability, Vec<Evidence>)>> = BTreeMap::new();
        for vulnerability in &table.vulnerabilities {
            let evidence: Vec<Evidence> = inventory
                .components
                .iter()
                .filter(|component| vulnerability.concerns(&component.role))
                .filter_map(|component| {
                    let fixed = vulnerability.fixed_for(component.version)?;
                    Some(component.package_evidence(vulnerability, fixed))
                })
                .collect();
            if !evidence.is_empty() {
                by_id.entry(&vulnerability.id).or_default().push((vulnerability, evidence));
            }
        }
        for (id, rows) in by_id {
            let first = rows[0].0;
            let evidence: Vec<Evidence> =
                rows.into_iter().flat_map(|(_, evidence)| evidence).collect();
            let fixed = evidence.iter().find_map(|one| one.package.as_ref()?.fixed_version.clone());
            self.rules.push(rule(first));
            self.findings.push(Finding {
                rule: Cow::Owned(id.to_owned()),
                subject: "kubernetes".into(),
                title: first.summary.clone(),
                status: Status::Fail,
                severity: first.severity,
                evidence,
                fix: fixed.map(|fixed| Fix {
                    summary: format!("upgrade to {fixed}"),
                    edits: Vec::new(),
                    applicability: Applicability::Manual,
                }),
                context: None,
                fingerprint: Fingerprint::of(id, "kubernetes"),
            });
        }
    }

    fn fail(
        &mut self,
        id: &'static str,
        severity: Option<Severity>,
        component: &Component,
        title: String,
        wanted: String,
    ) {
        let of_rule = RULES.iter().find(|rule| rule.id == id).map(|rule| rule.severity);
        self.findings.push(Finding {
            rule: id.into(),
            subject: component.role.to_string(),
            title,
            status: Status::Fail,
            severity: severity.or(of_rule).unwrap_or_default(),
            fix: Some(Fix {
                summary: format!("upgrade to {wanted}"),
                edits: Vec::new(),
                applicability: Applicability::Manual,
            }),
            context: None,
            fingerprint: Fingerprint::of(id, &component.title()),
            evidence: vec![Evidence {
                location: component.shown_places(),
                saw: component.text.clone(),
                wanted,
                package: None,
                line: None,
            }],
        });
    }
}

/// The releases that are supported, the newest patch of each.
fn supported(table: &Table, today: Date) -> String {
    let live = table.releases.iter().filter(|one| day(&one.end).is_some_and(|end| end >= today));
    let names: Vec<String> = live.map(|one| format!("1.{}.{}", one.minor, one.latest)).collect();
    if names.is_empty() { "a supported release".into() } else { names.join(", ") }
}

fn rule(vulnerability: &Vulnerability) -> Rule {
    Rule {
        id: Cow::Owned(vulnerability.id.clone()),
        title: Cow::Owned(vulnerability.summary.clone()),
        severity: vulnerability.severity,
        topic: Topic::Vulnerability,
        explain: Explanation {
            what: Cow::Owned(vulnerability.summary.clone()),
            why: Cow::Borrowed("It is a known vulnerability of Kubernetes itself."),
            fix: Cow::Borrowed("Upgrade to a version that is given as fixed."),
        },
        references: Cow::Owned(vec![Reference {
            system: Cow::Borrowed("CVE"),
            id: Cow::Owned(vulnerability.id.clone()),
        }]),
    }
}

impl Component {
    /// `kubelet 1.31.4`.
    pub fn title(&self) -> String {
        format!("{} {}", self.role, self.version)
    }

    fn shown_places(&self) -> String {
        let named = self.places.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        match self.places.len().saturating_sub(NAMED) {
            0 => named,
            more => format!("{named} and {more} more"),
        }
    }

    fn package_evidence(&self, of: &Vulnerability, fixed: Option<&str>) -> Evidence {
        let name = self.role.to_string();
        Evidence {
            location: self.shown_places(),
            saw: self.text.clone(),
            wanted: fixed.unwrap_or_default().to_owned(),
            package: Some(PackageEvidence {
                purl: format!("pkg:golang/k8s.io/kubernetes@v{}", self.version),
                name,
                version: self.version.to_string(),
                source: SourcePackage {
                    name: "kubernetes".into(),
                    version: self.version.to_string(),
                },
                remedy: if fixed.is_some() { RemedyState::Fixed } else { RemedyState::Unfixed },
                fixed_version: fixed.map(str::to_owned),
                advisory: format!("{} ({})", of.id, of.source),
                layer: None,
            }),
            line: None,
        }
    }
}
