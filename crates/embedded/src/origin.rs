//! Whether a request was sent by somebody here, or by a browser on behalf of a foreign page.
//!
//! What listens on loopback trusts who reaches it. A browser on this machine reaches it too, led by any page: under another name (DNS
//! rebinding), or from another origin. Both show in headers that a page cannot choose.

use auditlake_console::headers::is_loopback_host;
use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue};

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// It names another host: 421.
    Host,
    /// A page of another origin sent it: 403.
    Origin,
}

fn is_loopback_authority(text: &str) -> bool {
    text.parse::<Authority>().is_ok_and(|authority| is_loopback_host(authority.host()))
}

/// Whether an origin is a page that this machine serves.
pub fn is_of_this_machine(origin: &HeaderValue) -> bool {
    let authority = origin.to_str().ok().and_then(|text| text.split_once("://")).map(|(_, authority)| authority);
    authority.is_some_and(is_loopback_authority)
}

/// Refuses what a browser sends on behalf of a foreign page.
pub fn check(headers: &HeaderMap) -> Result<(), Foreign> {
    let names_another = |host: &HeaderValue| !host.to_str().is_ok_and(is_loopback_authority);
    if headers.get_all(HOST).iter().any(names_another) {
        return Err(Foreign::Host);
    }
    if headers.get_all(ORIGIN).iter().any(|origin| !is_of_this_machine(origin)) {
        return Err(Foreign::Origin);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(http::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn foreign_pages_and_rebound_names_are_refused() {
        for good in ["localhost:8787", "127.0.0.1:8787", "[::1]:8787", "LOCALHOST", "127.0.0.1"] {
            assert_eq!(check(&headers(&[(HOST, good)])), Ok(()), "{good}");
        }
        for bad in ["evil.example", "127.0.0.1.evil.example:8787", "localhost.evil.example", "10.0.0.1"] {
            assert_eq!(check(&headers(&[(HOST, bad)])), Err(Foreign::Host), "{bad}");
        }
        assert_eq!(check(&headers(&[(ORIGIN, "http://localhost:8787")])), Ok(()));
        for bad in ["https://evil.example", "null", "http://localhost.evil.example"] {
            assert_eq!(check(&headers(&[(ORIGIN, bad)])), Err(Foreign::Origin), "{bad}");
        }
    }
}
