//! Questions as they were asked, and how an engine is asked them.

use std::time::Duration;

use auditlake_query::{
    Answer, CountRequest, Counts, Engine, GroupBy, Interval, Order, Position, Progress, Query, QueryError, SearchRequest,
    Ticket, TimeZone,
};
use serde::{Deserialize, Serialize};

use crate::answer::{Asked, Verb};

/// Most events of one id that are told apart.
const MAX_SAME_ID: usize = 10;

/// What is asked, as far as an answer depends on it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Question {
    Events(ListQuestion),
    Event(EventQuestion),
    Stats(StatsQuestion),
}

/// A page of events, as it was asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ListQuestion {
    /// The query as it was asked.
    pub query: Query,
    #[serde(default)]
    pub order: Order,
    pub after: Option<Position>,
    pub limit: usize,
}

/// One event, as it was asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EventQuestion {
    pub query: Query,
    /// Where it is looked for, in words.
    pub looked: String,
}

/// Counts, as they were asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StatsQuestion {
    pub query: Query,
    pub interval: Option<Interval>,
    #[serde(default)]
    pub time_zone: Option<TimeZone>,
    pub group_by: Option<GroupBy>,
    pub limit: usize,
}

/// What an engine has to say to a question.
pub(crate) enum Found {
    Events(Answer),
    Counts(Counts),
}

impl Question {
    pub(crate) fn query(&self) -> &Query {
        match self {
            Question::Events(question) => &question.query,
            Question::Event(question) => &question.query,
            Question::Stats(question) => &question.query,
        }
    }

    pub(crate) const fn what(&self) -> &'static str {
        match self {
            Question::Events(_) => "events",
            Question::Event(_) => "event",
            Question::Stats(_) => "stats",
        }
    }

    pub(crate) async fn find(
        &self,
        engine: &dyn Engine,
        widened: Query,
        ticket: Option<&Ticket>,
        patience: Duration,
    ) -> Result<Progress<Found>, QueryError> {
        let request = match self {
            Question::Events(question) => question.request(widened),
            Question::Event(question) => question.request(),
            Question::Stats(question) => {
                let request = question.request(widened);
                let counts = match ticket {
                    None => engine.begin_count(&request, patience).await,
                    Some(ticket) => engine.resume_count(&request, ticket, patience).await,
                };
                return counts?.and_then(|counts| Ok(Found::Counts(counts)));
            }
        };
        let answer = match ticket {
            None => engine.begin_search(&request, patience).await,
            Some(ticket) => engine.resume_search(&request, ticket, patience).await,
        };
        answer?.and_then(|answer| Ok(Found::Events(answer)))
    }
}

impl ListQuestion {
    /// What the engine is asked; `widened` is the query with what the directory of actors adds.
    pub(crate) fn request(&self, widened: Query) -> SearchRequest {
        SearchRequest { query: widened, order: self.order, after: self.after.clone(), limit: self.limit, with_raw: false }
    }
}

impl EventQuestion {
    pub(crate) fn request(&self) -> SearchRequest {
        SearchRequest {
            order: Order::NewestFirst,
            query: self.query.clone(),
            after: None,
            limit: MAX_SAME_ID,
            with_raw: true,
        }
    }
}

impl StatsQuestion {
    /// What the engine is asked; `widened` is the query with what the directory of actors adds.
    pub(crate) fn request(&self, widened: Query) -> CountRequest {
        CountRequest {
            query: widened,
            interval: self.interval,
            time_zone: self.time_zone.clone(),
            group_by: self.group_by,
            limit: self.limit,
        }
    }
}

/// What the record of a read keeps of its question.
pub(crate) fn asked(what: &'static str, query: &Query) -> Asked {
    let filters = Some(query.canonical_json());
    Asked { organization: query.organization.clone(), what, filters, verb: Verb::Read }
}
