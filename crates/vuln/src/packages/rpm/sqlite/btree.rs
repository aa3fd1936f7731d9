//! Pages, table b-trees and records of SQLite.

use std::{borrow::Cow, collections::HashMap};

use super::log;
use crate::packages::rpm::bytes::{Order, Taken, slice};

const BE: Order = Order::Big;
const FILE_HEADER: usize = 100;
const LEAF: u8 = 0x0d;
const INTERIOR: u8 = 0x05;

/// The pages of a database, numbered from 1.
pub(super) struct Pages<'a> {
    content: &'a [u8],
    size: usize,
    /// What of a page may be used: the end can be reserved for extensions.
    usable: usize,
    count: usize,
    /// Pages that the write-ahead log has in a newer version.
    newer: HashMap<usize, &'a [u8]>,
}

impl<'a> Pages<'a> {
    pub(super) fn open(content: &'a [u8], log: Option<&'a [u8]>) -> Result<Self, String> {
        let cut = || "the file ends within it".to_owned();
        // 1 stands for 65536, which does not fit.
        let size = match BE.u16(content, 16).ok_or_else(cut)? {
            1 => 65536,
            size => usize::from(size),
        };
        if !size.is_power_of_two() || size < 512 {
            return Err(format!("{size} is not the size of a page"));
        }
        let reserved = usize::from(*content.get(20).ok_or_else(cut)?);
        let usable = size.checked_sub(reserved).filter(|usable| *usable >= 480);
        let usable = usable.ok_or_else(|| format!("{reserved} reserved bytes are too many"))?;
        match BE.u32(content, 56).ok_or_else(cut)? {
            0 | 1 => {}
            encoding => return Err(format!("text encoding {encoding} is not supported")),
        }
        // The size in the header is valid only if the last writer knew about it.
        let valid = BE.u32(content, 24) == BE.u32(content, 92);
        let written = BE.size(content, 28).filter(|count| valid && *count > 0);
        let mut count = written.unwrap_or(content.len().div_ceil(size));
        let log = log.and_then(|log| log::committed(log, size)).unwrap_or_default();
        if let Some(pages) = log.database_pages {
            count = pages;
        }
        Ok(Self { content, size, usable, count, newer: log.pages })
    }

    /// Pages that the database should have.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Pages that are there, up to the first that is missing at the end.
    pub(super) fn held(&self) -> usize {
        let last_newer = self.newer.keys().copied().max().unwrap_or_default();
        (self.content.len() / self.size).max(last_newer)
    }

    fn page(&self, number: usize) -> Option<&'a [u8]> {
        if let Some(page) = self.newer.get(&number) {
            return page.get(..self.usable);
        }
        let at = number.checked_sub(1)?.checked_mul(self.size)?;
        slice(self.content, at, self.usable)
    }
}

/// A row: its rowid and its record; or why a part of the tree could not be read.
type Row<'a> = Result<(i64, Cow<'a, [u8]>), String>;

/// Visits the rows of the table whose b-tree begins at page `root`.
pub(super) fn walk<'a>(pages: &Pages<'a>, root: usize, visit: &mut dyn FnMut(Row<'a>)) {
    let mut taken = Taken::new(pages.held().saturating_add(1));
    let mut pending = vec![root];
    while let Some(number) = pending.pop() {
        if !taken.take(number) {
            visit(Err(format!("page {number} is missing or used twice")));
            continue;
        }
        let Some(page) = pages.page(number) else {
            visit(Err(format!("page {number} is missing")));
            continue;
        };
        let at = if number == 1 { FILE_HEADER } else { 0 };
        match page.get(at) {
            Some(&LEAF) => leaf(pages, &mut taken, number, page, at, visit),
            Some(&INTERIOR) => match children(page, at) {
                Some(children) => pending.extend(children.into_iter().rev()),
                None => visit(Err(format!("page {number} is damaged"))),
            },
            _ => visit(Err(format!("page {number} is not part of a table"))),
        }
    }
}

/// The children of an interior page, in order.
fn children(page: &[u8], at: usize) -> Option<Vec<usize>> {
    let cells = usize::from(BE.u16(page, at + 3)?);
    let mut children = Vec::with_capacity(cells.min(page.len() / 2) + 1);
    for cell in 0..cells {
        let offset = usize::from(BE.u16(page, at + 12 + 2 * cell)?);
        children.push(BE.size(page, offset)?);
    }
    children.push(BE.size(page, at + 8)?);
    Some(children)
}

fn leaf<'a>(
    pages: &Pages<'a>,
    taken: &mut Taken,
    number: usize,
    page: &'a [u8],
    at: usize,
    visit: &mut dyn FnMut(Row<'a>),
) {
    let cells = BE.u16(page, at + 3).map_or(0, usize::from);
    for cell in 0..cells {
        let Some(offset) = BE.u16(page, at + 8 + 2 * cell).map(usize::from) else {
            return visit(Err(format!("page {number} has more cells than room")));
        };
        visit(
            row(pages, taken, page, offset)
                .map_err(|why| format!("cell {cell} of page {number}: {why}")),
        );
    }
}

/// Reads a cell of a leaf: length of the record, rowid, the record or its beginning, and then the
/// first of the overflow pages that have the rest (section 1.6 of the format).
fn row<'a>(pages: &Pages<'a>, taken: &mut Taken, page: &'a [u8], offset: usize) -> Row<'a> {
    let cut = || "it lies outside its page".to_owned();
    let (length, at) = variable(page, offset).ok_or_else(cut)?;
    let (rowid, at) = variable(page, at).ok_or_else(cut)?;
    let length = usize::try_from(length).map_err(|_| cut())?;
    let here = local(pages.usable, length);
    let start = slice(page, at, here).ok_or_else(cut)?;
    if here == length {
        return Ok((rowid, Cow::Borrowed(start)));
    }
    let mut next = BE.size(page, at + here).ok_or_else(cut)?;
    let mut record = start.to_vec();
    while record.len() < length {
        if !taken.take(next) {
            return Err(format!("overflow page {next} is missing or used twice"));
        }
        let page = pages.page(next).ok_or_else(|| format!("overflow page {next} is missing"))?;
        let part = page.get(4..).unwrap_or_default();
        record.extend_from_slice(&part[..part.len().min(length - record.len())]);
        next = BE.size(page, 0).unwrap_or_default();
    }
    Ok((rowid, Cow::Owned(record)))
}

/// How much of a record of `length` bytes lies on its leaf page.
fn local(usable: usize, length: usize) -> usize {
    let most = usable - 35;
    if length <= most {
        return length;
    }
    let least = (usable - 12) * 32 / 255 - 23;
    let fitting = least + (length - least) % (usable - 4);
    if fitting <= most { fitting } else { least }
}

/// A big-endian integer of 1 to 9 bytes, seven bits each (all eight of the ninth), and where it
/// ends.
fn variable(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    let mut value: i64 = 0;
    for index in 0..8 {
        let byte = *bytes.get(at.checked_add(index)?)?;
        value = (value << 7) | i64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, at + index + 1));
        }
    }
    let byte = *bytes.get(at.checked_add(8)?)?;
    Some(((value << 8) | i64::from(byte), at + 9))
}

/// A column of a record.
#[derive(Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// An integer.
    Integer(i64),
    /// A text or a blob.
    Bytes(&'a [u8]),
    /// NULL or a floating-point number: no concern of ours.
    Other,
}

/// Most columns that are looked at; the tables of interest have at most five.
const MOST_COLUMNS: usize = 8;

/// The columns of a record: a header of serial types, then their values (section 2.1).
pub(super) fn columns(record: &[u8]) -> Option<Vec<Value<'_>>> {
    let (header, mut at) = variable(record, 0)?;
    let header = usize::try_from(header).ok()?;
    let mut body = header;
    let mut columns = Vec::new();
    while at < header && columns.len() < MOST_COLUMNS {
        let (serial, next) = variable(record, at)?;
        at = next;
        let length = match serial {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(serial).ok()?,
            5 => 6,
            6 | 7 => 8,
            12.. => usize::try_from((serial - 12) / 2).ok()?,
            _ => return None,
        };
        let value = slice(record, body, length)?;
        body += length;
        columns.push(match serial {
            1..=6 => Value::Integer(integer(value)),
            8 | 9 => Value::Integer(serial - 8),
            12.. => Value::Bytes(value),
            _ => Value::Other,
        });
    }
    Some(columns)
}

/// A big-endian integer in two's complement.
fn integer(bytes: &[u8]) -> i64 {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let start = if negative { -1 } else { 0 };
    bytes.iter().fold(start, |value: i64, byte| (value << 8) | i64::from(*byte))
}
