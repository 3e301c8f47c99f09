//! The conditions of a request: what a write must find, what a reader wants to know of.

use std::time::{Duration, UNIX_EPOCH};

use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Result};

use super::super::files::{Mode, Stamp};
use super::super::key::Key;
use super::refusals::write_once;

/// How a put must treat what is there; refused where the zone allows only a first write.
pub(super) fn mode(key: &Key, if_none_match: Option<&ETagCondition>, if_match: Option<&ETagCondition>) -> S3Result<Mode> {
    match (if_none_match, if_match) {
        (Some(ETagCondition::Any), None) => Ok(Mode::CreateNew),
        (None, None) if key.is_write_once() => Err(write_once(key.as_str())),
        (None, None) => Ok(Mode::Replace),
        _ => {
            let message = "of the conditions on a write only If-None-Match: * is known here";
            Err(S3Error::with_message(S3ErrorCode::NotImplemented, message))
        }
    }
}

/// What a reader asks of the object it gets.
pub(super) struct Conditions {
    pub if_match: Option<ETagCondition>,
    pub if_none_match: Option<ETagCondition>,
    pub if_modified_since: Option<Timestamp>,
    pub if_unmodified_since: Option<Timestamp>,
}

impl Conditions {
    /// In the order of RFC 9110, section 13.2.2.
    pub fn check(&self, stamp: &Stamp) -> S3Result<()> {
        let is_met = |condition: &ETagCondition| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(etag) => etag.value() == stamp.etag(),
        };
        // HTTP's dates have whole seconds.
        let seconds = stamp.modified.duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or(0);
        let modified = Timestamp::from(UNIX_EPOCH + Duration::from_secs(seconds));
        let is_kept = match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) => is_met(condition),
            (None, Some(since)) => modified <= *since,
            (None, None) => true,
        };
        if !is_kept {
            return Err(S3Error::with_message(S3ErrorCode::PreconditionFailed, "the object is another by now"));
        }
        let is_news = match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) => !is_met(condition),
            (None, Some(since)) => modified > *since,
            (None, None) => true,
        };
        if is_news { Ok(()) } else { Err(S3Error::new(S3ErrorCode::NotModified)) }
    }
}
