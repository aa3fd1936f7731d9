//! The service itself: TLS, bounds, what it says of itself, new certificates and policies, the end.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "a test that cannot run says why")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use cofferdam_server::serve::{Event, Options, ServeError, Server};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};

/// Time for what has to happen soon, on machines that are busy.
const SOON: Duration = Duration::from_secs(60);

/// Makes a certificate for localhost that is its own authority.
fn certificate(folder: &Path) -> bool {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(folder.join("new.key"))
        .arg("-out")
        .arg(folder.join("new.crt"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: there is no openssl to make a certificate");
        return false;
    }
    fs::rename(folder.join("new.key"), folder.join("tls.key")).unwrap();
    fs::rename(folder.join("new.crt"), folder.join("tls.crt")).unwrap();
    true
}

struct Running {
    address: SocketAddr,
    folder: tempfile::TempDir,
    events: Arc<Mutex<Vec<Event>>>,
    end: Option<mpsc::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Running {
    fn options(folder: &Path) -> Options {
        Options {
            listen: "127.0.0.1:0".parse().unwrap(),
            certificate: folder.join("tls.crt"),
            key: folder.join("tls.key"),
            client_authority: None,
            policy: Some(folder.join("policy.toml")),
            reload: Duration::from_millis(100),
            body_limit: 100_000,
        }
    }

    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        if !certificate(folder.path()) {
            return None;
        }
        fs::write(folder.path().join("policy.toml"), "schema_version = 1\n").unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&events);
        let listener = Arc::new(move |event| log.lock().unwrap().push(event));
        let server = Server::bind(Self::options(folder.path()), listener).unwrap();
        let address = server.address();
        let (end, ended) = mpsc::channel();
        let thread = thread::spawn(move || {
            server.run(move || {
                let _ = ended.recv();
            });
        });
        Some(Self { address, folder, events, end: Some(end), thread: Some(thread) })
    }

    fn connect(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let pem = fs::read(self.folder.path().join("tls.crt")).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        StreamOwned::new(connection, TcpStream::connect(self.address).unwrap())
    }

    /// The answer to a request: status and body. None if the connection is refused.
    fn ask(&self, request: &str) -> Option<(u16, String)> {
        let mut stream = self.connect();
        // A server that has heard enough answers, or goes away, before all of it is sent.
        let _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        // Who ends without saying so has said all there is.
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
            .unwrap()
    }

    fn post(&self, body: &str) -> (u16, String) {
        self.ask(&posted(body)).unwrap()
    }

    fn wait(&self, what: &str, mut is_there: impl FnMut() -> bool) {
        let end = Instant::now() + SOON;
        while !is_there() {
            assert!(Instant::now() < end, "{what}: {:?}", self.events.lock().unwrap());
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn heard(&self, wanted: &Event) -> bool {
        self.events.lock().unwrap().contains(wanted)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn posted(body: &str) -> String {
    format!(
        "POST /validate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

const PRIVILEGED: &str = r#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "u",
    "operation": "CREATE", "namespace": "n", "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
    "spec": {"containers": [{"name": "c", "image": "a:1", "securityContext": {"privileged": true}}]}}}}"#;

#[test]
fn requests_are_answered_and_counted() {
    let Some(server) = Running::start() else { return };
    assert_eq!(server.get("/healthz").0, 200);
    assert_eq!(server.get("/readyz").0, 200);
    let (status, body) = server.post(PRIVILEGED);
    assert_eq!(status, 200);
    assert!(body.contains("\"allowed\":false") && body.contains("kube-privileged"), "{body}");
    let (status, _) = server.post("{}");
    assert_eq!(status, 400);
    let (_, metrics) = server.get("/metrics");
    for line in [
        "cofferdam_admission_requests_total{decision=\"denied\"} 1",
        "cofferdam_admission_requests_total{decision=\"not_understood\"} 1",
        "cofferdam_admission_rule_total{rule=\"kube-privileged\",action=\"deny\"} 1",
        "cofferdam_admission_duration_seconds_count 1",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert!(server.events.lock().unwrap().iter().any(|event| matches!(event, Event::Refused(_))));
}

#[test]
fn what_is_no_request_is_refused_before_it_costs_much() {
    let Some(server) = Running::start() else { return };
    assert_eq!(server.get("/").0, 404);
    assert_eq!(server.get("/validate").0, 405);
    let text = "POST /validate HTTP/1.1\r\nHost: l\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(server.ask(text).unwrap().0, 415);
    let large = format!("{{\"x\": \"{}\"}}", "y".repeat(200_000));
    let is_refused = |request: &str| {
        let answer = server.ask(request).map(|(status, _)| status);
        assert!(matches!(answer, None | Some(413)), "{answer:?}");
    };
    is_refused(&posted(&large));
    // In pieces, without saying how long it will be.
    let piece = format!("{:x}\r\n{}\r\n", 60_000, "y".repeat(60_000));
    let chunked = format!(
        "POST /validate HTTP/1.1\r\nHost: l\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{piece}{piece}0\r\n\r\n"
    );
    is_refused(&chunked);
    let count = "cofferdam_admission_requests_total{decision=\"not_understood\"} 3";
    server.wait("three requests that are none", || server.get("/metrics").1.contains(count));
    let header = format!("GET /healthz HTTP/1.1\r\nHost: l\r\nX: {}\r\n\r\n", "y".repeat(200_000));
    assert_ne!(server.ask(&header).map(|(status, _)| status), Some(200));
    // Clear text is no TLS; others are served on.
    let mut plain = TcpStream::connect(server.address).unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("200"));
    assert_eq!(server.get("/healthz").0, 200);
}

#[test]
fn certificates_and_policies_are_replaced_while_it_serves() {
    let Some(server) = Running::start() else { return };
    assert_eq!(server.get("/healthz").0, 200);
    assert!(certificate(server.folder.path()));
    server.wait("a new certificate", || server.heard(&Event::Reloaded("certificate")));
    // The client trusts the new one only.
    assert_eq!(server.get("/healthz").0, 200);
    let policy = server.folder.path().join("policy.toml");
    fs::write(&policy, "schema_version = 1\n[rules]\nkube-privileged = \"ignore\"\n").unwrap();
    server.wait("a new policy", || server.heard(&Event::Reloaded("policy")));
    assert!(server.post(PRIVILEGED).1.contains("\"allowed\":true"));
    // What is none leaves the one before in force.
    fs::write(&policy, "deny = everything\n").unwrap();
    server.wait("a broken policy", || {
        let events = server.events.lock().unwrap();
        events.iter().any(|event| matches!(event, Event::NotReloaded("policy", _)))
    });
    assert!(server.post(PRIVILEGED).1.contains("\"allowed\":true"));
    fs::write(server.folder.path().join("tls.key"), "none\n").unwrap();
    server.wait("a broken key", || {
        let events = server.events.lock().unwrap();
        events.iter().any(|event| matches!(event, Event::NotReloaded("certificate", _)))
    });
    assert_eq!(server.get("/healthz").0, 200);
}

#[test]
fn a_request_that_is_on_its_way_is_answered_before_the_end() {
    let Some(mut server) = Running::start() else { return };
    let mut stream = server.connect();
    let (head, tail) = PRIVILEGED.split_at(50);
    let request = format!(
        "POST /validate HTTP/1.1\r\nHost: l\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{head}",
        PRIVILEGED.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    // It is being read when another one has been answered since.
    assert_eq!(server.get("/healthz").0, 200);
    server.end.take();
    server.wait("no new connections", || TcpStream::connect(server.address).is_err());
    stream.write_all(tail.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("kube-privileged"), "{answer}");
    server.thread.take().unwrap().join().unwrap();
}

#[test]
fn without_certificate_or_policy_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    let start = |options: Options| Server::bind(options, Arc::new(|_| {})).err();
    let options = Running::options(folder.path());
    assert!(matches!(start(options.clone()), Some(ServeError::Certificate(_))));
    if !certificate(folder.path()) {
        return;
    }
    assert!(matches!(start(options.clone()), Some(ServeError::PolicyFile { .. })));
    fs::write(folder.path().join("policy.toml"), "schema_version = 9\n").unwrap();
    assert!(matches!(start(options), Some(ServeError::Policy { .. })));
}
