//! What a package manager's command line says.

use crate::{
    dockerfile::Instruction,
    shell::{Command, Word},
};

/// The words after the subcommand that are neither options nor their values; `None` if it is
/// another subcommand.
pub(super) fn operands<'c>(
    command: &'c Command,
    subcommands: &[&str],
    with_value: &[&str],
) -> Option<Vec<&'c Word>> {
    let mut operands = Vec::new();
    let mut skip = false;
    for word in command.words.iter().skip(1) {
        if std::mem::take(&mut skip) {
            continue;
        }
        if word.text.starts_with('-') && word.text.len() > 1 {
            skip = with_value.contains(&word.text.as_str());
        } else {
            operands.push(word);
        }
    }
    let first = operands.first()?;
    if !subcommands.contains(&first.text.as_str()) {
        return None;
    }
    operands.remove(0);
    Some(operands)
}

/// Whether pip installs something: `pip3.11 install`, `python -m pip install`.
pub(super) fn pip_install(command: &Command) -> Option<Command> {
    let name = command.name()?;
    let is_pip = |name: &str| {
        name.strip_prefix("pip")
            .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
    };
    if is_pip(name) {
        return Some(command.clone());
    }
    let rest = &command.words;
    let module = rest.windows(2).position(|pair| pair[0].text == "-m" && is_pip(&pair[1].text))?;
    name.starts_with("python")
        .then(|| Command { words: rest[module + 1..].to_vec(), ..command.clone() })
}

/// Whether a cache or memory is mounted over a directory, so that nothing of it stays.
pub(super) fn is_mounted(instruction: &Instruction, directory: &str) -> bool {
    instruction.flags.iter().filter(|flag| flag.name == "mount").any(|flag| {
        let mut fields = flag.value.split(',');
        let kind = fields.clone().any(|field| matches!(field, "type=cache" | "type=tmpfs"));
        kind && fields.any(|field| {
            let target = field
                .split_once('=')
                .filter(|(key, _)| matches!(*key, "target" | "dst" | "destination"));
            target.is_some_and(|(_, path)| {
                path.trim_end_matches('/').ends_with(directory.trim_start_matches('/'))
            })
        })
    })
}
