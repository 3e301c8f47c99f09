//! What callers ask, and the question that an engine is asked for it.

use std::time::Duration;

use auditlake_query::{Answer, CountRequest, Engine, Order, Progress, Query, QueryError, Question, SearchRequest, Ticket};
use serde::{Deserialize, Serialize};

use crate::answer::{Asked, Verb};

/// Most events of one id that are told apart.
const MAX_SAME_ID: usize = 10;

/// A call that an engine answers, with the query as the caller wrote it. Signed ids contain its JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum ReadCall {
    /// `GET /v1/events`.
    Events(SearchRequest),
    /// `GET /v1/events/{id}`.
    Event(EventRequest),
    /// `GET /v1/stats`.
    Stats(CountRequest),
}

/// One event is asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EventRequest {
    pub query: Query,
    /// Where it is looked for, in words.
    pub looked: String,
}

impl ReadCall {
    pub(crate) const fn query(&self) -> &Query {
        match self {
            ReadCall::Events(request) => &request.query,
            ReadCall::Event(request) => &request.query,
            ReadCall::Stats(request) => &request.query,
        }
    }

    pub(crate) const fn what(&self) -> &'static str {
        match self {
            ReadCall::Events(_) => "events",
            ReadCall::Event(_) => "event",
            ReadCall::Stats(_) => "stats",
        }
    }

    /// What the engine is asked; `widened` is the query with what the directory of actors adds.
    fn question(&self, widened: Query) -> Question {
        match self {
            ReadCall::Events(request) => Question::Page(SearchRequest { query: widened, ..request.clone() }),
            ReadCall::Event(request) => Question::Page(SearchRequest {
                query: request.query.clone(),
                order: Order::NewestFirst,
                after: None,
                limit: MAX_SAME_ID,
                with_raw: true,
            }),
            ReadCall::Stats(request) => Question::Count(CountRequest { query: widened, ..request.clone() }),
        }
    }

    /// Asks an engine, or asks it again by a ticket.
    pub(crate) async fn ask(
        &self,
        engine: &dyn Engine,
        widened: Query,
        ticket: Option<&Ticket>,
        patience: Duration,
    ) -> Result<Progress<Answer>, QueryError> {
        let question = self.question(widened);
        match ticket {
            None => engine.ask(&question, patience).await,
            Some(ticket) => engine.resume(&question, ticket, patience).await,
        }
    }
}

/// What the record of a read keeps of its question.
pub(crate) fn asked(what: &'static str, query: &Query) -> Asked {
    let filters = Some(query.canonical_json());
    Asked { organization: query.organization.clone(), what, filters, verb: Verb::Read }
}

#[cfg(test)]
mod tests {
    use auditlake_event::Organization;
    use serde_json::{Value, json};

    use super::*;

    /// Ids that were given out before an update must still be read after it.
    #[test]
    fn the_json_in_signed_ids_stays_as_it_is() {
        let query = || Query::all(Organization::parse("acme").unwrap());
        let query_json = || serde_json::to_value(query()).unwrap();
        let calls = [
            (
                ReadCall::Events(SearchRequest {
                    query: query(),
                    order: Order::OldestFirst,
                    after: None,
                    limit: 5,
                    with_raw: false,
                }),
                json!({"kind": "events", "query": query_json(), "order": "asc", "after": null, "limit": 5}),
            ),
            (
                ReadCall::Event(EventRequest { query: query(), looked: "at noon".to_owned() }),
                json!({"kind": "event", "query": query_json(), "looked": "at noon"}),
            ),
            (
                ReadCall::Stats(CountRequest { query: query(), interval: None, time_zone: None, group_by: None, limit: 7 }),
                json!({
                    "kind": "stats", "query": query_json(), "interval": null, "time_zone": null, "group_by": null, "limit": 7,
                }),
            ),
        ];
        for (call, expected) in calls {
            let value: Value = serde_json::to_value(&call).unwrap();
            assert_eq!(value, expected);
            let read: ReadCall = serde_json::from_value(expected).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), value);
        }
        // Ids of versions that knew neither orders nor time zones.
        let old = json!({"kind": "events", "query": query_json(), "after": null, "limit": 5});
        assert!(matches!(serde_json::from_value(old).unwrap(), ReadCall::Events(request) if !request.with_raw));
        let old = json!({"kind": "stats", "query": query_json(), "interval": null, "group_by": null, "limit": 5});
        assert!(matches!(serde_json::from_value(old).unwrap(), ReadCall::Stats(_)));
    }
}
