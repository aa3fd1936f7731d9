//! A hash of Berkeley DB, as rpm used it: keys are package numbers, values are headers. (Oracle
//! Berkeley DB 4 to 6, `dbinc/db_page.h` describes the pages.)
//!
//! Integers have the byte order of the machine that made the file; the magic number tells which.
//! Rather than by following buckets, packages are found by looking at every page: bucket pages say
//! what they are, and a damaged one does not hide the others.

use super::{
    bytes::{Order, Taken, slice},
    header,
};
use crate::packages::Contents;

const HASH_MAGIC: u32 = 0x0006_1561;
const MAGIC_AT: usize = 12;

/// Where the metadata page counts the pairs of key and value.
const PAIRS_AT: usize = 88;

/// Bytes of a page before its index or data.
const PAGE_HEADER: usize = 26;
const PAGE_HASH_UNSORTED: u8 = 2;
const PAGE_OVERFLOW: u8 = 7;
const PAGE_HASH: u8 = 13;

const ITEM_INLINE: u8 = 1;
const ITEM_OFF_PAGE: u8 = 3;

/// Whether the content begins with the metadata page of a hash.
pub(super) fn is_hash(content: &[u8]) -> bool {
    order(content).is_some()
}

fn order(content: &[u8]) -> Option<Order> {
    [Order::Little, Order::Big]
        .into_iter()
        .find(|order| order.u32(content, MAGIC_AT) == Some(HASH_MAGIC))
}

/// Reads all packages of a hash.
pub(super) fn read(content: &[u8], contents: &mut Contents) {
    let file = match File::open(content) {
        Ok(file) => file,
        Err(why) => return contents.problem("metadata page", why),
    };
    let held = content.len() / file.page_size;
    if held < file.pages {
        let why = format!("the file has {held} of {} pages: packages are missing", file.pages);
        contents.problem("whole file", why);
    }
    let mut taken = Taken::new(held);
    let mut pairs = 0;
    for number in 1..file.pages.min(held) {
        let page = file.page(number).unwrap_or_default();
        if matches!(page.get(25), Some(&PAGE_HASH | &PAGE_HASH_UNSORTED)) {
            pairs += file.bucket(number, page, &mut taken, contents);
        }
    }
    let counted = file.order.size(content, PAIRS_AT).unwrap_or_default();
    if pairs < counted {
        let why = format!("it counts {counted} pairs of key and value, and {pairs} were found");
        contents.problem("metadata page", why);
    }
}

struct File<'a> {
    content: &'a [u8],
    order: Order,
    page_size: usize,
    pages: usize,
}

impl<'a> File<'a> {
    fn open(content: &'a [u8]) -> Result<Self, String> {
        let order = order(content).ok_or("it is not that of a hash")?;
        let page_size = order.size(content, 20).ok_or("the file ends within it")?;
        if !page_size.is_power_of_two() || !(512..=65536).contains(&page_size) {
            return Err(format!("{page_size} is not the size of a page"));
        }
        if content.get(24) != Some(&0) {
            return Err("the database is encrypted".into());
        }
        let last = order.size(content, 32).ok_or("the file ends within it")?;
        Ok(Self { content, order, page_size, pages: last.saturating_add(1) })
    }

    fn page(&self, number: usize) -> Option<&'a [u8]> {
        slice(self.content, number.checked_mul(self.page_size)?, self.page_size)
    }

    /// Reads the pairs of key and value of a bucket page; returns how many there are.
    fn bucket(
        &self,
        number: usize,
        page: &[u8],
        taken: &mut Taken,
        contents: &mut Contents,
    ) -> usize {
        let entries = usize::from(self.order.u16(page, 20).unwrap_or_default());
        for pair in 0..entries / 2 {
            let place = format!("page {number}, pair {pair}");
            match self.pair(page, pair, taken) {
                Ok(Some(blob)) => header::read(&place, &blob, contents),
                Ok(None) => {}
                Err(why) => contents.problem(place, why),
            }
        }
        if entries % 2 != 0 {
            contents.problem(format!("page {number}"), "its last key has no value");
        }
        entries / 2
    }

    /// The value of a pair; `None` for key 0, where rpm keeps the next package number.
    fn pair(&self, page: &[u8], pair: usize, taken: &mut Taken) -> Result<Option<Vec<u8>>, String> {
        let index = |entry: usize| self.order.u16(page, PAGE_HEADER + 2 * entry).map(usize::from);
        let (Some(key), Some(value)) = (index(2 * pair), index(2 * pair + 1)) else {
            return Err("its index lies outside the page".into());
        };
        if page.get(key) == Some(&ITEM_INLINE) && slice(page, key + 1, 4) == Some(&[0; 4]) {
            return Ok(None);
        }
        match page.get(value) {
            // Items fill the page from its end: each ends where the one before it begins.
            Some(&ITEM_INLINE) => page
                .get(value + 1..key)
                .map(|blob| Some(blob.to_vec()))
                .ok_or_else(|| "it lies outside the page".into()),
            Some(&ITEM_OFF_PAGE) => {
                let first = self.order.size(page, value + 4);
                let length = self.order.size(page, value + 8);
                let (Some(first), Some(length)) = (first, length) else {
                    return Err("its reference lies outside the page".into());
                };
                self.overflow(first, length, taken).map(Some)
            }
            Some(kind) => Err(format!("items of kind {kind} are not known")),
            None => Err("it lies outside the page".into()),
        }
    }

    /// A value on pages of its own, each naming the next.
    fn overflow(&self, first: usize, length: usize, taken: &mut Taken) -> Result<Vec<u8>, String> {
        let mut blob = Vec::with_capacity(length.min(self.content.len()));
        let mut next = first;
        while next != 0 {
            if !taken.take(next) {
                return Err(format!("page {next} of it is missing or belongs to another"));
            }
            let page = self.page(next).unwrap_or_default();
            if page.get(25) != Some(&PAGE_OVERFLOW) {
                return Err(format!("page {next} of it is of another kind"));
            }
            let used = usize::from(self.order.u16(page, 22).unwrap_or_default());
            let part = slice(page, PAGE_HEADER, used);
            blob.extend_from_slice(part.ok_or_else(|| format!("page {next} of it is overfull"))?);
            next = self.order.size(page, 16).unwrap_or_default();
        }
        if blob.len() == length {
            Ok(blob)
        } else {
            Err(format!("{} of its {length} bytes are there", blob.len()))
        }
    }
}
