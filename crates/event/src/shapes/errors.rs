//! Errors of events in shapes of others; their `index` is 0.

use crate::input::FieldError;
use crate::normal_json::Fault;

/// The `field` of an error that concerns an event as a whole.
pub(super) const WHOLE_EVENT: &str = "event";

pub(super) fn error(field: impl Into<String>, detail: impl Into<std::borrow::Cow<'static, str>>) -> FieldError {
    FieldError { index: 0, field: field.into(), detail: detail.into() }
}

pub(super) fn fault_error(fault: Fault) -> FieldError {
    match fault {
        Fault::Syntax(syntax) => error(WHOLE_EVENT, format!("is not JSON: {syntax}")),
        Fault::Rule { path, detail } if path.is_empty() => error(WHOLE_EVENT, detail),
        Fault::Rule { path, detail } => error(path.strip_prefix('.').unwrap_or(&path), detail),
    }
}
