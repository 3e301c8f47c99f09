//! Pages of a listing, as S3 hands them out.

use s3s::S3Result;
use s3s::dto::*;

use super::super::list::{Entry, Page};
use super::bucket::etag;
use super::refusals::invalid_argument;

/// Entries of a page that no size is asked for.
const MOST_KEYS: usize = 1000;
/// As many as are listed for a client that asks for more: each page is a pass over all names of a folder.
pub(in crate::s3) const LARGEST_PAGE: usize = 10_000;

pub(super) fn split(page: &Page) -> (Vec<Object>, Vec<CommonPrefix>) {
    let (mut contents, mut common_prefixes) = (Vec::new(), Vec::new());
    for entry in &page.entries {
        match entry {
            Entry::Object(key, stamp) => contents.push(Object {
                key: Some(key.clone()),
                size: Some(i64::try_from(stamp.size).unwrap_or(i64::MAX)),
                e_tag: Some(etag(stamp)),
                last_modified: Some(Timestamp::from(stamp.modified)),
                storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
                ..Object::default()
            }),
            Entry::CommonPrefix(prefix) => common_prefixes.push(CommonPrefix { prefix: Some(prefix.clone()) }),
        }
    }
    (contents, common_prefixes)
}

pub(super) fn entry_text(entry: &Entry) -> &str {
    match entry {
        Entry::Object(text, _) | Entry::CommonPrefix(text) => text,
    }
}

/// Where the next page begins, as the client hands it back: the last entry and whether it was a common prefix.
pub(super) fn token(entry: &Entry) -> String {
    match entry {
        Entry::Object(key, _) => format!("k/{key}"),
        Entry::CommonPrefix(prefix) => format!("p/{prefix}"),
    }
}

pub(super) fn read_token(token: &str) -> S3Result<(Option<String>, Option<String>)> {
    match token.split_once('/') {
        Some(("k", key)) => Ok((Some(key.to_owned()), None)),
        Some(("p", prefix)) if !prefix.is_empty() => Ok((Some(prefix.to_owned()), Some(prefix.to_owned()))),
        _ => Err(invalid_argument("the continuation token is not one of ours".to_owned())),
    }
}

pub(super) fn page_limit(asked: Option<i32>) -> S3Result<usize> {
    let Some(asked) = asked else { return Ok(MOST_KEYS) };
    let limit =
        usize::try_from(asked).map_err(|_| invalid_argument("a page cannot have less than no entries".to_owned()))?;
    Ok(limit.min(LARGEST_PAGE))
}
