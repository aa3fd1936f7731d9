use reqwest::Url;
use serde::Deserialize;

use super::{
    Error, Repository, Secret,
    challenge::Challenge,
    connection::{Connection, Request},
    credential::{Credential, Found},
};

/// What is sent along with requests to the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Authorization {
    None,
    Basic { user: String, password: Secret },
    Bearer(Secret),
}

/// Answers of token services are a few kilobytes.
const LARGEST_ANSWER: u64 = 1 << 20;

impl Repository {
    /// Answers `challenge` with the user's credentials, if there are any.
    pub(super) fn authenticate(
        &self,
        connection: &Connection,
        challenge: Option<Challenge>,
    ) -> Result<Authorization, Error> {
        let registry = &self.endpoint.registry;
        let found = self
            .options
            .auth_files
            .find(registry)
            .map_err(|source| Error::Credential { registry: registry.clone(), source })?;
        match (challenge, found) {
            (
                Some(Challenge::Bearer { .. }),
                Some(Found { credential: Credential::Registry(token), .. }),
            ) => Ok(Authorization::Bearer(token)),
            (Some(Challenge::Bearer { realm, service }), found) => {
                self.token(connection, &realm, service.as_deref(), found)
            }
            (
                Some(Challenge::Basic),
                Some(Found { credential: Credential::Password { user, password }, .. }),
            ) => Ok(Authorization::Basic { user, password }),
            (_, found) => Err(self.unauthorized(registry, found.as_ref())),
        }
    }

    fn unauthorized(&self, registry: &str, found: Option<&Found>) -> Error {
        Error::Unauthorized {
            registry: registry.to_owned(),
            repository: self.name.clone(),
            credentials: described(found),
        }
    }

    /// What the error for a refusal says of the credentials.
    pub(super) fn credentials_used(&self) -> String {
        described(self.options.auth_files.find(&self.endpoint.registry).ok().flatten().as_ref())
    }

    /// Gets a token that allows to do what is to be done in this repository, and no more (distribution, "Token
    /// Authentication Specification" and "Token Authentication OAuth2").
    fn token(
        &self,
        connection: &Connection,
        realm: &str,
        service: Option<&str>,
        found: Option<Found>,
    ) -> Result<Authorization, Error> {
        let mut url = Url::parse(realm).map_err(|error| Error::Protocol {
            why: format!("its token service '{}': {error}", realm.escape_debug()),
        })?;
        let host = url.host_str().unwrap_or_default().to_owned();
        // A registry without TLS may have a token service without.
        if url.scheme() != "https" && self.endpoint.is_secure() {
            let registry = self.endpoint.registry.clone();
            return Err(Error::ClearText { registry, realm: host });
        }
        let actions = if self.pushes { "pull,push" } else { "pull" };
        let scope = format!("repository:{}:{actions}", self.name);
        let mut fields = vec![("scope", scope.as_str())];
        fields.extend(service.map(|service| ("service", service)));
        let request = match found.as_ref().map(|found| &found.credential) {
            Some(Credential::Identity(token)) => {
                fields.extend([
                    ("grant_type", "refresh_token"),
                    ("client_id", "cofferdam"),
                    ("refresh_token", token.expose()),
                ]);
                let mut form = url.clone();
                form.set_query(None);
                form.query_pairs_mut().extend_pairs(fields);
                Request::form(url, Secret::new(form.query().unwrap_or_default()))
            }
            Some(Credential::Password { user, password }) => {
                url.query_pairs_mut().extend_pairs(fields);
                let authorization =
                    Authorization::Basic { user: user.clone(), password: password.clone() };
                Request::url(url, authorization)
            }
            Some(Credential::Registry(_)) | None => {
                url.query_pairs_mut().extend_pairs(fields);
                Request::url(url, Authorization::None)
            }
        };
        let answer = connection.send_with_retries(&self.options, &request, &host)?;
        match answer.status() {
            200 => {}
            401 | 400 => return Err(self.unauthorized(&host, found.as_ref())),
            _ => {
                return Err(answer.refusal(&host, &self.name, "token", described(found.as_ref())));
            }
        }
        let body = answer.body(LARGEST_ANSWER)?;
        let why = "its token service sent no token".to_owned();
        let token: Token =
            serde_json::from_slice(&body).map_err(|_| Error::Protocol { why: why.clone() })?;
        let token = token.token.or(token.access_token).filter(|token| !token.is_empty());
        token.map(|token| Authorization::Bearer(Secret::new(token))).ok_or(Error::Protocol { why })
    }
}

fn described(found: Option<&Found>) -> String {
    match found {
        Some(found) => format!("credentials of {} were used", found.origin),
        None => "no credentials were found".to_owned(),
    }
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}
