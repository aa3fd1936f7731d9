//! Reading an API server: pages, expired lists, servers in trouble, what may not be listed. The server
//! is one of the test's own, which answers what a real one would; a real one is in `kube_live` of the
//! command line.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
};

use cofferdam_kube::{
    live::{Access, Choice, Collected, LiveError, Options, snapshot},
    rules::KIND_NOT_LISTED,
};

/// What a server says to a request for a path (with its query) that was asked for so many times
/// before: status, further headers, body.
type Answers = dyn Fn(&str, usize) -> (u16, &'static str, String) + Send + Sync;

struct Server {
    address: String,
    /// Requests as they came: path, and the headers in lower case.
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Server {
    fn start(answers: Box<Answers>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answers) = (Arc::clone(&asked), Arc::new(answers));
        let counts = Arc::new(Mutex::new(HashMap::new()));
        // Ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, answers, counts) =
                    (Arc::clone(&log), Arc::clone(&answers), Arc::clone(&counts));
                thread::spawn(move || answer(stream, &log, &counts, &**answers));
            }
        });
        Self { address, asked }
    }

    fn access(&self, folder: &tempfile::TempDir, user: &str) -> Result<Access, LiveError> {
        let text = format!(
            "{{current-context: c, contexts: [{{name: c, context: {{cluster: k, user: u}}}}], \
             clusters: [{{name: k, cluster: {{server: '{}'}}}}], users: [{{name: u, user: {user}}}]}}",
            self.address
        );
        let path = folder.path().join("config");
        std::fs::write(&path, text).unwrap();
        Access::find(&choice(path))
    }

    fn paths(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(path, _)| path.clone()).collect()
    }
}

fn choice(path: PathBuf) -> Choice {
    Choice::Kubeconfig { path: Some(path), context: None, allow_exec: false }
}

fn answer(
    stream: TcpStream,
    log: &Mutex<Vec<(String, String)>>,
    counts: &Mutex<HashMap<String, usize>>,
    answers: &Answers,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let Some(path) = lines.first().and_then(|line| line.split(' ').nth(1)) else { return };
    log.lock().unwrap().push((path.to_owned(), lines[1..].join("\n").to_lowercase()));
    let before = {
        let mut counts = counts.lock().unwrap();
        let count = counts.entry(path.to_owned()).or_insert(0);
        *count += 1;
        *count - 1
    };
    let (status, headers, body) = answers(path, before);
    let text = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{headers}Connection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = stream;
    let _ = stream.write_all(text.as_bytes());
}

/// The discovery of a server with pods, secrets and widgets of a group that nothing here knows.
fn discovery(path: &str) -> Option<String> {
    let list = |name: &str, kind: &str| {
        format!(r#"{{"name": "{name}", "kind": "{kind}", "verbs": ["list"], "namespaced": true}}"#)
    };
    Some(match path {
        "/version" => r#"{"gitVersion": "v1.34.2"}"#.into(),
        "/api/v1" => format!(
            r#"{{"resources": [{}, {}, {}]}}"#,
            list("pods", "Pod"),
            list("secrets", "Secret"),
            list("events", "Event")
        ),
        "/apis" => r#"{"groups": [{"name": "example.org", "versions": [{"version": "v1"}],
            "preferredVersion": {"version": "v1"}}, {"name": "gone.org",
            "versions": [{"version": "v1"}], "preferredVersion": {"version": "v1"}}]}"#
            .into(),
        "/apis/example.org/v1" => format!(r#"{{"resources": [{}]}}"#, list("widgets", "Widget")),
        _ => return None,
    })
}

fn pods(names: &[&str], next: &str) -> String {
    let items: Vec<String> = names
        .iter()
        .map(|name| {
            format!(r#"{{"metadata": {{"name": "{name}", "namespace": "n"}}, "spec": {{}}}}"#)
        })
        .collect();
    format!(
        r#"{{"kind": "PodList", "apiVersion": "v1", "metadata": {{"continue": "{next}"}}, "items": [{}]}}"#,
        items.join(",")
    )
}

const WIDGETS: &str = r#"{"kind": "WidgetList", "apiVersion": "example.org/v1", "metadata": {},
    "items": [{"metadata": {"name": "w"}}]}"#;

fn read(server: &Server, options: &Options) -> Result<Collected, LiveError> {
    let folder = tempfile::tempdir().unwrap();
    let access = server.access(&folder, "{token: abc}")?;
    snapshot(&access, options, &mut |_| {})
}

fn names(collected: &Collected) -> Vec<String> {
    collected.snapshot.objects.iter().map(|object| object.title()).collect()
}

#[test]
fn a_list_is_read_page_by_page_and_the_credentials_are_sent() {
    let server = Server::start(Box::new(|path, _| {
        let body = discovery(path).or_else(|| match path {
            "/api/v1/pods?limit=500" => Some(pods(&["a", "b"], "x/y+z=")),
            "/api/v1/pods?limit=500&continue=x%2Fy%2Bz%3D" => Some(pods(&["c"], "")),
            "/apis/example.org/v1/widgets?limit=500" => Some(WIDGETS.into()),
            _ => None,
        });
        body.map_or((503, "Retry-After: 0\r\n", "{}".into()), |body| (200, "", body))
    }));
    let collected = read(&server, &Options::default()).unwrap();
    assert_eq!(names(&collected), ["Pod n/a", "Pod n/b", "Pod n/c", "Widget w"]);
    assert_eq!(collected.snapshot.server_version.as_deref(), Some("v1.34.2"));
    // The group whose server is gone is a gap, and the rest is read all the same.
    let gaps = &collected.snapshot.gaps;
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!((gaps[0].rule.as_ref(), gaps[0].object.as_str()), (KIND_NOT_LISTED, "gone.org/v1"));
    let asked = server.asked.lock().unwrap();
    assert!(asked.iter().all(|(_, headers)| headers.contains("authorization: bearer abc")));
    assert!(!asked.iter().any(|(path, _)| path.contains("secrets") || path.contains("events")));
}

#[test]
fn a_list_that_expires_is_begun_anew_and_half_of_it_does_not_count() {
    let server = Server::start(Box::new(|path, before| {
        let body = discovery(path).or_else(|| match (path, before) {
            ("/api/v1/pods?limit=500", 0) => Some(pods(&["old"], "1")),
            ("/api/v1/pods?limit=500", _) => Some(pods(&["new"], "2")),
            ("/api/v1/pods?limit=500&continue=2", _) => Some(pods(&["last"], "")),
            _ => None,
        });
        let status = if path.contains("continue=1") { 410 } else { 404 };
        body.map_or((status, "", "{}".into()), |body| (200, "", body))
    }));
    let collected = read(&server, &Options::default()).unwrap();
    assert_eq!(names(&collected), ["Pod n/new", "Pod n/last"]);
}

#[test]
fn a_list_that_expires_for_ever_is_a_gap() {
    let server = Server::start(Box::new(|path, _| {
        let body = discovery(path).or_else(|| match path {
            "/api/v1/pods?limit=500" => Some(pods(&["a"], "1")),
            _ => None,
        });
        let status = if path.contains("continue") { 410 } else { 404 };
        body.map_or((status, "", "{}".into()), |body| (200, "", body))
    }));
    let collected = read(&server, &Options::default()).unwrap();
    assert_eq!(names(&collected), [""; 0]);
    let why: Vec<&str> = collected.snapshot.gaps.iter().map(|gap| gap.why.as_str()).collect();
    assert!(why.contains(&"it changes faster than it can be listed"), "{why:?}");
}

#[test]
fn a_busy_server_is_asked_again() {
    let server = Server::start(Box::new(|path, before| {
        let body = discovery(path).or_else(|| match path {
            "/api/v1/pods?limit=500" if before >= 2 => Some(pods(&["a"], "")),
            _ => None,
        });
        let status = if path.contains("pods") { 429 } else { 404 };
        body.map_or((status, "Retry-After: 0\r\n", "{}".into()), |body| (200, "", body))
    }));
    let collected = read(&server, &Options::default()).unwrap();
    assert_eq!(names(&collected), ["Pod n/a"]);
    let times = server.paths().iter().filter(|path| path.contains("pods")).count();
    assert_eq!(times, 3);
}

#[test]
fn what_may_not_be_listed_is_a_gap_if_anything_looks_at_it() {
    let server = Server::start(Box::new(|path, _| match discovery(path) {
        Some(body) => (200, "", body),
        None if path.contains("gone") => (200, "", r#"{"resources": []}"#.into()),
        None => (403, "", r#"{"kind": "Status", "message": "pods is forbidden"}"#.into()),
    }));
    let collected = read(&server, &Options::default()).unwrap();
    let gaps = &collected.snapshot.gaps;
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(gaps[0].object, "pods");
    assert_eq!(gaps[0].why, "may not be listed: pods is forbidden");
    assert_eq!(collected.unknown_refused, ["widgets.example.org"]);
}

#[test]
fn of_secrets_only_metadata_is_asked_for() {
    let server = Server::start(Box::new(|path, _| {
        let body = discovery(path).or_else(|| match path {
            "/api/v1/secrets?limit=500" => Some(
                r#"{"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                "metadata": {}, "items": [{"kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "s", "namespace": "n"}}]}"#
                    .into(),
            ),
            _ => None,
        });
        body.map_or((404, "", "{}".into()), |body| (200, "", body))
    }));
    let collected = read(&server, &Options { secret_names: true }).unwrap();
    assert!(collected.snapshot.objects.iter().any(|object| object.is("", "Secret")));
    let asked = server.asked.lock().unwrap();
    let (_, headers) = asked.iter().find(|(path, _)| path.contains("secrets")).unwrap();
    assert!(headers.contains("as=partialobjectmetadatalist"), "{headers}");
}

#[test]
fn credentials_that_are_refused_are_an_error_and_are_not_sent_elsewhere() {
    let refusing = Server::start(Box::new(|_, _| (401, "", "{}".into())));
    assert!(matches!(
        read(&refusing, &Options::default()).unwrap_err(),
        LiveError::Unauthorized { .. }
    ));
    let other = Server::start(Box::new(|_, _| (200, "", "{}".into())));
    let location: &'static str = format!("Location: {}/version\r\n", other.address).leak();
    let redirecting = Server::start(Box::new(move |_, _| (302, location, "{}".into())));
    assert!(matches!(
        read(&redirecting, &Options::default()).unwrap_err(),
        LiveError::Status { status: 302, .. }
    ));
    assert_eq!(other.paths(), [""; 0]);
}

#[test]
fn a_credential_plugin_is_run_only_where_that_is_allowed() {
    let server = Server::start(Box::new(|_, _| (401, "", "{}".into())));
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("ran");
    let user = format!("{{exec: {{command: touch, args: ['{}']}}}}", mark.display());
    let error = server.access(&folder, &user).unwrap_err();
    assert!(matches!(&error, LiveError::ExecNotAllowed { command, .. } if command == "touch"));
    assert!(error.hint().unwrap().contains("--allow-exec"));
    assert!(!mark.exists());
}

#[test]
fn a_token_file_that_changed_is_read_again() {
    let server = Server::start(Box::new(|path, before| match (discovery(path), before) {
        (_, 0) if path == "/version" => (401, "", "{}".into()),
        (Some(body), _) => (200, "", body),
        _ => (404, "", "{}".into()),
    }));
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "old\n").unwrap();
    let access = server.access(&folder, "{tokenFile: token}").unwrap();
    // The file stays as it is: what was refused once is not tried again.
    assert!(matches!(
        snapshot(&access, &Options::default(), &mut |_| {}).unwrap_err(),
        LiveError::Unauthorized { .. }
    ));
    assert!(server.asked.lock().unwrap()[0].1.contains("bearer old"));
    std::fs::write(&token, "new\n").unwrap();
    snapshot(&access, &Options::default(), &mut |_| {}).unwrap();
    assert!(server.asked.lock().unwrap()[1].1.contains("bearer new"));
}

#[test]
fn answers_that_are_none_are_errors_or_gaps() {
    for body in ["", "{", "[]", "\"x\"", "{\"gitVersion\": 7}"] {
        let server = Server::start(Box::new(move |_, _| (200, "", body.to_owned())));
        assert!(read(&server, &Options::default()).is_err(), "{body}");
    }
    let server = Server::start(Box::new(|path, _| match discovery(path) {
        Some(body) => (200, "", body),
        None => (200, "", "<html>".into()),
    }));
    let collected = read(&server, &Options::default()).unwrap();
    assert!(collected.snapshot.objects.is_empty());
    assert!(collected.snapshot.gaps.iter().any(|gap| gap.object == "pods"));
}
