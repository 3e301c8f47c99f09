//! Validators, caching, gzip and the link to the next page, as a client meets them.

use std::io::Read;

use crate::common::{Fixture, event};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;

async fn get(fixture: &Fixture, uri: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
    let request = headers.iter().fold(Request::get(uri), |request, (name, value)| request.header(*name, *value));
    fixture.send(request.body(Bytes::new()).unwrap()).await.0
}

async fn filled() -> Fixture {
    let fixture = Fixture::new();
    for number in 0..30 {
        let (status, _) = fixture.post_json(event(&format!("e-{number:02}"), "role_assign").to_string()).await;
        assert_eq!(status, 202);
    }
    fixture
}

// The range before 11:00 is sealed, in the fixture's lake.
const SEALED: &str = "/v1/events?organization=acme&to=2026-03-01T11:00:00Z";
const OPEN: &str = "/v1/events?organization=acme";

#[tokio::test]
async fn the_same_rows_are_not_sent_twice_to_whom_has_them() {
    let fixture = filled().await;
    let part = format!("{OPEN}&limit=7");
    for uri in [
        SEALED,
        OPEN,
        part.as_str(),
        "/v1/stats?organization=acme&group_by=action",
        "/v1/stats?organization=acme",
        "/v1/events/e-00?organization=acme&at=2026-03-01T11:59:00.500Z",
    ] {
        let first = get(&fixture, uri, &[]).await;
        let tag = first.headers()["etag"].to_str().unwrap().to_owned();
        assert!(tag.starts_with("W/\""), "{tag}");
        let again = get(&fixture, uri, &[("if-none-match", &tag)]).await;
        assert_eq!((again.status().as_u16(), again.body().len()), (304, 0), "{uri}");
        assert_eq!(again.headers()["etag"], tag.as_str());
        assert!(again.headers().get("content-type").is_none());
        assert_eq!(get(&fixture, uri, &[("if-none-match", "\"other\"")]).await.status(), 200);
    }
    let before = get(&fixture, OPEN, &[]).await;
    fixture.post_json(event("e-99", "role_assign").to_string()).await;
    let after = get(&fixture, OPEN, &[("if-none-match", before.headers()["etag"].to_str().unwrap())]).await;
    assert_eq!(after.status(), 200, "a new event is another answer");
}

#[tokio::test]
async fn only_what_is_sealed_may_be_kept_without_asking() {
    let fixture = filled().await;
    assert_eq!(get(&fixture, SEALED, &[]).await.headers()["cache-control"], "private, max-age=60");
    assert_eq!(get(&fixture, OPEN, &[]).await.headers()["cache-control"], "private, no-cache");
    assert_eq!(get(&fixture, "/v1/events?colour=red", &[]).await.headers()["cache-control"], "no-store");
    assert_eq!(get(&fixture, "/v1/status", &[]).await.headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn large_answers_are_compressed_for_whom_can_read_them() {
    let fixture = filled().await;
    let plain = get(&fixture, OPEN, &[]).await;
    let packed = get(&fixture, OPEN, &[("accept-encoding", "br, gzip")]).await;
    assert_eq!(
        (&plain.headers()["vary"], &packed.headers()["vary"]),
        (&"accept-encoding".parse().unwrap(), &"accept-encoding".parse().unwrap())
    );
    assert!(plain.headers().get("content-encoding").is_none());
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert!(packed.body().len() * 4 < plain.body().len());
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed.body().as_ref()).read_to_string(&mut text).unwrap();
    let (unpacked, plain): (Value, Value) =
        (serde_json::from_str(&text).unwrap(), serde_json::from_slice(plain.body()).unwrap());
    assert_eq!(unpacked, plain);
    let small = get(&fixture, "/v1/stats?organization=acme", &[("accept-encoding", "gzip")]).await;
    assert!(small.headers().get("content-encoding").is_none());
}

#[tokio::test]
async fn pages_are_linked_in_the_headers_too() {
    let fixture = filled().await;
    let mut uri = "/v1/events?organization=acme&action=role_assign&limit=13".to_owned();
    let mut ids = Vec::new();
    loop {
        let page = get(&fixture, &uri, &[]).await;
        let body: Value = serde_json::from_slice(page.body()).unwrap();
        ids.extend(body["events"].as_array().unwrap().iter().map(|event| event["event_id"].as_str().unwrap().to_owned()));
        let Some(link) = page.headers().get("link") else { break };
        let link = link.to_str().unwrap();
        uri = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
    }
    let expected: Vec<String> = (0..30).rev().map(|number| format!("e-{number:02}")).collect();
    assert_eq!(ids, expected);
}
