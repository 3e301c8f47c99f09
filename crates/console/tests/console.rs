//! The console as a browser meets it, without a server.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test should say so at once")]

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use auditlake_console::{Console, Mode, Organizations, Settings, SignIn};
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};

fn settings(mode: Mode) -> Settings {
    Settings {
        mode,
        organization: None,
        must_name_organization: false,
        contact: None,
        sign_in: None,
        connect_origins: Vec::new(),
    }
}

fn console() -> Console {
    Console::new(settings(Mode::Local)).unwrap()
}

async fn ask(console: &Console, method: Method, path: &str, headers: &[(HeaderName, &str)]) -> Response<Bytes> {
    assert!(Console::owns(path), "{path}");
    let headers: HeaderMap =
        headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect();
    console.answer(&method, path, &headers).await
}

async fn get(path: &str) -> Response<Bytes> {
    ask(&console(), Method::GET, path, &[]).await
}

/// The built files as they lie on disk, by the paths they are asked for under.
fn built() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../console/dist");
    let mut files = vec![("/".to_owned(), std::fs::read(folder.join("index.html")).unwrap())];
    files.push(("/favicon.svg".to_owned(), std::fs::read(folder.join("favicon.svg")).unwrap()));
    for entry in std::fs::read_dir(folder.join("assets")).unwrap() {
        let path = entry.unwrap().path();
        files.push((format!("/assets/{}", path.file_name().unwrap().to_str().unwrap()), std::fs::read(&path).unwrap()));
    }
    files
}

#[tokio::test]
async fn every_built_file_is_answered_as_it_was_built_plain_and_in_gzip() {
    for (path, content) in built() {
        let response = get(&path).await;
        assert_eq!((response.status().as_u16(), response.body().as_ref()), (200, content.as_slice()), "{path}");
        assert!(!response.headers().contains_key("content-encoding"));
        let response = ask(&console(), Method::GET, &path, &[(ACCEPT_ENCODING, "gzip, br")]).await;
        let mut inflated = Vec::new();
        match response.headers().get("content-encoding") {
            Some(encoding) => {
                assert_eq!(
                    (encoding, &response.headers()["vary"]),
                    (&"gzip".parse().unwrap(), &"accept-encoding".parse().unwrap())
                );
                flate2::read::GzDecoder::new(response.body().as_ref()).read_to_end(&mut inflated).unwrap();
                assert!(response.body().len() < content.len());
            }
            None => inflated.extend_from_slice(response.body()),
        }
        assert_eq!(inflated, content, "{path}");
    }
}

#[tokio::test]
async fn what_the_page_loads_is_there_and_has_the_type_a_strict_browser_asks_for() {
    let page = get("/").await;
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let text = String::from_utf8(page.body().to_vec()).unwrap();
    let loaded: Vec<&str> =
        text.split(['"', '\'']).filter(|part| part.starts_with("./assets/") || part.starts_with("/assets/")).collect();
    assert!(!loaded.is_empty(), "{text}");
    for reference in loaded {
        let path = reference.trim_start_matches('.');
        let asset = get(path).await;
        assert_eq!(asset.status(), 200, "{path}");
        let expected = if path.ends_with(".css") { "text/css; charset=utf-8" } else { "text/javascript; charset=utf-8" };
        assert_eq!(asset.headers()["content-type"], expected, "{path}");
        assert_eq!(asset.headers()["cache-control"], "public, max-age=31536000, immutable");
    }
    assert_eq!(get("/favicon.svg").await.headers()["content-type"], "image/svg+xml");
}

#[tokio::test]
async fn the_page_is_asked_for_anew_and_answered_304_if_it_is_the_same() {
    let page = get("/").await;
    assert_eq!(page.headers()["cache-control"], "no-cache");
    let tag = page.headers()["etag"].to_str().unwrap().to_owned();
    let again = ask(&console(), Method::GET, "/", &[(IF_NONE_MATCH, &tag)]).await;
    assert_eq!((again.status().as_u16(), again.body().len()), (304, 0));
    assert!(again.headers().contains_key("content-security-policy"));
    assert_eq!(ask(&console(), Method::GET, "/", &[(IF_NONE_MATCH, "\"other\"")]).await.status(), 200);
}

#[tokio::test]
async fn what_is_no_file_is_404_and_nothing_outside_the_build_can_be_reached() {
    for path in [
        "/assets/none.js",
        "/assets/",
        "/assets/../index.html",
        "/assets/%2e%2e/index.html",
        "/assets//etc/passwd",
        "/assets/a\0",
    ] {
        assert_eq!(get(path).await.status(), 404, "{path}");
    }
    for other in ["/v1/events", "/openapi.json", "/index.html", "/assets", "/favicon.ico", "", "/console.json/x", "//"] {
        assert!(!Console::owns(other), "{other}");
    }
}

#[tokio::test]
async fn other_methods_are_refused_and_head_is_get_without_its_body() {
    for path in ["/", "/console.json", "/favicon.svg"] {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let response = ask(&console(), method, path, &[]).await;
            assert_eq!((response.status().as_u16(), &response.headers()["allow"]), (405, &"GET, HEAD".parse().unwrap()));
        }
        let (head, get) = (ask(&console(), Method::HEAD, path, &[]).await, get(path).await);
        assert_eq!((head.status(), head.body().len()), (get.status(), 0));
        assert_eq!(head.headers()["content-length"], get.body().len().to_string().as_str());
        assert_eq!(head.headers()["content-type"], get.headers()["content-type"]);
    }
}

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

#[tokio::test]
async fn every_answer_is_guarded() {
    for (path, status) in [("/", 200), ("/console.json", 200), ("/favicon.svg", 200), ("/assets/none.js", 404)] {
        let response = get(path).await;
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(header("content-security-policy"), POLICY);
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        assert!(header("permissions-policy").contains("camera=()"));
        assert!(!response.headers().contains_key("strict-transport-security"), "loopback has no TLS");
    }
    let deployed = ask(&Console::new(settings(Mode::Deployed)).unwrap(), Method::GET, "/", &[]).await;
    assert_eq!(deployed.headers()["strict-transport-security"], "max-age=31536000");
}

#[tokio::test]
async fn the_policy_names_the_issuer_and_the_configured_origins_and_nothing_can_be_slipped_into_it() {
    let sign_in = SignIn::new("https://id.example/realms/a", "console", None, &["console".to_owned(), "lake".to_owned()]);
    assert_eq!((sign_in.audience.as_deref(), sign_in.scope.as_str()), (Some("lake"), "openid profile email"));
    let mut settings = settings(Mode::Deployed);
    settings.sign_in = Some(sign_in);
    settings.connect_origins = vec!["https://tokens.example".to_owned(), "https://id.example".to_owned()];
    let page = ask(&Console::new(settings.clone()).unwrap(), Method::GET, "/", &[]).await;
    let expected = POLICY.replace("connect-src 'self'", "connect-src 'self' https://id.example https://tokens.example");
    assert_eq!(page.headers()["content-security-policy"], expected);
    for bad in ["*", "https://a b", "https://a;script-src", "https://a'", "http://elsewhere.example", "data:", ""] {
        settings.connect_origins = vec![bad.to_owned()];
        assert!(Console::new(settings.clone()).is_err(), "{bad}");
    }
}

struct Two;

#[async_trait]
impl Organizations for Two {
    async fn names(&self) -> Vec<String> {
        vec!["acme".to_owned(), "globex".to_owned()]
    }
}

#[tokio::test]
async fn the_settings_are_as_agreed_with_the_page() {
    let settings = Settings {
        organization: Some("acme".to_owned()),
        must_name_organization: true,
        contact: Some("security@acme.example".to_owned()),
        ..settings(Mode::Local)
    };
    let console = Console::new(settings).unwrap().with_organizations(Arc::new(Two));
    let response = ask(&console, Method::GET, "/console.json", &[]).await;
    assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let expected = format!(
        r#"{{"version":"{}","mode":"local","organization":"acme","organizations":["acme","globex"],"must_name_organization":true,"contact":"security@acme.example","oidc":null}}"#,
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(response.body(), &expected);
}
