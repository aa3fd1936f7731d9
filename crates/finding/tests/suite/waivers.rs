use cofferdam_finding::{Waiver, Waivers};
use proptest::prelude::*;
use time::macros::date;

const GOOD: &str = "[[waiver]]
rule = 'CVE-2025-1'
reason = 'not reachable'
owner = 'web team'
expires = '2026-12-31'
";

fn error(text: &str) -> String {
    Waivers::parse(text).unwrap_err().to_string()
}

#[test]
fn a_file_is_read_in_its_order() {
    let text = format!(
        "# accepted in the review of May\n{GOOD}\n[[waiver]]\nrule = 'image-*'\nsubject = \
         'a*'\ntarget = '*'\nreason = 'r'\nowner = 'o'\nexpires = 2027-02-28\n"
    );
    let waivers = Waivers::parse(&text).unwrap();
    let expected = [
        Waiver {
            rule: "CVE-2025-1".to_owned(),
            subject: None,
            target: None,
            reason: "not reachable".to_owned(),
            owner: "web team".to_owned(),
            justification: None,
            expires: date!(2026 - 12 - 31),
        },
        Waiver {
            rule: "image-*".to_owned(),
            subject: Some("a*".to_owned()),
            target: Some("*".to_owned()),
            reason: "r".to_owned(),
            owner: "o".to_owned(),
            justification: None,
            expires: date!(2027 - 02 - 28),
        },
    ];
    assert_eq!(waivers.0, expected);
    assert_eq!(expected[0].last_day(), "2026-12-31");
}

#[test]
fn a_file_without_waivers_is_one() {
    for text in ["", "# nothing yet\n", "waiver = []"] {
        assert_eq!(Waivers::parse(text).unwrap(), Waivers::default(), "{text:?}");
    }
}

#[test]
fn the_guides_show_files_that_can_be_read() {
    for guide in [
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/waivers.md")),
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/scan.md")),
    ] {
        let examples: Vec<&str> = guide
            .split("```toml\n")
            .skip(1)
            .map(|rest| rest.split("```").next().unwrap())
            .filter(|example| example.contains("[[waiver]]"))
            .collect();
        assert!(!examples.is_empty(), "{guide}");
        for example in examples {
            assert!(!Waivers::parse(example).unwrap().0.is_empty(), "{example}");
        }
    }
}

#[test]
fn an_error_names_the_waiver_the_line_and_the_key() {
    // The second waiver of a file, with one line of it replaced or added.
    let second = |from: &str, to: &str| format!("{GOOD}\n{}", GOOD.replace(from, to));
    for (text, expected) in [
        (
            second("owner = 'web team'\n", ""),
            "could not read waiver 2 (line 7): 'owner' is missing",
        ),
        (
            second("rule = 'CVE-2025-1'\n", ""),
            "could not read waiver 2 (line 7): 'rule' is missing",
        ),
        (
            second("reason = 'not reachable'\n", ""),
            "could not read waiver 2 (line 7): 'reason' is missing",
        ),
        (
            second("expires = '2026-12-31'\n", ""),
            "could not read waiver 2 (line 7): 'expires' is missing",
        ),
        (second("'not reachable'", "''"), "could not read waiver 2 (line 9): 'reason' is empty"),
        (second("'web team'", "\" \\t\""), "could not read waiver 2 (line 10): 'owner' is empty"),
        (
            second("owner =", "subject = ''\nowner ="),
            "could not read waiver 2 (line 10): 'subject' is empty",
        ),
        (
            second("owner =", "target = ' '\nowner ="),
            "could not read waiver 2 (line 10): 'target' is empty",
        ),
        (
            second("'CVE-2025-1'", "'CVE-2025-1 '"),
            "could not read waiver 2 (line 8): rule 'CVE-2025-1 ' has blanks in it",
        ),
        (
            second("'CVE-2025-1'", "['CVE-2025-1']"),
            "could not read waiver 2 (line 8): 'rule' must be a string, not array",
        ),
        (
            second("'web team'", "true"),
            "could not read waiver 2 (line 10): 'owner' must be a string, not boolean",
        ),
        (
            second("'2026-12-31'", "20261231"),
            "could not read waiver 2 (line 11): 'expires' must be a date, not integer",
        ),
        (
            second("'2026-12-31'", "'2027-02-29'"),
            "could not read waiver 2 (line 11): expires '2027-02-29' is not a date such as \
             2027-01-31",
        ),
        (
            second("'2026-12-31'", "'31.12.2026'"),
            "could not read waiver 2 (line 11): expires '31.12.2026' is not a date such as \
             2027-01-31",
        ),
        (
            second("'2026-12-31'", "2026-12-31T12:00:00Z"),
            "could not read waiver 2 (line 11): expires '2026-12-31T12:00:00Z' is not a date such \
             as 2027-01-31",
        ),
        (
            second("owner =", "justification = 'it is fine'\nowner ="),
            "could not read waiver 2 (line 10): justification 'it is fine' is none of \
             component_not_present, vulnerable_code_not_present, \
             vulnerable_code_not_in_execute_path, \
             vulnerable_code_cannot_be_controlled_by_adversary, inline_mitigations_already_exist",
        ),
        (
            second("owner =", "expire = 2026-01-01\nowner ="),
            "could not read waiver 2 (line 10): unknown key 'expire'; the keys are rule, subject, \
             target, reason, owner, justification, expires",
        ),
        (
            second("'CVE-2025-1'", "'*'"),
            "could not read waiver 2 (line 7): it would waive everything; name a rule, a subject \
             or a target",
        ),
        (
            second("'CVE-2025-1'", "'**'\ntarget = '*'\nsubject = '*'"),
            "could not read waiver 2 (line 7): it would waive everything; name a rule, a subject \
             or a target",
        ),
        (
            GOOD.replace("[[waiver]]", "[waiver]"),
            "could not read line 1: a waiver is a table headed [[waiver]], not table",
        ),
        (
            "waiver = ['CVE-2025-1']".to_owned(),
            "could not read line 1: a waiver is a table headed [[waiver]], not string",
        ),
        (
            GOOD.replace("[[waiver]]", "\n[[waivers]]"),
            "could not read line 2: unknown key 'waivers'; a waivers file holds [[waiver]] tables",
        ),
    ] {
        assert_eq!(error(&text), expected, "in\n{text}");
    }
}

#[test]
fn what_is_no_toml_is_named_by_line_and_column() {
    let error = error(&format!("{GOOD}rule = \n"));
    assert!(error.starts_with("could not read line 6, column "), "{error}");
    assert!(error.contains(" as TOML: "), "{error}");
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let _ = Waivers::parse(&text);
    }

    #[test]
    fn no_change_to_a_file_makes_the_parser_panic(
        at in 0..GOOD.len(), length in 0..20usize, insert in "[\\[\\]'\"=\\n a-z0-9*-]{0,6}",
    ) {
        let mut text = GOOD.to_owned();
        text.replace_range(at..(at + length).min(GOOD.len()), &insert);
        if let Ok(waivers) = Waivers::parse(&text) {
            for waiver in waivers.0 {
                prop_assert!(!waiver.reason.trim().is_empty() && !waiver.owner.trim().is_empty());
            }
        }
    }
}
