//! Reads the audit logs of other systems and turns each record into an [`Event`](auditlake_event::Event).
//!
//! - A **source** ([`Source`]) is one format, named as in the column `source`: `aws.cloudtrail`.
//! - An **object** is what is imported at once: a file, or an object of a bucket. [`open`] takes off gzip or zstd. A tar or zip
//!   **archive** holds **members**, each of which is read as an object of its own.
//! - A **record** is the smallest part of an object that can be judged alone. Each one becomes an event, goes to
//!   **quarantine** with a reason, or is **set aside** (recognised, but no event: a digest, an Insights record).
//!
//! Guarantees, for every source:
//!
//! 1. records = events + quarantined + set aside; no record is dropped in silence, one bad record costs no other;
//! 2. memory is bounded by the largest record ([`ImportContext::max_record_bytes`]), whatever the object's size;
//! 3. time is linear in the (inflated) input, whatever it holds, and the inflated size is bounded too
//!    ([`ImportContext::max_inflated_bytes`]);
//! 4. the same record gives the same event, however often and in whatever envelope or archive it is delivered.
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
mod archive;
pub mod azure;
pub mod cloudtrail;
mod context;
mod csv;
mod decoding;
mod envelope;
mod envelopes;
mod finding;
pub mod gcp;
mod json;
pub mod lakefs;
mod lines;
mod metadata;
mod names;
mod nested;
pub mod ocsf;
mod parquet_file;
mod percent;
mod reader;
mod reading;
mod records;
pub mod s3access;
mod secret;
pub mod shapes;
mod source;
mod spool;
mod summary;

use std::collections::BTreeMap;
use std::io::{BufRead, Read};
use std::rc::Rc;

use finding::{Finder, sniffed};
use nested::Root;
use source::{Registry, UNKNOWN_FORMAT};

pub use context::ImportContext;
pub use reader::{Compression, ObjectReader, open};
pub use source::{Confidence, Nesting, Position, Quarantined, ReadError, SetAside, Sink, SinkError, Source, UNKNOWN};
pub use summary::{SetAsideCounts, SetAsideKind, Summary};

/// Every source this build knows, in the order in which ties of [`detect`] are decided.
#[rustfmt::skip]
pub const SOURCES: &[&dyn Source] = &[
    &shapes::AUDITLAKE,
    &shapes::WORKOS,
    &shapes::RETRACED,
    &shapes::CLOUDEVENTS,
    &ocsf::Ocsf,
    &cloudtrail::CloudTrail,
    &lakefs::LakeFs,
    &s3access::S3Access,
    &gcp::GcpAudit,
    &airbyte::Airbyte,
    &azure::AzureStorage,
];

/// The sources, and who reads what only holds records of theirs.
const KNOWN: Registry = Registry { sources: SOURCES, table: &csv::Table, envelopes: &envelopes::Envelopes };

/// The source of a name, as in the column `source`.
pub fn by_name(name: &str) -> Option<&'static dyn Source> {
    KNOWN.by_name(name)
}

/// The source that most likely wrote an object: `head` is its beginning (already inflated; some kilobytes are enough),
/// `object_name` its key or path, which decides only where the content says nothing. `None` if no source knows it: it may still hold
/// envelopes, whose payloads [`import`] looks at one by one.
pub fn detect(head: &[u8], object_name: &str) -> Option<&'static dyn Source> {
    sniffed(&KNOWN, head, object_name).1
}

/// What was read of one object, by the names of the sources that read it.
pub type BySource = BTreeMap<&'static str, Summary>;

/// Reads one object: inflates it, finds its source unless the caller states it, looks through archives and envelopes, and hands every record to
/// `sink`. Returns the name of the source that read most of it, and what was read. An object that no source knows is one record in
/// quarantine, under the name [`UNKNOWN`]; an empty one holds no record.
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
    let by_source = import_by_source(object, object_name, source, context, sink)?;
    let mut total = Summary::default();
    by_source.values().for_each(|summary| total += *summary);
    Ok((most_of(&by_source), total))
}

/// The name of the source that read most of an object: [`UNKNOWN`] only if no source read a record, for beside the logs in an
/// archive there may lie anything.
pub fn most_of(by_source: &BySource) -> &'static str {
    let read = |name: &str, summary: &Summary| (name != UNKNOWN && summary.records > 0, summary.records);
    by_source.iter().max_by_key(|(name, summary)| read(name, summary)).map_or(UNKNOWN, |(name, _)| *name)
}

/// Like [`import`], with what was read by each source: an object may hold envelopes around records of several, and an archive
/// members of several.
pub fn import_by_source(
    object: impl Read,
    object_name: &str,
    source: Option<&'static dyn Source>,
    context: &ImportContext,
    sink: &mut dyn Sink,
) -> Result<BySource, ReadError> {
    let mut root = Root::new(sink, KNOWN, context, object_name, source);
    let mut object = archive::Weighed::new(object, root.budget());
    let (name, summary) = read_object(&mut object, object_name, source, context, &mut root)?;
    let mut by_source = root.inside();
    // What only carried others is no source of its own.
    if summary.records > 0 || by_source.is_empty() {
        *by_source.entry(name).or_default() += summary;
    } else if let Some(most) = by_source.values_mut().max_by_key(|summary| summary.records) {
        most.bytes += summary.bytes;
    }
    Ok(by_source)
}

/// Who reads an object.
enum Found {
    Archive(archive::Kind),
    FileAttributes,
    /// A Parquet file that shows its columns at its end only, and the source that its name speaks for.
    UnknownParquet(Option<&'static dyn Source>),
    Reader(Option<&'static dyn Source>),
}

/// Reads an object, or a member of an archive. What envelopes and members in it held is counted in the sink's nesting.
fn read_object(
    object: &mut dyn Read,
    object_name: &str,
    source: Option<&'static dyn Source>,
    context: &ImportContext,
    sink: &mut dyn Sink,
) -> Result<(&'static str, Summary), ReadError> {
    let finder = Finder { known: KNOWN, stated: source, depth: 0 };
    let named = || source.or_else(|| detect(&[], object_name)).map_or(UNKNOWN, Source::name);
    let reader = match open(object, context.max_inflated_bytes) {
        Ok(reader) => reader,
        Err(error) => return Ok((named(), reading::broken_from_the_start(error, sink)?)),
    };
    let is_inflated = reader.compression() != Compression::None;
    let mut reader = archive::Metered::new(reader);
    let budget = sink.nesting().filter(|_| is_inflated).map(|nesting| (nesting.budget(), nesting.archives()));
    // What is inflated counts in an archive, and so does an archive that is.
    if let Some((budget, archives)) = &budget
        && *archives > 0
    {
        reader.count(Rc::clone(budget));
    }
    let found = reading::look_at_head(&mut reader, sink, |head| {
        if archive::is_file_attributes(head, object_name) {
            return Found::FileAttributes;
        }
        if let Some(kind) = archive::kind_of(head, object_name) {
            return Found::Archive(kind);
        }
        match unknown_parquet(head, object_name).filter(|_| source.is_none()) {
            Some(by_name) => Found::UnknownParquet(by_name),
            None => Found::Reader(finder.reader_of(head, object_name)),
        }
    });
    let kind = match found {
        Ok(Found::Archive(kind)) => kind,
        Ok(Found::FileAttributes) => {
            return Ok((UNKNOWN, reading::set_aside_whole(SetAsideKind::FileAttributes, &mut reader, sink)?));
        }
        Ok(Found::UnknownParquet(by_name)) => return read_unknown_parquet(&mut reader, object_name, by_name, context, sink),
        Ok(Found::Reader(found)) => return read_with(found, &mut reader, object_name, source, context, sink),
        Err(ended) => return Ok((named(), ended?)),
    };
    if let Some((budget, _)) = budget {
        reader.count(budget);
    }
    match archive::read(kind, &mut reader, object_name, source, context, read_object, sink)? {
        archive::Read::Archive(summary) => Ok((UNKNOWN, summary)),
        archive::Read::Other(file) => {
            let mut content = file.content();
            let found = reading::look_at_head(&mut content, sink, |head| finder.reader_of(head, object_name));
            match found {
                Ok(found) => read_with(found, &mut content, object_name, source, context, sink),
                Err(ended) => Ok((named(), ended?)),
            }
        }
    }
}

/// Reads an object with whom it was found to be of, or else with the stated source.
fn read_with(
    found: Option<&'static dyn Source>,
    input: &mut dyn BufRead,
    object_name: &str,
    source: Option<&'static dyn Source>,
    context: &ImportContext,
    sink: &mut dyn Sink,
) -> Result<(&'static str, Summary), ReadError> {
    match found.or(source) {
        Some(found) => {
            let name = source.map_or(found.name(), Source::name);
            Ok((name, found.read(input, object_name, context, sink)?))
        }
        None => Ok((UNKNOWN, reading::quarantine_whole(UNKNOWN_FORMAT, input, context, sink)?)),
    }
}

/// Of a Parquet file whose columns do not show in its beginning, and whose name says little: the source that the name speaks for, if
/// any. `None`: it is no such file.
fn unknown_parquet(head: &[u8], object_name: &str) -> Option<Option<&'static dyn Source>> {
    if !parquet_file::is_parquet(head) || parquet_file::is_whole(head) {
        return None;
    }
    let (confidence, by_name) = sniffed(&KNOWN, head, object_name);
    (confidence < Confidence::Likely).then_some(by_name)
}

/// Reads a Parquet file by the source whose columns it has, which stand at its end; else by the one that its name speaks for.
fn read_unknown_parquet(
    input: &mut dyn BufRead,
    object_name: &str,
    by_name: Option<&'static dyn Source>,
    context: &ImportContext,
    sink: &mut dyn Sink,
) -> Result<(&'static str, Summary), ReadError> {
    let file = spool::Spool::fill(input)?;
    let names = file.column_names();
    let source: Option<&'static dyn Source> = match () {
        () if lakefs::has_columns(&names) => Some(&lakefs::LakeFs),
        () if ocsf::has_columns(&names) => Some(&ocsf::Ocsf),
        () => by_name,
    };
    let mut reader = file.content();
    match source {
        Some(source) => Ok((source.name(), source.read(&mut reader, object_name, context, sink)?)),
        None => Ok((UNKNOWN, reading::quarantine_whole(UNKNOWN_FORMAT, &mut reader, context, sink)?)),
    }
}
