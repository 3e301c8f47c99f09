//! The request's first line: method, target and what its query says about who asks.

use std::borrow::Cow;

use crate::percent::{decoded, parameter};
use crate::secret::without_secrets;

/// A request's first line, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Request<'l> {
    pub method: Option<&'l str>,
    /// Path and query, as the client sent them.
    pub target: Option<&'l str>,
    /// `1.1`.
    pub http_version: Option<&'l str>,
}

/// Takes `<method> <target> HTTP/<version>` apart. The method may be missing, and so may the version; whatever is not one of
/// them is the target. `-` is no request: lifecycle operations, deletions of a batch, the read half of a copy.
pub(super) fn parse(line: &str) -> Request<'_> {
    if line == "-" {
        return Request::default();
    }
    let is_method = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase());
    let (method, rest) = line
        .split_once(' ')
        .filter(|(method, _)| is_method(method))
        .map_or((None, line), |(method, rest)| (Some(method), rest));
    let is_version = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let (target, http_version) = rest
        .rsplit_once(" HTTP/")
        .filter(|(_, version)| is_version(version))
        .map_or((rest, None), |(target, version)| (target, Some(version)));
    Request { method, target: Some(target).filter(|target| !target.is_empty()), http_version }
}

impl<'l> Request<'l> {
    /// The target's path, without the scheme and host that a client of a proxy puts before it.
    pub(super) fn path(&self) -> Option<&'l str> {
        let path = self.target?.split('?').next()?;
        let behind_scheme = path.strip_prefix("https://").or(path.strip_prefix("http://"));
        Some(behind_scheme.map_or(path, |behind| behind.find('/').and_then(|start| behind.get(start..)).unwrap_or("/")))
    }

    fn query(&self) -> Option<&'l str> {
        self.target?.split_once('?').map(|(_, query)| query)
    }

    /// The access key that a presigned URL names: the first part of `X-Amz-Credential` (signature version 4), or
    /// `AWSAccessKeyId` (version 2).
    pub(super) fn access_key_id(&self) -> Option<String> {
        let query = self.query()?;
        let credential = parameter(query, "X-Amz-Credential")
            .map(|credential| credential.split('/').next().unwrap_or_default().to_owned());
        let is_key = |key: &String| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        credential.or_else(|| parameter(query, "AWSAccessKeyId").map(Cow::into_owned)).filter(is_key)
    }

    /// Parameters whose names begin with `x-`: S3 ignores them, so whoever makes a URL can leave a note in the log (S3 user
    /// guide, "Custom access log information"). Anybody who may change the URL can write anything into them. Left out are
    /// `x-amz-…`, which mean something to S3, and `x-id`, which AWS's own clients add. In order, without secrets.
    pub(super) fn custom_parameters(&self) -> Vec<(Cow<'l, str>, Cow<'l, str>)> {
        let pairs = self.query().unwrap_or_default().split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let begins_with = |name: &str, beginning: &str| {
            name.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning))
        };
        let is_custom =
            |name: &str| begins_with(name, "x-") && !begins_with(name, "x-amz-") && !name.eq_ignore_ascii_case("x-id");
        let readable = |text: &'l str| decoded(text, true).unwrap_or(Cow::Borrowed(text));
        pairs
            .map(|(name, value)| (readable(name), value))
            .filter(|(name, _)| is_custom(name))
            .map(|(name, value)| {
                // Judged with its name, by which secrets are known.
                let pair = format!("?{name}={value}");
                let is_secret = matches!(without_secrets(&pair), Cow::Owned(_));
                let value = if is_secret { Cow::Borrowed(crate::json::REDACTED) } else { readable(value) };
                (name, value)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_line_is_taken_apart_whatever_stands_in_its_target() {
        for (line, method, target, version) in [
            ("GET /a?b=c HTTP/1.1", Some("GET"), Some("/a?b=c"), Some("1.1")),
            ("GET /\" HTTP/1.1", Some("GET"), Some("/\""), Some("1.1")),
            ("PUT /a b HTTP/1.0", Some("PUT"), Some("/a b"), Some("1.0")),
            ("GET /a HTTP/1.1 HTTP/1.1", Some("GET"), Some("/a HTTP/1.1"), Some("1.1")),
            ("GET /mybucket/puppy.jpg?x-foo=bar", Some("GET"), Some("/mybucket/puppy.jpg?x-foo=bar"), None),
            ("/a", None, Some("/a"), None),
            ("-", None, None, None),
            ("", None, None, None),
        ] {
            assert_eq!(parse(line), Request { method, target, http_version: version }, "{line}");
        }
        assert_eq!(parse("GET https://b.s3.amazonaws.com/a?b HTTP/1.1").path(), Some("/a"));
        assert_eq!(parse("GET http://b.s3.amazonaws.com HTTP/1.1").path(), Some("/"));
    }

    #[test]
    fn the_access_key_of_a_presigned_url_is_found() {
        for (query, expected) in [
            ("X-Amz-Credential=AKIAEXAMPLE%2F20260301%2Feu-west-1%2Fs3%2Faws4_request", Some("AKIAEXAMPLE")),
            ("a=b&x-amz-credential=AKIAEXAMPLE/20260301/eu-west-1/s3/aws4_request", Some("AKIAEXAMPLE")),
            ("AWSAccessKeyId=AKIAEXAMPLE&Expires=1&Signature=x", Some("AKIAEXAMPLE")),
            ("X-Amz-Credential=", None),
            ("X-Amz-Credential=a%20b/c", None),
            ("versionId=1", None),
        ] {
            assert_eq!(parse(&format!("GET /a?{query} HTTP/1.1")).access_key_id().as_deref(), expected, "{query}");
        }
    }

    #[test]
    fn notes_in_a_url_are_read_without_secrets() {
        let request =
            parse("GET /a?x-user=j%20doe&X-Team=a+b&x-id=GetObject&x-amz-date=1&x-goog-signature=abc&x-empty&y=1 HTTP/1.1");
        let expected = [("x-user", "j doe"), ("X-Team", "a b"), ("x-goog-signature", "[redacted]"), ("x-empty", "")];
        assert_eq!(request.custom_parameters(), expected.map(|(name, value)| (name.into(), value.into())));
    }
}
