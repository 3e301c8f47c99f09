//! What every store promises, put to the in-memory one and to S3 over a local directory alike.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests fail a test by panicking

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use auditlake_embedded::s3::{EmbeddedS3, Others};
use auditlake_store::memory::MemoryStore;
use auditlake_store::s3::{S3Settings, connect};
use auditlake_store::{ErrorKind, ObjectMeta, Put, SharedStore, Store, StoreError, list_all};
use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

async fn serve(directory: &std::path::Path) -> EmbeddedS3 {
    EmbeddedS3::bind(directory, any_port(), Others::Nobody).await.unwrap()
}

/// Runs a test with each store.
async fn with_each_store<F: Future<Output = ()>>(test: impl Fn(SharedStore) -> F) {
    test(Arc::new(MemoryStore::new())).await;
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path()).await;
    test(Arc::new(server.store().await.unwrap())).await;
    // A folder of the bucket is a store of its own.
    let settings = S3Settings { prefix: "some/folder".to_owned(), ..server.settings() };
    test(Arc::new(connect(settings).await.unwrap())).await;
    assert!(server.shutdown(Duration::from_secs(10)).await);
}

fn keys(page: Vec<ObjectMeta>) -> Vec<String> {
    page.into_iter().map(|object| object.key).collect()
}

fn kind<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> ErrorKind {
    answer.unwrap_err().kind
}

#[tokio::test]
async fn an_object_is_written_once_and_read_as_it_was_written() {
    with_each_store(|store| async move {
        let created = store.put_if_absent("x/a", Bytes::from_static(b"one")).await.unwrap();
        let Put::Created { etag } = created else { panic!("not created") };
        assert_eq!(store.put_if_absent("x/a", Bytes::from_static(b"two")).await.unwrap(), Put::Exists);
        let object = store.get("x/a").await.unwrap();
        assert_eq!((object.bytes.as_ref(), &object.etag), (&b"one"[..], &etag));
        let head = store.head("x/a").await.unwrap().unwrap();
        let meta = ObjectMeta { key: "x/a".to_owned(), size: 3, etag: etag.clone(), modified_ms: head.modified_ms };
        assert_eq!(head, meta);
        // To the second where a header says it, to the millisecond in a list.
        let [listed] = <[ObjectMeta; 1]>::try_from(store.list_page("x/", None, 10).await.unwrap()).unwrap();
        let (head_ms, listed_ms) = (head.modified_ms.unwrap(), listed.modified_ms.unwrap());
        assert!(head_ms <= listed_ms && listed_ms < head_ms + 1_000, "{head_ms} {listed_ms}");
        assert_eq!(ObjectMeta { modified_ms: head.modified_ms, ..listed }, meta);
        assert!(!etag.contains('"'));
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    with_each_store(|store| async move {
        assert_eq!(store.head("x/none").await.unwrap(), None);
        assert_eq!(kind(store.get("x/none").await), ErrorKind::NotFound);
        assert_eq!(kind(store.get_range("x/none", 0..1).await), ErrorKind::NotFound);
        assert_eq!(kind(store.get_suffix("x/none", 8).await), ErrorKind::NotFound);
        assert_eq!(kind(store.tag("x/none", "a", "b").await), ErrorKind::NotFound);
        assert!(store.list_page("x/", None, 10).await.unwrap().is_empty());
        assert!(store.list_prefixes("").await.unwrap().is_empty());
        // Neither is the folder of an object, nor what would lie below one.
        store.put_if_absent("x/a", Bytes::from_static(b"1")).await.unwrap();
        assert_eq!(store.head("x").await.unwrap(), None);
        assert_eq!(store.head("x/a/b").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn parts_of_an_object_can_be_read() {
    with_each_store(|store| async move {
        let bytes: Vec<u8> = (0..2_000_000_u32).map(|number| (number % 251) as u8).collect();
        store.put_if_absent("x/a", Bytes::from(bytes.clone())).await.unwrap();
        assert_eq!(store.get("x/a").await.unwrap().bytes, bytes);
        for range in [0..1, 0..2_000_000, 1_999_999..2_000_000, 524_287..1_572_865, 10..10] {
            let found = store.get_range("x/a", range.clone()).await.unwrap();
            assert_eq!(found, bytes[range.start as usize..range.end as usize], "{range:?}");
        }
        for range in [1_999_999..2_000_001, 2_000_000..2_000_001, 3_000_000..3_000_001] {
            assert_eq!(kind(store.get_range("x/a", range).await), ErrorKind::Invalid);
        }
        for (length, expected) in [(8, 8), (2_000_000, 2_000_000), (9_999_999, 2_000_000), (0, 0)] {
            let suffix = store.get_suffix("x/a", length).await.unwrap();
            assert_eq!(suffix.bytes, bytes[bytes.len() - expected..]);
            assert_eq!(suffix.size, 2_000_000);
            assert_eq!(suffix.etag, store.head("x/a").await.unwrap().unwrap().etag);
        }
        store.put_if_absent("x/empty", Bytes::new()).await.unwrap();
        assert_eq!(store.get("x/empty").await.unwrap().bytes, "");
        let suffix = store.get_suffix("x/empty", 8).await.unwrap();
        assert_eq!((suffix.bytes.len(), suffix.size), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn uploads_small_and_large_are_objects_once_they_are_finished() {
    with_each_store(|store| async move {
        let chunk = Bytes::from((0..1_000_003_u32).map(|number| (number % 241) as u8).collect::<Vec<u8>>());
        for (key, chunks) in [("x/empty", 0), ("x/small", 2), ("x/large", 21)] {
            let mut upload = store.upload(key).await.unwrap();
            for _ in 0..chunks {
                upload.write(chunk.clone()).await.unwrap();
            }
            assert_eq!(store.head(key).await.unwrap(), None);
            let Put::Created { etag } = upload.finish().await.unwrap() else { panic!("not created") };
            let object = store.get(key).await.unwrap();
            assert_eq!(object.bytes, chunk.repeat(chunks));
            assert_eq!(object.etag, etag);
        }
        // A second one of the same key finds it taken, large or small; one that is given up leaves nothing.
        for chunks in [1, 10] {
            let mut upload = store.upload("x/large").await.unwrap();
            for _ in 0..chunks {
                upload.write(chunk.clone()).await.unwrap();
            }
            assert_eq!(upload.finish().await.unwrap(), Put::Exists);
            let mut upload = store.upload("x/given-up").await.unwrap();
            for _ in 0..chunks {
                upload.write(chunk.clone()).await.unwrap();
            }
            upload.abort().await.unwrap();
        }
        assert_eq!(store.get("x/large").await.unwrap().bytes.len(), 21 * 1_000_003);
        assert_eq!(store.head("x/given-up").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn tagging_changes_nothing_else() {
    with_each_store(|store| async move {
        store.put_if_absent("landing/a/b", Bytes::from_static(b"1")).await.unwrap();
        let before = store.head("landing/a/b").await.unwrap();
        store.tag("landing/a/b", "sealed", "true").await.unwrap();
        store.tag("landing/a/b", "other", "x y+z&=%").await.unwrap();
        store.tag("landing/a/b", "sealed", "true").await.unwrap();
        assert_eq!(store.head("landing/a/b").await.unwrap(), before);
        assert_eq!(keys(store.list_page("", None, 10).await.unwrap()), ["landing/a/b"]);
    })
    .await;
}

#[tokio::test]
async fn keys_with_unusual_characters_come_back_as_they_are() {
    with_each_store(|store| async move {
        let unusual = ["x/a b", "x/a%20b", "x/a+b", "x/&<>\"'", "x/ü/日本", "x/..a", "x/year=2026/-_.~!*()", "x/#?;:@,$"];
        for key in unusual {
            store.put_if_absent(key, Bytes::from(key)).await.unwrap();
        }
        let mut expected = unusual.map(str::to_owned).to_vec();
        expected.sort();
        assert_eq!(keys(store.list_page("x/", None, 100).await.unwrap()), expected);
        for key in unusual {
            assert_eq!(store.get(key).await.unwrap().bytes, key, "{key}");
        }
    })
    .await;
}

#[tokio::test]
async fn of_fifty_puts_at_once_one_creates() {
    with_each_store(|store| async move {
        race(&[Arc::clone(&store)], "landing/a").await;
        race_uploads(&[store], "etl/v1/data/a").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_puts_at_once_through_two_servers_on_one_directory_one_creates() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (serve(directory.path()).await, serve(directory.path()).await);
    let stores: [SharedStore; 2] = [Arc::new(one.store().await.unwrap()), Arc::new(two.store().await.unwrap())];
    for round in 0..20 {
        // A new folder each time, so that both servers make it at once.
        race(&stores, &format!("landing/{round}/{round}/a")).await;
    }
    race_uploads(&stores, "etl/v1/data/a").await;
}

async fn race(stores: &[SharedStore], key: &str) {
    let mut puts = tokio::task::JoinSet::new();
    for number in 0..50 {
        let (store, key) = (Arc::clone(&stores[number % stores.len()]), key.to_owned());
        puts.spawn(async move { (number, store.put_if_absent(&key, Bytes::from(number.to_string())).await.unwrap()) });
    }
    let ended = puts.join_all().await;
    let winners: Vec<usize> = ended.iter().filter(|(_, put)| *put != Put::Exists).map(|(number, _)| *number).collect();
    assert_eq!(winners.len(), 1);
    for store in stores {
        assert_eq!(store.get(key).await.unwrap().bytes, winners[0].to_string());
    }
}

async fn race_uploads(stores: &[SharedStore], key: &str) {
    let mut uploads = tokio::task::JoinSet::new();
    for number in 0..6_usize {
        let (store, key) = (Arc::clone(&stores[number % stores.len()]), key.to_owned());
        uploads.spawn(async move {
            let mut upload = store.upload(&key).await.unwrap();
            // More than a part, so that the end is a conditional completion.
            upload.write(Bytes::from(vec![number as u8; 9_000_000])).await.unwrap();
            (number, upload.finish().await.unwrap())
        });
    }
    let ended = uploads.join_all().await;
    let winners: Vec<usize> = ended.iter().filter(|(_, put)| *put != Put::Exists).map(|(number, _)| *number).collect();
    assert_eq!(winners.len(), 1);
    let bytes = stores[0].get(key).await.unwrap().bytes;
    assert!(bytes.len() == 9_000_000 && bytes.iter().all(|byte| usize::from(*byte) == winners[0]));
}

#[derive(Debug, Clone)]
enum Question {
    Page { prefix: String, after: Option<String>, limit: usize },
    Prefixes { prefix: String },
}

fn key_text() -> impl Strategy<Value = String> {
    proptest::collection::vec("[-.0a=]{1,3}", 1..4).prop_map(|parts| parts.join("/"))
}

fn question() -> impl Strategy<Value = Question> {
    let text = || prop_oneof![key_text(), key_text().prop_map(|key| format!("{key}/")), Just(String::new())];
    let page = (text(), proptest::option::of(text()), 1_usize..8);
    let folder = prop_oneof![key_text().prop_map(|key| format!("{key}/")), Just(String::new())];
    prop_oneof![
        page.prop_map(|(prefix, after, limit)| Question::Page { prefix, after, limit }),
        folder.prop_map(|prefix| Question::Prefixes { prefix }),
    ]
}

#[test]
fn lists_are_those_of_a_sorted_map() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() });
    let input = (proptest::collection::btree_set(key_text(), 0..25), proptest::collection::vec(question(), 1..15));
    let checked = runner.run(&input, |(keys, questions)| {
        runtime.block_on(check_lists(keys, questions));
        Ok(())
    });
    checked.unwrap();
}

async fn check_lists(wanted: std::collections::BTreeSet<String>, questions: Vec<Question>) {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path()).await;
    let (local, memory) = (server.store().await.unwrap(), MemoryStore::new());
    for key in wanted {
        // Not every key can be a path beside the others: the two stores must agree on those that can.
        if local.put_if_absent(&key, Bytes::from(key.clone())).await.is_ok() {
            memory.put_if_absent(&key, Bytes::from(key.clone())).await.unwrap();
        }
    }
    for question in questions {
        match &question {
            Question::Page { prefix, after, limit } => {
                let found = local.list_page(prefix, after.as_deref(), *limit).await.unwrap();
                let expected = memory.list_page(prefix, after.as_deref(), *limit).await.unwrap();
                assert_eq!(keys(found), keys(expected), "{question:?}");
            }
            Question::Prefixes { prefix } => {
                let found = local.list_prefixes(prefix).await.unwrap();
                assert_eq!(found, memory.list_prefixes(prefix).await.unwrap(), "{question:?}");
            }
        }
    }
    let all: BTreeMap<String, u64> =
        list_all(&local, "", None, None).await.unwrap().into_iter().map(|object| (object.key, object.size)).collect();
    let expected = memory.snapshot().into_iter().map(|(key, bytes)| (key, bytes.len() as u64)).collect();
    assert_eq!(all, expected);
}

#[tokio::test]
async fn more_than_a_page_is_listed_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path()).await;
    let store = server.store().await.unwrap();
    // Put there by hand: what lies in the directory is in the bucket.
    for folder in 0..3 {
        let path = directory.path().join(format!("landing/arrival={folder}"));
        std::fs::create_dir_all(&path).unwrap();
        for number in 0..800 {
            std::fs::write(path.join(format!("{number:04}.parquet")), b"x").unwrap();
        }
    }
    let all = list_all(&store, "landing/", None, None).await.unwrap();
    assert_eq!(all.len(), 2400);
    assert!(all.windows(2).all(|pair| pair[0].key < pair[1].key));
    let bounded =
        list_all(&store, "landing/", Some("landing/arrival=0/0700"), Some("landing/arrival=2/0005")).await.unwrap();
    assert_eq!(bounded.len(), 100 + 800 + 5);
    assert_eq!(store.list_prefixes("landing/").await.unwrap().len(), 3);
}

#[tokio::test]
async fn what_was_put_is_there_after_a_restart_under_the_same_tag() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path()).await;
    let store = server.store().await.unwrap();
    store.put_if_absent("landing/x/y", Bytes::from_static(b"1")).await.unwrap();
    let before = store.head("landing/x/y").await.unwrap();
    assert_eq!(std::fs::read(directory.path().join("landing/x/y")).unwrap(), b"1");
    assert!(server.shutdown(Duration::from_secs(10)).await);
    assert_eq!(kind(store.head("landing/x/y").await), ErrorKind::Unavailable);
    let server = serve(directory.path()).await;
    assert_eq!(server.store().await.unwrap().head("landing/x/y").await.unwrap(), before);
}
