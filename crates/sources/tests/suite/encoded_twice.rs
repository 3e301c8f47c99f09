//! JSON in a text that is itself JSON in a text: pipelines that encode what is encoded already. Members that are structures are
//! read all the same, to a bounded depth.

use crate::common::{Columns, context, fixture_file, only_event, read_as};
use serde_json::{Value, json};

fn event(source: &str, record: &Value) -> Columns {
    only_event(&read_as(source, record.to_string().as_bytes(), "object", &context()), source)
}

/// A fixture, and the pointers to members of it that are structures.
const CASES: [(&str, &str, &[&str]); 8] = [
    ("gcp.audit", "gcp/set_iam_policy.json", &["/protoPayload/request", "/protoPayload/serviceData", "/protoPayload"]),
    ("gcp.audit", "gcp/access_transparency.json", &["/jsonPayload"]),
    ("aws.cloudtrail", "cloudtrail/put_role_policy.json", &["/requestParameters", "/userIdentity"]),
    ("azure.storage", "azure/get_blob_by_token.json", &["/properties", "/identity"]),
    ("azure.storage", "azure/user_updated.json", &["/properties", "/properties/targetResources"]),
    ("ocsf", "ocsf/entity_management.json", &["/entity", "/entity_result", "/actor", "/actor/user"]),
    ("ocsf", "ocsf/api_activity.json", &["/api", "/api/request/data", "/resources", "/metadata"]),
    ("airbyte", "airbyte/single_entry.json", &["/request"]),
];

#[test]
fn what_is_encoded_more_than_once_is_what_is_encoded_once() {
    for (source, file, pointers) in CASES {
        let record: Value = serde_json::from_slice(&fixture_file(file)).unwrap();
        for pointer in pointers {
            let mut encoded = record.clone();
            let place = encoded.pointer_mut(pointer).unwrap_or_else(|| panic!("{file}: {pointer}"));
            if !place.is_string() {
                *place = json!(place.to_string());
            }
            let once = event(source, &encoded);
            for _ in 2..=4 {
                let place = encoded.pointer_mut(pointer).unwrap();
                *place = json!(place.to_string());
                assert_eq!(event(source, &encoded), once, "{file}: {pointer}");
            }
        }
    }
}

#[test]
fn what_is_encoded_without_end_is_kept_as_it_stands() {
    let mut context = context();
    context.keep_raw = false;
    for (source, file, pointers) in CASES {
        let mut record: Value = serde_json::from_slice(&fixture_file(file)).unwrap();
        let place = record.pointer_mut(pointers[0]).unwrap();
        *place = json!({"zq7mark": 1});
        for _ in 0..9 {
            *place = json!(place.to_string());
        }
        let collector = read_as(source, record.to_string().as_bytes(), "object", &context);
        let is_kept = collector.events.iter().any(|event| event.values().any(|text| text.contains("zq7mark")));
        assert!(is_kept || collector.quarantined.len() == 1, "{file}");
    }
}

#[test]
fn texts_that_only_begin_with_a_quote_stay() {
    let mut record: Value = serde_json::from_slice(&fixture_file("ocsf/group.json")).unwrap();
    for text in ["\"hello\"", "\"{\"", "\"{not json}\"", "\"[1]\" and more"] {
        record["unmapped"] = json!(text);
        let metadata: Value = serde_json::from_str(&event("ocsf", &record)["metadata"]).unwrap();
        assert_eq!(metadata["rest"]["unmapped"], json!(text));
    }
}
