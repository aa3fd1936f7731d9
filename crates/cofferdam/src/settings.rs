//! Where the value of a setting comes from: flags, then `COFFERDAM_*`, then `./cofferdam.toml`, the
//! user's and the system's file, then what is built in.

mod definition;
mod file;

use std::{
    env,
    fmt::Display,
    path::{Path, PathBuf},
    str::FromStr,
};

pub(crate) use definition::{DEFINITIONS, Definition, Kind};

use crate::{
    cli::Global,
    error::{CliError, OrFail as _},
    nearest::nearest,
};

/// Prefix of environment variables that are settings.
const PREFIX: &str = "COFFERDAM_";

/// Variables with the prefix that are no settings.
const OTHER_VARIABLES: [&str; 1] = ["COFFERDAM_RUNTIME"];

/// Every setting's value and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    values: Vec<Value>,
    /// `COFFERDAM_*` variables that are no settings, to warn of.
    pub(crate) unknown_variables: Vec<String>,
}

#[derive(Debug, Clone)]
struct Value {
    definition: &'static Definition,
    text: Option<String>,
    origin: Origin,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    BuiltIn,
    File { path: PathBuf, line: usize },
    Variable(String),
    Flag(String),
}

/// A value that a flag gives: the name of the setting and the text.
pub(crate) type Override = (&'static str, String);

impl Settings {
    /// Collects values from files, the environment and `flags`.
    pub(crate) fn load(flags: Vec<Override>) -> Result<Self, CliError> {
        let mut settings = Self::built_in();
        for (path, trusted) in file::candidates() {
            for found in file::read(&path, trusted)? {
                let origin = Origin::File { path: path.clone(), line: found.line };
                settings.set(found.name, found.text, origin)?;
            }
        }
        settings.read_environment()?;
        for (name, text) in flags {
            let origin = Origin::Flag(flag(name));
            settings.set(name, text, origin)?;
        }
        Ok(settings)
    }

    fn built_in() -> Self {
        let value = |definition: &'static Definition| Value {
            definition,
            text: definition.default.map(str::to_owned),
            origin: Origin::BuiltIn,
        };
        Self { values: DEFINITIONS.iter().map(value).collect(), unknown_variables: Vec::new() }
    }

    /// An unknown variable is not an error, as an unknown key in a file is: orchestrators set
    /// variables named after services (`COFFERDAM_PORT`), and those are nobody's slip.
    fn read_environment(&mut self) -> Result<(), CliError> {
        for (variable, text) in env::vars_os() {
            let Some(variable) = variable.to_str().filter(|name| name.starts_with(PREFIX)) else {
                continue;
            };
            let known = DEFINITIONS.iter().find(|definition| definition.variable() == variable);
            match known {
                Some(definition) => {
                    let text = text.into_string().map_err(|text| {
                        CliError::new(format!("{variable} is not UTF-8: '{}'", text.display()))
                    })?;
                    let text = match (definition.kind, text.as_str()) {
                        (Kind::Switch, "1") => "true".to_owned(),
                        (Kind::Switch, "0") => "false".to_owned(),
                        _ => text,
                    };
                    self.set(definition.name, text, Origin::Variable(variable.to_owned()))?;
                }
                None if OTHER_VARIABLES.contains(&variable) => {}
                None => self.unknown_variables.push(unknown_variable(variable)),
            }
        }
        Ok(())
    }

    /// Every source is checked, also one that a stronger source overrides.
    fn set(&mut self, name: &str, text: String, origin: Origin) -> Result<(), CliError> {
        let Some(value) = self.values.iter_mut().find(|value| value.definition.name == name) else {
            return Err(CliError::new(format!("'{name}' is not a setting")));
        };
        if let Err(wanted) = value.definition.kind.check(&text) {
            let message = format!("could not use {name} '{text}' from {origin}");
            return Err(CliError::new(message).hint(format!("{name} is {wanted}")));
        }
        value.text = Some(text);
        value.origin = origin;
        Ok(())
    }

    /// The value of a setting, in text; none if it has none.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|value| value.definition.name == name)?.text.as_deref()
    }

    /// The value of a setting that is true or false.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// The value of a setting as a path.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    /// The value of a setting, parsed; an error names the setting and where the value came from.
    pub(crate) fn parsed<T>(&self, name: &str) -> Result<Option<T>, CliError>
    where
        T: FromStr,
        T::Err: Display,
    {
        let Some(value) = self.values.iter().find(|value| value.definition.name == name) else {
            return Ok(None);
        };
        let Some(text) = &value.text else { return Ok(None) };
        text.parse().map(Some).map_err(|why: T::Err| {
            CliError::new(format!("could not use {name} '{text}' from {}", value.origin))
                .hint(why.to_string())
        })
    }

    /// Where images and the database are kept: as set, else `/var/lib/cofferdam` for root, else
    /// below the user's data directory (XDG Base Directory Specification).
    pub(crate) fn data_dir(&self) -> Result<PathBuf, CliError> {
        if let Some(path) = self.path("data-dir") {
            return std::path::absolute(&path)
                .or_fail(|| format!("could not use data directory '{}'", path.display()));
        }
        if rustix::process::geteuid().is_root() {
            return Ok(PathBuf::from("/var/lib/cofferdam"));
        }
        user_directory("XDG_DATA_HOME", ".local/share")
            .map(|path| path.join("cofferdam"))
            .ok_or_else(|| {
                CliError::new("could not find a data directory: HOME is not set")
                    .hint("set COFFERDAM_DATA_DIR, or use --data-dir")
            })
    }

    /// Each setting with its value and origin, as `--show-config` prints them.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let line = |value: &Value| {
            let fallback = || match value.definition.name {
                "data-dir" => self.data_dir().ok().map(|path| path.display().to_string()),
                _ => None,
            };
            Line {
                name: value.definition.name,
                meaning: value.definition.meaning,
                value: value.text.clone().or_else(fallback).unwrap_or_else(|| "-".to_owned()),
                origin: value.origin.to_string(),
            }
        };
        self.values.iter().map(line).collect()
    }
}

/// A line of `--show-config`.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) value: String,
    pub(crate) origin: String,
}

impl Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// What the global flags set.
pub(crate) fn overrides(global: &Global) -> Vec<Override> {
    let mut flags = Vec::new();
    for (name, on) in
        [("offline", global.offline), ("quiet", global.quiet), ("verbose", global.verbose)]
    {
        if on {
            flags.push((name, "true".to_owned()));
        }
    }
    if let Some(color) = global.color {
        let text = clap::ValueEnum::to_possible_value(&color)
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default();
        flags.push(("color", text));
    }
    if let Some(path) = &global.data_dir {
        flags.push(("data-dir", path.display().to_string()));
    }
    flags
}

/// The flag of a setting: that of `scan.fail-on` is `--fail-on`.
fn flag(name: &str) -> String {
    format!("--{}", name.rsplit('.').next().unwrap_or(name))
}

fn unknown_variable(variable: &str) -> String {
    let variables: Vec<String> = DEFINITIONS.iter().map(Definition::variable).collect();
    match nearest(variable, variables.iter().map(String::as_str)) {
        Some(nearest) => format!("{variable} is not a setting; did you mean {nearest}"),
        None => format!("{variable} is not a setting"),
    }
}

/// `$VARIABLE`, which has to be absolute, or `$HOME/fallback`.
fn user_directory(variable: &str, fallback: &str) -> Option<PathBuf> {
    let set = env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || env::var_os("HOME").filter(|home| !home.is_empty());
    set.or_else(|| home().map(|home| Path::new(&home).join(fallback)))
}
