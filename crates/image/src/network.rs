//! How anything is fetched over a network: one kind of client, with the same caution everywhere.

use std::{net::IpAddr, time::Duration};

use reqwest::{Client, redirect};
use tokio::runtime::Runtime;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// No certificate authority is trusted on this machine.
    #[error("no trusted certificates were found on this machine, so that TLS is impossible")]
    NoCertificates,
    /// Something of this machine.
    #[error("no connection can be prepared")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What a client has to reach and how long it waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// On this machine: no proxy is asked.
    pub(crate) loopback: bool,
    /// By TLS; then the machine has to trust some certificate authority.
    pub(crate) secure: bool,
    pub(crate) connect_timeout: Duration,
    /// Between two pieces of an answer.
    pub(crate) read_timeout: Duration,
}

/// A client, and what its requests have to be made in.
pub(crate) fn client(wanted: Wanted) -> Result<(Runtime, Client), ClientError> {
    // Only the first of the process counts; the others are the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| ClientError::Other(Box::new(error)))?;
    let build = |certificates: bool| {
        let mut builder = Client::builder()
            .user_agent(concat!("cofferdam/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(wanted.connect_timeout)
            .read_timeout(wanted.read_timeout)
            .redirect(redirect::Policy::custom(follow));
        if wanted.loopback {
            builder = builder.no_proxy();
        }
        if !certificates {
            builder = builder.tls_certs_only([]);
        }
        builder.build()
    };
    let client = match build(true) {
        Err(_) if !wanted.secure => build(false),
        result => result,
    }
    .map_err(|error| {
        if chain(&error).contains("No CA certificates") {
            return ClientError::NoCertificates;
        }
        ClientError::Other(Box::new(error.without_url()))
    })?;
    Ok((runtime, client))
}

/// At most ten redirects, and none from TLS to clear text. Credentials do not follow to another
/// host: the client removes them.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let from_tls = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
    if from_tls && attempt.url().scheme() != "https" {
        return attempt.error("redirected from TLS to clear text");
    }
    if attempt.previous().len() > 10 {
        return attempt.error("redirected more than 10 times");
    }
    attempt.follow()
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

/// Whether `authority` (`host` or `host:port`) is this machine.
pub(crate) fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.split(':').next().unwrap_or(authority),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for yes in ["localhost", "localhost:5000", "127.0.0.1:80", "127.9.9.9", "[::1]:5000"] {
            assert!(is_loopback(yes), "{yes}");
        }
        for no in ["localhost.example.com", "128.0.0.1", "[::2]:80", "docker.io", "10.0.0.1:5000"] {
            assert!(!is_loopback(no), "{no}");
        }
    }
}
