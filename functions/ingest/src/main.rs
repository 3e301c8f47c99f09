//! The function `ingest`: wiring only.

use std::sync::Arc;

use auditlake_lambda::ingest::{IngestFunction, SqsQueue};
use auditlake_lambda::runtime::{self, Started};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let Started { environment, config, access } = runtime::start().await?;
    let queue = Arc::new(SqsQueue::new(&config, environment.required("AUDITLAKE_QUEUE_URL")?));
    let function = IngestFunction::new(&environment, access, queue)?;
    runtime::serve("ingest", |event, invocation, metrics| function.handle(event, invocation, metrics)).await
}
