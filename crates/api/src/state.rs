//! What questions are answered from, and what its errors mean to a caller.

use std::sync::Arc;

use auditlake_event::Organization;
use auditlake_lake::Lake;
use auditlake_lake::clock::Clock;
use auditlake_query::{CursorError, Engine, Exporter, InvalidQuery, QueryError, QueryErrorKind};
use auditlake_store::{SharedStore, StoreError};
use http::StatusCode;

use crate::directory::{Actors, Directory};
use crate::problem::Problem;

/// Answers questions about events.
#[derive(Clone)]
pub struct Reader {
    /// Answers typed queries.
    pub engine: Arc<dyn Engine>,
    /// The lake's storage, for its status.
    pub store: SharedStore,
    /// The lake.
    pub lake: Lake,
    /// Signs cursors.
    pub cursor_key: Arc<[u8]>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Who the actors are.
    pub directory: Directory,
    /// Makes exports, where there are any.
    pub exporter: Option<Arc<dyn Exporter>>,
}

pub(crate) fn invalid(error: InvalidQuery) -> Problem {
    Problem::invalid_parameter(error.parameter, error.rule)
}

/// Damage is mended by people: asking again soon does not help.
pub(crate) const RETRY_DAMAGED_SECONDS: u32 = 300;

pub(crate) fn query_problem(error: QueryError) -> Problem {
    match error.kind {
        QueryErrorKind::Invalid => {
            Problem::new(StatusCode::BAD_REQUEST, "invalid-query", "The query cannot be answered", error.message)
        }
        QueryErrorKind::TooLarge => Problem::query_too_large(error.message),
        QueryErrorKind::Unavailable | QueryErrorKind::Cancelled => {
            tracing::warn!(error = %error.message, "query failed for now");
            Problem::unavailable("the query could not be finished; try again", 2)
        }
        QueryErrorKind::Throttled => {
            tracing::warn!(error = %error.message, "query throttled");
            Problem::throttled("too many questions are being answered; ask again a little later", 5)
        }
        QueryErrorKind::Damaged => {
            tracing::error!(alarm = true, error = %error.message, "an answer needs what storage damaged");
            Problem::unavailable(error.message, RETRY_DAMAGED_SECONDS)
        }
        QueryErrorKind::Denied | QueryErrorKind::Internal => {
            tracing::error!(error = %error.message, "query failed");
            Problem::internal()
        }
    }
}

pub(crate) fn storage_problem(error: &StoreError) -> Problem {
    tracing::error!(%error, "storage failed");
    if error.retryable() { Problem::unavailable("storage does not answer; try again", 2) } else { Problem::internal() }
}

/// Who the actors of an organization are.
pub(crate) async fn actors_of(reader: &Reader, organization: &Organization) -> Result<Arc<Actors>, Problem> {
    reader.directory.actors(organization).await.map_err(|error| storage_problem(&error))
}

pub(crate) fn cursor_problem(error: CursorError) -> Problem {
    Problem::invalid_parameter("cursor", error.to_string())
}
