//! Events, batches and canonical forms: three views of the same thing.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::RecordBatch;
use auditlake_event::batch::{EventBatchBuilder, EventRows, NotAnEvent};
use auditlake_event::canonical::{
    CANONICAL_ORDER, ColumnarHasher, NotCanonical, event_hash, write_canonical, write_canonical_without_id,
};
use auditlake_event::columns::{archive_schema, landing_schema};
use auditlake_event::{ActorType, Category, Column, Event, Organization, Outcome, Region, Timestamp};
use proptest::prelude::*;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

fn text() -> impl Strategy<Value = Cow<'static, str>> {
    "\\PC{0,20}|[\\x00-\\x7f]{0,20}".prop_map(Cow::Owned)
}

fn optional() -> impl Strategy<Value = Option<Cow<'static, str>>> {
    prop::option::of(text())
}

prop_compose! {
    fn any_event()(
        texts in prop::array::uniform21(optional()),
        (event_id, source, action) in (text(), text(), text()),
        event_time in -62_167_219_200_000_i64..253_402_300_800_000,
        received_time in any::<i32>(),
        nanos in prop::option::of(0..1_000_000),
        http_status in prop::option::of(any::<i32>()),
        region in "[a-z0-9][a-z0-9_-]{0,8}",
        organization in "[a-z0-9][a-z0-9_-]{0,8}",
        category in prop::option::of(prop::sample::select(Category::ALL)),
        outcome in prop::sample::select(Outcome::ALL),
        actor_type in prop::option::of(prop::sample::select(ActorType::ALL)),
    ) -> Event<'static> {
        let [error_code, error_message, actor_id, actor_name, actor_email, actor_via, resource_type, resource_id, resource_name,
            scope_type, scope_id, changes, source_ip, user_agent, service_name, request_id, http_method, http_path, metadata,
            raw, _] = texts;
        Event {
            event_id, event_time: Timestamp::from_millis(event_time), event_time_nanos: nanos,
            received_time: Timestamp::from_millis(received_time.into()), region: region.into(), organization: organization.into(),
            source, action, category, outcome, error_code, error_message, actor_id, actor_type, actor_name, actor_email,
            actor_via, resource_type, resource_id, resource_name, scope_type, scope_id, changes, source_ip, user_agent,
            service_name, request_id, http_method, http_path, http_status, metadata, raw,
        }
    }
}

fn batch_of(events: &[Event<'_>]) -> RecordBatch {
    let mut builder = EventBatchBuilder::with_capacity(events.len());
    for event in events {
        builder.append(event, event.event_time.hour());
    }
    builder.finish().unwrap()
}

fn archive_batch(batch: &RecordBatch) -> RecordBatch {
    let columns = Column::ALL.iter().filter(|column| !column.is_partition());
    let columns = columns.map(|column| Arc::clone(batch.column(column.index()))).collect();
    RecordBatch::try_new(archive_schema(), columns).unwrap()
}

/// The canonical form by way of serde_json.
fn independent_form(event: &Event<'_>) -> Vec<u8> {
    let mut members = Map::new();
    for column in Column::ALL {
        let value = match column {
            Column::ReceivedTime | Column::SealTime => continue,
            Column::EventTime => Value::from(event.event_time.to_string()),
            Column::EventTimeNanos => event.event_time_nanos.map_or(Value::Null, Value::from),
            Column::HttpStatus => event.http_status.map_or(Value::Null, Value::from),
            text => event.text(*text).map_or(Value::Null, Value::from),
        };
        if !value.is_null() {
            members.insert(column.name().to_owned(), value);
        }
    }
    let mut names: Vec<_> = members.keys().collect();
    names.sort_by_key(|name| name.encode_utf16().collect::<Vec<_>>());
    let members: Vec<_> = names.iter().map(|name| format!("\"{name}\":{}", members[*name])).collect();
    format!("{{{}}}", members.join(",")).into_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn rows_are_the_events_they_were_made_of(events in prop::collection::vec(any_event(), 1..20)) {
        let batch = batch_of(&events);
        prop_assert_eq!(batch.schema(), landing_schema());
        let rows = EventRows::new(&batch, None).unwrap();
        for (row, event) in events.iter().enumerate() {
            prop_assert_eq!(&rows.event(row).unwrap(), event);
            prop_assert_eq!(rows.seal_time(row).unwrap(), event.event_time.hour());
        }
    }

    #[test]
    fn the_canonical_form_is_rfc_8785_from_events_and_from_columns(events in prop::collection::vec(any_event(), 1..10)) {
        let batch = batch_of(&events);
        let archive = archive_batch(&batch);
        let landing_hasher = ColumnarHasher::new(&batch, None).unwrap();
        let mut bytes = Vec::new();
        for (row, event) in events.iter().enumerate() {
            let expected = independent_form(event);
            write_canonical(event, &mut bytes);
            prop_assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&expected));
            landing_hasher.canonical(row, &mut bytes);
            prop_assert_eq!(&bytes, &expected);
            let hash: [u8; 32] = Sha256::digest(&expected).into();
            prop_assert_eq!(event_hash(event), hash);
            prop_assert_eq!(landing_hasher.hashes()[row], hash);

            let partition = (Region::parse(&event.region).unwrap(), Organization::parse(&event.organization).unwrap());
            let hasher = ColumnarHasher::new(&archive, Some((&partition.0, &partition.1))).unwrap();
            prop_assert_eq!(hasher.hashes()[row], hash);
            let rows = EventRows::new(&archive, Some((&partition.0, &partition.1))).unwrap();
            prop_assert_eq!(&rows.event(row).unwrap(), event);
        }
    }
}

#[test]
fn the_canonical_order_is_sorted_and_complete() {
    let mut expected: Vec<_> = Column::ALL.iter().copied().filter(|column| column.is_canonical()).collect();
    expected.sort_by_key(|column| column.name());
    assert_eq!(CANONICAL_ORDER.to_vec(), expected);
}

fn small_event() -> Event<'static> {
    let events = proptest::strategy::ValueTree::current(
        &any_event().new_tree(&mut proptest::test_runner::TestRunner::deterministic()).unwrap(),
    );
    Event { event_id: "id".into(), ..events }
}

#[test]
fn a_hash_printed_by_another_tool_is_ours() {
    // printf %s '…' | sha256sum
    let event = Event {
        event_id: "e\"1".into(),
        event_time: Timestamp::parse("2026-03-01T12:00:00.5Z").unwrap(),
        received_time: Timestamp::default(),
        region: "r".into(),
        organization: "o".into(),
        source: "api".into(),
        action: "a".into(),
        outcome: Outcome::Unknown,
        http_status: Some(200),
        metadata: Some("{\"k\":1}".into()),
        ..Event::default()
    };
    let mut bytes = Vec::new();
    write_canonical(&event, &mut bytes);
    let expected = r#"{"action":"a","event_id":"e\"1","event_time":"2026-03-01T12:00:00.500Z","http_status":200,"metadata":"{\"k\":1}","organization":"o","outcome":"unknown","region":"r","source":"api"}"#;
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    assert_eq!(hex::encode(event_hash(&event)), "47f36ee684036974ebcd73722c17b537b46e192d9f141271668ec60612255ecb");
}

#[test]
fn the_form_without_id_differs_in_nothing_else() {
    let event = small_event();
    let (mut with, mut without) = (Vec::new(), Vec::new());
    write_canonical(&event, &mut with);
    write_canonical_without_id(&event, &mut without);
    let with = String::from_utf8(with).unwrap().replace(",\"event_id\":\"id\"", "");
    assert_eq!(with, String::from_utf8(without).unwrap());
}

#[test]
fn a_batch_that_is_not_an_events_is_refused() {
    let batch = batch_of(&[small_event()]);
    let without_action = batch.project(&[0, 1, 2]).unwrap();
    assert_eq!(ColumnarHasher::new(&without_action, None).err(), Some(NotCanonical::MissingColumn("action")));
    assert_eq!(EventRows::new(&without_action, None).err(), Some(NotAnEvent::MissingColumn("region")));
    let renamed = RecordBatch::try_from_iter([("new_column", Arc::clone(batch.column(0)))]).unwrap();
    assert_eq!(ColumnarHasher::new(&renamed, None).err(), Some(NotCanonical::UnknownColumn("new_column".into())));
}
