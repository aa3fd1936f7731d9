//! Reading a command line, as runc's is read: `--name value`, `--name=value`, `-n value`, options
//! before or after other arguments, `--` for the end of options.

use std::{
    ffi::{OsStr, OsString},
    str::FromStr,
};

/// An option that a command knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    name: &'static str,
    short: Option<char>,
    takes_value: bool,
}

/// An option with a value.
pub(crate) const fn value(name: &'static str) -> Known {
    Known { name, short: None, takes_value: true }
}

/// An option without one.
pub(crate) const fn flag(name: &'static str) -> Known {
    Known { name, short: None, takes_value: false }
}

impl Known {
    /// The same, with a short form.
    pub(crate) const fn or(self, short: char) -> Self {
        Self { short: Some(short), ..self }
    }
}

/// Options that every command takes, before its name or after.
pub(crate) const GLOBAL: &[Known] = &[
    value("root"),
    value("log"),
    value("log-format"),
    value("cgroup-manager"),
    flag("systemd-cgroup"),
    value("policy"),
    flag("strict"),
    value("exit-codes"),
    flag("rootless"),
    flag("debug"),
    flag("help").or('h'),
];

/// What was given.
#[derive(Debug, Default)]
pub(crate) struct Given {
    options: Vec<(&'static str, Option<OsString>)>,
    /// Arguments that are no options.
    pub(crate) words: Vec<OsString>,
}

impl Given {
    /// Reads `arguments`. With `stop` words read, whatever follows is words too.
    pub(crate) fn read(
        &mut self,
        known: &[&[Known]],
        stop: usize,
        arguments: &mut dyn Iterator<Item = OsString>,
    ) -> Result<(), String> {
        while self.words.len() < stop {
            let Some(argument) = arguments.next() else { return Ok(()) };
            if argument == "--" {
                break;
            }
            let text = argument.to_str().filter(|text| text.len() > 1 && text.starts_with('-'));
            let Some(text) = text else {
                self.words.push(argument);
                continue;
            };
            let (name, attached) = match text.split_once('=') {
                Some((name, value)) => (name, Some(OsString::from(value))),
                None => (text, None),
            };
            let option = known.iter().flat_map(|known| known.iter()).find(|option| {
                name.strip_prefix("--").or_else(|| name.strip_prefix('-')) == Some(option.name)
                    || option.short.is_some_and(|short| {
                        name.len() == 2 && name.starts_with('-') && name.ends_with(short)
                    })
            });
            let option =
                option.ok_or_else(|| format!("could not understand the option '{name}'"))?;
            let value = match (option.takes_value, attached) {
                (true, None) => {
                    Some(arguments.next().ok_or_else(|| format!("'{name}' needs a value"))?)
                }
                (_, attached) => attached,
            };
            self.options.push((option.name, value));
        }
        self.words.extend(arguments);
        Ok(())
    }

    /// Whether a flag is given, and not as `--name=false`.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        let last = self.options.iter().rev().find(|(given, _)| *given == name);
        last.is_some_and(|(_, value)| value.as_deref() != Some(OsStr::new("false")))
    }

    /// The last value of an option.
    pub(crate) fn value(&self, name: &str) -> Option<&OsStr> {
        let last = self.options.iter().rev().find(|(given, _)| *given == name);
        last.and_then(|(_, value)| value.as_deref()).filter(|value| !value.is_empty())
    }

    /// The last value of an option, as text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, String> {
        self.value(name).map(|value| as_text(value)).transpose()
    }

    /// Every value of an option, as text.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, String> {
        let given = self.options.iter().filter(|(given, _)| *given == name);
        given
            .filter_map(|(_, value)| value.as_deref())
            .map(|v| as_text(v).map(str::to_owned))
            .collect()
    }

    /// The last value of an option, as something else.
    pub(crate) fn parsed<T: FromStr>(&self, name: &str, wanted: &str) -> Result<Option<T>, String> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|_| format!("could not use '{text}' for --{name}: {wanted} is wanted"))
        };
        self.text(name)?.map(parse).transpose()
    }
}

pub(crate) fn as_text(argument: &OsStr) -> Result<&str, String> {
    argument
        .to_str()
        .ok_or_else(|| format!("could not understand the argument '{}'", argument.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Known] =
        &[value("bundle").or('b'), flag("detach").or('d'), value("env").or('e')];

    fn read(arguments: &[&str], stop: usize) -> Result<Given, String> {
        let mut given = Given::default();
        let mut arguments = arguments.iter().map(OsString::from);
        given.read(&[KNOWN, GLOBAL], stop, &mut arguments).map(|()| given)
    }

    #[test]
    fn options_stand_before_and_after_words() {
        for arguments in [
            &["--bundle", "/b", "-d", "c1"][..],
            &["c1", "-b", "/b", "--detach"],
            &["-d=true", "-b=/b", "--", "c1"],
            &["--root", "/r", "c1", "--bundle=/b", "-detach"],
        ] {
            let given = read(arguments, usize::MAX).unwrap();
            assert_eq!(given.words, ["c1"], "{arguments:?}");
            assert_eq!(given.value("bundle"), Some(OsStr::new("/b")));
            assert!(given.is_set("detach"));
        }
        assert!(!read(&["--detach=false", "c"], 9).unwrap().is_set("detach"));
    }

    #[test]
    fn a_program_keeps_its_options() {
        let given = read(&["-e", "A=1", "c1", "-e", "B", "ls", "-d", "--", "-x"], 2).unwrap();
        assert_eq!(given.words, ["c1", "ls", "-d", "--", "-x"]);
        assert_eq!(given.texts("env").unwrap(), ["A=1", "B"]);
        let given = read(&["c1", "--", "-d"], 2).unwrap();
        assert_eq!(given.words, ["c1", "-d"]);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (arguments, wanted) in [
            (&["--bundel", "x"][..], "--bundel"),
            (&["c1", "--bundle"], "--bundle"),
            (&["-x"], "-x"),
        ] {
            let error = read(arguments, usize::MAX).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
        assert!(read(&["--env", "x"], 9).unwrap().parsed::<u32>("env", "a number").is_err());
    }
}
