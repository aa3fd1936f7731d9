use std::error::Error;

/// What every command fails with: what could not be done, what caused it, what to do next.
///
/// Made from any library error by `?`; [`OrFail`] adds what was attempted and hints.
#[derive(Debug)]
pub(crate) struct CliError {
    message: String,
    causes: Vec<String>,
    hints: Vec<String>,
    exit_code: u8,
}

impl CliError {
    /// `message` says what could not be done: `could not open store '/var/lib/cofferdam'`.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), causes: Vec::new(), hints: Vec::new(), exit_code: 2 }
    }

    /// Adds a sentence that says what to do: the next command, for example.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds `error` and its sources as causes.
    pub(crate) fn caused_by(mut self, error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            // Some errors repeat their source in their own text.
            if !self.causes.last().unwrap_or(&self.message).ends_with(&text) {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Adds causes that came from another process as text.
    pub(crate) fn because(mut self, causes: impl IntoIterator<Item = String>) -> Self {
        self.causes.extend(causes);
        self
    }

    /// Ends the program with `code` instead of 2: `run` uses 125 to 127, as podman does.
    pub(crate) fn exit_with(mut self, code: u8) -> Self {
        self.exit_code = code;
        self
    }

    /// Puts `message` on top; what was on top becomes a cause.
    fn wrapped_in(mut self, message: String) -> Self {
        self.causes.insert(0, std::mem::replace(&mut self.message, message));
        self
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn causes(&self) -> &[String] {
        &self.causes
    }

    pub(crate) fn hints(&self) -> &[String] {
        &self.hints
    }

    pub(crate) fn exit_code(&self) -> u8 {
        self.exit_code
    }
}

impl<E: Error + 'static> From<E> for CliError {
    fn from(error: E) -> Self {
        let wrapped = Self::new(error.to_string());
        match error.source() {
            Some(source) => wrapped.caused_by(source),
            None => wrapped,
        }
    }
}

/// Says what was attempted when a result is an error.
pub(crate) trait OrFail<T> {
    /// The error becomes the cause of `attempt()`: `could not read waivers 'w.toml'`.
    fn or_fail(self, attempt: impl FnOnce() -> String) -> Result<T, CliError>;
    /// Adds what to do.
    fn hint(self, hint: impl Into<String>) -> Result<T, CliError>;
}

impl<T, E: Into<CliError>> OrFail<T> for Result<T, E> {
    fn or_fail(self, attempt: impl FnOnce() -> String) -> Result<T, CliError> {
        self.map_err(|error| error.into().wrapped_in(attempt()))
    }

    fn hint(self, hint: impl Into<String>) -> Result<T, CliError> {
        self.map_err(|error| error.into().hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("could not open 'a'")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_library_error_keeps_its_chain_and_gets_a_first_line() {
        let failed: Result<(), Outer> = Err(Outer(std::io::Error::other("disk gone")));
        let error = failed.or_fail(|| "could not scan 'x'".into()).hint("try again").unwrap_err();
        assert_eq!(error.message(), "could not scan 'x'");
        assert_eq!(error.causes(), ["could not open 'a'", "disk gone"]);
        assert_eq!(error.hints(), ["try again"]);
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn a_cause_that_its_error_repeats_is_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("could not open 'a': disk gone")]
        struct Repeats(#[source] std::io::Error);
        let error = CliError::from(Repeats(std::io::Error::other("disk gone")));
        assert_eq!(error.causes(), [] as [String; 0]);
    }
}
