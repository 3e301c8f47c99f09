//! Retries with exponential back-off and full jitter, bounded in tries and in time.
//!
//! Only what [`StoreError::retryable`] calls passing is tried again. A conditional put is safe to try again because of what
//! its answers mean: after a try whose answer got lost, the next one says [`Put::Exists`], and the caller
//! reads the object to learn whether it is its own.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::{Object, ObjectMeta, Put, Store, StoreError, Suffix, Upload};

/// How often and how long a call is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Most tries of one call, the first included; at least 1 is made.
    pub tries: u32,
    /// The wait before the second try is at most this; each further one at most twice as long.
    pub base_wait: Duration,
    /// No wait is longer than this.
    pub longest_wait: Duration,
    /// No try begins later than this after the first one began.
    pub total: Duration,
}

impl Default for RetryPolicy {
    /// 6 tries within a minute, waits of at most 0.1, 0.2, 0.4, 0.8 and 1.6 s.
    fn default() -> Self {
        Self {
            tries: 6,
            base_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(5),
            total: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// One try, no retry.
    pub const fn none() -> Self {
        Self { tries: 1, base_wait: Duration::ZERO, longest_wait: Duration::ZERO, total: Duration::ZERO }
    }

    /// How long to wait after try number `tried` (from 1), when `elapsed` has passed since the first began; `None`: not again.
    fn wait(&self, tried: u32, elapsed: Duration, jitter: &Jitter) -> Option<Duration> {
        if tried >= self.tries {
            return None;
        }
        let wait = jitter.wait(self.ceiling(tried));
        (elapsed.saturating_add(wait) <= self.total).then_some(wait)
    }

    /// The longest wait after try number `tried` (from 1).
    fn ceiling(&self, tried: u32) -> Duration {
        let doubled = 1_u32.checked_shl(tried.saturating_sub(1)).unwrap_or(u32::MAX);
        self.base_wait.saturating_mul(doubled).min(self.longest_wait)
    }
}

/// A small generator of random waits (SplitMix64). It spreads retries, nothing secret hangs on it.
#[derive(Debug)]
pub struct Jitter {
    state: AtomicU64,
}

impl Jitter {
    /// A generator whose numbers follow from `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { state: AtomicU64::new(seed) }
    }

    fn next(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut mixed = self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A wait between nothing and `ceiling`, all equally likely.
    fn wait(&self, ceiling: Duration) -> Duration {
        let nanos = u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX);
        let scaled = (u128::from(self.next()) * (u128::from(nanos) + 1)) >> 64;
        Duration::from_nanos(u64::try_from(scaled).unwrap_or(nanos))
    }
}

/// Runs calls again as a policy says.
#[derive(Debug, Clone)]
pub struct Retrier {
    policy: RetryPolicy,
    jitter: Arc<Jitter>,
    /// One for each call that may be under way.
    turns: Option<Arc<Semaphore>>,
}

impl Retrier {
    /// A retrier whose waits follow from `seed`.
    pub fn new(policy: RetryPolicy, seed: u64) -> Self {
        Self { policy, jitter: Arc::new(Jitter::new(seed)), turns: None }
    }

    /// Lets so many calls be under way at once; more wait for their turn. A call that waits to be tried again holds none.
    #[must_use]
    pub fn at_most(self, calls: Option<usize>) -> Self {
        Self { turns: calls.map(|calls| Arc::new(Semaphore::new(calls.clamp(1, Semaphore::MAX_PERMITS)))), ..self }
    }

    /// Calls `call` until it succeeds, fails for good, or the policy's bounds are reached; then the last error, as it was.
    pub async fn run<T, F, C>(&self, call: C) -> Result<T, StoreError>
    where
        C: FnMut() -> F,
        F: Future<Output = Result<T, StoreError>>,
    {
        self.run_while(StoreError::retryable, call).await
    }

    /// As [`Retrier::run`], where `again` says which errors are worth another try.
    pub async fn run_while<T, F, C>(&self, again: impl Fn(&StoreError) -> bool, mut call: C) -> Result<T, StoreError>
    where
        C: FnMut() -> F,
        F: Future<Output = Result<T, StoreError>>,
    {
        let started = Instant::now();
        let mut tried = 0_u32;
        loop {
            let turn = match &self.turns {
                // Never closed: without a turn there is no bound to keep.
                Some(turns) => turns.acquire().await.ok(),
                None => None,
            };
            let error = match call().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            drop(turn);
            tried = tried.saturating_add(1);
            if !again(&error) {
                return Err(error);
            }
            let Some(wait) = self.policy.wait(tried, started.elapsed(), &self.jitter) else { return Err(error) };
            tracing::debug!(%error, tried, wait_ms = wait.as_millis(), "store call failed, will try again");
            tokio::time::sleep(wait).await;
        }
    }
}

/// A store whose calls are tried again.
///
/// What happens inside an [`Upload`] is the inner store's matter: a part that was lost half-way can only be sent again by who
/// holds it. An upload's `finish` that answers a conflict is not tried again either, the caller makes the upload anew.
#[derive(Debug, Clone)]
pub struct Retrying<S> {
    inner: S,
    retrier: Retrier,
}

impl<S: Store> Retrying<S> {
    /// `inner`, tried again as `policy` says; waits follow from `seed`.
    pub fn new(inner: S, policy: RetryPolicy, seed: u64) -> Self {
        Self { inner, retrier: Retrier::new(policy, seed) }
    }

    /// The store inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

#[async_trait]
impl<S: Store> Store for Retrying<S> {
    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<Put, StoreError> {
        self.retrier.run(|| self.inner.put_if_absent(key, bytes.clone())).await
    }

    async fn replace(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.retrier.run(|| self.inner.replace(key, bytes.clone())).await
    }

    async fn upload(&self, key: &str) -> Result<Box<dyn Upload>, StoreError> {
        self.retrier.run(|| self.inner.upload(key)).await
    }

    async fn get(&self, key: &str) -> Result<Object, StoreError> {
        self.retrier.run(|| self.inner.get(key)).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.retrier.run(|| self.inner.get_range(key, range.clone())).await
    }

    async fn get_suffix(&self, key: &str, length: u64) -> Result<Suffix, StoreError> {
        self.retrier.run(|| self.inner.get_suffix(key, length)).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, StoreError> {
        self.retrier.run(|| self.inner.head(key)).await
    }

    async fn list_page(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<ObjectMeta>, StoreError> {
        self.retrier.run(|| self.inner.list_page(prefix, start_after, limit)).await
    }

    async fn list_prefixes(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.retrier.run(|| self.inner.list_prefixes(prefix)).await
    }

    async fn tag(&self, key: &str, name: &str, value: &str) -> Result<(), StoreError> {
        self.retrier.run(|| self.inner.tag(key, name, value)).await
    }
}

#[cfg(test)]
mod tests;
