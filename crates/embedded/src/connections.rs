//! Connections of the servers: how many there may be, and how long one may stand still.
//!
//! - A process has a limited number of file descriptors. Each server takes its share ([`Shares`]) and lets further connections wait
//!   to be accepted; one other machine may hold a quarter of them. Connections from this machine are not told apart by address: all
//!   have the same one, also those that a proxy forwards.
//! - A client that does not take its answer, or does not send its request, is hung up on.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// Descriptors that are asked for: more than the servers use.
const WANTED_DESCRIPTORS: u64 = 8_192;
/// Most connections of the API.
const MOST_OF_API: u64 = 512;
/// Most connections of other tools to the storage.
const MOST_OF_STORAGE: u64 = 256;
/// Most requests of the process itself to its storage at once.
const MOST_OWN_REQUESTS: u64 = 48;

/// What each part of the process may have open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// Connections to the API.
    pub api: usize,
    /// Connections of other tools to the storage.
    pub storage: usize,
    /// Requests of the process itself to its storage at once. Each has two ends here, and a file.
    pub own_requests: usize,
}

impl Shares {
    /// The shares of a process that may open as many files as the system lets it. Raises the limit if that is allowed.
    pub fn of_this_process() -> Self {
        let limit = getrlimit(Resource::Nofile);
        let wanted = WANTED_DESCRIPTORS.min(limit.maximum.unwrap_or(WANTED_DESCRIPTORS));
        let current = limit.current.unwrap_or(WANTED_DESCRIPTORS);
        if current < wanted {
            match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }) {
                Ok(()) => return Self::of(wanted),
                Err(error) => tracing::debug!(%error, "the limit of open files cannot be raised"),
            }
        }
        Self::of(current)
    }

    /// The shares of a process that may have so many files open.
    pub fn of(descriptors: u64) -> Self {
        let share = |parts: u64, most: u64| usize::try_from((descriptors * parts / 64).clamp(4, most)).unwrap_or(4);
        // Two clients reach the storage, the API's and the seal's, with three descriptors a request: 6 × 2 of 64 parts. With those of
        // the API and of other tools 44 parts are given out; open folders, logs and spilled rows need the rest.
        Self { api: share(24, MOST_OF_API), storage: share(8, MOST_OF_STORAGE), own_requests: share(2, MOST_OWN_REQUESTS) }
    }
}

/// Lets connections in, one after the other.
#[derive(Debug)]
pub struct Gate {
    free: Arc<Semaphore>,
    most_of_a_peer: usize,
    peers: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection's place; dropped, it is free again.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
    peer: Option<IpAddr>,
    peers: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(peer) = self.peer else { return };
        let mut peers = lock(&self.peers);
        if let Some(held) = peers.get_mut(&peer) {
            *held -= 1;
            if *held == 0 {
                peers.remove(&peer);
            }
        }
    }
}

impl Gate {
    /// Lets `most` connections in at once.
    pub fn new(most: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(most)), most_of_a_peer: (most / 4).max(1), peers: Arc::default() }
    }

    /// The next connection, once there is a place for it. `None` if there was none to take: call again.
    pub async fn accept(&self, listener: &TcpListener) -> Option<(TcpStream, IpAddr, Place)> {
        let permit = Arc::clone(&self.free).acquire_owned().await.ok()?;
        match listener.accept().await {
            Ok((stream, peer)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "could not switch off delays of a connection");
                }
                let peer = peer.ip().to_canonical();
                let place = self.place(permit, peer)?;
                Some((stream, peer, place))
            }
            Err(error) => {
                // Out of file descriptors, most likely: others must close first.
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                None
            }
        }
    }

    /// A place for a connection of `peer`; `None` if it holds too many.
    fn place(&self, permit: OwnedSemaphorePermit, peer: IpAddr) -> Option<Place> {
        let peer = (!peer.is_loopback()).then_some(peer);
        if let Some(peer) = peer {
            let mut peers = lock(&self.peers);
            let held = peers.entry(peer).or_default();
            if *held >= self.most_of_a_peer {
                tracing::warn!(%peer, connections = *held, "a caller holds too many connections, one more is closed");
                return None;
            }
            *held += 1;
        }
        Some(Place { _permit: permit, peer, peers: Arc::clone(&self.peers) })
    }
}

/// A stream that fails when nothing moves for too long.
#[derive(Debug)]
pub struct TimedStream<S> {
    stream: S,
    read: Patience,
    write: Patience,
}

#[derive(Debug)]
struct Patience {
    limit: Option<Duration>,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    const fn new(limit: Option<Duration>) -> Self {
        Self { limit, waiting: None }
    }

    /// The outcome of a try: passed on if there is one, an error if there was none for too long.
    fn check<T>(&mut self, context: &mut Context<'_>, tried: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if tried.is_ready() {
            self.waiting = None;
            return tried;
        }
        let Some(limit) = self.limit else { return Poll::Pending };
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        match waiting.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                self.waiting = None;
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "nothing moved for too long")))
            }
        }
    }
}

impl<S> TimedStream<S> {
    /// A stream whose reads fail after `read` without a byte (`None`: never), and its writes after `write`.
    pub const fn new(stream: S, read: Option<Duration>, write: Duration) -> Self {
        Self { stream, read: Patience::new(read), write: Patience::new(Some(write)) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let tried = Pin::new(&mut this.stream).poll_read(context, buffer);
        this.read.check(context, tried)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let tried = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.write.check(context, tried)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let tried = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.write.check(context, tried)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let tried = Pin::new(&mut this.stream).poll_flush(context);
        this.write.check(context, tried)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let tried = Pin::new(&mut this.stream).poll_shutdown(context);
        this.write.check(context, tried)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn the_shares_fit_into_what_a_process_may_open() {
        for descriptors in [256_u64, 1_024, 4_096, 1_000_000] {
            let Shares { api, storage, own_requests } = Shares::of(descriptors);
            // The API's client and the seal's.
            let used = api + storage + 2 * 3 * own_requests;
            assert!((used as u64) < descriptors * 15 / 16, "{used} of {descriptors}");
        }
        let ordinary = Shares::of(1_024);
        assert!(ordinary.api >= 300 && ordinary.own_requests >= 16, "{ordinary:?}");
    }

    #[tokio::test]
    async fn a_reader_that_takes_nothing_and_a_writer_that_sends_nothing_are_hung_up_on() {
        let (here, mut there) = tokio::io::duplex(16);
        let mut stream = TimedStream::new(here, Some(Duration::from_millis(60)), Duration::from_millis(20));
        stream.write_all(&[1; 16]).await.unwrap();
        assert_eq!(stream.write_all(&[1; 16]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        there.write_all(&[7]).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_peer_elsewhere_has_a_quarter_and_one_here_everything() {
        let gate = Gate::new(8);
        let permit = || Arc::clone(&gate.free).try_acquire_owned().unwrap();
        let elsewhere: IpAddr = "192.0.2.7".parse().unwrap();
        let held = [gate.place(permit(), elsewhere).unwrap(), gate.place(permit(), elsewhere).unwrap()];
        assert!(gate.place(permit(), elsewhere).is_none());
        drop(held);
        assert!(gate.place(permit(), elsewhere).is_some());
        let here: IpAddr = "127.0.0.1".parse().unwrap();
        let all: Vec<_> = (0..8).filter_map(|_| gate.place(permit(), here)).collect();
        assert_eq!((all.len(), lock(&gate.peers).len()), (8, 0));
    }
}
