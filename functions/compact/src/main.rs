//! The function `compact`: wiring only.

use std::sync::Arc;

use auditlake_lambda::compact::{AthenaLiveView, CompactFunction, LiveView, SqsShardQueue};
use auditlake_lambda::runtime::{self, Started};
use auditlake_lambda::{clients, query};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let Started { environment, config, access } = runtime::start().await?;
    let workers =
        environment.optional("AUDITLAKE_SHARD_QUEUE_URL").map(|url| Arc::new(SqsShardQueue::new(&config, url)) as _);
    let view = match environment.optional("AUDITLAKE_WORKGROUP") {
        None => None,
        Some(workgroup) => {
            let client = clients::athena(&config);
            let view = AthenaLiveView::new(client, workgroup, query::database(&environment)?, clients::random());
            Some(Arc::new(view) as Arc<dyn LiveView>)
        }
    };
    let function = CompactFunction::new(&environment, access, workers, view)?;
    runtime::serve("compact", |event, invocation, metrics| function.handle(event, invocation, metrics)).await
}
