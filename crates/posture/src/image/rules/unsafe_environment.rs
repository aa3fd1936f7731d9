use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, cwe, rule};
use crate::image::Image;

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-unsafe-environment",
        "A variable of the image decides unsafely what is executed or trusted",
        Severity::Medium,
        [
            "Looks for a PATH or LD_LIBRARY_PATH with an empty or relative entry or one below /tmp, \
             for LD_PRELOAD, and for switches that turn off the verification of certificates \
             (NODE_TLS_REJECT_UNAUTHORIZED=0, PYTHONHTTPSVERIFY=0, GIT_SSL_NO_VERIFY, \
             CURL_INSECURE, GONOSUMDB and others).",
            "With a directory in PATH that others write to, or that depends on where one stands, \
             others decide what is executed. Without verification, whoever is on the way reads and \
             changes what is sent.",
            "Use absolute directories that only root writes to; add the certificate authority that \
             is missing instead of turning verification off.",
        ],
        const { &[cwe("CWE-427"), cwe("CWE-295")] },
    ),
    fix: "use absolute directories, and leave verification on",
    check,
};

/// Variables that turn verification off, and the values with which they do; none is any.
const SWITCHES: &[(&str, &[&str])] = &[
    ("NODE_TLS_REJECT_UNAUTHORIZED", &["0"]),
    ("PYTHONHTTPSVERIFY", &["0"]),
    ("GIT_SSL_NO_VERIFY", &[]),
    ("CURL_INSECURE", &[]),
    ("NPM_CONFIG_STRICT_SSL", &["false"]),
    ("GOINSECURE", &[]),
    ("GONOSUMCHECK", &[]),
    ("GOFLAGS", &["-insecure"]),
    ("PERL_LWP_SSL_VERIFY_HOSTNAME", &["0"]),
    ("REQUESTS_CA_BUNDLE", &["", "/dev/null"]),
    ("SSL_CERT_FILE", &["/dev/null"]),
    ("LD_PRELOAD", &[]),
];

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    let Some(configuration) = image.configuration else { return Vec::new() };
    let variables = configuration.config.env.iter().filter_map(|text| text.split_once('='));
    let observation = |(name, value): (&str, &str)| {
        let (why, wanted) = reason(name, value)?;
        Some(Observation {
            subject: format!("environment {name}"),
            title: format!("{name} {why}"),
            location: "config.Env".into(),
            saw: format!("{name}={value}"),
            wanted,
            ..Observation::default()
        })
    };
    variables.filter_map(observation).collect()
}

fn reason(name: &str, value: &str) -> Option<(&'static str, &'static str)> {
    let is_path = matches!(name, "PATH" | "LD_LIBRARY_PATH");
    let is_unsafe =
        |part: &str| !part.starts_with('/') || part == "/tmp" || part.starts_with("/tmp/");
    if is_path && !value.is_empty() && value.split(':').any(is_unsafe) {
        return Some(("has an empty, relative or world-writable entry", "absolute directories"));
    }
    let (_, values) = SWITCHES.iter().find(|(switch, _)| *switch == name)?;
    let is_on = if values.is_empty() { !value.is_empty() } else { values.contains(&value) };
    match name {
        "LD_PRELOAD" if is_on => Some(("loads code into every program", "no such variable")),
        _ if is_on => Some(("turns verification off", "verification")),
        _ => None,
    }
}
