//! The rest of a record that is worth keeping apart: what questions filter by, and what no column holds.
//!
//! | key | from |
//! |---|---|
//! | `class_uid`, `class_name`, `category_uid`, `category_name`, `activity_id`, `activity_name`, `type_uid`, `type_name`, `severity`, `severity_id`, `message`, `count` | the record, as they are |
//! | `ocsf_version`, `product`, `vendor`, `log_name`, `log_provider`, `event_code`, `profiles` | `metadata.version`, `.product.name`, `.product.vendor_name`, `.log_name`, `.log_provider`, `.event_code`, `.profiles` |
//! | `cloud_provider`, `cloud_region` | `cloud.provider`, `cloud.region` |
//! | `access_key_id` | `actor.user.credential_uid`: the credential it was done with |
//! | `actor_user_type` | `actor.user.type` in the source's word |
//! | `account_id` | `actor.user.account.uid` |
//! | `session_uid`, `session_created`, `mfa_authenticated` | `actor.session`, else `session`: `uid`, `created_time`, `is_mfa` |
//! | `mfa_used`, `auth_protocol`, `logon_type` | a sign-in's `is_mfa`, `auth_protocol`, `logon_type` |
//! | `identity_provider` | `actor.idp.name` |
//! | `resources` | the ids of the resources, where there are several |
//! | `status`, `status_id` | the record, where the outcome does not say the same |
//! | `time` | `time` where it was written in another unit or form than milliseconds |
//! | `rest` | everything else, as it stands in the record, however deep: `unmapped` too. With `raw` without `observables`, `enrichments`, `raw_data` and the bodies in `api.request.data` and `api.response.data` |
//! | `source_event_id` | the record's id where it was too long for `event_id` |
//! | `unicode_replaced` | `true` if U+FFFD stands for bytes that are no Unicode |

use std::borrow::Cow;

use crate::metadata::{Metadata, Value};

use super::record::Record;
use super::resource::Resource;

/// What a key holds of a record: the first of these paths at which something is.
const KEYS: [(&str, &[&[&str]]); 34] = [
    ("access_key_id", &[&["actor", "user", "credential_uid"], &["user", "credential_uid"]]),
    ("account_id", &[&["actor", "user", "account", "uid"]]),
    ("activity_id", &[&["activity_id"]]),
    ("activity_name", &[&["activity_name"]]),
    ("actor_user_type", &[&["actor", "user", "type"]]),
    ("auth_protocol", &[&["auth_protocol"]]),
    ("category_name", &[&["category_name"]]),
    ("category_uid", &[&["category_uid"]]),
    ("class_name", &[&["class_name"]]),
    ("class_uid", &[&["class_uid"]]),
    ("cloud_provider", &[&["cloud", "provider"]]),
    ("cloud_region", &[&["cloud", "region"]]),
    ("count", &[&["count"]]),
    ("event_code", &[&["metadata", "event_code"]]),
    ("identity_provider", &[&["actor", "idp", "name"]]),
    ("log_name", &[&["metadata", "log_name"]]),
    ("log_provider", &[&["metadata", "log_provider"]]),
    ("logon_type", &[&["logon_type"]]),
    ("message", &[&["message"]]),
    ("mfa_authenticated", &[&["actor", "session", "is_mfa"], &["session", "is_mfa"]]),
    ("mfa_used", &[&["is_mfa"]]),
    ("ocsf_version", &[&["metadata", "version"]]),
    ("product", &[&["metadata", "product", "name"]]),
    ("profiles", &[&["metadata", "profiles"]]),
    ("session_created", &[&["actor", "session", "created_time"], &["session", "created_time"]]),
    ("session_uid", &[&["actor", "session", "uid"], &["session", "uid"]]),
    ("severity", &[&["severity"]]),
    ("severity_id", &[&["severity_id"]]),
    ("status", &[&["status"]]),
    ("status_id", &[&["status_id"]]),
    ("time", &[&["time"]]),
    ("type_name", &[&["type_name"]]),
    ("type_uid", &[&["type_uid"]]),
    ("vendor", &[&["metadata", "product", "vendor_name"]]),
];

/// What was found out about a record while it was read.
pub(super) struct Notes<'n> {
    pub replaced_id: Option<&'n str>,
    pub is_replaced: bool,
    pub keeps_raw: bool,
}

/// Appends the metadata of a record as a normalised JSON object; returns whether there is any. What a column holds is noted before.
pub(super) fn write<'r>(record: &Record<'r>, resource: &Resource<'r>, notes: &Notes<'_>, out: &mut String) -> bool {
    let mut keys: Vec<(&'static str, Value<'_>)> = Vec::with_capacity(KEYS.len());
    for (key, paths) in KEYS {
        let stated = paths.iter().find_map(|path| record.at(path).filter(|value| !value.is_vacant()));
        if let Some(value) = stated.filter(|value| !record.is_told(value)) {
            record.tell_value(value);
            keys.push((key, Value::Json(value)));
        }
    }
    let rest = record.rest(notes.keeps_raw);
    let mut metadata = Metadata::default();
    metadata.extend(keys);
    if !resource.all.is_empty() {
        metadata.put("resources", Value::Texts(resource.all.clone()));
    }
    metadata.json("rest", rest.as_ref());
    metadata.text("source_event_id", notes.replaced_id.map(Cow::Borrowed));
    metadata.flag("unicode_replaced", notes.is_replaced);
    metadata.write(out)
}
