//! Who stands behind an operation: the claims of the token that it was made with.

use auditlake_event::ActorType;

use crate::json::Json;
use crate::metadata::{Metadata, Value};

use super::facts::{Actor, email};
use super::record::{Record, text_at, worded};

/// The claims of a record: `identity.claims` (`identity.claim` of key vaults), or `claims` as the REST API answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claims<'r> {
    claims: Option<&'r Json<'r>>,
    /// The row that has each claim as a column, as the table `AzureDiagnostics` does.
    row: Option<&'r Json<'r>>,
}

impl<'r> Claims<'r> {
    pub(super) fn of(record: &Record<'r>) -> Self {
        let of_identity =
            |identity: &'r Json<'r>| identity.get_any_case("claims").or_else(|| identity.get_any_case("claim"));
        let claims = record.get("identity").and_then(of_identity).or_else(|| record.get("claims"));
        Self { claims, row: Some(record.whole).filter(|_| record.is_row && claims.is_none()) }
    }

    /// A claim by its short name (`oid`), else by the end of its long one
    /// (`http://schemas.microsoft.com/identity/claims/objectidentifier`).
    fn claim(&self, short: &str, long_end: &str) -> Option<&'r str> {
        if let Some(row) = self.row {
            return column_of_claim(row, short, long_end);
        }
        let claims = self.claims?;
        let is_long =
            |name: &str| name.contains('/') && name.rsplit('/').next().is_some_and(|end| end.eq_ignore_ascii_case(long_end));
        let long = || claims.members()?.iter().find(|(name, _)| is_long(name)).and_then(|(_, value)| worded(value));
        text_at(claims, short).or_else(long)
    }
}

/// The column of a claim: `identity_claim_oid_g`,
/// `identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g`.
fn column_of_claim<'r>(row: &'r Json<'r>, short: &str, long_end: &str) -> Option<&'r str> {
    const PREFIX: &str = "identity_claim_";
    let claim = |name: &'r str| {
        let name =
            name.get(..PREFIX.len()).filter(|start| start.eq_ignore_ascii_case(PREFIX)).and(name.get(PREFIX.len()..))?;
        name.strip_suffix(['s', 'g', 'd', 'b', 't']).and_then(|name| name.strip_suffix('_'))
    };
    let is_of = |name: &str| {
        name.eq_ignore_ascii_case(short) || name.rsplit('_').next().is_some_and(|end| end.eq_ignore_ascii_case(long_end))
    };
    let mut members = row.members()?.iter();
    members.find_map(|(name, value)| claim(name).filter(|name| is_of(name)).and_then(|_| worded(value)))
}

/// Names that the platform gives itself in the place of an e-mail address: `Microsoft.Insights/autoscaleSettings`.
fn is_platform(name: &str) -> bool {
    name.starts_with("Microsoft.") && !name.contains('@')
}

/// Reads the actor:
///
/// - **id**: the object id (`oid`), else the principal of the role assignment that allowed it if that is no group, else the
///   caller, the user principal name, the e-mail address, the application's id, the name;
/// - **type**: `user` for whom the token has a user principal name, an e-mail address or `idtyp` `user`, or whom the role
///   assignment calls so; `service` for other tokens of an application and for service principals; `system` for the
///   platform itself;
/// - **name**: the user principal name, else the e-mail address, the name, the caller; **e-mail**: the first two, if they
///   are one;
/// - **via**: the application (`appid`).
pub(super) fn actor<'r>(record: &Record<'r>) -> Actor<'r> {
    let claims = Claims::of(record);
    let upn = claims.claim("upn", "upn");
    let address = claims.claim("emailaddress", "emailaddress");
    let app = claims.claim("appid", "appid").or_else(|| claims.claim("azp", "azp"));
    let caller = record.text("caller");
    let evidence = authorization(record).and_then(|authorization| authorization.get_any_case("evidence"));
    let principal_kind = evidence.and_then(|evidence| text_at(evidence, "principalType")).unwrap_or_default();
    let is_alone = !principal_kind.eq_ignore_ascii_case("group");
    let principal = evidence.and_then(|evidence| text_at(evidence, "principalId")).filter(|_| is_alone);

    let platform = address.or(caller).filter(|name| is_platform(name));
    let token_kind = claims.claim("idtyp", "idtyp").unwrap_or_default();
    let has_person = upn.is_some() || address.is_some_and(|address| email(address).is_some());
    let is_user = has_person
        || token_kind == "user"
        || principal_kind.eq_ignore_ascii_case("User")
        || caller.and_then(email).is_some();
    let is_service = token_kind == "app" || principal_kind.eq_ignore_ascii_case("ServicePrincipal") || app.is_some();
    let named = claims.claim("name", "name");
    let id = claims.claim("oid", "objectidentifier").or(principal).or(caller).or(upn).or(address).or(app).or(named);
    let kind = match (platform.is_some(), is_user || (named.is_some() && token_kind != "app"), is_service) {
        (true, ..) => Some(ActorType::System),
        (_, true, _) => Some(ActorType::User),
        (_, _, true) => Some(ActorType::Service),
        _ => None,
    };
    let name = upn.or(address).or(named).or_else(|| caller.filter(|caller| Some(*caller) != id || caller.contains('@')));
    let identity = || record.get("identity").and_then(worded);
    Actor {
        id,
        kind,
        name: name.or_else(identity),
        email: [upn, address, caller].into_iter().flatten().find_map(email),
        via: app.filter(|app| id != Some(*app)),
    }
}

/// What allowed it: `identity.authorization`, or `authorization` as the REST API answers.
pub(super) fn authorization<'r>(record: &Record<'r>) -> Option<&'r Json<'r>> {
    let of_identity = record.get("identity").and_then(|identity| identity.get_any_case("authorization"));
    of_identity.or_else(|| record.get("authorization"))
}

/// The address in the token: where it was asked for, which is all that is known where the record has no caller's address.
pub(super) fn address<'r>(record: &Record<'r>) -> Option<&'r str> {
    Claims::of(record).claim("ipaddr", "ipaddr")
}

/// Adds the token: its id is the credential of what was done with it, and what a sign-in gave out.
pub(super) fn write<'r>(record: &Record<'r>, metadata: &mut Metadata<'r>) {
    let claims = Claims::of(record);
    for (key, short, long_end) in [
        ("access_key_id", "uti", "uti"),
        ("app_id", "appid", "appid"),
        ("audience", "aud", "aud"),
        ("identity_provider", "idp", "identityprovider"),
        ("token_address", "ipaddr", "ipaddr"),
        ("token_issuer", "iss", "iss"),
    ] {
        metadata.text(key, claims.claim(short, long_end));
    }
    let upn = claims.claim("upn", "upn");
    metadata.text("display_name", claims.claim("name", "name").filter(|name| Some(*name) != upn));
    let authorization = authorization(record);
    metadata.json("authorization", authorization);
    // The record may state another beside the identity's.
    metadata.json("record_authorization", record.get("authorization").filter(|other| authorization != Some(*other)));
    let role = authorization.and_then(|authorization| authorization.get_any_case("evidence")?.get_any_case("role"));
    metadata.extend(role.and_then(worded).map(|role| ("role", Value::Text(role.into()))));
}
