//! The view `lakefs_audit` gives back the table that lakeFS documents: the expressions of infra/catalog.py, done by hand here on
//! the events of this source, are the columns they were made of.

use std::path::Path;

use crate::common::{Columns, fixture_file};
use crate::lakefs_support::{metadata, parquet, read, row, rows};
use serde_json::{Value, json};

/// A column of the view: its name, its expression, and what that gives of an event.
type Column = (&'static str, &'static str, fn(&Columns) -> Option<String>);

fn column(event: &Columns, name: &str) -> Option<String> {
    event.get(name).cloned()
}

fn scalar(event: &Columns, key: &str) -> Option<String> {
    metadata(event)[key].as_str().map(str::to_owned)
}

const VIEW: [Column; 10] = [
    ("data_user", "actor_id", |event| column(event, "actor_id")),
    ("data_repository", "json_extract_scalar(metadata, '$.data_repository')", |event| scalar(event, "data_repository")),
    ("data_ref", "json_extract_scalar(metadata, '$.data_ref')", |event| scalar(event, "data_ref")),
    ("data_service_name", "service_name", |event| column(event, "service_name")),
    ("data_request_id", "request_id", |event| column(event, "request_id")),
    ("data_path", "COALESCE(http_path, json_extract_scalar(metadata, '$.path'))", |event| {
        column(event, "http_path").or_else(|| scalar(event, "path"))
    }),
    ("data_operation_id", "json_extract_scalar(metadata, '$.operation_id')", |event| scalar(event, "operation_id")),
    ("data_method", "http_method", |event| column(event, "http_method")),
    // An event time as it is shown has milliseconds and a Z, as the expression makes it.
    (
        "data_time",
        "COALESCE(json_extract_scalar(metadata, '$.data_time'), substr(date_format(event_time, '%Y-%m-%dT%H:%i:%s.%f'), 1, 23) || 'Z')",
        |event| scalar(event, "data_time").or_else(|| column(event, "event_time")),
    ),
    ("data_status_code", "http_status", |event| column(event, "http_status")),
];

fn as_viewed(event: &Columns) -> Value {
    let values = VIEW.iter().filter_map(|(name, _, value)| Some(((*name).to_owned(), json!(value(event)?))));
    let mut row: Value = values.collect::<serde_json::Map<_, _>>().into();
    if let Some(status) = row.get("data_status_code").and_then(Value::as_str) {
        row["data_status_code"] = json!(status.parse::<i32>().unwrap());
    }
    row
}

#[test]
fn the_expressions_are_those_of_the_template() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/catalog.py");
    let script = std::fs::read_to_string(script).unwrap();
    // A text may be written in two pieces.
    let script = script.replace("\"\n                     \"", "");
    for (name, expression, _) in VIEW {
        assert!(script.contains(&format!("\"{name}\": \"{expression}\"")), "{name}");
    }
}

#[test]
fn every_row_comes_back_as_it_was() {
    let mut every = rows();
    every.retain(|row| row["data_operation_id"] != "oauthCallback");
    for fields in [
        json!({"data_time": "2026-03-01 09:15:00"}),
        json!({"data_time": "2026-03-01T09:15:00.000000Z"}),
        json!({"data_path": null, "data_user": null, "data_status_code": null, "data_method": null}),
        json!({"data_service_name": null, "data_ref": "main", "data_repository": "r"}),
        json!({"data_ref": "main", "data_path": "/api/v1/repositories/weather"}),
        json!({"data_operation_id": null, "data_request_id": null}),
    ] {
        let mut row = row(&fields);
        row.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        every.push(row);
    }
    let viewed: Vec<Value> = read(&parquet(&every)).events.iter().map(as_viewed).collect();
    assert_eq!(viewed, every);
}

#[test]
fn a_line_comes_back_as_a_row() {
    let log = fixture_file("lakefs/server.log");
    let viewed: Vec<Value> = read(&log).events.iter().map(as_viewed).collect();
    let lines = String::from_utf8(log).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let expected: Vec<Value> = lines
        .filter(|line| line["msg"] == "HTTP call ended")
        .map(|line| {
            let fields = VIEW
                .iter()
                .filter_map(|(name, ..)| Some(((*name).to_owned(), line.get(name.strip_prefix("data_")?)?.clone())));
            fields.collect::<serde_json::Map<_, _>>().into()
        })
        .collect();
    assert_eq!(viewed, expected);
}

#[test]
fn only_secrets_differ() {
    let row = rows().into_iter().find(|row| row["data_operation_id"] == "oauthCallback").unwrap();
    let viewed = as_viewed(&read(&parquet(std::slice::from_ref(&row))).events[0]);
    let mut expected = row;
    expected["data_path"] = json!("/api/v1/oidc/callback?code=[redacted]&state=xyz");
    assert_eq!(viewed, expected);
}
