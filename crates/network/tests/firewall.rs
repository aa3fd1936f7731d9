//! The firewall in force, in network namespaces made for the purpose.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on, or is skipped, says so"
)]

mod place;

use std::{
    io::ErrorKind,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    time::Duration,
};

use cofferdam_network::{
    egress::Rule,
    firewall::{Firewall, TABLE, refused, set_name},
    nft::{self, Batch, NftError, SetKind},
};
use place::Namespace;

const PATIENCE: Duration = Duration::from_secs(20);
const SERVER: [&str; 3] = ["192.0.2.1", "192.0.2.9", "2001:db8::1"];
const CLIENT: [&str; 2] = ["192.0.2.2", "2001:db8::2"];

fn firewall(rules: &[&str]) -> Firewall {
    let rules: Vec<Rule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    Firewall::new(&rules)
}

/// Puts rules in force; false, with the reason printed, where there is no nf_tables.
fn place(namespace: &Namespace, firewall: &Firewall) -> bool {
    match namespace.inside(|| firewall.place(&nft::open()?)) {
        Ok(()) => true,
        Err(error @ NftError::Missing(_)) => {
            println!("skipped: {error}");
            false
        }
        Err(error) => panic!("{error}: {}", error.errno()),
    }
}

/// A client and a server with a cable between them.
fn pair() -> Option<(Namespace, Namespace)> {
    let (client, server) = (Namespace::new()?, Namespace::new()?);
    client.connect(&server, &CLIENT, &SERVER);
    Some((client, server))
}

fn connect(namespace: &Namespace, to: SocketAddr) -> Result<(), ErrorKind> {
    let result = namespace.inside(|| TcpStream::connect_timeout(&to, PATIENCE));
    result.map(drop).map_err(|error| error.kind())
}

fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), port)
}

#[test]
fn what_was_placed_is_what_nft_reads_back() {
    let Some(namespace) = Namespace::new() else { return };
    let firewall = firewall(&[
        "10.0.0.0/9:5432-5433",
        "[2001:db8::/33]:443/udp",
        "example.org:443",
        "169.254.169.254:80",
    ]);
    if !place(&namespace, &firewall) {
        return;
    }
    let Some(listed) = namespace.run("nft", &["list", "ruleset"]) else {
        println!("skipped: nft is not installed");
        return;
    };
    let listed = String::from_utf8(listed.stdout).unwrap();
    for wanted in [
        "type filter hook output priority filter; policy drop;",
        "oifname \"lo\" accept",
        "ct state established,related accept",
        "icmpv6 type",
        "ip daddr 100.100.100.200 counter packets 0 bytes 0 reject with icmpx",
        "ip daddr 10.0.0.0/9 ",
        "5432",
        "ip6 daddr 2001:db8::/33 ",
        "ip daddr @name0-v4 ",
        "ip6 daddr @name0-v6 ",
        "ip daddr 169.254.169.254 ",
        "add @refused-v4 { ip daddr . meta l4proto . ",
        "add @refused-v6 { ip6 daddr . meta l4proto . ",
    ] {
        assert!(listed.contains(wanted), "{wanted} is not in\n{listed}");
    }
    assert!(!listed.contains("169.254.169.254 counter"), "it was named:\n{listed}");
}

#[test]
fn a_firewall_that_is_placed_again_takes_the_place_of_the_first() {
    let Some(namespace) = Namespace::new() else { return };
    if !place(&namespace, &firewall(&["192.0.2.1:1"])) {
        return;
    }
    assert!(place(&namespace, &firewall(&["192.0.2.1:2"])));
    if let Some(listed) = namespace.run("nft", &["list", "ruleset"]) {
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert!(listed.contains("dport 2 ") && !listed.contains("dport 1 "), "{listed}");
    }
}

#[test]
fn only_what_is_allowed_is_reached_and_the_rest_is_counted() {
    let Some((client, server)) = pair() else { return };
    if !place(&client, &firewall(&["192.0.2.1:8000", "[2001:db8::1]:8000"])) {
        return;
    }
    let _listeners = server.inside(|| {
        let v4 = TcpListener::bind("0.0.0.0:8000").unwrap();
        let v6 = TcpListener::bind("[2001:db8::1]:8000").unwrap();
        (v4, v6, TcpListener::bind("192.0.2.1:8001").unwrap())
    });
    assert_eq!(connect(&client, at("192.0.2.1", 8000)), Ok(()));
    assert_eq!(connect(&client, at("2001:db8::1", 8000)), Ok(()));
    for (address, port) in [("192.0.2.1", 8001), ("192.0.2.9", 8000), ("2001:db8::1", 8001)] {
        let result = connect(&client, at(address, port));
        // Refused at once, not timed out.
        assert!(result.is_err_and(|kind| kind != ErrorKind::TimedOut), "{address} {port}");
    }
    // Whether a datagram got anywhere only the counts tell.
    let _ = client.inside(|| UdpSocket::bind("0.0.0.0:0")?.send_to(b"x", "192.0.2.1:53"));
    let refused = client.inside(|| refused(&nft::open().unwrap())).unwrap();
    let found: Vec<_> = refused.iter().map(|at| (at.address, at.protocol, at.port)).collect();
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let wanted = [
        (address("192.0.2.1"), 6, 8001),
        (address("192.0.2.1"), 17, 53),
        (address("192.0.2.9"), 6, 8000),
        (address("2001:db8::1"), 6, 8001),
    ];
    assert_eq!(found, wanted);
    assert!(refused.iter().all(|attempt| attempt.packets >= 1), "{refused:?}");
}

#[test]
fn what_comes_in_is_answered() {
    let Some((client, server)) = pair() else { return };
    if !place(&server, &firewall(&["deny"])) {
        return;
    }
    let _listener = server.inside(|| TcpListener::bind("192.0.2.1:8000").unwrap());
    assert_eq!(connect(&client, at("192.0.2.1", 8000)), Ok(()));
    assert!(connect(&server, at("192.0.2.2", 8000)).is_err());
}

#[test]
fn an_address_that_was_learnt_is_reached_until_it_is_forgotten() {
    let Some((client, server)) = pair() else { return };
    if !place(&client, &firewall(&["example.org:8000"])) {
        return;
    }
    let _listener = server.inside(|| TcpListener::bind("192.0.2.1:8000").unwrap());
    let address: IpAddr = "192.0.2.1".parse().unwrap();
    let set = set_name(0, SetKind::V4);
    let change = |change: &(dyn Fn(&mut Batch) + Sync)| {
        client.inside(|| {
            let mut batch = Batch::default();
            change(&mut batch);
            batch.send(&nft::open().unwrap())
        })
    };
    assert!(connect(&client, at("192.0.2.1", 8000)).is_err());
    let long = Duration::from_secs(3600);
    change(&|batch| batch.learn(TABLE, &set, address, long)).unwrap();
    assert_eq!(connect(&client, at("192.0.2.1", 8000)), Ok(()));
    let again = |batch: &mut Batch| {
        batch.forget(TABLE, &set, address);
        batch.learn(TABLE, &set, address, long);
    };
    change(&again).unwrap();
    assert_eq!(connect(&client, at("192.0.2.1", 8000)), Ok(()));
    let known = client.inside(|| nft::read::addresses(&nft::open().unwrap(), TABLE, &set));
    assert_eq!(known.unwrap(), [address]);
    change(&|batch| batch.forget(TABLE, &set, address)).unwrap();
    assert!(connect(&client, at("192.0.2.1", 8000)).is_err());
    let error = change(&|batch| batch.forget(TABLE, &set, address)).unwrap_err();
    assert_eq!(error.errno(), rustix::io::Errno::NOENT);
}

#[test]
fn a_refused_batch_changes_nothing_and_names_what_was_refused() {
    let Some(namespace) = Namespace::new() else { return };
    if !place(&namespace, &firewall(&["deny"])) {
        return;
    }
    let mut broken = firewall(&["deny"]);
    broken.table.sets.clear();
    let error = namespace.inside(|| broken.place(&nft::open()?)).unwrap_err();
    assert!(error.to_string().contains("add @refused-v4"), "{error}");
    // What was there before is there still.
    assert!(namespace.inside(|| refused(&nft::open()?)).is_ok());
}
