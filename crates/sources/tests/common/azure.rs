//! Short ways to read as `azure.storage`.

use serde_json::Value;

use super::{Collector, Columns, context, fixture_file, json_of, read_as};

/// Every fixture of one record.
pub const NAMES: [&str; 12] = [
    "anonymous_refused",
    "get_blob_by_signature",
    "get_blob_by_token",
    "keys_listed",
    "machine_refused",
    "member_added_by_application",
    "queue_created",
    "risk_found",
    "role_assignment_written",
    "secret_read",
    "sign_in_blocked",
    "user_updated",
];

pub fn read(object: &[u8]) -> Collector {
    read_as("azure.storage", object, "object", &context())
}

/// The bytes of a fixture of one record.
pub fn fixture(name: &str) -> Vec<u8> {
    fixture_file(&format!("azure/{name}.json"))
}

/// A fixture of one record.
pub fn value(name: &str) -> Value {
    serde_json::from_slice(&fixture(name)).unwrap()
}

/// The event of a record.
pub fn event_of(record: &Value) -> Columns {
    let collector = read(record.to_string().as_bytes());
    assert_eq!(collector.reasons(), Vec::<&str>::new(), "{record}");
    collector.events.first().unwrap_or_else(|| panic!("no event: {record}")).clone()
}

pub fn metadata(event: &Columns) -> Value {
    json_of(event, "metadata")
}

/// Columns as expected; `None`: null. Every other column but `metadata` and `raw` must be null.
pub fn assert_columns(event: &Columns, expected: &[(&str, Option<&str>)]) {
    super::assert_columns(event, expected, "azure");
    let always = ["metadata", "raw", "received_time", "region", "organization", "source"];
    let others = event.keys().filter(|name| !always.contains(name) && !expected.iter().any(|(column, _)| column == *name));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&&str>::new());
}
