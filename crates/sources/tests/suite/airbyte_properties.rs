//! Whatever an entry's texts hold, they come back or are marked; whatever the bytes are, nothing panics and every record is counted.

use crate::common::{Collector, context, damaged, fixture_file, read_as};
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(object: &[u8]) -> Collector {
    read_as("airbyte", object, "object", &context())
}

const SEPARATORS: &str = "(\\), actionName=|, summary=|\\{|\\}|\\{\\}|, success=(true|false), errorMessage=|null|\\)|\"|, userAgent=|, ipAddress=|, |\\\\|x|\n|é){0,12}";

/// A text as a caller may choose it. Nothing in it is taken for a secret.
fn free_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        SEPARATORS,
        Just("x), actionName=forged, summary={}, success=true, errorMessage=null".to_owned()),
        Just("x), actionName=forged, summary=, success=false, errorMessage=y".to_owned()),
        Just("\"}},{\"id\":\"forged\",\"operation\":\"forged\",\"timestamp\":1750000000000},{\"a\":\"".to_owned()),
        Just("]}\n{\"events\":[{\"message\":\"Logging audit entry: AuditLogEntry(id=forged".to_owned()),
    ]
    .prop_filter("said to be nothing, or a mask, or JSON, whose spacing is no part of it", |text| {
        let word = text.trim().trim_matches(['<', '>', '(', ')', '[', ']']).trim().to_lowercase();
        let nothing = ["", "-", "--", "n/a", "nan", "nil", "none", "null", "undefined", "unknown", "unset", "\\n", "\"\""];
        !nothing.contains(&word.as_str())
            && !text.bytes().all(|byte| byte == b'*')
            && !text.trim_start().starts_with(['{', '['])
    })
}

fn as_file(message: &str) -> Vec<u8> {
    json!({"events": [{"timestamp": 1_737_000_000_009_i64, "message": message, "level": "INFO", "logSource": "platform"}], "version": "1"})
        .to_string()
        .into_bytes()
}

proptest! {
    #[test]
    fn a_rendered_entry_is_read_back(
        texts in proptest::collection::vec(free_text(), 6),
        name in free_text(),
        is_success in any::<bool>(),
        as_string in any::<bool>(),
        shape in 0..3,
    ) {
        let body = json!({"workspaceId": "w-1", "name": name});
        let request = if as_string { json!(body.to_string()) } else { body };
        let entry = json!({
            "id": texts[0], "timestamp": 1_750_000_000_000_i64,
            "actor": {"actorId": texts[1], "email": texts[2], "ipAddress": "192.0.2.1", "userAgent": texts[3]},
            "operation": texts[4], "request": request, "response": null, "success": is_success, "errorMessage": texts[5],
        });
        let object = match shape {
            0 => json!([entry, entry]).to_string(),
            1 => format!("{entry}\n{entry}\n"),
            _ => serde_json::to_string_pretty(&json!([entry, entry])).unwrap(),
        };
        let collector = read(object.as_bytes());
        prop_assert_eq!(collector.reasons(), Vec::<&str>::new());
        prop_assert_eq!(collector.events.len(), 2);
        prop_assert_eq!(&collector.events[0], &collector.events[1]);
        let event = &collector.events[0];
        for (column, text) in [("actor_id", 1), ("actor_email", 2), ("user_agent", 3), ("action", 4), ("error_message", 5)] {
            prop_assert_eq!(event.get(column), Some(&texts[text]), "{}", column);
        }
        if texts[0].chars().count() <= 128 {
            prop_assert_eq!(&event["event_id"], &texts[0]);
        }
        prop_assert_eq!(event["scope_id"].as_str(), "w-1");
        let mut raw: Value = serde_json::from_str(&event["raw"]).unwrap();
        if as_string {
            prop_assert_eq!(serde_json::from_str::<Value>(raw["request"].as_str().unwrap()).unwrap(), json!({"workspaceId": "w-1", "name": name}));
            raw["request"] = entry["request"].clone();
        }
        prop_assert_eq!(raw, entry);
    }

    /// A message rendered as Kotlin does is read back exactly, or marked, and then states nothing that is not so.
    #[test]
    fn a_rendered_message_is_read_back_or_marked(
        addresses in free_text(), user_agent in free_text(), name in free_text(), error in free_text(), is_success in any::<bool>(),
    ) {
        let summary = json!({"workspaceId": "w-1", "name": name}).to_string();
        let rest = if is_success {
            format!("summary={summary}, success=true, errorMessage=null")
        } else {
            format!("summary=, success=false, errorMessage={error}")
        };
        let message = format!(
            "Logging audit entry: AuditLogEntry(id=e-1, timestamp=1737000000000, user=User(userId=u-1, email=ada@example.com, \
             ipAddress={addresses}, userAgent={user_agent}), actionName=updateWorkspaceName, {rest})"
        );
        let collector = read(&as_file(&message));
        prop_assert_eq!(collector.reasons(), Vec::<&str>::new());
        let event = &collector.events[0];
        prop_assert_eq!(event["event_id"].as_str(), "e-1");
        prop_assert_eq!(event["actor_id"].as_str(), "u-1");
        prop_assert_eq!(event["actor_email"].as_str(), "ada@example.com");
        let raw: Value = serde_json::from_str(&event["raw"]).unwrap();
        prop_assert_eq!(raw["message"].as_str(), Some(message.as_str()));
        let metadata = event.get("metadata").map_or("", String::as_str);
        let is_ambiguous = metadata.contains("\"possible_injection\":true");
        let is_marked = is_ambiguous || metadata.contains("\"injection_attempt\":true");
        // What was done is never another action's, marked or not.
        prop_assert!(event["action"] == "updateWorkspaceName" || (is_ambiguous && event["action"] == "unknown"));
        let outcome = if is_success { "success" } else { "failure" };
        prop_assert!(event["outcome"] == outcome || (is_ambiguous && event["outcome"] == "unknown"));
        if !is_ambiguous {
            prop_assert_eq!(event.get("resource_name"), is_success.then_some(&name));
            prop_assert_eq!(event.get("error_message"), (!is_success).then_some(&error));
        }
        if !is_marked {
            prop_assert_eq!(event.get("user_agent"), Some(&user_agent));
            let first = addresses.split(',').map(str::trim).find(|address| !address.is_empty());
            prop_assert!(event.get("source_ip").map(String::as_str).is_none_or(|address| Some(address.trim_matches(['[', ']'])) == first.map(|first| first.trim_matches(['[', ']']))));
        }
    }

    #[test]
    fn damage_never_panics_and_every_record_is_counted(
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<proptest::sample::Index>(),
        is_compressed in any::<bool>(),
        file in 0..4_usize,
        limit in 200..4000_usize,
    ) {
        let bytes = fixture_file(&format!("airbyte/{}.json", ["log_events", "entries", "bare_list", "entries_with_organization"][file]));
        let bytes = damaged(bytes, is_compressed, flips, cut);
        let mut context = context();
        context.max_record_bytes = limit;
        // `read_as` checks the sums.
        let _collector = read_as("airbyte", &bytes, "object", &context);
    }

    #[test]
    fn garbage_never_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..2000),
        json_like in "[\\[\\]{}\",:\\\\\n tfn0-9eR]{0,600}",
        message in SEPARATORS,
    ) {
        read(&bytes);
        read(json_like.as_bytes());
        read(&as_file(&format!("Logging audit entry: AuditLogEntry(id=e, timestamp=1737000000000, user=User(userId=u, email={message})")));
        read(&as_file(&format!("Logging audit entry: AuditLogEntry({message})")));
    }
}
