//! Package registries, continuous integration, infrastructure as code.

use cofferdam_finding::Severity::{Critical, High, Medium};

use super::Group;
use crate::secret::{
    Shape, Spec,
    check::Check,
    spec::{assigned, token},
};

pub(super) const GROUP: Group = Group {
    name: "package registries and builds",
    why: "It can publish packages or images under the owner's name, or change what the owner's \
          pipelines build: everybody who installs the result runs the attacker's code.",
    specs: SPECS,
};

const SPECS: &[Spec] = &[
    token(
        "npm-token",
        "npm access token",
        Critical,
        &["npm_"],
        "npm_[A-Za-z0-9]{36}",
        "//x/:_authToken=npm_{b62:30}{crc}",
        "npm_{b62:36}",
    )
    .check(Check::Base62Crc32)
    .see("https://docs.npmjs.com/about-access-tokens"),
    assigned(
        "npmrc-auth",
        "Password of a package registry in .npmrc",
        High,
        &[":_auth", ":_password"],
        "[A-Za-z0-9+/_.-]{20,}={0,2}",
        "//registry.example.test/:_authToken={b62:40}",
        "//registry.example.test/:_authToken=${NPM_TOKEN}",
    )
    .entropy(3.4)
    .check(Check::Mixed)
    .see("https://docs.npmjs.com/cli/configuring-npm/npmrc"),
    token(
        "pypi-token",
        "PyPI API token",
        Critical,
        &["pypi-AgEIcHlwaS5vcmc"],
        "pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}",
        "password = pypi-{lit:AgEIcHlwaS5vcmc}{url:120}",
        "password = pypi-{lit:AgEIcHlwaS5vcmc}{url:20}",
    )
    .entropy(3.8)
    .see("https://pypi.org/help/"),
    token(
        "testpypi-token",
        "TestPyPI API token",
        Medium,
        &["pypi-AgENdGVzdC5weXBpLm9yZ"],
        "pypi-AgENdGVzdC5weXBpLm9yZ[A-Za-z0-9_-]{50,}",
        "pypi-{lit:AgENdGVzdC5weXBpLm9yZ}{url:120}",
        "pypi-{lit:AgENdGVzdC5weXBpLm9yZ}{url:20}",
    )
    .entropy(3.8),
    token(
        "rubygems-token",
        "RubyGems API key",
        Critical,
        &["rubygems_"],
        "rubygems_[a-f0-9]{48}",
        ":rubygems_api_key: rubygems_{hex:48}",
        ":rubygems_api_key: rubygems_{hex:30}",
    )
    .entropy(3.0)
    .see("https://guides.rubygems.org/api-key-scopes/"),
    assigned(
        "crates-io-token",
        "crates.io API token",
        Critical,
        &["cargo_registry_token", "registry_token", "crates"],
        "cio[A-Za-z0-9]{32}",
        "CARGO_REGISTRY_TOKEN=cio{b62:32}",
        "CARGO_REGISTRY_TOKEN=cio{b62:20}",
    )
    .see("https://doc.rust-lang.org/cargo/reference/publishing.html"),
    token(
        "nuget-api-key",
        "NuGet API key",
        Critical,
        &["oy2"],
        "oy2[a-z0-9]{43}",
        "nuget push -k oy2{low:43}",
        "oy2{low:20}",
    )
    .entropy(3.6)
    .see("https://learn.microsoft.com/nuget/nuget-org/scoped-api-keys"),
    token(
        "dockerhub-pat",
        "Docker Hub personal access token",
        Critical,
        &["dckr_pat_"],
        "dckr_pat_[A-Za-z0-9_-]{27}",
        "docker login -p dckr_pat_{url:27}",
        "dckr_pat_{url:10}",
    )
    .entropy(3.4)
    .see("https://docs.docker.com/security/access-tokens/"),
    token(
        "dockerhub-oat",
        "Docker organisation access token",
        Critical,
        &["dckr_oat_"],
        "dckr_oat_[A-Za-z0-9_-]{32}",
        "dckr_oat_{url:32}",
        "dckr_oat_{url:10}",
    )
    .entropy(3.4),
    assigned(
        "docker-config-auth",
        "Registry password in a docker configuration",
        High,
        &["\"auth\""],
        "[A-Za-z0-9+/]{12,}={0,2}",
        r#"{"auths": {"registry.example.test": {"auth": "{enc:robot:Xk7vRt29QmZz}"}}}"#,
        r#"{"auths": {"registry.example.test": {"auth": ""}}}"#,
    )
    .check(Check::BasicAuth)
    .see("https://docs.docker.com/reference/cli/docker/login/"),
    token(
        "artifactory-token",
        "Artifactory API key",
        High,
        &["AKCp"],
        "AKCp[A-Za-z0-9]{69}",
        "X-JFrog-Art-Api: AKCp{b62:69}",
        "AKCp{b62:20}",
    )
    .entropy(4.0),
    token(
        "artifactory-reference-token",
        "Artifactory reference token",
        High,
        &["cmVmdGtu"],
        "cmVmdGtu[A-Za-z0-9]{56}",
        "token cmVmdGtu{b62:56}",
        "token cmVmdGtu{b62:20}",
    )
    .entropy(3.8),
    token(
        "terraform-cloud-token",
        "HCP Terraform token",
        Critical,
        &[".atlasv1."],
        "[A-Za-z0-9]{14}\\.atlasv1\\.[A-Za-z0-9_=-]{60,70}",
        "token = \"{b62:14}.atlasv1.{b62:67}\"",
        "token = \"{b62:14}.atlasv1.{b62:20}\"",
    )
    .shape(Shape::Inside(14))
    .entropy(4.0)
    .see(
        "https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens",
    ),
    token(
        "pulumi-token",
        "Pulumi access token",
        High,
        &["pul-"],
        "pul-[a-f0-9]{40}",
        "pul-{hex:40}",
        "pul-{hex:30}",
    )
    .entropy(3.0)
    .see("https://www.pulumi.com/docs/"),
    assigned(
        "circleci-token",
        "CircleCI token",
        High,
        &["circleci", "circle_token", "circle-token"],
        "(?:CCIPAT_[A-Za-z0-9]{22}_)?[a-f0-9]{40}",
        "CIRCLE_TOKEN={hex:40}",
        "CIRCLE_TOKEN={hex:30}",
    ),
    token(
        "circleci-pat",
        "CircleCI personal access token",
        High,
        &["CCIPAT_"],
        "CCIPAT_[A-Za-z0-9]{22}_[a-f0-9]{40}",
        "CCIPAT_{b62:22}_{hex:40}",
        "CCIPAT_{b62:22}",
    )
    .entropy(3.0),
    token(
        "circleci-project-token",
        "CircleCI project token",
        High,
        &["CCIPRJ_"],
        "CCIPRJ_[A-Za-z0-9]{22}_[a-f0-9]{40}",
        "CCIPRJ_{b62:22}_{hex:40}",
        "CCIPRJ_{b62:22}",
    )
    .entropy(3.0),
    token(
        "buildkite-token",
        "Buildkite user token",
        High,
        &["bkua_"],
        "bkua_[a-z0-9]{40}",
        "bkua_{low:40}",
        "bkua_{low:20}",
    )
    .entropy(3.4),
    token(
        "buildkite-agent-token",
        "Buildkite agent token",
        High,
        &["bkct_"],
        "bkct_[A-Za-z0-9_-]{40,60}",
        "bkct_{b62:48}",
        "bkct_{b62:20}",
    )
    .entropy(3.8),
    assigned(
        "travis-ci-token",
        "Travis CI token",
        High,
        &["travis"],
        "[A-Za-z0-9_-]{20,22}",
        "TRAVIS_TOKEN={b62:22}",
        "TRAVIS_TOKEN={b62:10}",
    )
    .entropy(3.6)
    .check(Check::Mixed),
    assigned(
        "codecov-token",
        "Codecov upload token",
        Medium,
        &["codecov"],
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "CODECOV_TOKEN={uuid}",
        "CODECOV_TOKEN=none",
    ),
    token(
        "sonarqube-token",
        "SonarQube or SonarCloud token",
        High,
        &["sqp_", "squ_", "sqa_"],
        "sq[pua]_[a-f0-9]{40}",
        "sonar.token=squ_{hex:40}",
        "sonar.token=squ_{hex:30}",
    )
    .entropy(3.0),
    assigned(
        "sonarcloud-token",
        "SonarCloud token",
        High,
        &["sonar.login", "sonar_token", "sonarcloud"],
        "[a-f0-9]{40}",
        "SONAR_TOKEN={hex:40}",
        "SONAR_TOKEN={hex:20}",
    ),
    assigned(
        "snyk-token",
        "Snyk token",
        High,
        &["snyk"],
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "SNYK_TOKEN={uuid}",
        "SNYK_TOKEN=none",
    ),
    token(
        "jenkins-token",
        "Jenkins API token",
        High,
        &["jenkins"],
        "11[a-f0-9]{32}",
        "JENKINS_TOKEN=11{hex:32}",
        "JENKINS_TOKEN=12{hex:10}",
    )
    .shape(Shape::Assigned),
    token(
        "clojars-token",
        "Clojars deploy token",
        High,
        &["CLOJARS_"],
        "CLOJARS_[a-z0-9]{60}",
        "CLOJARS_{low:60}",
        "CLOJARS_{low:20}",
    )
    .entropy(3.4),
    token(
        "expo-token",
        "Expo access token",
        High,
        &["expo_token", "EXPO_TOKEN"],
        "[A-Za-z0-9_-]{40}",
        "EXPO_TOKEN={url:40}",
        "EXPO_TOKEN={url:20}",
    )
    .shape(Shape::Assigned)
    .entropy(4.0),
    token(
        "gemfury-token",
        "Gemfury deploy token",
        High,
        &["fury.io"],
        "https?://[A-Za-z0-9-]{20,40}(?::[A-Za-z0-9-]{0,40})?@[a-z.]{0,20}fury\\.io",
        "source https://{b62:24}@gem.fury.io/x",
        "source https://gem.fury.io/x",
    )
    .shape(Shape::Inside(120))
    .entropy(3.6),
    token(
        "netrc-password",
        "Password in .netrc",
        High,
        &["machine "],
        "machine [A-Za-z0-9.-]{1,120}\\s{1,4}login \\S{1,120}\\s{1,4}password ([^\\s$<{]{8,200})",
        "machine api.internal login robot password {b62:24}",
        "machine api.internal login robot password ${PASS}",
    )
    .entropy(3.0),
    assigned(
        "ansible-vault-password",
        "Ansible vault password",
        High,
        &["vault_password", "vault_pass"],
        "[A-Za-z0-9!@#%^&*_+=-]{12,80}",
        "ansible_vault_password: {b62:24}",
        "ansible_vault_password: {{ x }}",
    )
    .entropy(3.4)
    .check(Check::Mixed),
    assigned(
        "maven-server-password",
        "Encrypted password of Maven",
        Medium,
        &["<password"],
        r"\{[A-Za-z0-9+/=]{40,200}\}",
        "<password>{{b64:44}}</password>",
        "<password>${env.PASSWORD}</password>",
    )
    .entropy(3.6),
    assigned(
        "gradle-publish-secret",
        "Gradle plugin portal secret",
        High,
        &["gradle.publish.secret"],
        "[A-Za-z0-9]{30,64}",
        "gradle.publish.secret={b62:32}",
        "gradle.publish.secret={b62:10}",
    )
    .entropy(3.6),
    token(
        "bitrise-token",
        "Bitrise access token",
        High,
        &["bitrise"],
        "[A-Za-z0-9_-]{86}",
        "BITRISE_API_TOKEN={url:86}",
        "BITRISE_API_TOKEN={url:40}",
    )
    .shape(Shape::Assigned)
    .entropy(4.5),
    token(
        "prefect-token",
        "Prefect API key",
        High,
        &["pnu_", "pnb_"],
        "pn[ub]_[A-Za-z0-9]{36}",
        "PREFECT_API_KEY=pnu_{b62:36}",
        "pnu_{b62:20}",
    )
    .entropy(3.8),
];
