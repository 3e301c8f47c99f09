//! Events in shapes of others, on their way through the door.

use super::context::{DoorContext, LargeEvents};
use super::door::{Door, Foreign, Taken};
use super::errors::{FieldError, WHOLE_EVENT};
use crate::json::{Reader, SyntaxError};
use crate::model::Event;
use crate::shapes::{Converted, ForeignShape, OwnId};

/// Takes an event in a shape of others in, or notes what is wrong with it. Gives whether it was taken in.
pub(super) fn take<'a>(
    door: &mut Door<'a>,
    index: usize,
    (shape, text): (ForeignShape, &str),
    random: &mut dyn FnMut() -> [u8; 10],
    events: &mut Vec<Event<'a>>,
) -> bool {
    let read = shape.convert(text).and_then(|converted| read_converted(&converted, index, door.context(), random));
    match read {
        Ok(event) => {
            door.append(event, events);
            true
        }
        Err(errors) => {
            door.refuse_with(index, errors);
            false
        }
    }
}

/// Reads the next event through a door, whatever its shape. Gives whether it was taken in; fails if it is not JSON.
pub(super) fn read<'a>(
    door: &mut Door<'a>,
    index: usize,
    reader: &mut Reader<'a>,
    random: &mut dyn FnMut() -> [u8; 10],
    events: &mut Vec<Event<'a>>,
) -> Result<bool, SyntaxError> {
    Ok(match door.read(index, reader, random, events)? {
        Taken::Event => true,
        Taken::Refused => false,
        Taken::Foreign(shape, text) => take(door, index, (shape, text), random, events),
    })
}

/// Reads an event that was converted from another shape: the rules of the door hold, but that for its size, and errors are under
/// the sender's names. An id that the context knows goes before the event's own.
pub fn read_converted(
    converted: &Converted,
    index: usize,
    context: &DoorContext<'_>,
    random: &mut dyn FnMut() -> [u8; 10],
) -> Result<Event<'static>, Vec<FieldError>> {
    let json = converted.to_json();
    let own_id = converted.own_id().map(OwnId::event_id);
    let event_id = context.event_id.or(own_id.as_deref());
    // As it was sent it was within the limit, unless such events are trimmed.
    let max_event_bytes = match context.large_events {
        LargeEvents::Refuse => usize::MAX,
        LargeEvents::Trim => context.max_event_bytes,
    };
    let mut door = Door::new(DoorContext { event_id, max_event_bytes, ..*context }, Foreign::Converted);
    let mut events = Vec::with_capacity(1);
    if let Err(error) = door.read(index, &mut Reader::new(&json), random, &mut events) {
        door.refuse(index, format!("is not JSON: {error}"));
    }
    let errors = door.take_errors();
    match events.pop() {
        Some(event) if errors.is_empty() => Ok(event.into_owned()),
        _ => Err(their_errors(errors, converted)),
    }
}

fn their_errors(errors: Vec<FieldError>, converted: &Converted) -> Vec<FieldError> {
    let theirs = |error: FieldError| match error.field.as_str() {
        WHOLE_EVENT => error,
        field => FieldError { field: converted.their_name(field), ..error },
    };
    errors.into_iter().map(theirs).collect()
}
