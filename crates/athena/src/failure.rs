//! Why an execution failed, and what that means.

use auditlake_query::{QueryError, QueryErrorKind};
use aws_sdk_athena::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_athena::types::QueryExecutionStatus;

/// What a failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// Athena refused the call: a statement it does not take, or an execution it does not know.
    Invalid,
    /// It would read more than the workgroup allows, or more than the engine can hold.
    TooLarge,
    /// Not reached, or out of order: try again.
    Unavailable,
    /// Too many calls or executions at once, or storage asks for fewer requests: try again, later.
    Throttled,
    /// It was stopped, by us or by somebody else.
    Cancelled,
    /// Our deadline passed; the execution was stopped.
    Deadline,
    /// The rights of the role do not suffice.
    Denied,
    /// An object went away while it was read: read `sealed until` again and start anew.
    Vanished,
    /// Anything else.
    Internal,
}

/// A failed call or execution.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What it means.
    pub kind: FailureKind,
    /// What happened, in words.
    pub message: String,
    /// Whether the execution itself has ended with it. After any other failure the execution may still run.
    pub has_ended: bool,
}

impl Failure {
    /// A failure of `kind` of a call; what it means for the execution is not known.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), has_ended: false }
    }
}

impl From<Failure> for QueryError {
    fn from(failure: Failure) -> Self {
        let kind = match failure.kind {
            FailureKind::TooLarge => QueryErrorKind::TooLarge,
            FailureKind::Unavailable | FailureKind::Deadline | FailureKind::Vanished => QueryErrorKind::Unavailable,
            FailureKind::Throttled => QueryErrorKind::Throttled,
            FailureKind::Cancelled => QueryErrorKind::Cancelled,
            FailureKind::Denied => QueryErrorKind::Denied,
            // What a caller may get wrong is refused before a statement is made.
            FailureKind::Invalid | FailureKind::Internal => QueryErrorKind::Internal,
        };
        QueryError::new(kind, failure.message)
    }
}

/// Maps a call that failed after the SDK's own retries.
pub fn call_failure<E, R>(operation: &'static str, error: &SdkError<E, R>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let SdkError::ServiceError(service) = error else {
        let kind = match error {
            SdkError::ConstructionFailure(_) => FailureKind::Internal,
            _ => FailureKind::Unavailable,
        };
        return Failure::new(kind, format!("{operation}: {}", DisplayErrorContext(error)));
    };
    let code = service.err().code().unwrap_or("unknown error");
    let message = service.err().message().unwrap_or_default();
    let kind = match code {
        "TooManyRequestsException" | "ThrottlingException" | "Throttling" | "RequestLimitExceeded" | "SlowDown" => {
            FailureKind::Throttled
        }
        "InternalServerException"
        | "InternalServerError"
        | "InternalFailure"
        | "ServiceUnavailable"
        | "ServiceUnavailableException" => FailureKind::Unavailable,
        "AccessDeniedException"
        | "AccessDenied"
        | "UnrecognizedClientException"
        | "ExpiredTokenException"
        | "InvalidSignatureException" => FailureKind::Denied,
        "InvalidRequestException" => FailureKind::Invalid,
        _ => FailureKind::Internal,
    };
    Failure::new(kind, format!("{operation}: {code}: {message}"))
}

/// Phrases of Athena's and Trino's reasons, in lower case, and what they mean. The first that is found decides.
const REASONS: &[(&str, FailureKind)] = &[
    ("bytes scanned limit", FailureKind::TooLarge),
    ("scanned data limit", FailureKind::TooLarge),
    ("exhausted resources", FailureKind::TooLarge),
    ("exceeded_memory_limit", FailureKind::TooLarge),
    ("memory limit", FailureKind::TooLarge),
    ("exceeded_time_limit", FailureKind::TooLarge),
    ("query timeout", FailureKind::TooLarge),
    ("nosuchkey", FailureKind::Vanished),
    ("no such key", FailureKind::Vanished),
    ("key does not exist", FailureKind::Vanished),
    ("file not found", FailureKind::Vanished),
    ("status code: 404", FailureKind::Vanished),
    ("slowdown", FailureKind::Throttled),
    ("slow down", FailureKind::Throttled),
    ("reduce your request rate", FailureKind::Throttled),
    ("rate exceeded", FailureKind::Throttled),
    ("throttl", FailureKind::Throttled),
    ("toomanyrequests", FailureKind::Throttled),
    ("too_many_requests", FailureKind::Throttled),
    ("status code: 503", FailureKind::Unavailable),
    ("access denied", FailureKind::Denied),
    ("accessdenied", FailureKind::Denied),
    ("permission_denied", FailureKind::Denied),
    ("insufficient permission", FailureKind::Denied),
    ("not authorized", FailureKind::Denied),
    ("exceeded", FailureKind::TooLarge),
];

/// Maps an execution that ended as `FAILED` or `CANCELLED`.
pub fn execution_failure(cancelled: bool, status: &QueryExecutionStatus) -> Failure {
    let error = status.athena_error();
    let reason = status
        .state_change_reason()
        .or_else(|| error.and_then(|error| error.error_message()))
        .unwrap_or("no reason was given")
        .to_owned();
    let lower_case = reason.to_ascii_lowercase();
    let by_reason = REASONS.iter().find(|(phrase, _)| lower_case.contains(phrase)).map(|(_, kind)| *kind);
    let kind = match by_reason {
        Some(kind) => kind,
        None if cancelled => FailureKind::Cancelled,
        None if error.is_some_and(|error| error.retryable()) => FailureKind::Unavailable,
        None => FailureKind::Internal,
    };
    let message = match kind {
        FailureKind::TooLarge => {
            format!("the query would read too much ({reason}): ask for a shorter time range or fewer columns to search in")
        }
        FailureKind::Cancelled => format!("the query was cancelled ({reason})"),
        _ => format!("athena could not answer: {reason}"),
    };
    Failure { has_ended: true, ..Failure::new(kind, message) }
}

#[cfg(test)]
mod tests {
    use aws_sdk_athena::types::AthenaError;

    use super::*;

    #[test]
    fn reasons_say_what_a_caller_can_do() {
        // Reasons as Athena's documentation and users' reports quote them.
        for (cancelled, reason, kind) in [
            (true, "Query cancelled! : Bytes scanned limit was exceeded", FailureKind::TooLarge),
            (false, "Query exhausted resources at this scale factor", FailureKind::TooLarge),
            (false, "Query timeout", FailureKind::TooLarge),
            (
                false,
                "HIVE_CANNOT_OPEN_SPLIT: Error opening Hive split s3://b/landing/a.parquet: The specified key does not exist. \
                 (Service: Amazon S3; Status Code: 404; Error Code: NoSuchKey)",
                FailureKind::Vanished,
            ),
            (
                false,
                "com.amazonaws.services.s3.model.AmazonS3Exception: Please reduce your request rate.",
                FailureKind::Throttled,
            ),
            (
                false,
                "Permission denied on S3 path: s3://b/x (Service: Amazon S3; Status Code: 403; Error Code: AccessDenied)",
                FailureKind::Denied,
            ),
            (false, "Insufficient permissions to execute the query.", FailureKind::Denied),
            (true, "Query cancelled by user", FailureKind::Cancelled),
            (false, "SYNTAX_ERROR: line 1:8: Column 'x' cannot be resolved", FailureKind::Internal),
        ] {
            let status = QueryExecutionStatus::builder().state_change_reason(reason).build();
            assert_eq!(execution_failure(cancelled, &status).kind, kind, "{reason}");
        }
    }

    #[test]
    fn what_athena_calls_retryable_is_tried_again() {
        let error = AthenaError::builder().retryable(true).error_message("GENERIC_INTERNAL_ERROR").build();
        let status = QueryExecutionStatus::builder().athena_error(error).build();
        assert_eq!(execution_failure(false, &status).kind, FailureKind::Unavailable);
    }
}
