//! The function `ingest`: wiring only.

use std::sync::Arc;

use auditlake_lambda::clients::{self, LakeAccess};
use auditlake_lambda::environment::{Environment, LakeSettings};
use auditlake_lambda::ingest::{IngestFunction, SqsQueue};
use auditlake_lambda::{runtime, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let environment = Environment::of_process();
    telemetry::start_logs(&environment);
    let config = clients::load().await;
    let access = Arc::new(LakeAccess::new(&config, LakeSettings::read(&environment)?)?);
    let queue = Arc::new(SqsQueue::new(&config, environment.required("AUDITLAKE_QUEUE_URL")?));
    let function = IngestFunction::new(&environment, access, queue)?;
    runtime::serve("ingest", |event, invocation, metrics| function.handle(event, invocation, metrics)).await
}
