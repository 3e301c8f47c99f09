//! What the tables over events are called.

use crate::identifier::Identifier;

/// The table of the archive with a column for each part of the path.
pub const EVENTS: &str = "events";
/// The table of the archive with the one range column `dt`.
pub const EVENTS_HOURLY: &str = "events_hourly";
/// The table of landing.
pub const EVENTS_LANDING: &str = "events_landing";

/// The two tables that our own statements read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// The database (Trino: the schema).
    pub database: Identifier,
    /// The archive with the one range column `dt`.
    pub events_hourly: Identifier,
    /// Landing.
    pub events_landing: Identifier,
}

impl Tables {
    /// The usual names in a database.
    pub fn in_database(database: Identifier) -> Self {
        Self {
            database,
            events_hourly: Identifier(EVENTS_HOURLY.to_owned()),
            events_landing: Identifier(EVENTS_LANDING.to_owned()),
        }
    }

    pub(crate) fn hourly_sql(&self) -> String {
        format!("\"{}\".\"{}\"", self.database.as_str(), self.events_hourly.as_str())
    }

    pub(crate) fn landing_sql(&self) -> String {
        format!("\"{}\".\"{}\"", self.database.as_str(), self.events_landing.as_str())
    }
}
