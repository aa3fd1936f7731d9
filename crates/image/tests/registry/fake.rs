use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};

use cofferdam_image::{registry as registry_module, store::Store};

use super::*;
use crate::server::{Answer, Asked, Server, answer};

/// A registry that has the sample under any name, without authentication.
fn registry(sample: &Sample, asked: &Asked) -> Answer {
    if asked.path == "/v2/" {
        return answer(200, "{}");
    }
    let Some((_, wanted)) = asked.path.rsplit_once('/') else { return answer(404, "") };
    if asked.path.contains("/manifests/") {
        let all = std::iter::once(&sample.index).chain(&sample.manifests);
        let found = if wanted == "latest" {
            Some(&sample.index)
        } else {
            all.into_iter().find(|bytes| digest_of(bytes).to_string() == wanted)
        };
        return match found {
            Some(bytes) => answer(200, bytes.clone()).with("content-type", "application/json"),
            None => answer(404, r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#),
        };
    }
    let found = sample.blobs.iter().find(|bytes| digest_of(bytes).to_string() == wanted);
    found.map_or_else(|| answer(404, ""), |bytes| ranged(bytes, asked))
}

/// The part of a blob that was asked for.
fn ranged(bytes: &[u8], asked: &Asked) -> Answer {
    let range = asked.header("range").strip_prefix("bytes=");
    let from = range.and_then(|range| range.trim_end_matches('-').parse::<usize>().ok());
    match from {
        Some(from) => answer(206, &bytes[from..])
            .with("content-range", format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len())),
        None => answer(200, bytes),
    }
}

fn anonymous() -> Options {
    options(AuthFiles::default())
}

#[test]
fn an_index_leads_to_the_platform_and_everything_is_verified() {
    let sample = Arc::new(Sample::new());
    let served = Arc::clone(&sample);
    let server = Server::start(move |asked| registry(&served, asked));
    let image = open(&reference(&server.address, "a/b"), &anonymous()).unwrap();
    assert_eq!(image.manifest, digest_of(&sample.manifests[0]));
    assert_eq!(layer_bytes(&image).unwrap(), sample.layer());

    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("store")).unwrap();
    let by_index = format!("a/b@{}", digest_of(&sample.index));
    let by_index = reference(&server.address, &by_index);
    let image = open(&by_index, &anonymous()).unwrap();
    let stored = store.import(&image, &by_index, &()).unwrap();
    let root = store.unpack(&store.load(&stored).unwrap()).unwrap();
    assert_eq!(std::fs::read(root.path().join("amd64")).unwrap(), noise(300_000));

    let none = OpenOptions { platform: "linux/s390x".parse().ok(), ..OpenOptions::default() };
    let error = registry::open(&reference(&server.address, "a"), &none, &anonymous()).unwrap_err();
    assert!(matches!(error, cofferdam_image::Error::Platform { .. }), "{error}");
}

#[test]
fn offline_asks_nobody() {
    let server = Server::start(|_| answer(200, "{}"));
    let options = Options { offline: true, ..anonymous() };
    let error = open(&reference(&server.address, "a"), &options).unwrap_err();
    assert!(matches!(cause(&error), registry_module::Error::Offline { .. }), "{error:?}");
    assert!(server.asked().is_empty());
}

#[test]
fn refusals_say_what_to_do() {
    let too_many = || answer(429, "").with("retry-after", "3600");
    type Case = (fn() -> Answer, &'static str, &'static str);
    let cases: [Case; 5] = [
        (|| answer(404, ""), "has no manifest 'latest' in 'a'", "check the name"),
        (|| answer(403, ""), "forbids access to 'a'", "ask the owner"),
        (|| answer(401, ""), "wants a login for 'a'", "docker login 127.0.0.1"),
        (
            || answer(500, r#"{"errors":[{"code":"X","message":"disk \u001b[31mfull"}]}"#),
            "answered 500: disk \\u{1b}[31mfull",
            "try again later",
        ),
        (|| answer(418, "<html>"), "answered 418", ""),
    ];
    for (refuse, message, hint) in cases {
        let server = Server::start(move |asked| match asked.path.as_str() {
            "/v2/" => answer(200, ""),
            _ => refuse(),
        });
        let error = open(&reference(&server.address, "a"), &anonymous()).unwrap_err();
        let text = chain(&error);
        assert!(text.contains(message), "{text}");
        assert!(cause(&error).hint().unwrap_or_default().contains(hint), "{error:?}");
    }
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/v2/" => answer(200, ""),
        _ => too_many(),
    });
    let error = open(&reference(&server.address, "a"), &anonymous()).unwrap_err();
    assert!(chain(&error).contains("try again in 3600 seconds"), "{}", chain(&error));
}

#[test]
fn a_server_in_trouble_is_asked_again() {
    let sample = Arc::new(Sample::new());
    let count = AtomicUsize::new(0);
    let server = Server::start(move |asked| {
        if asked.path != "/v2/" && count.fetch_add(1, Ordering::Relaxed) % 3 < 2 {
            return answer(503, "");
        }
        registry(&sample, asked)
    });
    open(&reference(&server.address, "a"), &anonymous()).unwrap();
}

#[test]
fn a_server_that_is_silent_is_not_waited_for() {
    let server = Server::start(|asked| {
        if asked.path != "/v2/" {
            thread::sleep(Duration::from_secs(1));
        }
        answer(200, "")
    });
    let options = Options { read_timeout: Duration::from_millis(100), ..anonymous() };
    let error = open(&reference(&server.address, "a"), &options).unwrap_err();
    assert!(matches!(cause(&error), registry_module::Error::Timeout { .. }), "{error:?}");
    // Nobody listens there.
    let error = open(&reference("127.0.0.1:1", "a"), &anonymous()).unwrap_err();
    assert!(matches!(cause(&error), registry_module::Error::Unreachable { .. }), "{error:?}");
}

#[test]
fn a_blob_that_breaks_off_is_resumed() {
    for ranges in [true, false] {
        let sample = Arc::new(Sample::new());
        let served = Arc::clone(&sample);
        let server = Server::start(move |asked| {
            let mut given = registry(&served, asked);
            let layer = digest_of(served.layer()).to_string();
            if asked.path.ends_with(&layer) {
                // 90 000 bytes further each time.
                let range = asked.header("range").trim_start_matches("bytes=");
                let from: usize = range.trim_end_matches('-').parse().unwrap_or(0);
                let mut cut = 90_000;
                if !ranges {
                    given = answer(200, served.layer());
                    cut += from;
                }
                given.cut = Some(cut.min(given.body.len()));
            }
            given
        });
        let image = open(&reference(&server.address, "a"), &anonymous()).unwrap();
        assert_eq!(layer_bytes(&image).unwrap(), sample.layer(), "with ranges: {ranges}");
    }
}

#[test]
fn a_blob_that_always_breaks_off_at_once_is_given_up() {
    let sample = Arc::new(Sample::new());
    let server = Server::start(move |asked| {
        let mut answer = registry(&sample, asked);
        if asked.path.contains("/blobs/") && answer.body.len() > 100_000 {
            answer.cut = Some(0);
        }
        answer
    });
    let image = open(&reference(&server.address, "a"), &anonymous()).unwrap();
    layer_bytes(&image).unwrap_err();
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("store")).unwrap();
    store.import(&image, &reference(&server.address, "a"), &()).unwrap_err();
    assert_eq!(store.list().unwrap(), []);
}

#[test]
fn wrong_content_is_refused() {
    let sample = Arc::new(Sample::new());
    let digest = digest_of(&sample.index);
    let served = Arc::clone(&sample);
    // Asked for by digest, answered with something else.
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/v2/" => answer(200, ""),
        _ => answer(200, served.manifests[1].clone()),
    });
    let wanted = reference(&server.address, &format!("a@{digest}"));
    let error = open(&wanted, &anonymous()).unwrap_err();
    assert!(matches!(cause(&error), registry_module::Error::Digest { .. }), "{error:?}");
    // Larger than any manifest, and something that is none.
    for body in [vec![b' '; 9 << 20], b"<html>".to_vec(), b"{}".to_vec()] {
        let server = Server::start(move |asked| match asked.path.as_str() {
            "/v2/" => answer(200, ""),
            _ => answer(200, body.clone()),
        });
        let error = open(&reference(&server.address, "a"), &anonymous()).unwrap_err();
        assert!(matches!(cause(&error), registry_module::Error::Protocol { .. }), "{error:?}");
    }
    // A layer that is another one.
    let served = Arc::clone(&sample);
    let server = Server::start(move |asked| {
        let given = registry(&served, asked);
        if asked.path.contains("/blobs/") && given.body.len() > 100_000 {
            return answer(200, noise(given.body.len()));
        }
        given
    });
    let image = open(&reference(&server.address, "a"), &anonymous()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("store")).unwrap();
    let error = store.import(&image, &reference(&server.address, "a"), &()).unwrap_err();
    assert!(chain(&error).contains("is corrupt"), "{}", chain(&error));
}

/// A registry that wants a token, and the service that gives it, in one.
fn with_token(sample: &Sample, asked: &Asked, address: &str, login: fn(&Asked) -> bool) -> Answer {
    if asked.path.starts_with("/token") {
        if !login(asked) {
            return answer(401, r#"{"errors":[{"message":"no"}]}"#);
        }
        return answer(200, r#"{"token":"let-me-in","expires_in":60}"#);
    }
    if asked.header("authorization") == "Bearer let-me-in" {
        return registry(sample, asked);
    }
    let challenge =
        format!(r#"Bearer realm="http://{address}/token",service="s",scope="repository:x:push""#);
    answer(401, "").with("www-authenticate", challenge)
}

fn token_server(login: fn(&Asked) -> bool) -> Server {
    let sample = Sample::new();
    Server::start(move |asked| {
        let address = asked.header("host").to_owned();
        with_token(&sample, asked, &address, login)
    })
}

#[test]
fn a_token_is_asked_for_with_what_is_known_and_for_pulling_only() {
    let anyone = token_server(|asked| asked.header("authorization").is_empty());
    let image = open(&reference(&anyone.address, "a/b"), &anonymous()).unwrap();
    layer_bytes(&image).unwrap();
    let asked = anyone.asked();
    let tokens: Vec<_> = asked.iter().filter(|asked| asked.path.starts_with("/token")).collect();
    assert_eq!(tokens.len(), 1, "one token serves the whole image");
    assert_eq!(tokens[0].path, "/token?scope=repository%3Aa%2Fb%3Apull&service=s");

    let directory = tempfile::tempdir().unwrap();
    let known = token_server(|asked| {
        asked.header("authorization") == format!("Basic {}", STANDARD.encode("me:hunter2"))
    });
    let error = open(&reference(&known.address, "a"), &anonymous()).unwrap_err();
    assert!(chain(&error).contains("no credentials were found"), "{}", chain(&error));
    let content = format!(
        r#"{{"auths":{{"{}":{{"auth":"{}"}}}}}}"#,
        known.address,
        STANDARD.encode("me:hunter2")
    );
    let files = auth_files(directory.path(), &content);
    open(&reference(&known.address, "a"), &options(files)).unwrap();
    let content = format!(
        r#"{{"auths":{{"{}":{{"auth":"{}"}}}}}}"#,
        known.address,
        STANDARD.encode("me:other")
    );
    let files = auth_files(directory.path(), &content);
    let error = open(&reference(&known.address, "a"), &options(files)).unwrap_err();
    assert!(chain(&error).contains("config.json' were used"), "{}", chain(&error));
    assert!(!format!("{error:?} {}", chain(&error)).contains("other"));
}

#[test]
fn an_identity_token_is_exchanged() {
    let server = token_server(|asked| {
        asked.method == "POST"
            && asked.body.contains("grant_type=refresh_token")
            && asked.body.contains("refresh_token=hunter2%2B")
            && asked.body.contains("scope=repository%3Aa%3Apull")
    });
    let directory = tempfile::tempdir().unwrap();
    let content = format!(
        r#"{{"auths":{{"{}":{{"auth":"{}","identitytoken":"hunter2+"}}}}}}"#,
        server.address,
        STANDARD.encode("00000000-0000-0000-0000-000000000000:")
    );
    let files = auth_files(directory.path(), &content);
    open(&reference(&server.address, "a"), &options(files)).unwrap();
}

#[test]
fn a_token_that_expires_meanwhile_is_renewed() {
    let sample = Arc::new(Sample::new());
    let served = Arc::clone(&sample);
    let count = AtomicUsize::new(0);
    let server = Server::start(move |asked| {
        // The first token is good for three requests.
        let address = asked.header("host").to_owned();
        if asked.path.starts_with("/token") {
            let number = count.fetch_add(1, Ordering::Relaxed);
            return answer(200, format!(r#"{{"access_token":"t{number}"}}"#));
        }
        let old = asked.header("authorization") == "Bearer t0";
        if asked.header("authorization").is_empty() || (old && asked.path.contains("/blobs/")) {
            let challenge = format!(r#"Bearer realm="http://{address}/token""#);
            return answer(401, "").with("www-authenticate", challenge);
        }
        registry(&served, asked)
    });
    let image = open(&reference(&server.address, "a"), &anonymous()).unwrap();
    assert_eq!(layer_bytes(&image).unwrap(), sample.layer());
}

#[test]
fn credentials_do_not_follow_to_another_host() {
    let sample = Arc::new(Sample::new());
    let served = Arc::clone(&sample);
    let storage = Server::start(move |asked| registry(&served, asked));
    // Another name of the same machine is another host.
    let elsewhere = storage.address.replace("127.0.0.1", "localhost");
    let served = Arc::clone(&sample);
    let server = Server::start(move |asked| {
        if asked.header("authorization").is_empty() {
            return answer(401, "").with("www-authenticate", "Basic realm=r");
        }
        if asked.path.contains("/blobs/") {
            return answer(307, "").with("location", format!("http://{elsewhere}{}", asked.path));
        }
        registry(&served, asked)
    });
    let directory = tempfile::tempdir().unwrap();
    let content = format!(
        r#"{{"auths":{{"{}":{{"auth":"{}"}}}}}}"#,
        server.address,
        STANDARD.encode("me:hunter2")
    );
    let files = auth_files(directory.path(), &content);
    let image = open(&reference(&server.address, "a"), &options(files)).unwrap();
    assert_eq!(layer_bytes(&image).unwrap(), sample.layer());
    assert!(!storage.asked().is_empty());
    assert!(storage.asked().iter().all(|asked| asked.header("authorization").is_empty()));
}

#[test]
fn redirects_without_end_are_ended() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/v2/" => answer(200, ""),
        path => answer(307, "").with("location", path.to_owned()),
    });
    let error = open(&reference(&server.address, "a"), &anonymous()).unwrap_err();
    assert!(chain(&error).contains("redirected more than 10 times"), "{}", chain(&error));
}

#[test]
fn a_helper_program_is_asked_for_its_registry() {
    let server = token_server(|asked| {
        asked.header("authorization") == format!("Basic {}", STANDARD.encode("helped:hunter2"))
    });
    let directory = tempfile::tempdir().unwrap();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = get ] || exit 2\nread -r server\n[ \"$server\" = {} ] || {{ echo credentials not found; exit 1; }}\nprintf '{{\"ServerURL\":\"%s\",\"Username\":\"helped\",\"Secret\":\"hunter2\"}}' \"$server\"\n",
        server.address
    );
    let program = directory.path().join("docker-credential-cofferdam-test");
    std::fs::write(&program, script).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, executable).unwrap();
    // The program is found by PATH, which a test cannot change for itself alone: the child of this
    // test is this test with another PATH.
    const CHILD: &str = "COFFERDAM_TEST_HELPER_REGISTRY";
    let content = format!(r#"{{"credHelpers":{{"{}":"cofferdam-test"}}}}"#, server.address);
    let files = auth_files(directory.path(), &content);
    if let Ok(address) = std::env::var(CHILD) {
        let path =
            std::path::PathBuf::from(std::env::var_os("COFFERDAM_TEST_HELPER_FILE").unwrap());
        let files = AuthFiles { files: vec![registry_module::AuthFile { path, required: true }] };
        open(&reference(&address, "a"), &options(files)).unwrap();
        return;
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "fake::a_helper_program_is_asked_for_its_registry"])
        .env("PATH", format!("{}:{path}", directory.path().display()))
        .env(CHILD, &server.address)
        .env("COFFERDAM_TEST_HELPER_FILE", &files.files[0].path)
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert!(server.asked().iter().any(|asked| asked.path.starts_with("/token")));
}
