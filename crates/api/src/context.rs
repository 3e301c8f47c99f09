//! What handlers know of a request.

use http::HeaderMap;

use crate::caller::Caller;
use crate::room::Room;

/// Below this lie the questions that are still being answered.
pub(crate) const QUERIES: &str = "/v1/queries/";

/// A path as logs may show it: an id of a question holds its filters, and those name people.
pub fn shown_path(path: &str) -> &str {
    if path.starts_with(QUERIES) { "/v1/queries/{id}" } else { path }
}

/// What a handler needs to know of a request besides its own parts.
pub(crate) struct Context<'r> {
    pub caller: &'r Caller,
    pub headers: &'r HeaderMap,
    pub path: &'r str,
    pub query: Option<&'r str>,
    pub room: &'r Room,
}

/// Runs what computes for long without holding up the other requests of a runtime that has several threads.
pub(crate) fn compute<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
