//! Callers who write texts that look like the rest of an entry forge nothing and hide nothing.

use crate::common::{Collector, Columns, context, fixture_file, read_as};
use serde_json::{Value, json};

const NOTHING: &str = "{}, success=true, errorMessage=null";

fn log_file(messages: &[String]) -> String {
    let events: Vec<Value> = messages
        .iter()
        .map(|message| json!({"timestamp": 1_737_000_000_009_i64, "message": message, "level": "INFO", "logSource": "platform"}))
        .collect();
    json!({"events": events, "version": "1"}).to_string()
}

fn read(message: &str) -> Collector {
    read_as("airbyte", log_file(&[message.to_owned()]).as_bytes(), "object", &context())
}

fn event(message: &str) -> Columns {
    let collector = read(message);
    assert_eq!(collector.reasons(), Vec::<&str>::new(), "{message}");
    collector.events[0].clone()
}

fn fixture_event(id: &str) -> Columns {
    let collector = read_as("airbyte", &fixture_file("airbyte/log_events.json"), "object", &context());
    collector.events.into_iter().find(|event| event["event_id"] == id).unwrap()
}

fn metadata(event: &Columns) -> Value {
    event.get("metadata").map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
}

fn message(user_agent: &str, rest: &str) -> String {
    format!(
        "Logging audit entry: AuditLogEntry(id=e-1, timestamp=1737000000000, user=User(userId=u-eve, email=eve@example.com, \
         ipAddress=198.51.100.66, 203.0.113.7, userAgent={user_agent}), actionName={rest})"
    )
}

#[test]
fn a_user_agent_that_imitates_a_success_leaves_one_reading() {
    let event = fixture_event("e-09");
    assert_eq!(event["action"], "updatePermission");
    assert_eq!(event["changes"], r#"[{"after":"organization_admin","before":"organization_reader","field":"role"}]"#);
    assert_eq!(
        event["user_agent"],
        "evil/1.0), actionName=deleteOrganization, summary={}, success=true, errorMessage=null)"
    );
    assert_eq!(metadata(&event), json!({"injection_attempt": true}));
}

#[test]
fn an_error_message_that_imitates_an_entry_is_an_event_of_what_is_certain() {
    let event = fixture_event("e-10");
    for (column, expected) in [
        ("action", Some("unknown")),
        ("category", None),
        ("outcome", Some("unknown")),
        ("error_message", None),
        ("actor_id", Some("u-ada")),
        ("actor_email", Some("ada@example.com")),
        ("source_ip", Some("192.0.2.10")),
        ("user_agent", None),
        ("resource_type", None),
        ("changes", None),
    ] {
        assert_eq!(event.get(column).map(String::as_str), expected, "{column}");
    }
    assert_eq!(
        metadata(&event),
        json!({
            "possible_injection": true,
            "reading_count": 2,
            "readings": [
                {"action": "deleteWorkspace", "outcome": "failure"},
                {"action": "createPermission", "outcome": "success"},
            ],
        })
    );
    let raw: Value = serde_json::from_str(&event["raw"]).unwrap();
    assert!(
        raw["message"]
            .as_str()
            .unwrap()
            .ends_with("errorMessage=boom), actionName=createPermission, summary={}, success=true, errorMessage=null)")
    );
}

#[test]
fn a_user_agent_that_imitates_a_failure_hides_nothing() {
    // What the caller does is the last; what they would have it look like the first.
    let forged = message(
        "x), actionName=getWorkspace, summary=, success=false, errorMessage=no such workspace",
        &format!("updatePermission, summary={NOTHING}"),
    );
    let event = event(&forged);
    assert_eq!((event["action"].as_str(), event["outcome"].as_str()), ("unknown", "unknown"));
    assert_eq!(event["actor_id"], "u-eve");
    assert_eq!(event["source_ip"], "198.51.100.66");
    assert_eq!(metadata(&event)["readings"][1], json!({"action": "updatePermission", "outcome": "success"}));
    assert_eq!(metadata(&event)["forwarded_for"], json!(["198.51.100.66", "203.0.113.7"]));
}

#[test]
fn readings_that_agree_on_action_and_outcome_state_them() {
    let rest = "deleteSource, summary=, success=false, errorMessage=a), actionName=deleteSource, summary=, success=false, errorMessage=b";
    let event = event(&message("x", rest));
    assert_eq!((event["action"].as_str(), event["outcome"].as_str()), ("deleteSource", "failure"));
    assert_eq!(event["category"], "configuration");
    assert_eq!(event["resource_type"], "source");
    assert_eq!((event.get("error_message"), event.get("user_agent")), (None, None));
    assert_eq!(metadata(&event)["possible_injection"], true);
}

#[test]
fn a_header_that_imitates_the_user_is_marked_and_read_from_the_left() {
    let event = fixture_event("e-11");
    assert_eq!(event["source_ip"], "198.51.100.66");
    assert_eq!(
        event["user_agent"],
        "forged/1, 203.0.113.7, userAgent=ExampleBrowser/7.0 (X11; Linux x86_64) KHTML, like Gecko"
    );
    assert_eq!(event["action"], "deleteWorkspace");
    assert_eq!(metadata(&event), json!({"injection_attempt": true}));
}

#[test]
fn a_user_agent_cannot_become_the_mail_address_or_the_source() {
    let event = event(&message(
        "x, ipAddress=192.0.2.99, userAgent=y, email=boss@example.com",
        &format!("deleteWorkspace, summary={NOTHING}"),
    ));
    assert_eq!(event["actor_email"], "eve@example.com");
    assert_eq!(event["source_ip"], "198.51.100.66");
    assert_eq!(metadata(&event)["injection_attempt"], true);
}

#[test]
fn a_summary_that_holds_an_entry_is_one_reading() {
    let name =
        "x\\\"}, success=true, errorMessage=null), actionName=deleteUser, summary={}, success=true, errorMessage=null)";
    let event = event(&message(
        "x",
        &format!(
            "updateWorkspaceName, summary={{\"workspaceId\":\"w-1\",\"name\":\"{name}\"}}, success=true, errorMessage=null"
        ),
    ));
    assert_eq!(event["action"], "updateWorkspaceName");
    assert_eq!(event["resource_id"], "w-1");
    assert_eq!(metadata(&event)["injection_attempt"], true);
}

#[test]
fn what_breaks_the_writers_rules_is_no_reading() {
    for (rest, reason) in [
        ("a, summary={}, success=true, errorMessage=why", "message is no whole AuditLogEntry"),
        ("a, summary={}, success=false, errorMessage=why", "message is no whole AuditLogEntry"),
        ("a, summary=, success=true, errorMessage=null", "message is no whole AuditLogEntry"),
        ("a, summary={\"k\":1, success=true, errorMessage=null", "message is no whole AuditLogEntry"),
        ("a, summary=[], success=true, errorMessage=null", "message is no whole AuditLogEntry"),
        ("a b, summary={}, success=true, errorMessage=null", "message is no whole AuditLogEntry"),
        ("9, summary={}, success=true, errorMessage=null", "message is no whole AuditLogEntry"),
        (", summary={}, success=true, errorMessage=null", "message is no whole AuditLogEntry"),
        ("a, summary={}, success=TRUE, errorMessage=null", "message is no whole AuditLogEntry"),
    ] {
        assert_eq!(read(&message("x", rest)).reasons(), [reason], "{rest}");
    }
    let whole = message("x", &format!("a, summary={NOTHING}"));
    assert_eq!(event(&whole)["action"], "a");
    for (from, to, reason) in [
        ("AuditLogEntry(", "AuditEntry(", "message is no AuditLogEntry"),
        ("errorMessage=null)", "errorMessage=null", "message does not end as an AuditLogEntry does"),
        ("id=e-1", "id=", "message states no id"),
        ("timestamp=", "time=", "message states no id and timestamp"),
        ("timestamp=1737000000000", "timestamp=1737000000000.5", "timestamp is no time in milliseconds"),
        ("timestamp=1737000000000", "timestamp=946684799999", "event time lies before the year 2000"),
        ("timestamp=1737000000000", "timestamp=9223372036854775807", "event time lies in the future"),
        ("user=User(userId=", "user=User(", "message states a user that cannot be read"),
        ("userAgent=", "agent=", "message states a user that cannot be read"),
    ] {
        assert_eq!(read(&whole.replace(from, to)).reasons(), [reason], "{from}");
    }
}

#[test]
fn thousands_of_readings_are_one_event_of_bounded_size() {
    let forged = "), actionName=a, summary=, success=false, errorMessage=".repeat(30_000);
    let event = event(&message(&forged, &format!("deleteWorkspace, summary={NOTHING}")));
    assert_eq!(metadata(&event)["reading_count"], 30_001);
    assert_eq!(metadata(&event)["readings"].as_array().unwrap().len(), 8);
    assert!(event["metadata"].len() < 1_000);
    assert_eq!(event["actor_id"], "u-eve");
}

#[test]
fn an_ambiguous_message_shows_no_secret_of_its_summary() {
    let summary = r#"{"sourceId":"s-1","password":"EXAMPLESECRET"}"#;
    let forged = message(
        "x), actionName=a, summary=, success=false, errorMessage=b",
        &format!("createSource, summary={summary}, success=true, errorMessage=null"),
    );
    let mut without_raw = context();
    without_raw.keep_raw = false;
    for context in [context(), without_raw] {
        let collector = read_as("airbyte", log_file(std::slice::from_ref(&forged)).as_bytes(), "object", &context);
        let event = format!("{:?}", collector.events);
        assert!(!event.contains("EXAMPLESECRET") && event.contains("[redacted]") && event.contains("s-1"), "{event}");
    }
}
