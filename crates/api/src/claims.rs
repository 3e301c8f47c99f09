//! From a token's verified claims to the caller: the same in the functions and in `serve`.
//!
//! An edge (API Gateway's JWT authorizer, the server of `serve`) has checked signature, issuer, audience and times; here the claims become
//! a tenant and permissions. The gateway hands claims over as texts, an array as `"[a b c]"`; as the token has them, an array is one: both
//! are read, split exactly, and a tenant that could be mistaken for a list is refused.

use std::collections::HashMap;

use auditlake_event::Organization;
use serde_json::Value;

use crate::caller::{Caller, Identity};
use crate::problem::Problem;

/// The permission to read a tenant's events.
pub const READ: &str = "iam:tenant:iam:audit:read";
/// The permission to write a tenant's events.
pub const WRITE: &str = "iam:tenant:iam:audit:write";

/// Which claims say what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimNames {
    /// The tenant's organization.
    pub tenant: String,
    /// The permissions.
    pub permissions: String,
    /// The permission of operators, who name the organization themselves; nobody is one if it is empty.
    pub operator: Option<String>,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self { tenant: "tenant".to_owned(), permissions: "permissions".to_owned(), operator: None }
    }
}

/// The texts of a claim that is a list: an array, `"[a b c]"`, or texts with spaces between as `scope` has them.
fn texts(claim: &Value) -> Vec<&str> {
    match claim {
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        Value::String(text) => {
            let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
            inner.split(' ').filter(|text| !text.is_empty()).collect()
        }
        _ => Vec::new(),
    }
}

fn no_tenant(claim: &str) -> Problem {
    Problem::forbidden(format!("the token names no organization: its claim `{claim}` must hold exactly one"))
}

/// The caller whom verified claims describe; 401 without claims, 403 if they name no organization.
pub fn caller(claims: Option<&HashMap<String, Value>>, names: &ClaimNames) -> Result<Caller, Problem> {
    let claims = claims.ok_or_else(|| Problem::unauthorized("a bearer token is needed"))?;
    let permissions = claims.get(&names.permissions).map(texts).unwrap_or_default();
    let identity = identity(claims);
    if names.operator.as_deref().is_some_and(|operator| permissions.contains(&operator)) {
        return Ok(Caller::operator(None).with_identity(identity));
    }
    let tenant = match claims.get(&names.tenant) {
        Some(Value::String(text)) => text.as_str(),
        _ => return Err(no_tenant(&names.tenant)),
    };
    // A list, or a text that another parser would take for one, is not one organization; a valid name has no such characters.
    let organization = Organization::parse(tenant).map_err(|_| no_tenant(&names.tenant))?;
    let caller = Caller::tenant(organization, permissions.contains(&READ), permissions.contains(&WRITE));
    Ok(caller.with_identity(identity))
}

/// Who the token says the caller is: the standard claims of OpenID Connect.
fn identity(claims: &HashMap<String, Value>) -> Identity {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    Identity {
        id: text("sub").or_else(|| text("client_id")),
        name: text("name").or_else(|| text("preferred_username")),
        email: text("email"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names() -> ClaimNames {
        ClaimNames { tenant: "tenant".into(), permissions: "permissions".into(), operator: Some("ops".into()) }
    }

    fn caller_of(claims: Value) -> Result<Caller, Problem> {
        let claims: HashMap<String, Value> = serde_json::from_value(claims).unwrap();
        caller(Some(&claims), &names())
    }

    fn acme(may_read: bool, may_write: bool) -> Caller {
        Caller::tenant(Organization::parse("acme").unwrap(), may_read, may_write)
    }

    #[test]
    fn permissions_are_read_as_the_gateway_renders_them_and_as_arrays() {
        for permissions in [
            json!("[iam:tenant:iam:audit:read other]"),
            json!(["other", "iam:tenant:iam:audit:read"]),
            json!("iam:tenant:iam:audit:read"),
            json!("x iam:tenant:iam:audit:read"),
        ] {
            assert_eq!(caller_of(json!({"tenant": "acme", "permissions": permissions})).unwrap(), acme(true, false));
        }
        for permissions in [json!("iam:tenant:iam:audit:readx"), json!("[xiam:tenant:iam:audit:read]"), json!(7), json!("")]
        {
            assert_eq!(caller_of(json!({"tenant": "acme", "permissions": permissions})).unwrap(), acme(false, false));
        }
        let both = json!({"tenant": "acme", "permissions": "[iam:tenant:iam:audit:read iam:tenant:iam:audit:write]"});
        assert_eq!(caller_of(both).unwrap(), acme(true, true));
    }

    #[test]
    fn a_tenant_that_is_no_single_name_is_refused() {
        for tenant in [
            json!("[acme globex]"),
            json!("acme globex"),
            json!(["acme"]),
            json!("[acme]"),
            json!("ACME"),
            json!(""),
            json!(1),
        ] {
            let problem = caller_of(json!({"tenant": tenant, "permissions": [READ]})).unwrap_err();
            assert_eq!(problem.status, 403, "{tenant}");
        }
        assert_eq!(caller_of(json!({"permissions": [READ]})).unwrap_err().status, 403);
        assert_eq!(caller(None, &names()).unwrap_err().status, 401);
    }

    #[test]
    fn an_operator_needs_no_tenant() {
        assert_eq!(caller_of(json!({"permissions": "[a ops]"})).unwrap(), Caller::operator(None));
    }
}
