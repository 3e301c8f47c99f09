//! Requests to a storage account: the categories `StorageRead`, `StorageWrite` and `StorageDelete`.

use std::borrow::Cow;

use auditlake_event::{ActorType, Category, Outcome};

use crate::json::Json;
use crate::names::Names;

use super::facts::{Actor, Facts, email};
use super::outcome;
use super::record::{ArmId, Record, id_of, text_at};
use super::storage_resource::{self, Url};
use crate::decoding::one_or_more;

/// Members of the record that a column or the metadata has besides those of every record, in lower case.
pub(super) static KNOWN: Names =
    Names::new(&["calleripaddress", "correlationid", "identity", "resourcetype", "statuscode", "statustext", "uri"]);
/// Who requested, as it is stated: in `identity`, or in the columns of a row.
struct Identity<'r> {
    /// `OAuth`, `AccountKey`, `SAS`, `DelegationSas`, `Anonymous`, `Kerberos`….
    kind: Option<&'r str>,
    token_hash: Option<&'r str>,
    object: Option<&'r str>,
    upn: Option<&'r str>,
    app: Option<&'r str>,
    tenant: Option<&'r str>,
    audience: Option<&'r str>,
    issuer: Option<&'r str>,
    /// What was checked: role assignments, reasons, results.
    authorization: Option<&'r Json<'r>>,
}

impl<'r> Identity<'r> {
    fn of(record: &Record<'r>) -> Option<Self> {
        if record.is_row {
            let column = |name: &str| record.text(name);
            return Some(Self {
                kind: column("AuthenticationType"),
                token_hash: column("AuthenticationHash"),
                object: column("RequesterObjectId").and_then(id_of),
                upn: column("RequesterUpn").or_else(|| column("RequesterUserName")),
                app: column("RequesterAppId").and_then(id_of),
                tenant: column("RequesterTenantId"),
                audience: column("RequesterAudience"),
                issuer: column("RequesterTokenIssuer"),
                authorization: record.get("AuthorizationDetails"),
            });
        }
        let identity = record.get("identity").filter(|identity| identity.members().is_some())?;
        let requester = identity.get_any_case("requester");
        let part = |name: &str| text_at(requester?, name);
        Some(Self {
            kind: text_at(identity, "type"),
            token_hash: text_at(identity, "tokenHash"),
            object: part("objectId").and_then(id_of),
            upn: part("upn").or_else(|| part("userName")),
            app: part("appId").and_then(id_of),
            tenant: part("tenantId"),
            audience: part("audience"),
            issuer: part("tokenIssuer"),
            authorization: identity.get_any_case("authorization"),
        })
    }

    /// The type of the principal of that id in `authorization`: `User`, `ServicePrincipal`, `Group`.
    fn principal_kind(&self, id: &str) -> Option<&'r str> {
        let all = self.authorization.map(one_or_more).unwrap_or_default();
        let principals = all.iter().filter_map(|one| one.get_any_case("principals")).flat_map(Json::elements);
        let mut of_id = principals.filter(|principal| text_at(principal, "id") == Some(id));
        of_id.next().and_then(|found| text_at(found, "type"))
    }
}

/// What goes from `properties` into the metadata as it is.
const PROPERTIES: &[(&str, &str)] = &[
    ("access_tier", "accessTier"),
    ("client_request_id", "clientRequestId"),
    ("conditions_used", "conditionsUsed"),
    ("content_length", "contentLengthHeader"),
    ("destination_uri", "destinationUri"),
    ("download_range", "downloadRange"),
    ("etag", "etag"),
    ("last_modified", "lastModifiedTime"),
    ("metric_response_type", "metricResponseType"),
    ("operation_count", "operationCount"),
    ("referrer", "referrerHeader"),
    ("rehydrate_priority", "rehydratePriority"),
    ("request_body_size", "requestBodySize"),
    ("request_header_size", "requestHeaderSize"),
    ("response_body_size", "responseBodySize"),
    ("response_header_size", "responseHeaderSize"),
    ("server_latency_ms", "serverLatencyMs"),
    ("service_type", "serviceType"),
    ("source_access_tier", "sourceAccessTier"),
    ("source_uri", "sourceUri"),
    ("tls_version", "tlsVersion"),
];

pub(super) fn read<'r>(record: &Record<'r>) -> Facts<'r> {
    let action = record.text("operationName").unwrap_or_default();
    let correlation = record.text("correlationId");
    let account = storage_resource::account(record);
    let identity = Identity::of(record);
    let authorization = identity.as_ref().and_then(|identity| identity.authorization);
    let mut facts = Facts {
        id: id(record, correlation, action),
        action: Cow::Borrowed(action),
        category: Some(category(action)),
        ending: outcome::of_storage(record, authorization),
        actor: match &identity {
            Some(identity) => actor(record, identity),
            None => Actor { name: record.text("identity"), ..Actor::default() },
        },
        resource: storage_resource::of(record, account),
        scope: account.map(|account| ("storage_account", Cow::Borrowed(account))),
        caller_address: record.text("callerIpAddress"),
        user_agent: record.property_text("userAgentHeader"),
        service_name: record.arm_id().and_then(ArmId::provider_of),
        request_id: correlation,
        ..Facts::default()
    };
    let part = copy_part(action);
    let uri = record.text("uri").or_else(|| record.property_text("requestUrl"));
    // The source of a copy is named by its own URL, which nobody requested here.
    if part != Some("source") {
        facts.http_path = uri.and_then(Url::parse).map(|url| url.path).filter(|path| !path.is_empty());
    }
    facts.metadata.text("copy_part", part);
    facts.metadata.text("uri", uri);
    let key = record.property_text("objectKey").filter(|key| facts.resource.id.as_deref() != Some(*key));
    facts.metadata.text("object_key", key);
    let word = record.text("statusText").filter(|_| facts.ending.outcome == Outcome::Success);
    facts.metadata.text("status_text", word.filter(|word| *word != "Success"));
    for (key, property) in PROPERTIES {
        facts.metadata.json(key, record.property(property));
    }
    let properties = record.properties.and_then(Json::members).into_iter().flat_map(|members| members.iter());
    facts.metadata.members("smb", properties.filter(|(name, _)| name.to_ascii_lowercase().starts_with("smb")).collect());
    if let Some(identity) = identity {
        note(&identity, &mut facts);
    }
    facts
}

/// `<correlationId>:<operationName>:<operationCount>`: the parts of one request share the first. Of SMB the number of the
/// message too, as one connection sends the same operation many times.
fn id<'r>(record: &Record<'r>, correlation: Option<&str>, action: &str) -> Option<Cow<'r, str>> {
    let mut id = format!("{}:{action}", correlation?);
    for number in ["operationCount", "smbMessageID"].into_iter().filter_map(|name| record.property_text(name)) {
        id.push(':');
        id.push_str(number);
    }
    Some(Cow::Owned(id))
}

/// Which part of a server-side copy a record is. One request writes three: what was asked for, what it read and what it
/// wrote; whoever counts copies counts the requests.
fn copy_part(action: &str) -> Option<&'static str> {
    match action {
        "CopyBlob" | "CopyFile" => Some("request"),
        "CopyBlobSource" | "CopyFileSource" => Some("source"),
        "CopyBlobDestination" | "CopyFileDestination" => Some("destination"),
        _ => None,
    }
}

/// What kind of action an operation is: one that sets who may do what, or how the service works, is configuration
/// (`SetContainerACL`, `SetBlobServiceProperties`, `SetPathAccessControl`…); one that gives out a key is authentication;
/// every other one reads or writes data.
fn category(action: &str) -> Category {
    let name = action.to_ascii_lowercase();
    let is_setting = name.starts_with("set")
        && (name.ends_with("acl")
            || name.ends_with("serviceproperties")
            || name.contains("accesscontrol")
            || name.contains("immutabilitypolicy")
            || name.contains("legalhold"));
    match name.as_str() {
        "getuserdelegationkey" => Category::Authentication,
        _ if is_setting => Category::Configuration,
        _ => Category::DataAccess,
    }
}

/// Who a request's credential stands for:
///
/// - a token of Entra ID: `requester.objectId`, else `upn`, else `appId`; type `user` where it has a user principal name or
///   the role assignment names it so, `service` for a service principal or an application alone. Through: the application,
///   or the signature if that is what the requester delegated to;
/// - a key or a shared access signature names nobody: the actor is its hash (`key1(…)`, `key1(…),SasSignature(…)`), type
///   `api_key`;
/// - Kerberos: the SID in `properties`;
/// - nothing shown: `anonymous`.
fn actor<'r>(record: &Record<'r>, identity: &Identity<'r>) -> Actor<'r> {
    let login = identity.kind.unwrap_or_default().to_ascii_lowercase();
    let Identity { token_hash, object, upn, app, .. } = *identity;
    if let Some(id) = object.or(upn).or(app) {
        let principal_kind = identity.principal_kind(id).unwrap_or_default();
        let is_app = object.is_none() && upn.is_none();
        let kind = match () {
            () if upn.is_some() || principal_kind.eq_ignore_ascii_case("User") => Some(ActorType::User),
            () if is_app || principal_kind.eq_ignore_ascii_case("ServicePrincipal") => Some(ActorType::Service),
            () => None,
        };
        let delegated = token_hash.filter(|_| login.contains("sas"));
        let via = delegated.or(app.filter(|app| *app != id));
        return Actor { id: Some(id), kind, name: upn, email: upn.and_then(email), via };
    }
    match login.as_str() {
        "anonymous" => Actor { kind: Some(ActorType::Anonymous), ..Actor::default() },
        "kerberos" => Actor { id: record.property_text("smbPrimarySID").or(token_hash), ..Actor::default() },
        "oauth" => Actor { id: token_hash, ..Actor::default() },
        _ => Actor { id: token_hash, kind: token_hash.map(|_| ActorType::ApiKey), ..Actor::default() },
    }
}

fn note<'r>(identity: &Identity<'r>, facts: &mut Facts<'r>) {
    let metadata = &mut facts.metadata;
    metadata.text("identity_type", identity.kind);
    metadata.json("authorization", identity.authorization);
    if let Some(hash) = identity.token_hash {
        metadata.text("access_key_id", Some(hash));
        // A signature made with an account key: everything done with that key is found by the key's own hash.
        let key = hash.split(',').next().filter(|key| key.len() < hash.len());
        metadata.text("account_key", key);
    }
    metadata.text("app_id", identity.app);
    metadata.text("audience", identity.audience);
    metadata.text("requester_tenant_id", identity.tenant);
    metadata.text("token_issuer", identity.issuer);
}
