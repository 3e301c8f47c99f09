//! Addresses, as events keep them and as questions compare them.

use std::borrow::Cow;
use std::net::IpAddr;

/// An IP address in its canonical text (RFC 5952; IPv4-mapped ones as IPv4); any other text as it is.
pub fn canonical_address(text: Cow<'_, str>) -> Cow<'_, str> {
    match text.parse::<IpAddr>() {
        // A text that parses as IPv4 is canonical: no other text of the address does.
        Ok(IpAddr::V4(_)) | Err(_) => text,
        Ok(address) => {
            let canonical = address.to_canonical().to_string();
            if canonical == text { text } else { Cow::Owned(canonical) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_text_and_other_texts_stay() {
        for (text, expected) in [
            ("2001:DB8:0:0::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("192.0.2.1", "192.0.2.1"),
            ("cloudtrail.amazonaws.com", "cloudtrail.amazonaws.com"),
            ("192.0.2.01", "192.0.2.01"),
        ] {
            assert_eq!(canonical_address(Cow::Borrowed(text)), expected);
        }
    }
}
