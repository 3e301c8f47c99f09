//! From where a call was made, and its HTTP request.

use std::borrow::Cow;

use auditlake_event::address;

use crate::json::Json;
use crate::secret::without_secrets;

use super::entry::{Entry, text_at};

/// From where a call was made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Origin<'r> {
    pub address: Option<Cow<'r, str>>,
    /// The text the address is the first of, if it is a list.
    pub address_list: Option<&'r str>,
    pub user_agent: Option<&'r str>,
    pub request_id: Option<&'r str>,
    pub http_method: Option<&'r str>,
    pub http_path: Option<&'r str>,
    pub http_status: Option<i32>,
}

/// Reads the origin: `requestMetadata`, and where it does not say, the entry's `httpRequest`. `callerIp` may be a word
/// (`private`, `gce-internal-ip`), which is kept. The request's id is `requestAttributes.id`, or the one that a service
/// (Identity-Aware Proxy) states in its `metadata`.
pub(super) fn of<'r>(entry: &Entry<'r>) -> Origin<'r> {
    let metadata = entry.audit_log.get_any_case("requestMetadata");
    let attributes = metadata.and_then(|metadata| metadata.get_any_case("requestAttributes"));
    let http = entry.record.get_any_case("httpRequest");
    let text = |value: Option<&'r Json<'r>>, name: &str| text_at(value?, name);
    let caller = text(metadata, "callerIp").or_else(|| text(http, "remoteIp"));
    let of_service = || ["request_id", "requestId"].iter().find_map(|name| text(entry.metadata, name));
    let status = text(http, "status").and_then(|status| status.parse().ok());
    Origin {
        address: caller.map(first_address),
        address_list: caller.filter(|caller| address::is_list(caller)),
        user_agent: text(metadata, "callerSuppliedUserAgent").or_else(|| text(http, "userAgent")),
        request_id: text(attributes, "id").or_else(of_service),
        http_method: text(http, "requestMethod").or_else(|| text(attributes, "method")),
        http_path: text(http, "requestUrl").map(path_of).or_else(|| text(attributes, "path")),
        http_status: status.filter(|status| (100..600).contains(status)),
    }
}

/// The first address of a list, without its port, in its canonical text; a word stays, without secrets.
fn first_address(text: &str) -> Cow<'_, str> {
    match address::first_address(text) {
        // What is no address may be anything.
        Cow::Borrowed(text) => without_secrets(text),
        canonical => canonical,
    }
}

/// The path and query of a URL.
fn path_of(url: &str) -> &str {
    let Some((_, rest)) = url.split_once("://") else { return url };
    rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_ports_and_lists_and_words_stay() {
        for (text, expected, is_list) in [
            ("192.0.2.1", "192.0.2.1", false),
            ("192.0.2.1:443", "192.0.2.1", false),
            ("[2001:db8::1]:443", "2001:db8::1", false),
            ("[2001:DB8:0:0::1]", "2001:db8::1", false),
            ("2001:DB8:0:0::1", "2001:db8::1", false),
            ("0:0:0:0:0:0:0:1", "::1", false),
            ("::ffff:192.0.2.1", "192.0.2.1", false),
            ("192.0.2.1, 198.51.100.2", "192.0.2.1", true),
            ("private", "private", false),
            ("gce-internal-ip", "gce-internal-ip", false),
            ("[private]", "[private]", false),
            ("a:80", "a:80", false),
        ] {
            assert_eq!((first_address(text), address::is_list(text)), (Cow::Borrowed(expected), is_list), "{text}");
        }
    }

    #[test]
    fn paths_are_what_follows_the_host() {
        for (url, path) in [
            ("https://example.com/a/b?c=d", "/a/b?c=d"),
            ("https://example.com?c=d", "?c=d"),
            ("https://example.com", "/"),
            ("/a", "/a"),
        ] {
            assert_eq!(path_of(url), path);
        }
    }
}
