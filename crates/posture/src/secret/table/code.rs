//! Source code hosting.

use cofferdam_finding::Severity::{Critical, High, Medium};

use super::Group;
use crate::secret::{
    Shape, Spec,
    check::Check,
    spec::{assigned, token},
};

pub(super) const GROUP: Group = Group {
    name: "source code hosting",
    why: "It opens repositories, and what is built from them: who can push there decides what runs \
          elsewhere.",
    specs: SPECS,
};

const GITHUB: &str = "https://docs.github.com/authentication/keeping-your-account-and-data-secure";
const GITLAB: &str = "https://docs.gitlab.com/security/tokens/";

const SPECS: &[Spec] = &[
    token("github-pat", "GitHub personal access token", Critical, &["ghp_"], "ghp_[A-Za-z0-9]{36}", "token ghp_{b62:30}{crc}", "token ghp_{b62:36}")
        .check(Check::Base62Crc32)
        .see(GITHUB),
    token("github-fine-grained-pat", "GitHub fine-grained personal access token", Critical, &["github_pat_"], "github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}", "github_pat_{b62:22}_{b62:59}", "github_pat_{b62:22}_{b62:40}")
        .entropy(4.0)
        .see(GITHUB),
    token("github-oauth-token", "GitHub OAuth token", High, &["gho_"], "gho_[A-Za-z0-9]{36}", "gho_{b62:30}{crc}", "gho_{b62:36}")
        .check(Check::Base62Crc32)
        .see(GITHUB),
    token("github-user-token", "GitHub app user token", High, &["ghu_"], "ghu_[A-Za-z0-9]{36}", "ghu_{b62:30}{crc}", "ghu_{b62:36}")
        .check(Check::Base62Crc32)
        .see(GITHUB),
    token("github-server-token", "GitHub app installation token", High, &["ghs_"], "ghs_[A-Za-z0-9]{36}", "ghs_{b62:30}{crc}", "ghs_{b62:36}")
        .check(Check::Base62Crc32)
        .see(GITHUB),
    token("github-refresh-token", "GitHub refresh token", High, &["ghr_"], "ghr_[A-Za-z0-9]{76}", "ghr_{b62:70}{crc}", "ghr_{b62:76}")
        .check(Check::Base62Crc32)
        .see(GITHUB),
    assigned("github-token", "GitHub token of the old form", High, &["github_token", "github_pat", "gh_token", "github-token", "githubtoken"], "[a-f0-9]{40}", "GITHUB_TOKEN={hex:40}", "GITHUB_TOKEN={hex:39}")
        .see(GITHUB),
    token("gitlab-pat", "GitLab personal access token", Critical, &["glpat-"], "glpat-(?:[A-Za-z0-9_-]{27,300}\\.[0-9a-z]{2}\\.[0-9a-z]{9}|[A-Za-z0-9_-]{20})", "glpat-{b62:20}", "glpat-{b62:12}")
        .entropy(3.2)
        .see(GITLAB),
    token("gitlab-deploy-token", "GitLab deploy token", High, &["gldt-"], "gldt-[A-Za-z0-9_-]{20}", "gldt-{b62:20}", "gldt-{b62:10}")
        .entropy(3.2)
        .see(GITLAB),
    token("gitlab-runner-token", "GitLab runner authentication token", High, &["glrt-"], "glrt-(?:t[0-9]_)?[A-Za-z0-9_-]{20}", "glrt-{b62:20}", "glrt-{b62:10}")
        .entropy(3.2)
        .see(GITLAB),
    token("gitlab-runner-registration-token", "GitLab runner registration token", High, &["GR1348941"], "GR1348941[A-Za-z0-9_-]{20}", "GR1348941{b62:20}", "GR1348941{b62:10}")
        .entropy(3.2)
        .see(GITLAB),
    token("gitlab-job-token", "GitLab job token", Medium, &["glcbt-"], "glcbt-[A-Za-z0-9]{1,5}_[A-Za-z0-9_-]{20}", "glcbt-64_{b62:20}", "glcbt-64_{b62:10}")
        .entropy(3.2)
        .see(GITLAB),
    token("gitlab-trigger-token", "GitLab pipeline trigger token", High, &["glptt-"], "glptt-[a-f0-9]{40}", "glptt-{hex:40}", "glptt-{hex:30}")
        .entropy(3.0)
        .see(GITLAB),
    token("gitlab-feed-token", "GitLab feed token", Medium, &["glft-"], "glft-[A-Za-z0-9_-]{20}", "glft-{b62:20}", "glft-{b62:10}")
        .entropy(3.2)
        .see(GITLAB),
    token("gitlab-mail-token", "GitLab incoming mail token", Medium, &["glimt-"], "glimt-[A-Za-z0-9_-]{25}", "glimt-{b62:25}", "glimt-{b62:10}")
        .entropy(3.2)
        .see(GITLAB),
    token("gitlab-agent-token", "GitLab agent for Kubernetes token", Critical, &["glagent-"], "glagent-[A-Za-z0-9_-]{50}", "glagent-{b62:50}", "glagent-{b62:10}")
        .entropy(3.8)
        .see(GITLAB),
    token("gitlab-oauth-secret", "GitLab OAuth application secret", High, &["gloas-"], "gloas-[A-Za-z0-9_-]{64}", "gloas-{b62:64}", "gloas-{b62:10}")
        .entropy(3.8)
        .see(GITLAB),
    token("gitlab-scim-token", "GitLab SCIM token", High, &["glsoat-"], "glsoat-[A-Za-z0-9_-]{20}", "glsoat-{b62:20}", "glsoat-{b62:10}")
        .entropy(3.2)
        .see(GITLAB),
    token("gitlab-feature-flags-token", "GitLab feature flags client token", Medium, &["glffct-"], "glffct-[A-Za-z0-9_-]{20}", "glffct-{b62:20}", "glffct-{b62:10}")
        .entropy(3.2)
        .see(GITLAB),
    token("bitbucket-app-password", "Bitbucket app password", High, &["ATBB"], "ATBB[A-Za-z0-9]{32}", "ATBB{b62:32}", "ATBB{b62:20}")
        .entropy(3.8)
        .see("https://support.atlassian.com/bitbucket-cloud/docs/app-passwords/"),
    token("bitbucket-access-token", "Bitbucket repository access token", High, &["ATCTT3xFfG"], "ATCTT3xFfG[A-Za-z0-9+/=_-]{140,200}=[A-F0-9]{8}", "ATCTT3xFfG{url:160}={HEX:8}", "ATCTT3xFfG{url:60}={HEX:8}")
        .entropy(4.0),
    assigned("bitbucket-client-secret", "Bitbucket client secret", High, &["bitbucket"], "[A-Za-z0-9_=-]{32,64}", "BITBUCKET_CLIENT_SECRET={b62:32}", "BITBUCKET_CLIENT_SECRET={b62:20}")
        .entropy(4.0)
        .check(Check::Mixed),
    assigned("gitea-token", "Gitea or Forgejo token", High, &["gitea_token", "forgejo_token", "gitea.token", "codeberg_token"], "[a-f0-9]{40}", "GITEA_TOKEN={hex:40}", "GITEA_TOKEN={hex:30}"),
    token("sourcegraph-token", "Sourcegraph access token", High, &["sgp_"], "sgp_(?:[a-fA-F0-9]{16}|local)_[a-fA-F0-9]{40}|sgp_[a-fA-F0-9]{40}", "sgp_{hex:16}_{hex:40}", "sgp_{hex:16}_{hex:20}")
        .entropy(3.0),
    token("url-credential-git", "Password for a Git server in a URL", High, &["@github.com", "@gitlab.com", "@bitbucket.org", "@dev.azure.com"], "https?://[A-Za-z0-9._%-]{1,80}:[A-Za-z0-9._%~-]{8,255}@(?:github\\.com|gitlab\\.com|bitbucket\\.org|dev\\.azure\\.com)", "url = https://someone:{b62:20}@github.com/a/b", "url = https://someone@github.com/a/b")
        .shape(Shape::Inside(345))
        .entropy(3.0),
];
