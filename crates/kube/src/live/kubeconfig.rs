//! The kubeconfig format: clusters, users and contexts by name; several files add up, the first
//! to define a name counts.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer};
use thiserror::Error;

use crate::{api::null_is_default, load};

/// Bytes of a kubeconfig that are read; real ones with certificates have some kilobytes a cluster.
const SIZE_LIMIT: u64 = 16 << 20;

/// Why a kubeconfig cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("it cannot be read")]
    Read(#[source] std::io::Error),
    /// It is too large.
    #[error("it has more than {SIZE_LIMIT} bytes")]
    TooLarge,
    /// It is not YAML, or not a kubeconfig.
    #[error("{0}")]
    Format(String),
    /// It has no such context.
    #[error("{}", no_context(name))]
    NoContext {
        /// The one that was asked for; empty if none is current.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A context names a cluster or user that is not there.
    #[error("context '{context}' names the {what} '{name}', which is not there")]
    Dangling {
        /// The context.
        context: String,
        /// `cluster` or `user`.
        what: &'static str,
        /// The name.
        name: String,
    },
}

fn no_context(name: &str) -> String {
    match name {
        "" => "it has no current context".to_owned(),
        name => format!("it has no context '{name}'"),
    }
}

/// What the files together say.
#[derive(Debug, Default)]
pub(super) struct Kubeconfig {
    current: String,
    contexts: BTreeMap<String, Context>,
    clusters: BTreeMap<String, (Cluster, PathBuf)>,
    users: BTreeMap<String, (User, PathBuf)>,
}

/// What a context stands for; relative paths are of the folder that comes with each.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) context: String,
    pub(super) cluster: (Cluster, PathBuf),
    pub(super) user_name: String,
    pub(super) user: (User, PathBuf),
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Document {
    #[serde(deserialize_with = "null_is_default")]
    current_context: String,
    #[serde(deserialize_with = "null_is_default")]
    contexts: Vec<Named<ContextEntry>>,
    #[serde(deserialize_with = "null_is_default")]
    clusters: Vec<Named<ClusterEntry>>,
    #[serde(deserialize_with = "null_is_default")]
    users: Vec<Named<UserEntry>>,
}

#[derive(Debug, Deserialize)]
struct Named<T> {
    name: String,
    #[serde(flatten)]
    entry: T,
}

#[derive(Debug, Default, Deserialize)]
struct ContextEntry {
    #[serde(default, deserialize_with = "null_is_default")]
    context: Context,
}

#[derive(Debug, Default, Deserialize)]
struct ClusterEntry {
    #[serde(default, deserialize_with = "null_is_default")]
    cluster: Cluster,
}

#[derive(Debug, Default, Deserialize)]
struct UserEntry {
    #[serde(default, deserialize_with = "null_is_default")]
    user: User,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
struct Context {
    #[serde(deserialize_with = "null_is_default")]
    cluster: String,
    #[serde(deserialize_with = "null_is_default")]
    user: String,
}

/// Where a server is, and how it is known.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct Cluster {
    #[serde(deserialize_with = "null_is_default")]
    pub(super) server: String,
    pub(super) tls_server_name: Option<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) insecure_skip_tls_verify: bool,
    pub(super) certificate_authority: Option<PathBuf>,
    pub(super) certificate_authority_data: Option<String>,
    pub(super) proxy_url: Option<String>,
}

/// Who asks.
#[derive(Default, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct User {
    pub(super) client_certificate: Option<PathBuf>,
    pub(super) client_certificate_data: Option<String>,
    pub(super) client_key: Option<PathBuf>,
    pub(super) client_key_data: Option<String>,
    pub(super) token: Option<String>,
    #[serde(rename = "tokenFile")]
    pub(super) token_file: Option<PathBuf>,
    #[serde(rename = "as")]
    pub(super) impersonate: Option<String>,
    #[serde(rename = "as-uid")]
    pub(super) impersonate_uid: Option<String>,
    #[serde(rename = "as-groups", deserialize_with = "null_is_default")]
    pub(super) impersonate_groups: Vec<String>,
    #[serde(rename = "as-user-extra", deserialize_with = "null_is_default")]
    pub(super) impersonate_extra: BTreeMap<String, Vec<String>>,
    pub(super) username: Option<String>,
    #[serde(deserialize_with = "is_there")]
    pub(super) auth_provider: bool,
    pub(super) exec: Option<Exec>,
}

/// Without the secrets.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("User { .. }")
    }
}

/// A program that gives credentials.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Exec {
    #[serde(deserialize_with = "null_is_default")]
    pub(super) api_version: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) command: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) args: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) env: Vec<Variable>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) provide_cluster_info: bool,
}

/// A variable for such a program.
#[derive(Debug, Default, Clone, Deserialize)]
pub(super) struct Variable {
    pub(super) name: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) value: String,
}

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::<serde_json::Value>::deserialize(deserializer)?.is_some())
}

impl Kubeconfig {
    /// Adds the file at `path`.
    pub(super) fn add_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(ConfigError::Read)?;
        file.take(SIZE_LIMIT + 1).read_to_end(&mut bytes).map_err(ConfigError::Read)?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > SIZE_LIMIT) {
            return Err(ConfigError::TooLarge);
        }
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        self.add(&bytes, &folder)
    }

    /// Adds what a file in `folder` holds. Names that are known already keep their meaning.
    pub(super) fn add(&mut self, bytes: &[u8], folder: &Path) -> Result<(), ConfigError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| ConfigError::Format(format!("it is not UTF-8: {error}")))?;
        let value = load::document(text).map_err(ConfigError::Format)?;
        if !value.is_object() && !value.is_null() {
            return Err(ConfigError::Format("it is not a mapping".to_owned()));
        }
        let document: Option<Document> = serde_path_to_error::deserialize(value)
            .map_err(|error| ConfigError::Format(error.to_string()))?;
        let document = document.unwrap_or_default();
        if self.current.is_empty() {
            self.current = document.current_context;
        }
        for one in document.contexts {
            self.contexts.entry(one.name).or_insert(one.entry.context);
        }
        for one in document.clusters {
            let place = || (one.entry.cluster, folder.to_owned());
            self.clusters.entry(one.name).or_insert_with(place);
        }
        for one in document.users {
            let place = || (one.entry.user, folder.to_owned());
            self.users.entry(one.name).or_insert_with(place);
        }
        Ok(())
    }

    /// What the context `name`, or else the current one, stands for.
    pub(super) fn choose(&self, name: Option<&str>) -> Result<Chosen, ConfigError> {
        let name = name.unwrap_or(&self.current);
        let Some(context) = self.contexts.get(name).filter(|_| !name.is_empty()) else {
            let known = self.contexts.keys().cloned().collect();
            return Err(ConfigError::NoContext { name: name.to_owned(), known });
        };
        let dangling = |what, missing: &str| ConfigError::Dangling {
            context: name.to_owned(),
            what,
            name: missing.to_owned(),
        };
        let cluster = self.clusters.get(&context.cluster);
        let cluster = cluster.ok_or_else(|| dangling("cluster", &context.cluster))?;
        let user = match context.user.as_str() {
            "" => (User::default(), PathBuf::new()),
            user => self.users.get(user).cloned().ok_or_else(|| dangling("user", user))?,
        };
        Ok(Chosen {
            context: name.to_owned(),
            cluster: cluster.clone(),
            user_name: context.user.clone(),
            user,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "\
apiVersion: v1
kind: Config
current-context: a
contexts:
- name: a
  context: {cluster: c, user: u}
- name: dangling
  context: {cluster: nowhere, user: u}
clusters:
- {name: c, cluster: {server: 'https://one.example', certificate-authority: ca.pem}}
users:
- {name: u, user: {token: abc}}
";

    #[test]
    fn the_first_file_to_define_a_name_counts() {
        let mut config = Kubeconfig::default();
        config.add(ONE.as_bytes(), Path::new("/one")).unwrap();
        let other = ONE.replace("one.example", "two.example").replace("name: a", "name: b");
        config.add(other.as_bytes(), Path::new("/two")).unwrap();
        for context in ["a", "b"] {
            let chosen = config.choose(Some(context)).unwrap();
            assert_eq!(chosen.cluster.0.server, "https://one.example");
            assert_eq!(chosen.cluster.1, Path::new("/one"));
            assert_eq!(chosen.user.0.token.as_deref(), Some("abc"));
        }
        assert_eq!(config.choose(None).unwrap().context, "a");
    }

    #[test]
    fn what_is_not_there_is_named() {
        let mut config = Kubeconfig::default();
        config.add(ONE.as_bytes(), Path::new("")).unwrap();
        let told = |name| config.choose(Some(name)).unwrap_err().to_string();
        assert_eq!(told("z"), "it has no context 'z'");
        assert_eq!(
            told("dangling"),
            "context 'dangling' names the cluster 'nowhere', which is not there"
        );
        let empty = Kubeconfig::default().choose(None).unwrap_err();
        assert_eq!(empty.to_string(), "it has no current context");
    }

    #[test]
    fn files_that_are_none_are_errors() {
        for text in ["[", "contexts: 7", "contexts: [{context: {}}]", "- a", "users: [{name: [}]"] {
            assert!(Kubeconfig::default().add(text.as_bytes(), Path::new("")).is_err(), "{text}");
        }
        assert!(Kubeconfig::default().add(b"", Path::new("")).is_ok());
    }

    #[test]
    fn secrets_are_not_in_debug_output() {
        let user = User { token: Some("abc".into()), ..User::default() };
        assert!(!format!("{user:?}").contains("abc"));
    }
}
