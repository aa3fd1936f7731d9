use std::{
    sync::{Arc, PoisonError},
    thread,
    time::Duration,
};

use reqwest::{
    Client, Method, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, RANGE, WWW_AUTHENTICATE},
};
use serde::Deserialize;
use tokio::runtime::Runtime;

use crate::network::{self, ClientError, Wanted, is_loopback};

use super::{Error, MANIFESTS, Options, Repository, Secret, challenge, token::Authorization};

/// Attempts for what may succeed when repeated.
const ATTEMPTS: u32 = 3;
/// Longest wait that a registry can ask of us.
const LONGEST_WAIT: u64 = 30;
/// Of an error's text.
const LARGEST_MESSAGE: u64 = 64 * 1024;

/// Where a registry is.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    /// As in references: `docker.io`.
    pub(super) registry: String,
    base: Url,
}

impl Endpoint {
    /// TLS, except for registries on this machine (if they speak none) and those declared insecure.
    pub(super) fn find(registry: &str, options: &Options) -> Result<Self, Error> {
        let host = if registry == "docker.io" { "registry-1.docker.io" } else { registry };
        let endpoint = |scheme: &str| {
            let base = Url::parse(&format!("{scheme}://{host}/v2/")).map_err(|error| {
                Error::Unreachable { registry: registry.to_owned(), source: Box::new(error) }
            })?;
            Ok(Self { registry: registry.to_owned(), base })
        };
        if options.insecure.iter().any(|insecure| insecure == registry) {
            return endpoint("http");
        }
        if is_loopback(registry) {
            let plain: Self = endpoint("http")?;
            if plain.answers(options)? {
                return Ok(plain);
            }
        }
        endpoint("https")
    }

    pub(super) fn is_secure(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// Whether there is an HTTP server that is not one for TLS: those of Go answer 400.
    fn answers(&self, options: &Options) -> Result<bool, Error> {
        let connection = Connection::new(self, options)?;
        let request = Request::url(self.base.clone(), Authorization::None);
        match connection.send(&request, &self.registry) {
            Ok(answer) => Ok(answer.status() != 400),
            Err(Error::Unreachable { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A client with its own connections, for one thread at a time.
#[derive(Debug)]
pub(super) struct Connection {
    runtime: Runtime,
    client: Client,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Request {
    place: Place,
    /// For messages.
    what: String,
    accept: Option<String>,
    /// From this byte on.
    pub(super) from: u64,
    form: Option<Secret>,
    authorization: Option<Authorization>,
    method: Method,
    /// What is sent, and what it is.
    body: Option<(String, Arc<[u8]>)>,
}

#[derive(Debug, Clone)]
enum Place {
    /// Below the repository.
    Repository(String),
    Url(Box<Url>),
}

impl Request {
    fn new(place: Place, what: String) -> Self {
        Self {
            place,
            what,
            accept: None,
            from: 0,
            form: None,
            authorization: None,
            method: Method::GET,
            body: None,
        }
    }

    pub(super) fn manifest(name: &str) -> Self {
        let place = Place::Repository(format!("manifests/{name}"));
        let accept = Some(MANIFESTS.join(", "));
        Self { accept, ..Self::new(place, format!("manifest '{name}'")) }
    }

    pub(super) fn blob(digest: &str) -> Self {
        Self::new(Place::Repository(format!("blobs/{digest}")), format!("blob '{digest}'"))
    }

    /// Whether a blob is there.
    pub(super) fn has_blob(digest: &str) -> Self {
        Self { method: Method::HEAD, ..Self::blob(digest) }
    }

    /// A place to upload a blob to.
    pub(super) fn upload() -> Self {
        let place = Place::Repository("blobs/uploads/".to_owned());
        Self { method: Method::POST, ..Self::new(place, "place for a blob".to_owned()) }
    }

    /// A blob, to the place that the registry has named (below it, or elsewhere).
    pub(super) fn put_blob(
        endpoint: &Endpoint,
        location: &str,
        digest: &str,
        bytes: Arc<[u8]>,
    ) -> Result<Self, Error> {
        let place = endpoint.base.join(location);
        let mut place = place.map_err(|error| Error::Protocol {
            why: format!("'{}' is no place to upload to: {error}", location.escape_debug()),
        })?;
        // Credentials go along: not to another machine, and not in clear text.
        if place.origin() != endpoint.base.origin() {
            let host = place.host_str().unwrap_or_default().escape_debug().to_string();
            let why = format!("it wants an upload to go to another machine, '{host}'");
            return Err(Error::Protocol { why });
        }
        place.query_pairs_mut().append_pair("digest", digest);
        let request = Self::new(Place::Url(Box::new(place)), format!("blob '{digest}'"));
        let body = Some(("application/octet-stream".to_owned(), bytes));
        Ok(Self { method: Method::PUT, body, ..request })
    }

    pub(super) fn put_manifest(name: &str, media_type: &str, bytes: Arc<[u8]>) -> Self {
        let body = Some((media_type.to_owned(), bytes));
        Self { method: Method::PUT, accept: None, body, ..Self::manifest(name) }
    }

    pub(super) fn url(url: Url, authorization: Authorization) -> Self {
        let request = Self::new(Place::Url(Box::new(url)), "token".to_owned());
        Self { authorization: Some(authorization), ..request }
    }

    pub(super) fn form(url: Url, form: Secret) -> Self {
        Self { form: Some(form), ..Self::url(url, Authorization::None) }
    }
}

impl Connection {
    pub(super) fn new(endpoint: &Endpoint, options: &Options) -> Result<Self, Error> {
        let wanted = Wanted {
            loopback: is_loopback(&endpoint.registry),
            secure: endpoint.is_secure(),
            connect_timeout: options.connect_timeout,
            read_timeout: options.read_timeout,
        };
        let (runtime, client) = network::client(wanted).map_err(|error| match error {
            ClientError::NoCertificates => Error::NoCertificates,
            ClientError::Other(source) => Error::Client(source),
        })?;
        Ok(Self { runtime, client })
    }

    /// The answer to `request`, authenticated if the registry wants it.
    ///
    /// # Errors
    ///
    /// If no answer comes, or none that is a success.
    pub(super) fn get(
        &self,
        repository: &Repository,
        request: &Request,
    ) -> Result<Answer<'_>, Error> {
        let registry = &repository.endpoint.registry;
        for attempt in 0.. {
            let used = repository.authorization();
            let url = match &request.place {
                Place::Repository(path) => {
                    let path = format!("{}/{path}", repository.name);
                    repository.endpoint.base.join(&path).map_err(|error| Error::Protocol {
                        why: format!("'{}' is no path: {error}", path.escape_debug()),
                    })?
                }
                Place::Url(url) => (**url).clone(),
            };
            let authorized = Request {
                place: Place::Url(Box::new(url)),
                authorization: Some(used.clone()),
                ..request.clone()
            };
            let answer = self.send_with_retries(&repository.options, &authorized, registry)?;
            // Once for the challenge, once more in case a token has just expired.
            if answer.status() == 401 && attempt < 2 {
                let challenge = answer.challenge();
                drop(answer);
                repository.renew(self, &used, challenge)?;
                continue;
            }
            if matches!(answer.status(), 200..=202 | 206) {
                return Ok(answer);
            }
            let credentials = repository.credentials_used();
            return Err(answer.refusal(registry, &repository.name, &request.what, credentials));
        }
        unreachable!("the last attempt returns")
    }

    /// Sends `request` until there is an answer other than of a server in trouble.
    pub(super) fn send_with_retries(
        &self,
        options: &Options,
        request: &Request,
        host: &str,
    ) -> Result<Answer<'_>, Error> {
        let mut wait = options.backoff;
        for attempt in 1.. {
            let last = attempt == ATTEMPTS;
            match self.send(request, host) {
                Ok(answer) if !last && answer.is_transient() => {
                    if let Some(seconds) = answer.retry_after() {
                        if seconds > LONGEST_WAIT {
                            return Ok(answer);
                        }
                        wait = wait.max(Duration::from_secs(seconds));
                    }
                }
                Err(error) if !last && error.is_transient() => {}
                result => return result,
            }
            thread::sleep(wait);
            wait *= 2;
        }
        unreachable!("the last attempt returns")
    }

    fn send(&self, request: &Request, host: &str) -> Result<Answer<'_>, Error> {
        let Place::Url(url) = &request.place else { unreachable!("made whole by `get`") };
        let url = (**url).clone();
        let mut builder = match &request.form {
            Some(form) => self
                .client
                .post(url)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.expose().to_owned()),
            None => self.client.request(request.method.clone(), url),
        };
        if let Some((media_type, bytes)) = &request.body {
            builder = builder.header(CONTENT_TYPE, media_type).body(bytes.to_vec());
        }
        if let Some(accept) = &request.accept {
            builder = builder.header(ACCEPT, accept);
        }
        if request.from > 0 {
            builder = builder.header(RANGE, format!("bytes={}-", request.from));
        }
        builder = match &request.authorization {
            Some(Authorization::Basic { user, password }) => {
                builder.basic_auth(user, Some(password.expose()))
            }
            Some(Authorization::Bearer(token)) => builder.bearer_auth(token.expose()),
            Some(Authorization::None) | None => builder,
        };
        // Timers start where the request is made: that must be within the runtime.
        let response = self.runtime.block_on(async { builder.send().await });
        let response = response.map_err(|error| failure(error, host))?;
        Ok(Answer { connection: self, response, host: host.to_owned() })
    }

    /// The next piece of an answer's body, `None` at its end.
    pub(super) fn piece(
        &self,
        response: &mut reqwest::Response,
        host: &str,
    ) -> Result<Option<Vec<u8>>, Error> {
        let piece = self.runtime.block_on(async { response.chunk().await });
        Ok(piece.map_err(|error| failure(error, host))?.map(|bytes| bytes.to_vec()))
    }
}

impl Repository {
    fn authorization(&self) -> Authorization {
        self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Authenticates anew, unless another thread has done so since `used` was.
    fn renew(
        &self,
        connection: &Connection,
        used: &Authorization,
        challenge: Option<challenge::Challenge>,
    ) -> Result<(), Error> {
        let mut current = self.authorization.lock().unwrap_or_else(PoisonError::into_inner);
        if *current == *used {
            *current = self.authenticate(connection, challenge)?;
        }
        Ok(())
    }
}

/// An answer whose body has not been read yet.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    connection: &'a Connection,
    response: reqwest::Response,
    host: String,
}

impl Answer<'_> {
    pub(super) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(super) fn header(&self, name: &str) -> Option<String> {
        text(self.response.headers(), name)
    }

    pub(super) fn into_response(self) -> reqwest::Response {
        self.response
    }

    /// The whole body.
    ///
    /// # Errors
    ///
    /// If it breaks off or is larger than `limit`.
    pub(super) fn body(mut self, limit: u64) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while let Some(piece) = self.connection.piece(&mut self.response, &self.host)? {
            body.extend_from_slice(&piece);
            if body.len() as u64 > limit {
                return Err(Error::Protocol { why: format!("it is larger than {limit} bytes") });
            }
        }
        Ok(body)
    }

    fn challenge(&self) -> Option<challenge::Challenge> {
        let headers = self.response.headers().get_all(WWW_AUTHENTICATE);
        challenge::choose(headers.iter().filter_map(|value| value.to_str().ok()))
    }

    fn is_transient(&self) -> bool {
        matches!(self.status(), 408 | 429 | 500 | 502 | 503 | 504)
    }

    /// Seconds to wait; a date instead of a number is not worth a parser.
    fn retry_after(&self) -> Option<u64> {
        self.header("retry-after")?.trim().parse().ok()
    }

    /// The error that an answer without success stands for.
    pub(super) fn refusal(
        self,
        registry: &str,
        repository: &str,
        what: &str,
        credentials: String,
    ) -> Error {
        let (registry, repository) = (registry.to_owned(), repository.to_owned());
        match self.status() {
            401 => Error::Unauthorized { registry, repository, credentials },
            403 => Error::Forbidden { registry, repository, credentials },
            404 => Error::NotFound { registry, repository, what: what.to_owned() },
            429 => {
                let when = match self.retry_after() {
                    Some(seconds) => format!("in {seconds} seconds"),
                    None => "later".to_owned(),
                };
                Error::RateLimited { registry, when }
            }
            status => {
                let message = self.body(LARGEST_MESSAGE).ok().and_then(|body| message(&body));
                let message = message.map(|text| format!(": {text}")).unwrap_or_default();
                Error::Status { registry, status, message }
            }
        }
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// The first message of an error document (distribution-spec, "Error Codes"), safe to print.
fn message(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        code: Option<String>,
        message: Option<String>,
    }
    let Errors { errors } = serde_json::from_slice(body).ok()?;
    let first = errors.into_iter().next()?;
    let text = first.message.filter(|text| !text.is_empty()).or(first.code)?;
    Some(text.chars().take(200).collect::<String>().escape_debug().to_string())
}

/// Without the URL, which may hold a signature that is as good as a password.
fn failure(error: reqwest::Error, host: &str) -> Error {
    let registry = host.to_owned();
    if error.is_timeout() {
        return Error::Timeout { registry };
    }
    Error::Unreachable { registry, source: Box::new(error.without_url()) }
}
