//! How a call ended.

use auditlake_event::Outcome;

use crate::json::Json;

use super::entry::{Entry, at_path, flag, text_at};

/// How a call ended, in the source's words too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending<'r> {
    pub outcome: Outcome,
    pub error_code: Option<&'r str>,
    pub error_message: Option<&'r str>,
}

impl Ending<'_> {
    fn plain(outcome: Outcome) -> Self {
        Self { outcome, error_code: None, error_message: None }
    }
}

/// The canonical names of `google.rpc.Code`, by number.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// Judges an entry, by the first rule that fits:
///
/// 1. `status.code` states an error: `PERMISSION_DENIED` (7, or HTTP's 403) is denied, any other failure. So is
///    `UNAUTHENTICATED` (16): who could not show who they are was not denied anything yet; unless the entry also says that a
///    permission was not granted. An entry of a perimeter's dry run (`metadata.dryRun`) refused nothing: unknown;
/// 2. every permission whose `granted` is stated was refused, or Kubernetes' label says `forbid`: denied. An *absent*
///    `granted` says nothing: protobuf leaves `false` out, and calls that succeeded have elements without it. Where some
///    were granted and some not, the status decides: the call went on without those;
/// 3. an entry of the log `policy` is written when a policy refuses: denied;
/// 4. Google Workspace: an event whose `status.success` is false, or a sign-in that failed: failure;
/// 5. a BigQuery job that ended with an error: failure, or denied by its code;
/// 6. a long-running operation that has not ended (`operation` without `last`): unknown, unless the status or the answer
///    states that it is done;
/// 7. else success: no status, an empty one and code 0 are the same in protobuf.
pub(super) fn of<'r>(entry: &Entry<'r>) -> Ending<'r> {
    let status = entry.audit_log.get_any_case("status");
    let is_refused = is_refused(entry);
    let is_dry_run = flag(entry.metadata.and_then(|metadata| metadata.get_any_case("dryRun"))) == Some(true);
    let refused = Ending::plain(Outcome::Denied);
    let refused = (is_refused || entry.log() == Some("policy")).then_some(refused);
    if let Some(ending) = status.and_then(|status| error(status, is_refused)).or(refused) {
        return if is_dry_run { Ending { outcome: Outcome::Unknown, ..ending } } else { ending };
    }
    if let Some(ending) = activity(entry).or_else(|| job(entry)) {
        return ending;
    }
    operation(entry, status)
}

/// What a status (`google.rpc.Status`) states, if it is an error. The code may be a number, a number as text, or a name.
fn error<'r>(status: &'r Json<'r>, is_refused: bool) -> Option<Ending<'r>> {
    let code = text_at(status, "code").or_else(|| status.text())?;
    let name = match code.parse::<usize>() {
        Ok(number) => CODES.get(number).copied().unwrap_or(code),
        Err(_) => code,
    };
    let outcome = match name {
        "OK" => return None,
        "PERMISSION_DENIED" | "403" => Outcome::Denied,
        "UNAUTHENTICATED" if is_refused => Outcome::Denied,
        _ => Outcome::Failure,
    };
    Some(Ending { outcome, error_code: Some(name), error_message: text_at(status, "message") })
}

fn is_refused(entry: &Entry<'_>) -> bool {
    let mut stated = entry.permissions().filter_map(|permission| flag(permission.get_any_case("granted"))).peekable();
    let all_refused = stated.peek().is_some() && stated.all(|granted| !granted);
    let label = entry.record.get_any_case("labels").and_then(|labels| labels.text_at("authorization.k8s.io/decision"));
    all_refused || label == Some("forbid")
}

fn activity<'r>(entry: &Entry<'r>) -> Option<Ending<'r>> {
    let method = entry.audit_text("methodName").unwrap_or_default();
    let is_failed_login = method.ends_with(".loginFailure");
    let failed = |activity: &&Json<'_>| {
        flag(at_path(activity, &["status", "success"])) == Some(false)
            || (is_failed_login && text_at(activity, "eventName") == Some("login_failure"))
    };
    let activity = entry.activities().find(failed);
    if activity.is_none() && !is_failed_login {
        return None;
    }
    let status = activity.and_then(|activity| activity.get_any_case("status"));
    let stated = |name: &str| text_at(status?, name);
    let parameters =
        activity.and_then(|activity| activity.get_any_case("parameter")).map(Json::elements).unwrap_or_default();
    let failure = parameters.iter().find(|parameter| text_at(parameter, "name") == Some("login_failure_type"));
    let code = stated("errorCode").or_else(|| text_at(failure?, "value"));
    Some(Ending { outcome: Outcome::Failure, error_code: code, error_message: stated("errorMessage") })
}

/// The error of a BigQuery job: `jobStatus` of its older (`serviceData`) and its newer (`metadata`) form.
fn job<'r>(entry: &Entry<'r>) -> Option<Ending<'r>> {
    let job = |structure: Option<&'r Json<'r>>, event: &str| at_path(structure?, &[event, "job", "jobStatus"]);
    let status = job(entry.metadata, "jobChange")
        .or_else(|| job(entry.metadata, "jobInsertion"))
        .or_else(|| job(entry.service_data, "jobCompletedEvent"))?;
    ["errorResult", "error"].iter().find_map(|name| error(status.get_any_case(name)?, false))
}

fn operation<'r>(entry: &Entry<'r>, status: Option<&'r Json<'r>>) -> Ending<'r> {
    let operation = entry.record.get_any_case("operation").filter(|operation| !operation.is_vacant());
    let Some(operation) = operation else { return Ending::plain(Outcome::Success) };
    let is_first = flag(operation.get_any_case("first")) == Some(true);
    let is_last = flag(operation.get_any_case("last")) == Some(true);
    // An empty status on the first entry says that the request was taken, not that the operation went well.
    let is_stated = status.is_some_and(|status| !is_first || !status.is_vacant());
    if is_last || is_stated {
        return Ending::plain(Outcome::Success);
    }
    let Some(response) = entry.response else { return Ending::plain(Outcome::Unknown) };
    let is_done = text_at(response, "status") == Some("DONE") || flag(response.get_any_case("done")) == Some(true);
    match response.get_any_case("error").filter(|error| !error.is_vacant()) {
        Some(failed) if is_done => error(failed, false).unwrap_or_else(|| Ending::plain(Outcome::Failure)),
        _ if is_done => Ending::plain(Outcome::Success),
        _ => Ending::plain(Outcome::Unknown),
    }
}
