//! Calls by other conventions than the processor's native one (config-linux.md, seccomp,
//! architectures), made for real by a program of a few instructions.
#![cfg(target_arch = "x86_64")]

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::{Value, json};

use crate::bundle::Bundle;

/// Ended by SIGSYS.
const KILLED: i32 = 128 + 31;
/// Says that the call before it has come back.
const CAME_BACK: i32 = 7;

/// exit_group(42) as i386 programs call it, which 64-bit programs can too.
const I386: [u8; 12] = [0xb8, 252, 0, 0, 0, 0xbb, 42, 0, 0, 0, 0xcd, 0x80];
/// exit_group(43) as x32 programs call it.
const X32: [u8; 12] = [0xb8, 231, 0, 0, 0x40, 0xbf, 43, 0, 0, 0, 0x0f, 0x05];
/// exit(7).
const NATIVE: [u8; 12] = [0xb8, 60, 0, 0, 0, 0xbf, 7, 0, 0, 0, 0x0f, 0x05];

/// A program (ELF, 64 bits, one segment) that runs `code` and then the native exit.
fn program(code: &[u8]) -> Vec<u8> {
    const BASE: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    let code = [code, &NATIVE].concat();
    let size = HEADERS + code.len() as u64;
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for half in [2_u16, 62] {
        file.extend(half.to_le_bytes());
    }
    file.extend(1_u32.to_le_bytes());
    for word in [BASE + HEADERS, 64, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend(0_u32.to_le_bytes());
    for half in [64_u16, 56, 1, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    // To be loaded, read and executed.
    file.extend(1_u32.to_le_bytes());
    file.extend(5_u32.to_le_bytes());
    for word in [0, BASE, BASE, size, size, 0x1000] {
        file.extend(word.to_le_bytes());
    }
    file.extend(code);
    file
}

/// How the program ends under a filter that allows all but what is said.
fn ends(code: &[u8], architectures: Value, syscalls: Value) -> Option<i32> {
    let bundle = Bundle::new()?.with(json!({
        "process": {"args": ["/bin/calls"]},
        "linux": {"seccomp": {
            "defaultAction": "SCMP_ACT_ALLOW", "architectures": architectures, "syscalls": syscalls
        }}
    }));
    let file = bundle.root().join("bin/calls");
    fs::write(&file, program(code)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    Some(bundle.run("").code)
}

/// Whether the kernel runs i386 calls of 64-bit programs at all; says so if not.
fn runs_i386_calls() -> bool {
    let listed = json!(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
    match ends(&I386, listed, json!([])) {
        Some(42) => true,
        Some(ended) => {
            eprintln!("skipped: this kernel runs no i386 calls ({ended})");
            false
        }
        None => false,
    }
}

#[test]
fn conventions_that_are_not_listed_end_the_process() {
    if !runs_i386_calls() {
        return;
    }
    for code in [&I386, &X32] {
        for architectures in [json!([]), json!(["SCMP_ARCH_X86_64"])] {
            let ended = ends(code, architectures.clone(), json!([]));
            assert_eq!(ended, Some(KILLED), "{architectures}");
        }
    }
    assert_eq!(ends(&[], json!([]), json!([])), Some(CAME_BACK));
    // One that is listed says nothing of the other.
    assert_eq!(ends(&X32, json!(["SCMP_ARCH_X86"]), json!([])), Some(KILLED));
    assert_eq!(ends(&I386, json!(["SCMP_ARCH_X32"]), json!([])), Some(KILLED));
}

#[test]
fn calls_of_a_listed_convention_are_filtered_by_their_own_numbers() {
    if !runs_i386_calls() {
        return;
    }
    let listed = json!(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
    let refused = json!([{"names": ["exit_group"], "action": "SCMP_ACT_ERRNO"}]);
    assert_eq!(ends(&I386, listed.clone(), refused), Some(CAME_BACK));
    // Number 252 is another call by the native convention, and 231 one by i386's.
    for name in ["ioprio_get", "fgetxattr"] {
        let other = json!([{"names": [name], "action": "SCMP_ACT_KILL_PROCESS"}]);
        assert_eq!(ends(&I386, listed.clone(), other.clone()), Some(42), "{name}");
        assert_eq!(ends(&[], listed.clone(), other), Some(CAME_BACK), "{name}");
    }
    let killed = json!([{"names": ["exit_group"], "action": "SCMP_ACT_KILL_PROCESS"}]);
    assert_eq!(ends(&X32, listed.clone(), killed), Some(KILLED));
    // Allowed, it ends the program, or is not there in this kernel.
    let ended = ends(&X32, listed, json!([])).unwrap();
    assert!(ended == 43 || ended == CAME_BACK, "{ended}");
}
