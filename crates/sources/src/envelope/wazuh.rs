//! Alerts of Wazuh, and what its modules for clouds put around the records they fetch.

use std::borrow::Cow;

use crate::json::{Json, Members, write_text, write_whole};

use super::payload::{Payload, object, text};

/// What the module for AWS adds to a record of CloudTrail.
const ADDED_TO_CLOUDTRAIL: [&str; 4] = ["aws_account_id", "log_info", "source", "source_ip_address"];

/// The payloads of an alert, or of what a module sent: the whole log first, since an alert's `data` holds every value as text and
/// lists of one as what is in them.
pub(super) fn payloads<'v>(members: &'v Members<'v>) -> Option<Vec<Payload<'v>>> {
    if let Some(integration) = text(members, "integration") {
        let inner = members.get(integration).filter(|inner| inner.members().is_some())?;
        return Some(vec![without_additions(inner)]);
    }
    let is_alert = object(members, "rule").is_some()
        && ["agent", "manager", "decoder", "location"].iter().any(|name| members.get(name).is_some());
    if !is_alert {
        return None;
    }
    let mut payloads: Vec<_> = text(members, "full_log").map(|log| Payload::Text(Cow::Borrowed(log))).into_iter().collect();
    if let Some(data) = object(members, "data") {
        let of_modules = data.members().into_iter().flat_map(|data| data.iter()).map(|(_, value)| value);
        payloads.extend(of_modules.filter(|value| value.members().is_some()).map(without_additions));
        payloads.push(Payload::Json(data));
    }
    Some(payloads)
}

/// A record as it was before the module for AWS added to it.
fn without_additions<'v>(record: &'v Json<'v>) -> Payload<'v> {
    let members = record
        .members()
        .filter(|members| members.get("log_info").is_some() || text(members, "source") == Some("cloudtrail"));
    let Some(members) = members.filter(|members| members.get("eventName").is_some()) else { return Payload::Json(record) };
    let mut out = String::from("{");
    for (name, value) in members.iter().filter(|(name, _)| !ADDED_TO_CLOUDTRAIL.contains(name)) {
        out.push_str(if out.len() > 1 { "," } else { "" });
        write_text(name, &mut out);
        out.push(':');
        write_whole(value, &mut out);
    }
    out.push('}');
    Payload::Text(Cow::Owned(out))
}
