//! What is awkward about the format: quotes that nothing escapes, fields that a client forges, secrets in URLs, broken
//! lines, copies of one line, and what other logs look like.

use crate::common::{Collector, Columns, context, fixture_file, gzip, read_as, read_sniffed};
use auditlake_sources::{Confidence, Source, by_name};
use serde_json::Value;

fn fixture(name: &str) -> String {
    String::from_utf8(fixture_file(&format!("s3access/{name}.log"))).unwrap()
}

fn read(object: &[u8]) -> Collector {
    read_as("aws.s3access", object, "object", &context())
}

fn events(name: &str) -> Vec<Columns> {
    let collector = read(fixture(name).as_bytes());
    assert_eq!(collector.reasons(), Vec::<&str>::new(), "{name}");
    collector.events
}

fn metadata(event: &Columns) -> Value {
    serde_json::from_str(&event["metadata"]).unwrap()
}

#[test]
fn quotes_in_url_referer_and_user_agent_shift_no_field() {
    let events = events("raw_quotes");
    let exploit = "//?s=index/\\think\\file/write&content=<?php$p%20=%20\"x\";$c%20=%20explode(\".\",\"a.b\");f(array($p%20=>%201));?>";
    assert_eq!(events[0]["http_path"], exploit);
    assert_eq!(events[0]["resource_name"], "/");
    assert_eq!(events[0]["error_code"], "NoSuchKey");
    assert_eq!(metadata(&events[0])["referer"], format!("https://acme.example.com{exploit}"));
    assert_eq!(events[1]["user_agent"], "\"Mozilla/5.0 (Windows NT 10.0) Safari/537.36");
    assert_eq!(events[2]["user_agent"], "Mozilla/5.0 (iPad) Safari/604.1\"");
    assert_eq!(events[3]["http_path"], "/\"");
    assert_eq!(events[3]["resource_name"], "\"");
    assert_eq!(metadata(&events[3])["raw_key"], "%2522");
    assert_eq!(metadata(&events[3])["referer"], "referer test");
    assert_eq!(events[3]["user_agent"], "linux64 sra-toolkit \"prefetch.2.9\" (phid=a,libc=2.17)");
    for event in &events {
        let metadata = metadata(event);
        assert_eq!(metadata.get("ambiguous_split"), None, "{event:?}");
        assert_eq!(metadata.get("key_differs_from_path"), None, "{event:?}");
    }
}

#[test]
fn forged_fields_are_not_believed_and_the_line_says_that_it_is_ambiguous() {
    for event in events("forged") {
        assert_eq!((event["http_status"].as_str(), event["outcome"].as_str()), ("403", "denied"), "{event:?}");
        assert_eq!(event["actor_type"], "anonymous");
        let metadata = metadata(&event);
        assert_eq!(metadata["ambiguous_split"], true, "{event:?}");
        assert!(metadata["split_count"].as_i64().unwrap() > 1);
        assert_eq!(metadata["host_header"], "acme-training-data.s3.eu-west-1.amazonaws.com");
        assert_eq!(metadata.get("acl_required"), None);
        assert_eq!(metadata.get("version_id"), None);
    }
}

#[test]
fn who_what_and_when_stand_before_anything_that_can_be_forged() {
    let forged = "x HTTP/1.1\" 200 - 1 1 1 1 \"-\" \"x\" - h SigV4 c AuthHeader host TLSv1.2 - - - \n\" arn:aws:iam::111122223333:root 3E57427F3EXAMPLE REST.GET.OBJECT other";
    let line = fixture("raw_quotes").lines().next().unwrap().replace("HTTP/1.1", &forged.replace('\n', " "));
    let event = &read(line.as_bytes()).events[0];
    assert_eq!(event["actor_type"], "anonymous");
    assert_eq!(event["action"], "REST.GET.OBJECT");
    assert_eq!(event["resource_name"], "/");
    assert_eq!(event["request_id"], "A1B2C3D4E5F6G7H8");
    assert_eq!(metadata(event)["ambiguous_split"], true);
}

#[test]
fn a_path_that_states_another_key_than_the_line_is_told() {
    let line = fixture("before_2018").replace("/public/a.jpg HTTP", "/private/b.jpg HTTP");
    let event = &read(line.as_bytes()).events[0];
    assert_eq!(event["resource_name"], "public/a.jpg");
    assert_eq!(metadata(event)["key_differs_from_path"], true);
}

#[test]
fn no_secret_reaches_any_column() {
    let with_url_as_key = fixture("before_2018")
        .replace("public/a.jpg \"", "u%253FX-Amz-Security-Token%253Dc2VjcmV0LXRva2Vu%2526X-Amz-Signature%253Dabc123 \"")
        .replace("/public/a.jpg HTTP", "/u%3FX-Amz-Security-Token%3Dc2VjcmV0LXRva2Vu%26X-Amz-Signature%3Dabc123 HTTP")
        .replace("Mozilla/5.0", "fetch https://example.com/?access_token=t0k3n&a=b");
    let batch = fixture("batch_deletion").replace("Screen+Shot", "u%3FX-Amz-Signature%3Dabc123%26b");
    let objects =
        [fixture("presigned_url"), fixture("presigned_url_version_2"), fixture("claimed_key"), with_url_as_key, batch];
    for object in objects {
        for event in read(object.as_bytes()).events {
            for (column, value) in &event {
                for secret in ["c2VjcmV0", "abc123", "5ec2e7", "c2lnbmF0dXJl", "f0f0f0", "t0k3n"] {
                    assert!(!value.contains(secret), "{secret} in {column}: {value}");
                }
            }
        }
    }
}

#[test]
fn a_secret_leaves_no_trace_in_the_id() {
    let line = fixture("claimed_key");
    let id = |line: &str| read(line.as_bytes()).events[0]["event_id"].clone();
    assert_eq!(id(&line), id(&line.replace("f0f0f0", "0e0e0e")));
    assert_ne!(id(&line), id(&line.replace("A1B2C3D4E5F6G7H8", "A1B2C3D4E5F6G7H9")));
}

#[test]
fn ids_never_change() {
    // UUIDv5 over the namespace, the source's name, a zero byte and the line; computed with another implementation (Python's
    // uuid module).
    assert_eq!(events("before_2018")[0]["event_id"], "2d5c17ce-1aed-5da2-a86f-ceb1b0f92756");
}

#[test]
fn raw_is_the_line_without_secrets() {
    let line = fixture("before_2018");
    assert_eq!(events("before_2018")[0]["raw"], line.trim_end());
    let line = fixture("claimed_key");
    assert_eq!(events("claimed_key")[0]["raw"], line.trim_end().replace("f0f0f0", "[redacted]"));
}

#[test]
fn a_line_delivered_again_is_the_same_event() {
    let names = ["presigned_url", "copy", "batch_deletion", "lifecycle", "raw_quotes", "forged", "fields_to_come"];
    let lines: Vec<String> =
        names.iter().flat_map(|name| fixture(name).lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let whole = read((lines.join("\n") + "\n").as_bytes()).events;
    assert_eq!(whole.len(), lines.len());
    let twice = read(lines.iter().chain(&lines).map(|line| line.clone() + "\r\n").collect::<String>().as_bytes()).events;
    assert_eq!(twice, [whole.clone(), whole.clone()].concat());
    let (first, second) = lines.split_at(lines.len() / 2);
    let halves =
        [first.join("\n\n"), format!("\u{feff}{}", second.join("\n"))].map(|half| read(&gzip(half.as_bytes())).events);
    assert_eq!(halves.concat(), whole);
    let backwards = lines.iter().rev().cloned().collect::<Vec<_>>().join("\n");
    assert_eq!(read(backwards.as_bytes()).events.into_iter().rev().collect::<Vec<_>>(), whole);
}

#[test]
fn a_broken_line_costs_no_other_and_says_what_is_wrong() {
    let good = fixture("before_2018");
    let good = good.trim_end();
    let modern = fixture("origin_access_identity");
    let modern = modern.trim_end();
    for (line, reason) in [
        ("# a comment".to_owned(), "no S3 access log line: no bucket owner"),
        ("{\"bucket\":\"b\"}".to_owned(), "no S3 access log line: no bucket owner"),
        (good.replace('[', ""), "no S3 access log line: no time in brackets behind the bucket name"),
        (good.replace("203.0.113.9", "nowhere"), "no S3 access log line: the remote IP is neither an address nor -"),
        (good.replace("REST.GET.OBJECT ", ""), "no S3 access log line: no request id and operation behind the requester"),
        (
            good.replace("200 - 9515", "200 9515"),
            "no S3 access log line: status, error code and four numbers do not follow the request's first line",
        ),
        (
            good.replace("42 41 ", "42 41 5 "),
            "no S3 access log line: referer and user agent do not follow the answer's numbers",
        ),
        (
            modern.replace("SigV4", "nonsense"),
            "no S3 access log line: the fields behind the user agent are not those of the format",
        ),
        (
            modern.split(" SigV4").next().unwrap().to_owned(),
            "no S3 access log line: the fields behind the user agent are not those of the format",
        ),
        (good.replace("05/Oct", "31/Feb"), "time is not written as [06/Feb/2019:00:00:38 +0000]"),
        (
            good.replace("05/Oct/2012:17:24:46 +0200", "2012-10-05T17:24:46Z"),
            "time is not written as [06/Feb/2019:00:00:38 +0000]",
        ),
        (good.replace("/2012", "/1999"), "event time lies before the year 2000"),
        (good.replace("/2012", "/2030"), "event time lies in the future"),
    ] {
        let object = format!("{good}\n{line}\n{modern}\n");
        let collector = read(object.as_bytes());
        assert_eq!((collector.events.len(), collector.reasons()), (2, vec![reason]), "{line}");
        let (_, position, bytes, length) = &collector.quarantined[0];
        assert_eq!((position.byte_offset, position.record_index), (good.len() as u64 + 1, 1));
        assert_eq!((bytes.as_slice(), *length), (line.as_bytes(), line.len() as u64));
    }
}

#[test]
fn a_line_that_is_cut_or_too_long_is_quarantined_and_the_others_are_read() {
    let good = fixture("before_2018");
    let mut context = context();
    context.max_record_bytes = 1000;
    let object = format!("{good}{}\n{good}{}", good.trim_end().replace("a.jpg", &"a".repeat(2000)), &good[..200]);
    let collector = read_as("aws.s3access", object.as_bytes(), "object", &context);
    assert_eq!(collector.events.len(), 2);
    assert_eq!(collector.reasons()[0], "a line is longer than 1000 bytes");
    assert_eq!(collector.reasons().len(), 2);
}

#[test]
fn bytes_that_are_no_unicode_keep_their_line() {
    let line = fixture("before_2018").replace("Mozilla", "Moz\u{1}lla").into_bytes();
    let line: Vec<u8> = line.into_iter().map(|byte| if byte == 1 { 0xff } else { byte }).collect();
    let event = &read(&line).events[0];
    assert_eq!(event["user_agent"], "Moz\u{fffd}lla/5.0 (Macintosh)");
    assert_eq!(metadata(event)["unicode_replaced"], true);
    let line = fixture("before_2018")
        .replace("public/a.jpg \"", "public/%25FF.jpg \"")
        .replace("/public/a.jpg HTTP", "/public/%FF.jpg HTTP");
    let event = &read(line.as_bytes()).events[0];
    assert_eq!(event["resource_name"], "public/\u{fffd}.jpg");
    assert_eq!(metadata(event)["raw_key"], "public/%25FF.jpg");
    assert_eq!(metadata(event)["unicode_replaced"], true);
}

fn source() -> &'static dyn Source {
    by_name("aws.s3access").unwrap()
}

#[test]
fn own_objects_are_recognised() {
    for name in ["presigned_url", "before_2018", "origin_access_identity", "lifecycle", "raw_quotes", "copy"] {
        let object = fixture(name);
        assert_eq!(source().sniff(object.as_bytes(), "x"), Confidence::Certain, "{name}");
        let (_, summary) = read_sniffed(&gzip(format!("\u{feff}\n\n{object}").as_bytes()), "x").unwrap();
        assert!(summary.events > 0 && summary.quarantined == 0, "{name}");
    }
    let behind_a_broken_line = format!("broken\n{}", fixture("copy"));
    assert_eq!(source().sniff(behind_a_broken_line.as_bytes(), "x"), Confidence::Likely);
    for name in ["2026-03-01-09-15-00-0123456789ABCDEF", "logs/emr2026-03-01-00-00-00-9X3EXAMPLE123456"] {
        assert_eq!(source().sniff(b"", name), Confidence::Name, "{name}");
    }
    for name in ["2026-03-01-09-15-00-0123456789abcdef", "2026-03-01", "", "é2026-03-01-09-15-00-0123456789ABCDE"] {
        assert_eq!(source().sniff(b"", name), Confidence::None, "{name}");
    }
}

#[test]
fn objects_of_others_are_not_claimed() {
    for other in [
        "192.0.2.1 - ada [01/Mar/2026:09:15:00 +0000] \"GET /a HTTP/1.1\" 200 2326 \"-\" \"Mozilla/5.0\"\n",
        "www.example.com 192.0.2.1 - - [01/Mar/2026:09:15:00 +0000] \"GET /a HTTP/1.1\" 200 2326\n",
        "host svc [01/Mar/2026:09:15:00 +0000] 192.0.2.1 GET /a.b 200\n",
        "https 2026-03-01T09:15:00.123456Z app/lb/50dc6c495c0c9188 192.0.2.1:2817 10.0.0.1:80 0.0 0.0 0.0 200 200 34 366 \"GET https://example.com:443/ HTTP/1.1\" \"curl\" - -\n",
        "{\"Records\":[{\"eventVersion\":\"1.08\",\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"GetObject\"}]}",
        "{\"protoPayload\":{\"@type\":\"type.googleapis.com/google.cloud.audit.AuditLog\"},\"logName\":\"projects/p/logs/x\"}",
        "{\"time\":\"2026-03-01T09:15:00Z\",\"resourceId\":\"/SUBSCRIPTIONS/x\",\"operationName\":\"GetBlob\",\"category\":\"StorageRead\"}",
        "{\"schema_version_id\":\"V_1_0\",\"bucket_name\":\"b\",\"operation\":\"REST.GET.OBJECT\"}",
        "{\"level\":\"info\",\"msg\":\"HTTP call ended\",\"path\":\"/api/v1/repositories\"}",
        "\"time_micros\",\"c_ip\",\"c_ip_type\",\"cs_method\",\"cs_uri\"\n\"1772356500000000\",\"192.0.2.1\",\"1\",\"GET\",\"/b/o\"\n",
        "name: test\nfields:\n  - REST.GET.OBJECT\n",
        "PAR1\u{15}\u{4}",
        "an access log line of S3 holds REST.GET.OBJECT and a request id",
        "",
    ] {
        assert_eq!(source().sniff(other.as_bytes(), "object.log"), Confidence::None, "{other}");
    }
    assert_eq!(read_sniffed(b"plain text\n", "notes.txt").unwrap().0.reasons(), ["no known log format"]);
}

#[test]
fn a_hostile_line_of_the_largest_size_is_read_and_flagged() {
    let forged = "x HTTP/1.1\" 200 - 9 9 9 9 \"-\" \"";
    let mut line = fixture("before_2018").trim_end().to_owned();
    let room = 4 * 1024 * 1024 - line.len();
    line = line.replace("Mozilla/5.0 (Macintosh)", &forged.repeat(room / forged.len()));
    let event = &read(line.as_bytes()).events[0];
    assert_eq!((event["http_status"].as_str(), event["resource_name"].as_str()), ("200", "public/a.jpg"));
    assert_eq!(event["http_path"], "/www.example.com/public/a.jpg");
    assert_eq!(metadata(event)["split_count"], 1000, "counted on, said no further");
}
