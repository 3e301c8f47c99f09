//! The address at the other end of the connection.

use std::borrow::Cow;
use std::net::SocketAddr;

use auditlake_event::address::canonical_address;

/// The canonical address and the port of `address:port`, as Go writes the peer of a connection (`[…]:port` for IPv6). A text
/// that is something else comes back as it is, without a port.
pub(super) fn split(text: &str) -> (Cow<'_, str>, Option<u16>) {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return (canonical_address(Cow::Owned(address.ip().to_string())), Some(address.port()));
    }
    let host_and_port = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    match host_and_port {
        // A zone with a name (`[fe80::1%eth0]:443`), or a host's name. `::1` alone ends with no port.
        Some((host, port)) if host.starts_with('[') && host.ends_with(']') => (without_brackets(host), Some(port)),
        Some((host, port)) if !host.is_empty() && !host.contains(':') => (Cow::Borrowed(host), Some(port)),
        _ => (without_brackets(text), None),
    }
}

fn without_brackets(text: &str) -> Cow<'_, str> {
    let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    canonical_address(Cow::Borrowed(inside.unwrap_or(text)))
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
            ("[fe80::1%eth0]:443", "fe80::1%eth0", Some(443)),
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
