use std::borrow::Cow;

use cofferdam_finding::{
    Explanation, Reference, Rule, Severity, Topic,
    render::{Terminal, explain, rules_table},
};

const RULE: Rule = Rule {
    id: Cow::Borrowed("image-user-root"),
    title: Cow::Borrowed("The image runs as root"),
    severity: Severity::Medium,
    topic: Topic::Configuration,
    explain: Explanation {
        what: Cow::Borrowed("The user of the image's configuration is root, or is not set."),
        why: Cow::Borrowed(
            "A program that is taken over as root needs one more fault, in the kernel or in how \
             the container is set up, to take the host. As another user it needs two.\n\nMost \
             programs need nothing that only root has.",
        ),
        fix: Cow::Borrowed("Add to the last stage:\n\nUSER 65532"),
    },
    references: Cow::Borrowed(&[
        Reference::new("CIS", "Docker 4.1"),
        Reference::new("CWE", "CWE-250"),
        Reference::new(
            "URL",
            "https://www.example.org/a/very/long/address/that/is/not/to/be/wrapped/because/it/is/copied",
        ),
    ]),
};

fn shown(rule: &Rule, terminal: Terminal) -> String {
    let mut out = Vec::new();
    explain(rule, terminal, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_rule_is_explained() {
    insta::assert_snapshot!(shown(&RULE, Terminal::default()));
}

#[test]
fn sections_without_text_are_left_out() {
    let empty = || Cow::Borrowed(" ");
    let rule = Rule {
        explain: Explanation { what: empty(), why: empty(), fix: empty() },
        references: Cow::Borrowed(&[]),
        ..RULE
    };
    let expected = "image-user-root (medium, configuration)\nThe image runs as root\n";
    assert_eq!(shown(&rule, Terminal::default()), expected);
}

#[test]
fn text_of_an_advisory_is_made_harmless() {
    let rule = Rule { title: Cow::Borrowed("a\x1b[2J"), id: Cow::Borrowed("b\u{9b}"), ..RULE };
    assert!(!shown(&rule, Terminal::default()).contains(['\x1b', '\u{9b}']));
}

#[test]
fn rules_are_listed_by_topic_and_id() {
    let rule = |id: &'static str, topic| Rule { id: Cow::Borrowed(id), topic, ..RULE };
    let rules = [
        rule("b-10", Topic::Coverage),
        rule("b-9", Topic::Coverage),
        rule("z", Topic::Configuration),
    ];
    let mut out = Vec::new();
    rules_table(&rules, Terminal::default(), &mut out).unwrap();
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
}
