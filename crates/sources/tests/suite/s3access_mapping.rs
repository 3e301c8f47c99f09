//! Who, what, when, from where and with what outcome, for each kind of line. The expected values were written by hand from the
//! S3 user guide ("Amazon S3 server access log format").

use crate::common::{Collector, Columns, context, fixture_file, read_as};
use auditlake_event::Organization;
use serde_json::{Value, json};

const OWNER: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
const HOST_ID: &str = "ZXhhbXBsZS1ob3N0LWlkLWV4YW1wbGUtaG9zdC1pZC1leGFtcGxlLWhvc3QtaWQtZXhhbXA=";

fn fixture(name: &str) -> Vec<u8> {
    fixture_file(&format!("s3access/{name}.log"))
}

fn events(name: &str) -> Vec<Columns> {
    let collector = read_as("aws.s3access", &fixture(name), "object", &context());
    assert_eq!(collector.reasons(), Vec::<&str>::new(), "{name}");
    collector.events
}

fn event(name: &str) -> Columns {
    let mut events = events(name);
    assert_eq!(events.len(), 1, "{name}");
    events.remove(0)
}

fn metadata(event: &Columns) -> Value {
    serde_json::from_str(&event["metadata"]).unwrap()
}

/// Columns as expected; `None`: null.
fn assert_columns(event: &Columns, expected: &[(&str, Option<&str>)]) {
    for (column, value) in expected {
        assert_eq!(event.get(column).map(String::as_str), *value, "{column} of {}", event["raw"]);
    }
}

#[test]
fn an_object_read_through_a_presigned_url_names_role_session_key_object_and_browser() {
    let event = event("presigned_url");
    assert_columns(
        &event,
        &[
            ("event_time", Some("2026-03-01T09:15:00.000Z")),
            ("event_time_nanos", None),
            ("received_time", Some("2026-04-01T00:00:00.000Z")),
            ("region", Some("eu-west-1")),
            ("organization", Some("acme")),
            ("source", Some("aws.s3access")),
            ("action", Some("REST.GET.OBJECT")),
            ("category", Some("data_access")),
            ("outcome", Some("success")),
            ("error_code", None),
            ("error_message", None),
            ("actor_id", Some("arn:aws:sts::111122223333:assumed-role/vendor-read/export-worker")),
            ("actor_type", Some("role")),
            ("actor_name", Some("export-worker")),
            ("actor_email", None),
            ("actor_via", Some("arn:aws:iam::111122223333:role/vendor-read")),
            ("resource_type", Some("AWS::S3::Object")),
            ("resource_id", Some("arn:aws:s3:::acme-training-data/images/a b/é+1.jpg")),
            ("resource_name", Some("images/a b/é+1.jpg")),
            ("scope_type", Some("bucket")),
            ("scope_id", Some("acme-training-data")),
            ("changes", None),
            ("source_ip", Some("2001:db8::17")),
            ("user_agent", Some("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")),
            ("service_name", Some("s3.amazonaws.com")),
            ("request_id", Some("A1B2C3D4E5F6G7H8")),
            ("http_method", Some("GET")),
            (
                "http_path",
                Some(
                    "/images/a%20b/%C3%A9%2B1.jpg?response-content-disposition=attachment;%20filename=\"cat.jpg\"&x-user=labeler-17%20%28EU%29&x-id=GetObject&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIAEXAMPLEKEYID0001%2F20260301%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=20260301T091400Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Security-Token=[redacted]&X-Amz-Signature=[redacted]",
                ),
            ),
            ("http_status", Some("206")),
        ],
    );
    assert_eq!(
        metadata(&event),
        json!({
            "access_key_id": "ASIAEXAMPLEKEYID0001",
            "authentication_method": "QueryString",
            "bucket_owner": OWNER,
            "bytes_sent": 262_144,
            "cipher_suite": "TLS_AES_128_GCM_SHA256",
            "custom_parameters": {"x-user": "labeler-17 (EU)"},
            "host_header": "acme-training-data.s3.eu-west-1.amazonaws.com",
            "host_id": HOST_ID,
            "http_version": "1.1",
            "object_size": 9_045_012,
            "raw_key": "images/a%2Bb/%25C3%25A9%252B1.jpg",
            "referer": "https://labels.example.com/task?next=https%3A%2F%2Facme.example.com%2Fa%3FX-Amz-Signature%3D[redacted]%26page%3D2",
            "signature_version": "SigV4",
            "tls_version": "TLSv1.3",
            "total_time_ms": 38,
            "turnaround_ms": 35,
            "version_id": "3HL4kqtJvjVBH40Nrjfkd",
        })
    );
}

#[test]
fn a_presigned_url_of_version_2_in_a_line_without_authentication_type_names_its_key() {
    let event = event("presigned_url_version_2");
    assert_columns(
        &event,
        &[
            ("actor_id", Some("arn:aws:iam::111122223333:user/exports/ci-bot")),
            ("actor_type", Some("user")),
            ("actor_name", Some("ci-bot")),
            ("actor_via", None),
            ("resource_name", Some("report.csv")),
            (
                "http_path",
                Some("/acme-training-data/report.csv?AWSAccessKeyId=[redacted]&Expires=1772356500&Signature=[redacted]"),
            ),
        ],
    );
    assert_eq!(metadata(&event)["access_key_id"], "AKIAEXAMPLEKEYID0002");
}

#[test]
fn a_key_that_nobody_proved_to_have_is_only_claimed() {
    let event = event("claimed_key");
    assert_columns(
        &event,
        &[
            ("outcome", Some("failure")),
            ("error_code", Some("SignatureDoesNotMatch")),
            ("http_status", Some("403")),
            ("actor_id", None),
            ("actor_type", Some("anonymous")),
        ],
    );
    let metadata = metadata(&event);
    assert_eq!(metadata["claimed_access_key_id"], "AKIAEXAMPLEKEYID0003");
    assert_eq!(metadata.get("access_key_id"), None);
}

#[test]
fn a_requester_may_hold_spaces() {
    assert_columns(
        &event("origin_access_identity"),
        &[
            ("actor_id", Some("arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E2EXAMPLEID")),
            ("actor_type", Some("service")),
            ("actor_name", Some("CloudFront Origin Access Identity E2EXAMPLEID")),
            ("request_id", Some("0FMAC0C5SEXE32V4")),
            ("resource_name", Some("site/75*75/a.jpg")),
            ("user_agent", Some("Amazon CloudFront")),
            ("source_ip", Some("203.0.113.80")),
        ],
    );
}

#[test]
fn lines_of_every_age_are_read() {
    let event_2012 = event("before_2018");
    assert_columns(
        &event_2012,
        &[
            ("event_time", Some("2012-10-05T15:24:46.000Z")),
            ("actor_type", Some("anonymous")),
            ("scope_id", Some("www.example.com")),
            ("resource_id", Some("arn:aws:s3:::www.example.com/public/a.jpg")),
        ],
    );
    assert_eq!(
        metadata(&event_2012),
        json!({
            "bucket_owner": OWNER, "bytes_sent": 9515, "object_size": 9515, "total_time_ms": 42, "turnaround_ms": 41,
            "http_version": "1.1", "referer": "http://blog.example.com/show?name=it's",
        })
    );
    let event_2018 = metadata(&event("without_tls_version"));
    assert_eq!((&event_2018["host_header"], event_2018.get("tls_version")), (&json!("s3.amazonaws.com"), None));
    let event_2019 = metadata(&event("unique_id_before_host_id"));
    assert_eq!(event_2019["host_id"], format!("AIDAEXAMPLEUSER000001 {HOST_ID}"));
    assert_eq!((&event_2019["signature_version"], &event_2019["tls_version"]), (&json!("SigV4"), &json!("TLSv1.2")));
    let event_2026 = metadata(&event("access_point"));
    assert_eq!(event_2026["access_point_arn"], "arn:aws:s3:eu-west-1:111122223333:accesspoint/labels");
    assert_eq!(event_2026["acl_required"], true);
    assert_eq!(event_2026["source_region"], "us-east-1");
    assert_eq!(event_2026["tls_version"], "TLSV1.2");
    let event_to_come = metadata(&event("fields_to_come"));
    assert_eq!(event_to_come["extra_fields"], json!(["req-0001", "\"two", "words\"", "-"]));
    assert_eq!(event_to_come["source_region"], "eu-west-1");
    assert_eq!(event_to_come.get("acl_required"), None);
    assert_eq!(event_to_come["ambiguous_split"], true, "the line could also be one of 18 fields");
}

#[test]
fn a_canonical_user_id_is_the_actor_and_a_bucket_the_resource() {
    let event = event("access_point");
    assert_columns(
        &event,
        &[
            ("action", Some("REST.PUT.BUCKETPOLICY")),
            ("category", Some("configuration")),
            ("actor_id", Some(OWNER)),
            ("actor_type", None),
            ("resource_type", Some("AWS::S3::Bucket")),
            ("resource_id", Some("arn:aws:s3:::acme-training-data")),
            ("resource_name", Some("acme-training-data")),
            ("http_path", Some("/?policy")),
        ],
    );
}

#[test]
fn the_two_halves_of_a_copy_are_two_events_and_only_one_says_how_it_ended() {
    let events = events("copy");
    assert_eq!(events.len(), 2);
    assert_columns(
        &events[0],
        &[
            ("action", Some("REST.COPY.OBJECT_GET")),
            ("outcome", Some("unknown")),
            ("http_status", None),
            ("http_method", None),
            ("http_path", None),
            ("user_agent", None),
            ("resource_name", Some("source/a.txt")),
        ],
    );
    assert_columns(
        &events[1],
        &[
            ("action", Some("REST.COPY.OBJECT")),
            ("outcome", Some("success")),
            ("http_method", Some("PUT")),
            ("resource_name", Some("target/a.txt")),
        ],
    );
    assert_eq!(metadata(&events[0])["object_size"], 351_400);
    assert_eq!(events[0]["request_id"], events[1]["request_id"]);
}

#[test]
fn each_object_of_a_batch_deletion_is_an_event_with_its_own_outcome() {
    let events = events("batch_deletion");
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            (event["action"].as_str(), event["resource_id"].as_str(), event["outcome"].as_str(), event["category"].as_str())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("REST.POST.MULTI_OBJECT_DELETE", "arn:aws:s3:::acme-training-data", "success", "data_access"),
            ("BATCH.DELETE.OBJECT", "arn:aws:s3:::acme-training-data/Screen Shot 9.08.44 AM.png", "success", "data_access"),
            ("BATCH.DELETE.OBJECT", "arn:aws:s3:::acme-training-data/reports/100%.csv", "denied", "data_access"),
        ]
    );
    let ids: std::collections::BTreeSet<_> = events.iter().map(|event| &event["event_id"]).collect();
    let request_ids: std::collections::BTreeSet<_> = events.iter().map(|event| &event["request_id"]).collect();
    assert_eq!((ids.len(), request_ids.len()), (3, 1));
}

#[test]
fn two_lines_of_one_request_are_two_events() {
    let events = events("same_request_id");
    assert_eq!(events[0]["request_id"], events[1]["request_id"]);
    assert_ne!(events[0]["event_id"], events[1]["event_id"]);
    assert_eq!((events[0]["http_status"].as_str(), events[0]["outcome"].as_str()), ("304", "success"));
    assert_eq!((events[1]["http_status"].as_str(), events[1]["outcome"].as_str()), ("200", "success"));
}

#[test]
fn what_lifecycle_rules_did_was_done_by_s3_and_succeeded() {
    let events = events("lifecycle");
    assert_eq!(events.len(), 3);
    for event in &events {
        assert_columns(
            event,
            &[
                ("outcome", Some("success")),
                ("http_status", None),
                ("actor_id", Some("AmazonS3")),
                ("actor_type", Some("system")),
                ("source_ip", None),
                ("user_agent", None),
                ("http_path", None),
                ("category", Some("data_access")),
                ("resource_name", Some("logs/2024 old/a.log")),
            ],
        );
    }
    assert_eq!(metadata(&events[0])["version_id"], "v1");
}

#[test]
fn a_service_is_called_as_in_cloudtrail_and_a_partition_known_by_the_host() {
    let event = event("log_delivery");
    assert_columns(
        &event,
        &[
            ("actor_id", Some("delivery.logs.amazonaws.com")),
            ("actor_type", Some("service")),
            ("source_ip", None),
            ("user_agent", None),
            ("resource_id", Some("arn:aws-us-gov:s3:::acme-training-data/AWSLogs/a.log.gz")),
        ],
    );
    assert_eq!(metadata(&event)["requester"], "svc:delivery.logs.amazonaws.com");
}

#[test]
fn a_session_that_identity_center_named_has_an_e_mail_address_and_its_role_no_made_up_arn() {
    assert_columns(
        &event("session_of_identity_center"),
        &[
            ("actor_name", Some("ada@example.com")),
            ("actor_email", Some("ada@example.com")),
            ("actor_via", Some("AWSReservedSSO_ReadOnly_0123456789abcdef")),
            ("category", Some("data_access")),
        ],
    );
}

#[test]
fn the_same_principal_has_one_id_here_and_in_cloudtrail() {
    let role = crate::common::read(&crate::common::fixture("get_object_by_presigned_url"));
    let here = event("presigned_url");
    for column in ["actor_id", "actor_type", "actor_name", "service_name", "resource_type", "category", "outcome"] {
        assert_eq!(role.column(column), [here[column].as_str()], "{column}");
    }
}

#[test]
fn the_organization_may_be_that_of_the_bucket_s_owner() {
    let mut context = context();
    context.account_organizations.insert(OWNER.to_owned(), Organization::parse("vendor").unwrap());
    let collector: Collector = read_as("aws.s3access", &fixture("copy"), "object", &context);
    assert_eq!(collector.column("organization"), ["vendor", "vendor"]);
}

#[test]
fn without_raw_nothing_that_a_line_states_is_lost() {
    let mut context = context();
    context.keep_raw = false;
    for name in ["presigned_url", "access_point", "fields_to_come"] {
        let collector = read_as("aws.s3access", &fixture(name), "object", &context);
        let event = &collector.events[0];
        assert_eq!(event.get("raw"), None);
        let kept: String = event.values().map(|value| value.replace("\\\"", "\"") + " ").collect();
        let line = String::from_utf8(fixture(name)).unwrap();
        let without_secrets = line.split(['"', ' ']).filter(|part| !part.contains("Signature") && !part.contains("Token"));
        for part in without_secrets.map(str::trim) {
            let is_kept_otherwise =
                part.starts_with("[01/Mar") || part == "+0000]" || part == "Yes" || part.contains("2001:DB8");
            let part = part.strip_prefix("HTTP/").unwrap_or(part);
            assert!(is_kept_otherwise || kept.contains(part), "{name}: {part} of {kept}");
        }
    }
}
