//! How an answer is sent: validators and caching (RFC 9110, RFC 9111), gzip, the link to the next page (RFC 8288).
//!
//! An answer over a range that is sealed may be kept by its caller for a minute: only a late event can still change it. Every other one must be
//! asked for again; with `If-None-Match` the same rows come back as 304 without a body. The validator is weak: it is made of
//! the rows, not of what reading them took.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, ETAG, IF_NONE_MATCH, LINK, VARY};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use sha2::{Digest, Sha256};

use crate::parameters::decode_path_part;

/// Smaller bodies are sent as they are, in bytes.
const MIN_GZIP_BYTES: usize = 1_024;
/// How long an answer over a sealed range may be kept, in seconds.
const SEALED_MAX_AGE: &str = "private, max-age=60";

/// What says whether two answers hold the same rows.
pub(crate) struct Validator {
    hasher: Sha256,
}

impl Validator {
    /// A validator of no rows yet.
    pub(crate) fn new() -> Self {
        Self { hasher: Sha256::new() }
    }

    /// Takes in a part of the answer.
    pub(crate) fn add(&mut self, part: &[u8]) {
        self.hasher.update(part.len().to_be_bytes());
        self.hasher.update(part);
    }

    /// Sets the headers of an answer over these rows; `is_sealed` if nothing but late events can change them.
    pub(crate) fn set(self, is_sealed: bool, response: &mut Response<Bytes>) {
        let digest = self.hasher.finalize();
        let short = hex::encode(&digest[..16]);
        if let Ok(value) = HeaderValue::from_str(&format!("W/\"{short}\"")) {
            response.headers_mut().insert(ETAG, value);
        }
        let caching = if is_sealed { SEALED_MAX_AGE } else { "private, no-cache" };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    }
}

/// Names the next page in the headers: the same call with that cursor.
pub(crate) fn link_next(query: Option<&str>, cursor: &str, response: &mut Response<Bytes>) {
    // However its name is written.
    let is_cursor = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        decode_path_part(name).as_deref() == Some("cursor")
    };
    let kept = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty() && !is_cursor(pair));
    let target: String = kept.flat_map(|pair| [pair, "&"]).chain(["cursor=", cursor]).collect();
    // What a URL may not hold was percent-encoded by whoever asked; if not, there is no header.
    if let Ok(value) = HeaderValue::from_str(&format!("</v1/events?{target}>; rel=\"next\"")) {
        response.headers_mut().insert(LINK, value);
    }
}

/// Whether one of the entity tags that the caller names is that of the answer (weak comparison, RFC 9110, section 8.8.3.2).
pub fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let opaque = |text: &str| text.trim().trim_start_matches("W/").to_owned();
    let Ok(own) = tag.to_str() else { return false };
    let named = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    named.flat_map(|value| value.split(',')).any(|value| value.trim() == "*" || opaque(value) == opaque(own))
}

/// Whether the caller takes gzip: named with a quality that is not zero (RFC 9110, section 12.5.3).
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    let quality = |part: &str| {
        let (coding, parameters) = part.split_once(';').unwrap_or((part, ""));
        let refused = parameters.trim().strip_prefix("q=").and_then(|q| q.trim().parse::<f32>().ok()) == Some(0.0);
        (coding.trim().to_ascii_lowercase(), !refused)
    };
    let named = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let codings: Vec<(String, bool)> = named.flat_map(|value| value.split(',')).map(quality).collect();
    let of = |name: &str| codings.iter().find(|(coding, _)| coding == name).map(|(_, is_taken)| *is_taken);
    of("gzip").or_else(|| of("*")).unwrap_or(false)
}

fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

/// Turns an answer that the caller has already into 304, and compresses what is worth it.
pub(crate) fn deliver(method: &Method, headers: &HeaderMap, response: &mut Response<Bytes>) {
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    if is_read
        && response.status() == StatusCode::OK
        && response.headers().get(ETAG).is_some_and(|tag| is_known(headers, tag))
    {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Bytes::new();
        for name in [http::header::CONTENT_TYPE, CONTENT_LENGTH] {
            response.headers_mut().remove(name);
        }
        return;
    }
    if response.body().len() < MIN_GZIP_BYTES || response.headers().contains_key(CONTENT_ENCODING) {
        return;
    }
    response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
    if accepts_gzip(headers)
        && let Some(compressed) = gzip(response.body())
    {
        *response.body_mut() = Bytes::from(compressed);
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn gzip_is_sent_to_whom_it_is_welcome() {
        for (value, expected) in [
            ("gzip", true),
            ("br, gzip;q=0.5", true),
            ("GZIP ; q=1.0", true),
            ("gzip;q=0", false),
            ("gzip;q=0.000, *", false),
            ("*", true),
            ("br", false),
            ("", false),
        ] {
            assert_eq!(accepts_gzip(&headers(ACCEPT_ENCODING, value)), expected, "{value}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn tags_are_compared_weakly() {
        let tag = HeaderValue::from_static("W/\"abc\"");
        for (value, expected) in [
            ("W/\"abc\"", true),
            ("\"abc\"", true),
            ("\"x\", W/\"abc\"", true),
            ("*", true),
            ("\"abcd\"", false),
            ("", false),
        ] {
            assert_eq!(is_known(&headers(IF_NONE_MATCH, value), &tag), expected, "{value}");
        }
    }

    #[test]
    fn parts_of_a_validator_do_not_run_together() {
        let tag = |parts: &[&[u8]]| {
            let mut validator = Validator::new();
            parts.iter().for_each(|part| validator.add(part));
            let mut response = Response::new(Bytes::new());
            validator.set(true, &mut response);
            response.headers()[ETAG].clone()
        };
        assert_eq!(tag(&[b"ab", b"c"]), tag(&[b"ab", b"c"]));
        assert_ne!(tag(&[b"ab", b"c"]), tag(&[b"a", b"bc"]));
    }

    #[test]
    fn the_next_page_is_the_same_call_with_another_cursor() {
        let mut response = Response::new(Bytes::new());
        link_next(Some("action=a%20b&cursor=old&limit=5"), "new", &mut response);
        assert_eq!(response.headers()[LINK], "</v1/events?action=a%20b&limit=5&cursor=new>; rel=\"next\"");
        link_next(Some("c%75rsor=old&q=cursor=1"), "new", &mut response);
        assert_eq!(response.headers()[LINK], "</v1/events?q=cursor=1&cursor=new>; rel=\"next\"");
    }
}
