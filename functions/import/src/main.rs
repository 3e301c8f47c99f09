//! The function `import`: wiring only.

use std::sync::Arc;

use auditlake_lambda::import::ImportFunction;
use auditlake_lambda::runtime::{self, Started};

// Parsing runs on a thread of its own and waits for storage on this runtime: two threads.
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), lambda_runtime::Error> {
    let Started { environment, access, .. } = runtime::start().await?;
    let buckets = access.landing.clone().ok_or("the bucket of landing is not connected")?;
    let function = ImportFunction::new(&environment, access, Arc::new(buckets))?;
    runtime::serve("import", |event, invocation, metrics| function.handle(event, invocation, metrics)).await
}
