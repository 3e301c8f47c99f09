//! Whatever an event's texts hold, they come back; whatever the bytes are, nothing panics and every record is counted.

use crate::common::{Collector, context, damaged, fixture_file, gzip, read_as};
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(object: &[u8]) -> Collector {
    read_as("ocsf", object, "object", &context())
}

fn fixture(name: &str) -> Value {
    serde_json::from_slice(&fixture_file(&format!("ocsf/{name}.json"))).unwrap()
}

/// Texts with everything that JSON and this mapping give a meaning to.
fn free_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\"\\\\{}\\[\\]:,\n\r\t/u0-9a-f]{1,40}",
        Just("\"},{\"class_uid\":3002,\"category_uid\":3,\"time\":1772356500000},{\"a\":\"".to_owned()),
        Just("{\"class_uid\":3002,\"category_uid\":3,\"time\":1772356500000}\n".to_owned()),
    ]
    // White space and words such as `-` are null, and what looks like a secret is taken out.
    .prop_filter("a text that states something", |text| {
        text.trim().len() > 3 && text.chars().any(char::is_alphabetic) && !text.contains(['=', '%'])
    })
}

proptest! {
    #[test]
    fn a_rendered_event_is_read_back(
        texts in proptest::collection::vec(free_text(), 8),
        is_pretty in any::<bool>(),
        envelope in 0..4,
        is_compressed in any::<bool>(),
        name in free_text(),
    ) {
        let event = json!({
            "activity_id": 99, "category_uid": 6, "class_uid": 6003, "time": 1772356500250_i64, "status_id": 2,
            "metadata": {"version": "1.3.0", "uid": "e-1"},
            "actor": {"user": {"uid": texts[0], "name": texts[1]}},
            "api": {"operation": texts[2], "service": {"name": texts[3]}},
            "http_request": {"user_agent": texts[4]},
            "resources": [{"uid": texts[5], "type": texts[6]}],
            "status_detail": texts[7],
            "unmapped": {&name: &texts[7]},
        });
        let other = fixture("group");
        let object = match envelope {
            0 => json!({"Records": [other, event, other]}),
            1 => json!([other, event, other]),
            2 => json!([{"message": other.to_string()}, {"message": event.to_string()}, {"message": other.to_string()}]),
            _ => json!({"events": [other, event, other]}),
        };
        let bytes = if is_pretty { serde_json::to_vec_pretty(&object).unwrap() } else { object.to_string().into_bytes() };
        let collector = read(&if is_compressed { gzip(&bytes) } else { bytes });
        prop_assert_eq!(collector.reasons(), Vec::<&str>::new());
        prop_assert_eq!(collector.events.len(), 3);
        let read = &collector.events[1];
        for (column, text) in [("actor_id", 0), ("actor_name", 1), ("action", 2), ("service_name", 3), ("user_agent", 4), ("resource_id", 5), ("resource_type", 6), ("error_message", 7)] {
            prop_assert_eq!(read.get(column).map(String::as_str), Some(texts[text].trim()), "{}", column);
        }
        let raw: Value = serde_json::from_str(&read["raw"]).unwrap();
        prop_assert_eq!(raw, event);
        let metadata: Value = serde_json::from_str(&read["metadata"]).unwrap();
        prop_assert_eq!(&metadata["rest"]["unmapped"][&name], &Value::from(texts[7].as_str()));
    }

    #[test]
    fn damage_never_panics_and_every_record_is_counted(
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<proptest::sample::Index>(),
        is_compressed in any::<bool>(),
        limit in 200..6000_usize,
    ) {
        let names = ["api_activity", "entity_management", "authentication", "group"];
        let mut bytes = names.map(|name| fixture(name).to_string()).join("\n").into_bytes();
        bytes.extend_from_slice(&fixture_file("ocsf/not_audit.ndjson"));
        let bytes = damaged(bytes, is_compressed, flips, cut);
        let mut context = context();
        context.max_record_bytes = limit;
        // `read_as` checks the sums.
        let _collector = read_as("ocsf", &bytes, "object", &context);
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..2000), json_like in "[\\[\\]{}\",:\\\\\n tfn0-9eR]{0,600}") {
        read(&bytes);
        prop_assert_eq!(read(json_like.as_bytes()).events.len(), 0);
        auditlake_sources::by_name("ocsf").unwrap().sniff(&bytes, "object");
        auditlake_sources::by_name("ocsf").unwrap().sniff(&[b"PAR1", &bytes[..], b"PAR1"].concat(), "object");
    }
}
