//! Landing objects: what is written is read back, what is not one is refused with the reason.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panic")]

use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray, TimestampMillisecondArray, UInt32Array};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::take::take;
use auditlake_event::batch::{EventBatchBuilder, EventRows};
use auditlake_event::columns::landing_schema;
use auditlake_event::{Column, Event, Outcome, Timestamp};
use auditlake_lake::checksums::CHECKSUMS_KEY;
use auditlake_lake::format::{FORMAT_KEY, SCHEMA_KEY};
use auditlake_lake::landing::file::{
    ARRIVAL_KEY, EncodeError, INDEX_KEY, IndexError, LandingEncoder, LandingError, LandingReader, decode, encode, read_index,
};
use auditlake_lake::period::SealRule;
use auditlake_lake::{Arrival, Period, SealTime};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use proptest::prelude::*;

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn arrival() -> Arrival {
    Arrival(time("2026-03-01T12:02:00Z"))
}

fn rule(seconds: u32) -> SealRule {
    SealRule { period: Period::from_seconds(seconds).unwrap(), slack_ms: 300_000, lead_ms: 300_000 }
}

fn event(id: &str, at: Timestamp, organization: &str, region: &str) -> Event<'static> {
    Event {
        event_id: id.to_owned().into(),
        event_time: at,
        event_time_nanos: (at.millis() % 3 == 0).then_some(5),
        received_time: arrival().0,
        region: region.to_owned().into(),
        organization: organization.to_owned().into(),
        source: "api".into(),
        action: "login".into(),
        outcome: Outcome::ALL[(at.millis() % 4).unsigned_abs() as usize],
        actor_id: Some(format!("actor {id}").into()),
        actor_name: (at.millis() % 2 == 0).then(|| "Zoë".into()),
        request_id: Some("".into()),
        http_status: (at.millis() % 5 == 0).then_some(200),
        raw: Some(format!("{{\"raw\":\"{id}\"}}").into()),
        ..Event::default()
    }
}

prop_compose! {
    fn any_event()(
        id in "[a-f]{1,2}",
        offset in -10_000_000_i64..=300_000,
        organization in prop::sample::select(vec!["acme", "globex"]),
        region in prop::sample::select(vec!["eu", "us"]),
        source in prop::sample::select(vec!["api", "lakefs"]),
        big in prop::option::of(1usize..3_000),
    ) -> Event<'static> {
        let mut event = event(&id, arrival().0.plus_millis(offset), organization, region);
        event.source = source.into();
        event.metadata = big.map(|size| format!("{{\"k\":\"{}\"}}", "x".repeat(size)).into());
        event
    }
}

fn events_of(batches: &[RecordBatch]) -> Vec<(Event<'static>, Timestamp)> {
    let mut events = Vec::new();
    for batch in batches {
        let rows = EventRows::new(batch, None).unwrap();
        for row in 0..rows.len() {
            events.push((rows.event(row).unwrap().into_owned(), rows.seal_time(row).unwrap()));
        }
    }
    events
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_encoded_is_decoded_sorted_and_sealed_by_the_rule(
        events in prop::collection::vec(any_event(), 1..60),
        period in prop::sample::select(vec![10u32, 900, 3_600]),
    ) {
        let rule = rule(period);
        let encoded = encode(&events, arrival(), &rule).unwrap();
        let decoded = decode(encoded.bytes.clone(), arrival(), &rule).unwrap();
        prop_assert_eq!(&decoded.index, &encoded.index);

        // The expectation: a stable sort by the designed key, and the seal rule.
        let mut expected = events.clone();
        expected.sort_by_key(|event| {
            let (region, organization) = (event.region.to_string(), event.organization.to_string());
            (region, organization, event.event_time.hour(), event.event_time, event.event_id.to_string(), event.source.to_string())
        });
        let expected: Vec<_> = expected
            .into_iter()
            .map(|event| {
                let seal_time = rule.seal_time(event.event_time, arrival()).start();
                (event, seal_time)
            })
            .collect();
        let rows = events_of(&decoded.batches);
        prop_assert_eq!(&rows, &expected);

        // The index tells the same as the rows.
        let mut next_row = 0;
        for group in &decoded.index.groups {
            prop_assert_eq!(group.first_row, next_row);
            next_row += group.rows;
            let members = &rows[group.first_row..next_row];
            for (event, seal_time) in members {
                prop_assert_eq!(event.region.as_ref(), group.region.as_str());
                prop_assert_eq!(event.organization.as_ref(), group.organization.as_str());
                prop_assert_eq!(event.event_time.hour(), group.hour);
                prop_assert_eq!(*seal_time, group.seal_time.start());
            }
            prop_assert_eq!(members[0].0.event_time, group.min_event_time);
            prop_assert_eq!(members[members.len() - 1].0.event_time, group.max_event_time);
        }
        prop_assert_eq!(next_row, events.len());
        prop_assert_eq!(decoded.index.smallest_seal_time(), rows.iter().map(|row| SealTime::from_start(row.1)).min());
    }

    #[test]
    fn damaged_bytes_never_panic(
        events in prop::collection::vec(any_event(), 1..30),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
        near_end in any::<bool>(),
    ) {
        let encoded = encode(&events, arrival(), &rule(3_600)).unwrap();
        let mut bytes = encoded.bytes.to_vec();
        let from = if near_end { bytes.len() * 3 / 4 } else { 0 };
        for (place, value) in flips {
            let at = from + place.index(bytes.len() - from);
            bytes[at] ^= value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let bytes = Bytes::from(bytes);
        let size = bytes.len() as u64;
        if let Ok(object) = decode(bytes.clone(), arrival(), &rule(3_600)) {
            prop_assert_eq!(object.batches.iter().map(RecordBatch::num_rows).sum::<usize>(), object.index.rows());
        }
        // The footer alone, too.
        if let Ok(index) = read_index(&bytes, size, arrival()) {
            prop_assert!(index.rows() > 0);
        }
    }
}

fn three_events() -> Vec<Event<'static>> {
    vec![
        event("b", time("2026-03-01T11:59:59Z"), "acme", "us"),
        event("a", time("2026-03-01T12:01:00Z"), "acme", "us"),
        event("c", time("2026-03-01T10:00:00Z"), "globex", "us"),
    ]
}

#[test]
fn the_index_is_read_from_the_end_of_an_object() {
    let encoded = encode(&three_events(), arrival(), &rule(3_600)).unwrap();
    let size = encoded.bytes.len();
    let read = |tail: usize| read_index(&encoded.bytes.slice(size - tail..), size as u64, arrival());
    let Err(IndexError::NeedMore(needed)) = read(8) else { panic!("8 bytes are not enough") };
    assert_eq!(read(needed).unwrap(), encoded.index);
    assert_eq!(read(size).unwrap(), encoded.index);
    assert_eq!(encoded.index.groups.len(), 3);
    let seal_times: Vec<_> = encoded.index.groups.iter().map(|group| group.seal_time.key_name()).collect();
    assert_eq!(seal_times, ["20260301T110000Z", "20260301T120000Z", "20260301T110000Z"]);
}

#[test]
fn batches_of_a_large_object_are_read_one_by_one() {
    let start = time("2026-03-01T10:00:00Z");
    let events: Vec<_> = (0..20_001).map(|n| event(&format!("e{n:05}"), start.plus_millis(n / 2), "acme", "us")).collect();
    let encoded = encode(&events, arrival(), &rule(10)).unwrap();
    let reader = LandingReader::open(encoded.bytes, arrival(), &rule(10)).unwrap();
    assert_eq!(reader.index().rows(), 20_001);
    let rows: Vec<usize> = reader.map(|batch| batch.unwrap().num_rows()).collect();
    assert!(rows.len() > 1);
    assert_eq!(rows.iter().sum::<usize>(), 20_001);
}

#[test]
fn events_pushed_in_pieces_make_the_same_object_and_the_encoder_serves_again() {
    // So many partitions and actors that no dictionary pays, and an order of partitions that is not that of the input.
    let start = time("2026-03-01T10:00:00Z");
    let partition = |n: i64| format!("tenant-{}", n * 7_919 % 1_301);
    let events: Vec<_> =
        (0..1_301).map(|n| event(&format!("e{}", n % 7), start.plus_millis(n % 3), &partition(n), "us")).collect();
    let whole = encode(&events, arrival(), &rule(3_600)).unwrap();
    let mut sorted = events.clone();
    sorted.sort_by_key(|event| event.organization.to_string());
    let decoded = decode(whole.bytes.clone(), arrival(), &rule(3_600)).unwrap();
    let rows: Vec<_> = events_of(&decoded.batches).into_iter().map(|(event, _)| event).collect();
    assert_eq!(rows, sorted);

    let mut encoder = LandingEncoder::new();
    for piece_events in [1_301, 100, 513] {
        events.chunks(piece_events).for_each(|piece| encoder.push(piece));
        assert_eq!(encoder.len(), 1_301);
        let pieced = encoder.finish(arrival(), &rule(3_600)).unwrap();
        assert_eq!(pieced.bytes, whole.bytes);
        assert_eq!(pieced.index, whole.index);
        assert!(encoder.is_empty());
    }
    assert!(matches!(encoder.finish(arrival(), &rule(3_600)), Err(EncodeError::Empty)));
}

#[test]
fn what_cannot_be_landed_is_refused() {
    assert!(matches!(encode(&[], arrival(), &rule(3_600)), Err(EncodeError::Empty)));
    let late = event("a", arrival().0.plus_millis(300_001), "acme", "us");
    let result = encode(&[three_events().remove(0), late], arrival(), &rule(3_600));
    assert!(matches!(result, Err(EncodeError::AfterArrival { position: 1, .. })), "{result:?}");
    let outside = event("a", arrival().0, "../acme", "us");
    let result = encode(&[outside], arrival(), &rule(3_600));
    assert!(matches!(&result, Err(EncodeError::InvalidName { position: 0, name, .. }) if name == "../acme"), "{result:?}");
}

/// A Parquet file as a stranger or another version might have written it.
fn forged(batch: &RecordBatch, entries: &[(&str, String)]) -> Bytes {
    let metadata = entries.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), value.clone())).collect();
    let properties = WriterProperties::builder().set_key_value_metadata(Some(metadata)).build();
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), batch.schema(), options).unwrap();
    writer.write(batch).unwrap();
    Bytes::from(writer.into_inner().unwrap())
}

fn batch_and_entries() -> (RecordBatch, Vec<(&'static str, String)>) {
    let encoded = encode(&three_events(), arrival(), &rule(3_600)).unwrap();
    let file = SerializedFileReader::new(encoded.bytes.clone()).unwrap();
    let stored = file.metadata().file_metadata().key_value_metadata().unwrap();
    let entries = [FORMAT_KEY, SCHEMA_KEY, ARRIVAL_KEY, INDEX_KEY]
        .map(|key| (key, stored.iter().find(|entry| entry.key == key).unwrap().value.clone().unwrap()));
    let batch = decode(encoded.bytes, arrival(), &rule(3_600)).unwrap().batches.remove(0);
    (batch, entries.to_vec())
}

fn with_entry(entries: &[(&'static str, String)], key: &'static str, value: &str) -> Vec<(&'static str, String)> {
    entries.iter().map(|(name, old)| (*name, if *name == key { value.to_owned() } else { old.clone() })).collect()
}

fn with_column(batch: &RecordBatch, column: Column, array: ArrayRef) -> RecordBatch {
    let mut columns = batch.columns().to_vec();
    columns[column.index()] = array;
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

#[test]
fn a_forgery_that_keeps_every_guarantee_is_accepted() {
    let (batch, entries) = batch_and_entries();
    assert!(decode(forged(&batch, &entries), arrival(), &rule(3_600)).is_ok());
}

#[test]
fn what_a_newer_version_wrote_makes_a_sealer_stop() {
    let (batch, entries) = batch_and_entries();
    let error = |bytes| decode(bytes, arrival(), &rule(3_600)).unwrap_err();
    let newer = error(forged(&batch, &with_entry(&entries, FORMAT_KEY, "2")));
    assert_eq!(newer.to_string(), "has format version 2, this version of auditlake knows 1: upgrade first");
    assert!(newer.must_stop());
    assert!(error(forged(&batch, &with_entry(&entries, SCHEMA_KEY, "2"))).must_stop());

    let mut fields = landing_schema().fields().iter().map(|field| field.as_ref().clone()).collect::<Vec<_>>();
    let id = (PARQUET_FIELD_ID_META_KEY.to_owned(), "34".to_owned());
    fields.push(Field::new("device", DataType::Utf8, true).with_metadata([id]));
    let mut columns = batch.columns().to_vec();
    columns.push(Arc::new(StringArray::new_null(batch.num_rows())));
    let wider = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let unknown = error(forged(&wider, &entries));
    assert_eq!(unknown, LandingError::UnknownColumn("device".into()));
    assert!(unknown.must_stop());
}

#[test]
fn what_breaks_a_guarantee_is_foreign() {
    let (batch, entries) = batch_and_entries();
    let check = |batch: &RecordBatch, entries: &[(&'static str, String)], reason: &str| {
        let error = decode(forged(batch, entries), arrival(), &rule(3_600)).unwrap_err();
        assert_eq!(error, LandingError::Foreign(reason.to_owned()));
        assert!(!error.must_stop());
    };
    check(&batch, &[], "the footer lacks `auditlake.format`");
    check(
        &batch,
        &with_entry(&entries, ARRIVAL_KEY, "2026-03-01T12:02:00.001Z"),
        "its key says arrival 2026-03-01T12:02:00.000Z, its footer 2026-03-01T12:02:00.001Z",
    );
    check(&batch.slice(0, 2), &entries, "its index counts 3 rows, its footer 2");
    let shuffled = |order: Vec<u32>| {
        let order = UInt32Array::from(order);
        let columns = batch.columns().iter().map(|column| take(column, &order, None).unwrap()).collect();
        RecordBatch::try_new(batch.schema(), columns).unwrap()
    };
    check(&shuffled(vec![1, 0, 2]), &entries, "row 0 does not begin its group at the time the index says");
    let text = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value; 3])) };
    let renamed = with_column(&batch, Column::Organization, text("acme"));
    check(&renamed, &entries, "row 2 belongs to another region or organization than the index says");
    let unknown = with_column(&batch, Column::Outcome, text("perhaps"));
    check(&unknown, &entries, "`outcome` holds the unknown value \"perhaps\"");
    let seal_time = TimestampMillisecondArray::from(vec![arrival().0.hour().millis(); 3]).with_timezone("UTC");
    let resealed = with_column(&batch, Column::SealTime, Arc::new(seal_time));
    check(&resealed, &entries, "row 0 has a seal time that the seal rule does not give");

    let without_raw = batch.project(&(0..32).collect::<Vec<_>>()).unwrap();
    check(&without_raw, &entries, "its column 32 is not the `raw` of an event");
    let mut fields = landing_schema().fields().iter().map(|field| field.as_ref().clone()).collect::<Vec<_>>();
    fields[30] = Field::new("http_status", DataType::Utf8, true).with_metadata(fields[30].metadata().clone());
    let mut columns = batch.columns().to_vec();
    columns[30] = text("200");
    let retyped = RecordBatch::try_new(Arc::new(Schema::new(fields.clone())), columns).unwrap();
    check(&retyped, &entries, "its column 30 is not the `http_status` of an event");
    fields[30] = Field::new("http_status", DataType::Int32, true);
    let mut columns = batch.columns().to_vec();
    columns[30] = Arc::new(Int32Array::from(vec![200; 3]));
    let without_id = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    check(&without_id, &entries, "its column 30 is not the `http_status` of an event");
}

#[test]
fn rows_out_of_order_inside_a_group_are_foreign() {
    let start = time("2026-03-01T12:00:00Z");
    let events: Vec<_> = ["a", "b", "c", "d"].iter().map(|id| event(id, start, "acme", "us")).collect();
    let encoded = encode(&events, arrival(), &rule(3_600)).unwrap();
    let file = SerializedFileReader::new(encoded.bytes).unwrap();
    let stored = file.metadata().file_metadata().key_value_metadata().unwrap().clone();
    // The forged file has no checksums, so it must not say that it has.
    let stored = stored.iter().filter(|entry| entry.key != CHECKSUMS_KEY);
    let entries: Vec<_> = stored.map(|entry| (entry.key.as_str(), entry.value.clone().unwrap())).collect();
    let mut builder = EventBatchBuilder::with_capacity(4);
    for position in [0, 2, 1, 3] {
        builder.append(&events[position], start);
    }
    let error = decode(forged(&builder.finish().unwrap(), &entries), arrival(), &rule(3_600)).unwrap_err();
    assert_eq!(error, LandingError::Foreign("row 2 is out of order".into()));
}

#[test]
fn what_is_no_parquet_is_unreadable() {
    for bytes in [&b""[..], b"PAR1", b"not a parquet file at all", b"PAR1\0\0\0\0PAR1"] {
        let error = decode(Bytes::from_static(bytes), arrival(), &rule(3_600)).unwrap_err();
        assert!(matches!(error, LandingError::Unreadable(_)), "{error}");
        assert!(!error.must_stop());
    }
}

#[test]
fn another_rule_or_arrival_does_not_accept_the_object() {
    let encoded = encode(&three_events(), arrival(), &rule(3_600)).unwrap();
    assert!(matches!(decode(encoded.bytes.clone(), arrival(), &rule(900)), Err(LandingError::Foreign(_))));
    let other = Arrival(arrival().0.plus_millis(1));
    assert!(matches!(decode(encoded.bytes, other, &rule(3_600)), Err(LandingError::Foreign(_))));
}

#[test]
fn columns_carry_their_field_ids_and_the_footer_stays_small() {
    let encoded = encode(&three_events(), arrival(), &rule(3_600)).unwrap();
    let file = SerializedFileReader::new(encoded.bytes.clone()).unwrap();
    for (position, column) in file.metadata().file_metadata().schema().get_fields().iter().enumerate() {
        assert_eq!(column.get_basic_info().id(), i32::try_from(position).unwrap() + 1);
    }
    let footer = u32::from_le_bytes(encoded.bytes[encoded.bytes.len() - 8..][..4].try_into().unwrap());
    assert!(footer < 4_500, "{footer} bytes");
}
