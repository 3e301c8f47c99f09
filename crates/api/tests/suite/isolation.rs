//! No combination of token, cursor, link, path, parameter or header shows a tenant another tenant's row.

use crate::common::{Fixture, organization};
use auditlake_api::Caller;
use bytes::Bytes;
use http::{Method, Request};
use proptest::prelude::*;
use serde_json::json;

/// Stands in every text of the other tenant's events, and nowhere else.
const MARK: &str = "globex-secret";

struct Two {
    fixture: Fixture,
    foreign_cursor: String,
    foreign_links: Vec<String>,
}

async fn two_tenants() -> Two {
    let mut fixture = Fixture::new();
    for number in 0..6 {
        for (tenant, mark) in [("acme", "acme-own"), ("globex", MARK)] {
            let event = json!({
                "event_id": format!("e-{number}"), "organization": tenant, "event_time": "2026-03-01T11:59:00Z", "action": "x",
                "actor_id": mark, "resource_id": format!("{mark}/{number}"), "metadata": {"note": mark},
            });
            assert_eq!(fixture.post_json(event.to_string()).await.0, 202);
        }
    }
    let directory = Request::builder().method(Method::PUT).uri("/v1/directory/actors?organization=globex");
    let directory =
        directory.header("content-type", "text/csv").body(Bytes::from(format!("actor_id,name\n{MARK},{MARK}\n")));
    assert_eq!(fixture.send(directory.unwrap()).await.0.status(), 200);
    let page = fixture.get("/v1/events?organization=globex&limit=2").await.1;
    assert!(page.to_string().contains(MARK), "there is something to see");
    let foreign_cursor = page["next_cursor"].as_str().unwrap().to_owned();
    let foreign_links =
        page["events"].as_array().unwrap().iter().map(|event| event["link"].as_str().unwrap().to_owned()).collect();
    fixture.caller = Caller::tenant(organization("acme"), true, true);
    Two { fixture, foreign_cursor, foreign_links }
}

fn parameters() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let organization = prop::sample::select(vec![
        "",
        "acme",
        "globex",
        "GLOBEX",
        "globex%00",
        "acme,globex",
        "acme&organization=globex",
        "..%2Fglobex",
    ]);
    let others = prop::sample::subsequence(
        vec![
            ("limit", "3"),
            ("wait", "0"),
            ("action", "x"),
            ("source", "api"),
            ("event_id", "e-1"),
            ("cursor", "foreign"),
            ("at", "2026-03-01T11:59:00Z"),
        ],
        0..5,
    );
    (organization, others).prop_map(|(organization, mut others)| {
        if !organization.is_empty() {
            others.push(("organization", organization));
        }
        others
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_tenant_sees_its_own_rows_only(
        path in prop::sample::select(vec!["/v1/events", "/v1/events/e-1", "/v1/events/e-1%3Forganization=globex", "/v1/stats", "/v1/directory/actors", "link", "/v1/events/"]),
        parameters in parameters(),
        headers in prop::sample::subsequence(vec![("x-organization", "globex"), ("x-tenant", "globex"), ("organization", "globex"), ("x-forwarded-host", "globex"), ("authorization", "Bearer globex")], 0..3),
        index in any::<prop::sample::Index>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let two = two_tenants().await;
            let path = if path == "link" { two.foreign_links[index.index(two.foreign_links.len())].clone() } else { path.to_owned() };
            let query: Vec<String> = parameters
                .iter()
                .map(|(name, value)| format!("{name}={}", if *value == "foreign" { two.foreign_cursor.as_str() } else { value }))
                .collect();
            let uri = format!("{path}{}{}", if path.contains('?') { '&' } else { '?' }, query.join("&"));
            for method in [Method::GET, Method::HEAD, Method::DELETE] {
                let mut request = Request::builder().method(method).uri(&uri);
                for (name, value) in &headers {
                    request = request.header(*name, *value);
                }
                let response = two.fixture.api.handle(&two.fixture.caller, request.body(Bytes::new()).unwrap()).await;
                let text = String::from_utf8_lossy(response.body()).into_owned();
                prop_assert!(!text.contains(MARK), "{uri}: {text}");
                for (name, value) in response.headers() {
                    prop_assert!(!String::from_utf8_lossy(value.as_bytes()).contains(MARK), "{uri}: {name}");
                }
            }
            Ok(())
        })?;
    }
}
