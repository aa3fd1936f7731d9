//! Clouds and hosting.

use cofferdam_finding::Severity::{Critical, High, Medium};

use super::Group;
use crate::secret::{
    Shape, Spec,
    check::Check,
    spec::{assigned, token},
};

pub(super) const GROUP: Group = Group {
    name: "clouds and hosting",
    why: "It opens the account that machines, storage and data are kept in, often with more rights \
          than the program needs, and bills go to that account.",
    specs: SPECS,
};

const SPECS: &[Spec] = &[
    token("aws-access-key-id", "AWS access key id", Medium, &["AKIA", "ASIA"], "(?:AKIA|ASIA)[A-Z2-7]{16}", "id AKIA{b32:16}", "id AKIA{b32:15}")
        .entropy(2.8)
        .see("https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html"),
    assigned("aws-secret-access-key", "AWS secret access key", Critical, &["aws_secret", "awssecret", "aws-secret", "aws.secret", "secret_access_key", "secretaccesskey", "secret-access-key"], "[A-Za-z0-9/+]{40}", "aws_secret_access_key = {b64:40}", "aws_secret_access_key = {b64:39}")
        .entropy(4.2)
        .check(Check::Mixed)
        .see("https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html"),
    assigned("aws-session-token", "AWS session token", High, &["session_token", "sessiontoken", "aws-session-token"], "[A-Za-z0-9/+]{150,}={0,2}", "AWS_SESSION_TOKEN={b64:300}", "AWS_SESSION_TOKEN={b64:100}")
        .entropy(4.5),
    assigned("aws-mws-token", "Amazon Marketplace token", High, &["mws"], r"amzn\.mws\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "mws_token: amzn.mws.{uuid}", "mws_token: {uuid}"),
    token("aws-bedrock-key", "Amazon Bedrock API key", High, &["ABSK"], "ABSK[A-Za-z0-9+/]{109,269}={0,2}", "key=ABSK{b64:120}", "key=ABSK{b64:60}")
        .entropy(4.5),
    assigned("gcp-service-account-key", "Google Cloud service account key", Critical, &["private_key"], r"-----BEGIN (?:RSA )?PRIVATE KEY-----(?:\\n|[A-Za-z0-9+/=]){200,}?-----END", r#""private_key": "-----BEGIN {lit:PRIVATE} KEY-----\n{b64:64}\n{b64:64}\n{b64:64}\n{b64:64}\n-----END {lit:PRIVATE} KEY-----\n""#, r#""private_key": "-----BEGIN {lit:PRIVATE} KEY-----\n...\n-----END {lit:PRIVATE} KEY-----\n""#)
        .see("https://cloud.google.com/iam/docs/service-account-creds"),
    token("gcp-api-key", "Google API key", Medium, &["AIza"], "AIza[A-Za-z0-9_-]{35}", "key=AIza{url:35}", "key=AIza{url:30}")
        .entropy(3.5)
        .see("https://cloud.google.com/docs/authentication/api-keys"),
    token("gcp-oauth-secret", "Google OAuth client secret", High, &["GOCSPX-"], "GOCSPX-[A-Za-z0-9_-]{28}", "secret GOCSPX-{url:28}", "secret GOCSPX-{url:20}")
        .entropy(3.5)
        .see("https://developers.google.com/identity/protocols/oauth2"),
    token("gcp-oauth-access-token", "Google OAuth access token", Medium, &["ya29."], r"ya29\.[A-Za-z0-9_-]{60,400}", "bearer ya29.{url:120}", "bearer ya29.{url:20}")
        .entropy(4.0),
    assigned("gcp-oauth-refresh-token", "Google OAuth refresh token", High, &["refresh_token"], "1//0[A-Za-z0-9_-]{60,120}", r#""refresh_token": "1//0{url:90}""#, r#""refresh_token": "1//0{url:20}""#)
        .entropy(4.0),
    token("gcp-hmac-key", "Google Cloud Storage HMAC key id", Medium, &["GOOG1E"], "GOOG1E[A-Z0-9]{55}", "id=GOOG1E{upper:55}", "id=GOOG1E{upper:20}")
        .entropy(3.0),
    token("azure-client-secret", "Azure Entra client secret", Critical, &["8Q~", "7Q~"], "[A-Za-z0-9_.~-]{3}[78]Q~[A-Za-z0-9_.~-]{31,34}", "secret: {b62:3}8Q~{b62:34}", "secret: {b62:3}8Q~{b62:20}")
        .shape(Shape::Inside(3))
        .entropy(4.0)
        .see("https://learn.microsoft.com/entra/identity-platform/quickstart-register-app"),
    assigned("azure-storage-key", "Azure storage account key", Critical, &["accountkey", "storage_key", "storagekey", "storage-key", "azure_storage"], "[A-Za-z0-9/+]{86}==", "AccountName=x;AccountKey={b64:86}==;", "AccountName=x;AccountKey={b64:80}==;")
        .entropy(4.5)
        .see("https://learn.microsoft.com/azure/storage/common/storage-account-keys-manage"),
    assigned("azure-shared-access-key", "Azure Service Bus or Event Hubs key", High, &["sharedaccesskey"], "[A-Za-z0-9/+]{43}=", "Endpoint=sb://x;SharedAccessKey={b64:43}=", "Endpoint=sb://x;SharedAccessKey={b64:30}=")
        .entropy(4.2),
    assigned("azure-sas-signature", "Azure shared access signature", High, &["se=20", "sp="], "[^\\s\"']{0,120}?&sig=[A-Za-z0-9%/+]{43,70}", "?sv=2022-11-02&sp=rl&se=2030-01-01T00:00:00Z&sig={b62:43}%3D", "?sv=2022-11-02&sp=rl&sig={b62:20}")
        .shape(Shape::After)
        .entropy(4.0),
    assigned("azure-cosmos-key", "Azure Cosmos DB key", High, &["cosmos"], "[A-Za-z0-9/+]{86}==", "COSMOS_KEY={b64:86}==", "COSMOS_KEY={b64:60}==")
        .entropy(4.5),
    token("azure-container-registry-password", "Azure Container Registry password", High, &["+ACR"], "[A-Za-z0-9/+]{42}\\+ACR[A-D][A-Za-z0-9]{5}", "password {b62:42}+ACR{lit:A}{b62:5}", "password {b62:20}+ACR{lit:A}{b62:5}")
        .shape(Shape::Inside(42))
        .entropy(4.0),
    token("azure-function-key", "Azure Functions key", High, &["AzFu"], "[A-Za-z0-9_-]{44}AzFu[A-Za-z0-9_-]{4,6}={0,2}", "code={url:44}AzFu{b62:6}==", "code={url:20}AzFu{b62:6}==")
        .shape(Shape::Inside(44))
        .entropy(4.0),
    token("azure-devops-token", "Azure DevOps personal access token", High, &["AZDO"], "[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}", "pat={b62:76}AZDO{b62:4}", "pat={b62:40}AZDO{b62:4}")
        .shape(Shape::Inside(76))
        .entropy(4.0)
        .see("https://learn.microsoft.com/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate"),
    token("digitalocean-token", "DigitalOcean personal access token", Critical, &["dop_v1_"], "dop_v1_[a-f0-9]{64}", "token dop_v1_{hex:64}", "token dop_v1_{hex:60}")
        .entropy(3.0)
        .see("https://docs.digitalocean.com/reference/api/create-personal-access-token/"),
    token("digitalocean-oauth-token", "DigitalOcean OAuth token", High, &["doo_v1_"], "doo_v1_[a-f0-9]{64}", "token doo_v1_{hex:64}", "token doo_v1_{hex:10}")
        .entropy(3.0),
    token("digitalocean-refresh-token", "DigitalOcean refresh token", High, &["dor_v1_"], "dor_v1_[a-f0-9]{64}", "token dor_v1_{hex:64}", "token dor_v1_{hex:10}")
        .entropy(3.0),
    assigned("cloudflare-api-token", "Cloudflare API token", High, &["cloudflare", "cf_api_token"], "[A-Za-z0-9_-]{40}", "CLOUDFLARE_API_TOKEN={url:40}", "CLOUDFLARE_API_TOKEN={url:30}")
        .entropy(4.0)
        .check(Check::Mixed)
        .see("https://developers.cloudflare.com/fundamentals/api/get-started/create-token/"),
    assigned("cloudflare-global-key", "Cloudflare global API key", Critical, &["cloudflare", "cf_api_key"], "[a-f0-9]{37}", "CLOUDFLARE_API_KEY={hex:37}", "CLOUDFLARE_API_KEY={hex:36}"),
    token("cloudflare-origin-ca-key", "Cloudflare origin CA key", High, &["v1.0-"], "v1\\.0-[a-f0-9]{24}-[a-f0-9]{146}", "v1.0-{hex:24}-{hex:146}", "v1.0-{hex:24}-{hex:100}")
        .entropy(3.0),
    assigned("heroku-api-key", "Heroku API key", High, &["heroku"], "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "HEROKU_API_KEY={uuid}", "HEROKU_API_KEY={hex:30}"),
    token("heroku-token", "Heroku authorization token", High, &["HRKU-"], "HRKU-AA[A-Za-z0-9_-]{58}", "HRKU-AA{url:58}", "HRKU-AA{url:30}")
        .entropy(4.0),
    token("fly-token", "Fly.io access token", High, &["FlyV1 ", "fo1_"], "(?:FlyV1 fm[12]_[A-Za-z0-9+/=,_-]{100,}|fo1_[A-Za-z0-9_-]{43})", "auth fo1_{url:43}", "auth fo1_{url:30}")
        .entropy(4.0),
    assigned("linode-token", "Linode token", High, &["linode"], "[a-f0-9]{64}", "LINODE_TOKEN={hex:64}", "LINODE_TOKEN={hex:60}"),
    assigned("hetzner-token", "Hetzner Cloud token", High, &["hcloud", "hetzner"], "[A-Za-z0-9]{64}", "HCLOUD_TOKEN={b62:64}", "HCLOUD_TOKEN={b62:60}")
        .entropy(4.2),
    assigned("scaleway-secret-key", "Scaleway secret key", High, &["scaleway", "scw_secret"], "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "SCW_SECRET_KEY={uuid}", "SCW_SECRET_KEY=abc"),
    assigned("vultr-api-key", "Vultr API key", High, &["vultr"], "[A-Z0-9]{36}", "VULTR_API_KEY={upper:36}", "VULTR_API_KEY={upper:30}"),
    assigned("ibm-cloud-api-key", "IBM Cloud API key", High, &["ibmcloud", "ibm_cloud", "ibm-cloud"], "[A-Za-z0-9_-]{44}", "IBMCLOUD_API_KEY={url:44}", "IBMCLOUD_API_KEY={url:40}")
        .entropy(4.0),
    token("alibaba-access-key-id", "Alibaba Cloud access key id", Medium, &["LTAI"], "LTAI[A-Za-z0-9]{20}", "key LTAI{b62:20}", "key LTAI{b62:10}")
        .entropy(3.5),
    assigned("alibaba-secret-key", "Alibaba Cloud access key secret", Critical, &["alibaba", "aliyun", "alicloud"], "[A-Za-z0-9]{30}", "ALIBABA_CLOUD_ACCESS_KEY_SECRET={b62:30}", "ALIBABA_CLOUD_ACCESS_KEY_SECRET={b62:20}")
        .entropy(4.0)
        .check(Check::Mixed),
    token("tencent-secret-id", "Tencent Cloud secret id", Medium, &["AKID"], "AKID[A-Za-z0-9]{32}", "id AKID{b62:32}", "id AKID{b62:20}")
        .entropy(3.8),
    token("yandex-cloud-key", "Yandex Cloud API key", High, &["AQVN"], "AQVN[A-Za-z0-9_-]{35,38}", "key AQVN{url:36}", "key AQVN{url:20}")
        .entropy(3.8),
    token("yandex-iam-token", "Yandex Cloud IAM token", Medium, &["t1.9eu"], "t1\\.9eu[A-Za-z0-9_-]{20,}={0,2}\\.[A-Za-z0-9_-]{86}={0,2}", "t1.9eu{url:60}.{url:86}", "t1.9eu{url:60}")
        .entropy(4.0),
    assigned("netlify-token", "Netlify access token", High, &["netlify"], "(?:nfp_)?[A-Za-z0-9_-]{40,46}", "NETLIFY_AUTH_TOKEN={url:43}", "NETLIFY_AUTH_TOKEN={url:20}")
        .entropy(4.0)
        .check(Check::Mixed),
    token("netlify-personal-token", "Netlify personal access token", High, &["nfp_"], "nfp_[A-Za-z0-9_-]{36}", "token: nfp_{b62:36}", "token: nfp_{b62:20}")
        .entropy(3.8),
    assigned("vercel-token", "Vercel token", High, &["vercel"], "[A-Za-z0-9]{24}", "VERCEL_TOKEN={b62:24}", "VERCEL_TOKEN={b62:10}")
        .entropy(3.6)
        .check(Check::Mixed),
    token("vercel-blob-token", "Vercel Blob token", High, &["vercel_blob_rw_"], "vercel_blob_rw_[A-Za-z0-9]{16}_[A-Za-z0-9]{30}", "vercel_blob_rw_{b62:16}_{b62:30}", "vercel_blob_rw_{b62:16}")
        .entropy(4.0),
    token("render-api-key", "Render API key", High, &["rnd_"], "rnd_[A-Za-z0-9]{32}", "key rnd_{b62:32}", "key rnd_{b62:20}")
        .entropy(3.8),
    assigned("fastly-token", "Fastly API token", High, &["fastly"], "[A-Za-z0-9_-]{32}", "FASTLY_API_TOKEN={url:32}", "FASTLY_API_TOKEN={url:20}")
        .entropy(3.8)
        .check(Check::Mixed),
    assigned("akamai-client-token", "Akamai EdgeGrid token", High, &["client_token", "access_token"], "akab-[a-z0-9]{16}-[a-z0-9]{16}", "client_token = akab-{low:16}-{low:16}", "client_token = akab-{low:16}"),
    token("upcloud-token", "UpCloud API token", High, &["ucat_"], "ucat_[A-Z0-9]{26}", "UPCLOUD_TOKEN=ucat_{upper:26}", "ucat_{upper:10}")
        .entropy(3.2),
    assigned("oracle-cloud-auth-token", "Oracle Cloud secret", Medium, &["oci_auth_token", "oci_token"], "[A-Za-z0-9<>(){}#$_-]{20}", "OCI_AUTH_TOKEN={b62:20}", "OCI_AUTH_TOKEN={b62:10}")
        .check(Check::Mixed),
];
