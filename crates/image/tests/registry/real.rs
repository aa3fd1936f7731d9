//! Debian's `docker-registry` on the loopback interface, filled with plain requests.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use cofferdam_image::store::Store;

use super::*;

/// bcrypt of "correct horse" for user "cofferdam".
const HTPASSWD: &str = "cofferdam:$2y$05$0IywLfibcTuIGk/DMQoMdOQ0UaYR6hqoLV7tSt4wawBe7Ei6A92ti\n";

/// Ended when dropped.
struct Registry {
    process: Child,
    address: String,
    authorization: String,
}

impl Registry {
    /// `None` if this machine has none.
    fn start(directory: &Path, password: bool) -> Option<Self> {
        let Ok(found) = Command::new("docker-registry").arg("--version").output() else {
            println!(
                "skipped: docker-registry is not installed (Debian: apt install docker-registry)"
            );
            return None;
        };
        assert!(found.status.success());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let mut config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{address}\"}}\n",
            directory.join("registry").display()
        );
        if password {
            let file = directory.join("htpasswd");
            fs::write(&file, HTPASSWD).unwrap();
            config.push_str(&format!(
                "auth: {{htpasswd: {{realm: test, path: {}}}}}\n",
                file.display()
            ));
        }
        let path = directory.join("registry.yml");
        fs::write(&path, config).unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let login = STANDARD.encode("cofferdam:correct horse");
        let authorization = if password { format!("Basic {login}") } else { String::new() };
        let registry = Self { process, address, authorization };
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&registry.address).is_err() {
            assert!(Instant::now() < end, "docker-registry does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        Some(registry)
    }

    /// Sends one request; gives the status and the head.
    fn send(&self, method: &str, path: &str, content_type: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.address,
            self.authorization,
            body.len()
        )
        .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split_whitespace().nth(1).and_then(|text| text.parse().ok());
        (status.unwrap(), answer)
    }

    fn push_blob(&self, repository: &str, bytes: &[u8]) {
        let (status, head) =
            self.send("POST", &format!("/v2/{repository}/blobs/uploads/"), "", b"");
        assert_eq!(status, 202, "{head}");
        let location = head
            .lines()
            .find_map(|line| line.strip_prefix("Location: "))
            .unwrap()
            .trim()
            .trim_start_matches(&format!("http://{}", self.address))
            .to_owned();
        let path = format!("{location}&digest={}", digest_of(bytes));
        let (status, head) = self.send("PUT", &path, "application/octet-stream", bytes);
        assert_eq!(status, 201, "{head}");
    }

    fn push(&self, repository: &str, tag: &str, sample: &Sample) {
        for blob in &sample.blobs {
            self.push_blob(repository, blob);
        }
        let mut manifests: Vec<_> = sample
            .manifests
            .iter()
            .map(|bytes| (digest_of(bytes).to_string(), media_type::OCI_MANIFEST, bytes))
            .collect();
        manifests.push((tag.to_owned(), media_type::OCI_INDEX, &sample.index));
        for (name, content_type, bytes) in manifests {
            let path = format!("/v2/{repository}/manifests/{name}");
            let (status, head) = self.send("PUT", &path, content_type, bytes);
            assert_eq!(status, 201, "{head}");
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn an_image_is_pulled_into_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let Some(registry) = Registry::start(directory.path(), false) else { return };
    let sample = Sample::new();
    registry.push("team/app", "1.0", &sample);
    let options = options(AuthFiles::default());
    let store = Store::open(&directory.path().join("store")).unwrap();
    for name in ["team/app:1.0".to_owned(), format!("team/app@{}", digest_of(&sample.index))] {
        let reference = reference(&registry.address, &name);
        let image = open(&reference, &options).unwrap();
        assert_eq!(image.manifest, digest_of(&sample.manifests[0]));
        let stored = store.import(&image, &reference, &()).unwrap();
        let root = store.unpack(&store.load(&stored).unwrap()).unwrap();
        assert_eq!(fs::read(root.path().join("amd64")).unwrap(), noise(300_000));
    }
    for name in ["team/app:2.0", "team/other:1.0"] {
        let error = open(&reference(&registry.address, name), &options).unwrap_err();
        assert!(matches!(cause(&error), registry::Error::NotFound { .. }), "{error:?}");
    }
}

#[test]
fn a_password_is_needed_and_taken_from_the_auth_file() {
    let directory = tempfile::tempdir().unwrap();
    let Some(registry) = Registry::start(directory.path(), true) else { return };
    let sample = Sample::new();
    registry.push("app", "latest", &sample);
    let reference = reference(&registry.address, "app");
    let error = open(&reference, &options(AuthFiles::default())).unwrap_err();
    assert!(matches!(cause(&error), registry::Error::Unauthorized { .. }), "{error:?}");
    for (login, works) in [("cofferdam:correct horse", true), ("cofferdam:wrong horse", false)] {
        let content = format!(
            r#"{{"auths":{{"http://{}":{{"auth":"{}"}}}}}}"#,
            registry.address,
            STANDARD.encode(login)
        );
        let opened = open(&reference, &options(auth_files(directory.path(), &content)));
        match opened {
            Ok(image) => {
                assert!(works);
                assert_eq!(layer_bytes(&image).unwrap(), sample.layer());
            }
            Err(error) => {
                assert!(!works, "{error:?}");
                assert!(matches!(cause(&error), registry::Error::Unauthorized { .. }));
                assert!(!format!("{error:?}{}", chain(&error)).contains("horse"));
            }
        }
    }
}
