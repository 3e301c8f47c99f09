//! What an id of an event may be.

use crate::limits::MAX_EVENT_ID_CHARS;

/// Which bytes an event id may hold: a table, because most ids are long.
const IS_ID_BYTE: [bool; 256] = {
    let mut table = [false; 256];
    let allowed = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._~:@+=-";
    let mut position = 0;
    while position < allowed.len() {
        table[allowed[position] as usize] = true;
        position += 1;
    }
    table
};

/// Whether a text may be the id of an event. It stands in the path of a link, where `.` and `..` are steps, encoded or not.
pub(crate) fn is_event_id(text: &str) -> bool {
    (1..=MAX_EVENT_ID_CHARS).contains(&text.len())
        && text.bytes().all(|byte| IS_ID_BYTE[usize::from(byte)])
        && !matches!(text, "." | "..")
}
