//! The OpenAPI 3.1 document of the API, at `/openapi.json`. What the code knows is taken from it: columns, filters, enums, limits.

mod examples;
mod schemas;

use std::sync::LazyLock;

use auditlake_query::parameters::CONDITION_PARAMETERS;
use auditlake_query::{Interval, Order};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};
use serde_json::{Map, Value, json};

use self::schemas::reference;

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(document().to_string()));

/// The document as an answer.
pub(crate) fn response() -> Response<Bytes> {
    let mut response = Response::new(DOCUMENT.clone());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

fn body(name: &str) -> Value {
    json!({"application/json": {"schema": reference(name)}})
}

fn parameter(name: &str, place: &str, description: &str, schema: Value) -> Value {
    json!({"name": name, "in": place, "description": description, "required": place == "path", "schema": schema})
}

fn integer(smallest: u64, largest: u64) -> Value {
    json!({"type": "integer", "minimum": smallest, "maximum": largest})
}

fn organization() -> Value {
    parameter(
        "organization",
        "query",
        "Whose log. A tenant's is that of its token; an operator names it.",
        json!({"type": "string", "pattern": schemas::NAME}),
    )
}

fn wait() -> Value {
    parameter("wait", "query", "How long to wait for the answer, in seconds; then 202 with a link.", integer(0, 20))
}

/// The filters of a list: each column filter once to be one of its values, once (with `!`) to be none of them.
fn filters() -> Vec<Value> {
    let moment = json!({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]});
    let mut filters = vec![
        parameter("from", "query", "The earliest event time, inclusive.", moment.clone()),
        parameter("to", "query", "The latest event time, exclusive.", moment),
        parameter("region", "query", "Only this region.", json!({"type": "string", "pattern": schemas::NAME})),
    ];
    for (name, field) in CONDITION_PARAMETERS {
        let values = json!({"type": "array", "minItems": 1, "items": schemas::filter_value(*field)});
        for (name, what) in [((*name).to_owned(), "one of these values"), (format!("{name}!"), "none of these values")] {
            let description = format!("{what}; repeat the parameter for several");
            let mut one = parameter(&name, "query", &description, values.clone());
            one["style"] = json!("form");
            one["explode"] = json!(true);
            filters.push(one);
        }
    }
    let mut metadata = parameter(
        "metadata",
        "query",
        "Members of `metadata`, each a parameter of its own: `metadata.<key>=value`, with `!` to exclude; a dot goes deeper.",
        json!({"type": "object", "additionalProperties": false, "patternProperties": {
            (schemas::METADATA): {"type": "string", "minLength": 1, "maxLength": 2048},
        }}),
    );
    metadata["style"] = json!("form");
    metadata["explode"] = json!(true);
    filters.push(metadata);
    filters
}

/// Problems that any call may answer, and `more`.
fn responses(good: &[(&str, &str, Option<Value>)], more: &[&str]) -> Value {
    let mut responses = Map::new();
    for (status, description, content) in good {
        let mut response = json!({"description": description, "headers": {"x-request-id": {"schema": {"type": "string"}}}});
        if let Some(content) = content {
            response["content"] = content.clone();
        }
        responses.insert((*status).to_owned(), response);
    }
    // 408 to 431 are answered before a handler sees the call, by whichever server stands in front.
    let any = ["400", "401", "403", "404", "405", "408", "413", "414", "421", "429", "431", "500", "503", "default"];
    for status in any.iter().chain(more) {
        responses.insert((*status).to_owned(), json!({"$ref": "#/components/responses/Problem"}));
    }
    for status in ["414", "431"] {
        let description = "The URL or the headers are too long. A problem, or no body where the HTTP server refused them before it read the call.";
        responses.insert(status.to_owned(), json!({ "description": description }));
    }
    Value::Object(responses)
}

fn running() -> (&'static str, &'static str, Option<Value>) {
    ("202", "Still being answered: come back by the link.", Some(body("Running")))
}

const NOT_MODIFIED: (&str, &str, Option<Value>) = ("304", "The same rows as before (`If-None-Match`).", None);

fn reading(id: &str, summary: &str, parameters: Vec<Value>, answers: &str, is_slow: bool) -> Value {
    let mut good = vec![("200", "The answer.", Some(body(answers))), NOT_MODIFIED];
    if is_slow {
        good.push(running());
    }
    json!({
        "operationId": id, "summary": summary, "parameters": parameters,
        "responses": responses(&good, if is_slow { &["410", "422"] } else { &["422"] }),
    })
}

fn post_events() -> Value {
    let one_or_more = json!({"schema": {"oneOf": [
        reference("NewEvent"),
        {"type": "array", "items": reference("NewEvent")},
        {"type": "object", "required": ["events"], "properties": {"events": {"type": "array", "items": reference("NewEvent")}}},
    ]}});
    let cloudevent = json!({"type": "object", "required": ["specversion", "id", "source", "type"], "properties": {
        "specversion": {"const": "1.0"}, "id": {"type": "string"}, "source": {"type": "string"}, "type": {"type": "string"},
    }});
    json!({
        "operationId": "postEvents",
        "summary": "Takes events in; answers after they are durable.",
        "parameters": [parameter("unknown", "query", "Whether members that look like ours, misspelt, refuse an event or are kept in `metadata`.", json!({"enum": ["keep", "refuse"]})), parameter("Idempotency-Key", "header", "The same key and body give events without an id the same ids.", json!({"type": "string", "maxLength": 255}))],
        "requestBody": {"required": true, "content": {
            "application/json": one_or_more,
            "application/x-ndjson": {"schema": {"type": "string", "description": "one event a line"}},
            "application/cloudevents+json": {"schema": cloudevent},
            "application/cloudevents-batch+json": {"schema": {"type": "array", "items": cloudevent}},
        }},
        "responses": responses(&[
            ("202", "All were taken in.", Some(body("Receipts"))),
            ("207", "Some were taken in, the others are named.", Some(body("Receipts"))),
        ], &["408", "413", "415", "422"]),
    })
}

fn exports() -> Value {
    let mut properties = Map::new();
    for filter in filters().into_iter().filter(|filter| filter["name"] != "metadata") {
        let name = filter["name"].as_str().unwrap_or_default().to_owned();
        let schema = filter["schema"].clone();
        let schema = if schema["type"] == "array" { json!({"oneOf": [schema["items"], schema]}) } else { schema };
        properties.insert(name, schema);
    }
    properties.insert("organization".to_owned(), organization()["schema"].clone());
    properties.insert("format".to_owned(), json!({"enum": ["csv", "ndjson", "parquet"]}));
    properties.insert("with_raw".to_owned(), json!({"type": "boolean"}));
    json!({
        "operationId": "startExport",
        "summary": "Starts an export of everything that matches, as files.",
        "requestBody": {"required": true, "content": {"application/json": {"schema": {
            "type": "object", "required": ["format"], "properties": properties, "additionalProperties": false,
            "patternProperties": {(schemas::METADATA): {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}},
        }}}},
        "responses": responses(&[("202", "It runs.", Some(body("Export")))], &["413", "415", "422"]),
    })
}

fn by_id(id: &str, summary: &str, good: &[(&str, &str, Option<Value>)]) -> Value {
    json!({"operationId": id, "summary": summary, "parameters": [organization()], "responses": responses(good, &["410", "422"])})
}

fn paths() -> Value {
    let limit = |largest, what: &str| parameter("limit", "query", what, integer(1, largest));
    let cursor = || {
        parameter("cursor", "query", "`next_cursor` of the page before, with the same filters.", json!({"type": "string"}))
    };
    let mut list = filters();
    list.push(parameter(
        "order",
        "query",
        "`desc`, the newest first (the default), or `asc`.",
        json!({"enum": Order::TEXTS}),
    ));
    list.extend([limit(1_000, "Events on a page (100)."), cursor(), organization(), wait()]);
    let mut stats = filters();
    stats.extend([
        limit(1_000, "Values that are counted apart (10)."),
        parameter("interval", "query", "Length of time buckets.", json!({"enum": Interval::TEXTS})),
        parameter(
            "time_zone",
            "query",
            "Whose days, weeks and months are counted: a name of the IANA database; UTC if none is stated.",
            json!({"type": "string", "examples": ["Europe/Berlin"]}),
        ),
        parameter("group_by", "query", "Column whose values are counted.", schemas::group_by()),
        organization(),
        wait(),
    ]);
    let one = vec![
        parameter(
            "at",
            "query",
            "The event's time: makes it quick, and looks beyond the last 31 days.",
            json!({"type": "string", "format": "date-time"}),
        ),
        parameter("source", "query", "The event's source, where two sources use one id.", json!({"type": "string"})),
        organization(),
        wait(),
    ];
    let id = |what: &str| json!([parameter("id", "path", what, json!({"type": "string", "minLength": 1}))]);
    let gone = ("204", "It is stopped, or had ended.", None);
    json!({
        "/v1/events": {"post": post_events(), "get": reading("listEvents", "Events, newest first or oldest first.", list, "Page", true)},
        "/v1/events/{id}": {
            "parameters": id("The event's id."),
            "get": reading("getEvent", "One event in full, with what changed and the original record.", one, "EventInFull", true),
        },
        "/v1/stats": {"get": reading("countEvents", "Numbers of events, by time and by the values of a column.", stats, "Statistics", true)},
        "/v1/status": {"get": reading("getStatus", "Where the lake stands.", vec![], "Status", false)},
        "/v1/queries/{id}": {
            "parameters": id("The id of a question that takes long."),
            "get": {
                "operationId": "pollQuery", "summary": "The answer to a question that takes long.", "parameters": [organization(), wait()],
                "responses": responses(&[
                    ("200", "What the original call would have answered.", Some(json!({"application/json": {"schema": {"anyOf": [
                        reference("Page"), reference("EventInFull"), reference("Statistics"),
                    ]}}}))),
                    NOT_MODIFIED,
                    running(),
                ], &["410", "422"]),
            },
            "delete": by_id("cancelQuery", "Stops a question.", std::slice::from_ref(&gone)),
        },
        "/v1/exports": {"post": exports()},
        "/v1/exports/{id}": {
            "parameters": id("The export's id."),
            "get": by_id("getExport", "How an export goes, and links to its files, signed anew.", &[("200", "How it goes.", Some(body("Export")))]),
            "delete": by_id("cancelExport", "Cancels an export.", &[gone]),
        },
        "/v1/directory/actors": {
            "get": reading("listActors", "The directory: who an actor_id is.", vec![limit(10_000, "Actors on a page (1,000)."), cursor(), organization()], "Actors", false),
            "put": {
                "operationId": "replaceActors", "summary": "Puts a new directory in the place of the one before.", "parameters": [organization()],
                "requestBody": {"required": true, "content": {
                    "application/json": {"schema": {"oneOf": [
                        {"type": "array", "items": reference("Actor")},
                        {"type": "object", "required": ["actors"], "properties": {"actors": {"type": "array", "items": reference("Actor")}}},
                    ]}},
                    "application/x-ndjson": {"schema": {"type": "string", "description": "one actor a line"}},
                    "text/csv": {"schema": {"type": "string", "description": "a header line with actor_id, email, name"}},
                }},
                "responses": responses(&[("200", "How many there are now.", Some(body("Replaced")))], &["408", "413", "415", "422"]),
            },
        },
        "/openapi.json": {"get": {
            "operationId": "getOpenApi", "summary": "This document.", "security": [],
            "responses": responses(&[("200", "This document.", Some(json!({"application/json": {"schema": {"type": "object"}}})))], &[]),
        }},
    })
}

/// The document.
pub fn document() -> Value {
    let mut paths = paths();
    examples::add(&mut paths);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "auditlake",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Audit events in, questions answered. Errors are RFC 9457 problem details.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"token": []}],
        "servers": [
            {"url": "/", "description": "where this document is served"},
            {"url": "http://127.0.0.1:8787", "description": "auditlake serve, as it listens by default"},
        ],
        "tags": examples::tags(),
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": "Reading needs iam:tenant:iam:audit:read, writing iam:tenant:iam:audit:write. `serve` needs none unless it is given an issuer.",
            }},
            "responses": {"Problem": {"description": "What went wrong.", "content": {"application/problem+json": {
                "schema": reference("Problem"), "example": examples::of_schema("Problem"),
            }}}},
            "schemas": schemas::schemas(),
        },
    })
}
