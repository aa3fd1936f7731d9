//! COPY and ADD.

use cofferdam_finding::Severity;

use super::{LintRule, cis, hadolint, rule};
use crate::{
    dockerfile::Instruction,
    lint::view::{Hit, View, replace},
};

pub(super) static RULES: &[LintRule] = &[
    rule(
        ("dockerfile-add-for-files", "ADD is used for files", Severity::Medium),
        [
            "Looks for ADD with sources that are neither archives nor addresses.",
            "ADD unpacks and fetches, as the name of the source happens to be; COPY does what it \
             says.",
            "Use COPY; 'cofferdam lint --fix' does.",
        ],
        const { &[hadolint("DL3020"), cis("Docker 4.9")] },
        "use COPY",
        add,
    ),
    rule(
        ("dockerfile-copy-archive", "An archive is copied and then unpacked", Severity::Info),
        [
            "Looks for COPY of an archive that a later RUN of the stage unpacks.",
            "The archive stays in its layer beside its contents.",
            "Use ADD, which unpacks it, or mount it in the RUN: --mount=type=bind.",
        ],
        const { &[hadolint("DL3010")] },
        "use ADD, or RUN --mount=type=bind",
        archive,
    ),
    rule(
        (
            "dockerfile-copy-target",
            "COPY of several files has no directory as its target",
            Severity::High,
        ),
        [
            "Looks for COPY with more than one source and a target without / at its end.",
            "Builders refuse it.",
            "End the target with /.",
        ],
        const { &[hadolint("DL3021")] },
        "end the target with /",
        target,
    ),
    rule(
        (
            "dockerfile-copy-relative",
            "COPY has a relative target and there is no WORKDIR",
            Severity::Low,
        ),
        [
            "Looks for COPY with a relative target in a stage without WORKDIR.",
            "Where the files go depends on the base.",
            "Set WORKDIR before, or name an absolute target.",
        ],
        const { &[hadolint("DL3045")] },
        "set WORKDIR, or name an absolute target",
        relative,
    ),
];

/// The sources and the target, quotes taken away. Backslashes stay: they are in paths of Windows.
pub(super) fn operands(instruction: &Instruction) -> Vec<String> {
    if let Some(words) = &instruction.json {
        return words.clone();
    }
    let mut words = vec![String::new()];
    let mut quote = None;
    for next in instruction.arguments.text.chars() {
        match next {
            '"' | '\'' if quote == Some(next) => quote = None,
            '"' | '\'' if quote.is_none() => quote = Some(next),
            _ if next.is_whitespace() && quote.is_none() => words.push(String::new()),
            _ => words.last_mut().expect("there is always one").push(next),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

const ARCHIVES: &[&str] = &[
    ".tar", ".Z", ".bz2", ".gz", ".lz", ".lzma", ".tZ", ".tb2", ".tbz", ".tbz2", ".tgz", ".tlz",
    ".tpz", ".txz", ".xz", ".zst", ".tzst",
];

fn is_archive(name: &str) -> bool {
    ARCHIVES.iter().any(|ending| name.ends_with(ending))
}

fn is_address(name: &str) -> bool {
    ["http://", "https://", "git@", "git://", "ftp://", "ssh://"]
        .iter()
        .any(|scheme| name.starts_with(scheme))
        || name.split('#').next().is_some_and(|name| name.ends_with(".git"))
}

fn add(view: &View<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (index, instruction) in view.named("ADD") {
        let words = operands(instruction);
        let Some((_, sources)) = words.split_last() else { continue };
        let is_special =
            |source: &String| is_archive(source) || is_address(source) || source.contains('$');
        let is_special = sources.iter().all(is_special);
        if is_special || !instruction.documents.is_empty() || sources.is_empty() {
            continue;
        }
        let mut hit = view.hit(index, "ADD is used for files");
        let plain = sources.iter().all(|source| {
            !is_archive(source) && !is_address(source) && !source.contains(['$', '*', '?', '['])
        });
        let no_flags = instruction
            .flags
            .iter()
            .all(|flag| matches!(flag.name.as_str(), "chown" | "chmod" | "link"));
        if plain && no_flags {
            hit.edits.push(replace(instruction.name_at.clone(), "COPY"));
        }
        hits.push(hit);
    }
    hits
}

fn archive(view: &View<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (index, instruction) in view.named("COPY").filter(|(_, copy)| copy.flag("from").is_none()) {
        let words = operands(instruction);
        let Some((target, sources)) = words.split_last() else { continue };
        let end = view
            .stage_of(index)
            .map_or(view.file.instructions.len(), |stage| stage.instructions.end);
        let base = |path: &str| path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned();
        let names: Vec<String> = sources
            .iter()
            .chain([target])
            .map(|path| base(path))
            .filter(|name| is_archive(name) || name.ends_with(".zip"))
            .collect();
        let unpacks =
            view.commands().filter(|(at, _)| *at > index && *at < end).any(|(_, command)| {
                let unpacks = match command.name() {
                    Some("tar") => {
                        let bundled = command.words.get(1).is_some_and(|word| {
                            !word.text.starts_with('-') && word.text.contains('x')
                        });
                        bundled || command.has_option(&["-x", "--extract", "--get"])
                    }
                    name => name.is_some_and(|name| {
                        [
                            "gunzip",
                            "bunzip2",
                            "unlzma",
                            "unxz",
                            "zcat",
                            "gzcat",
                            "uncompress",
                            "zgz",
                        ]
                        .contains(&name)
                    }),
                };
                unpacks && command.arguments().any(|word| names.contains(&base(word)))
            });
        if unpacks {
            hits.push(view.hit(index, "an archive is copied and then unpacked"));
        }
    }
    hits
}

fn target(view: &View<'_>) -> Vec<Hit> {
    let wrong = view.named("COPY").filter(|(_, copy)| {
        let words = operands(copy);
        // The target may be a variable that ends with a slash.
        words.len() > 2
            && words.last().is_some_and(|target| {
                !target.ends_with('/') && !matches!(target.as_str(), "." | "./")
            })
    });
    wrong.map(|(index, _)| view.hit(index, "the target is no directory")).collect()
}

fn is_absolute(path: &str) -> bool {
    let mut chars = path.chars();
    let drive = matches!((chars.next(), chars.next()), (Some(letter), Some(':')) if letter.is_ascii_alphabetic());
    path.starts_with(['/', '$', '\\']) || drive
}

fn relative(view: &View<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (index, copy) in view.named("COPY") {
        let words = operands(copy);
        if words.len() < 2 || words.last().is_none_or(|target| is_absolute(target)) {
            continue;
        }
        if !has_workdir(view, index) {
            hits.push(view.hit(index, "where the files go depends on the base"));
        }
    }
    hits
}

/// Whether a WORKDIR stands before, in the stage or in those that it is built on.
fn has_workdir(view: &View<'_>, index: usize) -> bool {
    let mut upto = index;
    let mut stage = view.stage_of(index);
    for _ in 0..=view.stages.len() {
        let range = stage.map_or(0..upto, |stage| stage.instructions.start..upto);
        if view.file.instructions[range].iter().any(|one| one.name == "WORKDIR") {
            return true;
        }
        let Some(current) = stage else { return false };
        let base = view.stages.iter().find(|other| {
            other.from < current.from && other.name.as_deref() == Some(current.image.as_str())
        });
        let Some(base) = base else { return false };
        upto = base.instructions.end;
        stage = Some(base);
    }
    false
}
