//! What was asked for: the bucket or the object, by its true key.

use std::borrow::Cow;

use crate::percent::decoded_bytes;
use crate::secret::without_secrets;

use super::head::stated;

/// Most times that a key may be encoded.
const MAX_ENCODINGS: usize = 2;

/// What was asked for. Kinds are those of AWS CloudFormation, as in `aws.cloudtrail`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Resource<'l> {
    pub kind: Option<&'static str>,
    /// The ARN, without secrets.
    pub id: Option<String>,
    /// The decoded key, else the bucket, without secrets.
    pub name: Option<Cow<'l, str>>,
    /// The key as the line has it, if decoding changed it and it holds no secret.
    pub raw_key: Option<&'l str>,
    /// Whether somebody used a URL as a key that holds a secret.
    pub has_secret: bool,
    /// Whether the request's path states another key.
    pub differs_from_path: bool,
    /// Whether the key holds bytes that are no Unicode.
    pub is_replaced: bool,
}

/// Names bucket and object. `path`: that of the request, if the line has one.
pub(super) fn of<'l>(operation: &str, bucket: &'l str, key: &'l str, path: Option<&str>, partition: &str) -> Resource<'l> {
    let Some(bucket) = stated(bucket) else { return Resource::default() };
    let Some(key) = stated(key) else {
        return Resource {
            kind: Some("AWS::S3::Bucket"),
            id: Some(format!("arn:{partition}:s3:::{bucket}")),
            name: Some(Cow::Borrowed(bucket)),
            ..Resource::default()
        };
    };
    let (decoded, differs_from_path) = decoded_key(operation, bucket, key, path);
    let is_changed = decoded.as_ref() != key.as_bytes();
    let (text, is_replaced) = match decoded {
        Cow::Borrowed(_) => (Cow::Borrowed(key), false),
        Cow::Owned(bytes) => match String::from_utf8(bytes) {
            Ok(text) => (Cow::Owned(text), false),
            Err(error) => (Cow::Owned(String::from_utf8_lossy(error.as_bytes()).into_owned()), true),
        },
    };
    let redacted = match without_secrets(&text) {
        Cow::Borrowed(_) => None,
        Cow::Owned(redacted) => Some(redacted),
    };
    let has_secret = redacted.is_some();
    let name = redacted.map_or(text, Cow::Owned);
    Resource {
        kind: Some("AWS::S3::Object"),
        id: Some(format!("arn:{partition}:s3:::{bucket}/{name}")),
        name: Some(name),
        raw_key: (is_changed && !has_secret).then_some(key),
        has_secret,
        differs_from_path,
        is_replaced,
    }
}

/// The key's bytes, and whether the request's path states another key.
///
/// Keys of requests (`REST`, `WEBSITE`, `SOAP`) are percent-encoded twice in the log, those of batches and of S3's own
/// operations (`BATCH`, `S3`) once, with `+` for a space. Where the path states a key that decoding another number of times
/// gives, that number counts.
fn decoded_key<'l>(operation: &str, bucket: &str, key: &'l str, path: Option<&str>) -> (Cow<'l, [u8]>, bool) {
    let is_encoded_once = operation.starts_with("BATCH.") || operation.starts_with("S3.");
    let decode = |times: usize| {
        let mut bytes = Cow::Borrowed(key.as_bytes());
        for _ in 0..times {
            if let Cow::Owned(decoded) = decoded_bytes(&bytes, true) {
                bytes = Cow::Owned(decoded);
            }
        }
        bytes
    };
    let by_rule = decode(if is_encoded_once { 1 } else { MAX_ENCODINGS });
    let Some(path) = path.filter(|path| states_key(path, bucket)) else { return (by_rule, false) };
    // S3 reads `+` in a path as a space, most clients do not write it as one.
    let paths = [decoded_bytes(path.as_bytes(), false), decoded_bytes(path.as_bytes(), true)];
    let is_index = |key: &[u8]| operation.starts_with("WEBSITE.") && paths.iter().any(|path| is_index_of(key, path, bucket));
    let fits = |key: &[u8]| paths.iter().any(|path| is_path_of(key, path, bucket)) || is_index(key);
    if fits(&by_rule) {
        return (by_rule, false);
    }
    match (0..=MAX_ENCODINGS).map(decode).find(|key| fits(key)) {
        Some(key) => (key, false),
        None => (by_rule, true),
    }
}

/// Whether a path names more than the bucket: `/`, `/<bucket>` and `*` do not. (A form's upload names its key elsewhere.)
fn states_key(path: &str, bucket: &str) -> bool {
    path.strip_prefix('/').is_some_and(|rest| !rest.is_empty() && rest.strip_suffix('/').unwrap_or(rest) != bucket)
}

/// Whether a path is that of a key: `/<key>` or `/<bucket>/<key>`.
fn is_path_of(key: &[u8], path: &[u8], bucket: &str) -> bool {
    let Some(rest) = path.strip_prefix(b"/") else { return false };
    rest == key || rest.strip_prefix(bucket.as_bytes()).and_then(|rest| rest.strip_prefix(b"/")) == Some(key)
}

/// Whether a website's path is that of a folder whose index document the key is.
fn is_index_of(key: &[u8], path: &[u8], bucket: &str) -> bool {
    let document = key.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let folder = key.get(..document).unwrap_or_default();
    is_path_of(folder, path, bucket) || is_path_of(folder.strip_suffix(b"/").unwrap_or(folder), path, bucket)
}

/// The partition of AWS that the bucket is in, by what states it best: an access point's ARN, the requester's ARN (principals
/// of one partition cannot be known in another), the host name. The source region does not: it is where the request
/// came from.
pub(super) fn partition<'l>(access_point: Option<&'l str>, requester: &'l str, host: Option<&str>) -> &'l str {
    let of_arn = |arn: &'l str| arn.strip_prefix("arn:")?.split(':').next().filter(|partition| partition.starts_with("aws"));
    let of_host = |host: &str| {
        let host = host.split(':').next().unwrap_or_default();
        let aws = host.strip_suffix(".amazonaws.com");
        let region = aws.and_then(|host| host.rsplit('.').next()).unwrap_or_default();
        let region = region.strip_prefix("s3-").unwrap_or(region);
        if host.ends_with(".amazonaws.com.cn") {
            "aws-cn"
        } else if region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        }
    };
    access_point.and_then(of_arn).or_else(|| of_arn(requester)).unwrap_or_else(|| host.map_or("aws", of_host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(operation: &str, key: &str, path: Option<&str>) -> (String, bool) {
        let resource = of(operation, "bucket", key, path, "aws");
        assert_eq!(resource.id, Some(format!("arn:aws:s3:::bucket/{}", resource.name.clone().unwrap())));
        (resource.name.unwrap().into_owned(), resource.differs_from_path)
    }

    #[test]
    fn keys_are_decoded_twice_for_requests_and_once_elsewhere() {
        for (operation, key, path, expected) in [
            ("REST.GET.OBJECT", "a%2Bb%2525c", None, "a b%c"),
            ("REST.GET.OBJECT", "a%2Bb", Some("/a%20b"), "a b"),
            ("REST.GET.OBJECT", "a%252Bb", Some("/a%2Bb"), "a+b"),
            ("REST.GET.OBJECT", "a%252Bb", Some("/bucket/a%2Bb"), "a+b"),
            ("REST.GET.OBJECT", "%25C3%25A9.txt", Some("/%C3%A9.txt"), "é.txt"),
            ("REST.HEAD.OBJECT", "a/*.fastq*", Some("/a/%2A.fastq%2A"), "a/*.fastq*"),
            ("REST.GET.OBJECT", "%2522", Some("/\""), "\""),
            ("REST.GET.OBJECT", "/", Some("//"), "/"),
            ("REST.GET.OBJECT", "bucket", Some("/bucket"), "bucket"),
            ("REST.GET.OBJECT", "bucket/a", Some("/bucket/bucket/a"), "bucket/a"),
            ("REST.POST.OBJECT", "form/upload.txt", Some("/"), "form/upload.txt"),
            ("REST.POST.OBJECT", "form/upload.txt", Some("/bucket/"), "form/upload.txt"),
            ("REST.OPTIONS.PREFLIGHT", "a", Some("*"), "a"),
            ("BATCH.DELETE.OBJECT", "Screen+Shot+at+9%252B1.png", None, "Screen Shot at 9%2B1.png"),
            ("S3.EXPIRE.OBJECT", "a+b", None, "a b"),
            ("WEBSITE.GET.OBJECT", "docs/index.html", Some("/docs/"), "docs/index.html"),
            ("WEBSITE.GET.OBJECT", "docs/index.html", Some("/docs"), "docs/index.html"),
            // Encoded once only, which the path tells.
            ("REST.GET.OBJECT", "a%2Bb", Some("/a%2Bb"), "a+b"),
            ("REST.GET.OBJECT", "100%2541", Some("/100%252541"), "100%2541"),
        ] {
            assert_eq!(key_of(operation, key, path), (expected.to_owned(), false), "{operation} {key} {path:?}");
        }
    }

    #[test]
    fn a_path_that_states_another_key_is_told() {
        assert_eq!(key_of("REST.GET.OBJECT", "a", Some("/b")), ("a".to_owned(), true));
        assert_eq!(key_of("REST.GET.OBJECT", "a%2Bb", Some("/other/a+b")), ("a b".to_owned(), true));
        assert_eq!(key_of("REST.GET.OBJECT", "index.html", Some("/docs/")), ("index.html".to_owned(), true));
    }

    #[test]
    fn a_url_used_as_a_key_keeps_its_secret_for_itself() {
        let resource = of("REST.GET.OBJECT", "bucket", "u%253FX-Amz-Signature%253Dabc%2526a%253Db", None, "aws");
        assert_eq!(resource.name.as_deref(), Some("u?X-Amz-Signature=[redacted]&a=b"));
        assert_eq!((resource.raw_key, resource.has_secret), (None, true));
    }

    #[test]
    fn keys_that_are_no_unicode_are_kept() {
        let resource = of("REST.GET.OBJECT", "bucket", "a%25FFb", None, "aws");
        assert_eq!((resource.name.as_deref(), resource.raw_key), (Some("a\u{fffd}b"), Some("a%25FFb")));
        assert!(resource.is_replaced);
    }

    #[test]
    fn partitions_are_known_by_arns_and_hosts() {
        for (access_point, requester, host, expected) in [
            (None, "-", None, "aws"),
            (None, "-", Some("b.s3.amazonaws.com"), "aws"),
            (None, "-", Some("b.s3.cn-north-1.amazonaws.com.cn"), "aws-cn"),
            (None, "-", Some("b.s3.us-gov-west-1.amazonaws.com:443"), "aws-us-gov"),
            (None, "-", Some("s3-us-gov-west-1.amazonaws.com"), "aws-us-gov"),
            (None, "-", Some("us-gov-notes.s3.amazonaws.com"), "aws"),
            (None, "arn:aws-cn:iam::111122223333:user/a", Some("b.s3.amazonaws.com"), "aws-cn"),
            (Some("arn:aws-us-gov:s3:us-gov-west-1:111122223333:accesspoint/a"), "-", None, "aws-us-gov"),
        ] {
            assert_eq!(partition(access_point, requester, host), expected, "{requester} {host:?}");
        }
    }
}
