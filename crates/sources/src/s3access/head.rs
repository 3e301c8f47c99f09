//! The fields before those that a client writes freely: bucket owner to key.

use std::net::IpAddr;

/// The first eight fields of a line, as they stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head<'l> {
    pub bucket_owner: &'l str,
    pub bucket: &'l str,
    /// `06/Feb/2019:00:00:38 +0000`, without its brackets.
    pub time: &'l str,
    pub remote_ip: &'l str,
    /// May hold spaces: `arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E2…`.
    pub requester: &'l str,
    pub request_id: &'l str,
    pub operation: &'l str,
    /// Percent-encoded, so without spaces and quotes.
    pub key: &'l str,
    /// What follows: the request's first line and all behind it.
    pub rest: &'l str,
}

/// What a field states; `None` where it is `-`: unknown, not there, or not applicable.
pub(super) fn stated(field: &str) -> Option<&str> {
    Some(field).filter(|field| !field.is_empty() && *field != "-")
}

/// Reads the head of a line; fails with what is wrong. Linear in the part before the first quote, and no further: nothing a
/// client writes freely is looked at, so the head cannot be forged.
///
/// The requester may hold spaces. It ends before the field that comes before the first operation, for no requester holds what looks
/// like one; that field is the request id, whose form S3 does not promise (16 letters and digits; of S3 Batch Operations the id of
/// the job). Where nothing looks like an operation that is known, four fields before the first quote leave no doubt either.
pub(super) fn parse(line: &str) -> Result<Head<'_>, &'static str> {
    let (bucket_owner, rest) = field(line).filter(|(owner, _)| owner.bytes().all(is_name_byte)).ok_or("no bucket owner")?;
    let (bucket, rest) = field(rest).filter(|(bucket, _)| bucket.bytes().all(is_name_byte)).ok_or("no bucket name")?;
    let bracketed = rest.trim_start_matches(' ').strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (time, rest) = bracketed.ok_or("no time in brackets behind the bucket name")?;
    let (remote_ip, rest) = field(rest)
        .filter(|(address, _)| *address == "-" || address.parse::<IpAddr>().is_ok())
        .ok_or("the remote IP is neither an address nor -")?;

    let mut before = rest;
    let mut previous = "";
    let mut lacks_requester = false;
    let (requester, request_id, operation, rest) = loop {
        let Some((found, behind)) = field(before) else {
            let reason = if lacks_requester { "no requester" } else { "no request id and operation behind the requester" };
            break four_fields(rest).ok_or(reason)?;
        };
        if is_operation(found) && !previous.is_empty() {
            let requester_length = rest.len() - before.len() - previous.len();
            let requester = rest.get(..requester_length).unwrap_or_default().trim();
            if !requester.is_empty() {
                break (requester, previous, found, behind);
            }
            // A request id may look like an operation, or there is no requester.
            lacks_requester = true;
        }
        (before, previous) = (behind, found);
    };
    let (key, rest) = field(rest).ok_or("no key behind the operation")?;
    let rest = rest.trim_start_matches(' ');
    Ok(Head { bucket_owner, bucket, time, remote_ip, requester, request_id, operation, key, rest })
}

/// Requester, request id, operation and what follows, where one field each and the key stand before the first quote or the `-`
/// of a missing request. The operation is dotted, as all are.
fn four_fields(text: &str) -> Option<(&str, &str, &str, &str)> {
    let (requester, rest) = field(text)?;
    let (request_id, rest) = field(rest)?;
    let (operation, rest) = field(rest).filter(|(operation, _)| is_dotted(operation))?;
    let (_, behind_key) = field(rest)?;
    let behind_key = behind_key.trim_start_matches(' ');
    (behind_key.starts_with('"') || behind_key.starts_with("- ")).then_some((requester, request_id, operation, rest))
}

/// The next field and what follows it; `None` at the end and where the field holds a quote.
fn field(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(' ');
    let end = memchr::memchr2(b' ', b'"', text.as_bytes()).unwrap_or(text.len());
    let (field, rest) = text.split_at_checked(end)?;
    (!field.is_empty() && !rest.starts_with('"')).then_some((field, rest))
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

/// `REST.<method>.<resource>`, `WEBSITE.…`, `BATCH.…`, `S3.<action>.<resource>`, `SOAP.<operation>`, and what may come: parts
/// between dots, the first in capitals.
fn is_operation(text: &str) -> bool {
    let Some((first, _)) = text.split_once('.') else { return false };
    let is_prefix = first.bytes().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'0'..=b'9' | b'_'));
    is_prefix && first.starts_with(|first: char| first.is_ascii_uppercase()) && is_dotted(text)
}

/// Words between dots, two at least.
fn is_dotted(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    text.contains('.') && text.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_requester_ends_where_request_id_and_operation_follow() {
        for (between, requester) in [
            ("192.0.2.3 - 3E57427F3EXAMPLE", "-"),
            ("192.0.2.3  arn:aws:iam::111122223333:user/ci   3E57427F3EXAMPLE", "arn:aws:iam::111122223333:user/ci"),
            ("- svc:delivery.logs.amazonaws.com 3E57427F3EXAMPLE", "svc:delivery.logs.amazonaws.com"),
            (
                "2001:db8::9 arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E2EXAMPLEID 0FMAC0C5SEXE32V4",
                "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E2EXAMPLEID",
            ),
            ("192.0.2.3 AAAA AAAA AAAA", "AAAA AAAA"),
            ("- s3.amazonaws.com 0f9d1c52-7b1e-4c9a-9a53-3f1d2b6c7e80", "s3.amazonaws.com"),
            ("192.0.2.3 - a/b+c=:d", "-"),
        ] {
            let line = format!("{OWNER} bucket [06/Feb/2026:00:00:38 +0000] {between} REST.GET.OBJECT a+b \"GET /\"");
            let head = parse(&line).unwrap();
            assert_eq!((head.requester, head.operation, head.key), (requester, "REST.GET.OBJECT", "a+b"), "{line}");
            assert_eq!((head.bucket_owner, head.bucket, head.rest), (OWNER, "bucket", "\"GET /\""));
            assert_eq!(head.time, "06/Feb/2026:00:00:38 +0000");
            assert!(between.trim_end().ends_with(head.request_id));
        }
    }

    #[test]
    fn an_operation_of_another_form_is_known_by_its_place() {
        for (operation, after) in [("rest.get.Object", "\"GET / HTTP/1.1\" 200"), ("s3v2.scan.object", "- - -")] {
            let line = format!("{OWNER} bucket [06/Feb/2026:00:00:38 +0000] 192.0.2.3 ada ID-1 {operation} k {after}");
            let head = parse(&line).unwrap();
            assert_eq!((head.requester, head.request_id, head.operation, head.key), ("ada", "ID-1", operation, "k"));
            assert_eq!(head.rest, after);
            let with_space = line.replace(" ada ", " ada lovelace ");
            assert_eq!(parse(&with_space).unwrap_err(), "no request id and operation behind the requester");
        }
    }

    #[test]
    fn what_is_wrong_with_a_head_is_named() {
        for (line, reason) in [
            ("", "no bucket owner"),
            ("{\"a\":1}", "no bucket owner"),
            ("owner", "no bucket name"),
            ("owner bucket", "no time in brackets behind the bucket name"),
            (
                "192.0.2.1 - - [06/Feb/2026:00:00:38 +0000] \"GET / HTTP/1.1\" 200 5",
                "no time in brackets behind the bucket name",
            ),
            ("o b [t] 834.200.252.124 - ID R.X k", "the remote IP is neither an address nor -"),
            ("o b [t] 192.0.2.1 - 3E57 GET / \"REST.GET.OBJECT\"", "no request id and operation behind the requester"),
            ("o b [t] 192.0.2.1 \"- 3E57 REST.GET.OBJECT k", "no request id and operation behind the requester"),
            ("o b [t] 192.0.2.1 3E57 REST.GET.OBJECT k", "no requester"),
            ("o b [t] 192.0.2.1 - 3E57 REST.GET.OBJECT", "no key behind the operation"),
        ] {
            assert_eq!(parse(line).unwrap_err(), reason, "{line}");
        }
    }

    #[test]
    fn operations_have_a_form_of_their_own() {
        for operation in [
            "REST.GET.OBJECT",
            "REST.COPY.OBJECT_GET",
            "SOAP.CreateBucket",
            "S3.TRANSITION_SIA.OBJECT",
            "REST.GET.accelerate",
        ] {
            assert!(is_operation(operation), "{operation}");
        }
        for other in [
            "REST",
            "AmazonS3",
            "E2EXAMPLEID",
            "arn:aws:iam::111122223333:user/a.b",
            "svc:a.b",
            "-",
            ".GET",
            "REST.",
            "REST..X",
            "rest.GET.OBJECT",
            "9.REST",
        ] {
            assert!(!is_operation(other), "{other}");
        }
    }
}
