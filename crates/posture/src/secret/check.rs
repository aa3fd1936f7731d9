//! Checksums and structure that tell a real token from text that merely looks like one.

/// What a candidate has to satisfy beyond its pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Nothing.
    None,
    /// The last six characters are the CRC-32, in base 62, of what is between the prefix (up to
    /// the first `_`) and them: GitHub, npm.
    Base62Crc32,
    /// Bech32 (BIP 173): age, Nostr.
    Bech32,
    /// A JSON Web Token (RFC 7519): header and claims are base64url of JSON objects, signed.
    Jwt,
    /// Letters and digits are both there, which words do not have.
    Mixed,
    /// Base64 of `user:password`, as in `Authorization: Basic` and docker's `config.json`.
    BasicAuth,
    /// The password is not the user name, nor a well-known default in documentation.
    UrlPassword,
    /// A hash in the format of crypt(5).
    Crypt,
    /// The key in a PEM block is not empty.
    PemBody,
}

impl Check {
    pub(super) fn passes(self, secret: &[u8]) -> bool {
        match self {
            Self::None => true,
            Self::Base62Crc32 => has_base62_crc32(secret),
            Self::Bech32 => is_bech32(secret),
            Self::Jwt => is_jwt(secret),
            Self::Mixed => is_mixed(secret),
            Self::BasicAuth => is_basic_auth(secret),
            Self::UrlPassword => is_password_of_url(secret),
            Self::Crypt => secret.len() > 12 && !secret.contains(&b' '),
            Self::PemBody => has_pem_body(secret),
        }
    }
}

/// CRC-32 of `text` (IEEE 802.3) as six digits of base 62 (0-9, A-Z, a-z).
pub fn base62_crc32(text: &[u8]) -> [u8; 6] {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rest = crc32(text) as usize;
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[rest % 62];
        rest /= 62;
    }
    digits
}

fn crc32(text: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !text.iter().fold(!0_u32, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

fn has_base62_crc32(secret: &[u8]) -> bool {
    let Some(start) = secret.iter().position(|byte| *byte == b'_') else { return false };
    let Some((body, checksum)) = secret[start + 1..].split_last_chunk::<6>() else { return false };
    base62_crc32(body) == *checksum
}

fn is_bech32(secret: &[u8]) -> bool {
    const DIGITS: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let text = secret.to_ascii_lowercase();
    let Some(at) = text.iter().rposition(|byte| *byte == b'1') else { return false };
    let (prefix, data) = (&text[..at], &text[at + 1..]);
    let digits = data.iter().map(|byte| DIGITS.iter().position(|digit| digit == byte));
    let Some(digits) = digits.collect::<Option<Vec<usize>>>() else { return false };
    let high = prefix.iter().map(|byte| usize::from(byte >> 5));
    let low = prefix.iter().map(|byte| usize::from(byte & 31));
    polymod(high.chain([0]).chain(low).chain(digits)) == 1
}

fn polymod(values: impl Iterator<Item = usize>) -> usize {
    const GENERATOR: [usize; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    values.fold(1, |sum, value| {
        let top = sum >> 25;
        let bits = GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1);
        bits.fold((sum & 0x01ff_ffff) << 5 ^ value, |sum, (_, generator)| sum ^ generator)
    })
}

fn is_jwt(secret: &[u8]) -> bool {
    let mut parts = secret.split(|byte| *byte == b'.');
    let mut object = || {
        let text = base64(parts.next()?)?;
        serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&text).ok()
    };
    let (Some(header), Some(_)) = (object(), object()) else { return false };
    let signature = parts.next().unwrap_or_default();
    let algorithm = header.get("alg").and_then(|value| value.as_str()).unwrap_or("none");
    !algorithm.eq_ignore_ascii_case("none") && signature.len() >= 40
}

/// Decodes either alphabet, padded or not.
pub(super) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in text.iter().take_while(|byte| **byte != b'=') {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            let [.., byte] = (bits >> count).to_be_bytes();
            decoded.push(byte);
        }
    }
    Some(decoded)
}

fn is_mixed(secret: &[u8]) -> bool {
    secret.iter().any(u8::is_ascii_digit) && secret.iter().any(u8::is_ascii_alphabetic)
}

fn is_basic_auth(secret: &[u8]) -> bool {
    let Some(text) = base64(secret) else { return false };
    let Some(colon) = text.iter().position(|byte| *byte == b':') else { return false };
    let password = &text[colon + 1..];
    let printable = text.iter().all(|byte| byte.is_ascii_graphic());
    printable && colon > 0 && password.len() >= 4 && is_password_of_url(password)
}

fn is_password_of_url(secret: &[u8]) -> bool {
    const DOCUMENTATION: &[&[u8]] = &[
        b"password",
        b"passwd",
        b"pass",
        b"pwd",
        b"secret",
        b"mypassword",
        b"mysecretpassword",
        b"user",
        b"username",
        b"example",
        b"changeme",
        b"test",
        b"guest",
        b"admin",
        b"root",
        b"postgres",
        b"token",
        b"dbpass",
        b"hunter2",
        b"pw",
        b"foo",
        b"bar",
        b"foobar",
        b"xxx",
        b"12345",
        b"123456",
        b"p%40ss",
        b"p@ss",
        b"p@ssword",
        b"pa55w0rd",
        b"hello",
        b"world",
    ];
    let text = secret.to_ascii_lowercase();
    text.len() >= 4 && !DOCUMENTATION.contains(&text.as_slice())
}

fn has_pem_body(secret: &[u8]) -> bool {
    // After the header line there is base64, real line ends or written ones, not `...` or nothing.
    let body = secret.iter().filter(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(byte));
    body.count() >= 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_specifications() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926, "the check value of CRC-32/ISO-HDLC");
        // BIP 173's own test vectors.
        for valid in ["A12UEL5L", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"] {
            assert!(is_bech32(valid.as_bytes()), "{valid}");
        }
        for invalid in ["A12UEL5X", "A12UEL5", "", "1", "no digit", "abc1b"] {
            assert!(!is_bech32(invalid.as_bytes()), "{invalid}");
        }
    }

    #[test]
    fn base64_in_both_alphabets() {
        for (text, expected) in [("TWFu", "Man"), ("TWE=", "Ma"), ("TQ", "M"), ("", "")] {
            assert_eq!(base64(text.as_bytes()).unwrap(), expected.as_bytes());
        }
        assert_eq!(base64(b"-_+/").unwrap(), base64(b"+/-_").unwrap());
        assert_eq!(base64(b"a b"), None);
    }

    #[test]
    fn an_unsigned_token_is_no_jwt() {
        // {"alg":"none"} . {}
        assert!(!is_jwt(b"eyJhbGciOiJub25lIn0.e30."));
    }
}
