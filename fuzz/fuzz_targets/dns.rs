#![no_main]

use cofferdam_network::{
    dns::message::{self, ADDRESSES, Code, Kind, LONGEST_REPLY, Query},
    egress::Rule,
};
use libfuzzer_sys::fuzz_target;

// What a container asks its resolver, and what a server answers to that.
fuzz_target!(|bytes: &[u8]| {
    if let Ok(query) = Query::read(bytes) {
        let asked = message::ask(query.id, &query.name, query.kind);
        assert_eq!(Query::read(&asked).expect("well-formed").name, query.name);
        assert!(query.reply(Code::Fine, &[([192, 0, 2, 1].into(), 1)]).len() <= LONGEST_REPLY);
    }
    let name = "a.example".parse().expect("a name");
    for kind in [Kind::A, Kind::Aaaa] {
        let id = bytes.first_chunk().map_or(0, |id| u16::from_be_bytes(*id));
        if let Some(answer) = message::answer(bytes, id, &name, kind) {
            assert!(answer.addresses.len() <= ADDRESSES);
        }
    }
    if let Ok(rule) = std::str::from_utf8(bytes).unwrap_or_default().parse::<Rule>() {
        assert_eq!(rule.to_string().parse(), Ok(rule));
    }
});
