//! The system-call filter (config-linux.md, seccomp).

use std::path::{Path, PathBuf};

use cofferdam_oci::runtime::{Action, Seccomp, SeccompFlag, Spec};
use cofferdam_sys::seccomp::{Arch, Flags, compile_set};

use super::{Filter, GivenUp, Listener};
use crate::{error::Error, id::ContainerId, profile};

const FIELD: &str = "/linux/seccomp";
/// Longest address of a Unix socket, in bytes.
const SOCKET_PATH: usize = 107;

/// Compiles the filter of a configuration; names that no call has are told in `given_up`.
pub(super) fn plan(
    id: &ContainerId,
    spec: &Spec,
    bundle: &Path,
    given_up: &mut Vec<GivenUp>,
) -> Result<Option<Filter>, Error> {
    let seccomp = spec.linux.as_ref().and_then(|linux| linux.seccomp.as_ref());
    let Some(seccomp) = seccomp else { return Ok(None) };
    let arch = Arch::host();
    let arch = arch.ok_or_else(|| Error::configuration(FIELD, "not on this architecture yet"))?;
    let wrong = |error: &dyn std::error::Error| Error::configuration(FIELD, error.to_string());
    let conversion = profile::to_policy(seccomp, arch).map_err(|error| wrong(&error))?;
    let unknown = conversion.unknown.clone();
    let program = compile_set(&conversion.into_set(arch)).map_err(|error| wrong(&error))?;
    if !unknown.is_empty() {
        let what = format!("rules for the calls {}", unknown.join(", "));
        given_up.push(GivenUp::new(what, "no call of this name is known"));
    }
    let flags = seccomp.flags.iter().fold(Flags::NONE, |flags, flag| flags | self::flag(*flag));
    let listener = listener(id, spec, seccomp, bundle)?;
    Ok(Some(Filter { program, flags, listener, unknown }))
}

const fn flag(flag: SeccompFlag) -> Flags {
    match flag {
        SeccompFlag::Tsync => Flags::ALL_THREADS,
        SeccompFlag::Log => Flags::LOG,
        SeccompFlag::SpecAllow => Flags::ALLOW_SPECULATION,
        SeccompFlag::WaitKillableRecv => Flags::WAIT_KILLABLE,
    }
}

fn listener(
    id: &ContainerId,
    spec: &Spec,
    seccomp: &Seccomp,
    bundle: &Path,
) -> Result<Option<Listener>, Error> {
    let asks = seccomp.default_action == Action::Notify
        || seccomp.syscalls.iter().any(|rule| rule.action == Action::Notify);
    let path = &seccomp.listener_path;
    let field = |name: &str| format!("{FIELD}/{name}");
    if path.is_empty() {
        if asks {
            let why = "SCMP_ACT_NOTIFY asks an agent, and none is named";
            return Err(Error::configuration(field("listenerPath"), why));
        }
        if !seccomp.listener_metadata.is_empty() {
            let why = "there is no listenerPath of an agent that it could go to";
            return Err(Error::configuration(field("listenerMetadata"), why));
        }
        return Ok(None);
    }
    if !asks {
        // Nothing ever comes up that the agent could decide.
        return Ok(None);
    }
    if !path.starts_with('/') || path.len() > SOCKET_PATH || path.contains('\0') {
        let why = format!("'{path}' is no absolute path of at most {SOCKET_PATH} bytes");
        return Err(Error::configuration(field("listenerPath"), why));
    }
    if spec.annotations.get(super::annotation::INIT).is_some_and(|value| value == "true") {
        let why = "an agent cannot be asked about a container with an init process of ours";
        return Err(Error::configuration(field("listenerPath"), why));
    }
    Ok(Some(Listener {
        path: PathBuf::from(path),
        metadata: seccomp.listener_metadata.clone(),
        state: serde_json::json!({
            "ociVersion": cofferdam_oci::runtime::VERSION,
            "id": id.as_str(),
            "bundle": bundle,
            "annotations": spec.annotations,
        }),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(default_action: Action, path: &str, metadata: &str) -> Result<(), String> {
        let seccomp = Seccomp {
            default_action,
            default_errno_ret: None,
            architectures: Vec::new(),
            flags: Vec::new(),
            listener_path: path.into(),
            listener_metadata: metadata.into(),
            syscalls: Vec::new(),
        };
        let id = "x".parse().unwrap();
        let result = listener(&id, &Spec::default(), &seccomp, Path::new("/b"));
        result.map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn an_agent_and_questions_for_it_need_each_other() {
        assert!(planned(Action::Notify, "/run/agent", "x").is_ok());
        assert!(planned(Action::Allow, "", "").is_ok());
        assert!(planned(Action::Allow, "/run/agent", "x").is_ok());
        for (action, path, metadata, field) in [
            (Action::Notify, "", "", "listenerPath"),
            (Action::Allow, "", "x", "listenerMetadata"),
            (Action::Notify, "agent", "", "listenerPath"),
            (Action::Notify, &format!("/{}", "x".repeat(107)), "", "listenerPath"),
        ] {
            let error = planned(action, path, metadata).unwrap_err();
            assert!(error.contains(field), "{error}");
        }
    }
}
