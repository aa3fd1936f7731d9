//! The table `Packages` of an SQLite database: rowid and a blob, the header of a package
//! (<https://www.sqlite.org/fileformat2.html>).
//!
//! The table `Name`, by which rpm finds packages, has a row for each of them too. It serves to notice
//! packages that damage has taken out of `Packages`.

mod btree;
mod log;

use std::{borrow::Cow, collections::BTreeSet};

use btree::{Pages, Value};

use super::header;
use crate::packages::Contents;

pub(super) const MAGIC: &[u8] = b"SQLite format 3\0";

/// Reads all packages of an SQLite database, with what its write-ahead log has committed.
pub(super) fn read(content: &[u8], log: Option<&[u8]>, contents: &mut Contents) {
    let pages = match Pages::open(content, log) {
        Ok(pages) => pages,
        Err(why) => return contents.problem("header", why),
    };
    if pages.held() < pages.count() {
        let (held, count) = (pages.held(), pages.count());
        let why = format!("the file has {held} of {count} pages: packages are missing");
        contents.problem("whole file", why);
    }
    let roots = roots(&pages, contents);
    let Some(root) = roots.packages else {
        return contents.problem("schema", "it has no table Packages");
    };
    let found = packages(&pages, root, contents);
    if let Some(names) = roots.names {
        missing(&pages, names, &found, contents);
    }
}

/// The root pages of the tables.
#[derive(Default)]
struct Roots {
    packages: Option<usize>,
    names: Option<usize>,
}

/// Finds the tables in the schema, which is a table itself: type, name, table, root page, SQL.
fn roots(pages: &Pages<'_>, contents: &mut Contents) -> Roots {
    let mut roots = Roots::default();
    btree::walk(pages, 1, &mut |row| {
        let columns = match &row {
            Ok((_, record)) => btree::columns(record),
            Err(why) => return contents.problem("schema", why),
        };
        let Some([Value::Bytes(b"table"), Value::Bytes(table), _, Value::Integer(page), ..]) =
            columns.as_deref()
        else {
            return;
        };
        match *table {
            b"Packages" => roots.packages = usize::try_from(*page).ok(),
            b"Name" => roots.names = usize::try_from(*page).ok(),
            _ => {}
        }
    });
    roots
}

/// Reads the packages; returns their numbers.
fn packages(pages: &Pages<'_>, root: usize, contents: &mut Contents) -> BTreeSet<i64> {
    let mut found = BTreeSet::new();
    btree::walk(pages, root, &mut |row: Result<(i64, Cow<'_, [u8]>), String>| {
        let (number, record) = match row {
            Ok(row) => row,
            Err(why) => return contents.problem("table Packages", why),
        };
        found.insert(number);
        let place = format!("package number {number}");
        match btree::columns(&record).as_deref() {
            Some([_, Value::Bytes(blob), ..]) => header::read(&place, blob, contents),
            _ => contents.problem(place, "its row is not a number and a blob"),
        }
    });
    found
}

/// Reports packages that the table `Name` (name, package number, …) has, and `Packages` has not.
fn missing(pages: &Pages<'_>, root: usize, found: &BTreeSet<i64>, contents: &mut Contents) {
    btree::walk(pages, root, &mut |row| {
        let columns = match &row {
            Ok((_, record)) => btree::columns(record),
            Err(why) => return contents.problem("table Name", why),
        };
        let Some([Value::Bytes(name), Value::Integer(number), ..]) = columns.as_deref() else {
            return contents.problem("table Name", "a row is not a name and a number");
        };
        if !found.contains(number) {
            let name = String::from_utf8_lossy(name);
            contents.problem(format!("package {name}"), "the table Packages has lost it");
        }
    });
}
