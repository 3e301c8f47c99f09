//! How many durable puts a second the embedded S3 makes, and how long one takes.
//!
//! `cargo run --release -p auditlake-embedded --example s3_load -- DIRECTORY [PUTS] [WRITERS] [BYTES]`
//!
//! With 0 puts it only serves, until interrupted, so that other clients can be tried.

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use auditlake_embedded::s3::{EmbeddedS3, EmbeddedS3Credentials, Others};
use auditlake_lake::clock::SystemEntropy;
use auditlake_store::{Put, Store, list_all};
use bytes::Bytes;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("which directory?")?;
    let mut number = |default: usize| arguments.next().map_or(Ok(default), |text| text.parse());
    let (puts, writers, bytes) = (number(2000)?, number(32)?, number(4096)?);
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let started = Instant::now();
    let keys = EmbeddedS3Credentials::random(&SystemEntropy);
    let server = EmbeddedS3::bind(Path::new(&directory), listen, Others::MayWrite(keys.clone())).await?;
    let store = Arc::new(server.store().await?);
    store.head("none").await?;
    println!("endpoint {}  first answer after {:?}", server.endpoint(), started.elapsed());
    if puts == 0 {
        println!("key {}  secret {}", keys.access_key, keys.secret_key);
        tokio::signal::ctrl_c().await?;
        server.shutdown(Duration::from_secs(5)).await;
        return Ok(());
    }

    let run = std::process::id();
    let body = Bytes::from(vec![7; bytes]);
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..writers {
        let (store, body) = (Arc::clone(&store), body.clone());
        tasks.spawn(async move {
            let mut took = Vec::new();
            for put in 0..puts / writers {
                let begun = Instant::now();
                let key = format!("landing/run={run}/{writer:04}-{put:06}");
                match store.put_if_absent(&key, body.clone()).await {
                    Ok(Put::Created { .. }) => took.push(begun.elapsed()),
                    other => return Err(format!("{other:?}")),
                }
            }
            Ok(took)
        });
    }
    let mut took = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        took.extend(joined??);
    }
    let total = started.elapsed();
    took.sort();
    let percentile = |share: usize| took.get(took.len() * share / 100).copied().unwrap_or_default();
    let rate = took.len() as f64 / total.as_secs_f64();
    println!(
        "{} puts of {bytes} B by {writers}: {rate:.0}/s  p50 {:?}  p99 {:?}",
        took.len(),
        percentile(50),
        percentile(99)
    );

    let started = Instant::now();
    let prefix = format!("landing/run={run}/");
    let listed = list_all(store.as_ref(), &prefix, None, None).await?;
    println!("{} listed in {:?}", listed.len(), started.elapsed());
    let started = Instant::now();
    for object in listed.iter().take(500) {
        store.get(&object.key).await?;
    }
    println!("get, one after the other: {:?} each", started.elapsed() / 500);
    let started = Instant::now();
    for object in listed.iter().take(200) {
        store.tag(&object.key, "sealed", "true").await?;
    }
    println!("tag, one after the other: {:?} each", started.elapsed() / 200);
    let started = Instant::now();
    let mut upload = store.upload(&format!("etl/v1/data/run={run}/large")).await?;
    for _ in 0..256 {
        upload.write(Bytes::from(vec![1; 1 << 20])).await?;
    }
    upload.finish().await?;
    println!("upload of 256 MiB: {:?}", started.elapsed());
    let started = Instant::now();
    let whole = store.get(&format!("etl/v1/data/run={run}/large")).await?;
    println!("get of {} MiB: {:?}", whole.bytes.len() >> 20, started.elapsed());
    Ok(())
}
