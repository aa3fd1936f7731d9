//! A delta of any content behind a right head, applied to a small database: an error, or the database
//! that was announced.
#![no_main]

use std::sync::LazyLock;

use cofferdam_vuln::{
    database::{Builder, Database, End, Range, Row, SourceInfo, delta},
    feed::{Advisory, Affected},
};
use libfuzzer_sys::fuzz_target;

/// A database, and the head of the delta from it to itself.
static BASE: LazyLock<(Database, Vec<u8>)> = LazyLock::new(|| {
    let mut builder = Builder::new();
    let source = builder.source(SourceInfo::default());
    let range = Range { introduced: None, end: End::Fixed("2".to_owned()) };
    let row =
        Row { ranges: vec![range], module: None, rating: None, support_ended: false, stance: None };
    let affected = vec![Affected { ecosystem: "Debian:12".into(), package: "a".into(), row }];
    let advisory =
        Advisory { id: "CVE-2020-0001".into(), direct: true, affected, ..Advisory::default() };
    builder.add(source, &advisory);
    let bytes = builder.finish(1).expect("a small database can be built");
    let base = Database::from_bytes(bytes, "fuzz").expect("it was just built");
    let made = delta::make(&base, &base).expect("it is whole");
    let name = usize::from(made[76]);
    (base, made[..77 + name].to_vec())
});

fn put_long(to: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fuzz_target!(|data: &[u8]| {
    let (base, head) = &*BASE;
    let Ok(packed) = zstd::bulk::compress(data, 1) else { return };
    let mut made = head.clone();
    put_long(&mut made, data.len());
    put_long(&mut made, packed.len());
    made.extend(packed);
    if let Ok(bytes) = delta::apply(base, &made, &base.checksum()) {
        assert!(bytes == base.as_bytes());
    }
    let _ = delta::apply(base, data, &base.checksum());
});
