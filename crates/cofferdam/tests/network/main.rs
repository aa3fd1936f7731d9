//! Networks of `cofferdam run`, on a machine of each test's own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod machine;

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use machine::{FAR, FAR_OTHER, FAR_V6, Machine, NEAR, NEAR_V6, skip};
use rustix::process::{Pid, Signal, kill_process};

/// What a container does to see what a service says; an empty answer is none.
fn asks(address: &str, port: u16) -> String {
    format!("/bin/busybox nc -w 20 {address} {port} </dev/null || echo unreachable;")
}

#[test]
fn without_a_network_there_is_loopback_alone() {
    let Some(machine) = Machine::new() else { return };
    let (status, told, _) = machine.run(&[], "/bin/busybox ip -o link");
    assert_eq!((status, told.lines().count()), (0, 1), "{told}");
    let devices = machine.inside(|| fs::read_to_string("/proc/thread-self/net/dev").unwrap());
    assert!(!devices.contains("cfd"), "{devices}");
}

#[test]
fn a_container_on_a_bridge_reaches_out_but_not_this_machine() {
    let Some(machine) = Machine::new() else { return };
    machine.far_service("::", 8000);
    machine.near_service("::", 8000);
    let script = [asks(FAR, 8000), asks(FAR_V6, 8000), asks("10.209.0.1", 8000)].concat();
    // Packets of this machine's for the container vanish on the way: not waited for that long.
    let script = script.replace("-w 20 10.209.0.1", "-w 2 10.209.0.1");
    let (status, told, why) = machine.run(&["--network", "bridge"], &script);
    // To the others it is this machine.
    let wanted = format!("you are ::ffff:{NEAR}\nyou are {NEAR_V6}\nunreachable\n");
    assert_eq!((status, told), (0, wanted), "{why}");
    // Nothing is left.
    let left = machine.inside(|| {
        let devices = fs::read_to_string("/proc/thread-self/net/dev").unwrap();
        let kept = fs::read_dir("/run/cofferdam/networks").unwrap().count();
        (devices.contains("cfd"), kept)
    });
    assert_eq!(left, (false, 1), "the lock alone");
}

#[test]
fn published_ports_lead_into_the_container_from_everywhere() {
    let Some(machine) = Machine::new() else { return };
    let options = ["-p", "8080:80", "-p", "127.0.0.1:8081:80"];
    let served = machine.serve(&options, "");
    for (address, port) in [("127.0.0.1", 8080), (NEAR, 8080), (NEAR_V6, 8080), ("127.0.0.1", 8081)]
    {
        let page = machine.ask(address, port).unwrap();
        assert!(page.ends_with("the page\n"), "{address} {port}: {page}");
    }
    for address in [NEAR, NEAR_V6] {
        let page = machine.ask_from_far(address, 8080).unwrap();
        assert!(page.ends_with("the page\n"), "{address}: {page}");
        assert!(machine.ask_from_far(address, 8081).is_err(), "only on loopback");
    }
    // Nobody else gets the port.
    let (status, _, why) = machine.run(&["-p", "8080:81"], "true");
    assert_eq!(status, 125, "{why}");
    assert!(why.contains("port 8080:81/tcp"), "{why}");
    drop(served);
    assert!(machine.ask(NEAR, 8080).is_err());
}

#[test]
fn containers_reach_one_another_only_on_a_network_with_a_name() {
    let Some(machine) = Machine::new() else { return };
    for (network, other, reached) in [
        ("bridge", "bridge", false),
        ("bridge:a", "bridge:a", true),
        ("bridge:a", "bridge:b", false),
        ("bridge:a", "bridge", false),
    ] {
        let served = machine.serve(&["--network", network], "/bin/busybox ip -o addr show eth0");
        for start in ["10.209.", "fd"] {
            let address = served.address(start);
            let script = format!(
                "printf 'GET /page HTTP/1.0\\r\\n\\r\\n' | /bin/busybox nc -w 3 {address} 80"
            );
            let (_, told, why) = machine.run(&["--network", other], &script);
            assert_eq!(told.contains("the page"), reached, "{network} {other} {address}: {why}");
        }
    }
}

#[test]
fn only_what_is_allowed_is_reached_and_the_rest_is_told() {
    let Some(machine) = Machine::new() else { return };
    for address in [FAR, FAR_OTHER, FAR_V6] {
        machine.far_service(address, 8000);
    }
    let script =
        [asks(FAR, 8000), asks(FAR_OTHER, 8000), asks(FAR_V6, 8000), asks("169.254.169.254", 80)]
            .concat();
    let options = ["--egress", "192.0.2.1:8000", "--egress", "[2001:db8::/64]:8000"];
    let (status, told, why) = machine.run(&options, &script);
    let wanted = format!("you are {NEAR}\nunreachable\nyou are {NEAR_V6}\nunreachable\n");
    assert_eq!((status, told), (0, wanted), "{why}");
    for wanted in ["refused to the container:", "tcp 192.0.2.9:8000 (", "tcp 169.254.169.254:80 ("]
    {
        assert!(why.contains(wanted), "{why}");
    }
    assert!(!why.contains("192.0.2.1:"), "{why}");
}

#[test]
fn a_name_is_followed_and_no_other_name_is_looked_up() {
    let Some(machine) = Machine::new() else { return };
    machine.far_service(FAR, 8000);
    machine.name_server("web.example", FAR);
    let look = |name: &str| {
        format!("/bin/busybox nslookup {name} 2>&1 | grep -o 'REFUSED\\|NXDOMAIN\\|192.0.2.1' | /bin/busybox sort -u;")
            .replace("| grep", "| /bin/busybox grep")
    };
    let before = asks(FAR, 8000);
    let script = [
        &before,
        &look("web.example"),
        &before,
        &look("evil.web.example"),
        "/bin/busybox cat /etc/resolv.conf",
    ]
    .concat();
    let options = ["--dns", "127.0.0.1", "--egress", "web.example:8000"];
    let (status, told, why) = machine.run(&options, &script);
    let wanted =
        format!("unreachable\n192.0.2.1\nyou are {NEAR}\nREFUSED\nnameserver 127.0.0.53\n");
    assert_eq!((status, told), (0, wanted), "{why}");
    assert!(
        why.contains("name evil.web.example (") && why.contains("tcp 192.0.2.1:8000 ("),
        "{why}"
    );
}

#[test]
fn servers_on_loopback_answer_a_container_without_rules() {
    let Some(machine) = Machine::new() else { return };
    machine.name_server("web.example", "192.0.2.77");
    let script = "/bin/busybox nslookup web.example 2>&1 | /bin/busybox grep -c 192.0.2.77";
    let (status, told, why) = machine.run(&["--dns", "127.0.0.1"], script);
    assert_eq!((status, told.as_str()), (0, "1\n"), "{why}");
}

#[test]
fn a_container_knows_its_own_address_and_its_hosts() {
    let Some(machine) = Machine::new() else { return };
    let options = ["--network", "bridge", "--hostname", "web", "--dns", "192.0.2.53"];
    let script = "/bin/busybox cat /etc/hosts /etc/resolv.conf; echo x >/etc/hosts";
    let more = ["--add-host", "db:192.0.2.7"];
    let (status, told, why) = machine.run(&[&options[..], &more].concat(), script);
    for wanted in ["10.209.0.2 web\n", "192.0.2.7 db\n", "nameserver 192.0.2.53\n"] {
        assert!(told.contains(wanted), "{told}");
    }
    assert!(status != 0 && why.contains("Read-only"), "{why}");
}

#[test]
fn a_container_in_the_background_keeps_its_network_until_it_ends() {
    let Some(machine) = Machine::new() else { return };
    machine.far_service(FAR, 8000);
    let script = format!(
        "{} /bin/busybox httpd -p [::]:80 -h /etc; exec /bin/busybox sleep 1000",
        asks(FAR, 8000)
    );
    let options = ["run", "-d", "--name", "web", "-p", "8080:80", "--egress", "192.0.2.9:1"];
    machine.must(&[&options[..], &["--rootfs", "root", "--", "/bin/sh", "-c", &script]].concat());
    let start = std::time::Instant::now();
    let page = loop {
        match machine.ask(NEAR, 8080) {
            Ok(page) if page.ends_with("the page\n") => break page,
            _ if start.elapsed() > machine::PATIENCE => break String::new(),
            _ => std::thread::sleep(std::time::Duration::from_millis(50)),
        }
    };
    assert!(page.ends_with("the page\n"), "{page}");
    machine.must(&["stop", "-t", "0", "web"]);
    let kept = machine.inside(|| {
        let refused = fs::read_to_string("/run/cofferdam/records/web/refused.json").unwrap();
        let devices = fs::read_to_string("/proc/thread-self/net/dev").unwrap();
        (refused.contains("\"192.0.2.1\""), devices.contains("cfd"))
    });
    assert_eq!(kept, (true, false), "what was refused is kept, and the network is gone");
    machine.must(&["rm", "web"]);
}

#[test]
fn what_a_killed_run_leaves_is_no_hindrance_to_the_next() {
    let Some(machine) = Machine::new() else { return };
    let mut served = machine.serve(&["--name", "first", "-p", "8080:80"], "");
    let keepers = Command::new("pgrep").args(["-P", &served.child.id().to_string()]).output();
    let Ok(keepers) = keepers else {
        skip::<()>("no pgrep, which Debian has in package 'procps'");
        return;
    };
    // All at once: the run, its keeper, the runtime.
    let all = String::from_utf8(keepers.stdout).unwrap();
    let all = all.lines().map(|pid| pid.parse::<i32>().unwrap());
    for pid in all.chain([served.child.id().try_into().unwrap()]) {
        let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
    }
    served.child.wait().unwrap();
    let left = machine.inside(|| fs::read_to_string("/run/cofferdam/networks/_.json").unwrap());
    assert!(left.contains("first"), "{left}");
    // The container ends with its runtime, and has its address until then.
    let start = std::time::Instant::now();
    while machine.run(&["-p", "8080:80"], "true").0 != 0 && start.elapsed() < machine::PATIENCE {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let second = machine.serve(&["--name", "second", "-p", "8080:80"], "");
    assert!(machine.ask(NEAR, 8080).unwrap().ends_with("the page\n"));
    let left = machine.inside(|| fs::read_to_string("/run/cofferdam/networks/_.json").unwrap());
    assert!(!left.contains("first"), "{left}");
    drop(second);
}

#[test]
fn rules_that_are_there_already_are_left_alone() {
    let Some(machine) = Machine::new() else { return };
    machine.far_service(FAR, 8000);
    let rules = "table ip nat {
        chain a {\n type nat hook prerouting priority dstnat\n }
        chain b {\n type nat hook postrouting priority srcnat\n counter masquerade\n }
    }\n";
    fs::write(machine.path().join("rules"), rules).unwrap();
    let file = machine.path().join("rules");
    let nft = machine.inside(move || Command::new("nft").arg("-f").arg(file).status());
    if !nft.is_ok_and(|status| status.success()) {
        skip::<()>("no nft, or no NAT");
        return;
    }
    let (status, told, why) = machine.run(&["--network", "bridge"], &asks(FAR, 8000));
    assert_eq!((status, told), (0, format!("you are {NEAR}\n")), "{why}");
    let after = machine.inside(|| Command::new("nft").args(["list", "tables"]).output().unwrap());
    assert_eq!(String::from_utf8(after.stdout).unwrap(), "table ip nat\n");
}

#[test]
fn without_its_network_a_container_does_not_start() {
    let Some(machine) = Machine::new() else { return };
    // A file of addresses that makes no sense, as an egress firewall that cannot be placed.
    machine.inside(|| {
        fs::create_dir_all("/run/cofferdam/networks").unwrap();
        fs::set_permissions("/run/cofferdam", fs::Permissions::from_mode(0o700)).unwrap();
        fs::write("/run/cofferdam/networks/_.json", "{").unwrap();
    });
    let (status, told, why) = machine.run(&["--network", "bridge"], "echo started");
    assert_eq!((status, told.as_str()), (125, ""), "{why}");
    assert!(why.contains("networks/_.json"), "{why}");
}

#[test]
fn options_that_make_no_sense_together_are_refused() {
    let Some(machine) = Machine::new() else { return };
    for (options, wanted) in [
        (&["--network", "none", "-p", "80:80"][..], "could not use --publish"),
        (&["--network", "none", "--egress", "192.0.2.1:80"], "could not use --publish"),
        (&["--network", "host"], "could not use this machine's network"),
        (&["--network", "host", "--userns", "host", "--egress", "deny"], "could not use --publish"),
        (&["--network", "bridge:UP"], "is wanted after 'bridge:'"),
        (&["--egress", "example.org"], "a port is missing"),
        (&["-p", "80"], "is not [ADDRESS:]PORT:PORT"),
    ] {
        let (status, told, why) = machine.run(options, "echo started");
        assert!(matches!(status, 2 | 125) && told.is_empty(), "{options:?}: {status} {told}");
        assert!(why.contains(wanted), "{options:?}: {why}");
    }
}

#[test]
fn a_dry_run_shows_the_network_and_its_firewall() {
    let Some(machine) = Machine::new() else { return };
    let options = ["--dry-run", "-p", "8080:80", "--egress", "example.org:443"];
    let (status, told, why) = machine.run(&options, "true");
    assert_eq!(status, 0, "{why}");
    for wanted in [
        "network bridge, apart from other containers\n",
        "publish 8080:80/tcp\n",
        "reach example.org:443/tcp\n",
        "ip daddr @name0-v4 meta l4proto tcp th dport 443 accept\n",
    ] {
        assert!(told.contains(wanted), "{told}");
    }
}

#[test]
fn a_directorys_file_decides_nothing_about_networks() {
    let Some(machine) = Machine::new() else { return };
    for setting in ["network = \"host\"", "egress = \"deny\""] {
        fs::write(machine.path().join("cofferdam.toml"), format!("[run]\n{setting}\n")).unwrap();
        let (status, told, why) = machine.run(&[], "echo started");
        assert!(status != 0 && told.is_empty() && why.contains("cofferdam.toml"), "{why}");
    }
}

#[test]
fn an_ordinary_user_gets_a_network_from_pasta() {
    let Some(machine) = Machine::new() else { return };
    if cofferdam_network::pasta::program().is_none() {
        skip::<()>("no pasta, which Debian has in package 'passt'");
        return;
    }
    // Some machines have the device for root alone.
    let device = machine.inside(|| {
        let mode = fs::Permissions::from_mode(0o666);
        fs::metadata("/dev/net/tun").and_then(|_| {
            let nothing: Option<&std::ffi::CStr> = None;
            let flags = rustix::mount::MountFlags::empty();
            rustix::mount::mount("tmpfs", "/dev/net", "tmpfs", flags, nothing)?;
            let number = rustix::fs::makedev(10, 200);
            let kind = rustix::fs::FileType::CharacterDevice;
            let at = rustix::fs::CWD;
            rustix::fs::mknodat(at, "/dev/net/tun", kind, 0o666.into(), number)?;
            fs::set_permissions("/dev/net/tun", mode)
        })
    });
    if let Err(error) = device {
        skip::<()>(&format!("no /dev/net/tun: {error}"));
        return;
    }
    machine.far_service(FAR, 8000);
    machine.far_service(FAR_OTHER, 8000);
    let chowned = Command::new("chown").args(["-hR", "1000:1000"]).arg(machine.path()).status();
    assert!(chowned.unwrap().success());
    // Some versions of pasta pass the end of a connection on late or never, and what was said before
    // it again and again: it is not waited for.
    let bounded = |address| {
        let ask = format!("/bin/busybox nc {address} 8000 </dev/null");
        format!("echo asking {address}; /bin/busybox timeout 10 {ask} || echo ended;")
    };
    let script = [bounded(FAR), bounded(FAR_OTHER)].concat();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "1000", "--regid", "1000", "--clear-groups"]);
    command.arg(env!("CARGO_BIN_EXE_cofferdam")).args(["run", "--network", "pasta"]);
    command.args(["--userns", "own", "--egress", "192.0.2.1:8000", "--rootfs", "root"]);
    command.args(["--", "/bin/sh", "-c", &script]).current_dir(machine.path());
    command.env("HOME", machine.path()).env("XDG_RUNTIME_DIR", machine.path());
    let output = machine.inside(move || command.output().unwrap());
    let told = String::from_utf8(output.stdout).unwrap();
    let why = String::from_utf8(output.stderr).unwrap();
    if why.contains("user namespaces") || why.contains("in new namespaces") {
        skip::<()>(&format!("no user namespaces for ordinary users: {why}"));
        return;
    }
    let (allowed, refused) = told.split_once(&format!("asking {FAR_OTHER}\n")).expect("both asked");
    assert!(allowed.starts_with(&format!("asking {FAR}\nyou are {NEAR}\n")), "{told}{why}");
    assert!(!refused.contains("you are"), "{told}{why}");
    assert!(why.contains("tcp 192.0.2.9:8000 ("), "{why}");
}
