//! Deltas: the very database that was published comes out, or an error.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside their functions")]

use cofferdam_finding::{Context, Exploited, Severity};
use cofferdam_vuln::{
    database::{
        Builder, Database, End, Range, Row, SourceInfo, Stance,
        delta::{DeltaError, apply, make},
    },
    feed::{Advisory, Affected},
};
use proptest::prelude::*;

fn database(advisories: &[Advisory], threats: &[(String, Context)], generation: u64) -> Database {
    let mut builder = Builder::new();
    let source = SourceInfo { name: format!("of day {generation}"), ..SourceInfo::default() };
    let source = builder.source(source);
    advisories.iter().for_each(|advisory| builder.add(source, advisory));
    threats.iter().for_each(|(id, threat)| builder.threat(id, threat.clone()));
    Database::from_bytes(builder.finish(generation).unwrap(), "test").unwrap()
}

fn any_id() -> impl Strategy<Value = String> {
    prop_oneof![
        (2019..2022_u32, 1..40_u32).prop_map(|(year, number)| format!("CVE-{year}-{number:04}")),
        (1..30_u32).prop_map(|number| format!("GHSA-{number}")),
        (1..30_u32).prop_map(|number| format!("DSA-{number}-1")),
    ]
}

fn any_row() -> impl Strategy<Value = Row<String>> {
    let version = || (0..6_u32).prop_map(|number| format!("1.{number}"));
    let end = prop_oneof![
        Just(End::Open),
        version().prop_map(End::Fixed),
        version().prop_map(End::LastAffected)
    ];
    let range = (proptest::option::of(version()), end)
        .prop_map(|(introduced, end)| Range { introduced, end });
    let module =
        proptest::option::of(prop_oneof![Just(String::new()), Just("nodejs:20".to_owned())]);
    let rating = proptest::option::of(prop_oneof![Just(Severity::Low), Just(Severity::Critical)]);
    let stance =
        proptest::option::of(prop_oneof![Just(Stance::Postponed), Just(Stance::Undetermined)]);
    (proptest::collection::vec(range, 0..3), module, rating, any::<bool>(), stance).prop_map(
        |(ranges, module, rating, support_ended, stance)| Row {
            ranges,
            module,
            rating,
            support_ended,
            stance,
        },
    )
}

fn any_advisory() -> impl Strategy<Value = Advisory> {
    let package = prop_oneof![Just("a"), Just("b"), Just("c"), Just("d")];
    let ecosystem = prop_oneof![Just("Debian:12"), Just("npm"), Just("Alpine:v3.20")];
    let affected = (ecosystem, package, any_row()).prop_map(|(ecosystem, package, row)| Affected {
        ecosystem: ecosystem.into(),
        package: package.into(),
        row,
    });
    (
        any_id(),
        proptest::collection::vec(any_id(), 0..3),
        any::<bool>(),
        "[a-z é]{0,12}",
        proptest::collection::vec("[a-z]{1,3}", 0..3),
        proptest::collection::vec(affected, 0..4),
    )
        .prop_map(|(id, about, direct, title, words, affected)| Advisory {
            id,
            about,
            direct,
            title,
            vectors: words.clone(),
            aliases: words.clone(),
            references: words,
            rating: direct.then_some(Severity::High),
            affected,
            ..Advisory::default()
        })
}

fn any_threats() -> impl Strategy<Value = Vec<(String, Context)>> {
    let threat = (any_id(), any::<bool>()).prop_map(|(id, ransomware)| {
        let exploited = Some(Exploited { since: "2024-01-02".into(), ransomware });
        (id, Context { exploited, ..Context::default() })
    });
    proptest::collection::vec(threat, 0..4)
}

fn any_database(generation: u64) -> impl Strategy<Value = Database> {
    (proptest::collection::vec(any_advisory(), 0..30), any_threats())
        .prop_map(move |(advisories, threats)| database(&advisories, &threats, generation))
}

proptest! {
    /// Between any two databases, with nothing in common or much.
    #[test]
    fn the_very_database_comes_out(
        common in proptest::collection::vec(any_advisory(), 0..30),
        gone in proptest::collection::vec(any_advisory(), 0..5),
        new in proptest::collection::vec(any_advisory(), 0..5),
        threats in (any_threats(), any_threats()),
    ) {
        let base = database(&[common.clone(), gone].concat(), &threats.0, 1);
        let target = database(&[common, new].concat(), &threats.1, 2);
        let delta = make(&base, &target).unwrap();
        let result = apply(&base, &delta, &target.checksum()).unwrap();
        prop_assert!(result == target.as_bytes(), "another file");
    }

    #[test]
    fn any_bytes_are_an_error(base in any_database(1), bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        prop_assert!(apply(&base, &bytes, &base.checksum()).is_err());
    }

    /// A delta whose content was changed, compressed again as its maker would.
    #[test]
    fn a_forged_delta_gives_nothing_else(
        base in any_database(1),
        target in any_database(2),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let delta = make(&base, &target).unwrap();
        let (head, mut plain) = taken_apart(&delta);
        for (place, byte) in edits {
            let place = place.index(plain.len());
            plain[place] = byte;
        }
        if let Some(cut) = cut {
            plain.truncate(cut.index(plain.len()));
        }
        let forged = put_together(&head, &plain);
        if let Ok(bytes) = apply(&base, &forged, &target.checksum()) {
            prop_assert!(bytes == target.as_bytes(), "another file");
        }
    }
}

fn long(bytes: &[u8], at: &mut usize) -> u64 {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = bytes[*at];
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return number;
        }
    }
}

fn put_long(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    to.push(u8::try_from(number).unwrap());
}

/// What comes before the length of the content, and the content.
fn taken_apart(delta: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut at = 8 + 4 + 32 + 32;
    let name = long(delta, &mut at);
    at += usize::try_from(name).unwrap();
    let head = delta[..at].to_vec();
    let length = long(delta, &mut at);
    long(delta, &mut at);
    (head, zstd::bulk::decompress(&delta[at..], usize::try_from(length).unwrap()).unwrap())
}

fn put_together(head: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut delta = head.to_vec();
    put_long(&mut delta, plain.len() as u64);
    let packed = zstd::bulk::compress(plain, 3).unwrap();
    put_long(&mut delta, packed.len() as u64);
    delta.extend(packed);
    delta
}

fn plain_advisory(number: usize) -> Advisory {
    let range = Range { introduced: None, end: End::Fixed(format!("{}.{number}", number % 7)) };
    let row =
        Row { ranges: vec![range], module: None, rating: None, support_ended: false, stance: None };
    let (ecosystem, package) = ("Debian:12".to_owned(), format!("package-{}", number % 500));
    Advisory {
        id: format!("CVE-20{:02}-{:04}", 10 + number % 15, number),
        direct: true,
        title: format!(
            "fault {} of part {} lets user {} do {}",
            number * 7919 % 10_007,
            number * 31 % 977,
            number * 17 % 8191,
            number * 101 % 6007
        ),
        affected: vec![Affected { ecosystem, package, row }],
        ..Advisory::default()
    }
}

#[test]
fn a_small_change_is_a_small_delta_and_most_blocks_stay() {
    let mut advisories: Vec<Advisory> = (0..6000).map(plain_advisory).collect();
    let base = database(&advisories, &[], 1);
    advisories.remove(4000);
    advisories[1000].title = "said otherwise".into();
    advisories.insert(17, Advisory { id: "CVE-2012-99999".into(), ..plain_advisory(3) });
    let target = database(&advisories, &[], 2);
    let delta = make(&base, &target).unwrap();
    assert!(delta.len() * 100 < target.header().size, "{} bytes", delta.len());
    let result = apply(&base, &delta, &target.checksum()).unwrap();
    assert!(result == target.as_bytes());
    // Three records changed: the texts of few blocks, of some fifty, are other ones.
    let blocks = |database: &Database| -> std::collections::BTreeSet<Vec<u8>> {
        let bytes = database.as_bytes();
        let number = |at: usize| {
            usize::try_from(u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())).unwrap()
        };
        let (index, length, texts) =
            (number(32 + 7 * 16), number(32 + 7 * 16 + 8), number(32 + 8 * 16));
        let field = |at: usize| {
            usize::try_from(u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())).unwrap()
        };
        (index..index + length)
            .step_by(12)
            .map(|at| bytes[texts + field(at + 4)..][..field(at + 8)].to_vec())
            .collect()
    };
    let (old, new) = (blocks(&base), blocks(&target));
    assert!(new.len() > 20, "{}", new.len());
    assert!(new.difference(&old).count() <= 4, "{}", new.difference(&old).count());
}

#[test]
fn a_delta_belongs_to_one_base_and_one_target() {
    let one = database(&[plain_advisory(1)], &[], 1);
    let two = database(&[plain_advisory(2)], &[], 2);
    let delta = make(&one, &two).unwrap();
    assert!(matches!(apply(&two, &delta, &two.checksum()), Err(DeltaError::Base)));
    assert!(matches!(apply(&one, &delta, &one.checksum()), Err(DeltaError::Target)));
    for length in 0..delta.len() {
        assert!(apply(&one, &delta[..length], &two.checksum()).is_err(), "cut at {length}");
    }
    let mut other = delta;
    let at = 8 + 4 + 32 + 32 + 1;
    other[at] = b'9';
    assert!(matches!(apply(&one, &other, &two.checksum()), Err(DeltaError::Compressor(_))));
}

#[test]
fn a_bomb_is_refused() {
    let one = database(&[plain_advisory(1)], &[], 1);
    let two = database(&[plain_advisory(2)], &[], 2);
    let (head, _) = taken_apart(&make(&one, &two).unwrap());
    // More than was announced, and more than may be announced.
    let mut small = head.clone();
    put_long(&mut small, 10);
    let packed = zstd::bulk::compress(&vec![0; 100 << 20], 3).unwrap();
    put_long(&mut small, packed.len() as u64);
    small.extend(&packed);
    assert!(matches!(apply(&one, &small, &two.checksum()), Err(DeltaError::TooLarge)));
    let mut large = head;
    put_long(&mut large, 1 << 40);
    put_long(&mut large, packed.len() as u64);
    large.extend(&packed);
    assert!(matches!(apply(&one, &large, &two.checksum()), Err(DeltaError::TooLarge)));
}
