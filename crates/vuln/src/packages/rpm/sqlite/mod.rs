//! The table `Packages` of an SQLite database: rowid and a blob, the header of a package
//! (<https://www.sqlite.org/fileformat2.html>).

mod btree;
mod log;

use btree::{Pages, Value};

use super::header;
use crate::packages::Contents;

pub(super) const MAGIC: &[u8] = b"SQLite format 3\0";
const TABLE: &[u8] = b"Packages";

/// Reads all packages of an SQLite database, with what its write-ahead log has committed.
pub(super) fn read(content: &[u8], log: Option<&[u8]>, contents: &mut Contents) {
    let pages = match Pages::open(content, log) {
        Ok(pages) => pages,
        Err(why) => return contents.problem("header", why),
    };
    if pages.held() < pages.count() {
        let why = format!(
            "the file has {} of {} pages: packages are missing",
            pages.held(),
            pages.count()
        );
        contents.problem("whole file", why);
    }
    match root(&pages, contents) {
        Some(root) => packages(&pages, root, contents),
        None => contents.problem("schema", "it has no table Packages"),
    }
}

/// The root page of the table, from the schema, which is a table itself: type, name, table, root
/// page, SQL.
fn root(pages: &Pages<'_>, contents: &mut Contents) -> Option<usize> {
    let mut root = None;
    let mut problems = Vec::new();
    btree::walk(pages, 1, &mut |row| match row {
        Ok((_, record)) => {
            if let Some(
                [Value::Bytes(b"table"), Value::Bytes(TABLE), _, Value::Integer(page), ..],
            ) = btree::columns(&record).as_deref()
            {
                root = usize::try_from(*page).ok();
            }
        }
        Err(why) => problems.push(why),
    });
    problems.into_iter().for_each(|why| contents.problem("schema", why));
    root
}

fn packages(pages: &Pages<'_>, root: usize, contents: &mut Contents) {
    btree::walk(pages, root, &mut |row| match row {
        Ok((number, payload)) => {
            let place = format!("package number {number}");
            match btree::columns(&payload).as_deref() {
                Some([_, Value::Bytes(blob), ..]) => header::read(&place, blob, contents),
                _ => contents.problem(place, "its row is not a number and a blob"),
            }
        }
        Err(why) => contents.problem("table Packages", why),
    });
}
