//! Whatever a record's texts hold, they come back; whatever the bytes are, nothing panics and every record is counted.

use crate::common::azure::{NAMES, read, value};
use crate::common::{context, damaged, fixture_file, gzip, read_as};
use proptest::prelude::*;
use serde_json::{Value, json};

fn free_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\"\\\\{}\\[\\]:,\n\r\t/u0-9a-f]{1,40}",
        Just(r#""},{"time":"2026-03-01T00:00:00Z","category":"StorageRead","operationName":"Forged"},{"a":""#.to_owned()),
        Just("]}\n{\"time\":\"2026-03-01T00:00:00Z\",\"category\":\"StorageRead\",\"operationName\":\"Forged\"}\n{\"records\":[".to_owned()),
        Just(r#"{"category":"StorageRead","time":"2026-03-01T00:00:00Z","operationName":"Forged"}"#.to_owned()),
    ]
    // A text that says nothing is null, and what looks like a secret is taken out.
    .prop_filter("nothing or a secret", |text| text.chars().any(char::is_alphanumeric) && !text.contains(['=', '%']))
}

/// Every fixture's records.
fn all_records() -> Vec<Value> {
    let mut records: Vec<Value> = NAMES.iter().map(|name| value(name)).collect();
    for name in [
        "graph_activity.jsonl",
        "log_analytics_rows.jsonl",
        "aad_graph_activity.json",
        "privileged_roles.json",
        "kubernetes_audit.json",
        "claims_as_text.json",
    ] {
        let stream = fixture_file(&format!("azure/{name}"));
        for value in serde_json::Deserializer::from_slice(&stream).into_iter::<Value>() {
            let mut value = value.unwrap();
            match value.get_mut("records").map(Value::take) {
                Some(Value::Array(listed)) => records.extend(listed),
                _ => records.push(value),
            }
        }
    }
    records
}

/// The pointers to all members of a value.
fn members(value: &Value, at: &str, found: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(elements) => elements.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        _ => vec![],
    };
    for (name, value) in inner {
        found.push(format!("{at}/{name}"));
        members(value, &format!("{at}/{name}"), found);
    }
}

/// The texts in a value, also those of JSON in texts; without times, which a column holds in its own form, and without secrets.
fn texts(value: &Value, name: &str, found: &mut Vec<String>) {
    let is_left_out = |text: &str| {
        let name = name.to_ascii_lowercase();
        name.ends_with("time")
            || name == "timegenerated"
            || name.ends_with("timestamp")
            || name == "eventtimestring"
            || name.ends_with("password")
            || name == "body"
            || ["sig=", "Sw0rdfish", "busSecret"].iter().any(|secret| text.contains(secret))
    };
    match value {
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner @ (Value::Object(_) | Value::Array(_))) => texts(&inner, name, found),
            _ if text.is_empty() || is_left_out(text) => {}
            _ => found.push(text.clone()),
        },
        Value::Array(elements) => elements.iter().for_each(|element| texts(element, name, found)),
        Value::Object(members) => members.iter().for_each(|(name, value)| texts(value, name, found)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn a_rendered_record_is_read_back(
        texts in proptest::collection::vec(free_text(), 9),
        is_pretty in any::<bool>(),
        envelope in 0..6,
        is_compressed in any::<bool>(),
        has_text_properties in any::<bool>(),
        name in "[a-z]{6,12}",
    ) {
        let record = json!({
            "time": "2026-03-01T09:15:00Z",
            "category": "StorageWrite",
            "resourceId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acme/blobServices/default",
            "operationName": texts[0],
            "correlationId": texts[1],
            "statusText": texts[2],
            "statusCode": 500,
            "identity": {"type": "OAuth", "requester": {"objectId": texts[3], "upn": texts[4]}},
            "properties": {"accountName": texts[5], "userAgentHeader": texts[6], "objectKey": format!("/acme/c/{}", texts[7])},
            // What a name of a secret ends with, such as `pwd`, must not stand at the end.
            format!("{name}unknown"): {"text": texts[8]},
        });
        let mut written = record.clone();
        if has_text_properties {
            written["properties"] = json!(record["properties"].to_string());
        }
        let other = value("get_blob_by_token");
        let all = json!([other, written, other]);
        let texts_of = |name: &str| -> Vec<Value> {
            all.as_array().unwrap().iter().map(|record| json!({name: record.to_string()})).collect()
        };
        let object = match envelope {
            0 => all,
            1 => json!({ "records": all }),
            2 => json!(texts_of("message")),
            3 => json!({"records": texts_of("_raw")}),
            4 => json!({"message": json!({ "records": all }).to_string()}),
            _ => json!({ "value": all }),
        };
        let bytes = if is_pretty { serde_json::to_vec_pretty(&object).unwrap() } else { object.to_string().into_bytes() };
        let collector = read(&if is_compressed { gzip(&bytes) } else { bytes });
        prop_assert_eq!(collector.reasons(), Vec::<&str>::new());
        prop_assert_eq!(collector.events.len(), 3);
        let event = &collector.events[1];
        let columns = [("action", 0), ("request_id", 1), ("actor_id", 3), ("actor_name", 4), ("scope_id", 5), ("user_agent", 6)];
        for (column, text) in columns {
            prop_assert_eq!(event.get(column), Some(&texts[text]), "{}", column);
        }
        prop_assert_eq!(&event["resource_id"], &format!("/acme/c/{}", texts[7]));
        let raw: Value = serde_json::from_str(&event["raw"]).unwrap();
        prop_assert_eq!(raw, record);
        let metadata: Value = serde_json::from_str(&event["metadata"]).unwrap();
        prop_assert_eq!(&metadata["rest"][format!("{name}unknown")]["text"], &texts[8]);
    }

    #[test]
    fn whatever_type_a_member_has_no_text_of_the_record_is_lost(
        record in any::<proptest::sample::Index>(),
        place in any::<proptest::sample::Index>(),
        replacement in 0..7,
        keeps_raw in any::<bool>(),
    ) {
        let records = all_records();
        let mut record = records[record.index(records.len())].clone();
        let mut found = Vec::new();
        members(&record, "", &mut found);
        let place = &found[place.index(found.len())];
        *record.pointer_mut(place).unwrap() = match replacement {
            0 => json!("marked-leaf"),
            1 => json!(["marked-leaf"]),
            2 => json!({"odd": "marked-leaf"}),
            3 => json!(r#"{"odd":"marked-leaf"}"#),
            4 => json!(r#"["marked-leaf"]"#),
            5 => json!(true),
            _ => json!(17),
        };
        let mut context = context();
        context.keep_raw = keeps_raw;
        let collector = read_as("azure.storage", record.to_string().as_bytes(), "object", &context);
        prop_assert_eq!(collector.set_aside.len(), 0, "{}", place);
        if let Some(event) = collector.events.first() {
            let mut stated = Vec::new();
            texts(&record, "", &mut stated);
            for text in stated {
                let escaped = json!(text).to_string();
                let twice = json!(escaped[1..escaped.len() - 1]).to_string();
                let forms = [text.as_str(), &escaped[1..escaped.len() - 1], &twice[1..twice.len() - 1]];
                let is_kept = event.values().any(|column| forms.iter().any(|form| column.contains(form)));
                prop_assert!(is_kept, "{:?} of {} is lost: {:?}", text, place, event);
            }
        }
    }

    #[test]
    fn before_and_after_come_back_whatever_they_hold(before in free_text(), after in free_text(), field in free_text()) {
        prop_assume!(field.parse::<f64>().is_err() && !field.starts_with("TargetId.") && field != "Included Updated Properties");
        let mut record = value("user_updated");
        record["properties"]["targetResources"][0]["modifiedProperties"] =
            json!([{"displayName": field, "oldValue": json!(before).to_string(), "newValue": json!(after).to_string()}]);
        let event = read(record.to_string().as_bytes()).events.remove(0);
        let changes: Value = serde_json::from_str(&event["changes"]).unwrap();
        prop_assert_eq!(changes, json!([{"field": field, "before": before, "after": after}]));
    }

    #[test]
    fn no_signature_reaches_a_column(secret in "[A-Za-z0-9]{20,40}", place in 0..8, is_encoded in any::<bool>(), keeps_raw in any::<bool>()) {
        let sign = if is_encoded { "%26sig%3D" } else { "&sig=" };
        let url = format!("https://acme.blob.core.windows.net/c/b?sp=r{sign}{secret}");
        let mut record = value("get_blob_by_token");
        match place {
            0 => record["uri"] = json!(url),
            1 => record["properties"]["objectKey"] = json!(url),
            2 => record["properties"]["destinationUri"] = json!(url),
            3 => record["properties"]["referrerHeader"] = json!(url),
            4 => record["properties"]["userAgentHeader"] = json!(url),
            5 => record["correlationId"] = json!(url),
            6 => record["unknown"] = json!([{"deep": json!({"inside": json!({"text": url}).to_string()}).to_string()}]),
            _ => record["identity"]["requester"]["upn"] = json!(url),
        }
        let mut context = context();
        context.keep_raw = keeps_raw;
        let event = read_as("azure.storage", record.to_string().as_bytes(), "object", &context).events.remove(0);
        for (column, text) in &event {
            prop_assert!(!text.contains(&secret), "{}: {}", column, text);
        }
    }

    #[test]
    fn damage_never_panics_and_every_record_is_counted(
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<proptest::sample::Index>(),
        is_compressed in any::<bool>(),
        limit in 200..4000_usize,
    ) {
        let names = ["get_blob_by_token", "role_assignment_written", "user_updated", "sign_in_blocked"];
        let records = names.map(value);
        let mut bytes = format!("{}\n{}\n{}\n", json!({ "records": records }), records[0], json!({"message": records[1].to_string()}));
        bytes.push_str(&String::from_utf8(fixture_file("azure/not_audit.jsonl")).unwrap());
        let bytes = damaged(bytes.into_bytes(), is_compressed, flips, cut);
        let mut context = context();
        context.max_record_bytes = limit;
        // `read_as` checks the sums.
        let _collector = read_as("azure.storage", &bytes, "object", &context);
    }

    #[test]
    fn one_damaged_line_costs_no_other(at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        let records = ["get_blob_by_token", "user_updated", "keys_listed"].map(value);
        let mut middle = records[1].to_string().into_bytes();
        let at = at.index(middle.len());
        middle[at] = byte;
        let object = [records[0].to_string().as_bytes(), b"\n", &middle, b"\n", records[2].to_string().as_bytes(), b"\n"].concat();
        let collector = read(&object);
        let ids = collector.column("event_id");
        prop_assert_eq!(ids.first().copied(), Some("0a0b0c0d-0000-4000-8000-000000000001:GetBlob"));
        prop_assert_eq!(ids.last().copied(), Some("ed000000-0000-4000-8000-000000000001"));
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..2000), json_like in "[\\[\\]{}\",:\\\\\n tfn0-9eR]{0,600}") {
        read(&bytes);
        let collector = read(json_like.as_bytes());
        prop_assert_eq!(collector.events.len(), 0);
    }

    #[test]
    fn any_value_in_any_place_is_judged(place in 0..14_usize, replacement in any_json()) {
        let members = ["time", "resourceId", "category", "operationName", "callerIpAddress", "correlationId", "identity",
            "properties", "uri", "statusCode", "claims", "authorization", "httpRequest", "status"];
        for name in ["get_blob_by_token", "keys_listed", "role_assignment_written", "user_updated", "sign_in_blocked", "queue_created", "risk_found", "secret_read"] {
            let mut record = value(name);
            record[members[place]] = replacement.clone();
            let collector = read(record.to_string().as_bytes());
            prop_assert_eq!(collector.events.len() + collector.quarantined.len() + collector.set_aside.len(), 1);
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = prop_oneof![
        Just("requester"),
        Just("claims"),
        Just("value"),
        Just("initiatedBy"),
        Just("targetResources"),
        Just("a")
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        free_text().prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(names.clone().prop_map(str::to_owned), inner, 0..4)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}
