//! What looks like a secret and is none: placeholders and values from documentation.

/// Parts of placeholders, in lower case. None is likely in random text.
const PLACEHOLDERS: &[&str] = &[
    "example",
    "changeme",
    "change-me",
    "change_me",
    "changeit",
    "placeholder",
    "redacted",
    "dummy",
    "xxxxxx",
    "******",
    "......",
    "000000000",
    "your-",
    "your_",
    "yourtoken",
    "yourpass",
    "insert-",
    "insert_",
    "replaceme",
    "replace-",
    "replace_",
    "notasecret",
    "not-a-secret",
    "0123456789",
    "1234567890",
    "abcdefghij",
    "deadbeefdeadbeef",
    "-here",
    "_here",
    "foobarbaz",
    "scram-sha",
];

/// Values that issuers publish in their documentation or emulators; part of each is enough.
const PUBLISHED: &[&str] = &[
    // The test key of Stripe's documentation.
    "4eC39HqLyjWDarjtT1zdp7dc",
    // Signatures of the tokens at jwt.io and in RFC 7519.
    "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
    "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    // Basic authentication in RFC 6749, and of Aladdin.
    "czZCaGRSa3F0MzpnWDFmQmF0M2JW",
    "YWxhZGRpbjpvcGVuc2VzYW1l",
    // The first token of PyJWT's documentation.
    "eyJzb21lIjoicGF5bG9hZCJ9",
    // The accounts of Azure's storage and database emulators.
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq",
    "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DEQ2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw",
];

/// Whether a candidate is a placeholder or a published value.
pub(super) fn is_example(secret: &[u8]) -> bool {
    let text = String::from_utf8_lossy(secret);
    let lower = text.to_ascii_lowercase();
    PLACEHOLDERS.iter().any(|part| lower.contains(part))
        || PUBLISHED.iter().any(|value| text.contains(value))
}

/// Directories of code that somebody else wrote, and of documentation.
const FOREIGN: &[&str] = &[
    "usr/share/",
    "usr/lib/python",
    "usr/local/lib/python",
    "usr/lib/node_modules/",
    "usr/lib/ruby/",
    "usr/lib/perl",
    "usr/lib/go",
    "usr/local/go/",
    "usr/include/",
    "usr/src/",
    "usr/lib/jvm/",
    "usr/lib/llvm",
    "usr/lib/gcc",
    "proc/",
    "sys/",
];
const FOREIGN_PARTS: &[&str] = &[
    "/site-packages/",
    "/dist-packages/",
    "/node_modules/",
    "/vendor/",
    "/pkg/mod/",
    "/gems/",
    "/.cargo/registry/",
    "/.m2/repository/",
    "/.npm/",
    "/.cache/",
];
const TESTS: &[&str] = &[
    "/test/",
    "/tests/",
    "/testdata/",
    "/test-data/",
    "/fixtures/",
    "/examples/",
    "/example/",
    "/doc/",
    "/docs/",
    "/man/",
    "/locale/",
    "/__tests__/",
    "/spec/",
];

/// Whether the file is somebody else's code or documentation, where a name such as `password` says
/// little.
pub(crate) fn is_foreign(path: &str) -> bool {
    FOREIGN.iter().any(|directory| path.starts_with(directory))
        || FOREIGN_PARTS.iter().any(|part| within(path, part))
}

/// Libraries with the keys of their self-tests in them.
const SELF_TESTS: &[&str] = &["libgnutls.so", "libgnutls.a", "libmbedcrypto."];

/// Whether the file is a test or an example of somebody else's code: keys there are no secrets.
pub(super) fn is_foreign_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_test = || name.contains("_test.") || TESTS.iter().any(|part| within(path, part));
    is_foreign(path) && is_test()
}

/// Whether the file is a library with the published keys of its self-tests in it.
pub(super) fn has_self_test_keys(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    SELF_TESTS.iter().any(|library| name.starts_with(library))
}

/// Whether a path has a directory, at its beginning too.
fn within(path: &str, part: &str) -> bool {
    path.contains(part) || path.starts_with(&part[1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_no_secrets() {
        for text in ["AKIAIOSFODNN7EXAMPLE", "ghp_xxxxxxxxxxxx", "your_api_key_1", "abc1234567890"]
        {
            assert!(is_example(text.as_bytes()), "{text}");
        }
        assert!(!is_example(b"kR7Xc2Vb9QmT4zWp"));
    }

    #[test]
    fn paths_of_others() {
        for (path, foreign, test) in [
            ("app/config.yml", false, false),
            ("app/tests/key.pem", false, false),
            ("usr/lib/python3.11/test/keycert.pem", true, true),
            ("app/node_modules/x/test/key.pem", true, true),
            ("node_modules/x/index.js", true, false),
            ("usr/share/doc/x", true, true),
        ] {
            assert_eq!((is_foreign(path), is_foreign_test(path)), (foreign, test), "{path}");
        }
    }
}
