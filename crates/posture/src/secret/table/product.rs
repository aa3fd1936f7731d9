//! Products with an interface of their own: issue trackers, documents, customers.

use cofferdam_finding::Severity::{High, Low, Medium};

use super::Group;
use crate::secret::{
    Shape, Spec,
    check::Check,
    spec::{assigned, token},
};

pub(super) const GROUP: Group = Group {
    name: "products",
    why: "It reads and changes what an organisation keeps in the product: documents, issues, \
          customers' data.",
    specs: SPECS,
};

const SPECS: &[Spec] = &[
    token("atlassian-api-token", "Atlassian API token", High, &["ATATT3xFfGF0"], "ATATT3xFfGF0[A-Za-z0-9_=-]{160,220}", "ATATT3xFfGF0{url:171}={HEX:8}", "ATATT3xFfGF0{url:40}")
        .entropy(4.0)
        .see("https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/"),
    assigned("atlassian-legacy-token", "Atlassian API token of the old form", High, &["jira", "confluence", "atlassian"], "[A-Za-z0-9]{24}", "JIRA_API_TOKEN={b62:24}", "JIRA_API_TOKEN={b62:10}")
        .entropy(3.6)
        .check(Check::Mixed),
    token("notion-token", "Notion integration token", High, &["ntn_"], "ntn_[A-Za-z0-9]{46}", "ntn_{b62:46}", "ntn_{b62:20}")
        .entropy(4.0)
        .check(Check::Mixed)
        .see("https://developers.notion.com/docs/authorization"),
    token("linear-api-key", "Linear API key", High, &["lin_api_"], "lin_api_[A-Za-z0-9]{40}", "lin_api_{b62:40}", "lin_api_{b62:20}")
        .entropy(3.8)
        .see("https://linear.app/developers"),
    assigned("linear-client-secret", "Linear client secret", Medium, &["linear"], "[a-f0-9]{32}", "LINEAR_CLIENT_SECRET={hex:32}", "LINEAR_CLIENT_SECRET={hex:20}"),
    token("airtable-token", "Airtable personal access token", High, &["airtable"], "pat[A-Za-z0-9]{14}\\.[a-f0-9]{64}", "AIRTABLE_TOKEN=pat{b62:14}.{hex:64}", "AIRTABLE_TOKEN=pat{b62:14}.{hex:20}")
        .shape(Shape::Assigned)
        .entropy(3.4)
        .see("https://airtable.com/developers/web/guides/personal-access-tokens"),
    assigned("airtable-key", "Airtable API key of the old form", Medium, &["airtable"], "key[A-Za-z0-9]{14}", "AIRTABLE_API_KEY=key{b62:14}", "AIRTABLE_API_KEY=key{b62:6}"),
    assigned("asana-token", "Asana personal access token", High, &["asana"], "(?:[12]/[0-9]{13,17}(?:/[0-9]{13,17})?:[a-f0-9]{32}|[a-z0-9]{32})", "ASANA_TOKEN=1/{dig:16}:{hex:32}", "ASANA_TOKEN=1/{dig:16}")
        .check(Check::Mixed),
    assigned("trello-token", "Trello token", Medium, &["trello"], "(?:ATTA)?[a-f0-9]{64,76}", "TRELLO_TOKEN={hex:64}", "TRELLO_TOKEN={hex:30}"),
    token("clickup-token", "ClickUp token", High, &["clickup"], "pk_[0-9]{6,9}_[A-Z0-9]{32}", "CLICKUP_TOKEN=pk_{dig:8}_{upper:32}", "CLICKUP_TOKEN=pk_{dig:8}_{upper:10}")
        .shape(Shape::Assigned)
        .entropy(3.4),
    token("figma-token", "Figma personal access token", Medium, &["figd_", "figu_"], "fig[du]_[A-Za-z0-9_-]{40}", "figd_{url:40}", "figd_{url:20}")
        .entropy(3.8)
        .see("https://developers.figma.com/docs/rest-api/"),
    token("dropbox-token", "Dropbox access token", High, &["dropbox"], "sl\\.(?:u\\.)?[A-Za-z0-9_-]{130,}", "DROPBOX_TOKEN=sl.{url:140}", "DROPBOX_TOKEN=sl.{url:40}")
        .shape(Shape::Assigned)
        .entropy(4.4),
    assigned("dropbox-app-secret", "Dropbox app secret", Medium, &["dropbox"], "[a-z0-9]{15}", "DROPBOX_APP_SECRET={low:15}", "DROPBOX_APP_SECRET={low:8}")
        .entropy(3.0)
        .check(Check::Mixed),
    assigned("box-developer-token", "Box client secret", Medium, &["box_client", "boxclient"], "[A-Za-z0-9]{32}", "BOX_CLIENT_SECRET={b62:32}", "BOX_CLIENT_SECRET={b62:10}")
        .entropy(3.8),
    token("postman-api-key", "Postman API key", High, &["PMAK-"], "PMAK-[a-f0-9]{24}-[a-f0-9]{34}", "PMAK-{hex:24}-{hex:34}", "PMAK-{hex:24}")
        .entropy(3.0)
        .see("https://learning.postman.com/docs/"),
    token("salesforce-token", "Salesforce access token", High, &["salesforce", "sfdx", "sf_access"], "00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?![A-Za-z0-9_.]{80,120}", "SF_ACCESS_TOKEN=00D{b62:12}!{b62:96}", "SF_ACCESS_TOKEN=00D{b62:12}!{b62:10}")
        .shape(Shape::Assigned)
        .entropy(4.0),
    token("hubspot-token", "HubSpot private app token", High, &["pat-na", "pat-eu", "pat-ap"], "pat-(?:na|eu|ap)[0-9]-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "pat-na1-{uuid}", "pat-na1-{hex:8}")
        .entropy(3.0)
        .see("https://developers.hubspot.com/docs/"),
    assigned("hubspot-api-key", "HubSpot API key", Medium, &["hubspot", "hapikey"], "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "HUBSPOT_API_KEY={uuid}", "HUBSPOT_API_KEY=none"),
    assigned("zendesk-secret", "Zendesk API token", High, &["zendesk"], "[A-Za-z0-9]{40}", "ZENDESK_API_TOKEN={b62:40}", "ZENDESK_API_TOKEN={b62:20}")
        .entropy(4.0),
    assigned("freshdesk-key", "Freshdesk API key", Medium, &["freshdesk"], "[A-Za-z0-9]{19,20}", "FRESHDESK_API_KEY={b62:20}", "FRESHDESK_API_KEY={b62:8}")
        .entropy(3.4)
        .check(Check::Mixed),
    token("typeform-token", "Typeform token", Medium, &["tfp_"], "tfp_[A-Za-z0-9_.=-]{44,60}", "tfp_{b62:59}", "tfp_{b62:20}")
        .entropy(4.0),
    token("contentful-token", "Contentful management token", High, &["CFPAT-"], "CFPAT-[A-Za-z0-9_-]{43}", "CFPAT-{url:43}", "CFPAT-{url:20}")
        .entropy(3.8),
    assigned("contentful-delivery-token", "Contentful delivery token", Low, &["contentful"], "[A-Za-z0-9_-]{43}", "CONTENTFUL_ACCESS_TOKEN={url:43}", "CONTENTFUL_ACCESS_TOKEN={url:20}")
        .entropy(4.0)
        .check(Check::Mixed),
    assigned("algolia-admin-key", "Algolia API key", Medium, &["algolia"], "[a-f0-9]{32}", "ALGOLIA_ADMIN_KEY={hex:32}", "ALGOLIA_ADMIN_KEY={hex:20}"),
    assigned("segment-write-key", "Segment write key", Low, &["segment_write", "segment.write", "segmentwrite"], "[A-Za-z0-9]{32}", "SEGMENT_WRITE_KEY={b62:32}", "SEGMENT_WRITE_KEY={b62:20}")
        .entropy(3.8)
        .check(Check::Mixed),
    token("segment-public-token", "Segment public API token", High, &["sgp_"], "sgp_[A-Za-z0-9]{64}", "sgp_{b62:64}", "sgp_{b62:20}")
        .entropy(4.0),
    assigned("mixpanel-secret", "Mixpanel secret", Medium, &["mixpanel"], "[a-f0-9]{32}", "MIXPANEL_SECRET={hex:32}", "MIXPANEL_SECRET={hex:20}"),
    assigned("amplitude-secret", "Amplitude secret key", Medium, &["amplitude"], "[a-f0-9]{32}", "AMPLITUDE_SECRET_KEY={hex:32}", "AMPLITUDE_SECRET_KEY={hex:20}"),
    token("posthog-personal-key", "PostHog personal API key", High, &["phx_"], "phx_[A-Za-z0-9]{43,56}", "phx_{b62:43}", "phx_{b62:20}")
        .entropy(4.0),
    token("frameio-token", "Frame.io token", High, &["fio-u-"], "fio-u-[A-Za-z0-9_=-]{64}", "fio-u-{url:64}", "fio-u-{url:20}")
        .entropy(4.0),
    token("calendly-token", "Calendly token", Medium, &["eyJraWQiOiIx"], "eyJraWQiOiIx[A-Za-z0-9_-]{20,200}\\.[A-Za-z0-9_-]{60,}\\.[A-Za-z0-9_-]{43,100}", "{lit:eyJraWQiOiIx}{url:60}.{url:200}.{url:86}", "{lit:eyJraWQiOiIx}{url:60}")
        .entropy(4.0),
    assigned("unsplash-key", "Unsplash API key", Low, &["unsplash"], "[A-Za-z0-9_-]{43}", "UNSPLASH_SECRET={url:43}", "UNSPLASH_SECRET={url:20}")
        .entropy(4.0)
        .check(Check::Mixed),
    assigned("shodan-key", "Shodan API key", Medium, &["shodan"], "[A-Za-z0-9]{32}", "SHODAN_API_KEY={b62:32}", "SHODAN_API_KEY={b62:20}")
        .entropy(3.8)
        .check(Check::Mixed),
    assigned("virustotal-key", "VirusTotal API key", Medium, &["virustotal", "vt_api"], "[a-f0-9]{64}", "VIRUSTOTAL_API_KEY={hex:64}", "VIRUSTOTAL_API_KEY={hex:20}"),
    token("dependencytrack-key", "Dependency-Track API key", Medium, &["odt_"], "odt_[A-Za-z0-9]{8}_[A-Za-z0-9]{32}|odt_[A-Za-z0-9]{32}", "odt_{b62:32}", "odt_{b62:20}")
        .entropy(3.8),
    token("adobe-client-secret", "Adobe client secret", High, &["p8e-"], "p8e-[A-Za-z0-9_-]{32}", "p8e-{b62:32}", "p8e-{b62:20}")
        .entropy(3.6),
];
