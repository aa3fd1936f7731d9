//! Licence expressions, policies on them, and Debian's files of copyright.

use std::io::Cursor;

use cofferdam_image::Candidate;
use cofferdam_vuln::{
    language::extract,
    license::{Expression, Policy, Verdict},
};
use proptest::prelude::*;

fn policy(allow: &[&str], deny: &[&str]) -> Policy {
    let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    Policy { allow: owned(allow), deny: owned(deny) }
}

fn is_allowed(declared: &str, allow: &[&str], deny: &[&str]) -> bool {
    match policy(allow, deny).verdict(&[declared.to_owned()]) {
        Verdict::Allowed => true,
        Verdict::Denied(terms) => {
            assert!(!terms.is_empty(), "{declared}");
            false
        }
        other => panic!("{declared}: {other:?}"),
    }
}

#[test]
fn expressions_are_evaluated() {
    for (declared, allow, deny, expected) in [
        ("MIT", &["MIT"][..], &[][..], true),
        ("mit", &["MIT"], &[], true),
        ("MIT", &[], &[], true),
        ("GPL-3.0-only", &["MIT"], &[], false),
        ("GPL-3.0-only", &[], &["GPL-*"], false),
        ("LGPL-3.0-only", &[], &["GPL-*"], true),
        ("MIT OR GPL-3.0-only", &["MIT"], &[], true),
        ("MIT AND GPL-3.0-only", &["MIT"], &[], false),
        ("MIT AND GPL-3.0-only", &[], &["GPL-3.0-only"], false),
        ("MIT OR GPL-3.0-only", &[], &["GPL-3.0-only"], true),
        ("GPL-2.0-only OR GPL-3.0-only", &[], &["GPL-*"], false),
        // AND binds closer.
        ("MIT OR GPL-3.0-only AND BSD-3-Clause", &["MIT"], &[], true),
        ("(MIT OR GPL-3.0-only) AND BSD-3-Clause", &["MIT"], &[], false),
        ("(MIT OR GPL-3.0-only) AND BSD-3-Clause", &["MIT", "BSD-*"], &[], true),
        // What is denied is denied even if it is allowed.
        ("MIT", &["MIT"], &["MIT"], false),
        // Later versions may be chosen.
        ("GPL-2.0-or-later", &["GPL-3.0-only"], &[], true),
        ("GPL-2.0+", &["GPL-3.0-only"], &[], true),
        ("GPL-3.0-or-later", &["GPL-2.0-only"], &[], false),
        ("GPL-2.0-only", &["GPL-3.0-only"], &[], false),
        ("GPL-2.0-only", &["GPL-2.0-or-later"], &[], false),
        ("MPL-1.1+", &["MPL-2.0"], &[], true),
        ("MPL-1.1", &["MPL-2.0"], &[], false),
        ("GPL-2.0-or-later", &["GPL-3.0-only"], &["GPL-3.0-only"], false),
        // Deprecated identifiers mean what they always meant.
        ("GPL-2.0", &["GPL-2.0-only"], &[], true),
        ("GPL-2.0", &[], &["GPL-2.0-only"], false),
        // An exception counts for who names it.
        ("GPL-2.0-only WITH Classpath-exception-2.0", &[], &["GPL-*"], false),
        (
            "GPL-2.0-only WITH Classpath-exception-2.0",
            &["GPL-2.0-only WITH Classpath-exception-2.0"],
            &["GPL-2.0-only"],
            true,
        ),
        (
            "GPL-2.0-with-classpath-exception",
            &["GPL-2.0-only WITH Classpath-exception-2.0"],
            &[],
            true,
        ),
        ("GPL-2.0-only", &["GPL-2.0-only WITH Classpath-exception-2.0"], &[], false),
        // What was usual before SPDX.
        ("GPLv2+ and BSD", &["GPL-2.0-or-later", "BSD"], &[], true),
        ("GPL-2+", &[], &["GPL-2.0-or-later"], false),
        ("MIT/Apache-2.0", &["Apache-2.0"], &[], true),
        ("Apache Software License", &["Apache-2.0"], &[], true),
        ("GPL-1+ or Artistic", &["Artistic-1.0"], &[], true),
        ("GPL-2+ with OpenSSL-exception", &[], &["GPL-*"], false),
        ("LicenseRef-own", &["LicenseRef-*"], &[], true),
        // A text that is in a list as it stands.
        ("see the file COPYING, please!", &["see the file *"], &[], true),
    ] {
        assert_eq!(is_allowed(declared, allow, deny), expected, "{declared}: {allow:?} {deny:?}");
    }
}

#[test]
fn what_cannot_be_decided_is_neither() {
    let policy = policy(&["MIT"], &[]);
    let verdict = |declared: &[&str]| {
        let declared: Vec<String> = declared.iter().map(|text| (*text).to_owned()).collect();
        policy.verdict(&declared)
    };
    assert_eq!(verdict(&[]), Verdict::Undeclared);
    assert_eq!(verdict(&["", " "]), Verdict::Undeclared);
    for text in
        ["see LICENSE.txt!", "MIT AND", "(MIT", "MIT)", "MIT WITH", "OR MIT", "MIT MIT", "()"]
    {
        assert!(matches!(verdict(&[text]), Verdict::NotUnderstood { .. }), "{text}");
    }
    // All that is declared holds; one that is denied is enough.
    assert_eq!(verdict(&["???", "GPL-2"]), Verdict::Denied(vec!["GPL-2.0-only".to_owned()]));
    let deep = format!("{}MIT{}", "(".repeat(60), ")".repeat(60));
    assert_eq!(Expression::parse(&deep), Err("its parentheses are nested too deep"));
    let long = "MIT AND ".repeat(3000);
    assert_eq!(Expression::parse(&long), Err("it is too long"));
}

fn copyright(path: &str, text: &str) -> Vec<String> {
    let candidate = Candidate { path, size: text.len() as u64, mode: 0o644 };
    extract(&candidate, &mut Cursor::new(text)).expect("texts are read").licenses
}

#[test]
fn files_of_copyright_name_licences() {
    let path = "usr/share/doc/a/copyright";
    let readable = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n\
                    Files: *\nCopyright: 2020 A\nLicense: GPL-2+ or MIT\n text\n\n\
                    Files: debian/*\nLicense: Expat\n\n\
                    License: Apache-2.0\n text of a licence alone\n";
    assert_eq!(copyright(path, readable), ["Expat", "GPL-2+ or MIT"]);
    let prose = "On Debian systems the text is in `/usr/share/common-licenses/GPL-2'.\n\
                 See /usr/share/common-licenses/LGPL-2.1.";
    assert_eq!(copyright(path, prose), ["GPL-2", "LGPL-2.1"]);
    assert_eq!(copyright(path, "All rights reserved."), [""; 0]);
    assert_eq!(copyright("usr/share/doc/a/b/copyright", readable), [""; 0]);
    assert_eq!(copyright("copyright", readable), [""; 0]);
}

proptest! {
    #[test]
    fn no_text_panics(text in "(MIT|GPL-2\\+|AND|OR|WITH|\\(|\\)| |/|\\PC){0,20}", other in any::<String>()) {
        for text in [&text, &other] {
            let _ = Expression::parse(text);
            let nothing = policy(&["MIT"], &["GPL-*"]);
            let _ = nothing.verdict(std::slice::from_ref(text));
            let _ = copyright("usr/share/doc/a/copyright", text);
        }
    }

    /// Allowing more never denies more, and denying more never allows more.
    #[test]
    fn policies_are_monotone(words in proptest::collection::vec(0..4_usize, 1..6), ors in any::<u8>()) {
        let names = ["MIT", "GPL-2.0-only", "GPL-3.0-or-later", "Apache-2.0"];
        let mut text = names[words[0]].to_owned();
        for (index, word) in words.iter().enumerate().skip(1) {
            let operator = if ors >> index & 1 == 0 { "AND" } else { "OR" };
            text = format!("{text} {operator} {}", names[*word]);
        }
        let some = is_allowed(&text, &["MIT"], &[]);
        let more = is_allowed(&text, &["MIT", "Apache-2.0"], &[]);
        prop_assert!(!some || more, "{text}");
        let none_denied = is_allowed(&text, &[], &[]);
        let some_denied = is_allowed(&text, &[], &["GPL-*"]);
        prop_assert!(none_denied);
        prop_assert!(!some_denied || is_allowed(&text, &[], &["GPL-2.0-only"]), "{text}");
    }
}
