//! Events in shapes of others, posted: what becomes of each member, by hand from the shapes' own documentation.

use auditlake_event::input::{BodyError, DoorContext, ParsedBody, Shape, parse_body};
use auditlake_event::{Event, Organization, Region, Timestamp};
use serde_json::{Value, json};

mod batches;
mod cloudevents;
mod mapping;
mod properties;

/// The id of [`retraced`]: uuid5(UUID("2f6b90d4-51c7-4e0a-9b1e-7d35c8a462f1"), "g1\0ext-1") of Python's uuid module.
const RETRACED_ID: &str = "cd1fe5d6-334d-56a4-9bab-43dab9e7138a";

fn read(body: &[u8], shape: Shape, organization: Option<&str>) -> Result<ParsedBody<'static>, BodyError> {
    let region: &'static Region = Box::leak(Box::new(Region::parse("us-east-1").unwrap()));
    let organization = organization.map(|name| Organization::parse(name).unwrap());
    let organization: Option<&'static Organization> = organization.map(|name| &*Box::leak(Box::new(name)));
    let context = DoorContext::api(Timestamp::parse("2026-03-01T12:00:00Z").unwrap(), region, organization);
    let body: &'static [u8] = Box::leak(body.to_vec().into_boxed_slice());
    let mut counter = 0;
    parse_body(body, shape, &context, &mut || {
        counter += 1;
        [counter; 10]
    })
}

fn post(body: &Value) -> ParsedBody<'static> {
    read(body.to_string().as_bytes(), Shape::Sniff, Some("acme")).unwrap()
}

fn only(parsed: ParsedBody<'static>) -> Event<'static> {
    assert_eq!(parsed.errors, []);
    assert_eq!(parsed.events.len(), 1);
    parsed.events.into_iter().next().unwrap()
}

fn posted(body: &Value) -> Event<'static> {
    only(post(body))
}

fn cloudevent(body: &Value) -> Event<'static> {
    only(read(body.to_string().as_bytes(), Shape::CloudEvent, Some("acme")).unwrap())
}

fn errors(parsed: &ParsedBody<'_>) -> Vec<(usize, String, String)> {
    parsed.errors.iter().map(|error| (error.index, error.field.clone(), error.detail.clone().into_owned())).collect()
}

/// The only error of an event.
fn refused(body: &Value) -> (String, String) {
    let parsed = post(body);
    assert!(parsed.events.is_empty(), "accepted: {body}");
    let [(0, field, detail)] = &errors(&parsed)[..] else { panic!("{:?}", parsed.errors) };
    (field.clone(), detail.clone())
}

fn metadata(event: &Event<'_>) -> Value {
    event.metadata.as_deref().map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
}

fn with(mut base: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    base.pointer_mut(parent).unwrap()[name] = value;
    base
}

fn text<'e>(column: &'e Option<std::borrow::Cow<'_, str>>) -> &'e str {
    column.as_deref().unwrap_or("-")
}

fn workos() -> Value {
    json!({
        "action": "document.shared", "occurred_at": "2026-03-01T10:00:00.123456Z", "version": 2,
        "actor": {"id": "user_7", "name": "Ada Byron", "type": "user", "metadata": {"role": "owner"}},
        "targets": [
            {"id": "doc_1", "name": "Plan", "type": "document"},
            {"id": "team_2", "type": "team", "metadata": {"size": 4}},
        ],
        "context": {"location": "192.0.2.17", "user_agent": "Chrome/104.0"},
        "metadata": {"ticket": "T-9", "price": 1.5, "urgent": true},
    })
}

fn retraced() -> Value {
    json!({
        "action": "spreadsheet.create", "crud": "c", "created": "2026-03-01T10:00:00Z", "external_id": "ext-1",
        "group": {"id": "g1", "name": "Customers"},
        "actor": {"id": "u1", "name": "ada@example.com", "href": "https://example.com/u1", "fields": {"plan": "pro"}},
        "target": {"id": "s1", "name": "Budget", "type": "spreadsheet", "href": "https://example.com/s1", "fields": {"a": "b"}},
        "source_ip": "192.0.2.30", "description": "made a sheet", "is_anonymous": false, "is_failure": false,
        "fields": {"cells": "10"}, "component": "sheets", "version": "v2", "metadata": {"trace": "t1"},
    })
}

fn envelope(more: &Value) -> Value {
    let mut event = json!({"specversion": "1.0", "id": "a-1", "source": "/billing", "type": "com.example.role"});
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}
