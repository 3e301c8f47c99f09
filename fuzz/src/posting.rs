//! Posted bodies of every shape, through the door: whatever the bytes are, every event is counted, what is accepted is such as the
//! lake can take, and a receipt's hash is that of the canonical form, by another writer of JSON.

use auditlake_event::canonical::{event_hash, write_canonical};
use auditlake_event::input::{DoorContext, LargeEvents, Lookalikes, ParsedBody, Shape, parse_body};
use auditlake_event::{Organization, Region, Timestamp};

/// Small, so that the limits are met.
const MAX_EVENT_BYTES: usize = 4 * 1024;

const SHAPES: [Shape; 5] = [Shape::Sniff, Shape::Json, Shape::Ndjson, Shape::CloudEvent, Shape::CloudEventBatch];

fn parse<'a>(body: &'a [u8], shape: Shape, context: &DoorContext<'a>) -> Option<ParsedBody<'a>> {
    let mut calls = 0_u8;
    let mut random = || {
        calls = calls.wrapping_add(1);
        [calls; 10]
    };
    parse_body(body, shape, context, &mut random).ok()
}

/// The first byte says how the rest is posted.
pub fn check(data: &[u8]) {
    let Some((how, body)) = data.split_first() else { return };
    let region = Region::parse("eu-west-1").expect("a region");
    let organization = Organization::parse("acme").expect("an organization");
    let received = Timestamp::parse("2100-01-01T00:00:00Z").expect("a time");
    let shape = SHAPES[usize::from(how % 5)];
    let flag = |bit: u8| how >> bit & 1 == 1;
    let context = DoorContext {
        idempotency_key: flag(4).then_some("a \"key\""),
        lookalikes: if flag(5) { Lookalikes::Keep } else { Lookalikes::Refuse },
        large_events: if flag(6) { LargeEvents::Trim } else { LargeEvents::Refuse },
        max_event_bytes: MAX_EVENT_BYTES,
        ..DoorContext::api(received, &region, (!flag(7)).then_some(&organization))
    };
    let Some(parsed) = parse(body, shape, &context) else { return };
    assert_eq!(parsed.events.len(), parsed.receipts.len());
    let mut refused: Vec<usize> = parsed.errors.iter().map(|error| error.index).collect();
    refused.dedup();
    assert_eq!(parsed.count, parsed.events.len() + refused.len(), "every event is accepted or has its errors");
    let mut form = Vec::new();
    for (event, receipt) in parsed.events.iter().zip(&parsed.receipts) {
        crate::check(event);
        assert_eq!(receipt.event_hash, event_hash(event), "the receipt of {event:?}");
        write_canonical(event, &mut form);
        let value: serde_json::Value = serde_json::from_slice(&form).expect("the canonical form is JSON");
        assert_eq!(serde_json::to_vec(&value).expect("JSON"), form, "the canonical form of {event:?}");
        let is_client_id = |byte: u8| byte.is_ascii_alphanumeric() || b"._~:@+=-".contains(&byte);
        assert!(event.event_id.bytes().all(is_client_id), "a link to {:?}", event.event_id);
        // Escapes inside escapes take twice the room at most.
        assert!(form.len() <= 3 * MAX_EVENT_BYTES, "{} bytes of {event:?}", form.len());
    }
    let again = parse(body, shape, &context).expect("it was read before");
    assert!(again.events == parsed.events && again.receipts == parsed.receipts && again.errors == parsed.errors);
}
