use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, cwe, nist, rule};
use crate::{
    image::Image,
    layer::{Account, Password, Shadow},
};

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-empty-password",
        "An account has no password",
        Severity::High,
        [
            "Reads etc/shadow and etc/passwd. The password field of an account is empty: logging in, \
             or 'su', asks for none.",
            "Any process in the container becomes that user by asking; with root among them, every \
             restriction to an ordinary user is void (CVE-2019-5021 was this, in Alpine's images).",
            "Lock the account: 'passwd -l NAME', or '!' in the second field.",
        ],
        const { &[nist("3.1.2"), cwe("CWE-258")] },
    ),
    fix: "lock the account: passwd -l NAME",
    check,
};

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    let shadow: &[Shadow] = last(image, |layer| layer.shadow.as_deref()).unwrap_or_default();
    let accounts: &[Account] = super::accounts(image);
    // An entry for an account that does not exist lets nobody in.
    let exists = |name: &str| accounts.is_empty() || accounts.iter().any(|one| one.name == name);
    let in_shadow = shadow
        .iter()
        .filter(|one| one.password == Password::Empty && exists(&one.name))
        .map(|one| (one.name.as_str(), "etc/shadow"));
    let in_passwd = accounts
        .iter()
        .filter(|one| one.password == Password::Empty)
        .map(|one| (one.name.as_str(), "etc/passwd"));
    let observation = |(name, file): (&str, &str)| Observation {
        subject: format!("account {name}"),
        title: format!("the account {name} has no password"),
        location: file.into(),
        saw: format!("{name} with an empty password field"),
        wanted: "a locked account",
        ..Observation::default()
    };
    in_shadow.chain(in_passwd).map(observation).collect()
}

/// What the last layer that has it says.
pub(super) fn last<'a, T: ?Sized>(
    image: &Image<'a>,
    of: impl Fn(&'a crate::layer::LayerFacts) -> Option<&'a T>,
) -> Option<&'a T> {
    image.layers.iter().rev().find_map(of)
}
