//! How it ended, log by log.
//!
//! | log | success | denied | failure | unknown |
//! |---|---|---|---|---|
//! | storage | `statusText` ends with `Success`, or `statusCode` below 400 | `statusText` as in [`is_storage_denial`], `statusCode` 401 or 403, or an `authorization` with the result `Denied` and a `statusCode` of 400 or above | every other `statusCode` or `statusText` | neither is stated, nor `metricResponseType` |
//! | Activity log | `Success`, `Succeeded` | a failure whose signature, status or code speaks of missing permission ([`says_denied`]) or is 401 or 403 | `Failure`, `Failed`, `Canceled`… | anything else: `Start`, `Accept`, `Active`… (the operation goes on) |
//! | key vault | as the Activity log, if the status is below 400 | as the Activity log; but `Authentication` with 401 is how a client asks for whom to sign in: a failure | | |
//! | directory audit | `success` | `failure` whose reason speaks of missing permission | `failure`, `timeout` | anything else |
//! | Graph, Kubernetes | a status below 400 | 401, 403 | every other status | no status |
//! | sign-in | error code 0 | the error codes of [`SIGN_IN_DENIALS`] | every other error code: who could not show who they are was not denied anything yet | no code |

use std::borrow::Cow;

use auditlake_event::Outcome;

use crate::json::{Json, Parser};

use super::facts::Ending;
use super::record::{Record, text_at, worded};
use crate::decoding::one_or_more;

/// Error codes of sign-ins of somebody known who was refused: no role in the application (50105), the device or application
/// is not one that policy allows (53000 to 53002), Conditional Access (53003), proof refused for risk (53004). Source:
/// Microsoft identity platform, "Microsoft Entra authentication and authorization error codes".
const SIGN_IN_DENIALS: [&str; 6] = ["50105", "53000", "53001", "53002", "53003", "53004"];

/// A status, as a number or the text of one.
fn status_code(value: Option<&Json<'_>>) -> Option<i32> {
    value?.text()?.parse().ok().filter(|code| (100..600).contains(code))
}

/// Whether a storage service's word says that permission was missing: `AuthorizationFailure`,
/// `AuthorizationPermissionMismatch` (and `…ProtocolMismatch`, `…SourceIPMismatch`…), `SASAuthorizationError`,
/// `AnonymousAuthorizationError`; what a signature that is wrong, expired or revoked gets (`AuthenticationFailed`); and the
/// refusals with other names. Sources: "Azure Blob Storage error codes", "Storage Analytics logged operations and status
/// messages".
fn is_storage_denial(word: &str) -> bool {
    const OTHERS: [&str; 6] = [
        "AuthenticationFailed",
        "InsufficientAccountPermissions",
        "KeyBasedAuthenticationNotPermitted",
        "NoAuthenticationInformation",
        "PublicAccessNotPermitted",
        "UnauthorizedBlobOverwrite",
    ];
    word.contains("Authorization") || OTHERS.contains(&word)
}

fn is_authorization_denied(authorization: Option<&Json<'_>>) -> bool {
    let is_denied = |one: &Json<'_>| text_at(one, "result").is_some_and(|result| result.eq_ignore_ascii_case("denied"));
    authorization.is_some_and(|authorization| one_or_more(authorization).iter().any(is_denied))
}

/// The ending of a request whose answer has that status.
pub(super) fn of_http<'r>(status: Option<&Json<'r>>) -> Ending<'r> {
    let http_status = status_code(status);
    let outcome = match http_status {
        None => Outcome::Unknown,
        Some(..=399) => Outcome::Success,
        Some(401 | 403) => Outcome::Denied,
        Some(_) => Outcome::Failure,
    };
    Ending { outcome, http_status, ..Ending::default() }
}

/// The ending of a request to a storage account; `authorization` is what was checked.
pub(super) fn of_storage<'r>(record: &Record<'r>, authorization: Option<&Json<'r>>) -> Ending<'r> {
    let status = status_code(record.get("statusCode"));
    let word = record.text("statusText").or_else(|| record.property_text("metricResponseType"));
    let is_success = word.is_some_and(|word| word.ends_with("Success"));
    let outcome = match (status, word) {
        (None, None) => Outcome::Unknown,
        (None, Some(_)) if is_success => Outcome::Success,
        (Some(..400), word) if !word.is_some_and(is_storage_denial) => Outcome::Success,
        (_, Some(word)) if is_storage_denial(word) => Outcome::Denied,
        // The one 403 that no permission would mend.
        (Some(403), Some("AccountIsDisabled")) => Outcome::Failure,
        (Some(401 | 403), _) => Outcome::Denied,
        (Some(400..), _) if is_authorization_denied(authorization) => Outcome::Denied,
        _ => Outcome::Failure,
    };
    let has_error = !matches!(outcome, Outcome::Success | Outcome::Unknown);
    Ending {
        outcome,
        error_code: word.filter(|_| has_error && !is_success).map(Cow::Borrowed),
        error_message: None,
        http_status: status,
    }
}

/// Whether a word or sentence says that permission was missing: `AuthorizationFailed`, `LinkedAuthorizationFailed`,
/// `Forbidden`, `Unauthorized`, `RequestDisallowedByPolicy`, `Authorization_RequestDenied`, `Insufficient privileges…`.
fn says_denied(text: &str) -> bool {
    let compact: String = text.chars().filter(|character| character.is_ascii_alphabetic()).collect();
    let compact = compact.to_ascii_lowercase();
    ["accessdenied", "authorizationfailed", "disallowedbypolicy", "forbidden", "insufficientprivileges", "notauthorized"]
        .iter()
        .chain(&["requestdenied", "unauthorized"])
        .any(|word| compact.contains(word))
}

/// The error in `properties.statusMessage`: JSON in a text, `{"error":{"code":…,"message":…}}`, at times without the outer
/// object, or with the capitals of older services.
fn status_message<'r>(record: &Record<'r>) -> (Option<Cow<'r, str>>, Option<Cow<'r, str>>) {
    let Some(message) = record.property_text("statusMessage") else { return (None, None) };
    let Ok(parsed) = Parser::new(message.as_bytes()).value(0) else { return (None, Some(Cow::Borrowed(message))) };
    let error = parsed.get_any_case("error").filter(|error| error.members().is_some()).unwrap_or(&parsed);
    let part = |name: &str| text_at(error, name).map(|text| Cow::Owned(text.to_owned()));
    match (part("code"), part("message")) {
        (None, None) => (None, Some(Cow::Borrowed(message))),
        parts => parts,
    }
}

/// `Failed.Forbidden` and `Succeeded.OK` say the status behind the dot; elsewhere it stands alone.
fn signed_status(signature: &str) -> Option<&str> {
    let status = signature.rsplit('.').next().unwrap_or(signature);
    Some(status).filter(|status| !status.is_empty() && *status != "None")
}

/// The answer's status in `OK (HTTP Status Code: 200)`, as `subStatus.localizedValue` and Log Analytics have it.
fn localized_status<'r>(record: &Record<'r>) -> Option<&'r str> {
    let localized = record.get("subStatus").and_then(|status| text_at(status, "localizedValue"));
    let text = localized.or_else(|| record.text("ActivitySubstatus"))?;
    text.split_once("HTTP Status Code: ").and_then(|(_, rest)| rest.split(')').next())
}

pub(super) fn of_operation<'r>(record: &Record<'r>) -> Ending<'r> {
    let result = record.text("resultType").or_else(|| record.text("status"));
    let signature = record.text("resultSignature").or_else(|| record.text("subStatus")).and_then(signed_status);
    let status = status_code(record.property("httpStatusCode"))
        .or_else(|| signature.and_then(|signature| signature.parse().ok()).filter(|code| (100..600).contains(code)))
        .or_else(|| localized_status(record).and_then(|code| code.parse().ok()));
    let word = result.unwrap_or_default().to_ascii_lowercase();
    let http_status = status;
    // Key vaults call a refused request a success of theirs at times.
    let is_refused = status.is_some_and(|status| status >= 400);
    match word.as_str() {
        "success" | "succeeded" if !is_refused => Ending { outcome: Outcome::Success, http_status, ..Ending::default() },
        "success" | "succeeded" | "failure" | "failed" | "canceled" | "cancelled" | "error" | "timedout"
        | "unauthorized" | "forbidden" => {
            let (code, message) = status_message(record);
            let code = code.or(signature.map(Cow::Borrowed)).or(result.map(Cow::Borrowed));
            let message = message.or(record.text("resultDescription").map(Cow::Borrowed));
            let is_denied = matches!(status, Some(401 | 403))
                || [signature, result].into_iter().flatten().any(says_denied)
                || code.as_deref().is_some_and(says_denied);
            let is_challenge = record.text("operationName") == Some("Authentication") && status == Some(401);
            let outcome = if is_denied && !is_challenge { Outcome::Denied } else { Outcome::Failure };
            Ending { outcome, error_code: code, error_message: message, http_status }
        }
        _ => Ending { http_status, ..Ending::default() },
    }
}

pub(super) fn of_directory<'r>(record: &Record<'r>) -> Ending<'r> {
    let body = record.body();
    let provisioned = ["provisioningStatusInfo", "statusInfo"].iter().find_map(|name| body.get_any_case(name));
    let provisioned = provisioned.and_then(|info| text_at(info, "status"));
    let result = text_at(body, "result").or_else(|| record.text("result")).or(provisioned);
    let result = result.or_else(|| record.text("resultType"));
    let reason = text_at(body, "resultReason").or_else(|| record.text("resultDescription"));
    let outcome = match result.unwrap_or_default().to_ascii_lowercase().as_str() {
        "success" => Outcome::Success,
        "failure" | "timeout" if reason.is_some_and(says_denied) => Outcome::Denied,
        "failure" | "timeout" => Outcome::Failure,
        _ => Outcome::Unknown,
    };
    let has_error = matches!(outcome, Outcome::Failure | Outcome::Denied);
    Ending {
        outcome,
        error_code: result.filter(|_| has_error).map(Cow::Borrowed),
        error_message: reason.filter(|_| has_error).map(Cow::Borrowed),
        http_status: None,
    }
}

pub(super) fn of_sign_in<'r>(record: &Record<'r>) -> Ending<'r> {
    let status = record.body().get_any_case("status").filter(|status| status.members().is_some());
    let code = status.and_then(|status| text_at(status, "errorCode"));
    let result = code.or_else(|| record.text("resultType"));
    let outcome = match result {
        None => Outcome::Unknown,
        Some(result) if result == "0" || result.eq_ignore_ascii_case("success") => Outcome::Success,
        Some(result) if SIGN_IN_DENIALS.contains(&result) => Outcome::Denied,
        Some(_) => Outcome::Failure,
    };
    let has_error = matches!(outcome, Outcome::Failure | Outcome::Denied);
    let reason = status.and_then(|status| text_at(status, "failureReason")).or_else(|| record.text("resultDescription"));
    Ending {
        outcome,
        error_code: result.filter(|_| has_error).map(Cow::Borrowed),
        error_message: reason.filter(|_| has_error).map(Cow::Borrowed),
        http_status: None,
    }
}

/// A management operation of a namespace: `Status`, as `Succeeded` or `Failed`.
pub(super) fn of_namespace<'r>(record: &Record<'r>) -> Ending<'r> {
    let status = record.text("Status");
    let outcome = match status.unwrap_or_default().to_ascii_lowercase().as_str() {
        "success" | "succeeded" => Outcome::Success,
        "failure" | "failed" => Outcome::Failure,
        "unauthorized" | "forbidden" => Outcome::Denied,
        _ => Outcome::Unknown,
    };
    let has_error = matches!(outcome, Outcome::Failure | Outcome::Denied);
    Ending { outcome, error_code: status.filter(|_| has_error).map(Cow::Borrowed), ..Ending::default() }
}

/// Of any other log: as an operation, else by the status of an answer, or by a word for how it went.
pub(super) fn of_other<'r>(record: &Record<'r>) -> Ending<'r> {
    let ending = of_operation(record);
    if ending.outcome != Outcome::Unknown {
        return ending;
    }
    let stated = |names: &[&str]| names.iter().find_map(|name| record.property(name).or_else(|| record.get(name)));
    let by_status = of_http(stated(&["httpStatusCode", "responseStatusCode", "statusCode", "responseCode", "scStatus"]));
    if by_status.outcome != Outcome::Unknown {
        return by_status;
    }
    let word = match stated(&["succeeded", "isSuccess", "result", "outcome", "status", "statusText"]) {
        Some(Json::Bool(is_success)) => {
            if *is_success {
                "true"
            } else {
                "false"
            }
        }
        stated => stated.and_then(worded).unwrap_or_default(),
    };
    let outcome = match word.to_ascii_lowercase().as_str() {
        "true" | "success" | "succeeded" | "ok" => Outcome::Success,
        "false" | "failure" | "failed" | "error" => Outcome::Failure,
        "denied" | "forbidden" | "unauthorized" => Outcome::Denied,
        _ => Outcome::Unknown,
    };
    Ending { outcome, http_status: ending.http_status, ..Ending::default() }
}
