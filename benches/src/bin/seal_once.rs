//! Seals what lies in a folder of landing objects, once, as `compact` does, and says how long it took and what it needed.
//!
//! `seal_once LANDING_FOLDER ARCHIVE_FOLDER SEAL_TIME [--budget MIB] [--zstd]`: prints one line of JSON. Reading, checking,
//! merging, hashing, Merkle trees, encoding and writing are in the time; closing, planning and digests are not.

use std::error::Error;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Instant;

use async_trait::async_trait;
use auditlake_event::Timestamp;
use auditlake_lake::layout::LandingKey;
use auditlake_lake::period::SealRule;
use auditlake_lake::seal::gather::Gatherer;
use auditlake_lake::seal::outcome::ShardOutcome;
use auditlake_lake::seal::plan::{self, PlanSettings};
use auditlake_lake::seal::{ShardContext, write_pieces};
use auditlake_lake::{Codec, Period, SealTime, landing};
use auditlake_store::{ErrorKind, Object, ObjectMeta, Put, Store, StoreError, Suffix, Upload};
use bytes::Bytes;

/// Archive objects as files of a folder: what it takes to write them, and nothing else.
struct Folder {
    root: PathBuf,
}

fn failed(operation: &'static str, key: &str, error: &std::io::Error) -> StoreError {
    let kind = if error.kind() == std::io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Invalid };
    StoreError::new(kind, operation, key, error.to_string())
}

struct FolderUpload {
    path: PathBuf,
    key: String,
    file: fs::File,
}

impl Folder {
    fn create(&self, key: &str) -> Result<(PathBuf, fs::File), std::io::Error> {
        let path = self.root.join(key);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok((path.clone(), fs::File::create_new(path)?))
    }
}

#[async_trait]
impl Store for Folder {
    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<Put, StoreError> {
        let (_, mut file) = self.create(key).map_err(|error| failed("put", key, &error))?;
        std::io::Write::write_all(&mut file, &bytes).map_err(|error| failed("put", key, &error))?;
        Ok(Put::Created { etag: String::new() })
    }

    async fn upload(&self, key: &str) -> Result<Box<dyn Upload>, StoreError> {
        let (path, file) = self.create(key).map_err(|error| failed("upload", key, &error))?;
        Ok(Box::new(FolderUpload { path, key: key.to_owned(), file }))
    }

    async fn get(&self, key: &str) -> Result<Object, StoreError> {
        let bytes = fs::read(self.root.join(key)).map_err(|error| failed("get", key, &error))?;
        Ok(Object { bytes: bytes.into(), etag: String::new() })
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let bytes = self.get(key).await?.bytes;
        let (start, end) = (usize::try_from(range.start).unwrap_or(0), usize::try_from(range.end).unwrap_or(usize::MAX));
        Ok(bytes.slice(start..end.min(bytes.len())))
    }

    async fn get_suffix(&self, key: &str, length: u64) -> Result<Suffix, StoreError> {
        let bytes = self.get(key).await?.bytes;
        let start = bytes.len().saturating_sub(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(Suffix { size: bytes.len() as u64, bytes: bytes.slice(start..), etag: String::new() })
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, StoreError> {
        let metadata = fs::metadata(self.root.join(key)).ok();
        Ok(metadata.map(|metadata| ObjectMeta {
            key: key.to_owned(),
            size: metadata.len(),
            etag: String::new(),
            modified_ms: None,
        }))
    }

    async fn list_page(&self, _: &str, _: Option<&str>, _: usize) -> Result<Vec<ObjectMeta>, StoreError> {
        // Nothing was sealed before.
        Ok(Vec::new())
    }

    async fn list_prefixes(&self, _: &str) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    async fn tag(&self, _: &str, _: &str, _: &str) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Upload for FolderUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        std::io::Write::write_all(&mut self.file, &bytes).map_err(|error| failed("upload.write", &self.key, &error))
    }

    async fn finish(self: Box<Self>) -> Result<Put, StoreError> {
        Ok(Put::Created { etag: String::new() })
    }

    async fn abort(self: Box<Self>) -> Result<(), StoreError> {
        fs::remove_file(&self.path).map_err(|error| failed("upload.abort", &self.key, &error))
    }
}

/// The most memory this process had so far, in MiB.
fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

struct Arguments {
    landing: PathBuf,
    archive: PathBuf,
    seal_time: SealTime,
    budget: usize,
    codec: Codec,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    const USAGE: &str = "usage: seal_once LANDING_FOLDER ARCHIVE_FOLDER SEAL_TIME [--budget MIB] [--zstd]";
    let mut arguments = std::env::args().skip(1);
    let landing = PathBuf::from(arguments.next().ok_or(USAGE)?);
    let archive = PathBuf::from(arguments.next().ok_or(USAGE)?);
    let seal_time = SealTime::from_start(Timestamp::parse(&arguments.next().ok_or(USAGE)?)?);
    let (mut budget, mut codec) = (256, Codec::Snappy);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--budget" => budget = arguments.next().ok_or(USAGE)?.parse()?,
            "--zstd" => codec = Codec::Zstd,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(Arguments { landing, archive, seal_time, budget: budget << 20, codec })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { landing, archive, seal_time, budget, codec } = arguments()?;
    let rule = SealRule { period: Period::HOUR, slack_ms: 300_000, lead_ms: 300_000 };
    let start = Instant::now();
    let mut names: Vec<PathBuf> =
        fs::read_dir(&landing)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    names.sort();
    let mut gatherer = Gatherer::new(seal_time, rule, budget, None);
    let (mut bytes_in, mut decode_seconds) = (0, 0.0);
    for (ordinal, path) in names.iter().enumerate() {
        let begin = Instant::now();
        let bytes = Bytes::from(fs::read(path)?);
        bytes_in += bytes.len();
        let name = path.file_stem().and_then(|name| name.to_str()).ok_or("a file without a name")?;
        let id = uuid::Uuid::try_parse(name)?;
        let (high, _) = id.as_u64_pair();
        let arrival = auditlake_lake::Arrival(Timestamp::from_millis(i64::try_from(high >> 16)?));
        debug_assert!(LandingKey::new(arrival, [0; 10]).arrival() == arrival);
        let object = landing::file::decode(bytes, arrival, &rule)?;
        decode_seconds += begin.elapsed().as_secs_f64();
        gatherer.add(u32::try_from(ordinal)?, object)?;
    }
    let gather_seconds = start.elapsed().as_secs_f64() - decode_seconds;
    let shards = plan::split(&gatherer.summary(), &PlanSettings::default());
    let mut rows = gatherer.sorted()?;
    let store = Folder { root: archive };
    let context = ShardContext { seal_time, codec, rule, lists_restamped: true };
    let mut total = ShardOutcome::default();
    for pieces in &shards {
        let outcome = write_pieces(&store, &context, pieces, &mut rows).await?;
        total.objects.extend(outcome.objects);
        total.rows_in += outcome.rows_in;
        total.rows_out += outcome.rows_out;
        total.duplicates += outcome.duplicates;
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{{\"seconds\":{seconds:.3},\"decode\":{decode_seconds:.3},\"gather\":{gather_seconds:.3},\"objects_in\":{},\
         \"bytes_in\":{bytes_in},\"rows_in\":{},\"rows_out\":{},\"duplicates\":{},\"objects_out\":{},\"bytes_out\":{},\
         \"peak_mib\":{}}}",
        names.len(),
        total.rows_in,
        total.rows_out,
        total.duplicates,
        total.objects.len(),
        total.objects.iter().map(|object| object.bytes).sum::<u64>(),
        peak_mib()
    );
    Ok(())
}
