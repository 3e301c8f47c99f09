//! Who calls, and for which organization.

use auditlake_event::Organization;

use crate::problem::Problem;

/// A caller whose identity the edge has verified.
///
/// A tenant's organization comes from its verified token alone. An operator, and any caller on loopback in embedded mode, names
/// the organization in each event and as the query parameter `organization`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    scope: Scope,
    may_read: bool,
    may_write: bool,
    identity: Identity,
    address: Option<String>,
}

/// Who a caller is, as its token says: what the log keeps of who asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The stable id (the claim `sub`).
    pub id: Option<String>,
    /// The readable name.
    pub name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Scope {
    Tenant(Organization),
    Operator { default: Option<Organization> },
}

impl Caller {
    /// A caller bound to one organization.
    pub fn tenant(organization: Organization, may_read: bool, may_write: bool) -> Self {
        Self { scope: Scope::Tenant(organization), may_read, may_write, identity: Identity::default(), address: None }
    }

    /// A caller who may read and write for every organization; `default` stands where none is named.
    pub fn operator(default: Option<Organization>) -> Self {
        let scope = Scope::Operator { default };
        Self { scope, may_read: true, may_write: true, identity: Identity::default(), address: None }
    }

    /// A caller without a token: may read what is said to everybody, such as the API's description.
    pub fn nobody() -> Self {
        let scope = Scope::Operator { default: None };
        Self { scope, may_read: false, may_write: false, identity: Identity::default(), address: None }
    }

    /// The same caller, known by name.
    #[must_use]
    pub fn with_identity(self, identity: Identity) -> Self {
        Self { identity, ..self }
    }

    /// The same caller, calling from an address.
    #[must_use]
    pub fn with_address(self, address: Option<String>) -> Self {
        Self { address, ..self }
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The IP address it calls from.
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// The organization this caller is bound to.
    pub fn bound_to(&self) -> Option<&Organization> {
        match &self.scope {
            Scope::Tenant(organization) => Some(organization),
            Scope::Operator { .. } => None,
        }
    }

    /// The organization of an event that names none.
    pub fn default_organization(&self) -> Option<&Organization> {
        match &self.scope {
            Scope::Tenant(organization) => Some(organization),
            Scope::Operator { default } => default.as_ref(),
        }
    }

    /// Fails with 403 unless the caller may post events.
    pub fn check_write(&self) -> Result<(), Problem> {
        if self.may_write { Ok(()) } else { Err(Problem::forbidden("writing needs iam:tenant:iam:audit:write")) }
    }

    /// The organization a reading call is about, of which `named` is the query parameter. Fails with 403 if the caller may not
    /// read it, with 400 if none or no valid one is named.
    pub fn organization_to_read(&self, named: Option<&str>) -> Result<Organization, Problem> {
        if !self.may_read {
            return Err(Problem::forbidden("reading needs iam:tenant:iam:audit:read"));
        }
        self.organization(named)
    }

    /// The same for a call that changes something; 403 if the caller may not write.
    pub fn organization_to_write(&self, named: Option<&str>) -> Result<Organization, Problem> {
        self.check_write()?;
        self.organization(named)
    }

    fn organization(&self, named: Option<&str>) -> Result<Organization, Problem> {
        let named = match named {
            None => None,
            Some(text) => {
                let parsed = Organization::parse(text);
                Some(parsed.map_err(|error| Problem::invalid_parameter("organization", error.to_string()))?)
            }
        };
        match (&self.scope, named) {
            (Scope::Tenant(own), Some(named)) if *own != named => {
                Err(Problem::forbidden("the token is for another organization"))
            }
            (Scope::Tenant(own), _) => Ok(own.clone()),
            (Scope::Operator { .. }, Some(named)) => Ok(named),
            (Scope::Operator { default: Some(default) }, None) => Ok(default.clone()),
            (Scope::Operator { default: None }, None) => {
                Err(Problem::invalid_parameter("organization", "is required: add ?organization=<name>"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn organization(name: &str) -> Organization {
        Organization::parse(name).unwrap()
    }

    #[test]
    fn a_tenant_reads_its_own_organization_and_no_other() {
        let caller = Caller::tenant(organization("acme"), true, false);
        assert_eq!(caller.organization_to_read(None).unwrap(), organization("acme"));
        assert_eq!(caller.organization_to_read(Some("acme")).unwrap(), organization("acme"));
        assert_eq!(caller.organization_to_read(Some("other")).unwrap_err().status, 403);
        assert_eq!(caller.check_write().unwrap_err().status, 403);
        let blind = Caller::tenant(organization("acme"), false, true);
        assert_eq!(blind.organization_to_read(None).unwrap_err().status, 403);
    }

    #[test]
    fn an_operator_names_the_organization() {
        let caller = Caller::operator(None);
        assert_eq!(caller.organization_to_read(None).unwrap_err().status, 400);
        assert_eq!(caller.organization_to_read(Some("../x")).unwrap_err().status, 400);
        assert_eq!(caller.organization_to_read(Some("acme")).unwrap(), organization("acme"));
        let caller = Caller::operator(Some(organization("home")));
        assert_eq!(caller.organization_to_read(None).unwrap(), organization("home"));
    }
}
