//! The message of a log event that holds an audit entry (Airbyte 1.4 to 1.6): the entry as Kotlin prints a data class, without
//! any escapes.
//!
//! ```text
//! Logging audit entry: AuditLogEntry(id=…, timestamp=…, user=User(userId=…, email=…, ipAddress=…, userAgent=…),
//!     actionName=…, summary=…, success=…, errorMessage=…)
//! ```
//!
//! A caller chooses the user agent, the forwarded addresses, names inside the summary and much of the error message, and may
//! write there what looks like the rest of an entry. So every reading is looked for that the writer's own rules
//! allow: the user may end at each `), actionName=`; an entry that succeeded has one JSON object as its summary and
//! `errorMessage=null`; one that failed has an empty summary and any error message.
//!
//! Time is linear in the message, whatever stands in it. Summaries are what could cost more, because each place where one
//! may begin is read as JSON until that ends or breaks. But at most two of them can be under way at any byte: the next
//! place begins with `)`, which breaks every value under way that is not inside a string at that byte. So at most one,
//! inside a string, is under way beside the next, which begins outside one; the next unescaped quote turns both around,
//! and a backslash breaks the one outside. They stay opposites until one of them breaks.

use std::borrow::Cow;

use crate::json::Parser;

/// How the message of an audit entry begins.
pub(super) const PREFIX: &str = "Logging audit entry: ";

const BEFORE_ID: &str = "AuditLogEntry(id=";
const BEFORE_TIMESTAMP: &str = ", timestamp=";
const BEFORE_USER: &str = ", user=";
const USER: &str = "User(userId=";
const BEFORE_EMAIL: &str = ", email=";
const BEFORE_ADDRESS: &str = ", ipAddress=";
const BEFORE_USER_AGENT: &str = ", userAgent=";
/// What stands behind a user. Airbyte writes `null` for none.
const BEHIND_USER: &str = "), actionName=";
const NO_USER: &str = "null, actionName=";
const BEFORE_SUMMARY: &str = ", summary=";
const SUCCEEDED: &str = ", success=true, errorMessage=null";
const FAILED: &str = ", success=false, errorMessage=";

/// An entry's parts that every reading agrees on, and the readings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LogMessage<'m> {
    pub id: &'m str,
    /// Milliseconds since the Unix epoch, as written.
    pub timestamp: &'m str,
    pub user: Option<User<'m>>,
    /// At least one.
    pub readings: Vec<Reading<'m>>,
    /// Whether a text in it holds what separates the entry's parts, although it leaves only one reading.
    pub imitates_entry: bool,
}

/// What stands at the beginning of the user, up to the user agent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct User<'m> {
    pub id: &'m str,
    pub email: &'m str,
    /// The header `X-Forwarded-For`.
    pub addresses: &'m str,
}

/// One way to read what follows the beginning of the user.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reading<'m> {
    pub user_agent: Option<&'m str>,
    pub action: &'m str,
    /// JSON of an object; empty if the action failed.
    pub summary: &'m str,
    pub is_success: bool,
    pub error_message: &'m str,
}

/// Reads the message of an audit entry, which begins with [`PREFIX`]. Fails with the reason if there is no reading.
pub(super) fn read(message: &str) -> Result<LogMessage<'_>, &'static str> {
    let entry = message.strip_prefix(PREFIX).and_then(|entry| entry.strip_prefix(BEFORE_ID));
    let entry = entry.ok_or("message is no AuditLogEntry")?;
    let entry = entry.strip_suffix(')').ok_or("message does not end as an AuditLogEntry does")?;
    let (id, entry) = entry.split_once(BEFORE_TIMESTAMP).ok_or("message states no id and timestamp")?;
    if id.is_empty() || id.contains(',') {
        return Err("message states no id");
    }
    let (timestamp, entry) = entry.split_once(BEFORE_USER).ok_or("message states no timestamp and user")?;
    if let Some(from_action) = entry.strip_prefix(NO_USER) {
        let reading = read_from_action(from_action, None).ok_or("message is no whole AuditLogEntry")?;
        let imitates_entry = entry.contains(BEHIND_USER);
        return Ok(LogMessage { id, timestamp, user: None, readings: vec![reading], imitates_entry });
    }

    let unreadable_user = "message states a user that cannot be read";
    let from_user = entry.strip_prefix(USER).ok_or(unreadable_user)?;
    let (user_id, from_email) = from_user.split_once(BEFORE_EMAIL).ok_or(unreadable_user)?;
    if user_id.is_empty() || user_id.contains(',') {
        return Err(unreadable_user);
    }
    let (email, from_address) = from_email.split_once(BEFORE_ADDRESS).ok_or(unreadable_user)?;
    let (addresses, from_user_agent) = from_address.split_once(BEFORE_USER_AGENT).ok_or(unreadable_user)?;
    let mut ends = 0;
    let mut readings = Vec::new();
    let mut last_user_agent = "";
    for end in memchr::memmem::find_iter(from_user_agent.as_bytes(), BEHIND_USER) {
        ends += 1;
        let Some((user_agent, rest)) = from_user_agent.split_at_checked(end) else { continue };
        let from_action = rest.get(BEHIND_USER.len()..).unwrap_or_default();
        if let Some(reading) = read_from_action(from_action, Some(user_agent)) {
            last_user_agent = user_agent;
            readings.push(reading);
        }
    }
    if readings.is_empty() {
        return Err("message is no whole AuditLogEntry");
    }
    // A user has each of these once; a second one came with a header or the address of an e-mail.
    let imitates_user = addresses.contains(BEFORE_ADDRESS)
        || [BEFORE_ADDRESS, BEFORE_USER_AGENT].iter().any(|separator| last_user_agent.contains(separator));
    let imitates_entry = readings.len() == 1 && (ends > 1 || imitates_user);
    let user = Some(User { id: user_id, email, addresses });
    Ok(LogMessage { id, timestamp, user, readings, imitates_entry })
}

/// Reads what follows `actionName=`, to the end of the entry.
fn read_from_action<'m>(text: &'m str, user_agent: Option<&'m str>) -> Option<Reading<'m>> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$');
    let length = text.bytes().take_while(is_part).count();
    let (action, rest) = text.split_at_checked(length)?;
    if action.is_empty() || action.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let from_summary = rest.strip_prefix(BEFORE_SUMMARY)?;
    let (summary, rest) = from_summary.split_at_checked(summary_length(from_summary)?)?;
    let is_success = rest == SUCCEEDED;
    let error_message = if is_success { "" } else { rest.strip_prefix(FAILED)? };
    // Only what succeeded has a summary.
    (is_success != summary.is_empty()).then_some(Reading { user_agent, action, summary, is_success, error_message })
}

/// How long the summary is that a text begins with; `None` if it is neither empty nor a JSON object.
fn summary_length(text: &str) -> Option<usize> {
    if !text.starts_with('{') {
        return Some(0);
    }
    let mut parser = Parser::new(text.as_bytes());
    parser.value(0).ok().map(|_| parser.position())
}

impl<'m> LogMessage<'m> {
    /// What every reading says, if they agree.
    pub(super) fn agreed<T: PartialEq>(&self, part: impl Fn(&Reading<'m>) -> T) -> Option<T> {
        let mut parts = self.readings.iter().map(part);
        let first = parts.next()?;
        parts.all(|other| other == first).then_some(first)
    }

    /// The message, with `rewrite` applied to the texts of the entry that may hold JSON. Where there are several readings nobody
    /// knows where those begin and end, but for the summary of the one that succeeded, which ends with the message.
    pub(super) fn rewritten(&self, message: &str, rewrite: impl Fn(&'m str) -> Cow<'m, str>) -> String {
        if let [reading] = &self.readings[..] {
            let mut out = [PREFIX, BEFORE_ID, self.id, BEFORE_TIMESTAMP, self.timestamp, BEFORE_USER].concat();
            match &self.user {
                None => out.push_str(NO_USER),
                Some(user) => {
                    let user_agent = reading.user_agent.unwrap_or_default();
                    out.extend([USER, user.id, BEFORE_EMAIL, &rewrite(user.email), BEFORE_ADDRESS]);
                    out.extend([&rewrite(user.addresses), BEFORE_USER_AGENT, &rewrite(user_agent), BEHIND_USER]);
                }
            }
            out.extend([reading.action, BEFORE_SUMMARY, &rewrite(reading.summary)]);
            if reading.is_success {
                out.push_str(SUCCEEDED);
            } else {
                out.extend([FAILED, &rewrite(reading.error_message)]);
            }
            out.push(')');
            return out;
        }
        let succeeded = self.readings.iter().find(|reading| reading.is_success);
        let parts = succeeded.and_then(|reading| {
            let (before, end) = message.split_at_checked(message.len().checked_sub(SUCCEEDED.len() + ")".len())?)?;
            Some([before.strip_suffix(reading.summary)?, &rewrite(reading.summary), end].concat())
        });
        parts.unwrap_or_else(|| message.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGINNING: &str = "Logging audit entry: AuditLogEntry(id=7, timestamp=5, user=User(userId=u, email=e, ipAddress=i, \
                             userAgent=a";

    /// How many bytes are looked at to find the ends of all summaries that may begin in a message.
    fn bytes_read_as_json(message: &str) -> usize {
        let starts = memchr::memmem::find_iter(message.as_bytes(), BEHIND_USER);
        starts
            .filter_map(|start| {
                let from_action = &message[start + BEHIND_USER.len()..];
                let is_part = |character: char| character.is_ascii_alphanumeric();
                let from_summary = from_action.trim_start_matches(is_part).strip_prefix(BEFORE_SUMMARY)?;
                let mut parser = Parser::new(from_summary.starts_with('{').then_some(from_summary.as_bytes())?);
                let _is_whole = parser.value(0).is_ok();
                Some(parser.position())
            })
            .sum()
    }

    #[test]
    fn work_is_linear_whatever_a_caller_writes() {
        for unit in [
            "), actionName=a, summary={",
            "), actionName=a, summary={\"",
            "), actionName=a, summary={\"\":\"",
            "), actionName=a, summary={\"k\":[{\"k\":\"",
            "\"), actionName=a, summary={ ",
            "\\\"), actionName=a, summary={\"k\":\"",
            "\":\"), actionName=a, summary={\"",
            "), actionName=a, summary={\"\":1,",
            "), actionName=a, summary=",
            "), actionName=a, summary=, success=false, errorMessage=",
            "), actionName=a, summary={}, success=true, errorMessage=null",
            "), actionName=a, summary={}, success=true, errorMessage=null)",
            "), actionName=",
            "), actionName=a",
            ", ipAddress=, userAgent=",
        ] {
            for end in [
                "), actionName=b, summary=, success=false, errorMessage=x)",
                "), actionName=b, summary={}, success=true, errorMessage=null)",
                "\"}, success=true, errorMessage=null)",
                "\"}]}, success=true, errorMessage=null)",
                ")",
            ] {
                let mut message = format!("{BEGINNING}{}", unit.repeat((2 << 20) / unit.len()));
                message.push_str(end);
                // Twice each byte: the summary under way, and the one that begins inside one of its strings.
                let looked_at = bytes_read_as_json(&message);
                assert!(looked_at <= 2 * message.len(), "{unit:?}: {looked_at} of {}", message.len());
                if let Ok(read) = read(&message) {
                    let succeeded = read.readings.iter().filter(|reading| reading.is_success).count();
                    assert!(succeeded <= 1, "{unit:?}: only one reading can end as a success does");
                }
            }
        }
    }

    #[test]
    fn a_rewritten_message_differs_only_where_it_was_rewritten() {
        let plain = format!("{BEGINNING}), actionName=b, summary=, success=false, errorMessage=x), y)");
        let without_user = "Logging audit entry: AuditLogEntry(id=7, timestamp=5, user=null, actionName=b, summary={}, success=true, errorMessage=null)";
        let ambiguous = format!(
            "{BEGINNING}), actionName=b, summary=, success=false, errorMessage=x), actionName=c, summary={{\"k\":1}}, \
             success=true, errorMessage=null)"
        );
        for message in [plain.as_str(), without_user, &ambiguous] {
            let read = read(message).unwrap();
            assert_eq!(read.rewritten(message, Cow::Borrowed), message);
        }
        let rewritten = read(&ambiguous).unwrap().rewritten(&ambiguous, |text| Cow::Owned(text.replace('1', "2")));
        assert_eq!(rewritten, ambiguous.replace("\"k\":1", "\"k\":2"));
    }
}
