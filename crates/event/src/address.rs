//! Addresses, as events keep them and as questions compare them.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

/// The address of a text that holds nothing else but, behind IPv6, a zone (`fe80::1%eth0`), which says something only on the
/// machine that wrote it.
fn parse_address(text: &str) -> Option<IpAddr> {
    match text.split_once('%') {
        Some((address, zone)) if !zone.is_empty() => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => text.parse().ok(),
    }
}

/// An IP address in its canonical text (RFC 5952; IPv4-mapped ones as IPv4; without a zone); any other text as it is.
pub fn canonical_address(text: Cow<'_, str>) -> Cow<'_, str> {
    match parse_address(&text) {
        // A text that parses as IPv4 is canonical: no other text of the address does.
        Some(IpAddr::V4(_)) | None => text,
        Some(address) => {
            let canonical = address.to_canonical().to_string();
            if canonical == text { text } else { Cow::Owned(canonical) }
        }
    }
}

/// The entries of a list that proxies wrote (`X-Forwarded-For`: the client's address first, as far as anybody says), without
/// those that are empty.
pub fn forwarded(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

/// Whether a text is a list, as proxies write it.
pub fn is_list(text: &str) -> bool {
    text.contains(',')
}

/// A host and its port as they are written together: `host:port`, `[IPv6]:port`, and the same without a port. The brackets of an
/// address are taken off. A text that says neither comes back as it is: an IPv6 address without brackets has no port, however it
/// ends.
pub fn split_port(text: &str) -> (&str, Option<u16>) {
    if text.parse::<IpAddr>().is_ok() {
        return (text, None);
    }
    let host_and_port = text.rsplit_once(':').and_then(|(host, port)| Some((host, port_number(port)?)));
    match host_and_port {
        Some((host, port)) if host.ends_with(']') || (!host.is_empty() && !host.contains(':')) => {
            (without_brackets(host), Some(port))
        }
        _ => (without_brackets(text), None),
    }
}

fn port_number(text: &str) -> Option<u16> {
    // `+80` would be a number too.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// What is in the brackets of an address, with a zone too (`[fe80::1%eth0]`); a word in brackets keeps them (`[redacted]`).
fn without_brackets(host: &str) -> &str {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.filter(|inner| inner.contains(':') || inner.parse::<IpAddr>().is_ok()).unwrap_or(host)
}

/// The first entry of a list that proxies wrote: an address canonical and without its port, anything else as it is.
pub fn first_address(list: &str) -> Cow<'_, str> {
    let first = forwarded(list).next().unwrap_or_default();
    match split_port(first) {
        (host, _) if parse_address(host).is_some() => canonical_address(Cow::Borrowed(host)),
        _ => Cow::Borrowed(first),
    }
}

/// The client's address in what is more than an address: the first of a list that proxies wrote, without its port, brackets and
/// zone. `None` if a text is an address already or does not begin with one.
pub fn client_address(text: &str) -> Option<String> {
    let (host, _) = split_port(forwarded(text).next()?);
    let address = parse_address(host)?;
    text.trim().parse::<IpAddr>().is_err().then(|| address.to_canonical().to_string())
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
            ("fe80::1%eth0", Some("fe80::1")),
            ("[FE80::1%25en0]:443", Some("fe80::1")),
            ("192.0.2.1%eth0", None),
            ("fe80::1%", None),
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
    fn ports_and_brackets_are_taken_off_and_other_texts_stay() {
        for (text, host, port) in [
            ("192.0.2.7", "192.0.2.7", None),
            ("192.0.2.7:51234", "192.0.2.7", Some(51234)),
            ("192.0.2.7:99999", "192.0.2.7:99999", None),
            ("192.0.2.7:+80", "192.0.2.7:+80", None),
            ("192.0.2.7:", "192.0.2.7:", None),
            ("[192.0.2.7]", "192.0.2.7", None),
            ("2001:db8::1", "2001:db8::1", None),
            ("2001:db8:1:2:3:4:5:11111", "2001:db8:1:2:3:4:5:11111", None),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("[2001:DB8:0::1]:443", "2001:DB8:0::1", Some(443)),
            ("[::ffff:192.0.2.7]:80", "::ffff:192.0.2.7", Some(80)),
            ("[fe80::1%eth0]:443", "fe80::1%eth0", Some(443)),
            ("balancer.example.com:8000", "balancer.example.com", Some(8000)),
            ("localhost:port", "localhost:port", None),
            ("<Redacted>:64758", "<Redacted>", Some(64758)),
            ("[redacted]:64758", "[redacted]", Some(64758)),
            ("[private]", "[private]", None),
            ("XX:2001:db8:add:4002:91f2:a9b2:e09a", "XX:2001:db8:add:4002:91f2:a9b2:e09a", None),
            ("@", "@", None),
            (":80", ":80", None),
            ("", "", None),
        ] {
            assert_eq!(split_port(text), (host, port), "{text}");
        }
    }

    #[test]
    fn the_first_address_of_a_list_is_canonical_and_words_stay() {
        for (list, expected) in [
            ("203.0.113.7, 10.0.12.4", "203.0.113.7"),
            (" 203.0.113.7:51000,10.0.12.4", "203.0.113.7"),
            (", 203.0.113.7", "203.0.113.7"),
            ("192.0.2.7:443, 198.51.100.1:80", "192.0.2.7"),
            ("[2001:DB8::1]:443", "2001:db8::1"),
            ("[2001:DB8:0:0::1]", "2001:db8::1"),
            ("2001:DB8:0:0::1", "2001:db8::1"),
            ("0:0:0:0:0:0:0:1", "::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("[::ffff:192.0.2.7]:80", "192.0.2.7"),
            ("[fe80::1%eth0]:443", "fe80::1"),
            ("192.000.000.0", "192.000.000.0"),
            ("_hidden, 192.0.2.1", "_hidden"),
            ("gce-internal-ip", "gce-internal-ip"),
            ("[private]", "[private]"),
            ("a:80", "a:80"),
            (" , ", ""),
            ("", ""),
        ] {
            assert_eq!(first_address(list), expected, "{list}");
        }
    }

    #[test]
    fn addresses_have_one_text_and_other_texts_stay() {
        for (text, expected) in [
            ("2001:DB8:0:0::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("192.0.2.1", "192.0.2.1"),
            ("FE80::1%eth0", "fe80::1"),
            ("cloudtrail.amazonaws.com", "cloudtrail.amazonaws.com"),
            ("192.0.2.01", "192.0.2.01"),
        ] {
            assert_eq!(canonical_address(Cow::Borrowed(text)), expected);
        }
    }
}
