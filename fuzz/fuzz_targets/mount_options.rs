//! Any options are understood or refused; an attribute is never both set and cleared but where
//! the access time's mask replaces it.
#![no_main]

use cofferdam_runtime::plan::option::parse;
use cofferdam_sys::mount::attribute::ATIME;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let options: Vec<&str> = text.split(',').collect();
    let Ok(found) = parse(&options) else { return };
    for attributes in [found.attributes, found.below] {
        assert_eq!(attributes.set & attributes.clear & !ATIME, 0, "{options:?}");
    }
    assert!(found.own.iter().all(|(key, _)| !key.is_empty() && !key.contains('\0')));
});
