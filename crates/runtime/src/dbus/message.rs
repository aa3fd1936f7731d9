//! Messages (D-Bus Specification, Message Protocol).

use super::value::{Reader, Value, pad};

/// Longest message that is read or written, in bytes; D-Bus allows 128 MiB.
const LONGEST: usize = 1 << 20;

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// It ends too early, or a length is wrong.
    #[error("the message ends within a value")]
    End,
    /// It is longer than what is read here.
    #[error("the message is longer than {LONGEST} bytes")]
    TooLong,
    /// Its beginning is none of a message.
    #[error("the message does not begin as one")]
    Header,
    /// A type is unknown or nested too deep.
    #[error("the message has a type that is not known here")]
    Signature,
    /// A text is no UTF-8, or has a zero byte in it.
    #[error("the message has a text that is none")]
    Text,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A method is called.
    Call,
    /// A method's answer.
    Return,
    /// A method's failure.
    Error,
    /// Something has happened.
    Signal,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub kind: Kind,
    /// Its number, for answers.
    pub serial: u32,
    /// The message that it answers.
    pub reply_serial: Option<u32>,
    /// The object.
    pub path: Option<String>,
    /// The interface of the member.
    pub interface: Option<String>,
    /// The method or signal.
    pub member: Option<String>,
    /// The error's name.
    pub error: Option<String>,
    /// Who is to get it.
    pub destination: Option<String>,
    /// Who has sent it, as the bus says.
    pub sender: Option<String>,
    /// Its values.
    pub body: Vec<Value>,
}

impl Message {
    /// Bytes from which [`Self::length`] is found.
    pub const FIXED: usize = 16;

    fn new(kind: Kind, body: Vec<Value>) -> Self {
        Self {
            kind,
            serial: 0,
            reply_serial: None,
            path: None,
            interface: None,
            member: None,
            error: None,
            destination: None,
            sender: None,
            body,
        }
    }

    /// A call of a method of `[destination, path, interface]`.
    #[must_use]
    pub fn call(of: [&str; 3], member: &str, body: Vec<Value>) -> Self {
        Self {
            destination: Some(of[0].into()),
            path: Some(of[1].into()),
            interface: Some(of[2].into()),
            member: Some(member.into()),
            ..Self::new(Kind::Call, body)
        }
    }

    /// The answer to a call.
    #[must_use]
    pub fn answer(call: &Self, body: Vec<Value>) -> Self {
        Self {
            reply_serial: Some(call.serial),
            destination: call.sender.clone(),
            ..Self::new(Kind::Return, body)
        }
    }

    /// A call's failure.
    #[must_use]
    pub fn failure(call: &Self, name: &str, text: &str) -> Self {
        Self {
            error: Some(name.into()),
            kind: Kind::Error,
            ..Self::answer(call, vec![Value::String(text.into())])
        }
    }

    /// A signal of an interface of an object.
    #[must_use]
    pub fn signal(path: &str, interface: &str, member: &str, body: Vec<Value>) -> Self {
        Self {
            path: Some(path.into()),
            interface: Some(interface.into()),
            member: Some(member.into()),
            ..Self::new(Kind::Signal, body)
        }
    }

    /// The message with this number, as bytes.
    ///
    /// # Errors
    /// When it is too long.
    pub fn encode(&self, serial: u32) -> Result<Vec<u8>, MessageError> {
        let mut body = Vec::new();
        self.body.iter().for_each(|value| value.write(&mut body));
        let signature: String = self.body.iter().map(Value::signature).collect();
        let kind = match self.kind {
            Kind::Call => 1,
            Kind::Return => 2,
            Kind::Error => 3,
            Kind::Signal => 4,
        };
        let mut out = vec![b'l', kind, 0, 1];
        out.extend(u32::try_from(body.len()).map_err(|_| MessageError::TooLong)?.to_le_bytes());
        out.extend(serial.to_le_bytes());
        let string = |text: &Option<String>| text.clone().map(Value::String);
        let fields = [
            (1, self.path.clone().map(Value::Path)),
            (2, string(&self.interface)),
            (3, string(&self.member)),
            (4, string(&self.error)),
            (5, self.reply_serial.map(Value::Uint32)),
            (6, string(&self.destination)),
            (7, string(&self.sender)),
            (8, (!signature.is_empty()).then_some(Value::Signature(signature))),
        ];
        let fields = fields.into_iter().filter_map(|(code, value)| {
            Some(Value::Struct(vec![Value::Byte(code), Value::Variant(Box::new(value?))]))
        });
        Value::Array("(yv)".into(), fields.collect()).write(&mut out);
        pad(8, &mut out);
        out.extend(body);
        if out.len() > LONGEST { Err(MessageError::TooLong) } else { Ok(out) }
    }

    /// How long the message is whose first [`Self::FIXED`] bytes these are.
    ///
    /// # Errors
    /// When it is none, or too long.
    pub fn length(first: &[u8]) -> Result<usize, MessageError> {
        let big = match first.first() {
            Some(b'l') => false,
            Some(b'B') => true,
            _ => return Err(MessageError::Header),
        };
        let mut reader = Reader::new(first, big);
        let (_, body, _, fields) = (reader.word()?, reader.word()?, reader.word()?, reader.word()?);
        let size = |length: u32| usize::try_from(length).map_err(|_| MessageError::TooLong);
        let (body, fields) = (size(body)?, size(fields)?);
        if body > LONGEST || fields > LONGEST {
            return Err(MessageError::TooLong);
        }
        let length = (Self::FIXED + fields).next_multiple_of(8) + body;
        if length > LONGEST { Err(MessageError::TooLong) } else { Ok(length) }
    }

    /// Reads a whole message.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        if Self::length(bytes.get(..Self::FIXED).ok_or(MessageError::End)?)? != bytes.len() {
            return Err(MessageError::End);
        }
        let kind = match bytes[1] {
            1 => Kind::Call,
            2 => Kind::Return,
            3 => Kind::Error,
            4 => Kind::Signal,
            _ => return Err(MessageError::Header),
        };
        if bytes[3] != 1 {
            return Err(MessageError::Header);
        }
        let mut reader = Reader::new(bytes, bytes[0] == b'B');
        let (_, _, serial) = (reader.word()?, reader.word()?, reader.word()?);
        let mut message = Self { serial, ..Self::new(kind, Vec::new()) };
        let mut signature = String::new();
        let fields = reader.values("a(yv)")?;
        let Some(Value::Array(_, fields)) = fields.into_iter().next() else {
            return Err(MessageError::Header);
        };
        for field in fields {
            let Value::Struct(field) = field else { return Err(MessageError::Header) };
            let [Value::Byte(code), Value::Variant(value)] = &field[..] else {
                return Err(MessageError::Header);
            };
            message.take(*code, value, &mut signature);
        }
        reader.align(8)?;
        message.body = reader.values(&signature)?;
        if reader.position() == bytes.len() { Ok(message) } else { Err(MessageError::End) }
    }

    /// A field of the header; those that mean nothing here are left.
    fn take(&mut self, code: u8, value: &Value, signature: &mut String) {
        match (code, value) {
            (1, Value::Path(text)) => self.path = Some(text.clone()),
            (2, Value::String(text)) => self.interface = Some(text.clone()),
            (3, Value::String(text)) => self.member = Some(text.clone()),
            (4, Value::String(text)) => self.error = Some(text.clone()),
            (5, Value::Uint32(number)) => self.reply_serial = Some(*number),
            (6, Value::String(text)) => self.destination = Some(text.clone()),
            (7, Value::String(text)) => self.sender = Some(text.clone()),
            (8, Value::Signature(text)) => signature.clone_from(text),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rich() -> Message {
        let entry = |key: &str, value| {
            Value::Entry(Box::new((Value::String(key.into()), Value::Variant(Box::new(value)))))
        };
        let body = vec![
            Value::String("unit.scope".into()),
            Value::Array(
                "(sv)".into(),
                vec![Value::Struct(vec![
                    Value::String("PIDs".into()),
                    Value::Variant(Box::new(Value::Array("u".into(), vec![Value::Uint32(7)]))),
                ])],
            ),
            Value::Array("(sa(sv))".into(), Vec::new()),
            Value::Array(
                "{sv}".into(),
                vec![entry("a", Value::Bool(true)), entry("b", Value::Int64(-1))],
            ),
            Value::Byte(1),
            Value::Uint64(u64::MAX),
            Value::Int32(-5),
            Value::Signature("a{sv}".into()),
        ];
        Message::call(["org.x", "/x", "org.x.I"], "Do", body)
    }

    #[test]
    fn a_message_survives_writing_and_reading() {
        let bytes = rich().encode(9).unwrap();
        assert_eq!(Message::length(&bytes[..16]), Ok(bytes.len()));
        assert_eq!(Message::parse(&bytes).unwrap(), Message { serial: 9, ..rich() });
        let call = Message { serial: 9, sender: Some(":1.5".into()), ..rich() };
        let failure = Message::failure(&call, "org.x.Error", "no");
        let read = Message::parse(&failure.encode(2).unwrap()).unwrap();
        assert_eq!((read.kind, read.reply_serial), (Kind::Error, Some(9)));
        assert_eq!(read.destination.as_deref(), Some(":1.5"));
    }

    /// As the specification's own example of a call has them.
    #[test]
    fn bytes_are_where_the_specification_has_them() {
        let bytes =
            Message::call(["d", "/p", "i.f"], "M", vec![Value::Uint32(1)]).encode(3).unwrap();
        assert_eq!(bytes[..16], [b'l', 1, 0, 1, 4, 0, 0, 0, 3, 0, 0, 0, bytes[12], 0, 0, 0]);
        assert_eq!(bytes[16..27], [1, 1, b'o', 0, 2, 0, 0, 0, b'/', b'p', 0]);
        assert_eq!(bytes[bytes.len() - 4..], [1, 0, 0, 0]);
        assert_eq!(bytes.len() % 8, 4);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let good = rich().encode(1).unwrap();
        for (at, byte) in [(0, b'x'), (1, 9), (3, 2), (4, 0xff), (6, 0xff), (12, 0xff), (14, 0xff)]
        {
            let mut bytes = good.clone();
            bytes[at] = byte;
            assert!(Message::parse(&bytes).is_err(), "{at}");
        }
        for end in 0..good.len() {
            assert!(Message::parse(&good[..end]).is_err(), "{end}");
        }
        let long = Message::call(["d", "/p", "i"], "M", vec![Value::String("x".repeat(LONGEST))]);
        assert_eq!(long.encode(1), Err(MessageError::TooLong));
        // A type within itself, over and over.
        let deep = Value::Signature(format!("{}u", "a".repeat(100)));
        let message = Message::call(["d", "/p", "i"], "M", vec![deep]);
        assert!(Message::parse(&message.encode(1).unwrap()).is_ok(), "as a value it is text");
        let nested = (0..40).fold(Value::Byte(0), |value, _| Value::Variant(Box::new(value)));
        let message = Message::call(["d", "/p", "i"], "M", vec![nested]);
        assert_eq!(Message::parse(&message.encode(1).unwrap()), Err(MessageError::Signature));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let _ = Message::parse(&bytes);
        }

        #[test]
        fn never_panics_on_almost_a_message(at in 0_usize..400, byte in any::<u8>()) {
            let mut bytes = rich().encode(1).unwrap();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = Message::parse(&bytes);
        }
    }
}
