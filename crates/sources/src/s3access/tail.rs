//! The fields behind the user agent, which AWS writes: version id to source region, and whatever AWS adds.

use super::head::stated;

/// Fields from the version id (field 18) to the source region (field 27).
const KNOWN_FIELDS: usize = 10;

/// The fields from the 18th on, `None` where the line has `-` or ends before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tail<'l> {
    pub version_id: Option<&'l str>,
    pub host_id: Option<&'l str>,
    pub signature_version: Option<&'l str>,
    pub cipher_suite: Option<&'l str>,
    pub authentication_type: Option<&'l str>,
    pub host_header: Option<&'l str>,
    pub tls_version: Option<&'l str>,
    pub access_point_arn: Option<&'l str>,
    pub acl_required: Option<&'l str>,
    pub source_region: Option<&'l str>,
    /// What lies behind the 27th field.
    pub further: &'l str,
    /// Whether the line says how the request was authenticated at all: those of 18 fields, of before 2018, do not.
    pub has_authentication: bool,
}

/// Reads a tail, which begins with the version id.
///
/// Lines end after 18 fields (before 2018), 23 (no TLS version), 24, 25, 26, 27, or more that AWS may add; a line that ends
/// elsewhere was cut. Fields 18 to 27 hold no quote, so looking ends at the next quote at the latest: trying every quote of a
/// line as the one before the tail is linear in the line.
pub(super) fn parse(text: &str) -> Option<Tail<'_>> {
    let mut fields = [""; KNOWN_FIELDS];
    let mut count = 0;
    let mut rest = text;
    let mut host_id_start = 0;
    while count < KNOWN_FIELDS && !rest.is_empty() {
        let end = memchr::memchr2(b' ', b'"', rest.as_bytes()).unwrap_or(rest.len());
        let (field, behind) = rest.split_at_checked(end)?;
        if behind.starts_with('"') {
            return None;
        }
        let start = text.len() - rest.len();
        rest = behind.strip_prefix(' ').unwrap_or_default();
        if field.is_empty() {
            continue;
        }
        if count == 1 {
            host_id_start = start;
        }
        // In lines of 2019 the unique id of an IAM user stands before the host id, with a space between.
        if count == 2 && !is_signature_version(field) && fields.get(1).is_some_and(|id| is_unique_id(id)) {
            *fields.get_mut(1)? = text.get(host_id_start..start + end)?;
            continue;
        }
        *fields.get_mut(count)? = field;
        count += 1;
    }
    let [version, host_id, signature, cipher, authentication, host, tls, access_point, acl, region] = fields;
    let has_form = is_word(version)
        && match count {
            1 => rest.is_empty(),
            6.. => {
                host_id.split(' ').all(is_word)
                    && is_signature_version(signature)
                    && is_word(cipher)
                    && is_authentication_type(authentication)
                    && (count == 6 || is_tls_version(tls))
            }
            _ => false,
        };
    has_form.then_some(Tail {
        version_id: stated(version),
        host_id: stated(host_id),
        signature_version: stated(signature),
        cipher_suite: stated(cipher),
        authentication_type: stated(authentication),
        host_header: stated(host),
        tls_version: stated(tls),
        access_point_arn: stated(access_point),
        acl_required: stated(acl),
        source_region: stated(region),
        further: rest.trim(),
        has_authentication: count > 1,
    })
}

/// A version id, a host id (base64), a cipher suite, or `-`.
fn is_word(text: &str) -> bool {
    let is_word_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+' | b'/' | b'=');
    !text.is_empty() && text.bytes().all(is_word_byte)
}

/// `AIDA…`, `AROA…`: IAM user guide, "Unique identifiers".
fn is_unique_id(text: &str) -> bool {
    let is_id_byte = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    text.starts_with('A') && text.len() >= 16 && text.bytes().all(is_id_byte)
}

fn is_signature_version(text: &str) -> bool {
    text == "-" || text.starts_with("SigV")
}

/// `AuthHeader`, `QueryString`, or `-`, or a word that is new; no host name looks so.
fn is_authentication_type(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// `TLSv1.2` (some lines write `TLSV1.2`), or another protocol's name and version: a line that is cut inside it ends without the
/// version's last digit.
fn is_tls_version(text: &str) -> bool {
    let version = text.trim_start_matches(|first: char| first.is_ascii_alphabetic());
    text == "-"
        || (version.len() < text.len()
            && version.starts_with(|first: char| first.is_ascii_digit())
            && version.ends_with(|last: char| last.is_ascii_digit())
            && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODERN: &str = "v1 aG9zdA+/= SigV4 TLS_AES_128_GCM_SHA256 AuthHeader b.s3.amazonaws.com TLSv1.3";

    #[test]
    fn tails_end_after_18_or_23_to_27_fields_or_later() {
        let tail = parse(MODERN).unwrap();
        assert_eq!((tail.version_id, tail.host_id, tail.tls_version), (Some("v1"), Some("aG9zdA+/="), Some("TLSv1.3")));
        assert_eq!((tail.access_point_arn, tail.further, tail.has_authentication), (None, "", true));
        let tail = parse("-").unwrap();
        assert_eq!((tail.version_id, tail.has_authentication), (None, false));
        assert_eq!(parse("- h - - - b.s3.amazonaws.com").unwrap().host_header, Some("b.s3.amazonaws.com"));
        let arn = "arn:aws:s3:eu-west-1:111122223333:accesspoint/ap";
        let text = format!("{MODERN} {arn} Yes eu-west-1");
        let tail = parse(&text).unwrap();
        assert_eq!((tail.access_point_arn, tail.acl_required, tail.further), (Some(arn), Some("Yes"), ""));
        assert_eq!(tail.source_region, Some("eu-west-1"));
        assert_eq!(parse(&format!("{MODERN} - - eu-west-1 new \"a b\" ")).unwrap().further.len(), "new \"a b\"".len());
        for cut in [2, 3, 4, 5] {
            let fields: Vec<&str> = MODERN.split(' ').take(cut).collect();
            assert_eq!(parse(&fields.join(" ")), None, "{cut}");
        }
    }

    #[test]
    fn a_unique_id_before_the_host_id_belongs_to_it() {
        let tail =
            parse("- AIDAEXAMPLEUSER000001 aG9zdA= SigV4 ECDHE-RSA-AES128-SHA AuthHeader s3.amazonaws.com TLSv1.2").unwrap();
        assert_eq!(tail.host_id, Some("AIDAEXAMPLEUSER000001 aG9zdA="));
        assert_eq!((tail.signature_version, tail.tls_version), (Some("SigV4"), Some("TLSv1.2")));
    }

    #[test]
    fn other_texts_are_no_tail() {
        for text in [
            "",
            "v1 h SigV4 c AuthHeader host TLSv1.",
            "v1 h SigV4 c AuthHeader host nonsense",
            "v1 h Sig c AuthHeader host TLSv1.2",
            "v1 h SigV4 c b.s3.amazonaws.com AuthHeader TLSv1.2",
            "v1 h SigV4 c AuthHeader host TLSv1.2 \"quoted\"",
            "v1 \"h\" SigV4 c AuthHeader host TLSv1.2",
            "v\u{1} h SigV4 c AuthHeader host TLSv1.2",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
