//! Events on their way between two functions: lines of JSON that lose nothing.
//!
//! A line is the event's canonical form with `received_time` as one more member. What is read back is the same event: same id,
//! same hash, same columns. Texts were normalised at the door and are not judged again, but a line that breaks a rule of the
//! model (a name, an enumeration, a range) is refused: it was not written by us.

use std::borrow::Cow;

use serde::Deserialize;

use crate::canonical::write_canonical;
use crate::model::{ActorType, Category, Event, Outcome};
use crate::name::{Organization, Region};
use crate::time::Timestamp;

/// Why a line is no event.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Not the JSON of an event, or with a column that this version does not know.
    #[error("is not the JSON of an event: {0}")]
    Json(#[from] serde_json::Error),
    /// A column breaks a rule of the model.
    #[error("`{column}` {rule}")]
    Column {
        /// The column.
        column: &'static str,
        /// The rule.
        rule: String,
    },
}

/// Appends the line of an event, with its line feed.
pub fn write_line(event: &Event<'_>, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
    write_canonical(event, scratch);
    out.extend_from_slice(scratch.strip_suffix(b"}").unwrap_or(scratch));
    out.extend_from_slice(b",\"received_time\":\"");
    match event.received_time.rfc3339_bytes() {
        Some(bytes) => out.extend_from_slice(&bytes),
        None => out.extend_from_slice(event.received_time.to_string().as_bytes()),
    }
    out.extend_from_slice(b"\"}\n");
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    event_id: String,
    event_time: Timestamp,
    event_time_nanos: Option<i32>,
    received_time: Timestamp,
    region: String,
    organization: String,
    source: String,
    action: String,
    category: Option<String>,
    outcome: String,
    error_code: Option<String>,
    error_message: Option<String>,
    actor_id: Option<String>,
    actor_type: Option<String>,
    actor_name: Option<String>,
    actor_email: Option<String>,
    actor_via: Option<String>,
    resource_type: Option<String>,
    resource_id: Option<String>,
    resource_name: Option<String>,
    scope_type: Option<String>,
    scope_id: Option<String>,
    changes: Option<String>,
    source_ip: Option<String>,
    user_agent: Option<String>,
    service_name: Option<String>,
    request_id: Option<String>,
    http_method: Option<String>,
    http_path: Option<String>,
    http_status: Option<i32>,
    metadata: Option<String>,
    raw: Option<String>,
}

fn one_of<T>(column: &'static str, text: &str, parse: fn(&str) -> Option<T>) -> Result<T, TransportError> {
    parse(text).ok_or_else(|| TransportError::Column { column, rule: "is none of the values of its list".to_owned() })
}

/// Reads a line back. A line feed at its end does not matter.
pub fn read_line(line: &str) -> Result<Event<'static>, TransportError> {
    let line: Line = serde_json::from_str(line)?;
    let name_error =
        |column: &'static str, error: crate::name::InvalidName| TransportError::Column { column, rule: error.to_string() };
    Region::validate(&line.region).map_err(|error| name_error("region", error))?;
    Organization::validate(&line.organization).map_err(|error| name_error("organization", error))?;
    for (column, text) in [("event_id", &line.event_id), ("source", &line.source), ("action", &line.action)] {
        if text.is_empty() {
            return Err(TransportError::Column { column, rule: "must not be empty".to_owned() });
        }
    }
    if line.event_time_nanos.is_some_and(|nanos| !(0..=999_999).contains(&nanos)) {
        return Err(TransportError::Column { column: "event_time_nanos", rule: "must lie in 0 to 999999".to_owned() });
    }
    let category = line.category.as_deref().map(|text| one_of("category", text, Category::parse)).transpose()?;
    let actor_type = line.actor_type.as_deref().map(|text| one_of("actor_type", text, ActorType::parse)).transpose()?;
    Ok(Event {
        event_id: Cow::Owned(line.event_id),
        event_time: line.event_time,
        event_time_nanos: line.event_time_nanos,
        received_time: line.received_time,
        region: Cow::Owned(line.region),
        organization: Cow::Owned(line.organization),
        source: Cow::Owned(line.source),
        action: Cow::Owned(line.action),
        category,
        outcome: one_of("outcome", &line.outcome, Outcome::parse)?,
        error_code: line.error_code.map(Cow::Owned),
        error_message: line.error_message.map(Cow::Owned),
        actor_id: line.actor_id.map(Cow::Owned),
        actor_type,
        actor_name: line.actor_name.map(Cow::Owned),
        actor_email: line.actor_email.map(Cow::Owned),
        actor_via: line.actor_via.map(Cow::Owned),
        resource_type: line.resource_type.map(Cow::Owned),
        resource_id: line.resource_id.map(Cow::Owned),
        resource_name: line.resource_name.map(Cow::Owned),
        scope_type: line.scope_type.map(Cow::Owned),
        scope_id: line.scope_id.map(Cow::Owned),
        changes: line.changes.map(Cow::Owned),
        source_ip: line.source_ip.map(Cow::Owned),
        user_agent: line.user_agent.map(Cow::Owned),
        service_name: line.service_name.map(Cow::Owned),
        request_id: line.request_id.map(Cow::Owned),
        http_method: line.http_method.map(Cow::Owned),
        http_path: line.http_path.map(Cow::Owned),
        http_status: line.http_status,
        metadata: line.metadata.map(Cow::Owned),
        raw: line.raw.map(Cow::Owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{DoorContext, Shape, parse_body};

    /// Every column that a client can state, with texts that need escapes.
    const FULL: &str = r#"{"event_id":"e-1","event_time":"2026-03-01T11:59:58.123456+02:00","organization":"acme","region":"eu-west-1",
        "action":"role_assign","category":"role_management","outcome":"denied","error_code":"E\"1","error_message":"line\nbreak \u0001",
        "actor_id":"u-1","actor_type":"user","actor_name":"Zoë 🦀","actor_email":"z@example.com","actor_via":"arn:x","resource_type":"role",
        "resource_id":"r\\1","resource_name":"n","scope_type":"workspace","scope_id":"w","changes":[{"field":"a","before":1,"after":[2]}],
        "source_ip":"2001:DB8::1","user_agent":"curl","service_name":"s","request_id":"q","http_method":"PUT","http_path":"/x?y=1",
        "http_status":403,"metadata":{"k":{"deep":[null,true]}}}"#;

    fn events(body: &str) -> Vec<Event<'_>> {
        let region = Region::parse("us-east-1").unwrap();
        let received = Timestamp::parse("2026-03-01T12:00:00.007Z").unwrap();
        let context = DoorContext::api(received, &region, None);
        let parsed = parse_body(body.as_bytes(), Shape::Json, &context, &mut || [7; 10]).unwrap();
        assert!(parsed.errors.is_empty(), "{:?}", parsed.errors);
        parsed.events.into_iter().map(Event::into_owned).collect()
    }

    fn line_of(event: &Event<'_>) -> String {
        let mut out = Vec::new();
        write_line(event, &mut Vec::new(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_event_comes_back_as_it_went() {
        let least = r#"{"event_time":"2026-03-01T11:59:58Z","organization":"acme","action":"x"}"#;
        for body in [FULL, least] {
            for event in events(body) {
                let line = line_of(&event);
                assert_eq!(line.matches('\n').count(), 1, "a line is a line");
                assert_eq!(read_line(&line).unwrap(), event);
            }
        }
        let mut imported = events(FULL).remove(0);
        imported.raw = Some("{\"original\":\u{7f}}".into());
        assert_eq!(read_line(&line_of(&imported)).unwrap(), imported);
    }

    #[test]
    fn lines_that_we_did_not_write_are_refused_with_their_column() {
        let good = line_of(&events(FULL)[0]);
        for (from, to, column) in [
            ("\"organization\":\"acme\"", "\"organization\":\"../x\"", "organization"),
            ("\"region\":\"eu-west-1\"", "\"region\":\"\"", "region"),
            ("\"outcome\":\"denied\"", "\"outcome\":\"maybe\"", "outcome"),
            ("\"event_time_nanos\":456000", "\"event_time_nanos\":1000000", "event_time_nanos"),
            ("\"action\":\"role_assign\"", "\"action\":\"\"", "action"),
        ] {
            let bad = good.replace(from, to);
            assert_ne!(bad, good, "{from}");
            assert!(read_line(&bad).unwrap_err().to_string().contains(column), "{column}");
        }
        let newer = good.replace("{\"action\"", "{\"a_newer_column\":1,\"action\"");
        assert!(read_line(&newer).unwrap_err().to_string().contains("a_newer_column"));
        assert!(read_line(&good[..good.len() / 2]).is_err());
    }
}
