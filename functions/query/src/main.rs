//! The function `query`: wiring only.

use std::sync::Arc;

use auditlake_lambda::clients;
use auditlake_lambda::ingest::SqsQueue;
use auditlake_lambda::query::{QueryFunction, SecretsManagerKey};
use auditlake_lambda::runtime::{self, Started};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let Started { environment, config, access } = runtime::start().await?;
    let key = SecretsManagerKey::new(&config, environment.required("AUDITLAKE_CURSOR_SECRET_ARN")?);
    let queue = Arc::new(SqsQueue::new(&config, environment.required("AUDITLAKE_QUEUE_URL")?));
    let athena = clients::athena(&config);
    let function = QueryFunction::new(&environment, access, athena, Arc::new(key), queue, clients::random())?;
    runtime::serve("query", |event, invocation, metrics| function.handle(event, invocation, metrics)).await
}
