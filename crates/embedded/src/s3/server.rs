//! The server: a listener, the S3 calls behind it, and a way to stop.

use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auditlake_lake::clock::{Clock, Entropy, SystemClock, SystemEntropy};
use auditlake_store::StoreError;
use auditlake_store::s3::{S3Settings, S3Store, connect};
use http::header::{CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError, HttpResponse};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::access::Access;
use super::files::Files;
use super::service::Service;
use super::service::page::LARGEST_PAGE;
use super::sweep::clear_temporary;
use super::uploads::Uploads;
use crate::connections::{Gate, Place, Shares, TimedStream};
use crate::http_date::http_date;
use crate::origin::{self, Foreign};

/// The bucket's name unless another is given.
pub const DEFAULT_BUCKET: &str = "lake";

/// How long a client may say nothing between requests, or take to send its headers. Longer than our own client keeps a connection
/// that it does not use.
const HEADER_TIMEOUT: Duration = Duration::from_secs(100);
/// How long a client may send nothing of what it has begun, or wait for an answer that takes long.
const READ_TIMEOUT: Duration = Duration::from_secs(300);
/// How long a client may take nothing of its answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// How often stale uploads are looked for.
const UPLOAD_CHECK_INTERVAL: Duration = Duration::from_secs(60);

/// The pair of keys a client must sign with.
#[derive(Clone, PartialEq, Eq)]
pub struct EmbeddedS3Credentials {
    /// The access key's id.
    pub access_key: String,
    /// The secret key.
    pub secret_key: String,
}

impl EmbeddedS3Credentials {
    /// Keys that nobody can guess.
    pub fn random(entropy: &dyn Entropy) -> Self {
        let hex = |count: usize| -> String {
            (0..count).flat_map(|_| entropy.bytes()).map(|byte| format!("{byte:02x}")).collect()
        };
        Self { access_key: hex(1), secret_key: hex(2) }
    }
}

/// Who reaches the storage besides the process itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Others {
    /// Nobody.
    Nobody,
    /// Tools with these keys read everything, and write below [`WORK`](super::WORK) only.
    MayRead(EmbeddedS3Credentials),
    /// Tools with these keys may do what the process itself may.
    MayWrite(EmbeddedS3Credentials),
}

impl std::fmt::Debug for EmbeddedS3Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("EmbeddedS3Credentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedS3Error {
    /// The directory cannot be made or written.
    #[error("cannot use the directory {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
}

/// A running server. Dropped, it stops without waiting for requests under way.
#[derive(Debug)]
pub struct EmbeddedS3 {
    address: SocketAddr,
    bucket: String,
    /// Those of the process itself.
    own: EmbeddedS3Credentials,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<GracefulShutdown>,
}

impl EmbeddedS3 {
    /// Serves `directory` (made if absent) as the bucket [`DEFAULT_BUCKET`] on `listen`, whose port may be 0. Several servers, in
    /// one process or several, may serve one directory.
    pub async fn bind(directory: &Path, listen: SocketAddr, others: Others) -> Result<Self, EmbeddedS3Error> {
        Self::bind_bucket(directory, DEFAULT_BUCKET, listen, others).await
    }

    /// As [`EmbeddedS3::bind`], with another name of the bucket.
    pub async fn bind_bucket(
        directory: &Path,
        bucket: &str,
        listen: SocketAddr,
        others: Others,
    ) -> Result<Self, EmbeddedS3Error> {
        let files = open(directory).await?;
        let unusable = |source| EmbeddedS3Error::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(unusable)?;
        let address = listener.local_addr().map_err(unusable)?;
        let bucket = bucket.to_owned();
        let started = SystemTime::now();
        let own = EmbeddedS3Credentials::random(&SystemEntropy);
        let mut auth = SimpleAuth::from_single(own.access_key.clone(), own.secret_key.clone());
        let others_may_write = matches!(others, Others::MayWrite(_));
        if let Others::MayRead(keys) | Others::MayWrite(keys) = others {
            auth.register(keys.access_key, keys.secret_key.into());
        }
        let uploads = Arc::new(Uploads::default());
        let service = Service { files: Arc::new(files), bucket: bucket.clone(), uploads: Arc::clone(&uploads), started };
        let mut builder = S3ServiceBuilder::new(service);
        builder.set_auth(auth);
        builder.set_access(Access { own_key: own.access_key.clone(), others_may_write });
        let (stop, stopped) = watch::channel(false);
        let door = StorageDoor { service: builder.build(), is_loopback: address.ip().is_loopback() };
        let shares = Shares::of_this_process();
        // The process's own clients are let in as well as others.
        let gate = Gate::new(shares.storage + 3 * shares.own_requests);
        let accepting = tokio::spawn(accept(listener, gate, door, stopped.clone()));
        tokio::spawn(give_up_stale_uploads(uploads, stopped));
        tracing::debug!(%address, directory = %directory.display(), "embedded s3 listens");
        Ok(Self { address, bucket, own, stop, accepting })
    }

    /// The address it listens on, with the port that was chosen.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// `http://…` of this server, as a client on this machine reaches it.
    pub fn endpoint(&self) -> String {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        format!("http://{}", SocketAddr::new(ip, self.address.port()))
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// How the process itself reaches it.
    pub fn settings(&self) -> S3Settings {
        let EmbeddedS3Credentials { access_key, secret_key } = &self.own;
        S3Settings {
            same_clock: true,
            page_size: LARGEST_PAGE,
            most_requests: Some(Shares::of_this_process().own_requests),
            ..S3Settings::at_endpoint(self.endpoint(), &self.bucket, access_key, secret_key)
        }
    }

    /// A store that is connected to it.
    pub async fn store(&self) -> Result<S3Store, StoreError> {
        connect(self.settings()).await
    }

    /// Takes no new connections and waits for requests under way, at most `longest`. `false` if some were cut off.
    pub async fn shutdown(self, longest: Duration) -> bool {
        self.stop.send_replace(true);
        let wait = async {
            if let Ok(open) = self.accepting.await {
                open.shutdown().await;
            }
        };
        tokio::time::timeout(longest, wait).await.is_ok()
    }
}

/// Opens the directory and removes what dead processes left unfinished.
async fn open(directory: &Path) -> Result<Files, EmbeddedS3Error> {
    let path = directory.to_owned();
    // A name that no other process gives its temporary files.
    let process = format!("{:x}-{:016x}", std::process::id(), RandomState::new().hash_one(&path));
    let opened = tokio::task::spawn_blocking(move || {
        let files = Files::open(&path, process)?;
        clear_temporary(files.root(), SystemTime::now())?;
        Ok(files)
    });
    let opened = opened.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    opened.map_err(|source| EmbeddedS3Error::Directory { path: directory.to_owned(), source })
}

/// Gives up uploads that nobody goes on with, as long as the server lives.
async fn give_up_stale_uploads(uploads: Arc<Uploads>, mut stopped: watch::Receiver<bool>) {
    while tokio::time::timeout(UPLOAD_CHECK_INTERVAL, stopped.changed()).await.is_err() {
        let uploads = Arc::clone(&uploads);
        // Files are removed: not where requests are served.
        if let Err(error) = tokio::task::spawn_blocking(move || uploads.give_up_stale(SystemTime::now())).await {
            tracing::error!(%error, "stale uploads cannot be given up");
        }
    }
}

/// Accepts until told to stop, or until nobody is left to tell; hands back the connections that are still open.
async fn accept(
    listener: TcpListener,
    gate: Gate,
    door: StorageDoor,
    mut stopped: watch::Receiver<bool>,
) -> GracefulShutdown {
    let open = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = gate.accept(&listener) => accepted,
            _ = stopped.changed() => return open,
        };
        if let Some((stream, _, place)) = accepted {
            serve(stream, place, door.clone(), &open, stopped.clone());
        }
    }
}

fn serve(stream: TcpStream, place: Place, door: StorageDoor, open: &GracefulShutdown, mut stopped: watch::Receiver<bool>) {
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).auto_date_header(false).half_close(true);
    let stream = TimedStream::new(stream, Some(READ_TIMEOUT), WRITE_TIMEOUT);
    let connection = open.watch(http.serve_connection(TokioIo::new(stream), door));
    tokio::spawn(async move {
        // The server was dropped, not shut down: then nobody waits for this request.
        let abandoned = async {
            while stopped.changed().await.is_ok() {}
            Ok::<(), Infallible>(())
        };
        tokio::select! {
            served = connection => if let Err(error) = served {
                tracing::debug!(%error, "a connection ended early");
            },
            _ = abandoned => {}
        }
        drop(place);
    });
}

/// What stands before the calls: where a request comes from, and what no tool sends.
#[derive(Clone)]
struct StorageDoor {
    service: S3Service,
    is_loopback: bool,
}

impl StorageDoor {
    /// The refusal of a request that a browser sent for a foreign page, or that is a form.
    fn refuse(&self, headers: &HeaderMap) -> Option<HttpResponse> {
        let refusal = |status: StatusCode, message: &str| {
            let text = format!("<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>");
            let mut response = HttpResponse::new(Body::from(text));
            *response.status_mut() = status;
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
            Some(response)
        };
        if self.is_loopback {
            match origin::check(headers) {
                Ok(()) => {}
                Err(Foreign::Host) => {
                    return refusal(StatusCode::MISDIRECTED_REQUEST, "this server answers to localhost only");
                }
                Err(Foreign::Origin) => {
                    return refusal(StatusCode::FORBIDDEN, "pages of other origins may not use this server");
                }
            }
        }
        // A page of any origin can send a form, its policy could be made elsewhere, and no tool uploads by one.
        let is_form = |value: &HeaderValue| {
            let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
            essence.eq_ignore_ascii_case(b"multipart/form-data")
        };
        if headers.get_all(CONTENT_TYPE).iter().any(is_form) {
            return refusal(StatusCode::FORBIDDEN, "uploads by forms are not taken");
        }
        None
    }
}

impl hyper::service::Service<Request<Incoming>> for StorageDoor {
    type Response = HttpResponse;
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let refused = self.refuse(request.headers());
        let service = self.service.clone();
        Box::pin(async move {
            let mut response = match refused {
                Some(response) => response,
                None => hyper::service::Service::call(&service, request).await?,
            };
            if let Some(date) = http_date(SystemClock.now()) {
                response.headers_mut().insert(DATE, date);
            }
            Ok(response)
        })
    }
}
