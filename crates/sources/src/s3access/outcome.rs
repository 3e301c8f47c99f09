//! How a request ended.

use auditlake_event::Outcome;

use super::answer::Answer;

/// Error codes that S3 answers with status 403 although no permission was missing: the credentials themselves were refused,
/// the object is archived, the account has a problem (S3 API reference, "Error responses"). `aws.cloudtrail` counts them as
/// failures too.
const OTHER_REFUSALS: [&str; 11] = [
    "AccountProblem",
    "CrossLocationLoggingProhibited",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidObjectState",
    "InvalidPayer",
    "InvalidSecurity",
    "InvalidToken",
    "NotSignedUp",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
];

/// Judges a request by the first rule that fits:
///
/// 1. an error code that speaks of missing permission (`AccessDenied`, `AllAccessDisabled`, …), or status 401 or 403 with a
///    code that does not speak of something else: denied;
/// 2. status 304 (what the client has is current), and any redirection of a website endpoint (what the bucket's owner
///    configured): success;
/// 3. any other error code, or a status from 400 on: failure. An error code beside status 200 is one too: copies and
///    multipart uploads that fail after S3 began to answer;
/// 4. a status of 200 to 399: success;
/// 5. no status, and S3 itself acted (`S3.EXPIRE.OBJECT` and the like): success. There was no request to answer; the line
///    reports what was done (S3 user guide, "Lifecycle and logging");
/// 6. no status otherwise: unknown. So it is with the read half of a copy (`REST.COPY.OBJECT_GET`), whose outcome stands in
///    the line of its other half.
pub(super) fn of(operation: &str, answer: &Answer<'_>) -> Outcome {
    let status = answer.http_status;
    match answer.error_code {
        Some(code) if is_denial(code) => Outcome::Denied,
        Some(code) if OTHER_REFUSALS.contains(&code) => Outcome::Failure,
        _ if matches!(status, Some(401 | 403)) => Outcome::Denied,
        _ if status == Some(304) => Outcome::Success,
        _ if matches!(status, Some(300..=399)) && operation.starts_with("WEBSITE.") => Outcome::Success,
        Some(_) => Outcome::Failure,
        None => match status {
            Some(400..) => Outcome::Failure,
            Some(200..=399) => Outcome::Success,
            None if operation.starts_with("S3.") => Outcome::Success,
            _ => Outcome::Unknown,
        },
    }
}

fn is_denial(code: &str) -> bool {
    let says = |word: &str| code.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()));
    ["accessdenied", "allaccessdisabled", "unauthorized", "notauthorized", "forbidden"].iter().any(|word| says(word))
}
