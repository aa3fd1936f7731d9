//! A machine of a test's own: network and mounts in new namespaces, with another machine at the
//! end of a cable. Nothing of the real machine's network is touched.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::fs::{PermissionsExt as _, symlink},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Sender, channel},
    thread,
    time::Duration,
};

use cofferdam_network::dns::message::{Code, Query};
use cofferdam_sys::{
    netlink::{Netlink, route::Network},
    network::loopback_up,
};
use rustix::{mount, thread::UnshareFlags};
use tempfile::TempDir;

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The far machine's addresses.
pub(crate) const FAR: &str = "192.0.2.1";
pub(crate) const FAR_OTHER: &str = "192.0.2.9";
pub(crate) const FAR_V6: &str = "2001:db8::1";
/// This machine's on the cable.
pub(crate) const NEAR: &str = "192.0.2.2";
pub(crate) const NEAR_V6: &str = "2001:db8::2";

type Job = Box<dyn FnOnce() + Send>;

/// Namespaces in which jobs are done, on one thread that lives as long as this.
struct Inside(Sender<Job>);

impl Inside {
    fn new(flags: UnshareFlags) -> Option<Self> {
        let (jobs, inbox) = channel::<Job>();
        let (ready, made) = channel();
        thread::spawn(move || {
            let made = cofferdam_sys::clone::unshare(flags).and_then(|()| loopback_up());
            ready.send(made).unwrap();
            inbox.iter().for_each(|job| job());
        });
        match made.recv().unwrap() {
            Ok(()) => Some(Self(jobs)),
            Err(error) => skip(&format!("no namespaces can be made: {error}")),
        }
    }

    fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (answer, answered) = channel();
        self.0.send(Box::new(move || answer.send(job()).unwrap())).unwrap();
        answered.recv().unwrap()
    }
}

pub(crate) struct Machine {
    near: Inside,
    far: Inside,
    directory: TempDir,
}

/// Says why a test is not done.
pub(crate) fn skip<T>(why: &str) -> Option<T> {
    // Not eprintln, which a passing test would swallow.
    let _ = writeln!(io::stderr(), "skipped: {why}");
    None
}

impl Machine {
    /// None, with the reason printed, where it cannot be had.
    pub(crate) fn new() -> Option<Self> {
        let busybox = ["/bin/busybox", "/usr/bin/busybox"];
        let Some(busybox) = busybox.into_iter().find(|path| Path::new(path).is_file()) else {
            return skip("no busybox; Debian has it in package 'busybox-static'");
        };
        if !program("cofferdam-runtime").is_file() {
            return skip("no cofferdam-runtime; cargo build --workspace makes it");
        }
        if !rustix::process::geteuid().is_root() {
            return skip("not root");
        }
        let near = Inside::new(UnshareFlags::NEWNET | UnshareFlags::NEWNS)?;
        let far = Inside::new(UnshareFlags::NEWNET)?;
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let machine = Self { near, far, directory };
        machine.near.run(|| {
            // What is mounted is this machine's alone, and so is what it runs.
            mount::mount_change(
                "/",
                mount::MountPropagationFlags::PRIVATE | mount::MountPropagationFlags::REC,
            )
            .unwrap();
            let nothing: Option<&std::ffi::CStr> = None;
            mount::mount("tmpfs", "/run", "tmpfs", mount::MountFlags::empty(), nothing).unwrap();
        });
        machine.connect();
        let root = machine.root();
        for directory in ["bin", "tmp", "root", "etc"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        fs::copy(busybox, root.join("bin/busybox")).unwrap();
        symlink("busybox", root.join("bin/sh")).unwrap();
        fs::write(root.join("etc/page"), "the page\n").unwrap();
        Some(machine)
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn inside<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        self.near.run(job)
    }

    fn connect(&self) {
        let far: OwnedFd =
            self.far.run(|| fs::File::open("/proc/thread-self/ns/net").unwrap().into());
        self.near.run(move || {
            Netlink::open().unwrap().make_pair("cable", "cable", far.as_fd()).unwrap();
            give(&[NEAR, NEAR_V6], FAR, FAR_V6);
        });
        self.far.run(|| give(&[FAR, FAR_OTHER, FAR_V6], NEAR, NEAR_V6));
    }

    /// A service of the far machine that tells who asks.
    pub(crate) fn far_service(&self, address: &str, port: u16) {
        let at = at(address, port);
        tell_who_asks(self.far.run(move || TcpListener::bind(at).unwrap()));
    }

    /// A service of this machine that tells who asks.
    pub(crate) fn near_service(&self, address: &str, port: u16) {
        let at = at(address, port);
        tell_who_asks(self.near.run(move || TcpListener::bind(at).unwrap()));
    }

    /// A name server on this machine's loopback that knows one name.
    pub(crate) fn name_server(&self, name: &'static str, address: &str) {
        let address: IpAddr = address.parse().unwrap();
        let socket = self.near.run(|| UdpSocket::bind("127.0.0.1:53").unwrap());
        thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((length, client)) = socket.recv_from(&mut buffer) {
                let query = Query::read(&buffer[..length]).unwrap();
                let known = query.name.as_str() == name;
                let found = if known { vec![(address, 30)] } else { Vec::new() };
                let code = if known { Code::Fine } else { Code::NoName };
                socket.send_to(&query.reply(code, &found), client).unwrap();
            }
        });
    }

    /// What a service says, asked from this machine.
    pub(crate) fn ask(&self, address: &str, port: u16) -> io::Result<String> {
        let at = at(address, port);
        self.near.run(move || ask(at))
    }

    /// What a service says, asked from the far machine.
    pub(crate) fn ask_from_far(&self, address: &str, port: u16) -> io::Result<String> {
        let at = at(address, port);
        self.far.run(move || ask(at))
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program("cofferdam"));
        command.args(words).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("HOME", self.path()).env("COFFERDAM_DATA_DIR", self.path().join("data"));
        command.current_dir(self.path()).stdin(Stdio::null());
        command
    }

    /// Runs a script in a container to its end; status, output and messages.
    pub(crate) fn run(&self, options: &[&str], script: &str) -> (i32, String, String) {
        let mut command = self.command(&["run", "--rootfs", "root"]);
        command.args(options).args(["--", "/bin/sh", "-c", script]);
        let output = self.near.run(move || command.output().unwrap());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    /// Runs the program; what it prints.
    pub(crate) fn must(&self, words: &[&str]) -> String {
        let mut command = self.command(words);
        let output = self.near.run(move || command.output().unwrap());
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words:?}: {why}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a script in a container that then serves a page at port 80 until this is dropped.
    pub(crate) fn serve(&self, options: &[&str], script: &str) -> Serving {
        let script =
            format!("{script}\n/bin/busybox httpd -p [::]:80 -h /etc\necho ready\nread end");
        let mut command = self.command(&["run", "--rootfs", "root"]);
        command.args(options).args(["--", "/bin/sh", "-c", &script]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.near.run(move || command.spawn().unwrap());
        let mut told = String::new();
        let mut output = io::BufReader::new(child.stdout.take().unwrap());
        while !told.ends_with("ready\n") {
            if io::BufRead::read_line(&mut output, &mut told).unwrap() == 0 {
                let mut why = String::new();
                child.stderr.take().unwrap().read_to_string(&mut why).unwrap();
                child.wait().unwrap();
                panic!("{told}{why}");
            }
        }
        Serving { child, told }
    }
}

/// A container that serves a page; ended when dropped.
pub(crate) struct Serving {
    pub(crate) child: Child,
    /// What it said before.
    pub(crate) told: String,
}

impl Serving {
    /// The first address in what it said that begins so.
    pub(crate) fn address(&self, start: &str) -> String {
        let words = self.told.split(|c: char| c.is_whitespace() || c == '/');
        words.into_iter().find(|word| word.starts_with(start)).unwrap().to_owned()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_cofferdam")).with_file_name(name)
}

fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), port)
}

fn give(own: &[&str], gateway: &str, gateway_v6: &str) {
    let netlink = Netlink::open().unwrap();
    let index = netlink.index("cable").unwrap();
    netlink.set_up(index).unwrap();
    for address in own {
        let address: IpAddr = address.parse().unwrap();
        let prefix = if address.is_ipv4() { 24 } else { 64 };
        netlink.give(index, Network { address, prefix }).unwrap();
    }
    // Pasta takes addresses from the device that a way out goes by.
    for gateway in [gateway, gateway_v6] {
        netlink.route_default(index, gateway.parse().unwrap()).unwrap();
    }
}

fn tell_who_asks(listener: TcpListener) {
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let peer = stream.peer_addr().unwrap().ip();
            // At once: pieces of it could come apart.
            let _ = stream.write_all(format!("you are {peer}\n").as_bytes());
        }
    });
}

/// What a service says, be it one that tells who asks or one with a page.
fn ask(at: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&at, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /page HTTP/1.0\r\n\r\n")?;
    let mut text = String::new();
    match stream.read_to_string(&mut text) {
        Err(error) if text.is_empty() => Err(error),
        _ => Ok(text),
    }
}
