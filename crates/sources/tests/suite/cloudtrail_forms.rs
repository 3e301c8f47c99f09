//! Records in other forms than CloudTrail's own files have them, and what looks like records and is none.

use crate::common::{Columns, cloudtrail, context, json_of, only_event, read, read_sniffed, read_with};
use auditlake_sources::{Confidence, ImportContext, SetAsideKind};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn without_raw() -> ImportContext {
    ImportContext { keep_raw: false, ..context() }
}

/// A record with every member that the user guide ("record contents") knows, each text in it another.
fn full_record() -> Value {
    json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole", "principalId": "AROAFULL:leaf-session", "arn": "arn:aws:sts::111122223333:assumed-role/leaf-role/leaf-session",
            "accountId": "111122223333", "accessKeyId": "ASIALEAFKEY", "userName": "leaf-user", "invokedBy": "leaf.amazonaws.com",
            "credentialId": "leaf-credential", "identityProvider": "leaf-provider",
            "onBehalfOf": {"userId": "leaf-person", "identityStoreArn": "leaf-store"},
            "inScopeOf": {"issuerType": "leaf-issuer"},
            "sessionContext": {
                "sessionIssuer": {"type": "leaf-Role", "principalId": "leaf-AROA", "arn": "leaf-issuer-arn", "accountId": "leaf-444455556666", "userName": "leaf-issuer-name"},
                "attributes": {"creationDate": "leaf-created", "mfaAuthenticated": "leaf-mfa"},
                "webIdFederationData": {"federatedProvider": "leaf-federated", "attributes": {"a": "leaf-attribute"}},
                "sourceIdentity": "leaf-identity", "ec2RoleDelivery": "leaf-delivery",
            },
        },
        "eventTime": "2026-03-02T10:00:00Z", "eventSource": "leaf-service.amazonaws.com", "eventName": "LeafAction",
        "awsRegion": "leaf-region", "sourceIPAddress": "leaf-address", "userAgent": "leaf-agent",
        "errorCode": "leaf-code", "errorMessage": "leaf-message",
        "requestParameters": {"leaf": "leaf-request", "list": ["leaf-listed"]},
        "responseElements": {"leaf": "leaf-answer", "credentials": {"accessKeyId": "ASIALEAFISSUED"}},
        "additionalEventData": {"AuthenticationMethod": "leaf-method", "other": "leaf-additional"},
        "requestID": "leaf-request-id", "eventID": "leaf-event-id", "readOnly": true,
        "resources": [{"ARN": "leaf-arn", "accountId": "leaf-owner", "type": "leaf-kind"}],
        "eventType": "leaf-type", "apiVersion": "leaf-api", "managementEvent": true, "recipientAccountId": "leaf-recipient",
        "sharedEventID": "leaf-shared", "vpcEndpointId": "leaf-vpce", "vpcEndpointAccountId": "leaf-vpce-account", "eventCategory": "leaf-category",
        "addendum": {"reason": "leaf-reason", "originalEventID": "leaf-original"},
        "serviceEventDetails": {"leaf": "leaf-details"}, "edgeDeviceDetails": {"leaf": "leaf-device"},
        "tlsDetails": {"tlsVersion": "leaf-tls", "cipherSuite": "leaf-cipher", "clientProvidedHostHeader": "leaf-host"},
        "sessionCredentialFromConsole": "leaf-console",
        "memberOfTomorrow": {"leaf": "leaf-tomorrow"},
    })
}

fn leaves(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner @ (Value::Object(_) | Value::Array(_) | Value::String(_))) => leaves(&inner, found),
            _ => found.push(text.clone()),
        },
        Value::Array(elements) => elements.iter().for_each(|element| leaves(element, found)),
        Value::Object(members) => members.values().for_each(|value| leaves(value, found)),
        _ => {}
    }
}

/// Whether every text of a record stands in some column of its event, or the record is in quarantine.
fn assert_nothing_is_lost(record: &Value, context: &ImportContext) {
    let collector = read_with(record.to_string().as_bytes(), context);
    assert_eq!(collector.events.len() + collector.quarantined.len(), 1, "{record}");
    let Some(event) = collector.events.first() else { return };
    let mut found = Vec::new();
    leaves(record, &mut found);
    for leaf in found.iter().filter(|leaf| leaf.contains("eaf") || leaf.contains("LEAF")) {
        assert!(event.values().any(|value| value.contains(leaf.as_str())), "{leaf} is lost: {record}\n{event:?}");
    }
}

/// Names in lower case all the way down, as in Athena's tables, which hold three members as texts.
fn as_athena_has_it(record: &Value) -> Value {
    fn lower(value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                Value::Object(members.iter().map(|(name, value)| (name.to_ascii_lowercase(), lower(value))).collect())
            }
            Value::Array(elements) => Value::Array(elements.iter().map(lower).collect()),
            value => value.clone(),
        }
    }
    let mut row = Map::new();
    for (name, value) in record.as_object().unwrap() {
        let is_text = ["requestParameters", "responseElements", "additionalEventData", "serviceEventDetails"];
        let value = if is_text.contains(&name.as_str()) { value.to_string().into() } else { lower(value) };
        row.insert(name.to_ascii_lowercase(), value);
    }
    Value::Object(row)
}

#[test]
fn a_row_of_athena_is_the_event_of_the_record() {
    let mut record = full_record();
    for name in ["memberOfTomorrow", "errorCode", "errorMessage"] {
        record.as_object_mut().unwrap().remove(name);
    }
    record["responseElements"] = Value::Null;
    record["requestParameters"] = json!({"bucketName": "b", "key": "k"});
    // Other members' names are no names of CloudTrail's, so how they are spelled is not known.
    {
        let (part, name) = ("userIdentity", "inScopeOf");
        record[part].as_object_mut().unwrap().remove(name);
    }
    record["edgeDeviceDetails"] = Value::Null;
    let row = as_athena_has_it(&record);
    assert_eq!(row["eventname"], "LeafAction");
    for context in [context(), without_raw()] {
        let of = |record: &Value| only_event(&read_with(record.to_string().as_bytes(), &context), "row");
        assert_eq!(of(&row), of(&record));
    }
    let (collector, _) = read_sniffed(row.to_string().as_bytes(), "rows.ndjson").unwrap();
    assert_eq!(collector.column("source"), ["aws.cloudtrail"]);
}

#[test]
fn members_that_are_json_in_a_text_are_read() {
    let mut record = full_record();
    record["eventSource"] = "s3.amazonaws.com".into();
    record["eventName"] = "PutBucketPolicy".into();
    record["errorCode"] = Value::Null;
    record["errorMessage"] = "null".into();
    record["resources"] = "[]".into();
    record["responseElements"] = "null".into();
    record["requestParameters"] =
        json!({"bucketName": "site", "bucketPolicy": {"Statement": [{"Effect": "Deny"}]}}).to_string().into();
    record["userIdentity"] = record["userIdentity"].to_string().into();
    record["additionalEventData"] = record["additionalEventData"].to_string().into();
    let event = only_event(&read(record.to_string().as_bytes()), "texts");
    assert_eq!(event["resource_id"], "arn:aws:s3:::site");
    assert_eq!(event["outcome"], "success");
    assert_eq!(
        json_of(&event, "changes"),
        json!([{"field": "bucket_policy", "after": {"Statement": [{"Effect": "Deny"}]}}])
    );
    assert_eq!(event["actor_name"], "leaf-user");
    assert_eq!(json_of(&event, "metadata")["authentication_method"], "leaf-method");
    assert_nothing_is_lost(&record, &without_raw());
}

#[test]
fn words_for_nothing_are_no_values() {
    for word in ["-", "null", "None", "unknown", "N/A", "undefined", "(null)", " "] {
        let mut record = full_record();
        for name in ["errorCode", "errorMessage", "sourceIPAddress", "userAgent", "requestID", "recipientAccountId"] {
            record[name] = word.into();
        }
        record["userIdentity"] =
            json!({"type": word, "arn": word, "principalId": word, "userName": word, "accountId": word, "invokedBy": word});
        let event = only_event(&read(record.to_string().as_bytes()), word);
        let expected = [
            ("outcome", Some("success")),
            ("event_id", Some("leaf-event-id")),
            ("actor_id", None),
            ("actor_type", None),
            ("actor_name", None),
            ("actor_via", None),
            ("source_ip", None),
            ("user_agent", None),
            ("request_id", None),
            ("scope_id", None),
            ("error_code", None),
        ];
        crate::common::assert_columns(&event, &expected, word);
    }
}

fn other_types() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({"a": {"b": "leaf-object"}})),
        Just(json!(["leaf-element", {"c": "leaf-inner"}])),
        Just(json!("leaf-plain text")),
        Just(json!("{\"a\":\"leaf-decoded\"}")),
        Just(json!("[{\"ARN\":\"leaf-in-list\"}]")),
        Just(json!(12.5)),
        Just(json!(true)),
        Just(Value::Null),
    ]
}

proptest! {
    /// A member that is known and holds what nobody expects is kept all the same.
    #[test]
    fn nothing_is_lost_whatever_type_a_member_has(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), other_types()), 1..4),
        of_identity in proptest::option::of((any::<proptest::sample::Index>(), other_types())),
        is_lower in any::<bool>(),
        keeps_raw in any::<bool>(),
    ) {
        let mut record = full_record();
        if let Some((at, value)) = of_identity {
            let members = record["userIdentity"].as_object_mut().unwrap();
            let name = members.keys().nth(at.index(members.len())).unwrap().clone();
            members.insert(name, value);
        }
        let members = record.as_object_mut().unwrap();
        for (at, value) in changes {
            let name = members.keys().nth(at.index(members.len())).unwrap().clone();
            members.insert(name, value);
        }
        let record = if is_lower { as_athena_has_it(&record) } else { record };
        assert_nothing_is_lost(&record, &ImportContext { keep_raw: keeps_raw, ..context() });
    }
}

#[test]
fn counts_digests_and_notices_are_set_aside_by_kind() {
    let aggregated = json!({
        "eventVersion": "1.0", "accountId": "111122223333", "eventId": "a-1", "eventCategory": "Aggregated", "eventType": "AwsAggregatedEvent",
        "awsRegion": "eu-central-1", "eventSource": "s3.amazonaws.com",
        "timeWindow": {"windowStart": "2026-03-02T10:00:00Z", "windowEnd": "2026-03-02T10:05:00Z", "windowSize": "PT5M"},
        "summary": {"primaryDimension": {"dimension": "EVENT_NAME", "statistics": [{"name": "PutObject", "value": 7}]}},
    });
    let insight = json!({"eventVersion": "1.08", "eventTime": "2026-03-02T10:00:00Z", "eventType": "AwsCloudTrailInsight", "eventCategory": "Insight",
        "eventID": "i-1", "insightDetails": {"state": "End", "eventName": "DeleteRole"}});
    let delivered = json!({"s3Bucket": "trail", "s3ObjectKey": ["AWSLogs/x.json.gz"]});
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-03-02T10:00:00Z", "Bucket": "trail", "RequestId": "R", "HostId": "H"});
    for (record, kind) in [
        (&aggregated, SetAsideKind::Aggregated),
        (&as_athena_has_it(&aggregated), SetAsideKind::Aggregated),
        (&insight, SetAsideKind::Insight),
        (&delivered, SetAsideKind::Notification),
        (&test, SetAsideKind::Notification),
    ] {
        for object in [record.to_string(), json!({"Records": [record]}).to_string()] {
            let (collector, summary) = read_sniffed(object.as_bytes(), "object").unwrap();
            assert_eq!((summary.records, summary.set_aside), (1, 1), "{object}");
            assert_eq!(collector.set_aside[0].0, kind, "{object}");
        }
    }
    // What names a call is an event, whatever category it claims.
    let mut record = full_record();
    record["eventCategory"] = "Insight".into();
    assert_eq!(read(record.to_string().as_bytes()).events.len(), 1);
}

#[test]
fn notifications_of_other_services_are_no_records_of_cloudtrail() {
    let s3 = |source: &str| {
        json!({"eventVersion": "2.1", "eventSource": source, "awsRegion": "eu-central-1", "eventTime": "2026-03-02T10:00:00Z",
        "eventName": "ObjectRemoved:Delete", "userIdentity": {"principalId": "EXAMPLE"}, "requestParameters": {"sourceIPAddress": "192.0.2.9"},
        "responseElements": {"x-amz-request-id": "R"}, "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": "b"}, "object": {"key": "k"}}})
    };
    for record in [
        s3("aws:s3"),
        s3("minio:s3"),
        s3("s3.example.net"),
        json!({"eventID": "1", "eventName": "REMOVE", "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": "x", "eventTime": "2026-03-02T10:00:00Z", "dynamodb": {}}),
        json!({"eventID": "1", "eventName": "aws:kinesis:record", "eventVersion": "1.0", "eventSource": "aws:kinesis", "kinesis": {"data": "e30="}}),
        json!({"messageId": "1", "receiptHandle": "h", "body": "hello", "eventSource": "aws:sqs", "awsRegion": "x"}),
        json!({"eventVersion": "1.0", "ses": {}, "eventSource": "aws:ses"}),
        json!({"eventId": "1", "eventName": "ReferenceChanges", "eventTime": "2026-03-02T10:00:00Z", "eventVersion": "1.0", "eventSource": "aws:codecommit", "userIdentityARN": "arn:x"}),
        json!({"eventId": "1", "eventName": "DeleteUser", "eventTime": "2026-03-02T10:00:00Z", "eventVersion": "1", "eventSource": "ram.aliyuncs.com", "acsRegion": "cn-x",
            "sourceIpAddress": "192.0.2.9", "userIdentity": {"type": "ram-user", "userName": "eva"}}),
    ] {
        let object = json!({"Records": [record]}).to_string();
        let collector = read(object.as_bytes());
        assert_eq!((collector.events.len(), collector.quarantined.len()), (0, 1), "{object}");
        assert_ne!(cloudtrail().sniff(object.as_bytes(), "x"), Confidence::Certain, "{object}");
        let (sniffed, _) = read_sniffed(object.as_bytes(), "object").unwrap();
        assert_eq!(sniffed.events.len(), 0, "{object}");
    }
    assert_eq!(read(s3("aws:s3").to_string().as_bytes()).reasons(), ["a notification of aws:s3, no record of CloudTrail"]);
}

/// Every column of the events of a record, with and without `raw`.
fn all_columns(record: &Value) -> Vec<Columns> {
    [context(), without_raw()]
        .map(|context| only_event(&read_with(record.to_string().as_bytes(), &context), "event"))
        .to_vec()
}

#[test]
fn secrets_are_in_no_column_however_they_are_named_and_wrapped() {
    let mut record = full_record();
    record["requestParameters"] = json!({
        "SecurityToken": ["HIDDEN-1"],
        "x-amz-server-side-encryption-customer-key": "HIDDEN-2",
        "x-amz-server-side-encryption-customer-key-MD5": "shown-1",
        "environment": {"environmentVariables": [
            {"name": "API_TOKEN", "value": "HIDDEN-3", "type": "PLAINTEXT"},
            {"name": "DB_PASSWORD", "value": "shown-2", "type": "SECRETS_MANAGER"},
            {"name": "STAGE", "value": "shown-3"}]},
        "parameters": [{"parameterKey": "AdminPassword", "parameterValue": "HIDDEN-4"}],
        "containerDefinitions": "[{\"environment\":[{\"name\":\"SECRET_KEY\",\"value\":\"HIDDEN-5\"}],\"secret\":[\"HIDDEN-6\"]}]",
        "command": ["--password=HIDDEN-7", "postgres://eva:HIDDEN-8@db/app"],
        "headers": {"Authorization": "Bearer HIDDEN-9"},
        "secretId": "shown-4", "nextToken": "shown-5", "clientToken": "shown-6", "passwordLastUsed": "shown-7",
    });
    record["responseElements"] =
        json!({"dbUser": "shown-8", "dbPassword": "HIDDEN-A", "apiKey": "HIDDEN-B"}).to_string().into();
    record["errorMessage"] = "no access to https://h/?X-Amz-Signature=HIDDEN-C&a=shown-9".into();
    for event in all_columns(&record) {
        let all = format!("{event:?}");
        assert!(!all.contains("HIDDEN"), "{all}");
        for number in 1..=9 {
            assert!(all.contains(&format!("shown-{number}")), "shown-{number}: {all}");
        }
    }
}
