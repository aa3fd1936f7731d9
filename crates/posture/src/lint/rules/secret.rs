//! Secrets and unverified downloads.

use cofferdam_finding::Severity;

use super::{LintRule, cis, cwe, hadolint, nist, rule};
use crate::{
    image::{is_secret_name, is_secret_value},
    lint::view::{Hit, View},
    secret::Engine,
    shell::{self, Command},
};

pub(super) static RULES: &[LintRule] = &[
    rule(
        ("dockerfile-secret", "A secret stands in the file", Severity::Critical),
        [
            "Searches the file for every kind of secret that 'cofferdam scan' knows.",
            "It is in the repository, in the history of the image and in the builder's cache.",
            "Revoke it. Mount secrets during the build: 'RUN --mount=type=secret,id=token …'.",
        ],
        const { &[cis("Docker 4.10"), nist("3.1.4"), cwe("CWE-798")] },
        "revoke it, and use RUN --mount=type=secret",
        secret,
    ),
    rule(
        ("dockerfile-secret-variable", "ARG or ENV is named like a secret", Severity::High),
        [
            "Looks for ARG and ENV with names such as PASSWORD, TOKEN or API_KEY. An ENV that is \
             empty, a path or a reference is left out.",
            "The value of an ENV is in the image, that of an ARG in its history: everybody who can \
             pull the image can read both.",
            "Mount it during the build ('RUN --mount=type=secret,id=token …'), or hand it to the \
             container when it starts.",
        ],
        const { &[hadolint("DL3064"), cis("Docker 4.10"), cwe("CWE-526")] },
        "use RUN --mount=type=secret, or pass it at run time",
        variable,
    ),
    rule(
        ("dockerfile-pipe-to-shell", "A download is executed without a check", Severity::High),
        [
            "Looks for curl or wget whose output is piped or substituted into a shell or an \
             interpreter.",
            "Whoever controls the address, or the way there, decides what is in the image; nothing \
             checks what was executed.",
            "Download to a file, verify its checksum or signature, then execute it.",
        ],
        const { &[nist("3.1.5"), cwe("CWE-494")] },
        "download to a file and verify it before executing it",
        pipe_to_shell,
    ),
    rule(
        (
            "dockerfile-unverified-download",
            "Verification of what is downloaded is turned off",
            Severity::High,
        ),
        [
            "Looks for curl -k, wget --no-check-certificate, apt-get --allow-unauthenticated, apk \
             --allow-untrusted, yum --nogpgcheck, pip --trusted-host, git -c http.sslVerify=false, \
             npm --strict-ssl=false.",
            "Whoever is on the way decides what is installed.",
            "Add the certificate or key that is missing, and leave verification on.",
        ],
        const { &[cwe("CWE-295"), cwe("CWE-347")] },
        "leave verification on",
        unverified,
    ),
    rule(
        ("dockerfile-add-unverified", "ADD fetches a file without a checksum", Severity::Medium),
        [
            "Looks for ADD with an address and without --checksum.",
            "What is fetched may be another file tomorrow, and nothing notices.",
            "Use 'ADD --checksum=sha256:… URL PATH'.",
        ],
        const { &[cis("Docker 4.9"), cwe("CWE-494")] },
        "add --checksum=sha256:…",
        add_unverified,
    ),
    rule(
        ("dockerfile-world-writable", "A file is made writable for everybody", Severity::Medium),
        [
            "Looks for chmod with a mode that lets others write (777, 666, o+w, a+rwx), a sticky \
             directory (1777) left out.",
            "Any process in the container can change the file, whoever owns it.",
            "Give the file to the user that needs it: 'COPY --chown=…', 'chown'.",
        ],
        const { &[cwe("CWE-732"), nist("3.1.2")] },
        "give it to the user that needs it",
        world_writable,
    ),
    rule(
        ("dockerfile-setuid", "A program is given the set-user-id bit", Severity::Medium),
        [
            "Looks for chmod with u+s, g+s or a mode such as 4755, and for setcap.",
            "The program is a door from an ordinary user to root.",
            "Start the program as the user that it needs, or give the container the capability.",
        ],
        const { &[cis("Docker 4.8"), cwe("CWE-250")] },
        "do without set-user-id programs",
        setuid,
    ),
];

fn secret(view: &View<'_>) -> Vec<Hit> {
    let outcome = Engine::shared().search_text("Dockerfile", view.source);
    let hit = |found: crate::secret::Found| {
        let at = usize::try_from(found.offset).unwrap_or(usize::MAX);
        let all = &view.file.instructions;
        let index = all.iter().position(|one| one.at.contains(&at)).unwrap_or(all.len());
        let spec = crate::secret::rules().iter().find(|rule| rule.id == found.rule);
        let name = spec.map_or("secret", |rule| {
            rule.title.strip_suffix(" in the image").unwrap_or(&rule.title)
        });
        Hit {
            instruction: index,
            at: Some(at),
            title: format!("{name} in the file"),
            saw: format!("{}… ({} characters, {})", found.shown, found.length, found.rule),
            severity: spec.map(|rule| rule.severity),
            edits: Vec::new(),
        }
    };
    outcome.found.into_iter().map(hit).collect()
}

fn variable(view: &View<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (index, one) in view.named("ARG").chain(view.named("ENV")) {
        for (name, value) in one.pairs() {
            let value = value.unwrap_or_default();
            let is_safe = one.name == "ENV" && !is_secret_value(&value);
            if is_secret_name(&name) || is_key_id(&name) {
                if is_safe {
                    continue;
                }
                hits.push(Hit {
                    saw: format!("{} {name}", one.name),
                    ..view.hit(index, format!("{} {name} is named like a secret", one.name))
                });
            }
        }
    }
    hits
}

/// Half of a credential.
fn is_key_id(name: &str) -> bool {
    matches!(
        name.to_ascii_uppercase().as_str(),
        "AWS_ACCESS_KEY_ID" | "GOOGLE_APPLICATION_CREDENTIALS_JSON"
    )
}

fn pipe_to_shell(view: &View<'_>) -> Vec<Hit> {
    let all = view.named("RUN").filter(|(index, one)| {
        let script = one.documents.iter().map(|document| &view.source[document.at.clone()]);
        let is_script = !view.commands_of(*index).is_empty();
        let mut texts = std::iter::once(one.arguments.text.as_str()).chain(script);
        is_script && texts.any(shell::pipes_download_to_shell)
    });
    all.map(|(index, _)| view.hit(index, "a download is executed without a check")).collect()
}

fn unverified(view: &View<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (index, command) in view.commands() {
        let has = |options: &[&str]| command.has_option(options);
        let off = match command.name() {
            Some("curl") => has(&["-k", "--insecure"]),
            Some("wget") => has(&["--no-check-certificate"]),
            Some("apt-get" | "apt") => {
                has(&["--allow-unauthenticated", "--force-yes", "--allow-insecure-repositories"])
            }
            Some("apk") => has(&["--allow-untrusted"]),
            Some("yum" | "dnf" | "microdnf") => has(&["--nogpgcheck", "--no-gpgchecks"]),
            Some("zypper") => has(&["--no-gpg-checks"]),
            Some("pip" | "pip3") => has(&["--trusted-host"]),
            Some("git") => {
                command.arguments().any(|word| word.eq_ignore_ascii_case("http.sslverify=false"))
            }
            Some("npm") => command.arguments().any(|word| word == "--strict-ssl=false"),
            _ => false,
        };
        if off {
            hits.push(view.hit_command(
                index,
                &command,
                "verification of a download is turned off",
            ));
        }
    }
    hits
}

fn add_unverified(view: &View<'_>) -> Vec<Hit> {
    let adds = view.named("ADD").filter(|(_, add)| {
        let words = super::copy::operands(add);
        let sources = words.split_last().map(|(_, sources)| sources).unwrap_or_default();
        add.flag("checksum").is_none()
            && sources
                .iter()
                .any(|word| word.starts_with("http://") || word.starts_with("https://"))
    });
    adds.map(|(index, _)| view.hit(index, "ADD fetches a file without a checksum")).collect()
}

fn chmods<'v>(view: &'v View<'_>) -> impl Iterator<Item = (usize, Command, String)> + 'v {
    view.commands().filter_map(|(index, command)| {
        let mode =
            (command.name() == Some("chmod")).then(|| command.operands().next())??.text.clone();
        Some((index, command, mode))
    })
}

fn world_writable(view: &View<'_>) -> Vec<Hit> {
    let lets_write = |mode: &str| match u32::from_str_radix(mode, 8) {
        Ok(mode) => mode & 0o002 != 0 && mode & 0o1000 == 0,
        Err(_) => mode.split(',').any(|part| {
            part.split_once(['+', '=']).is_some_and(|(who, what)| {
                what.contains('w') && (who.contains('o') || who.contains('a'))
            })
        }),
    };
    let hits = chmods(view).filter(|(_, _, mode)| lets_write(mode));
    hits.map(|(index, command, _)| {
        view.hit_command(index, &command, "a file is made writable for everybody")
    })
    .collect()
}

fn setuid(view: &View<'_>) -> Vec<Hit> {
    let sets = |mode: &str| match u32::from_str_radix(mode, 8) {
        Ok(mode) => mode & 0o6000 != 0,
        Err(_) => mode.split(',').any(|part| {
            part.split_once(['+', '=']).is_some_and(|(who, what)| {
                what.contains('s') && (who.is_empty() || who.contains(['u', 'g', 'a']))
            })
        }),
    };
    let by_mode =
        chmods(view).filter(|(_, _, mode)| sets(mode)).map(|(index, command, _)| (index, command));
    let by_capability = view
        .commands()
        .filter(|(_, command)| command.name() == Some("setcap") && !command.has_option(&["-r"]));
    by_mode
        .chain(by_capability)
        .map(|(index, command)| view.hit_command(index, &command, "a program is given more rights"))
        .collect()
}
