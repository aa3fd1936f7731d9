//! Parsers on what kernels wrote and on what none would; layers on whole observations.

use cofferdam_sys::seccomp::{Arch, compile};
use proptest::prelude::*;

use super::*;
use crate::profile::{strict, to_policy};

/// Of a container by an ordinary user, shortened.
const STATUS: &str = "Name:\tsh
Uid:\t100000\t100000\t100000\t100000
Gid:\t100000\t100000\t100000\t100000
Groups:\t 
NSpid:\t4711\t1
Threads:\t1
CapInh:\t0000000000000000
CapPrm:\t0000000000000000
CapEff:\t0000000000000000
CapBnd:\t0000000000000000
CapAmb:\t0000000000000000
NoNewPrivs:\t1
Seccomp:\t2
Seccomp_filters:\t1
";

const MOUNTS: &str = "\
100 90 0:50 / / rw,relatime - overlay overlay rw,lowerdir=/a,upperdir=/tmp/up\\040per,workdir=/w
101 100 0:51 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
102 101 0:51 /sys /proc/sys ro,nosuid,nodev,noexec,relatime - proc proc rw
103 101 0:52 / /proc/acpi ro,relatime - tmpfs tmpfs ro,size=0k
104 101 0:6 /null /proc/kcore rw,nosuid master:2 - devtmpfs devtmpfs rw
105 100 0:53 / /sys ro,nosuid shared:4 master:1 propagate_from:2 - sysfs sysfs ro
";

fn known<T>(fact: T) -> Seen<T> {
    Seen::Known(fact)
}

fn contained() -> Observation {
    let filter = compile(&to_policy(&strict(), Arch::X86_64).unwrap().policy, Arch::X86_64);
    let namespaces = KINDS.map(|kind| Namespace {
        kind,
        inode: known(if kind == "time" { 9 } else { 70 }),
        own: known(9),
        init: Seen::Unknown("ns: permission denied".to_owned()),
    });
    let at = |value| known(Limit::At { value, file: "/sys/fs/cgroup/c/file".into() });
    let limits = Limits { pids: at(512), memory: at(1 << 30), cpu: known(Limit::Unlimited) };
    Observation {
        pid: 4711,
        status: known(parse_status(STATUS)),
        namespaces: namespaces.to_vec(),
        uid_map: known(parse_id_map("         0     100000      65536\n")),
        gid_map: known(parse_id_map("         0     100000      65536\n")),
        mounts: known(parse_mounts(MOUNTS)),
        cgroup: known(Cgroup { memberships: parse_membership("0::/c"), limits }),
        network: Network {
            interfaces: known(vec!["lo".to_owned()]),
            ipv4_default: known(Vec::new()),
            ipv6_default: known(Vec::new()),
        },
        security_label: known(None),
        security_modules: known(vec!["capability".to_owned(), "landlock".to_owned()]),
        limits: known(Vec::new()),
        oom_score_adjustment: known(0),
        filters: known(filter::probe(&[filter.unwrap()], Arch::X86_64)),
    }
}

fn find<'a>(layers: &'a [Layer], name: &str) -> &'a Layer {
    layers.iter().find(|layer| layer.name == name).unwrap()
}

fn state_of(observation: &Observation, name: &str) -> State {
    find(&layers(observation, &[]), name).state
}

#[test]
fn a_contained_process_shows_its_layers_in_force() {
    let layers = layers(&contained(), &[]);
    for name in [
        "user namespace",
        "mount namespace",
        "process namespace",
        "network namespace",
        "unprivileged identity",
        "capabilities dropped",
        "no new privileges",
        "system call filter",
        "image kept unchanged",
        "process limit",
        "memory limit",
    ] {
        assert_eq!(find(&layers, name).state, State::InForce, "{name}");
    }
    assert_eq!(find(&layers, "time namespace").state, State::NotInForce);
    assert_eq!(find(&layers, "processor limit").state, State::NotInForce);
    assert_eq!(find(&layers, "Landlock").state, State::Unknown);
    let root = &find(&layers, "user namespace").kernel;
    assert!(root.ends_with("root is 100000 outside, 65536 ids"), "{root}");
    let root = &find(&layers, "image kept unchanged").kernel;
    assert_eq!(root, "/ is overlay, changes go to /tmp/up per");
    let filter = &find(&layers, "system call filter").kernel;
    assert!(filter.ends_with("refuses 14 of 14 risky calls tried on it"), "{filter}");
}

#[test]
fn nothing_unread_counts_as_in_force() {
    fn unknown<T>() -> Seen<T> {
        Seen::Unknown("not today".to_owned())
    }
    let blind = Observation {
        pid: 1,
        status: unknown(),
        namespaces: Vec::new(),
        uid_map: unknown(),
        gid_map: unknown(),
        mounts: unknown(),
        cgroup: unknown(),
        network: Network {
            interfaces: unknown(),
            ipv4_default: unknown(),
            ipv6_default: unknown(),
        },
        security_label: unknown(),
        security_modules: unknown(),
        limits: unknown(),
        oom_score_adjustment: unknown(),
        filters: unknown(),
    };
    for layer in layers(&blind, &[]) {
        assert_eq!(layer.state, State::Unknown, "{}", layer.name);
    }
    let empty = Observation { status: known(parse_status("")), mounts: known(Vec::new()), ..blind };
    for name in ["capabilities dropped", "no new privileges", "system call filter"] {
        assert_eq!(state_of(&empty, name), State::Unknown, "{name}");
    }
}

#[test]
fn weaknesses_are_told() {
    let with_status = |from: &str, to: &str| {
        let text = STATUS.replace(from, to);
        assert_ne!(text, STATUS);
        Observation { status: known(parse_status(&text)), ..contained() }
    };
    let bounding = with_status("CapBnd:\t0000000000000000", "CapBnd:\t0000000000200000");
    let layer = find(&layers(&bounding, &[]), "capabilities dropped").clone();
    assert_eq!(layer.state, State::Partly);
    assert_eq!(layer.kernel, "none held; can be gained: sys_admin");
    let everything = with_status("CapEff:\t0000000000000000", "CapEff:\t000001ffffffffff");
    assert_eq!(state_of(&everything, "capabilities dropped"), State::NotInForce);
    let later = with_status("CapEff:\t0000000000000000", "CapEff:\t0000020000000000");
    let layer = find(&layers(&later, &[]), "capabilities dropped").clone();
    assert_eq!(layer.kernel, "held: capability 41");
    let gaining = with_status("NoNewPrivs:\t1", "NoNewPrivs:\t0");
    assert_eq!(state_of(&gaining, "no new privileges"), State::NotInForce);
    let unfiltered = with_status("Seccomp:\t2", "Seccomp:\t0");
    assert_eq!(state_of(&unfiltered, "system call filter"), State::NotInForce);
    let root = with_status("Uid:\t100000\t100000", "Uid:\t0\t0");
    assert_eq!(state_of(&root, "unprivileged identity"), State::NotInForce);
    let identity = Observation { uid_map: known(parse_id_map("0 0 4294967295")), ..contained() };
    assert_eq!(state_of(&identity, "user namespace"), State::Partly);

    let mut allowing = contained();
    allowing.filters = known(filter::probe(&[], Arch::X86_64));
    let layer = find(&layers(&allowing, &[]), "system call filter").clone();
    assert_eq!(layer.state, State::Partly);
    assert!(layer.kernel.contains("lets through mount, unshare"), "{}", layer.kernel);

    let mut writable = contained();
    writable.mounts = known(parse_mounts(
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:5 / /proc rw - proc proc rw\n",
    ));
    assert_eq!(state_of(&writable, "image kept unchanged"), State::NotInForce);
    assert_eq!(state_of(&writable, "kernel settings read-only"), State::NotInForce);

    let mut shared = contained();
    shared.namespaces[2].init = known(70);
    assert_eq!(state_of(&shared, "process namespace"), State::NotInForce);
}

#[test]
fn reasons_stand_by_what_was_given_up_only() {
    let reason = |layer: &str| GivenUp { layer: layer.to_owned(), why: "no delegation".to_owned() };
    let layers = layers(&contained(), &[reason("processor limit"), reason("memory limit")]);
    assert_eq!(find(&layers, "processor limit").given_up.as_deref(), Some("no delegation"));
    assert_eq!(find(&layers, "memory limit").given_up, None, "it is in force");
}

#[test]
fn the_table_is_plain_unless_colour_is_asked_for() {
    let layers = [
        Layer {
            name: "process limit",
            state: State::NotInForce,
            kernel: "no limit is set".to_owned(),
            given_up: Some("the pids controller is not handed to this user".to_owned()),
        },
        Layer {
            name: "label",
            state: State::InForce,
            kernel: "evil\x1b[2Jname".to_owned(),
            given_up: None,
        },
    ];
    let expected = "\
no       process limit  no limit is set
                        given up: the pids
                        controller is not handed
                        to this user
yes      label          evil\u{fffd}[2Jname
";
    assert_eq!(render(&layers, 40, false), expected);
    let coloured = render(&layers, 40, true);
    assert!(coloured.contains("\x1b[31mno     \x1b[0m"), "{coloured}");
    let plain = coloured.replace("\x1b[31m", "").replace("\x1b[32m", "").replace("\x1b[0m", "");
    assert_eq!(plain, expected);
}

#[test]
fn status_of_an_old_kernel_leaves_fields_open() {
    let status = parse_status("Uid:\t0\t0\t0\nSeccomp:\t0\nNoNewPrivs:\tmaybe\nCapEff:\tzz\n");
    assert_eq!(status, Status { seccomp_mode: Some(0), ..Status::default() });
    assert_eq!(parse_status(STATUS).pids, Some(vec![4711, 1]));
    assert_eq!(parse_status(STATUS).groups, Some(Vec::new()));
}

#[test]
fn mounts_are_read_with_and_without_propagation() {
    let mounts = parse_mounts(MOUNTS);
    assert_eq!(mounts.len(), 6);
    assert_eq!(mounts[0].propagation, [""; 0]);
    assert_eq!(mounts[5].propagation, ["shared:4", "master:1", "propagate_from:2"]);
    assert!(mounts[2].is_read_only() && !mounts[1].is_read_only());
    assert_eq!(mounts[4].root, "/null");
    assert!(mounts[1].has("noexec"));
    let odd = r"1 2 0:3 / /a\134\040\011b\400 rw - tmpfs none rw";
    assert_eq!(parse_mounts(odd)[0].at, "/a\\ \tb\\400");
}

#[test]
fn namespaces_limits_and_routes_are_read() {
    assert_eq!(parse_namespace_link("net:[4026531833]", "net"), Some(4_026_531_833));
    for link in ["net:[x]", "net:4026531833", "user:[1]", "net:[18446744073709551616]"] {
        assert_eq!(parse_namespace_link(link, "net"), None, "{link}");
    }
    let limits = parse_limits(
        "Limit                     Soft Limit           Hard Limit           Units     \n\
         Max cpu time              unlimited            unlimited            seconds   \n\
         Max open files            1024                 524288               files     \n\
         Max file size             18446744073709551615 18446744073709551615 bytes     \n",
    );
    assert_eq!(limits.len(), 3);
    assert_eq!((limits[0].soft, limits[0].hard), (None, None));
    assert_eq!(limits[1].name, "Max open files");
    assert_eq!((limits[1].soft, limits[1].hard), (Some(1024), Some(524_288)));
    assert_eq!(limits[2].hard, Some(u64::MAX));
    let device =
        "Inter-|   Receive  |  Transmit\n face |bytes    packets\n    lo: 0 0\n  eth0:12 1\n";
    assert_eq!(parse_interfaces(device), ["lo", "eth0"]);
    let route = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\n\
                 eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\n\
                 eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\n";
    assert_eq!(parse_ipv4_default(route), ["eth0"]);
    let zero = "0".repeat(32);
    let route6 = format!(
        "{zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200       lo\n\
         {zero} 00 {zero} 00 {zero} 00000400 00000001 00000000 00000003     eth0\n"
    );
    assert_eq!(parse_ipv6_default(&route6), ["eth0"]);
}

#[test]
fn this_process_is_seen_as_what_it_is() {
    let observation = observe(std::process::id(), ReadFilters::No).unwrap();
    for namespace in &observation.namespaces {
        assert_ne!(namespace.is_separate(), Some(true), "{namespace:?}");
    }
    let uid = observation.status.known().unwrap().uid.unwrap();
    assert_eq!(uid[1], rustix::process::geteuid().as_raw());
    assert!(observation.mounts.known().unwrap().iter().any(|mount| mount.at == "/"));
    assert!(!observation.limits.known().unwrap().is_empty());
    assert_eq!(state_of(&observation, "process namespace"), State::NotInForce);
    let written = serde_json::to_value(Explanation::new(observation, &[])).unwrap();
    assert_eq!(written["schema_version"], 1);
    assert_eq!(written["layers"][2]["state"], "not_in_force");
}

#[test]
fn a_process_that_is_not_there_is_an_error() {
    let error = observe(u32::MAX, ReadFilters::No).unwrap_err();
    assert_eq!(error.to_string(), "could not look at process 4294967295");
}

proptest! {
    #[test]
    fn parsers_take_any_text(text in "(?s).{0,400}") {
        let _ = (parse_status(&text), parse_id_map(&text), parse_mounts(&text));
        let _ = (parse_limits(&text), parse_membership(&text), parse_interfaces(&text));
        let _ = (parse_ipv4_default(&text), parse_ipv6_default(&text));
        let _ = parse_namespace_link(&text, "net");
    }

    #[test]
    fn parsers_take_almost_the_right_text(
        source in prop::sample::select(vec![STATUS, MOUNTS, "0 100000 65536\n0::/a\nlo: 1\n"]),
        at in 0_usize..600,
        length in 0_usize..40,
        noise in "[ \\t:,\\\\0-9a-f/-]{0,12}",
    ) {
        let mut bytes = source.as_bytes().to_vec();
        let at = at.min(bytes.len());
        let end = (at + length).min(bytes.len());
        bytes.splice(at..end, noise.into_bytes());
        let text = String::from_utf8_lossy(&bytes);
        let observation = Observation {
            status: known(parse_status(&text)),
            mounts: known(parse_mounts(&text)),
            uid_map: known(parse_id_map(&text)),
            ..contained()
        };
        let table = render(&layers(&observation, &[]), 80, false);
        prop_assert!(table.lines().count() >= 20);
    }

    #[test]
    fn mount_points_survive_the_kernels_escapes(name in "[a-z \\t\\n\\\\é#]{1,20}") {
        let escaped: String = name
            .chars()
            .map(|c| if " \t\n\\#".contains(c) { format!("\\{:03o}", u32::from(c)) } else { c.to_string() })
            .collect();
        let mounts = parse_mounts(&format!("1 2 0:3 / /{escaped} rw shared:1 - tmpfs t rw"));
        prop_assert_eq!(&mounts[0].at, &format!("/{name}"));
    }
}
