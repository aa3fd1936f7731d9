//! Secrets in any bytes: the same whatever the chunks are, and never shown.
#![no_main]

use cofferdam_posture::secret::Engine;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &[u8])| {
    let (chunk, bytes) = input;
    let engine = Engine::shared();
    let mut whole = bytes;
    let whole = engine.search("app/config", &mut whole).expect("memory can be read");
    let mut parts = bytes;
    let parts = engine
        .search_in_chunks("app/config", &mut parts, usize::from(chunk))
        .expect("memory can be read");
    assert_eq!(whole, parts);
    for found in whole.found {
        assert!(found.offset + u64::from(found.length) <= bytes.len() as u64);
        assert!(found.shown.len() <= 4);
    }
});
