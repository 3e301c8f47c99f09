//! One fixture for each class, with the columns a person expects of it. The expected values were written by hand from the
//! descriptions of the classes and objects in OCSF's schema.

use crate::common::{Columns, assert_columns, context, fixture_file, json_of, only_event, read_as, read_sniffed};
use auditlake_event::Organization;
use auditlake_sources::SetAsideKind;
use serde_json::{Value, json};

fn event(name: &str) -> Columns {
    only_event(&read_as("ocsf", &fixture_file(&format!("ocsf/{name}.json")), "object", &context()), name)
}

#[test]
fn an_api_call_says_who_did_what_to_what_from_where() {
    let event = event("api_activity");
    assert_columns(
        &event,
        &[
            ("event_id", Some("7f1c2d3e-0000-4000-8000-000000000001")),
            ("event_time", Some("2026-03-01T09:15:00.250Z")),
            ("event_time_nanos", None),
            ("source", Some("ocsf")),
            ("organization", Some("acme")),
            ("action", Some("CreateBucket")),
            ("category", Some("configuration")),
            ("outcome", Some("success")),
            ("error_code", None),
            ("error_message", None),
            ("actor_id", Some("arn:aws:sts::111122223333:assumed-role/Deploy/ci-7")),
            ("actor_type", Some("role")),
            ("actor_via", Some("arn:aws:iam::111122223333:role/Deploy")),
            ("resource_type", Some("AWS::S3::Bucket")),
            ("resource_id", Some("arn:aws:s3:::invoices")),
            ("resource_name", Some("invoices")),
            ("scope_type", Some("account")),
            ("scope_id", Some("444455556666")),
            ("source_ip", Some("203.0.113.9")),
            ("user_agent", Some("aws-cli/2.15")),
            ("service_name", Some("s3.amazonaws.com")),
            ("request_id", Some("REQ1")),
            ("http_method", Some("PUT")),
            ("http_path", Some("/invoices")),
            ("changes", None),
        ],
        "api_activity",
    );
    assert_eq!(
        json_of(&event, "metadata"),
        json!({
            "access_key_id": "ASIAEXAMPLEKEY1", "account_id": "111122223333", "activity_id": 1, "activity_name": "Create",
            "actor_user_type": "AssumedRole", "category_uid": 6, "class_name": "API Activity", "class_uid": 6003,
            "cloud_provider": "AWS", "cloud_region": "eu-west-1", "event_code": "AwsApiCall", "log_provider": "CloudTrail",
            "mfa_authenticated": false, "ocsf_version": "1.1.0", "product": "CloudTrail", "session_created": 1772356400000_i64,
            "severity_id": 1, "type_uid": 600301, "vendor": "AWS",
            "rest": {
                "actor": {"invoked_by": "cloudformation.amazonaws.com", "user": {"uid_alt": "AROAEXAMPLE:ci-7"}},
                "metadata": {"product": {"feature": {"name": "Management"}}},
                "src_endpoint": {"port": 40122},
                "unmapped": {"eventType": "AwsApiCall", "readOnly": false},
            },
        })
    );
    assert!(!event["raw"].contains("Sw0rdfish") && event["raw"].contains("[redacted]"));
}

#[test]
fn without_raw_the_bodies_are_in_the_metadata() {
    let mut context = context();
    context.keep_raw = false;
    let collector = read_as("ocsf", &fixture_file("ocsf/api_activity.json"), "object", &context);
    let rest = &json_of(&only_event(&collector, "no raw"), "metadata")["rest"];
    assert_eq!(rest["api"]["request"]["data"], json!({"bucketName": "invoices", "secretAccessKey": "[redacted]"}));
    assert_eq!(rest["raw_data"], "{\"eventName\":\"CreateBucket\"}");
    assert_eq!(rest["observables"][0]["value"], "203.0.113.9");
}

/// A fixture, whether Ada did it, and further columns.
type Expected<'e> = (&'e str, bool, &'e [(&'e str, Option<&'e str>)]);

#[test]
fn every_class_says_what_it_is_about() {
    let ada = [("actor_id", Some("u-100")), ("actor_name", Some("ada")), ("actor_email", Some("ada@example.com"))];
    #[rustfmt::skip]
    let expected: [Expected<'_>; 13] = [
        ("api_denied", false, &[("action", Some("PutBucketPolicy")), ("outcome", Some("denied")), ("error_code", Some("AccessDenied")),
            ("error_message", Some("User is not authorized to perform s3:PutBucketPolicy")), ("actor_type", Some("user")),
            ("resource_id", Some("arn:aws:s3:::a")), ("source_ip", None), ("changes", None)]),
        ("datastore", true, &[("action", Some("Datastore Activity: Query")), ("category", Some("data_access")), ("resource_type", Some("table")),
            ("resource_id", Some("db-1/customers")), ("resource_name", Some("customers")), ("outcome", Some("success")), ("error_message", None)]),
        ("file_hosting", true, &[("action", Some("File Hosting Activity: Rename")), ("category", Some("data_access")), ("resource_type", Some("file")),
            ("resource_id", Some("f-1")), ("resource_name", Some("plan.txt"))]),
        ("account_change", true, &[("action", Some("Account Change: Password Reset")), ("category", Some("user_management")),
            ("resource_type", Some("user")), ("resource_id", Some("u-200")), ("resource_name", Some("grace"))]),
        ("authentication", false, &[("action", Some("Authentication: Logon")), ("category", Some("authentication")), ("outcome", Some("failure")),
            ("error_code", Some("AccessDenied")), ("error_message", Some("Invalid password")), ("actor_id", Some("u-200")),
            ("actor_name", Some("grace")), ("actor_email", Some("grace@example.com")), ("actor_type", Some("user")),
            ("resource_type", Some("service")), ("resource_id", Some("svc-1")), ("source_ip", Some("2001:db8::1"))]),
        ("authorize_session", false, &[("category", Some("authentication")), ("actor_id", Some("u-200")), ("resource_type", Some("endpoint")),
            ("resource_id", Some("dc1.example.com"))]),
        ("entity_management", true, &[("category", Some("role_management")), ("resource_type", Some("Policy")), ("resource_id", Some("pol-1"))]),
        ("user_access", true, &[("action", Some("User Access Management: Assign Roles")), ("category", Some("role_management")), ("resource_id", Some("u-200"))]),
        ("group", true, &[("category", Some("group_management")), ("resource_type", Some("group")), ("resource_id", Some("g-1")), ("resource_name", Some("admins"))]),
        ("user_management", true, &[("category", Some("user_management")), ("resource_id", Some("u-200"))]),
        ("role_management", true, &[("category", Some("role_management")), ("resource_type", Some("role")), ("resource_id", Some("r-1"))]),
        ("other_application", false, &[("action", Some("Application Lifecycle: Install")), ("category", Some("configuration")), ("actor_id", Some("updater")),
            ("actor_type", Some("service")), ("resource_type", Some("application")), ("resource_id", Some("app-1"))]),
        ("system_with_actor", true, &[("action", Some("Event Log Activity: Clear")), ("category", Some("other"))]),
    ];
    for (name, is_of_ada, columns) in expected {
        let event = event(name);
        assert_columns(&event, columns, name);
        if is_of_ada {
            assert_columns(&event, &ada, name);
        }
    }
    assert_eq!(json_of(&event("api_denied"), "metadata")["resources"], json!(["arn:aws:s3:::a", "arn:aws:s3:::b"]));
}

#[test]
fn changes_are_what_the_record_states() {
    for (name, expected) in [
        ("entity_management", json!([{"field": "data.days", "before": 30, "after": 365}])),
        ("user_management", json!([{"field": "full_name", "before": "Grace H.", "after": "Grace Hopper"}])),
        ("user_access", json!([{"field": "iam_roles", "before": null, "after": [{"name": "admin", "uid": "r-1"}]}])),
        ("role_management", json!([{"field": "privileges", "before": ["delete:*"], "after": null}])),
        ("group", json!([{"field": "members", "before": null, "after": {"name": "grace", "uid": "u-200"}}])),
        ("authorize_session", json!([{"field": "privileges", "before": null, "after": ["SeBackupPrivilege"]}])),
        (
            "file_hosting",
            json!([
                {"field": "name", "before": "plan.txt", "after": "plan-final.txt"},
                {"field": "path", "before": "/q1/plan.txt", "after": "/q1/plan-final.txt"},
            ]),
        ),
        ("account_change", Value::Null),
    ] {
        assert_eq!(json_of(&event(name), "changes"), expected, "{name}");
    }
}

#[test]
fn the_account_decides_the_organization() {
    for account in ["444455556666", "111122223333"] {
        let mut context = context();
        context.account_organizations.insert(account.to_owned(), Organization::parse("globex").unwrap());
        let collector = read_as("ocsf", &fixture_file("ocsf/api_activity.json"), "object", &context);
        assert_eq!(collector.column("organization"), ["globex"], "{account}");
    }
}

#[test]
fn what_is_no_audit_record_is_set_aside_or_quarantined() {
    let collector = read_as("ocsf", &fixture_file("ocsf/not_audit.ndjson"), "object", &context());
    assert_eq!(collector.events.len(), 0);
    let kinds: Vec<(SetAsideKind, u64)> =
        collector.set_aside.iter().map(|(kind, position, _)| (*kind, position.record_index)).collect();
    let not_audit = SetAsideKind::NotAudit;
    assert_eq!(kinds, [(not_audit, 0), (not_audit, 1), (not_audit, 2), (not_audit, 3)]);
    assert_eq!(
        collector.reasons(),
        [
            "an event of OCSF outside identity and applications that names no actor",
            "an event of OCSF outside identity and applications that names no actor",
            "an event of OCSF of an unknown category that names no actor",
        ]
    );
}

#[test]
fn events_are_found_in_lists_and_envelopes_and_stay_the_same() {
    let text = fixture_file("ocsf/group.json");
    let value: Value = serde_json::from_slice(&text).unwrap();
    let expected = event("group");
    for object in [
        value.to_string(),
        json!([value]).to_string(),
        json!({ "Records": [value] }).to_string(),
        json!({ "events": [value] }).to_string(),
        json!({ "results": [value] }).to_string(),
        json!({"Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-1:1:t", "Message": value.to_string()}).to_string(),
        json!({"MessageId": "m", "ReceiptHandle": "r", "Body": value.to_string()}).to_string(),
        json!({"version": "0", "detail-type": "OCSF", "source": "acme", "detail": value}).to_string(),
        json!({"sourcetype": "ocsf", "event": value}).to_string(),
        json!({"_source": value}).to_string(),
        json!({"message": value.to_string()}).to_string(),
    ] {
        let (collector, _) = read_sniffed(object.as_bytes(), "object").unwrap();
        assert_eq!(only_event(&collector, &object), expected, "{object}");
    }
}
