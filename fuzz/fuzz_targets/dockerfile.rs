//! Dockerfiles of any text: parsed, judged and fixed.
#![no_main]

use cofferdam_posture::{
    dockerfile::parse,
    lint::{Options, apply, lint},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &str| {
    let file = parse(source);
    for instruction in &file.instructions {
        assert!(instruction.at.end <= source.len() && instruction.at.start <= instruction.at.end);
        assert!(source.get(instruction.name_at.clone()).is_some());
    }
    let (findings, _) = lint("Dockerfile", source, &Options::default());
    let (fixed, count) = apply(source, &findings);
    assert!(count > 0 || fixed == source);
});
