//! Ed25519 keys (RFC 8032), in the forms that other programs read: PKCS #8 and SubjectPublicKeyInfo
//! (RFC 8410) as PEM (RFC 7468).

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    rand::{SecureRandom as _, SystemRandom},
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};

use super::sha256;

/// What comes before the 32 bytes of a private key in PKCS #8.
const PRIVATE: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
/// What comes before the 32 bytes of a public key.
const PUBLIC: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// Before a public key on one line.
const PREFIX: &str = "ed25519:";
/// Characters that the text of a key may have.
const LONGEST: usize = 4096;

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is something else.
    #[error("it is no Ed25519 {0} key: a PEM block '{1}' is wanted")]
    Foreign(&'static str, &'static str),
    /// A public key where a private one is needed would leak nothing; the reverse would.
    #[error("it is a private key, which must stay where it is: give the public one")]
    Private,
    /// The machine gives no random numbers.
    #[error("there are no random numbers to make a key from")]
    Random,
}

/// A key that signs. It is shown by nothing but [`SigningKey::to_pem`].
pub struct SigningKey {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public()).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// If the machine gives no random numbers.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).map_err(|_| KeyError::Random)?;
        Self::of_seed(seed)
    }

    fn of_seed(seed: [u8; 32]) -> Result<Self, KeyError> {
        let foreign = KeyError::Foreign("private", "PRIVATE KEY");
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| foreign)?;
        Ok(Self { seed, pair })
    }

    /// Reads what [`SigningKey::to_pem`] or `openssl genpkey -algorithm ed25519` writes.
    ///
    /// # Errors
    /// If it is something else.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let foreign = KeyError::Foreign("private", "PRIVATE KEY");
        let der = pem(text, "PRIVATE KEY").ok_or_else(|| foreign.clone())?;
        let seed = der.strip_prefix(&PRIVATE).and_then(|seed| seed.try_into().ok());
        Self::of_seed(seed.ok_or(foreign)?)
    }

    /// The key as PEM.
    pub fn to_pem(&self) -> String {
        block("PRIVATE KEY", &[&PRIVATE[..], &self.seed].concat())
    }

    /// The key that verifies what this one signs.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey(bytes)
    }

    /// The signature of a message.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

/// A key that verifies signatures. Its text is `ed25519:` and base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Whether the key's owner has signed the message.
    pub fn verifies(self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }

    /// The key as PEM.
    pub fn to_pem(self) -> String {
        block("PUBLIC KEY", &self.der())
    }

    fn der(self) -> Vec<u8> {
        [&PUBLIC[..], &self.0].concat()
    }

    /// A name for it: the SHA-256 of its SubjectPublicKeyInfo, in hexadecimal.
    pub fn id(self) -> String {
        sha256(&self.der())
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    /// One line, or PEM.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let foreign = KeyError::Foreign("public", "PUBLIC KEY");
        if pem(text, "PRIVATE KEY").is_some() {
            return Err(KeyError::Private);
        }
        let bytes = match text.trim().strip_prefix(PREFIX) {
            Some(line) => STANDARD.decode(line).ok(),
            None => {
                let der = pem(text, "PUBLIC KEY");
                der.and_then(|der| der.strip_prefix(&PUBLIC).map(<[u8]>::to_vec))
            }
        };
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(foreign)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn block(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// The content of the first block with that label.
fn pem(text: &str, label: &str) -> Option<Vec<u8>> {
    if text.len() > LONGEST {
        return None;
    }
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (inside, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let inside: String = inside.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(inside).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first test of RFC 8032, section 7.1.
    #[test]
    fn signs_as_the_specification_does() {
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len() / 2)
                .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
                .collect()
        };
        let seed = bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let key = SigningKey::of_seed(seed.try_into().unwrap()).unwrap();
        let public = bytes("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        assert_eq!(key.public().0.to_vec(), public);
        let signature = bytes(
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        );
        assert_eq!(key.sign(b""), signature);
        assert!(key.public().verifies(b"", &signature));
        assert!(!key.public().verifies(b"x", &signature));
    }

    #[test]
    fn keys_are_written_as_they_are_read() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::parse(&key.to_pem()).unwrap();
        assert_eq!(again.public(), key.public());
        for text in [key.public().to_pem(), key.public().to_string()] {
            assert_eq!(text.parse(), Ok(key.public()));
        }
        assert_eq!(key.to_pem().parse::<PublicKey>(), Err(KeyError::Private));
        assert!(SigningKey::parse(&key.public().to_pem()).is_err());
        assert!(!format!("{key:?}").contains("seed"));
        for text in [
            "",
            "ed25519:",
            "ed25519:AAAA",
            "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----",
        ] {
            assert!(text.parse::<PublicKey>().is_err(), "{text}");
        }
    }
}
