//! Reads the audit logs of other systems and turns each record into an [`Event`](auditlake_event::Event).
//!
//! - A **source** ([`Source`]) is one format, named as in the column `source`: `aws.cloudtrail`.
//! - An **object** is what is imported at once: a file, or an object of a bucket. [`open`] takes off gzip or zstd.
//! - A **record** is the smallest part of an object that can be judged alone. Each one becomes an event, goes to
//!   **quarantine** with a reason, or is **set aside** (recognised, but no event: a digest, an Insights record).
//!
//! Guarantees, for every source:
//!
//! 1. records = events + quarantined + set aside; no record is dropped in silence, one bad record costs no other;
//! 2. memory is bounded by the largest record ([`ImportContext::max_record_bytes`]), whatever the object's size;
//! 3. time is linear in the (inflated) input, whatever it holds, and the inflated size is bounded too
//!    ([`ImportContext::max_inflated_bytes`]);
//! 4. the same record gives the same event, however often and in whatever envelope it is delivered.
//!
//! ```
//! use auditlake_event::{Event, Organization, Region, Timestamp};
//! use auditlake_sources::{ImportContext, Quarantined, SetAside, Sink, SinkError, import};
//!
//! #[derive(Default)]
//! struct Actions(Vec<String>);
//! impl Sink for Actions {
//!     fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
//!         self.0.push(event.action.to_string());
//!         Ok(())
//!     }
//!     fn quarantined(&mut self, _: &Quarantined<'_>) -> Result<(), SinkError> { Ok(()) }
//!     fn set_aside(&mut self, _: &SetAside<'_>) -> Result<(), SinkError> { Ok(()) }
//! }
//!
//! let object = br#"{"Records":[{"eventVersion":"1.08","eventTime":"2023-07-10T11:42:36Z","eventName":"GetObject"}]}"#;
//! let context = ImportContext::new(
//!     Region::parse("eu-west-1").unwrap(),
//!     Organization::parse("acme").unwrap(),
//!     Timestamp::parse("2023-07-10T12:00:00Z").unwrap(),
//! );
//! let mut actions = Actions::default();
//! let (source, summary) = import(&object[..], "trail.json", None, &context, &mut actions).unwrap();
//! assert_eq!((source, summary.events, summary.quarantined), ("aws.cloudtrail", 1, 0));
//! assert_eq!(actions.0, ["GetObject"]);
//! ```

mod absent;
pub mod airbyte;
pub mod azure;
pub mod cloudtrail;
pub mod gcp;
mod json;
pub mod lakefs;
mod lines;
mod metadata;
mod names;
mod percent;
mod reader;
mod reading;
mod records;
pub mod s3access;
mod secret;
pub mod shapes;
mod source;

use std::io::Read;

pub use reader::{Compression, ObjectReader, open};
pub use source::{
    Confidence, ImportContext, Position, Quarantined, ReadError, SetAside, SetAsideKind, Sink, SinkError, Source, Summary,
};

/// Every source this build knows, in the order in which ties of [`detect`] are decided.
#[rustfmt::skip]
pub const SOURCES: &[&dyn Source] = &[
    &shapes::AUDITLAKE,
    &shapes::WORKOS,
    &shapes::RETRACED,
    &shapes::CLOUDEVENTS,
    &cloudtrail::CloudTrail,
    &lakefs::LakeFs,
    &s3access::S3Access,
    &gcp::GcpAudit,
    &airbyte::Airbyte,
    &azure::AzureStorage,
];

/// The source of a name, as in the column `source`.
pub fn by_name(name: &str) -> Option<&'static dyn Source> {
    SOURCES.iter().copied().find(|source| source.name() == name)
}

/// The source that most likely wrote an object: `head` is its beginning (already inflated; some kilobytes are enough),
/// `object_name` its key or path, which decides only where the content says nothing. `None` if no source knows it.
pub fn detect(head: &[u8], object_name: &str) -> Option<&'static dyn Source> {
    let mut best: Option<(Confidence, &'static dyn Source)> = None;
    for source in SOURCES.iter().copied() {
        let confidence = source.sniff(head, object_name);
        if confidence > best.map_or(Confidence::None, |(highest, _)| highest) {
            best = Some((confidence, source));
        }
    }
    best.map(|(_, source)| source)
}

/// The name under which an object is counted that no source knows.
pub const UNKNOWN: &str = "unknown";

/// Reads one object: inflates it, finds its source unless the caller states it, and hands every record to `sink`.
/// Returns the source's name and what was read. An object that no source knows is one record in quarantine, under the
/// name [`UNKNOWN`]; an empty one holds no record.
///
/// Fails with [`ReadError::Io`] if the bytes could not be had, with [`ReadError::Sink`] if the sink refused a record. Broken
/// content is no failure: what lies before the break is delivered, the break itself goes to quarantine.
pub fn import(
    object: impl Read,
    object_name: &str,
    source: Option<&'static dyn Source>,
    context: &ImportContext,
    sink: &mut dyn Sink,
) -> Result<(&'static str, Summary), ReadError> {
    let mut reader = open(object, context.max_inflated_bytes)?;
    let source = match source {
        Some(source) => source,
        None => {
            let found = match reading::look_at_head(&mut reader, sink, |head| detect(head, object_name)) {
                Ok(found) => found,
                Err(ended) => return Ok((detect(&[], object_name).map_or(UNKNOWN, Source::name), ended?)),
            };
            match found {
                Some(source) => source,
                None => return Ok((UNKNOWN, reading::quarantine_whole(&mut reader, context, sink)?)),
            }
        }
    };
    let summary = source.read(&mut reader, object_name, context, sink)?;
    Ok((source.name(), summary))
}
