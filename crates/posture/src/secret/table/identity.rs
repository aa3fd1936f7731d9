//! Sign-in and identity.

use cofferdam_finding::Severity::{Critical, High, Low, Medium};

use super::Group;
use crate::secret::{
    Shape, Spec,
    check::Check,
    spec::{assigned, token},
};

pub(super) const GROUP: Group = Group {
    name: "sign-in",
    why: "It signs in as somebody, or makes accounts and sessions that are taken for real.",
    specs: SPECS,
};

const SPECS: &[Spec] = &[
    assigned("okta-token", "Okta API token", Critical, &["okta", "ssws"], "00[A-Za-z0-9_-]{40}", "OKTA_API_TOKEN=00{url:40}", "OKTA_API_TOKEN=00{url:20}")
        .entropy(4.0)
        .see("https://developer.okta.com/docs/guides/create-an-api-token/"),
    assigned("auth0-client-secret", "Auth0 client secret", High, &["auth0"], "[A-Za-z0-9_-]{64}", "AUTH0_CLIENT_SECRET={url:64}", "AUTH0_CLIENT_SECRET={url:20}")
        .entropy(4.2),
    assigned("keycloak-client-secret", "Keycloak client secret", High, &["keycloak"], "(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[A-Za-z0-9]{32})", "KEYCLOAK_CLIENT_SECRET={b62:32}", "KEYCLOAK_CLIENT_SECRET={b62:10}")
        .check(Check::Mixed),
    token("firebase-messaging-key", "Firebase Cloud Messaging server key", High, &[":APA91b"], "AAAA[A-Za-z0-9_-]{7}:APA91b[A-Za-z0-9_-]{134}", "AAAA{url:7}:APA91b{url:134}", "AAAA{url:7}:APA91b{url:20}")
        .shape(Shape::Inside(11))
        .entropy(4.0),
    token("stytch-secret", "Stytch secret", High, &["secret-live-"], "secret-live-[A-Za-z0-9_=-]{36}", "secret-live-{url:36}", "secret-live-{url:10}")
        .entropy(3.8),
    token("jwt", "JSON Web Token", Medium, &["eyJ"], "eyJ[A-Za-z0-9_-]{10,400}\\.eyJ[A-Za-z0-9_-]{10,}\\.[A-Za-z0-9_-]{40,}", "token: {jwt}", "token: {lit:eyJ}{url:30}.{lit:eyJ}{url:60}.{url:43}")
        .check(Check::Jwt)
        .see("https://www.rfc-editor.org/rfc/rfc7519"),
    token("jwk-private-key", "Private key as a JSON Web Key", High, &["\"kty\""], "\"kty\"\\s{0,3}:\\s{0,3}\"(?:RSA|EC|OKP)\"[^{}]{0,}\"d\"\\s{0,3}:\\s{0,3}\"[A-Za-z0-9_-]{40,}\"", r#"{"kty":"EC","crv":"P-256","x":"{url:43}","d":"{url:43}"}"#, r#"{"kty":"EC","crv":"P-256","x":"{url:43}"}"#)
        .entropy(3.8)
        .see("https://www.rfc-editor.org/rfc/rfc7517"),
    assigned("oauth-client-secret", "OAuth client secret", Medium, &["client_secret", "clientsecret", "client-secret"], "[A-Za-z0-9_~.+/-]{24,100}={0,2}", "oauth_client_secret = \"{b62:40}\"", "oauth_client_secret = \"{b62:10}\"")
        .shape(Shape::Generic)
        .entropy(3.8)
        .check(Check::Mixed),
    assigned("django-secret-key", "Django secret key", Medium, &["secret_key"], "[A-Za-z0-9!@#$%^&*()_=+-]{50}", "SECRET_KEY = 'x{b62:24}#{b62:24}'", "SECRET_KEY = '{b62:20}'")
        .shape(Shape::Generic)
        .entropy(4.0)
        .see("https://docs.djangoproject.com/en/stable/ref/settings/"),
    assigned("rails-master-key", "Rails master key or secret key base", High, &["rails_master_key", "secret_key_base"], "(?:[a-f0-9]{128}|[a-f0-9]{32})", "RAILS_MASTER_KEY={hex:32}", "RAILS_MASTER_KEY={hex:20}")
        .see("https://guides.rubyonrails.org/security.html"),
    assigned("laravel-app-key", "Laravel application key", High, &["app_key"], "base64:[A-Za-z0-9+/]{43}=", "APP_KEY=base64:{b64:43}=", "APP_KEY=base64:{b64:20}=")
        .entropy(3.8)
        .see("https://laravel.com/docs/encryption"),
    assigned("session-signing-secret", "Signing secret of sessions or tokens", Medium, &["jwt_secret", "nextauth_secret", "session_secret", "cookie_secret", "signing_secret", "jwtsecret"], "[A-Za-z0-9+/_.!@#%^&*-]{24,128}={0,2}", "JWT_SECRET={b62:40}", "JWT_SECRET={b62:10}")
        .entropy(3.6)
        .check(Check::Mixed),
    assigned("wordpress-salt", "WordPress authentication key or salt", Medium, &["auth_key'", "auth_salt'", "logged_in_key'", "nonce_key'", "logged_in_salt'", "nonce_salt'"], "[!-&(-~ ]{64}", "define( 'AUTH_KEY', '{b62:64}' );", "define( 'AUTH_KEY', 'put your unique phrase here' );")
        .entropy(4.2)
        .see("https://developer.wordpress.org/apis/wp-config-php/"),
    token("linux-password-hash", "Password hash", Medium, &["$y$", "$6$", "$5$", "$2y$", "$2b$", "$2a$", "$1$", "$argon2id$", "$gy$", "$7$"], r"\$(?:y\$[./A-Za-z0-9]{1,6}\$[./A-Za-z0-9]{10,30}\$[./A-Za-z0-9]{43}|6\$(?:rounds=[0-9]{4,9}\$)?[./A-Za-z0-9]{4,16}\$[./A-Za-z0-9]{86}|5\$(?:rounds=[0-9]{4,9}\$)?[./A-Za-z0-9]{4,16}\$[./A-Za-z0-9]{43}|2[yab]\$[0-9]{2}\$[./A-Za-z0-9]{53}|1\$[./A-Za-z0-9]{4,8}\$[./A-Za-z0-9]{22}|argon2id\$v=19\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]{16,64}\$[A-Za-z0-9+/]{32,90})", "someone:$6${b62:16}${b62:86}:19000:0:99999:7:::", "someone:$6$:19000:0:99999:7:::")
        .entropy(3.6)
        .check(Check::Crypt)
        .see("https://manpages.debian.org/stable/libcrypt-dev/crypt.5.en.html"),
    token("basic-authorization", "Credentials of HTTP basic authentication", High, &["Basic "], "Basic ([A-Za-z0-9+/]{12,400}={0,2})", "Authorization: Basic {enc:robot:Xk7vRt29QmZz}", "Authorization: Basic {b62:8}")
        .check(Check::BasicAuth),
    assigned("bearer-authorization", "Bearer token of an HTTP request", Medium, &["authorization: bearer", "authorization\": \"bearer"], " [A-Za-z0-9_.~+/-]{24,}={0,2}", "curl -H 'Authorization: Bearer {b62:40}'", "curl -H 'Authorization: Bearer $TOKEN'")
        .shape(Shape::After)
        .entropy(3.8)
        .check(Check::Mixed),
    assigned("htpasswd", "Password file of a web server", Low, &["$apr1$", "{SHA}"], r"(?:\$apr1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}|\{SHA\}[A-Za-z0-9+/]{27}=)", "admin:$apr1${b62:8}${b62:22}", "admin:$apr1$")
        .shape(Shape::Token)
        .entropy(3.4),
];
