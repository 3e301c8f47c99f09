//! What the page is told of how it is served: `/console.json`.

use serde::Serialize;

/// Where the console runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// With `serve`.
    Local,
    /// With the deployed functions, behind TLS.
    Deployed,
}

/// How a user signs in: authorization code with PKCE, as a public client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignIn {
    /// The issuer, an URL.
    pub issuer: String,
    /// The console's client at the issuer.
    pub client_id: String,
    /// The scopes to ask for, with spaces between.
    pub scope: String,
    /// The audience to ask for, where the issuer wants one named.
    pub audience: Option<String>,
}

/// The scopes to ask for unless stated otherwise.
pub const DEFAULT_SCOPE: &str = "openid profile email";

impl SignIn {
    /// A sign-in at an issuer, whose tokens must name one of these audiences. What is asked for is the first of them that is not the
    /// client itself: an issuer that names the client needs no asking, and one that knows no such parameter passes over it.
    pub fn new(issuer: &str, client_id: &str, scope: Option<&str>, audiences: &[String]) -> Self {
        Self {
            issuer: issuer.to_owned(),
            client_id: client_id.to_owned(),
            scope: scope.filter(|scope| !scope.trim().is_empty()).unwrap_or(DEFAULT_SCOPE).to_owned(),
            audience: audiences.iter().find(|audience| *audience != client_id).cloned(),
        }
    }
}

/// How the console is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where it runs.
    pub mode: Mode,
    /// The organization of questions that name none.
    pub organization: Option<String>,
    /// Whether requests must name the organization, because no token does.
    pub must_name_organization: bool,
    /// Whom to ask for the permission.
    pub contact: Option<String>,
    /// How a user signs in; `None` if the page cannot.
    pub sign_in: Option<SignIn>,
    /// Origins besides the page's own and the issuer's that it speaks to, such as that of the token endpoint.
    pub connect_origins: Vec<String>,
}

/// The settings as the page reads them.
#[derive(Serialize)]
struct Wire<'a> {
    version: &'a str,
    mode: Mode,
    organization: Option<&'a str>,
    organizations: &'a [String],
    must_name_organization: bool,
    contact: Option<&'a str>,
    oidc: Option<&'a SignIn>,
}

impl Settings {
    /// The settings as JSON, with the organizations that have data.
    pub(crate) fn to_json(&self, organizations: &[String]) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&Wire {
            version: env!("CARGO_PKG_VERSION"),
            mode: self.mode,
            organization: self.organization.as_deref(),
            organizations,
            must_name_organization: self.must_name_organization,
            contact: self.contact.as_deref(),
            oidc: self.sign_in.as_ref(),
        })
    }
}
