//! What each event in a shape of others becomes when it is imported.

use crate::common::{Collector, Columns, assert_columns, context, fixture_file, json_of, only_event, read_as};
use auditlake_event::{Event, Organization};
use auditlake_sources::{ImportContext, Quarantined, SetAside, Sink, SinkError, by_name, import};
use serde_json::{Value, json};

fn read(source: &str, file: &str) -> Collector {
    let collector = read_as(source, &fixture_file(&format!("shapes/{file}")), file, &context());
    assert_eq!(collector.reasons(), Vec::<&str>::new());
    collector
}

fn with_accounts(accounts: &[(&str, &str)]) -> ImportContext {
    let mut context = context();
    let organization = |name: &str| Organization::parse(name).unwrap();
    context.account_organizations =
        accounts.iter().map(|(account, name)| ((*account).to_owned(), organization(name))).collect();
    context
}

/// The columns of an event, but for those that every event of an import has, with `metadata` and `changes` as JSON.
fn stated(event: &Columns) -> Value {
    let mut columns = serde_json::Map::new();
    for (name, text) in event {
        match *name {
            "received_time" | "raw" => {}
            "metadata" | "changes" => {
                columns.insert((*name).to_owned(), serde_json::from_str(text).unwrap());
            }
            _ => {
                columns.insert((*name).to_owned(), json!(text));
            }
        }
    }
    Value::Object(columns)
}

#[test]
fn cloudevents_state_by_their_data_and_else_by_their_envelope() {
    let collector = read("cloudevents", "cloudevents.ndjson");
    let expected = json!({
        "event_id": "/billing/eu|7f1c", "event_time": "2026-03-01T09:00:00.250Z", "region": "eu-west-1", "organization": "acme",
        "source": "cloudevents", "action": "com.example.invoice.viewed", "category": "data_access", "outcome": "success",
        "actor_id": "user-12", "actor_email": "grace@example.com", "resource_id": "invoice/41", "source_ip": "2001:db8::12",
        "metadata": {"pages": 3, "cloudevent": {
            "id": "7f1c", "source": "/billing/eu", "type": "com.example.invoice.viewed", "time": "2026-03-01T09:00:00.25Z",
            "subject": "invoice/41", "datacontenttype": "application/json",
            "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}},
    });
    assert_eq!(stated(&collector.events[0]), expected);
    let denied = stated(&collector.events[1]);
    assert_eq!((&denied["outcome"], &denied["error_code"]), (&json!("denied"), &json!("NoPermission")));
    assert_eq!(denied["event_time"], "2026-03-01T08:00:01.000Z");
    assert_eq!(denied["changes"], json!([{"after": null, "before": "open", "field": "state"}]));
    let expected = json!({
        "event_id": "urn:example:shares|7f1e", "event_time": "2026-03-01T09:00:02.000Z", "region": "eu-west-1",
        "organization": "acme", "source": "cloudevents", "action": "document.shared", "outcome": "unknown",
        "actor_id": "user-12", "actor_type": "user", "resource_id": "doc-5", "resource_type": "document",
        "source_ip": "198.51.100.7",
        "metadata": {"context": {"location": "198.51.100.7:51234"},
            "cloudevent": {"id": "7f1e", "source": "urn:example:shares", "type": "com.example.share"}},
    });
    assert_eq!(stated(&collector.events[2]), expected, "a WorkOS event in an envelope");
}

#[test]
fn workos_events_are_read_bare_wrapped_and_as_the_sdks_spell_them() {
    let collector = read("workos", "workos.ndjson");
    let mut first = stated(&collector.events[0]);
    // Derived from the normalised record: there is none of its own.
    assert_eq!(first["event_id"].as_str().map(str::len), Some(36));
    first.as_object_mut().unwrap().remove("event_id");
    let expected = json!({
        "event_time": "2026-03-01T08:00:00.500Z", "region": "eu-west-1", "organization": "acme", "source": "workos",
        "action": "user.signed_in", "outcome": "unknown", "actor_id": "user_01", "actor_name": "Grace", "actor_type": "user",
        "resource_id": "team_01", "resource_type": "team", "source_ip": "203.0.113.9", "user_agent": "Firefox/140.0",
    });
    assert_eq!(first, expected);
    let expected = json!({
        // Python: uuid5(UUID("75a2c0dd-6d76-4966-972e-ac193dd229f5"), "org_01\0" "4c1b")
        "event_id": "2d16f569-763f-56a6-96fd-53cec4719b7c", "event_time": "2026-03-01T08:05:00.000Z", "region": "eu-west-1", "organization": "acme",
        "source": "workos", "action": "key.rotated", "outcome": "unknown", "actor_id": "bot_1", "resource_id": "key_7",
        "resource_name": "deploys", "resource_type": "api_key", "scope_type": "organization", "scope_id": "org_01",
        "source_ip": "192.0.2.4",
        "metadata": {
            "organization_id": "org_01", "idempotency_key": "4c1b", "version": 3,
            "actor": {"type": "deploy bot", "metadata": {"password": "[redacted]"}},
            "targets": [{"id": "key_7", "type": "api_key", "name": "deploys"}, {"id": "prod", "type": "environment"}],
            "context": {"location": "192.0.2.4, 10.0.0.3"},
            "callback": "https://example.com/done?token=[redacted]&sig=[redacted]",
        },
    });
    assert_eq!(stated(&collector.events[1]), expected);
    let third = &collector.events[2];
    // `unknown` is no address, and stays where it stands.
    assert_eq!((third.get("source_ip"), third["user_agent"].as_str()), (None, "SDK/7"));
    assert_eq!(json_of(third, "metadata")["context"]["location"], "unknown");
    assert_eq!((third["scope_id"].as_str(), third["event_time"].as_str()), ("org_02", "2026-03-01T08:10:00.000Z"));
}

#[test]
fn retraced_events_say_how_they_ended_only_if_they_state_it() {
    let collector = read("retraced", "retraced.json");
    let expected = json!({
        // uuid5(UUID("2f6b90d4-51c7-4e0a-9b1e-7d35c8a462f1"), "customer-1\0rt-1") of Python's uuid module.
        "event_id": "29e7de41-2dab-598b-a372-f2833b96e6b7", "event_time": "2026-03-01T07:00:00.125Z", "region": "eu-west-1", "organization": "acme",
        "source": "retraced", "action": "spreadsheet.view", "outcome": "success", "actor_id": "ada", "actor_name": "Ada",
        "resource_id": "sheet-9", "resource_name": "Budget", "resource_type": "spreadsheet", "scope_type": "group",
        "scope_id": "customer-1", "source_ip": "203.0.113.77", "service_name": "sheets",
        "metadata": {"crud": "r", "external_id": "rt-1", "group": {"name": "Customer One"}, "version": "9f3c"},
    });
    assert_eq!(stated(&collector.events[0]), expected);
    assert_eq!(collector.column("outcome"), ["success", "failure", "unknown"]);
    assert_eq!(collector.column("actor_type"), ["", "", "anonymous"]);
    assert_eq!(collector.column("scope_id"), ["customer-1", "customer-2", ""]);
    let expected = json!({"crud": "d", "description": "not the owner", "actor": {"fields": {"plan": "free"}}});
    assert_eq!(stated(&collector.events[1])["metadata"], expected);
}

#[test]
fn an_answer_of_a_lake_is_read_back_with_what_it_had_set() {
    let collector = read("auditlake", "auditlake.json");
    let expected = json!({
        "event_id": "e-1", "event_time": "2026-03-01T06:00:00.123Z", "event_time_nanos": "456000", "region": "us-east-1",
        "organization": "acme", "source": "auditlake", "action": "role_assign", "category": "role_management",
        "outcome": "success", "actor_id": "ada", "actor_type": "user", "resource_type": "role", "resource_id": "admin",
        "changes": [{"after": "admin", "before": null, "field": "role"}], "source_ip": "192.0.2.60",
        "metadata": {"ticket": "T-1", "exported": {"source": "api", "received_time": "2026-03-01T06:00:02.000Z"}},
    });
    assert_eq!(stated(&collector.events[0]), expected);
    // An id that only an import may give.
    assert_eq!(collector.events[1]["event_id"], "/billing|7f1c");
    assert!(collector.events[1]["raw"].contains("\\\"specversion\\\""));
}

#[test]
fn the_record_is_kept_in_normal_form_without_secrets_or_not_at_all() {
    let collector = read("workos", "workos.ndjson");
    let raw = &collector.events[1]["raw"];
    assert!(raw.starts_with("{\"event\":{\"action\":\"key.rotated\",\"actor\":{\"id\":\"bot_1\""), "{raw}");
    for event in &collector.events {
        assert!(!event.values().any(|text| text.contains("hunter2") || text.contains("abcdef")), "{event:?}");
    }
    let mut context = context();
    context.keep_raw = false;
    let bare = read_as("workos", &fixture_file("shapes/workos.ndjson"), "workos.ndjson", &context);
    assert!(bare.events.iter().all(|event| !event.contains_key("raw")));
    // Nothing is lost without it: each member is a column or in the metadata.
    assert_eq!(bare.column("metadata"), collector.column("metadata"));
}

#[test]
fn the_organization_is_that_of_the_senders_own_name_for_the_tenant() {
    let context = with_accounts(&[("org_01", "one"), ("customer-2", "two"), ("acme", "three")]);
    let organizations = |source: &str, file: &str| {
        let collector = read_as(source, &fixture_file(&format!("shapes/{file}")), file, &context);
        collector.column("organization").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(organizations("workos", "workos.ndjson"), ["acme", "one", "acme"]);
    assert_eq!(organizations("retraced", "retraced.json"), ["acme", "two", "acme"]);
    assert_eq!(organizations("auditlake", "auditlake.json"), ["three", "three"]);
}

#[test]
fn words_that_stand_for_no_address_are_none_and_stay_where_they_stand() {
    let workos = |location: &str| {
        json!({"action": "user.signed_in", "occurred_at": "2026-01-19T10:00:00Z", "actor": {"id": "u", "type": "user"}, "targets": [],
            "context": {"location": location}, "metadata": {"outcome": "failure"}})
    };
    for word in ["unknown", "Unknown", "-", "null", "N/A"] {
        let collector = read_as("workos", workos(word).to_string().as_bytes(), "o", &context());
        let event = only_event(&collector, word);
        assert_columns(&event, &[("source_ip", None), ("outcome", Some("unknown")), ("resource_id", None)], word);
        assert_eq!(json_of(&event, "metadata"), json!({"context": {"location": word}, "outcome": "failure"}));
        let retraced = json!({"action": "a", "crud": "c", "created": "2026-01-19T10:00:00Z", "source_ip": word});
        let event = only_event(&read_as("retraced", retraced.to_string().as_bytes(), "o", &context()), word);
        assert_eq!((event.get("source_ip"), &json_of(&event, "metadata")["source_ip"]), (None, &json!(word)));
    }
    let event = only_event(&read_as("workos", workos("Berlin").to_string().as_bytes(), "o", &context()), "a place");
    assert_eq!(event["source_ip"], "Berlin");
}

#[test]
fn the_audit_log_of_another_product_is_not_taken_for_workos() {
    let other = json!({"id": "d1", "action": "user.logged_in", "actor": {"id": "u", "type": "user", "name": "mara"},
        "target": {"id": "u", "type": "user"}, "payload": {}, "occurred_at": "2026-01-19T10:00:00Z", "success": true,
        "request": {"id": "q", "ip_address": "203.0.113.8"}});
    for stated in [None, by_name("workos")] {
        let mut collector = Collector::default();
        import(other.to_string().as_bytes(), "o", stated, &context(), &mut collector).unwrap();
        assert_eq!((collector.events.len(), collector.quarantined.len()), (0, 1));
    }
    let beside = format!("{}\n{other}\n", fixture_file_text("shapes/workos.ndjson").lines().next().unwrap());
    let collector = read_as("workos", beside.as_bytes(), "o", &context());
    assert_eq!(collector.reasons(), ["no WorkOS event: targets is missing"]);
}

fn fixture_file_text(path: &str) -> String {
    String::from_utf8(fixture_file(path)).unwrap()
}

#[test]
fn a_lake_is_moved_with_every_event_as_it_is() {
    let mut events = Vec::new();
    let mut lines = String::new();
    for number in 0..20 {
        let line = json!({"action": "role_assign", "actor_email": "mara@example.com", "actor_type": "user", "category": "role_management",
            "changes": r#"[{"after":"admin","before":null,"field":"role"}]"#, "event_id": format!("a|{number}/ü"),
            "event_time": "2026-03-01T09:15:00.123Z", "event_time_nanos": 456_789, "http_status": 200,
            "metadata": r#"{"password":"kept","ratio":1.50}"#, "organization": format!("tenant-{number}"), "outcome": "denied",
            "raw": r#"{"token":"[redacted]"}"#, "received_time": "2026-03-01T09:15:01Z", "region": format!("region-{}", number % 3),
            "source": if number % 2 == 0 { "aws.cloudtrail" } else { "api" }});
        events.push(auditlake_event::transport::read_line(&line.to_string()).unwrap());
        // As a lake exports it: what is JSON is not text there.
        let changes = line["changes"].as_str().unwrap();
        let metadata = line["metadata"].as_str().unwrap();
        let mut exported = line.clone();
        exported["changes"] = json!("CHANGES");
        exported["metadata"] = json!("METADATA");
        let exported = exported.to_string().replace("\"CHANGES\"", changes).replace("\"METADATA\"", metadata);
        lines += &format!("{exported}\n");
    }
    let mut moving = context();
    moving.keep_organizations = true;
    moving.keep_raw = false;
    let mut moved = Moved::default();
    import(lines.as_bytes(), "export.ndjson", by_name("auditlake"), &moving, &mut moved).unwrap();
    assert_eq!(moved.refused, Vec::<String>::new());
    assert_eq!(moved.events, events);
    let hashes = |events: &[Event<'_>]| events.iter().map(auditlake_event::canonical::event_hash).collect::<Vec<_>>();
    assert_eq!(hashes(&moved.events), hashes(&events));

    // What a program spooled states no time of receipt: it is taken in now, for the organization that it states.
    for (spooled, expected) in [
        (json!({"event_time": "2026-03-01T09:15:00Z", "action": "a", "organization": "other"}), Ok("other")),
        (json!({"event_time": "2026-03-01T09:15:00Z", "action": "a"}), Err("organization")),
        (
            json!({"event_time": "2026-03-01T09:15:00Z", "action": "a", "received_time": "2026-03-01T09:15:00Z"}),
            Err("organization"),
        ),
    ] {
        let mut moved = Moved::default();
        import(spooled.to_string().as_bytes(), "o", by_name("auditlake"), &moving, &mut moved).unwrap();
        match expected {
            Ok(organization) => assert_eq!(moved.events[0].organization, organization),
            Err(field) => assert!(moved.refused[0].contains(field), "{:?}", moved.refused),
        }
    }
}

#[derive(Default)]
struct Moved {
    events: Vec<Event<'static>>,
    refused: Vec<String>,
}

impl Sink for Moved {
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        self.events.push(event.clone().into_owned());
        Ok(())
    }
    fn quarantined(&mut self, record: &Quarantined<'_>) -> Result<(), SinkError> {
        self.refused.push(record.reason.to_owned());
        Ok(())
    }
    fn set_aside(&mut self, _: &SetAside<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}
