//! Errors and warnings: to standard error for people, and to the file that an engine reads.

use std::{
    ffi::OsString,
    io::{IsTerminal, Write},
};

/// Where messages go, beyond standard error.
#[derive(Debug, Default)]
pub(crate) struct Log {
    file: Option<OsString>,
    json: bool,
}

impl Log {
    /// Takes what `--log` and `--log-format` say.
    pub(crate) fn new(file: Option<OsString>, format: Option<&str>) -> Result<Self, String> {
        let json = match format {
            None | Some("text") => false,
            Some("json") => true,
            Some(other) => {
                return Err(format!(
                    "could not use '{other}' for --log-format: text or json is wanted"
                ));
            }
        };
        Ok(Self { file, json })
    }

    /// Tells of an error and its causes, the cause last, and what to do about it.
    pub(crate) fn error(&self, chain: &[String], hint: Option<&str>) {
        let mut text = String::new();
        for (index, cause) in chain.iter().enumerate() {
            text.push_str(if index == 0 { "error: " } else { "caused by: " });
            text.push_str(&plain(cause));
            text.push('\n');
        }
        if let Some(hint) = hint {
            text.push_str(&format!("hint: {hint}\n"));
        }
        self.tell("error", &text, &chain.join(": "));
    }

    /// Tells of something that did not stop what was asked for.
    pub(crate) fn warning(&self, what: &str) {
        self.tell("warning", &format!("warning: {}\n", plain(what)), what);
    }

    /// Tells of something that means nothing for what was asked for: to a person who looks on, and
    /// to the file, but not to a program that takes any message for a failure.
    pub(crate) fn note(&self, what: &str) {
        let line = format!("warning: {}\n", plain(what));
        let text = if std::io::stderr().is_terminal() { line.as_str() } else { "" };
        self.tell("warning", text, what);
    }

    fn tell(&self, level: &str, text: &str, message: &str) {
        // Nothing is left to do when even that cannot be said.
        let _ = std::io::stderr().write_all(text.as_bytes());
        let Some(path) = &self.file else { return };
        let time = cofferdam_runtime::clock::now();
        let line = if self.json {
            serde_json::json!({ "level": level, "msg": message, "time": time }).to_string()
        } else {
            format!("time=\"{time}\" level={level} msg={message:?}")
        };
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        let _ = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    }
}

/// Names and what programs said come from whoever made the container: nothing of it steers a
/// terminal, or begins a line that passes for one of ours.
fn plain(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}
