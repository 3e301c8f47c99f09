//! From where a call came, without the port.

use std::borrow::Cow;

use auditlake_event::address::{canonical_address, forwarded, split_port};

/// The address in `callerIpAddress`: the first of a forwarded list, without a port (`ip:port`, `[v6]:port`, and a text such
/// as `<Redacted>:64758`), canonical. A text that is no address and has no port stays as it is (`XX:2a02:db8::1`).
pub(super) fn caller_address(text: &str) -> Cow<'_, str> {
    let (host, _) = split_port(forwarded(text).next().unwrap_or_default());
    canonical_address(Cow::Borrowed(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_taken_off_and_other_texts_stay() {
        for (text, expected) in [
            ("192.0.2.7:45762", "192.0.2.7"),
            ("192.0.2.7", "192.0.2.7"),
            ("[2001:DB8::42]:11111", "2001:db8::42"),
            ("[2001:db8::42]", "2001:db8::42"),
            ("2001:db8::42", "2001:db8::42"),
            ("2001:db8:1:2:3:4:5:11111", "2001:db8:1:2:3:4:5:11111"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("[::ffff:192.0.2.7]:80", "192.0.2.7"),
            ("<Redacted>:64758", "<Redacted>"),
            ("[redacted]:64758", "[redacted]"),
            ("XX:2001:db8:add:4002:91f2:a9b2:e09a", "XX:2001:db8:add:4002:91f2:a9b2:e09a"),
            ("192.0.2.7:443, 198.51.100.1:80", "192.0.2.7"),
            ("localhost:port", "localhost:port"),
            (":80", ":80"),
            ("", ""),
        ] {
            assert_eq!(caller_address(text), expected, "{text}");
        }
    }
}
