//! The AWS clients of a function, made of one configuration: connections are opened at the first request.

use std::sync::Arc;

use auditlake_lake::clock::{Clock, SystemClock, SystemEntropy};
use auditlake_lake::landing::LandingWriter;
use auditlake_lake::opening::{OpenError, open_or_create};
use auditlake_lake::{Lake, layout};
use auditlake_store::routed::RoutedStore;
use auditlake_store::s3::{S3Settings, S3Store, connect_with, http_client};
use auditlake_store::{SharedStore, StoreError};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::sync::OnceCell;

use crate::environment::LakeSettings;

/// Makes its connectors at the first request. The client as it comes reads the machine's certificates while the function starts,
/// which takes longer than the whole rest of the start.
#[derive(Debug)]
struct AtFirstRequest(SharedHttpClient);

impl HttpClient for AtFirstRequest {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        self.0.http_connector(settings, components)
    }
}

/// The configuration from the function's environment: region, the role's credentials, endpoints.
pub async fn load() -> SdkConfig {
    let http_client = http_client(std::env::var("AWS_ENDPOINT_URL").ok().as_deref());
    aws_config::defaults(BehaviorVersion::latest()).http_client(AtFirstRequest(http_client)).load().await
}

/// The lake's storage, and the lake once it is opened.
pub struct LakeAccess {
    /// Landing and archive as one store.
    pub store: SharedStore,
    /// The bucket of landing by itself; a sibling of it is any other bucket.
    pub landing: Option<S3Store>,
    /// The settings.
    pub settings: LakeSettings,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    lake: OnceCell<Lake>,
}

impl LakeAccess {
    /// Access to the buckets of the settings. Nothing is sent yet.
    pub fn new(config: &SdkConfig, settings: LakeSettings) -> Result<Self, StoreError> {
        let landing = connect_with(S3Settings::new(&settings.landing_bucket), config)?;
        let store: SharedStore = if settings.landing_bucket == settings.archive_bucket {
            Arc::new(landing.clone())
        } else {
            let archive = landing.sibling(&settings.archive_bucket);
            Arc::new(RoutedStore::new(Arc::new(landing.clone()), Arc::new(archive), layout::LANDING_BUCKET))
        };
        Ok(Self { store, landing: Some(landing), settings, clock: Arc::new(SystemClock), lake: OnceCell::new() })
    }

    /// Access to any store.
    pub fn of_store(store: SharedStore, settings: LakeSettings, clock: Arc<dyn Clock>) -> Self {
        Self { store, landing: None, settings, clock, lake: OnceCell::new() }
    }

    /// Another bucket, by the same client.
    pub fn bucket(&self, name: &str) -> SharedStore {
        match &self.landing {
            Some(landing) => Arc::new(landing.sibling(name)),
            None => Arc::clone(&self.store),
        }
    }

    /// The lake; made at the first call if there is none. A failure is not remembered.
    pub async fn lake(&self) -> Result<&Lake, OpenError> {
        let open = || async {
            let lake = open_or_create(self.store.as_ref(), &self.settings.wanted(self.clock.now())).await?;
            let differences = self.settings.differences(&lake);
            if !differences.is_empty() {
                tracing::error!(?differences, "lake.json differs from this function's settings, and rules");
            }
            Ok(lake)
        };
        self.lake.get_or_try_init(open).await
    }

    /// A writer of landing objects.
    pub async fn writer(&self) -> Result<LandingWriter, OpenError> {
        let lake = self.lake().await?.clone();
        Ok(LandingWriter::new(Arc::clone(&self.store), lake, Arc::clone(&self.clock), Arc::new(SystemEntropy)))
    }
}

/// A client of Athena.
pub fn athena(config: &SdkConfig) -> aws_sdk_athena::Client {
    aws_sdk_athena::Client::new(config)
}

/// The operating system's random numbers.
pub fn random() -> auditlake_athena::run::Random {
    use auditlake_lake::clock::Entropy as _;
    Arc::new(|| {
        let bytes = SystemEntropy.bytes();
        let mut number = [0; 8];
        number.copy_from_slice(&bytes[..8]);
        u64::from_le_bytes(number)
    })
}
