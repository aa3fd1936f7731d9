//! Mail, chat and telephony.

use cofferdam_finding::Severity::{High, Low, Medium};

use super::Group;
use crate::secret::{
    Shape, Spec,
    check::Check,
    spec::{assigned, token},
};

pub(super) const GROUP: Group = Group {
    name: "mail, chat and telephony",
    why: "It reads messages, or sends them in the owner's name: the start of most fraud.",
    specs: SPECS,
};

const SLACK: &str = "https://docs.slack.dev/authentication/tokens";

const SPECS: &[Spec] = &[
    token("slack-bot-token", "Slack bot token", High, &["xoxb-"], "xoxb-[0-9]{10,13}-[0-9]{10,13}-[A-Za-z0-9]{24,34}", "xoxb-{dig:12}-{dig:13}-{b62:24}", "xoxb-{dig:12}-{b62:5}")
        .entropy(3.0)
        .see(SLACK),
    token("slack-user-token", "Slack user token", High, &["xoxp-", "xoxe-"], "xox[pe]-(?:[0-9]{10,13}-){3}[A-Za-z0-9-]{28,34}", "xoxp-{dig:12}-{dig:12}-{dig:13}-{hex:32}", "xoxp-{dig:12}-{hex:10}")
        .entropy(3.0)
        .see(SLACK),
    token("slack-app-token", "Slack app-level token", High, &["xapp-"], "xapp-[0-9]-[A-Z0-9]{9,12}-[0-9]{10,14}-[a-f0-9]{64}", "xapp-1-{upper:11}-{dig:13}-{hex:64}", "xapp-1-{upper:11}")
        .entropy(3.0)
        .see(SLACK),
    token("slack-legacy-token", "Slack token of an old form", High, &["xoxo-", "xoxs-", "xoxa-", "xoxr-"], "xox[osar]-(?:[0-9]+-){1,3}[A-Za-z0-9]{10,64}", "xoxs-{dig:11}-{dig:11}-{hex:32}", "xoxs-{dig:5}")
        .entropy(3.0)
        .see(SLACK),
    token("slack-webhook-url", "Slack incoming webhook", Medium, &["hooks.slack.com/"], "hooks\\.slack\\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{43,60}", "https://hooks.{lit:slack}.com/services/T{upper:8}/B{upper:10}/{b62:24}", "https://hooks.{lit:slack}.com/services/T0/B0/x")
        .entropy(3.0)
        .see("https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"),
    token("teams-webhook-url", "Microsoft Teams incoming webhook", Medium, &[".webhook.office.com/webhookb2/"], "[a-z0-9-]{1,40}\\.webhook\\.office\\.com/webhookb2/[0-9a-f-]{36}@[0-9a-f-]{36}/IncomingWebhook/[a-f0-9]{32}/[0-9a-f-]{36}", "https://corp.webhook.{lit:office}.com/webhookb2/{uuid}@{uuid}/IncomingWebhook/{hex:32}/{uuid}", "https://corp.webhook.{lit:office}.com/webhookb2/{uuid}")
        .shape(Shape::Inside(40))
        .entropy(3.0),
    token("discord-webhook-url", "Discord webhook", Medium, &["discord.com/api/webhooks/", "discordapp.com/api/webhooks/"], "discord(?:app)?\\.com/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60,80}", "https://{lit:discord}.com/api/webhooks/{dig:18}/{url:68}", "https://{lit:discord}.com/api/webhooks/{dig:18}/x")
        .entropy(3.4)
        .see("https://discord.com/developers/docs/resources/webhook"),
    assigned("discord-bot-token", "Discord bot token", High, &["discord", "bot_token"], "[MNO][A-Za-z0-9_-]{23,27}\\.[A-Za-z0-9_-]{6}\\.[A-Za-z0-9_-]{27,40}", "DISCORD_TOKEN=M{b62:25}.{url:6}.{url:38}", "DISCORD_TOKEN=M{b62:25}")
        .entropy(4.0)
        .see("https://discord.com/developers/docs/reference"),
    assigned("discord-client-secret", "Discord client secret", High, &["discord"], "[A-Za-z0-9_-]{32}", "DISCORD_CLIENT_SECRET={url:32}", "DISCORD_CLIENT_SECRET={url:10}")
        .entropy(3.8)
        .check(Check::Mixed),
    token("telegram-bot-token", "Telegram bot token", High, &[":AA"], "[0-9]{8,10}:AA[A-Za-z0-9_-]{33}", "token={dig:10}:AA{url:33}", "token={dig:10}:AA{url:20}")
        .shape(Shape::Inside(10))
        .entropy(3.8)
        .see("https://core.telegram.org/bots/api"),
    assigned("twilio-auth-token", "Twilio auth token", High, &["twilio"], "[a-f0-9]{32}", "TWILIO_AUTH_TOKEN={hex:32}", "TWILIO_AUTH_TOKEN={hex:20}")
        .see("https://www.twilio.com/docs/iam/api"),
    assigned("twilio-api-key", "Twilio API key", Medium, &["twilio"], "SK[a-f0-9]{32}", "TWILIO_API_KEY=SK{hex:32}", "TWILIO_API_KEY=SK{hex:20}"),
    token("sendgrid-api-key", "SendGrid API key", High, &["SG."], "SG\\.[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}", "SG.{url:22}.{url:43}", "SG.{url:22}.{url:10}")
        .entropy(4.0)
        .see("https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys"),
    token("mailgun-private-key", "Mailgun private API key", High, &["mailgun"], "key-[a-f0-9]{32}", "MAILGUN_API_KEY=key-{hex:32}", "MAILGUN_API_KEY=key-{hex:20}")
        .shape(Shape::Assigned)
        .entropy(3.0),
    assigned("mailgun-signing-key", "Mailgun signing key", Medium, &["mailgun"], "[a-f0-9]{32}-[a-f0-9]{8}-[a-f0-9]{8}", "MAILGUN_KEY={hex:32}-{hex:8}-{hex:8}", "MAILGUN_KEY={hex:32}-{hex:8}"),
    token("mailchimp-api-key", "Mailchimp API key", High, &["mailchimp"], "[a-f0-9]{32}-us[0-9]{1,2}", "MAILCHIMP_API_KEY={hex:32}-us14", "MAILCHIMP_API_KEY={hex:20}-us14")
        .shape(Shape::Assigned)
        .entropy(3.0),
    assigned("mandrill-api-key", "Mandrill API key", High, &["mandrill"], "md-[A-Za-z0-9_-]{22}", "MANDRILL_API_KEY=md-{url:22}", "MANDRILL_API_KEY=md-{url:10}"),
    token("brevo-api-key", "Brevo (Sendinblue) API key", High, &["xkeysib-"], "xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}", "xkeysib-{hex:64}-{b62:16}", "xkeysib-{hex:64}")
        .entropy(3.4),
    token("brevo-smtp-key", "Brevo SMTP key", High, &["xsmtpsib-"], "xsmtpsib-[a-f0-9]{64}-[A-Za-z0-9]{16}", "xsmtpsib-{hex:64}-{b62:16}", "xsmtpsib-{hex:64}")
        .entropy(3.4),
    token("resend-api-key", "Resend API key", High, &["resend"], "re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}", "RESEND_API_KEY=re_{b62:8}_{b62:24}", "RESEND_API_KEY=re_{b62:8}_{b62:10}")
        .shape(Shape::Assigned)
        .entropy(3.8)
        .check(Check::Mixed),
    assigned("postmark-token", "Postmark server token", High, &["postmark"], "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "POSTMARK_API_TOKEN={uuid}", "POSTMARK_API_TOKEN=none"),
    assigned("sparkpost-api-key", "SparkPost API key", High, &["sparkpost"], "[a-f0-9]{40}", "SPARKPOST_API_KEY={hex:40}", "SPARKPOST_API_KEY={hex:20}"),
    assigned("mailjet-secret", "Mailjet secret key", High, &["mailjet"], "[a-f0-9]{32}", "MAILJET_SECRET={hex:32}", "MAILJET_SECRET={hex:20}"),
    assigned("messagebird-key", "Bird (MessageBird) access key", High, &["messagebird"], "[A-Za-z0-9]{25}", "MESSAGEBIRD_KEY={b62:25}", "MESSAGEBIRD_KEY={b62:10}")
        .entropy(3.6)
        .check(Check::Mixed),
    assigned("vonage-secret", "Vonage (Nexmo) API secret", Medium, &["nexmo", "vonage"], "[A-Za-z0-9]{16}", "NEXMO_API_SECRET={b62:16}", "NEXMO_API_SECRET={b62:8}")
        .entropy(3.2)
        .check(Check::Mixed),
    assigned("plivo-auth-token", "Plivo auth token", High, &["plivo"], "[A-Za-z0-9]{40}", "PLIVO_AUTH_TOKEN={b62:40}", "PLIVO_AUTH_TOKEN={b62:10}")
        .entropy(4.0),
    assigned("mattermost-token", "Mattermost access token", High, &["mattermost"], "[a-z0-9]{26}", "MATTERMOST_TOKEN={low:26}", "MATTERMOST_TOKEN={low:10}")
        .entropy(3.4)
        .check(Check::Mixed),
    assigned("zulip-api-key", "Zulip API key", Medium, &["zulip"], "[A-Za-z0-9]{32}", "ZULIP_API_KEY={b62:32}", "ZULIP_API_KEY={b62:10}")
        .entropy(3.8)
        .check(Check::Mixed),
    assigned("pusher-secret", "Pusher secret", Medium, &["pusher"], "[a-f0-9]{20}", "PUSHER_SECRET={hex:20}", "PUSHER_SECRET={hex:10}"),
    assigned("ably-api-key", "Ably API key", Medium, &["ably"], "[A-Za-z0-9_-]{6}\\.[A-Za-z0-9_-]{6}:[A-Za-z0-9_-]{43}", "ABLY_API_KEY={b62:6}.{b62:6}:{url:43}", "ABLY_API_KEY={b62:6}.{b62:6}"),
    token("facebook-access-token", "Facebook access token", High, &["EAACEdEose0cBA"], "EAACEdEose0cBA[A-Za-z0-9]{20,200}", "EAACEdEose0cBA{b62:60}", "EAACEdEose0cBA{b62:5}")
        .entropy(3.6),
    assigned("facebook-app-secret", "Facebook app secret", High, &["facebook", "fb_app", "fb_secret"], "[a-f0-9]{32}", "FACEBOOK_APP_SECRET={hex:32}", "FACEBOOK_APP_SECRET={hex:20}"),
    assigned("twitter-secret", "X (Twitter) API secret", High, &["twitter", "consumer_secret"], "[A-Za-z0-9]{50}", "TWITTER_CONSUMER_SECRET={b62:50}", "TWITTER_CONSUMER_SECRET={b62:20}")
        .entropy(4.0),
    token("twitter-bearer-token", "X (Twitter) bearer token", High, &["AAAAAAAAAAAAAAAAAAAAA"], "A{21,24}[A-Za-z0-9%]{80,110}", "AAAAAAAAAAAAAAAAAAAAAA{b62:90}", "AAAAAAAAAAAAAAAAAAAAAA{b62:10}")
        .entropy(4.2)
        .check(Check::Mixed),
    assigned("linkedin-secret", "LinkedIn client secret", Medium, &["linkedin"], "(?:WPL_AP1\\.)?[A-Za-z0-9]{16}(?:\\.[A-Za-z0-9=]{8})?", "LINKEDIN_CLIENT_SECRET={b62:16}", "LINKEDIN_CLIENT_SECRET={b62:8}")
        .entropy(3.2)
        .check(Check::Mixed),
    assigned("intercom-token", "Intercom access token", High, &["intercom"], "dG9r[A-Za-z0-9+/]{50,80}={0,2}", "INTERCOM_TOKEN={lit:dG9r}{b64:56}=", "INTERCOM_TOKEN={lit:dG9r}{b64:10}="),
    token("mapbox-secret-token", "Mapbox secret token", Medium, &["sk.eyJ1Ijoi"], "sk\\.eyJ1Ijoi[A-Za-z0-9_-]{40,200}\\.[A-Za-z0-9_-]{22}", "sk.{lit:eyJ1Ijoi}{url:70}.{url:22}", "sk.{lit:eyJ1Ijoi}{url:70}")
        .entropy(4.0),
    token("mapbox-public-token", "Mapbox public token", Low, &["pk.eyJ1Ijoi"], "pk\\.eyJ1Ijoi[A-Za-z0-9_-]{40,200}\\.[A-Za-z0-9_-]{22}", "pk.{lit:eyJ1Ijoi}{url:70}.{url:22}", "pk.{lit:eyJ1Ijoi}{url:70}")
        .entropy(4.0),
];
