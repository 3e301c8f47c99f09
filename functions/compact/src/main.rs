//! The function `compact`: wiring only.

use std::sync::Arc;

use auditlake_lambda::clients::{self, LakeAccess};
use auditlake_lambda::compact::{AthenaLiveView, CompactFunction, LiveView, SqsShardQueue};
use auditlake_lambda::environment::{Environment, LakeSettings};
use auditlake_lambda::{query, runtime, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let environment = Environment::of_process();
    telemetry::start_logs(&environment);
    let config = clients::load().await;
    let access = Arc::new(LakeAccess::new(&config, LakeSettings::read(&environment)?)?);
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
