//! Decisions on requests: what is refused, warned of, noted, let through, and what is no request.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use cofferdam_server::admission::{Action, Authority, Install, Policy, export, manifests, review};
use proptest::prelude::*;
use serde_json::{Value, json};

fn pod(spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec})
}

fn question(operation: &str, object: &Value, old: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1-2-3",
            "operation": operation,
            "namespace": "shop",
            "userInfo": {"username": "alice"},
            "object": object,
            "oldObject": old,
        },
    })
}

fn answer(question: &Value, policy: &Policy) -> Value {
    let reviewed = review(question.to_string().as_bytes(), policy).unwrap();
    let answer: Value = serde_json::from_slice(&reviewed.body).unwrap();
    assert_eq!(answer["response"]["uid"], question["request"]["uid"]);
    assert_eq!(answer["response"]["allowed"], json!(reviewed.allowed));
    answer["response"].clone()
}

fn privileged() -> Value {
    pod(
        json!({"containers": [{"name": "c", "image": "a", "securityContext": {"privileged": true}}]}),
    )
}

#[test]
fn what_breaks_a_rule_is_refused_with_the_reason() {
    let response = answer(&question("CREATE", &privileged(), &Value::Null), &Policy::default());
    assert_eq!(response["allowed"], json!(false));
    assert_eq!(response["status"]["code"], json!(403));
    let message = response["status"]["message"].as_str().unwrap();
    assert!(
        message.contains("kube-privileged: spec.containers[c].securityContext.privileged is true"),
        "{message}"
    );
    // What is less severe is warned of, and all of it is noted.
    let warnings = response["warnings"].as_array().unwrap();
    assert!(
        warnings.iter().any(|one| one.as_str().unwrap().starts_with("kube-image-tag:")),
        "{warnings:?}"
    );
    let noted = response["auditAnnotations"]["rules"].as_str().unwrap();
    assert!(
        noted.contains("kube-privileged") && noted.contains("kube-memory-unlimited"),
        "{noted}"
    );
}

#[test]
fn what_keeps_the_rules_is_let_through() {
    let object = pod(json!({
        "automountServiceAccountToken": false,
        "containers": [{"name": "c", "image": "a:1@sha256:00",
            "resources": {"limits": {"memory": "1Gi", "cpu": 1}},
            "securityContext": {"readOnlyRootFilesystem": true}}],
    }));
    let response = answer(&question("CREATE", &object, &Value::Null), &Policy::default());
    assert_eq!(response, json!({"uid": "1-2-3", "allowed": true}));
}

#[test]
fn other_kinds_and_what_is_deleted_are_let_through() {
    let policy = Policy::default();
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}});
    for question in [
        question("CREATE", &map, &Value::Null),
        question("DELETE", &Value::Null, &privileged()),
        question(
            "CONNECT",
            &json!({"apiVersion": "v1", "kind": "PodExecOptions", "metadata": {"name": "x"}}),
            &Value::Null,
        ),
    ] {
        assert_eq!(answer(&question, &policy)["allowed"], json!(true), "{question}");
    }
}

#[test]
fn an_update_that_changes_nothing_that_matters_is_let_through() {
    let policy = Policy::default();
    let mut labelled = privileged();
    labelled["metadata"]["finalizers"] = json!([]);
    labelled["status"] = json!({"phase": "Running"});
    let response = answer(&question("UPDATE", &labelled, &privileged()), &policy);
    assert_eq!(response["allowed"], json!(true));
    let mut changed = privileged();
    changed["spec"]["hostNetwork"] = json!(true);
    let response = answer(&question("UPDATE", &changed, &privileged()), &policy);
    assert_eq!(response["allowed"], json!(false));
}

#[test]
fn templates_are_looked_at_as_pods_are() {
    let spec = privileged()["spec"].clone();
    let job = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "j"},
        "spec": {"jobTemplate": {"spec": {"template": {"spec": spec}}}}});
    let response = answer(&question("CREATE", &job, &Value::Null), &Policy::default());
    assert_eq!(response["allowed"], json!(false));
    assert!(
        response["status"]["message"]
            .as_str()
            .unwrap()
            .contains("spec.jobTemplate.spec.template.spec.containers[c]")
    );
}

#[test]
fn the_policy_says_for_whom_and_what() {
    let mut question = question("CREATE", &privileged(), &Value::Null);
    let text = "schema_version = 1\n[exempt]\nnamespaces = [\"agents\"]\nusers = [\"system:node:*\"]\n\
                [rules]\nkube-privileged = \"audit\"\n";
    let policy = Policy::parse(text).unwrap();
    assert_eq!(answer(&question, &policy)["allowed"], json!(true));
    question["request"]["userInfo"]["username"] = json!("system:node:a");
    let response = answer(&question, &policy);
    assert_eq!(response["auditAnnotations"], json!({"exempt": "the user is exempt"}));
    question["request"]["namespace"] = json!("agents");
    let response = answer(&question, &policy);
    assert_eq!(response["auditAnnotations"], json!({"exempt": "the namespace is exempt"}));
}

#[test]
fn an_object_that_cannot_be_understood_is_refused_unless_the_policy_says_otherwise() {
    let question = question("CREATE", &pod(json!({"containers": 7})), &Value::Null);
    let response = answer(&question, &Policy::default());
    assert_eq!(response["allowed"], json!(false));
    assert!(response["status"]["message"].as_str().unwrap().contains("not-understood"));
    let policy = Policy { not_understood: Action::Warn, ..Policy::default() };
    let response = answer(&question, &policy);
    assert_eq!(response["allowed"], json!(true));
    assert_eq!(response["warnings"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_said_is_bounded_and_steers_no_terminal() {
    let containers: Vec<Value> = (0..500)
        .map(|number| json!({"name": format!("c\u{1b}[31m\n{number}{}", "x".repeat(5000)), "image": "a"}))
        .collect();
    let policy = Policy::parse("schema_version = 1\nlevel = \"restricted\"\n[actions]\nmedium = \"deny\"\nlow = \"warn\"\ninfo = \"warn\"").unwrap();
    let response =
        answer(&question("CREATE", &pod(json!({"containers": containers})), &Value::Null), &policy);
    let text = response.to_string();
    assert!(
        text.len() < 10_000 && !text.contains("\\u001b") && !text.contains("\\n"),
        "{}",
        text.len()
    );
}

#[test]
fn what_is_no_request_is_an_error() {
    let policy = Policy::default();
    for text in [
        "",
        "{}",
        "[]",
        r#"{"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview", "request": {"uid": "1", "operation": "CREATE"}}"#,
        r#"{"apiVersion": "admission.k8s.io/v1", "kind": "Other", "request": {"uid": "1", "operation": "CREATE"}}"#,
        r#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}"#,
    ] {
        assert!(review(text.as_bytes(), &policy).is_err(), "{text}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(review(deep.as_bytes(), &policy).is_err());
}

#[test]
fn the_manifests_keep_the_rules_themselves() {
    for authority in
        [Authority::CertManager, Authority::Bundle(b"-----BEGIN CERTIFICATE-----\n".to_vec())]
    {
        let install = Install {
            namespace: "cofferdam-system".into(),
            name: "cofferdam-admission".into(),
            image: "registry.example.org/cofferdam:1@sha256:00".into(),
            secret: "tls".into(),
            authority,
            fail_closed: true,
            policy: "schema_version = 1\n\n[rules]\nkube-image-tag = \"deny\"\n".into(),
            exempt: vec!["kube-system".into()],
            replicas: 2,
        };
        let text = manifests(&install);
        let snapshot = cofferdam_kube::load::texts([("m.yaml", text.as_bytes())]);
        assert_eq!(snapshot.gaps, [], "{text}");
        let policy = Policy { level: cofferdam_kube::pss::Level::Restricted, ..Policy::default() };
        for object in &snapshot.objects {
            let body: Value = serde_json::from_str(&object.body).unwrap();
            let verdict = cofferdam_server::admission::decide(&body, "", &policy);
            let grave: Vec<_> =
                verdict.decided.iter().filter(|one| one.action > Action::Audit).collect();
            assert!(grave.is_empty(), "{grave:?}");
        }
        let map = snapshot.of("", "ConfigMap").next().unwrap();
        let map: Value = serde_json::from_str(&map.body).unwrap();
        assert_eq!(map["data"]["policy.toml"], json!(install.policy));
        let hook = snapshot
            .objects
            .iter()
            .find(|one| one.kind == "ValidatingWebhookConfiguration")
            .unwrap();
        let hook: Value = serde_json::from_str(&hook.body).unwrap();
        assert_eq!(hook["webhooks"][0]["failurePolicy"], json!("Fail"));
    }
}

#[test]
fn what_is_exported_is_yaml_and_says_what_is_left() {
    let policy = Policy::parse(
        "schema_version = 1\nlevel = \"restricted\"\nregistries = [\"quay.io/o'rg\"]\n[exempt]\nusers = [\"it's\", \"system:*\"]",
    )
    .unwrap();
    let exported = export(&policy, "strict");
    let snapshot = cofferdam_kube::load::texts([("m.yaml", exported.yaml.as_bytes())]);
    assert_eq!(snapshot.gaps, [], "{}", exported.yaml);
    let names: Vec<_> = snapshot.objects.iter().map(|object| object.title()).collect();
    assert_eq!(
        names,
        [
            "ValidatingAdmissionPolicy strict-deny",
            "ValidatingAdmissionPolicyBinding strict-deny",
            "ValidatingAdmissionPolicy strict-warn",
            "ValidatingAdmissionPolicyBinding strict-warn",
            "ValidatingAdmissionPolicy strict-audit",
            "ValidatingAdmissionPolicyBinding strict-audit",
        ]
    );
    assert!(exported.left.contains(&"kube-secret-in-env".to_owned()), "{:?}", exported.left);
    assert!(exported.yaml.starts_with("# Not in here"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is sent, there is an answer or an error.
    #[test]
    fn no_request_is_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = review(&bytes, &Policy::default());
    }

    /// Whatever the object is, the answer is for the request and its form is right.
    #[test]
    fn every_object_gets_an_answer(
        kind in prop::sample::select(vec!["Pod", "Deployment", "CronJob", "List", "PodList", ""]),
        spec in prop::sample::select(vec![
            json!(null), json!(7), json!([]), json!({}), json!({"containers": null}),
            json!({"template": {"spec": []}}), json!({"containers": [null]}),
            json!({"containers": [{"name": "x"}]}), json!({"jobTemplate": 1}),
        ]),
        metadata in prop::sample::select(vec![json!(null), json!({}), json!([]), json!({"name": 7})]),
    ) {
        let object = json!({"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec, "items": [spec]});
        answer(&question("CREATE", &object, &Value::Null), &Policy::default());
    }
}
