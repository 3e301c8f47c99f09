//! The JSON reader against a second implementation.

use auditlake_event::input::{DoorContext, Shape, parse_body};
use auditlake_event::{Organization, Region, Timestamp};
use proptest::prelude::*;
use serde_json::Value;

fn accepted_metadata(body: &[u8]) -> Option<String> {
    let region = Region::parse("r").unwrap();
    let organization = Organization::parse("o").unwrap();
    let now = Timestamp::parse("2026-03-01T12:00:00Z").unwrap();
    let context = DoorContext::api(now, &region, Some(&organization));
    let parsed = parse_body(body, Shape::Json, &context, &mut || [0; 10]).ok()?;
    Some(parsed.events.first()?.metadata.clone()?.into_owned())
}

fn wrap(value: &str) -> String {
    format!(r#"{{"event_time":"2026-03-01T11:00:00Z","action":"a","metadata":{{"v":{value}}}}}"#)
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "\\PC{0,12}|[\\x00-\\x7f]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("\\PC{0,6}", inner, 0..6).prop_map(Value::from_iter),
        ]
    })
}

/// RFC 8785 by way of serde_json: members sorted by UTF-16 code units, compact.
fn jcs(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut names: Vec<_> = members.keys().collect();
            names.sort_by_key(|name| name.encode_utf16().collect::<Vec<_>>());
            let members = names.iter().map(|name| format!("{}:{}", Value::from(name.as_str()), jcs(&members[*name])));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(elements) => format!("[{}]", elements.iter().map(jcs).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn metadata_is_what_an_independent_canonicaliser_writes(value in any_json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let expected = format!("{{\"v\":{}}}", jcs(&value));
        prop_assert_eq!(accepted_metadata(wrap(&text).as_bytes()), Some(expected));
    }

    #[test]
    fn what_is_json_is_decided_as_serde_json_decides(text in "[\\[\\]{}\",:0-9eE+.\\-truefalsn \\\\u]{0,14}") {
        // Numbers beyond f64 and duplicate names are the two things that serde_json judges otherwise.
        let ours = accepted_metadata(wrap(&text).as_bytes()).is_some();
        match serde_json::from_str::<Value>(&wrap(&text)) {
            Ok(value) => prop_assert!(ours || jcs(&value).len() < text.len(), "{}", text),
            Err(error) => prop_assert!(!ours || error.to_string().contains("number out of range"), "{} {}", text, error),
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), place in any::<prop::sample::Index>()) {
        let mut body = wrap(r#"[{"a":"\u00e9\ud83d\ude00","b":-1.5e3},true,null]"#).into_bytes();
        let at = place.index(body.len());
        let until = body.len().min(at + bytes.len() / 8);
        body.splice(at..until, bytes);
        let region = Region::parse("r").unwrap();
        let now = Timestamp::parse("2026-03-01T12:00:00Z").unwrap();
        for shape in [Shape::Json, Shape::Ndjson, Shape::Sniff] {
            let parsed = parse_body(&body, shape, &DoorContext::api(now, &region, None), &mut || [0; 10]);
            if let Ok(parsed) = parsed {
                prop_assert_eq!(parsed.events.len(), parsed.receipts.len());
            }
        }
    }
}
