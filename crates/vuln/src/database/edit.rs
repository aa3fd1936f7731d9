//! Changes to a database that is built onto another: what deltas do.

use cofferdam_finding::{Context, Severity};

use super::{
    Builder, DatabaseError, Row, SourceInfo, Text,
    build::{Precedence, Record},
};

impl Builder {
    /// Takes these for the sources.
    pub(super) fn replace_sources(&mut self, sources: Vec<SourceInfo>) {
        self.sources = sources;
    }

    /// Says which sources know something of an ecosystem.
    pub(super) fn put_ecosystem(&mut self, name: &str, sources: u32) {
        self.ecosystems.entry(name.to_owned()).or_default().sources = sources;
    }

    /// Puts a record in place of the one with its id. Without a row that needs it, it is not written.
    pub(super) fn put_record(
        &mut self,
        id: &str,
        about: &[String],
        (direct, rating): (bool, Option<Severity>),
        text: &Text,
    ) {
        let about: std::collections::BTreeSet<u32> =
            about.iter().map(|id| self.strings.number(id)).collect();
        // What nothing else is known about is there all the same.
        for id in &about {
            self.records.entry(*id).or_default();
        }
        let title = Some(text.title.clone()).filter(|title| !title.is_empty());
        let record = Record {
            about,
            direct,
            rating,
            title: title.map(|title| (Precedence::Own, title)),
            vectors: text.vectors.iter().cloned().collect(),
            aliases: text.aliases.iter().cloned().collect(),
            references: text.references.iter().cloned().collect(),
        };
        let id = self.strings.number(id);
        self.records.insert(id, record);
    }

    /// Takes rows out of a package, by their places in the order of the database that this is built
    /// onto, and puts others there.
    pub(super) fn edit_rows(
        &mut self,
        (ecosystem, package): (&str, &str),
        removed: &[u32],
        added: &[(String, Row<String>)],
    ) -> Result<(), DatabaseError> {
        let packages = self.ecosystems.entry(ecosystem.to_owned()).or_default();
        let rows = packages.rows.entry(package.to_owned()).or_default();
        let mut number = 0;
        rows.retain(|_| {
            let kept = removed.binary_search(&number).is_err();
            number += 1;
            kept
        });
        for (id, row) in added {
            let id = self.strings.number(id);
            // A record that is nowhere would be a hole in the file.
            if !self.records.contains_key(&id) {
                let why = "a row is of a record that is not there";
                return Err(DatabaseError::Build(why.to_owned()));
            }
            rows.push((id, row.map(|text| self.strings.number(text))));
        }
        Ok(())
    }

    /// Says what is known of attacks on a vulnerability.
    pub(super) fn put_threat(&mut self, id: &str, threat: Option<Context>) {
        match threat {
            Some(threat) => self.threats.insert(id.to_owned(), threat),
            None => self.threats.remove(id),
        };
    }
}
