//! How it ended.

use auditlake_event::Outcome;

use crate::absent::stated;
use crate::json::Json;
use crate::source::contains_any_case;

use super::record::{Record, Said, number};

/// How an act ended, in the source's words too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending<'r> {
    pub outcome: Outcome,
    pub error_code: Option<&'r str>,
    pub error_message: Option<&'r str>,
    pub http_status: Option<i32>,
}

/// Words by which a code or message says that permission was missing.
const DENIALS: [&str; 9] = [
    "accessdenied",
    "access denied",
    "access_denied",
    "unauthorized",
    "notauthorized",
    "not authorized",
    "forbidden",
    "permission denied",
    "permission_denied",
];

/// Judges a record, by what says it first:
///
/// 1. `action_id` 2 (denied) or `disposition_id` 2 (blocked) of the profile `security_control`: denied;
/// 2. `status_id` 1: success; 2: failure, denied if `api.response.error`, `status_code` or `status_detail` speaks of missing permission or
///    the HTTP status is 403. Of a sign-in it is a failure: who could not show who they are was not denied anything yet;
/// 3. `status` in words, an error in `api.response`, an HTTP status: the same;
/// 4. else (`status_id` 0, 99 or missing): unknown.
pub(super) fn of<'r>(record: &Record<'r>, class: i64) -> Ending<'r> {
    let http = [["http_response", "code"].as_slice(), &["api", "response", "code"]];
    let in_range = |path: &&[&str]| number(record.at(path)).is_some_and(|code| (100..600).contains(&code));
    let http_path = http.into_iter().find(in_range);
    let http_status = http_path.and_then(|path| record.text(path)).and_then(|code| code.parse().ok());
    let is_forbidden = http_status == Some(403);

    let code = record.said(&["api", "response", "error"]).or_else(|| record.said(&["status_code"]));
    let messages: [&[&str]; 3] =
        [&["api", "response", "error_message"], &["status_detail"], &["api", "response", "message"]];
    let message = messages.iter().find_map(|path| free_text(record, path));
    let speaks =
        |said: Option<Said<'_>>| said.is_some_and(|said| DENIALS.iter().any(|word| contains_any_case(said.text, word)));
    let is_denied = class != 3002 && (is_forbidden || speaks(code) || speaks(message));
    let failed = if is_denied { Outcome::Denied } else { Outcome::Failure };

    let is_refused = [["action_id"], ["disposition_id"]].iter().any(|path| number(record.at(path)) == Some(2));
    let word = record.said(&["status"]);
    let says = |words: &[&str]| word.is_some_and(|said| words.iter().any(|word| said.text.eq_ignore_ascii_case(word)));
    let has_error = record.said(&["api", "response", "error"]).is_some();
    let outcome = match number(record.at(&["status_id"])) {
        _ if is_refused => Outcome::Denied,
        Some(1) => Outcome::Success,
        Some(2) => failed,
        _ if says(&["success", "succeeded", "successful", "ok"]) => Outcome::Success,
        _ if says(&["denied", "blocked"]) => Outcome::Denied,
        _ if says(&["failure", "failed", "error"]) || has_error => failed,
        _ if http_status.is_some_and(|status| status >= 400) => failed,
        _ if http_status.is_some_and(|status| status >= 200) => Outcome::Success,
        _ => Outcome::Unknown,
    };
    if matches!((number(record.at(&["status_id"])), outcome), (Some(1), Outcome::Success) | (Some(2), Outcome::Failure)) {
        record.text(&["status_id"]);
    }
    let is_said = match outcome {
        Outcome::Success => says(&["success"]),
        Outcome::Failure => says(&["failure"]),
        _ => false,
    };
    if is_said {
        record.text(&["status"]);
    }
    let has_failed = matches!(outcome, Outcome::Failure | Outcome::Denied);
    Ending {
        outcome,
        error_code: code.filter(|_| has_failed).map(|said| record.tell(said)),
        error_message: message.filter(|_| has_failed).map(|said| record.tell(said)),
        http_status,
    }
}

fn free_text<'r>(record: &Record<'r>, path: &[&str]) -> Option<Said<'r>> {
    match record.at(path)? {
        Json::Text(text) if stated(text).is_some() => record.said(path),
        _ => None,
    }
}
