//! Entries of Access Transparency: Google's staff touched a customer's content.
//!
//! The entry is a log entry like any other, in the log `cloudaudit.googleapis.com/access_transparency`. Its payload is a
//! `google.cloud.audit.TransparencyLog` in `jsonPayload`; its fields are described in "Understanding and using Access Transparency
//! logs" of Google Cloud's documentation. Members are looked up in any ASCII case, with underscores between words or without.
//!
//! Cloud Logging lets only Google write to `cloudaudit.googleapis.com`, but anybody may write a `jsonPayload` of any type to other logs:
//! an entry of another log is never taken for one of these.
//!
//! | column | from |
//! |---|---|
//! | `action` | `methodName` of the first access that states one (`GoogleInternal.Read`) |
//! | `category` | by `category.rs`, with `permissionDetails` in the place of a call's permissions |
//! | `outcome` | success: what is logged has happened |
//! | `actor_id`, `actor_name` | `location.principalEmployingEntity` (`Google LLC`): who it was is not stated |
//! | `actor_type` | service, as for Google's own jobs: it is nobody whom the customer employs |
//! | `resource_id`, `resource_name` | `resourceName` of the same access |
//!
//! | key of the metadata | from |
//! |---|---|
//! | `location`, `principal_job_title`, `product`, `reason`, `permission_details`, `access_approvals` | the members of these names, as they are |
//! | `access_event_id` | `eventId`: the same for all entries with one justification |
//! | `accesses` | all accesses, where there are several, or where one says more than its method and resource |
//! | `audit_rest` | other members of the payload |

use auditlake_event::{ActorType, Category};

use crate::decoding::one_or_more;
use crate::json::Json;
use crate::metadata::Metadata;

use super::actor::Actor;
use super::category;
use super::entry::{self, Entry, Structure, audit_log_id, log_name_parts, starts_with, text_at};
use super::metadata::{Notes, of_entry, of_reading, put, stated_members};

/// The log's own name.
const LOG: &str = "access_transparency";
/// The type of the payload, without what may stand before it.
const TYPE: &str = "google.cloud.audit.TransparencyLog";
/// The column of BigQuery that holds a payload of this type, which then states no type.
const TYPED_COLUMN: &str = "jsonpayload_type_transparencylog";

/// What a key of the metadata holds of a payload, as it is.
const KEPT: [(&str, &str); 7] = [
    ("access_approvals", "accessApprovals"),
    ("access_event_id", "eventId"),
    ("location", "location"),
    ("permission_details", "permissionDetails"),
    ("principal_job_title", "principalJobTitle"),
    ("product", "product"),
    ("reason", "reason"),
];

/// The member of a log entry that holds its payload, and the payload.
#[derive(Debug)]
pub(super) struct Payload<'r> {
    member: &'r str,
    structure: Structure<'r>,
}

/// The payload of an entry of Access Transparency; `None` if it is no such entry.
pub(super) fn payload<'r>(record: &'r Json<'r>) -> Option<Payload<'r>> {
    let mut payloads = stated_members(record).filter(|(name, value)| starts_with(name, "jsonPayload") && !value.is_vacant());
    let (member, value) = payloads.next()?;
    let structure = Structure::of(value);
    is_transparency(record, member, structure.get()?).then_some(Payload { member, structure })
}

/// The type decides, and where an exporter left it out, that there are accesses. The log's name may be missing or unreadable; one
/// that can be read must be the right one.
fn is_transparency(record: &Json<'_>, member: &str, log: &Json<'_>) -> bool {
    let kind = entry::message_type(log);
    let is_typed =
        kind.is_some_and(|kind| kind.ends_with(TYPE)) || (kind.is_none() && member.eq_ignore_ascii_case(TYPED_COLUMN));
    match text_at(record, "logName").and_then(log_name_parts) {
        Some((_, id)) => {
            let has_accesses = || kind.is_none() && named(log, "accesses").is_some_and(|accesses| !accesses.is_vacant());
            audit_log_id(id) == Some(LOG) && (is_typed || has_accesses())
        }
        None => is_typed,
    }
}

/// What an entry of Access Transparency states.
#[derive(Debug)]
pub(super) struct Access<'r> {
    member: &'r str,
    log: &'r Json<'r>,
    pub actor: Actor<'r>,
    pub category: Category,
    pub method: &'r str,
    pub resource: Option<&'r str>,
}

impl<'r> Access<'r> {
    /// `None`: no access states a method.
    pub(super) fn of(payload: &'r Payload<'r>) -> Option<Self> {
        let log = payload.structure.get()?;
        let accesses = one_or_more(named(log, "accesses")?);
        let (method, first) = accesses.iter().find_map(|access| Some((text_named(access, "methodName")?, access)))?;
        let details = named(log, "permissionDetails").map(one_or_more).unwrap_or_default();
        let types: Vec<&str> = details.iter().filter_map(|detail| text_named(detail, "permissionType")).collect();
        let entity = named(log, "location").and_then(|location| text_named(location, "principalEmployingEntity"));
        let kind = Some(ActorType::Service);
        Some(Self {
            member: payload.member,
            log,
            actor: Actor { id: entity, kind, name: entity, ..Actor::default() },
            category: category::of_access(method, &types),
            method,
            resource: text_named(first, "resourceName"),
        })
    }

    /// The payload, in the place of an audit log.
    pub(super) fn log(&self) -> &'r Json<'r> {
        self.log
    }

    /// Appends the metadata as a normalised JSON object; returns whether there is any.
    pub(super) fn write_metadata(&self, entry: &Entry<'r>, notes: &Notes<'r>, out: &mut String) -> bool {
        let mut metadata = Metadata::default();
        let mut rest = Vec::new();
        let mut taken: Vec<&str> = Vec::new();
        of_entry(entry, &mut metadata);
        for (name, value) in stated_members(self.log) {
            let kept = KEPT.iter().find(|(_, member)| is_named(name, member)).map(|(key, _)| *key);
            let is_accesses = is_named(name, "accesses");
            match kept.or(is_accesses.then_some("accesses")).filter(|key| !taken.contains(key)) {
                Some(key) => {
                    taken.push(key);
                    put(&mut metadata, key, Some(value).filter(|value| !is_accesses || says_more(value)));
                }
                None if is_type(name) && value.text().is_some() => {}
                None => rest.push((name, value)),
            }
        }
        metadata.members("audit_rest", rest);
        of_reading(entry, &|name| name == self.member, notes, &mut metadata);
        metadata.write(out)
    }
}

/// Whether accesses say more than the method and the resource of one.
fn says_more(accesses: &Json<'_>) -> bool {
    let [access] = one_or_more(accesses) else { return true };
    let Some(members) = access.members() else { return true };
    let mut columns = ["methodName", "resourceName"].map(Some);
    let mut stated = members.iter().filter(|(_, value)| !value.is_vacant());
    // A column holds one member: of two spellings of a name the second is said nowhere else.
    stated.any(|(name, value)| {
        let column = columns.iter_mut().find(|column| column.is_some_and(|column| is_named(name, column)));
        column.and_then(Option::take).is_none() || value.text().is_none()
    })
}

fn is_type(name: &str) -> bool {
    name.eq_ignore_ascii_case("@type") || name.eq_ignore_ascii_case("at_sign_type")
}

/// Whether a member's name is this one, in any ASCII case, with underscores or without.
fn is_named(name: &str, wanted: &str) -> bool {
    let letters = |name: &str| -> Vec<u8> { name.bytes().filter(|byte| *byte != b'_').collect() };
    name.eq_ignore_ascii_case(wanted) || (name.contains('_') && letters(name).eq_ignore_ascii_case(&letters(wanted)))
}

/// The first member of this name.
fn named<'r>(value: &'r Json<'r>, wanted: &str) -> Option<&'r Json<'r>> {
    stated_members(value).find(|(name, _)| is_named(name, wanted)).map(|(_, value)| value)
}

fn text_named<'r>(value: &'r Json<'r>, wanted: &str) -> Option<&'r str> {
    named(value, wanted)?.text()
}
