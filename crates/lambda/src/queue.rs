//! The queue between `ingest` and `land`: what a message looks like.
//!
//! A message is one batch as it was accepted: `{"format":1,"events":n,"sha256":"…","payload":"…"}`. The payload is base64 of zstd
//! of lines ([`auditlake_event::transport`]); the hash is that of the lines, so that a message that was cut or edited is noticed.
//! SQS takes 1 MiB a message and a request: a batch that does not fit becomes a landing object at once.

use auditlake_event::Event;
use auditlake_event::transport::{read_line, write_line};
use auditlake_lake::hash::sha256_hex;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Version of the message's form.
pub const FORMAT: u32 = 1;
/// Largest message: SQS's limit of 1 MiB, with room for what else a request holds.
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024 - 4096;
/// Largest payload after inflating, in bytes: a body inflated is at most 32 MiB, normalised a little more.
pub const MAX_INFLATED_BYTES: usize = 96 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Message<'a> {
    format: u32,
    events: usize,
    sha256: String,
    payload: std::borrow::Cow<'a, str>,
}

/// Why a message cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// Written by a newer version: it must wait for an upgrade, not go to quarantine.
    #[error("has format {0}, which this version of auditlake does not know: upgrade first")]
    NewerFormat(u32),
    /// Not a message of ours, or damaged: for quarantine.
    #[error("{0}")]
    Poison(String),
}

/// The message of a batch; `None` if it would be too large.
pub fn pack(events: &[Event<'_>]) -> std::io::Result<Option<String>> {
    let (mut lines, mut scratch) = (Vec::with_capacity(events.len() * 512), Vec::new());
    for event in events {
        write_line(event, &mut scratch, &mut lines);
    }
    let packed = zstd::bulk::compress(&lines, 3)?;
    if packed.len().div_ceil(3) * 4 + 256 > MAX_MESSAGE_BYTES {
        return Ok(None);
    }
    let payload = STANDARD.encode(packed).into();
    let message = Message { format: FORMAT, events: events.len(), sha256: sha256_hex(&lines), payload };
    Ok(Some(serde_json::to_string(&message)?))
}

/// The events of a message.
pub fn unpack(body: &str) -> Result<Vec<Event<'static>>, MessageError> {
    #[derive(Deserialize)]
    struct Form {
        format: u32,
    }
    let poison = |what: &str, error: &dyn std::fmt::Display| MessageError::Poison(format!("{what}: {error}"));
    let form: Form = serde_json::from_str(body).map_err(|error| poison("not a message of ours", &error))?;
    if form.format > FORMAT {
        return Err(MessageError::NewerFormat(form.format));
    }
    let message: Message<'_> = serde_json::from_str(body).map_err(|error| poison("not a message of ours", &error))?;
    let packed = STANDARD.decode(message.payload.as_bytes()).map_err(|error| poison("payload is not base64", &error))?;
    let lines =
        zstd::bulk::decompress(&packed, MAX_INFLATED_BYTES).map_err(|error| poison("payload cannot be inflated", &error))?;
    if sha256_hex(&lines) != message.sha256 {
        return Err(MessageError::Poison("payload does not have the hash it states".to_owned()));
    }
    let lines = std::str::from_utf8(&lines).map_err(|error| poison("payload is not UTF-8", &error))?;
    let mut events = Vec::with_capacity(message.events.min(100_000));
    for (position, line) in lines.lines().enumerate() {
        events.push(read_line(line).map_err(|error| MessageError::Poison(format!("line {position}: {error}")))?);
    }
    if events.len() != message.events || events.is_empty() {
        return Err(MessageError::Poison(format!("holds {} events and states {}", events.len(), message.events)));
    }
    Ok(events)
}

#[cfg(test)]
pub(crate) mod tests {
    use auditlake_event::input::{DoorContext, Shape, parse_body};
    use auditlake_event::{Region, Timestamp};

    use super::*;

    pub(crate) fn events(count: usize, padding: usize) -> Vec<Event<'static>> {
        let region = Region::parse("eu-west-1").unwrap();
        let context = DoorContext::api(Timestamp::parse("2026-03-01T12:00:00Z").unwrap(), &region, None);
        let noise = |seed: usize| -> String {
            let mut state = seed as u64 + 1;
            let step = |state: &mut u64| {
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                char::from(b'!' + u8::try_from(*state % 90).unwrap()).to_string().replace(['"', '\\'], "x")
            };
            (0..padding).map(|_| step(&mut state)).collect()
        };
        let lines: Vec<String> = (0..count)
            .map(|number| {
                let noise = noise(number);
                format!(r#"{{"event_id":"e-{number}","event_time":"2026-03-01T11:59:58Z","organization":"acme","action":"x","k":"{noise}"}}"#)
            })
            .collect();
        let body = lines.join("\n");
        let parsed = parse_body(body.as_bytes(), Shape::Ndjson, &context, &mut || [7; 10]).unwrap();
        assert!(parsed.errors.is_empty(), "{:?}", parsed.errors.first());
        parsed.events.into_iter().map(Event::into_owned).collect()
    }

    #[test]
    fn a_batch_comes_back_as_it_went() {
        for (count, padding) in [(1, 0), (3, 10), (10_000, 0)] {
            let events = events(count, padding);
            let message = pack(&events).unwrap().unwrap();
            assert!(message.len() <= MAX_MESSAGE_BYTES);
            assert_eq!(unpack(&message).unwrap(), events);
        }
    }

    #[test]
    fn a_batch_that_would_not_fit_is_no_message() {
        assert!(pack(&events(600, 4_000)).unwrap().is_none());
    }

    #[test]
    fn damage_is_noticed_and_said_and_a_newer_form_is_no_damage() {
        let message = pack(&events(2, 5)).unwrap().unwrap();
        let cut = &message[..message.len() - 10];
        let other_hash = message.replacen("\"sha256\":\"", "\"sha256\":\"0", 1);
        let other_count = message.replace("\"events\":2", "\"events\":3");
        for bad in [
            cut,
            "",
            "{}",
            "hello",
            "[1]",
            other_hash.as_str(),
            other_count.as_str(),
            r#"{"format":1,"events":0,"sha256":"","payload":"!"}"#,
        ] {
            assert!(matches!(unpack(bad), Err(MessageError::Poison(_))), "{bad}");
        }
        assert!(matches!(unpack(r#"{"format":2,"other":1}"#), Err(MessageError::NewerFormat(2))));
    }
}
