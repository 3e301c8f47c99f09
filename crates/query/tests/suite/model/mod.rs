//! A lake whose content is known: events arrive in landing objects, some periods are sealed, and a plain list of events says
//! what every answer must be.

pub mod meddling;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use auditlake_event::batch::EventBatchBuilder;
use auditlake_event::columns::archive_schema;
use auditlake_event::{Category, Column, Event, Organization, Outcome, Region, Timestamp};
use auditlake_lake::hash::sha256_hex;
use auditlake_lake::landing::file::encode;
use auditlake_lake::layout::{self, ArchiveKey, LandingKey, Partition};
use auditlake_lake::period::Period;
use auditlake_lake::seal::plan;
use auditlake_lake::seal::record::SealRecord;
use auditlake_lake::{Arrival, Codec, Lake, SealTime};
use auditlake_query::{Condition, Field, MetadataKey, Query};
use auditlake_store::memory::MemoryStore;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{BloomFilterPosition, EnabledStatistics, WriterProperties};
use proptest::prelude::*;

pub const ORGANIZATIONS: [&str; 2] = ["acme", "globex"];
pub const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];

/// An event before it is given a time: small numbers that pick from small pools, so that copies and conflicts occur.
#[derive(Debug, Clone)]
pub struct Spec {
    pub organization: usize,
    pub region: usize,
    /// Picks the age of the event at its arrival.
    pub age: usize,
    pub id: usize,
    pub source: usize,
    pub content: u8,
    /// Takes the identity of the event that arrived this many events before, if there is one.
    pub copy_of: Option<usize>,
}

/// Minutes between an event and its arrival.
const AGES: [i64; 12] = [0, 0, 0, 1, 1, 4, -4, 30, 70, 200, 60 * 30, 60 * 24 * 45];

pub fn spec() -> impl Strategy<Value = Spec> {
    let copy_of = prop::option::weighted(0.25, 0usize..12);
    (0usize..2, 0usize..2, 0usize..AGES.len(), 0usize..4, 0usize..2, any::<u8>(), copy_of).prop_map(
        |(organization, region, age, id, source, content, copy_of)| Spec {
            organization,
            region,
            age,
            id,
            source,
            content,
            copy_of,
        },
    )
}

/// Landing objects: minutes after the one before, events.
pub fn arrivals() -> impl Strategy<Value = Vec<(i64, Vec<Spec>)>> {
    prop::collection::vec((0i64..40, prop::collection::vec(spec(), 1..8)), 0..14)
}

fn owned(text: &str) -> Cow<'static, str> {
    Cow::Owned(text.to_owned())
}

fn pick(pool: &[Option<&str>], number: u8) -> Option<Cow<'static, str>> {
    pool[usize::from(number) % pool.len()].map(owned)
}

/// An event whose columns are picked by the bits of `content`.
pub fn event(organization: &str, region: &str, time: Timestamp, id: &str, source: &str, content: u8) -> Event<'static> {
    let metadata = [None, Some(r#"{"access_key_id":"AKIA1"}"#), Some(r#"{"issued_access_key_id":"AKIA1","x":"AKIA2"}"#)];
    Event {
        event_id: owned(id),
        event_time: time,
        event_time_nanos: [None, Some(5), Some(0), Some(900_000)][usize::from(content / 31) % 4],
        received_time: time.plus_millis(7),
        region: owned(region),
        organization: owned(organization),
        source: owned(source),
        action: owned(["role_assign", "role_revoke", "list_objects"][usize::from(content) % 3]),
        category: [None, Some(Category::RoleManagement), Some(Category::Other)][usize::from(content / 2) % 3],
        outcome: [Outcome::Success, Outcome::Denied, Outcome::Failure][usize::from(content / 4) % 3],
        error_message: pick(&[None, Some("no")], content / 8),
        actor_id: pick(&[None, Some("u1"), Some("u2")], content / 3),
        actor_name: pick(&[None, None, Some("u1"), Some("Carol")], content / 5),
        actor_email: pick(
            &[None, Some("Alice@Example.com"), Some("bob@example.com"), Some("ALICE@example.com"), Some("Zoë@example.com")],
            content / 7,
        ),
        actor_via: pick(&[None, Some("arn:aws:iam::1:role/r")], content / 9),
        resource_type: pick(&[None, Some("bucket"), Some("role")], content / 11),
        resource_id: pick(&[None, Some("b/x-1"), Some("b/X-2"), Some("B/x-3")], content / 13),
        source_ip: pick(&[None, Some("192.0.2.1"), Some("2001:db8::1")], content / 17),
        service_name: pick(&[None, Some("iam")], content / 19),
        scope_type: pick(&[None, Some("workspace")], content / 6),
        scope_id: pick(&[None, Some("ws-1"), Some("ws-2")], content / 10),
        request_id: pick(&[None, Some("r-1")], content / 12),
        error_code: pick(&[None, Some("AccessDenied")], content / 8),
        changes: pick(
            &[
                None,
                Some(r#"[{"after":"admin","before":"user","field":"role"},{"after":"free","field":"plan"}]"#),
                Some(r#"[{"after":"user","before":"admin","field":"role"},{"after":5,"before":true,"field":"limit"}]"#),
            ],
            content / 14,
        ),
        http_status: content.is_multiple_of(5).then_some(403),
        metadata: pick(&metadata, content / 23),
        raw: pick(&[None, Some("{\"raw\":true}")], content / 29),
        ..Event::default()
    }
}

/// A row as it landed.
#[derive(Debug, Clone)]
pub struct Row {
    pub event: Event<'static>,
    pub seal_time: SealTime,
}

/// A landing object.
#[derive(Debug, Clone)]
pub struct Object {
    pub key: LandingKey,
    pub bytes: Bytes,
    pub events: Vec<Event<'static>>,
}

/// How archive objects are written.
#[derive(Debug, Clone, Copy)]
pub struct Writing {
    pub rows_per_group: usize,
    pub rows_per_page: usize,
    pub statistics: bool,
    pub bloom_filters: bool,
    pub dictionaries: bool,
}

pub fn writing() -> impl Strategy<Value = Writing> {
    (1usize..6, 1usize..4, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(rows_per_group, rows_per_page, statistics, bloom_filters, dictionaries)| Writing {
            rows_per_group,
            rows_per_page,
            statistics,
            bloom_filters,
            dictionaries,
        },
    )
}

/// A lake and what it holds.
pub struct World {
    pub lake: Lake,
    pub objects: Vec<Object>,
    pub writing: Writing,
    /// Every event once: the copy that arrived first.
    pub winners: Vec<Row>,
}

pub fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

type Identity = (String, String, i64, String, String);

fn identity(event: &Event<'_>) -> Identity {
    (
        event.region.to_string(),
        event.organization.to_string(),
        event.event_time.millis(),
        event.event_id.to_string(),
        event.source.to_string(),
    )
}

impl World {
    pub fn new(period_seconds: u32, arrivals: &[(i64, Vec<Spec>)], writing: Writing) -> Self {
        let created = time("2026-03-01T10:17:00Z");
        let period = Period::from_seconds(period_seconds).unwrap();
        let lake = Lake::new(created, period, 300_000, 300_000, Codec::Snappy);
        let mut now = created;
        let mut objects: Vec<Object> = Vec::new();
        let mut all: Vec<Event<'static>> = Vec::new();
        for (index, (minutes, specs)) in arrivals.iter().enumerate() {
            now = now.plus_millis(minutes * 60_000 + 1);
            let mut events = Vec::new();
            for spec in specs {
                let made = make(spec, now, &all, lake.lead_ms);
                all.push(made.clone());
                events.push(made);
            }
            let arrival = Arrival(now);
            let bytes = encode(&events, arrival, &lake.rule()).unwrap().bytes;
            let random = (index as u128).to_be_bytes();
            let key = LandingKey::new(arrival, random[6..].try_into().unwrap());
            objects.push(Object { key, bytes, events });
        }
        let winners = winners(&lake, &objects);
        Self { lake, objects, writing, winners }
    }

    /// The start of the period that is `count` periods after the first.
    pub fn after_periods(&self, count: i64) -> SealTime {
        SealTime::from_start(self.lake.first_period.start().plus_millis(count * self.lake.period().millis()))
    }

    /// Puts every landing object.
    pub fn land(&self, store: &MemoryStore) {
        for object in &self.objects {
            store.overwrite(&object.key.to_string(), object.bytes.clone());
        }
    }

    /// Writes what the seals of the periods from `from` until `until` would write.
    pub fn seal(&self, store: &MemoryStore, from: SealTime, until: SealTime) {
        let mut parts: BTreeMap<(String, String, Timestamp, SealTime), Vec<&Row>> = BTreeMap::new();
        for row in self.winners.iter().filter(|row| from <= row.seal_time && row.seal_time < until) {
            let event = &row.event;
            let part = (event.region.to_string(), event.organization.to_string(), event.event_time.hour(), row.seal_time);
            parts.entry(part).or_default().push(row);
        }
        for ((region, organization, hour, seal_time), rows) in parts {
            let region = Region::parse(&region).unwrap();
            let organization = Organization::parse(&organization).unwrap();
            // Two parts, so that a partition has several objects of one seal.
            let middle = rows.len() / 2;
            for (part, rows) in [(0, &rows[..middle]), (1, &rows[middle..])] {
                if !rows.is_empty() {
                    let partition = Partition { region: region.clone(), organization: organization.clone(), hour };
                    let key = ArchiveKey { partition, seal_time, part, codec: Codec::Snappy };
                    store.overwrite(&key.to_string(), archive_object(rows, self.writing));
                }
            }
        }
        let mut period = from;
        while period < until {
            let plan = plan::empty(period, Codec::Snappy).to_bytes().unwrap();
            let before = self.lake.period().previous(period);
            let previous = store.snapshot().get(&layout::record_key(before)).map(|record| sha256_hex(record));
            let record = SealRecord::of_nothing(period, sha256_hex(&plan), previous).to_bytes().unwrap();
            store.overwrite(&layout::plan_key(period), plan);
            store.overwrite(&layout::record_key(period), record);
            period = self.lake.period().next(period);
        }
    }

    /// Removes the landing objects that hold nothing unsealed at `sealed_until`.
    pub fn expire(&self, store: &MemoryStore, sealed_until: SealTime) {
        for object in &self.objects {
            if self.lake.rule().last_window_of(object.key.arrival()) < sealed_until {
                store.expire(&object.key.to_string());
            }
        }
    }

    /// What a query must return, newest first.
    pub fn expected(&self, query: &Query) -> Vec<&Event<'static>> {
        let mut events: Vec<&Event<'static>> =
            self.winners.iter().map(|row| &row.event).filter(|event| satisfies(event, query)).collect();
        events.sort_by_key(|event| std::cmp::Reverse(place(event)));
        events
    }
}

fn make(spec: &Spec, now: Timestamp, all: &[Event<'static>], lead_ms: i64) -> Event<'static> {
    let original = spec.copy_of.and_then(|back| all.len().checked_sub(back + 1)).map(|index| &all[index]);
    if let Some(original) = original.filter(|original| original.event_time.millis() <= now.millis() + lead_ms) {
        // Every other copy is exact, the others differ in content.
        if spec.content.is_multiple_of(2) {
            return original.clone();
        }
        return event(
            &original.organization,
            &original.region,
            original.event_time,
            &original.event_id,
            &original.source,
            spec.content,
        );
    }
    let event_time = Timestamp::from_millis((now.millis() - AGES[spec.age] * 60_000) / 1_000 * 1_000);
    let id = format!("id-{}", spec.id);
    event(
        ORGANIZATIONS[spec.organization],
        REGIONS[spec.region],
        event_time,
        &id,
        ["api", "lakefs"][spec.source],
        spec.content,
    )
}

/// The first copy of every event: objects in the order of their keys, rows in the order of the object.
fn winners(lake: &Lake, objects: &[Object]) -> Vec<Row> {
    let mut objects: Vec<&Object> = objects.iter().collect();
    objects.sort_by_key(|object| object.key.to_string());
    let mut seen: HashMap<Identity, ()> = HashMap::new();
    let mut winners = Vec::new();
    for object in objects {
        for event in &object.events {
            if seen.insert(identity(event), ()).is_none() {
                let seal_time = lake.rule().seal_time(event.event_time, object.key.arrival());
                winners.push(Row { event: event.clone(), seal_time });
            }
        }
    }
    winners
}

fn archive_object(rows: &[&Row], writing: Writing) -> Bytes {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|row| (row.event.event_time, row.event.event_id.clone(), row.event.source.clone()));
    // Across row groups in time order, inside one in any.
    for group in rows.chunks_mut(writing.rows_per_group) {
        group.reverse();
    }
    let mut builder = EventBatchBuilder::with_capacity(rows.len());
    for row in &rows {
        builder.append(&row.event, row.seal_time.start());
    }
    let batch = builder.finish().unwrap();
    let kept: Vec<usize> = Column::ALL.iter().filter(|column| !column.is_partition()).map(|column| column.index()).collect();
    let batch = batch.project(&kept).unwrap();
    let statistics = if writing.statistics { EnabledStatistics::Page } else { EnabledStatistics::None };
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(writing.rows_per_group))
        .set_data_page_row_count_limit(writing.rows_per_page)
        .set_write_batch_size(1)
        .set_statistics_enabled(statistics)
        .set_bloom_filter_enabled(writing.bloom_filters)
        .set_bloom_filter_position(BloomFilterPosition::End)
        .set_dictionary_enabled(writing.dictionaries)
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), archive_schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap().into()
}

/// When an event happened, in ns since 1970, and what orders those of one moment.
fn place(event: &Event<'_>) -> (i64, String, String, String) {
    let nanoseconds = event.event_time.millis() * 1_000_000 + i64::from(event.event_time_nanos.unwrap_or(0));
    (nanoseconds, event.event_id.to_string(), event.source.to_string(), event.region.to_string())
}

fn nanoseconds(time: Timestamp, nanos: i32) -> i64 {
    time.millis() * 1_000_000 + i64::from(nanos)
}

/// Whether an event is one of those that a query asks for, as its documentation says.
pub fn satisfies(event: &Event<'_>, query: &Query) -> bool {
    event.organization == query.organization.as_str()
        && query.region.as_ref().is_none_or(|region| event.region == region.as_str())
        && query.from.is_none_or(|from| place(event).0 >= nanoseconds(from, query.from_nanos))
        && query.to.is_none_or(|to| place(event).0 < nanoseconds(to, query.to_nanos))
        && query.conditions.iter().all(|condition| holds(event, condition))
}

/// The text that a scalar is compared as: a string by what it says, numbers and booleans by their JSON; `null`, objects and arrays never match.
fn scalar(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(_) | serde_json::Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn holds(event: &Event<'_>, condition: &Condition) -> bool {
    let lower = |text: &str| text.to_uppercase().to_lowercase().replace('ς', "σ");
    let metadata = || -> serde_json::Value {
        event.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    };
    let changes: Vec<serde_json::Value> =
        event.changes.as_deref().map_or_else(Vec::new, |text| serde_json::from_str(text).unwrap());
    let has_change = |members: &[&str], wanted: &str| {
        let is = |value: &serde_json::Value| scalar(value).as_deref() == Some(wanted);
        changes.iter().any(|change| members.iter().any(|member| change.get(member).is_some_and(is)))
    };
    let actors = [&event.actor_id, &event.actor_name, &event.actor_email];
    let any = |texts: &[&Option<Cow<'_, str>>], wanted: &str| texts.iter().any(|text| text.as_deref() == Some(wanted));
    let is = |value: &str| match condition.field {
        Field::EventId => event.event_id == value,
        Field::Actor if value.contains('@') => {
            actors.iter().any(|text| text.as_deref().is_some_and(|text| lower(text) == lower(value)))
        }
        Field::Actor => any(&actors, value),
        Field::ActorEmail => event.actor_email.as_deref().is_some_and(|email| lower(email) == lower(value)),
        Field::ActorVia => any(&[&event.actor_via], value),
        Field::Credential => {
            ["access_key_id", "issued_access_key_id"].iter().any(|name| metadata().get(name).is_some_and(|key| key == value))
        }
        Field::Action => event.action == value,
        Field::Category => event.category.is_some_and(|category| category.as_str() == value),
        Field::Outcome => event.outcome.as_str() == value,
        Field::ResourceType => any(&[&event.resource_type], value),
        Field::ResourceId => any(&[&event.resource_id], value),
        Field::Source => event.source == value,
        Field::SourceIp => match value {
            "192.0.2.0/24" | "192.0.2.0-192.0.2.9" => event.source_ip.as_deref() == Some("192.0.2.1"),
            "::/0" => event.source_ip.as_deref() == Some("2001:db8::1"),
            _ => any(&[&event.source_ip], value),
        },
        Field::ScopeType => any(&[&event.scope_type], value),
        Field::ScopeId => any(&[&event.scope_id], value),
        Field::RequestId => any(&[&event.request_id], value),
        Field::ServiceName => any(&[&event.service_name], value),
        Field::ErrorCode => any(&[&event.error_code], value),
        Field::HttpStatus => event.http_status.is_some_and(|status| status.to_string() == value),
        Field::ChangesField => has_change(&["field"], value),
        Field::ChangesBefore => has_change(&["before"], value),
        Field::ChangesAfter => has_change(&["after"], value),
        Field::ChangesValue => has_change(&["before", "after"], value),
        Field::Metadata(key) => metadata().get(key.as_str()).and_then(scalar).as_deref() == Some(value),
        Field::Text => {
            let searched = [&event.actor_email, &event.actor_id, &event.actor_name];
            let resources = [&event.resource_id, &event.resource_name, &event.resource_type];
            searched
                .iter()
                .chain(&resources)
                .any(|text| text.as_deref().is_some_and(|text| lower(text).contains(&lower(value))))
        }
    };
    let known = event.actor_id.as_ref().is_some_and(|id| condition.actor_ids.iter().any(|known| known == id));
    (known || condition.values.iter().any(|value| is(value))) != condition.negated
}

const CONDITIONS: &[(Field, &[&str])] = &[
    (Field::EventId, &["id-0", "id-1", "id-9"]),
    (Field::Actor, &["u1", "u2", "Carol", "bob@example.com", "ALICE@example.com", "zoË@example.com"]),
    (Field::ActorEmail, &["alice@example.COM", "bob@example.com", "ZOË@example.com"]),
    (Field::ActorVia, &["arn:aws:iam::1:role/r", "x' OR '1'='1"]),
    (Field::Credential, &["AKIA1", "AKIA2"]),
    (Field::Action, &["role_assign", "role_revoke"]),
    (Field::Category, &["role_management", "other"]),
    (Field::Outcome, &["denied", "success"]),
    (Field::ResourceType, &["bucket", "role"]),
    (Field::ResourceId, &["b/x-1", "B/x-3"]),
    (Field::Source, &["api", "lakefs"]),
    (Field::SourceIp, &["192.0.2.1", "2001:db8::1", "192.0.2.0/24", "192.0.2.0-192.0.2.9", "::/0"]),
    (Field::ScopeType, &["workspace", "x"]),
    (Field::ScopeId, &["ws-1", "ws-2"]),
    (Field::RequestId, &["r-1"]),
    (Field::ServiceName, &["iam"]),
    (Field::ErrorCode, &["AccessDenied"]),
    (Field::HttpStatus, &["403", "404"]),
    (Field::ChangesField, &["role", "plan", "limit"]),
    (Field::ChangesBefore, &["admin", "true"]),
    (Field::ChangesAfter, &["admin", "5"]),
    (Field::ChangesValue, &["admin", "user", "null"]),
    (Field::Text, &["x-", "ALICE", "ro", "u", "%", "b/x-1", "OË@"]),
];

fn metadata_field() -> Field {
    Field::Metadata(MetadataKey::new("x").unwrap())
}

fn condition() -> impl Strategy<Value = Condition> {
    let actor_ids = prop::option::weighted(0.3, prop::sample::subsequence(vec!["u1", "u2", "u9"], 1..3));
    (0..=CONDITIONS.len(), any::<bool>(), prop::collection::vec(any::<prop::sample::Index>(), 1..3), actor_ids).prop_map(
        |(field, negated, values, actor_ids)| {
            let (field, pool) = CONDITIONS.get(field).copied().unwrap_or((metadata_field(), &["AKIA2", "x"]));
            let mut values: Vec<String> = values.iter().map(|index| pool[index.index(pool.len())].to_owned()).collect();
            values.dedup();
            let is_about_actors = matches!(field, Field::Actor | Field::ActorEmail | Field::Text);
            let actor_ids = actor_ids.filter(|_| is_about_actors).unwrap_or_default();
            Condition { field, negated, values, actor_ids: actor_ids.into_iter().map(str::to_owned).collect() }
        },
    )
}

/// Queries over the time in which the events of a world lie.
pub fn query() -> impl Strategy<Value = Query> {
    let nanos = || prop::sample::select(vec![0, 0, 5, 6, 900_000]);
    let bound = || prop::option::weighted(0.4, (-60 * 34i64..60 * 10, 0i64..2, nanos()));
    let conditions = prop::collection::vec(condition(), 0..3);
    (0usize..2, prop::option::weighted(0.3, 0usize..2), bound(), bound(), conditions).prop_map(
        |(organization, region, from, to, conditions)| {
            let time = |(minutes, millis, nanos): (i64, i64, i32)| {
                (time("2026-03-01T10:17:00Z").plus_millis(minutes * 60_000 + millis), nanos)
            };
            let (from, from_nanos) = from.map(time).unzip();
            let (to, to_nanos) = to.map(time).unzip();
            // Conditions on changes that speak of one change have a test of their own.
            let mut conditions = conditions;
            let mut has_changes = false;
            conditions.retain(|condition| {
                let is_joined = condition.field.is_of_changes() && !condition.negated;
                !is_joined || !std::mem::replace(&mut has_changes, true)
            });
            Query {
                organization: Organization::parse(ORGANIZATIONS[organization]).unwrap(),
                region: region.map(|region| Region::parse(REGIONS[region]).unwrap()),
                from,
                to,
                from_nanos: from_nanos.unwrap_or(0),
                to_nanos: to_nanos.unwrap_or(0),
                conditions,
            }
        },
    )
}
