//! To what it was done, and where that belongs.

use crate::json::Json;

use super::record::{Record, said};

/// To what it was done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Resource<'r> {
    pub kind: Option<&'r str>,
    pub id: Option<&'r str>,
    pub name: Option<&'r str>,
    /// The ids of all things, if there are several.
    pub all: Vec<&'r str>,
}

/// A member that holds a thing, and what the thing is called unless it says so.
type Member = (&'static str, Option<&'static str>);

const USER: Member = ("user", Some("user"));
const GROUP: Member = ("group", Some("group"));
const ROLE: Member = ("iam_role", Some("role"));
const ENTITY: Member = ("entity", None);
const FILE: Member = ("file", Some("file"));
const SERVICE: Member = ("service", Some("service"));
const ENDPOINT: Member = ("dst_endpoint", Some("endpoint"));
const DATA: [Member; 3] = [("table", Some("table")), ("databucket", Some("bucket")), ("database", Some("database"))];
const OTHERS: [Member; 8] = [
    ("resource", None),
    ("resources", None),
    ("web_resources", Some("web_resource")),
    ("policy", Some("policy")),
    ("app", Some("application")),
    ("job", Some("job")),
    ("process", Some("process")),
    ("device", Some("device")),
];

/// Reads the thing: of an account, user, group, role, file or entity that one (its `uid`, else `path`, `name`), of a sign-in the
/// service or endpoint, of data the table, bucket or database, else the first of `resources`.
pub(super) fn of<'r>(record: &Record<'r>, class: i64) -> Resource<'r> {
    let of_class: &[Member] = match class {
        3001 | 3005 | 3007 => &[USER],
        3002 | 3003 => &[SERVICE, ENDPOINT],
        3004 => &[ENTITY, ("managed_entity", None)],
        3006 => &[GROUP],
        3008 => &[ROLE, ("role", Some("role"))],
        6005 => &DATA,
        6006 => &[FILE],
        _ => &[],
    };
    // A user who signs in, or whose class is not known, is not said to be what it was done to.
    let further: &[Member] =
        if class % 100_000 / 1_000 == 3 && !matches!(class, 3001..=3008) { &[USER, GROUP, ROLE, ENTITY] } else { &[] };
    let file: &[Member] = if matches!(class, 3002 | 3003) { &[] } else { &[FILE] };
    let members = of_class.iter().chain(further).chain(&OTHERS).chain(file).chain(&DATA);
    members.filter_map(|member| read(record, member)).next().unwrap_or_default()
}

fn read<'r>(record: &Record<'r>, (member, called): &Member) -> Option<Resource<'r>> {
    match record.at(&[member])? {
        Json::Array(elements) => {
            let first = elements.first()?;
            let mut resource = thing(record, first, *called, false)?;
            if elements.len() > 1 {
                resource.all = elements.iter().filter_map(|element| Some(id_of(element)?.text)).collect();
            } else if let Json::Object(members) = first
                && members.iter().all(|(name, value)| value.is_vacant() || is_told_by_columns(name, value, *called))
            {
                record.tell_value(record.at(&[member])?);
            }
            Some(resource)
        }
        value => thing(record, value, *called, true),
    }
}

/// Whether a column holds a member of the only thing in a list; its type, unless the thing is called by the list.
fn is_told_by_columns(name: &str, value: &Json<'_>, called: Option<&'static str>) -> bool {
    let is_column = matches!(name, "uid" | "name") || (name == "type" && called.is_none());
    is_column && said(value).is_some()
}

const IDS: [&str; 6] = ["uid", "path", "name", "svc_name", "hostname", "ip"];

fn id_of<'r>(thing: &'r Json<'r>) -> Option<super::record::Said<'r>> {
    IDS.iter().find_map(|name| said(thing.get(name)?))
}

/// Reads a thing. Texts of one that is alone are noted as told; a list is kept whole.
fn thing<'r>(
    record: &Record<'r>,
    thing: &'r Json<'r>,
    called: Option<&'static str>,
    is_alone: bool,
) -> Option<Resource<'r>> {
    thing.members()?;
    let tell = |said: super::record::Said<'r>| if is_alone { record.tell(said) } else { said.text };
    let id = tell(id_of(thing)?);
    let name = ["name", "hostname"].iter().find_map(|name| said(thing.get(name)?)).map(tell);
    // What a user or a file is called in the schema is said by the member; its own type is another matter (`IAMUser`).
    let stated = || thing.get("type").and_then(said).map(tell);
    Some(Resource { kind: called.or_else(stated), id: Some(id), name, all: Vec::new() })
}

/// Where it belongs: the kind of account and its id.
pub(super) fn scope<'r>(record: &Record<'r>) -> Option<(&'static str, &'r str)> {
    let paths: [(&'static str, &[&str]); 7] = [
        ("account", &["cloud", "account", "uid"]),
        ("account", &["cloud", "account_uid"]),
        ("project", &["cloud", "project_uid"]),
        ("organization", &["cloud", "org", "uid"]),
        ("tenant", &["metadata", "tenant_uid"]),
        ("account", &["unmapped", "recipientAccountId"]),
        ("organization", &["actor", "user", "org", "uid"]),
    ];
    paths.iter().find_map(|(kind, path)| record.text(path).map(|id| (*kind, id)))
}
