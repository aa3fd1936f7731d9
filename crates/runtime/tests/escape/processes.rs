//! Tracing of processes that join a container (CVE-2016-9962): until they run a program of the
//! container's, they are the runtime's, with more rights and with descriptors of this machine.

use cofferdam_oci::runtime::Spec;

use crate::{
    machine::{Caller, Place, callers},
    managed::{Managed, as_engines_do},
};

/// Attaches to whatever turns up, and says what it has got hold of. Ends by itself after two minutes.
const ATTACK: &str = r#"
    $| = 1; print "ready\n"; my $end = time + 120; my $own = $$; my $tries = 0;
    while (time < $end) {
        opendir(my $d, "/proc") or next;
        for my $pid (grep { /^\d+$/ && $_ != $own && $_ != 1 } readdir $d) {
            $tries++;
            if (syscall(101, 0x4206, $pid + 0, 0, 0) != -1) {
                my $exe = readlink "/proc/$pid/exe";
                # Nothing is known of a process that has ended meanwhile.
                print "TRACED $pid $exe\n" if defined $exe && $exe !~ /busybox|perl/;
                syscall(101, 17, $pid + 0, 0, 0);
            }
            if (open(my $m, "+<", "/proc/$pid/mem")) {
                my $exe = readlink "/proc/$pid/exe";
                print "OPENED $pid $exe\n" if defined $exe && $exe !~ /busybox|perl/;
            }
        }
        # Those that have ended under it are waited for, or nobody else could.
        1 while syscall(61, -1, 0, 0x40000001, 0) > 0;
        print "tried\n" if $tries > 20 && $tries < 24;
    }
"#;

/// No filter and, where the ids are the container's own, every capability.
fn powerful(mut spec: Spec, all: bool) -> Spec {
    let process = spec.process.as_mut().unwrap();
    process.no_new_privileges = false;
    if all {
        let names: Vec<String> =
            cofferdam_sys::capability::NAMES.iter().map(ToString::to_string).collect();
        let sets = process.capabilities.get_or_insert_default();
        (sets.bounding, sets.effective, sets.permitted) = (names.clone(), names.clone(), names);
    }
    spec.linux.as_mut().unwrap().seccomp = None;
    spec
}

#[test]
fn a_joining_process_cannot_be_traced() {
    let Some(place) = Place::new() else { return };
    if !place.add_perl() {
        return;
    }
    for caller in callers() {
        let attack = ["perl", "-e", ATTACK];
        let spec = powerful(place.spec(&caller, &place.request(&attack)), true);
        let mut all = vec![spec];
        if matches!(caller, Caller::Root) {
            // Root with root's ids, and the capabilities that engines give.
            all.push(powerful(as_engines_do(&place, &attack), false));
        }
        for spec in all {
            let container = Managed::new(&place, &caller, &spec);
            container.create();
            container.start();
            container.wait_for_output("ready");
            for _ in 0..20 {
                let ran = container.exec("true");
                // Traced while it ends, it may be ended by that: not what this is about.
                assert!(ran.code == 0 || ran.code > 128, "{}: {}", caller.name(), ran.stderr);
            }
            container.must(&["kill", &container.id, "KILL"]);
            container.wait_for("stopped");
            let said = container.output();
            assert!(said.contains("tried"), "{}: it saw some of them", caller.name());
            for word in ["TRACED", "OPENED"] {
                assert!(!said.contains(word), "{}: {said}", caller.name());
            }
        }
    }
}
