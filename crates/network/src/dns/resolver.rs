//! A resolver that looks allowed names up and refuses all others.
//!
//! It answers the container on a socket of the container's network namespace, and asks servers from
//! this machine's. It has no rights of its own: an address that it learnt counts only when its
//! keeper, over a [`Channel`], has let it through the firewall, and only then the container is told.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    net::{IpAddr, SocketAddr},
    os::fd::{AsFd as _, OwnedFd},
    time::{Duration, Instant},
};

use cofferdam_sys::channel::Channel;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketAddrAny, SocketFlags, SocketType, connect, recv,
        recvfrom, send, sendto, socket_with,
    },
};

use super::{
    learn::{self, Learnt},
    message::{self, Answer, Code, Kind, LONGEST, Query, QueryError},
    name::{Name, Pattern},
};
use crate::firewall::METADATA;

/// Most questions that are being looked up at a time.
const PENDING: usize = 64;
/// Most questions that are taken up before servers are listened to.
const BURST: usize = 32;
/// How long a server may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often servers are asked before it is given up.
const ATTEMPTS: usize = 4;
/// Most refused names that are told apart.
const REFUSED: usize = 128;
/// What those beyond are counted under.
const OTHERS: &str = "(others)";
/// What questions are counted under whose name no host can have.
const NO_NAME: &str = "(not a host's name)";

/// What the resolver works with.
#[derive(Debug)]
pub struct Resolver {
    /// The socket that the container asks at.
    pub client: OwnedFd,
    /// To whoever lets addresses through.
    pub keeper: Channel,
    /// Whom to ask, one after the other.
    pub servers: Vec<SocketAddr>,
    /// The names that may be looked up; `None` is any.
    pub names: Option<Vec<Pattern>>,
    /// Where unpredictable numbers come from.
    pub random: File,
}

/// A question that is being looked up.
struct Pending {
    query: Query,
    client: SocketAddrAny,
    socket: OwnedFd,
    id: u16,
    deadline: Instant,
    attempt: usize,
}

/// Refused names and how often each was asked for.
type Refused = BTreeMap<String, u64>;

impl Resolver {
    /// Works until the keeper wants the [counts](learn::Counts) or is gone.
    ///
    /// # Errors
    /// When the kernel refuses what the resolver cannot do without.
    pub fn run(mut self) -> io::Result<()> {
        let mut pending: Vec<Pending> = Vec::new();
        let mut refused = Refused::new();
        loop {
            let (client, keeper, ready) = self.wait(&pending)?;
            if keeper {
                return self.finish(&refused);
            }
            let due = self.take_due(&mut pending, &ready);
            for (question, answer) in due {
                self.go_on(question, answer, &mut pending)?;
            }
            if client {
                self.take_up(&mut pending, &mut refused)?;
            }
        }
    }

    /// What has something to say: the client, the keeper, servers.
    fn wait(&self, pending: &[Pending]) -> io::Result<(bool, bool, Vec<bool>)> {
        let mut watched = vec![
            PollFd::new(&self.client, PollFlags::IN),
            PollFd::new(&self.keeper, PollFlags::IN),
        ];
        watched.extend(pending.iter().map(|one| PollFd::new(&one.socket, PollFlags::IN)));
        let first = pending.iter().map(|one| one.deadline).min();
        let rest = first.map(|first| first.saturating_duration_since(Instant::now()));
        // A little more, so that it is really over then.
        let rest = rest.map(|rest| Timespec::try_from(rest + Duration::from_millis(1)));
        let rest = rest.transpose().map_err(io::Error::other)?;
        match poll(&mut watched, rest.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok((false, false, vec![false; pending.len()])),
            Err(error) => return Err(error.into()),
        }
        let ready: Vec<bool> = watched.iter().map(|one| !one.revents().is_empty()).collect();
        Ok((ready[0], ready[1], ready[2..].to_vec()))
    }

    /// Takes out what was answered, and what nobody answered in time.
    fn take_due(
        &self,
        pending: &mut Vec<Pending>,
        ready: &[bool],
    ) -> Vec<(Pending, Option<Answer>)> {
        let now = Instant::now();
        let (mut due, mut rest) = (Vec::new(), Vec::new());
        for (question, ready) in pending.drain(..).zip(ready) {
            let answer = if *ready { receive(&question) } else { Received::Nothing };
            match answer {
                Received::Answer(answer) => due.push((question, Some(answer))),
                Received::Failure => due.push((question, None)),
                Received::Nothing if question.deadline <= now => due.push((question, None)),
                Received::Nothing => rest.push(question),
            }
        }
        *pending = rest;
        due
    }

    /// Replies, or asks the next server.
    fn go_on(
        &mut self,
        question: Pending,
        answer: Option<Answer>,
        pending: &mut Vec<Pending>,
    ) -> io::Result<()> {
        let Pending { query, client, attempt, .. } = question;
        match answer.filter(|answer| answer.code != Code::Failed) {
            Some(answer) => {
                let addresses = self.usable(&query, answer.addresses);
                match self.let_through(&query.name, &addresses)? {
                    true => self.reply(&client, &query.reply(answer.code, &addresses)),
                    false => self.reply(&client, &query.reply(Code::Failed, &[])),
                }
            }
            None => self.ask(query, client, attempt + 1, pending)?,
        }
        Ok(())
    }

    /// Takes up questions of the container.
    fn take_up(&mut self, pending: &mut Vec<Pending>, refused: &mut Refused) -> io::Result<()> {
        let mut buffer = vec![0; LONGEST];
        for _ in 0..BURST {
            let (length, client) =
                match recvfrom(&self.client, &mut buffer[..], RecvFlags::DONTWAIT) {
                    Ok((length, _, Some(client))) => (length, client),
                    Ok(_) | Err(Errno::INTR) => continue,
                    // What a reply met on its way is told here too.
                    Err(_) => return Ok(()),
                };
            match Query::read(&buffer[..length]) {
                Err(QueryError::Ignore) => {}
                Err(QueryError::Reply(reply)) => {
                    if reply.get(3).is_some_and(|code| code & 0xf == 5) {
                        count(refused, NO_NAME.to_owned());
                    }
                    self.reply(&client, &reply);
                }
                Ok(query) if !self.allows(&query) => {
                    count(refused, format!("{} {}", query.name, query.kind));
                    self.reply(&client, &query.reply(Code::Refused, &[]));
                }
                Ok(query) if pending.len() >= PENDING => {
                    self.reply(&client, &query.reply(Code::Failed, &[]));
                }
                Ok(query) => self.ask(query, client, 0, pending)?,
            }
        }
        Ok(())
    }

    fn allows(&self, query: &Query) -> bool {
        let known = matches!(query.kind, Kind::A | Kind::Aaaa);
        let named = |names: &Vec<Pattern>| names.iter().any(|name| name.matches(&query.name));
        known && self.names.as_ref().is_none_or(named)
    }

    /// Asks the server whose turn it is; when all had theirs, the container is told.
    fn ask(
        &mut self,
        query: Query,
        client: SocketAddrAny,
        first: usize,
        pending: &mut Vec<Pending>,
    ) -> io::Result<()> {
        for attempt in first..ATTEMPTS {
            let Some(server) = self.servers.get(attempt % self.servers.len().max(1)) else { break };
            let server = *server;
            let id = self.number()?;
            // A socket of its own has a port of its own, which is as hard to guess as the number.
            let Ok(socket) = dial(server) else { continue };
            let bytes = message::ask(id, &query.name, query.kind);
            if send(&socket, &bytes, SendFlags::empty()).is_err() {
                continue;
            }
            let deadline = Instant::now() + PATIENCE;
            pending.push(Pending { query, client, socket, id, deadline, attempt });
            return Ok(());
        }
        self.reply(&client, &query.reply(Code::Failed, &[]));
        Ok(())
    }

    fn number(&mut self) -> io::Result<u16> {
        let mut bytes = [0; 2];
        self.random.read_exact(&mut bytes)?;
        Ok(u16::from_ne_bytes(bytes))
    }

    fn reply(&self, client: &SocketAddrAny, bytes: &[u8]) {
        // Who does not take it asks again.
        let _ = sendto(&self.client, bytes, SendFlags::DONTWAIT, client);
    }

    /// The addresses that a name may have, with bounded lifetimes.
    fn usable(&self, query: &Query, mut found: Vec<(IpAddr, u32)>) -> Vec<(IpAddr, u32)> {
        if self.names.is_some() {
            found.retain(|(address, _)| is_elsewhere(*address));
        }
        found.retain(|(address, _)| address.is_ipv4() == (query.kind == Kind::A));
        found.iter_mut().for_each(|(_, seconds)| *seconds = (*seconds).min(learn::MOST_SECONDS));
        found
    }

    /// Has the keeper let addresses of the name through; false when it does not.
    fn let_through(&self, name: &Name, addresses: &[(IpAddr, u32)]) -> io::Result<bool> {
        let Some(names) = &self.names else { return Ok(true) };
        let places = names.iter().enumerate().filter(|(_, pattern)| pattern.matches(name));
        let learnt: Vec<_> = places
            .flat_map(|(place, _)| {
                addresses.iter().map(move |(address, seconds)| Learnt {
                    place,
                    address: *address,
                    seconds: *seconds,
                })
            })
            .collect();
        for part in learnt.chunks(learn::AT_ONCE) {
            self.keeper.send(&learn::encode(part), &[])?;
            match self.keeper.receive()? {
                Some(message) if message.bytes == learn::LEARNT => {}
                Some(_) => return Ok(false),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        Ok(true)
    }

    /// Tells the keeper what was refused, if it is still there to know.
    fn finish(&self, refused: &Refused) -> io::Result<()> {
        if self.keeper.receive()?.is_some() {
            self.keeper.send(&learn::Counts(refused.clone()).encode(), &[])?;
        }
        Ok(())
    }
}

enum Received {
    Answer(Answer),
    /// Nobody is there.
    Failure,
    Nothing,
}

/// What a server sent; what is no answer to the question counts as nothing.
fn receive(question: &Pending) -> Received {
    let mut buffer = vec![0; LONGEST];
    match recv(&question.socket, &mut buffer[..], RecvFlags::DONTWAIT) {
        Ok((length, _)) => {
            let (name, kind) = (&question.query.name, question.query.kind);
            let answer = message::answer(&buffer[..length], question.id, name, kind);
            answer.map_or(Received::Nothing, Received::Answer)
        }
        Err(Errno::AGAIN | Errno::INTR) => Received::Nothing,
        Err(_) => Received::Failure,
    }
}

/// A socket that hears only from this server.
fn dial(server: SocketAddr) -> rustix::io::Result<OwnedFd> {
    let family = if server.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    connect(socket.as_fd(), &server)?;
    Ok(socket)
}

/// Whether an address can be another machine's: a name must not lead to the container's own
/// services, to whoever shares its cable, or to a cloud's metadata.
fn is_elsewhere(address: IpAddr) -> bool {
    let plain = match address {
        IpAddr::V4(v4) => {
            !(v4.is_loopback() || v4.is_link_local() || v4.is_broadcast() || v4.octets()[0] == 0)
        }
        // What stands for an IPv4 address is no address of a machine.
        IpAddr::V6(v6) => {
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unicast_link_local()
                || v6.to_ipv4_mapped().is_some())
        }
    };
    plain && !address.is_multicast() && !METADATA.contains(&address)
}

fn count(refused: &mut Refused, name: String) {
    let known = refused.contains_key(&name) || refused.len() < REFUSED;
    *refused.entry(if known { name } else { OTHERS.to_owned() }).or_default() += 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_other_machines_are_passed_on() {
        for (address, wanted) in [
            ("192.0.2.1", true),
            ("10.0.0.1", true),
            ("2001:db8::1", true),
            ("fd12::1", true),
            ("127.0.0.1", false),
            ("0.0.0.0", false),
            ("169.254.169.254", false),
            ("100.100.100.200", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("ff02::1", false),
            ("fd00:ec2::254", false),
            ("::ffff:169.254.169.254", false),
        ] {
            assert_eq!(is_elsewhere(address.parse().unwrap()), wanted, "{address}");
        }
    }

    #[test]
    fn counts_are_bounded() {
        let mut refused = Refused::new();
        for at in 0..1000 {
            count(&mut refused, format!("a{at} A"));
            count(&mut refused, "b A".to_owned());
        }
        assert_eq!(refused.len(), REFUSED + 1);
        assert_eq!(refused["b A"], 1000);
        assert_eq!(refused.values().sum::<u64>(), 2000);
    }
}
