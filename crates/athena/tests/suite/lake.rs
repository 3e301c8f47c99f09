//! A small lake with every case that a statement must get right, and what an answer over it must be, worked out without SQL.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use auditlake_event::batch::EventBatchBuilder;
use auditlake_event::columns::archive_schema;
use auditlake_event::{Category, Column, Event, Organization, Outcome, Region, Timestamp};
use auditlake_lake::layout::{ArchiveKey, LandingKey, Partition};
use auditlake_lake::period::{Period, SealRule};
use auditlake_lake::{Codec, SealTime, landing, period::Arrival};
use auditlake_query::{Condition, Count, Field, GroupBy, Interval, Query, TimeZone};
use parquet::arrow::ArrowWriter;

/// Values that mean something to SQL, to a renderer, to a literal, or to a folding of case.
pub const HOSTILE: &[&str] = &[
    "' OR 1=1 --",
    "'; DROP TABLE events_hourly; --",
    "?",
    "'?'",
    "\\",
    "\\'",
    "''",
    "\"",
    "%",
    "_",
    "`",
    "${organization}",
    "/* ? */",
    "-- ?",
    "CAST(? AS JSON)",
    "\n\t",
    "{\"a\":\"b\"}",
    "null",
    "5",
    " ",
    "Ärger",
    "ärger",
    "İstanbul",
    "ſtraße",
    "\u{212A}elvin",
    "kelvin",
    "KELVIN",
    "🎉",
];

pub const RULE: SealRule = SealRule { period: Period::HOUR, slack_ms: 300_000, lead_ms: 300_000 };

pub fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Everything before this is sealed.
pub fn sealed_until() -> SealTime {
    SealTime::from_start(time("2026-03-01T01:00:00Z"))
}

/// The moment of asking.
pub fn now() -> Timestamp {
    time("2026-03-01T02:20:00Z")
}

pub struct Lake {
    /// Key and bytes of every object.
    pub objects: BTreeMap<String, Vec<u8>>,
    /// Every event once, as it must be read.
    pub events: Vec<Event<'static>>,
}

/// Numbers that look random and are the same in each run (a linear congruential generator, Knuth's constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn pick<'a>(&mut self, values: &[&'a str]) -> &'a str {
        values[self.roll(values.len())]
    }

    fn pick_or_null(&mut self, values: &[&'static str]) -> Option<Cow<'static, str>> {
        if self.roll(4) == 0 {
            return None;
        }
        let mut pool = values.to_vec();
        pool.extend(HOSTILE);
        // Ordinary values are the rule.
        let value = if self.roll(3) > 0 { self.pick(values) } else { self.pick(&pool) };
        Some(Cow::Borrowed(value))
    }
}

pub const ACTIONS: [&str; 4] = ["role_assign", "read", "write", "sign_in"];
pub const ACTORS: [&str; 4] = ["u-1", "u-2", "Alice", "bob@example.org"];
pub const EMAILS: [&str; 6] = [
    "Alice@Example.org",
    "alice@example.org",
    "bob@example.org",
    "O'Hara@example.org",
    "Zoë.MÜLLER@Straße.example",
    "ΝΊΚΟΣ@example.org",
];
pub const RESOURCES: [&str; 4] = ["doc-1", "doc-2", "Kitchen", "path/to/x"];
pub const KEYS: [&str; 3] = ["AKIA1", "AKIA2", "it's"];

fn event(dice: &mut Dice, id: String, event_time: Timestamp) -> Event<'static> {
    let metadata = match dice.roll(6) {
        0 => None,
        1 => Some(serde_json::json!({"access_key_id": dice.pick(&KEYS), "note": "x"})),
        2 => Some(serde_json::json!({"issued_access_key_id": dice.pick(&KEYS)})),
        // A number is not the text that looks like it, and null is no value.
        3 => Some(serde_json::json!({"access_key_id": 5, "issued_access_key_id": null})),
        4 => Some(serde_json::json!({"access_key_id": dice.pick(HOSTILE)})),
        _ => Some(serde_json::json!({"deeper": {"access_key_id": dice.pick(&KEYS)}})),
    };
    let organization = if dice.roll(4) == 0 { "other" } else { "acme" };
    let region = if dice.roll(3) == 0 { "eu-west-1" } else { "us-east-1" };
    Event {
        event_id: id.into(),
        event_time,
        event_time_nanos: [None, None, Some(999_999), Some(500_000), Some(0)][dice.roll(5)],
        received_time: event_time,
        region: region.into(),
        organization: organization.into(),
        source: dice.pick(&["api", "aws.cloudtrail"]).into(),
        action: dice.pick(&ACTIONS).into(),
        category: (dice.roll(3) > 0).then(|| Category::ALL[dice.roll(Category::ALL.len())]),
        outcome: Outcome::ALL[dice.roll(Outcome::ALL.len())],
        error_message: dice.pick_or_null(&["no", ""]),
        actor_id: dice.pick_or_null(&ACTORS),
        actor_name: dice.pick_or_null(&ACTORS),
        actor_email: dice.pick_or_null(&EMAILS),
        actor_via: dice.pick_or_null(&["role/admin", "role/reader"]),
        resource_type: dice.pick_or_null(&["document", "Role"]),
        resource_id: dice.pick_or_null(&RESOURCES),
        resource_name: dice.pick_or_null(&RESOURCES),
        source_ip: dice.pick_or_null(&["10.0.0.1", "10.0.1.200", "2001:db8::1", "::1", "balancer.example.org"]),
        scope_type: dice.pick_or_null(&["workspace"]),
        scope_id: dice.pick_or_null(&["ws-1", "ws-2"]),
        request_id: dice.pick_or_null(&["r-1"]),
        error_code: dice.pick_or_null(&["AccessDenied", "NotFound"]),
        changes: changes(dice),
        service_name: dice.pick_or_null(&["gateway"]),
        http_status: [None, Some(403), Some(404), Some(200)][dice.roll(4)],
        metadata: metadata.map(|metadata| metadata.to_string().into()),
        raw: (dice.roll(2) == 0).then(|| "{\"raw\":\"it's\"}".into()),
        ..Event::default()
    }
}

/// When an event happened, in ns since 1970.
fn nanoseconds(event: &Event<'_>) -> i64 {
    event.event_time.millis() * 1_000_000 + i64::from(event.event_time_nanos.unwrap_or(0))
}

/// Changes of fields and values that mean something to SQL, some of them no texts.
fn changes(dice: &mut Dice) -> Option<Cow<'static, str>> {
    use serde_json::{Value, json};
    let value = |dice: &mut Dice| match dice.roll(6) {
        0 => Value::Null,
        1 => json!(10),
        2 => json!(true),
        3 => json!({"deep": "admin"}),
        4 => json!(dice.pick(HOSTILE)),
        _ => json!(dice.pick(&["admin", "user"])),
    };
    let entries: Vec<Value> = (0..dice.roll(4))
        .map(|_| json!({"field": dice.pick(&["role", "plan"]), "before": value(dice), "after": value(dice)}))
        .collect();
    (!entries.is_empty()).then(|| Value::from(entries).to_string().into())
}

/// A JSON value as a condition compares it.
fn scalar(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(_) | serde_json::Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// Whether a change has one of the values of a condition.
fn is_changed(change: &serde_json::Value, condition: &Condition) -> bool {
    let members: &[&str] = match condition.field {
        Field::ChangesField => &["field"],
        Field::ChangesBefore => &["before"],
        Field::ChangesAfter => &["after"],
        _ => &["before", "after"],
    };
    members.iter().any(|member| scalar(&change[*member]).is_some_and(|text| condition.values.contains(&text)))
}

fn changes_of(event: &Event<'_>) -> Vec<serde_json::Value> {
    event.changes.as_deref().map_or_else(Vec::new, |text| serde_json::from_str(text).unwrap())
}

/// Whether one change has everything that the conditions which are not negated ask of changes.
fn one_change_has_all(event: &Event<'_>, query: &Query) -> bool {
    let asked: Vec<_> =
        query.conditions.iter().filter(|condition| condition.field.is_of_changes() && !condition.negated).collect();
    asked.is_empty() || changes_of(event).iter().any(|change| asked.iter().all(|condition| is_changed(change, condition)))
}

type Key<'e> = (&'e str, &'e str, &'e str, Timestamp, &'e str);

fn key<'e>(event: &'e Event<'_>) -> Key<'e> {
    (&event.region, &event.organization, &event.source, event.event_time, &event.event_id)
}

/// Batches in order of arrival.
fn deliveries() -> Vec<(Timestamp, Vec<Event<'static>>)> {
    let mut dice = Dice(7);
    let mut batches: Vec<(Timestamp, Vec<Event<'static>>)> = Vec::new();
    let hours = [
        "2025-12-31T23:00:00Z",
        "2026-01-01T00:00:00Z",
        "2026-02-28T22:00:00Z",
        "2026-02-28T23:00:00Z",
        "2026-03-01T00:00:00Z",
        "2026-03-01T01:00:00Z",
        "2026-03-01T02:00:00Z",
    ];
    let mut serial = 0;
    for hour in hours {
        for part in 0..4 {
            let start = time(hour).plus_millis(part * 300_000);
            let mut events = Vec::new();
            for _ in 0..12 {
                // The first and the last millisecond of a part, one that many share, and any.
                let offset = [0, 299_999, 1_000, 1_000, i64::try_from(dice.roll(300_000)).unwrap()][dice.roll(5)];
                serial += 1;
                // Ids repeat: a key is more than its id.
                let id = format!("id-{}", if dice.roll(3) == 0 { serial % 5 } else { serial });
                let event_time = start.plus_millis(offset);
                let event = event(&mut dice, id, event_time);
                if !events.iter().any(|other| key(other) == key(&event)) {
                    events.push(event);
                }
            }
            batches.push((start.plus_millis(300_000), events));
        }
        // The last millisecond of the hour arrives in the next one, within the slack.
        serial += 1;
        let last = time(hour).plus_millis(Timestamp::HOUR_MS - 1);
        batches.push((last.plus_millis(60_000), vec![event(&mut dice, format!("last-{serial}"), last)]));
    }
    let everything: Vec<Event<'static>> = batches.iter().flat_map(|(_, events)| events.clone()).collect();

    // An event of the next hour arrives before it begins: the lead.
    let early = time("2026-03-01T01:00:00Z");
    batches.push((early.plus_millis(-200_000), vec![event(&mut dice, "early".into(), early)]));

    // Late events of long ago: one batch that is sealed, one that is not and is older than anything in the archive.
    for (arrival, oldest) in
        [("2026-03-01T00:40:00Z", "2025-12-31T23:59:59Z"), ("2026-03-01T02:10:00Z", "2019-06-01T00:00:00Z")]
    {
        let late = ["2026-01-01T00:59:59.999Z", "2026-02-28T22:15:00Z", "2026-02-28T23:59:59.999Z", oldest];
        let events = late.iter().map(|at| event(&mut dice, format!("late-{arrival}"), time(at))).collect();
        batches.push((time(arrival), events));
    }

    // Retries and copies that differ, delivered again after everything was sealed, and twice among what is not sealed. A copy
    // that differs would match other conditions than the first arrived does.
    for (arrival, share) in [("2026-03-01T00:50:00Z", 5), ("2026-03-01T02:15:00Z", 3), ("2026-03-01T02:16:00Z", 4)] {
        let mut events = Vec::new();
        for original in &everything {
            if original.event_time.plus_millis(600_000) > time(arrival) || dice.roll(share) > 0 {
                continue;
            }
            let mut copy = original.clone();
            copy.received_time = time(arrival);
            if dice.roll(2) == 0 {
                copy.outcome = Outcome::Denied;
                copy.actor_email = Some("intruder@example.org".into());
                copy.event_time_nanos = Some(250_000);
            }
            if !events.iter().any(|other| key(other) == key(&copy)) {
                events.push(copy);
            }
        }
        batches.push((time(arrival), events));
    }

    // Copies in one landing object: the earlier received comes first.
    let mut first = event(&mut dice, "twice".into(), time("2026-03-01T02:01:00Z"));
    first.organization = "acme".into();
    let mut second = first.clone();
    second.received_time = first.received_time.plus_millis(5);
    second.action = "overwritten".into();
    batches.push((time("2026-03-01T02:17:00Z"), vec![first, second]));

    // What a page can just hold, all in one millisecond.
    let crowd = time("2026-02-28T23:30:00Z");
    let events = (0..60).map(|index| event(&mut dice, format!("crowd-{index:03}"), crowd)).collect();
    batches.push((crowd.plus_millis(1_000), events));
    batches.sort_by_key(|(arrival, _)| *arrival);
    batches
}

impl Lake {
    /// Lands and seals the deliveries: what a plan would put into the archive lies there.
    pub fn new() -> Self {
        let mut objects = BTreeMap::new();
        let mut archive: BTreeMap<ArchiveKey, Vec<(Event<'static>, SealTime)>> = BTreeMap::new();
        let mut seen: HashSet<String> = HashSet::new();
        let mut events = Vec::new();
        for (position, (arrival, batch)) in deliveries().into_iter().enumerate() {
            let arrival = Arrival(arrival);
            let landing_key = LandingKey::new(arrival, [u8::try_from(position).unwrap(); 10]);
            let encoded = landing::file::encode(&batch, arrival, &RULE).unwrap();
            objects.insert(landing_key.to_string(), encoded.bytes.to_vec());
            for event in batch {
                if !seen.insert(format!("{:?}", key(&event))) {
                    continue;
                }
                let seal_time = RULE.seal_time(event.event_time, arrival);
                if seal_time < sealed_until() {
                    let partition = Partition {
                        region: Region::parse(&event.region).unwrap(),
                        organization: Organization::parse(&event.organization).unwrap(),
                        hour: event.event_time.hour(),
                    };
                    let key = ArchiveKey { partition, seal_time, part: 0, codec: Codec::Snappy };
                    archive.entry(key).or_default().push((event.clone(), seal_time));
                }
                events.push(event);
            }
        }
        for (key, rows) in archive {
            objects.insert(key.to_string(), archive_object(rows));
        }
        // Landing expires some time after everything in it is sealed: the oldest is gone.
        objects.retain(|key, _| LandingKey::parse(key).is_none_or(|key| key.arrival().0 > time("2026-03-01T00:10:00Z")));
        Self { objects, events }
    }

    fn matching<'a>(&'a self, query: &'a Query) -> impl Iterator<Item = &'a Event<'static>> {
        self.events.iter().filter(|event| {
            event.organization == query.organization.as_str()
                && query.region.as_ref().is_none_or(|region| event.region == region.as_str())
                && query
                    .from
                    .is_none_or(|from| nanoseconds(event) >= from.millis() * 1_000_000 + i64::from(query.from_nanos))
                && query.to.is_none_or(|to| nanoseconds(event) < to.millis() * 1_000_000 + i64::from(query.to_nanos))
                && one_change_has_all(event, query)
                && query.conditions.iter().all(|condition| holds(event, condition))
        })
    }

    /// Every matching event, newest first.
    pub fn search(&self, query: &Query) -> Vec<Event<'static>> {
        let mut events: Vec<Event<'static>> = self.matching(query).cloned().collect();
        events.sort_by_key(|event| {
            let name = [&event.event_id, &event.source, &event.region].map(|text| text.to_string());
            std::cmp::Reverse((nanoseconds(event), name))
        });
        events
    }

    /// Counts as [`auditlake_query::Counts`] describes them, and whether values were left out.
    pub fn count(
        &self,
        query: &Query,
        interval: Option<Interval>,
        time_zone: Option<&TimeZone>,
        group_by: Option<GroupBy>,
        limit: usize,
    ) -> (Vec<Count>, bool) {
        // Nulls sort last.
        type Value = (bool, Option<String>);
        let mut totals: BTreeMap<Value, u64> = BTreeMap::new();
        let mut groups: BTreeMap<(Option<Timestamp>, Value), u64> = BTreeMap::new();
        for event in self.matching(query) {
            let value = group_by.and_then(|group_by| match group_by {
                GroupBy::HttpStatus => event.http_status.map(|status| status.to_string()),
                GroupBy::Metadata(key) => {
                    let metadata: serde_json::Value = serde_json::from_str(event.metadata.as_deref()?).unwrap();
                    scalar(&metadata[key.as_str()])
                }
                other => event.text(column_of(other)).map(str::to_owned),
            });
            let value = if group_by == Some(GroupBy::ActorEmail) { value.map(|email| same(&email)) } else { value };
            let value = (value.is_none(), value);
            let bucket = interval.map(|interval| {
                let text = event.event_time.to_string();
                let start = match (interval, time_zone.is_some()) {
                    (Interval::Minute, _) => format!("{}:00Z", &text[..16]),
                    (Interval::Hour, _) => format!("{}:00:00Z", &text[..13]),
                    (Interval::Day, false) => format!("{}T00:00:00Z", &text[..10]),
                    (Interval::Month, false) => format!("{}-01T00:00:00Z", &text[..7]),
                    // The Mondays of the weeks in which there are events, and midnight in New York, five hours behind.
                    (Interval::Week, false) => {
                        let mondays = ["2019-05-27", "2025-12-29", "2026-02-23"];
                        let monday = mondays.iter().rfind(|monday| **monday <= &text[..10]).unwrap();
                        format!("{monday}T00:00:00Z")
                    }
                    (Interval::Day, true) if &text[11..13] < "05" => {
                        let day = Timestamp::from_millis(event.event_time.millis() - 86_400_000).to_string();
                        format!("{}T05:00:00Z", &day[..10])
                    }
                    (Interval::Day, true) => format!("{}T05:00:00Z", &text[..10]),
                    (other, true) => panic!("not worked out for {other:?}"),
                };
                time(&start)
            });
            *totals.entry(value.clone()).or_default() += 1;
            *groups.entry((bucket, value)).or_default() += 1;
        }
        let mut by_total: Vec<(Value, u64)> = totals.into_iter().collect();
        by_total.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(&right.0)));
        let is_cut = group_by.is_some() && by_total.len() > limit;
        let kept: HashSet<Value> =
            by_total.into_iter().take(if is_cut { limit } else { usize::MAX }).map(|(value, _)| value).collect();
        let mut groups: Vec<_> = groups.into_iter().filter(|((_, value), _)| kept.contains(value)).collect();
        groups.sort_by(|((left_time, left_value), left), ((right_time, right_value), right)| {
            left_time.cmp(right_time).then(right.cmp(left)).then(left_value.cmp(right_value))
        });
        let mut counts: Vec<Count> =
            groups.into_iter().map(|((time, (_, value)), count)| Count { time, value, count }).collect();
        if counts.is_empty() && interval.is_none() && group_by.is_none() {
            counts.push(Count { time: None, value: None, count: 0 });
        }
        (counts, is_cut)
    }
}

fn archive_object(mut rows: Vec<(Event<'static>, SealTime)>) -> Vec<u8> {
    rows.sort_by(|(left, _), (right, _)| match left.event_time.cmp(&right.event_time) {
        Ordering::Equal => (&left.event_id, &left.source).cmp(&(&right.event_id, &right.source)),
        other => other,
    });
    let mut builder = EventBatchBuilder::with_capacity(rows.len());
    for (event, seal_time) in &rows {
        builder.append(event, seal_time.start());
    }
    let batch = builder.finish().unwrap();
    let kept: Vec<usize> = Column::ALL.iter().filter(|column| !column.is_partition()).map(|column| column.index()).collect();
    let batch = batch.project(&kept).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), archive_schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn column_of(group_by: GroupBy) -> Column {
    let name = serde_json::to_value(group_by).unwrap();
    Column::from_name(name.as_str().unwrap()).unwrap()
}

/// One text for all that differ in case alone, by way of the capitals: a letter with two small forms has one capital.
fn same(text: &str) -> String {
    let lower: String = text.chars().map(|letter| if letter == 'İ' { 'i' } else { letter }).collect();
    // What has no single capital stays.
    let upper = |letter: char| {
        if letter.to_uppercase().count() == 1 && letter != 'ı' { letter.to_uppercase().next() } else { None }
    };
    let capitals = lower.chars().map(|letter| upper(letter).unwrap_or(letter));
    capitals.flat_map(char::to_lowercase).collect()
}

/// Whether an address lies in a block or range, octet by octet.
fn lies_within(address: IpAddr, value: &str) -> bool {
    let octets = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let own = octets(address);
    let parsed = |text: &str| text.parse::<IpAddr>().ok().map(octets).filter(|other| other.len() == own.len());
    if let Some((first, last)) = value.split_once('-') {
        return parsed(first).zip(parsed(last)).is_some_and(|(first, last)| first <= own && own <= last);
    }
    let Some((network, length)) = value.split_once('/') else { return false };
    let Some(network) = parsed(network) else { return false };
    let length: usize = length.parse().unwrap();
    let bit = |octets: &[u8], index: usize| octets[index / 8] >> (7 - index % 8) & 1;
    (0..length).all(|index| bit(&network, index) == bit(&own, index))
}

/// The meaning of a condition, straight from the words at [`Field`].
fn holds(event: &Event<'_>, condition: &Condition) -> bool {
    let any_is = |columns: &[Column]| {
        columns
            .iter()
            .any(|column| event.text(*column).is_some_and(|text| condition.values.iter().any(|value| value == text)))
    };
    let found = match condition.field {
        Field::Actor => {
            let texts = [&event.actor_id, &event.actor_name, &event.actor_email];
            let is =
                |value: &String, text: &str| if value.contains('@') { same(value) == same(text) } else { value == text };
            texts.into_iter().flatten().any(|text| condition.values.iter().any(|value| is(value, text)))
        }
        Field::ActorEmail => {
            let email = event.actor_email.as_deref();
            email.is_some_and(|email| condition.values.iter().any(|value| same(value) == same(email)))
        }
        Field::SourceIp => {
            let address = event.source_ip.as_deref().and_then(|text| text.parse::<IpAddr>().ok());
            any_is(&[Column::SourceIp])
                || condition.values.iter().any(|value| address.is_some_and(|address| lies_within(address, value)))
        }
        Field::Credential => {
            let metadata: serde_json::Value =
                event.metadata.as_deref().map_or(serde_json::Value::Null, |text| serde_json::from_str(text).unwrap());
            ["access_key_id", "issued_access_key_id"]
                .iter()
                .filter_map(|name| metadata[name].as_str())
                .any(|key| condition.values.iter().any(|value| value == key))
        }
        Field::Text => {
            let columns = [
                &event.actor_email,
                &event.actor_id,
                &event.actor_name,
                &event.resource_id,
                &event.resource_name,
                &event.resource_type,
            ];
            columns.into_iter().flatten().any(|text| condition.values.iter().any(|value| same(text).contains(&same(value))))
        }
        Field::HttpStatus => {
            event.http_status.is_some_and(|status| condition.values.iter().any(|value| value.parse() == Ok(status)))
        }
        field if field.is_of_changes() => changes_of(event).iter().any(|change| is_changed(change, condition)),
        Field::Metadata(key) => {
            let metadata: serde_json::Value =
                event.metadata.as_deref().map_or(serde_json::Value::Null, |text| serde_json::from_str(text).unwrap());
            let nested = key.as_str().split('.').fold(&metadata, |value, name| &value[name]);
            [&metadata[key.as_str()], nested]
                .iter()
                .any(|value| scalar(value).is_some_and(|text| condition.values.contains(&text)))
        }
        other => {
            let name = serde_json::to_value(other).unwrap();
            any_is(&[Column::from_name(name.as_str().unwrap()).unwrap()])
        }
    };
    found != condition.negated
}
