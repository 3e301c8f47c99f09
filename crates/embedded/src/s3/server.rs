//! The server: a listener, the S3 calls behind it, and a way to stop.

use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auditlake_store::StoreError;
use auditlake_store::s3::{S3Settings, S3Store, connect};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::files::Files;
use super::service::Service;
use super::sweep::clear_temporary;
use super::uploads::Uploads;

/// The bucket's name unless another is given.
pub const DEFAULT_BUCKET: &str = "lake";

/// The pair of keys a client must sign with.
#[derive(Clone, PartialEq, Eq)]
pub struct EmbeddedS3Credentials {
    /// The access key's id.
    pub access_key: String,
    /// The secret key.
    pub secret_key: String,
}

impl Default for EmbeddedS3Credentials {
    fn default() -> Self {
        Self { access_key: "auditlake".to_owned(), secret_key: "auditlake".to_owned() }
    }
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
    credentials: EmbeddedS3Credentials,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<GracefulShutdown>,
}

impl EmbeddedS3 {
    /// Serves `directory` (made if absent) as the bucket [`DEFAULT_BUCKET`] on `listen`, whose port may be 0. Several servers, in
    /// one process or several, may serve one directory.
    pub async fn bind(
        directory: &Path,
        listen: SocketAddr,
        credentials: EmbeddedS3Credentials,
    ) -> Result<Self, EmbeddedS3Error> {
        Self::bind_bucket(directory, DEFAULT_BUCKET, listen, credentials).await
    }

    /// As [`EmbeddedS3::bind`], with another name of the bucket.
    pub async fn bind_bucket(
        directory: &Path,
        bucket: &str,
        listen: SocketAddr,
        credentials: EmbeddedS3Credentials,
    ) -> Result<Self, EmbeddedS3Error> {
        let files = open(directory).await?;
        let unusable = |source| EmbeddedS3Error::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(unusable)?;
        let address = listener.local_addr().map_err(unusable)?;
        let bucket = bucket.to_owned();
        let started = SystemTime::now();
        let service = Service { files: Arc::new(files), bucket: bucket.clone(), uploads: Uploads::default(), started };
        let mut builder = S3ServiceBuilder::new(service);
        builder.set_auth(SimpleAuth::from_single(credentials.access_key.clone(), credentials.secret_key.clone()));
        let (stop, stopped) = watch::channel(false);
        let accepting = tokio::spawn(accept(listener, builder.build(), stopped));
        tracing::debug!(%address, directory = %directory.display(), "embedded s3 listens");
        Ok(Self { address, bucket, credentials, stop, accepting })
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

    /// How a client reaches it.
    pub fn settings(&self) -> S3Settings {
        let EmbeddedS3Credentials { access_key, secret_key } = &self.credentials;
        S3Settings::at_endpoint(self.endpoint(), &self.bucket, access_key, secret_key)
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

/// Accepts until told to stop, or until nobody is left to tell; hands back the connections that are still open.
async fn accept(listener: TcpListener, service: S3Service, mut stopped: watch::Receiver<bool>) -> GracefulShutdown {
    let open = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => return open,
        };
        match accepted {
            Ok((stream, _)) => serve(stream, service.clone(), &open, stopped.clone()),
            Err(error) => {
                // Out of file descriptors, most likely: leave the others time to close theirs.
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

fn serve(stream: TcpStream, service: S3Service, open: &GracefulShutdown, mut stopped: watch::Receiver<bool>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "could not switch off delays of a connection");
    }
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new());
    let connection = open.watch(http.serve_connection(TokioIo::new(stream), service));
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
    });
}
