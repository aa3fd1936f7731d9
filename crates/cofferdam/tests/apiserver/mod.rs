//! A real API server of the test's own: kube-apiserver with etcd on loopback, which goes with its value.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Time that the server has to become ready.
const START: Duration = Duration::from_secs(180);

/// A running server. Contexts of [`Server::kubeconfig`] are `admin`, who may do everything, `auditor`
/// and `nobody`.
pub(crate) struct Server {
    folder: TempDir,
    // In this order they end.
    _server: Running,
    _etcd: Running,
}

/// A program that ends with its value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The path of a program: that of a variable, or what `PATH` has by its name.
fn program(variable: &str, name: &str) -> Option<PathBuf> {
    let named = env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    named.or_else(|| {
        let folders = env::var_os("PATH")?;
        env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
    })
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Server {
    /// Starts one, or says why it cannot.
    pub(crate) fn start() -> Option<Self> {
        let skipped = |why: &str| {
            println!("skipped: {why} (tests/conformance/apiserver builds one)");
            None
        };
        let Some(apiserver) = program("COFFERDAM_APISERVER", "kube-apiserver") else {
            return skipped("there is no kube-apiserver, and COFFERDAM_APISERVER names none");
        };
        let Some(etcd) = program("COFFERDAM_ETCD", "etcd") else {
            return skipped("there is no etcd");
        };
        for name in ["kubectl", "openssl"] {
            if program("", name).is_none() {
                return skipped(&format!("there is no {name}"));
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let log = |name: &str| fs::File::create(path.join(name)).unwrap();
        let (client, peer, port) = (free_port(), free_port(), free_port());
        let (client, peer) =
            (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
        let etcd = Command::new(etcd)
            .args(["--data-dir".as_ref(), path.join("etcd").as_os_str()])
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}"), "--unsafe-no-fsync"])
            .stdin(Stdio::null())
            .stdout(log("etcd.out"))
            .stderr(log("etcd.err"))
            .spawn()
            .map(Running)
            .unwrap();
        let key = path.join("accounts.key");
        let made = Command::new("openssl")
            .args(["ecparam", "-genkey", "-noout", "-name", "prime256v1", "-out"])
            .arg(&key)
            .status();
        assert!(made.unwrap().success());
        let tokens = "admin-token,admin,1,\"system:masters\"\nauditor-token,auditor,2\nnobody-token,nobody,3\n";
        fs::write(path.join("tokens"), tokens).unwrap();
        let server = Command::new(apiserver)
            .args(["--etcd-servers", &client, "--bind-address", "127.0.0.1"])
            .args(["--secure-port", &port.to_string(), "--authorization-mode", "RBAC"])
            .args(["--cert-dir".as_ref(), path.join("certificates").as_os_str()])
            .args(["--token-auth-file".as_ref(), path.join("tokens").as_os_str()])
            .args(["--service-cluster-ip-range", "10.0.0.0/24", "--allow-privileged"])
            .args(["--disable-admission-plugins", "ServiceAccount"])
            .args(["--service-account-issuer", "https://issuer.example.org"])
            .args(["--service-account-key-file".as_ref(), key.as_os_str()])
            .args(["--service-account-signing-key-file".as_ref(), key.as_os_str()])
            .stdin(Stdio::null())
            .stdout(log("server.out"))
            .stderr(log("server.err"))
            .spawn()
            .map(Running)
            .unwrap();
        let server = Self { folder, _server: server, _etcd: etcd };
        server.write_kubeconfig(port);
        server.wait();
        Some(server)
    }

    /// Folder of the test, for whatever it writes.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.path().join("kubeconfig")
    }

    fn write_kubeconfig(&self, port: u16) {
        let mut text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: admin\nclusters:\n\
             - name: test\n  cluster:\n    server: https://127.0.0.1:{port}\n    \
             certificate-authority: certificates/apiserver.crt\nusers:\n"
        );
        let names = ["admin", "auditor", "nobody"];
        for name in names {
            text.push_str(&format!("- name: {name}\n  user: {{token: {name}-token}}\n"));
        }
        text.push_str("contexts:\n");
        for name in names {
            text.push_str(&format!(
                "- {{name: {name}, context: {{cluster: test, user: {name}}}}}\n"
            ));
        }
        fs::write(self.kubeconfig(), text).unwrap();
    }

    fn wait(&self) {
        let end = Instant::now() + START;
        loop {
            // Ready is a server whose own roles and namespaces are there.
            let ready = self.kubectl(&["get", "--raw", "/readyz"], "");
            let namespace = self.kubectl(&["get", "namespace", "default"], "");
            if ready.status.success() && namespace.status.success() {
                return;
            }
            let log = fs::read_to_string(self.path().join("server.err")).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(5).collect();
            assert!(Instant::now() < end, "the server does not become ready: {last:?}");
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// Runs kubectl as the administrator.
    pub(crate) fn kubectl(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new("kubectl")
            .args(["--request-timeout", "60s"])
            .args(arguments)
            .env("KUBECONFIG", self.kubeconfig())
            .env("HOME", self.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        let writer = thread::spawn(move || {
            let _ = stdin.write_all(input.as_bytes());
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    /// Runs kubectl, which has to succeed.
    pub(crate) fn must(&self, arguments: &[&str], input: &str) -> String {
        let output = self.kubectl(arguments, input);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {arguments:?}: {error}\n{input}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the program.
    pub(crate) fn cofferdam(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_cofferdam"))
            .args(arguments)
            .env_clear()
            .env("HOME", self.path())
            .env("KUBECONFIG", self.kubeconfig())
            .current_dir(self.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// A way to the server in clear text, as the administrator.
    pub(crate) fn proxy(&self) -> Proxy {
        let mut child = Command::new("kubectl")
            .args(["proxy", "--port", "0"])
            .env("KUBECONFIG", self.kubeconfig())
            .env("HOME", self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit(' ').next().unwrap().to_owned();
        let stream = BufReader::new(TcpStream::connect(&address).unwrap());
        Proxy { _child: Running(child), stream }
    }
}

/// One connection to the server, for many requests.
pub(crate) struct Proxy {
    _child: Running,
    stream: BufReader<TcpStream>,
}

impl Proxy {
    /// Sends JSON to a path; the answer's status and body.
    pub(crate) fn post(&mut self, path: &str, body: &str) -> (u16, String) {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            match line.trim_end().split_once(": ") {
                None => break,
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse().unwrap();
                }
                Some(_) => {}
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        (status, String::from_utf8(body).unwrap())
    }
}
