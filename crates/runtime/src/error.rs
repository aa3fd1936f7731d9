//! Why something could not be done with a container.

use std::path::PathBuf;

/// Why something could not be done with a container.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused a step.
    #[error("could not {action} '{object}'")]
    Kernel {
        /// What was tried, such as `mount proc on`.
        action: &'static str,
        /// On what.
        object: String,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// The configuration asks for what cannot be done.
    #[error("could not use the container's configuration: {field}: {why}")]
    Configuration {
        /// Where in `config.json`, as a path such as `/linux/devices/0`.
        field: String,
        /// What is wrong with it.
        why: String,
    },
    /// `config.json` could not be read.
    #[error("could not read the bundle's '{}'", path.display())]
    Bundle {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A helper program failed.
    #[error("could not map ids with '{program}': {why}")]
    Helper {
        /// The program.
        program: String,
        /// What it said.
        why: String,
    },
    /// The process in the container failed before its program ran.
    #[error("{}", chain.first().map_or("the container's first process ended early", |s| s.as_str()))]
    Inside {
        /// What it says, the cause last.
        chain: Vec<String>,
        /// The exit code that goes with it.
        code: u8,
        /// The rest of the chain.
        #[source]
        source: Option<Box<Cause>>,
    },
    /// A hook failed.
    #[error("could not run hook '{program}' (/hooks/{stage}/{index}): error running hook: {why}")]
    Hook {
        /// The stage's name in the configuration.
        stage: &'static str,
        /// Which of the stage.
        index: usize,
        /// Its program.
        program: String,
        /// What happened, and what it said.
        why: String,
    },
    /// There is no such container.
    #[error("could not find container '{0}': container does not exist")]
    Missing(crate::id::ContainerId),
    /// The container is in no state for it.
    #[error("could not {action} container '{id}': {why}")]
    Refused {
        /// What was asked for.
        action: &'static str,
        /// Of which container.
        id: crate::id::ContainerId,
        /// Why it cannot be.
        why: String,
    },
    /// What is kept of the container could not be used.
    #[error(transparent)]
    Store(#[from] crate::state::StoreError),
    /// A policy refuses the configuration.
    #[error("could not allow container '{id}': {} by policy", count(violations.len()))]
    Policy {
        /// Which container.
        id: crate::id::ContainerId,
        /// All that is refused.
        violations: Vec<crate::policy::Violation>,
    },
    /// A policy could not be used.
    #[error(transparent)]
    PolicyFile(#[from] crate::policy::PolicyError),
    /// No process could be made.
    #[error(transparent)]
    Clone(#[from] cofferdam_sys::clone::CloneError),
}

/// A cause that was carried over from another process as text.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Cause {
    text: String,
    #[source]
    source: Option<Box<Self>>,
}

impl Error {
    /// The exit code of a runtime that fails so: 127 for a program that is missing, 126 for one
    /// that cannot be executed, 125 otherwise, as podman.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Inside { code, .. } => *code,
            _ => 125,
        }
    }

    /// What the user may do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        use cofferdam_sys::clone::CloneError;
        use rustix::io::Errno;
        match self {
            Self::Configuration { field, .. } if field == "/linux/resources" => Some(
                "run as root, or have systemd hand controllers to users (Delegate=yes for \
                 user@.service), or leave the limit out",
            ),
            Self::Clone(CloneError::Kernel(Errno::PERM | Errno::ACCESS)) => Some(
                "user namespaces may be forbidden to ordinary users here: cofferdam doctor says \
                 which setting does that",
            ),
            Self::Clone(CloneError::Kernel(Errno::NOSPC | Errno::USERS)) => Some(
                "user.max_user_namespaces and its siblings limit how many there may be: cofferdam \
                 doctor shows them",
            ),
            _ => None,
        }
    }

    /// An error of the configuration.
    pub(crate) fn configuration(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Configuration { field: field.into(), why: why.into() }
    }

    /// An error as another process reported it.
    pub(crate) fn inside(chain: Vec<String>, code: u8) -> Self {
        let source = chain
            .iter()
            .skip(1)
            .rev()
            .fold(None, |source, text| Some(Box::new(Cause { text: text.clone(), source })));
        Self::Inside { chain, code, source }
    }

    /// What this error and its causes say, the cause last.
    #[must_use]
    pub fn chain(&self) -> Vec<String> {
        let mut chain = vec![self.to_string()];
        if let Self::Policy { violations, .. } = self {
            chain.extend(violations.iter().map(ToString::to_string));
        }
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            chain.push(cause.to_string());
            source = cause.source();
        }
        chain
    }
}

fn count(violations: usize) -> String {
    if violations == 1 {
        "one thing is refused".into()
    } else {
        format!("{violations} things are refused")
    }
}

/// Says what was tried on what, where the kernel's answer alone would not.
pub(crate) trait Doing<T> {
    fn doing(self, action: &'static str, object: impl std::fmt::Display) -> Result<T, Error>;
}

impl<T, E: Into<std::io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, action: &'static str, object: impl std::fmt::Display) -> Result<T, Error> {
        self.map_err(|source| Error::Kernel {
            action,
            object: object.to_string(),
            source: source.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_survives_the_way_between_processes() {
        let error: Result<(), _> = Err(std::io::Error::from_raw_os_error(1));
        let chain = error.doing("mount", "/proc").unwrap_err().chain();
        assert_eq!(chain[0], "could not mount '/proc'");
        assert_eq!(Error::inside(chain.clone(), 125).chain(), chain);
    }
}
