//! Packages without a version.

use cofferdam_finding::Severity;

use super::{LintRule, hadolint, package, rule};
use crate::{
    lint::view::{Hit, View},
    shell::Command,
};

const WHY: &str = "The next build may install another version, without a change in the file: \
    it differs from the one that was tested, and nobody can tell which version an image was meant \
    to have.";

/// A rule about one package manager.
macro_rules! pin {
    ($id:literal, $manager:literal, $how:literal, $dl:literal, $packages:expr) => {
        rule(
            ($id, concat!("Packages are installed with ", $manager, " without a version"), Severity::Low),
            [
                concat!("Looks for packages that ", $manager, " is to install in whatever version there is."),
                WHY,
                concat!("Name the version: '", $how, "'. Where the package manager keeps only the newest \
                    version of a package, pin the repository or the base instead and waive this rule."),
            ],
            const { &[hadolint($dl)] },
            concat!("name the version: ", $how),
            |view| unpinned(view, $packages),
        )
    };
}

pub(super) static RULES: &[LintRule] = &[
    pin!("dockerfile-apt-version", "apt-get", "apt-get install PACKAGE=VERSION", "DL3008", apt),
    pin!("dockerfile-apk-version", "apk", "apk add PACKAGE=VERSION", "DL3018", apk),
    pin!("dockerfile-pip-version", "pip", "pip install PACKAGE==VERSION", "DL3013", pip),
    pin!("dockerfile-npm-version", "npm", "npm install PACKAGE@VERSION", "DL3016", npm),
    pin!("dockerfile-gem-version", "gem", "gem install PACKAGE:VERSION", "DL3028", gem),
    pin!("dockerfile-yum-version", "yum", "yum install PACKAGE-VERSION", "DL3033", yum),
    pin!("dockerfile-zypper-version", "zypper", "zypper install PACKAGE=VERSION", "DL3037", zypper),
    pin!("dockerfile-dnf-version", "dnf", "dnf install PACKAGE-VERSION", "DL3041", dnf),
    pin!("dockerfile-go-version", "go", "go install PACKAGE@VERSION", "DL3062", go),
];

/// The packages without a version that a command installs.
type Packages = fn(&Command) -> Option<Vec<String>>;

fn unpinned(view: &View<'_>, packages: Packages) -> Vec<Hit> {
    let hits = view.commands().filter_map(|(index, command)| {
        let names = packages(&command).filter(|names| !names.is_empty())?;
        let title = format!("without a version: {}", names.join(", "));
        Some(view.hit_command(index, &command, title))
    });
    hits.collect()
}

fn list(
    command: &Command,
    subcommands: &[&str],
    with_value: &[&str],
    is_fixed: impl Fn(&str) -> bool,
) -> Option<Vec<String>> {
    let words = package::operands(command, subcommands, with_value)?;
    Some(words.into_iter().map(|word| word.text.clone()).filter(|name| !is_fixed(name)).collect())
}

fn is_file(name: &str, endings: &[&str]) -> bool {
    endings.iter().any(|ending| name.ends_with(ending))
}

fn apt(command: &Command) -> Option<Vec<String>> {
    if !matches!(command.name(), Some("apt-get" | "apt" | "aptitude")) {
        return None;
    }
    let values = ["-t", "--target-release", "-o", "--option", "-c", "--config-file", "-q"];
    list(command, &["install"], &values[..6], |name| {
        name.contains('=')
            || is_file(name, &[".deb"])
            || name.contains('/') && !name.starts_with('.')
            || name.starts_with('.')
    })
}

fn apk(command: &Command) -> Option<Vec<String>> {
    if command.name() != Some("apk") {
        return None;
    }
    let values = [
        "-t",
        "--virtual",
        "--repository",
        "-X",
        "--root",
        "-p",
        "--arch",
        "--keys-dir",
        "--repositories-file",
        "--wait",
        "--cache-dir",
        "--cache-max-age",
        "--progress-fd",
    ];
    list(command, &["add"], &values, |name| {
        name.contains(['=', '~', '<', '>']) || is_file(name, &[".apk"])
    })
}

fn pip(command: &Command) -> Option<Vec<String>> {
    let command = match command.name() {
        Some("pipx") => command.clone(),
        _ => package::pip_install(command)?,
    };
    if command.has_option(&["-r", "--requirement", "-c", "--constraint"]) {
        return Some(Vec::new());
    }
    let values = [
        "--abi",
        "-b",
        "--build",
        "-e",
        "--editable",
        "--extra-index-url",
        "-f",
        "--find-links",
        "-i",
        "--index-url",
        "--implementation",
        "--no-binary",
        "--only-binary",
        "--platform",
        "--prefix",
        "--progress-bar",
        "--proxy",
        "--python-version",
        "--root",
        "--src",
        "-t",
        "--target",
        "--trusted-host",
        "--upgrade-strategy",
        "--cache-dir",
        "--retries",
        "--timeout",
        "--log",
        "--cert",
        "--root-user-action",
        "--python",
        "--client-cert",
        "--exists-action",
        "--install-option",
        "--global-option",
    ];
    let names = list(&command, &["install"], &values, |name| {
        let is_repository =
            ["git+", "hg+", "svn+", "bzr+"].iter().any(|scheme| name.starts_with(scheme));
        name.contains(['=', '<', '>', '~', '!']) && !is_repository
            || is_file(name, &[".whl", ".tar.gz", ".zip"])
            || name == "."
            || (is_repository && name.contains('@'))
            || (!is_repository && name.contains('/'))
    })?;
    let local = command.words.iter().any(|word| word.text == ".");
    Some(if local { Vec::new() } else { names })
}

fn npm(command: &Command) -> Option<Vec<String>> {
    if command.name() != Some("npm") {
        return None;
    }
    let values = ["--registry", "--prefix", "--loglevel", "--cache", "--userconfig"];
    list(command, &["install", "i", "add"], &values, |name| {
        let unscoped =
            name.strip_prefix('@').map_or(name, |name| name.split_once('/').map_or(name, |n| n.1));
        let is_repository = name.starts_with("git")
            && (name.contains("://") || name.contains("git+"))
            || name.starts_with("git@");
        match is_repository {
            true => name.contains('#'),
            false => {
                unscoped.contains('@')
                    || is_file(name, &[".tar", ".tar.gz", ".tgz"])
                    || ["/", "./", "../", "~/", "file:"].iter().any(|start| name.starts_with(start))
            }
        }
    })
}

fn gem(command: &Command) -> Option<Vec<String>> {
    if command.name() != Some("gem") || command.has_option(&["-v", "--version"]) {
        return None;
    }
    let values = [
        "-i",
        "--install-dir",
        "-n",
        "--bindir",
        "--source",
        "-s",
        "-p",
        "--http-proxy",
        "--use-system-libraries",
    ];
    let words: Vec<_> =
        command.words.iter().take_while(|word| word.text != "--").cloned().collect();
    let command = Command { words, ..command.clone() };
    list(&command, &["install", "i"], &values, |name| name.contains(':'))
}

/// Whether a name of an RPM package has a version in it, which begins with a digit behind a dash.
fn is_rpm_fixed(name: &str) -> bool {
    let is_start = |c: char| c.is_ascii_digit() || c == '$';
    let has_version = name.match_indices('-').any(|(at, _)| name[at + 1..].starts_with(is_start));
    has_version || is_file(name, &[".rpm"])
}

fn yum(command: &Command) -> Option<Vec<String>> {
    if command.name() != Some("yum") {
        return None;
    }
    list(command, &["install", "module", "localinstall", "groupinstall"], RPM_VALUES, is_rpm_word)
}

const RPM_VALUES: &[&str] = &[
    "--installroot",
    "--releasever",
    "--enablerepo",
    "--disablerepo",
    "--setopt",
    "-x",
    "--exclude",
    "-c",
    "--repo",
    "--forcearch",
];

fn is_rpm_word(name: &str) -> bool {
    match name.split_once(':') {
        // A stream of a module.
        Some((_, stream)) => !stream.is_empty(),
        None => is_rpm_fixed(name) || matches!(name, "install" | "enable") || name.starts_with('/'),
    }
}

fn dnf(command: &Command) -> Option<Vec<String>> {
    if !matches!(command.name(), Some("dnf" | "microdnf" | "dnf5")) {
        return None;
    }
    list(command, &["install", "module"], RPM_VALUES, is_rpm_word)
}

fn zypper(command: &Command) -> Option<Vec<String>> {
    if command.name() != Some("zypper") {
        return None;
    }
    let values = ["--root", "-R", "--from", "-r", "--repo", "-t", "--type"];
    list(command, &["install", "in"], &values, |name| {
        name.contains(['=', '<', '>', '~']) || is_file(name, &[".rpm"])
    })
}

fn go(command: &Command) -> Option<Vec<String>> {
    if command.name() != Some("go") {
        return None;
    }
    let is_fixed = |name: &str| {
        let version = name.split_once('@').map(|(_, version)| version);
        name.starts_with(['.', '/']) || version.is_some_and(|version| version != "latest")
    };
    let runs = command.words.get(1).is_some_and(|word| word.text == "run");
    let values = ["-o", "-tags", "-ldflags", "-mod", "-modfile", "-C", "-gcflags"];
    let mut names = package::operands(command, &["install", "get", "run"], &values)?;
    // What is behind the program belongs to it.
    names.truncate(if runs { 1 } else { names.len() });
    let names = names.into_iter().map(|word| word.text.clone());
    Some(names.filter(|name| !(is_fixed(name) || (runs && is_file(name, &[".go"])))).collect())
}
