//! A served lake with and without tokens, asked over HTTP: the API, and the console beside it.

use auditlake_api::claims::{ClaimNames, READ, WRITE};
use auditlake_embedded::serve::{self, ConsoleSettings, Serving, Settings};
use auditlake_embedded::tokens::TokenSettings;
use auditlake_event::{Organization, Region};
use auditlake_lake::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use super::issuer::{Issuer, Key};

struct Served {
    serving: Serving,
    directory: tempfile::TempDir,
}

struct Answer {
    status: u16,
    headers: ureq::http::HeaderMap,
    body: Value,
}

impl Served {
    async fn start(tokens: Option<TokenSettings>, console: ConsoleSettings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let acme = Organization::parse("acme").unwrap();
        let region = Region::parse("eu-west-1").unwrap();
        let settings = Settings { tokens, console, ..Settings::on_free_ports(directory.path().to_owned(), acme, region) };
        Self { serving: serve::start(settings).await.unwrap(), directory }
    }

    async fn call(&self, method: &'static str, path: &str, token: Option<&str>, body: Option<Value>) -> Answer {
        let url = format!("http://{}{path}", self.serving.api_address);
        let token = token.map(|token| format!("Bearer {token}"));
        let called = tokio::task::spawn_blocking(move || {
            let agent = ureq::Agent::from(ureq::Agent::config_builder().http_status_as_error(false).build());
            let mut request = ureq::http::Request::builder().method(method).uri(url);
            if let Some(token) = token {
                request = request.header("authorization", token);
            }
            let mut response = match body {
                Some(body) => {
                    agent.run(request.header("content-type", "application/json").body(body.to_string()).unwrap()).unwrap()
                }
                None => agent.run(request.body(()).unwrap()).unwrap(),
            };
            let text = response.body_mut().read_to_string().unwrap();
            let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
            Answer { status: response.status().as_u16(), headers: response.headers().clone(), body }
        });
        called.await.unwrap()
    }

    async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        self.call("GET", path, token, None).await
    }
}

fn token(key: &Key, issuer: &Issuer, tenant: &str, permissions: &[&str]) -> String {
    let expires = SystemClock.now().millis() / 1_000 + 600;
    key.sign(&json!({
        "iss": issuer.url, "aud": ["lake"], "exp": expires, "sub": format!("user of {tenant}"), "email": format!("u@{tenant}.example"),
        "tenant": tenant, "permissions": permissions,
    }))
}

fn tokens_of(issuer: &Issuer) -> TokenSettings {
    let names = ClaimNames { operator: Some("operate".to_owned()), ..ClaimNames::default() };
    TokenSettings { issuer: issuer.url.clone(), audiences: vec!["lake".to_owned()], names }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_tokens_each_tenant_has_its_own_log_and_refusals_are_in_it() {
    let key = Key::rsa("k");
    let issuer = Issuer::start(&[&key]);
    let served = Served::start(Some(tokens_of(&issuer)), ConsoleSettings::default()).await;
    let acme = token(&key, &issuer, "acme", &[READ, WRITE]);
    let globex = token(&key, &issuer, "globex", &[READ]);
    let blind = token(&key, &issuer, "acme", &[]);

    let event = json!({"event_id": "first", "event_time": SystemClock.now(), "action": "role_assign", "outcome": "success"});
    assert_eq!(served.call("POST", "/v1/events", Some(&acme), Some(event.clone())).await.status, 202);
    let page = served.get("/v1/events?source=api", Some(&acme)).await;
    assert_eq!((page.status, page.body["events"].as_array().map(Vec::len)), (200, Some(1)), "{}", page.body);
    assert_eq!(page.body["events"][0]["organization"], "acme");

    for (method, path) in [
        ("GET", "/v1/events"),
        ("GET", "/v1/events/first"),
        ("GET", "/v1/stats"),
        ("GET", "/v1/status"),
        ("GET", "/v1/queries/x"),
        ("GET", "/v1/exports/x"),
        ("GET", "/v1/directory/actors"),
        ("DELETE", "/v1/queries/x"),
        ("PUT", "/v1/directory/actors"),
        ("POST", "/v1/events"),
        ("POST", "/v1/exports"),
    ] {
        let body = matches!(method, "POST" | "PUT").then(|| event.clone());
        for token in [None, Some("no.valid.token")] {
            let refused = served.call(method, path, token, body.clone()).await;
            assert_eq!(
                (refused.status, &refused.body["type"]),
                (401, &json!("urn:auditlake:problem:unauthorized")),
                "{method} {path}"
            );
            assert!(refused.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"), "{method} {path}");
            assert_eq!(refused.headers["content-type"], "application/problem+json; charset=utf-8");
        }
    }

    assert_eq!(served.get("/v1/events?organization=acme", Some(&globex)).await.status, 403);
    assert_eq!(served.get("/v1/events?organization=acme&source=api", Some(&globex)).await.status, 403);
    let theirs = served.get("/v1/events?source=api", Some(&globex)).await;
    assert_eq!((theirs.status, &theirs.body["events"]), (200, &json!([])));
    assert_eq!(served.call("POST", "/v1/events", Some(&globex), Some(event)).await.status, 403);

    assert_eq!(served.get("/v1/events", Some(&blind)).await.status, 403);
    let refusals = served.get("/v1/events?action=permission_check&outcome=denied", Some(&acme)).await;
    let refused = &refusals.body["events"][0];
    assert_eq!(
        (&refused["actor_id"], &refused["actor_email"]),
        (&json!("user of acme"), &json!("u@acme.example")),
        "{}",
        refusals.body
    );
    assert_eq!(
        refusals.body["events"].as_array().unwrap().len(),
        1,
        "globex's refusals are in globex's log: {}",
        refusals.body
    );
    let operator = token(&key, &issuer, "nobody", &["operate"]);
    assert_eq!(served.get("/v1/events", Some(&operator)).await.status, 400, "an operator names the organization");
    let reads = served.get("/v1/events?organization=acme&action=audit_log_query", Some(&operator)).await;
    assert_eq!(reads.body["events"][0]["actor_id"], "user of acme", "reads are recorded: {}", reads.body);
    served.serving.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_tokens_the_page_its_settings_and_the_description_need_none_and_name_no_tenant() {
    let key = Key::ec("k");
    let issuer = Issuer::start(&[&key]);
    let console = ConsoleSettings {
        client_id: Some("console".to_owned()),
        scope: "openid".to_owned(),
        connect_origins: vec!["https://tokens.example/oauth2/token".to_owned()],
        contact: Some("security@acme.example".to_owned()),
    };
    let served = Served::start(Some(tokens_of(&issuer)), console).await;
    let acme = token(&key, &issuer, "acme", &[WRITE]);
    let event = json!({"event_time": SystemClock.now(), "action": "x"});
    assert_eq!(served.call("POST", "/v1/events", Some(&acme), Some(event)).await.status, 202);

    let settings = served.get("/console.json", None).await;
    assert_eq!(settings.status, 200);
    assert_eq!(
        settings.body,
        json!({
            "version": env!("CARGO_PKG_VERSION"), "mode": "local", "organization": null, "organizations": [],
            "must_name_organization": false, "contact": "security@acme.example",
            "oidc": {"issuer": issuer.url, "client_id": "console", "scope": "openid", "audience": "lake"},
        })
    );
    let page = served.get("/", None).await;
    assert_eq!((page.status, &page.headers["content-type"]), (200, &"text/html; charset=utf-8".parse().unwrap()));
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains(&format!("connect-src 'self' {} https://tokens.example;", issuer.url)), "{policy}");
    assert_eq!(served.get("/openapi.json", None).await.status, 200);
    assert_eq!(served.get("/else", None).await.status, 404);
    let preflight = served.call("OPTIONS", "/v1/events", None, None).await;
    assert_eq!((preflight.status, preflight.body), (204, json!("")));
    served.serving.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_tokens_the_page_is_told_whose_logs_there_are() {
    let served = Served::start(None, ConsoleSettings::default()).await;
    let expected = |organizations: &[&str]| {
        json!({
            "version": env!("CARGO_PKG_VERSION"), "mode": "local", "organization": "acme", "organizations": organizations,
            "must_name_organization": true, "contact": null, "oidc": null,
        })
    };
    assert_eq!(served.get("/console.json", None).await.body, expected(&[]));
    let event = |organization: &str| json!({"organization": organization, "event_time": SystemClock.now(), "action": "x"});
    let events = json!([event("globex"), event("acme"), event("globex")]);
    assert_eq!(served.call("POST", "/v1/events", None, Some(events)).await.status, 202);
    // Refused: it must not be named.
    assert_eq!(
        served.call("POST", "/v1/events", None, Some(json!({"organization": "initech", "action": "x"}))).await.status,
        422
    );
    for folder in ["organization=org-sealed", "organization=org-acme", "organization=NO", "else"] {
        std::fs::create_dir_all(served.directory.path().join("digests").join(folder)).unwrap();
    }
    assert_eq!(served.get("/console.json", None).await.body, expected(&["acme", "globex", "sealed"]));
    assert_eq!(served.get("/v1/events", None).await.status, 200);
    served.serving.stop().await;
}
