//! The address at the other end of the connection.

use std::borrow::Cow;

use auditlake_event::address::{canonical_address, split_port};

/// The canonical address and the port of `address:port`, as Go writes the peer of a connection (`[…]:port` for IPv6). A text
/// that is something else comes back as it is, without a port.
pub(super) fn split(text: &str) -> (Cow<'_, str>, Option<u16>) {
    let (host, port) = split_port(text);
    (canonical_address(Cow::Borrowed(host)), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_stripped_and_nothing_else() {
        for (text, address, port) in [
            ("192.0.2.7:51234", "192.0.2.7", Some(51234)),
            ("[2001:DB8:0::1]:443", "2001:db8::1", Some(443)),
            ("[::ffff:192.0.2.7]:80", "192.0.2.7", Some(80)),
            ("[fe80::1%eth0]:443", "fe80::1", Some(443)),
            ("192.0.2.7", "192.0.2.7", None),
            ("2001:db8::1", "2001:db8::1", None),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("balancer.example.com:8000", "balancer.example.com", Some(8000)),
            ("@", "@", None),
            (":80", ":80", None),
            ("192.0.2.7:99999", "192.0.2.7:99999", None),
        ] {
            assert_eq!(split(text), (Cow::Borrowed(address), port), "{text}");
        }
    }
}
