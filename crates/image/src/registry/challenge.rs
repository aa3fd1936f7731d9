use http_auth::ChallengeRef;

/// How a registry wants to be authenticated to (RFC 9110, 11.6.1; distribution, "Token
/// Authentication Specification").
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password with every request.
    Basic,
    /// A token from a service.
    Bearer {
        /// URL of the service.
        realm: String,
        /// What the service calls the registry.
        service: Option<String>,
    },
}

/// The challenge to answer, of all that the headers hold: a token rather than a password.
pub(super) fn choose<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Challenge> {
    let mut basic = None;
    for header in headers {
        for challenge in http_auth::parser::ChallengeParser::new(header).map_while(Result::ok) {
            match understand(&challenge) {
                Some(bearer @ Challenge::Bearer { .. }) => return Some(bearer),
                Some(Challenge::Basic) => basic = Some(Challenge::Basic),
                None => {}
            }
        }
    }
    basic
}

fn understand(challenge: &ChallengeRef<'_>) -> Option<Challenge> {
    if challenge.scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !challenge.scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let parameter = |name: &str| {
        let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_unescaped())
    };
    Some(Challenge::Bearer { realm: parameter("realm")?, service: parameter("service") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_registries_write_is_understood() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer { realm: realm.into(), service: service.map(str::to_owned) })
        };
        for (headers, expected) in [
            (
                &[
                    r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/alpine:pull""#,
                ][..],
                bearer("https://auth.docker.io/token", Some("registry.docker.io")),
            ),
            (&[r#"bearer Realm="https://a/t""#], bearer("https://a/t", None)),
            (&[r#"Basic realm="r", Bearer realm="https://a/t""#], bearer("https://a/t", None)),
            (&["Basic realm=\"r\"", "Bearer realm=\"https://a/t\""], bearer("https://a/t", None)),
            (&["BASIC realm=r"], Some(Challenge::Basic)),
            (&["Negotiate", "Basic realm=r"], Some(Challenge::Basic)),
            (&["Bearer service=s"], None),
            (&["Digest realm=r"], None),
            (&["", "==="], None),
            (&[], None),
        ] {
            assert_eq!(choose(headers.iter().copied()), expected, "{headers:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(header in ".*") {
            let _ = choose([header.as_str()].into_iter());
        }
    }
}
