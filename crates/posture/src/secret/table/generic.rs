//! What has no form of its own, but a name that says it is secret.

use cofferdam_finding::Severity::{High, Low, Medium};

use super::Group;
use crate::secret::{Shape, Spec, check::Check, spec::assigned};

pub(super) const GROUP: Group = Group {
    name: "passwords and keys by name",
    why: "What it opens is not known; its name says that it opens something.",
    specs: SPECS,
};

const SPECS: &[Spec] = &[
    assigned("api-key", "API key", Medium, &["api_key", "apikey", "api-key", "api.key"], "[A-Za-z0-9_.~+/-]{20,128}={0,2}", "service_api_key = \"{b62:32}\"", "service_api_key = \"your-api-key-goes-here\"")
        .shape(Shape::Generic)
        .entropy(3.7)
        .check(Check::Mixed),
    assigned("access-token", "Access token", Medium, &["access_token", "accesstoken", "access-token", "auth_token", "authtoken", "auth-token"], "[A-Za-z0-9_.~+/-]{20,}={0,2}", "ACCESS_TOKEN={b62:32}", "ACCESS_TOKEN=none")
        .shape(Shape::Generic)
        .entropy(3.7)
        .check(Check::Mixed),
    assigned("secret-key", "Secret key", Medium, &["secret_key", "secretkey", "secret-key", "app_secret", "appsecret"], "[A-Za-z0-9_.~+/-]{20,128}={0,2}", "SECRET_KEY={b62:32}", "SECRET_KEY=none")
        .shape(Shape::Generic)
        .entropy(3.7)
        .check(Check::Mixed),
    assigned("curl-user-password", "Password on a command line", High, &["curl -u ", "curl --user "], "[\"']?[A-Za-z0-9._@-]{1,80}:[^\\s\"'$<{]{6,120}", "curl -u robot:{b62:16} https://x", "curl -u robot:$PASS https://x")
        .shape(Shape::After)
        .entropy(3.0),
    assigned("sshpass", "Password on a command line (sshpass)", High, &["sshpass -p"], " ?[\"']?[^\\s\"'$<{]{6,120}", "sshpass -p {b62:16} ssh host", "sshpass -p $PASS ssh host")
        .shape(Shape::After)
        .entropy(3.0),
    assigned("docker-login-password", "Password on a command line (docker login)", High, &["docker login"], "[^\\n]{0,120}? (?:-p|--password)[ =][\"']?[^\\s\"'$<{]{6,200}", "docker login -u robot -p {b62:20} registry.example.test", "docker login -u robot --password-stdin registry.example.test")
        .shape(Shape::After)
        .entropy(3.0),
    assigned("chpasswd", "Password handed to chpasswd", High, &["chpasswd"], r#"echo (?:-[en] )?["']?[a-z_][a-z0-9_-]{0,31}:[^\s"'$<]{4,80}["']?\s{0,3}\|\s{0,3}(?:sudo )?(?:/usr/sbin/)?chpasswd"#, "echo 'root:{b62:16}' | chpasswd", "chpasswd < /run/secrets/x")
        .shape(Shape::Inside(120))
        .entropy(0.0),
    assigned("smtp-password", "Mail server password", Medium, &["smtp_password", "smtp_pass", "mail_password", "email_host_password", "smtppassword"], "[^\\s\"'${}<>]{8,100}", "SMTP_PASSWORD={b62:16}", "SMTP_PASSWORD=${SECRET}")
        .shape(Shape::Generic)
        .check(Check::UrlPassword),
    assigned("ldap-password", "Directory bind password", Medium, &["bind_password", "bindpw", "bindpassword", "ldap_password"], "[^\\s\"'${}<>]{8,100}", "LDAP_BIND_PASSWORD={b62:16}", "LDAP_BIND_PASSWORD=${SECRET}")
        .shape(Shape::Generic)
        .check(Check::UrlPassword),
    assigned("webhook-secret", "Webhook secret", Low, &["webhook_secret", "webhooksecret", "webhook-secret"], "[A-Za-z0-9_.~+/-]{16,128}={0,2}", "WEBHOOK_SECRET={b62:32}", "WEBHOOK_SECRET=none")
        .shape(Shape::Generic)
        .entropy(3.4)
        .check(Check::Mixed),
    assigned("password", "Password", Medium, &["password", "passwd"], "[A-Za-z0-9!@#%^&*_+=~.-]{10,64}", "admin_password: \"{b62:16}\"", "admin_password: \"please-choose-one\"")
        .shape(Shape::Generic)
        .entropy(3.2)
        .check(Check::Mixed),
];
