//! Every rule finds its example and leaves its counterexample and placeholders alone; chunks make
//! no difference; nothing shows a secret.
//!
//! Examples are templates, so that no token stands in the source in full: `{b62:36}` is 36 random
//! letters and digits, `{crc}` the checksum of those before it, `{lit:x}` just `x`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use cofferdam_posture::secret::{
    Engine, Found, Outcome, Place, base62_crc32, findings, rules, specs,
};
use proptest::prelude::*;

/// xorshift64*: the same examples on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let value = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(value).unwrap() % bound
    }

    fn text(&mut self, alphabet: &str, count: usize) -> String {
        let alphabet = alphabet.as_bytes();
        (0..count).map(|_| char::from(alphabet[self.below(alphabet.len())])).collect()
    }
}

const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const DIGITS: &str = "0123456789";
const BECH32: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

fn expand(template: &str, random: &mut Random, placeholder: bool) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        text.push_str(&rest[..start]);
        let Some(length) = rest[start..].find('}') else { break };
        let field = &rest[start + 1..start + length];
        match replacement(field, &text, random, placeholder) {
            Some(part) => {
                text.push_str(&part);
                rest = &rest[start + length + 1..];
            }
            None => {
                text.push('{');
                rest = &rest[start + 1..];
            }
        }
    }
    text + rest
}

fn replacement(
    field: &str,
    before: &str,
    random: &mut Random,
    placeholder: bool,
) -> Option<String> {
    let (kind, argument) = field.split_once(':').unwrap_or((field, ""));
    match kind {
        "lit" => return Some(argument.to_owned()),
        "enc" if !placeholder => return Some(encode(argument.as_bytes())),
        "crc" if !placeholder => {
            let body = &before.as_bytes()[before.rfind('_').unwrap() + 1..];
            return Some(String::from_utf8(base62_crc32(body).to_vec()).unwrap());
        }
        "jwt" if !placeholder => {
            let header = encode(br#"{"alg":"HS256","typ":"JWT"}"#);
            let claims = encode(br#"{"sub":"robot","scope":"all"}"#);
            let signature = random.text(&format!("{UPPER}{LOWER}{DIGITS}-_"), 43);
            return Some(format!("{header}.{claims}.{signature}").replace('=', ""));
        }
        "enc" | "crc" | "jwt" => return Some("x".repeat(24)),
        "bech32" => {
            let (prefix, count) = argument.rsplit_once(':')?;
            return Some(bech32(prefix, count.parse().ok()?, random, placeholder));
        }
        "uuid" | "uuid4" => {
            let mut part = |count| {
                if placeholder { "0".repeat(count) } else { random.text("0123456789abcdef", count) }
            };
            let (a, b, c, d, e) = (part(8), part(4), part(3), part(4), part(12));
            return Some(format!("{a}-{b}-4{c}-{d}-{e}"));
        }
        _ => {}
    }
    let alphabet = match kind {
        "b62" => format!("{UPPER}{LOWER}{DIGITS}"),
        "b64" => format!("{UPPER}{LOWER}{DIGITS}+/"),
        "url" => format!("{UPPER}{LOWER}{DIGITS}-_"),
        "b32" => format!("{UPPER}234567"),
        "hex" => "0123456789abcdef".to_owned(),
        "HEX" => "0123456789ABCDEF".to_owned(),
        "upper" => format!("{UPPER}{DIGITS}"),
        "low" => format!("{LOWER}{DIGITS}"),
        "alpha" => format!("{UPPER}{LOWER}"),
        "dig" => DIGITS.to_owned(),
        _ => return None,
    };
    let count: usize = argument.parse().unwrap();
    if placeholder {
        let fill = if matches!(kind, "hex" | "HEX" | "dig") { "0" } else { "x" };
        return Some(if kind == "upper" || kind == "b32" {
            "X".repeat(count)
        } else {
            fill.repeat(count)
        });
    }
    // Not at the end, where a word would end early.
    let edge = format!("{alphabet} ").replace(['-', '_', '+', '/', ' '], "");
    let inner = random.text(&alphabet, count.saturating_sub(2));
    Some(match count {
        0 => String::new(),
        1 => random.text(&edge, 1),
        _ => random.text(&edge, 1) + &inner + &random.text(&edge, 1),
    })
}

fn encode(bytes: &[u8]) -> String {
    let alphabet: Vec<char> = format!("{UPPER}{LOWER}{DIGITS}+/").chars().collect();
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte))
            << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            text.push(if digit > chunk.len() {
                '='
            } else {
                alphabet[group >> (18 - 6 * digit) & 63]
            });
        }
    }
    text
}

fn bech32(prefix: &str, count: usize, random: &mut Random, placeholder: bool) -> String {
    let data: Vec<usize> = (0..count).map(|_| random.below(32)).collect();
    let lower = prefix.to_ascii_lowercase();
    let values = lower.bytes().map(|byte| usize::from(byte >> 5)).chain([0]);
    let values = values.chain(lower.bytes().map(|byte| usize::from(byte & 31)));
    let values: Vec<usize> = values.chain(data.iter().copied()).chain([0; 6]).collect();
    let sum = values.iter().fold(1_usize, |sum, value| {
        let generator = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
        let next = (sum & 0x01ff_ffff) << 5 ^ value;
        generator
            .iter()
            .enumerate()
            .fold(next, |next, (bit, g)| if sum >> 25 >> bit & 1 == 1 { next ^ g } else { next })
    }) ^ usize::from(!placeholder);
    let digit = |value: usize| char::from(BECH32.as_bytes()[value]);
    let checksum = (0..6).map(|i| digit(sum >> (5 * (5 - i)) & 31));
    let text: String = data.iter().map(|value| digit(*value)).chain(checksum).collect();
    let upper = prefix.chars().any(char::is_uppercase);
    format!("{prefix}1{}", if upper { text.to_uppercase() } else { text })
}

fn search(text: &str) -> Outcome {
    Engine::shared().search("app/config", &mut text.as_bytes()).unwrap()
}

fn ids(outcome: &Outcome) -> BTreeSet<&str> {
    outcome.found.iter().map(|found| found.rule.as_str()).collect()
}

#[test]
fn there_are_many_rules_and_each_has_its_own_id() {
    let ids: BTreeSet<&str> = specs().map(|spec| spec.id).collect();
    assert_eq!(ids.len(), specs().count());
    assert!(ids.len() >= 200, "{}", ids.len());
}

#[test]
fn each_rule_finds_its_example() {
    let mut missed = Vec::new();
    for spec in specs() {
        for seed in 1..6 {
            let text = expand(spec.example, &mut Random(seed * 7919), false);
            // Amid lines, so that words end at line ends too.
            let outcome = search(&format!("first line\n{text}\nlast line\n"));
            let id = format!("secret-{}", spec.id);
            if !ids(&outcome).contains(id.as_str()) {
                missed.push(format!("{id} (found {:?})\n    {text}", ids(&outcome)));
                break;
            }
        }
    }
    assert!(missed.is_empty(), "{} missed:\n{}", missed.len(), missed.join("\n"));
}

#[test]
fn no_rule_finds_its_counterexample_or_a_placeholder() {
    let mut wrong = Vec::new();
    for spec in specs() {
        let id = format!("secret-{}", spec.id);
        let counter = expand(spec.counterexample, &mut Random(4711), false);
        if ids(&search(&counter)).contains(id.as_str()) {
            wrong.push(format!("{id}: counterexample {counter}"));
        }
        let random_parts = spec.example.contains(":") && spec.example.contains('{');
        let placeholder = expand(spec.example, &mut Random(4711), true);
        if random_parts
            && !spec.example.starts_with("PuTTY")
            && !spec.example.contains("ed25519v1")
            && ids(&search(&placeholder)).contains(id.as_str())
        {
            wrong.push(format!("{id}: placeholder {placeholder}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_rule_says_what_why_and_how() {
    for rule in rules() {
        assert!(rule.id.starts_with("secret-"), "{}", rule.id);
        assert!(rule.explain.why.contains("in a later layer"));
        assert!(rule.references.iter().any(|reference| reference.system == "CWE"));
    }
}

#[test]
fn a_finding_names_the_place_and_not_the_secret() {
    let secret = expand("ghp_{b62:30}{crc}", &mut Random(5), false);
    let outcome = search(&format!("a\nb\ntoken: {secret}\n"));
    assert_eq!(outcome.found.len(), 1, "{outcome:?}");
    let found = &outcome.found[0];
    assert_eq!((found.line, found.offset, found.length), (Some(3), 11, 40));
    assert_eq!(found.shown, "ghp_");
    let place = |gone: Option<&str>| Place {
        path: "app/config".into(),
        layer: Some("sha256:aa".into()),
        gone: gone.map(str::to_owned),
    };
    let (there, below) = (place(None), place(Some("sha256:bb")));
    let report = findings([(&there, found)]);
    assert!(!format!("{report:?}").contains(&secret[4..]));
    let removed = findings([(&below, found)]);
    assert_eq!(report[0].fingerprint, removed[0].fingerprint);
    assert!(removed[0].title.contains("still in the image"), "{}", removed[0].title);
    assert!(removed[0].evidence[0].saw.contains("sha256:bb"));
}

#[test]
fn words_of_somebody_elses_code_are_not_taken_for_secrets() {
    for text in [
        "password = get_password_1_2(user)",
        "api_key = os.environ['API_KEY_1234567']",
        "if password != confirm_password_2024: raise",
        "secret_key: ${SECRET_KEY_2024_PRODUCTION}",
        "the password is kept in /etc/shadow, see passwd(5)",
        "AccessToken: AuthenticationToken12Provider34Impl(x)",
        "const apiKeyHeaderName = \"X-Api-Key\";",
    ] {
        assert_eq!(search(text).found, [], "{text}");
    }
    let line = expand("admin_password: \"{b62:16}\"", &mut Random(3), false);
    assert_eq!(search(&line).found.len(), 1, "{line}");
    let at = |path: &str| Engine::shared().search(path, &mut line.as_bytes()).unwrap().found.len();
    assert_eq!(at("usr/lib/python3/dist-packages/x/config.py"), 0);
    assert_eq!(at("srv/app/config.py"), 1);
}

#[test]
fn binaries_are_searched_for_what_has_a_form_of_its_own() {
    let token = expand("AKIA{b32:16}", &mut Random(9), false);
    let named = expand("DATADOG_API_KEY={hex:32}", &mut Random(9), false);
    let binary = format!("\u{7f}ELF\0\0{token}\0{named}\0");
    let outcome = search(&binary);
    assert_eq!(ids(&outcome), BTreeSet::from(["secret-aws-access-key-id"]));
    assert_eq!((outcome.found[0].line, outcome.found[0].offset), (None, 6));
    let mut bytes = vec![0x1f, 0x8b, 8];
    bytes.extend_from_slice(token.as_bytes());
    assert_eq!(Engine::shared().search("x.gz", &mut bytes.as_slice()).unwrap().found, []);
}

#[test]
fn a_file_full_of_secrets_is_cut_and_said_to_be() {
    let mut random = Random(1);
    let text: String = (0..2000).map(|_| expand("id AKIA{b32:16}\n", &mut random, false)).collect();
    let outcome = search(&text);
    assert_eq!(outcome.found.len(), Engine::MOST);
    assert!(outcome.more);
}

/// Texts with secrets, parts of secrets and noise.
fn texts() -> impl Strategy<Value = String> {
    let examples: Vec<&str> = specs().map(|spec| spec.example).collect();
    let piece = (prop::sample::select(examples), any::<u64>(), 0..4_usize, "[a-z\\n =:\"]{0,200}");
    prop::collection::vec(piece, 0..8).prop_map(|pieces| {
        let mut text = String::new();
        for (example, seed, cut, noise) in pieces {
            let whole = expand(example, &mut Random(seed | 1), false);
            text.push_str(&noise);
            let end = if cut == 0 { whole.len() / 2 } else { whole.len() };
            text.push_str(&whole[..end]);
            text.push('\n');
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn chunks_make_no_difference(text in texts(), chunk in 1..3000_usize) {
        let whole = search(&text);
        let parts = Engine::shared()
            .search_in_chunks("app/config", &mut text.as_bytes(), chunk)
            .unwrap();
        prop_assert_eq!(&whole, &parts);
        let in_memory = Engine::shared().search_text("app/config", &text);
        prop_assert_eq!(&whole, &in_memory);
    }

    #[test]
    fn any_bytes_are_searched(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
        let outcome = Engine::shared().search("x", &mut bytes.as_slice()).unwrap();
        for Found { offset, length, shown, .. } in outcome.found {
            prop_assert!(offset + u64::from(length) <= bytes.len() as u64);
            prop_assert!(shown.len() <= 4);
        }
    }
}
