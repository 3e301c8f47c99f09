//! Where the lake lies: a directory of this machine or a bucket, as the command line says.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use auditlake_embedded::s3::{EmbeddedS3, Others};
use auditlake_event::limits::LEAD_MS;
use auditlake_lake::clock::{Clock, SystemClock};
use auditlake_lake::layout::{LAKE_FILE, LANDING_BUCKET};
use auditlake_lake::opening::{self, OpenError};
use auditlake_lake::{Codec, DEFAULT_SLACK_MS, Lake, Period};
use auditlake_query::Engine;
use auditlake_query::scan::{ArchiveExpiry, ScanEngine, Settings};
use auditlake_store::routed::RoutedStore;
use auditlake_store::s3::{S3Settings, connect};
use auditlake_store::{ErrorKind, SharedStore, StoreError};

use crate::arguments::{CodecName, NewLakeArguments, StorageArguments};
use crate::failure::Failure;
use crate::standard_error;
use auditlake_lake::length::Length;

/// An open storage. While it lives, a storage over a directory is served to this process on a port of its own.
pub struct Storage {
    /// The lake's storage.
    pub store: SharedStore,
    place: String,
    _server: Option<EmbeddedS3>,
}

/// A storage failure and what can be done about it.
pub fn storage_failure(error: &StoreError) -> Failure {
    let failure = Failure::new(format!("storage: {error}"));
    match error.kind {
        ErrorKind::Denied => {
            failure.advise("check the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and their rights on the bucket")
        }
        ErrorKind::Unavailable | ErrorKind::Timeout => {
            failure.advise("check --endpoint and that the storage runs; then try again")
        }
        ErrorKind::NotFound => failure.advise("check --bucket and --prefix"),
        ErrorKind::Conflict | ErrorKind::Invalid => failure,
    }
}

/// Why the lake cannot be opened.
pub fn lake_failure(error: &OpenError) -> Failure {
    match error {
        OpenError::Store(error) => storage_failure(error),
        OpenError::Invalid(_) | OpenError::Missing(_) | OpenError::Foreign { .. } => Failure::new(error.to_string()).advise(
            "lake.json must not be edited or removed; restore it, or name another place (docs/runbook.md, lake.json)",
        ),
    }
}

/// The lake to make if there is none.
pub fn wanted_lake(arguments: &NewLakeArguments) -> Lake {
    let codec = match arguments.codec {
        None | Some(CodecName::Snappy) => Codec::Snappy,
        Some(CodecName::Zstd) => Codec::Zstd,
    };
    let slack_ms = arguments.slack.map_or(DEFAULT_SLACK_MS, |slack| slack.millis);
    Lake::new(SystemClock.now(), arguments.seal_period.unwrap_or(Period::HOUR), slack_ms, LEAD_MS, codec)
}

/// Says which wishes an existing lake overrules.
pub fn report_differences(arguments: &NewLakeArguments, lake: &Lake) {
    let length = |millis: i64| Length { millis }.to_string();
    let say = |flag: &str, value: String| {
        standard_error::tell(format_args!(
            "warning: {flag} has no effect: this lake was created with {value}, and lake.json rules; make another lake with another --data"
        ));
    };
    if arguments.seal_period.is_some_and(|period| period != lake.period()) {
        say("--seal-period", length(lake.period().millis()));
    }
    if arguments.slack.is_some_and(|slack| slack.millis != lake.slack_ms) {
        say("--slack", length(lake.slack_ms));
    }
    let wanted = wanted_lake(arguments).codec;
    if arguments.codec.is_some() && wanted != lake.codec {
        say("--codec", lake.codec.suffix().trim_start_matches('-').trim_end_matches(".parquet").to_owned());
    }
}

impl Storage {
    /// Opens the storage that holds a lake already. Leaves a directory without one as it is.
    pub async fn open(arguments: &StorageArguments) -> Result<Self, Failure> {
        let is_missing = arguments.bucket.is_none() && !arguments.data.join(LAKE_FILE).is_file();
        if is_missing {
            return Err(no_lake(&arguments.data.display().to_string()));
        }
        Self::open_for_writing(arguments).await
    }

    /// Opens the storage to write to it; a directory is made if it is not there.
    pub async fn open_for_writing(arguments: &StorageArguments) -> Result<Self, Failure> {
        match &arguments.bucket {
            None => Self::directory(&arguments.data).await,
            Some(bucket) => Self::bucket(arguments, bucket).await,
        }
    }

    async fn bucket(arguments: &StorageArguments, bucket: &str) -> Result<Self, Failure> {
        let mut settings = S3Settings::new(bucket);
        settings.endpoint.clone_from(&arguments.endpoint);
        settings.path_style = arguments.endpoint.is_some();
        settings.prefix = arguments.prefix.clone().unwrap_or_default();
        let place = format!("bucket {bucket}");
        let store = connect(settings).await.map_err(|error| storage_failure(&error))?;
        let store: SharedStore = match &arguments.archive_bucket {
            Some(archive) => {
                let archive = store.sibling(archive);
                Arc::new(RoutedStore::new(Arc::new(store), Arc::new(archive), LANDING_BUCKET))
            }
            None => Arc::new(store),
        };
        Ok(Self { store, place, _server: None })
    }

    /// The directory is reached through a storage server of this process's own, on a port that only this machine reaches, with
    /// keys that only this process knows. Others may serve the same directory: what is written once is so in the file system.
    async fn directory(directory: &Path) -> Result<Self, Failure> {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = EmbeddedS3::bind(directory, anywhere, Others::Nobody).await;
        let server = server
            .map_err(|error| Failure::new(error.to_string()).advise("name a directory that can be used with --data"))?;
        let store = server.store().await.map_err(|error| storage_failure(&error))?;
        Ok(Self { store: Arc::new(store), place: directory.display().to_string(), _server: Some(server) })
    }
}

fn no_lake(place: &str) -> Failure {
    Failure::new(format!("there is no lake in {place} (no lake.json)"))
        .advise("name another place with --data or --bucket, or make a lake with `auditlake serve` or `auditlake import`")
}

impl Storage {
    /// The lake; fails if there is none.
    pub async fn existing_lake(&self) -> Result<Lake, Failure> {
        match opening::open(self.store.as_ref()).await {
            Ok(Some(lake)) => Ok(lake),
            Ok(None) => Err(no_lake(&self.place)),
            Err(error) => Err(lake_failure(&error)),
        }
    }

    /// The lake; created as wanted if there is none.
    pub async fn open_or_create_lake(&self, wanted: &NewLakeArguments) -> Result<Lake, Failure> {
        let lake = opening::open_or_create(self.store.as_ref(), &wanted_lake(wanted)).await;
        let lake = lake.map_err(|error| lake_failure(&error))?;
        report_differences(wanted, &lake);
        Ok(lake)
    }

    /// An engine that answers queries about the lake, whose archive objects are removed at an age of some days; 0 means never.
    pub async fn engine(&self, archive_expiration_days: u32) -> Result<Arc<dyn Engine>, Failure> {
        let lake = self.existing_lake().await?;
        let archive_expiry = ArchiveExpiry::of_days(archive_expiration_days, Arc::new(SystemClock));
        let settings = Settings { archive_expiry, ..Settings::default() };
        Ok(Arc::new(ScanEngine::new(Arc::clone(&self.store), lake, settings)))
    }
}
