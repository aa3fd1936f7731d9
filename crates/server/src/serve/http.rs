use std::{
    convert::Infallible,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::CONTENT_TYPE,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{Event, Listener, certificate::Certificates, metrics::Metrics};
use crate::admission::{Policy, review};

/// Connections at the same time: a server that asks keeps a few open.
const CONNECTIONS: usize = 1024;
/// Time for the handshake of TLS, and for the header of a request.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// Time for the rest of a request.
const BODY_TIME: Duration = Duration::from_secs(10);
/// Bytes of a header.
const HEADER_LIMIT: usize = 64 << 10;

/// What requests are answered with.
pub(super) struct State {
    pub(super) policy: RwLock<Arc<Policy>>,
    pub(super) metrics: Metrics,
    pub(super) ready: AtomicBool,
    pub(super) body_limit: usize,
    pub(super) events: Listener,
}

impl State {
    pub(super) fn tell(&self, event: Event) {
        (self.events)(event);
    }

    pub(super) fn reloaded(&self, what: &'static str) {
        self.metrics.reloaded();
        self.tell(Event::Reloaded(what));
    }

    fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Takes connections until `ended` says so, and lets those that are there end, for a while.
pub(super) async fn accept(
    listener: TcpListener,
    state: &Arc<State>,
    certificates: &Arc<Certificates>,
    ended: &mut watch::Receiver<bool>,
    patience: Duration,
) {
    let acceptor = TlsAcceptor::from(Arc::clone(&certificates.config));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let shutdown = GracefulShutdown::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let taken = tokio::select! {
            taken = listener.accept() => taken,
            _ = ended.changed() => break,
        };
        let stream = match taken {
            Ok((stream, _)) => stream,
            Err(error) => {
                // No more files: it passes, and must not turn into a busy loop.
                state.tell(Event::Failed(error.to_string()));
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (state, acceptor, watcher) = (Arc::clone(state), acceptor.clone(), shutdown.watcher());
        tokio::spawn(async move {
            if let Err(why) = connection(stream, acceptor, &state, watcher).await {
                state.metrics.failed();
                state.tell(Event::Failed(why));
            }
            drop(place);
        });
    }
    state.ready.store(false, Ordering::Relaxed);
    drop(listener);
    let _ = timeout(patience, shutdown.shutdown()).await;
}

async fn connection(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    state: &Arc<State>,
    watcher: hyper_util::server::graceful::Watcher,
) -> Result<(), String> {
    let _ = stream.set_nodelay(true);
    let secured = timeout(HEADER_TIME, acceptor.accept(stream)).await;
    let secured = secured.map_err(|_| "TLS takes too long".to_owned())?;
    let secured = secured.map_err(|error| format!("no TLS: {error}"))?;
    let state = Arc::clone(state);
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(answer(request, &state).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEADER_LIMIT)
        .serve_connection(TokioIo::new(secured), service);
    // Those who ask go away when they like.
    let _ = watcher.watch(connection).await;
    Ok(())
}

type Answer = Response<Full<Bytes>>;

async fn answer(request: Request<Incoming>, state: &Arc<State>) -> Answer {
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/validate") => validate(request, state).await,
        (&Method::GET, "/healthz") => text(StatusCode::OK, "ok\n"),
        (&Method::GET, "/readyz") if state.ready.load(Ordering::Relaxed) => {
            text(StatusCode::OK, "ok\n")
        }
        (&Method::GET, "/readyz") => text(StatusCode::SERVICE_UNAVAILABLE, "ending\n"),
        (&Method::GET, "/metrics") => text(StatusCode::OK, &state.metrics.text()),
        (_, "/validate" | "/healthz" | "/readyz" | "/metrics") => {
            text(StatusCode::METHOD_NOT_ALLOWED, "another method, please\n")
        }
        _ => text(StatusCode::NOT_FOUND, "there is nothing here\n"),
    }
}

async fn validate(request: Request<Incoming>, state: &Arc<State>) -> Answer {
    let broken = |status, why: &str| {
        state.metrics.broken();
        text(status, &format!("{why}\n"))
    };
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| {
        kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json")
    }) {
        return broken(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the content type has to be application/json",
        );
    }
    let body = Limited::new(request.into_body(), state.body_limit).collect();
    let bytes = match timeout(BODY_TIME, body).await {
        Err(_) => return broken(StatusCode::REQUEST_TIMEOUT, "the request takes too long"),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return broken(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large");
        }
        Ok(Err(_)) => return broken(StatusCode::BAD_REQUEST, "the request breaks off"),
        Ok(Ok(collected)) => collected.to_bytes(),
    };
    let policy = state.policy();
    let started = Instant::now();
    // Deciding is a matter of computing: others are served meanwhile.
    let reviewed = tokio::task::spawn_blocking(move || review(&bytes, &policy)).await;
    match reviewed {
        Ok(Ok(reviewed)) => {
            state.metrics.reviewed(&reviewed, started.elapsed());
            if !reviewed.allowed {
                let rules = reviewed.decided.iter().map(|one| one.rule.clone()).collect();
                state.tell(Event::Refused(rules));
            }
            respond(StatusCode::OK, "application/json", reviewed.body)
        }
        Ok(Err(error)) => broken(StatusCode::BAD_REQUEST, &error.to_string()),
        Err(_) => broken(StatusCode::INTERNAL_SERVER_ERROR, "the decision failed"),
    }
}

fn text(status: StatusCode, text: &str) -> Answer {
    respond(status, "text/plain; charset=utf-8", text.as_bytes().to_vec())
}

fn respond(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}
