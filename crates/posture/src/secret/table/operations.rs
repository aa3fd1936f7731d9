//! Monitoring, incidents, secret stores and deployment.

use cofferdam_finding::Severity::{Critical, High, Low, Medium};

use super::Group;
use crate::secret::{
    Shape, Spec,
    check::Check,
    spec::{assigned, token},
};

pub(super) const GROUP: Group = Group {
    name: "operations",
    why: "It reads what happens inside (logs, metrics, other secrets), or changes what runs and who \
          is told about it.",
    specs: SPECS,
};

const VAULT: &str = "https://developer.hashicorp.com/vault/docs/concepts/tokens";
const GRAFANA: &str = "https://grafana.com/docs/grafana/latest/administration/service-accounts/";

const SPECS: &[Spec] = &[
    token("vault-service-token", "Vault service token", Critical, &["hvs."], "hvs\\.[A-Za-z0-9_-]{24,200}", "VAULT_TOKEN=hvs.{b62:24}", "hvs.{b62:10}")
        .entropy(3.6)
        .see(VAULT),
    token("vault-batch-token", "Vault batch token", Critical, &["hvb."], "hvb\\.[A-Za-z0-9_-]{100,300}", "hvb.{url:140}", "hvb.{url:20}")
        .entropy(4.0)
        .see(VAULT),
    assigned("vault-legacy-token", "Vault token of the old form", High, &["vault_token", "vault-token", "vaulttoken"], "s\\.[A-Za-z0-9]{24}", "VAULT_TOKEN=s.{b62:24}", "VAULT_TOKEN=s.{b62:10}")
        .entropy(3.4)
        .see(VAULT),
    assigned("vault-unseal-key", "Vault unseal key", Critical, &["unseal"], "[A-Za-z0-9+/]{43}[A-Za-z0-9+/=]", "Unseal Key 1: {b64:44}", "Unseal Key 1: {b64:20}")
        .entropy(4.0),
    assigned("consul-token", "Consul token", High, &["consul_http_token", "consul_token", "x-consul-token"], "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "CONSUL_HTTP_TOKEN={uuid}", "CONSUL_HTTP_TOKEN=none"),
    assigned("nomad-token", "Nomad token", High, &["nomad_token"], "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "NOMAD_TOKEN={uuid}", "NOMAD_TOKEN=none"),
    token("doppler-token", "Doppler token", Critical, &["dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."], "dp\\.(?:pt|st|ct|sa|scim|audit)\\.(?:[a-z0-9_-]{2,35}\\.)?[A-Za-z0-9]{40,44}", "dp.pt.{b62:43}", "dp.pt.{b62:10}")
        .entropy(3.8)
        .see("https://docs.doppler.com/reference/auth-token-formats"),
    token("infisical-token", "Infisical service token", Critical, &["infisical"], "st\\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\\.[a-f0-9]{32}\\.[a-f0-9]{32}", "INFISICAL_TOKEN=st.{uuid}.{hex:32}.{hex:32}", "INFISICAL_TOKEN=st.{uuid}")
        .shape(Shape::Assigned)
        .entropy(3.0),
    token("onepassword-service-token", "1Password service account token", Critical, &["ops_eyJ"], "ops_eyJ[A-Za-z0-9+/]{250,}={0,3}", "ops_{lit:eyJ}{b64:300}", "ops_{lit:eyJ}{b64:30}")
        .entropy(4.0)
        .see("https://developer.1password.com/docs/service-accounts/"),
    token("onepassword-secret-key", "1Password secret key", High, &["1password", "op_secret", "onepassword", "secret key"], "A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}", "OP_SECRET_KEY=A3-{upper:6}-{upper:6}-{upper:5}-{upper:5}-{upper:5}-{upper:5}", "OP_SECRET_KEY=A3-{upper:6}-{upper:6}")
        .shape(Shape::Assigned)
        .entropy(3.6),
    assigned("bitwarden-client-secret", "Bitwarden client secret", High, &["bw_clientsecret", "bitwarden"], "[A-Za-z0-9]{30}", "BW_CLIENTSECRET={b62:30}", "BW_CLIENTSECRET={b62:10}")
        .entropy(3.8),
    token("tailscale-key", "Tailscale key", High, &["tskey-"], "tskey-(?:auth|api|client|scim|webhook)-[A-Za-z0-9]{10,20}-[A-Za-z0-9]{25,40}", "tskey-auth-{b62:17}-{b62:32}", "tskey-auth-{b62:17}")
        .entropy(3.8)
        .see("https://tailscale.com/kb/1085/auth-keys"),
    token("grafana-service-token", "Grafana service account token", High, &["glsa_"], "glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}", "glsa_{b62:32}_{hex:8}", "glsa_{b62:32}")
        .entropy(3.8)
        .see(GRAFANA),
    token("grafana-cloud-token", "Grafana Cloud token", High, &["glc_"], "glc_eyJ[A-Za-z0-9+/]{60,400}={0,2}", "glc_{lit:eyJ}{b64:120}", "glc_{lit:eyJ}{b64:20}")
        .entropy(4.0)
        .see(GRAFANA),
    token("grafana-api-key", "Grafana API key of the old form", High, &["eyJrIjoi"], "eyJrIjoi[A-Za-z0-9+/]{60,400}={0,2}", "{lit:eyJrIjoi}{b64:90}", "{lit:eyJrIjoi}{b64:20}")
        .entropy(4.0)
        .see(GRAFANA),
    assigned("datadog-api-key", "Datadog API key", High, &["datadog", "dd_api_key"], "[a-f0-9]{32}", "DD_API_KEY={hex:32}", "DD_API_KEY={hex:20}")
        .see("https://docs.datadoghq.com/account_management/api-app-keys/"),
    assigned("datadog-app-key", "Datadog application key", High, &["datadog", "dd_app_key", "dd_application_key"], "[a-f0-9]{40}", "DD_APP_KEY={hex:40}", "DD_APP_KEY={hex:20}"),
    token("newrelic-user-key", "New Relic user key", High, &["NRAK-"], "NRAK-[A-Z0-9]{27}", "NRAK-{upper:27}", "NRAK-{upper:10}")
        .entropy(3.4)
        .see("https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/"),
    token("newrelic-insert-key", "New Relic insert key", Medium, &["NRII-"], "NRII-[A-Za-z0-9_-]{32}", "NRII-{b62:32}", "NRII-{b62:10}")
        .entropy(3.6),
    token("newrelic-browser-key", "New Relic browser key", Low, &["NRJS-"], "NRJS-[a-f0-9]{19}", "NRJS-{hex:19}", "NRJS-{hex:10}")
        .entropy(2.8),
    assigned("newrelic-license-key", "New Relic license key", Medium, &["new_relic", "newrelic", "license_key"], "[a-f0-9]{36}NRAL", "NEW_RELIC_LICENSE_KEY={hex:36}NRAL", "NEW_RELIC_LICENSE_KEY={hex:20}NRAL"),
    token("dynatrace-token", "Dynatrace API token", High, &["dt0c01.", "dt0s01."], "dt0[cs]01\\.[A-Z0-9]{24}\\.[A-Z0-9]{64}", "dt0c01.{upper:24}.{upper:64}", "dt0c01.{upper:24}")
        .entropy(3.8)
        .see("https://docs.dynatrace.com/"),
    token("sentry-user-token", "Sentry user token", High, &["sntryu_"], "sntryu_[a-f0-9]{64}", "sntryu_{hex:64}", "sntryu_{hex:20}")
        .entropy(3.0),
    token("sentry-org-token", "Sentry organisation token", High, &["sntrys_eyJ"], "sntrys_eyJ[A-Za-z0-9+/=]{60,400}_[A-Za-z0-9+/]{43}", "sntrys_{lit:eyJ}{b64:120}_{b64:43}", "sntrys_{lit:eyJ}{b64:20}")
        .entropy(4.0),
    assigned("sentry-token", "Sentry token of the old form", High, &["sentry_auth_token", "sentry.token", "sentry_token"], "[a-f0-9]{64}", "SENTRY_AUTH_TOKEN={hex:64}", "SENTRY_AUTH_TOKEN={hex:20}"),
    assigned("honeycomb-key", "Honeycomb API key", Medium, &["honeycomb"], "(?:[a-f0-9]{32}|[A-Za-z0-9]{22}|hc[a-z]{2}k_[a-z0-9]{58})", "HONEYCOMB_API_KEY={hex:32}", "HONEYCOMB_API_KEY={hex:20}")
        .check(Check::Mixed),
    assigned("splunk-hec-token", "Splunk HTTP event collector token", Medium, &["splunk"], "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}", "SPLUNK_HEC_TOKEN={uuid}", "SPLUNK_HEC_TOKEN=none"),
    assigned("sumologic-key", "Sumo Logic access key", Medium, &["sumo"], "[A-Za-z0-9]{64}", "SUMO_ACCESS_KEY={b62:64}", "SUMO_ACCESS_KEY={b62:20}")
        .entropy(4.2),
    assigned("pagerduty-token", "PagerDuty API token", High, &["pagerduty", "pager_duty"], "(?:u\\+|y_NbAkKc|[A-Za-z0-9])[A-Za-z0-9_+-]{18,19}", "PAGERDUTY_TOKEN=u+{b62:18}", "PAGERDUTY_TOKEN={b62:5}")
        .entropy(3.4)
        .check(Check::Mixed),
    assigned("opsgenie-key", "Opsgenie API key", Medium, &["opsgenie"], "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "OPSGENIE_API_KEY={uuid}", "OPSGENIE_API_KEY=none"),
    assigned("rollbar-token", "Rollbar access token", Medium, &["rollbar"], "[a-f0-9]{32}", "ROLLBAR_ACCESS_TOKEN={hex:32}", "ROLLBAR_ACCESS_TOKEN={hex:20}"),
    assigned("bugsnag-key", "BugSnag API key", Low, &["bugsnag"], "[a-f0-9]{32}", "BUGSNAG_API_KEY={hex:32}", "BUGSNAG_API_KEY={hex:20}"),
    assigned("airbrake-key", "Airbrake project key", Low, &["airbrake"], "[a-f0-9]{32}", "AIRBRAKE_KEY={hex:32}", "AIRBRAKE_KEY={hex:20}"),
    assigned("logdna-key", "Mezmo (LogDNA) ingestion key", Medium, &["logdna", "mezmo"], "[a-f0-9]{32}", "LOGDNA_KEY={hex:32}", "LOGDNA_KEY={hex:20}"),
    assigned("logzio-token", "Logz.io token", Medium, &["logzio", "logz.io"], "[A-Za-z]{32}", "LOGZIO_TOKEN={alpha:32}", "LOGZIO_TOKEN={alpha:20}")
        .entropy(4.0),
    assigned("loggly-token", "Loggly token", Medium, &["loggly"], "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "LOGGLY_TOKEN={uuid}", "LOGGLY_TOKEN=none"),
    assigned("kubernetes-bootstrap-token", "Kubernetes bootstrap token", High, &["--token", "bootstrap_token", "bootstraptoken"], "[a-z0-9]{6}\\.[a-z0-9]{16}", "kubeadm join --token={low:6}.{low:16}", "kubeadm join --token={low:6}")
        .entropy(3.0)
        .check(Check::Mixed)
        .see("https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/"),
    assigned("kubeconfig-client-key", "Client key of a kubeconfig", Critical, &["client-key-data"], "LS0tLS1CRUdJTi[A-Za-z0-9+/]{200,}={0,2}", "client-key-data: {lit:LS0tLS1CRUdJTi}{b64:400}", "client-key-data: {lit:LS0tLS1CRUdJTi}{b64:20}")
        .entropy(4.0)
        .see("https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/"),
    token("rancher-token", "Rancher API token", High, &["token-"], "token-[a-z0-9]{5}:[a-z0-9]{54}", "token-{low:5}:{low:54}", "token-{low:5}:{low:20}")
        .entropy(3.6),
    token("k3s-token", "K3s server token", Critical, &["k3s_token", "k3s-token", "k3s"], "K10[a-f0-9]{64}::(?:server|node):[A-Za-z0-9]{16,64}", "K3S_TOKEN=K10{hex:64}::server:{hex:32}", "K3S_TOKEN=K10{hex:64}")
        .shape(Shape::Assigned)
        .entropy(3.0)
        .see("https://docs.k3s.io/cli/token"),
    token("docker-swarm-join-token", "Docker Swarm join token", Critical, &["SWMTKN-1-"], "SWMTKN-1-[a-z0-9]{50}-[a-z0-9]{25}", "docker swarm join --token SWMTKN-1-{low:50}-{low:25}", "SWMTKN-1-{low:50}")
        .entropy(3.6)
        .see("https://docs.docker.com/engine/swarm/join-nodes/"),
    token("docker-swarm-unlock-key", "Docker Swarm unlock key", Critical, &["SWMKEY-1-"], "SWMKEY-1-[A-Za-z0-9+/]{43}", "SWMKEY-1-{b64:43}", "SWMKEY-1-{b64:20}")
        .entropy(3.8),
    assigned("octopus-key", "Octopus Deploy API key", High, &["octopus"], "API-[A-Z0-9]{26,32}", "OCTOPUS_API_KEY=API-{upper:26}", "OCTOPUS_API_KEY=API-{upper:10}"),
    token("launchdarkly-sdk-key", "LaunchDarkly SDK or API key", Medium, &["launchdarkly", "launch_darkly", "ld_sdk"], "(?:sdk|api)-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "LAUNCHDARKLY_SDK_KEY=sdk-{uuid4}", "LAUNCHDARKLY_SDK_KEY=sdk-{hex:8}")
        .shape(Shape::Assigned)
        .entropy(3.0),
    assigned("ngrok-token", "ngrok auth token", Medium, &["ngrok"], "[A-Za-z0-9]{27}_[A-Za-z0-9]{21}", "NGROK_AUTHTOKEN={b62:27}_{b62:21}", "NGROK_AUTHTOKEN={b62:27}"),
    token("confluent-secret", "Confluent Cloud API secret", High, &["confluent"], "[A-Za-z0-9+/]{64}", "CONFLUENT_API_SECRET={b64:64}", "CONFLUENT_API_SECRET={b64:20}")
        .shape(Shape::Assigned)
        .entropy(4.2),
];
