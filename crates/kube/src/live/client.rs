use std::{fs, thread, time::Duration};

use reqwest::{
    Certificate, Client as Http, Identity, Proxy, Url,
    header::{ACCEPT, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect,
};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::runtime::Runtime;

use super::{
    access::{Access, Token},
    error::LiveError,
};

/// Attempts for what may succeed when repeated.
const ATTEMPTS: u32 = 5;
/// First wait between them; each is twice the one before.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// Longest wait that the server can ask of us.
const LONGEST_WAIT: u64 = 60;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two pieces of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of an answer: a page of 500 objects, each as large as etcd takes them, is below it.
const ANSWER_LIMIT: usize = 1 << 30;

/// Asks an API server, by GET only.
#[derive(Debug)]
pub(super) struct Client {
    runtime: Runtime,
    http: Http,
    server: String,
    base: Url,
    token: TokenNow,
}

#[derive(Debug)]
struct TokenNow {
    source: Option<std::path::PathBuf>,
    header: Option<HeaderValue>,
}

/// A complete answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    retry_after: Option<u64>,
}

impl Client {
    pub(super) fn new(access: &Access) -> Result<Self, LiveError> {
        // Only the first of the process counts; the others are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| setting(access, "the network", &error))?;
        let base = base(access)?;
        let http = http(access, &base)?;
        let token = TokenNow::of(&access.token, access)?;
        Ok(Self { runtime, http, server: access.server.clone(), base, token })
    }

    /// The answer to GET `path`; waits and asks again where the server says so or is in trouble.
    ///
    /// # Errors
    /// If there is none, or the credentials are refused. Any other status is the caller's to judge.
    pub(super) fn get(&mut self, path: &str, accept: &str) -> Result<Answer, LiveError> {
        let mut wait = FIRST_WAIT;
        let mut is_renewed = false;
        for attempt in 1.. {
            let last = attempt >= ATTEMPTS;
            match self.send(path, accept) {
                Ok(answer) if answer.status == 401 => {
                    if is_renewed || !self.token.renew() {
                        return Err(LiveError::Unauthorized { server: self.server.clone() });
                    }
                    is_renewed = true;
                    continue;
                }
                Ok(answer) if !last && matches!(answer.status, 429 | 500 | 502 | 503 | 504) => {
                    let seconds = answer.retry_after.unwrap_or_default();
                    if seconds > LONGEST_WAIT {
                        return Ok(answer);
                    }
                    wait = wait.max(Duration::from_secs(seconds));
                }
                Err(error) if !last && error.is_transient() => {}
                result => return result,
            }
            thread::sleep(wait);
            wait *= 2;
        }
        unreachable!("the last attempt returns")
    }

    /// The answer to GET `path` as a `T`.
    pub(super) fn read<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, LiveError> {
        let answer = self.get(path, "application/json")?;
        if answer.status != 200 {
            return Err(self.refusal(path, &answer));
        }
        serde_json::from_slice(&answer.body).map_err(|error| self.unclear(path, error.to_string()))
    }

    /// The error that an answer without success stands for.
    pub(super) fn refusal(&self, path: &str, answer: &Answer) -> LiveError {
        let (server, path) = (self.server.clone(), path.to_owned());
        let message = answer.message().map(|text| format!(": {text}")).unwrap_or_default();
        LiveError::Status { server, status: answer.status, path, message }
    }

    pub(super) fn unclear(&self, path: &str, why: String) -> LiveError {
        LiveError::Answer { server: self.server.clone(), path: path.to_owned(), why }
    }

    fn send(&self, path: &str, accept: &str) -> Result<Answer, LiveError> {
        // The server may be a folder of a larger one.
        let whole = format!("{}{path}", self.base.as_str().trim_end_matches('/'));
        let url = Url::parse(&whole).map_err(|error| self.unclear(path, error.to_string()))?;
        let mut request = self.http.get(url).header(ACCEPT, accept);
        if let Some(token) = &self.token.header {
            request = request.header(reqwest::header::AUTHORIZATION, token);
        }
        // Timers start where the request is made: that must be within the runtime.
        self.runtime.block_on(async {
            let mut response = request.send().await.map_err(|error| self.unreachable(error))?;
            let retry_after = response.headers().get(RETRY_AFTER);
            let retry_after =
                retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
            let status = response.status().as_u16();
            let mut body = Vec::new();
            while let Some(piece) =
                response.chunk().await.map_err(|error| self.unreachable(error))?
            {
                body.extend_from_slice(&piece);
                if body.len() > ANSWER_LIMIT {
                    let why = format!("it has more than {ANSWER_LIMIT} bytes");
                    return Err(self.unclear(path, why));
                }
            }
            Ok(Answer { status, body, retry_after })
        })
    }

    fn unreachable(&self, error: reqwest::Error) -> LiveError {
        let source = Box::new(error.without_url());
        LiveError::Unreachable { server: self.server.clone(), source }
    }
}

impl Answer {
    /// What the server says about it, if it says so in its own form.
    pub(super) fn message(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Status {
            message: String,
        }
        let status: Status = serde_json::from_slice(&self.body).ok()?;
        Some(status.message.chars().take(300).collect())
    }
}

impl TokenNow {
    fn of(token: &Token, access: &Access) -> Result<Self, LiveError> {
        let (source, text) = match token {
            Token::None => return Ok(Self { source: None, header: None }),
            Token::Fixed(token) => (None, token.clone()),
            Token::File(path) => {
                let bytes = super::access::contents(path)?;
                (Some(path.clone()), String::from_utf8_lossy(&bytes).into_owned())
            }
        };
        let header = bearer(&text).ok_or_else(|| LiveError::Setting {
            what: "the token",
            server: access.server.clone(),
            why: "it has characters that none can have".to_owned(),
        })?;
        Ok(Self { source, header: Some(header) })
    }

    /// Reads the token's file again; says whether another is in it.
    fn renew(&mut self) -> bool {
        let Some(path) = &self.source else { return false };
        let Some(new) = fs::read_to_string(path).ok().and_then(|text| bearer(&text)) else {
            return false;
        };
        let is_new = self.header.as_ref() != Some(&new);
        self.header = Some(new);
        is_new
    }
}

fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn setting(access: &Access, what: &'static str, error: &dyn std::error::Error) -> LiveError {
    let mut why = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        why = format!("{why}: {source}");
        next = source.source();
    }
    LiveError::Setting { what, server: access.server.clone(), why }
}

fn base(access: &Access) -> Result<Url, LiveError> {
    let mut url =
        Url::parse(&access.server).map_err(|error| setting(access, "the address", &error))?;
    if !matches!(url.scheme(), "https" | "http") || url.query().is_some() {
        let why = "it is not the address of an HTTP server".to_owned();
        return Err(LiveError::Setting { what: "the address", server: access.server.clone(), why });
    }
    if let Some((name, _)) = &access.server_name {
        let renamed = url.set_host(Some(name));
        renamed.map_err(|error| setting(access, "tls-server-name", &error))?;
    }
    Ok(url)
}

fn http(access: &Access, base: &Url) -> Result<Http, LiveError> {
    let mut builder = Http::builder()
        .user_agent(concat!("cofferdam/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .default_headers(headers(access)?)
        // Credentials go to the server that was named and to no other.
        .redirect(redirect::Policy::none());
    if let Some(pem) = &access.authorities {
        let authorities = Certificate::from_pem_bundle(pem)
            .map_err(|error| setting(access, "the certificate authority", &error))?;
        builder = builder.tls_certs_only(authorities);
    } else if base.scheme() == "http" || access.insecure {
        builder = builder.tls_certs_only([]);
    }
    if access.insecure {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    if let Some(pem) = &access.identity {
        let identity = Identity::from_pem(pem)
            .map_err(|error| setting(access, "the client certificate", &error))?;
        builder = builder.identity(identity);
    }
    if let Some((name, addresses)) = &access.server_name {
        builder = builder.resolve_to_addrs(name, addresses);
    }
    match &access.proxy {
        Some(url) => {
            let proxy = Proxy::all(url).map_err(|error| setting(access, "proxy-url", &error))?;
            builder = builder.proxy(proxy);
        }
        None if is_loopback(base) => builder = builder.no_proxy(),
        None => {}
    }
    builder.build().map_err(|error| setting(access, "TLS", &error))
}

fn headers(access: &Access) -> Result<HeaderMap, LiveError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &access.headers {
        let name = HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes());
        let name = name.map_err(|error| setting(access, "the impersonation", &error))?;
        let value = HeaderValue::from_str(value);
        headers.append(name, value.map_err(|error| setting(access, "the impersonation", &error))?);
    }
    Ok(headers)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
