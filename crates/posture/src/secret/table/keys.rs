//! Private keys.

use cofferdam_finding::Severity::{Critical, High, Medium};

use super::Group;
use crate::secret::{
    Shape, Spec,
    check::Check,
    spec::{assigned, token},
};

pub(super) const GROUP: Group = Group {
    name: "private keys",
    why: "It proves an identity (a server's, a person's, a publisher's) or opens what was encrypted \
          for it.",
    specs: SPECS,
};

/// What may be between the lines of a PEM block: line ends, written line ends, headers.
macro_rules! pem {
    ($kind:literal) => {
        // A dash is followed by a letter (`DEK-Info`), so that the next header ends the search.
        concat!(
            "-----BEGIN ",
            $kind,
            "-----(?:[A-Za-z0-9+/=\\\\\\s:,._@()\"']|-[A-Za-z0-9]){100,}?-----END ",
            $kind,
            "-----"
        )
    };
}

const SPECS: &[Spec] = &[
    token("private-key-rsa", "RSA private key", Critical, &["-----BEGIN RSA PRIVATE KEY"], pem!("RSA PRIVATE KEY"), "-----BEGIN RSA {lit:PRIVATE} KEY-----\n{b64:64}\n{b64:64}\n{b64:64}\n-----END RSA {lit:PRIVATE} KEY-----", "-----BEGIN RSA {lit:PRIVATE} KEY-----\n...\n-----END RSA {lit:PRIVATE} KEY-----")
        .check(Check::PemBody)
        .entropy(4.0)
        .see("https://www.rfc-editor.org/rfc/rfc7468"),
    token("private-key-ec", "Elliptic curve private key", Critical, &["-----BEGIN EC PRIVATE KEY"], pem!("EC PRIVATE KEY"), "-----BEGIN EC {lit:PRIVATE} KEY-----\n{b64:64}\n{b64:64}\n{b64:36}\n-----END EC {lit:PRIVATE} KEY-----", "-----BEGIN EC {lit:PRIVATE} KEY-----\n")
        .check(Check::PemBody)
        .entropy(4.0),
    token("private-key-dsa", "DSA private key", High, &["-----BEGIN DSA PRIVATE KEY"], pem!("DSA PRIVATE KEY"), "-----BEGIN DSA {lit:PRIVATE} KEY-----\n{b64:64}\n{b64:64}\n{b64:36}\n-----END DSA {lit:PRIVATE} KEY-----", "-----BEGIN DSA {lit:PRIVATE} KEY-----\n")
        .check(Check::PemBody)
        .entropy(4.0),
    token("private-key-openssh", "OpenSSH private key", Critical, &["-----BEGIN OPENSSH PRIVATE KEY"], pem!("OPENSSH PRIVATE KEY"), "-----BEGIN OPENSSH {lit:PRIVATE} KEY-----\n{b64:70}\n{b64:70}\n{b64:36}\n-----END OPENSSH {lit:PRIVATE} KEY-----", "-----BEGIN OPENSSH {lit:PRIVATE} KEY-----\n")
        .check(Check::PemBody)
        .entropy(3.6),
    token("private-key-pkcs8", "Private key (PKCS #8)", Critical, &["-----BEGIN PRIVATE KEY"], pem!("PRIVATE KEY"), "-----BEGIN {lit:PRIVATE} KEY-----\\n{b64:64}\\n{b64:64}\\n{b64:64}\\n-----END {lit:PRIVATE} KEY-----", "-----BEGIN {lit:PRIVATE} KEY-----\\n...\\n-----END {lit:PRIVATE} KEY-----")
        .check(Check::PemBody)
        .entropy(4.0),
    token("private-key-encrypted", "Encrypted private key", Medium, &["-----BEGIN ENCRYPTED PRIVATE KEY"], pem!("ENCRYPTED PRIVATE KEY"), "-----BEGIN ENCRYPTED {lit:PRIVATE} KEY-----\n{b64:64}\n{b64:64}\n{b64:36}\n-----END ENCRYPTED {lit:PRIVATE} KEY-----", "-----BEGIN ENCRYPTED {lit:PRIVATE} KEY-----\n")
        .check(Check::PemBody)
        .entropy(4.0),
    token("private-key-pgp", "PGP private key", Critical, &["-----BEGIN PGP PRIVATE KEY BLOCK"], pem!("PGP PRIVATE KEY BLOCK"), "-----BEGIN PGP {lit:PRIVATE} KEY BLOCK-----\n\n{b64:64}\n{b64:64}\n{b64:64}\n=abcd\n-----END PGP {lit:PRIVATE} KEY BLOCK-----", "-----BEGIN PGP {lit:PRIVATE} KEY BLOCK-----\n")
        .check(Check::PemBody)
        .entropy(4.0)
        .see("https://www.rfc-editor.org/rfc/rfc9580"),
    token("private-key-putty", "PuTTY private key", High, &["PuTTY-User-Key-File-"], "PuTTY-User-Key-File-[23]: [a-z0-9@.-]{4,40}\\s{1,2}Encryption: none", "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: aes256-cbc\n"),
    token("private-key-cosign", "Signing key of cosign (sigstore)", High, &["-----BEGIN ENCRYPTED SIGSTORE", "-----BEGIN ENCRYPTED COSIGN"], "-----BEGIN ENCRYPTED (?:SIGSTORE|COSIGN) PRIVATE KEY-----\\s[A-Za-z0-9+/=\\s]{100,}?-----END", "-----BEGIN ENCRYPTED SIGSTORE {lit:PRIVATE} KEY-----\n{b64:64}\n{b64:64}\n-----END ENCRYPTED SIGSTORE {lit:PRIVATE} KEY-----", "-----BEGIN ENCRYPTED SIGSTORE {lit:PRIVATE} KEY-----\n")
        .entropy(4.0)
        .see("https://docs.sigstore.dev/cosign/key_management/overview/"),
    token("age-secret-key", "age secret key", Critical, &["AGE-SECRET-KEY-1"], "AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}", "{bech32:AGE-SECRET-KEY-:52}", "AGE-SECRET-KEY-1{lit:QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE}")
        .check(Check::Bech32)
        .see("https://age-encryption.org/v1"),
    token("nostr-secret-key", "Nostr secret key", Medium, &["nsec1"], "nsec1[qpzry9x8gf2tvdw0s3jn54khce6mua7l]{58}", "{bech32:nsec:52}", "nsec1{lit:qpzry9x8gf2tvdw0s3jn54khce6mua7lqpzry9x8gf2tvdw0s3jn54khce}")
        .check(Check::Bech32),
    token("wireguard-private-key", "WireGuard private key", High, &["privatekey", "PrivateKey"], "[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=", "PrivateKey = {b64:42}A=", "PrivateKey = {b64:20}A=")
        .shape(Shape::Assigned)
        .entropy(4.0)
        .see("https://www.wireguard.com/quickstart/"),
    token("tor-onion-key", "Private key of an onion service", High, &["== ed25519v1-secret"], "== ed25519v1-secret: type[0-9] ==", "== ed25519v1-{lit:secret}: type0 ==", "== ed25519v1-public: type0 =="),
    token("minisign-secret-key", "minisign secret key", High, &["minisign encrypted secret key"], "minisign encrypted secret key\\s{1,2}RWRT[A-Za-z0-9+/]{200,280}={0,2}", "untrusted comment: minisign encrypted {lit:secret} key\nRWRT{b64:208}", "untrusted comment: minisign encrypted {lit:secret} key\nRWRT"),
    token("ssh-private-key-ssh2", "SSH2 private key", High, &["---- BEGIN SSH2 ENCRYPTED PRIVATE KEY"], "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\\s[^-]{100,}---- END", "---- BEGIN SSH2 ENCRYPTED {lit:PRIVATE} KEY ----\n{b64:70}\n{b64:70}\n---- END SSH2 ENCRYPTED {lit:PRIVATE} KEY ----", "---- BEGIN SSH2 ENCRYPTED {lit:PRIVATE} KEY ----\n"),
    token("openvpn-static-key", "OpenVPN static key", High, &["-----BEGIN OpenVPN Static key V1"], "-----BEGIN OpenVPN Static key V1-----\\s[a-f0-9\\s]{500,}-----END", "-----BEGIN OpenVPN {lit:Static} key V1-----\n{hex:512}\n-----END OpenVPN {lit:Static} key V1-----", "-----BEGIN OpenVPN {lit:Static} key V1-----\n"),
    assigned("encryption-key", "Encryption key in the environment", High, &["encryption_key", "master_key", "aes_key", "fernet_key", "encryptionkey"], "(?:[a-f0-9]{64}|[a-f0-9]{32}|[A-Za-z0-9+/_-]{43}=)", "FERNET_KEY={url:43}=", "FERNET_KEY={url:20}=")
        .shape(Shape::Generic)
        .entropy(3.2),
    assigned("java-keystore-password", "Password of a key store", Medium, &["keystore_password", "keystore.password", "storepass", "key-store-password", "truststore.password", "keystorepass"], "[^\\s\"'${}<>]{8,100}", "javax.net.ssl.keyStorePassword=x\nkeystore.password={b62:16}", "keystore.password=changeit")
        .shape(Shape::Generic)
        .entropy(3.0)
        .check(Check::Mixed),
];
