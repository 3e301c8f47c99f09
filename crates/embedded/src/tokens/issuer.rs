//! Asks the issuer for its keys: its configuration first (OpenID Connect Discovery 1.0, section 4), then the key set that this names.

use std::time::Duration;

use auditlake_console::headers::origin_of;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Connector, proxy::ProxyConfig};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use serde_json::Value;

/// How long one document may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How large one may be, in bytes (1 MiB).
const MAX_BYTES: usize = 1024 * 1024;

/// Why the keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum IssuerError {
    /// A document did not come.
    #[error("{url}: {reason}")]
    Fetch {
        /// Where it should be.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The configuration is another issuer's.
    #[error("the configuration is that of {0:?}")]
    OtherIssuer(String),
    /// The configuration names no key set that may be used.
    #[error("the configuration names no key set at an https URL (http on loopback only): {0:?}")]
    NoKeySet(String),
    /// The key set is not one.
    #[error("{0}: there is no list `keys`")]
    NoKeys(String),
}

/// An issuer, and the connections to it.
pub(super) struct Issuer {
    name: String,
    connector: Connector,
}

impl Issuer {
    /// An issuer of a name that was checked. Certificates are read only where TLS is needed.
    pub(super) fn new(name: &str) -> Self {
        let connector = if name.starts_with("http://") {
            Connector::builder().build_http()
        } else {
            let tls = Provider::Rustls(CryptoMode::Ring);
            Connector::builder().proxy_config(ProxyConfig::from_env()).tls_provider(tls).build()
        };
        Self { name: name.to_owned(), connector }
    }

    /// The keys that the issuer publishes now, as they are.
    pub(super) async fn keys(&self) -> Result<Vec<Value>, IssuerError> {
        let configuration =
            self.document(&format!("{}/.well-known/openid-configuration", self.name.trim_end_matches('/'))).await?;
        let text = |name: &str| configuration.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if text("issuer") != self.name {
            return Err(IssuerError::OtherIssuer(text("issuer")));
        }
        let url = text("jwks_uri");
        if origin_of(&url).is_err() {
            return Err(IssuerError::NoKeySet(url));
        }
        match self.document(&url).await?.get_mut("keys").map(Value::take) {
            Some(Value::Array(keys)) => Ok(keys),
            _ => Err(IssuerError::NoKeys(url)),
        }
    }

    async fn document(&self, url: &str) -> Result<Value, IssuerError> {
        let failed = |reason: String| IssuerError::Fetch { url: url.to_owned(), reason };
        match tokio::time::timeout(TIMEOUT, self.fetch(url)).await {
            Ok(Ok(bytes)) => serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string())),
            Ok(Err(reason)) => Err(failed(reason)),
            Err(_) => Err(failed(format!("no answer within {} seconds", TIMEOUT.as_secs()))),
        }
    }

    async fn fetch(&self, url: &str) -> Result<Bytes, String> {
        let mut request = HttpRequest::get(url).map_err(|error| error.to_string())?;
        request.headers_mut().insert("accept", "application/json");
        let response = self.connector.call(request).await.map_err(|error| format!("{error:?}"))?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(format!("it answers {status}"));
        }
        let body = Limited::new(response.into_body(), MAX_BYTES).collect().await.map_err(|error| error.to_string())?;
        Ok(body.to_bytes())
    }
}
