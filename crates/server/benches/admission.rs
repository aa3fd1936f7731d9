//! How long the webhook takes to answer, from outside of it and by TLS:
//! `cargo bench -p cofferdam-server --bench admission --profile release-fast`
//!
//! 500 requests a second for twenty seconds, over eight connections that stay open, as an API server's
//! do: a Deployment of three containers each. A request has a moment at which it is due; what it waits
//! because others are late counts. Needs openssl.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use cofferdam_server::serve::{Options, Server};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};

const RATE: u32 = 500;
const CONNECTIONS: u32 = 8;
const DURATION: Duration = Duration::from_secs(20);

fn request() -> String {
    let container = |name: &str| {
        format!(
            r#"{{"name": "{name}", "image": "registry.example.org/{name}:1", "env": [{{"name": "A", "value": "b"}}],
            "resources": {{"limits": {{"memory": "1Gi"}}}}, "securityContext": {{"privileged": false}}}}"#
        )
    };
    let body = format!(
        r#"{{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {{"uid": "u", "operation": "CREATE",
        "namespace": "n", "userInfo": {{"username": "u"}}, "object": {{"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {{"name": "d"}}, "spec": {{"replicas": 2, "template": {{"metadata": {{"labels": {{"a": "b"}}}},
        "spec": {{"containers": [{}, {}, {}]}}}}}}}}}}}}"#,
        container("a"),
        container("b"),
        container("c")
    );
    format!(
        "POST /validate HTTP/1.1\r\nHost: l\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
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
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(path("tls.key"))
        .arg("-out")
        .arg(path("tls.crt"))
        .stderr(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: there is no openssl to make a certificate");
        return;
    }
    let options = Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        certificate: path("tls.crt"),
        key: path("tls.key"),
        client_authority: None,
        policy: None,
        reload: Duration::from_secs(10),
        body_limit: 1 << 20,
    };
    let server = Server::bind(options, Arc::new(|_| {})).unwrap();
    let address = server.address();
    let (end, ended) = mpsc::channel::<()>();
    let serving = thread::spawn(move || {
        server.run(move || {
            let _ = ended.recv();
        })
    });
    let pem = std::fs::read(path("tls.crt")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    let begin = Instant::now() + Duration::from_millis(200);
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let config = Arc::clone(&config);
            thread::spawn(move || {
                let name = ServerName::try_from("localhost").unwrap();
                let connection = ClientConnection::new(config, name).unwrap();
                let stream = TcpStream::connect(address).unwrap();
                stream.set_nodelay(true).unwrap();
                ask(&mut BufReader::new(StreamOwned::new(connection, stream)), begin, number)
            })
        })
        .collect();
    let mut times: Vec<Duration> =
        clients.into_iter().flat_map(|one| one.join().unwrap()).collect();
    drop(end);
    serving.join().unwrap();
    times.sort_unstable();
    println!("{} requests at {RATE} a second", times.len());
    for part in [50, 90, 99] {
        let time = times[(times.len() - 1) * part / 100];
        println!("p{part:<4} {:>8.2} ms", time.as_secs_f64() * 1e3);
    }
    println!("worst {:>8.2} ms", times[times.len() - 1].as_secs_f64() * 1e3);
}

fn ask(
    stream: &mut BufReader<StreamOwned<ClientConnection, TcpStream>>,
    begin: Instant,
    number: u32,
) -> Vec<Duration> {
    let request = request();
    let step = Duration::from_secs(1) / RATE;
    let (mut times, mut due) = (Vec::new(), begin + step * number);
    while due < begin + DURATION {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        stream.get_mut().write_all(request.as_bytes()).unwrap();
        let (mut line, mut length) = (String::new(), 0);
        stream.read_line(&mut line).unwrap();
        assert!(line.contains("200"), "{line}");
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line).unwrap();
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
        }
        stream.read_exact(&mut vec![0; length]).unwrap();
        times.push(due.elapsed());
        due += step * CONNECTIONS;
    }
    times
}
