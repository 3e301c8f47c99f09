//! Whatever a record's texts hold, they come back; whatever the bytes are, nothing panics and every record is counted.

use crate::common::{compact, context, damaged, gzip, read, read_with};
use proptest::prelude::*;
use serde_json::{Value, json};

fn free_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\"\\\\{}\\[\\]:,\n\r\t/u0-9a-f]{1,40}",
        Just(
            "\"},{\"eventVersion\":\"1.08\",\"eventName\":\"Forged\",\"eventTime\":\"2026-03-01T00:00:00Z\"},{\"a\":\""
                .to_owned()
        ),
        Just("]}\n{\"Records\":[{\"eventVersion\"".to_owned()),
    ]
    // White space and words such as `-`, `[]` or `null` are null.
    .prop_filter("a text that states something", |text| text.trim().len() > 3 && text.contains(char::is_alphanumeric))
}

proptest! {
    #[test]
    fn a_rendered_record_is_read_back(
        texts in proptest::collection::vec(free_text(), 8),
        is_pretty in any::<bool>(),
        envelope in 0..5,
        is_compressed in any::<bool>(),
        name in free_text(),
    ) {
        // A service is a host; what has a colon is the source of a notification.
        let texts: Vec<String> =
            texts.iter().enumerate().map(|(index, text)| if index == 0 { text.replace(':', ";") } else { text.clone() }).collect();
        let record = json!({
            "eventVersion": "1.08",
            "eventTime": "2026-03-01T09:15:00Z",
            "eventSource": texts[0],
            "eventName": texts[1],
            "userIdentity": {"type": "IAMUser", "arn": texts[2], "userName": texts[3]},
            "userAgent": texts[4],
            "sourceIPAddress": texts[5],
            "errorMessage": texts[6],
            "requestID": texts[7],
            "unknown": {name: &texts[0]},
        });
        let other: Value = serde_json::from_str(&compact("get_object_by_presigned_url")).unwrap();
        let object = match envelope {
            0 => json!({"Records": [other, record, other]}),
            1 => json!([other, record, other]),
            2 => json!([{"detail": other}, {"detail": record}, {"detail": other}]),
            3 => json!({"Events": [{"CloudTrailEvent": other.to_string()}, {"CloudTrailEvent": record.to_string()}, {"CloudTrailEvent": other.to_string()}]}),
            _ => json!({"logEvents": [{"message": other.to_string()}, {"message": record.to_string()}, {"message": other.to_string()}]}),
        };
        let bytes = if is_pretty { serde_json::to_vec_pretty(&object).unwrap() } else { object.to_string().into_bytes() };
        let collector = read(&if is_compressed { gzip(&bytes) } else { bytes });
        prop_assert_eq!(collector.reasons(), Vec::<&str>::new());
        prop_assert_eq!(collector.events.len(), 3);
        let event = &collector.events[1];
        for (column, text) in [("service_name", 0), ("action", 1), ("actor_id", 2), ("actor_name", 3), ("user_agent", 4), ("source_ip", 5), ("error_message", 6), ("request_id", 7)] {
            let free = ["action", "user_agent", "error_message"].contains(&column);
            let expected = if free { texts[text].as_str() } else { texts[text].trim() };
            prop_assert_eq!(event.get(column).map(String::as_str), Some(expected), "{}", column);
        }
        let raw: Value = serde_json::from_str(&event["raw"]).unwrap();
        prop_assert_eq!(raw, record);
    }

    #[test]
    fn damage_never_panics_and_every_record_is_counted(
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<proptest::sample::Index>(),
        is_compressed in any::<bool>(),
        limit in 200..4000_usize,
    ) {
        let bytes = format!("{{\"Records\":[{},{}]}}\n{}\n", compact("put_role_policy"), compact("anonymous_denied"), compact("digest")).into_bytes();
        let bytes = damaged(bytes, is_compressed, flips, cut);
        let mut context = context();
        context.max_record_bytes = limit;
        // `read_with` checks the sums.
        let _collector = read_with(&bytes, &context);
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..2000), json_like in "[\\[\\]{}\",:\\\\\n tfn0-9eR]{0,600}") {
        read(&bytes);
        let collector = read(json_like.as_bytes());
        prop_assert_eq!(collector.events.len(), 0);
    }
}
