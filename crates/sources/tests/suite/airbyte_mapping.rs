//! The traps of Airbyte's audit log, with the columns a person expects of each. The expected values were written by hand from
//! Airbyte's source (the interceptor that writes the entries, its providers, its API).

use crate::common::{Collector, Columns, context, fixture_file, read_as};
use auditlake_event::Organization;
use auditlake_sources::SetAsideKind;
use serde_json::{Value, json};

const BROWSER: &str = "ExampleBrowser/7.0 (X11; Linux x86_64) KHTML, like Gecko";

fn read(name: &str) -> Collector {
    read_as("airbyte", &fixture_file(&format!("airbyte/{name}.json")), "object", &context())
}

/// The event of an id; the fixture's file by the id's first letter.
fn event(id: &str) -> Columns {
    let file = match &id[..1] {
        "a" => "entries",
        "b" => "single_entry",
        "c" => "entries_with_organization",
        _ => "log_events",
    };
    read(file).events.into_iter().find(|event| event["event_id"] == id).unwrap()
}

fn metadata(event: &Columns) -> Value {
    event.get("metadata").map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
}

/// Columns as expected; `None`: null.
fn assert_columns(id: &str, expected: &[(&str, Option<&str>)]) {
    let event = event(id);
    for (column, value) in expected {
        assert_eq!(event.get(column).map(String::as_str), *value, "{id}: {column}");
    }
}

#[test]
fn every_record_of_a_file_is_accounted_for() {
    let log = read("log_events");
    assert_eq!((log.events.len(), log.quarantined.len(), log.set_aside.len()), (13, 1, 1));
    assert_eq!(log.set_aside[0].0, SetAsideKind::NotAudit);
    assert_eq!(log.reasons(), ["message is no whole AuditLogEntry"]);
    for (file, events) in [("entries", 18), ("entries_with_organization", 4), ("single_entry", 1), ("bare_list", 1)] {
        let collector = read(file);
        assert_eq!((collector.events.len(), collector.reasons()), (events, vec![]), "{file}");
        assert!(collector.set_aside.is_empty());
    }
}

#[test]
fn a_permission_changed_names_both_users_the_scope_and_both_roles() {
    let expected = [
        ("event_time", Some("2025-01-16T04:00:00.000Z")),
        ("event_time_nanos", None),
        ("organization", Some("acme")),
        ("source", Some("airbyte")),
        ("action", Some("updatePermission")),
        ("category", Some("role_management")),
        ("outcome", Some("success")),
        ("error_message", None),
        ("actor_id", Some("u-ada")),
        ("actor_type", Some("user")),
        ("actor_email", Some("ada@example.com")),
        ("resource_type", Some("user")),
        ("resource_id", Some("u-bob")),
        ("resource_name", None),
        ("scope_type", Some("organization")),
        ("scope_id", Some("o-1")),
        ("changes", Some(r#"[{"after":"organization_admin","before":"organization_member","field":"role"}]"#)),
        ("source_ip", Some("192.0.2.10")),
        ("user_agent", Some(BROWSER)),
        ("metadata", None),
    ];
    assert_columns("e-00", &expected);
    // The same sentence in the newer shape, where the e-mail address is known.
    let same: Vec<_> =
        expected.into_iter().filter(|(column, _)| !["event_time", "resource_name"].contains(column)).collect();
    assert_columns("a-00", &same);
    assert_columns("a-00", &[("resource_name", Some("bob@example.com"))]);
    assert_columns("a-00", &[("event_time", Some("2025-06-15T15:06:40.000Z"))]);
}

#[test]
fn a_permission_given_had_no_role_before_and_one_taken_has_none_after() {
    assert_columns(
        "e-01",
        &[
            ("changes", Some(r#"[{"after":"instance_admin","before":null,"field":"role"}]"#)),
            ("scope_type", Some("instance")),
            ("scope_id", None),
        ],
    );
    assert_columns("e-02", &[("changes", Some(r#"[{"after":null,"before":"workspace_reader","field":"role"}]"#))]);
    // The response holds it where a permission is created.
    assert_columns(
        "a-01",
        &[
            ("changes", Some(r#"[{"after":"workspace_editor","before":null,"field":"role"}]"#)),
            ("resource_id", Some("u-bob")),
            ("scope_type", Some("workspace")),
            ("scope_id", Some("w-1")),
        ],
    );
    // Kotlin's `null` as text: the permission is no user's.
    assert_columns("a-02", &[("resource_type", Some("permission")), ("resource_id", None), ("scope_id", Some("w-1"))]);
}

#[test]
fn the_first_forwarded_address_is_the_source_and_the_list_is_kept() {
    assert_columns("e-01", &[("source_ip", Some("203.0.113.7")), ("user_agent", Some(BROWSER))]);
    assert_eq!(metadata(&event("e-01")), json!({"forwarded_for": ["203.0.113.7", "198.51.100.4"]}));
    assert_columns("a-01", &[("source_ip", Some("2001:db8::7"))]);
    assert_eq!(metadata(&event("a-01")), json!({"forwarded_for": ["[2001:DB8::7]:4433", "203.0.113.7"]}));
}

#[test]
fn what_is_unknown_or_null_is_not_there() {
    assert_columns(
        "e-03",
        &[
            ("actor_id", Some("u-cy")),
            ("actor_type", Some("user")),
            ("actor_email", None),
            ("source_ip", None),
            ("user_agent", None),
        ],
    );
    for id in ["a-07", "a-08", "e-08"] {
        let nobody = ["actor_id", "actor_type", "actor_email", "source_ip", "user_agent"].map(|column| (column, None));
        assert_columns(id, &nobody);
        assert_columns(id, &[("outcome", Some("success"))]);
    }
}

#[test]
fn an_administrator_of_the_instance_is_airbyte_support_and_no_certain_person() {
    assert_columns(
        "a-16",
        &[
            ("actor_id", Some("Airbyte Support")),
            ("actor_type", None),
            ("source_ip", None),
            ("category", Some("authentication")),
            ("resource_type", Some("scim_config")),
            ("resource_id", Some("o-1")),
            ("scope_type", Some("organization")),
        ],
    );
}

#[test]
fn a_failure_keeps_its_message_whatever_stands_in_it() {
    assert_columns(
        "e-04",
        &[
            ("outcome", Some("failure")),
            ("error_message", Some("Could not find it: 0f1e, (deleted,\nmaybe)")),
            ("changes", None),
            ("resource_type", Some("permission")),
            ("resource_id", None),
        ],
    );
    assert_columns("e-05", &[("outcome", Some("failure")), ("error_message", None), ("resource_type", Some("source"))]);
}

#[test]
fn only_a_forbidden_problem_is_denied_and_what_was_asked_for_is_kept() {
    assert_columns("a-03", &[("outcome", Some("denied")), ("changes", None), ("resource_id", Some("u-bob"))]);
    assert_eq!(metadata(&event("a-03")), json!({"requested_role": "organization_admin"}));
    assert_columns(
        "a-04",
        &[("outcome", Some("denied")), ("resource_type", Some("workspace")), ("resource_name", Some("ops"))],
    );
    // The words further back may be a caller's.
    assert_columns("a-05", &[("outcome", Some("failure"))]);
}

#[test]
fn a_summary_ends_where_its_json_ends() {
    assert_columns(
        "e-06",
        &[
            ("outcome", Some("success")),
            ("resource_type", Some("workspace")),
            ("resource_id", Some("w-1")),
            ("resource_name", Some("A, \"B\" (c) } ), success=true, errorMessage=null)")),
            ("changes", Some(r#"[{"after":"A, \"B\" (c) } ), success=true, errorMessage=null)","field":"name"}]"#)),
            ("category", Some("configuration")),
        ],
    );
    assert_eq!(metadata(&event("e-06")), json!({"related": {"organizationId": "o-1"}}));
}

#[test]
fn masks_are_no_statement() {
    assert_columns(
        "e-07",
        &[
            ("resource_type", Some("source")),
            ("resource_id", Some("s-1")),
            ("resource_name", None),
            ("scope_id", Some("w-1")),
            ("changes", None),
        ],
    );
    assert_columns("e-12", &[("changes", None), ("resource_id", Some("u-bob"))]);
}

#[test]
fn requests_and_responses_are_read_as_objects_as_json_in_strings_and_kept_as_texts() {
    assert_columns("a-06", &[("resource_id", Some("w-2")), ("scope_type", Some("workspace")), ("scope_id", Some("w-2"))]);
    assert_columns(
        "a-09",
        &[
            ("resource_type", Some("organization")),
            ("resource_id", Some("o-2")),
            ("resource_name", Some("Example")),
            ("scope_type", Some("organization")),
        ],
    );
    assert_columns("a-12", &[("resource_type", Some("destination")), ("resource_id", None), ("scope_type", None)]);
    let raw: Value = serde_json::from_str(&event("a-12")["raw"]).unwrap();
    assert_eq!(raw["request"], "<request object>");
    assert_columns("b-00", &[("resource_type", Some("destination")), ("resource_id", Some("d-5"))]);
}

#[test]
fn group_members_and_group_permissions_are_changes_of_the_group() {
    assert_columns(
        "a-13",
        &[
            ("category", Some("group_management")),
            ("resource_type", Some("group")),
            ("resource_id", Some("g-1")),
            ("changes", Some(r#"[{"after":"u-bob","field":"member"}]"#)),
        ],
    );
    assert_eq!(metadata(&event("a-13")), json!({"related": {"memberId": "m-1", "userId": "u-bob"}}));
    assert_columns("a-14", &[("changes", Some(r#"[{"after":null,"before":"u-bob","field":"member"}]"#))]);
    assert_columns(
        "a-15",
        &[
            ("category", Some("role_management")),
            ("resource_type", Some("group")),
            ("resource_id", Some("g-1")),
            ("scope_type", Some("workspace")),
            ("scope_id", Some("w-1")),
            ("changes", Some(r#"[{"after":"workspace_admin","field":"role"}]"#)),
        ],
    );
}

#[test]
fn operations_and_members_of_tomorrow_are_kept() {
    assert_columns("a-17", &[("action", Some("inventTomorrow")), ("category", Some("other")), ("resource_type", None)]);
    let event = event("a-17");
    assert_eq!(event["metadata"], r#"{"related":{"sourceId":"s-1"},"rest":{"aFieldOfTomorrow":{"a":[1.50]}}}"#);
}

#[test]
fn a_member_that_only_the_other_shape_has_is_kept_as_unknown() {
    let mut log: Value = serde_json::from_slice(&fixture_file("airbyte/log_events.json")).unwrap();
    log["events"][0]["workspaceId"] = json!("w-9");
    let event = read_as("airbyte", log.to_string().as_bytes(), "object", &context()).events.remove(0);
    assert_eq!(metadata(&event), json!({"rest": {"workspaceId": "w-9"}}));
    let mut entries: Value = serde_json::from_slice(&fixture_file("airbyte/entries.json")).unwrap();
    entries[0]["message"] = json!("hello");
    entries[0]["success"] = json!("perhaps");
    let event = read_as("airbyte", entries.to_string().as_bytes(), "object", &context()).events.remove(0);
    assert_eq!(metadata(&event), json!({"rest": {"message": "hello", "success": "perhaps"}}));
}

#[test]
fn the_organization_is_the_entrys_and_the_scope_the_narrowest_that_is_stated() {
    assert_columns(
        "c-00",
        &[
            ("scope_type", Some("organization")),
            ("scope_id", Some("o-1")),
            ("resource_type", Some("sso_config")),
            ("category", Some("configuration")),
        ],
    );
    assert_columns("c-01", &[("scope_type", Some("workspace")), ("scope_id", Some("w-7"))]);
    assert_eq!(metadata(&event("c-01")), json!({"organization_id": "o-1"}));
    assert_columns("c-02", &[("scope_type", Some("organization")), ("scope_id", Some("o-1"))]);
    assert_eq!(metadata(&event("c-02")), json!({"workspace_id": "w-7"}));
    assert_columns(
        "c-03",
        &[("resource_id", Some("w-7")), ("changes", Some(r#"[{"after":"o-3","field":"organization_id"}]"#))],
    );

    let mut context = context();
    for (id, organization) in [("o-1", "first"), ("o-2", "second"), ("o-3", "third"), ("o-9", "ninth")] {
        context.account_organizations.insert(id.to_owned(), Organization::parse(organization).unwrap());
    }
    let read = |name: &str| read_as("airbyte", &fixture_file(&format!("airbyte/{name}.json")), "object", &context);
    assert_eq!(read("entries_with_organization").column("organization"), ["first", "first", "first", "third"]);
    let organization = |id: &str| {
        let events = [read("entries").events, read("log_events").events].concat();
        events.into_iter().find(|event| event["event_id"] == id).unwrap()["organization"].clone()
    };
    assert_eq!(organization("e-00"), "first", "the scope of the permission");
    assert_eq!(organization("a-09"), "second", "the response");
    // What failed may have named an organization that is not the caller's.
    assert_eq!(organization("a-04"), "acme");
    assert_eq!(organization("a-03"), "acme");
}

#[test]
fn secrets_are_in_no_column_with_and_without_raw() {
    let mut without_raw = context();
    without_raw.keep_raw = false;
    for name in ["entries", "log_events"] {
        let object = fixture_file(&format!("airbyte/{name}.json"));
        assert!(String::from_utf8_lossy(&object).contains("EXAMPLESECRET"));
        for context in [context(), without_raw.clone()] {
            for event in read_as("airbyte", &object, "object", &context).events {
                assert!(!format!("{event:?}").contains("EXAMPLESECRET"), "{event:?}");
            }
        }
    }
    let raw: Value = serde_json::from_str(&event("a-10")["raw"]).unwrap();
    assert_eq!(
        raw["request"]["connectionConfiguration"],
        json!({"host": "db.example.com", "password": "[redacted]", "ssl": true, "tunnel": {"ssh_key": "[redacted]"}})
    );
    assert_eq!(raw["response"], r#"{"connectionConfiguration":{"api_token":"[redacted]"},"name":"shop","sourceId":"s-2"}"#);
    assert_columns("a-11", &[("error_message", Some(r#"cannot read {"password":"[redacted]", "x":1"#))]);
    assert!(event("e-07")["raw"].contains(r#"\"my_api_key\":\"[redacted]\""#));
}

#[test]
fn without_raw_nothing_of_the_record_is_lost() {
    let mut context = context();
    context.keep_raw = false;
    let events = |name: &str| read_as("airbyte", &fixture_file(&format!("airbyte/{name}.json")), "object", &context).events;
    let entry = metadata(&events("entries")[13]);
    assert_eq!(entry["rest"]["request"], json!({"groupId": "g-1", "userId": "u-bob"}));
    assert_eq!(entry["rest"]["actor"]["userAgent"], BROWSER);
    let log_event = metadata(&events("log_events")[0]);
    assert_eq!(log_event["rest"]["logSource"], "platform");
    assert!(log_event["rest"]["message"].as_str().unwrap().starts_with("Logging audit entry: AuditLogEntry(id=e-00, "));
}

#[test]
fn the_sample_of_the_documentation_is_read_without_its_braces() {
    let bare = read("bare_list");
    assert_eq!(bare.events, read("log_events").events[..1]);
}
