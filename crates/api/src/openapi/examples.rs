//! An example of each body, a tag of each call.

use serde_json::{Map, Value, json};

const EVENT_ID: &str = "0198c8a4-5b1e-7c3d-9a2f-1e0d3c5b7a90";
const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn event() -> Value {
    json!({
        "event_id": EVENT_ID, "event_time": "2026-03-01T12:00:00.123Z", "received_time": "2026-03-01T12:00:01.004Z",
        "region": "eu-west-1", "organization": "acme", "source": "api", "action": "role_assign", "category": "role_management",
        "outcome": "success", "actor_id": "00u1", "actor_email": "ada@acme.example", "resource_type": "user", "resource_id": "00u2",
        "changes": [{"field": "role", "before": "user", "after": "admin"}], "source_ip": "203.0.113.7",
        "link": format!("/v1/events/{EVENT_ID}?at=2026-03-01T12:00:00.123Z"),
    })
}

fn new_event() -> Value {
    json!({
        "event_id": EVENT_ID, "event_time": "2026-03-01T12:00:00.123Z", "action": "role_assign", "outcome": "success",
        "actor_id": "00u1", "resource_type": "user", "resource_id": "00u2",
    })
}

/// The facts that every answer about events states.
fn facts(more: &Value) -> Value {
    let mut facts = json!({
        "sealed_until": "2026-03-01T12:00:00.000Z", "complete": false, "scanned_bytes": 18_220, "engine_ms": 12, "engine": "scan",
    });
    if let (Some(facts), Some(more)) = (facts.as_object_mut(), more.as_object()) {
        facts.extend(more.clone());
    }
    facts
}

fn export(status: &str, more: &Value) -> Value {
    let mut export = json!({
        "export_id": "AQx…", "status": status, "format": "csv", "link": "/v1/exports/AQx…", "created": "2026-03-01T12:10:00.000Z",
        "expires": "2026-03-02T12:10:00.000Z", "to": "2026-03-01T00:00:00.000Z", "sealed_until": "2026-03-01T12:00:00.000Z",
    });
    if let (Some(export), Some(more)) = (export.as_object_mut(), more.as_object()) {
        export.extend(more.clone());
    }
    export
}

/// An example of a schema's value.
pub(super) fn of_schema(name: &str) -> Option<Value> {
    let files = json!([{"name": "part-0001.csv", "bytes": 1_234_567, "url": "https://files.example/part-0001.csv", "expires": "2026-03-01T13:15:00.000Z"}]);
    Some(match name {
        "Page" => facts(&json!({"events": [event()], "next_cursor": null, "cut": null})),
        "EventInFull" => event(),
        "Statistics" => facts(&json!({
            "group_by": "outcome", "truncated": false, "counts": [{"value": "success", "count": 41}, {"value": "denied", "count": 2}],
        })),
        "Status" => json!({
            "version": env!("CARGO_PKG_VERSION"), "format_version": 1, "schema_version": 1, "created": "2026-01-01T00:00:00.000Z",
            "now": "2026-03-01T12:10:00.000Z", "sealed_until": "2026-03-01T12:00:00.000Z", "lag_seconds": 600,
            "next_seal": "2026-03-01T13:05:00.000Z", "seal_period_seconds": 3_600, "slack_seconds": 300.0, "codec": "snappy",
        }),
        "Running" => json!({
            "query_id": "AQx…", "status": "running", "link": "/v1/queries/AQx…", "expires": "2026-03-01T12:40:00.000Z",
        }),
        "Receipts" => json!({
            "accepted": 1, "refused": 0, "errors": [],
            "receipts": [{"index": 0, "event_id": EVENT_ID, "event_hash": HASH, "link": format!("/v1/events/{EVENT_ID}?at=2026-03-01T12:00:00.123Z")}],
        }),
        "Export" => export("done", &json!({"complete": true, "rows": 5_000, "scanned_bytes": 1_048_576, "files": files})),
        "Actors" => json!({
            "actors": [{"actor_id": "00u1", "email": "ada@acme.example", "name": "Ada Lovelace"}], "total": 1, "next_cursor": null,
        }),
        "Replaced" => json!({"actors": 1}),
        "Problem" => json!({
            "type": "urn:auditlake:problem:invalid-parameter", "title": "A parameter is not valid", "status": 400,
            "detail": "limit: must be a whole number from 1 to 1000", "request_id": EVENT_ID,
            "errors": [{"field": "limit", "detail": "must be a whole number from 1 to 1000"}],
        }),
        _ => return None,
    })
}

/// An example of what a call is sent, by the call and the media type.
fn of_request(operation: &str, media_type: &str) -> Option<Value> {
    let cloudevent = || {
        json!({
            "specversion": "1.0", "id": "e-1", "source": "/orders", "type": "order.cancelled", "time": "2026-03-01T12:00:00Z",
            "data": {"action": "order_cancel", "actor_id": "00u1"},
        })
    };
    Some(match (operation, media_type) {
        ("postEvents", "application/json") => new_event(),
        ("postEvents", "application/x-ndjson") => json!(format!("{}\n{}\n", new_event(), new_event())),
        ("postEvents", "application/cloudevents+json") => cloudevent(),
        ("postEvents", "application/cloudevents-batch+json") => json!([cloudevent()]),
        ("startExport", _) => json!({"format": "csv", "from": "2026-02-01", "to": "2026-03-01", "action": ["role_assign"]}),
        ("replaceActors", "application/json") => {
            json!([{"actor_id": "00u1", "email": "ada@acme.example", "name": "Ada Lovelace"}])
        }
        ("replaceActors", "application/x-ndjson") => json!("{\"actor_id\":\"00u1\",\"email\":\"ada@acme.example\"}\n"),
        ("replaceActors", "text/csv") => json!("actor_id,email,name\n00u1,ada@acme.example,Ada Lovelace\n"),
        _ => return None,
    })
}

fn tag_of(path: &str) -> &'static str {
    match path.split('/').nth(2) {
        Some("events") => "events",
        Some("stats" | "queries") => "questions",
        Some("exports") => "exports",
        Some("directory") => "directory",
        _ => "service",
    }
}

/// The tags of the document.
pub(super) fn tags() -> Value {
    json!([
        {"name": "events", "description": "Events in and out."},
        {"name": "questions", "description": "Counts, and answers that take long."},
        {"name": "exports", "description": "Whole results as files."},
        {"name": "directory", "description": "Who the actors are."},
        {"name": "service", "description": "Where the lake stands, and this document."},
    ])
}

fn schema_name(content: &Value) -> Option<&str> {
    let schema = &content["schema"];
    let reference = schema["$ref"].as_str().or_else(|| schema["anyOf"][0]["$ref"].as_str())?;
    reference.rsplit('/').next()
}

/// Gives every call its tag, and every body that has none an example.
pub(super) fn add(paths: &mut Value) {
    for (path, item) in paths.as_object_mut().into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if !matches!(method.as_str(), "get" | "put" | "post" | "delete") {
                continue;
            }
            operation["tags"] = json!([tag_of(path)]);
            let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
            let contents = operation.pointer_mut("/requestBody/content").and_then(Value::as_object_mut);
            for (media_type, content) in contents.into_iter().flatten() {
                if let Some(example) = of_request(&id, media_type) {
                    content["example"] = example;
                }
            }
            let responses = operation["responses"].as_object_mut();
            for (status, response) in responses.into_iter().flatten() {
                let contents: Option<&mut Map<String, Value>> = response.get_mut("content").and_then(Value::as_object_mut);
                for content in contents.into_iter().flat_map(Map::values_mut) {
                    let name = schema_name(content).map(str::to_owned);
                    let example = match name.as_deref() {
                        Some("Export") if status == "202" => Some(export("running", &json!({}))),
                        Some(name) => of_schema(name),
                        None => Some(json!({"openapi": "3.1.0"})),
                    };
                    if let Some(example) = example {
                        content["example"] = example;
                    }
                }
            }
        }
    }
}
