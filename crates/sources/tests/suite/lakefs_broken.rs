//! Broken and hostile Parquet files: what can be read is read, the rest is said to be lost, and nothing grows beyond its bounds.

use std::sync::Arc;

use crate::common::{context, gzip};
use crate::lakefs_support::{batch, parquet, parquet_of, read, read_with, row, rows, written};
use arrow_array::{ArrayRef, Int32Array, StringArray};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

/// Rows whose request ids are their numbers.
fn numbered(numbers: std::ops::Range<usize>) -> Vec<Value> {
    numbers
        .map(|number| row(&json!({"data_request_id": format!("req-{number:05}"), "data_user": format!("user {number}")})))
        .collect()
}

fn metadata_of(object: &[u8]) -> ParquetMetaData {
    let bytes = bytes::Bytes::copy_from_slice(object);
    ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional).parse_and_finish(&bytes).unwrap()
}

/// Pages of ten rows, compressed, without dictionaries.
fn small_pages() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_dictionary_enabled(false)
        .set_data_page_row_count_limit(10)
        .set_write_batch_size(10)
        .build()
}

/// Overwrites the page of a column, by their numbers, behind its header.
fn damage_page(object: &mut [u8], row_group: usize, column: &str, page: usize) {
    let metadata = metadata_of(object);
    let index =
        metadata.row_group(row_group).columns().iter().position(|chunk| chunk.column_path().string() == column).unwrap();
    let page_index = metadata.page_index().unwrap();
    let location = page_index.offset_index(row_group, index).unwrap().page_locations()[page].clone();
    let (start, length) = (location.offset as usize, location.compressed_page_size as usize);
    object[start + 60..start + length].fill(0xff);
}

#[test]
fn a_broken_page_costs_the_rows_behind_it_in_its_row_group_only() {
    let row_groups = [numbered(0..100), numbered(100..200), numbered(200..300)].map(|rows| batch(&rows));
    let mut object = written(&row_groups, small_pages());
    assert_eq!(read(&object).events.len(), 300);
    damage_page(&mut object, 1, "data_user", 4);
    let collector = read(&object);
    let ids: Vec<String> = (0..140).chain(200..300).map(|number| format!("req-{number:05}")).collect();
    assert_eq!(collector.column("event_id"), ids);
    assert_eq!(collector.quarantined.len(), 1);
    let (reason, position, bytes, length) = &collector.quarantined[0];
    assert!(reason.starts_with("row group 1 is broken, 60 rows are lost: "), "{reason}");
    let second = metadata_of(&object).row_group(1).column(0).data_page_offset();
    assert_eq!((position.record_index, position.byte_offset), (140, second as u64));
    assert_eq!(bytes.len() as u64, *length);
    assert_eq!(bytes[..], object[second as usize..second as usize + bytes.len()]);
}

#[test]
fn the_bytes_of_a_broken_part_are_cut_to_the_largest_record() {
    let mut object = written(&[batch(&numbered(0..100))], small_pages());
    damage_page(&mut object, 0, "data_path", 0);
    let mut context = context();
    context.max_record_bytes = 600;
    let collector = read_with(&object, &context);
    let (reason, _, bytes, length) = &collector.quarantined[0];
    assert!(reason.contains("100 rows are lost"), "{reason}");
    assert_eq!(bytes.len(), 600);
    assert!(*length > 600);
}

#[test]
fn a_file_without_its_end_is_one_quarantined_record() {
    let object = parquet(&rows());
    let reason = |object: &[u8]| {
        let collector = read(object);
        assert_eq!(collector.events.len(), 0);
        let (reason, position, bytes, length) = collector.quarantined.into_iter().next().unwrap();
        assert_eq!((position.record_index, position.byte_offset), (0, 0));
        assert_eq!((&bytes[..], length), (object, object.len() as u64));
        reason
    };
    let no_footer = "broken Parquet file: it has no footer: it is cut off, or was never finished";
    assert_eq!(reason(&object[..object.len() - 1]), no_footer);
    assert_eq!(reason(&object[..object.len() / 2]), no_footer);
    assert_eq!(reason(b"PAR1"), "broken Parquet file: it is shorter than a footer");
    assert_eq!(reason(b"PAR1\x00\x00\x00\x00PAR1"), "broken Parquet file: its footer cannot be read");
    assert_eq!(reason(b"PAR1\x00\x00\x00\x00PARE"), "broken Parquet file: its footer is encrypted");
    assert_eq!(reason(b"PAR1\xff\xff\x00\x00PAR1"), "broken Parquet file: its footer is longer than the file");
    assert_eq!(reason(b"PAR1\xff\xff\xff\xffPAR1"), "broken Parquet file: its footer is longer than 16777216 bytes");
}

#[test]
fn a_compressed_object_that_breaks_says_so() {
    let object = gzip(&parquet(&numbered(0..2_000)));
    let collector = read(&object[..object.len() - 400]);
    assert_eq!(collector.reasons(), ["broken Parquet file: the gzip stream is cut off"]);
    let mut context = context();
    context.max_inflated_bytes = 1_000;
    let collector = read_with(&parquet(&rows()), &context);
    assert_eq!(collector.reasons(), ["broken Parquet file: the object is larger than allowed after inflating"]);
}

#[test]
fn a_row_larger_than_the_largest_record_costs_no_other() {
    let mut every = numbered(0..3);
    every[1]["data_user"] = json!("u".repeat(5_000));
    let mut context = context();
    context.max_record_bytes = 2_000;
    let collector = read_with(&parquet(&every), &context);
    assert_eq!(collector.column("event_id"), ["req-00000", "req-00002"]);
    let (reason, position, bytes, length) = &collector.quarantined[0];
    assert_eq!((reason.as_str(), position.record_index, bytes.len()), ("a row is larger than 2000 bytes", 1, 2_000));
    assert!(*length > 5_000);
}

#[test]
fn a_file_of_more_rows_than_bytes_is_refused() {
    let nothing: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>; 1_000_000]));
    let object = parquet_of(vec![("data_request_id", nothing)]);
    let expected = format!("broken Parquet file: it states 1000000 rows in {} bytes", object.len());
    assert_eq!(read(&object).reasons(), [expected]);
}

#[test]
fn a_page_that_would_fill_the_memory_is_refused() {
    let huge: ArrayRef = Arc::new(StringArray::from(vec!["0".repeat(80 << 20)]));
    let batch = arrow_array::RecordBatch::try_from_iter([("data_path", huge)]).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap()))
        .set_dictionary_enabled(false)
        .build();
    let object = written(&[batch], properties);
    assert!(object.len() < 1 << 20, "{}", object.len());
    let collector = read(&object);
    let reason = "row group 0 is broken, 1 rows are lost: column data_path: a page has 83886084 bytes, more than 67108864";
    assert_eq!(collector.reasons(), [reason]);
}

#[test]
fn long_texts_that_many_rows_share_count_as_often_as_they_are_read() {
    // A dictionary holds the text once; 100 rows of 1 MB name it.
    let long: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1_000_000); 100]));
    let ids: ArrayRef = Arc::new((0..100).map(|number| Some(format!("req-{number}"))).collect::<StringArray>());
    let batch = arrow_array::RecordBatch::try_from_iter([("data_operation_id", long), ("data_request_id", ids)]).unwrap();
    let properties =
        WriterProperties::builder().set_compression(Compression::SNAPPY).set_dictionary_page_size_limit(4 << 20).build();
    let object = written(&[batch], properties);
    assert!(object.len() < 1 << 20, "{}", object.len());
    let mut context = context();
    context.max_inflated_bytes = 10_500_000;
    let collector = read_with(&object, &context);
    assert_eq!(collector.quarantined.len(), 11);
    let (reason, position, ..) = collector.quarantined.last().unwrap();
    assert_eq!((reason.as_str(), position.record_index), ("the object is larger than allowed after inflating", 10));
}

#[test]
fn a_schema_that_nests_without_end_is_refused() {
    // FileMetaData {1: version 1, 2: list of 4,000 structures}; each: {4: name "a", 5: num_children 1}.
    let mut footer = vec![0x15, 2, 0x19, 0xfc, 0xa0, 0x1f];
    for _ in 0..4_000 {
        footer.extend([0x48, 1, b'a', 0x15, 2, 0]);
    }
    let file = |footer: &[u8]| [b"PAR1", footer, &(footer.len() as u32).to_le_bytes()[..], b"PAR1"].concat();
    assert_eq!(read(&file(&footer)).reasons(), ["broken Parquet file: its schema nests deeper than 32"]);
    footer[4..6].copy_from_slice(&[0xff, 0x7f]);
    assert_eq!(read(&file(&footer)).reasons(), ["broken Parquet file: its schema has more than 4096 elements"]);
}

#[test]
fn a_codec_that_is_not_built_in_is_named() {
    let mut object = parquet(&rows());
    // The codec of every column is field 4 of its metadata: SNAPPY is 1 (zigzag 2), BROTLI 4 (zigzag 8).
    let metadata =
        object.len() - 8 - u32::from_le_bytes(object[object.len() - 8..object.len() - 4].try_into().unwrap()) as usize;
    let mut changed = 0;
    for column in rows()[1].as_object().unwrap().keys() {
        let name = [&[0x19, 0x18, column.len() as u8][..], column.as_bytes(), &[0x15, 2]].concat();
        if let Some(at) = object[metadata..].windows(name.len()).position(|window| window == name) {
            object[metadata + at + name.len() - 1] = 8;
            changed += 1;
        }
    }
    assert!(changed > 5);
    let collector = read(&object);
    assert_eq!(collector.quarantined.len(), 1);
    let reason = collector.reasons()[0];
    assert!(reason.starts_with("row group 0 is broken, 10 rows are lost: ") && reason.contains("brotli"), "{reason}");
}

#[test]
fn a_large_file_is_read_from_disk() {
    // About 18 MB, beyond what stays in memory: texts that do not compress, no two alike.
    let digits = |number: usize| {
        (0..100).map(|part| format!("{:08x}", (number * 100 + part).wrapping_mul(2_654_435_761) as u32)).collect::<String>()
    };
    let ids: ArrayRef = Arc::new((0..40_000).map(|number| Some(digits(number))).collect::<StringArray>());
    let times: ArrayRef = Arc::new(StringArray::from(vec!["2026-03-01T09:15:00.000Z"; 40_000]));
    let actions: ArrayRef = Arc::new(StringArray::from(vec!["getTag"; 40_000]));
    let codes: ArrayRef = Arc::new(Int32Array::from(vec![200; 40_000]));
    let object = parquet_of(vec![
        ("data_user", ids),
        ("data_time", times),
        ("data_operation_id", actions),
        ("data_status_code", codes),
    ]);
    assert!(object.len() > 17 << 20, "{}", object.len());
    let collector = read(&object);
    assert_eq!((collector.events.len(), collector.quarantined.len()), (40_000, 0));
    assert_eq!(collector.events[39_999]["actor_id"], digits(39_999));
}

#[test]
fn an_empty_table_has_no_records() {
    assert_eq!(read(&parquet(&[])), crate::common::Collector::default());
}
