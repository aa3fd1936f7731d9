use std::{
    env, fs,
    net::{SocketAddr, ToSocketAddrs as _},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    error::LiveError,
    exec,
    kubeconfig::{Chosen, Cluster, ConfigError, Kubeconfig, User},
};

/// Where a pod finds its service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Which cluster is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// A context of a kubeconfig.
    Kubeconfig {
        /// The file; none is that of `KUBECONFIG`, or `~/.kube/config`.
        path: Option<PathBuf>,
        /// The context; none is the current one.
        context: Option<String>,
        /// Whether a credential plugin may be run.
        allow_exec: bool,
    },
    /// The one in which this program runs.
    InCluster,
}

/// Where an API server is, and who asks it.
pub struct Access {
    /// Address of the server.
    pub server: String,
    /// Context of the kubeconfig; empty within a cluster.
    pub context: String,
    /// Whether the server is taken for what it says it is.
    pub insecure: bool,
    pub(super) authorities: Option<Vec<u8>>,
    pub(super) server_name: Option<(String, Vec<SocketAddr>)>,
    pub(super) proxy: Option<String>,
    /// Client certificate and key, both PEM, one after the other.
    pub(super) identity: Option<Vec<u8>>,
    pub(super) token: Token,
    pub(super) headers: Vec<(String, String)>,
}

/// What proves who asks, where that is a token.
pub(super) enum Token {
    None,
    Fixed(String),
    /// One that is replaced from time to time.
    File(PathBuf),
}

/// Without the secrets.
impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Access {{ server: {:?}, .. }}", self.server)
    }
}

impl Access {
    /// Finds out where the server is and how to speak to it. Reads files; runs a credential plugin
    /// where that is allowed.
    ///
    /// # Errors
    /// If the kubeconfig or what it names cannot be used.
    pub fn find(choice: &Choice) -> Result<Self, LiveError> {
        match choice {
            Choice::InCluster => Self::in_cluster(),
            Choice::Kubeconfig { path, context, allow_exec } => {
                let (config, name) = read(path.as_deref())?;
                let chosen = config
                    .choose(context.as_deref())
                    .map_err(|source| LiveError::Kubeconfig { path: name, source })?;
                Self::of(chosen, *allow_exec)
            }
        }
    }

    /// How reports call the cluster.
    pub fn title(&self) -> String {
        match self.context.as_str() {
            "" => self.server.clone(),
            context => format!("{context} ({})", self.server),
        }
    }

    fn in_cluster() -> Result<Self, LiveError> {
        let host = env::var("KUBERNETES_SERVICE_HOST").map_err(|_| LiveError::NotInCluster)?;
        let port = env::var("KUBERNETES_SERVICE_PORT").unwrap_or_else(|_| "443".to_owned());
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let folder = Path::new(SERVICE_ACCOUNT);
        Ok(Self {
            server: format!("https://{host}:{port}"),
            context: String::new(),
            insecure: false,
            authorities: Some(contents(&folder.join("ca.crt"))?),
            server_name: None,
            proxy: None,
            identity: None,
            token: Token::File(folder.join("token")),
            headers: Vec::new(),
        })
    }

    fn of(chosen: Chosen, allow_exec: bool) -> Result<Self, LiveError> {
        let Chosen { context, cluster: (cluster, cluster_folder), user_name, user } = chosen;
        let (mut user, folder) = user;
        let setting = |what, why: &str| LiveError::Setting {
            what,
            server: cluster.server.clone(),
            why: why.to_owned(),
        };
        if user.username.is_some() || user.auth_provider {
            let why = "passwords and auth-provider are not supported; use a token, a certificate or a credential plugin";
            return Err(setting("the user", why));
        }
        let has_own = user.token.is_some()
            || user.token_file.is_some()
            || user.client_certificate.is_some()
            || user.client_certificate_data.is_some();
        if let Some(exec) = user.exec.take().filter(|_| !has_own) {
            if !allow_exec {
                return Err(LiveError::ExecNotAllowed { user: user_name, command: exec.command });
            }
            let given = exec::credential(&exec, &cluster)?;
            user.token = given.token;
            // A plugin gives PEM, a kubeconfig base64 of it.
            user.client_certificate_data =
                given.client_certificate_data.map(|pem| STANDARD.encode(pem));
            user.client_key_data = given.client_key_data.map(|pem| STANDARD.encode(pem));
        }
        let bytes =
            |what, data: &Option<String>, path: &Option<PathBuf>, folder: &Path| match (data, path)
            {
                (Some(data), _) => STANDARD
                    .decode(data.trim())
                    .map(Some)
                    .map_err(|_| setting(what, "it is not base64")),
                (None, Some(path)) => contents(&folder.join(path)).map(Some),
                (None, None) => Ok(None),
            };
        let authorities = bytes(
            "the certificate authority",
            &cluster.certificate_authority_data,
            &cluster.certificate_authority,
            &cluster_folder,
        )?;
        let certificate = bytes(
            "the client certificate",
            &user.client_certificate_data,
            &user.client_certificate,
            &folder,
        )?;
        let key = bytes("the client key", &user.client_key_data, &user.client_key, &folder)?;
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some([certificate, b"\n".to_vec(), key].concat()),
            (None, _) => None,
            (Some(_), None) => return Err(setting("the client certificate", "it has no key")),
        };
        Ok(Self {
            context,
            insecure: cluster.insecure_skip_tls_verify,
            authorities,
            server_name: server_name(&cluster)?,
            proxy: cluster.proxy_url.clone().filter(|url| !url.is_empty()),
            identity,
            headers: impersonation(&user),
            token: match (user.token, user.token_file) {
                // As kubectl does: the file wins, as what is in it may be newer.
                (_, Some(path)) => Token::File(folder.join(path)),
                (Some(token), None) => Token::Fixed(token),
                (None, None) => Token::None,
            },
            server: cluster.server,
        })
    }
}

/// The name by which the server is known, and the addresses at which it is.
fn server_name(cluster: &Cluster) -> Result<Option<(String, Vec<SocketAddr>)>, LiveError> {
    let name = cluster.tls_server_name.as_ref().filter(|name| !name.is_empty());
    let Some(name) = name else { return Ok(None) };
    let failed = |why: String| LiveError::Setting {
        what: "the address",
        server: cluster.server.clone(),
        why,
    };
    let url = reqwest::Url::parse(&cluster.server).map_err(|error| failed(error.to_string()))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or(443);
    let addresses = (host, port).to_socket_addrs().map_err(|error| failed(error.to_string()))?;
    Ok(Some((name.clone(), addresses.collect())))
}

fn impersonation(user: &User) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    let mut add = |name: String, value: &String| headers.push((name, value.clone()));
    let named =
        [("Impersonate-User", &user.impersonate), ("Impersonate-Uid", &user.impersonate_uid)];
    for (name, value) in named {
        value.iter().for_each(|value| add(name.to_owned(), value));
    }
    user.impersonate_groups.iter().for_each(|group| add("Impersonate-Group".to_owned(), group));
    for (key, values) in &user.impersonate_extra {
        values.iter().for_each(|value| add(format!("Impersonate-Extra-{key}"), value));
    }
    headers
}

/// The kubeconfig that is meant, and how errors call it.
fn read(path: Option<&Path>) -> Result<(Kubeconfig, String), LiveError> {
    let mut config = Kubeconfig::default();
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |source| LiveError::Kubeconfig { path, source }
    };
    if let Some(path) = path {
        config.add_file(path).map_err(failed(path))?;
        return Ok((config, path.display().to_string()));
    }
    let listed = env::var_os("KUBECONFIG").filter(|list| !list.is_empty());
    let home = || env::var_os("HOME").map(|home| Path::new(&home).join(".kube/config"));
    let paths: Vec<PathBuf> = match &listed {
        Some(list) => env::split_paths(list).filter(|path| !path.as_os_str().is_empty()).collect(),
        None => home().into_iter().collect(),
    };
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let mut is_any = false;
    for path in &paths {
        match config.add_file(path) {
            Ok(()) => is_any = true,
            // Of a list, those that are there count.
            Err(ConfigError::Read(error)) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(path)(error)),
        }
    }
    let name = names.join(":");
    if is_any { Ok((config, name)) } else { Err(LiveError::NoKubeconfig { path: name }) }
}

pub(super) fn contents(path: &Path) -> Result<Vec<u8>, LiveError> {
    fs::read(path).map_err(|source| LiveError::File { path: path.display().to_string(), source })
}
