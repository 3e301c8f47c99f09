//! Access Transparency: what Google's staff did with a customer's content. The expected values were written by hand from "Understanding and
//! using Access Transparency logs" in Google Cloud's documentation.

use crate::common::{Collector, Columns, assert_columns, context, fixture_file, json_of, only_event, read_as, read_sniffed};
use auditlake_event::Organization;
use auditlake_sources::{Confidence, SetAsideKind, by_name};
use serde_json::{Value, json};

const MISSING: &str = "no audit log entry: protoPayload is missing";
const OTHER_LOG: &str = "an entry of another log, which may tell of somebody's act";
const LOG: &str = "projects/p/logs/cloudaudit.googleapis.com%2Faccess_transparency";

fn read(entry: &Value) -> Collector {
    read_as("gcp.audit", entry.to_string().as_bytes(), "object", &context())
}

fn fixture(name: &str) -> Value {
    serde_json::from_slice(&fixture_file(&format!("gcp/{name}.json"))).unwrap()
}

fn event(entry: &Value) -> Columns {
    only_event(&read(entry), &entry.to_string())
}

/// An entry that states no more than an access, with these members of its payload.
fn entry(members: Value) -> Value {
    let mut entry = json!({
        "insertId": "x", "logName": LOG, "timestamp": "2026-03-01T09:15:00Z",
        "jsonPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.TransparencyLog",
            "accesses": [{"methodName": "GoogleInternal.Read", "resourceName": "//googleapis.com/storage/buckets/b"}],
        }
    });
    for (name, value) in members.as_object().unwrap() {
        entry["jsonPayload"][name] = value.clone();
    }
    entry
}

#[test]
fn an_access_says_what_was_read_by_whom_and_why() {
    let event = event(&fixture("access_transparency"));
    assert_columns(
        &event,
        &[
            ("event_id", Some("projects/shop-prod:access_transparency:2026-03-01T09:40:24.660001000Z:t1r4n5")),
            ("event_time", Some("2026-03-01T09:40:24.660Z")),
            ("event_time_nanos", Some("1000")),
            ("organization", Some("acme")),
            ("source", Some("gcp.audit")),
            ("action", Some("GoogleInternal.Read")),
            ("category", Some("data_access")),
            ("outcome", Some("success")),
            ("actor_id", Some("Google Ireland Ltd")),
            ("actor_type", Some("service")),
            ("actor_name", Some("Google Ireland Ltd")),
            ("actor_email", None),
            ("actor_via", None),
            ("resource_type", Some("project")),
            ("resource_id", Some("//googleapis.com/storage/buckets/orders/objects/2026/march.csv")),
            ("resource_name", Some("2026/march.csv")),
            ("scope_type", Some("project")),
            ("scope_id", Some("shop-prod")),
            ("service_name", None),
            ("source_ip", None),
            ("changes", None),
        ],
        "access_transparency",
    );
    assert_eq!(
        json_of(&event, "metadata"),
        json!({
            "access_approvals": ["projects/4455/approvalRequests/fictional-request-1"],
            "access_event_id": "fictional-event-7",
            "insert_id": "t1r4n5",
            "location": {
                "principalEmployingEntity": "Google Ireland Ltd",
                "principalOfficeCountry": "IE",
                "principalPhysicalLocationCountry": "EUR",
            },
            "log_name": "projects/shop-prod/logs/cloudaudit.googleapis.com%2Faccess_transparency",
            "operation": {"id": "cluster-3"},
            "permission_details": [{"permissionType": "DATA_READ", "logAccessed": true}],
            "principal_job_title": "Engineering",
            "product": ["Cloud Storage"],
            "reason": [{"type": "CUSTOMER_INITIATED_SUPPORT", "detail": "Case number: 5550199"}],
            "receive_time": "2026-03-01T09:41:37.400577736Z",
            "resource_labels": {"project_id": "shop-prod"},
            "severity": "NOTICE",
        })
    );
    assert_eq!(json_of(&event, "raw"), fixture("access_transparency"));
}

#[test]
fn several_accesses_are_one_event_of_the_first_and_all_are_kept() {
    let event = event(&fixture("access_transparency_export"));
    assert_columns(
        &event,
        &[
            ("event_id", Some("organizations/8899:access_transparency:2026-03-01T09:42:00.500Z:t2")),
            ("action", Some("GoogleInternal.Write")),
            ("category", Some("configuration")),
            ("outcome", Some("success")),
            ("actor_id", Some("Google LLC")),
            ("resource_type", Some("organization")),
            ("resource_id", Some("//googleapis.com/compute/projects/shop-prod/zones/europe-west1-b/instances/web-1")),
            ("resource_name", Some("web-1")),
            ("scope_type", Some("organization")),
            ("scope_id", Some("8899")),
        ],
        "access_transparency_export",
    );
    let metadata = json_of(&event, "metadata");
    let payload = &fixture("access_transparency_export")["jsonpayload_type_transparencylog"];
    assert_eq!(metadata["accesses"], payload["accesses"]);
    assert_eq!(metadata["product"], json!(["Compute Engine", "Cloud Storage"]));
    assert_eq!(metadata["access_event_id"], "fictional-event-8");
    assert_eq!(metadata.get("audit_rest"), None);
    assert_eq!(metadata.get("rest"), None);
}

#[test]
fn names_are_found_in_any_spelling() {
    let stated = fixture("access_transparency");
    let expected = event(&stated);
    let snake = |name: &str| -> String {
        name.chars()
            .map(|letter| if letter.is_uppercase() { format!("_{}", letter.to_lowercase()) } else { letter.into() })
            .collect()
    };
    let upper = |name: &str| name.to_uppercase();
    for spell in [&snake as &dyn Fn(&str) -> String, &upper] {
        let mut spelt = stated.clone();
        spelt["jsonPayload"] = renamed(&stated["jsonPayload"], spell);
        let event = event(&spelt);
        for column in expected.keys().filter(|column| !["raw", "metadata"].contains(column)) {
            assert_eq!(event.get(column), expected.get(column), "{column}");
        }
        let keys = |event: &Columns| json_of(event, "metadata").as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&event), keys(&expected));
    }
}

fn renamed(value: &Value, name: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::Object(members) => members.iter().map(|(key, value)| (name(key), renamed(value, name))).collect(),
        Value::Array(elements) => elements.iter().map(|element| renamed(element, name)).collect(),
        value => value.clone(),
    }
}

#[test]
fn categories_follow_the_permissions_and_the_method() {
    let details = |kinds: &[&str]| -> Value { kinds.iter().map(|kind| json!({"permissionType": kind})).collect() };
    for (method, kinds, category) in [
        ("GoogleInternal.Read", &[][..], "data_access"),
        ("GoogleInternal.Delete", &[], "data_access"),
        ("GoogleInternal.Query", &["DATA_READ", "ADMIN_READ"], "data_access"),
        ("GoogleInternal.Write", &["DATA_WRITE"], "data_access"),
        ("GoogleInternal.List", &["ADMIN_READ"], "other"),
        ("GoogleInternal.Get", &["ADMIN_WRITE"], "other"),
        ("GoogleInternal.Update", &["ADMIN_WRITE"], "configuration"),
        ("SetIamPolicy", &["ADMIN_WRITE"], "role_management"),
    ] {
        let entry = entry(json!({"accesses": [{"methodName": method}], "permissionDetails": details(kinds)}));
        assert_eq!(event(&entry)["category"], category, "{method} {kinds:?}");
    }
}

#[test]
fn what_is_not_stated_is_null_and_what_is_no_access_is_quarantined() {
    let bare = event(&entry(json!({"accesses": [{"methodName": "GoogleInternal.Get"}]})));
    assert_columns(
        &bare,
        &[
            ("action", Some("GoogleInternal.Get")),
            ("actor_id", None),
            ("actor_type", Some("service")),
            ("actor_name", None),
            ("resource_type", None),
            ("resource_id", None),
            ("scope_id", Some("p")),
        ],
        "bare",
    );
    assert_eq!(json_of(&bare, "metadata"), json!({"insert_id": "x", "log_name": LOG}));
    // An element that states no method is kept, and another one decides.
    let second =
        entry(json!({"accesses": [{"resourceName": "a"}, {"methodName": "GoogleInternal.Get", "resourceName": "b/c"}]}));
    assert_eq!((event(&second)["action"].as_str(), event(&second)["resource_id"].as_str()), ("GoogleInternal.Get", "b/c"));
    assert_eq!(json_of(&event(&second), "metadata")["accesses"], second["jsonPayload"]["accesses"]);
    // Some pipelines take the brackets off an array of one.
    let single = entry(json!({"accesses": {"methodName": "GoogleInternal.Get", "resourceName": "b/c"}}));
    assert_eq!(event(&single)["resource_id"], "b/c");
    let no_method = "jsonPayload.accesses states no methodName";
    for accesses in
        [json!(null), json!([]), json!({}), json!([{}]), json!("x"), json!(["x"]), json!([{"methodName": ["x"]}])]
    {
        assert_eq!(read(&entry(json!({"accesses": accesses}))).reasons(), [no_method], "{accesses}");
    }
    for (time, reason) in [
        (json!(null), "timestamp is missing"),
        (json!("yesterday"), "timestamp is no RFC 3339 time"),
        (json!("1999-01-01T00:00:00Z"), "event time lies before the year 2000"),
    ] {
        let mut entry = entry(json!({}));
        entry["timestamp"] = time;
        assert_eq!(read(&entry).reasons(), [reason]);
    }
}

#[test]
fn members_of_another_type_and_unknown_ones_are_kept() {
    let odd = json!({
        "location": "Google LLC, IE", "product": "Cloud Storage", "reason": {"type": "X"}, "eventId": {"a": 1},
        "ofTomorrow": [1.50], "event_id": "again",
        "accesses": [{"methodName": "GoogleInternal.Read", "resourceName": "b", "ofTomorrow": true}],
    });
    let entry = entry(odd.clone());
    let event = event(&entry);
    assert_eq!(event.get("actor_id"), None);
    let metadata = json_of(&event, "metadata");
    for member in ["location", "product", "reason", "accesses"] {
        assert_eq!(metadata[member], odd[member], "{member}");
    }
    assert_eq!(metadata["access_event_id"], odd["eventId"]);
    assert_eq!(metadata["audit_rest"], json!({"ofTomorrow": [1.50], "event_id": "again"}));
}

#[test]
fn entries_that_only_look_alike_are_not_taken() {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut entry = entry(json!({}));
        change(&mut entry);
        entry
    };
    for (entry, reason) in [
        // Anybody may write a payload of any type to a log of their own.
        (with(&|entry| entry["logName"] = json!("projects/p/logs/my-log")), OTHER_LOG),
        (with(&|entry| entry["logName"] = json!("projects/p/logs/access_transparency")), OTHER_LOG),
        (with(&|entry| entry["logName"] = json!("projects/p/logs/cloudaudit.googleapis.com%2Factivity")), MISSING),
        (with(&|entry| entry["jsonPayload"]["@type"] = json!("type.googleapis.com/google.cloud.audit.Other")), MISSING),
        (with(&|entry| entry["jsonPayload"] = json!(["x"])), MISSING),
        (with(&|entry| entry["jsonPayload"] = json!("x")), MISSING),
    ] {
        assert_eq!(read(&entry).reasons(), [reason], "{entry}");
    }
    let of_program = with(&|entry| entry["logName"] = json!("projects/p/logs/stdout"));
    assert_eq!(read(&of_program).set_aside.iter().map(|(kind, ..)| *kind).collect::<Vec<_>>(), [SetAsideKind::NotAudit]);
    // An audit log entry stays one, whatever is beside it.
    let mut audit: Value = serde_json::from_slice(&fixture_file("gcp/set_iam_policy.json")).unwrap();
    audit["jsonPayload"] = entry(json!({}))["jsonPayload"].clone();
    assert_eq!(event(&audit)["action"], "SetIamPolicy");
}

#[test]
fn an_exporter_may_leave_out_the_type_or_the_logs_name() {
    let stated = event(&entry(json!({})));
    assert_eq!(event(&entry(json!({"@type": null})))["event_id"], stated["event_id"]);
    let mut unnamed = entry(json!({}));
    unnamed["logName"] = Value::Null;
    assert_eq!(event(&unnamed)["action"], "GoogleInternal.Read");
    unnamed["jsonPayload"]["@type"] = Value::Null;
    assert!(read(&unnamed).events.is_empty());
}

#[test]
fn every_envelope_gives_the_same_event_and_is_recognised() {
    let (one, two) = (fixture("access_transparency"), fixture("access_transparency_export"));
    let expected = [event(&one), event(&two)];
    let sniff = |head: &str| by_name("gcp.audit").unwrap().sniff(head.as_bytes(), "x");
    for object in [
        format!("{one}\n{two}\n"),
        json!([one, two]).to_string(),
        json!({"entries": [one, two]}).to_string(),
        format!("{}\n{}\n", json!({"message": one.to_string()}), json!({"message": two.to_string()})),
        [&one, &two]
            .map(|entry| json!({"specversion": "1.0", "id": "1", "source": "//s", "type": "t", "data": entry}).to_string())
            .join("\n"),
    ] {
        assert_eq!(sniff(&object), Confidence::Certain, "{object}");
        let (collector, _) = read_sniffed(object.as_bytes(), "object").unwrap();
        assert_eq!(collector.events, expected, "{object}");
    }
    let mut text = one.clone();
    text["jsonPayload"] = json!(one["jsonPayload"].to_string());
    let mut columns = [event(&text), expected[0].clone()];
    for event in &mut columns {
        event.remove("raw");
    }
    assert_eq!(columns[0], columns[1]);
}

#[test]
fn without_raw_nothing_is_lost_and_the_organization_is_that_of_the_project() {
    let mut context = context();
    context.keep_raw = false;
    context.account_organizations.insert("shop-prod".to_owned(), Organization::parse("acme-prod").unwrap());
    let entry = fixture("access_transparency");
    let collector = read_as("gcp.audit", entry.to_string().as_bytes(), "object", &context);
    let event = &collector.events[0];
    assert_eq!((event.get("raw"), event["organization"].as_str()), (None, "acme-prod"));
    assert_eq!(json_of(event, "metadata")["rest"], json!({"resource": entry["resource"]}));
}
