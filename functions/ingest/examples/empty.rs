//! A function that does nothing: what a cold start of the others is compared with.

use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};

async fn echo(event: LambdaEvent<serde_json::Value>) -> Result<serde_json::Value, Error> {
    Ok(event.payload)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    Runtime::new(service_fn(echo)).run().await
}
