//! CloudEvents in binary mode: the attributes in headers `ce-…`, the data as the body
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#31-binary-content-mode>).
//!
//! Such a request is made the CloudEvent in JSON that it stands for, so that both modes are read by one rule.

use auditlake_event::input::FieldError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use percent_encoding::percent_decode;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::problem::Problem;

const PREFIX: &str = "ce-";
/// The attributes that every CloudEvent has. A request with any of them is one.
const REQUIRED: [&str; 4] = ["specversion", "id", "source", "type"];
/// What does not stand in a header, because it is the body.
const NOT_IN_HEADERS: [&str; 2] = ["data", "data_base64"];

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether a request is a CloudEvent in binary mode.
pub fn is_binary_mode(headers: &HeaderMap) -> bool {
    let is_structured = essence(headers).starts_with("application/cloudevents");
    !is_structured && REQUIRED.iter().any(|attribute| headers.contains_key(format!("{PREFIX}{attribute}")))
}

/// The media type of the body, in lower case and without its parameters.
fn essence(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let text = String::from_utf8_lossy(value);
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The CloudEvent in JSON that a request in binary mode stands for; `body` is its data, inflated.
///
/// Fails with 400 if a header is no text or is there twice, or if data of a JSON type is no JSON.
pub fn structured(headers: &HeaderMap, body: &[u8]) -> Result<String, Problem> {
    let mut attributes = Map::new();
    for (header, value) in headers {
        let Some(name) = header.as_str().strip_prefix(PREFIX) else { continue };
        if NOT_IN_HEADERS.contains(&name) {
            let rule = "is no header of a CloudEvent in binary mode: the body is its data";
            return Err(Problem::invalid_parameter(header.as_str(), rule));
        }
        let decoded = decode(value).ok_or_else(|| Problem::invalid_parameter(header.as_str(), "must be UTF-8"))?;
        if attributes.insert(name.to_owned(), Value::String(decoded)).is_some() {
            return Err(Problem::invalid_parameter(header.as_str(), "must be given once"));
        }
    }
    let content_type = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    if let Some(content_type) = content_type.filter(|text| !text.is_empty()) {
        attributes.insert("datacontenttype".to_owned(), Value::String(content_type));
    }
    let data = data(&essence(headers), body)?;
    let mut text = Value::Object(attributes).to_string();
    if let Some((name, json)) = data {
        text.pop();
        text.push_str(if text.len() > 1 { "," } else { "" });
        text.push_str(&format!("\"{name}\":{json}}}"));
    }
    Ok(text)
}

/// The value of an attribute: unquoted if it is a quoted string, then percent-decoded once (section 3.1.3.2).
fn decode(value: &HeaderValue) -> Option<String> {
    let bytes = value.as_bytes().trim_ascii();
    let quoted = bytes.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let bytes = match quoted {
        None => bytes.to_vec(),
        Some(quoted) => {
            let mut unquoted = Vec::with_capacity(quoted.len());
            let mut rest = quoted.iter();
            while let Some(byte) = rest.next() {
                unquoted.push(if *byte == b'\\' { *rest.next().unwrap_or(byte) } else { *byte });
            }
            unquoted
        }
    };
    percent_decode(&bytes).decode_utf8().ok().map(|text| text.into_owned())
}

/// The member of the CloudEvent that holds the body, and its value as JSON: JSON as it is, other texts as texts, bytes as base64.
fn data(essence: &str, body: &[u8]) -> Result<Option<(&'static str, String)>, Problem> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    // Without a type the data is JSON (section 3.1.1 of the JSON format).
    if matches!(essence, "" | "application/json" | "text/json") || essence.ends_with("+json") {
        let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
        let json: &RawValue = serde_json::from_slice(body)
            .map_err(|error| Problem::malformed_body(format!("the data is not JSON: {error}")))?;
        return Ok(Some(("data", json.get().to_owned())));
    }
    Ok(Some(match std::str::from_utf8(body) {
        Ok(text) => ("data", Value::from(text).to_string()),
        Err(_) => ("data_base64", Value::from(STANDARD.encode(body)).to_string()),
    }))
}

/// The errors by the names that such a sender knows: an attribute is its header, a member of the data is one of the body.
pub fn theirs(errors: Vec<FieldError>, headers: &HeaderMap) -> Vec<FieldError> {
    let theirs = |error: FieldError| {
        let header = format!("{PREFIX}{}", error.field);
        let field = match error.field.strip_prefix("data.") {
            Some(member) => member.to_owned(),
            None if headers.contains_key(&header) => header,
            // Those that are missing.
            None if error.field == "time" || REQUIRED.contains(&error.field.as_str()) => header,
            None => error.field,
        };
        FieldError { field, ..error }
    };
    errors.into_iter().map(theirs).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use serde_json::json;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn event(pairs: &[(&'static str, &'static str)], body: &[u8]) -> Value {
        serde_json::from_str(&structured(&headers(pairs), body).unwrap()).unwrap()
    }

    #[test]
    fn a_request_with_a_required_attribute_is_in_binary_mode_unless_its_type_says_structured() {
        assert!(is_binary_mode(&headers(&[("ce-id", "1"), ("content-type", "application/json")])));
        assert!(is_binary_mode(&headers(&[("ce-specversion", "1.0")])));
        assert!(!is_binary_mode(&headers(&[
            ("ce-id", "1"),
            ("content-type", "application/cloudevents+json; charset=utf-8")
        ])));
        assert!(!is_binary_mode(&headers(&[("ce-tracestate", "1"), ("content-type", "application/json")])));
    }

    #[test]
    fn headers_are_decoded_as_the_binding_says() {
        // The first two are the examples of section 3.1.3.2 of the binding.
        for (header, expected) in [
            ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
            ("\"a \\\"quoted\\\" text\"", "a \"quoted\" text"),
            ("%2522", "%22"),
            ("100%", "100%"),
            ("/app", "/app"),
        ] {
            assert_eq!(event(&[("ce-id", header)], b""), json!({"id": expected}), "{header}");
        }
        let raw = HeaderMap::from_iter([(
            HeaderName::from_static("ce-subject"),
            HeaderValue::from_bytes("Zoë".as_bytes()).unwrap(),
        )]);
        assert_eq!(structured(&raw, b"").unwrap(), r#"{"subject":"Zoë"}"#);
        let latin =
            HeaderMap::from_iter([(HeaderName::from_static("ce-subject"), HeaderValue::from_bytes(b"Zo\xeb").unwrap())]);
        assert_eq!(structured(&latin, b"").unwrap_err().status, 400);
        assert_eq!(structured(&headers(&[("ce-id", "%ff")]), b"").unwrap_err().status, 400);
    }

    #[test]
    fn the_body_is_the_data_and_its_type_the_datas() {
        let binary =
            [("ce-id", "1"), ("ce-traceparent", "00-x"), ("content-type", "application/vnd.acme+json; charset=utf-8")];
        let number = event(&binary, b"\xef\xbb\xbf {\"n\": 1} ");
        assert_eq!(
            number,
            json!({"id": "1", "traceparent": "00-x", "datacontenttype": "application/vnd.acme+json; charset=utf-8", "data": {"n": 1}})
        );
        assert_eq!(structured(&headers(&[("ce-id", "1")]), b"1.50").unwrap(), r#"{"id":"1","data":1.50}"#);
        let text = [("ce-id", "1"), ("content-type", "text/plain")];
        assert_eq!(event(&text, b"a \"b\"")["data"], "a \"b\"");
        assert_eq!(event(&text, b"\xff\x00")["data_base64"], "/wA=");
        assert_eq!(event(&[("ce-id", "1")], b" "), json!({"id": "1"}));
    }

    #[test]
    fn data_cannot_close_the_envelope_and_what_is_doubled_is_refused() {
        for body in [r#"{}},"id":"2""#, r#"1,"id":"2""#, "{", "\"\u{1}\""] {
            assert_eq!(structured(&headers(&[("ce-id", "1")]), body.as_bytes()).unwrap_err().status, 400, "{body}");
        }
        let mut twice = headers(&[("ce-id", "1")]);
        twice.append("ce-id", HeaderValue::from_static("2"));
        assert_eq!(structured(&twice, b"").unwrap_err().status, 400);
        for name in ["ce-data", "ce-data_base64"] {
            assert_eq!(structured(&headers(&[("ce-id", "1"), (name, "x")]), b"").unwrap_err().status, 400, "{name}");
        }
    }

    #[test]
    fn errors_name_the_header_or_the_member_of_the_body() {
        let error = |field: &str| FieldError { index: 0, field: field.to_owned(), detail: "x".into() };
        let fields = ["time", "subject", "data.actor_id", "event", "organization"].map(error).to_vec();
        let named = theirs(fields, &headers(&[("ce-subject", "x")]));
        let named: Vec<&str> = named.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(named, ["ce-time", "ce-subject", "actor_id", "event", "organization"]);
    }
}
