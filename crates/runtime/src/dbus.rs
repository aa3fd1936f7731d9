//! The little of D-Bus that talking to systemd takes: method calls and signals over the socket of
//! a bus (D-Bus Specification 0.43).
//!
//! What comes from the bus is read as if anybody had sent it: messages, nesting and waiting are
//! bounded.

mod message;
mod value;

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::PathBuf,
    time::{Duration, Instant},
};

pub use message::{Kind, Message, MessageError};
pub use value::Value;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Signals that are kept while an answer is waited for.
const SIGNALS: usize = 1000;
/// Longest line of the authentication, in bytes.
const LINE: usize = 512;

/// Why a bus could not be talked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// The address is of no kind that is known here.
    #[error("could not use the bus address '{0}': 'unix:path=' is wanted")]
    Address(String),
    /// The socket.
    #[error("could not talk to the bus")]
    Io(#[from] io::Error),
    /// What arrived is no message.
    #[error("could not understand what came from the bus")]
    Message(#[from] MessageError),
    /// The bus did not let us in.
    #[error("the bus refused this user: {0}")]
    Refused(String),
    /// A call failed.
    #[error("{name}: {text}")]
    Failed {
        /// The error's name, such as `org.freedesktop.DBus.Error.AccessDenied`.
        name: String,
        /// What else was said.
        text: String,
    },
    /// No answer came in time.
    #[error("no answer came from the bus within {} seconds", PATIENCE.as_secs())]
    TimedOut,
}

impl From<BusError> for io::Error {
    fn from(error: BusError) -> Self {
        Self::other(error)
    }
}

/// A connection to a bus.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    serial: u32,
    signals: VecDeque<Message>,
}

impl Connection {
    /// Connects to the bus at an address such as `unix:path=/run/dbus/system_bus_socket`.
    ///
    /// # Errors
    /// When there is none, or it does not let this user in.
    pub fn open(address: &str) -> Result<Self, BusError> {
        let stream = UnixStream::connect(path(address)?)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut connection = Self { stream, serial: 0, signals: VecDeque::new() };
        connection.authenticate()?;
        let bus = ["org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"];
        connection.call(Message::call(bus, "Hello", Vec::new()))?;
        Ok(connection)
    }

    /// By the user id that the kernel tells the bus.
    fn authenticate(&mut self) -> Result<(), BusError> {
        let user = rustix::process::geteuid().as_raw().to_string();
        let hex: String = user.bytes().map(|byte| format!("{byte:02x}")).collect();
        self.stream.write_all(format!("\0AUTH EXTERNAL {hex}\r\n").as_bytes())?;
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte)?;
            line.extend(byte);
            if line.len() > LINE {
                return Err(BusError::Refused("its answer does not end".into()));
            }
        }
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        if !line.starts_with("OK ") {
            return Err(BusError::Refused(line));
        }
        Ok(self.stream.write_all(b"BEGIN\r\n")?)
    }

    /// Sends a message; returns its serial number.
    ///
    /// # Errors
    /// When the bus is gone, or the message is too long.
    pub fn send(&mut self, message: &Message) -> Result<u32, BusError> {
        self.serial = self.serial.wrapping_add(1).max(1);
        self.stream.write_all(&message.encode(self.serial)?)?;
        Ok(self.serial)
    }

    /// The next message that arrives.
    ///
    /// # Errors
    /// When none arrives in time, the bus is gone, or it is no message.
    pub fn receive(&mut self) -> Result<Message, BusError> {
        let mut bytes = vec![0; Message::FIXED];
        self.read(&mut bytes)?;
        let length = Message::length(&bytes)?;
        bytes.resize(length, 0);
        self.read(&mut bytes[Message::FIXED..])?;
        Ok(Message::parse(&bytes)?)
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), BusError> {
        self.stream.read_exact(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => BusError::TimedOut,
            _ => error.into(),
        })
    }

    /// Calls a method; returns what it answers.
    ///
    /// # Errors
    /// What the method fails with; or when no answer comes.
    pub fn call(&mut self, call: Message) -> Result<Vec<Value>, BusError> {
        let serial = self.send(&call)?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let message = self.receive()?;
            match message.kind {
                Kind::Return if message.reply_serial == Some(serial) => return Ok(message.body),
                Kind::Error if message.reply_serial == Some(serial) => {
                    let text = match message.body.first() {
                        Some(Value::String(text)) => text.clone(),
                        _ => "no reason was given".into(),
                    };
                    return Err(BusError::Failed { name: message.error.unwrap_or_default(), text });
                }
                Kind::Signal => {
                    if self.signals.len() == SIGNALS {
                        self.signals.pop_front();
                    }
                    self.signals.push_back(message);
                }
                // Of another call that nobody waits for any more.
                _ => {}
            }
        }
        Err(BusError::TimedOut)
    }

    /// Waits for a signal.
    ///
    /// # Errors
    /// When it does not come in time.
    pub fn wait_for(&mut self, wanted: impl Fn(&Message) -> bool) -> Result<Message, BusError> {
        let deadline = Instant::now() + PATIENCE;
        while let Some(signal) = self.signals.pop_front() {
            if wanted(&signal) {
                return Ok(signal);
            }
        }
        while Instant::now() < deadline {
            let message = self.receive()?;
            if message.kind == Kind::Signal && wanted(&message) {
                return Ok(message);
            }
        }
        Err(BusError::TimedOut)
    }
}

/// The socket's path in an address, the first of several. Bytes may be written as `%` and two
/// hexadecimal digits.
fn path(addresses: &str) -> Result<PathBuf, BusError> {
    let wrong = || BusError::Address(addresses.to_owned());
    let paths = addresses.split(';').filter_map(|address| {
        address.strip_prefix("unix:")?.split(',').find_map(|part| part.strip_prefix("path="))
    });
    let text = paths.into_iter().next().ok_or_else(wrong)?;
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2).ok_or_else(wrong)?;
        let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        rest = tail;
    }
    use std::os::unix::ffi::OsStringExt;
    Ok(PathBuf::from(std::ffi::OsString::from_vec(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_sockets_with_a_path() {
        for (address, wanted) in [
            ("unix:path=/run/bus", Some("/run/bus")),
            ("unix:path=/run/a%20b,guid=0f", Some("/run/a b")),
            ("tcp:host=x;unix:guid=1,path=/x", Some("/x")),
            ("unix:abstract=x", None),
            ("unix:path=%2", None),
            ("unix:path=%zz", None),
            ("", None),
        ] {
            let found = path(address).ok();
            assert_eq!(found.as_deref().and_then(|p| p.to_str()), wanted, "{address}");
        }
    }
}
