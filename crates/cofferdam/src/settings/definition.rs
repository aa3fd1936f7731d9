use clap::ValueEnum as _;
use cofferdam_finding::Severity;

use cofferdam_network::egress::Rule;

use crate::{cli::Color, commands::run::network::NetworkName, scanners::Scanners};

/// A setting: one entry here is its key, its variable, its line of `--show-config` and of the
/// reference page.
#[derive(Debug)]
pub(crate) struct Definition {
    /// Key in a file; a dot separates table and key.
    pub(crate) name: &'static str,
    /// What it takes.
    pub(crate) kind: Kind,
    /// Built-in value.
    pub(crate) default: Option<&'static str>,
    /// Whether `./cofferdam.toml` may set it: not what decides which files are trusted, because
    /// the directory one stands in may be somebody else's.
    pub(crate) project: bool,
    /// What it means.
    pub(crate) meaning: &'static str,
}

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `true` or `false`.
    Switch,
    /// A path; in a file, relative to the file's directory.
    Path,
    /// Paths, separated by commas; in a file, relative to the file's directory.
    Paths,
    /// A severity.
    Severity,
    /// When to use colours.
    Color,
    /// `os/architecture[/variant]`.
    Platform,
    /// Scanners, separated by commas.
    Scanners,
    /// Names, separated by commas.
    List,
    /// A number of days.
    Days,
    /// Any text.
    Text,
    /// A network of a container.
    Network,
    /// What a container may reach, separated by commas.
    Egress,
}

/// Every setting, in the order that `--show-config` lists them.
pub(crate) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "offline",
        kind: Kind::Switch,
        default: Some("false"),
        project: true,
        meaning: "never open a network connection",
    },
    Definition {
        name: "color",
        kind: Kind::Color,
        default: None,
        project: true,
        meaning: "when to use colours; without it as auto, and never if NO_COLOR is set",
    },
    Definition {
        name: "quiet",
        kind: Kind::Switch,
        default: Some("false"),
        project: true,
        meaning: "print data, warnings and errors only",
    },
    Definition {
        name: "verbose",
        kind: Kind::Switch,
        default: Some("false"),
        project: true,
        meaning: "say more about what is done",
    },
    Definition {
        name: "data-dir",
        kind: Kind::Path,
        default: None,
        project: false,
        meaning: "where images and the database are kept; without it /var/lib/cofferdam for root, \
                  else $XDG_DATA_HOME/cofferdam",
    },
    Definition {
        name: "scan.scanners",
        kind: Kind::Scanners,
        default: Some("vuln,secret,config"),
        project: true,
        meaning: "what a scan looks for",
    },
    Definition {
        name: "scan.registries",
        kind: Kind::List,
        default: None,
        project: true,
        meaning: "registries, or parts of them, that images may come from; without it any",
    },
    Definition {
        name: "scan.max-age",
        kind: Kind::Days,
        default: None,
        project: true,
        meaning: "age from which an image is a finding of medium severity; without it 180 days, and low",
    },
    Definition {
        name: "scan.pinned",
        kind: Kind::Switch,
        default: Some("false"),
        project: true,
        meaning: "images have to be named by digest",
    },
    Definition {
        name: "scan.allow-licenses",
        kind: Kind::List,
        default: None,
        project: true,
        meaning: "licences that packages may have, with *; without it all that are not denied",
    },
    Definition {
        name: "scan.deny-licenses",
        kind: Kind::List,
        default: None,
        project: true,
        meaning: "licences that packages may not have, with *",
    },
    Definition {
        name: "scan.fail-on",
        kind: Kind::Severity,
        default: None,
        project: true,
        meaning: "findings at or above this severity end the scan with status 1",
    },
    Definition {
        name: "scan.strict",
        kind: Kind::Switch,
        default: Some("false"),
        project: true,
        meaning: "what could not be looked at ends the scan with status 3",
    },
    Definition {
        name: "scan.waivers",
        kind: Kind::Path,
        default: None,
        project: true,
        meaning: "file of accepted findings",
    },
    Definition {
        name: "scan.vex",
        kind: Kind::Paths,
        default: None,
        project: true,
        meaning: "VEX documents whose statements close findings",
    },
    Definition {
        name: "scan.severity",
        kind: Kind::Severity,
        default: None,
        project: true,
        meaning: "show only findings at or above this severity",
    },
    Definition {
        name: "scan.only-fixed",
        kind: Kind::Switch,
        default: Some("false"),
        project: true,
        meaning: "show only findings for which a fix exists",
    },
    Definition {
        name: "scan.platform",
        kind: Kind::Platform,
        default: None,
        project: true,
        meaning: "which image of a multi-platform index; without it this machine's",
    },
    Definition {
        name: "scan.db",
        kind: Kind::Path,
        default: None,
        project: true,
        meaning: "advisory database; without it the newest one in the data directory, else the \
                  starter database",
    },
    Definition {
        name: "db.publication",
        kind: Kind::Text,
        default: None,
        project: false,
        meaning: "signed publication that db update follows: a directory, an https address or \
                  oci:REFERENCE; without it the sources of advisories themselves",
    },
    Definition {
        name: "db.trust",
        kind: Kind::Text,
        default: None,
        project: false,
        meaning: "public keys that publications have to be signed with, separated by commas: files \
                  or ed25519:BASE64",
    },
    Definition {
        name: "run.network",
        kind: Kind::Network,
        default: None,
        project: false,
        meaning: "network of a container; without it none, or where ports or egress are asked for \
                  bridge for root and pasta for others",
    },
    Definition {
        name: "run.egress",
        kind: Kind::Egress,
        default: None,
        project: false,
        meaning: "what a container may reach, and nothing else; without it anything but metadata \
                  services",
    },
];

impl Definition {
    /// The variable that sets it: that of `scan.fail-on` is `COFFERDAM_SCAN_FAIL_ON`.
    pub(crate) fn variable(&self) -> String {
        format!("{}{}", super::PREFIX, self.name.replace(['.', '-'], "_").to_uppercase())
    }
}

impl Kind {
    /// Whether `text` is one; if not, what is wanted.
    pub(crate) fn check(self, text: &str) -> Result<(), String> {
        let ok = match self {
            Self::Switch => matches!(text, "true" | "false"),
            Self::Path => !text.is_empty(),
            Self::Severity => text.parse::<Severity>().is_ok(),
            Self::Color => Color::from_str(text, false).is_ok(),
            Self::Platform => text.parse::<cofferdam_oci::Platform>().is_ok(),
            Self::Scanners => text.parse::<Scanners>().is_ok(),
            Self::List | Self::Paths => text.split(',').all(|name| !name.trim().is_empty()),
            Self::Days => text.parse::<u32>().is_ok(),
            Self::Text => !text.is_empty(),
            Self::Network => text.parse::<NetworkName>().is_ok(),
            Self::Egress => text.split(',').all(|rule| rule.trim().parse::<Rule>().is_ok()),
        };
        if ok { Ok(()) } else { Err(self.wanted().to_owned()) }
    }

    fn wanted(self) -> &'static str {
        match self {
            Self::Switch => "true or false",
            Self::Path => "a path",
            Self::Severity => "one of critical, high, medium, low, info, unknown",
            Self::Color => "one of auto, always, never",
            Self::Scanners => "some of vuln, secret, config, separated by commas",
            Self::List => "names, separated by commas",
            Self::Paths => "paths, separated by commas",
            Self::Days => "a number of days",
            Self::Text => "a text",
            Self::Network => "one of none, bridge, bridge:NAME, pasta, host",
            Self::Egress => "deny, or addresses and names with ports, separated by commas",
            Self::Platform => "os/architecture or os/architecture/variant, such as linux/amd64",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_its_own_name_and_a_valid_default() {
        for (index, definition) in DEFINITIONS.iter().enumerate() {
            assert!(DEFINITIONS[..index].iter().all(|other| other.name != definition.name));
            assert!(definition.default.is_none_or(|text| definition.kind.check(text).is_ok()));
        }
    }

    #[test]
    fn the_reference_page_lists_every_setting() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/configuration.md");
        let page = std::fs::read_to_string(path).unwrap();
        let listed: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
        let rows: Vec<String> = DEFINITIONS.iter().map(row).collect();
        assert_eq!(listed, rows, "the table should read:\n{}", rows.join("\n"));
    }

    fn row(definition: &Definition) -> String {
        format!(
            "| `{}` | `{}` | {} | {} | {} |",
            definition.name,
            definition.variable(),
            definition.kind.wanted(),
            definition.default.unwrap_or("–"),
            definition.meaning,
        )
    }
}
