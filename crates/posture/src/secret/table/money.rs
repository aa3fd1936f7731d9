//! Payment, trade and cryptographic currencies.

use cofferdam_finding::Severity::{Critical, High, Low, Medium};

use super::Group;
use crate::secret::{
    Spec,
    check::Check,
    spec::{assigned, token},
};

pub(super) const GROUP: Group = Group {
    name: "payment and trade",
    why: "It moves money or reads who paid what: refunds, payouts, orders and customers' data.",
    specs: SPECS,
};

const STRIPE: &str = "https://docs.stripe.com/keys";

const SPECS: &[Spec] = &[
    assigned(
        "paystack-secret-key",
        "Paystack secret key",
        High,
        &["paystack"],
        "sk_live_[a-f0-9]{40}",
        "PAYSTACK_SECRET_KEY=sk_{lit:live}_{hex:40}",
        "PAYSTACK_SECRET_KEY=sk_{hex:40}",
    ),
    token(
        "stripe-secret-key",
        "Stripe secret key",
        Critical,
        &["sk_live_"],
        "sk_live_[A-Za-z0-9]{24,247}",
        "sk_{lit:live}_{b62:99}",
        "sk_{lit:live}_{b62:10}",
    )
    .entropy(3.6)
    .see(STRIPE),
    token(
        "stripe-restricted-key",
        "Stripe restricted key",
        High,
        &["rk_live_"],
        "rk_live_[A-Za-z0-9]{24,247}",
        "rk_{lit:live}_{b62:99}",
        "rk_{lit:live}_{b62:10}",
    )
    .entropy(3.6)
    .see(STRIPE),
    token(
        "stripe-test-key",
        "Stripe test key",
        Low,
        &["sk_test_", "rk_test_"],
        "[sr]k_test_[A-Za-z0-9]{24,247}",
        "sk_{lit:test}_{b62:99}",
        "sk_{lit:test}_{b62:10}",
    )
    .entropy(3.6)
    .see(STRIPE),
    token(
        "stripe-webhook-secret",
        "Stripe webhook signing secret",
        Medium,
        &["whsec_"],
        "whsec_[A-Za-z0-9+/]{32,64}={0,2}",
        "whsec_{b62:32}",
        "whsec_{b62:10}",
    )
    .entropy(3.8)
    .see("https://docs.stripe.com/webhooks"),
    token(
        "square-access-token",
        "Square access token",
        Critical,
        &["EAAAE", "EAAAl"],
        "EAAA[El][A-Za-z0-9_-]{59}",
        "EAAAE{url:59}",
        "EAAAE{url:20}",
    )
    .entropy(4.0)
    .see("https://developer.squareup.com/docs/build-basics/access-tokens"),
    token(
        "square-oauth-secret",
        "Square OAuth secret",
        High,
        &["sq0csp-"],
        "sq0csp-[A-Za-z0-9_-]{43}",
        "sq0csp-{url:43}",
        "sq0csp-{url:20}",
    )
    .entropy(4.0),
    token(
        "square-legacy-token",
        "Square access token of the old form",
        High,
        &["sq0atp-"],
        "sq0atp-[A-Za-z0-9_-]{22}",
        "sq0atp-{url:22}",
        "sq0atp-{url:10}",
    )
    .entropy(3.4),
    token(
        "paypal-braintree-token",
        "Braintree access token",
        Critical,
        &["access_token$production$"],
        r"access_token\$production\$[a-z0-9]{16}\$[a-f0-9]{32}",
        "access_{lit:token}$production${low:16}${hex:32}",
        "access_{lit:token}$production${low:16}",
    )
    .entropy(3.4),
    assigned(
        "paypal-client-secret",
        "PayPal client secret",
        High,
        &["paypal"],
        "E[A-Za-z0-9_-]{79}",
        "PAYPAL_CLIENT_SECRET=E{url:79}",
        "PAYPAL_CLIENT_SECRET=E{url:20}",
    )
    .entropy(4.2),
    assigned(
        "adyen-api-key",
        "Adyen API key",
        Critical,
        &["adyen"],
        "AQE[A-Za-z0-9+/=_-]{100,300}",
        "ADYEN_API_KEY=AQE{b64:150}",
        "ADYEN_API_KEY=AQE{b64:20}",
    )
    .entropy(4.2),
    assigned(
        "mollie-api-key",
        "Mollie API key",
        High,
        &["mollie"],
        "live_[A-Za-z0-9]{30,40}",
        "MOLLIE_API_KEY=live_{b62:32}",
        "MOLLIE_API_KEY=live_{b62:10}",
    ),
    assigned(
        "razorpay-secret",
        "Razorpay key secret",
        High,
        &["razorpay"],
        "[A-Za-z0-9]{24}",
        "RAZORPAY_KEY_SECRET={b62:24}",
        "RAZORPAY_KEY_SECRET={b62:10}",
    )
    .entropy(3.6)
    .check(Check::Mixed),
    token(
        "razorpay-key-id",
        "Razorpay live key id",
        Low,
        &["rzp_live_"],
        "rzp_live_[A-Za-z0-9]{14}",
        "rzp_live_{b62:14}",
        "rzp_live_{b62:6}",
    )
    .entropy(3.0),
    token(
        "gocardless-token",
        "GoCardless access token",
        High,
        &["live_"],
        "live_[A-Za-z0-9_-]{40}",
        "GOCARDLESS={lit:live}_{url:40}",
        "{lit:live}_{url:20}",
    )
    .entropy(4.2)
    .check(Check::Mixed),
    token(
        "flutterwave-secret",
        "Flutterwave secret key",
        High,
        &["FLWSECK-"],
        "FLWSECK-[a-z0-9]{32}-X",
        "FLWSECK-{low:32}-X",
        "FLWSECK-{low:20}-X",
    )
    .entropy(3.2),
    token(
        "shopify-access-token",
        "Shopify access token",
        High,
        &["shpat_"],
        "shpat_[a-fA-F0-9]{32}",
        "shpat_{hex:32}",
        "shpat_{hex:20}",
    )
    .entropy(3.0)
    .see("https://shopify.dev/docs/apps/build/authentication-authorization"),
    token(
        "shopify-custom-app-token",
        "Shopify custom app token",
        High,
        &["shpca_"],
        "shpca_[a-fA-F0-9]{32}",
        "shpca_{hex:32}",
        "shpca_{hex:20}",
    )
    .entropy(3.0),
    token(
        "shopify-private-app-password",
        "Shopify private app password",
        High,
        &["shppa_"],
        "shppa_[a-fA-F0-9]{32}",
        "shppa_{hex:32}",
        "shppa_{hex:20}",
    )
    .entropy(3.0),
    token(
        "shopify-shared-secret",
        "Shopify shared secret",
        High,
        &["shpss_"],
        "shpss_[a-fA-F0-9]{32}",
        "shpss_{hex:32}",
        "shpss_{hex:20}",
    )
    .entropy(3.0),
    token(
        "plaid-access-token",
        "Plaid access token",
        High,
        &["access-production-"],
        "access-production-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "access-production-{uuid}",
        "access-production-{hex:8}",
    )
    .entropy(3.0),
    assigned(
        "plaid-secret",
        "Plaid secret",
        High,
        &["plaid"],
        "[a-f0-9]{30}",
        "PLAID_SECRET={hex:30}",
        "PLAID_SECRET={hex:20}",
    ),
    assigned(
        "coinbase-api-secret",
        "Coinbase API secret",
        High,
        &["coinbase"],
        "[A-Za-z0-9_+/-]{64}(?:[A-Za-z0-9+/]{22}==)?",
        "COINBASE_SECRET={b62:64}",
        "COINBASE_SECRET={b62:20}",
    )
    .entropy(4.2)
    .check(Check::Mixed),
    assigned(
        "binance-secret-key",
        "Binance secret key",
        High,
        &["binance"],
        "[A-Za-z0-9]{64}",
        "BINANCE_SECRET={b62:64}",
        "BINANCE_SECRET={b62:20}",
    )
    .entropy(4.2),
    assigned(
        "kraken-private-key",
        "Kraken private key",
        High,
        &["kraken"],
        "[A-Za-z0-9+/]{86}==",
        "KRAKEN_PRIVATE_KEY={b64:86}==",
        "KRAKEN_PRIVATE_KEY={b64:20}==",
    )
    .entropy(4.2),
    assigned(
        "ethereum-private-key",
        "Private key of a blockchain account",
        Critical,
        &["private_key", "privatekey", "deployer_key", "wallet_key"],
        "(?:0x)?[a-f0-9]{64}",
        "DEPLOYER_PRIVATE_KEY=0x{hex:64}",
        "DEPLOYER_PRIVATE_KEY=0x{hex:40}",
    )
    .entropy(3.3),
    token(
        "lob-api-key",
        "Lob API key",
        Medium,
        &["live_pub_", "test_pub_"],
        "(?:live|test)_pub_[a-f0-9]{31}",
        "{lit:live}_pub_{hex:31}",
        "{lit:live}_pub_{hex:20}",
    )
    .entropy(3.0),
    token(
        "duffel-token",
        "Duffel access token",
        High,
        &["duffel_live_"],
        "duffel_live_[A-Za-z0-9_=-]{43}",
        "duffel_live_{url:43}",
        "duffel_live_{url:20}",
    )
    .entropy(3.8),
    token(
        "easypost-api-key",
        "EasyPost API key",
        High,
        &["EZAK", "EZTK"],
        "EZ[AT]K[A-Za-z0-9]{54}",
        "EZAK{b62:54}",
        "EZAK{b62:20}",
    )
    .entropy(4.0),
    token(
        "shippo-token",
        "Shippo API token",
        High,
        &["shippo_live_"],
        "shippo_live_[a-f0-9]{40}",
        "shippo_live_{hex:40}",
        "shippo_live_{hex:20}",
    )
    .entropy(3.0),
];
