//! What a container sees and what it cannot do.

use crate::machine::{Caller, Place, callers};

#[test]
fn the_kernel_says_that_it_is_confined() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let script = "echo pid $$; hostname; cat /proc/self/status /proc/self/uid_map; \
                      cat /proc/self/mountinfo; ip -o link; echo \"$PATH $HOME\"; ls /";
        let ran = place.shell(&caller, script);
        let name = caller.name();
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{name}");
        for line in [
            "pid 1",
            "inside",
            "CapInh:\t0000000000000000",
            "CapPrm:\t0000000000000000",
            "CapEff:\t0000000000000000",
            "CapBnd:\t0000000000000000",
            "CapAmb:\t0000000000000000",
            "NoNewPrivs:\t1",
            "Seccomp:\t2",
            "Groups:\t ",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /root",
        ] {
            assert!(
                ran.stdout.lines().any(|l| l == line),
                "{name}: no line {line:?} in\n{}",
                ran.stdout
            );
        }
        let map: Vec<_> = ran.stdout.lines().filter(|l| l.starts_with("         0 ")).collect();
        let outside: u32 = map[0].split_whitespace().nth(1).unwrap().parse().unwrap();
        assert_eq!(outside, caller.root_outside(), "{name}");
        assert_ne!(outside, 0, "{name}");
        // The machine's own mounts are gone, and the only interface is loopback.
        let roots = ran.stdout.lines().filter(|l| l.split(' ').nth(4) == Some("/"));
        assert_eq!(roots.count(), 1, "{name}: one mount at / in\n{}", ran.stdout);
        assert!(!ran.stdout.contains(" - ext4 ") && !ran.stdout.contains("/upper "), "{name}");
        assert_eq!(ran.stdout.matches("<LOOPBACK").count(), 1, "{name}");
        assert!(ran.stdout.contains("LOOPBACK,UP"), "{name}");
    }
}

/// System calls by number (x86_64) that would be a way out, or a step on one.
const CALLS: [(&str, &str); 27] = [
    ("mount a file system", "165, my $a = 'none', my $b = '/tmp', my $c = 'tmpfs', 0, 0"),
    ("unmount /proc", "166, my $a = '/proc', 2"),
    ("make a device", "133, my $a = '/tmp/disk', 0060600, 0x800"),
    ("make a user namespace", "272, 0x10000000"),
    ("make a mount namespace", "272, 0x20000"),
    ("enter the first namespace", "308, 0, 0"),
    ("change the root", "161, my $a = '/tmp'"),
    ("pivot the root", "155, my $a = '/', my $b = '/'"),
    ("open a raw socket", "41, 2, 3, 1"),
    ("open a packet socket", "41, 17, 3, 0"),
    ("use a keyring", "250, 0, -3, 1"),
    ("add a key", "248, my $a = 'user', my $b = 'x', my $c = 'y', 1, -3"),
    ("load a BPF program", "321, 0, my $a = \"\\1\" x 72, 72"),
    ("load a module", "313, 0, my $a = '', 0"),
    ("load a kernel", "246, 0, 0, 0, 0"),
    ("open by handle", "304, -100, my $a = \"\\0\" x 16, 0"),
    ("count with perf", "298, my $a = \"\\0\" x 128, 0, -1, -1, 0"),
    ("catch page faults", "323, 0"),
    ("make an io_uring", "425, 8, my $a = \"\\0\" x 120"),
    ("open a file system by the new calls", "430, my $a = 'tmpfs', 0"),
    ("copy a mount", "428, -100, my $a = '/', 1"),
    ("change a mount", "442, -100, my $a = '/', 0, my $b = \"\\0\" x 32, 32"),
    ("set the clock", "227, 0, my $a = \"\\0\" x 16"),
    ("set the host name", "170, my $a = 'x', 1"),
    ("switch swap on", "167, my $a = '/tmp', 0"),
    ("type into a terminal", "16, 0, 0x5412, my $a = 'x'"),
    ("raise a limit", "302, 0, 8, my $a = \"\\xff\" x 16, 0"),
];

#[test]
fn no_system_call_is_a_way_out() {
    let Some(place) = Place::new() else { return };
    if !place.add_perl() {
        return;
    }
    let script: String = CALLS
        .iter()
        .map(|(what, call)| format!("{{ $! = 0; my $r = syscall({call}); print '{what}: ', ($r == -1 ? 'refused '.($!+0) : 'DONE'), \"\\n\"; }}\n"))
        .collect();
    for caller in callers() {
        let ran = place.run(&caller, &place.request(&["perl", "-e", &script]));
        let name = caller.name();
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{name}: {}", ran.stdout);
        for (what, _) in CALLS {
            let line = ran.stdout.lines().find(|line| line.starts_with(what)).unwrap();
            // 22 (EINVAL) and 14 (EFAULT) would say that the call was let in and looked at.
            let refused =
                [": refused 1", ": refused 38", ": refused 13", ": refused 97", ": refused 93"];
            assert!(refused.iter().any(|end| line.ends_with(end)), "{name}: {line}");
        }
    }
}

#[test]
fn the_machine_is_out_of_reach() {
    let Some(place) = Place::new() else { return };
    let secret = place.path("secret");
    let secret = secret.display();
    let own = std::process::id();
    let script = format!(
        "try() {{ if \"$@\" >/tmp/out 2>/dev/null; then echo DONE \"$@\"; fi; }}\n\
         try cat {secret}; try cat /proc/1/root{secret}; try cat /../../../..{secret}\n\
         try cat /proc/self/root/../../..{secret}; try cat /proc/self/cwd/../../../..{secret}\n\
         try kill -0 {own}; try ls /proc/{own}\n\
         try sh -c 'echo x > /proc/sys/kernel/core_pattern'\n\
         try sh -c 'echo x > /proc/sys/kernel/hostname'\n\
         try sh -c 'echo x > /proc/sys/vm/drop_caches'\n\
         try sh -c 'echo b > /proc/sysrq-trigger'\n\
         try sh -c 'echo x > /sys/kernel/uevent_helper'\n\
         try sh -c 'echo 1 > /sys/power/state'\n\
         try sh -c 'echo -1000 > /proc/self/oom_score_adj'\n\
         try sh -c 'echo \"0 0 1\" > /proc/self/uid_map'\n\
         try grep -q . /proc/kcore; try grep -q . /proc/keys; try grep -q . /proc/timer_list\n\
         try grep -q . /proc/kallsyms; try ls /sys/firmware/acpi; try ls /sys/fs/cgroup/pids\n\
         try chmod 777 /proc/sys; try ls /dev/mem; try ls /dev/vda; try ls /dev/kmsg\n\
         echo end"
    );
    for caller in callers() {
        let ran = place.shell(&caller, &script);
        assert_eq!(ran.stdout, "end\n", "{}: {}", caller.name(), ran.stderr);
    }
}

#[test]
fn descriptors_do_not_leak() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let spec = place.spec(&caller, &place.request(&["sh", "-c", "ls -l /proc/self/fd"]));
        let mut wrapped = std::process::Command::new("sh");
        wrapped.args(["-c", "exec 7</etc/passwd 8</; exec \"$0\" \"$@\""]);
        let inner = place.command(&caller, &spec);
        wrapped.arg(inner.get_program()).args(inner.get_args());
        let output = wrapped.stdin(std::process::Stdio::null()).output().unwrap();
        let listed = String::from_utf8(output.stdout).unwrap();
        // The three standard ones; that of the directory which ls reads is gone when it looks.
        assert_eq!(listed.matches(" -> ").count(), 3, "{}: {listed}", caller.name());
    }
}

#[test]
fn set_user_id_gains_nothing() {
    let Some(place) = Place::new() else { return };
    if !place.add_perl() {
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    let perl = place.root().join("usr/bin/perl");
    for caller in callers().into_iter().filter(|caller| !matches!(caller, Caller::Plain(_))) {
        place.own(&caller);
        std::fs::set_permissions(&perl, std::fs::Permissions::from_mode(0o6755)).unwrap();
        let mut request = place.request(&["perl", "-e", "print join(q( ), $<, $>, $))"]);
        request.user = Some("app".into());
        let ran = place.run(&caller, &request);
        assert_eq!(ran.stdout.trim(), "1000 1000 1000 2000", "{}: {}", caller.name(), ran.stderr);
    }
}

#[test]
fn changes_are_thrown_away() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let script = "touch /new /bin/new && rm /etc/passwd && rm -r /home && mkdir /home && ls /home && echo ok";
        let ran = place.shell(&caller, script);
        assert_eq!(
            (ran.stdout.as_str(), ran.code),
            ("ok\n", 0),
            "{}: {}",
            caller.name(),
            ran.stderr
        );
        assert!(!place.root().join("new").exists() && place.root().join("etc/passwd").exists());
        assert!(place.root().join("home/app").exists() && !place.root().join("proc").exists());
        let mut request =
            place.request(&["sh", "-c", "touch /x; touch /etc/x; touch /tmp/x && echo ok"]);
        request.readonly = true;
        let ran = place.run(&caller, &request);
        assert_eq!(ran.stdout, "ok\n", "{}: {}", caller.name(), ran.stderr);
        assert_eq!(ran.stderr.matches("Read-only file system").count(), 2, "{}", ran.stderr);
    }
}
