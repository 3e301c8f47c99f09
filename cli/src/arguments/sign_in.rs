//! Arguments that say who may call the API of `serve`, and how the console signs its users in.

use auditlake_api::claims::ClaimNames;
use auditlake_console::headers::origin_of;
use auditlake_console::settings::DEFAULT_SCOPE;
use auditlake_embedded::serve::ConsoleSettings;
use auditlake_embedded::tokens::TokenSettings;
use clap::Args;

/// Who may call, by tokens of an issuer, and the console's sign-in there.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Tokens (without --oidc-issuer everybody who reaches the API may do everything)")]
pub struct SignInArguments {
    /// The issuer of access tokens (their claim iss); each call below /v1 then needs one: https, or http on loopback.
    #[arg(long, env = "AUDITLAKE_OIDC_ISSUER", value_name = "URL", value_parser = url, requires = "oidc_audience")]
    pub oidc_issuer: Option<String>,
    /// The audience (aud, else client_id) of tokens that are let in; several are separated by commas.
    #[arg(long, env = "AUDITLAKE_OIDC_AUDIENCE", value_name = "NAME", value_delimiter = ',', requires = "oidc_issuer")]
    pub oidc_audience: Vec<String>,
    /// The console's client at the issuer: a public one, with authorization code and PKCE.
    #[arg(long, env = "AUDITLAKE_OIDC_CLIENT_ID", value_name = "ID", requires = "oidc_issuer")]
    pub oidc_client_id: Option<String>,
    /// The scopes that the console asks for, with spaces between.
    #[arg(long, env = "AUDITLAKE_OIDC_SCOPE", value_name = "SCOPES", default_value = DEFAULT_SCOPE)]
    pub oidc_scope: String,
    /// Origins besides the issuer's that the console speaks to, such as that of the token endpoint; separated by commas.
    #[arg(long, env = "AUDITLAKE_CONNECT_ORIGINS", value_name = "URL", value_delimiter = ',', value_parser = url)]
    pub connect_origins: Vec<String>,
    /// The claim that names the caller's organization.
    #[arg(long, env = "AUDITLAKE_TENANT_CLAIM", value_name = "NAME", default_value = "tenant")]
    pub tenant_claim: String,
    /// The claim that lists the caller's permissions.
    #[arg(long, env = "AUDITLAKE_PERMISSIONS_CLAIM", value_name = "NAME", default_value = "permissions")]
    pub permissions_claim: String,
    /// The permission of an operator, who names the organization with each call; nobody is one if it is not given.
    #[arg(long, env = "AUDITLAKE_OPERATOR_PERMISSION", value_name = "NAME")]
    pub operator_permission: Option<String>,
    /// Whom the console names to those who lack the permission to read, such as an address or a link.
    #[arg(long, env = "AUDITLAKE_CONTACT", value_name = "TEXT")]
    pub contact: Option<String>,
}

fn url(text: &str) -> Result<String, String> {
    origin_of(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

impl SignInArguments {
    /// Whose tokens are let in.
    pub fn tokens(&self) -> Option<TokenSettings> {
        let names = ClaimNames {
            tenant: self.tenant_claim.clone(),
            permissions: self.permissions_claim.clone(),
            operator: self.operator_permission.clone().filter(|name| !name.is_empty()),
        };
        self.oidc_issuer.clone().map(|issuer| TokenSettings { issuer, audiences: self.oidc_audience.clone(), names })
    }

    /// What the console is told.
    pub fn console(&self) -> ConsoleSettings {
        ConsoleSettings {
            client_id: self.oidc_client_id.clone(),
            scope: self.oidc_scope.clone(),
            connect_origins: self.connect_origins.clone(),
            contact: self.contact.clone(),
        }
    }
}
