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

/// The lengths of these names, one bit each: every member's name is asked for, and most fail here.
const LENGTHS: u64 = {
    let mut lengths = 0;
    let mut index = 0;
    while index < SECRETS.len() {
        lengths |= 1 << SECRETS[index].len();
        index += 1;
    }
    lengths
};

/// Whether the member of this name holds a secret, whatever its ASCII case.
pub(super) fn is_secret(name: &str) -> bool {
    let may_be = name.len() < 64 && LENGTHS >> name.len() & 1 == 1;
    may_be && SECRETS.iter().any(|secret| secret.len() == name.len() && secret.eq_ignore_ascii_case(name))
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
