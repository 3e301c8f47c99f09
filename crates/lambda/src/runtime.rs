//! What every function's `main` does: one thread, logs, the handler, the Lambda Runtime API.

use std::future::Future;
use std::sync::Arc;

use auditlake_event::Timestamp;
use auditlake_lake::clock::{Clock, SystemClock};
use aws_config::SdkConfig;
use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Instrument as _;

use crate::clients::{self, LakeAccess};
use crate::environment::{Environment, LakeSettings};
use crate::telemetry::{self, Metrics};

/// How long before its deadline a function stops to begin anything, in ms: what is under way must end and be answered.
pub const MARGIN_MS: i64 = 20_000;

/// What a handler must know of its invocation.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The request's id.
    pub request_id: String,
    /// When the function is killed.
    pub deadline: Timestamp,
}

impl Invocation {
    fn of(context: &Context) -> Self {
        let deadline = i64::try_from(context.deadline).unwrap_or(i64::MAX);
        Self { request_id: context.request_id.clone(), deadline: Timestamp::from_millis(deadline) }
    }

    /// The moment after which nothing is begun.
    pub fn stop_at(&self) -> Timestamp {
        self.deadline.plus_millis(-MARGIN_MS)
    }
}

/// What every function begins with.
pub struct Started {
    /// The settings.
    pub environment: Environment,
    /// The AWS configuration.
    pub config: SdkConfig,
    /// The lake.
    pub access: Arc<LakeAccess>,
}

/// Starts logs and reads what every function needs. Fails with the variable that is missing or breaks its rule.
pub async fn start() -> Result<Started, Error> {
    let environment = Environment::of_process();
    telemetry::start_logs(&environment);
    let config = clients::load().await;
    let access = Arc::new(LakeAccess::new(&config, LakeSettings::read(&environment)?)?);
    Ok(Started { environment, config, access })
}

/// Serves invocations until the process is ended. `handle` answers and adds its metrics; both are written before the answer is
/// sent, for the process may be frozen then.
pub async fn serve<A, R, F, H>(function: &'static str, handle: H) -> Result<(), Error>
where
    A: DeserializeOwned + Send + 'static,
    R: Serialize,
    F: Future<Output = (Result<R, Error>, Metrics)>,
    H: Fn(A, Invocation, Metrics) -> F,
{
    let handle = &handle;
    let service = service_fn(move |event: LambdaEvent<A>| {
        let invocation = Invocation::of(&event.context);
        let span = tracing::info_span!("invocation", function, request_id = invocation.request_id);
        async move {
            let request_id = invocation.request_id.clone();
            let (result, metrics) = handle(event.payload, invocation, Metrics::of(function)).await;
            metrics.write(SystemClock.now().millis(), &request_id);
            if let Err(error) = &result {
                tracing::error!(%error, "invocation failed");
            }
            result
        }
        .instrument(span)
    });
    lambda_runtime::Runtime::new(service).run().await
}
