use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, cwe, rule};
use crate::image::Image;

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-second-root",
        "A second account has user id 0",
        Severity::High,
        [
            "Reads etc/passwd. An account other than root has user id 0 (BSD's toor is known for \
             it), or two accounts share a user id.",
            "It is root under another name: rules, logs and audits that look for root miss it.",
            "Remove the account, or give it a user id of its own.",
        ],
        const { &[cwe("CWE-250")] },
    ),
    fix: "give each account a user id of its own",
    check,
};

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    let accounts = super::accounts(image);
    let mut observed = Vec::new();
    for (index, account) in accounts.iter().enumerate() {
        let earlier = accounts[..index].iter().find(|earlier| earlier.uid == account.uid);
        let severity = match (account.uid, account.name.as_str(), earlier) {
            (0, "root", None) => continue,
            (0, _, _) => None,
            (_, _, Some(_)) => Some(Severity::Low),
            _ => continue,
        };
        let with = earlier.map_or_else(String::new, |other| format!(", as {}", other.name));
        observed.push(Observation {
            subject: format!("account {}", account.name),
            title: format!("the account {} has user id {}{with}", account.name, account.uid),
            location: "etc/passwd".into(),
            saw: format!("{} with user id {}", account.name, account.uid),
            wanted: "a user id of its own",
            severity,
        });
    }
    observed
}
