//! Sockets in the abstract namespace (CVE-2020-15257): none of the runtime's, and none of this
//! machine's that a container could reach.

use std::{
    fs,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
};

use crate::{
    machine::{Place, callers},
    managed::Managed,
};

/// Inodes of all sockets with an abstract name.
fn abstract_sockets() -> Vec<String> {
    let table = fs::read_to_string("/proc/net/unix").unwrap();
    let named = table.lines().skip(1).filter(|line| line.contains(" @"));
    named.filter_map(|line| line.split_whitespace().nth(6).map(str::to_owned)).collect()
}

#[test]
fn the_runtime_makes_none() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let spec = place.spec(&caller, &place.request(&["sleep", "60"]));
        let container = Managed::new(&place, &caller, &spec);
        // While it waits at its gate, its process has all descriptors that it ever has.
        container.create();
        let pid = container.told()["pid"].to_string();
        let named = abstract_sockets();
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
            let Ok(target) = fs::read_link(entry.unwrap().path()) else { continue };
            let target = target.to_string_lossy().into_owned();
            let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
            let is_named = inode.is_some_and(|inode| named.iter().any(|other| other == inode));
            assert!(!is_named, "{}: {target}", caller.name());
        }
    }
}

#[test]
fn those_of_this_machine_cannot_be_reached() {
    let Some(place) = Place::new() else { return };
    if !place.add_perl() {
        return;
    }
    for (index, caller) in callers().into_iter().enumerate() {
        let name = format!("cofferdam-test-{}-{index}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let listener = UnixListener::bind_addr(&address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let script = format!(
            "my $s = syscall(41, 1, 1, 0); my $a = pack('S', 1).\"\\0{name}\"; \
             my $r = syscall(42, $s, $a, length $a); print $r == -1 ? 'refused '.($!+0) : 'DONE'"
        );
        let ran = place.run(&caller, &place.request(&["perl", "-e", &script]));
        assert_eq!(ran.stdout, "refused 111", "{}: {}", caller.name(), ran.stderr);
        let accepted = listener.accept();
        assert_eq!(accepted.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        // From here it can be reached: what the container is refused is there.
        std::os::unix::net::UnixStream::connect_addr(&address).unwrap();
    }
}
