//! A known member of a type that nobody expects is not lost: whatever member of a good record holds another type of value, at any
//! depth, that value is in a column or in the metadata, or the record is in quarantine with the reason. The column `raw`, which would
//! hold everything, does not count.

use crate::common::{Collector, context, fixture_file, read_as};
use serde_json::{Value, json};

/// The pointers to all members and elements of a value.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(elements) => elements.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        _ => vec![],
    };
    for (name, value) in inner {
        found.push(format!("{at}/{name}"));
        places(value, &format!("{at}/{name}"), found);
    }
}

const MARK: &str = "zq7mark";
const NUMBER: i64 = 739_182_641;

/// Values of all types, each with something to be found again.
fn replacements() -> [(Value, &'static str); 5] {
    [
        (json!(MARK), MARK),
        (json!(NUMBER), "739182641"),
        (json!({"inside": MARK}), MARK),
        (json!([MARK]), MARK),
        (json!([{"inside": NUMBER}]), "739182641"),
    ]
}

fn is_same_type(left: &Value, right: &Value) -> bool {
    std::mem::discriminant(left) == std::mem::discriminant(right)
}

/// Whether a column other than `raw` holds a text.
fn is_found(collector: &Collector, mark: &str) -> bool {
    let holds = |(column, text): (&&str, &String)| *column != "raw" && text.contains(mark);
    collector.events.iter().any(|event| event.iter().any(holds))
}

/// Every value that was lost: the place, and what stood there. Where originals are kept, bodies stand in them only, so it is the record's
/// own members that are looked at, and those of what the record is around (`within`).
fn lost(source: &str, file: &str, record: &Value, keeps_raw: bool, within: &[&str]) -> Vec<String> {
    let mut context = context();
    context.keep_raw = keeps_raw;
    // What is no event anyhow is set aside whatever it holds.
    if read_as(source, record.to_string().as_bytes(), "object", &context).events.is_empty() {
        return Vec::new();
    }
    let mut all = Vec::new();
    places(record, "", &mut all);
    let is_own = |place: &String| {
        let inner = within.iter().find_map(|outer| place.strip_prefix(&format!("/{outer}"))).unwrap_or(place);
        inner.matches('/').count() == 1
    };
    all.retain(|place| !keeps_raw || is_own(place));
    let mut lost = Vec::new();
    for place in all.iter().filter(|place| !is_secret(place)) {
        for (value, mark) in replacements() {
            let mut altered = record.clone();
            let target = altered.pointer_mut(place).unwrap();
            // Bodies may be any object, and that is what `raw` is kept for.
            let is_body = keeps_raw && value.is_object();
            if is_same_type(target, &value) || is_body {
                continue;
            }
            *target = value.clone();
            let collector = read_as(source, altered.to_string().as_bytes(), "object", &context);
            if !is_found(&collector, mark) && collector.quarantined.is_empty() {
                lost.push(format!("{file}: {place} = {value}"));
            }
        }
    }
    lost
}

/// Records of a file: one JSON value, or one a line.
fn records(file: &str) -> Vec<Value> {
    let bytes = fixture_file(file);
    serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>().map_while(Result::ok).collect()
}

fn check(source: &str, files: &[&str], within: &[&str]) {
    let mut all_lost = Vec::new();
    let mut looked_at = 0;
    for file in files {
        for record in records(file) {
            let elements = match record {
                Value::Array(elements) => elements,
                record => vec![record],
            };
            for record in elements.iter().filter(|record| record.is_object()) {
                looked_at += 1;
                all_lost.extend(lost(source, file, record, false, within));
                all_lost.extend(lost(source, file, record, true, within).iter().map(|lost| format!("{lost} with raw")));
            }
        }
    }
    assert!(looked_at >= files.len());
    assert!(all_lost.is_empty(), "{} lost:\n{}", all_lost.len(), all_lost.join("\n"));
}

/// Whether a member is, or lies in, what is replaced as a whole.
fn is_secret(place: &str) -> bool {
    const NAMES: [&str; 12] = [
        "password",
        "secretaccesskey",
        "authtoken",
        "ssh_key",
        "privatekeydata",
        "private_key_data",
        "request_body",
        "request_headers",
        "response_body",
        "response_headers",
        "authorization",
        "set-cookie",
    ];
    place.split('/').any(|name| NAMES.contains(&name.to_ascii_lowercase().as_str()))
}

/// The fixtures of a folder with these endings.
fn files(folder: &str, endings: &[&str]) -> Vec<String> {
    let path = format!("{}/tests/fixtures/{folder}", env!("CARGO_MANIFEST_DIR"));
    let mut names: Vec<String> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| endings.iter().any(|ending| name.ends_with(ending)))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    names.sort();
    names
}

#[test]
fn ocsf_loses_nothing() {
    let names: Vec<String> = files("ocsf", &[".json"]);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    check("ocsf", &names, &[]);
}

#[test]
fn gcp_loses_nothing() {
    let names = files("gcp", &[".json"]);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    check(
        "gcp.audit",
        &names,
        &["protoPayload", "protopayload_auditlog", "jsonPayload", "jsonpayload_type_transparencylog"],
    );
}

#[test]
fn lakefs_loses_nothing() {
    check("lakefs", &["lakefs/rows.json", "lakefs/server.log"], &[]);
}

#[test]
fn airbyte_loses_nothing() {
    let names = files("airbyte", &[".json"]);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    check("airbyte", &names, &[]);
}

#[test]
fn shapes_of_posted_events_lose_nothing() {
    check("cloudevents", &["shapes/cloudevents.ndjson"], &[]);
    check("workos", &["shapes/workos.ndjson"], &[]);
    check("retraced", &["shapes/retraced.json"], &[]);
}
