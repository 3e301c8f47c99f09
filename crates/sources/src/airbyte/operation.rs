//! What an operation is about. Operations are the names of the methods of Airbyte's API, an open set: what an operation is about
//! is told by the words in its name.

use auditlake_event::Category;

/// What operations are about whose names hold a word.
#[derive(Debug)]
pub(super) struct Subject {
    word: &'static str,
    /// The kind of thing, for the column `resource_type`.
    pub kind: &'static str,
    /// Members of the request or response that hold its id, the first that is there.
    pub ids: &'static [&'static str],
    /// Members that hold its name.
    pub names: &'static [&'static str],
    category: Category,
}

/// The first whose word the operation holds counts, so the longer words stand first.
const SUBJECTS: &[Subject] = &[
    subject("GroupPermission", "group", &["groupId"], &[], Category::RoleManagement),
    subject("Permission", "permission", &["permissionId"], &[], Category::RoleManagement),
    subject("Group", "group", &["groupId"], &["name"], Category::GroupManagement),
    subject("SsoToken", "sso_config", &["organizationId"], &["companyIdentifier"], Category::Authentication),
    subject("Sso", "sso_config", &["organizationId"], &["companyIdentifier"], Category::Configuration),
    subject("ScimToken", "scim_config", &["organizationId"], &[], Category::Authentication),
    subject("Scim", "scim_config", &["organizationId"], &[], Category::Configuration),
    subject(
        "DomainVerification",
        "domain_verification",
        &["domainVerificationId", "id"],
        &["domain"],
        Category::Configuration,
    ),
    subject("Connection", "connection", &["connectionId"], &["name"], Category::Configuration),
    subject("Source", "source", &["sourceId"], &["name"], Category::Configuration),
    subject("Destination", "destination", &["destinationId"], &["name"], Category::Configuration),
    subject("Workspace", "workspace", &["workspaceId"], &["name"], Category::Configuration),
    subject("Organization", "organization", &["organizationId"], &["organizationName"], Category::Configuration),
    subject("User", "user", &["userId"], &["name"], Category::UserManagement),
];
/// Requests of data subjects, whose data is listed or deleted: the one controller whose methods are plain words.
const DATA_SUBJECT_REQUEST: Subject = subject("", "data_subject_request", &["requestId"], &[], Category::DataAccess);
const DATA_SUBJECT_OPERATIONS: [&str; 3] = ["cancel", "execute", "preview"];

/// Beginnings of operations that only read.
const READING: [&str; 4] = ["get", "list", "search", "check"];

const fn subject(
    word: &'static str,
    kind: &'static str,
    ids: &'static [&'static str],
    names: &'static [&'static str],
    category: Category,
) -> Subject {
    Subject { word, kind, ids, names, category }
}

/// What an operation is about, if its name says so.
pub(super) fn subject_of(operation: &str) -> Option<&'static Subject> {
    if DATA_SUBJECT_OPERATIONS.contains(&operation) {
        return Some(&DATA_SUBJECT_REQUEST);
    }
    // Every word begins with a capital, of which names have few.
    let capitals = operation.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_uppercase());
    let from_capitals = capitals.filter_map(|(at, _)| operation.get(at..));
    let first = from_capitals.filter_map(|rest| SUBJECTS.iter().position(|subject| rest.starts_with(subject.word))).min()?;
    SUBJECTS.get(first)
}

/// The category of an operation: its subject's; other, if it only reads or nobody knows its subject.
pub(super) fn category(operation: &str) -> Category {
    if READING.iter().any(|verb| operation.starts_with(verb)) {
        return Category::Other;
    }
    subject_of(operation).map_or(Category::Other, |subject| subject.category)
}
