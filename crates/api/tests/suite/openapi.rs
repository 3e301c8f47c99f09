//! The document says what there is: every call in it is answered, and every filter in it is known.

use crate::common::Fixture;
use bytes::Bytes;
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
                "interval" => "day",
                "order" => "asc",
                "time_zone" => "Europe/Berlin&interval=day",
                "http_status" | "http_status!" => "403",
                "metadata" => "",
                "group_by" => "action",
                "limit" | "wait" => "1",
                "cursor" => "",
                _ => "x",
            };
            let uri = match name {
                "metadata" => format!("{path}?organization=acme&metadata.team=x"),
                _ => format!("{path}?organization=acme&{name}={value}"),
            };
            let (status, problem) = fixture.get(&uri).await;
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

#[tokio::test]
async fn every_call_has_a_tag_and_every_body_an_example() {
    let document = document(&Fixture::new()).await;
    assert!(!document["servers"].as_array().unwrap().is_empty());
    let tags: Vec<&str> = document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut calls = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "put", "post", "delete"] {
            let Some(call) = item.get(method) else { continue };
            calls += 1;
            assert!(tags.contains(&call["tags"][0].as_str().unwrap()), "{method} {path}");
            let bodies = call["responses"].as_object().unwrap().values().chain([&call["requestBody"]]);
            for content in bodies.filter_map(|body| body["content"].as_object()).flat_map(|content| content.values()) {
                assert!(content.get("example").is_some(), "{method} {path}: {content}");
            }
            for status in ["400", "408", "413", "414", "421", "429", "431", "500", "503", "default"] {
                assert!(call["responses"].get(status).is_some(), "{method} {path} says nothing of {status}");
            }
        }
    }
    assert!(calls > 10);
}

/// The kinds of problem that the sources name, by what stands after `Problem::new(` or `Self::new(`.
fn kinds_in_sources() -> std::collections::BTreeSet<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders: Vec<_> = ["api", "embedded", "lambda", "console"].map(|name| root.join(name).join("src")).to_vec();
    let mut kinds = std::collections::BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for call in text.split("Problem::new(").skip(1).chain(text.split("Self::new(StatusCode").skip(1)) {
                let kind = call.split('"').nth(1).unwrap();
                kinds.insert(kind.to_owned());
            }
            for call in text.split("Self::new(\n").skip(1) {
                if call.trim_start().starts_with("StatusCode") {
                    kinds.insert(call.split('"').nth(1).unwrap().to_owned());
                }
            }
        }
    }
    kinds
}

fn docs(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn every_kind_of_problem_has_a_section_in_the_documentation() {
    let (kinds, page) = (kinds_in_sources(), docs("problems.md"));
    assert!(kinds.len() > 15 && kinds.contains("uri-too-long") && kinds.contains("invalid-parameter"), "{kinds:?}");
    let described: std::collections::BTreeSet<String> =
        page.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect();
    assert_eq!(described, kinds);
}

#[test]
fn the_documentation_lists_the_members_of_an_event_and_the_words_of_fixed_sets() {
    use auditlake_event::{ActorType, Category, Column, Outcome};
    let page = docs("api.md");
    let (_, section) = page.split_once("## The event").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let named: std::collections::BTreeSet<&str> =
        section.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|line| line.split('`').next()).collect();
    let columns: std::collections::BTreeSet<&str> =
        Column::ALL.iter().filter(|column| **column != Column::SealTime).map(|column| column.name()).collect();
    assert_eq!(named, columns);
    for words in [Category::TEXTS, Outcome::TEXTS, ActorType::TEXTS] {
        let list = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        assert!(section.contains(&list), "{list}");
    }
    for (name, _) in auditlake_query::parameters::CONDITION_PARAMETERS {
        assert!(page.contains(&format!("`{name}`")), "the filter {name}");
    }
    for name in auditlake_query::GroupBy::COLUMNS.map(|column| column.name()) {
        assert!(page.contains(&format!("`{name}`")), "group_by {name}");
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
