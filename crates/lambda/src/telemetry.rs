//! Logs as JSON lines, metrics in CloudWatch's embedded metric format: both are lines on standard output.
//!
//! Format: "CloudWatch embedded metric format specification" (a JSON document whose member `_aws` says which of its members are
//! metrics). The only dimension is the function: each value of a dimension is a series that costs.

use std::io::Write;

use serde_json::{Map, Value, json};
use tracing_subscriber::EnvFilter;

use crate::environment::Environment;

/// The namespace of every metric.
pub const NAMESPACE: &str = "auditlake";

/// The unit of a metric, as CloudWatch names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// A size.
    Bytes,
    /// A length of time.
    Seconds,
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Unit::Count => "Count",
            Unit::Bytes => "Bytes",
            Unit::Seconds => "Seconds",
        }
    }
}

/// The metrics of one invocation.
#[derive(Debug)]
pub struct Metrics {
    function: &'static str,
    values: Vec<(&'static str, Unit, u64)>,
    notes: Vec<(&'static str, String)>,
}

impl Metrics {
    /// No metric yet, of a function.
    pub const fn of(function: &'static str) -> Self {
        Self { function, values: Vec::new(), notes: Vec::new() }
    }

    /// Adds a metric.
    pub fn put(&mut self, name: &'static str, unit: Unit, value: u64) -> &mut Self {
        self.values.push((name, unit, value));
        self
    }

    /// Adds a text beside the metrics, which the log can be searched for.
    pub fn note(&mut self, name: &'static str, text: &str) -> &mut Self {
        self.notes.push((name, text.to_owned()));
        self
    }

    /// The document, one line; `None` if there is no metric.
    pub fn document(&self, millis: i64, request_id: &str) -> Option<String> {
        if self.values.is_empty() {
            return None;
        }
        let described: Vec<Value> =
            self.values.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit.name()})).collect();
        let mut document = Map::new();
        document.insert(
            "_aws".to_owned(),
            json!({"Timestamp": millis, "CloudWatchMetrics": [
                {"Namespace": NAMESPACE, "Dimensions": [["Function"]], "Metrics": described}
            ]}),
        );
        document.insert("Function".to_owned(), json!(self.function));
        document.insert("request_id".to_owned(), json!(request_id));
        for (name, _, value) in &self.values {
            document.insert((*name).to_owned(), json!(value));
        }
        for (name, text) in &self.notes {
            document.insert((*name).to_owned(), json!(text));
        }
        Some(Value::Object(document).to_string())
    }

    /// Writes them to standard output, where CloudWatch reads them.
    pub fn write(&self, millis: i64, request_id: &str) {
        if let Some(mut document) = self.document(millis, request_id) {
            document.push('\n');
            // Nobody can be told if even standard output fails.
            std::io::stdout().lock().write_all(document.as_bytes()).ok();
        }
    }
}

/// Starts the logs of a function: JSON lines, filtered by `AUDITLAKE_LOG` (`info` by default).
pub fn start_logs(environment: &Environment) {
    let filter = environment.optional("AUDITLAKE_LOG").and_then(|text| text.parse::<EnvFilter>().ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .finish();
    // Fails only if logs were started before, which is as good.
    tracing::subscriber::set_global_default(subscriber).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_says_which_of_its_members_are_metrics() {
        let mut metrics = Metrics::of("compact");
        metrics.put("SealLagSeconds", Unit::Seconds, 42).put("RowsSealed", Unit::Count, 7).note("held_up_by", "a key");
        let document: Value = serde_json::from_str(&metrics.document(1_700_000_000_000, "r-1").unwrap()).unwrap();
        let expected = json!({
            "_aws": {"Timestamp": 1_700_000_000_000_i64, "CloudWatchMetrics": [{
                "Namespace": "auditlake", "Dimensions": [["Function"]],
                "Metrics": [{"Name": "SealLagSeconds", "Unit": "Seconds"}, {"Name": "RowsSealed", "Unit": "Count"}],
            }]},
            "Function": "compact", "request_id": "r-1", "SealLagSeconds": 42, "RowsSealed": 7, "held_up_by": "a key",
        });
        assert_eq!(document, expected);
        assert_eq!(Metrics::of("land").document(0, ""), None);
    }
}
