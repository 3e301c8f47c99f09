//! How a call ended.

use auditlake_event::Outcome;

use crate::absent::stated;
use crate::json::Json;

/// How a call ended, in the source's words too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending<'r> {
    pub outcome: Outcome,
    pub error_code: Option<&'r str>,
    pub error_message: Option<&'r str>,
}

/// Judges a record:
///
/// 1. `errorCode` speaks of missing permission ([`is_denial`]): denied;
/// 2. any other `errorCode`, or an `errorMessage` without one: failure;
/// 3. a sign-in event whose answer says `Failure` (`responseElements.ConsoleLogin`, `serviceEventDetails.…`): failure. Who
///    could not show who they are was not denied anything yet; wrong passwords and expired tokens are failures alike;
/// 4. else: success.
pub(super) fn of<'r>(record: &'r Json<'_>) -> Ending<'r> {
    let error_code = record.text_at("errorCode").and_then(stated);
    let error_message = record.text_at("errorMessage").filter(|text| stated(text).is_some());
    let service = record.text_at("eventSource").unwrap_or_default();
    let outcome = match error_code {
        Some(code) if is_denial(code, service) => Outcome::Denied,
        Some(_) => Outcome::Failure,
        None if error_message.is_some() || says_failure(record) => Outcome::Failure,
        None => Outcome::Success,
    };
    Ending { outcome, error_code, error_message }
}

/// Whether an error code says that permission was missing. Services word it in many ways: `AccessDenied`,
/// `AccessDeniedException`, `VpceAccessDenied`, `Client.UnauthorizedOperation`, `UnauthorizedAccess`,
/// `NotAuthorizedException`, `AuthorizationError`, `Forbidden`.
fn is_denial(code: &str, service: &str) -> bool {
    // Cognito's word for a wrong password.
    if code == "NotAuthorizedException" && service == "cognito-idp.amazonaws.com" {
        return false;
    }
    let says = |word: &str| code.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()));
    ["accessdenied", "unauthorized", "notauthorized", "authorizationerror", "forbidden"].iter().any(|word| says(word))
}

fn says_failure(record: &Json<'_>) -> bool {
    let Some(name) = record.text_at("eventName") else { return false };
    ["responseElements", "serviceEventDetails"].iter().any(|part| {
        let answer = record.get(part).and_then(|answer| answer.get_any_case(name)?.text());
        answer.is_some_and(|answer| answer.eq_ignore_ascii_case("failure"))
    })
}
