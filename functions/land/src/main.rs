//! The function `land`: wiring only.

use auditlake_lambda::land::LandFunction;
use auditlake_lambda::runtime::{self, Started};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let Started { access, .. } = runtime::start().await?;
    let function = LandFunction::new(access);
    runtime::serve("land", |event, invocation, metrics| function.handle(event, invocation, metrics)).await
}
