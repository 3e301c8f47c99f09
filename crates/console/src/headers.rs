//! The headers of every answer of the console: what a browser must not do with it.

use bytes::Bytes;
use http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderValue, Response, Uri};

use crate::settings::{Mode, Settings};

/// An address that has no origin that a policy could name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no origin: it must be https://<host>, or http:// on loopback, with a port if need be")]
pub struct InvalidOrigin(pub String);

/// What needs no setting.
const FIXED: [(HeaderName, &str); 6] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // The clipboard stays: the page copies events to it when asked to.
    (
        HeaderName::from_static("permissions-policy"),
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), \
         midi=(), payment=(), publickey-credentials-get=(), screen-wake-lock=(), usb=(), xr-spatial-tracking=()",
    ),
];

/// A year: who has reached the page by TLS once does not go without.
const TRANSPORT_SECURITY: &str = "max-age=31536000";

/// Whether a host, without its port, is this machine under a name that nobody else can give it.
#[must_use]
pub fn is_loopback_host(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The origin of an `https` URL, or of an `http` URL on loopback.
pub fn origin_of(url: &str) -> Result<String, InvalidOrigin> {
    let invalid = || InvalidOrigin(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| invalid())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(invalid()) };
    let host = authority.host();
    let is_allowed = scheme == "https" || (scheme == "http" && is_loopback_host(host));
    // An authority may hold a user's name, and marks that would end a directive; a host and its port hold neither.
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
    if !is_allowed || host.is_empty() || !is_plain(authority.as_str()) {
        return Err(invalid());
    }
    Ok(format!("{scheme}://{authority}"))
}

fn content_security_policy(settings: &Settings) -> Result<String, InvalidOrigin> {
    let mut connect = vec!["'self'".to_owned()];
    let issuer = settings.sign_in.iter().map(|sign_in| sign_in.issuer.as_str());
    for url in issuer.chain(settings.connect_origins.iter().map(String::as_str)) {
        let origin = origin_of(url)?;
        if !connect.contains(&origin) {
            connect.push(origin);
        }
    }
    let connect = connect.join(" ");
    Ok(format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src {connect}; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ))
}

/// The headers, made once.
pub(crate) struct SecurityHeaders {
    pairs: Vec<(HeaderName, HeaderValue)>,
}

impl SecurityHeaders {
    pub(crate) fn of(settings: &Settings) -> Result<Self, InvalidOrigin> {
        let mut pairs: Vec<_> = FIXED.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
        let policy = content_security_policy(settings)?;
        let value = HeaderValue::from_str(&policy).map_err(|_| InvalidOrigin(policy))?;
        pairs.push((CONTENT_SECURITY_POLICY, value));
        if settings.mode == Mode::Deployed {
            pairs.push((STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TRANSPORT_SECURITY)));
        }
        Ok(Self { pairs })
    }

    pub(crate) fn set(&self, response: &mut Response<Bytes>) {
        for (name, value) in &self.pairs {
            response.headers_mut().insert(name.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_taken_out_of_an_url_and_nothing_else_is_one() {
        for (url, origin) in [
            ("https://id.example/realms/a?x=1", "https://id.example"),
            ("https://id.example:8443/", "https://id.example:8443"),
            ("http://127.0.0.1:9000/i", "http://127.0.0.1:9000"),
            ("http://[::1]:9000", "http://[::1]:9000"),
        ] {
            assert_eq!(origin_of(url).unwrap(), origin);
        }
        for bad in [
            "http://id.example",
            "id.example",
            "https://",
            "https://u@id.example",
            "https://a;b",
            "javascript:x",
            "https://*",
            "",
        ] {
            assert!(origin_of(bad).is_err(), "{bad}");
        }
    }
}
