//! Which members of a record hold a secret.

/// Names of members whose values never reach a column, in lower case. CloudTrail blanks most of them itself; session tokens
/// of `AssumeRole`, `GetSessionToken` and the like it writes out.
const SECRETS: [&str; 16] = [
    "accountpassword",
    "adminpassword",
    "authorizationtoken",
    "clientsecret",
    "masteruserpassword",
    "newpassword",
    "oldpassword",
    "password",
    "privatekey",
    "privatekeyplaintext",
    "secretaccesskey",
    "secretbinary",
    "secretstring",
    "sessiontoken",
    "x-amz-security-token",
    "x-amz-signature",
];

/// Whether the member of this name holds a secret, whatever its ASCII case.
pub(super) fn is_secret(name: &str) -> bool {
    // Most names fail on their length, first letter or last.
    (8..=20).contains(&name.len())
        && SECRETS.iter().any(|secret| secret.len() == name.len() && secret.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_in_any_case_and_only_whole() {
        for name in
            ["sessionToken", "SecretAccessKey", "password", "X-Amz-Signature", "masterUserPassword", "privateKeyPlaintext"]
        {
            assert!(is_secret(name), "{name}");
        }
        for name in ["passwordResetRequired", "accessKeyId", "nextToken", "secretId", "tokens", ""] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
