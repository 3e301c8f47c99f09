//! The issuer's keys, as far as they sign tokens: kept for an hour, asked for anew where a token names one that is not known.
//!
//! Whoever sends tokens with invented keys makes the issuer be asked once a minute at most. While the issuer is away, the keys that are
//! known stay good for a day. Whoever has a known key never waits for a fetch that another request makes.

use std::sync::{Arc, PoisonError, RwLock};

use auditlake_event::Timestamp;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;
use tokio::sync::Mutex;

use super::issuer::Issuer;

/// How long keys are used before they are asked for anew, in ms.
const FRESH_MS: i64 = Timestamp::HOUR_MS;
/// How long keys are used while the issuer is away, in ms.
const KEPT_MS: i64 = 24 * Timestamp::HOUR_MS;
/// How long the issuer is left alone after it was asked, in ms.
const PAUSE_MS: i64 = 60_000;

/// A key that signs tokens.
#[derive(Debug)]
pub(super) struct PublishedKey {
    id: String,
    /// The one algorithm it is used with.
    pub algorithm: Algorithm,
    /// The key itself.
    pub key: DecodingKey,
}

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyProblem {
    /// The issuer publishes no such key.
    Unknown,
    /// The issuer could not be asked.
    Unavailable,
}

/// What was fetched.
struct Fetched {
    keys: Vec<Arc<PublishedKey>>,
    at: Timestamp,
}

/// The keys of one issuer.
pub(super) struct IssuerKeys {
    issuer: Issuer,
    fetched: RwLock<Option<Fetched>>,
    /// When the issuer was last asked; held while it is.
    asked: Mutex<Option<Timestamp>>,
}

/// The key that a JWK describes, if it is one that signs tokens by an algorithm that is known here.
fn published_key(value: &Value) -> Option<PublishedKey> {
    let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
    let (algorithm, name) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return None,
    };
    let is_for_signing = jwk.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
    let is_of_algorithm = jwk.common.key_algorithm.is_none_or(|stated| stated == name);
    if !is_for_signing || !is_of_algorithm {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some(PublishedKey { id: jwk.common.key_id?, algorithm, key })
}

impl IssuerKeys {
    pub(super) fn new(issuer: &str) -> Self {
        Self { issuer: Issuer::new(issuer), fetched: RwLock::new(None), asked: Mutex::new(None) }
    }

    /// The key of an id, and whether the keys are fresh; `Unavailable` if there are none that may be used.
    fn known(&self, id: &str, now: Timestamp) -> (Result<Arc<PublishedKey>, KeyProblem>, bool) {
        let fetched = self.fetched.read().unwrap_or_else(PoisonError::into_inner);
        let Some(Fetched { keys, at }) = &*fetched else { return (Err(KeyProblem::Unavailable), false) };
        let age = now.millis() - at.millis();
        if age > KEPT_MS {
            return (Err(KeyProblem::Unavailable), false);
        }
        let key = keys.iter().find(|key| key.id == id).map(Arc::clone);
        (key.ok_or(KeyProblem::Unknown), age < FRESH_MS)
    }

    /// The key of an id.
    pub(super) async fn find(&self, id: &str, now: Timestamp) -> Result<Arc<PublishedKey>, KeyProblem> {
        let (known, is_fresh) = self.known(id, now);
        if is_fresh && known.is_ok() {
            return known;
        }
        if known.is_ok() {
            if let Ok(mut asked) = self.asked.try_lock() {
                self.fetch_unless_asked(&mut asked, now).await;
            }
        } else {
            self.refresh(now).await;
        }
        self.known(id, now).0
    }

    /// Fetches the keys, unless that was tried within the last minute.
    pub(super) async fn refresh(&self, now: Timestamp) {
        let mut asked = self.asked.lock().await;
        self.fetch_unless_asked(&mut asked, now).await;
    }

    async fn fetch_unless_asked(&self, asked: &mut Option<Timestamp>, now: Timestamp) {
        if asked.is_some_and(|at| (0..PAUSE_MS).contains(&(now.millis() - at.millis()))) {
            return;
        }
        *asked = Some(now);
        match self.issuer.keys().await {
            Ok(values) => {
                let keys: Vec<_> = values.iter().filter_map(published_key).map(Arc::new).collect();
                if keys.is_empty() {
                    tracing::error!(
                        published = values.len(),
                        "the issuer publishes no key that signs tokens with RS256, ES256 or EdDSA"
                    );
                }
                *self.fetched.write().unwrap_or_else(PoisonError::into_inner) = Some(Fetched { keys, at: now });
            }
            Err(error) => tracing::error!(%error, "the issuer's keys cannot be had"),
        }
    }
}
