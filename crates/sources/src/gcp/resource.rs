//! What a call was made on.

use super::entry::{Entry, at_path, log_name_parts, text_at};

/// What a call was made on, and where that belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Resource<'r> {
    pub kind: Option<&'r str>,
    pub id: Option<&'r str>,
    pub name: Option<&'r str>,
    pub scope_kind: Option<&'static str>,
    pub scope_id: Option<&'r str>,
}

/// The kinds of a log name's parent, and the labels of a monitored resource that say the same.
const SCOPES: [(&str, &str, &str); 4] = [
    ("projects", "project", "project_id"),
    ("folders", "folder", "folder_id"),
    ("organizations", "organization", "organization_id"),
    ("billingAccounts", "billing_account", "billing_account_id"),
];

/// Reads the resource:
///
/// - **type**: `resource.type`, the monitored resource's (`gcs_bucket`);
/// - **id**: `resourceName` as it stands: a path without the service's name (`projects/_/buckets/b/objects/o`; the service
///   is `service_name`). A `//service/` before it would have to be guessed: a token of a service account is made by
///   `iamcredentials.googleapis.com`, and the account belongs to `iam.googleapis.com`. Without it: the resource that every
///   element of `authorizationInfo` names;
/// - **name**: the object's name for an object of a bucket (it may hold slashes), `<name>/versions/<n>` for a version, else
///   the last part of the path;
/// - **scope**: the project, folder, organization or billing account of the log; without `logName` that of the labels.
pub(super) fn of<'r>(entry: &Entry<'r>) -> Resource<'r> {
    at(entry, entry.audit_text("resourceName").or_else(|| authorized(entry)))
}

/// The resource of this id.
pub(super) fn at<'r>(entry: &Entry<'r>, id: Option<&'r str>) -> Resource<'r> {
    let (scope_kind, scope_id) = scope(entry).unzip();
    Resource {
        kind: at_path(entry.record, &["resource", "type"]).and_then(|kind| kind.text()),
        id,
        name: id.and_then(name_in),
        scope_kind,
        scope_id,
    }
}

/// The project that the monitored resource names, which for a log of an organization or folder is not its scope.
pub(super) fn labelled_project<'r>(entry: &Entry<'r>) -> Option<&'r str> {
    at_path(entry.record, &["resource", "labels", "project_id"])?.text()
}

fn authorized<'r>(entry: &Entry<'r>) -> Option<&'r str> {
    let mut resources = entry.permissions().map(|permission| text_at(permission, "resource"));
    let first = resources.next()??;
    resources.all(|resource| resource == Some(first)).then_some(first)
}

fn scope<'r>(entry: &Entry<'r>) -> Option<(&'static str, &'r str)> {
    if let Some((parent, _)) = entry.text("logName").and_then(log_name_parts) {
        let (collection, id) = parent.split_once('/').filter(|(_, id)| !id.is_empty())?;
        return SCOPES.iter().find(|(name, ..)| *name == collection).map(|(_, kind, _)| (*kind, id));
    }
    let labels = at_path(entry.record, &["resource", "labels"])?;
    SCOPES.iter().find_map(|(_, kind, label)| Some((*kind, text_at(labels, label)?)))
}

fn name_in(id: &str) -> Option<&str> {
    if let Some((bucket, object)) = id.split_once("/objects/")
        && bucket.contains("buckets/")
    {
        return Some(object).filter(|object| !object.is_empty());
    }
    let path = id.trim_end_matches('/');
    // `secrets/s/versions/3`: the number alone would say nothing.
    let mut ends = path.rmatch_indices('/').map(|(at, _)| at);
    let (last, second, third) = (ends.next(), ends.next(), ends.next());
    if let (Some(last), Some(second), Some(third)) = (last, second, third)
        && matches!(path.get(second + 1..last), Some("versions" | "cryptoKeyVersions"))
    {
        return path.get(third + 1..);
    }
    let start = last.map_or(0, |at| at + 1);
    path.get(start..).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::name_in;

    #[test]
    fn names_are_the_last_part_or_the_objects_name() {
        for (id, name) in [
            ("projects/_/buckets/b/objects/a/b c.txt", Some("a/b c.txt")),
            ("projects/_/buckets/b", Some("b")),
            ("projects/_/buckets/b/objects/", None),
            ("projects/p/secrets/s/versions/3", Some("s/versions/3")),
            ("projects/p/zones/z/instances/web-1", Some("web-1")),
            ("readyz", Some("readyz")),
            ("projects/p/", Some("p")),
            ("/", None),
            ("versions/3", Some("3")),
        ] {
            assert_eq!(name_in(id), name, "{id}");
        }
    }
}
