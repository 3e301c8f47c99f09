//! What the format does that one would not expect: envelopes, types, secrets, copies, other people's Parquet.

use std::sync::Arc;

use crate::common::{compact, context, fixture_file, gzip, read_as, read_sniffed};
use crate::lakefs_support::{event_of, metadata, only_event, parquet, parquet_of, read, read_with, row, rows};
use arrow_array::builder::{MapBuilder, StringBuilder};
use arrow_array::types::{Int32Type, IntervalDayTime};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, FixedSizeBinaryArray, Float32Array,
    Float64Array, Int8Array, Int32Array, Int64Array, IntervalDayTimeArray, LargeStringArray, ListArray, StringArray,
    StringViewArray, StructArray, Time32MillisecondArray, Time64MicrosecondArray, Time64NanosecondArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray, UInt64Array,
};
use arrow_schema::{DataType, Field};
use auditlake_sources::{Confidence, SetAsideKind, by_name, detect};
use serde_json::{Value, json};

fn texts(text: &str) -> ArrayRef {
    Arc::new(StringArray::from(vec![text]))
}

fn column(name: &'static str, array: ArrayRef) -> (&'static str, ArrayRef) {
    (name, array)
}

/// A row's file with some columns more, in a strange order.
fn with_columns(more: Vec<(&'static str, ArrayRef)>) -> Vec<u8> {
    let mut columns = vec![
        column("data_time", texts("2026-03-01T09:15:00.000Z")),
        column("data_operation_id", texts("getTag")),
        column("data_request_id", texts("req-1")),
    ];
    columns.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    parquet_of(more.into_iter().chain(columns).collect())
}

#[test]
fn texts_are_texts_however_they_are_typed() {
    let dictionary: DictionaryArray<Int32Type> = ["loader"].into_iter().collect();
    let arrays: [ArrayRef; 5] = [
        Arc::new(LargeStringArray::from(vec!["loader"])),
        Arc::new(StringViewArray::from(vec!["loader"])),
        Arc::new(dictionary),
        Arc::new(BinaryArray::from(vec![&b"loader"[..]])),
        texts("loader"),
    ];
    for array in arrays {
        let kind = array.data_type().clone();
        assert_eq!(only_event(&with_columns(vec![column("data_user", array)]))["actor_id"], "loader", "{kind}");
    }
}

#[test]
fn status_codes_are_numbers_however_they_are_typed() {
    let arrays: [ArrayRef; 5] = [
        Arc::new(Int32Array::from(vec![403])),
        Arc::new(Int64Array::from(vec![403])),
        Arc::new(UInt64Array::from(vec![403])),
        Arc::new(Float64Array::from(vec![403.0])),
        texts("403"),
    ];
    for array in arrays {
        let kind = array.data_type().clone();
        let event = only_event(&with_columns(vec![column("data_status_code", array)]));
        assert_eq!((event["http_status"].as_str(), event["outcome"].as_str()), ("403", "denied"), "{kind}");
    }
    for (array, shown) in [(texts("forbidden"), "text"), (Arc::new(BooleanArray::from(vec![true])) as ArrayRef, "boolean")] {
        let collector = read(&with_columns(vec![column("data_status_code", array)]));
        assert_eq!(collector.reasons(), ["data_status_code is no number"], "{shown}");
    }
}

#[test]
fn times_are_read_from_timestamps_of_every_unit() {
    // 1772356500 is 2026-03-01T09:15:00Z (by `date -u -d @1772356500`).
    let seconds = 1_772_356_500;
    // Parquet has no unit of a second.
    let arrays: [(ArrayRef, &str, Option<&str>); 4] = [
        (Arc::new(TimestampMillisecondArray::from(vec![seconds * 1_000 + 266])), "2026-03-01T09:15:00.266Z", None),
        (
            Arc::new(TimestampMicrosecondArray::from(vec![seconds * 1_000_000 + 266_001]).with_timezone("UTC")),
            "2026-03-01T09:15:00.266Z",
            Some("1000"),
        ),
        (
            Arc::new(TimestampNanosecondArray::from(vec![seconds * 1_000_000_000 + 266_001_007])),
            "2026-03-01T09:15:00.266Z",
            Some("1007"),
        ),
        (
            Arc::new(TimestampMicrosecondArray::from(vec![seconds * 1_000_000]).with_timezone("+05:00")),
            "2026-03-01T09:15:00.000Z",
            Some("0"),
        ),
    ];
    for (array, expected, nanos) in arrays {
        let kind = array.data_type().clone();
        let event = only_event(&with_columns(vec![column("data_time", array)]));
        assert_eq!(event["event_time"], expected, "{kind}");
        assert_eq!(event.get("event_time_nanos").map(String::as_str), nanos, "{kind}");
    }
}

#[test]
fn extra_columns_of_every_type_are_kept() {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1), None, Some(3)])]);
    let members = StructArray::from(vec![
        (Arc::new(Field::new("b", DataType::Utf8, true)), texts("x \"y\"")),
        (Arc::new(Field::new("a", DataType::Boolean, true)), Arc::new(BooleanArray::from(vec![true])) as ArrayRef),
        (Arc::new(Field::new("none", DataType::Int32, true)), Arc::new(Int32Array::from(vec![None])) as ArrayRef),
    ]);
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    map.keys().append_value("k");
    map.values().append_value("v");
    map.append(true).unwrap();
    let event = only_event(&with_columns(vec![
        column("x_bool", Arc::new(BooleanArray::from(vec![false]))),
        column("x_int8", Arc::new(Int8Array::from(vec![-7]))),
        column("x_uint64", Arc::new(UInt64Array::from(vec![u64::MAX]))),
        column("x_float", Arc::new(Float32Array::from(vec![0.1]))),
        column("x_nan", Arc::new(Float64Array::from(vec![f64::NAN]))),
        column("x_decimal", Arc::new(Decimal128Array::from(vec![-1250]).with_precision_and_scale(10, 2).unwrap())),
        column("x_date", Arc::new(Date32Array::from(vec![20_513]))),
        column("x_time", Arc::new(Time64MicrosecondArray::from(vec![3_661_000_001]))),
        column("x_time_millis", Arc::new(Time32MillisecondArray::from(vec![86_399_999]))),
        column("x_time_nanos", Arc::new(Time64NanosecondArray::from(vec![1]))),
        column("x_interval", Arc::new(IntervalDayTimeArray::from(vec![IntervalDayTime::new(-3, 4_005)]))),
        column("x_timestamp", Arc::new(TimestampMillisecondArray::from(vec![1_772_356_500_001]))),
        column("x_bytes", Arc::new(BinaryArray::from(vec![&b"\xff\x00"[..]]))),
        column("x_fixed", Arc::new(FixedSizeBinaryArray::try_from_iter([[0x0f_u8, 0xf0]].iter()).unwrap())),
        column("x_null", Arc::new(StringArray::from(vec![None::<&str>]))),
        column("x_list", Arc::new(list)),
        column("x_struct", Arc::new(members)),
        column("x_map", Arc::new(map.finish())),
        column("data_new", texts("kept")),
    ]));
    // 20,513 days after 1970-01-01 is 2026-03-01 (56 years with 14 leap days, January and February).
    let expected = json!({
        "x_bool": false, "x_int8": -7, "x_uint64": u64::MAX, "x_float": 0.1, "x_nan": "NaN", "x_decimal": -12.50,
        "x_date": "2026-03-01", "x_time": "01:01:01.000001", "x_time_millis": "23:59:59.999",
        "x_time_nanos": "00:00:00.000000001", "x_interval": "P-3DT4.005S", "x_timestamp": "2026-03-01T09:15:00.001Z", "x_bytes": "ff00",
        "x_fixed": "0ff0", "x_list": [1, null, 3], "x_struct": {"a": true, "b": "x \"y\""},
        "x_map": [{"key": "k", "value": "v"}], "data_new": "kept",
    });
    assert_eq!(metadata(&event)["rest"], expected);
    assert!(event["raw"].contains("\"x_decimal\":-12.50,"), "{}", event["raw"]);
    assert_eq!(event["event_id"], "req-1");
}

#[test]
fn bytes_that_are_no_unicode_keep_their_row_and_all_others() {
    // Parquet's own writer refuses such a text, so a text of the same length is damaged where it stands.
    let mut rows = rows();
    rows[0]["data_user"] = json!("damaged-here");
    let batch = crate::lakefs_support::batch(&rows);
    let properties = parquet::file::properties::WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_statistics_enabled(parquet::file::properties::EnabledStatistics::None)
        .build();
    let mut object = crate::lakefs_support::written(&[batch], properties);
    let at = object.windows(12).position(|window| window == b"damaged-here").unwrap();
    object[at + 7] = 0xff;
    let collector = read(&object);
    assert_eq!(collector.events.len(), 10);
    assert_eq!(collector.events[0]["actor_id"], "damaged\u{fffd}here");
    assert_eq!(metadata(&collector.events[0])["unicode_replaced"], true);
    assert!(!collector.events[1]["metadata"].contains("unicode_replaced"));
}

#[test]
fn iso_8601_without_an_offset_counts_as_utc_and_nonsense_is_quarantined() {
    for (time, expected) in
        [("2026-03-01 09:15:00.250", "2026-03-01T09:15:00.250Z"), ("2026-03-01T11:15:00+0200", "2026-03-01T09:15:00.000Z")]
    {
        let event = event_of(&json!({"data_time": time}));
        assert_eq!(event["event_time"], expected);
        assert_eq!(metadata(&event)["data_time"], time);
    }
    for (time, reason) in [
        (json!("yesterday"), "data_time is no ISO 8601 time"),
        (json!(null), "data_time is no ISO 8601 time"),
        (json!("1999-12-31T23:59:59Z"), "event time lies before the year 2000"),
        (json!("2026-04-01T00:05:01Z"), "event time lies in the future"),
    ] {
        let bad = row(&json!({"data_time": time}));
        let collector = read(&parquet(&[row(&json!({})), bad.clone(), row(&json!({}))]));
        assert_eq!(collector.reasons(), [reason]);
        assert_eq!(collector.events.len(), 2, "no other row suffers");
        let (_, position, bytes, length) = &collector.quarantined[0];
        assert_eq!((position.record_index, bytes.len() as u64), (1, *length));
        let mut shown: Value = serde_json::from_slice(bytes).unwrap();
        if time.is_null() {
            shown["data_time"] = Value::Null;
        }
        assert_eq!(shown, bad, "the row as JSON");
    }
}

#[test]
fn a_row_that_says_nothing_is_quarantined() {
    let collector = read(&parquet(&[json!({"data_user": "ana"}), json!({})]));
    assert_eq!(collector.reasons(), ["data_operation_id and data_path are missing"; 2]);
    assert_eq!(collector.quarantined[1].2, b"{}");
}

#[test]
fn secrets_reach_no_column() {
    let path = "/api/v1/oidc/callback?code=hunter2&state=s";
    let key = "a?X-Amz-Signature=hunter2";
    let line = json!({
        "msg": "HTTP call ended", "level": "info", "time": "2026-03-01T09:20:00Z", "operation_id": "x&sig=hunter2",
        "path": path, "user": "u?password=hunter2", "client": "c?access_token=hunter2", "request_id": "r?sig=hunter2",
        "repository": "r?sig=hunter2", "nested": {"secret_access_key": "hunter2"}, "secret_access_key": "hunter2",
        "request_body": "hunter2", "response_headers": {"A": ["hunter2"]},
    });
    for keep_raw in [true, false] {
        let mut context = context();
        context.keep_raw = keep_raw;
        for object in [
            line.to_string().into_bytes(),
            fixture_file("lakefs/server.log"),
            parquet(&rows()),
            parquet(&[row(&json!({"data_ref": "m?sig=hunter2", "data_service_name": "s3_gateway", "data_path": key}))]),
            with_columns(vec![column("password", texts("hunter2")), column("url", texts("/x?Signature=hunter2"))]),
        ] {
            let collector = read_with(&object, &context);
            assert!(!collector.events.is_empty());
            for event in &collector.events {
                for (name, value) in event {
                    assert!(!value.contains("hunter2") && !value.contains("aHVudGVyMg"), "{name}: {value}");
                    assert!(!value.contains("one-time-secret"), "{name}: {value}");
                }
            }
        }
    }
    assert_eq!(event_of(&json!({"data_path": path}))["http_path"], "/api/v1/oidc/callback?code=[redacted]&state=s");
}

#[test]
fn the_same_rows_in_another_order_of_columns_or_in_halves_are_the_same_events() {
    let every = rows();
    let whole = read(&parquet(&every));
    assert_eq!(read(&parquet(&every)), whole);
    let halves = [read(&parquet(&every[..5])), read(&parquet(&every[5..]))].map(|half| half.events).concat();
    assert_eq!(halves, whole.events);
    let batch = crate::lakefs_support::batch(&every);
    let turned: Vec<usize> = (0..batch.num_columns()).rev().collect();
    let turned = crate::lakefs_support::written(&[batch.project(&turned).unwrap()], Default::default());
    assert_eq!(read(&turned).events, whole.events);
    assert_eq!(read(&gzip(&turned)).events, whole.events);
    // Rows somebody wrote out as JSON are rows.
    let lines: String = every.iter().map(|row| format!("{row}\n")).collect();
    assert_eq!(read(lines.as_bytes()).events, whole.events);
    assert_eq!(read(Value::Array(every).to_string().as_bytes()).events, whole.events);
}

#[test]
fn a_row_without_a_request_id_has_an_id_of_its_content() {
    let ids = |fields: Value| event_of(&fields)["event_id"].clone();
    let without = json!({"data_request_id": null});
    assert_eq!(ids(without.clone()), ids(without.clone()));
    assert_ne!(ids(without), ids(json!({"data_request_id": null, "data_user": "other"})));
    let long = "r".repeat(200);
    let event = event_of(&json!({"data_request_id": long}));
    assert_eq!(event["event_id"].len(), 36);
    assert_eq!((&metadata(&event)["source_event_id"], &event["request_id"]), (&json!(long), &long));
}

#[test]
fn the_table_and_the_log_share_the_id_of_a_request() {
    let line = &read(&fixture_file("lakefs/server.log")).events[0];
    let row = event_of(&json!({"data_request_id": "1b7d2a7f-63b5-4c8f-8e21-2a7b3c4d5e01"}));
    assert_eq!(line["event_id"], row["event_id"]);
}

#[test]
fn lines_are_found_in_the_envelopes_of_collectors() {
    let log = String::from_utf8(fixture_file("lakefs/server.log")).unwrap();
    let plain = read(log.as_bytes());
    for name in ["message", "log", "_raw"] {
        let wrapped: String =
            log.lines().map(|line| format!("{}\n", json!({name: format!("{line}\n"), "stream": "stdout"}))).collect();
        let collector = read(wrapped.as_bytes());
        assert_eq!(collector.events, plain.events, "{name}");
        assert_eq!(collector.set_aside.len(), 2);
    }
    let messages: Vec<Value> = log.lines().map(|line| json!({"id": "1", "timestamp": 1, "message": line})).collect();
    let subscription = json!({"messageType": "DATA_MESSAGE", "logEvents": messages}).to_string();
    assert_eq!(read(subscription.as_bytes()).events, plain.events);
    let control = read(br#"{"messageType":"CONTROL_MESSAGE","logEvents2":[]}"#);
    assert_eq!(control.set_aside[0].0, SetAsideKind::Control);
    assert_eq!(read(br#"{"log":"{broken"}"#).reasons(), ["the record inside the envelope is not JSON"]);
}

#[test]
fn what_is_neither_row_nor_line_is_quarantined() {
    let object = format!("{}\n[1]\n{}\nplain text\n", json!({"a": 1}), json!({"msg": "HTTP call ended", "level": "info"}));
    let collector = read(object.as_bytes());
    assert_eq!(
        collector.reasons(),
        [
            "no lakeFS record: neither a row of the audit table nor a log line",
            "a record must be a JSON object",
            "operation_id and path are missing",
            "a record must be a JSON object",
        ]
    );
}

#[test]
fn parquet_of_somebody_else_is_quarantined_and_nothing_is_invented() {
    // The columns of an archive object of this lake.
    let ours = parquet_of(vec![
        column("event_id", texts("e1")),
        column("event_time", Arc::new(TimestampMillisecondArray::from(vec![1_772_356_500_000]))),
        column("action", texts("get_object")),
        column("actor_id", texts("ana")),
    ]);
    let collector = read(&ours);
    assert_eq!(collector.events.len(), 0);
    assert_eq!(
        collector.reasons(),
        ["no lakeFS audit Parquet: none of its columns is one of lakeFS's, such as data_operation_id"]
    );
    let (_, position, bytes, length) = &collector.quarantined[0];
    assert_eq!((position.record_index, *length, bytes), (0, ours.len() as u64, &ours));
}

#[test]
fn objects_are_recognised_by_content_first() {
    let lakefs = by_name("lakefs").unwrap();
    let key = "etl/v1/data/region=us-east-1/organization=org-acme/year=2026/month=03/day=01/hour=09/log_1-snappy.parquet";
    let whole = parquet(&rows());
    assert_eq!(lakefs.sniff(&whole, "any"), Confidence::Certain, "a small file shows its columns");
    for (head, name, expected) in [
        (&whole[..200], key, Confidence::Likely),
        (&whole[..200], "exports/lakeFS/day.parquet", Confidence::Likely),
        (&whole[..200], "part-0-snappy.parquet", Confidence::Name),
        (&whole[..200], "part-0.parquet", Confidence::None),
        (&b"PAR1 and more PAR1"[..], key, Confidence::None),
        (b"{\"level\":\"info\",\"msg\":\"x\",\"func\":\"pkg/cmd.run\"}", "logs/lakefs-0.log", Confidence::Likely),
        (b"{\"level\":\"info\",\"msg\":\"x\",\"func\":\"pkg/cmd.run\"}", "logs/other.log", Confidence::None),
        (b"HTTP call ended status_code", "x", Confidence::None),
        (b"", "lakefs.log", Confidence::None),
    ] {
        assert_eq!(lakefs.sniff(head, name), expected, "{name}");
    }
    let log = fixture_file("lakefs/server.log");
    assert_eq!(lakefs.sniff(&log, "any"), Confidence::Certain);
    let wrapped = json!({"log": String::from_utf8(log).unwrap().lines().nth(1).unwrap()}).to_string();
    assert_eq!(lakefs.sniff(wrapped.as_bytes(), "any"), Confidence::Certain);
    let (collector, _) = read_sniffed(&parquet(&rows()), "any").unwrap();
    assert_eq!(collector.events.len(), 10);
}

#[test]
fn objects_of_other_sources_are_left_alone() {
    let lakefs = by_name("lakefs").unwrap();
    for other in [
        compact("get_object_by_presigned_url").as_str(),
        r#"{"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog"},"logName":"projects/p/logs/x"}"#,
        r#"{"records":[{"time":"2026-03-01T00:00:00Z","operationName":"GetBlob","category":"StorageRead"}]}"#,
        r#"{"specversion":"1.0","type":"x","source":"y","id":"1"}"#,
        r#"{"@timestamp":"2026-03-01T00:00:00Z","event":{"action":"x"},"ecs":{"version":"8"}}"#,
        "abc bucket [01/Mar/2026:00:00:00 +0000] 192.0.2.1 - ID REST.GET.OBJECT k \"GET /k HTTP/1.1\" 200 -",
        "time,user\n1,2\n",
        "a: b\n",
    ] {
        assert_eq!(lakefs.sniff(other.as_bytes(), "etl/v1/data/organization=org-x/log"), Confidence::None, "{other}");
    }
    assert_eq!(detect(compact("get_object_by_presigned_url").as_bytes(), "lakefs.json").unwrap().name(), "aws.cloudtrail");
}

#[test]
fn the_archives_of_this_lake_lie_where_lakefs_puts_its_own() {
    let key = "etl/v1/data/region=eu-west-1/organization=org-acme/year=2026/month=03/day=01/hour=09/20260301T100000Z-0000-snappy.parquet";
    let ours = parquet_of(vec![column("event_id", texts("e1")), column("actor_id", texts("ana"))]);
    assert_eq!(read_sniffed(&ours, key).unwrap().0.reasons(), ["no known log format"], "seen whole, it is nobody's");
    let collector = read_as("lakefs", &ours, key, &context());
    assert_eq!((collector.events.len(), collector.quarantined.len()), (0, 1));
}
