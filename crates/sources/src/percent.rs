//! Percent-encoding, as URLs and the names in logs use it.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// The bytes of a percent-encoded text. A `%` that no two hexadecimal digits follow stands for itself; `+` is a space if
/// `plus_is_space`.
pub(crate) fn decoded_bytes(text: &[u8], plus_is_space: bool) -> Cow<'_, [u8]> {
    if !plus_is_space || !text.contains(&b'+') {
        return percent_decode(text).into();
    }
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    Cow::Owned(percent_decode(&spaced).collect())
}

/// The text of a percent-encoded text, if it is UTF-8.
pub(crate) fn decoded(text: &str, plus_is_space: bool) -> Option<Cow<'_, str>> {
    match decoded_bytes(text.as_bytes(), plus_is_space) {
        Cow::Borrowed(_) => Some(Cow::Borrowed(text)),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// The value of a parameter of a query (what follows `?`), decoded; `None` where it is not there or not UTF-8.
pub(crate) fn parameter<'q>(query: &'q str, name: &str) -> Option<Cow<'q, str>> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, value) = pairs.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    decoded(value, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_and_nothing_else() {
        for (text, plus, expected) in [
            ("a%20b+c", true, "a b c"),
            ("a%20b+c", false, "a b+c"),
            ("%7B%22%C3%A9%22%7d", false, "{\"é\"}"),
            ("100%", false, "100%"),
            ("%4", false, "%4"),
            ("%zz%41", false, "%zzA"),
            ("plain", true, "plain"),
        ] {
            assert_eq!(decoded(text, plus).as_deref(), Some(expected));
        }
        assert_eq!(decoded("%ff", false), None);
        assert_eq!(decoded_bytes(b"%ff", false).as_ref(), b"\xff");
    }

    #[test]
    fn parameters_are_found_by_name() {
        let query = "list-type=2&Prefix=a%2Fb+c&flag";
        assert_eq!(parameter(query, "prefix").as_deref(), Some("a/b c"));
        assert_eq!(parameter(query, "flag").as_deref(), Some(""));
        assert_eq!(parameter(query, "fla"), None);
    }
}
