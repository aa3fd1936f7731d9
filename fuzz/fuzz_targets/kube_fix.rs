//! Fixes of any text: what is edited is read again as what was meant, and a second run finds nothing
//! more to do.
#![no_main]

use cofferdam_kube::{
    fix::{Change, Options, Put, edit, fix, path},
    load,
    practice::Settings,
    pss::{Level, Version},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let change = Change { path: path("spec.containers[a].securityContext"), put: Put::Bool(true) };
    if let Ok(replacement) = edit(text, &change) {
        replacement.applied(text);
    }
    let options = Options {
        level: Level::Restricted,
        version: Version::Latest,
        settings: Settings::default(),
        rules: Vec::new(),
    };
    let once = fix("m.yaml", text, &options);
    let objects = |text: &str| load::texts([("m.yaml", text.as_bytes())]).objects.len();
    assert_eq!(objects(&once.text), objects(text));
    if once.fixes.is_empty() {
        assert_eq!(once.text, text);
    } else {
        assert_eq!(fix("m.yaml", &once.text, &options).text, once.text);
    }
});
