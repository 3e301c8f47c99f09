//! Every limit of an event and of a request, in one place. The same values hold in a function and in `serve`.

use crate::columns::Column;

/// Largest request body as sent, in bytes (4 MiB): an HTTP API's event reaches a function escaped or as base64, within 6 MB.
pub const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// Largest request body after inflating gzip or zstd, in bytes (32 MiB).
pub const MAX_INFLATED_BYTES: usize = 32 * 1024 * 1024;
/// Most events in one request: their receipts must fit into the answer.
pub const MAX_EVENTS_PER_REQUEST: usize = 10_000;
/// Largest event by default, in bytes of its JSON as sent (64 KiB).
pub const DEFAULT_MAX_EVENT_BYTES: usize = 64 * 1024;
/// How far in the future an event's time may lie, in milliseconds (5 minutes): the `lead` of the seal rule.
pub const LEAD_MS: i64 = 5 * 60 * 1000;
/// The earliest event time that is accepted: 2000-01-01T00:00:00Z, in milliseconds since the Unix epoch.
pub const EARLIEST_EVENT_TIME_MS: i64 = 946_684_800_000;
/// Longest `event_id` of a client, in characters.
pub const MAX_EVENT_ID_CHARS: usize = 128;
/// Longest `region` or `organization`, in characters.
pub const MAX_NAME_CHARS: usize = 63;
/// Longest short text column (names, ids, actions, codes), in bytes.
pub const MAX_SHORT_TEXT_BYTES: usize = 2 * 1024;
/// Longest long text column (`error_message`, `user_agent`, `http_path`), in bytes.
pub const MAX_LONG_TEXT_BYTES: usize = 16 * 1024;
/// Deepest nesting of JSON in `metadata` and `changes`.
pub const MAX_JSON_DEPTH: usize = 64;

/// The longest text that a column of a posted event may hold, in bytes. `changes` and `metadata` are bounded by the size of
/// the event, `raw` by the record it was read from.
pub const fn max_text_bytes(column: Column) -> usize {
    match column {
        Column::ErrorMessage | Column::UserAgent | Column::HttpPath => MAX_LONG_TEXT_BYTES,
        Column::Changes | Column::Metadata | Column::Raw => usize::MAX,
        _ => MAX_SHORT_TEXT_BYTES,
    }
}
