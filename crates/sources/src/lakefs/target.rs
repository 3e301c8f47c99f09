//! What a request was made on, read from its path.

use std::borrow::Cow;

use crate::percent::{decoded, parameter};

use super::record::{PATH, REFERENCE, REPOSITORY, Record, SERVICE_NAME};

/// Where the REST API lies.
const REST_API: &str = "/api/v1/";
/// No path of the API has more parts.
const MAX_PARTS: usize = 16;

/// What a request was made on, in lakeFS's terms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Target<'r> {
    pub repository: Option<Cow<'r, str>>,
    /// The branch, tag or commit, or an expression that names one.
    pub reference: Option<Cow<'r, str>>,
    /// The object's path inside the repository, decoded.
    pub path: Option<Cow<'r, str>>,
    /// What else the path names, by its key in the metadata.
    pub related: Vec<(&'static str, Cow<'r, str>)>,
    /// The HTTP path of the request, where the record states it.
    pub http_path: Option<&'r str>,
    /// What the path names last: what the request is about.
    named: Named<'r>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Named<'r> {
    #[default]
    Nothing,
    /// The repository as a whole, or something in it that has no name of its own in the path.
    Repository,
    /// The reference, which is of this kind.
    Reference(&'static str),
    /// The object at `path`.
    Object,
    /// Something of this kind with an id of its own.
    Thing(&'static str, Cow<'r, str>),
}

/// What a request was made on, in the terms of an event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Resource<'t> {
    pub kind: Option<&'static str>,
    pub id: Option<Cow<'t, str>>,
    pub name: Option<&'t str>,
}

/// Reads the target. The repository and the reference that the record states count before those in the path.
///
/// Object operations of the S3 gateway have the object's path in the place of the URI (lakeFS's `pkg/gateway`, which
/// overwrites the field); they are known by their reference. Everything else has the URI as it was requested.
pub(super) fn of<'r>(record: &Record<'r>) -> Target<'r> {
    let stated_reference = record.text(REFERENCE);
    let is_rest = record.text(SERVICE_NAME).is_none_or(|service| service == "rest_api");
    let is_gateway_object = stated_reference.is_some() && record.text(SERVICE_NAME) != Some("rest_api");
    let mut target = Target::default();
    match record.text(PATH) {
        Some(key) if is_gateway_object => target.set_object(Some(Cow::Borrowed(key))),
        Some(uri) => {
            target.http_path = Some(uri);
            let (path, query) = path_and_query(uri);
            let prefix = parameter(query, "prefix").filter(|prefix| !prefix.is_empty());
            target.related.extend(prefix.map(|prefix| ("prefix", prefix)));
            if is_rest && let Some(path) = path.strip_prefix(REST_API) {
                target.read_rest_path(path, query);
            }
        }
        None => {}
    }
    if let Some(repository) = record.text(REPOSITORY) {
        target.repository = Some(Cow::Borrowed(repository));
        if target.named == Named::Nothing {
            target.named = Named::Repository;
        }
    }
    if let Some(reference) = stated_reference {
        target.reference = Some(Cow::Borrowed(reference));
        if matches!(target.named, Named::Nothing | Named::Repository) {
            target.named = Named::Reference("lakefs:ref");
        }
    }
    target
}

/// The parts of a URI; one in absolute form loses what stands before its path.
fn path_and_query(uri: &str) -> (&str, &str) {
    let behind_scheme = uri.strip_prefix("http://").or_else(|| uri.strip_prefix("https://"));
    let from_path = behind_scheme.and_then(|rest| rest.get(rest.find('/')?..)).unwrap_or(uri);
    from_path.split_once('?').unwrap_or((from_path, ""))
}

/// A part of a path. One that is no UTF-8 when decoded stays encoded.
fn part(text: &str) -> Cow<'_, str> {
    decoded(text, false).unwrap_or(Cow::Borrowed(text))
}

impl<'r> Target<'r> {
    /// Reads a path of the REST API by the templates of lakeFS's API description.
    fn read_rest_path(&mut self, path: &'r str, query: &'r str) {
        let parts: Vec<&str> = path.trim_end_matches('/').splitn(MAX_PARTS, '/').collect();
        match parts.as_slice() {
            // No such request is answered; whatever stands further behind is not where it belongs.
            parts if parts.iter().any(|part| part.is_empty()) => {}
            ["repositories", repository, rest @ ..] => {
                self.repository = Some(part(repository));
                self.named = Named::Repository;
                self.read_in_repository(rest, query);
            }
            ["auth", "users", user, rest @ ..] => {
                self.named = Named::Thing("lakefs:user", part(user));
                match rest {
                    ["credentials", key, ..] => {
                        self.related.push(("user_id", part(user)));
                        self.named = Named::Thing("lakefs:credentials", part(key));
                    }
                    ["policies", policy, ..] => self.related.push(("policy_id", part(policy))),
                    _ => {}
                }
            }
            ["auth", "groups", group, rest @ ..] => {
                self.named = Named::Thing("lakefs:group", part(group));
                match rest {
                    ["members", member, ..] => self.related.push(("member_id", part(member))),
                    ["policies", policy, ..] => self.related.push(("policy_id", part(policy))),
                    _ => {}
                }
            }
            ["auth", "policies", policy, ..] => self.named = Named::Thing("lakefs:policy", part(policy)),
            _ => {}
        }
    }

    fn read_in_repository(&mut self, parts: &[&'r str], query: &'r str) {
        match parts {
            ["branches", branch, rest @ ..] => {
                self.set_reference("lakefs:branch", branch);
                if matches!(rest, ["objects" | "staging", ..]) {
                    // `copyObject` names what it writes otherwise.
                    self.set_object(parameter(query, "path").or_else(|| parameter(query, "dest_path")));
                }
            }
            // The whole repository's references are written out or read in.
            ["refs", "dump" | "restore"] => {}
            ["refs", source, "merge", destination, ..] => {
                self.set_reference("lakefs:branch", destination);
                self.related.push(("source_ref", part(source)));
            }
            ["refs", left, "diff", right, ..] => {
                self.set_reference("lakefs:ref", left);
                self.related.push(("right_ref", part(right)));
            }
            ["refs", branch, "symlink", ..] => self.set_reference("lakefs:branch", branch),
            ["refs", reference, rest @ ..] => {
                self.set_reference("lakefs:ref", reference);
                if matches!(rest, ["objects", ..]) {
                    self.set_object(parameter(query, "path"));
                }
            }
            ["tags", tag, ..] => self.set_reference("lakefs:tag", tag),
            ["commits", commit, ..] => self.set_reference("lakefs:commit", commit),
            ["pulls", pull_request, ..] => self.named = Named::Thing("lakefs:pull_request", part(pull_request)),
            ["actions", "runs", run, ..] => self.named = Named::Thing("lakefs:action_run", part(run)),
            _ => {}
        }
    }

    fn set_reference(&mut self, kind: &'static str, text: &'r str) {
        self.reference = Some(part(text));
        self.named = Named::Reference(kind);
    }

    fn set_object(&mut self, path: Option<Cow<'r, str>>) {
        if let Some(path) = path.filter(|path| !path.is_empty()) {
            self.path = Some(path);
            self.named = Named::Object;
        }
    }

    /// The resource. What has a lakeFS URI (`lakefs://repository/ref/path`) has it as its id: it is unique, and what lakeFS's
    /// own tools take. A part of it that is not known is left out with what follows it, and makes the id none.
    pub(super) fn resource(&self) -> Resource<'_> {
        let repository = self.repository.as_deref();
        let reference = self.reference.as_deref();
        let (kind, id, name) = match &self.named {
            Named::Nothing => return Resource::default(),
            Named::Repository => ("lakefs:repository", repository.map(|name| format!("lakefs://{name}")), repository),
            Named::Reference(kind) => {
                (*kind, repository.zip(reference).map(|(name, reference)| format!("lakefs://{name}/{reference}")), reference)
            }
            Named::Object => {
                let path = self.path.as_deref();
                let parts = repository.zip(reference).zip(path);
                let id = parts.map(|((name, reference), path)| format!("lakefs://{name}/{reference}/{path}"));
                ("lakefs:object", id, path)
            }
            Named::Thing(kind, id) => {
                return Resource { kind: Some(*kind), id: Some(Cow::Borrowed(id)), name: Some(id) };
            }
        };
        Resource { kind: Some(kind), id: id.map(Cow::Owned), name }
    }
}
