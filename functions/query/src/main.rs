//! The function `query`: wiring only.

use std::sync::Arc;

use auditlake_lambda::clients;
use auditlake_lambda::query::{QueryFunction, SecretsManagerKey};
use auditlake_lambda::runtime::{self, Started};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let Started { environment, config, access } = runtime::start().await?;
    let key = SecretsManagerKey::new(&config, environment.required("AUDITLAKE_CURSOR_SECRET_ARN")?);
    let function = QueryFunction::new(&environment, access, clients::athena(&config), Arc::new(key), clients::random())?;
    runtime::serve("query", |event, invocation, metrics| function.handle(event, invocation, metrics)).await
}
