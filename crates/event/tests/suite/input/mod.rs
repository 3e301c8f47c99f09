//! What is posted, and what becomes of it.

use auditlake_event::input::{BodyError, DoorContext, ParsedBody, Shape, parse_body};
use auditlake_event::{Event, Organization, Region, Timestamp};
use serde_json::{Value, json};

mod bodies;
mod columns;
mod fields;
mod identity;
mod large;

fn now() -> Timestamp {
    Timestamp::parse("2026-03-01T12:00:00Z").unwrap()
}

fn with_context<T>(organization: Option<&str>, run: impl FnOnce(DoorContext<'_>) -> T) -> T {
    let region = Region::parse("us-east-1").unwrap();
    let organization = organization.map(|name| Organization::parse(name).unwrap());
    run(DoorContext::api(now(), &region, organization.as_ref()))
}

fn parse_as(
    body: &[u8],
    shape: Shape,
    change: impl FnOnce(&mut DoorContext<'static>),
) -> Result<ParsedBody<'static>, BodyError> {
    let region: &'static Region = Box::leak(Box::new(Region::parse("us-east-1").unwrap()));
    let mut context = DoorContext::api(now(), region, None);
    change(&mut context);
    let body: &'static [u8] = Box::leak(body.to_vec().into_boxed_slice());
    let mut counter = 0;
    let mut random = || {
        counter += 1;
        [counter; 10]
    };
    parse_body(body, shape, &context, &mut random)
}

fn parse(body: impl AsRef<[u8]>) -> Result<ParsedBody<'static>, BodyError> {
    parse_as(body.as_ref(), Shape::Sniff, |_| {})
}

/// A good event with some members replaced or added; a JSON string so that duplicate members are possible.
fn event_with(members: Value) -> Value {
    let mut event =
        json!({"event_id": "e1", "event_time": "2026-03-01T11:59:59Z", "organization": "acme", "action": "login"});
    for (name, value) in members.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

fn errors_of(event: &str) -> Vec<(String, String)> {
    let parsed = parse(event).unwrap();
    assert_eq!(parsed.count, 1);
    assert!(parsed.events.is_empty(), "accepted: {event}");
    parsed.errors.into_iter().map(|error| (error.field, error.detail.into_owned())).collect()
}

fn only_event(body: impl AsRef<[u8]>) -> Event<'static> {
    let parsed = parse(body).unwrap();
    assert_eq!(parsed.errors, []);
    assert_eq!(parsed.events.len(), 1);
    parsed.events.into_iter().next().unwrap()
}
