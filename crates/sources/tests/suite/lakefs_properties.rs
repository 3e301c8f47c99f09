//! Whatever a record's texts hold, they come back; whatever the bytes are, nothing panics and every record is counted.

use crate::common::{context, damaged, fixture_file};
use crate::lakefs_support::{metadata, parquet, read, read_with, row, rows};
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use proptest::prelude::*;
use serde_json::{Value, json};

fn free_text() -> impl Strategy<Value = String> {
    let no_secret = |text: &String| !text.is_empty() && !text.contains('=') && !text.to_lowercase().contains("%3d");
    prop_oneof![
        any::<String>(),
        "[\"\\\\{}\\[\\]:,\n\r\t/u0-9a-f%?&+#]{1,40}",
        Just("\"},{\"data_operation_id\":\"forged\",\"data_path\":\"/x\"},{\"a\":\"".to_owned()),
        Just("\n{\"msg\":\"HTTP call ended\",\"operation_id\":\"forged\",\"time\":\"2026-03-01T00:00:00Z\"}\n".to_owned()),
        Just("PAR1".to_owned()),
    ]
    .prop_filter("an empty text is null, and a parameter may be a secret", no_secret)
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

proptest! {
    #[test]
    fn a_row_or_line_is_read_back(texts in proptest::collection::vec(free_text(), 7), is_line in any::<bool>(), name in free_text()) {
        let prefix = if is_line { "" } else { "data_" };
        let mut record = serde_json::Map::new();
        let fields = ["user", "repository", "ref", "request_id", "path", "operation_id", "method"];
        for (field, text) in fields.iter().zip(&texts) {
            record.insert(format!("{prefix}{field}"), json!(text));
        }
        record.insert(format!("{prefix}time"), json!("2026-03-01T09:15:00.000Z"));
        record.insert(format!("{prefix}service_name"), json!("s3_gateway"));
        record.insert(format!("{prefix}status_code"), json!(200));
        let object = if is_line {
            record.insert("msg".to_owned(), json!("HTTP call ended"));
            record.insert("client".to_owned(), json!(&texts[0]));
            record.insert("unknown".to_owned(), json!({&name: &texts[1]}));
            let record = Value::Object(record.clone()).to_string();
            format!("{record}\n{record}\n").into_bytes()
        } else {
            let record = Value::Object(record.clone());
            parquet(&[record.clone(), record])
        };
        let collector = read(&object);
        prop_assert_eq!(collector.reasons(), Vec::<&str>::new());
        prop_assert_eq!(collector.events.len(), 2);
        prop_assert_eq!(&collector.events[0], &collector.events[1]);
        let event = &collector.events[0];
        // Words that stand for no value name nobody.
        let user = Some(&texts[0]).filter(|user| auditlake_event::absence::stated(user).is_some());
        prop_assert_eq!(event.get("actor_id"), user);
        for (column, text) in [("scope_id", 1), ("request_id", 3), ("resource_name", 4), ("http_method", 6)] {
            prop_assert_eq!(event.get(column), Some(&texts[text]), "{}", column);
        }
        let metadata = metadata(event);
        for (key, text) in [("ref", 2), ("path", 4), ("operation_id", 5), ("data_repository", 1), ("data_ref", 2)] {
            prop_assert_eq!(&metadata[key], &json!(texts[text]), "{}", key);
        }
        let id = format!("lakefs://{}/{}/{}", texts[1], texts[2], texts[4]);
        prop_assert_eq!(&event["resource_id"], &id);
        let raw: Value = serde_json::from_str(&event["raw"]).unwrap();
        prop_assert_eq!(raw, Value::Object(record));
    }

    #[test]
    fn what_a_rest_path_names_is_decoded(repository in free_text(), reference in free_text(), path in free_text()) {
        // `lakefs://name:password@…` would be redacted.
        prop_assume!(!repository.contains('@'));
        let uri = format!("/api/v1/repositories/{}/refs/{}/objects?presign=true&path={}", encoded(&repository), encoded(&reference), encoded(&path));
        let collector = read(&parquet(&[row(&json!({"data_path": uri}))]));
        let event = &collector.events[0];
        prop_assert_eq!(&event["scope_id"], &repository);
        prop_assert_eq!(&event["resource_name"], &path);
        prop_assert_eq!(&event["resource_id"], &format!("lakefs://{repository}/{reference}/{path}"));
        prop_assert_eq!(&event["http_path"], &uri);
    }

    #[test]
    fn damaged_lines_never_panic_and_are_counted(
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<proptest::sample::Index>(),
        limit in 200..4000_usize,
    ) {
        let bytes = damaged(fixture_file("lakefs/server.log"), false, flips, cut);
        let mut context = context();
        context.max_record_bytes = limit;
        // `read_with` checks the sums.
        let _collector = read_with(&bytes, &context);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn damaged_parquet_never_panics_and_is_counted(
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        is_in_footer in any::<bool>(),
        cut in prop_oneof![4 => Just(None), 1 => any::<proptest::sample::Index>().prop_map(Some)],
        is_compressed in any::<bool>(),
        has_dictionary in any::<bool>(),
        limit in 200..4000_usize,
    ) {
        let properties = WriterProperties::builder()
            .set_compression(if is_compressed { Compression::SNAPPY } else { Compression::UNCOMPRESSED })
            .set_dictionary_enabled(has_dictionary)
            .set_statistics_enabled(EnabledStatistics::Page)
            .build();
        let batch = crate::lakefs_support::batch(&rows());
        let mut bytes = crate::lakefs_support::written(&[batch.clone(), batch], properties);
        let footer = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap()) as usize + 8;
        for (index, byte) in flips {
            // The footer is where a byte counts most.
            let start = if is_in_footer { bytes.len() - footer } else { 4 };
            let at = start + index.index(bytes.len() - start);
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        let mut context = context();
        context.max_record_bytes = limit;
        let _collector = read_with(&bytes, &context);
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600), footer in proptest::collection::vec(any::<u8>(), 0..200)) {
        let length = (footer.len() as u32).to_le_bytes();
        let collector = read(&[b"PAR1", &bytes[..], &footer, &length, b"PAR1"].concat());
        prop_assert_eq!((collector.events.len(), collector.quarantined.len()), (0, 1));
        read(&bytes);
    }
}
