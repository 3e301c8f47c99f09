//! Bearer tokens in `serve`: the same tokens that API Gateway's JWT authorizer lets in, checked as it checks them, and the same way from
//! claims to the caller as in the functions ([`auditlake_api::claims`]).
//!
//! A token is a JWT, signed with RS256, ES256 or EdDSA by a key that the issuer publishes and that the token names (`kid`). Its `iss` is the
//! issuer, its `aud` (without one, its `client_id`) is one of the audiences, its `exp` has not come, its `nbf` and `iat` have. Which
//! algorithm is used follows from the key, never from the token.

mod issuer;
mod keys;
mod signature;

use std::collections::HashMap;

use auditlake_api::claims::{ClaimNames, caller};
use auditlake_api::{Caller, Problem};
use auditlake_console::headers::{InvalidOrigin, origin_of};
use auditlake_event::Timestamp;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue};
use jsonwebtoken::Validation;
use serde_json::Value;

use self::keys::{IssuerKeys, KeyProblem, PublishedKey};

/// How far the issuer's clock may be ahead, in seconds: for `nbf` and `iat`. A token that has expired is refused at once.
const LEEWAY_SECONDS: f64 = 60.0;

/// Whose tokens are let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSettings {
    /// The issuer, exactly as the claim `iss` names it.
    pub issuer: String,
    /// The audiences, of which a token names one.
    pub audiences: Vec<String>,
    /// Which claims say what.
    pub names: ClaimNames,
}

/// Checks tokens.
pub struct TokenCheck {
    settings: TokenSettings,
    keys: IssuerKeys,
}

fn invalid_token(detail: &'static str) -> Problem {
    // RFC 6750, section 3.1.
    let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
    Problem::unauthorized(detail).with_header(WWW_AUTHENTICATE, challenge)
}

/// The token of a request; 401 if there is none.
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let missing = || Problem::unauthorized("a bearer token is needed");
    let mut stated = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (stated.next(), stated.next()) else { return Err(missing()) };
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(missing()) }
}

/// The claims of a token that this key has signed.
fn signed_claims(token: &str, key: &PublishedKey) -> Result<HashMap<String, Value>, jsonwebtoken::errors::Error> {
    let mut validation = Validation::new(key.algorithm);
    // Claims are checked here, by the time that is passed in.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode(token, &key.key, &validation).map(|token| token.claims)
}

impl TokenSettings {
    /// Fails with 401 unless the claims are the issuer's, for one of the audiences, and valid at `now`.
    fn check(&self, claims: &HashMap<String, Value>, now: Timestamp) -> Result<(), Problem> {
        if claims.get("iss").and_then(Value::as_str) != Some(self.issuer.as_str()) {
            return Err(invalid_token("the token is of another issuer"));
        }
        let is_ours = |value: &Value| value.as_str().is_some_and(|name| self.audiences.iter().any(|own| own == name));
        let is_for_us = match claims.get("aud") {
            Some(Value::Array(audiences)) => audiences.iter().any(is_ours),
            Some(audience) => is_ours(audience),
            None => claims.get("client_id").is_some_and(is_ours),
        };
        if !is_for_us {
            return Err(invalid_token("the token is for another audience"));
        }
        #[allow(clippy::cast_precision_loss, reason = "milliseconds of this era are exact in a double")]
        let now = now.millis() as f64 / 1_000.0;
        let seconds = |name: &str| claims.get(name).map(|value| value.as_f64().ok_or(()));
        match seconds("exp") {
            Some(Ok(expires)) if now < expires => {}
            Some(Ok(_)) => return Err(invalid_token("the token has expired")),
            _ => return Err(invalid_token("the token does not say when it expires")),
        }
        for name in ["nbf", "iat"] {
            match seconds(name) {
                None => {}
                Some(Ok(since)) if since <= now + LEEWAY_SECONDS => {}
                _ => return Err(invalid_token("the token is not valid yet")),
            }
        }
        Ok(())
    }
}

impl TokenCheck {
    /// A check by these settings. Nothing is fetched yet. Fails if the issuer is no `https` URL, nor an `http` one on loopback.
    pub fn new(settings: TokenSettings) -> Result<Self, InvalidOrigin> {
        origin_of(&settings.issuer)?;
        signature::install();
        let keys = IssuerKeys::new(&settings.issuer);
        Ok(Self { settings, keys })
    }

    /// Fetches the issuer's keys ahead of the first token. Says in the log if they cannot be had: somebody set it up just now.
    pub async fn prepare(&self, now: Timestamp) {
        self.keys.refresh(now).await;
    }

    /// Who calls at `now`; 401 without a valid token, 403 if it names no organization, 503 if the issuer's keys cannot be had.
    pub async fn caller(&self, headers: &HeaderMap, now: Timestamp) -> Result<Caller, Problem> {
        let token = bearer(headers)?;
        let header = jsonwebtoken::decode_header(token).map_err(|_| invalid_token("the token is no signed JWT"))?;
        if header.crit.is_some() {
            return Err(invalid_token("the token asks for an extension that is not known here"));
        }
        let kid = header.kid.as_deref().ok_or_else(|| invalid_token("the token names no key"))?;
        let key = self.keys.find(kid, now).await.map_err(|problem| match problem {
            KeyProblem::Unknown => invalid_token("the token's key is not one of its issuer's"),
            KeyProblem::Unavailable => {
                Problem::unavailable("the issuer's keys cannot be had; send the same request again", 5)
            }
        })?;
        if header.alg != key.algorithm {
            return Err(invalid_token("the token's algorithm is not that of its key"));
        }
        let claims = signed_claims(token, &key).map_err(|_| invalid_token("the token's signature is not valid"))?;
        self.settings.check(&claims, now)?;
        caller(Some(&claims), &self.settings.names)
    }
}
