//! What a request's body is: its media type, and its bytes once inflated, within the limits.

use std::borrow::Cow;
use std::io::Read;

use auditlake_event::limits::{MAX_BODY_BYTES, MAX_INFLATED_BYTES};
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

use crate::problem::Problem;
use crate::room::Claim;

const MIB: usize = 1024 * 1024;

/// The media type of one CloudEvent.
const CLOUDEVENT: &str = "application/cloudevents+json";
/// The media type of a batch of them.
const CLOUDEVENT_BATCH: &str = "application/cloudevents-batch+json";

/// How much of a body is inflated before more room is claimed (256 KiB).
const STEP: usize = 256 * 1024;

/// The largest window a zstd frame may ask for, as a power of two (32 MiB): a frame that claims more would cost its size in
/// memory before its first byte is out.
const MAX_ZSTD_WINDOW_LOG: u32 = 25;

/// How the events stand in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFormat {
    /// One JSON value: an event, an array of events or `{"events":[…]}`.
    Json,
    /// One JSON value a line.
    NdJson,
    /// One CloudEvent, or an array of them.
    CloudEvents {
        /// Whether it is an array.
        is_batch: bool,
    },
    /// Not stated: what the bytes look like decides.
    Sniff,
}

/// The problem of a body over the limit, for an edge that stops reading at it.
pub fn body_too_large() -> Problem {
    Problem::too_large(format!(
        "a body may have {} MiB: split the batch, or send it with content-encoding gzip or zstd",
        MAX_BODY_BYTES / MIB
    ))
}

/// The format that `Content-Type` states. 415 for any other type.
pub fn format_of(headers: &HeaderMap) -> Result<BodyFormat, Problem> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(BodyFormat::Sniff) };
    let text = String::from_utf8_lossy(value.as_bytes());
    let mut parts = text.split(';');
    let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let format = match essence.as_str() {
        "" => BodyFormat::Sniff,
        "application/json" | "text/json" => BodyFormat::Json,
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-jsonl"
        | "application/jsonlines"
        | "application/x-json-stream" => BodyFormat::NdJson,
        CLOUDEVENT => BodyFormat::CloudEvents { is_batch: false },
        CLOUDEVENT_BATCH => BodyFormat::CloudEvents { is_batch: true },
        "application/x-www-form-urlencoded" => {
            return Err(Problem::unsupported_media_type(
                "application/x-www-form-urlencoded is not read; with curl add -H 'content-type: application/json'",
            ));
        }
        other => {
            let shown: String = other.chars().take(100).collect();
            return Err(Problem::unsupported_media_type(format!(
                "{shown} is not read; send application/json, application/x-ndjson or application/cloudevents+json"
            )));
        }
    };
    for parameter in parts {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        let charset = value.trim().trim_matches('"');
        let is_utf8 = ["utf-8", "utf8", "us-ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known));
        if name.trim().eq_ignore_ascii_case("charset") && !is_utf8 {
            return Err(Problem::unsupported_media_type("only the charset utf-8 is read"));
        }
    }
    Ok(format)
}

/// The body inflated as `Content-Encoding` says. 413 beyond the limits, 415 for an unknown encoding, 400 if it is damaged, 503 if
/// there is no room for it beside the other requests. It never holds more than the limit and one buffer.
pub fn inflate(headers: &HeaderMap, body: &Bytes, claim: &mut Claim) -> Result<Bytes, Problem> {
    if body.len() > MAX_BODY_BYTES {
        return Err(body_too_large());
    }
    let encoding = match headers.get(CONTENT_ENCODING) {
        None => Cow::Borrowed("identity"),
        Some(value) => Cow::Owned(String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase()),
    };
    match encoding.as_ref() {
        "" | "identity" => {
            claim.grow(body.len())?;
            Ok(body.clone())
        }
        "gzip" | "x-gzip" => read_limited(flate2::read::MultiGzDecoder::new(body.as_ref()), "gzip", claim),
        "zstd" => {
            let damaged = |error: std::io::Error| damaged("zstd", &error);
            let mut decoder = zstd::stream::read::Decoder::with_buffer(body.as_ref()).map_err(damaged)?;
            decoder.window_log_max(MAX_ZSTD_WINDOW_LOG).map_err(damaged)?;
            read_limited(decoder, "zstd", claim)
        }
        _ => Err(Problem::unsupported_media_type("this content-encoding is not read; send gzip, zstd or none")
            .with_header(ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd"))),
    }
}

fn read_limited(mut decoder: impl Read, encoding: &'static str, claim: &mut Claim) -> Result<Bytes, Problem> {
    let mut inflated = Vec::new();
    loop {
        // Step by step: what is held is claimed before it is there.
        let step = STEP.min(MAX_INFLATED_BYTES + 1 - inflated.len());
        let read = decoder.by_ref().take(step as u64).read_to_end(&mut inflated);
        let read = read.map_err(|error| damaged(encoding, &error))?;
        if inflated.len() > MAX_INFLATED_BYTES {
            return Err(Problem::too_large(format!("a body may inflate to {} MiB", MAX_INFLATED_BYTES / MIB)));
        }
        claim.grow(read)?;
        if read < step {
            return Ok(Bytes::from(inflated));
        }
    }
}

fn damaged(encoding: &'static str, error: &std::io::Error) -> Problem {
    let how = if error.kind() == std::io::ErrorKind::UnexpectedEof { "is cut short" } else { "is damaged" };
    Problem::malformed_body(format!("the {encoding} body {how}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::room::Room;

    fn inflate(headers: &HeaderMap, body: &Bytes) -> Result<Bytes, Problem> {
        super::inflate(headers, body, &mut Room::unbounded().claim())
    }

    fn headers(name: http::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn the_stated_types_are_read_and_others_are_415() {
        let format = |value| format_of(&headers(CONTENT_TYPE, value));
        assert_eq!(format_of(&HeaderMap::new()).unwrap(), BodyFormat::Sniff);
        assert_eq!(format("Application/JSON; charset=\"UTF-8\"").unwrap(), BodyFormat::Json);
        assert_eq!(format("application/x-ndjson").unwrap(), BodyFormat::NdJson);
        assert_eq!(
            format("application/cloudevents+json; charset=utf-8").unwrap(),
            BodyFormat::CloudEvents { is_batch: false }
        );
        assert_eq!(format("application/cloudevents-batch+json").unwrap(), BodyFormat::CloudEvents { is_batch: true });
        for bad in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "image/png"] {
            assert_eq!(format(bad).unwrap_err().status, 415, "{bad}");
        }
    }

    #[test]
    fn gzip_and_zstd_are_inflated_also_in_several_members() {
        let mut two_members = gzip(b"{\"a\":");
        two_members.extend(gzip(b"1}"));
        let inflated = inflate(&headers(CONTENT_ENCODING, "gzip"), &Bytes::from(two_members)).unwrap();
        assert_eq!(inflated, b"{\"a\":1}".as_slice());
        let packed = zstd::encode_all(b"hello".as_slice(), 3).unwrap();
        assert_eq!(inflate(&headers(CONTENT_ENCODING, "ZSTD"), &Bytes::from(packed)).unwrap(), b"hello".as_slice());
        let plain = Bytes::from_static(b"x");
        assert_eq!(inflate(&headers(CONTENT_ENCODING, "identity"), &plain).unwrap(), plain);
    }

    #[test]
    fn damaged_and_truncated_bodies_are_400_and_unknown_encodings_415() {
        let whole = gzip(&b"some text that is long enough ".repeat(100));
        let cut = Bytes::copy_from_slice(&whole[..whole.len() - 9]);
        let problem = inflate(&headers(CONTENT_ENCODING, "gzip"), &cut).unwrap_err();
        assert_eq!((problem.status.as_u16(), problem.detail.as_ref()), (400, "the gzip body is cut short"));
        let not_gzip = Bytes::from_static(b"{\"action\":\"x\"}");
        assert_eq!(inflate(&headers(CONTENT_ENCODING, "gzip"), &not_gzip).unwrap_err().status, 400);
        let packed = zstd::encode_all([7u8; 10_000].as_slice(), 3).unwrap();
        let cut = Bytes::copy_from_slice(&packed[..packed.len() - 2]);
        assert_eq!(inflate(&headers(CONTENT_ENCODING, "zstd"), &cut).unwrap_err().status, 400);
        let problem = inflate(&headers(CONTENT_ENCODING, "br"), &not_gzip).unwrap_err();
        assert_eq!(problem.status, 415);
    }

    #[test]
    fn a_bomb_is_413_and_never_inflates_beyond_the_limit() {
        // 1 GiB of zeros in about 1 MB of gzip: far beyond the limit, within the limit of a body.
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        for _ in 0..200 {
            encoder.write_all(&[0; MIB]).unwrap();
        }
        let bomb = Bytes::from(encoder.finish().unwrap());
        assert!(bomb.len() < MAX_BODY_BYTES);
        assert_eq!(inflate(&headers(CONTENT_ENCODING, "gzip"), &bomb).unwrap_err().status, 413);
        let zeros = vec![0; 64 * MIB];
        let bomb = Bytes::from(zstd::encode_all(zeros.as_slice(), 3).unwrap());
        assert_eq!(inflate(&headers(CONTENT_ENCODING, "zstd"), &bomb).unwrap_err().status, 413);
        let large = Bytes::from(vec![b' '; MAX_BODY_BYTES + 1]);
        assert_eq!(inflate(&HeaderMap::new(), &large).unwrap_err().status, 413);
    }

    #[test]
    fn what_inflates_beyond_the_room_that_is_left_is_503_and_gives_back_what_it_claimed() {
        let room = Room::new(12 * MIB);
        let mut other = room.claim();
        other.grow(3 * MIB).unwrap();
        let mut beyond = room.claim();
        beyond.grow(2 * MIB).unwrap();
        let zeros = gzip(&vec![0; 2 * MIB]);
        let inflated = |claim: &mut Claim| super::inflate(&headers(CONTENT_ENCODING, "gzip"), &zeros.clone().into(), claim);
        assert_eq!(inflated(&mut room.claim()).unwrap_err().status, 503);
        drop((other, beyond));
        assert_eq!(room.claimed_bytes(), 0);
        assert_eq!(inflated(&mut room.claim()).unwrap().len(), 2 * MIB);
    }
}
