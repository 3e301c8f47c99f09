//! Everything together: storage, group commit, scan engine, seal schedule and HTTP server in one process.
//!
//! The production code path is the one that runs: storage is reached by the S3 client over loopback HTTP, as a function reaches S3.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use auditlake_api::{Api, Caller, Directory, Door, Ingest, Reader, Recorder, Room};
use auditlake_console::headers::InvalidOrigin;
use auditlake_console::{Console, Mode, SignIn};
use auditlake_event::input::{LargeEvents, Lookalikes};
use auditlake_event::limits::{DEFAULT_MAX_EVENT_BYTES, LEAD_MS};
use auditlake_event::{Organization, Region};
use auditlake_lake::clock::{Clock, SystemClock, SystemEntropy};
use auditlake_lake::landing::LandingWriter;
use auditlake_lake::opening::{OpenError, open_or_create};
use auditlake_lake::seal::SealSettings;
use auditlake_lake::{Codec, DEFAULT_SLACK_MS, Lake, Period};
use auditlake_query::Engine;
use auditlake_query::scan::{ArchiveExpiry, ScanEngine, Settings as ScanSettings};
use auditlake_store::{SharedStore, StoreError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::background_engine::{BackgroundEngine, Limits};
use crate::clock_guard::Witness;
use crate::committer::GroupCommit;
use crate::connections::Shares;
use crate::exports::{self, LocalExporter};
use crate::http_server::{Callers, HttpServer, is_loopback};
use crate::lake_copy::{self, LakeCopyError};
use crate::organizations::NotingDoor;
use crate::s3::{self, EmbeddedS3, EmbeddedS3Error, Others};
use crate::schedule::{self, Housekeeping, Schedule};
use crate::tokens::{TokenCheck, TokenSettings};
use crate::vitals::{ServerVitals, TaskHealth};
use crate::{cursor_key, private_file, storage_keys};

/// How long landing objects stay after they were sealed if nobody says otherwise: a day.
const DEFAULT_LANDING_RETENTION_MS: i64 = 86_400_000;
/// How long the last posts may take to be written once the server stops.
const LAST_WRITE_TIMEOUT: Duration = Duration::from_secs(4);
/// How long the seal thread may take to notice that it must stop.
const SEAL_STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// How long requests of other tools to the storage may take once the server stops.
const STORAGE_STOP_TIMEOUT: Duration = Duration::from_secs(1);
/// What the bodies of all requests that are being read may cost together (128 MiB), besides the one that may go on when that is
/// full: 96 MiB at most, three times the largest body.
const MAX_BODY_MEMORY_BYTES: usize = 128 * 1024 * 1024;
/// What clients may have sent of bodies that are not answered yet (128 MiB).
const MAX_SENT_BODY_BYTES: usize = 128 * 1024 * 1024;
/// Expired landing objects are looked for this often at most.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// How to serve.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The directory of the lake; made if it is not there.
    pub data: PathBuf,
    /// Where the API listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the storage listens for other tools; port 0 takes a free one. `None`: only this process reaches it.
    pub s3_listen: Option<SocketAddr>,
    /// Whether other tools may write to the lake through the storage, as functions that are tried on this machine do.
    pub s3_full_access: bool,
    /// The lake to create if there is none.
    pub wanted: Lake,
    /// The organization of events and questions that name none.
    pub organization: Option<Organization>,
    /// The region of events that state none.
    pub region: Region,
    /// The age in days at which archive objects are removed; 0: never. What is missing and younger fails a question.
    pub archive_expiration_days: u32,
    /// How long landing objects stay after they were sealed, in ms.
    pub landing_retention_ms: i64,
    /// Whether the clock is believed also where it leaps ahead.
    pub trust_clock: bool,
    /// Whether reads and refusals are recorded as events. A caller on loopback has no name, so usually they are not; with tokens they
    /// always are.
    pub record_reads: bool,
    /// What happens to unknown members of posted events that look like columns, where the request does not say.
    pub lookalikes: Lookalikes,
    /// What happens to posted events over the limit.
    pub large_events: LargeEvents,
    /// Whose tokens are let in; `None` lets everybody in, as an operator.
    pub tokens: Option<TokenSettings>,
    /// The console.
    pub console: ConsoleSettings,
}

impl Settings {
    /// A lake of hours, made if there is none, served to everybody on free loopback ports.
    #[must_use]
    pub fn on_free_ports(data: PathBuf, organization: Organization, region: Region) -> Self {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            data,
            listen: free,
            s3_listen: Some(free),
            s3_full_access: false,
            wanted: Lake::new(SystemClock.now(), Period::HOUR, DEFAULT_SLACK_MS, LEAD_MS, Codec::Snappy),
            organization: Some(organization),
            region,
            archive_expiration_days: 0,
            landing_retention_ms: DEFAULT_LANDING_RETENTION_MS,
            trust_clock: false,
            record_reads: false,
            lookalikes: Lookalikes::Refuse,
            large_events: LargeEvents::Refuse,
            tokens: None,
            console: ConsoleSettings::default(),
        }
    }
}

/// What the console is told, besides what follows from the other settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsoleSettings {
    /// The console's client at the tokens' issuer; without one, nobody can sign in on the page.
    pub client_id: Option<String>,
    /// The scopes to ask for, with spaces between; empty for [`DEFAULT_SCOPE`](auditlake_console::settings::DEFAULT_SCOPE).
    pub scope: String,
    /// Origins besides the issuer's that the page speaks to, such as that of the token endpoint.
    pub connect_origins: Vec<String>,
    /// Whom to ask for the permission to read.
    pub contact: Option<String>,
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The directory cannot be made or used.
    #[error("{}: {error}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        error: std::io::Error,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The flag that names another one.
        flag: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
    /// The storage does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The lake cannot be opened or created.
    #[error(transparent)]
    Lake(#[from] OpenError),
    /// `lake.json` changed since the lake was served first.
    #[error(transparent)]
    LakeCopy(#[from] LakeCopyError),
    /// The issuer of tokens, or an origin of the console, is not one.
    #[error(transparent)]
    Origin(#[from] InvalidOrigin),
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// A server that is ready.
pub struct Serving {
    /// Where the API listens.
    pub api_address: SocketAddr,
    /// The storage.
    pub s3: EmbeddedS3,
    /// Whether other tools reach the storage.
    pub s3_is_open: bool,
    /// The lake, as its `lake.json` says.
    pub lake: Lake,
    stop: watch::Sender<bool>,
    http: JoinHandle<()>,
    committer: JoinHandle<()>,
    schedule: std::thread::JoinHandle<()>,
}

async fn start_storage(settings: &Settings) -> Result<EmbeddedS3, StartError> {
    let unusable = |error| StartError::Directory { path: storage_keys::path(&settings.data), error };
    let (listen, others) = match settings.s3_listen {
        // A port of this process's own, opened by keys that only this process knows.
        None => (SocketAddr::from(([127, 0, 0, 1], 0)), Others::Nobody),
        Some(listen) => {
            let keys = storage_keys::load_or_create(&settings.data, &SystemEntropy).map_err(unusable)?;
            (listen, if settings.s3_full_access { Others::MayWrite(keys) } else { Others::MayRead(keys) })
        }
    };
    EmbeddedS3::bind(&settings.data, listen, others).await.map_err(|error| match error {
        EmbeddedS3Error::Directory { path, source } => StartError::Directory { path, error: source },
        EmbeddedS3Error::Listen { address, source } => StartError::Listen { address, flag: "--s3-listen", error: source },
    })
}

/// Removes expired landing objects, at most once in a while.
fn sweeper(settings: &Settings) -> Housekeeping {
    let directory = settings.data.clone();
    let keep_for = Duration::from_millis(u64::try_from(settings.landing_retention_ms).unwrap_or(0));
    let mut last_sweep: Option<Instant> = None;
    Box::new(move || {
        if last_sweep.is_some_and(|last| last.elapsed() < SWEEP_INTERVAL) {
            return;
        }
        last_sweep = Some(Instant::now());
        match s3::sweep(&directory, SystemTime::now(), keep_for) {
            Ok(swept) if swept.landing_objects == 0 => {}
            Ok(swept) => {
                tracing::info!(
                    objects = swept.landing_objects,
                    bytes = swept.landing_bytes,
                    "removed sealed landing objects"
                );
            }
            Err(error) => tracing::error!(%error, "sealed landing objects cannot be removed"),
        }
        match exports::sweep::sweep(&directory, SystemTime::now()) {
            Ok(0) => {}
            Ok(removed) => tracing::info!(exports = removed, "removed old exports"),
            Err(error) => tracing::error!(%error, "old exports cannot be removed"),
        }
    })
}

/// The console, which names organizations only where anybody may ask about each.
fn console(settings: &Settings, door: Arc<NotingDoor>) -> Result<Console, InvalidOrigin> {
    let ConsoleSettings { client_id, scope, connect_origins, contact } = settings.console.clone();
    let sign_in = settings
        .tokens
        .as_ref()
        .zip(client_id)
        .map(|(tokens, client_id)| SignIn::new(&tokens.issuer, &client_id, Some(&scope), &tokens.audiences));
    let is_open = settings.tokens.is_none();
    let organization =
        settings.organization.as_ref().filter(|_| is_open).map(|organization| organization.as_str().to_owned());
    let console = Console::new(auditlake_console::Settings {
        mode: Mode::Local,
        organization,
        must_name_organization: is_open,
        contact,
        sign_in,
        connect_origins,
    })?;
    Ok(if is_open { console.with_organizations(door) } else { console })
}

/// Who may call. The keys of an issuer are fetched ahead of the first call, but a server starts without them.
fn callers(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<Callers, InvalidOrigin> {
    let Some(tokens) = &settings.tokens else {
        return Ok(Callers::Everybody(Box::new(Caller::operator(settings.organization.clone()))));
    };
    let check = Arc::new(TokenCheck::new(tokens.clone())?);
    let (ahead, clock) = (Arc::clone(&check), Arc::clone(clock));
    tokio::spawn(async move { ahead.prepare(clock.now()).await });
    Ok(Callers::WithToken(check))
}

/// Starts everything. When it returns, events can be posted.
pub async fn start(settings: Settings) -> Result<Serving, StartError> {
    let cannot_listen = |error| StartError::Listen { address: settings.listen, flag: "--listen", error };
    let listener = TcpListener::bind(settings.listen).await.map_err(cannot_listen)?;
    let api_address = listener.local_addr().map_err(cannot_listen)?;
    let shares = Shares::of_this_process();
    let s3 = start_storage(&settings).await?;
    let s3_store = Arc::new(s3.store().await?);
    let store: SharedStore = Arc::clone(&s3_store) as SharedStore;
    let lake = open_or_create(store.as_ref(), &settings.wanted).await?;
    lake_copy::check(&settings.data.join(private_file::FOLDER), &lake)?;

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy = Arc::new(SystemEntropy);
    let (stop, stopped) = watch::channel(false);
    let writer = LandingWriter::new(Arc::clone(&store), lake.clone(), Arc::clone(&clock), Arc::clone(&entropy) as _);
    let (seal_health, landing_health) = (TaskHealth::new("seal"), TaskHealth::new("landing"));
    let (group_commit, committer) = GroupCommit::start(writer, Arc::clone(&landing_health));
    // What the server itself records bears its own clock's time, which confirms nothing: it passes the noting door by.
    let recording_door = Arc::clone(&group_commit) as Arc<dyn Door>;
    let witness = Arc::new(Witness::default());
    let door = Arc::new(NotingDoor::new(group_commit, settings.data.clone(), Arc::clone(&clock), Arc::clone(&witness)));
    let console = console(&settings, Arc::clone(&door))?;
    let callers = callers(&settings, &clock)?;
    let private = settings.data.join(private_file::FOLDER);
    let cursor_key = cursor_key::load_or_create(&private, entropy.as_ref())
        .map_err(|error| StartError::Directory { path: private.clone(), error })?;
    let recorder = (settings.record_reads || settings.tokens.is_some())
        .then(|| Recorder { door: recording_door, region: settings.region.clone() });
    let archive_expiry = ArchiveExpiry::of_days(settings.archive_expiration_days, Arc::clone(&clock));
    let scan_settings = ScanSettings { archive_expiry, ..ScanSettings::default() };
    let scanner = Arc::new(ScanEngine::new(Arc::clone(&store), lake.clone(), scan_settings));
    let scan: Arc<dyn Engine> = Arc::clone(&scanner) as Arc<dyn Engine>;
    let room = Room::new(MAX_BODY_MEMORY_BYTES);
    let vitals =
        Arc::new(ServerVitals { scanner, room: room.clone(), seal: Arc::clone(&seal_health), landing: landing_health });
    let exporter = LocalExporter::new(Arc::clone(&scan), Arc::clone(&store), s3_store, lake.clone(), stopped.clone());
    let engine = Arc::new(BackgroundEngine::new(scan, Limits::default()));
    let api = Api {
        ingest: Some(Ingest {
            door,
            region: settings.region.clone(),
            max_event_bytes: DEFAULT_MAX_EVENT_BYTES,
            lookalikes: settings.lookalikes,
            large_events: settings.large_events,
            lead_ms: lake.lead_ms,
        }),
        reader: Some(Reader {
            engine,
            store: Arc::clone(&store),
            lake: lake.clone(),
            cursor_key,
            clock: Arc::clone(&clock),
            directory: Directory::new(Arc::clone(&store)),
            exporter: Some(Arc::new(exporter)),
        }),
        clock: Arc::clone(&clock),
        entropy,
        recorder,
        room,
        vitals: Some(vitals),
    };
    let server = HttpServer {
        api,
        callers,
        console,
        is_loopback: is_loopback(api_address),
        bodies: Room::as_sent(MAX_SENT_BODY_BYTES),
        most_connections: shares.api,
    };
    let http = tokio::spawn(Arc::new(server).run(listener, stopped.clone()));
    let schedule = Schedule {
        // Connections of its own: they live on the seal thread's runtime.
        store: Arc::new(s3.store().await?),
        lake: lake.clone(),
        clock,
        trust_clock: settings.trust_clock,
        witness,
        health: seal_health,
        settings: SealSettings { spill_dir: Some(private), ..schedule::settings_for(&lake) },
        housekeeping: sweeper(&settings),
    };
    let schedule = schedule.start(stopped).map_err(StartError::Thread)?;
    Ok(Serving { api_address, s3, s3_is_open: settings.s3_listen.is_some(), lake, stop, http, committer, schedule })
}

impl Serving {
    /// Stops: no new connection, requests in flight are answered, what waits is written. A seal under way is given up; it goes on
    /// at the next start.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.http.await {
            tracing::error!(%error, "server broke off");
        }
        match tokio::time::timeout(LAST_WRITE_TIMEOUT, self.committer).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "group commit broke off"),
            Err(_) => tracing::warn!("the last posts could not be written in time and were not acknowledged"),
        }
        let schedule = self.schedule;
        let joined = tokio::task::spawn_blocking(move || schedule.join().is_ok());
        match tokio::time::timeout(SEAL_STOP_TIMEOUT, joined).await {
            Ok(Ok(true)) => {}
            Ok(_) => tracing::error!("the seal thread broke off"),
            Err(_) => {
                tracing::warn!("the seal thread is still busy and is given up; the next start goes on where it stopped")
            }
        }
        if !self.s3.shutdown(STORAGE_STOP_TIMEOUT).await {
            tracing::warn!("some requests to the storage were still open and are given up");
        }
    }
}
