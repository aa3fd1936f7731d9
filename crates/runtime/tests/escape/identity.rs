//! Users and groups that mean something else than they say: CVE-2016-3697 (a name that is a
//! number), CVE-2024-40635 and CVE-2026-46680 (ids that overflow), CVE-2023-25173 (groups that a
//! container gets by itself).

use std::{fs, path::Path, process::Command};

use cofferdam_runtime::user;
use cofferdam_sys::root::Root;
use serde_json::json;

use crate::{
    bundle::{Bundle, Ran},
    machine::{Caller, Place, callers, is_there},
    managed::{Managed, as_engines_do},
};

#[test]
fn ids_that_overflow_are_refused() {
    let Some(_) = Bundle::new() else { return };
    let largest = u64::from(u32::MAX);
    for odd in [
        json!(-1),
        json!(largest),
        json!(largest + 1),
        json!(u64::MAX),
        json!(1e10),
        json!(0.5),
        json!("0"),
        json!(""),
        json!([0]),
    ] {
        for field in ["uid", "gid"] {
            let bundle = Bundle::new().unwrap();
            bundle.with(json!({"process": {"user": {field: odd}}})).refusal();
        }
        let bundle = Bundle::new().unwrap();
        bundle.with(json!({"process": {"user": {"additionalGids": [odd]}}})).refusal();
        // In a map they would stand for an id of this machine.
        let bundle = Bundle::new().unwrap().own_ids();
        let map = json!([{"containerID": 0, "hostID": odd, "size": 1}]);
        bundle.with(json!({"linux": {"uidMappings": map, "gidMappings": map}})).refusal();
    }
    for (container, host, size) in
        [(0, largest - 1, 10), (0, 5, largest + 1), (0, 5, 0), (largest, 5, 1), (1, 5, 10)]
    {
        let map = json!([{"containerID": container, "hostID": host, "size": size}]);
        let bundle = Bundle::new().unwrap().own_ids();
        bundle.with(json!({"linux": {"uidMappings": map}})).refusal();
    }
}

#[test]
fn no_odd_user_becomes_root_by_exec() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let spec = match caller {
            Caller::Root => as_engines_do(&place, &["sleep", "60"]),
            _ => place.spec(&caller, &place.request(&["sleep", "60"])),
        };
        let container = Managed::new(&place, &caller, &spec);
        container.create();
        container.start();
        for odd in
            ["-1", "+0", "0x0", "4294967295", "4294967296", " 0", "0 ", "00x", "root", "0:", "0:-1"]
        {
            let ran = container.ask(&["exec", "--user", odd, &container.id, "id", "-u"]);
            assert_eq!((ran.code, ran.stdout.as_str()), (125, ""), "{}: {odd:?}", caller.name());
        }
    }
}

/// An image's passwd cannot make a number mean another id, nor a text mean root.
#[test]
fn a_name_that_is_a_number_is_that_number() {
    let Some(place) = Place::new() else { return };
    let lines = "root:x:0:0::/root:/bin/sh\n1000:x:0:0::/:/bin/sh\n4294967296:x:0:0::/:/bin/sh\n\
                 app:x:4294967295:0::/:/bin/sh\nfar:x:4294967296:0::/:/bin/sh\n\
                 minus:x:-1:0::/:/bin/sh\n:x:0:0::/:/bin/sh\n";
    fs::write(place.root().join("etc/passwd"), lines).unwrap();
    let root = Root::open(&place.root()).unwrap();
    assert_eq!(user::resolve(&root, "1000").unwrap().user, 1000);
    for odd in [
        "4294967295",
        "4294967296",
        "18446744073709551616",
        "app",
        "far",
        "minus",
        "-1",
        "+0",
        "0x0",
        "1000:4294967295",
        "1000:-1",
        ":",
        ":0",
        "\u{200b}",
        "root\0",
        "root\n",
    ] {
        let found = user::resolve(&root, odd);
        assert!(found.is_err(), "{odd:?}: {found:?}");
    }
}

/// Root's own groups, and those that a container is given.
#[test]
fn groups_are_those_of_the_configuration() {
    let Some(bundle) = Bundle::new() else { return };
    if !is_there("setpriv") {
        eprintln!("skipped: no setpriv");
        return;
    }
    for (given, wanted) in [(json!([]), "Groups:\t \n"), (json!([7, 3000]), "Groups:\t7 3000 \n")] {
        let bundle = Bundle::new().unwrap();
        let bundle = bundle.with(json!({"process": {"user": {"additionalGids": given}}}));
        let inner = bundle.command("grep ^Groups /proc/self/status");
        let mut command = Command::new("setpriv");
        command.args(["--groups", "4242,4243", "--"]).arg(inner.get_program());
        command.args(inner.get_args()).current_dir(Path::new("/"));
        let ran = Ran::of(&mut command);
        assert_eq!((ran.code, ran.out.as_str()), (0, wanted), "{}", ran.err);
    }
    drop(bundle);
}
