use std::{
    collections::BTreeMap,
    env, fmt, fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::Secret;

/// The files in which `docker login` and `podman login` keep credentials, and the helper programs
/// that these files name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthFiles {
    /// The first file that knows the registry wins.
    pub files: Vec<AuthFile>,
}

/// One file with credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it was named explicitly, so that it must be there.
    pub required: bool,
}

/// Why credentials could not be had.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// A file cannot be read.
    #[error("could not read auth file '{}'", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is not what docker writes. What exactly is wrong is not said, as it might be secret.
    #[error("could not understand auth file '{}': {what}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Where it breaks.
        what: String,
    },
    /// A helper program cannot be used.
    #[error("could not get credentials from '{program}', which '{}' names: {why}", path.display())]
    Helper {
        /// The file that names it.
        path: PathBuf,
        /// The program.
        program: String,
        /// What is wrong.
        why: String,
    },
}

/// What is known of a user at a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Credential {
    Password {
        user: String,
        password: Secret,
    },
    /// A refresh token for the registry's token service.
    Identity(Secret),
    /// A token for the registry itself.
    Registry(Secret),
}

/// Credentials and where they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) credential: Credential,
    /// For messages: the file or the helper.
    pub(super) origin: String,
}

const LARGEST_FILE: u64 = 4 << 20;
const LARGEST_ANSWER: u64 = 64 * 1024;
/// A helper may ask the user, or a service.
const HELPER_TIME: Duration = Duration::from_secs(30);
/// What helpers call a user whose password is an identity token (docker-credential-helpers).
const TOKEN_USER: &str = "<token>";

impl AuthFiles {
    /// `$REGISTRY_AUTH_FILE`, `$XDG_RUNTIME_DIR/containers/auth.json`,
    /// `$XDG_CONFIG_HOME/containers/auth.json` (containers-auth.json(5)) and
    /// `$DOCKER_CONFIG/config.json` (`~/.docker/config.json`).
    pub fn from_environment() -> Self {
        let variable =
            |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = variable("HOME");
        let below_home = |part| home.as_ref().map(|home| home.join(part));
        let mut files = Vec::new();
        let mut add = |path: Option<PathBuf>, required| {
            files.extend(path.map(|path| AuthFile { path, required }));
        };
        add(variable("REGISTRY_AUTH_FILE"), true);
        add(variable("XDG_RUNTIME_DIR").map(|path| path.join("containers/auth.json")), false);
        let config = variable("XDG_CONFIG_HOME").or_else(|| below_home(".config"));
        add(config.map(|path| path.join("containers/auth.json")), false);
        let docker = variable("DOCKER_CONFIG").or_else(|| below_home(".docker"));
        add(docker.map(|path| path.join("config.json")), false);
        Self { files }
    }

    /// The credentials for `registry`, if any file has some.
    pub(super) fn find(&self, registry: &str) -> Result<Option<Found>, CredentialError> {
        for file in &self.files {
            let Some(content) = file.read()? else { continue };
            if let Some(found) = content.find(&file.path, registry)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

impl AuthFile {
    fn read(&self) -> Result<Option<Content>, CredentialError> {
        let path = || self.path.clone();
        let mut text = Vec::new();
        match fs::File::open(&self.path) {
            Ok(file) => file.take(LARGEST_FILE).read_to_end(&mut text),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.required => {
                return Ok(None);
            }
            Err(error) => Err(error),
        }
        .map_err(|source| CredentialError::Read { path: path(), source })?;
        if text.trim_ascii().is_empty() {
            return Ok(None);
        }
        let content = serde_json::from_slice(&text).map_err(|error| CredentialError::Format {
            path: path(),
            // The error's own text may quote a value.
            what: format!("line {}, column {}", error.line(), error.column()),
        })?;
        Ok(Some(content))
    }
}

/// docker's `config.json`, as far as it is about credentials.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Content {
    auths: BTreeMap<String, Entry>,
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl Content {
    fn find(&self, path: &Path, registry: &str) -> Result<Option<Found>, CredentialError> {
        let helper = self.cred_helpers.iter().find(|(key, _)| names(key, registry));
        if let Some((key, helper)) = helper {
            return ask(path, helper, key);
        }
        let mut entries = self.auths.iter().filter(|(key, _)| names(key, registry));
        let with_secret = entries.find_map(|(_, entry)| entry.credential(path).transpose());
        if let Some(credential) = with_secret {
            return Ok(Some(Found { credential: credential?, origin: quoted(path) }));
        }
        let Some(helper) = self.creds_store.as_deref().filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let server = if registry == "docker.io" { "https://index.docker.io/v1/" } else { registry };
        ask(path, helper, server)
    }
}

/// Whether an entry of an auth file is about `registry`. Entries are written with and without a
/// scheme and the path of the old protocol.
fn names(key: &str, registry: &str) -> bool {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let key = key.trim_end_matches('/');
    let key = key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key);
    let key = match key {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        other => other,
    };
    key == registry
}

impl Entry {
    fn credential(&self, path: &Path) -> Result<Option<Credential>, CredentialError> {
        let text = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
        if let Some(token) = text(&self.registrytoken) {
            return Ok(Some(Credential::Registry(Secret::new(token))));
        }
        if let Some(token) = text(&self.identitytoken) {
            return Ok(Some(Credential::Identity(Secret::new(token))));
        }
        if let Some(auth) = text(&self.auth) {
            let decoded = STANDARD.decode(auth.trim()).ok();
            let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
            let pair = decoded.as_deref().and_then(|text| text.split_once(':'));
            let (user, password) = pair.ok_or_else(|| CredentialError::Format {
                path: path.to_owned(),
                what: "an 'auth' is not the base64 of 'user:password'".to_owned(),
            })?;
            // docker pads with NULs.
            let password = Secret::new(password.trim_end_matches('\0'));
            return Ok(Some(Credential::Password { user: user.to_owned(), password }));
        }
        Ok(text(&self.username).map(|user| Credential::Password {
            user,
            password: Secret::new(self.password.clone().unwrap_or_default()),
        }))
    }
}

/// Asks `docker-credential-HELPER get` (docker-credential-helpers).
fn ask(path: &Path, helper: &str, server: &str) -> Result<Option<Found>, CredentialError> {
    let program = format!("docker-credential-{helper}");
    let failed = |why: &dyn fmt::Display| CredentialError::Helper {
        path: path.to_owned(),
        program: program.escape_debug().to_string(),
        why: why.to_string(),
    };
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if helper.is_empty() || !helper.bytes().all(word) {
        return Err(failed(&"its name may have letters, digits, '.', '_' and '-' only"));
    }
    let (status, output) = run(Command::new(&program).arg("get"), server, HELPER_TIME)
        .map_err(|error| failed(&error))?;
    if !status.success() {
        // Not in the message: what a program prints when it fails may hold the secret.
        if String::from_utf8_lossy(&output).contains("credentials not found") {
            return Ok(None);
        }
        return Err(failed(&format!("it ended with {status}; try: echo {server} | {program} get")));
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        username: String,
        secret: String,
    }
    let Answer { username, secret } =
        serde_json::from_slice(&output).map_err(|_| failed(&"its answer is not understood"))?;
    let secret = Secret::new(secret);
    let credential = if username == TOKEN_USER {
        Credential::Identity(secret)
    } else {
        Credential::Password { user: username, password: secret }
    };
    Ok(Some(Found { credential, origin: format!("'{program}'") }))
}

/// Runs a program with `input` and returns its output; ends it when its time is over.
fn run(command: &mut Command, input: &str, time: Duration) -> io::Result<(ExitStatus, Vec<u8>)> {
    let end = Instant::now() + time;
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input is judged by its answer.
        let _ = stdin.write_all(input.as_bytes());
    }
    let (sender, receiver) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        thread::spawn(move || {
            let mut output = Vec::new();
            let read = stdout.take(LARGEST_ANSWER).read_to_end(&mut output).map(|_| output);
            // Nobody waits any more when time is over.
            let _ = sender.send(read);
        });
    }
    let late = || io::Error::new(io::ErrorKind::TimedOut, format!("no answer in {time:?}"));
    let output = receiver.recv_timeout(time);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok((status, output.map_err(|_| late())??));
        }
        if output.is_err() || Instant::now() > end {
            child.kill()?;
            child.wait()?;
            return Err(late());
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(text: &str) -> Content {
        serde_json::from_str(text).unwrap()
    }

    fn find(text: &str, registry: &str) -> Option<Credential> {
        content(text).find(Path::new("f"), registry).unwrap().map(|found| found.credential)
    }

    fn password(user: &str, password: &str) -> Option<Credential> {
        Some(Credential::Password { user: user.into(), password: Secret::new(password) })
    }

    #[test]
    fn entries_are_found_however_they_are_written() {
        let pair = STANDARD.encode("user:pass:word");
        for key in [
            "r.example:5000",
            "https://r.example:5000",
            "http://r.example:5000/v2/",
            "r.example:5000/v1",
        ] {
            let text = format!(r#"{{"auths":{{"{key}":{{"auth":"{pair}"}}}}}}"#);
            assert_eq!(find(&text, "r.example:5000"), password("user", "pass:word"), "{key}");
            assert_eq!(find(&text, "r.example"), None);
        }
        let hub = format!(r#"{{"auths":{{"https://index.docker.io/v1/":{{"auth":"{pair}"}}}}}}"#);
        assert_eq!(find(&hub, "docker.io"), password("user", "pass:word"));
        let plain = r#"{"auths":{"r":{"username":"u","password":"p"}}}"#;
        assert_eq!(find(plain, "r"), password("u", "p"));
        let identity = format!(r#"{{"auths":{{"r":{{"auth":"{pair}","identitytoken":"t"}}}}}}"#);
        assert_eq!(find(&identity, "r"), Some(Credential::Identity(Secret::new("t"))));
        let token = r#"{"auths":{"r":{"registrytoken":"t"}}}"#;
        assert_eq!(find(token, "r"), Some(Credential::Registry(Secret::new("t"))));
        for empty in
            [r#"{"auths":{"r":{}}}"#, "{}", r#"{"credsStore":""}"#, r#"{"HttpHeaders":{}}"#]
        {
            assert_eq!(find(empty, "r"), None, "{empty}");
        }
    }

    #[test]
    fn what_is_broken_is_named_and_not_quoted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        let files = AuthFiles { files: vec![AuthFile { path: path.clone(), required: true }] };
        assert!(matches!(files.find("r"), Err(CredentialError::Read { .. })));
        for text in [
            r#"{"auths":{"r":{"auth":"hunter2!"}}}"#,
            r#"{"auths":{"r":"hunter2"}}"#,
            r#"{"auths":{"r":{"auth":"aHVudGVyMg=="}}}"#,
        ] {
            fs::write(&path, text).unwrap();
            let error = files.find("r").unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("config.json") && !shown.contains("hunter"), "{shown}");
        }
        fs::write(&path, " \n").unwrap();
        assert_eq!(files.find("r").unwrap(), None);
    }

    #[test]
    fn a_helper_must_be_a_plain_name() {
        for name in ["../evil", "a/b", "", "a b"] {
            let error = ask(Path::new("f"), name, "r").unwrap_err();
            assert!(error.to_string().contains("its name may have"), "{error}");
        }
        let error = ask(Path::new("f"), "that-nobody-has", "r").unwrap_err();
        assert!(error.to_string().contains("docker-credential-that-nobody-has"), "{error}");
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let start = Instant::now();
        let mut hangs = Command::new("sh");
        hangs.args(["-c", "exec sleep 100"]);
        let error = run(&mut hangs, "r", Duration::from_millis(100)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn secrets_are_not_shown() {
        let found = Found { credential: password("user", "hunter2").unwrap(), origin: "f".into() };
        assert!(!format!("{found:?}").contains("hunter2"));
    }
}
