//! The resolver between a client, a server and a keeper, all of them this test's.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs::File,
    net::{IpAddr, SocketAddr, UdpSocket},
    thread::JoinHandle,
    time::Duration,
};

use cofferdam_network::dns::{
    learn::{self, Counts, Learnt},
    message::{self, Answer, Code, Kind, Query},
    name::Name,
    resolver::Resolver,
};
use cofferdam_sys::channel::Channel;

const PATIENCE: Duration = Duration::from_secs(60);

struct Bench {
    resolver: JoinHandle<std::io::Result<()>>,
    keeper: Channel,
    server: UdpSocket,
    client: UdpSocket,
    at: SocketAddr,
}

fn local() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

impl Bench {
    fn new(names: Option<&[&str]>) -> Self {
        let (server, client, socket) = (local(), local(), local());
        let (keeper, theirs) = Channel::pair().unwrap();
        keeper.limit_waiting(PATIENCE).unwrap();
        let at = socket.local_addr().unwrap();
        let resolver = Resolver {
            client: socket.into(),
            keeper: theirs,
            servers: vec![server.local_addr().unwrap()],
            names: names.map(|names| names.iter().map(|name| name.parse().unwrap()).collect()),
            random: File::open("/dev/urandom").unwrap(),
        };
        let resolver = std::thread::spawn(|| resolver.run());
        Self { resolver, keeper, server, client, at }
    }

    fn ask(&self, name: &str, kind: Kind) {
        let bytes = message::ask(7, &name.parse().unwrap(), kind);
        self.client.send_to(&bytes, self.at).unwrap();
    }

    /// What the server is asked, and by whom.
    fn asked(&self) -> (Query, SocketAddr) {
        let mut buffer = [0; 512];
        let (length, who) = self.server.recv_from(&mut buffer).unwrap();
        (Query::read(&buffer[..length]).unwrap(), who)
    }

    fn told(&self, name: &str, kind: Kind) -> Answer {
        let mut buffer = [0; 512];
        let length = self.client.recv(&mut buffer).unwrap();
        message::answer(&buffer[..length], 7, &name.parse().unwrap(), kind).unwrap()
    }

    /// Ends the resolver; what it refused.
    fn finish(self) -> Counts {
        self.keeper.send(learn::FINISH, &[]).unwrap();
        let message = self.keeper.receive().unwrap().unwrap();
        self.resolver.join().unwrap().unwrap();
        Counts::decode(&message.bytes)
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn an_address_is_told_only_when_it_was_let_through() {
    let bench = Bench::new(Some(&["b.example", "a.example", "*.example"]));
    bench.ask("A.example", Kind::A);
    let (query, who) = bench.asked();
    assert_eq!((query.name.as_str(), query.kind), ("a.example", Kind::A));
    assert_ne!(query.id, 0x0700, "a number of its own");
    let found = [(address("192.0.2.1"), 30), (address("127.0.0.1"), 30)];
    bench.server.send_to(&query.reply(Code::Fine, &found), who).unwrap();
    let message = bench.keeper.receive().unwrap().unwrap();
    let record = |place| Learnt { place, address: address("192.0.2.1"), seconds: 30 };
    assert_eq!(learn::decode(&message.bytes, 3), Some(vec![record(1), record(2)]));
    bench.client.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(bench.client.recv(&mut [0; 512]).is_err(), "too early");
    bench.client.set_read_timeout(Some(PATIENCE)).unwrap();
    bench.keeper.send(learn::LEARNT, &[]).unwrap();
    let answer = bench.told("a.example", Kind::A);
    assert_eq!(answer.addresses, [(address("192.0.2.1"), 30)]);
    assert_eq!(bench.finish(), Counts::default());
}

#[test]
fn what_the_keeper_does_not_let_through_is_not_told() {
    let bench = Bench::new(Some(&["a.example"]));
    bench.ask("a.example", Kind::Aaaa);
    let (query, who) = bench.asked();
    let found = [(address("2001:db8::1"), 30)];
    bench.server.send_to(&query.reply(Code::Fine, &found), who).unwrap();
    bench.keeper.receive().unwrap().unwrap();
    bench.keeper.send(learn::NOT_LEARNT, &[]).unwrap();
    assert_eq!(bench.told("a.example", Kind::Aaaa).code, Code::Failed);
    bench.finish();
}

#[test]
fn no_other_name_leaves_the_machine() {
    let bench = Bench::new(Some(&["a.example"]));
    for (name, kind) in [
        ("secret.a.example", Kind::A),
        ("b.example", Kind::Aaaa),
        ("a.example", Kind::Other(16)),
        ("secret.a.example", Kind::A),
    ] {
        bench.ask(name, kind);
        assert_eq!(bench.told(name, kind).code, Code::Failed, "refused");
    }
    bench.server.set_nonblocking(true).unwrap();
    assert!(bench.server.recv(&mut [0; 512]).is_err(), "the server heard nothing");
    let wanted = [("a.example TXT", 1), ("b.example AAAA", 1), ("secret.a.example A", 2)];
    let wanted = wanted.map(|(name, count)| (name.to_owned(), count));
    assert_eq!(bench.finish(), Counts(wanted.into()));
}

#[test]
fn an_answer_to_another_question_is_passed_over() {
    let bench = Bench::new(None);
    bench.ask("a.example", Kind::A);
    let (query, who) = bench.asked();
    let found = [(address("192.0.2.1"), 30)];
    let reply = query.reply(Code::Fine, &found);
    let mut forged = reply.clone();
    forged[0] ^= 1;
    bench.server.send_to(&forged, who).unwrap();
    let other: Name = "b.example".parse().unwrap();
    let other = Query::read(&message::ask(query.id, &other, Kind::A)).unwrap();
    bench.server.send_to(&other.reply(Code::Fine, &[(address("192.0.2.66"), 30)]), who).unwrap();
    // Nor is one that comes from elsewhere.
    local().send_to(&query.reply(Code::Fine, &[(address("192.0.2.66"), 30)]), who).unwrap();
    bench.server.send_to(&reply, who).unwrap();
    assert_eq!(bench.told("a.example", Kind::A).addresses, found);
    bench.finish();
}

#[test]
fn a_server_that_fails_is_asked_again() {
    let bench = Bench::new(None);
    bench.ask("a.example", Kind::A);
    let (query, who) = bench.asked();
    bench.server.send_to(&query.reply(Code::Failed, &[]), who).unwrap();
    let (query, who) = bench.asked();
    bench.server.send_to(&query.reply(Code::NoName, &[]), who).unwrap();
    assert_eq!(bench.told("a.example", Kind::A).code, Code::NoName);
    bench.finish();
}

#[test]
fn the_resolver_ends_with_its_keeper() {
    let Bench { resolver, keeper, .. } = Bench::new(None);
    drop(keeper);
    resolver.join().unwrap().unwrap();
}
