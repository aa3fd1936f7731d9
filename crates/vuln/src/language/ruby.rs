//! Ruby: installed gems, and `Gemfile.lock`.

use cofferdam_finding::PackageKind::Gem;

use super::{Extract, Found};

/// `specifications/NAME-VERSION[-PLATFORM].gemspec`, as RubyGems writes it for an installed gem.
pub fn gemspec(_: &str, text: &str, extract: &mut Extract) {
    let field = |name: &str| {
        text.lines().find_map(|line| {
            let (_, value) = line.trim().split_once(name)?;
            let value = value.trim_start().strip_prefix('=')?.trim();
            let quoted = value.strip_prefix(['"', '\''])?;
            quoted.split(['"', '\'']).next().map(str::to_owned)
        })
    };
    let (Some(name), Some(version)) = (field(".name"), field(".version")) else {
        return extract.problem("gemspec", "it does not set a name and a version");
    };
    let mut found = Found::new(Gem, &name, &version);
    let licenses = text.lines().find_map(|line| line.trim().split_once(".licenses ="));
    let licenses = licenses.map_or("", |(_, licenses)| licenses);
    found.licenses.extend(licenses.split('"').skip(1).step_by(2).map(str::to_owned));
    extract.add(found);
}

/// `Gemfile.lock`: gems are four spaces deep, their dependencies six.
pub fn lock(_: &str, text: &str, extract: &mut Extract) {
    let mut section = "";
    for line in text.lines() {
        if !line.starts_with(' ') {
            section = line.trim();
        }
        let Some(gem) = line.strip_prefix("    ").filter(|gem| !gem.starts_with(' ')) else {
            continue;
        };
        if !matches!(section, "GEM" | "GIT") {
            continue;
        }
        if let Some((name, version)) = gem.split_once(" (") {
            // A platform is no part of the version: `1.15.0-x86_64-linux`.
            let version = version.trim_end_matches(')').split('-').next().unwrap_or_default();
            extract.add(Found::declared(Gem, name, version));
        }
    }
}
