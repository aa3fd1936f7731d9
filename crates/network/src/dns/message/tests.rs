use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A server's message about `example.org`, with these records after the question.
fn message(id: u16, kind: Kind, records: &[&[u8]]) -> Vec<u8> {
    let mut bytes = ask(id, &name("example.org"), kind);
    bytes.truncate(HEADER + 13 + 4);
    bytes[2..4].copy_from_slice(&[0x81, 0x80]);
    bytes[6..8].copy_from_slice(&u16::try_from(records.len()).unwrap().to_be_bytes());
    bytes[10..12].copy_from_slice(&[0; 2]);
    records.iter().for_each(|record| bytes.extend(*record));
    bytes
}

/// A record of the question's name.
fn record(kind: u16, seconds: u32, data: &[u8]) -> Vec<u8> {
    record_of(&[0xc0, 12], kind, seconds, data)
}

fn record_of(owner: &[u8], kind: u16, seconds: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = owner.to_vec();
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1]);
    bytes.extend(seconds.to_be_bytes());
    bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    bytes.extend(data);
    bytes
}

#[test]
fn a_question_is_read_as_it_was_asked() {
    let asked = ask(7, &name("example.org"), Kind::Aaaa);
    let query = Query::read(&asked).unwrap();
    assert_eq!((query.id, query.name.as_str(), query.kind), (7, "example.org", Kind::Aaaa));
}

#[test]
fn a_reply_repeats_the_question_and_is_read_by_a_client() {
    let mut asked = ask(7, &name("example.org"), Kind::A);
    // Some clients mix cases and compare.
    asked[13] = b'E';
    let query = Query::read(&asked).unwrap();
    let reply = query.reply(Code::Fine, &[([192, 0, 2, 1].into(), 60)]);
    assert_eq!(reply[12..29], asked[12..29]);
    let read = answer(&reply, 7, &name("example.org"), Kind::A).unwrap();
    assert_eq!(read.addresses, [([192, 0, 2, 1].into(), 60)]);
    let refused = query.reply(Code::Refused, &[]);
    assert_eq!(refused[3] & 0xf, 5);
}

#[test]
fn a_reply_has_only_what_was_asked_for_and_goes_in() {
    let label = "a".repeat(63);
    let long = [&label[..], &label, &label, &label[..61]].join(".");
    let query = Query::read(&ask(1, &name(&long), Kind::Aaaa)).unwrap();
    let many: Vec<_> = (0..16).map(|at| ([at; 16].into(), 1)).collect();
    let reply = query.reply(Code::Fine, &many);
    assert!(reply.len() <= LONGEST_REPLY);
    let read = answer(&reply, 1, &name(&long), Kind::Aaaa).unwrap();
    assert_eq!(read.addresses, many[..read.addresses.len()]);
    assert!(!read.addresses.is_empty());
    let reply = query.reply(Code::Fine, &[(Ipv4Addr::LOCALHOST.into(), 1)]);
    assert_eq!(answer(&reply, 1, &name(&long), Kind::Aaaa).unwrap().addresses, []);
}

#[test]
fn aliases_are_followed_and_the_shortest_lifetime_counts() {
    // `a` and a pointer to `example.org`.
    let target = [1, b'a', 0xc0, 12];
    let records = [
        record(5, 20, &target),
        record_of(&target, 1, 60, &[192, 0, 2, 1]),
        record_of(&[1, b'b', 0], 1, 60, &[192, 0, 2, 2]),
    ];
    let records: Vec<_> = records.iter().map(Vec::as_slice).collect();
    let read = answer(&message(9, Kind::A, &records), 9, &name("example.org"), Kind::A).unwrap();
    assert_eq!(read.addresses, [([192, 0, 2, 1].into(), 20)]);
}

#[test]
fn aliases_in_a_circle_come_to_an_end() {
    let circle = record(5, 20, &[0xc0, 12]);
    let read = answer(&message(9, Kind::A, &[&circle]), 9, &name("example.org"), Kind::A).unwrap();
    assert_eq!(read, Answer { code: Code::Fine, addresses: Vec::new() });
}

#[test]
fn what_answers_another_question_is_no_answer() {
    let found = record(1, 60, &[192, 0, 2, 1]);
    let bytes = message(9, Kind::A, &[&found]);
    let read = |id, text: &str, kind| answer(&bytes, id, &name(text), kind);
    assert!(read(9, "example.org", Kind::A).is_some());
    assert_eq!(read(8, "example.org", Kind::A), None);
    assert_eq!(read(9, "example.com", Kind::A), None);
    assert_eq!(read(9, "example.org", Kind::Aaaa), None);
    let asked = ask(9, &name("example.org"), Kind::A);
    assert_eq!(answer(&asked, 9, &name("example.org"), Kind::A), None, "a question");
}

#[test]
fn broken_queries_get_a_reply_or_none() {
    let asked = ask(7, &name("example.org"), Kind::A);
    let code = |bytes: &[u8]| match Query::read(bytes) {
        Err(QueryError::Reply(reply)) => Some(reply[3] & 0xf),
        Err(QueryError::Ignore) => None,
        Ok(query) => panic!("{query:?}"),
    };
    let changed = |at: usize, value: u8| {
        let mut bytes = asked.clone();
        bytes[at] = value;
        bytes
    };
    assert_eq!(code(&asked[..11]), None);
    assert_eq!(code(&changed(2, 0x80)), None, "a reply");
    assert_eq!(code(&changed(2, 0x28)), Some(4), "an update");
    assert_eq!(code(&changed(5, 2)), Some(1), "two questions");
    assert_eq!(code(&changed(12, 0xc0)), Some(1), "a pointer forward");
    assert_eq!(code(&changed(12, 0x40)), Some(1), "a kind of label that is no more");
    assert_eq!(code(&changed(13, b' ')), Some(5), "no host's name");
    assert_eq!(code(&changed(28, 3)), Some(5), "another class");
    assert_eq!(code(&asked[..20]), Some(1), "cut off");
}

#[test]
fn a_pointer_cannot_go_round() {
    let mut bytes = vec![0; HEADER];
    bytes[5] = 1;
    bytes.extend([1, b'a', 0xc0, 12, 0, 1, 0, 1]);
    assert!(matches!(Query::read(&bytes), Err(QueryError::Reply(_))));
}

proptest! {
    #[test]
    fn any_bytes_are_read_within_bounds(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = Query::read(&bytes);
        let _ = answer(&bytes, 1, &name("example.org"), Kind::A);
    }

    #[test]
    fn any_records_are_read_within_bounds(
        tail in proptest::collection::vec(any::<u8>(), 0..600),
        count in any::<u16>(),
    ) {
        let mut bytes = message(1, Kind::A, &[]);
        bytes[6..8].copy_from_slice(&count.to_be_bytes());
        bytes.extend(tail);
        let read = answer(&bytes, 1, &name("example.org"), Kind::A).unwrap();
        prop_assert!(read.addresses.len() <= ADDRESSES);
    }
}
