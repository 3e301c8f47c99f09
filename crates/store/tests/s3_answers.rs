//! What S3's answers mean for a caller, against a server that answers what a test tells it to.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests fail a test by panicking

use std::sync::{Arc, Mutex};
use std::time::Duration;

use auditlake_store::s3::{RetryPolicy, S3Settings, S3Store, connect};
use auditlake_store::{ErrorKind, Put, Store, Upload};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with one request.
#[derive(Clone)]
enum Answer {
    /// A status, more header lines, a body.
    Say(u16, &'static str, String),
    /// Reads the request and never answers.
    Hang,
    /// Reads the request and closes the connection.
    Close,
    /// Announces more bytes than come.
    Break,
}

fn error(status: u16, code: &str) -> Answer {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>as told</Message></Error>");
    Answer::Say(status, "", body)
}

fn ok(headers: &'static str, body: &str) -> Answer {
    Answer::Say(200, headers, body.to_owned())
}

/// A request as far as tests look at it: its first line and headers, in lower case.
#[derive(Debug, Clone)]
struct Seen {
    head: String,
    body_length: usize,
}

struct Server {
    store: S3Store,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Answers with `script`, one request after the other.
    async fn start(script: Vec<Answer>, tries: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Mutex::new(script.into_iter()));
        let requests = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, requests) = (Arc::clone(&script), Arc::clone(&requests));
                tokio::spawn(async move { serve(stream, &script, &requests).await });
            }
        });
        let retry = RetryPolicy {
            tries,
            base_wait: Duration::from_millis(1),
            longest_wait: Duration::from_millis(2),
            total: Duration::from_secs(30),
        };
        let settings = S3Settings {
            retry,
            prefix: "/folder/".to_owned(),
            read_timeout: Duration::from_millis(300),
            ..S3Settings::at_endpoint(endpoint, "bucket", "key", "secret")
        };
        Self { store: connect(settings).await.unwrap(), seen }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, script: &Mutex<std::vec::IntoIter<Answer>>, seen: &Mutex<Vec<Seen>>) {
    loop {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            match stream.read_buf(&mut bytes).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length: usize =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |text| text.parse().unwrap());
        if head.contains("expect: 100-continue") {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
        }
        while bytes.len() < end + length {
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let is_head = head.starts_with("head ");
        seen.lock().unwrap().push(Seen { head, body_length: length });
        let answer = script.lock().unwrap().next().unwrap_or_else(|| error(418, "ScriptIsOver"));
        let text = match answer {
            Answer::Hang => std::future::pending().await,
            Answer::Close => return,
            Answer::Break => "HTTP/1.1 200 OK\r\netag: \"e\"\r\ncontent-length: 10\r\n\r\n12345".to_owned(),
            Answer::Say(status, headers, body) => {
                let sent = if is_head { "" } else { body.as_str() };
                format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{sent}", body.len())
            }
        };
        let is_broken = text.ends_with("12345");
        if stream.write_all(text.as_bytes()).await.is_err() || is_broken {
            return;
        }
    }
}

async fn put(script: Vec<Answer>, tries: u32) -> Result<Put, ErrorKind> {
    let server = Server::start(script, tries).await;
    server.store.put_if_absent("a/b", Bytes::from_static(b"xyz")).await.map_err(|error| error.kind)
}

#[tokio::test]
async fn a_put_is_conditional_signed_and_carries_its_checksum_in_a_header() {
    let server = Server::start(vec![ok("etag: \"abc\"\r\n", "")], 1).await;
    let put = server.store.put_if_absent("a/b", Bytes::from_static(b"123456789")).await.unwrap();
    assert_eq!(put, Put::Created { etag: "abc".to_owned() });
    let seen = server.seen().remove(0);
    assert!(seen.head.starts_with("put /bucket/folder/a/b"), "{}", seen.head);
    assert!(seen.head.contains("if-none-match: *\r\n"));
    assert!(seen.head.contains("authorization: aws4-hmac-sha256 credential=key/"));
    // The check value of CRC-32, 0xCBF43926, in base64, lower-cased as all of what was seen.
    assert!(seen.head.contains("x-amz-checksum-crc32: y/q5jg==\r\n"), "{}", seen.head);
    assert!(!seen.head.contains("aws-chunked"));
    assert_eq!(seen.body_length, 9);
}

#[tokio::test]
async fn answers_to_a_put_have_their_meaning() {
    assert_eq!(put(vec![error(412, "PreconditionFailed")], 1).await, Ok(Put::Exists));
    for (answer, kind) in [
        (error(409, "ConditionalRequestConflict"), ErrorKind::Conflict),
        (error(403, "AccessDenied"), ErrorKind::Denied),
        (error(401, "Unauthorized"), ErrorKind::Denied),
        (error(404, "NoSuchBucket"), ErrorKind::Invalid),
        (error(429, "TooManyRequests"), ErrorKind::Unavailable),
        (error(500, "InternalError"), ErrorKind::Unavailable),
        (error(503, "SlowDown"), ErrorKind::Unavailable),
        (error(400, "EntityTooLarge"), ErrorKind::Invalid),
        (error(501, "NotImplemented"), ErrorKind::Invalid),
        (Answer::Hang, ErrorKind::Timeout),
        (Answer::Close, ErrorKind::Unavailable),
    ] {
        assert_eq!(put(vec![answer], 1).await, Err(kind));
    }
}

#[tokio::test]
async fn a_put_is_tried_again_by_us_and_not_by_the_sdk() {
    let server =
        Server::start(vec![error(503, "SlowDown"), error(409, "OperationAborted"), ok("etag: \"e\"\r\n", "")], 3).await;
    assert!(matches!(server.store.put_if_absent("a", Bytes::new()).await, Ok(Put::Created { .. })));
    assert_eq!(server.seen().len(), 3);
    let server = Server::start(vec![error(503, "SlowDown"), error(503, "SlowDown")], 1).await;
    assert!(server.store.put_if_absent("a", Bytes::new()).await.is_err());
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_412_after_a_lost_answer_is_exists() {
    assert_eq!(put(vec![Answer::Hang, error(412, "PreconditionFailed")], 2).await, Ok(Put::Exists));
    assert_eq!(put(vec![Answer::Close, error(412, "PreconditionFailed")], 2).await, Ok(Put::Exists));
}

#[tokio::test]
async fn nobody_listening_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let settings = S3Settings { retry: RetryPolicy::none(), ..S3Settings::at_endpoint(endpoint, "bucket", "key", "secret") };
    let store = connect(settings).await.unwrap();
    assert_eq!(store.head("a").await.unwrap_err().kind, ErrorKind::Unavailable);
}

#[tokio::test]
async fn an_absent_object_and_one_that_may_not_be_seen_differ() {
    let server =
        Server::start(vec![error(404, ""), error(403, ""), error(404, "NoSuchKey"), error(404, "NoSuchBucket")], 1).await;
    assert_eq!(server.store.head("a").await.unwrap(), None);
    let denied = server.store.head("a").await.unwrap_err();
    assert_eq!(denied.kind, ErrorKind::Denied);
    assert!(denied.message.contains("s3:ListBucket"), "{denied}");
    assert_eq!(server.store.get("a").await.unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(server.store.get("a").await.unwrap_err().kind, ErrorKind::Invalid);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_fetched_again() {
    let server = Server::start(vec![Answer::Break, ok("etag: \"e\"\r\n", "whole")], 2).await;
    let object = server.store.get("a").await.unwrap();
    assert_eq!((object.bytes.as_ref(), object.etag.as_str()), (&b"whole"[..], "e"));
    let server = Server::start(vec![Answer::Break], 1).await;
    assert_eq!(server.store.get("a").await.unwrap_err().kind, ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_page_cut_short_by_the_store_is_asked_on() {
    let page = |keys: &[&str], is_truncated: bool| {
        let contents: String = keys
            .iter()
            .map(|key| format!("<Contents><Key>folder/{key}</Key><Size>1</Size><ETag>&quot;e&quot;</ETag></Contents>"))
            .collect();
        ok("", &format!("<ListBucketResult><IsTruncated>{is_truncated}</IsTruncated>{contents}</ListBucketResult>"))
    };
    let server = Server::start(vec![page(&["p/a", "p/b"], true), page(&["p/c"], false)], 1).await;
    let found = server.store.list_page("p/", Some("p/0"), 10).await.unwrap();
    let keys: Vec<&str> = found.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(keys, ["p/a", "p/b", "p/c"]);
    assert_eq!((found[0].size, found[0].etag.as_str()), (1, "e"));
    let heads: Vec<String> = server.seen().into_iter().map(|seen| seen.head).collect();
    assert!(heads[0].contains("start-after=folder%2fp%2f0"), "{}", heads[0]);
    assert!(heads[1].contains("start-after=folder%2fp%2fb") && heads[1].contains("max-keys=8"), "{}", heads[1]);
    // A store that says there is more and gives nothing must not be asked for ever.
    let server = Server::start(vec![page(&[], true)], 1).await;
    assert_eq!(server.store.list_page("p/", None, 10).await.unwrap_err().kind, ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_tag_is_added_to_those_that_are_there() {
    let held = "<Tagging><TagSet><Tag><Key>kept</Key><Value>1</Value></Tag></TagSet></Tagging>";
    let server = Server::start(vec![ok("", held), ok("", "")], 1).await;
    server.store.tag("a", "sealed", "true").await.unwrap();
    let sent = &server.seen()[1];
    assert!(sent.head.starts_with("put /bucket/folder/a?tagging"), "{}", sent.head);
    // Not even written if it is there already.
    let held = "<Tagging><TagSet><Tag><Key>sealed</Key><Value>true</Value></Tag></TagSet></Tagging>";
    let server = Server::start(vec![ok("", held)], 1).await;
    server.store.tag("a", "sealed", "true").await.unwrap();
    assert_eq!(server.seen().len(), 1);
}

const PART: usize = 8 << 20;

async fn begin_upload(end: Vec<Answer>, tries: u32) -> (Server, Box<dyn Upload>) {
    let begun = ok("", "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>");
    let part = ok("etag: \"p\"\r\n", "");
    let script = [vec![begun, part.clone(), part], end].concat();
    let server = Server::start(script, tries).await;
    let mut upload = server.store.upload("big").await.unwrap();
    upload.write(Bytes::from(vec![7; PART])).await.unwrap();
    upload.write(Bytes::from_static(b"rest")).await.unwrap();
    (server, upload)
}

#[tokio::test]
async fn a_small_upload_is_one_put() {
    let server = Server::start(vec![ok("etag: \"e\"\r\n", "")], 1).await;
    let mut upload = server.store.upload("small").await.unwrap();
    upload.write(Bytes::from_static(b"ab")).await.unwrap();
    upload.write(Bytes::from_static(b"cd")).await.unwrap();
    assert_eq!(upload.finish().await.unwrap(), Put::Created { etag: "e".to_owned() });
    let seen = server.seen();
    assert_eq!((seen.len(), seen[0].body_length), (1, 4));
}

#[tokio::test]
async fn a_large_upload_goes_in_parts_and_ends_conditionally() {
    let done = "<CompleteMultipartUploadResult><ETag>\"whole-2\"</ETag></CompleteMultipartUploadResult>";
    let (server, upload) = begin_upload(vec![ok("", done)], 1).await;
    assert_eq!(upload.finish().await.unwrap(), Put::Created { etag: "whole-2".to_owned() });
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    let mut parts: Vec<usize> = seen[1..3].iter().map(|part| part.body_length).collect();
    parts.sort_unstable();
    assert_eq!(parts, [4, PART]);
    assert!(seen[1..3].iter().all(|part| part.head.contains("x-amz-checksum-crc32: ")));
    assert!(seen[3].head.starts_with("post /bucket/folder/big?uploadid=u1") && seen[3].head.contains("if-none-match: *"));
}

#[tokio::test]
async fn an_uploads_end_is_412_exists_409_conflict_and_either_way_its_parts_are_freed() {
    let (server, upload) =
        begin_upload(vec![error(412, "PreconditionFailed"), Answer::Say(204, "", String::new())], 3).await;
    assert_eq!(upload.finish().await.unwrap(), Put::Exists);
    assert!(server.seen()[4].head.starts_with("delete /bucket/folder/big?"));

    let (server, upload) =
        begin_upload(vec![error(409, "ConditionalRequestConflict"), Answer::Say(204, "", String::new())], 3).await;
    assert_eq!(upload.finish().await.unwrap_err().kind, ErrorKind::Conflict);
    // Not tried again: begin, two parts, the end, the abort.
    assert_eq!(server.seen().len(), 5);
}

#[tokio::test]
async fn an_error_inside_an_answer_of_200_is_an_error() {
    let inside = ok("", "<Error><Code>InternalError</Code><Message>as told</Message></Error>");
    let (_server, upload) = begin_upload(vec![inside], 1).await;
    assert_eq!(upload.finish().await.unwrap_err().kind, ErrorKind::Unavailable);
}

#[tokio::test]
async fn an_upload_that_is_gone_after_a_lost_answer_exists_or_must_be_made_again() {
    let (_server, upload) = begin_upload(vec![Answer::Hang, error(404, "NoSuchUpload"), ok("etag: \"e\"\r\n", "")], 2).await;
    assert_eq!(upload.finish().await.unwrap(), Put::Exists);
    let (_server, upload) = begin_upload(vec![Answer::Hang, error(404, "NoSuchUpload"), error(404, "")], 2).await;
    assert_eq!(upload.finish().await.unwrap_err().kind, ErrorKind::Conflict);
}

#[tokio::test]
async fn settings_that_cannot_be_right_are_refused() {
    for settings in [
        S3Settings::new(""),
        S3Settings::new("bucket/folder"),
        S3Settings::at_endpoint("127.0.0.1:9000", "bucket", "key", "secret"),
    ] {
        assert_eq!(connect(settings).await.unwrap_err().kind, ErrorKind::Invalid);
    }
}
