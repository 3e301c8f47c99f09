//! OCSF in Parquet, as Amazon Security Lake writes it: objects as structures, `unmapped` as a map, bodies as JSON in a text.

use std::sync::Arc;

use crate::common::{Collector, assert_columns, context, json_of, read_as};
use arrow_array::builder::{MapBuilder, StringBuilder};
use arrow_array::{Array, ArrayRef, BooleanArray, Int32Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray};
use arrow_array::{TimestampMillisecondArray, new_null_array};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, Schema};
use auditlake_sources::{Source, detect, import};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::json;

fn text(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn object(members: &[(&str, ArrayRef)]) -> ArrayRef {
    let members: Vec<(Arc<Field>, ArrayRef)> = members
        .iter()
        .map(|(name, array)| (Arc::new(Field::new(*name, array.data_type().clone(), true)), array.clone()))
        .collect();
    Arc::new(StructArray::from(members))
}

/// Two calls: one that succeeded, one that was denied.
fn batch() -> RecordBatch {
    let user = object(&[
        ("type", text(&[Some("IAMUser"), Some("AssumedRole")])),
        ("name", text(&[Some("ada"), None])),
        ("uid", text(&[Some("arn:aws:iam::111122223333:user/ada"), Some("arn:aws:sts::111122223333:assumed-role/Ops/x")])),
        ("credential_uid", text(&[Some("AKIAEXAMPLE"), None])),
        ("account", object(&[("uid", text(&[Some("111122223333"), Some("111122223333")]))])),
    ]);
    let session = object(&[
        ("issuer", text(&[None, Some("arn:aws:iam::111122223333:role/Ops")])),
        ("is_mfa", Arc::new(BooleanArray::from(vec![Some(true), None]))),
    ]);
    let actor = object(&[("user", user), ("session", session), ("invoked_by", text(&[None, None]))]);
    let request = object(&[
        ("uid", text(&[Some("R1"), Some("R2")])),
        ("data", text(&[Some("{\"bucketName\":\"invoices\",\"password\":\"Sw0rdfish\"}"), None])),
    ]);
    let response = object(&[("error", text(&[None, Some("AccessDenied")])), ("message", text(&[None, Some("no")]))]);
    let api = object(&[
        ("operation", text(&[Some("CreateBucket"), Some("DeleteBucket")])),
        ("service", object(&[("name", text(&[Some("s3.amazonaws.com"), Some("s3.amazonaws.com")]))])),
        ("request", request),
        ("response", response),
    ]);
    let things = object(&[
        ("uid", text(&[Some("arn:aws:s3:::invoices"), Some("arn:aws:s3:::b"), Some("arn:aws:s3:::c")])),
        ("type", text(&[Some("AWS::S3::Bucket"), Some("AWS::S3::Bucket"), Some("AWS::S3::Bucket")])),
    ]);
    let element = Arc::new(Field::new("element", things.data_type().clone(), true));
    let resources: ArrayRef = Arc::new(ListArray::new(element, OffsetBuffer::from_lengths([1, 2]), things, None));
    let mut unmapped = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    unmapped.keys().append_value("readOnly");
    unmapped.values().append_value("false");
    unmapped.keys().append_value("eventType");
    unmapped.values().append_value("AwsApiCall");
    unmapped.append(true).unwrap();
    // A key twice: an object could not hold both.
    for value in ["a", "b"] {
        unmapped.keys().append_value("k");
        unmapped.values().append_value(value);
    }
    unmapped.append(true).unwrap();
    let number = |value: i32| -> ArrayRef { Arc::new(Int32Array::from(vec![value, value])) };
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "metadata",
            object(&[
                ("product", object(&[("name", text(&[Some("CloudTrail"), Some("CloudTrail")]))])),
                ("uid", text(&[Some("e-1"), Some("e-2")])),
                ("version", text(&[Some("1.1.0"), Some("1.1.0")])),
            ]),
        ),
        ("time", Arc::new(Int64Array::from(vec![1_772_356_500_250, 1_772_356_501_000]))),
        ("time_dt", Arc::new(TimestampMillisecondArray::from(vec![1_772_356_500_250, 1_772_356_501_000]))),
        ("cloud", object(&[("provider", text(&[Some("AWS"), Some("AWS")])), ("region", text(&[Some("eu-west-1"), None]))])),
        ("api", api),
        ("actor", actor),
        (
            "src_endpoint",
            object(&[("ip", text(&[Some("203.0.113.9"), None])), ("domain", text(&[None, Some("config.amazonaws.com")]))]),
        ),
        ("resources", resources),
        ("class_name", text(&[Some("API Activity"), Some("API Activity")])),
        ("class_uid", number(6003)),
        ("category_uid", number(6)),
        ("type_uid", Arc::new(Int64Array::from(vec![600_301, 600_304]))),
        ("activity_id", Arc::new(Int32Array::from(vec![1, 4]))),
        ("status_id", Arc::new(Int32Array::from(vec![1, 2]))),
        ("comment", new_null_array(&DataType::Utf8, 2)),
        ("unmapped", Arc::new(unmapped.finish())),
    ];
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, array)| array).collect()).unwrap()
}

fn written(batch: &RecordBatch, compression: Compression) -> Vec<u8> {
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn rows_of_security_lake_are_events() {
    let object = written(&batch(), Compression::GZIP(GzipLevel::default()));
    let collector = read_as("ocsf", &object, "object", &context());
    assert_eq!(collector.reasons(), Vec::<&str>::new());
    let [created, refused] = &collector.events[..] else { panic!("{}", collector.events.len()) };
    assert_columns(
        created,
        &[
            ("event_id", Some("e-1")),
            ("event_time", Some("2026-03-01T09:15:00.250Z")),
            ("action", Some("CreateBucket")),
            ("category", Some("configuration")),
            ("outcome", Some("success")),
            ("actor_id", Some("arn:aws:iam::111122223333:user/ada")),
            ("actor_type", Some("user")),
            ("actor_name", Some("ada")),
            ("resource_id", Some("arn:aws:s3:::invoices")),
            ("resource_type", Some("AWS::S3::Bucket")),
            ("source_ip", Some("203.0.113.9")),
            ("request_id", Some("R1")),
            ("service_name", Some("s3.amazonaws.com")),
        ],
        "created",
    );
    assert_columns(
        refused,
        &[
            ("event_id", Some("e-2")),
            ("outcome", Some("denied")),
            ("error_code", Some("AccessDenied")),
            ("error_message", Some("no")),
            ("actor_type", Some("role")),
            ("actor_via", Some("arn:aws:iam::111122223333:role/Ops")),
            ("source_ip", None),
        ],
        "refused",
    );
    let metadata = json_of(created, "metadata");
    assert_eq!(metadata["access_key_id"], "AKIAEXAMPLE");
    assert_eq!(metadata["mfa_authenticated"], true);
    assert_eq!(metadata["rest"], json!({"unmapped": {"eventType": "AwsApiCall", "readOnly": "false"}}));
    let metadata = json_of(refused, "metadata");
    assert_eq!(metadata["resources"], json!(["arn:aws:s3:::b", "arn:aws:s3:::c"]));
    assert_eq!(metadata["rest"]["unmapped"], json!([{"key": "k", "value": "a"}, {"key": "k", "value": "b"}]));
    assert_eq!(metadata["rest"]["src_endpoint"], json!({"domain": "config.amazonaws.com"}));
    let raw = json_of(created, "raw");
    assert_eq!(raw["api"]["request"]["data"], json!({"bucketName": "invoices", "password": "[redacted]"}));
}

#[test]
fn codecs_make_no_difference_and_the_file_is_recognised() {
    let gzip = written(&batch(), Compression::GZIP(GzipLevel::default()));
    let expected = read_as("ocsf", &gzip, "object", &context());
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(ZstdLevel::default())] {
        let object = written(&batch(), compression);
        assert_eq!(read_as("ocsf", &object, "object", &context()), expected, "{compression:?}");
        assert_eq!(detect(&object, "object").map(Source::name), Some("ocsf"));
    }
    let mut sniffed = Collector::default();
    let (name, _) = import(&gzip[..], "etl/organization=a/x.parquet", None, &context(), &mut sniffed).unwrap();
    assert_eq!((name, &sniffed), ("ocsf", &expected));
    // Of a large file only the beginning is seen.
    let lake = "aws/CLOUD_TRAIL_MGMT/2.0/region=eu-west-1/accountId=111122223333/eventDay=20260301/a.gz.parquet";
    assert_eq!(detect(&gzip[..200], lake).map(Source::name), Some("ocsf"));
    assert_ne!(detect(&gzip[..200], "organization=org-a/b-snappy.parquet").map(Source::name), Some("ocsf"));
}

#[test]
fn a_file_of_something_else_is_quarantined_whole() {
    let batch = RecordBatch::try_from_iter([("a", text(&[Some("x")]))]).unwrap();
    let object = written(&batch, Compression::SNAPPY);
    assert_ne!(detect(&object, "object").map(Source::name), Some("ocsf"));
    let collector = read_as("ocsf", &object, "object", &context());
    assert_eq!(collector.reasons(), ["no OCSF Parquet: none of its columns is one of OCSF's, such as class_uid"]);
}

#[test]
fn a_cut_off_file_says_so() {
    let object = written(&batch(), Compression::ZSTD(ZstdLevel::default()));
    let collector = read_as("ocsf", &object[..object.len() - 9], "object", &context());
    assert_eq!(collector.events.len(), 0);
    assert_eq!(collector.quarantined.len(), 1);
}

#[test]
fn a_large_file_is_known_by_its_columns_whatever_its_name() {
    let properties =
        WriterProperties::builder().set_compression(Compression::UNCOMPRESSED).set_dictionary_enabled(false).build();
    let mut object = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut object, batch().schema(), Some(properties)).unwrap();
    for _ in 0..300 {
        writer.write(&batch()).unwrap();
    }
    writer.close().unwrap();
    assert!(object.len() > 200_000, "{}", object.len());
    for name in ["object", "x.parquet", "y-snappy.parquet"] {
        let mut collector = Collector::default();
        let (source, summary) = import(&object[..], name, None, &context(), &mut collector).unwrap();
        collector.check(summary);
        assert_eq!((source, summary.events, summary.quarantined), ("ocsf", 600, 0), "{name}");
    }
    // Without its end it is nobody's.
    let mut collector = Collector::default();
    let (source, summary) = import(&object[..object.len() - 1], "object", None, &context(), &mut collector).unwrap();
    assert_eq!((source, summary.records, summary.quarantined), ("unknown", 1, 1));
}
