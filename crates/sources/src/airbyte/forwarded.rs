//! Where a request came from: Airbyte keeps the whole header `X-Forwarded-For`, a list of addresses with the first one the
//! client's as far as anybody says.

use std::borrow::Cow;
use std::net::SocketAddr;

use auditlake_event::address::canonical_address;

/// The addresses of the header, as they stand there.
pub(super) fn addresses(header: &str) -> impl Iterator<Item = &str> {
    header.split(',').map(str::trim).filter(|address| !address.is_empty())
}

/// The first address, canonical and without its port; `None` where it says `unknown`.
pub(super) fn client(header: &str) -> Option<Cow<'_, str>> {
    let first = addresses(header).next().filter(|first| !first.eq_ignore_ascii_case("unknown"))?;
    let in_brackets = first.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    Some(match first.parse::<SocketAddr>() {
        Ok(address) => Cow::Owned(address.ip().to_canonical().to_string()),
        Err(_) => canonical_address(Cow::Borrowed(in_brackets.unwrap_or(first))),
    })
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
