//! What every function's `main` does: one thread, logs, the handler, the Lambda Runtime API.

use std::future::Future;

use auditlake_event::Timestamp;
use auditlake_lake::landing::{Clock, SystemClock};
use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Instrument as _;

use crate::telemetry::Metrics;

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
