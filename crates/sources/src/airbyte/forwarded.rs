//! Where a request came from: Airbyte keeps the whole header `X-Forwarded-For`, a list of addresses with the first one the
//! client's as far as anybody says.

use std::borrow::Cow;

use auditlake_event::address::first_address;

/// The first address, canonical and without its port; `None` where it says `unknown`.
pub(super) fn client(header: &str) -> Option<Cow<'_, str>> {
    Some(first_address(header)).filter(|first| !first.is_empty() && !first.eq_ignore_ascii_case("unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_address_counts_without_port_and_brackets() {
        for (header, expected) in [
            ("203.0.113.7, 10.0.12.4", Some("203.0.113.7")),
            (" 203.0.113.7:51000,10.0.12.4", Some("203.0.113.7")),
            ("[2001:DB8::1]:443", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("2001:DB8:0::1", Some("2001:db8::1")),
            ("::ffff:192.0.2.1", Some("192.0.2.1")),
            ("192.000.000.0", Some("192.000.000.0")),
            ("_hidden, 192.0.2.1", Some("_hidden")),
            ("unknown, 192.0.2.1", None),
            (" , ", None),
            ("", None),
        ] {
            assert_eq!(client(header).as_deref(), expected, "{header}");
        }
    }
}
