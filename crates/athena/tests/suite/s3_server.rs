//! As much of S3 as a reader of tables needs, over a map in memory, with a log of what was asked for.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

#[derive(Default)]
struct Shared {
    objects: BTreeMap<String, Bytes>,
    asked: Vec<String>,
}

/// The server; it ends with its runtime. All buckets share one space of keys.
#[derive(Clone)]
pub struct S3Server {
    shared: Arc<Mutex<Shared>>,
    pub endpoint: String,
}

impl S3Server {
    pub async fn start(objects: BTreeMap<String, Vec<u8>>) -> Self {
        let objects = objects.into_iter().map(|(key, bytes)| (key, Bytes::from(bytes))).collect();
        let shared = Arc::new(Mutex::new(Shared { objects, asked: Vec::new() }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { shared, endpoint: format!("http://{}", listener.local_addr().unwrap()) };
        let router = axum::Router::new().fallback(serve).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    /// The keys that were read and the prefixes that were listed since the last call.
    pub fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().unwrap().asked)
    }

    fn list(&self, query: &BTreeMap<String, String>) -> Response {
        let mut shared = self.shared.lock().unwrap();
        let text = |name: &str| query.get(name).cloned().unwrap_or_default();
        let (prefix, delimiter) = (text("prefix"), text("delimiter"));
        let after = query.get("continuation-token").or_else(|| query.get("start-after")).cloned().unwrap_or_default();
        let most: usize = query.get("max-keys").map_or(1_000, |most| most.parse().unwrap());
        shared.asked.push(prefix.clone());
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult>");
        let mut folders: Vec<String> = Vec::new();
        let (mut number, mut last, mut is_truncated) = (0, String::new(), false);
        for (key, bytes) in shared.objects.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix)) {
            if key.as_str() <= after.as_str() {
                continue;
            }
            let folder = (!delimiter.is_empty())
                .then(|| key[prefix.len()..].find(&delimiter).map(|end| &key[..prefix.len() + end + delimiter.len()]))
                .flatten();
            if folder.is_some_and(|folder| folders.last().is_some_and(|known| known == folder)) {
                last.clone_from(key);
                continue;
            }
            if number == most {
                is_truncated = true;
                break;
            }
            number += 1;
            last.clone_from(key);
            match folder {
                Some(folder) => folders.push(folder.to_owned()),
                None => write!(
                    xml,
                    "<Contents><Key>{key}</Key><LastModified>2026-03-01T00:00:00.000Z</LastModified><ETag>&quot;{:x}&quot;</ETag>\
                     <Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>",
                    bytes.len(),
                    bytes.len()
                )
                .unwrap(),
            }
        }
        for folder in &folders {
            write!(xml, "<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>").unwrap();
        }
        write!(xml, "<KeyCount>{number}</KeyCount><MaxKeys>{most}</MaxKeys><IsTruncated>{is_truncated}</IsTruncated>")
            .unwrap();
        if is_truncated {
            write!(xml, "<NextContinuationToken>{last}</NextContinuationToken>").unwrap();
        }
        xml.push_str("</ListBucketResult>");
        ([("content-type", "application/xml")], xml).into_response()
    }

    fn get(&self, key: &str, headers: &HeaderMap) -> Response {
        let mut shared = self.shared.lock().unwrap();
        shared.asked.push(key.to_owned());
        let Some(bytes) = shared.objects.get(key) else {
            let xml = "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>";
            return (StatusCode::NOT_FOUND, xml).into_response();
        };
        let range = headers.get("range").and_then(|range| parse_range(range.to_str().unwrap(), bytes.len()));
        let common = [
            ("etag".to_owned(), format!("\"{:x}\"", bytes.len())),
            ("last-modified".to_owned(), "Sun, 01 Mar 2026 00:00:00 GMT".to_owned()),
        ];
        let headers = axum::response::AppendHeaders(common);
        match range {
            Some((from, until)) => {
                let content_range = format!("bytes {from}-{}/{}", until - 1, bytes.len());
                let body = bytes.slice(from..until);
                (StatusCode::PARTIAL_CONTENT, headers, [("content-range", content_range)], body).into_response()
            }
            None => (headers, bytes.clone()).into_response(),
        }
    }
}

fn parse_range(range: &str, length: usize) -> Option<(usize, usize)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    if from.is_empty() {
        return Some((length.saturating_sub(to.parse().ok()?), length));
    }
    let until = if to.is_empty() { length } else { to.parse::<usize>().ok()? + 1 };
    Some((from.parse().ok()?, until.min(length)))
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        match first {
            b'%' => {
                bytes.push(u8::from_str_radix(std::str::from_utf8(&rest[..2]).unwrap(), 16).unwrap());
                rest = &rest[2..];
            }
            b'+' => bytes.push(b' '),
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// Takes the signatures out of a body that was sent in signed chunks: `<hex size>;chunk-signature=…\r\n<bytes>\r\n…`.
fn unchunk(body: &Bytes) -> Bytes {
    let mut content = Vec::new();
    let mut rest = body.clone();
    loop {
        let line_end = rest.windows(2).position(|window| window == b"\r\n").unwrap();
        let line = std::str::from_utf8(&rest[..line_end]).unwrap();
        let size = usize::from_str_radix(line.split(';').next().unwrap(), 16).unwrap();
        if size == 0 {
            return Bytes::from(content);
        }
        content.extend_from_slice(&rest[line_end + 2..line_end + 2 + size]);
        rest = rest.slice(line_end + size + 4..);
    }
}

async fn serve(State(server): State<S3Server>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = decode(uri.path().trim_start_matches('/'));
    let (_bucket, key) = path.split_once('/').unwrap_or((&path, ""));
    let query: BTreeMap<String, String> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name.to_owned(), decode(value)))
        .collect();
    match method {
        Method::GET if key.is_empty() => server.list(&query),
        Method::GET | Method::HEAD => server.get(key, &headers),
        Method::PUT => {
            let is_chunked =
                headers.get("x-amz-content-sha256").is_some_and(|hash| hash.as_bytes().starts_with(b"STREAMING"));
            let content = if is_chunked { unchunk(&body) } else { body };
            server.shared.lock().unwrap().objects.insert(key.to_owned(), content);
            // Without an entity tag the client has nothing to compare its MD5 with.
            StatusCode::OK.into_response()
        }
        Method::DELETE => {
            server.shared.lock().unwrap().objects.remove(key);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => StatusCode::NOT_IMPLEMENTED.into_response(),
    }
}
