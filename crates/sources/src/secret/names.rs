//! Which names are those of secrets.
//!
//! Names are compared without case and without what separates words (`-`, `_`, `.`, `/`, `:`, blanks), so that `sessionToken`,
//! `SESSION_TOKEN` and `x-amz-session-token` are one. Most count as endings: vendors put words before them (`dbPassword`,
//! `masterUserPassword`, `GITHUB_TOKEN`), while what follows makes another thing of it (`passwordLastUsed`, `tokenId`,
//! `secretArn`). `docs/sources.md` ("Secrets") has the table with the vendors' documentation that names come from.

use crate::json::Json;

/// Endings of names whose values are secret.
const ENDINGS: [&str; 26] = [
    "token",
    "secret",
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "secretkey",
    "secretaccesskey",
    "secretvalue",
    "secretstring",
    "secretbinary",
    "privatekey",
    "privatekeydata",
    "privatekeyplaintext",
    "privatekeypem",
    "keymaterial",
    "apikey",
    "accountkey",
    // `preSharedKey` of a VPN, `SharedKey` and `SharedAccessKey` of Azure.
    "sharedkey",
    "sharedaccesskey",
    // Customer-provided keys of S3 (`SSECustomerKey`, `x-amz-server-side-encryption-customer-key`), not their MD5 or algorithm.
    "ssecustomerkey",
    "encryptioncustomerkey",
    "connectionstring",
    "samlassertion",
    "sharedaccesssignature",
];

/// Whole names whose values are secret.
const WHOLE: [&str; 24] = [
    "assertion",
    "authenticationcode1",
    "authenticationcode2",
    "authorizationcode",
    "base32stringseed",
    "clientassertion",
    "codeverifier",
    "confirmationcode",
    "devicecode",
    "hmackey",
    "keystring",
    "kubeconfig",
    "mfacode",
    "otp",
    "plaintext",
    "qrcodepng",
    "rawkey",
    "secrethash",
    "signedjwt",
    "tokencode",
    "totp",
    "verificationcode",
    "xamzsignature",
    "xgoogsignature",
];

/// Whole names whose values are secret if they are texts: headers of HTTP. Azure calls an object `authorization` that says by what
/// right something was done.
const HEADERS: [&str; 4] = ["authorization", "cookie", "proxyauthorization", "setcookie"];

/// Endings that look like those of secrets and are not: places in a list of results, marks that make a repeated request one, and
/// versions to be stated with an update. None of them gives access to anything.
const HARMLESS: [&str; 26] = [
    "backwardtoken",
    "changetoken",
    "clientrequesttoken",
    "clienttoken",
    "consistencytoken",
    "continuationtoken",
    "creationtoken",
    "deltatoken",
    "forwardtoken",
    "idempotencytoken",
    // What a Kubernetes pod pulls its image with, by name.
    "imagepullsecret",
    "locktoken",
    // An object of RDS with the secret's ARN and state.
    "masterusersecret",
    "nexttoken",
    "pagetoken",
    "paginationtoken",
    "pagingtoken",
    "publickeymaterial",
    "resumetoken",
    "revisiontoken",
    "sequencetoken",
    "skiptoken",
    "startingtoken",
    "synctoken",
    "updatetoken",
    "versiontoken",
];

/// Which of some names end with a byte: one bit each.
type ByLast = [u32; 256];

const fn by_last(names: &[&str]) -> ByLast {
    let mut table = [0; 256];
    let mut index = 0;
    while index < names.len() {
        let name = names[index].as_bytes();
        table[name[name.len() - 1] as usize] |= 1 << index;
        index += 1;
    }
    table
}

static ENDINGS_BY_LAST: ByLast = by_last(&ENDINGS);
static WHOLE_BY_LAST: ByLast = by_last(&WHOLE);

/// What is left of a name, from its end.
fn plain_from_end(name: &str) -> impl Iterator<Item = u8> {
    let separates = |byte: &u8| matches!(byte, b'_' | b'-' | b'.' | b' ' | b'/' | b':');
    name.bytes().rev().filter(move |byte| !separates(byte)).map(|byte| byte.to_ascii_lowercase())
}

fn ends_with(name: &str, ending: &str) -> bool {
    let mut bytes = plain_from_end(name);
    ending.bytes().rev().all(|byte| bytes.next() == Some(byte))
}

fn is(name: &str, whole: &str) -> bool {
    let mut bytes = plain_from_end(name);
    whole.bytes().rev().all(|byte| bytes.next() == Some(byte)) && bytes.next().is_none()
}

/// Whether some of the names that a table has under `last` fit.
fn any(table: &ByLast, last: u8, names: &[&str], fits: impl Fn(&str) -> bool) -> bool {
    let mut left = table.get(usize::from(last)).copied().unwrap_or_default();
    while left != 0 {
        let index = left.trailing_zeros() as usize;
        left &= left - 1;
        if names.get(index).is_some_and(|listed| fits(listed)) {
            return true;
        }
    }
    false
}

/// Whether the member, parameter or variable of this name holds a secret.
#[inline]
pub(crate) fn is_secret(name: &str) -> bool {
    // Every member's name is asked about, and nearly all fail at their last letter or the one before.
    let Some(last) = plain_from_end(name).next() else { return false };
    (any(&ENDINGS_BY_LAST, last, &ENDINGS, |ending| ends_with(name, ending))
        || any(&WHOLE_BY_LAST, last, &WHOLE, |whole| is(name, whole)))
        && !HARMLESS.iter().any(|harmless| ends_with(name, harmless))
}

/// Whether a text under this name is a header that lets its bearer in.
pub(super) fn is_header(name: &str) -> bool {
    matches!(name.as_bytes().last(), Some(b'n' | b'N' | b'e' | b'E')) && HEADERS.iter().any(|header| is(name, header))
}

/// Whether a text says by itself that it is no secret, whatever its name: a truth (`hasPassword`), the name of a thing of AWS
/// (`token: arn:aws:secretsmanager:…`, a reference), or what the writer put in a secret's place.
pub(super) fn is_harmless_text(text: &str) -> bool {
    text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") || text.starts_with("arn:aws")
}

/// Whether a member's value must not reach a column. `is_secret` judges its name; values that hold nothing, truths and
/// references are no secrets.
pub(crate) fn is_secret_member(name: &str, value: &Json<'_>, is_secret: &impl Fn(&str) -> bool) -> bool {
    if is_secret(name) { may_be_secret(value) } else { is_header(name) && holds_headers(value) }
}

/// Whether a value that is named as a secret may be one.
pub(super) fn may_be_secret(value: &Json<'_>) -> bool {
    match value {
        Json::Bool(_) => false,
        Json::Text(text) => !text.is_empty() && !is_harmless_text(text),
        value => !value.is_vacant(),
    }
}

fn holds_headers(value: &Json<'_>) -> bool {
    match value {
        Json::Text(text) => is_header_text(text),
        Json::Array(elements) => elements.iter().any(holds_headers),
        _ => false,
    }
}

/// Whether a text can stand in a header: JSON in a text is something else.
pub(super) fn is_header_text(text: &str) -> bool {
    !text.is_empty() && !text.trim_start_matches(['\\', '"', ' ']).starts_with(['{', '['])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_count_in_any_case_and_spelling_and_with_words_before_them() {
        for name in [
            "password",
            "Password",
            "dbPassword",
            "DB_PASSWORD",
            "masterUserPassword",
            "spring.datasource.password",
            "/prod/db/password",
            "db passwd",
            "MYSQL_PWD",
            "sessionToken",
            "X-Amz-Security-Token",
            "SecurityToken",
            "GITHUB_TOKEN",
            "authToken",
            "taskToken",
            "refresh_token",
            "id-token",
            "clientSecret",
            "client_secret",
            "SecretAccessKey",
            "aws_secret_access_key",
            "secretKey",
            "secretString",
            "privateKey",
            "private_key_data",
            "privateKeyPlaintext",
            "keyMaterial",
            "preSharedKey",
            "apiKey",
            "x-api-key",
            "SSECustomerKey",
            "x-amz-server-side-encryption-customer-key",
            "x-amz-copy-source-server-side-encryption-customer-key",
            "primaryConnectionString",
            "X-Amz-Signature",
            "tokenCode",
            "OTP",
        ] {
            assert!(is_secret(name), "{name}");
        }
    }

    #[test]
    fn what_tells_of_a_secret_is_none() {
        for name in [
            "",
            "-",
            "passwordLastUsed",
            "passwordResetRequired",
            "minimumPasswordLength",
            "accessKeyId",
            "secretId",
            "secretArn",
            "secretName",
            "tokenId",
            "tokenHash",
            "tokens",
            "maxTokens",
            "nextToken",
            "NextPageToken",
            "continuation-token",
            "clientToken",
            "clientRequestToken",
            "nextSequenceToken",
            "lockToken",
            "KeyDescription",
            "keyId",
            "key",
            "SSECustomerKeyMD5",
            "x-amz-server-side-encryption-customer-algorithm",
            "x-amz-server-side-encryption-customer-key-MD5",
            "publicKeyMaterial",
            "X-Amz-Credential",
            "credentialId",
            "masterUserSecret",
            "signature",
            "authorization",
            "secrets",
            "é",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn a_header_is_secret_where_it_is_a_text() {
        let member = |text: &str| {
            let value = crate::json::Parser::new(text.as_bytes()).value(0).unwrap();
            let (name, value) = value.members().unwrap().iter().next().map(|(n, v)| (n.to_owned(), v.clone())).unwrap();
            is_secret_member(&name, &value, &is_secret)
        };
        for text in [
            r#"{"Authorization":"Bearer x"}"#,
            r#"{"authorization":["Basic x"]}"#,
            r#"{"Set-Cookie":"a=b"}"#,
            r#"{"token":5}"#,
            r#"{"securityToken":["x"]}"#,
            r#"{"secret":{"a":1}}"#,
        ] {
            assert!(member(text), "{text}");
        }
        for text in [
            r#"{"authorization":{"action":"read"}}"#,
            r#"{"authorization":"{\"action\":\"read\"}"}"#,
            r#"{"cookie":""}"#,
            r#"{"password":true}"#,
            r#"{"password":"false"}"#,
            r#"{"password":null}"#,
            r#"{"password":[""]}"#,
            r#"{"authToken":"arn:aws:secretsmanager:eu-west-1:111122223333:secret:s"}"#,
        ] {
            assert!(!member(text), "{text}");
        }
    }
}
