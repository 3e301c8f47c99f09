//! The document's schemas.

use auditlake_event::columns::ColumnKind;
use auditlake_event::{ActorType, Category, Column, Outcome};
use auditlake_query::{Field, GroupBy, Interval};
use serde_json::{Map, Value, json};

/// A reference to a schema of the document.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// What names of organizations and regions look like.
pub(super) const NAME: &str = "^[a-z0-9][a-z0-9_-]{0,62}$";

/// What the name of a member of `metadata` looks like as a parameter.
pub(super) const METADATA: &str = "^metadata\\..{1,96}$";

/// What is counted by.
pub(super) fn group_by() -> Value {
    json!({"anyOf": [{"enum": GroupBy::COLUMNS}, {"type": "string", "pattern": METADATA}]})
}

/// A value of a filter.
pub(super) fn filter_value(field: Field) -> Value {
    match field {
        Field::Category => json!({"enum": Category::TEXTS}),
        Field::Outcome => json!({"enum": Outcome::TEXTS}),
        Field::HttpStatus => json!({"type": "integer", "minimum": 100, "maximum": 999}),
        _ => json!({"type": "string", "minLength": 1, "maxLength": 2048}),
    }
}

fn moment() -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn column(column: Column) -> Value {
    match (column, column.kind()) {
        (Column::Category, _) => json!({"enum": Category::TEXTS}),
        (Column::Outcome, _) => json!({"enum": Outcome::TEXTS}),
        (Column::ActorType, _) => json!({"enum": ActorType::TEXTS}),
        (Column::Changes, _) => json!({"type": "array", "items": reference("Change")}),
        (Column::Metadata, _) => json!({"type": "object"}),
        (_, ColumnKind::Text) => json!({"type": "string"}),
        (_, ColumnKind::Time) => moment(),
        (_, ColumnKind::Int32) => json!({"type": "integer"}),
    }
}

/// What an answer about an event holds: the columns that are not null.
fn event(more: Value) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for of_event in Column::ALL.iter().filter(|column| **column != Column::SealTime) {
        properties.insert(of_event.name().to_owned(), column(*of_event));
        if !of_event.nullable() {
            required.push(of_event.name());
        }
    }
    properties.insert("actor_directory".to_owned(), reference("KnownAs"));
    properties.insert("link".to_owned(), json!({"type": "string", "description": "where this event is read in full"}));
    if let Value::Object(more) = more {
        properties.extend(more);
    }
    json!({"type": "object", "required": required, "properties": properties})
}

/// What is posted: members that are no column are kept in `metadata`.
fn new_event() -> Value {
    let mut properties = Map::new();
    let decided_here = [Column::SealTime, Column::ReceivedTime, Column::Source, Column::Raw, Column::EventTimeNanos];
    for of_event in Column::ALL.iter().filter(|column| !decided_here.contains(column)) {
        properties.insert(of_event.name().to_owned(), column(*of_event));
    }
    let text = json!({"type": "string", "minLength": 1});
    properties.insert("action".to_owned(), text);
    properties.insert(
        "event_id".to_owned(),
        json!({"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z0-9._~:@+=-]+$"}),
    );
    properties.insert("organization".to_owned(), json!({"type": "string", "pattern": NAME}));
    properties.insert("region".to_owned(), json!({"type": "string", "pattern": NAME}));
    json!({"type": "object", "required": ["action", "event_time"], "properties": properties})
}

fn truth(more: Value) -> Value {
    let mut properties = Map::from_iter([
        ("sealed_until".to_owned(), moment()),
        ("complete".to_owned(), json!({"type": "boolean", "description": "only a late event can change the answer"})),
        ("scanned_bytes".to_owned(), json!({"type": "integer", "minimum": 0})),
        ("engine_ms".to_owned(), json!({"type": "integer", "minimum": 0})),
        ("billed_bytes".to_owned(), json!({"type": "integer", "minimum": 0})),
        ("cost_usd".to_owned(), json!({"type": "number", "minimum": 0})),
        ("reused_result".to_owned(), json!({"type": "boolean"})),
        ("unreadable_objects".to_owned(), json!({"type": "integer", "minimum": 0})),
        ("engine".to_owned(), json!({"type": "string"})),
    ]);
    if let Value::Object(more) = more {
        properties.extend(more);
    }
    Value::Object(properties)
}

fn object(required: &[&str], properties: Value) -> Value {
    json!({"type": "object", "required": required, "properties": properties})
}

/// Every schema by name.
pub(super) fn schemas() -> Value {
    let text = || json!({"type": "string"});
    let number = || json!({"type": "integer", "minimum": 0});
    let list = |name: &str| json!({"type": "array", "items": reference(name)});
    let field_error = object(&["detail"], json!({"index": number(), "field": text(), "detail": text()}));
    json!({
        "Change": object(&["field"], json!({"field": text(), "before": {}, "after": {}})),
        "KnownAs": object(&[], json!({"email": text(), "name": text()})),
        "Event": event(json!({})),
        "EventInFull": event(json!({"same_id": {"type": "array", "items": text(), "description": "links to others of this id"}})),
        "NewEvent": new_event(),
        "Receipt": object(&["index", "event_id", "event_hash", "link"], json!({
            "index": number(), "event_id": text(), "event_hash": {"type": "string", "pattern": "^[0-9a-f]{64}$"}, "link": text(),
        })),
        "FieldError": field_error,
        "Receipts": object(&["accepted", "refused", "receipts", "errors"], json!({
            "accepted": number(), "refused": number(), "receipts": list("Receipt"), "errors": list("FieldError"),
        })),
        "Page": object(&["events", "next_cursor", "sealed_until", "complete", "scanned_bytes", "engine"], truth(json!({
            "events": list("Event"),
            "next_cursor": {"type": ["string", "null"], "description": "of the next page; null on the last"},
            "cut": {"enum": ["limit", "page_size", null], "description": "why the page ends before everything was given out"},
        }))),
        "Count": object(&["value", "count"], json!({
            "time": moment(), "value": {"type": ["string", "null"]}, "count": number(), "actor_directory": reference("KnownAs"),
        })),
        "Statistics": object(&["counts", "truncated", "sealed_until", "complete", "scanned_bytes", "engine"], truth(json!({
            "interval": {"enum": Interval::TEXTS}, "time_zone": text(), "group_by": group_by(), "counts": list("Count"),
            "truncated": {"type": "boolean", "description": "values beyond the limit are left out"},
        }))),
        "Status": object(&["version", "format_version", "schema_version", "created", "now", "sealed_until", "lag_seconds", "next_seal"], json!({
            "version": text(), "format_version": number(), "schema_version": number(), "created": moment(), "now": moment(),
            "sealed_until": moment(), "lag_seconds": {"type": "integer"}, "next_seal": moment(), "seal_period_seconds": number(),
            "slack_seconds": {"type": "number"}, "codec": {"enum": ["snappy", "zstd"]}, "held_up": reference("HeldUp"),
            "server": reference("ServerStatus"),
        })),
        "HeldUp": object(&["since", "reason", "help"], json!({
            "key": text(), "since": moment(), "reason": text(), "help": text(),
        })),
        "ServerStatus": object(&["tasks", "caches"], json!({
            "tasks": {"type": "array", "items": object(&["name", "state", "failures", "restarts"], json!({
                "name": {"enum": ["seal", "landing"]}, "state": {"enum": ["running", "failing", "waiting_for_clock"]},
                "failures": number(), "restarts": number(),
            }))},
            "memory_bytes": number(),
            "caches": {"type": "array", "items": object(&["name", "bytes", "budget_bytes"], json!({
                "name": text(), "bytes": number(), "budget_bytes": number(),
            }))},
        })),
        "Running": object(&["query_id", "status", "link", "expires"], json!({
            "query_id": text(), "status": {"const": "running"}, "link": text(), "expires": moment(),
        })),
        "ExportFile": object(&["name", "bytes", "url", "expires"], json!({"name": text(), "bytes": number(), "url": text(), "expires": moment()})),
        "Export": object(&["export_id", "status", "format", "link", "created", "expires", "to", "sealed_until"], json!({
            "export_id": text(), "status": {"enum": ["running", "done", "failed", "cancelled"]}, "format": {"enum": ["csv", "ndjson", "parquet"]},
            "link": text(), "created": moment(), "expires": moment(), "to": moment(), "sealed_until": moment(),
            "complete": {"type": "boolean"}, "files": list("ExportFile"), "rows": number(), "scanned_bytes": number(), "unreadable_objects": number(),
            "error": object(&["type", "title", "detail"], json!({"type": text(), "title": text(), "detail": text()})),
        })),
        "Actor": object(&["actor_id"], json!({
            "actor_id": {"type": "string", "minLength": 1, "maxLength": 2048}, "email": {"type": "string", "maxLength": 2048}, "name": {"type": "string", "maxLength": 2048},
        })),
        "Actors": object(&["actors", "total", "next_cursor"], json!({"actors": list("Actor"), "total": number(), "next_cursor": {"type": ["string", "null"]}})),
        "Replaced": object(&["actors"], json!({"actors": number()})),
        "Problem": object(&["type", "title", "status", "detail", "request_id"], json!({
            "type": {"type": "string", "description": "`urn:auditlake:problem:<kind>`; docs/problems.md has a section for each kind"},
            "title": text(), "status": {"type": "integer"}, "detail": text(), "request_id": text(),
            "accepted": number(), "refused": number(), "errors": list("FieldError"),
        })),
    })
}
