//! The document says what there is: every call in it is answered, and every filter in it is known.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test should say so at once")]

mod common;

use bytes::Bytes;
use common::Fixture;
use http::{Method, Request};
use serde_json::Value;

async fn document(fixture: &Fixture) -> Value {
    let (status, document) = fixture.get("/openapi.json").await;
    assert_eq!(status, 200);
    document
}

#[tokio::test]
async fn every_call_in_the_document_is_routed_and_no_other_method_is() {
    let fixture = Fixture::new();
    let document = document(&fixture).await;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            let is_listed = item.get(method.to_ascii_lowercase()).is_some();
            let uri = path.replace("{id}", "x");
            let request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(&uri);
            let (response, answer) = fixture.send(request.body(Bytes::new()).unwrap()).await;
            assert_eq!(response.status() != 405, is_listed, "{method} {path}: {}", response.status());
            assert_ne!(answer["detail"], "there is nothing at this path; the API lies under /v1", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_parameter_of_a_list_is_known_and_its_schemas_resolve() {
    let fixture = Fixture::new();
    let document = document(&fixture).await;
    for path in ["/v1/events", "/v1/stats"] {
        for parameter in document["paths"][path]["get"]["parameters"].as_array().unwrap() {
            let name = parameter["name"].as_str().unwrap();
            let value = match name {
                "from" => "2026-02-01",
                "to" => "2026-04-01",
                "category" | "category!" => "other",
                "outcome" | "outcome!" => "denied",
                "interval" => "hour",
                "group_by" => "action",
                "limit" | "wait" => "1",
                "cursor" => "",
                _ => "x",
            };
            let (status, problem) = fixture.get(&format!("{path}?organization=acme&{name}={value}")).await;
            // Named twice is the worst that may happen here.
            let detail = problem["detail"].as_str().unwrap_or_default().to_owned();
            assert!(
                !detail.contains("unknown parameter") && !detail.contains("is not known here"),
                "{name}: {status} {detail}"
            );
        }
    }
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}

/// `clients/openapi.json` is what clients in other languages are made of. `AUDITLAKE_WRITE_OPENAPI=1` writes it anew.
#[tokio::test]
async fn the_description_that_clients_are_made_of_is_the_one_that_is_served() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../clients/openapi.json");
    let served = document(&Fixture::new()).await;
    if std::env::var_os("AUDITLAKE_WRITE_OPENAPI").is_some() {
        std::fs::write(path, format!("{}\n", serde_json::to_string_pretty(&served).unwrap())).unwrap();
    }
    let committed: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(committed == served, "clients/openapi.json is out of date: run this test with AUDITLAKE_WRITE_OPENAPI=1");
}
