//! What people keep audit records in: whatever lies around a record, it is the same event.

use std::collections::BTreeMap;

use crate::common::{Collector, Columns, context, gzip};
use auditlake_sources::{Summary, by_name, import, import_by_source};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

fn trail() -> Value {
    json!({
        "eventVersion": "1.09", "userIdentity": {"type": "IAMUser", "principalId": "AIDAOWN", "accountId": "111122223333",
            "arn": "arn:aws:iam::111122223333:user/mara", "userName": "mara"},
        "eventTime": "2026-03-01T09:15:00Z", "eventSource": "iam.amazonaws.com", "eventName": "CreateUser",
        "awsRegion": "eu-west-1", "sourceIPAddress": "192.0.2.9", "userAgent": "aws-cli/2",
        "requestParameters": {"userName": "új \"x\""}, "responseElements": null, "requestID": "r-1", "eventID": "e-1",
        "readOnly": false, "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": "111122223333",
        "eventCategory": "Management"
    })
}

fn row() -> Value {
    json!({"data_operation_id": "getObject", "data_path": "/api/v1/repositories/r/refs/main/objects?path=a.txt",
        "data_request_id": "q-1", "data_status_code": 200, "data_time": "2026-03-01T09:15:00Z", "data_user": "loader",
        "data_method": "GET", "data_service_name": "rest_api"})
}

const LINE: &str = concat!(
    r#"79a5 acme-logs [01/Mar/2026:09:15:00 +0000] 192.0.2.3 arn:aws:iam::111122223333:user/mara 3E57427F3EXAMPLE REST.GET.OBJECT a.txt "#,
    r#""GET /acme-logs/a.txt?x=1 HTTP/1.1" 200 - 113 113 7 5 "-" "S3Console/0.4, \"x" - s9lzHYrFp76Z= SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader acme-logs.s3.amazonaws.com TLSv1.2 - -"#
);

fn collect(object: &[u8], source: Option<&str>) -> (Collector, BTreeMap<&'static str, Summary>) {
    let mut collector = Collector::default();
    let source = source.map(|name| by_name(name).unwrap());
    let by_source = import_by_source(object, "object", source, &context(), &mut collector).unwrap();
    let mut total = Summary::default();
    by_source.values().for_each(|summary| total += *summary);
    collector.check(total);
    (collector, by_source)
}

fn alone(record: &str, source: &str) -> Columns {
    let (collector, _) = collect(record.as_bytes(), Some(source));
    assert_eq!((collector.events.len(), collector.reasons()), (1, vec![]), "{record}");
    collector.events[0].clone()
}

/// Every way in which one text is carried.
fn carried(text: &str) -> Vec<(&'static str, String)> {
    let parsed = serde_json::from_str::<Value>(text).ok();
    let packed = STANDARD.encode(gzip(text.as_bytes()));
    let plain = STANDARD.encode(text);
    let sns = json!({"Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:eu-west-1:1:t", "Message": text,
        "Timestamp": "2026-03-01T09:15:01Z", "SignatureVersion": "1", "Signature": "s"});
    let sqs = json!({"Messages": [{"MessageId": "m", "ReceiptHandle": "h", "MD5OfBody": "d", "Body": text}]});
    let sqs_lambda = |body: &str| {
        json!({"Records": [{"messageId": "m", "receiptHandle": "h", "body": body, "attributes": {}, "messageAttributes": {},
            "md5OfBody": "d", "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:1:q", "awsRegion": "eu-west-1"}]})
    };
    let mut all = vec![
        ("SNS", sns.to_string()),
        ("SNS to a function", json!({"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": sns}]}).to_string()),
        ("SQS", sqs.to_string()),
        ("SQS to a function", sqs_lambda(text).to_string()),
        ("SNS in SQS", sqs_lambda(&sns.to_string()).to_string()),
        (
            "Kinesis to a function",
            json!({"Records": [{"kinesis": {"data": plain, "partitionKey": "p", "sequenceNumber": "1"},
                "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventName": "aws:kinesis:record", "awsRegion": "eu-west-1"}]})
            .to_string(),
        ),
        ("Kinesis", json!({"Records": [{"SequenceNumber": "1", "Data": packed, "PartitionKey": "p"}]}).to_string()),
        (
            "Firehose to a function",
            json!({"invocationId": "i", "deliveryStreamArn": "a", "region": "eu-west-1",
                "records": [{"recordId": "1", "approximateArrivalTimestamp": 1, "data": packed}]})
            .to_string(),
        ),
        ("Firehose", json!({"requestId": "q", "timestamp": 1, "records": [{"data": plain}]}).to_string()),
        (
            "CloudWatch Logs to a function",
            json!({"awslogs": {"data": STANDARD.encode(gzip(json!({"messageType": "DATA_MESSAGE", "owner": "1",
                "logGroup": "g", "logStream": "s", "subscriptionFilters": [],
                "logEvents": [{"id": "1", "timestamp": 1, "message": text}]}).to_string().as_bytes()))}})
            .to_string(),
        ),
        (
            "CloudWatch Logs",
            json!({"events": [{"logStreamName": "s", "timestamp": 1, "message": text, "ingestionTime": 2, "eventId": "3"}]})
                .to_string(),
        ),
        (
            "Pub/Sub, pushed",
            json!({"message": {"data": plain, "messageId": "1", "publishTime": "2026-03-01T09:15:01Z"}, "subscription": "s"})
                .to_string(),
        ),
        ("Pub/Sub", json!([{"ackId": "a", "message": {"data": plain, "messageId": "1"}}]).to_string()),
        (
            "Splunk",
            json!({"preview": false, "offset": 0, "result": {"_raw": text, "_time": "x", "host": "h", "source": "s"}}).to_string(),
        ),
        ("Splunk, a list", json!({"preview": false, "results": [{"_raw": text, "host": "h"}]}).to_string()),
        ("Splunk's collector", json!({"time": 1, "host": "h", "sourcetype": "t", "event": text}).to_string()),
        (
            "Elastic",
            json!({"@timestamp": "2026-03-01T09:15:00Z", "event": {"original": text, "action": "x"}, "message": "short"}).to_string(),
        ),
        ("Elastic, flat", json!({"@timestamp": "2026-03-01T09:15:00Z", "event.original": text, "tags": []}).to_string()),
        (
            "Elasticsearch",
            json!({"took": 1, "hits": {"total": {"value": 1}, "hits": [{"_index": "i", "_id": "1",
                "_source": {"event": {"original": text}}}]}})
            .to_string(),
        ),
        (
            "Wazuh",
            json!({"timestamp": "2026-03-01T09:15:02.000+0000", "rule": {"level": 3, "id": "80202"}, "agent": {"id": "000"},
                "manager": {"name": "w"}, "id": "1.2", "full_log": text, "decoder": {"name": "json"}, "location": "Wazuh-AWS"})
            .to_string(),
        ),
        ("a collector", json!({"@timestamp": "x", "message": text, "host": {"name": "h"}}).to_string()),
        ("a table", format!("_time,_raw\n1,\"{}\"\n", text.replace('"', "\"\""))),
    ];
    if let Some(parsed) = parsed {
        all.extend([
            (
                "EventBridge",
                json!({"version": "0", "id": "i", "detail-type": "d", "source": "aws.iam", "detail": parsed}).to_string(),
            ),
            (
                "EventBridge in SQS",
                sqs_lambda(&json!({"detail-type": "d", "source": "x", "detail": parsed}).to_string()).to_string(),
            ),
            ("an indexed document", json!({"_index": "i", "_source": parsed}).to_string()),
            ("Splunk's fields", json!({"sourcetype": "t", "event": parsed}).to_string()),
        ]);
    }
    all
}

#[test]
fn whatever_lies_around_a_record_it_is_the_same_event() {
    for (source, record) in
        [("aws.cloudtrail", trail().to_string()), ("lakefs", row().to_string()), ("aws.s3access", LINE.to_owned())]
    {
        let expected = alone(&record, source);
        for (name, object) in carried(&record) {
            for stated in [None, Some(source)] {
                let (collector, by_source) = collect(object.as_bytes(), stated);
                assert_eq!(collector.reasons(), Vec::<&str>::new(), "{source} in {name}, {stated:?}: {object}");
                assert_eq!(collector.events, std::slice::from_ref(&expected), "{source} in {name}, {stated:?}");
                assert_eq!(by_source.keys().copied().collect::<Vec<_>>(), [source], "{name}");
            }
        }
    }
}

#[test]
fn envelopes_of_several_sources_stand_beside_bare_records() {
    let line = |text: &str| json!({"TopicArn": "t", "Type": "Notification", "Message": text}).to_string();
    let object = [line(&trail().to_string()), trail().to_string(), line(&row().to_string()), line(LINE)].join("\n");
    let (collector, by_source) = collect(object.as_bytes(), None);
    assert_eq!(collector.reasons(), Vec::<&str>::new());
    assert_eq!(collector.column("source"), ["aws.cloudtrail", "aws.cloudtrail", "lakefs", "aws.s3access"]);
    assert_eq!(by_source["lakefs"].events, 1);
    let began_bare = [trail().to_string(), line(&row().to_string())].join("\n");
    assert_eq!(collect(began_bare.as_bytes(), None).0.column("source"), ["aws.cloudtrail", "lakefs"]);
}

#[test]
fn what_no_source_knows_is_quarantined_where_it_stands() {
    let unknown = json!({"TopicArn": "t", "Message": "disk is full"}).to_string();
    let known = json!({"TopicArn": "t", "Message": trail().to_string()}).to_string();
    let object = [known.clone(), unknown.clone(), known].join("\n");
    let (collector, _) = collect(object.as_bytes(), None);
    assert_eq!(collector.events.len(), 2);
    assert_eq!(collector.reasons(), ["a message of SNS that holds no known log format"]);
    let (_, position, bytes, _) = &collector.quarantined[0];
    assert_eq!((position.record_index, bytes.as_slice()), (1, unknown.as_bytes()));

    // Of several records in one envelope each is judged alone.
    let hits = json!({"hits": {"hits": [{"_source": trail()}, {"_source": {"x": 1}}]}}).to_string();
    let (collector, _) = collect(hits.as_bytes(), None);
    assert_eq!((collector.events.len(), collector.reasons().len()), (1, 1));
    assert_eq!(collector.quarantined[0].2, br#"{"_source":{"x":1}}"#);

    let broken = json!({"Records": [{"kinesis": {"data": "%%%"}}]}).to_string();
    assert_eq!(collect(broken.as_bytes(), None).0.reasons(), ["the envelope's data is no base64"]);
}

#[test]
fn messages_about_a_subscription_are_set_aside() {
    let object = json!({"Type": "SubscriptionConfirmation", "TopicArn": "t", "Message": "You have chosen…", "Token": "x"});
    let (collector, by_source) = collect(object.to_string().as_bytes(), None);
    assert_eq!(collector.set_aside.len(), 1);
    assert_eq!(by_source["unknown"].set_aside_by_kind.to_string(), "1 control");
}

#[test]
fn envelopes_are_bounded_in_depth_and_size() {
    let mut deep = trail().to_string();
    for _ in 0..10 {
        deep = json!({"TopicArn": "t", "Message": deep}).to_string();
    }
    let (collector, _) = collect(deep.as_bytes(), None);
    assert_eq!((collector.events.len(), collector.reasons()), (0, vec!["envelopes lie in each other too deep"]));

    // 200 MiB of spaces behind a record, in 200 KiB.
    let mut bomb = trail().to_string().into_bytes();
    bomb.resize(200 * 1024 * 1024, b' ');
    let object = json!({"awslogs": {"data": STANDARD.encode(gzip(&bomb))}}).to_string();
    let (collector, _) = collect(object.as_bytes(), None);
    assert_eq!(collector.events.len(), 1, "what lies before the bound is read");
    assert_eq!(collector.reasons(), ["the object is larger than allowed after inflating"]);
}

#[test]
fn an_alert_of_wazuh_without_the_log_gives_its_record_without_what_wazuh_added() {
    let mut record = trail();
    let expected = alone(&record.to_string(), "aws.cloudtrail");
    record["source"] = "cloudtrail".into();
    record["log_info"] = json!({"log_file": "f", "s3bucket": "b"});
    record["source_ip_address"] = "192.0.2.9".into();
    let alert = json!({"rule": {"id": "80202"}, "agent": {"id": "000"}, "data": {"integration": "aws", "aws": record}});
    let module = json!({"integration": "aws", "aws": record});
    for object in [alert, module] {
        let (collector, _) = collect(object.to_string().as_bytes(), None);
        assert_eq!((collector.events, collector.quarantined), (vec![expected.clone()], vec![]), "{object}");
    }
}

#[test]
fn rows_of_athena_are_the_records_they_were_read_from() {
    let csv = concat!(
        "\"eventversion\",\"useridentity\",\"eventtime\",\"eventsource\",\"eventname\",\"awsregion\",\"sourceipaddress\",\"requestparameters\",\"eventid\",\"readonly\",\"recipientaccountid\"\n",
        "\"1.09\",\"{type=IAMUser, principalid=AIDAOWN, arn=arn:aws:iam::111122223333:user/mara, accountid=111122223333, username=mara, sessioncontext=null}\",",
        "\"2026-03-01T09:15:00Z\",\"iam.amazonaws.com\",\"CreateUser\",\"eu-west-1\",\"192.0.2.9\",\"{\"\"userName\"\":\"\"x\"\"}\",\"e-1\",\"false\",\"111122223333\"\n"
    );
    let cell = |text: &str| json!({"VarCharValue": text});
    let answer = json!({"ResultSet": {"Rows": [
        {"Data": [cell("eventtime"), cell("eventsource"), cell("eventname"), cell("eventid"), cell("useridentity"), cell("recipientaccountid")]},
        {"Data": [cell("2026-03-01T09:15:00Z"), cell("iam.amazonaws.com"), cell("CreateUser"), cell("e-1"),
            cell("{type=IAMUser, principalid=AIDAOWN, arn=arn:aws:iam::111122223333:user/mara}"), cell("111122223333")]},
    ]}, "UpdateCount": 0});
    let nested = json!({"eventversion": "1.09", "eventtime": "2026-03-01T09:15:00Z", "eventsource": "iam.amazonaws.com",
        "eventname": "CreateUser", "eventid": "e-1", "recipientaccountid": "111122223333",
        "useridentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/mara"}});
    for object in [csv.to_owned(), answer.to_string(), nested.to_string()] {
        let (collector, by_source) = collect(object.as_bytes(), None);
        assert_eq!(collector.reasons(), Vec::<&str>::new(), "{object}");
        let event = &collector.events[0];
        assert_eq!((event["event_id"].as_str(), event["action"].as_str()), ("e-1:111122223333", "CreateUser"));
        assert!(event["actor_id"].contains("mara"), "{event:?}");
        assert_eq!(by_source.keys().copied().collect::<Vec<_>>(), ["aws.cloudtrail"]);
    }
}

#[test]
fn a_row_of_access_logs_is_the_same_event_as_its_line() {
    let expected = alone(LINE, "aws.s3access");
    let header = "bucketowner,bucket_name,requestdatetime,remoteip,requester,requestid,operation,key,request_uri,httpstatus,errorcode,bytessent,objectsize,totaltime,turnaroundtime,referrer,useragent,versionid,hostid,sigv,ciphersuite,authtype,endpoint,tlsversion,accesspointarn,aclrequired";
    let row = concat!(
        r#"79a5,acme-logs,01/Mar/2026:09:15:00 +0000,192.0.2.3,arn:aws:iam::111122223333:user/mara,3E57427F3EXAMPLE,REST.GET.OBJECT,a.txt,"#,
        r#""GET /acme-logs/a.txt?x=1 HTTP/1.1",200,,113,113,7,5,,"S3Console/0.4, \""x",,s9lzHYrFp76Z=,SigV4,ECDHE-RSA-AES128-GCM-SHA256,AuthHeader,acme-logs.s3.amazonaws.com,TLSv1.2,-,-"#
    );
    for stated in [None, Some("aws.s3access")] {
        let (collector, _) = collect(format!("{header}\r\n{row}\r\n").as_bytes(), stated);
        // The table has no quotes around what stands for nothing.
        let expected = expected["raw"].replace("\"-\"", "-");
        assert_eq!((collector.reasons(), collector.column("raw")), (vec![], vec![expected.as_str()]));
    }
}

#[test]
fn the_answer_of_lookup_events_is_read() {
    let expected = alone(&trail().to_string(), "aws.cloudtrail");
    let object = json!({"Events": [{"EventId": "e-1", "EventName": "CreateUser", "ReadOnly": "false", "EventTime": 1772356500,
        "EventSource": "iam.amazonaws.com", "Username": "mara", "Resources": [], "CloudTrailEvent": trail().to_string()}],
        "NextToken": "t"});
    let (collector, _) = collect(object.to_string().as_bytes(), None);
    assert_eq!(collector.events, [expected]);
}

#[test]
fn the_source_that_read_most_is_named() {
    let object = json!({"TopicArn": "t", "Message": row().to_string()}).to_string();
    let (name, summary) = import(object.as_bytes(), "o", None, &context(), &mut Collector::default()).unwrap();
    assert_eq!((name, summary.events), ("lakefs", 1));
}
