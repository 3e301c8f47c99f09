//! Statements as text: golden files for reading, properties for every input.

use std::path::PathBuf;

use auditlake_athena::sql::{
    Reading, count_statement, count_window, export_statement, export_window, search_statement, search_windows,
};
use auditlake_athena::tables::{TableOptions, tables};
use auditlake_athena::{Identifier, Sides, Snapshot, Statement, Tables, Window};
use auditlake_event::{Organization, Region, Timestamp};
use auditlake_lake::SealTime;
use auditlake_lake::period::{Period, SealRule};
use auditlake_query::{Condition, ExportFormat, Field, GroupBy, Interval, Order, Position, Query};
use proptest::prelude::*;

use crate::lake::HOSTILE;

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn lake_tables() -> Tables {
    Tables::in_database(Identifier::parse("auditlake").unwrap())
}

fn snapshot() -> Snapshot {
    Snapshot {
        sealed_until: SealTime::from_start(time("2026-03-01T01:00:00Z")),
        archive_since: time("2025-12-31T22:00:00Z"),
        now: time("2026-03-01T02:10:00Z"),
        rule: SealRule { period: Period::HOUR, slack_ms: 300_000, lead_ms: 300_000 },
    }
}

fn query(from: Option<&str>, to: Option<&str>, conditions: Vec<Condition>) -> Query {
    let organization = Organization::parse("acme").unwrap();
    Query { from: from.map(time), to: to.map(time), conditions, ..Query::all(organization) }
}

fn condition(field: Field, negated: bool, values: &[&str]) -> Condition {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    Condition { negated, ..Condition::any_of(field, values) }
}

/// Compares with a file beside this one; `AUDITLAKE_BLESS=1` writes it.
fn check_golden(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("AUDITLAKE_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, expected, "{name}; if the change is meant: AUDITLAKE_BLESS=1");
}

fn shown(statement: &Statement) -> String {
    format!("{}\n\n-- parameters: {}\n", statement.text, statement.parameters.join(" | "))
}

fn search(query: &Query, after: Option<&Position>, sides: Sides) -> Vec<Statement> {
    ordered_search(query, Order::NewestFirst, after, sides)
}

fn ordered_search(query: &Query, order: Order, after: Option<&Position>, sides: Sides) -> Vec<Statement> {
    let (tables, snapshot) = (lake_tables(), snapshot());
    search_windows(query, order, after, &snapshot, 24 * Timestamp::HOUR_MS)
        .into_iter()
        .filter_map(|window| {
            let reading = Reading { tables: &tables, snapshot: &snapshot, sides, query, window };
            search_statement(&reading, order, after, 100, false).unwrap()
        })
        .collect()
}

fn count(query: &Query, interval: Option<Interval>, group_by: Option<GroupBy>) -> Statement {
    let (tables, snapshot) = (lake_tables(), snapshot());
    let window = count_window(query, &snapshot).unwrap();
    let reading = Reading { tables: &tables, snapshot: &snapshot, sides: Sides::Both, query, window };
    count_statement(&reading, interval, None, group_by, 10).unwrap().unwrap()
}

#[test]
fn statements_read_as_their_golden_files() {
    let across_month = query(Some("2026-02-28T22:30:00Z"), Some("2026-03-01T01:30:00Z"), Vec::new());
    check_golden("search_across_month.sql", &shown(&search(&across_month, None, Sides::Both)[0]));

    let conditions = vec![
        condition(Field::ActorEmail, false, &["Eve@Example.ORG"]),
        condition(Field::Outcome, true, &["success", "unknown"]),
        condition(Field::Text, false, &["O'Hara"]),
        condition(Field::Credential, false, &["AKIAEXAMPLE"]),
    ];
    let mut page = query(None, None, conditions);
    page.region = Some(Region::parse("eu-west-1").unwrap());
    let after = Position {
        event_time: time("2026-02-28T23:59:59.999Z"),
        nanos: 500,
        event_id: "it's".into(),
        source: "api".into(),
        region: "eu-west-1".into(),
    };
    let steps = search(&page, Some(&after), Sides::Both);
    check_golden("search_page_first_step.sql", &shown(&steps[0]));
    check_golden("search_page_rest.sql", &shown(&steps[1]));

    let changed = vec![
        condition(Field::ChangesField, false, &["role"]),
        condition(Field::ChangesAfter, false, &["admin"]),
        condition(Field::ChangesBefore, true, &["admin"]),
        condition(Field::SourceIp, false, &["203.0.113.0/24"]),
    ];
    let oldest = Query { from_nanos: 1_000, ..query(Some("2026-03-01T00:30:00Z"), None, changed) };
    let after = Position { event_time: time("2026-03-01T00:30:00Z"), region: "eu-west-1".into(), ..after };
    let steps = ordered_search(&oldest, Order::OldestFirst, Some(&after), Sides::Both);
    check_golden("search_oldest_first.sql", &shown(&steps[0]));

    let fresh = query(Some("2026-03-01T01:00:00Z"), None, Vec::new());
    check_golden("search_landing_only.sql", &shown(&search(&fresh, None, Sides::Both)[0]));

    let sealed = query(Some("2026-02-28T22:00:00Z"), Some("2026-03-01T00:00:00Z"), Vec::new());
    check_golden("search_archive_only.sql", &shown(&search(&sealed, None, Sides::Archive)[0]));

    let export = |format| {
        let (tables, snapshot) = (lake_tables(), snapshot());
        let window = export_window(&across_month, &snapshot);
        let reading = Reading { tables: &tables, snapshot: &snapshot, sides: Sides::Both, query: &across_month, window };
        export_statement(&reading, format, true, "s3://results/athena/exports/acme/0/").unwrap()
    };
    check_golden("export_csv.sql", &shown(&export(ExportFormat::Csv)));
    check_golden("export_ndjson.sql", &shown(&export(ExportFormat::NdJson)));
    check_golden("export_parquet.sql", &shown(&export(ExportFormat::Parquet)));

    check_golden("count_total.sql", &shown(&count(&across_month, None, None)));
    check_golden("count_by_hour.sql", &shown(&count(&across_month, Some(Interval::Hour), None)));
    check_golden("count_by_actor.sql", &shown(&count(&across_month, None, Some(GroupBy::ActorId))));
    check_golden("count_by_hour_and_actor.sql", &shown(&count(&across_month, Some(Interval::Hour), Some(GroupBy::ActorId))));
}

#[test]
fn table_definitions_read_as_their_golden_files() {
    let options = TableOptions {
        database: Identifier::parse("auditlake").unwrap(),
        archive: "s3://example-lake/audit".into(),
        landing: "s3://example-lake/audit".into(),
        regions: vec![Region::parse("us-east-1").unwrap(), Region::parse("eu-west-1").unwrap()],
    };
    for table in tables(&options) {
        check_golden(&format!("{}.athena.sql", table.name()), &format!("{};\n", table.athena_ddl()));
        check_golden(&format!("{}.trino.sql", table.name()), &format!("{};\n", table.trino_ddl()));
        let glue = serde_json::to_string_pretty(&table.glue_table_input()).unwrap();
        check_golden(&format!("{}.glue.json", table.name()), &format!("{glue}\n"));
    }
}

#[test]
fn a_range_of_partitions_covers_midnight_month_and_year_ends() {
    let dt = |from: &str, to: &str| {
        let query = query(Some(from), Some(to), Vec::new());
        let text = &search(&query, None, Sides::Archive)[0].text;
        let start = text.find("dt BETWEEN '").unwrap() + "dt BETWEEN '".len();
        let (first, rest) = text[start..].split_once("' AND '").unwrap();
        (first.to_owned(), rest.split_once('\'').unwrap().0.to_owned())
    };
    for (from, to, first, last) in [
        (
            "2026-02-28T22:30:00Z",
            "2026-03-01T00:30:00Z",
            "year=2026/month=02/day=28/hour=22",
            "year=2026/month=03/day=01/hour=00",
        ),
        (
            "2026-02-03T23:59:59.999Z",
            "2026-02-04T00:00:00Z",
            "year=2026/month=02/day=03/hour=23",
            "year=2026/month=02/day=03/hour=23",
        ),
        (
            "2025-12-31T23:00:00Z",
            "2026-01-01T00:00:00.001Z",
            "year=2025/month=12/day=31/hour=23",
            "year=2026/month=01/day=01/hour=00",
        ),
        // What is sealed happened before sealed until; what is older than the organization's first hour is not there.
        (
            "2026-03-01T00:00:00Z",
            "2026-03-01T02:00:00Z",
            "year=2026/month=03/day=01/hour=00",
            "year=2026/month=03/day=01/hour=00",
        ),
        (
            "2025-12-31T20:00:00Z",
            "2026-01-01T00:00:00Z",
            "year=2025/month=12/day=31/hour=22",
            "year=2025/month=12/day=31/hour=23",
        ),
    ] {
        assert_eq!(dt(from, to), (first.to_owned(), last.to_owned()), "{from} {to}");
    }
}

#[test]
fn what_is_sealed_only_needs_no_statement_where_nothing_is_sealed() {
    let fresh = query(Some("2026-03-01T01:00:00Z"), None, Vec::new());
    assert_eq!(search(&fresh, None, Sides::Archive), []);
}

#[test]
fn a_condition_without_values_is_refused() {
    let query = query(None, None, vec![condition(Field::Action, false, &[])]);
    let (tables, snapshot) = (lake_tables(), snapshot());
    let window = Window { from: time("2026-02-01T00:00:00Z"), to: time("2026-02-02T00:00:00Z") };
    let reading = Reading { tables: &tables, snapshot: &snapshot, sides: Sides::Both, query: &query, window };
    assert!(search_statement(&reading, Order::NewestFirst, None, 10, false).is_err());
    assert!(count_statement(&reading, None, None, None, 10).is_err());
}

pub const FIELDS: [Field; 23] = [
    Field::EventId,
    Field::Actor,
    Field::ActorEmail,
    Field::ActorVia,
    Field::Credential,
    Field::Action,
    Field::Category,
    Field::Outcome,
    Field::ResourceType,
    Field::ResourceId,
    Field::Source,
    Field::SourceIp,
    Field::Text,
    Field::ScopeType,
    Field::ScopeId,
    Field::RequestId,
    Field::ServiceName,
    Field::ErrorCode,
    Field::HttpStatus,
    Field::ChangesField,
    Field::ChangesBefore,
    Field::ChangesAfter,
    Field::ChangesValue,
];

pub const GROUPS: [GroupBy; 15] = [
    GroupBy::Action,
    GroupBy::ActorId,
    GroupBy::ActorEmail,
    GroupBy::Category,
    GroupBy::Outcome,
    GroupBy::ResourceType,
    GroupBy::ResourceId,
    GroupBy::Source,
    GroupBy::SourceIp,
    GroupBy::ServiceName,
    GroupBy::ScopeType,
    GroupBy::ScopeId,
    GroupBy::RequestId,
    GroupBy::ErrorCode,
    GroupBy::HttpStatus,
];

pub const INTERVALS: [Interval; 5] = [Interval::Minute, Interval::Hour, Interval::Day, Interval::Week, Interval::Month];

fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![prop::sample::select(HOSTILE).prop_map(str::to_owned), "\\PC{0,20}", "[a-z']{900,1100}"]
}

fn any_condition() -> impl Strategy<Value = Condition> {
    (prop::sample::select(&FIELDS[..]), any::<bool>(), prop::collection::vec(any_value(), 1..4))
        .prop_map(|(field, negated, values)| Condition { negated, ..Condition::any_of(field, values) })
}

fn any_query() -> impl Strategy<Value = Query> {
    let any_time = 946_684_800_000i64..1_775_000_000_000;
    (
        prop::option::of(any_time.clone()),
        prop::option::of(any_time),
        prop::collection::vec(any_condition(), 0..4),
        any::<bool>(),
    )
        .prop_map(|(from, to, conditions, with_region)| Query {
            region: with_region.then(|| Region::parse("eu-west-1").unwrap()),
            from: from.map(Timestamp::from_millis),
            to: to.map(Timestamp::from_millis),
            from_nanos: 400,
            to_nanos: 600,
            conditions,
            ..Query::all(Organization::parse("acme").unwrap())
        })
}

fn any_position() -> impl Strategy<Value = Position> {
    (1_600_000_000_000i64..1_773_000_000_000, any_value(), any_value(), any_value()).prop_map(
        |(millis, event_id, source, region)| Position {
            event_time: Timestamp::from_millis(millis),
            nanos: 7,
            event_id,
            source,
            region,
        },
    )
}

/// Everything but letters, digits and the few marks that our own text is made of.
fn check_statement(statement: &Statement) -> Result<(), TestCaseError> {
    let text = &statement.text;
    prop_assert_eq!(text.matches('?').count(), statement.parameters.len());
    for parameter in &statement.parameters {
        let length = parameter.encode_utf16().count();
        prop_assert!((2..=1_000).contains(&length));
        prop_assert!(parameter.starts_with('\'') && parameter.ends_with('\''));
    }
    // Text is ours alone: nothing a caller chose is in it.
    let is_ours = |character: char| character.is_ascii_alphanumeric() || " \n_\"'$.,()=<>*-:/%?".contains(character);
    prop_assert!(text.chars().all(is_ours), "{}", text);
    prop_assert!(!text.contains("acme") && !text.contains("eu-west-1"));
    // Each read of a table is bounded by organization and by a range of partitions.
    let reads = text.matches("FROM \"auditlake\".\"events_").count();
    prop_assert_eq!(text.matches("organization = ?").count(), reads);
    let hourly = text.matches("FROM \"auditlake\".\"events_hourly\"").count();
    prop_assert_eq!(text.matches("dt BETWEEN 'year=").count(), hourly);
    prop_assert_eq!(text.matches("seal_time < TIMESTAMP '").count(), hourly);
    let landing = text.matches("FROM \"auditlake\".\"events_landing\"").count();
    prop_assert_eq!(text.matches("arrival BETWEEN '").count(), landing);
    prop_assert_eq!(text.matches("seal_time >= TIMESTAMP '").count(), landing);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn values_are_parameters_and_every_read_is_bounded(
        query in any_query(),
        after in prop::option::of(any_position()),
        interval in prop::option::of(prop::sample::select(&INTERVALS[..])),
        group_by in prop::option::of(prop::sample::select(&GROUPS[..])),
        archive_only in any::<bool>(),
    ) {
        let sides = if archive_only { Sides::Archive } else { Sides::Both };
        let statements = search(&query, after.as_ref(), sides);
        prop_assert!(statements.len() <= 2);
        for statement in &statements {
            check_statement(statement)?;
        }
        if count_window(&query, &snapshot()).is_some() {
            check_statement(&count(&query, interval, group_by))?;
        }
    }

    #[test]
    fn the_same_question_has_the_same_text_whatever_its_values(first in any_value(), second in any_value()) {
        let text = |value: &str| {
            let long = value.encode_utf16().count() + value.matches('\'').count() > 900;
            (!long).then(|| search(&query(None, None, vec![condition(Field::Action, false, &[value])]), None, Sides::Both)[0].text.clone())
        };
        if let (Some(first), Some(second)) = (text(&first), text(&second)) {
            prop_assert_eq!(first, second);
        }
    }
}
