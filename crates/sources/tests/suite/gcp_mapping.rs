//! One fixture for each kind of entry, with the columns a person expects of it. The expected values were written by hand from
//! the references of `LogEntry`, `AuditLog`, `google.rpc.Status` and `google.iam.v1.logging.AuditData`.

use crate::common::{Columns, context, fixture_file, json_of, only_event, read_as};
use serde_json::{Value, json};

fn event(name: &str) -> Columns {
    only_event(&read_as("gcp.audit", &fixture_file(&format!("gcp/{name}.json")), "object", &context()), name)
}

fn assert_columns(name: &str, expected: &[(&str, Option<&str>)]) {
    crate::common::assert_columns(&event(name), expected, name);
}

#[test]
fn a_policy_that_was_set_says_who_gave_what_to_whom() {
    assert_columns(
        "set_iam_policy",
        &[
            ("event_id", Some("projects/shop-prod:activity:2026-03-01T09:15:00.250Z:1a2b3c4d")),
            ("event_time", Some("2026-03-01T09:15:00.250Z")),
            ("event_time_nanos", None),
            ("received_time", Some("2026-04-01T00:00:00.000Z")),
            ("region", Some("eu-west-1")),
            ("organization", Some("acme")),
            ("source", Some("gcp.audit")),
            ("action", Some("SetIamPolicy")),
            ("category", Some("role_management")),
            ("outcome", Some("success")),
            ("error_code", None),
            ("error_message", None),
            ("actor_id", Some("alice@example.com")),
            ("actor_type", Some("user")),
            ("actor_name", None),
            ("actor_email", Some("alice@example.com")),
            ("actor_via", None),
            ("resource_type", Some("project")),
            ("resource_id", Some("projects/shop-prod")),
            ("resource_name", Some("shop-prod")),
            ("scope_type", Some("project")),
            ("scope_id", Some("shop-prod")),
            ("source_ip", Some("203.0.113.9")),
            ("user_agent", Some("Mozilla/5.0 (X11),gzip(gfe)")),
            ("service_name", Some("cloudresourcemanager.googleapis.com")),
            ("request_id", None),
            ("http_method", None),
            ("http_path", None),
            ("http_status", None),
        ],
    );
    let event = event("set_iam_policy");
    assert_eq!(
        event["changes"],
        concat!(
            r#"[{"after":null,"before":"DATA_READ","field":"audit_log allServices"},"#,
            r#"{"after":"user:mallory@example.net","before":null,"field":"audit_exemption storage.googleapis.com DATA_WRITE"},"#,
            r#"{"after":"user:mallory@example.net","before":null,"field":"role roles/owner"},"#,
            r#"{"after":null,"before":"group:staff@example.com","field":"role roles/viewer"},"#,
            r#"{"after":{"condition":{"expression":"request.time < timestamp(\"2026-03-01T12:00:00Z\")","title":"until noon"},"#,
            r#""member":"user:bob@example.com"},"before":null,"field":"role roles/run.admin"}]"#,
        )
    );
    assert_eq!(
        json_of(&event, "metadata"),
        json!({
            "insert_id": "1a2b3c4d",
            "log_name": "projects/shop-prod/logs/cloudaudit.googleapis.com%2Factivity",
            "oauth_info": {"oauthClientId": "1234.apps.example.com"},
            "permissions": ["resourcemanager.projects.setIamPolicy"],
            "receive_time": "2026-03-01T09:15:05.5Z",
            "request_attributes": {"time": "2026-03-01T09:15:00.1Z"},
            "resource_labels": {"project_id": "shop-prod"},
            "severity": "NOTICE",
        })
    );
}

#[test]
fn an_object_read_through_a_service_account_names_the_key_and_who_stands_behind_it() {
    assert_columns(
        "object_read_through_service_account",
        &[
            ("event_id", Some("projects/shop-prod:data_access:2026-03-01T09:15:00.123456789Z:x1")),
            ("event_time", Some("2026-03-01T09:15:00.123Z")),
            ("event_time_nanos", Some("456789")),
            ("category", Some("data_access")),
            // Without a status: protobuf leaves out what is OK.
            ("outcome", Some("success")),
            ("actor_id", Some("exporter@shop-prod.iam.gserviceaccount.com")),
            ("actor_type", Some("service")),
            ("actor_email", Some("exporter@shop-prod.iam.gserviceaccount.com")),
            // The first element names nobody.
            ("actor_via", Some("carol@example.com")),
            ("resource_type", Some("gcs_bucket")),
            ("resource_id", Some("projects/_/buckets/training-data/objects/images/a b/é.jpg")),
            ("resource_name", Some("images/a b/é.jpg")),
            ("source_ip", Some("2001:db8::17")),
            ("changes", None),
        ],
    );
    let metadata = json_of(&event("object_read_through_service_account"), "metadata");
    assert_eq!(metadata["delegation_chain"], json!(["carol@example.com", "ci@shop-prod.iam.gserviceaccount.com"]));
    assert_eq!(metadata["access_key_id"], "0123456789abcdef");
    assert_eq!(
        metadata["service_account_key_name"],
        "//iam.googleapis.com/projects/shop-prod/serviceAccounts/exporter@shop-prod.iam.gserviceaccount.com/keys/0123456789abcdef"
    );
    assert_eq!(metadata["caller_network"], "//compute.googleapis.com/projects/shop-prod/global/networks/main");
    assert_eq!(metadata["response_items"], 61);
    assert_eq!(metadata["resource_location"], json!({"currentLocations": ["eu"]}));
    // The subject says nothing that the actor's id does not.
    assert_eq!(metadata.get("principal_subject"), None);
    // The key that was given out is the key that was used.
    assert_eq!(json_of(&event("key_created"), "metadata")["issued_access_key_id"], metadata["access_key_id"]);
}

#[test]
fn a_refused_permission_is_denied_although_granted_is_left_out() {
    assert_columns(
        "denied_with_granted_left_out",
        &[
            ("category", Some("data_access")),
            ("outcome", Some("denied")),
            ("error_code", Some("PERMISSION_DENIED")),
            ("error_message", Some("Permission 'secretmanager.versions.access' denied")),
            ("resource_name", Some("db/versions/3")),
            ("source_ip", Some("198.51.100.7")),
            ("user_agent", None),
        ],
    );
    let metadata = json_of(&event("denied_with_granted_left_out"), "metadata");
    assert_eq!(metadata["status_details"][0]["reason"], "IAM_PERMISSION_DENIED");
    assert_eq!(metadata["permissions"], json!(["secretmanager.versions.access"]));
    assert_eq!(metadata.get("refused_permissions"), None);
}

#[test]
fn secrets_are_in_no_column_also_where_json_stands_in_a_text() {
    let mut without_raw = context();
    without_raw.keep_raw = false;
    for name in ["key_created", "bigquery_export", "patch_with_original_state", "request_with_http"] {
        let object = fixture_file(&format!("gcp/{name}.json"));
        assert!(String::from_utf8_lossy(&object).contains("EXAMPLE-"), "{name}");
        for context in [&context(), &without_raw] {
            for event in read_as("gcp.audit", &object, "object", context).events {
                for (column, value) in event {
                    assert!(!value.contains("EXAMPLE-"), "{name}: {column}: {value}");
                }
            }
        }
    }
    let raw = json_of(&event("key_created"), "raw");
    assert_eq!(
        raw["protoPayload"]["request"],
        r#"{"name":"projects/-/serviceAccounts/1122334455","access_token":"[redacted]"}"#
    );
    assert_eq!(raw["protoPayload"]["response"]["private_key_data"], "[redacted]");
    assert_eq!(raw["protoPayload"]["response"]["keyAlgorithm"], "KEY_ALG_RSA_2048");
}

#[test]
fn only_the_last_entry_of_an_operation_knows_how_it_ended() {
    assert_columns(
        "operation_first",
        &[("outcome", Some("unknown")), ("actor_type", Some("service")), ("source_ip", Some("private"))],
    );
    assert_columns(
        "operation_last",
        &[
            ("outcome", Some("failure")),
            ("error_code", Some("RESOURCE_EXHAUSTED")),
            ("error_message", Some("ZONE_RESOURCE_POOL_EXHAUSTED")),
        ],
    );
    let [first, last] =
        ["operation_first", "operation_last"].map(|name| json_of(&event(name), "metadata")["operation"].clone());
    assert_eq!(first, json!({"first": true, "id": "operation-77", "producer": "compute.googleapis.com"}));
    assert_eq!(first["id"], last["id"]);
}

#[test]
fn a_federated_caller_is_known_by_the_subject() {
    let subject = "principal://iam.googleapis.com/locations/global/workforcePools/partners/subject/dave@example.org";
    assert_columns(
        "federated_caller",
        &[
            ("actor_id", Some(subject)),
            ("actor_type", Some("user")),
            ("actor_name", Some("dave@example.org")),
            ("actor_email", None),
            ("source_ip", Some("gce-internal-ip")),
            ("scope_type", Some("folder")),
            ("scope_id", Some("4455")),
        ],
    );
    let metadata = json_of(&event("federated_caller"), "metadata");
    assert_eq!(metadata["third_party_principal"], json!({"thirdPartyClaims": {"sub": "dave"}}));
    assert_eq!(metadata["authority_selector"], "none");
}

#[test]
fn a_bigquery_export_is_read_as_the_entry_it_was() {
    assert_columns(
        "bigquery_export",
        &[
            ("event_id", Some("projects/shop-prod:data_access:2026-03-01T09:22:00.500Z:x7")),
            ("event_time", Some("2026-03-01T09:22:00.500Z")),
            ("action", Some("google.iam.v1.IAMPolicy.SetIamPolicy")),
            ("category", Some("role_management")),
            ("outcome", Some("success")),
            ("actor_id", Some("alice@example.com")),
            ("source_ip", Some("203.0.113.9")),
            ("resource_name", Some("sales")),
            ("changes", Some(r#"[{"after":"allUsers","before":null,"field":"role roles/bigquery.dataViewer"}]"#)),
        ],
    );
    let metadata = json_of(&event("bigquery_export"), "metadata");
    assert_eq!(metadata["resource_labels"], json!({"dataset_id": "sales", "project_id": "shop-prod"}));
    assert_eq!(metadata.get("rest"), None);
}

#[test]
fn what_a_perimeter_refused_is_denied_and_nobody_is_invented() {
    assert_columns(
        "perimeter_violation",
        &[
            ("category", Some("permission_check")),
            ("outcome", Some("denied")),
            ("actor_id", None),
            ("actor_type", None),
            ("actor_email", None),
        ],
    );
    let metadata = json_of(&event("perimeter_violation"), "metadata");
    assert_eq!(metadata["unique_id"], "uniq-1");
    assert_eq!(metadata["violation_reason"], "NO_MATCHING_ACCESS_LEVEL");
    assert_eq!(metadata["resource_names"], json!(["projects/1234/buckets/b/objects/o"]));
}

#[test]
fn a_failed_sign_in_is_a_failure_although_it_has_no_status() {
    assert_columns(
        "login_failure",
        &[
            ("event_id", Some("organizations/9988:data_access:2026-03-01T09:24:00.000001000Z:x9")),
            ("event_time_nanos", Some("1000")),
            ("category", Some("authentication")),
            ("outcome", Some("failure")),
            ("error_code", Some("login_failure_invalid_password")),
            ("scope_type", Some("organization")),
            ("scope_id", Some("9988")),
        ],
    );
    let metadata = json_of(&event("login_failure"), "metadata");
    assert_eq!(metadata["activity"], json!(["login_failure"]));
    assert_eq!(
        metadata["parameters"],
        json!({
            "login_challenge_method": ["password"],
            "login_failure_type": "login_failure_invalid_password",
            "login_type": "google_password",
        })
    );
}

#[test]
fn a_setting_of_google_workspace_has_a_before_and_an_after() {
    assert_columns(
        "workspace_setting_changed",
        &[
            ("category", Some("configuration")),
            ("outcome", Some("success")),
            ("changes", Some(r#"[{"after":"on","before":"off","field":"Sharing outside"}]"#)),
        ],
    );
}

#[test]
fn an_anonymous_caller_of_kubernetes_is_anonymous_and_has_no_e_mail() {
    assert_columns(
        "kubernetes_anonymous",
        &[
            ("actor_id", Some("system:anonymous")),
            ("actor_type", Some("anonymous")),
            ("actor_email", None),
            ("outcome", Some("denied")),
            ("error_code", Some("PERMISSION_DENIED")),
            ("error_message", Some("Forbidden")),
            ("category", Some("data_access")),
            ("resource_name", Some("secrets")),
        ],
    );
    let labels = json!({"authorization.k8s.io/decision": "forbid", "authorization.k8s.io/reason": ""});
    assert_eq!(json_of(&event("kubernetes_anonymous"), "metadata")["labels"], labels);
}

#[test]
fn a_part_of_a_split_entry_says_which_part_it_is() {
    assert_columns("split_part", &[("event_id", Some("projects/shop-prod:activity:2026-03-01T09:27:00.000Z:x11-2"))]);
    let split = json!({"uid": "x11+2026-03-01T09:27:00Z", "index": 2, "totalSplits": 3});
    assert_eq!(json_of(&event("split_part"), "metadata")["split"], split);
}

#[test]
fn the_original_state_is_the_before_of_what_the_request_states() {
    // `name` is equal, `priority` and `disabled` are stated on one side only.
    assert_columns(
        "patch_with_original_state",
        &[(
            "changes",
            Some(concat!(
                r#"[{"after":"[redacted]","before":"[redacted]","field":"password"},"#,
                r#"{"after":["0.0.0.0/0"],"before":["192.0.2.0/24"],"field":"sourceRanges"}]"#
            )),
        )],
    );
}

#[test]
fn an_http_request_says_where_from_where_the_audit_log_does_not() {
    assert_columns(
        "request_with_http",
        &[
            ("event_time", Some("2026-03-01T08:29:00.000Z")),
            ("event_id", Some("billingAccounts/0A-0B:activity:2026-03-01T08:29:00.000Z:x13")),
            ("http_method", Some("POST")),
            ("http_path", Some("/orders?id=7&X-Goog-Signature=[redacted]")),
            ("http_status", Some("401")),
            ("source_ip", Some("203.0.113.5")),
            ("user_agent", Some("probe/1")),
            ("request_id", Some("req-1")),
            ("scope_type", Some("billing_account")),
            ("scope_id", Some("0A-0B")),
            // Who could not show who they are was not denied anything yet.
            ("outcome", Some("failure")),
            ("error_code", Some("UNAUTHENTICATED")),
            ("actor_id", None),
        ],
    );
    let metadata = json_of(&event("request_with_http"), "metadata");
    assert_eq!(metadata["caller_ips"], "203.0.113.5, 198.51.100.1");
}

#[test]
fn unknown_members_are_kept_number_for_number() {
    let event = event("request_with_http");
    assert!(event["metadata"].contains(r#""rest":{"aFieldOfTomorrow":{"a":[1.50],"b":1}}"#), "{}", event["metadata"]);
    assert!(event["raw"].contains(r#""aFieldOfTomorrow":{"a":[1.50],"b":1}"#));
}

#[test]
fn without_raw_nothing_of_the_entry_is_lost() {
    let mut context = context();
    context.keep_raw = false;
    let object = fixture_file("gcp/set_iam_policy.json");
    let mut entry: Value = serde_json::from_slice(&object).unwrap();
    entry["protoPayload"]["ofTomorrow"] = json!([1]);
    let collector = read_as("gcp.audit", entry.to_string().as_bytes(), "object", &context);
    let event = &collector.events[0];
    assert_eq!(event.get("raw"), None);
    let metadata = json_of(event, "metadata");
    assert_eq!(metadata["rest"]["resource"], entry["resource"]);
    for member in ["request", "serviceData", "authenticationInfo", "authorizationInfo", "requestMetadata", "ofTomorrow"] {
        assert_eq!(metadata["audit_rest"][member], entry["protoPayload"][member], "{member}");
    }
}
