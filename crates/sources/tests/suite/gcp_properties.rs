//! Whatever an entry's texts hold, they come back; whatever the bytes are, nothing panics and every record is counted.

use crate::common::{Collector, context, damaged, fixture_file, gzip, read_as};
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(object: &[u8]) -> Collector {
    read_as("gcp.audit", object, "object", &context())
}

fn fixture(name: &str) -> Value {
    serde_json::from_slice(&fixture_file(&format!("gcp/{name}.json"))).unwrap()
}

/// Texts with everything that JSON, logs and this mapping give a meaning to.
fn free_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\"\\\\{}\\[\\]:,\n\r\t/u0-9a-f]{1,40}",
        Just(
            "\"},{\"insertId\":\"f\",\"timestamp\":\"2026-03-01T00:00:00Z\",\"protoPayload\":{\"methodName\":\"Forged\"}},{\"a\":\""
                .to_owned()
        ),
        Just("{\"insertId\":\"f\",\"protoPayload\":{\"methodName\":\"Forged\"}}\n".to_owned()),
        Just("user:a@example.com, system:anonymous /objects/ logs/x".to_owned()),
    ]
    .prop_filter("an empty text is as good as none", |text| !text.is_empty())
}

proptest! {
    #[test]
    fn a_rendered_entry_is_read_back(
        texts in proptest::collection::vec(free_text(), 9),
        is_pretty in any::<bool>(),
        envelope in 0..5,
        is_compressed in any::<bool>(),
        name in free_text(),
    ) {
        let entry = json!({
            "insertId": "x",
            "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity",
            "timestamp": "2026-03-01T09:15:00.5Z",
            "resource": {"type": texts[0], "labels": {&name: &texts[1]}},
            "protoPayload": {
                "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
                "serviceName": texts[1],
                "methodName": texts[2],
                "resourceName": texts[3],
                "authenticationInfo": {"principalEmail": texts[4]},
                "requestMetadata": {"callerSuppliedUserAgent": texts[5]},
                "status": {"code": 3, "message": texts[6]},
                "request": {&name: &texts[7], "policy": {"bindings": [{"role": texts[8]}]}},
                "response": texts[7],
                "serviceData": {"policyDelta": {"bindingDeltas": [{"action": "ADD", "role": texts[8], "member": texts[0]}]}},
            },
        });
        let other = fixture("set_iam_policy");
        let object = match envelope {
            0 => json!({"entries": [other, entry, other]}),
            1 => json!([other, entry, other]),
            2 => json!([{"specversion": "1.0", "data": other}, {"specversion": "1.0", "data": entry}, {"specversion": "1.0", "data": other}]),
            3 => json!([{"message": other.to_string()}, {"message": entry.to_string()}, {"message": other.to_string()}]),
            _ => json!([{"message": {"data": other.to_string()}}, {"message": {"data": entry.to_string()}}, {"message": {"data": other.to_string()}}]),
        };
        let bytes = if is_pretty { serde_json::to_vec_pretty(&object).unwrap() } else { object.to_string().into_bytes() };
        let collector = read(&if is_compressed { gzip(&bytes) } else { bytes });
        prop_assert_eq!(collector.reasons(), Vec::<&str>::new());
        prop_assert_eq!(collector.events.len(), 3);
        let event = &collector.events[1];
        for (column, text) in [("resource_type", 0), ("service_name", 1), ("action", 2), ("resource_id", 3), ("actor_id", 4), ("user_agent", 5), ("error_message", 6)] {
            prop_assert_eq!(event.get(column), Some(&texts[text]), "{}", column);
        }
        prop_assert_eq!(event["outcome"].as_str(), "failure");
        let raw: Value = serde_json::from_str(&event["raw"]).unwrap();
        prop_assert_eq!(raw, entry);
        let metadata: Value = serde_json::from_str(&event["metadata"]).unwrap();
        prop_assert_eq!(&metadata["resource_labels"][&name], &Value::from(texts[1].as_str()));
    }

    #[test]
    fn a_rendered_delta_is_read_back(roles in proptest::collection::vec((free_text(), free_text(), any::<bool>()), 1..6)) {
        let mut entry = fixture("set_iam_policy");
        let deltas = roles.iter().map(|(role, member, adds)| json!({"action": if *adds { "ADD" } else { "REMOVE" }, "role": role, "member": member}));
        entry["protoPayload"]["serviceData"] = json!({"policyDelta": {"bindingDeltas": deltas.collect::<Vec<_>>()}});
        let changes: Value = serde_json::from_str(read(entry.to_string().as_bytes()).column("changes")[0]).unwrap();
        let expected = roles.iter().map(|(role, member, adds)| {
            let (before, after) = if *adds { (Value::Null, member.as_str().into()) } else { (member.as_str().into(), Value::Null) };
            json!({"field": format!("role {role}"), "before": before, "after": after})
        });
        prop_assert_eq!(changes, Value::Array(expected.collect()));
    }

    #[test]
    fn whatever_values_an_entry_holds_it_is_counted_and_its_columns_are_json(
        values in proptest::collection::vec(prop_oneof![
            Just(json!(null)), Just(json!(true)), Just(json!("false")), Just(json!(7)), Just(json!(-1.5e300)), Just(json!("")), Just(json!([])),
            Just(json!({})), Just(json!([{}, [], "a", null])), Just(json!({"code": {}})), Just(json!("{\"event\":[1]}")), Just(json!({"event": [{"parameter": [1]}]})),
        ], 14),
    ) {
        let entry = json!({
            "insertId": "x", "timestamp": "2026-03-01T09:15:00Z", "logName": values[0], "operation": values[1], "resource": values[2],
            "labels": values[3], "httpRequest": values[4],
            "protoPayload": {
                "methodName": "m", "status": values[5], "authenticationInfo": values[6], "authorizationInfo": values[7],
                "requestMetadata": values[8], "request": values[9], "response": values[10], "metadata": values[11],
                "serviceData": values[12], "resourceOriginalState": values[13],
            }
        });
        let collector = read(entry.to_string().as_bytes());
        prop_assert_eq!(collector.events.len(), 1);
        for column in ["metadata", "changes", "raw"] {
            if let Some(text) = collector.events[0].get(column) {
                prop_assert!(serde_json::from_str::<Value>(text).is_ok(), "{}", text);
            }
        }
    }

    #[test]
    fn damage_never_panics_and_every_record_is_counted(
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<proptest::sample::Index>(),
        is_compressed in any::<bool>(),
        limit in 200..6000_usize,
    ) {
        let names = ["set_iam_policy", "bigquery_export", "text_payload", "login_failure"];
        let bytes = names.map(|name| fixture(name).to_string()).join("\n").into_bytes();
        let bytes = damaged(bytes, is_compressed, flips, cut);
        let mut context = context();
        context.max_record_bytes = limit;
        // `read_as` checks the sums.
        let _collector = read_as("gcp.audit", &bytes, "object", &context);
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..2000), json_like in "[\\[\\]{}\",:\\\\\n tfn0-9eR]{0,600}") {
        read(&bytes);
        prop_assert_eq!(read(json_like.as_bytes()).events.len(), 0);
        auditlake_sources::by_name("gcp.audit").unwrap().sniff(&bytes, "object");
    }
}
