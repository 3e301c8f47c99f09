//! `aws.s3access`: the server access logs of S3 buckets.
//!
//! # What is read
//!
//! Text, one record a line: 18 fields (before 2018), 23, 24, 25, 26, 27 (with the source region) or more, separated by
//! spaces, `-` for what is missing. Quotes inside the request's first line, the referer and the user agent are not escaped,
//! so a line may be readable in more than one way: `split.rs` says which way counts; the event says that there was a choice.
//! A line that cannot be read in any way is quarantined. (The JSON records that S3 can deliver to CloudWatch Logs are another
//! format.)
//!
//! # How a record becomes an event
//!
//! | column | from |
//! |---|---|
//! | `event_id` | UUIDv5 over the source's name, a zero byte and the line without secrets. The request id is no key: a batch deletion has one line for each object, and some requests have two lines, all with the same request id |
//! | `event_time` | time: when the request arrived, to the second |
//! | `action`, `request_id` | operation, request id |
//! | `service_name` | `s3.amazonaws.com`, as CloudTrail calls it |
//! | `category` | by the rules in `category.rs` |
//! | `outcome`, `http_status`, `error_code` | by `outcome.rs`, HTTP status, error code |
//! | `actor_…` | requester, see `actor.rs` |
//! | `resource_…` | bucket and key, the key decoded, see `resource.rs` |
//! | `scope_type`, `scope_id` | `bucket`, its name |
//! | `source_ip`, `user_agent` | remote IP, user agent |
//! | `http_method`, `http_path` | the request's first line; path and query, without secrets |
//! | `metadata` | see `metadata.rs` |
//! | `raw` | the line without secrets |
//!
//! The organization is the import's, or that of the bucket's owner (a canonical user id) if the import has a table of them.
//!
//! # Secrets
//!
//! Presigned URLs carry their signature, and temporary credentials their session token, in the query. They stand in the
//! request's first line, in referers, and in the keys of clients that take a URL for a key. `../secret.rs` says which
//! parameters' values are replaced by `[redacted]`, in every column; the id is derived after that, so that no weak secret can
//! be guessed from it.

mod actor;
mod answer;
mod category;
mod head;
mod metadata;
mod outcome;
mod request;
mod resource;
mod split;
mod tail;
mod time;

use std::borrow::Cow;
use std::io::BufRead;

use auditlake_event::Event;
use auditlake_event::address::canonical_address;

use crate::absent;
use crate::context::ImportContext;
use crate::json::REDACTED;
use crate::reading::{Verdict, read_lines};
use crate::secret::without_secrets;
use crate::source::{Confidence, Counted, ReadError, Sink, Source, derived_id};
use crate::summary::Summary;

use head::{Head, stated};

/// The name in the column `source`.
pub const NAME: &str = "aws.s3access";

/// How much of an object, and how many of its lines, are looked at to recognise it.
const SNIFFED_BYTES: usize = 16 * 1024;
const SNIFFED_LINES: usize = 8;

/// The source `aws.s3access`; see the module's page for what it reads.
#[derive(Debug, Clone, Copy)]
pub struct S3Access;

impl Source for S3Access {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sniff(&self, head: &[u8], object_name: &str) -> Confidence {
        let head = String::from_utf8_lossy(head.get(..SNIFFED_BYTES).unwrap_or(head));
        let head = head.strip_prefix('\u{feff}').unwrap_or(&head);
        let is_own = |line: &str| head::parse(line.trim()).is_ok_and(|head| time::parse(head.time).is_some());
        let mut lines = head.lines().filter(|line| !line.trim().is_empty()).take(SNIFFED_LINES);
        if lines.next().is_some_and(is_own) {
            return Confidence::Certain;
        }
        if lines.any(is_own) {
            return Confidence::Likely;
        }
        if is_delivery_name(object_name) { Confidence::Name } else { Confidence::None }
    }

    fn read(
        &self,
        input: &mut dyn BufRead,
        _: &str,
        context: &ImportContext,
        sink: &mut dyn Sink,
    ) -> Result<Summary, ReadError> {
        let mut metadata = String::new();
        read_lines(input, context, sink, &mut |line, sink| record(line, context, &mut metadata, sink))
    }
}

/// Whether a name ends as S3 names the objects it delivers logs in: `YYYY-mm-DD-HH-MM-SS-<16 letters and digits>`. The prefix
/// before it may be anything.
fn is_delivery_name(object_name: &str) -> bool {
    let pattern = b"dddd-dd-dd-dd-dd-dd-AAAAAAAAAAAAAAAA";
    let fits = |(byte, kind): (&u8, &u8)| match kind {
        b'd' => byte.is_ascii_digit(),
        b'A' => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        separator => byte == separator,
    };
    let name = object_name.as_bytes();
    let end = name.len().checked_sub(pattern.len()).and_then(|start| name.get(start..));
    end.is_some_and(|end| end.iter().zip(pattern).all(fits))
}

/// Judges a line. `buffer` is for its metadata.
fn record(bytes: &[u8], context: &ImportContext, buffer: &mut String, sink: &mut Counted<'_>) -> Result<Verdict, ReadError> {
    let text = String::from_utf8_lossy(bytes);
    let is_replaced = matches!(text, Cow::Owned(_));
    let text = text.trim();
    let (head, split) = match head::parse(text).and_then(|head| Ok((head, split::split(head.rest)?))) {
        Ok(parts) => parts,
        Err(reason) => return Ok(Verdict::Quarantine(format!("no S3 access log line: {reason}").into())),
    };
    let Some(event_time) = time::parse(head.time) else {
        return Ok(Verdict::Quarantine("time is not written as [06/Feb/2019:00:00:38 +0000]".into()));
    };
    if let Some(reason) = context.refuse_time(event_time) {
        return Ok(Verdict::Quarantine(reason.into()));
    }
    let request = request::parse(split.request_line);
    let partition = resource::partition(split.tail.access_point_arn, head.requester, split.tail.host_header);
    let line = metadata::Line {
        actor: actor::of(head.requester, head.operation),
        resource: resource::of(head.operation, head.bucket, head.key, request.path(), partition),
        head,
        split,
        request,
        is_replaced,
    };
    let raw = raw(text, &line);
    buffer.clear();
    let has_metadata = metadata::write(&line, buffer);
    let metadata::Line { head, split, request, actor, resource, .. } = line;
    let bucket = stated(head.bucket);
    let event = Event {
        event_id: Cow::Owned(derived_id(NAME, &raw)),
        event_time,
        action: Cow::Borrowed(head.operation),
        category: Some(category::of(head.operation, stated(head.key).is_some())),
        outcome: outcome::of(head.operation, &split.answer),
        error_code: split.answer.error_code.map(Cow::Borrowed),
        actor_id: actor.id.map(Cow::Borrowed),
        actor_type: actor.kind,
        actor_name: actor.name.map(Cow::Borrowed),
        actor_email: actor.email.map(Cow::Borrowed),
        actor_via: actor.via,
        resource_type: resource.kind.map(Cow::Borrowed),
        resource_id: resource.id.map(Cow::Owned),
        resource_name: resource.name,
        scope_type: bucket.map(|_| Cow::Borrowed("bucket")),
        scope_id: bucket.map(Cow::Borrowed),
        source_ip: stated(head.remote_ip).map(|address| canonical_address(Cow::Borrowed(address))),
        user_agent: stated(split.user_agent).map(without_secrets),
        service_name: Some(Cow::Borrowed("s3.amazonaws.com")),
        request_id: absent::stated(head.request_id).map(Cow::Borrowed),
        http_method: request.method.map(Cow::Borrowed),
        http_path: request.target.map(without_secrets),
        http_status: split.answer.http_status,
        metadata: has_metadata.then_some(Cow::Borrowed(buffer.as_str())),
        raw: context.keep_raw.then_some(raw),
        ..context.event(NAME, stated(head.bucket_owner))
    };
    sink.event(&event)?;
    Ok(Verdict::Event)
}

/// The line without secrets.
fn raw<'l>(text: &'l str, line: &metadata::Line<'_>) -> Cow<'l, str> {
    let Head { key, rest, .. } = line.head;
    let before_rest = text.get(..text.len() - rest.len()).unwrap_or_default();
    if line.resource.has_secret
        && let Some(before_key) = before_rest.trim_end().strip_suffix(key)
    {
        // Encoded twice, the secret's ends are not found in the line itself.
        return Cow::Owned(format!("{before_key}{REDACTED} {}", without_secrets(rest)));
    }
    without_secrets(text)
}
