//! The embedded S3 as other tools see it, through a client that sends what they send.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests fail a test by panicking

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use auditlake_embedded::s3::{EmbeddedS3, EmbeddedS3Credentials, sweep};
use auditlake_store::Store;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, Delete, MetadataDirective, ObjectIdentifier, Tag, Tagging,
};
use bytes::Bytes;

struct Lake {
    directory: tempfile::TempDir,
    server: EmbeddedS3,
    client: Client,
}

impl Lake {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = EmbeddedS3::bind(directory.path(), listen, EmbeddedS3Credentials::default()).await.unwrap();
        let client = client(&server, "auditlake", "auditlake");
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
    let wrong_secret = client(&lake.server, "auditlake", "wrong");
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(server.local_addr()).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
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

#[tokio::test]
async fn sweeping_removes_sealed_landing_objects_in_time_and_nothing_else() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let lake = Lake::start().await;
    let store = lake.server.store().await.unwrap();
    let keys =
        ["landing/arrival=1/sealed", "landing/arrival=1/open", "landing/arrival=2/sealed", "etl/v1/data/a", "exports/a"];
    for key in keys {
        store.put_if_absent(key, Bytes::from_static(b"1234")).await.unwrap();
    }
    for key in ["landing/arrival=1/sealed", "landing/arrival=2/sealed", "etl/v1/data/a", "exports/a"] {
        store.tag(key, "sealed", "true").await.unwrap();
    }
    store.tag("landing/arrival=1/open", "sealed", "false").await.unwrap();
    let begun = lake.client.create_multipart_upload().bucket("lake").key("a").send().await.unwrap();
    let part = lake.client.upload_part().bucket("lake").key("a").upload_id(begun.upload_id().unwrap()).part_number(1);
    part.body(ByteStream::from_static(b"part")).send().await.unwrap();

    let now = SystemTime::now();
    let swept = sweep(lake.directory.path(), now, 7 * DAY).unwrap();
    assert_eq!(swept, Default::default());
    let swept = sweep(lake.directory.path(), now + 6 * DAY, 7 * DAY).unwrap();
    assert_eq!((swept.landing_objects, swept.unfinished), (0, 1));
    let swept = sweep(lake.directory.path(), now + 8 * DAY, 7 * DAY).unwrap();
    assert_eq!((swept.landing_objects, swept.landing_bytes), (2, 8));
    assert_eq!(store.head("landing/arrival=1/sealed").await.unwrap(), None);
    for key in ["landing/arrival=1/open", "etl/v1/data/a", "exports/a"] {
        assert!(store.head(key).await.unwrap().is_some(), "{key}");
    }
    assert!(!lake.directory.path().join("landing/arrival=2").exists());
    assert!(lake.directory.path().join("landing/arrival=1").exists());
    // The hour's folder can be used again.
    store.put_if_absent("landing/arrival=2/new", Bytes::new()).await.unwrap();
    assert_eq!(sweep(lake.directory.path(), now + 8 * DAY, 7 * DAY).unwrap(), Default::default());
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
    let _server = EmbeddedS3::bind(directory.path(), listen, EmbeddedS3Credentials::default()).await.unwrap();
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
    let error = EmbeddedS3::bind(&file, listen, EmbeddedS3Credentials::default()).await.unwrap_err();
    assert!(error.to_string().contains("cannot use the directory"), "{error}");
    let server = EmbeddedS3::bind(directory.path(), listen, EmbeddedS3Credentials::default()).await.unwrap();
    let error = EmbeddedS3::bind(directory.path(), server.local_addr(), EmbeddedS3Credentials::default()).await.unwrap_err();
    assert!(error.to_string().contains("cannot listen"), "{error}");
}
