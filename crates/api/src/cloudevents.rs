//! CloudEvents 1.0 (JSON format, single and batch) as events of ours.
//!
//! `data` is the event; what it does not state comes from the envelope: `event_id` from `id`, `event_time` from `time`, `action`
//! from `type`, `resource_id` from `subject`. The envelope's attributes, extensions included, are kept in `metadata` under
//! `cloudevent`. Data that is no object is kept there too. A CloudEvent is unique by `source` and `id`: an `id` that cannot be an
//! `event_id` becomes a UUIDv5 over both.

use std::borrow::Cow;
use std::collections::BTreeMap;

use auditlake_event::Column;
use auditlake_event::input::FieldError;
use auditlake_event::limits::MAX_EVENT_ID_CHARS;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::problem::Problem;

/// The media type of one CloudEvent.
pub const SINGLE: &str = "application/cloudevents+json";
/// The media type of a batch of them.
pub const BATCH: &str = "application/cloudevents-batch+json";

/// The namespace of ids derived from `source` and `id` (a random UUID, fixed for ever).
const ID_NAMESPACE: Uuid = Uuid::from_u128(0x2f6b_90d4_51c7_4e0a_9b1e_7d35_c8a4_62f1);

/// The member of an event under which its envelope is kept.
const ENVELOPE: &str = "cloudevent";

type Members<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// CloudEvents as a body of ours, and what is wrong with the others.
#[derive(Debug)]
pub struct Converted {
    /// A JSON array of events.
    pub body: Vec<u8>,
    /// Where each of them stood.
    pub indexes: Vec<usize>,
    /// What is wrong with those that are left out.
    pub errors: Vec<FieldError>,
}

fn text<'a>(members: &Members<'a>, name: &str) -> Option<Cow<'a, str>> {
    let raw = members.get(name)?.get();
    // A text without escapes is borrowed, one with them is not.
    serde_json::from_str::<&str>(raw)
        .map(Cow::Borrowed)
        .or_else(|_| serde_json::from_str::<String>(raw).map(Cow::Owned))
        .ok()
}

fn error(index: usize, field: &str, detail: impl Into<Cow<'static, str>>) -> FieldError {
    FieldError { index, field: field.to_owned(), detail: detail.into() }
}

fn event_id(source: &str, id: &str) -> String {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._~:@+=-".contains(&byte);
    if id.len() <= MAX_EVENT_ID_CHARS && id.bytes().all(is_allowed) {
        return id.to_owned();
    }
    Uuid::new_v5(&ID_NAMESPACE, &[source.as_bytes(), &[0], id.as_bytes()].concat()).to_string()
}

fn put(out: &mut Vec<u8>, name: &str, value: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.extend(serde_json::to_vec(name).unwrap_or_default());
    out.push(b':');
    out.extend_from_slice(value.as_bytes());
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Appends the event of one CloudEvent.
fn convert_one(index: usize, raw: &RawValue, out: &mut Vec<u8>) -> Result<(), FieldError> {
    let members: Members<'_> =
        serde_json::from_str(raw.get()).map_err(|_| error(index, "event", "must be a JSON object, a CloudEvent"))?;
    let required = |name: &str| {
        let value = text(&members, name).filter(|value| !value.is_empty());
        value.ok_or_else(|| error(index, name, "is required in a CloudEvent and must be a text"))
    };
    if required("specversion")? != "1.0" {
        return Err(error(index, "specversion", "must be 1.0"));
    }
    let (id, source, kind) = (required("id")?, required("source")?, required("type")?);
    if members.contains_key("data") && members.contains_key("data_base64") {
        return Err(error(index, "data_base64", "must not be stated together with data"));
    }
    let data: Option<Members<'_>> = members.get("data").and_then(|data| serde_json::from_str(data.get()).ok());
    let defaults = [
        (Column::EventId, Some(Cow::Owned(event_id(&source, &id)))),
        (Column::EventTime, text(&members, "time")),
        (Column::Action, Some(kind)),
        (Column::ResourceId, text(&members, "subject")),
    ];
    out.push(b'{');
    let stated = |name: &str| data.as_ref().is_some_and(|data| data.get(name).is_some_and(|value| value.get() != "null"));
    for (column, value) in defaults {
        if let Some(value) = value.filter(|_| !stated(column.name())) {
            put(out, column.name(), &quoted(&value));
        }
    }
    for (name, value) in data.iter().flatten().filter(|(_, value)| value.get() != "null") {
        put(out, name, value.get());
    }
    if !stated(ENVELOPE) {
        let mut envelope = vec![b'{'];
        for (name, value) in &members {
            if name != "specversion" && (name != "data" || data.is_none()) {
                put(&mut envelope, name, value.get());
            }
        }
        envelope.push(b'}');
        put(out, ENVELOPE, &String::from_utf8_lossy(&envelope));
    }
    out.push(b'}');
    Ok(())
}

/// Makes events of a body of CloudEvents. 400 if it is not JSON, or no array where a batch was promised.
pub fn convert(body: &[u8], is_batch: bool) -> Result<Converted, Problem> {
    let malformed = |error: serde_json::Error| Problem::malformed_body(format!("not a body of CloudEvents: {error}"));
    let events: Vec<&RawValue> = if is_batch {
        serde_json::from_slice(body).map_err(malformed)?
    } else {
        vec![serde_json::from_slice(body).map_err(malformed)?]
    };
    let mut converted = Converted { body: Vec::with_capacity(body.len() + 64), indexes: Vec::new(), errors: Vec::new() };
    converted.body.push(b'[');
    for (index, raw) in events.into_iter().enumerate() {
        let start = converted.body.len();
        if !converted.indexes.is_empty() {
            converted.body.push(b',');
        }
        match convert_one(index, raw, &mut converted.body) {
            Ok(()) => converted.indexes.push(index),
            Err(error) => {
                converted.body.truncate(start);
                converted.errors.push(error);
            }
        }
    }
    converted.body.push(b']');
    Ok(converted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn converted(value: &Value) -> (Value, Vec<usize>, Vec<String>) {
        let converted = convert(value.to_string().as_bytes(), value.is_array()).unwrap();
        let fields = converted.errors.iter().map(|error| format!("{}:{}", error.index, error.field)).collect();
        (serde_json::from_slice(&converted.body).unwrap(), converted.indexes, fields)
    }

    fn envelope(more: Value) -> Value {
        let mut event = json!({"specversion": "1.0", "id": "a-1", "source": "/billing", "type": "com.example.role"});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    }

    #[test]
    fn what_data_does_not_state_comes_from_the_envelope() {
        let event = envelope(json!({"time": "2026-03-01T10:00:00Z", "subject": "role/admin", "traceparent": "00-x",
            "data": {"action": "role_assign", "outcome": "success", "actor_id": null}}));
        let (events, indexes, errors) = converted(&event);
        let expected = json!([{
            "event_id": "a-1", "event_time": "2026-03-01T10:00:00Z", "resource_id": "role/admin", "action": "role_assign", "outcome": "success",
            "cloudevent": {"id": "a-1", "source": "/billing", "type": "com.example.role", "time": "2026-03-01T10:00:00Z",
                "subject": "role/admin", "traceparent": "00-x"},
        }]);
        assert_eq!((events, indexes, errors), (expected, vec![0], vec![]));
    }

    #[test]
    fn numbers_stay_as_they_were_sent() {
        let body =
            br#"{"specversion":"1.0","id":"a","source":"s","type":"t","data":{"price":1.10,"big":12345678901234567890123}}"#;
        let converted = String::from_utf8(convert(body, false).unwrap().body).unwrap();
        assert!(converted.contains(r#""price":1.10"#) && converted.contains("12345678901234567890123"), "{converted}");
    }

    #[test]
    fn data_that_is_no_object_is_kept_with_the_envelope() {
        for (name, value) in [("data", json!("text")), ("data", json!([1])), ("data_base64", json!("AAEC"))] {
            let (events, ..) = converted(&envelope(json!({name: value})));
            assert_eq!(events[0]["cloudevent"][name], value);
            assert_eq!(events[0]["action"], "com.example.role");
        }
    }

    #[test]
    fn an_id_that_cannot_be_ours_is_derived_from_source_and_id() {
        let id = |source: &str, id: &str| converted(&envelope(json!({"id": id, "source": source}))).0[0]["event_id"].clone();
        assert_eq!(id("/a", "x y"), id("/a", "x y"));
        assert_ne!(id("/a", "x y"), id("/b", "x y"));
        assert_eq!(id("/a", "x y").as_str().unwrap().len(), 36);
    }

    #[test]
    fn a_bad_one_costs_no_other() {
        let batch = json!([envelope(json!({})), {"id": "x"}, 7, envelope(json!({"id": 5})), envelope(json!({"specversion": "0.3"})),
            envelope(json!({"data": 1, "data_base64": "AA=="})), envelope(json!({"id": "last"}))]);
        let (events, indexes, errors) = converted(&batch);
        assert_eq!((events.as_array().unwrap().len(), indexes), (2, vec![0, 6]));
        assert_eq!(errors, ["1:specversion", "2:event", "3:id", "4:specversion", "5:data_base64"]);
        assert_eq!(convert(b"{", false).unwrap_err().status, 400);
        assert_eq!(convert(b"{}", true).unwrap_err().status, 400);
    }
}
