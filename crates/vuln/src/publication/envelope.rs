//! A document with signatures: the envelope of DSSE 1.0.
//!
//! What is signed is not the JSON but the payload's bytes with their type, so that nothing has to be
//! parsed before a signature was verified but the envelope itself.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::{PublicKey, SigningKey};

/// What the payload is.
pub const PAYLOAD_TYPE: &str = "application/vnd.cofferdam.publication.v1+json";
/// Bytes that an envelope may have.
pub const MAX_ENVELOPE: u64 = 1 << 20;
/// Signatures that are tried.
const MOST_SIGNATURES: usize = 16;

/// A signed document that has not been verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    payload_type: String,
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Signature {
    /// A hint for people; not believed.
    #[serde(default)]
    keyid: String,
    sig: String,
}

/// Why an envelope is not believed.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// It is no envelope.
    #[error("it is not a signed document")]
    Syntax(#[source] serde_json::Error),
    /// It is one of something else.
    #[error("it is a signed document of another kind")]
    Kind,
    /// Its text is not base64.
    #[error("it is a signed document whose content is damaged")]
    Encoding,
    /// None of the keys has signed it.
    #[error("no trusted key has signed it")]
    Untrusted,
}

impl Envelope {
    /// The document with its signature.
    pub fn seal(payload: &[u8], key: &SigningKey) -> Self {
        let signature = Signature {
            keyid: key.public().id(),
            sig: STANDARD.encode(key.sign(&signed(PAYLOAD_TYPE, payload))),
        };
        Self {
            payload_type: PAYLOAD_TYPE.to_owned(),
            payload: STANDARD.encode(payload),
            signatures: vec![signature],
        }
    }

    /// Reads an envelope; nothing in it has been verified then.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        serde_json::from_slice(bytes).map_err(EnvelopeError::Syntax)
    }

    /// The document, if one of `keys` has signed it, and the key that has.
    ///
    /// # Errors
    /// If none has, or it is a document of another kind.
    pub fn open(&self, keys: &[PublicKey]) -> Result<(Vec<u8>, PublicKey), EnvelopeError> {
        if self.payload_type != PAYLOAD_TYPE {
            return Err(EnvelopeError::Kind);
        }
        let payload = STANDARD.decode(&self.payload).map_err(|_| EnvelopeError::Encoding)?;
        let message = signed(&self.payload_type, &payload);
        for signature in self.signatures.iter().take(MOST_SIGNATURES) {
            let Ok(bytes) = STANDARD.decode(&signature.sig) else { continue };
            if let Some(key) = keys.iter().find(|key| key.verifies(&message, &bytes)) {
                return Ok((payload, *key));
            }
        }
        Err(EnvelopeError::Untrusted)
    }
}

/// What is signed ("PAE" of DSSE).
fn signed(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    message.extend(payload);
    message
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_trusted_keys_count() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let envelope = Envelope::seal(b"{}", &key);
        let text = serde_json::to_vec(&envelope).unwrap();
        let envelope = Envelope::parse(&text).unwrap();
        let (payload, by) = envelope.open(&[other.public(), key.public()]).unwrap();
        assert_eq!((payload, by), (b"{}".to_vec(), key.public()));
        assert!(matches!(envelope.open(&[other.public()]), Err(EnvelopeError::Untrusted)));
        assert!(matches!(envelope.open(&[]), Err(EnvelopeError::Untrusted)));
        // What names a trusted key without its signature is not believed.
        let mut forged = Envelope::seal(b"{}", &other);
        forged.signatures[0].keyid = key.public().id();
        assert!(matches!(forged.open(&[key.public()]), Err(EnvelopeError::Untrusted)));
        let foreign = Envelope { payload_type: "text/plain".into(), ..envelope };
        assert!(matches!(foreign.open(&[key.public()]), Err(EnvelopeError::Kind)));
    }

    /// The example of the specification.
    #[test]
    fn signs_what_the_specification_says() {
        assert_eq!(
            signed("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    proptest! {
        /// A changed byte anywhere: refused, unless what was signed is still the same.
        #[test]
        fn a_changed_envelope_never_says_something_else(
            place in any::<prop::sample::Index>(), byte in any::<u8>()
        ) {
            let key = SigningKey::parse(KEY).unwrap();
            let mut text = serde_json::to_vec(&Envelope::seal(b"{\"counter\":1}", &key)).unwrap();
            let place = place.index(text.len());
            text[place] = byte;
            if let Ok((payload, _)) = Envelope::parse(&text).and_then(|e| e.open(&[key.public()])) {
                prop_assert_eq!(payload, b"{\"counter\":1}".to_vec());
            }
        }
    }

    /// Made for this test.
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n\
        -----END PRIVATE KEY-----\n";
}
