//! The embedded S3 as other tools see it, through a client that sends what they send.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests fail a test by panicking

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use auditlake_embedded::s3::{EmbeddedS3, EmbeddedS3Credentials, Others, sweep};
use auditlake_event::{Event, Outcome, Timestamp};
use auditlake_lake::landing;
use auditlake_lake::layout::{self, LandingKey};
use auditlake_lake::period::{Arrival, Period, SealRule};
use auditlake_lake::seal::record::{Input, SealRecord};
use auditlake_store::Store;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, Delete, MetadataDirective, ObjectIdentifier, Tag, Tagging,
};
use bytes::Bytes;

/// What the clients of these tests sign with.
fn keys() -> EmbeddedS3Credentials {
    EmbeddedS3Credentials { access_key: "other-tools".to_owned(), secret_key: "their secret".to_owned() }
}

struct Lake {
    directory: tempfile::TempDir,
    server: EmbeddedS3,
    client: Client,
}

impl Lake {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = EmbeddedS3::bind(directory.path(), listen, Others::MayWrite(keys())).await.unwrap();
        let client = client(&server, "other-tools", "their secret");
        Self { directory, server, client }
    }

    async fn put(&self, key: &str, bytes: &'static [u8]) -> Result<String, String> {
        let request = self.client.put_object().bucket("lake").key(key).body(ByteStream::from_static(bytes));
        request.send().await.map(|output| output.e_tag.unwrap()).map_err(code)
    }

    async fn get(&self, key: &str) -> Result<Bytes, String> {
        let output = self.client.get_object().bucket("lake").key(key).send().await.map_err(code)?;
        Ok(output.body.collect().await.unwrap().into_bytes())
    }

    async fn tags(&self, key: &str) -> Result<Vec<(String, String)>, String> {
        let output = self.client.get_object_tagging().bucket("lake").key(key).send().await.map_err(code)?;
        Ok(output.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }

    fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.directory.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else {
                    found.push(entry.path().strip_prefix(self.directory.path()).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        found.sort();
        found
    }
}

fn client(server: &EmbeddedS3, access_key: &str, secret_key: &str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url(server.endpoint())
        .force_path_style(true)
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(Credentials::new(access_key, secret_key, None, None, "test"))
        .build();
    Client::from_conf(config)
}

fn code<E: ProvideErrorMetadata>(error: SdkError<E, aws_sdk_s3::config::http::HttpResponse>) -> String {
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    let code = error.as_service_error().and_then(|service| service.code()).unwrap_or_default();
    format!("{status} {code}").trim_end().to_owned()
}

const WRITE_ONCE: [&str; 6] =
    ["lake.json", "landing/arrival=x/a", "etl/v1/data/region=r/a", "seals/a", "digests/a", "quarantine/a"];

#[tokio::test]
async fn where_the_lake_is_written_once_nothing_is_overwritten_or_deleted() {
    let lake = Lake::start().await;
    let store = lake.server.store().await.unwrap();
    lake.put("elsewhere/a", b"other").await.unwrap();
    for key in WRITE_ONCE {
        assert_eq!(lake.put(key, b"x").await.unwrap_err(), "403 AccessDenied", "{key}");
        store.put_if_absent(key, Bytes::from_static(b"first")).await.unwrap();
        assert_eq!(lake.put(key, b"x").await.unwrap_err(), "403 AccessDenied", "{key}");
        let deleted = lake.client.delete_object().bucket("lake").key(key).send().await.map_err(code);
        assert_eq!(deleted.unwrap_err(), "403 AccessDenied");
        let copied = lake.client.copy_object().bucket("lake").key(key).copy_source("lake/elsewhere/a").send().await;
        assert_eq!(copied.map_err(code).unwrap_err(), "403 AccessDenied");
        let upload = lake.client.create_multipart_upload().bucket("lake").key(key).send().await.unwrap();
        let part = CompletedPart::builder().part_number(1).e_tag("x").build();
        let parts = CompletedMultipartUpload::builder().parts(part).build();
        let complete = lake.client.complete_multipart_upload().bucket("lake").key(key).multipart_upload(parts);
        let completed = complete.upload_id(upload.upload_id().unwrap());
        assert_eq!(completed.send().await.map_err(code).unwrap_err(), "403 AccessDenied");
        assert_eq!(lake.get(key).await.unwrap(), "first");
    }
    let all = WRITE_ONCE.iter().chain(&["elsewhere/a", "elsewhere/none"]);
    let objects = all.map(|key| ObjectIdentifier::builder().key(*key).build().unwrap()).collect();
    let delete = Delete::builder().set_objects(Some(objects)).build().unwrap();
    let output = lake.client.delete_objects().bucket("lake").delete(delete).send().await.unwrap();
    assert_eq!((output.deleted().len(), output.errors().len()), (2, WRITE_ONCE.len()));
    assert_eq!(lake.get("elsewhere/a").await.unwrap_err(), "404 NoSuchKey");
    assert!(WRITE_ONCE.iter().all(|key| lake.directory.path().join(key).is_file()));
}

#[tokio::test]
async fn elsewhere_objects_can_be_replaced_copied_and_deleted() {
    let lake = Lake::start().await;
    let first = lake.put("exports/a", b"1").await.unwrap();
    let second = lake.put("exports/a", b"2").await.unwrap();
    assert_ne!(first, second);
    assert_eq!(lake.get("exports/a").await.unwrap(), "2");
    let copied =
        lake.client.copy_object().bucket("lake").key("exports/b c").copy_source("lake/exports/a").send().await.unwrap();
    assert!(copied.copy_object_result().unwrap().e_tag().is_some());
    assert_eq!(lake.get("exports/b c").await.unwrap(), "2");
    for key in ["exports/a", "exports/b c", "exports/none"] {
        lake.client.delete_object().bucket("lake").key(key).send().await.unwrap();
    }
    assert_eq!(lake.files(), Vec::<String>::new());
    // With its last object the folder went: its name is free again.
    lake.put("exports", b"3").await.unwrap();
}

#[tokio::test]
async fn keys_that_could_leave_the_directory_are_refused() {
    let lake = Lake::start().await;
    let outside = lake.directory.path().parent().unwrap().join("auditlake-outside");
    for key in [
        "../auditlake-outside",
        "a/../../auditlake-outside",
        "a/./b",
        "a//b",
        "/a",
        ".auditlake/temp/x",
        "a\\b",
        "a/.auditlake",
    ] {
        let put = lake.put(key, b"x").await.unwrap_err();
        assert!(put.starts_with("400") || put.starts_with("403"), "{key}: {put}");
        assert!(lake.get(key).await.is_err(), "{key}");
    }
    assert!(!outside.exists());
    assert_eq!(lake.files(), Vec::<String>::new());
    lake.put("a/b", b"x").await.unwrap();
    assert_eq!(lake.put("a", b"x").await.unwrap_err(), "400 InvalidRequest");
    assert_eq!(lake.put("a/b/c", b"x").await.unwrap_err(), "400 InvalidRequest");
}

#[tokio::test]
async fn only_the_right_keys_and_the_right_bucket_open_it() {
    let lake = Lake::start().await;
    lake.put("a", b"x").await.unwrap();
    let wrong_secret = client(&lake.server, &keys().access_key, "wrong");
    let read = wrong_secret.get_object().bucket("lake").key("a").send().await.map_err(code);
    assert_eq!(read.unwrap_err(), "403 SignatureDoesNotMatch");
    let wrong_key = client(&lake.server, "nobody", "auditlake");
    let read = wrong_key.get_object().bucket("lake").key("a").send().await.map_err(code);
    assert!(read.unwrap_err().starts_with("403"));
    let (status, _) = anonymous(&lake.server, "GET /lake/a").await;
    assert_eq!(status, 403);
    let other = lake.client.get_object().bucket("other").key("a").send().await.map_err(code);
    assert_eq!(other.unwrap_err(), "404 NoSuchBucket");
    assert!(lake.client.head_bucket().bucket("other").send().await.is_err());
    lake.client.head_bucket().bucket("lake").send().await.unwrap();
    lake.client.create_bucket().bucket("lake").send().await.unwrap();
    let buckets = lake.client.list_buckets().send().await.unwrap();
    assert_eq!(buckets.buckets().iter().filter_map(|bucket| bucket.name()).collect::<Vec<_>>(), ["lake"]);
    assert!(lake.client.get_bucket_location().bucket("lake").send().await.is_ok());
}

/// A request without any signature: its status and body.
async fn anonymous(server: &EmbeddedS3, line: &str) -> (u16, String) {
    raw(server, &format!("{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")).await
}

/// A request as its bytes stand here: its status and the whole answer.
async fn raw(server: &EmbeddedS3, request: &str) -> (u16, String) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(server.local_addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

#[tokio::test]
async fn readers_conditions_and_ranges_are_heeded() {
    let lake = Lake::start().await;
    let etag = lake.put("a", b"0123456789").await.unwrap();
    let get = || lake.client.get_object().bucket("lake").key("a");
    assert!(get().if_match(&etag).send().await.is_ok());
    assert_eq!(get().if_match("\"other\"").send().await.map_err(code).unwrap_err(), "412 PreconditionFailed");
    assert!(get().if_none_match("\"other\"").send().await.is_ok());
    assert!(get().if_none_match(&etag).send().await.map_err(code).unwrap_err().starts_with("304"));
    let head = || lake.client.head_object().bucket("lake").key("a");
    assert!(head().if_none_match(&etag).send().await.map_err(code).unwrap_err().starts_with("304"));
    let modified = head().send().await.unwrap().last_modified.unwrap();
    assert!(get().if_modified_since(modified).send().await.map_err(code).unwrap_err().starts_with("304"));
    assert!(get().if_unmodified_since(modified).send().await.is_ok());
    for (range, expected, content_range) in [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=8-", "89", "bytes 8-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-99", "0123456789", "bytes 0-9/10"),
    ] {
        let output = get().range(range).send().await.unwrap();
        assert_eq!(output.content_range(), Some(content_range));
        assert_eq!(output.body.collect().await.unwrap().into_bytes(), expected, "{range}");
    }
    assert_eq!(get().range("bytes=10-").send().await.map_err(code).unwrap_err(), "416 InvalidRange");
}

#[tokio::test]
async fn a_body_that_is_not_what_its_checksum_says_is_refused() {
    let lake = Lake::start().await;
    let put = || lake.client.put_object().bucket("lake").key("a").body(ByteStream::from_static(b"123456789"));
    // CRC-32, CRC-32C, SHA-1 and MD5 of "123456789" as published.
    assert!(put().checksum_crc32("y/Q5Jg==").send().await.is_ok());
    assert!(put().checksum_crc32_c("4waSgw==").send().await.is_ok());
    assert!(put().checksum_sha1("98O8HYCOBHMq32eZZczDTKeuNEE=").send().await.is_ok());
    assert!(put().content_md5("JfnnlDI7RTiF9RgfG2JNCw==").send().await.is_ok());
    lake.client.delete_object().bucket("lake").key("a").send().await.unwrap();
    assert_eq!(put().checksum_crc32("AAAAAA==").send().await.map_err(code).unwrap_err(), "400 BadDigest");
    assert_eq!(put().checksum_sha1("AAAAAAAAAAAAAAAAAAAAAAAAAAA=").send().await.map_err(code).unwrap_err(), "400 BadDigest");
    assert_eq!(put().content_md5("AAAAAAAAAAAAAAAAAAAAAA==").send().await.map_err(code).unwrap_err(), "400 BadDigest");
    assert_eq!(lake.files(), Vec::<String>::new());
}

#[tokio::test]
async fn a_body_in_signed_or_unsigned_chunks_with_a_trailer_is_read() {
    let lake = Lake::start().await;
    let path = lake.directory.path().join("source.bin");
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 253) as u8).collect();
    std::fs::write(&path, &bytes).unwrap();
    // A body from a file is sent in chunks, its checksum behind it.
    for algorithm in [ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Crc64Nvme, ChecksumAlgorithm::Sha256] {
        let body = ByteStream::from_path(&path).await.unwrap();
        let put = lake.client.put_object().bucket("lake").key("copy.bin").checksum_algorithm(algorithm).body(body);
        put.send().await.map_err(code).unwrap();
        assert_eq!(lake.get("copy.bin").await.unwrap(), bytes);
    }
}

#[tokio::test]
async fn an_upload_in_parts_is_put_together_in_order_of_the_parts() {
    let lake = Lake::start().await;
    let begun = lake.client.create_multipart_upload().bucket("lake").key("big/a").send().await.unwrap();
    let id = begun.upload_id().unwrap();
    let part = |number: i32, bytes: Vec<u8>| {
        let body = ByteStream::from(bytes);
        let request = lake.client.upload_part().bucket("lake").key("big/a").upload_id(id).part_number(number).body(body);
        async move {
            let output = request.send().await.map_err(code)?;
            Ok::<_, String>(CompletedPart::builder().part_number(number).set_e_tag(output.e_tag).build())
        }
    };
    let complete = |parts: Vec<CompletedPart>| {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request =
            lake.client.complete_multipart_upload().bucket("lake").key("big/a").upload_id(id).multipart_upload(parts);
        async move { request.send().await.map_err(code) }
    };
    const PART: usize = 5 << 20;
    let third = part(7, b"end".to_vec()).await.unwrap();
    let replaced = part(2, vec![9; PART]).await.unwrap();
    let second = part(2, vec![2; PART]).await.unwrap();
    let first = part(1, vec![1; PART]).await.unwrap();
    let short = part(3, vec![3; 10]).await.unwrap();
    let listed = lake.client.list_parts().bucket("lake").key("big/a").upload_id(id).send().await.unwrap();
    let numbers: Vec<_> = listed.parts().iter().map(|part| (part.part_number().unwrap(), part.size().unwrap())).collect();
    assert_eq!(numbers, [(1, PART as i64), (2, PART as i64), (3, 10), (7, 3)]);
    let under_way = lake.client.list_multipart_uploads().bucket("lake").send().await.unwrap();
    assert_eq!(under_way.uploads().len(), 1);
    assert_eq!(complete(vec![second.clone(), first.clone()]).await.unwrap_err(), "400 InvalidPartOrder");
    assert_eq!(complete(vec![first.clone(), replaced]).await.unwrap_err(), "400 InvalidPart");
    let never = CompletedPart::builder().part_number(5).e_tag("x").build();
    assert_eq!(complete(vec![first.clone(), never]).await.unwrap_err(), "400 InvalidPart");
    assert_eq!(complete(vec![first.clone(), short, third.clone()]).await.unwrap_err(), "400 EntityTooSmall");
    // Not named, a part is left out.
    complete(vec![first.clone(), second, third]).await.unwrap();
    let whole = lake.get("big/a").await.unwrap();
    assert_eq!(whole, [vec![1; PART], vec![2; PART], b"end".to_vec()].concat());
    assert_eq!(complete(vec![first]).await.unwrap_err(), "404 NoSuchUpload");
    assert_eq!(part(1, b"x".to_vec()).await.unwrap_err(), "404 NoSuchUpload");
    assert_eq!(lake.files(), ["big/a"]);
}

#[tokio::test]
async fn an_upload_that_is_given_up_leaves_nothing() {
    let lake = Lake::start().await;
    let begun = lake.client.create_multipart_upload().bucket("lake").key("a").send().await.unwrap();
    let id = begun.upload_id().unwrap();
    let part = lake.client.upload_part().bucket("lake").key("a").upload_id(id).part_number(1);
    part.body(ByteStream::from(vec![1; 3_000_000])).send().await.unwrap();
    assert_eq!(lake.files().len(), 1);
    let abort = || lake.client.abort_multipart_upload().bucket("lake").key("a").upload_id(id).send();
    abort().await.unwrap();
    assert_eq!(abort().await.map_err(code).unwrap_err(), "404 NoSuchUpload");
    assert_eq!(lake.files(), Vec::<String>::new());
}

#[tokio::test]
async fn a_page_has_a_thousand_keys_unless_more_are_asked_for() {
    let lake = Lake::start().await;
    std::fs::create_dir_all(lake.directory.path().join("x")).unwrap();
    (0..1_200).for_each(|number| std::fs::write(lake.directory.path().join(format!("x/{number:04}")), b"x").unwrap());
    for (asked, listed) in [(None, 1_000), (Some(999), 999), (Some(5_000), 1_200), (Some(i32::MAX), 1_200)] {
        let page = lake.client.list_objects_v2().bucket("lake").prefix("x/").set_max_keys(asked).send().await.unwrap();
        assert_eq!(page.contents().len(), listed);
        assert_eq!(page.is_truncated(), Some(listed < 1_200));
    }
}

#[tokio::test]
async fn pages_with_common_prefixes_follow_each_other() {
    let lake = Lake::start().await;
    for key in ["x/a/1", "x/a/2", "x/b", "x/c/1", "x/c/2/3", "x/d"] {
        lake.put(key, b"x").await.unwrap();
    }
    let (mut found, mut next) = (Vec::new(), None::<String>);
    loop {
        let request = lake.client.list_objects_v2().bucket("lake").prefix("x/").delimiter("/").max_keys(1);
        let page = request.set_continuation_token(next.take()).send().await.unwrap();
        assert_eq!(page.key_count(), Some(1));
        found.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
        found.extend(page.common_prefixes().iter().map(|prefix| prefix.prefix().unwrap().to_owned()));
        next = page.next_continuation_token().map(str::to_owned);
        if page.is_truncated() != Some(true) {
            break;
        }
    }
    assert_eq!(found, ["x/a/", "x/b", "x/c/", "x/d"]);
    let (mut found, mut marker) = (Vec::new(), None::<String>);
    loop {
        let request = lake.client.list_objects().bucket("lake").prefix("x/").delimiter("/").max_keys(2);
        let page = request.set_marker(marker.take()).send().await.unwrap();
        found.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
        found.extend(page.common_prefixes().iter().map(|prefix| prefix.prefix().unwrap().to_owned()));
        marker = page.next_marker().map(str::to_owned);
        if page.is_truncated() != Some(true) {
            break;
        }
    }
    found.sort();
    assert_eq!(found, ["x/a/", "x/b", "x/c/", "x/d"]);
}

#[tokio::test]
async fn tags_are_kept_apart_and_go_with_their_object() {
    let lake = Lake::start().await;
    lake.put("a/b", b"x").await.unwrap();
    assert_eq!(lake.tags("a/b").await.unwrap(), []);
    let tag = |name: &str, value: &str| Tag::builder().key(name).value(value).build().unwrap();
    let put_tags = |tags: Vec<Tag>| {
        let tagging = Tagging::builder().set_tag_set(Some(tags)).build().unwrap();
        lake.client.put_object_tagging().bucket("lake").key("a/b").tagging(tagging).send()
    };
    put_tags(vec![tag("one", "1"), tag("two", "ü <&>")]).await.unwrap();
    put_tags(vec![tag("two", "2")]).await.unwrap();
    assert_eq!(lake.tags("a/b").await.unwrap(), [("two".to_owned(), "2".to_owned())]);
    let many = (0..11).map(|number| tag(&number.to_string(), "x")).collect();
    assert_eq!(put_tags(many).await.map_err(code).unwrap_err(), "400 InvalidTag");
    let copy = lake.client.copy_object().bucket("lake").key("a/c").copy_source("lake/a/b");
    copy.metadata_directive(MetadataDirective::Replace).send().await.unwrap();
    assert_eq!(lake.tags("a/c").await.unwrap(), [("two".to_owned(), "2".to_owned())]);
    lake.put("a/b", b"new").await.unwrap();
    assert_eq!(lake.tags("a/b").await.unwrap(), []);
    lake.client.delete_object_tagging().bucket("lake").key("a/c").send().await.unwrap();
    assert_eq!(lake.tags("a/c").await.unwrap(), []);
    let tagged = lake.client.put_object().bucket("lake").key("a/d").tagging("k=v%20w").body(ByteStream::from_static(b"x"));
    tagged.send().await.unwrap();
    assert_eq!(lake.tags("a/d").await.unwrap(), [("k".to_owned(), "v w".to_owned())]);
    lake.client.delete_object().bucket("lake").key("a/d").send().await.unwrap();
    assert_eq!(lake.tags("a/d").await.unwrap_err(), "404 NoSuchKey");
    assert_eq!(lake.files(), ["a/b", "a/c"]);
}

/// A landing object of rows that happened at these times, and a seal record for each of `sealed`.
async fn land(lake: &Lake, number: u8, times: &[&str], sealed: &[&str]) -> String {
    let rule = SealRule { period: Period::HOUR, slack_ms: 300_000, lead_ms: 300_000 };
    let time = |text: &str| Timestamp::parse(text).unwrap();
    let event = |text: &&str| Event {
        event_id: Cow::Owned(format!("{number}-{text}")),
        event_time: time(text),
        received_time: time(text),
        region: Cow::Borrowed("local"),
        organization: Cow::Borrowed("acme"),
        source: Cow::Borrowed("api"),
        action: Cow::Borrowed("x"),
        outcome: Outcome::Success,
        ..Event::default()
    };
    let events: Vec<Event<'_>> = times.iter().map(event).collect();
    let arrival = Arrival(events.iter().map(|event| event.event_time).max().unwrap());
    let key = LandingKey::new(arrival, [number; 10]).to_string();
    let store = lake.server.store().await.unwrap();
    let bytes = landing::file::encode(&events, arrival, &rule).unwrap().bytes;
    store.put_if_absent(&key, bytes).await.unwrap();
    for hour in sealed {
        let seal_time = rule.seal_time(time(hour), Arrival(time(hour)));
        let record = SealRecord {
            format_version: 1,
            seal_time,
            plan_sha256: String::new(),
            inputs: vec![Input { key: key.clone(), etag: String::new(), rows: 1 }],
            set_aside: Vec::new(),
            outputs: Vec::new(),
            digests: Vec::new(),
            rows_in: 1,
            rows_out: 1,
            duplicates: 0,
            conflicts: 0,
            late_rows: 0,
            unsearched: Vec::new(),
            displaced: Vec::new(),
            previous_sha256: None,
        };
        store.put_if_absent(&layout::record_key(seal_time), record.to_bytes().unwrap().into()).await.unwrap();
    }
    key
}

#[tokio::test]
async fn sweeping_removes_what_the_seal_records_retire_in_time_and_nothing_else() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let lake = Lake::start().await;
    let store = lake.server.store().await.unwrap();
    // Its second row is of the next period, which no record names.
    let sealed = land(&lake, 1, &["2026-03-01T10:58:00Z", "2026-03-01T11:01:00Z"], &["2026-03-01T10:58:00Z"]).await;
    let also = land(&lake, 2, &["2026-03-01T12:10:00Z"], &["2026-03-01T12:10:00Z"]).await;
    let open = land(&lake, 3, &["2026-03-01T13:10:00Z"], &["2026-03-01T13:10:00Z"]).await;
    let unsealed = land(&lake, 4, &["2026-03-01T14:10:00Z"], &[]).await;
    for key in ["etl/v1/data/a", "exports/a"] {
        store.put_if_absent(key, Bytes::from_static(b"1234")).await.unwrap();
    }
    // A tag that somebody else wrote retires nothing: neither what is not sealed at all nor what is sealed in part.
    for key in [sealed.as_str(), &also, &unsealed, "etl/v1/data/a", "exports/a"] {
        store.tag(key, "sealed", "true").await.unwrap();
    }
    store.tag(&open, "sealed", "false").await.unwrap();
    let begun = lake.client.create_multipart_upload().bucket("lake").key("a").send().await.unwrap();
    let part = lake.client.upload_part().bucket("lake").key("a").upload_id(begun.upload_id().unwrap()).part_number(1);
    part.body(ByteStream::from_static(b"part")).send().await.unwrap();

    let now = SystemTime::now();
    let swept = sweep(lake.directory.path(), now, 7 * DAY).unwrap();
    assert_eq!(swept, Default::default());
    let swept = sweep(lake.directory.path(), now + 6 * DAY, 7 * DAY).unwrap();
    assert_eq!((swept.landing_objects, swept.unfinished), (0, 1));
    let swept = sweep(lake.directory.path(), now + 8 * DAY, 7 * DAY).unwrap();
    assert_eq!((swept.landing_objects, swept.not_retired), (1, 2));
    assert_eq!(store.head(&also).await.unwrap(), None);
    for key in [sealed.as_str(), &open, &unsealed, "etl/v1/data/a", "exports/a"] {
        assert!(store.head(key).await.unwrap().is_some(), "{key}");
    }
    let hour_of = |key: &str| lake.directory.path().join(key.rsplit_once('/').unwrap().0);
    assert!(!hour_of(&also).exists() && hour_of(&open).exists());
    // The hour's folder can be used again.
    land(&lake, 5, &["2026-03-01T12:20:00Z"], &[]).await;
}

#[tokio::test]
async fn what_dead_processes_left_is_cleared_at_the_start_when_it_is_old() {
    let directory = tempfile::tempdir().unwrap();
    let temporary = directory.path().join(".auditlake/temp");
    std::fs::create_dir_all(&temporary).unwrap();
    for (name, age) in [("old", 25), ("new", 1)] {
        let file = std::fs::File::create(temporary.join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age * 3600)).unwrap();
    }
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let _server = EmbeddedS3::bind(directory.path(), listen, Others::Nobody).await.unwrap();
    assert!(!temporary.join("old").exists());
    assert!(temporary.join("new").exists());
}

#[tokio::test]
async fn a_marker_of_a_folder_is_taken_and_shows_nothing() {
    let lake = Lake::start().await;
    lake.put("exports/x/", b"").await.unwrap();
    assert!(lake.directory.path().join("exports/x").is_dir());
    assert_eq!(lake.put("exports/x/", b"bytes").await.unwrap_err(), "400 InvalidArgument");
    let listed = lake.client.list_objects_v2().bucket("lake").send().await.unwrap();
    assert_eq!(listed.contents().len(), 0);
    lake.client.delete_object().bucket("lake").key("exports/x/").send().await.unwrap();
    assert!(!lake.directory.path().join("exports").exists());
    assert_eq!(lake.put("landing/x/", b"").await.unwrap_err(), "403 AccessDenied");
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_is_said_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, b"x").unwrap();
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let error = EmbeddedS3::bind(&file, listen, Others::Nobody).await.unwrap_err();
    assert!(error.to_string().contains("cannot use the directory"), "{error}");
    let server = EmbeddedS3::bind(directory.path(), listen, Others::Nobody).await.unwrap();
    let error = EmbeddedS3::bind(directory.path(), server.local_addr(), Others::Nobody).await.unwrap_err();
    assert!(error.to_string().contains("cannot listen"), "{error}");
}

#[tokio::test]
async fn other_tools_read_everything_and_write_below_work_only() {
    let directory = tempfile::tempdir().unwrap();
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = EmbeddedS3::bind(directory.path(), listen, Others::MayRead(keys())).await.unwrap();
    let store = server.store().await.unwrap();
    for key in ["lake.json", "seals/a", "exports/acme/a", "directory/acme"] {
        store.put_if_absent(key, Bytes::from_static(b"ours")).await.unwrap();
    }
    let client = client(&server, "other-tools", "their secret");
    let put = |key: &'static str| {
        let put = client.put_object().bucket("lake").key(key).body(ByteStream::from_static(b"x"));
        async move { put.send().await.map(|_| ()).map_err(code) }
    };
    put("work/a").await.unwrap();
    client.delete_object().bucket("lake").key("work/a").send().await.unwrap();
    put("work/b").await.unwrap();
    for key in ["lake.json", "seals/b", "landing/arrival=2026-03-01T12/a", "exports/acme/a", "directory/acme", "other"] {
        assert_eq!(put(key).await.unwrap_err(), "403 AccessDenied", "{key}");
        let deleted = client.delete_object().bucket("lake").key(key).send().await.map_err(code);
        assert_eq!(deleted.unwrap_err(), "403 AccessDenied", "{key}");
    }
    let tag = Tag::builder().key("sealed").value("true").build().unwrap();
    let tagging = Tagging::builder().tag_set(tag).build().unwrap();
    let tagged = client.put_object_tagging().bucket("lake").key("seals/a").tagging(tagging).send().await.map_err(code);
    assert_eq!(tagged.unwrap_err(), "403 AccessDenied");
    let objects = ["work/b", "exports/acme/a"].map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
    let delete = Delete::builder().set_objects(Some(objects.to_vec())).build().unwrap();
    let deleted = client.delete_objects().bucket("lake").delete(delete).send().await.map_err(code);
    assert_eq!(deleted.unwrap_err(), "403 AccessDenied");
    let listed = client.list_objects_v2().bucket("lake").send().await.unwrap();
    let listed: Vec<_> = listed.contents().iter().filter_map(|object| object.key()).collect();
    assert_eq!(listed, ["directory/acme", "exports/acme/a", "lake.json", "seals/a", "work/b"]);
    let read = client.get_object().bucket("lake").key("exports/acme/a").send().await.unwrap();
    assert_eq!(read.body.collect().await.unwrap().into_bytes(), "ours");
}

#[tokio::test]
async fn what_a_browser_sends_for_a_foreign_page_is_refused() {
    let lake = Lake::start().await;
    let port = lake.server.local_addr().port();
    for (host, more, expected) in [
        ("evil.example", "", 421),
        ("127.0.0.1", "origin: https://evil.example\r\n", 403),
        ("127.0.0.1", "origin: null\r\n", 403),
    ] {
        let head = format!("GET /lake?list-type=2 HTTP/1.1\r\nhost: {host}:{port}\r\n{more}connection: close\r\n\r\n");
        assert_eq!(raw(&lake.server, &head).await.0, expected, "{host} {more}");
    }
    let form = "--b\r\ncontent-disposition: form-data; name=\"key\"\r\n\r\nwork/a\r\n--b\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\nx\r\n--b--\r\n";
    let head = format!(
        "POST /lake HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{form}",
        form.len()
    );
    assert_eq!(raw(&lake.server, &head).await.0, 403);
    assert_eq!(lake.files(), Vec::<String>::new());
}

#[tokio::test]
async fn every_answer_tells_the_time_of_now() {
    let lake = Lake::start().await;
    let port = lake.server.local_addr().port();
    let (_, answer) =
        raw(&lake.server, &format!("GET / HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n")).await;
    assert_eq!(answer.to_ascii_lowercase().matches("\r\ndate: ").count(), 1, "{answer}");
}

#[tokio::test]
async fn a_folder_that_went_away_is_unavailable_and_not_empty() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("lake");
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = EmbeddedS3::bind(&root, listen, Others::MayRead(keys())).await.unwrap();
    let client = client(&server, "other-tools", "their secret");
    std::fs::rename(&root, directory.path().join("elsewhere")).unwrap();
    let listed = client.list_objects_v2().bucket("lake").send().await.map_err(code);
    assert_eq!(listed.unwrap_err(), "503 ServiceUnavailable");
    let read = client.get_object().bucket("lake").key("lake.json").send().await.map_err(code);
    assert_eq!(read.unwrap_err(), "503 ServiceUnavailable");
    let put = client.put_object().bucket("lake").key("work/a").body(ByteStream::from_static(b"x")).send().await;
    assert!(put.map_err(code).unwrap_err().starts_with('5'));
}

#[tokio::test]
async fn what_is_read_owns_its_bytes_and_no_more() {
    let lake = Lake::start().await;
    let store = lake.server.store().await.unwrap();
    store.put_if_absent("work/small", Bytes::from(vec![7; 900])).await.unwrap();
    for _ in 0..3 {
        let read = store.get("work/small").await.unwrap().bytes;
        // A view into a connection's buffer would be shared with it, or bring all of its capacity along.
        let capacity = read.try_into_mut().map(|bytes| bytes.capacity());
        assert_eq!(capacity, Ok(900));
    }
}
