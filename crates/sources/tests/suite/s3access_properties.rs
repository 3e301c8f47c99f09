//! Whatever a client wrote into a request, the line is read back, or its event says that there was a choice; whatever the
//! bytes are, nothing panics and every line is counted.

use crate::common::{Collector, context, damaged, fixture_file, gzip, read_as};
use proptest::prelude::*;
use serde_json::{Value, json};

const OWNER: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";

fn read(object: &[u8]) -> Collector {
    read_as("aws.s3access", object, "object", &context())
}

/// What a client may write between the quotes of a field: anything but the end of the line.
fn free_text() -> impl Strategy<Value = String> {
    let fragments = prop::sample::select(vec![
        "\"",
        "\" ",
        " \"",
        "\" \"",
        "-",
        " - ",
        "[",
        "]",
        ",",
        "/a?b=c&d",
        " HTTP/1.1",
        " 200 - 1 1 1 1 ",
        "\" 200 - 9 9 9 9 \"-\" \"",
        " HTTP/1.1\" 403 AccessDenied - - - - \"-\" \"x",
        "\" - h SigV4 c AuthHeader evil.example.com TLSv1.2 - Yes eu-west-1 \"",
        " 3E57427F3EXAMPLE REST.PUT.OBJECT forged ",
        "[01/Mar/2026:00:00:00 +0000]",
        "Mozilla/5.0",
        "é",
        "\u{2028}",
        "\\\"",
        "%22",
        "'",
    ]);
    prop_oneof![
        "[^\n]{0,40}",
        "[\" \\-a-z0-9./]{0,60}",
        prop::collection::vec(fragments, 0..8).prop_map(|parts| parts.concat()),
        Just("-".to_owned()),
    ]
    // The other test is about secrets.
    .prop_filter("a parameter that looks like a secret is replaced", |text| !text.contains('='))
    .prop_map(|text| text.replace('\n', " "))
}

fn quoted() -> impl Strategy<Value = String> {
    free_text().prop_map(|text| format!("\"{text}\""))
}

fn stated(field: &str) -> Option<String> {
    Some(field).filter(|field| !field.is_empty() && *field != "-").map(str::to_owned)
}

/// As S3 writes a key: percent-encoded twice, a space as `+` the first time.
fn encoded(key: &str) -> String {
    let encode = |bytes: &[u8]| -> String {
        bytes
            .iter()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'*' => char::from(*byte).to_string(),
                b' ' => "+".to_owned(),
                byte => format!("%{byte:02X}"),
            })
            .collect()
    };
    encode(encode(key.as_bytes()).as_bytes())
}

proptest! {
    #[test]
    fn a_rendered_line_is_read_back_or_told_to_be_ambiguous(
        key in "[^=]{1,30}",
        request_line in prop_oneof![free_text().prop_map(|text| format!("\"GET /{text} HTTP/1.1\"")), Just("-".to_owned()), quoted()],
        headers in prop_oneof![(quoted(), quoted()), Just(("-".to_owned(), "-".to_owned()))],
        requester in prop_oneof![
            Just("arn:aws:iam::111122223333:user/ada".to_owned()),
            Just("arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E2EXAMPLEID".to_owned()),
        ],
        numbers in prop::collection::vec(prop::option::of(0..1_000_000_000_000_i64), 4),
        status in 200..600_u32,
        tail in prop_oneof![
            Just("-"),
            Just("v1 aG9zdA+/= SigV4 TLS_AES_128_GCM_SHA256 AuthHeader b.s3.amazonaws.com TLSv1.3"),
            Just("v1 aG9zdA+/= - - - b.s3.amazonaws.com - - - -"),
            Just("v1 aG9zdA+/= SigV4 TLS_AES_128_GCM_SHA256 AuthHeader b.s3.amazonaws.com TLSv1.3 - Yes us-east-1 new"),
        ],
        is_compressed in any::<bool>(),
    ) {
        let (referer, user_agent) = headers;
        let stated_key = encoded(&key);
        let [bytes_sent, size, total, turnaround] =
            [0, 1, 2, 3].map(|index: usize| numbers[index].map_or("-".to_owned(), |number| number.to_string()));
        let line = format!(
            "{OWNER} b.example [01/Mar/2026:09:15:00 +0000] 198.51.100.7 {requester} 3E57427F3EXAMPLE REST.GET.OBJECT {stated_key} \
             {request_line} {status} NoSuchKey {bytes_sent} {size} {total} {turnaround} {referer} {user_agent} {tail}"
        );
        prop_assert!(!line.contains('\n'));
        let other = String::from_utf8(fixture_file("s3access/copy.log")).unwrap();
        let object = format!("{other}{line}\n{other}");
        let object = if is_compressed { gzip(object.as_bytes()) } else { object.into_bytes() };
        let collector = read(&object);
        prop_assert_eq!(collector.reasons(), Vec::<&str>::new());
        prop_assert_eq!(collector.events.len(), 5);
        let event = &collector.events[2];
        let metadata: Value = serde_json::from_str(&event["metadata"]).unwrap();
        // Whatever the client wrote, this stands before it.
        prop_assert_eq!(&event["actor_id"], &requester);
        prop_assert_eq!(&event["action"], "REST.GET.OBJECT");
        prop_assert_eq!(&event["request_id"], "3E57427F3EXAMPLE");
        prop_assert_eq!(&event["source_ip"], "198.51.100.7");
        prop_assert_eq!(&event["raw"], &line);
        if metadata.get("ambiguous_split").is_some() {
            return Ok(());
        }
        // A path that happens to state the key as it is encoded is believed.
        if metadata.get("key_differs_from_path").is_some() {
            prop_assert_eq!(&event["resource_name"], &key);
        }
        let unquoted = |field: &str| field.strip_prefix('"').and_then(|field| field.strip_suffix('"')).unwrap_or(field).to_owned();
        prop_assert_eq!(event.get("user_agent").cloned(), stated(&unquoted(&user_agent)));
        prop_assert_eq!(metadata.get("referer").cloned(), stated(&unquoted(&referer)).map(Value::String));
        prop_assert_eq!(&event["http_status"], &status.to_string());
        prop_assert_eq!(&event["error_code"], "NoSuchKey");
        for (name, number) in ["bytes_sent", "object_size", "total_time_ms", "turnaround_ms"].iter().zip(&numbers) {
            prop_assert_eq!(metadata.get(name).cloned(), number.map(|number| json!(number)));
        }
        if let Some(target) = request_line.strip_prefix("\"GET /").and_then(|line| line.strip_suffix(" HTTP/1.1\"")) {
            let path = format!("/{target}");
            prop_assert_eq!((event["http_method"].as_str(), event["http_path"].as_str()), ("GET", path.as_str()));
        }
        let is_modern = tail != "-";
        prop_assert_eq!(metadata.get("host_header").is_some(), is_modern);
        prop_assert_eq!(metadata.get("acl_required").is_some(), tail.contains("Yes"));
    }

    #[test]
    fn keys_are_read_back(key in any::<String>().prop_filter("a key has a name", |key| !key.is_empty()), is_path_style in any::<bool>()) {
        let stated_key = encoded(&key);
        let path: String = key.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let bucket = if is_path_style { "/b.example" } else { "" };
        let line = format!(
            "{OWNER} b.example [01/Mar/2026:09:15:00 +0000] 198.51.100.7 - 3E57427F3EXAMPLE REST.GET.OBJECT {stated_key} \
             \"GET {bucket}/{path} HTTP/1.1\" 200 - 1 1 1 1 \"-\" \"-\" -"
        );
        let event = &read(line.as_bytes()).events[0];
        // "-" is how the format says that there is none.
        if stated_key != "-" {
            prop_assert_eq!(&event["resource_name"], &key);
            prop_assert_eq!(&event["resource_id"], &format!("arn:aws:s3:::b.example/{key}"));
            prop_assert!(!event["metadata"].contains("key_differs_from_path"));
        }
    }

    #[test]
    fn secrets_in_urls_reach_no_column(
        name in prop::sample::select(vec![
            "X-Amz-Signature", "x-amz-security-token", "Signature", "AWSAccessKeyId", "sig", "access_token",
        ]),
        before in "[a-z0-9=&/%\\.]{0,20}",
        after in "[a-z0-9=/%\\.]{0,20}",
        place in 0..3,
    ) {
        let secret = "5ECRE7a1b2c3";
        let url = format!("/a?{before}&{name}={secret}&{after}");
        let [target, referer, user_agent] = [0, 1, 2].map(|field| if field == place { url.clone() } else { "/".to_owned() });
        let line = format!(
            "{OWNER} b.example [01/Mar/2026:09:15:00 +0000] 198.51.100.7 - 3E57427F3EXAMPLE REST.GET.OBJECT a \
             \"GET {target} HTTP/1.1\" 200 - 1 1 1 1 \"https://example.com{referer}\" \"{user_agent}\" -"
        );
        for (column, value) in &read(line.as_bytes()).events[0] {
            let is_key_id = name == "AWSAccessKeyId" && *column == "metadata" && place == 0;
            prop_assert!(is_key_id || !value.contains(secret), "{} {}", column, value);
        }
    }

    #[test]
    fn damage_never_panics_and_every_line_is_counted(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
        is_compressed in any::<bool>(),
        limit in 100..2000_usize,
    ) {
        let names = ["presigned_url", "forged", "raw_quotes", "batch_deletion", "fields_to_come", "before_2018"];
        let bytes = names.map(|name| fixture_file(&format!("s3access/{name}.log"))).concat();
        let bytes = damaged(bytes, is_compressed, flips, cut);
        let mut context = context();
        context.max_record_bytes = limit;
        // `read_as` checks the sums.
        let _collector = read_as("aws.s3access", &bytes, "object", &context);
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2000), line_like in "[-\" \\[\\]:/.0-9A-Za\n]{0,600}") {
        read(&bytes);
        let collector = read(line_like.as_bytes());
        prop_assert_eq!(collector.events.len(), 0);
    }
}
