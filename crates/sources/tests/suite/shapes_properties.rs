//! Whatever an event's texts hold, they come back; whatever the bytes are, nothing panics and every record is counted.

use crate::common::{context, damaged, fixture_file, gzip, read_as};
use proptest::prelude::*;
use serde_json::{Value, json};

const SOURCES: [&str; 4] = ["cloudevents", "workos", "retraced", "auditlake"];

fn free_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{1,40}",
        "[\"\\\\{}\\[\\]:,\n\r\t/u0-9a-f]{1,40}",
        Just("\"},{\"event_time\":\"2026-03-01T00:00:00Z\",\"action\":\"forged\"},{\"a\":\"".to_owned()),
        Just("]}\n{\"events\":[{\"action\"".to_owned()),
    ]
}

/// An event of each shape with texts in its free fields, and the columns that must give them back.
fn event(source: &str, texts: &[String]) -> (Value, [(&'static str, usize); 4]) {
    match source {
        "cloudevents" => (
            json!({"specversion": "1.0", "id": "1", "source": "s", "type": texts[0], "time": "2026-03-01T06:00:00Z", "subject": texts[1],
                "data": {"actor_id": texts[2], "user_agent": texts[3], "unknown": texts[4]}}),
            [("action", 0), ("resource_id", 1), ("actor_id", 2), ("user_agent", 3)],
        ),
        "workos" => (
            json!({"action": texts[0], "occurred_at": "2026-03-01T06:00:00Z", "targets": [{"id": texts[1]}], "actor": {"id": texts[2]},
                "context": {"user_agent": texts[3]}, "metadata": {"unknown": texts[4]}}),
            [("action", 0), ("resource_id", 1), ("actor_id", 2), ("user_agent", 3)],
        ),
        "retraced" => (
            json!({"action": texts[0], "crud": "c", "created": "2026-03-01T06:00:00Z", "target": {"id": texts[1]}, "actor": {"id": texts[2]},
                "component": texts[3], "metadata": {"unknown": texts[4]}}),
            [("action", 0), ("resource_id", 1), ("actor_id", 2), ("service_name", 3)],
        ),
        _ => (
            json!({"event_id": "e", "event_time": "2026-03-01T06:00:00Z", "action": texts[0], "resource_id": texts[1], "actor_id": texts[2],
                "user_agent": texts[3], "unknown": texts[4]}),
            [("action", 0), ("resource_id", 1), ("actor_id", 2), ("user_agent", 3)],
        ),
    }
}

proptest! {
    #[test]
    fn a_rendered_event_is_read_back(
        source in prop::sample::select(SOURCES.to_vec()),
        texts in prop::collection::vec(free_text(), 5),
        is_pretty in any::<bool>(),
        envelope in 0..3,
        is_compressed in any::<bool>(),
    ) {
        let (record, columns) = event(source, &texts);
        let plain: Vec<String> = (0..5).map(|number| format!("t{number}")).collect();
        let (other, _) = event(source, &plain);
        let render = |value: &Value| if is_pretty { serde_json::to_string_pretty(value).unwrap() } else { value.to_string() };
        let object = match envelope {
            0 => render(&json!({"events": [other, record, other]})),
            1 => render(&json!([other, record, other])),
            _ => [render(&other), render(&record), render(&other)].join("\n"),
        };
        let bytes = if is_compressed { gzip(object.as_bytes()) } else { object.into_bytes() };
        let collector = read_as(source, &bytes, "object", &context());
        prop_assert_eq!(collector.reasons(), Vec::<&str>::new());
        prop_assert_eq!(collector.events.len(), 3);
        prop_assert_eq!(&collector.events[0], &collector.events[2]);
        let event = &collector.events[1];
        for (column, text) in columns {
            prop_assert_eq!(event.get(column), Some(&texts[text]), "{}", column);
        }
        let metadata: Value = serde_json::from_str(&event["metadata"]).unwrap();
        prop_assert_eq!(metadata["unknown"].as_str(), Some(texts[4].as_str()));
        let raw: Value = serde_json::from_str(&event["raw"]).unwrap();
        prop_assert_eq!(raw, record);
    }

    #[test]
    fn damage_never_panics_and_every_record_is_counted(
        file in prop::sample::select(vec![("cloudevents", "cloudevents.ndjson"), ("workos", "workos.ndjson"), ("retraced", "retraced.json"), ("auditlake", "auditlake.json")]),
        source in prop::sample::select(SOURCES.to_vec()),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
        is_compressed in any::<bool>(),
        limit in 200..4000_usize,
    ) {
        let bytes = fixture_file(&format!("shapes/{}", file.1));
        let bytes = damaged(bytes, is_compressed, flips, cut);
        let mut context = context();
        context.max_record_bytes = limit;
        // `read_as` checks the sums. Read as what it is, and as what it is not.
        read_as(file.0, &bytes, "object", &context);
        read_as(source, &bytes, "object", &context);
    }

    #[test]
    fn garbage_never_panics(
        source in prop::sample::select(SOURCES.to_vec()),
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        json_like in "[\\[\\]{}\",:\\\\\n tfn0-9e]{0,600}",
    ) {
        read_as(source, &bytes, "object", &context());
        let collector = read_as(source, json_like.as_bytes(), "object", &context());
        prop_assert_eq!(collector.events.len(), 0);
    }
}
