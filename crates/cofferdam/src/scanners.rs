//! What a scan looks for.

use std::{fmt, str::FromStr};

use cofferdam_posture::layer::Wanted;

/// Kinds of analysis, by the names that users of other scanners know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scanners {
    /// Vulnerabilities of packages.
    pub(crate) vuln: bool,
    /// Secrets in files, environment and history.
    pub(crate) secret: bool,
    /// Configuration of the image, modes and names of files.
    pub(crate) config: bool,
}

impl Scanners {
    /// What only packages need.
    pub(crate) const PACKAGES: Self = Self { vuln: true, secret: false, config: false };

    /// What has to be collected besides packages.
    pub(crate) const fn wanted(self) -> Wanted {
        Wanted { secrets: self.secret, configuration: self.config }
    }
}

impl fmt::Display for Scanners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [(self.vuln, "vuln"), (self.secret, "secret"), (self.config, "config")];
        let on: Vec<&str> = names.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
        f.write_str(&on.join(","))
    }
}

impl FromStr for Scanners {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut scanners = Self { vuln: false, secret: false, config: false };
        for name in text.split(',').map(str::trim) {
            match name {
                "vuln" => scanners.vuln = true,
                "secret" => scanners.secret = true,
                // Other scanners say misconfig.
                "config" | "misconfig" => scanners.config = true,
                _ => return Err(format!("'{name}' is not one of vuln, secret, config")),
            }
        }
        Ok(scanners)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_other_scanners_have_them() {
        let scanners: Scanners = "vuln, misconfig".parse().unwrap();
        assert_eq!((scanners.vuln, scanners.secret, scanners.config), (true, false, true));
        for wrong in ["", "vuln,", "all", "VULN"] {
            assert!(wrong.parse::<Scanners>().is_err(), "{wrong}");
        }
    }
}
