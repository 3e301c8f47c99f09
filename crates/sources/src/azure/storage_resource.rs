//! What a request to a storage account was made on.
//!
//! The id is the path of the thing, `/<account>/<container>/<blob>`, whoever names it and how: as `objectKey`, as the `uri`
//! of the request, or (the source of a copy) as a whole URL in `objectKey`. So one question finds a blob read, copied and
//! deleted. What lies outside Azure Storage keeps its URL, without the query.

use std::borrow::Cow;

use crate::percent::decoded;
use crate::secret::without_secrets;

use super::facts::Resource;
use super::record::{ArmId, Record};

/// Endpoints of Azure Storage: public, China, US Government, Germany, and accounts with a DNS zone of their own.
const ENDPOINTS: [&str; 5] =
    [".core.windows.net", ".core.chinacloudapi.cn", ".core.usgovcloudapi.net", ".core.cloudapi.de", ".storage.azure.net"];
/// The name in a host or in `serviceType`, and the types of the service, of what lies in it, and of what lies in that.
const SERVICES: [(&str, &str, &str, &str); 5] = [
    ("blob", "blobServices", "containers", "blobs"),
    ("dfs", "blobServices", "containers", "blobs"),
    ("file", "fileServices", "shares", "files"),
    ("queue", "queueServices", "queues", "messages"),
    ("table", "tableServices", "tables", "entities"),
];

/// A URL taken apart, without user, query and fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Url<'r> {
    scheme: &'r str,
    host: &'r str,
    /// With its first slash, or empty.
    pub path: &'r str,
}

impl<'r> Url<'r> {
    pub(super) fn parse(text: &'r str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        if scheme.is_empty() || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let rest = rest.split(['?', '#']).next().unwrap_or(rest);
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = authority.rsplit('@').next().unwrap_or(authority);
        Some(Self { scheme, host, path })
    }

    /// The account and the service that a host of Azure Storage names. The second region's endpoint is the same account.
    fn endpoint(&self) -> Option<(&'r str, &'r str)> {
        let host = self.host.split(':').next().unwrap_or(self.host);
        if !ENDPOINTS.iter().any(|endpoint| host.ends_with(endpoint)) {
            return None;
        }
        let mut labels = host.split('.');
        let account = labels.next().filter(|account| !account.is_empty())?;
        let service = labels.find(|label| SERVICES.iter().any(|(service, ..)| service == label))?;
        Some((account.strip_suffix("-secondary").unwrap_or(account), service))
    }
}

/// The storage account of a request.
pub(super) fn account<'r>(record: &Record<'r>) -> Option<&'r str> {
    let of_arm_id = || ArmId::name_of(record.arm_id()?, "storageAccounts");
    let of_uri = || Some(Url::parse(record.text("uri")?)?.endpoint()?.0);
    record.property_text("accountName").or_else(of_arm_id).or_else(of_uri)
}

/// The resource, see the module's page. `resource_type` is the type of Azure Resource Manager down to what the path names:
/// `Microsoft.Storage/storageAccounts/blobServices/containers/blobs` (files of `shares`, `messages` of `queues`, `entities`
/// of `tables`); a path of the account alone is the account, of a container the container. The name is the last of these.
pub(super) fn of<'r>(record: &Record<'r>, account: Option<&'r str>) -> Resource<'r> {
    let key = record.property_text("objectKey");
    let uri = record.text("uri").or_else(|| record.property_text("requestUrl"));
    let (path, service_of_host) = match key.and_then(Url::parse) {
        Some(url) => match url.endpoint() {
            Some((account, service)) => (Some(path_of(account, url.path)), Some(service)),
            None => return elsewhere(url),
        },
        None => {
            let url = uri.and_then(Url::parse);
            let endpoint = url.as_ref().and_then(Url::endpoint);
            let named = || Some(path_of(endpoint.map(|(account, _)| account).or(account)?, url?.path));
            (key.map(Cow::Borrowed).or_else(named), endpoint.map(|(_, service)| service))
        }
    };
    let Some(path) = path else { return of_arm_id(record) };
    let path = match without_secrets(&path) {
        Cow::Borrowed(_) => path,
        Cow::Owned(redacted) => Cow::Owned(redacted),
    };
    let names: Vec<&str> = path.trim_start_matches('/').splitn(3, '/').filter(|name| !name.is_empty()).collect();
    let service = service_of_record(record).or(service_of_host);
    let service = SERVICES.iter().find(|(name, ..)| Some(*name) == service);
    let kind = match (service, names.len()) {
        (_, 0) => None,
        (_, 1) => Some("Microsoft.Storage/storageAccounts".to_owned()),
        (None, _) => None,
        (Some((_, service, outer, _)), 2) => Some(format!("Microsoft.Storage/storageAccounts/{service}/{outer}")),
        (Some((_, service, outer, inner)), _) => {
            Some(format!("Microsoft.Storage/storageAccounts/{service}/{outer}/{inner}"))
        }
    };
    let name = names.last().map(|name| Cow::Owned((*name).to_owned()));
    Resource { kind: kind.map(Cow::Owned), id: Some(path), name }
}

fn path_of<'r>(account: &str, path: &str) -> Cow<'r, str> {
    let path = decoded(path, false).unwrap_or(Cow::Borrowed(path));
    Cow::Owned(format!("/{account}{}", if path == "/" { "" } else { &path }))
}

/// The service by `serviceType`, else by the type in `resourceType` or `resourceId`.
fn service_of_record(record: &Record<'_>) -> Option<&'static str> {
    let stated = record.property_text("serviceType");
    let of_type = |text: &str, service: &str| text.split('/').any(|part| part.eq_ignore_ascii_case(service));
    let typed = [record.text("resourceType"), record.arm_id()];
    let found = SERVICES.iter().find(|(name, service, ..)| match stated {
        Some(stated) => stated.eq_ignore_ascii_case(name),
        None => typed.iter().flatten().any(|text| of_type(text, service)),
    });
    found.map(|(name, ..)| *name)
}

fn elsewhere(url: Url<'_>) -> Resource<'_> {
    let id = format!("{}://{}{}", url.scheme, url.host, url.path);
    let name = url.path.rsplit('/').next().filter(|name| !name.is_empty()).map(Cow::Borrowed);
    Resource { kind: None, id: Some(Cow::Owned(id)), name }
}

fn of_arm_id<'r>(record: &Record<'r>) -> Resource<'r> {
    let Some(id) = record.arm_id() else { return Resource::default() };
    let parsed = ArmId::parse(id);
    Resource { kind: parsed.kind.map(Cow::Owned), id: Some(Cow::Borrowed(id)), name: parsed.name.map(Cow::Borrowed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_azure_storage_name_account_and_service() {
        for (text, expected) in [
            ("https://acme.blob.core.windows.net:443/c/b?sig=x", Some(("acme", "blob"))),
            ("https://acme-secondary.dfs.core.windows.net/c", Some(("acme", "dfs"))),
            ("https://acme.z01.blob.storage.azure.net/c", Some(("acme", "blob"))),
            ("https://acme.table.core.chinacloudapi.cn/t", Some(("acme", "table"))),
            ("https://files.example.com/c/b", None),
            ("https://acme.blob.core.windows.net.example.com/c", None),
        ] {
            assert_eq!(Url::parse(text).and_then(|url| url.endpoint()), expected, "{text}");
        }
        assert_eq!(Url::parse("/acme/c/b"), None);
        let url = Url::parse("https://user:word@h.example.com/a/b?x#y").unwrap();
        assert_eq!((url.host, url.path), ("h.example.com", "/a/b"));
    }
}
