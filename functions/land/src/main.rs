//! The function `land`: wiring only.

use std::sync::Arc;

use auditlake_lambda::clients::{self, LakeAccess};
use auditlake_lambda::environment::{Environment, LakeSettings};
use auditlake_lambda::land::LandFunction;
use auditlake_lambda::{runtime, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let environment = Environment::of_process();
    telemetry::start_logs(&environment);
    let config = clients::load().await;
    let access = Arc::new(LakeAccess::new(&config, LakeSettings::read(&environment)?)?);
    let function = LandFunction::new(access);
    runtime::serve("land", |event, invocation, metrics| function.handle(event, invocation, metrics)).await
}
