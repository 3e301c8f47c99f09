//! What becomes of a request: who, what, when, where and how it ended, by the table and by the log.

use crate::common::{Collector, Columns, context, fixture_file, read_as};
use crate::lakefs_support::{event_of, metadata, parquet, read, read_with, row, rows};
use auditlake_event::Organization;
use auditlake_sources::{Position, SetAsideKind};
use serde_json::{Value, json};

/// Asserts every column that is stated here, and that the listed ones are null.
fn assert_columns(event: &Columns, expected: &[(&str, &str)], absent: &[&str]) {
    for (column, value) in expected {
        assert_eq!(event.get(column).map(String::as_str), Some(*value), "{column} of {event:#?}");
    }
    for column in absent {
        assert_eq!(event.get(column), None, "{column}");
    }
}

const NEVER_IN_A_ROW: [&str; 9] = [
    "error_code",
    "error_message",
    "actor_name",
    "actor_email",
    "actor_via",
    "changes",
    "source_ip",
    "user_agent",
    "event_time_nanos",
];

fn fixture_events() -> Vec<Columns> {
    let collector = read(&parquet(&rows()));
    assert_eq!(collector.reasons(), Vec::<&str>::new());
    assert_eq!(collector.events.len(), 10);
    collector.events
}

#[test]
fn a_rest_read_of_an_object_is_known_by_its_path() {
    let event = &fixture_events()[0];
    let path = "/api/v1/repositories/weather/refs/main/objects?path=daily%2F2026%2Frain%20fall.csv&presign=false";
    assert_columns(
        event,
        &[
            ("event_id", "0a6c1f6e-52a4-4b7e-9d10-1f6a2b3c4d01"),
            ("event_time", "2026-03-01T09:15:00.266Z"),
            ("region", "eu-west-1"),
            ("organization", "acme"),
            ("source", "lakefs"),
            ("action", "get_object"),
            ("category", "data_access"),
            ("outcome", "success"),
            ("actor_id", "idp|7c1e55"),
            ("resource_type", "lakefs:object"),
            ("resource_id", "lakefs://weather/main/daily/2026/rain fall.csv"),
            ("resource_name", "daily/2026/rain fall.csv"),
            ("scope_type", "repository"),
            ("scope_id", "weather"),
            ("service_name", "rest_api"),
            ("request_id", "0a6c1f6e-52a4-4b7e-9d10-1f6a2b3c4d01"),
            ("http_method", "GET"),
            ("http_path", path),
            ("http_status", "200"),
        ],
        &[&NEVER_IN_A_ROW[..], &["actor_type"]].concat(),
    );
    assert_eq!(metadata(event), json!({"operation_id": "getObject", "ref": "main", "path": "daily/2026/rain fall.csv"}));
    let raw: Value = serde_json::from_str(&event["raw"]).unwrap();
    assert_eq!(raw, rows()[0]);
}

#[test]
fn an_object_operation_of_the_gateway_has_the_objects_path_for_its_path() {
    let events = fixture_events();
    assert_columns(
        &events[1],
        &[
            ("action", "put_object"),
            ("resource_type", "lakefs:object"),
            ("resource_id", "lakefs://weather/staging/daily/2026/größe 100%.parquet"),
            ("resource_name", "daily/2026/größe 100%.parquet"),
            ("scope_id", "weather"),
            ("service_name", "s3_gateway"),
            ("event_time", "2026-03-01T09:15:01.500Z"),
        ],
        &["http_path"],
    );
    assert_eq!(
        metadata(&events[1]),
        json!({
            "operation_id": "put_object", "ref": "staging", "path": "daily/2026/größe 100%.parquet",
            "data_repository": "weather", "data_ref": "staging", "data_time": "2026-03-01T09:15:01.5Z",
        })
    );
    // An object may be called like a path of the REST API.
    assert_columns(
        &events[9],
        &[("resource_id", "lakefs://weather/main//api/v1/repositories/other/branches/x"), ("scope_id", "weather")],
        &["http_path"],
    );
}

#[test]
fn a_bucket_operation_of_the_gateway_keeps_its_uri() {
    let event = &fixture_events()[5];
    assert_columns(
        event,
        &[
            ("action", "list_objects"),
            ("resource_type", "lakefs:repository"),
            ("resource_id", "lakefs://weather"),
            ("http_path", "/weather?list-type=2&prefix=main%2Fdaily%2F"),
        ],
        &[],
    );
    assert_eq!(
        metadata(event),
        json!({"operation_id": "list_objects", "prefix": "main/daily/", "data_repository": "weather"})
    );
}

#[test]
fn a_request_of_nobody_is_anonymous() {
    let event = &fixture_events()[2];
    assert_columns(
        event,
        &[
            ("actor_type", "anonymous"),
            ("action", "login"),
            ("category", "authentication"),
            ("outcome", "denied"),
            ("http_status", "401"),
        ],
        &["actor_id", "scope_type", "scope_id", "resource_type", "resource_id"],
    );
    assert_eq!(event_of(&json!({"data_user": ""}))["actor_type"], "anonymous");
}

#[test]
fn a_line_that_lacks_the_user_says_nothing_about_who_called() {
    let line = |members: Value| {
        let mut line = json!({"level": "info", "log_audit": true, "method": "PUT", "msg": "HTTP call ended", "path": "/r/main/a.txt",
            "request_id": "q-1", "service_name": "s3_gateway", "source_ip": "[2001:db8::7]:5123", "status_code": 403,
            "time": "2022-12-20T10:00:01+02:00"});
        line.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        event_of_line(&line)
    };
    let old = line(json!({}));
    assert_columns(
        &old,
        &[
            ("action", "http_put"),
            ("outcome", "denied"),
            ("http_path", "/r/main/a.txt"),
            ("source_ip", "2001:db8::7"),
            ("event_time", "2022-12-20T08:00:01.000Z"),
        ],
        &["actor_id", "actor_type"],
    );
    assert_columns(&line(json!({"user": ""})), &[("actor_type", "anonymous")], &["actor_id"]);
    assert_columns(&line(json!({"user": "unknown", "client": "-"})), &[], &["actor_id", "actor_type", "user_agent"]);
    let other_message = line(json!({"msg": "request served", "user": "mara", "operation_id": "PutObject"}));
    assert_columns(&other_message, &[("action", "put_object"), ("actor_id", "mara")], &["actor_type"]);
}

fn event_of_line(line: &Value) -> crate::common::Columns {
    let collector = read(line.to_string().as_bytes());
    assert_eq!((collector.reasons(), collector.events.len()), (vec![], 1), "{line}");
    collector.events[0].clone()
}

#[test]
fn a_merge_names_both_sides_and_a_conflict_is_a_failure() {
    let event = &fixture_events()[3];
    assert_columns(
        event,
        &[
            ("action", "merge_into_branch"),
            ("outcome", "failure"),
            ("resource_type", "lakefs:branch"),
            ("resource_id", "lakefs://weather/main"),
            ("resource_name", "main"),
            ("event_time", "2026-03-01T09:15:03.123Z"),
            ("event_time_nanos", "456000"),
        ],
        &[],
    );
    assert_eq!(
        metadata(event),
        json!({
            "operation_id": "mergeIntoBranch", "ref": "main", "source_ref": "staging",
            "data_time": "2026-03-01T10:15:03.123456+01:00",
        })
    );
}

#[test]
fn operations_fold_to_snake_case_and_keep_their_name() {
    let event = &fixture_events()[4];
    assert_columns(event, &[("action", "create_commit_record"), ("resource_type", "lakefs:repository")], &[]);
    assert_eq!(metadata(event)["operation_id"], "CreateCommitRecord");
}

#[test]
fn who_may_do_what_is_role_management_of_the_user_it_concerns() {
    let event = &fixture_events()[6];
    assert_columns(
        event,
        &[("category", "role_management"), ("resource_type", "lakefs:user"), ("resource_id", "ana@example.com")],
        &["scope_id"],
    );
    assert_eq!(metadata(event), json!({"operation_id": "attachPolicyToUser", "policy_id": "FSFullAccess"}));
}

#[test]
fn the_status_decides_the_outcome() {
    for (status, outcome) in [
        (200, "success"),
        (302, "success"),
        (401, "denied"),
        (403, "denied"),
        (404, "failure"),
        (412, "failure"),
        (500, "failure"),
        (0, "unknown"),
    ] {
        let event = event_of(&json!({"data_status_code": status}));
        assert_columns(&event, &[("outcome", outcome), ("http_status", &status.to_string())], &[]);
    }
    assert_columns(&event_of(&json!({"data_status_code": null})), &[("outcome", "unknown")], &["http_status"]);
}

#[test]
fn every_kind_of_path_names_its_resource() {
    let in_repository = "/api/v1/repositories/weather";
    for (path, kind, id) in [
        ("/branches/dev/objects?path=a%2Bb%26c", "lakefs:object", "lakefs://weather/dev/a+b&c"),
        ("/branches/dev/objects/copy?dest_path=x/y", "lakefs:object", "lakefs://weather/dev/x/y"),
        ("/branches/dev/staging/backing?path=x", "lakefs:object", "lakefs://weather/dev/x"),
        ("/branches/dev/staging/pmpu/up1/parts/3?path=x+y", "lakefs:object", "lakefs://weather/dev/x y"),
        ("/branches/dev/objects/delete", "lakefs:branch", "lakefs://weather/dev"),
        ("/branches/dev/objects?path=", "lakefs:branch", "lakefs://weather/dev"),
        ("/branches/dev/hard_reset?ref=abc", "lakefs:branch", "lakefs://weather/dev"),
        ("/branches", "lakefs:repository", "lakefs://weather"),
        ("/branches/", "lakefs:repository", "lakefs://weather"),
        ("/refs/main~2/objects/stat?path=p", "lakefs:object", "lakefs://weather/main~2/p"),
        ("/refs/main/objects/ls?prefix=p&path=", "lakefs:ref", "lakefs://weather/main"),
        ("/refs/main/commits", "lakefs:ref", "lakefs://weather/main"),
        ("/refs/a/diff/b", "lakefs:ref", "lakefs://weather/a"),
        ("/refs/main/symlink", "lakefs:branch", "lakefs://weather/main"),
        ("/refs/dump", "lakefs:repository", "lakefs://weather"),
        ("/refs/dump/commits", "lakefs:ref", "lakefs://weather/dump"),
        ("/tags/v1.0", "lakefs:tag", "lakefs://weather/v1.0"),
        ("/commits/7f3a", "lakefs:commit", "lakefs://weather/7f3a"),
        ("/pulls/pr-9/merge", "lakefs:pull_request", "pr-9"),
        ("/actions/runs/run7/hooks", "lakefs:action_run", "run7"),
        ("/settings/branch_protection", "lakefs:repository", "lakefs://weather"),
        ("", "lakefs:repository", "lakefs://weather"),
        ("?force=true", "lakefs:repository", "lakefs://weather"),
    ] {
        let event = event_of(&json!({"data_path": format!("{in_repository}{path}")}));
        assert_columns(&event, &[("resource_type", kind), ("resource_id", id), ("scope_id", "weather")], &[]);
    }
    for (path, kind, id) in [
        ("/api/v1/auth/users/ana", "lakefs:user", "ana"),
        ("/api/v1/auth/users/ana/credentials/AKIAEXAMPLE0001", "lakefs:credentials", "AKIAEXAMPLE0001"),
        ("/api/v1/auth/groups/readers/members/ana", "lakefs:group", "readers"),
        ("/api/v1/auth/policies/ReadAll", "lakefs:policy", "ReadAll"),
        ("https://lakefs.example.com/api/v1/auth/policies/ReadAll?x", "lakefs:policy", "ReadAll"),
    ] {
        assert_columns(
            &event_of(&json!({"data_path": path})),
            &[("resource_type", kind), ("resource_id", id)],
            &["scope_id"],
        );
    }
    for path in
        ["/api/v1/auth/users", "/api/v1/repositories", "/api/v1/repositories//branches/x", "/", "", "weather", "/api/v2/x"]
    {
        assert_columns(&event_of(&json!({"data_path": path})), &[], &["resource_type", "resource_id", "scope_id"]);
    }
    let related = |path: &str| metadata(&event_of(&json!({"data_path": path})));
    assert_eq!(related("/api/v1/auth/groups/g/members/ana")["member_id"], "ana");
    assert_eq!(related("/api/v1/auth/groups/g/policies/p")["policy_id"], "p");
    assert_eq!(related("/api/v1/auth/users/ana/credentials/k")["user_id"], "ana");
    assert_eq!(related("/api/v1/repositories/weather/refs/a/diff/b")["right_ref"], "b");
}

#[test]
fn what_a_row_of_the_rest_api_states_counts_before_its_path() {
    let event =
        event_of(&json!({"data_repository": "stated", "data_ref": "r1", "data_path": "/api/v1/repositories/weather"}));
    assert_columns(
        &event,
        &[("scope_id", "stated"), ("resource_type", "lakefs:ref"), ("resource_id", "lakefs://stated/r1")],
        &[],
    );
}

#[test]
fn a_request_without_an_operation_is_called_by_its_method() {
    assert_columns(&event_of(&json!({"data_operation_id": null})), &[("action", "http_get"), ("category", "other")], &[]);
}

#[test]
fn the_organization_is_found_by_the_objects_name() {
    let mut context = context();
    let organization = |name: &str| Organization::parse(name).unwrap();
    context.account_organizations.insert("acme-cloud".to_owned(), organization("acme-lake"));
    context.account_organizations.insert("org-exact".to_owned(), organization("exact"));
    let object = parquet(&[row(&json!({}))]);
    for (folder, expected) in
        [("org-acme-cloud", "acme-lake"), ("org-exact", "exact"), ("org-other", "acme"), ("acme-cloud", "acme-lake")]
    {
        let name =
            format!("etl/v1/data/region=us-east-1/organization={folder}/year=2026/month=03/day=01/hour=09/a-snappy.parquet");
        let collector = read_as("lakefs", &object, &name, &context);
        let event = &collector.events[0];
        assert_columns(event, &[("organization", expected), ("region", "eu-west-1")], &[]);
        let metadata = metadata(event);
        assert_eq!((&metadata["lakefs_region"], &metadata["lakefs_organization"]), (&json!("us-east-1"), &json!(folder)));
    }
}

fn log() -> Collector {
    read(&fixture_file("lakefs/server.log"))
}

#[test]
fn log_lines_tell_where_from_and_the_servers_other_lines_are_set_aside() {
    let collector = log();
    assert_eq!(collector.reasons(), Vec::<&str>::new());
    assert_eq!(collector.set_aside.iter().map(|(kind, ..)| *kind).collect::<Vec<_>>(), [SetAsideKind::NotAudit; 2]);
    assert_eq!(collector.set_aside[0].1, Position::default());
    assert_eq!(collector.events.len(), 4);
    assert_columns(
        &collector.events[0],
        &[
            ("event_id", "1b7d2a7f-63b5-4c8f-8e21-2a7b3c4d5e01"),
            ("event_time", "2026-03-01T09:20:00.000Z"),
            ("action", "commit"),
            ("category", "data_access"),
            ("outcome", "success"),
            ("actor_id", "ana@example.com"),
            ("resource_type", "lakefs:branch"),
            ("resource_id", "lakefs://weather/main"),
            ("scope_id", "weather"),
            ("source_ip", "192.0.2.10"),
            ("user_agent", "weather-sync/2.4 (linux)"),
            ("service_name", "rest_api"),
            ("request_id", "1b7d2a7f-63b5-4c8f-8e21-2a7b3c4d5e01"),
            ("http_method", "POST"),
            ("http_path", "/api/v1/repositories/weather/branches/main/commits"),
            ("http_status", "201"),
        ],
        &["actor_email", "error_code"],
    );
    assert_eq!(
        metadata(&collector.events[0]),
        json!({
            "operation_id": "commit", "ref": "main", "data_time": "2026-03-01T09:20:00Z", "host": "lakefs.example.com",
            "log_audit": true, "sent_bytes": 412, "took": 18250417, "source_ip_is_peer": true, "source_port": 51824,
        })
    );
}

#[test]
fn a_line_of_the_gateway_names_its_object() {
    let event = &log().events[1];
    assert_columns(
        event,
        &[
            ("resource_id", "lakefs://weather/main/daily/2026/rain.csv"),
            ("source_ip", "2001:db8::5"),
            ("event_time", "2026-03-01T09:20:01.000Z"),
        ],
        &["http_path"],
    );
    assert_eq!(metadata(event)["matched_host"], true);
}

#[test]
fn a_line_of_open_source_has_less_and_an_id_of_its_content() {
    let event = &log().events[2];
    assert_columns(
        event,
        &[("resource_type", "lakefs:tag"), ("outcome", "failure"), ("source_ip", "198.51.100.7")],
        &["request_id", "service_name", "user_agent"],
    );
    assert_eq!(event["event_id"].len(), 36);
    assert_eq!(event["event_id"].as_bytes()[14], b'5', "a UUID of version 5");
}

#[test]
fn without_raw_nothing_is_lost() {
    let mut context = context();
    context.keep_raw = false;
    let collector = read_with(&fixture_file("lakefs/server.log"), &context);
    let event = &collector.events[0];
    assert_columns(event, &[], &["raw"]);
    assert_eq!(
        metadata(event)["rest"],
        json!({"file": "httputil/logging.go:1", "func": "pkg/httputil.log", "level": "info"})
    );
}
