//! The view `events_live`, bound anew after each seal.

use std::time::Duration;

use async_trait::async_trait;
use auditlake_athena::run::request_token;
use auditlake_athena::{Identifier, RunOptions, Runner, tables};
use auditlake_lake::SealTime;
use auditlake_lake::period::SealRule;
use tokio::time::Instant;

/// How long rewriting the view may take.
const DEADLINE: Duration = Duration::from_secs(15);

/// Rewrites the view.
#[async_trait]
pub trait LiveView: Send + Sync {
    /// Binds the view to what is sealed now.
    async fn bind(&self, sealed_until: SealTime, rule: &SealRule) -> Result<(), String>;
}

/// By a statement of Athena, which costs nothing: it reads no data.
pub struct AthenaLiveView {
    runner: Runner,
    database: Identifier,
}

impl AthenaLiveView {
    /// The view of a database.
    pub fn new(
        client: aws_sdk_athena::Client,
        workgroup: String,
        database: Identifier,
        random: auditlake_athena::run::Random,
    ) -> Self {
        Self { runner: Runner::new(client, RunOptions::in_workgroup(workgroup), random), database }
    }
}

#[async_trait]
impl LiveView for AthenaLiveView {
    async fn bind(&self, sealed_until: SealTime, rule: &SealRule) -> Result<(), String> {
        let statement = tables::live_view(&self.database, sealed_until, rule);
        // No nonce: to bind the view to the same moment twice is once enough.
        let token = request_token("live view", sealed_until, &statement);
        let started = self.runner.start(self.database.as_str(), &statement, &token, false).await;
        let id = started.map_err(|error| error.to_string())?;
        self.runner.wait(&id, Instant::now() + DEADLINE).await.map(|_| ()).map_err(|error| error.to_string())
    }
}
