//! The function `query`: wiring only.

use std::sync::Arc;

use auditlake_lambda::clients::{self, LakeAccess};
use auditlake_lambda::environment::{Environment, LakeSettings};
use auditlake_lambda::query::{QueryFunction, SecretsManagerKey};
use auditlake_lambda::{runtime, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let environment = Environment::of_process();
    telemetry::start_logs(&environment);
    let config = clients::load().await;
    let access = Arc::new(LakeAccess::new(&config, LakeSettings::read(&environment)?)?);
    let key = SecretsManagerKey::new(&config, environment.required("AUDITLAKE_CURSOR_SECRET_ARN")?);
    let function = QueryFunction::new(&environment, access, clients::athena(&config), Arc::new(key), clients::random())?;
    runtime::serve("query", |event, invocation, metrics| function.handle(event, invocation, metrics)).await
}
