//! Credential plugins (`client.authentication.k8s.io`): a program of the kubeconfig's choice, which is
//! run only where the user says so.

use std::{
    io::Read as _,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde::Deserialize;
use serde_json::json;

use super::{
    error::LiveError,
    kubeconfig::{Cluster, Exec},
};

/// Time that a plugin has: some wait for a person at a browser.
const TIME_LIMIT: Duration = Duration::from_secs(300);
/// Bytes that are read of what it says.
const SIZE_LIMIT: u64 = 1 << 20;

/// What a plugin gave.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Credential {
    pub(super) token: Option<String>,
    pub(super) client_certificate_data: Option<String>,
    pub(super) client_key_data: Option<String>,
}

#[derive(Deserialize)]
struct ExecCredential {
    status: Option<Credential>,
}

/// Runs the plugin and reads what it says.
pub(super) fn credential(exec: &Exec, cluster: &Cluster) -> Result<Credential, LiveError> {
    let failed = |why: String| LiveError::Exec { command: exec.command.clone(), why };
    let mut command = Command::new(&exec.command);
    command.args(&exec.args).stdin(Stdio::null()).stdout(Stdio::piped());
    command.env("KUBERNETES_EXEC_INFO", info(exec, cluster).to_string());
    for variable in &exec.env {
        command.env(&variable.name, &variable.value);
    }
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let output = child.stdout.take();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = output.map(|output| output.take(SIZE_LIMIT).read_to_end(&mut bytes));
        let _ = sender.send(read.transpose().map(|_| bytes));
    });
    let read = receiver.recv_timeout(TIME_LIMIT);
    if read.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    let bytes = read
        .map_err(|_| failed(format!("it took more than {} seconds", TIME_LIMIT.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        return Err(failed(status.to_string()));
    }
    // What it said may hold a token: it is not repeated.
    let answer: ExecCredential = serde_json::from_slice(&bytes)
        .map_err(|_| failed("it did not write an ExecCredential".to_owned()))?;
    answer.status.ok_or_else(|| failed("its ExecCredential has no status".to_owned()))
}

fn info(exec: &Exec, cluster: &Cluster) -> serde_json::Value {
    let mut spec = json!({ "interactive": false });
    if exec.provide_cluster_info {
        spec["cluster"] = json!({
            "server": cluster.server,
            "certificate-authority-data": cluster.certificate_authority_data,
        });
    }
    json!({ "apiVersion": exec.api_version, "kind": "ExecCredential", "spec": spec })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Exec {
        Exec { command: "sh".into(), args: vec!["-c".into(), script.into()], ..Exec::default() }
    }

    #[test]
    fn a_plugin_gives_a_token_and_hears_what_is_wanted() {
        let script = r#"case $KUBERNETES_EXEC_INFO in *ExecCredential*) printf '{"status": {"token": "t"}}' ;; esac"#;
        let credential = credential(&shell(script), &Cluster::default()).unwrap();
        assert_eq!(credential.token.as_deref(), Some("t"));
    }

    #[test]
    fn a_plugin_that_fails_is_an_error_without_what_it_wrote() {
        for script in ["exit 3", "echo secret", "echo '{}'"] {
            let error = credential(&shell(script), &Cluster::default()).err().unwrap().to_string();
            assert!(error.starts_with("could not get credentials from the program 'sh'"));
            assert!(!error.contains("secret"));
        }
    }
}
