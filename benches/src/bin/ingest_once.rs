//! Converts an NDJSON file of events to landing objects in a folder.
fn main() {}
