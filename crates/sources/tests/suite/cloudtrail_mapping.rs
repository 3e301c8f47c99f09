//! One fixture for each trap of the format, with the columns a person expects of it. The expected values were written by
//! hand from the CloudTrail user guide ("record contents", "userIdentity element").

use crate::common::{Columns, compact, context, fixture, json_of, only_event, read, read_with};
use auditlake_event::Organization;
use serde_json::{Value, json};

fn event(name: &str) -> Columns {
    only_event(&read(&fixture(name)), name)
}

fn assert_columns(name: &str, expected: &[(&str, Option<&str>)]) {
    crate::common::assert_columns(&event(name), expected, name);
}

#[test]
fn a_vendor_assuming_a_role_is_linked_to_what_it_reads_by_the_issued_key() {
    assert_columns(
        "assume_role_by_vendor",
        &[
            ("event_id", Some("0d5c4c4e-0000-4000-8000-00000000000a:111122223333")),
            ("event_time", Some("2026-03-01T09:15:00.000Z")),
            ("event_time_nanos", None),
            ("received_time", Some("2026-04-01T00:00:00.000Z")),
            ("region", Some("eu-west-1")),
            ("organization", Some("acme")),
            ("source", Some("aws.cloudtrail")),
            ("action", Some("AssumeRole")),
            ("category", Some("authentication")),
            ("outcome", Some("success")),
            ("actor_id", Some("AROAEXAMPLEVENDOR0001:export-worker")),
            ("actor_type", Some("role")),
            ("actor_name", None),
            ("actor_via", None),
            ("resource_type", Some("AWS::IAM::Role")),
            ("resource_id", Some("arn:aws:iam::111122223333:role/partners/vendor-read")),
            ("resource_name", Some("vendor-read")),
            ("scope_type", Some("account")),
            ("scope_id", Some("111122223333")),
            ("changes", None),
            ("source_ip", Some("198.51.100.20")),
            ("user_agent", Some("Boto3/1.40")),
            ("service_name", Some("sts.amazonaws.com")),
            ("request_id", Some("0d5c4c4e-0000-4000-8000-000000000001")),
            ("http_method", None),
            ("http_status", None),
        ],
    );
    let assumed = json_of(&event("assume_role_by_vendor"), "metadata");
    assert_eq!(
        assumed,
        json!({
            "account_id": "444455556666",
            "assumed_role_arn": "arn:aws:sts::111122223333:assumed-role/vendor-read/export-worker",
            "aws_region": "eu-west-1",
            "event_category": "Management",
            "event_type": "AwsApiCall",
            "event_version": "1.08",
            "external_id": "vendor-external-7",
            "identity_type": "AWSAccount",
            "issued_access_key_id": "ASIAEXAMPLEISSUED001",
            "management_event": true,
            "principal_id": "AROAEXAMPLEVENDOR0001:export-worker",
            "read_only": true,
            "role_session_name": "export-worker",
            "shared_event_id": "0d5c4c4e-0000-4000-8000-0000000000ff",
            "tls_details": {
                "cipherSuite": "TLS_AES_128_GCM_SHA256",
                "clientProvidedHostHeader": "sts.eu-west-1.amazonaws.com",
                "tlsVersion": "TLSv1.3",
            },
        })
    );
    let read = json_of(&event("get_object_by_presigned_url"), "metadata");
    assert_eq!(read["access_key_id"], assumed["issued_access_key_id"]);
}

#[test]
fn an_object_read_through_a_presigned_url_names_role_session_object_and_browser() {
    assert_columns(
        "get_object_by_presigned_url",
        &[
            ("action", Some("GetObject")),
            ("category", Some("data_access")),
            ("actor_id", Some("arn:aws:sts::111122223333:assumed-role/vendor-read/export-worker")),
            ("actor_type", Some("role")),
            ("actor_name", Some("export-worker")),
            // Whoever assumes this role may call the session what they like: no e-mail is read from it.
            ("actor_email", None),
            ("actor_via", Some("arn:aws:iam::111122223333:role/partners/vendor-read")),
            ("resource_type", Some("AWS::S3::Object")),
            ("resource_id", Some("arn:aws:s3:::training-data/images/a b/é+1.jpg")),
            ("resource_name", Some("images/a b/é+1.jpg")),
            ("source_ip", Some("2001:db8::17")),
            ("user_agent", Some("[Mozilla/5.0 \"quoted\", (X11)]")),
        ],
    );
    let metadata = json_of(&event("get_object_by_presigned_url"), "metadata");
    assert_eq!(metadata["authentication_method"], "QueryString");
    assert_eq!(metadata["vpc_endpoint_id"], "vpce-0123456789abcdef0");
    assert_eq!(metadata["mfa_authenticated"], false);
    assert_eq!(metadata["session_created"], "2026-03-01T09:15:00Z");
    assert_eq!(
        metadata["resources"],
        json!(["arn:aws:s3:::training-data", "arn:aws:s3:::training-data/images/a b/é+1.jpg"])
    );
}

#[test]
fn secrets_are_in_no_column() {
    for name in ["assume_role_by_vendor", "service_assumes_role"] {
        for (column, value) in event(name) {
            for secret in ["FwoGZXIvYXdzEXAMPLETOKEN", "wJalrXUtnFEMIEXAMPLEKEY", "IQoJb3JpZ2luEXAMPLE"] {
                assert!(!value.contains(secret), "{name}: {column}");
            }
        }
    }
    let raw = json_of(&event("assume_role_by_vendor"), "raw");
    let credentials = &raw["responseElements"]["credentials"];
    assert_eq!(
        *credentials,
        json!({"accessKeyId": "ASIAEXAMPLEISSUED001", "expiration": "Mar 1, 2026, 9:30:00 AM", "secretAccessKey": "[redacted]", "sessionToken": "[redacted]"})
    );
    let mut without_raw = context();
    without_raw.keep_raw = false;
    let collector = read_with(&fixture("assume_role_by_vendor"), &without_raw);
    assert!(!format!("{:?}", collector.events).contains("EXAMPLETOKEN"));
}

#[test]
fn a_failed_sign_in_is_a_failure_with_or_without_words() {
    assert_columns(
        "console_login_failure",
        &[
            ("category", Some("authentication")),
            ("outcome", Some("failure")),
            ("error_code", None),
            ("error_message", Some("No username found in supplied account")),
            ("actor_id", Some("111122223333")),
            ("actor_type", Some("user")),
            ("actor_name", Some("HIDDEN_DUE_TO_SECURITY_REASONS")),
            ("resource_id", None),
            ("source_ip", Some("203.0.113.9")),
        ],
    );
    let metadata = json_of(&event("console_login_failure"), "metadata");
    assert_eq!(metadata["mfa_used"], true);
    assert_eq!(metadata.get("access_key_id"), None);
    assert_columns(
        "console_login_failure_without_message",
        &[
            ("event_id", Some("0d5c4c4e-0000-4000-8000-00000000000d")),
            ("outcome", Some("failure")),
            ("error_message", None),
            ("actor_id", Some("arn:aws:iam::111122223333:root")),
            ("actor_type", Some("user")),
            ("scope_id", Some("111122223333")),
        ],
    );
}

#[test]
fn a_policy_that_was_written_is_the_change_decoded_and_without_a_before() {
    assert_columns(
        "put_role_policy",
        &[
            ("category", Some("role_management")),
            ("actor_id", Some("arn:aws:iam::111122223333:user/alice")),
            ("actor_name", Some("alice")),
            ("actor_via", Some("cloudformation.amazonaws.com")),
            ("resource_type", Some("AWS::IAM::Role")),
            ("resource_id", Some("reporting")),
            ("resource_name", Some("reporting")),
            ("source_ip", Some("cloudformation.amazonaws.com")),
            (
                "changes",
                Some(
                    r#"[{"after":{"Statement":[{"Action":"s3:*","Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"},"field":"inline_policy"}]"#,
                ),
            ),
        ],
    );
    let metadata = json_of(&event("put_role_policy"), "metadata");
    assert_eq!(metadata["related"], json!({"policyName": "read-all"}));
    assert_eq!(metadata["mfa_authenticated"], true);
    assert_eq!(metadata["source_identity"], "alice@corp");
    assert_eq!(metadata["access_key_id"], "AKIAEXAMPLEALICE0001");
    assert_columns(
        "update_assume_role_policy_encoded",
        &[("changes", Some(r#"[{"after":{"Statement":[{"Principal":"*"}]},"field":"assume_role_policy_document"}]"#))],
    );
}

#[test]
fn nothing_changes_when_the_call_was_refused() {
    let mut record: Value = serde_json::from_slice(&fixture("put_role_policy")).unwrap();
    record["errorCode"] = "AccessDenied".into();
    let collector = read(record.to_string().as_bytes());
    assert_eq!(collector.column("outcome"), ["denied"]);
    assert_eq!(collector.column("changes"), [""]);
}

#[test]
fn an_anonymous_request_that_was_refused_says_so_and_names_the_object_in_any_case_of_key() {
    assert_columns(
        "anonymous_denied",
        &[
            ("outcome", Some("denied")),
            ("error_code", Some("AccessDenied")),
            ("actor_id", Some("ANONYMOUS_PRINCIPAL")),
            ("actor_type", Some("anonymous")),
            ("actor_name", None),
            ("category", Some("data_access")),
            ("resource_type", Some("AWS::S3::Object")),
            ("resource_id", Some("arn:aws:s3:::public-site/secret.txt")),
            ("resource_name", Some("secret.txt")),
        ],
    );
}

#[test]
fn an_aws_service_is_an_actor_and_its_host_name_is_where_from() {
    assert_columns(
        "service_assumes_role",
        &[
            ("actor_id", Some("ec2.amazonaws.com")),
            ("actor_type", Some("service")),
            ("actor_via", None),
            ("source_ip", Some("ec2.amazonaws.com")),
            ("resource_type", Some("AWS::IAM::Role")),
            ("resource_id", Some("arn:aws:iam::111122223333:role/web")),
            ("resource_name", Some("web")),
        ],
    );
    assert_eq!(json_of(&event("service_assumes_role"), "metadata")["issued_access_key_id"], "ASIAEXAMPLEINSTANCE1");
    assert_columns(
        "service_event_without_identity",
        &[
            ("actor_id", None),
            ("actor_type", Some("system")),
            ("source_ip", Some("AWS Internal")),
            ("category", Some("configuration")),
            ("resource_id", Some("arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab")),
            ("resource_name", Some("1234abcd-12ab-34cd-56ef-1234567890ab")),
        ],
    );
}

#[test]
fn missing_permission_is_denied_in_every_wording() {
    assert_columns(
        "unauthorized_run_instances",
        &[
            ("outcome", Some("denied")),
            ("error_code", Some("Client.UnauthorizedOperation")),
            // A session of a role that IAM Identity Center manages is named by it, not by the caller.
            ("actor_email", Some("carol@example.com")),
            ("actor_name", Some("carol@example.com")),
            ("resource_type", Some("AWS::EC2::Instance")),
            ("resource_id", Some("i-0aaa")),
        ],
    );
    let metadata = json_of(&event("unauthorized_run_instances"), "metadata");
    assert_eq!(metadata["session_from_console"], true);
    assert_columns(
        "vpc_endpoint_denied",
        &[("outcome", Some("denied")), ("actor_name", Some("s")), ("scope_id", Some("111122223333"))],
    );
    let record: Value = serde_json::from_slice(&fixture("unauthorized_run_instances")).unwrap();
    for (code, service, outcome) in [
        ("AccessDeniedException", "ec2.amazonaws.com", "denied"),
        ("UnauthorizedAccess", "ec2.amazonaws.com", "denied"),
        ("AuthorizationErrorException", "sns.amazonaws.com", "denied"),
        ("NotAuthorizedException", "cognito-idp.amazonaws.com", "failure"),
        ("ThrottlingException", "ec2.amazonaws.com", "failure"),
        ("ExpiredToken", "sts.amazonaws.com", "failure"),
        ("Client.DryRunOperation", "ec2.amazonaws.com", "failure"),
    ] {
        let mut record = record.clone();
        record["errorCode"] = code.into();
        record["eventSource"] = service.into();
        assert_eq!(read(record.to_string().as_bytes()).column("outcome"), [outcome], "{code}");
    }
}

#[test]
fn unknown_members_are_kept_number_for_number() {
    let event = event("unauthorized_run_instances");
    let metadata = &event["metadata"];
    assert!(metadata.contains(r#""rest":{"aFieldOfTomorrow":{"a":[1.50],"b":1}}"#), "{metadata}");
    assert!(event["raw"].contains(r#""aFieldOfTomorrow":{"a":[1.50],"b":1}"#));
}

#[test]
fn without_raw_nothing_of_the_record_is_lost() {
    let mut context = context();
    context.keep_raw = false;
    let event = read_with(&fixture("unauthorized_run_instances"), &context).events.remove(0);
    assert_eq!(event.get("raw"), None);
    let record: Value = serde_json::from_slice(&fixture("unauthorized_run_instances")).unwrap();
    let rest = &json_of(&event, "metadata")["rest"];
    for member in ["requestParameters", "userIdentity", "aFieldOfTomorrow"] {
        assert_eq!(rest[member], record[member], "{member}");
    }
}

#[test]
fn an_addendum_is_an_event_beside_the_one_it_amends() {
    assert_columns(
        "addendum",
        &[
            ("event_id", Some("0d5c4c4e-0000-4000-8000-000000000014:111122223333:updated")),
            ("category", Some("user_management")),
            ("resource_id", Some("bob")),
        ],
    );
    let metadata = json_of(&event("addendum"), "metadata");
    assert_eq!(metadata["amends_event_id"], "0d5c4c4e-0000-4000-8000-000000000014");
    assert_eq!(metadata["addendum"]["updatedFields"], "responseElements");
    assert_eq!(metadata["issued_access_key_id"], "AKIAEXAMPLEBOB000001");
    // A record that was only delivered late is the event itself.
    let mut record: Value = serde_json::from_slice(&fixture("addendum")).unwrap();
    record["addendum"] = json!({"reason": "DELIVERY_DELAY"});
    assert_eq!(
        read(record.to_string().as_bytes()).column("event_id"),
        ["0d5c4c4e-0000-4000-8000-000000000014:111122223333"]
    );
}

#[test]
fn two_accounts_copies_of_one_call_are_two_events() {
    let mut record: Value = serde_json::from_slice(&fixture("assume_role_by_vendor")).unwrap();
    let first = read(record.to_string().as_bytes());
    record["recipientAccountId"] = "444455556666".into();
    let second = read(record.to_string().as_bytes());
    assert_ne!(first.column("event_id"), second.column("event_id"));
}

#[test]
fn a_record_without_an_id_gets_one_that_depends_on_its_content_alone() {
    let mut record: Value = serde_json::from_slice(&fixture("put_role_policy")).unwrap();
    record.as_object_mut().unwrap().remove("eventID");
    let pretty = serde_json::to_string_pretty(&record).unwrap();
    let ids = [record.to_string(), pretty].map(|text| read(text.as_bytes()).column("event_id")[0].to_owned());
    assert_eq!(ids[0], ids[1]);
    // Version 5 (RFC 9562): the digit after the second hyphen.
    assert_eq!(ids[0].len(), 36);
    assert_eq!(&ids[0][14..15], "5");
    record["sourceIPAddress"] = "203.0.113.10".into();
    assert_ne!(read(record.to_string().as_bytes()).column("event_id"), [ids[0].as_str()]);
}

#[test]
fn an_id_that_is_too_long_is_replaced_and_kept() {
    let mut record: Value = serde_json::from_slice(&fixture("put_role_policy")).unwrap();
    let long = "x".repeat(129);
    record["eventID"] = long.clone().into();
    let event = read(record.to_string().as_bytes()).events.remove(0);
    assert_eq!(event["event_id"].len(), 36);
    assert_eq!(json_of(&event, "metadata")["source_event_id"], format!("{long}:111122223333"));
}

#[test]
fn the_organization_is_that_of_the_account_where_one_is_named() {
    let mut context = context();
    context.account_organizations.insert("111122223333".to_owned(), Organization::parse("acme-prod").unwrap());
    let both = format!(
        "{}\n{}",
        compact("put_role_policy"),
        compact("assume_role_by_vendor").replace("\"recipientAccountId\":\"111122223333\"", "\"recipientAccountId\":\"5\"")
    );
    assert_eq!(read_with(both.as_bytes(), &context).column("organization"), ["acme-prod", "acme"]);
}

#[test]
fn times_are_exact_and_impossible_ones_go_to_quarantine() {
    let mut record: Value = serde_json::from_slice(&fixture("put_role_policy")).unwrap();
    for (time, expected) in [
        ("2026-03-01T13:59:59.9998Z", Ok(("2026-03-01T13:59:59.999Z", "800000"))),
        ("2026-03-01T13:59:59.123000Z", Ok(("2026-03-01T13:59:59.123Z", "0"))),
        ("2026-03-01T13:59:59.123Z", Ok(("2026-03-01T13:59:59.123Z", ""))),
        ("2026-04-01T00:05:00Z", Ok(("2026-04-01T00:05:00.000Z", ""))),
        ("2026-04-01T00:05:00.001Z", Err("event time lies in the future")),
        ("1999-12-31T23:59:59Z", Err("event time lies before the year 2000")),
        ("2026-03-01 13:59:59", Err("eventTime is no RFC 3339 time")),
        ("{{next}}", Err("eventTime is no RFC 3339 time")),
    ] {
        record["eventTime"] = time.into();
        let collector = read(record.to_string().as_bytes());
        match expected {
            Ok((event_time, nanos)) => {
                assert_eq!(collector.column("event_time"), [event_time]);
                assert_eq!(collector.column("event_time_nanos"), [nanos]);
            }
            Err(reason) => assert_eq!(collector.reasons(), [reason], "{time}"),
        }
    }
}

#[test]
fn categories_follow_the_table() {
    let base: Value = serde_json::from_slice(&fixture("put_role_policy")).unwrap();
    for (service, name, read_only, category) in [
        ("sts", "GetCallerIdentity", Some(true), "authentication"),
        ("signin", "SwitchRole", Some(false), "authentication"),
        ("iam", "CreateUser", Some(false), "user_management"),
        ("iam", "AttachUserPolicy", Some(false), "user_management"),
        ("iam", "AddUserToGroup", Some(false), "group_management"),
        ("iam", "AttachRolePolicy", None, "role_management"),
        ("iam", "CreatePolicyVersion", Some(false), "role_management"),
        ("iam", "UpdateAccountPasswordPolicy", Some(false), "configuration"),
        ("iam", "GetUser", Some(true), "other"),
        ("iam", "ListRoles", None, "other"),
        ("iam", "SimulatePrincipalPolicy", Some(true), "permission_check"),
        ("secretsmanager", "GetSecretValue", Some(true), "data_access"),
        ("s3", "PutBucketPolicy", Some(false), "configuration"),
        ("s3", "ListObjectsV2", None, "data_access"),
        ("ec2", "DescribeInstances", Some(true), "other"),
        ("ec2", "RunInstances", Some(false), "configuration"),
        ("cloudtrail", "StopLogging", None, "configuration"),
    ] {
        let mut record = base.clone();
        record["eventSource"] = format!("{service}.amazonaws.com").into();
        record["eventName"] = name.into();
        record["readOnly"] = read_only.map_or(Value::Null, Value::Bool);
        assert_eq!(read(record.to_string().as_bytes()).column("category"), [category], "{name}");
    }
}
