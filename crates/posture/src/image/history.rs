//! How an image was built, as its history tells.

use cofferdam_oci::image::Configuration;

/// A step of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step<'a> {
    /// Number, from 1.
    pub(super) number: usize,
    /// What the history says, as it is.
    pub(super) text: &'a str,
    /// The instruction, without what builders put around it.
    pub(super) instruction: Instruction<'a>,
    /// When, RFC 3339.
    pub(super) created: Option<&'a str>,
    /// Whether it made no layer.
    pub(super) empty: bool,
}

/// An instruction of a Dockerfile in a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instruction<'a> {
    /// `RUN`, `ADD`, …
    pub(super) name: &'a str,
    /// The rest.
    pub(super) rest: &'a str,
}

/// The steps of an image's history, the base's first.
pub(super) fn steps(configuration: &Configuration) -> Vec<Step<'_>> {
    let steps = configuration.history.iter().enumerate().filter_map(|(index, history)| {
        let text = history.created_by.as_deref()?.trim();
        Some(Step {
            number: index + 1,
            text,
            instruction: instruction(text),
            created: history.created.as_deref(),
            empty: history.empty_layer,
        })
    });
    steps.collect()
}

/// Two ways of writing them: `/bin/sh -c #(nop)  ADD file:… in /` and `/bin/sh -c command` of the
/// old builder, `ADD … # buildkit` and `RUN /bin/sh -c command # buildkit` of the new one.
fn instruction(text: &str) -> Instruction<'_> {
    let text = text.strip_suffix("# buildkit").unwrap_or(text).trim();
    let shell = text.strip_prefix("/bin/sh -c ").map(str::trim_start);
    if let Some(nop) = shell.and_then(|rest| rest.strip_prefix("#(nop)")) {
        return split(nop.trim_start());
    }
    if let Some(command) = shell {
        return Instruction { name: "RUN", rest: command };
    }
    // Build arguments stand in front of a command: `|2 A=b C=d /bin/sh -c command`.
    if text.starts_with('|') {
        return Instruction { name: "RUN", rest: text };
    }
    split(text)
}

fn split(text: &str) -> Instruction<'_> {
    let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase());
    match is_name {
        true => Instruction { name, rest: rest.trim_start() },
        false => Instruction { name: "RUN", rest: text },
    }
}

/// Takes away the shell that a builder writes in front of a command, and the build arguments in
/// front of that: `|1 A=b /bin/bash -o pipefail -c command`.
fn without_shell(text: &str) -> &str {
    let is_shell = |before: &str| before.starts_with('|') || before.starts_with("/bin/");
    match text.split_once(" -c ") {
        Some((before, command)) if is_shell(before) => command,
        _ => text,
    }
}

impl<'a> Step<'a> {
    /// The command of a `RUN`.
    pub(super) fn command(&self) -> Option<&'a str> {
        (self.instruction.name == "RUN").then(|| without_shell(self.instruction.rest))
    }

    /// The build arguments that stand in front of a command: `|2 A=b C=d /bin/sh -c …`.
    pub(super) fn arguments(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let rest = self.text.trim_start_matches("RUN ").strip_prefix('|');
        let (count, rest) = rest.and_then(|rest| rest.split_once(' ')).unwrap_or(("0", ""));
        let count = count.parse().unwrap_or(0_usize);
        rest.split(' ').take(count).filter_map(|argument| argument.split_once('='))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_builders_histories() {
        for (text, name, rest) in [
            ("/bin/sh -c #(nop)  ADD file:ab in / ", "ADD", "file:ab in /"),
            ("/bin/sh -c #(nop) CMD [\"sh\"]", "CMD", "[\"sh\"]"),
            ("/bin/sh -c apt-get update", "RUN", "apt-get update"),
            ("RUN /bin/sh -c apk add x # buildkit", "RUN", "/bin/sh -c apk add x"),
            ("COPY a /b # buildkit", "COPY", "a /b"),
            ("bazel build", "RUN", "bazel build"),
        ] {
            assert_eq!(instruction(text.trim()), Instruction { name, rest }, "{text}");
        }
        let text = "RUN |2 A=b TOKEN=c d /bin/sh -c x # buildkit";
        let step =
            Step { number: 1, text, instruction: instruction(text), created: None, empty: false };
        assert_eq!(step.command(), Some("x"));
        assert_eq!(step.arguments().collect::<Vec<_>>(), [("A", "b"), ("TOKEN", "c")]);
    }
}
