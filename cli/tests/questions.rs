//! What auditors ask, each in one call of the API, over imported and posted events.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test should say so at once")]

mod common;

use common::{Server, run};
use serde_json::{Value, json};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/sources/tests/fixtures");

struct Asked {
    server: Server,
    _data: tempfile::TempDir,
}

impl Asked {
    /// A server on a lake with an object of each of three sources, and some posted events.
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        for name in ["airbyte/entries.json", "lakefs/server.log", "cloudtrail"] {
            let path = format!("{FIXTURES}/{name}");
            let folder = data.path().to_str().unwrap().to_owned();
            let imported = run(["import", &path, "--data", &folder, "--organization", "acme"]);
            assert_eq!(imported.code, Some(0), "{imported:?}");
        }
        Self { server: Server::start(data.path(), &["--organization", "acme"]), _data: data }
    }

    fn events(&self, question: &str) -> Vec<Value> {
        let (status, page) = self.server.get(&format!("/v1/events?{question}"));
        assert_eq!(status, 200, "{page}");
        assert_eq!(page["next_cursor"], Value::Null, "one call answers it");
        page["events"].as_array().unwrap().clone()
    }
}

fn of<'e>(events: &'e [Value], names: &[&str]) -> Vec<Vec<&'e Value>> {
    events.iter().map(|event| names.iter().map(|name| &event[*name]).collect()).collect()
}

#[test]
fn who_changed_this_role_assignment_from_what_to_what() {
    let asked = Asked::new();
    let found = asked.events("action=updatePermission&resource_id=u-bob&outcome=success&from=2025-06-01&to=2025-07-01");
    assert_eq!(of(&found, &["actor_email", "scope_id"]), [[&json!("ada@example.com"), &json!("o-1")]]);
    assert_eq!(
        found[0]["changes"],
        json!([{"field": "role", "before": "organization_member", "after": "organization_admin"}])
    );
}

#[test]
fn all_failed_permission_checks_of_a_user_in_a_week() {
    let asked = Asked::new();
    let check = |id: &str, time: &str, actor: &str, outcome: &str| {
        json!({"event_id": id, "event_time": time, "action": "permission_check", "category": "permission_check", "outcome": outcome,
            "actor_id": actor, "resource_id": "invoices/7"})
    };
    let posted = json!([
        check("in-time", "2026-03-04T10:00:00Z", "u-7", "denied"),
        check("allowed", "2026-03-04T10:00:01Z", "u-7", "success"),
        check("of-another", "2026-03-04T10:00:02Z", "u-8", "denied"),
        check("earlier", "2026-02-20T10:00:00Z", "u-7", "denied"),
    ]);
    assert_eq!(asked.server.post(&posted).0, 202);
    let found = asked.events("category=permission_check&outcome=denied&actor=u-7&from=2026-03-01&to=2026-03-08");
    assert_eq!(of(&found, &["event_id", "resource_id"]), [[&json!("in-time"), &json!("invoices/7")]]);
}

#[test]
fn everything_one_delegated_role_read_with_addresses() {
    let asked = Asked::new();
    let role = "arn:aws:iam::111122223333:role/partners/vendor-read";
    let found = asked.events(&format!("actor_via={role}&category=data_access"));
    let object = json!("arn:aws:s3:::training-data/images/a b/é+1.jpg");
    assert_eq!(
        of(&found, &["action", "resource_id", "source_ip"]),
        [[&json!("GetObject"), &object, &json!("2001:db8::17")]]
    );
    // And by the key, which also finds the call that gave it out, with the partner's own address.
    let key = found[0]["metadata"]["access_key_id"].as_str().unwrap();
    let with_key = asked.events(&format!("credential={key}"));
    assert_eq!(of(&with_key, &["action", "source_ip"])[1], [&json!("AssumeRole"), &json!("198.51.100.20")]);
    assert_eq!(with_key[1]["metadata"]["external_id"], "vendor-external-7");
}

#[test]
fn which_operation_rewrote_this_path() {
    let asked = Asked::new();
    let found = asked.events("source=lakefs&resource_id=lakefs://weather/main/daily/2026/rain.csv&outcome=success");
    assert_eq!(
        of(&found, &["action", "actor_id", "scope_id"]),
        [[&json!("delete_object"), &json!("loader"), &json!("weather")]]
    );
}

#[test]
fn all_invites_role_and_group_changes_by_resource_type_and_status_in_a_date_range() {
    let asked = Asked::new();
    let change = |id: &str, action: &str, category: &str, kind: &str, outcome: &str| json!({"event_id": id, "event_time": "2026-03-05T09:00:00Z", "action": action, "category": category, "resource_type": kind, "outcome": outcome});
    let posted = json!([
        change("1", "user_invite", "user_management", "user", "success"),
        change("2", "user_invite", "user_management", "user", "failure"),
        change("3", "role_assign", "role_management", "role", "success"),
        change("4", "group_add_member", "group_management", "group", "success"),
        change("5", "login", "authentication", "session", "success"),
    ]);
    assert_eq!(asked.server.post(&posted).0, 202);
    let kinds = "category=user_management&category=role_management&category=group_management";
    let range = "from=2026-03-05&to=2026-03-06";
    let (status, counts) = asked.server.get(&format!("/v1/stats?{kinds}&{range}&group_by=resource_type"));
    assert_eq!(status, 200);
    let counted: Vec<_> =
        counts["counts"].as_array().unwrap().iter().map(|count| (&count["value"], &count["count"])).collect();
    assert_eq!(counted, [(&json!("user"), &json!(2)), (&json!("group"), &json!(1)), (&json!("role"), &json!(1))]);
    let failed = asked.events(&format!("{kinds}&{range}&resource_type=user&outcome=failure"));
    assert_eq!(of(&failed, &["event_id"]), [[&json!("2")]]);
}

#[test]
fn one_event_in_full() {
    let asked = Asked::new();
    let listed = asked.events("action=PutRolePolicy");
    assert_eq!(listed[0].get("raw"), None, "lists leave the original out");
    let (status, event) = asked.server.get(listed[0]["link"].as_str().unwrap());
    assert_eq!(status, 200);
    assert!(event["raw"].as_str().unwrap().contains("\"eventName\":\"PutRolePolicy\""), "{event}");
    assert_eq!(event["changes"][0]["field"], "inline_policy", "{event}");
    for name in ["actor_id", "resource_id", "outcome", "user_agent", "request_id", "metadata"] {
        assert!(event.get(name).is_some(), "{name}: {event}");
    }
}
