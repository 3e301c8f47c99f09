//! The web console: a static page, built by Vite in `console/` and embedded here when this crate is compiled, and its settings.
//! Plain requests in, plain answers out: no server inside, no Node needed.
//!
//! - a **file** is one of the built page: the page itself at `/`, its **assets**, the icon;
//! - the **settings** (`/console.json`) say to the page how it is served: who signs in where, who names the organization.
//!
//! Guarantees:
//! - nothing here needs a token or tells a tenant's data; only where nobody has a token, names of organizations are told;
//! - every answer carries the headers of [`headers`]: the page loads nothing from elsewhere, speaks to its own origin and those that
//!   are configured, and cannot be framed.

mod files;
pub mod headers;
mod plain_text;
pub mod settings;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use crate::files::Files;
pub use crate::headers::InvalidOrigin;
use crate::headers::SecurityHeaders;
use crate::plain_text::text;
pub use crate::settings::{Mode, Settings, SignIn};

/// Where the page's settings are.
pub const SETTINGS_PATH: &str = "/console.json";
/// Most organizations that the settings name.
pub const MOST_ORGANIZATIONS: usize = 1_000;

/// Knows which organizations have data.
#[async_trait]
pub trait Organizations: Send + Sync {
    /// Their names in order, [`MOST_ORGANIZATIONS`] at most.
    async fn names(&self) -> Vec<String>;
}

/// The console, ready to answer.
pub struct Console {
    files: Files,
    settings: Settings,
    security: SecurityHeaders,
    organizations: Option<Arc<dyn Organizations>>,
}

impl Console {
    /// A console with its settings. Fails if an address in them has no origin that a policy could name.
    pub fn new(settings: Settings) -> Result<Self, InvalidOrigin> {
        let security = SecurityHeaders::of(&settings)?;
        Ok(Self { files: Files::new(), settings, security, organizations: None })
    }

    /// The same console, which names organizations: only for where everybody may ask about each of them.
    #[must_use]
    pub fn with_organizations(self, organizations: Arc<dyn Organizations>) -> Self {
        Self { organizations: Some(organizations), ..self }
    }

    /// Whether a path is the console's, and not the API's.
    pub fn owns(path: &str) -> bool {
        path == SETTINGS_PATH || files::is_file_path(path)
    }

    /// Answers a request for one of the console's paths.
    pub async fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response<Bytes> {
        let mut response = match *method {
            Method::GET | Method::HEAD if path == SETTINGS_PATH => self.settings_answer().await,
            Method::GET | Method::HEAD => self.files.answer(path, headers),
            _ => not_allowed(),
        };
        self.security.set(&mut response);
        if *method == Method::HEAD {
            let length = HeaderValue::from(response.body().len());
            response.headers_mut().insert(CONTENT_LENGTH, length);
            *response.body_mut() = Bytes::new();
        }
        response
    }

    async fn settings_answer(&self) -> Response<Bytes> {
        let organizations = match &self.organizations {
            Some(organizations) => organizations.names().await,
            None => Vec::new(),
        };
        let body = match self.settings.to_json(&organizations) {
            Ok(body) => body,
            Err(error) => {
                tracing::error!(%error, "the console's settings cannot be serialised");
                return text(StatusCode::INTERNAL_SERVER_ERROR, "the log has more\n");
            }
        };
        let mut response = Response::new(Bytes::from(body));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// An answer in words, for what is no file.
fn not_allowed() -> Response<Bytes> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "allowed: GET, HEAD\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}
