//! System calls that an agent decides about.

use std::{
    io::IoSliceMut,
    mem::MaybeUninit,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::net::UnixListener,
    },
    process::Command,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg},
};
use serde_json::{Value, json};

use crate::bundle::{Bundle, Ran};

/// Takes one message with its descriptors.
fn receive(listener: &UnixListener) -> (Value, Vec<OwnedFd>) {
    // A container that does not start never connects.
    let mut watched = [PollFd::new(listener, PollFlags::IN)];
    let patience = Timespec { tv_sec: 30, tv_nsec: 0 };
    assert_eq!(poll(&mut watched, Some(&patience)), Ok(1), "the runtime connects");
    let (socket, _) = listener.accept().unwrap();
    let mut bytes = vec![0; 65536];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut slices = [IoSliceMut::new(&mut bytes)];
    let received = recvmsg(&socket, &mut slices, &mut ancillary, RecvFlags::CMSG_CLOEXEC).unwrap();
    let mut descriptors = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    (serde_json::from_slice(&bytes[..received.bytes]).unwrap(), descriptors)
}

fn asking(bundle: Bundle, no_new_privileges: bool, calls: &[&str]) -> Bundle {
    let socket = bundle.path("agent");
    bundle.with(json!({
        "annotations": {"org.example": "x"},
        "process": {"noNewPrivileges": no_new_privileges},
        "linux": {"seccomp": {
            "defaultAction": "SCMP_ACT_ALLOW",
            "listenerPath": socket,
            "listenerMetadata": "told",
            "syscalls": [{"names": calls, "action": "SCMP_ACT_NOTIFY"}]
        }}
    }))
}

#[test]
fn the_agent_gets_the_descriptor_and_the_state() {
    let Some(_) = Bundle::new() else { return };
    for (own_ids, no_new_privileges) in [(false, true), (false, false), (true, true)] {
        let mut bundle = Bundle::new().unwrap();
        if own_ids {
            bundle = bundle.own_ids();
        }
        // Also calls by which the descriptor could be handed over.
        let calls = ["mkdir", "mkdirat", "sendmsg", "sendto"];
        let bundle = asking(bundle, no_new_privileges, &calls);
        let listener = UnixListener::bind(bundle.path("agent")).unwrap();
        let command = bundle.command("mkdir /tmp/x; echo over");
        let running = std::thread::spawn(move || Ran::of(&mut { command }));
        let (told, descriptors) = receive(&listener);
        assert_eq!(descriptors.len(), 1);
        let link = std::fs::read_link(format!("/proc/self/fd/{}", descriptors[0].as_raw_fd()));
        assert!(link.unwrap().to_str().unwrap().contains("seccomp notify"));
        assert_eq!((&told["fds"], &told["metadata"]), (&json!(["seccompFd"]), &json!("told")));
        assert_eq!(told["state"]["status"], "creating");
        assert_eq!(told["state"]["annotations"]["org.example"], "x");
        assert_eq!(told["pid"], told["state"]["pid"]);
        let process = told["pid"].as_u64().unwrap();
        assert!(std::path::Path::new(&format!("/proc/{process}")).exists());
        // Without an agent that answers calls fail as if the kernel had them not.
        std::thread::sleep(std::time::Duration::from_millis(100));
        drop(descriptors);
        let ran = running.join().unwrap();
        assert!(ran.err.contains("Function not implemented"), "{ran:?}");
        assert_eq!((ran.code, ran.out.as_str()), (0, "over\n"), "{}", ran.err);
    }
}

#[test]
fn without_its_agent_a_container_does_not_start() {
    let Some(bundle) = Bundle::new() else { return };
    let bundle = asking(bundle, true, &["mkdir"]);
    let error = bundle.refusal();
    assert!(error.contains("seccomp agent") && error.contains("/agent'"), "{error}");
    let bundle = bundle.with(json!({"linux": {"seccomp": {"listenerPath": ""}}}));
    assert!(bundle.refusal().contains("/linux/seccomp/listenerPath"));
}

#[test]
fn a_created_container_has_told_its_agent_before_it_is_started() {
    let Some(bundle) = Bundle::new() else { return };
    let bundle = asking(bundle, true, &["mkdir"]);
    let listener = UnixListener::bind(bundle.path("agent")).unwrap();
    // Writes the configuration; the commands below are others.
    drop(bundle.command("echo ran"));
    let runtime = |arguments: &[&str]| {
        let mut command = Command::new("timeout");
        command
            .arg("30")
            .arg(env!("CARGO_BIN_EXE_cofferdam-runtime"))
            .arg("--root")
            .arg(bundle.path("state"));
        command.args(arguments).status().unwrap().success()
    };
    let id = format!("agent-{}", std::process::id());
    let directory = bundle.path("");
    std::thread::scope(|scope| {
        let told = scope.spawn(|| receive(&listener));
        assert!(runtime(&["create", "--bundle", directory.to_str().unwrap(), &id]));
        let (state, descriptors) = told.join().unwrap();
        assert_eq!(state["state"]["id"], id.as_str());
        drop(descriptors);
        assert!(runtime(&["start", &id]));
    });
    assert!(runtime(&["delete", "--force", &id]));
}
