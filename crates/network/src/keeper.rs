//! The process that sets a container's network up, looks after it, and takes it down.
//!
//! It is told what is wanted in a [`Setup`], waits until the runtime hands the container's network
//! namespace over, and answers only when all is in force: without that answer the container does
//! not run. It stays until the container's first process has ended, whatever becomes of whoever
//! started it. What it does with foreign bytes it leaves to a process without rights: the
//! resolver.

use std::{
    collections::HashSet,
    fs::{self, File},
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
    path::Path,
    time::Duration,
};

use cofferdam_sys::{
    capability,
    channel::{Channel, Message},
    clone::{self, Child, CloneError, Request},
    netlink::{Netlink, Socket},
    network::loopback_up,
    signal,
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    net::{SocketFlags, accept_with},
    process::{Signal, geteuid, pidfd_send_signal},
    thread::{UnshareFlags, set_no_new_privs},
};

use crate::{
    bridge::{Bridge, BridgeError, set},
    dns::{
        confine::confine,
        learn::{self, Counts, Learnt},
        resolver::Resolver,
    },
    egress::EgressError,
    enter::{EnterError, Namespaces},
    firewall::{self, Firewall, TABLE, set_name},
    lease::{Lease, LeaseError, Networks, connections},
    nft::{self, Batch, NftError, SetKind},
    pasta::{Pasta, PastaError},
    port::ReserveError,
    process::Process,
    report::Refused,
    setup::{DNS, HOSTS_FILE, Mode, RESOLV_FILE, RESOLVER, Setup, resolv_text},
};

/// What the runtime is told when the network is there.
const DONE: &[u8] = b"done";
/// The container's device.
const DEVICE: &str = "eth0";
/// How long the resolver may take to tell its counts.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most addresses that are remembered as let through.
const REMEMBERED: usize = 65_536;

/// Why there is no network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeeperError {
    /// A file.
    #[error("could not {doing} '{path}'")]
    File {
        /// What was tried.
        doing: &'static str,
        /// Its path.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Something of the kernel's.
    #[error("could not {doing}")]
    Kernel {
        /// What was tried.
        doing: &'static str,
        /// Why.
        source: Errno,
    },
    /// A device.
    #[error("could not {doing} the container's network device")]
    Device {
        /// What was tried.
        doing: &'static str,
        /// Why.
        source: Errno,
    },
    /// A rule that makes no sense.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// An address.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The machine's side.
    #[error(transparent)]
    Bridge(#[from] BridgeError),
    /// Rules.
    #[error(transparent)]
    Rules(#[from] NftError),
    /// A port.
    #[error(transparent)]
    Port(#[from] ReserveError),
    /// Pasta.
    #[error(transparent)]
    Pasta(#[from] PastaError),
    /// The container's side.
    #[error(transparent)]
    Enter(#[from] EnterError),
    /// The resolver.
    #[error("could not start the resolver")]
    Resolver(#[source] CloneError),
}

/// Keeps the network of the container whose [`Setup`] is in the directory.
///
/// `control` is a channel to whoever started this, over which the listening socket comes; when it
/// closes before the runtime has come, there will be no container.
///
/// # Errors
/// When something goes wrong with the network of a container that runs, or has ended. Why there is
/// no network the runtime is told.
pub fn run(directory: &Path, control: OwnedFd) -> Result<(), KeeperError> {
    // What ends a terminal's programs is for the container, whose end this waits for.
    let blocked = signal::Set::all_but_faults().block();
    blocked.map_err(|source| KeeperError::Kernel { doing: "block signals", source })?;
    let setup = Setup::read(directory);
    let path = directory.display().to_string();
    let setup =
        setup.map_err(|source| KeeperError::File { doing: "read the setup in", path, source })?;
    let prepared = Prepared::new(setup);
    let Some((runtime, handed)) = wait_for_runtime(&Channel::from(control))? else {
        // Whoever started this knows why there is no container.
        return prepared.map_or(Ok(()), Prepared::give_back);
    };
    let made = prepared.and_then(|prepared| prepared.make(handed));
    match made {
        Ok(network) => {
            // When the runtime is gone, so is the container.
            let _ = runtime.send(DONE, &[]);
            drop(runtime);
            network.keep()
        }
        // The runtime tells why, and makes no container.
        Err(error) => {
            let _ = runtime.send(chain(&error).as_bytes(), &[]);
            Ok(())
        }
    }
}

/// The error and what caused it, in a line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(&format!(": {error}"));
        next = error.source();
    }
    text
}

/// What the runtime hands over: the container's process, its network and its ids.
struct Handed {
    process: OwnedFd,
    namespaces: Namespaces,
}

/// Takes the listening socket from whoever started this, and waits there for the runtime.
fn wait_for_runtime(control: &Channel) -> Result<Option<(Channel, Handed)>, KeeperError> {
    let failed = |source| KeeperError::Kernel { doing: "wait for the runtime", source };
    let Some(Message { mut descriptors, .. }) = control.receive().map_err(failed)? else {
        return Ok(None);
    };
    let Some(listener) = descriptors.pop() else { return Ok(None) };
    loop {
        let mut watched =
            [PollFd::new(&listener, PollFlags::IN), PollFd::new(control, PollFlags::IN)];
        match poll(&mut watched, None) {
            Err(Errno::INTR) => continue,
            result => result.map_err(failed)?,
        };
        if watched[0].revents().is_empty() {
            return Ok(None);
        }
        let runtime = accept_with(&listener, SocketFlags::CLOEXEC).map_err(failed)?;
        let runtime = Channel::from(runtime);
        let Some(message) = runtime.receive().map_err(failed)? else { continue };
        if let Ok([process, network, user]) = <[OwnedFd; 3]>::try_from(message.descriptors) {
            let namespaces = Namespaces { network, user };
            return Ok(Some((runtime, Handed { process, namespaces })));
        }
    }
}

/// What can be had before there is a container.
struct Prepared {
    setup: Setup,
    firewall: Firewall,
    upstream: Vec<SocketAddr>,
    resolver: Option<Running>,
    bridge: Option<OnBridge>,
    /// Ports of this machine that nobody else gets.
    reserved: Vec<OwnedFd>,
}

/// The machine's side of a container on a bridge.
struct OnBridge {
    networks: Networks,
    lease: Lease,
    netlink: Netlink,
    rules: Socket,
}

/// A resolver's process.
struct Running {
    child: Child,
    channel: Channel,
}

impl Prepared {
    fn new(setup: Setup) -> Result<Self, KeeperError> {
        let firewall = Firewall::new(&setup.rules()?);
        let upstream = setup.upstream(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default());
        let needed = setup.needs_resolver(&upstream);
        // First of all, while there is nothing here that it should not have.
        let resolver = needed.then(|| Running::start(&firewall, &upstream)).transpose()?;
        let mut reserved = Vec::new();
        let bridge = match &setup.mode {
            Mode::Pasta => None,
            Mode::Bridge(name) => {
                for port in &setup.ports {
                    reserved.extend(port.reserve()?);
                }
                Some(OnBridge::new(&setup, name.as_deref())?)
            }
        };
        Ok(Self { setup, firewall, upstream, resolver, bridge, reserved })
    }

    fn give_back(self) -> Result<(), KeeperError> {
        self.bridge.map_or(Ok(()), |bridge| bridge.give_back())
    }

    /// Makes the container's network. What fails here is taken back.
    fn make(mut self, handed: Handed) -> Result<Network, KeeperError> {
        match self.try_make(&handed) {
            Ok((rules, pasta)) => Ok(Network {
                setup: self.setup,
                firewall: self.firewall,
                process: handed.process,
                rules,
                resolver: self.resolver.take(),
                bridge: self.bridge.take(),
                _reserved: self.reserved,
                _pasta: pasta,
                known: HashSet::new(),
            }),
            Err(error) => {
                // What went wrong first counts.
                let _ = self.give_back();
                Err(error)
            }
        }
    }

    /// The container's network, and a connection to the rules in it.
    fn try_make(&mut self, handed: &Handed) -> Result<(Socket, Option<Pasta>), KeeperError> {
        let pid = pid_of(&handed.process)?;
        if let Some(bridge) = &self.bridge {
            bridge.connect(handed, pid)?;
        }
        let addresses =
            self.bridge.as_ref().map(|bridge| (&bridge.lease.bridge, bridge.lease.host));
        let with_resolver = self.resolver.is_some();
        let firewall = &self.firewall;
        let mut opened = handed
            .namespaces
            .inside(|| inside(firewall, addresses, with_resolver).map_err(|error| chain(&error)))?
            .into_iter();
        let rules = opened.next().ok_or(EnterError::Silent)?;
        if let Some(resolver) = &self.resolver {
            let client = opened.next().ok_or(EnterError::Silent)?;
            let sent = resolver.channel.send(b"client", &[client.as_fd()]);
            sent.map_err(|source| KeeperError::Kernel { doing: "reach the resolver", source })?;
        }
        self.write_files()?;
        let pasta = match self.setup.mode {
            Mode::Pasta => Some(Pasta::start(&self.setup.ports, &self.setup.directory, pid)?),
            Mode::Bridge(_) => None,
        };
        if let Some(bridge) = &self.bridge {
            bridge.publish(&self.setup)?;
        }
        Ok((Socket::from(rules), pasta))
    }

    /// Fills the files that the container sees.
    fn write_files(&self) -> Result<(), KeeperError> {
        let own = self.bridge.as_ref().map(|on| on.lease.bridge.addresses(on.lease.host));
        let own: Vec<IpAddr> =
            own.unwrap_or_default().iter().map(|network| network.address).collect();
        let servers: Vec<IpAddr> = match self.resolver {
            Some(_) => vec![RESOLVER],
            None => self.upstream.iter().map(SocketAddr::ip).collect(),
        };
        for (file, text) in
            [(HOSTS_FILE, self.setup.hosts_text(&own)), (RESOLV_FILE, resolv_text(&servers))]
        {
            let path = self.setup.directory.join(file);
            // Written in place: the container may hold the very file by now.
            fs::write(&path, text).map_err(|source| {
                let path = path.display().to_string();
                KeeperError::File { doing: "write", path, source }
            })?;
        }
        Ok(())
    }
}

/// What is done in the container's network namespace, the firewall first: nothing can go out
/// before it is there. Opens the connection to its rules, and the resolver's socket.
fn inside(
    firewall: &Firewall,
    bridge: Option<(&Bridge, u8)>,
    resolver: bool,
) -> Result<Vec<OwnedFd>, KeeperError> {
    let rules = nft::open()?;
    firewall.place(&rules)?;
    let mut opened: Vec<OwnedFd> = vec![rules.into()];
    let failed = |doing| move |source| KeeperError::Device { doing, source };
    loopback_up().map_err(failed("set up the loopback beside"))?;
    if let Some((bridge, host)) = bridge {
        let netlink = Netlink::open().map_err(failed("ask for"))?;
        let index = netlink.index(DEVICE).map_err(failed("find"))?;
        if bridge.random.is_some() {
            // Who is on the bridge too does not tell the container where to send packets.
            set(&format!("ipv6/conf/{DEVICE}/accept_ra"), "0")?;
        }
        netlink.set_up(index).map_err(failed("set up"))?;
        for address in bridge.addresses(host) {
            netlink.give(index, address).map_err(failed("give an address to"))?;
        }
        for gateway in bridge.addresses(1) {
            netlink.route_default(index, gateway.address).map_err(failed("route over"))?;
        }
    }
    if resolver {
        let at = SocketAddr::new(RESOLVER, DNS);
        let socket = UdpSocket::bind(at).map_err(|source| KeeperError::File {
            doing: "answer the container's questions at",
            path: at.to_string(),
            source,
        })?;
        opened.push(socket.into());
    }
    Ok(opened)
}

impl OnBridge {
    fn new(setup: &Setup, name: Option<&str>) -> Result<Self, KeeperError> {
        let (netlink, rules) = connections()?;
        let networks = Networks::open(&setup.networks)?;
        let own = Process::of(std::process::id()).map_err(|source| KeeperError::File {
            doing: "look at this process in",
            path: "/proc".into(),
            source,
        })?;
        let lease = networks.take(name, &setup.container, own, &setup.ports, &netlink, &rules)?;
        Ok(Self { networks, lease, netlink, rules })
    }

    /// Makes the cable between the bridge and the container.
    fn connect(&self, handed: &Handed, pid: u32) -> Result<(), KeeperError> {
        let failed = |doing| move |source| KeeperError::Device { doing, source };
        if let Ok(init) = Process::of(pid) {
            self.networks.note(&self.lease, init)?;
        }
        let bridge = &self.lease.bridge;
        let name = bridge.port_device(self.lease.host);
        let network = handed.namespaces.network.as_fd();
        self.netlink.make_pair(&name, DEVICE, network).map_err(failed("make"))?;
        let index = self.netlink.index(&name).map_err(failed("find"))?;
        let to = self.netlink.index(&bridge.device()).map_err(failed("find the bridge of"))?;
        self.netlink.attach(index, to, !bridge.shared).map_err(failed("attach"))?;
        self.netlink.set_up(index).map_err(failed("set up"))
    }

    /// Leads published ports to the container.
    fn publish(&self, setup: &Setup) -> Result<(), KeeperError> {
        if setup.ports.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::default();
        batch.replace(&self.lease.bridge.ports(self.lease.host, &setup.ports));
        Ok(batch.send(&self.rules)?)
    }

    fn give_back(&self) -> Result<(), KeeperError> {
        Ok(self.networks.give_back(&self.lease, &self.netlink, &self.rules)?)
    }
}

impl Running {
    /// Starts the resolver, which waits for its socket in the container's network.
    fn start(firewall: &Firewall, upstream: &[SocketAddr]) -> Result<Self, KeeperError> {
        let failed = |source| KeeperError::Kernel { doing: "make a channel", source };
        let (ours, theirs) = Channel::pair().map_err(failed)?;
        let open = |path: &str, write| {
            let file = File::options().read(true).write(write).open(path);
            let path = path.to_owned();
            file.map_err(|source| KeeperError::File { doing: "open", path, source })
        };
        let (random, nothing) = (open("/dev/urandom", false)?, open("/dev/null", true)?);
        let request = Request { namespaces: UnshareFlags::empty(), cgroup: None };
        let mut ours = Some(ours);
        let child = clone::spawn(&request, || {
            // Else the channel would stay open here when the keeper is gone.
            ours = None;
            if cofferdam_sys::exec::become_standard_streams(&nothing).is_err() || confine().is_err()
            {
                return 1;
            }
            let Ok(Some(message)) = theirs.receive() else { return 0 };
            let Some(client) = message.descriptors.into_iter().next() else { return 1 };
            let names = firewall.restricts.then(|| firewall.names.clone());
            let servers = upstream.to_vec();
            let resolver = Resolver { client, keeper: theirs, servers, names, random };
            u8::from(resolver.run().is_err())
        });
        let child = child.map_err(KeeperError::Resolver)?;
        let channel = ours.ok_or(KeeperError::Resolver(CloneError::Threads))?;
        channel.limit_waiting(PATIENCE).map_err(failed)?;
        Ok(Self { child, channel })
    }
}

impl Running {
    /// What the resolver refused; `None` when it does not say.
    fn counts(&self) -> Option<Counts> {
        /// An answer that was on its way, and the counts.
        const MESSAGES: usize = 2;
        self.channel.send(learn::FINISH, &[]).ok()?;
        for _ in 0..MESSAGES {
            let message = self.channel.receive().ok()??;
            if Counts::is(&message.bytes) {
                return Some(Counts::decode(&message.bytes));
            }
            self.channel.send(learn::NOT_LEARNT, &[]).ok()?;
        }
        None
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = pidfd_send_signal(&self.child.pidfd, Signal::KILL);
    }
}

/// A container's network that is in force.
struct Network {
    setup: Setup,
    firewall: Firewall,
    /// The container's first process.
    process: OwnedFd,
    /// To the rules in the container's network namespace.
    rules: Socket,
    resolver: Option<Running>,
    bridge: Option<OnBridge>,
    _reserved: Vec<OwnedFd>,
    _pasta: Option<Pasta>,
    /// Addresses that were let through, by the name's place.
    known: HashSet<(usize, IpAddr)>,
}

impl Network {
    /// Looks after it until the container has ended, then takes it down.
    fn keep(mut self) -> Result<(), KeeperError> {
        // What goes wrong from here on must not leave anything behind.
        let kept = drop_privileges().and_then(|()| self.serve());
        let refused = self.refused();
        let given_back = self.bridge.take().map_or(Ok(()), |bridge| bridge.give_back());
        kept.and(refused).and(given_back)
    }

    /// Until the container has ended.
    fn serve(&mut self) -> Result<(), KeeperError> {
        let failed = |source| KeeperError::Kernel { doing: "wait for the container", source };
        loop {
            let (ended, asked) = {
                let mut watched = vec![PollFd::new(&self.process, PollFlags::IN)];
                let resolver = self.resolver.as_ref();
                watched.extend(resolver.map(|one| PollFd::new(&one.channel, PollFlags::IN)));
                match poll(&mut watched, None) {
                    Err(Errno::INTR) => continue,
                    result => result.map_err(failed)?,
                };
                let ready =
                    |at: usize| watched.get(at).is_some_and(|one| !one.revents().is_empty());
                (ready(0), ready(1))
            };
            if ended {
                return Ok(());
            }
            if asked && !self.learn() {
                // Without a resolver no name is looked up, and no address let through.
                self.resolver = None;
            }
        }
    }

    /// Lets through what the resolver learnt; false when it is gone, or says what makes no sense.
    fn learn(&mut self) -> bool {
        let Some(resolver) = &self.resolver else { return false };
        let Ok(Some(message)) = resolver.channel.receive() else { return false };
        let names = self.firewall.names.len();
        let Some(records) = learn::decode(&message.bytes, names) else { return false };
        let learnt = records.iter().all(|record| let_through(&self.rules, &mut self.known, record));
        let answer = if learnt { learn::LEARNT } else { learn::NOT_LEARNT };
        resolver.channel.send(answer, &[]).is_ok()
    }

    /// Keeps what was refused.
    fn refused(&mut self) -> Result<(), KeeperError> {
        let attempts = firewall::refused(&self.rules)?;
        let counts = self.resolver.as_ref().and_then(Running::counts).unwrap_or_default();
        let refused = Refused::new(&self.setup.container, &attempts, &counts);
        if refused.is_empty() && !self.firewall.restricts {
            return Ok(());
        }
        let directory = &self.setup.directory;
        refused.write(directory).map_err(|source| KeeperError::File {
            doing: "keep what was refused in",
            path: directory.display().to_string(),
            source,
        })
    }
}

/// Puts an address into its set, or has it stay there for longer.
fn let_through(rules: &Socket, known: &mut HashSet<(usize, IpAddr)>, record: &Learnt) -> bool {
    let set = set_name(record.place, SetKind::of(record.address));
    let send = |anew: bool| {
        let mut batch = Batch::default();
        if anew {
            batch.forget(TABLE, &set, record.address);
        }
        batch.learn(TABLE, &set, record.address, record.time());
        batch.send(rules)
    };
    if known.len() >= REMEMBERED {
        known.clear();
    }
    let first = known.insert((record.place, record.address));
    match send(!first) {
        // Its time was over.
        Err(error) if error.errno() == Errno::NOENT && !first => send(false).is_ok(),
        result => result.is_ok(),
    }
}

/// Of all rights one is left, to take the network down; an ordinary user has none at all.
fn drop_privileges() -> Result<(), KeeperError> {
    let failed = |source| KeeperError::Kernel { doing: "give up privileges", source };
    if geteuid().is_root() {
        let mut keep = capability::Set::EMPTY;
        let _ = keep.insert("CAP_NET_ADMIN");
        capability::limit_bounding(keep).map_err(failed)?;
        let sets = capability::Sets { effective: keep, permitted: keep, ..Default::default() };
        capability::set(&sets).map_err(failed)?;
    }
    set_no_new_privs(true).map_err(failed)
}

/// The id that the process of a descriptor has here.
fn pid_of(process: &OwnedFd) -> Result<u32, KeeperError> {
    let path = format!("/proc/self/fdinfo/{}", process.as_raw_fd());
    let read = fs::read_to_string(&path).and_then(|text| {
        let found = text.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok());
        found.ok_or_else(|| io::Error::other("the process is gone"))
    });
    read.map_err(|source| KeeperError::File {
        doing: "find the container's process in",
        path,
        source,
    })
}
