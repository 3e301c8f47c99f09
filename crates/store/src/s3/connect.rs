//! From settings to a client.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation, SharedHttpClient,
    StalledStreamProtectionConfig,
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use super::{READ_TIMEOUT, RetryPolicy, S3Store, Shared};
use crate::retry::Retrier;
use crate::{ErrorKind, StoreError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Where credentials come from.
#[derive(Clone, PartialEq, Eq)]
pub enum S3Credentials {
    /// The environment, the profile files, a web identity, a container's or an instance's role: whatever is found first.
    Chain,
    /// A fixed pair of keys.
    Static {
        /// The access key's id.
        access_key: String,
        /// The secret key.
        secret_key: String,
        /// The session's token of temporary keys.
        session_token: Option<String>,
    },
}

impl std::fmt::Debug for S3Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Chain => formatter.write_str("Chain"),
            Self::Static { access_key, .. } => {
                formatter.debug_struct("Static").field("access_key", access_key).finish_non_exhaustive()
            }
        }
    }
}

/// Where the bucket is and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Settings {
    /// `http://…` or `https://…`; `None` is AWS, or what `AWS_ENDPOINT_URL(_S3)` says.
    pub endpoint: Option<String>,
    /// The region; `None` asks the environment and the profile files, and is `us-east-1` if they are silent.
    pub region: Option<String>,
    /// The bucket's name.
    pub bucket: String,
    /// A folder inside the bucket, empty for all of it. Slashes around it do not matter.
    pub prefix: String,
    /// The bucket's name in the path instead of the host name, as most stores but AWS's need it.
    pub path_style: bool,
    /// Where credentials come from.
    pub credentials: S3Credentials,
    /// Longest time to a connection.
    pub connect_timeout: Duration,
    /// Longest time of one try up to the answer's head, and of a wait for more of its body.
    pub read_timeout: Duration,
    /// How often and how long calls are tried.
    pub retry: RetryPolicy,
    /// Whether the store tells the time by this machine's clock. Then nothing is corrected by what it says: the clock may be set
    /// while it runs.
    pub same_clock: bool,
    /// Most keys that the store lists at once: 1,000 in S3.
    pub page_size: usize,
    /// Most requests at once, where connections are scarce; more wait.
    pub most_requests: Option<usize>,
}

impl S3Settings {
    /// A bucket of AWS with the environment's credentials.
    pub fn new(bucket: impl Into<String>) -> Self {
        Self {
            endpoint: None,
            region: None,
            bucket: bucket.into(),
            prefix: String::new(),
            path_style: false,
            credentials: S3Credentials::Chain,
            connect_timeout: CONNECT_TIMEOUT,
            read_timeout: READ_TIMEOUT,
            retry: RetryPolicy::default(),
            same_clock: false,
            page_size: crate::PAGE,
            most_requests: None,
        }
    }

    /// A bucket at another endpoint, in path style, with a fixed pair of keys.
    pub fn at_endpoint(
        endpoint: impl Into<String>,
        bucket: impl Into<String>,
        access_key: impl Into<String>,
        secret_key: impl Into<String>,
    ) -> Self {
        Self {
            endpoint: Some(endpoint.into()),
            region: Some(DEFAULT_REGION.to_owned()),
            path_style: true,
            credentials: S3Credentials::Static {
                access_key: access_key.into(),
                secret_key: secret_key.into(),
                session_token: None,
            },
            ..Self::new(bucket)
        }
    }
}

const DEFAULT_REGION: &str = "us-east-1";

/// A store as the settings say. Nothing is sent yet; [`ErrorKind::Invalid`] if the settings cannot be right.
pub async fn connect(settings: S3Settings) -> Result<S3Store, StoreError> {
    check(&settings)?;
    let http_client = http_client(settings.endpoint.as_deref());
    let mut config = match &settings.credentials {
        // The chain's crate is not even asked: a local start stays quick.
        S3Credentials::Static { access_key, secret_key, session_token } => {
            let credentials = Credentials::new(access_key, secret_key, session_token.clone(), None, "settings");
            let region = settings.region.clone().or_else(region_of_environment).unwrap_or_else(|| DEFAULT_REGION.to_owned());
            Builder::new()
                .behavior_version(BehaviorVersion::latest())
                .credentials_provider(credentials)
                .region(Region::new(region))
        }
        S3Credentials::Chain => {
            let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client.clone());
            if let Some(region) = &settings.region {
                loader = loader.region(Region::new(region.clone()));
            }
            let loaded = loader.load().await;
            let config = Builder::from(&loaded);
            if loaded.region().is_some() { config } else { config.region(Region::new(DEFAULT_REGION)) }
        }
    };
    if let Some(endpoint) = &settings.endpoint {
        config = config.endpoint_url(endpoint);
    }
    Ok(store_of(config.http_client(http_client), settings))
}

/// A store by a configuration that is loaded already, as a function has one: its connections, credentials and endpoints count,
/// not those of the settings. Nothing is sent yet; [`ErrorKind::Invalid`] if the settings cannot be right.
pub fn connect_with(settings: S3Settings, loaded: &aws_config::SdkConfig) -> Result<S3Store, StoreError> {
    check(&settings)?;
    Ok(store_of(Builder::from(loaded), settings))
}

fn store_of(config: Builder, settings: S3Settings) -> S3Store {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(settings.connect_timeout)
        .read_timeout(settings.read_timeout)
        .operation_attempt_timeout(settings.read_timeout.saturating_add(settings.connect_timeout))
        .build();
    let config = config
        .force_path_style(settings.path_style)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenSupported)
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(timeouts)
        .disable_clock_skew_correction(settings.same_clock)
        .build();
    let client = aws_sdk_s3::Client::from_conf(config);
    // Only the waits between tries hang on it, so that many processes do not try again in step.
    let seed = RandomState::new().hash_one(std::process::id());
    let retrier = Retrier::new(settings.retry, seed).at_most(settings.most_requests);
    let S3Settings { bucket, prefix, read_timeout, page_size, .. } = settings;
    S3Store::of(Shared { client, bucket, prefix, retrier, read_timeout, page_size })
}

/// What a chain would have found first; read once, at the edge.
fn region_of_environment() -> Option<String> {
    ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok())
        .filter(|text| !text.is_empty())
}

fn check(settings: &S3Settings) -> Result<(), StoreError> {
    let invalid = |message: String| Err(StoreError::new(ErrorKind::Invalid, "connect", &settings.bucket, message));
    if settings.bucket.is_empty() || settings.bucket.contains('/') {
        return invalid("a bucket's name is needed, without slashes; a folder goes into the prefix".to_owned());
    }
    if let Some(endpoint) = &settings.endpoint
        && !endpoint.starts_with("http://")
        && !endpoint.starts_with("https://")
    {
        return invalid(format!("the endpoint {endpoint} must begin with http:// or https://"));
    }
    Ok(())
}

/// The HTTP client of every AWS client of ours. An endpoint without TLS needs no certificates, and none are read for it.
pub fn http_client(endpoint: Option<&str>) -> SharedHttpClient {
    let is_plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    let builder = aws_smithy_http_client::Builder::new();
    if is_plain { builder.build_http() } else { builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https() }
}
