//! Addresses, as events keep them and as questions compare them.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

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

/// The client's address in what is more than an address: the first of a list that proxies wrote, without its port. `None` if a
/// text is an address already or does not begin with one.
pub fn client_address(text: &str) -> Option<String> {
    let first = text.split(',').next().unwrap_or_default().trim();
    if let Ok(address) = first.parse::<IpAddr>() {
        return (first.len() != text.trim().len()).then(|| address.to_canonical().to_string());
    }
    let bare = first.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).and_then(|inner| inner.parse().ok());
    let address = bare.or_else(|| first.parse::<SocketAddr>().ok().map(|socket| socket.ip()))?;
    Some(address.to_canonical().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_address_of_a_list_counts_and_ports_do_not() {
        for (text, expected) in [
            ("192.0.2.1, 198.51.100.9", Some("192.0.2.1")),
            ("192.0.2.1:8080", Some("192.0.2.1")),
            ("[2001:DB8::1]:443, 192.0.2.1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("192.0.2.1", None),
            (" 192.0.2.1 ", None),
            ("2001:DB8::1", None),
            ("unknown, 192.0.2.1", None),
            ("Berlin, Germany", None),
            ("", None),
        ] {
            assert_eq!(client_address(text).as_deref(), expected, "{text}");
        }
    }

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
