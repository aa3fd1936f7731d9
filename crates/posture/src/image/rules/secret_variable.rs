use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, cis, cwe, nist, rule};
use crate::image::Image;

pub(in crate::image) const ID: &str = "image-secret-variable";

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        ID,
        "A variable of the image is named like a secret and has a value",
        Severity::High,
        [
            "Looks at the environment in the image's configuration for names such as PASSWORD, \
             TOKEN, SECRET or API_KEY with a value that is no path, switch or placeholder.",
            "The configuration is readable by everybody who can pull the image, and every process \
             in the container inherits it; it shows in 'inspect' and in crash reports.",
            "Take it out of the Dockerfile and hand it to the container when it starts, best as a \
             mounted file. If it was real, revoke it.",
        ],
        const { &[cis("Docker 4.10"), nist("3.1.4"), cwe("CWE-526")] },
    ),
    fix: "remove the variable, revoke the secret, and pass it at run time",
    check,
};

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    let Some(configuration) = image.configuration else { return Vec::new() };
    let variables = configuration.config.env.iter().filter_map(|text| text.split_once('='));
    let secret = variables.filter(|(name, value)| is_secret_name(name) && is_secret_value(value));
    let observation = |(name, value): (&str, &str)| Observation {
        subject: format!("environment {name}"),
        title: format!("the variable {name} has a value in the image"),
        location: "config.Env".into(),
        saw: format!("{name} with {} characters", value.chars().count()),
        wanted: "no secret in the image",
        ..Observation::default()
    };
    secret.map(observation).collect()
}

/// Words that name a secret at the end of a variable's name; what follows them is about it, not it.
const WORDS: &[&str] = &[
    "PASSWORD",
    "PASSWD",
    "PASS",
    "PWD",
    "SECRET",
    "TOKEN",
    "APIKEY",
    "API_KEY",
    "PRIVATE_KEY",
    "ACCESS_KEY",
    "SECRET_KEY",
    "ENCRYPTION_KEY",
    "CREDENTIALS",
    "PASSPHRASE",
    "AUTH_KEY",
];

/// Whether a variable's name says that its value is secret.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    !matches!(name.as_str(), "PWD" | "OLDPWD")
        && WORDS.iter().any(|word| {
            name.strip_suffix(word).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
        })
}

/// Whether a value may be a secret: not empty, a path, a reference, a switch or a placeholder.
pub(crate) fn is_secret_value(value: &str) -> bool {
    let value = value.trim_matches(['"', '\'']);
    let lower = value.to_ascii_lowercase();
    let is_reference = value.starts_with(['/', '$', '<', '%', '*']) || value.contains("://");
    let is_switch = matches!(
        lower.as_str(),
        "" | "true" | "false" | "yes" | "no" | "none" | "null" | "0" | "1" | "file" | "disabled"
    );
    !is_reference && !is_switch && !lower.starts_with("changeme") && !lower.starts_with("your")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values() {
        for (name, expected) in [
            ("DB_PASSWORD", true),
            ("github_token", true),
            ("PASSWORD", true),
            ("PWD", false),
            ("PASSWORD_FILE", false),
            ("TOKENIZER", false),
            ("BYPASS", false),
        ] {
            assert_eq!(is_secret_name(name), expected, "{name}");
        }
        for (value, expected) in [
            ("hunter2", true),
            ("", false),
            ("/run/secrets/x", false),
            ("${X}", false),
            ("true", false),
        ] {
            assert_eq!(is_secret_value(value), expected, "{value}");
        }
    }
}
