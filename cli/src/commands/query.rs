//! `auditlake query`: asks for events, or for their numbers.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use auditlake_api::event_json::EventJson;
use auditlake_event::{Column, Event};
use auditlake_lake::clock::{Clock, SystemClock};
use auditlake_query::{
    Answer, Count, CountRequest, Counts, Engine, EngineExt, GroupBy, Interval, InvalidQuery, Order, Page, Query, QueryError,
    QueryErrorKind, SearchRequest, TimeZone, csv, nearest,
};
use serde_json::json;

use crate::arguments::{FilterArguments, IntervalName, OrderName, QueryArguments, QueryFormat};
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::storage::Storage;

/// Events read at once.
const PAGE: usize = 1_000;

/// What a table shows of an event if no columns are named; `actor` and `resource` are the most telling column that is filled.
const TABLE_COLUMNS: &[&str] = &["event_time", "actor", "action", "outcome", "resource", "source_ip"];

fn query_failure(error: QueryError) -> Failure {
    let failure = Failure::new(format!("the query failed: {}", error.message));
    match error.kind {
        QueryErrorKind::TooLarge => failure.advise("narrow --from and --to, or add a filter"),
        QueryErrorKind::Unavailable | QueryErrorKind::Throttled => failure.advise("try again"),
        QueryErrorKind::Denied => {
            failure.advise("the credentials may not read this lake: check AWS_ACCESS_KEY_ID and its rights")
        }
        QueryErrorKind::Damaged => {
            failure.advise("restore the object it names; see docs/runbook.md, A damaged archive object")
        }
        QueryErrorKind::Invalid | QueryErrorKind::Cancelled | QueryErrorKind::Internal => failure,
    }
}

fn invalid(error: InvalidQuery) -> Failure {
    Failure::usage(format!("{} {}", error.parameter, error.rule)).advise("auditlake query --help lists the filters")
}

/// The words that a filter knows, where it knows only some.
fn known_words(parameter: &str) -> &'static [&'static str] {
    match parameter.trim_end_matches('!') {
        "outcome" => &["success", "failure", "denied", "unknown"],
        "category" => &[
            "user_management",
            "role_management",
            "group_management",
            "permission_check",
            "authentication",
            "data_access",
            "configuration",
            "other",
        ],
        _ => &[],
    }
}

/// How many letters must be changed, added or left out to make one word of another.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, other) in right.chars().enumerate() {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

/// A filter that cannot be, and the nearest word that could have been meant.
fn invalid_of(error: InvalidQuery, parameters: &[(String, String)]) -> Failure {
    let stated = parameters.iter().filter(|(name, _)| name.trim_end_matches('!') == error.parameter.trim_end_matches('!'));
    let nearest = stated
        .flat_map(|(name, value)| known_words(name).iter().map(move |word| (value, *word)))
        .map(|(value, word)| (distance(value, word), value.get(..2) == word.get(..2), word))
        // `deny` is three letters from `denied`, and begins as it does.
        .filter(|(distance, begins_alike, _)| (1..=2).contains(distance) || (*distance == 3 && *begins_alike))
        .min();
    match nearest {
        Some((_, _, word)) => {
            Failure::usage(format!("{} {}", error.parameter, error.rule)).advise(format!("did you mean {word}?"))
        }
        None => invalid(error),
    }
}

/// The filters as the API's parameters.
fn parameters(filters: &FilterArguments) -> Result<Vec<(String, String)>, Failure> {
    let mut parameters = Vec::new();
    let repeated: [(&str, &Vec<String>); 22] = [
        ("actor", &filters.actor),
        ("actor_email", &filters.actor_email),
        ("actor_via", &filters.actor_via),
        ("credential", &filters.credential),
        ("action", &filters.action),
        ("category", &filters.category),
        ("outcome", &filters.outcome),
        ("resource_type", &filters.resource_type),
        ("resource_id", &filters.resource_id),
        ("source", &filters.source),
        ("source_ip", &filters.source_ip),
        ("scope_type", &filters.scope_type),
        ("scope_id", &filters.scope_id),
        ("request_id", &filters.request_id),
        ("service_name", &filters.service_name),
        ("error_code", &filters.error_code),
        ("http_status", &filters.http_status),
        ("changes.field", &filters.changes_field),
        ("changes.before", &filters.changes_before),
        ("changes.after", &filters.changes_after),
        ("changes.value", &filters.changes_value),
        ("q", &filters.q),
    ];
    for (name, values) in repeated.into_iter().chain([("event_id", &filters.event_id)]) {
        parameters.extend(values.iter().map(|value| (name.to_owned(), value.clone())));
    }
    let single = [("from", &filters.from), ("to", &filters.to), ("region", &filters.region)];
    for (name, value) in single {
        parameters.extend(value.iter().map(|value| (name.to_owned(), value.clone())));
    }
    if let Some(last) = filters.last {
        parameters.push(("from".to_owned(), SystemClock.now().plus_millis(-last.millis).to_string()));
    }
    for member in &filters.metadata {
        let Some((key, value)) = member.split_once('=') else {
            return Err(Failure::new(format!("--metadata {member} is no condition")).advise("write KEY=VALUE"));
        };
        parameters.push((format!("metadata.{key}"), value.to_owned()));
    }
    for condition in &filters.conditions {
        let Some((name, value)) = condition.split_once('=') else {
            return Err(
                Failure::usage(format!("--where {condition} is no condition")).advise("write NAME=VALUE or NAME!=VALUE")
            );
        };
        parameters.push((name.to_owned(), value.to_owned()));
    }
    Ok(parameters)
}

/// A column to show: one of the event's, or the first of several that is filled.
enum Shown {
    Column(Column),
    FirstOf(&'static str, &'static [Column]),
}

impl Shown {
    fn parse(name: &str) -> Result<Self, Failure> {
        match name {
            "actor" => Ok(Self::FirstOf("actor", &[Column::ActorEmail, Column::ActorName, Column::ActorId])),
            "resource" => Ok(Self::FirstOf("resource", &[Column::ResourceName, Column::ResourceId, Column::ResourceType])),
            _ => match Column::from_name(name) {
                Some(Column::SealTime) | None => Err(Failure::usage(format!("there is no column {name}"))
                    .advise("columns are named as in JSON, such as event_time,actor_email,action,outcome,resource_id")),
                Some(column) => Ok(Self::Column(column)),
            },
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Column(column) => column.name(),
            Self::FirstOf(name, _) => name,
        }
    }

    fn field<'e>(&self, event: &'e Event<'_>) -> csv::Field<'e> {
        match self {
            Self::Column(column) => csv::Field::of(event, *column),
            Self::FirstOf(_, columns) => {
                columns.iter().find_map(|column| event.text(*column)).map_or(csv::Field::Nothing, csv::Field::Text)
            }
        }
    }

    fn text(&self, event: &Event<'_>) -> String {
        match self.field(event) {
            csv::Field::Nothing => String::new(),
            csv::Field::Own(text) => text,
            csv::Field::Text(text) => text.to_owned(),
        }
    }
}

fn shown_columns(arguments: &QueryArguments) -> Result<Vec<Shown>, Failure> {
    if !arguments.columns.is_empty() {
        return arguments.columns.iter().map(|name| Shown::parse(name.trim())).collect();
    }
    match arguments.output {
        QueryFormat::Table => TABLE_COLUMNS.iter().map(|name| Shown::parse(name)).collect(),
        _ => Ok(Column::ALL
            .iter()
            .filter(|column| !matches!(column, Column::SealTime | Column::Raw))
            .map(|column| Shown::Column(*column))
            .collect()),
    }
}

pub async fn run(arguments: &QueryArguments) -> Outcome {
    let parameters = parameters(&arguments.filters)?;
    let query = Query::from_parameters(arguments.organization.clone(), parameters.clone())
        .map_err(|error| invalid_of(error, &parameters))?;
    let storage = Storage::open(&arguments.storage).await?;
    let engine = storage.engine(arguments.archive_expiration_days).await?;
    if arguments.count_by.is_some() || arguments.interval.is_some() {
        count(arguments, query, engine.as_ref()).await
    } else {
        search(arguments, query, engine.as_ref()).await
    }
}

/// Writes events as they come, in one of the formats.
struct EventWriter {
    format: QueryFormat,
    columns: Vec<Shown>,
    table: comfy_table::Table,
    written: usize,
}

impl EventWriter {
    fn new(format: QueryFormat, columns: Vec<Shown>) -> Self {
        let header: Vec<&str> = columns.iter().map(Shown::name).collect();
        Self { format, table: output::table(&header), columns, written: 0 }
    }

    fn begin(&self) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        match self.format {
            QueryFormat::Json => out.write_all(b"{\"events\":[")?,
            QueryFormat::Csv => {
                let mut header = Vec::new();
                csv::write_header(self.columns.iter().map(Shown::name), &mut header);
                out.write_all(&header)?;
            }
            QueryFormat::Table | QueryFormat::Ndjson => {}
        }
        Ok(())
    }

    fn write(&mut self, events: &[Event<'_>]) -> Result<(), Failure> {
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        for event in events {
            match self.format {
                QueryFormat::Json => {
                    out.write_all(if self.written == 0 { b"\n" } else { b",\n" })?;
                    serde_json::to_writer(&mut out, &EventJson::new(event))?;
                }
                QueryFormat::Ndjson => {
                    serde_json::to_writer(&mut out, &EventJson::new(event))?;
                    out.write_all(b"\n")?;
                }
                QueryFormat::Csv => {
                    let mut row = Vec::new();
                    csv::write_row(self.columns.iter().map(|column| column.field(event)), &mut row);
                    out.write_all(&row)?;
                }
                QueryFormat::Table => {
                    self.table.add_row(self.columns.iter().map(|column| output::printable(&column.text(event))));
                }
            }
            self.written += 1;
        }
        out.flush()?;
        Ok(())
    }

    fn end(&self, rest: &serde_json::Value) -> Result<(), Failure> {
        match self.format {
            QueryFormat::Table if self.written > 0 => output::print_table(&self.table),
            QueryFormat::Json => {
                let rest = rest.to_string();
                // `rest` is an object with members: its opening brace becomes the comma after the array.
                writeln!(std::io::stdout().lock(), "\n],{}", rest.trim_start_matches('{'))?;
                Ok(())
            }
            QueryFormat::Table | QueryFormat::Ndjson | QueryFormat::Csv => Ok(()),
        }
    }
}

async fn search(arguments: &QueryArguments, query: Query, engine: &dyn Engine) -> Outcome {
    let began = Instant::now();
    let mut writer = EventWriter::new(arguments.output, shown_columns(arguments)?);
    let most = if arguments.all { usize::MAX } else { usize::try_from(arguments.limit).unwrap_or(usize::MAX) };
    // Raw records are read only where they can be shown: in JSON on demand, or as a named column.
    let with_raw = match arguments.output {
        QueryFormat::Json | QueryFormat::Ndjson => arguments.raw,
        QueryFormat::Table | QueryFormat::Csv => arguments.columns.iter().any(|name| name.trim() == "raw"),
    };
    let order = match arguments.order {
        OrderName::Desc => Order::NewestFirst,
        OrderName::Asc => Order::OldestFirst,
    };
    let mut request = SearchRequest { query, order, after: None, limit: PAGE.min(most), with_raw };
    let mut scanned_bytes = 0;
    writer.begin()?;
    let (last, more) = loop {
        let Answer { facts, found: Page { events, next } } = engine.search(&request).await.map_err(query_failure)?;
        writer.write(&events)?;
        scanned_bytes += facts.scanned_bytes;
        let left = most - writer.written.min(most);
        if next.is_none() || left == 0 {
            break (facts, next.is_some());
        }
        request.after = next;
        request.limit = PAGE.min(left);
    };
    writer.end(&json!({
        "more": more,
        "sealed_until": last.sealed_until,
        "complete": last.is_complete(&request.query),
        "scanned_bytes": scanned_bytes,
        "unreadable_objects": last.unreadable_objects,
        "engine": last.engine,
    }))?;
    if arguments.output == QueryFormat::Table {
        let hint = if more { " (there are more: --limit or --all)" } else { "" };
        eprintln!(
            "{}{hint}; {} read in {} ms; sealed until {}",
            output::counted(writer.written, "event"),
            output::bytes(scanned_bytes),
            began.elapsed().as_millis(),
            last.sealed_until
        );
    }
    warn_unreadable(last.unreadable_objects);
    Ok(ExitCode::SUCCESS)
}

fn warn_unreadable(objects: usize) {
    if objects > 0 {
        eprintln!(
            "warning: {} could not be read, so events are missing; the next seal sets aside what is unreadable and says why",
            output::counted(objects, "landing object")
        );
    }
}

fn group_by_of(name: &str) -> Result<GroupBy, Failure> {
    let known = GroupBy::COLUMNS.map(|column| column.column().name());
    GroupBy::parse(name).ok_or_else(|| {
        Failure::new(format!("--count-by {name} is not possible"))
            .advise(format!("it {}, or metadata.KEY", nearest::one_of(name, known)))
    })
}

fn time_zone_of(name: &str, interval: Option<Interval>) -> Result<TimeZone, Failure> {
    if !interval.is_some_and(Interval::is_by_date) {
        return Err(Failure::new("--time-zone goes with --interval day, week or month"));
    }
    TimeZone::parse(name).ok_or_else(|| {
        Failure::new(format!("there is no time zone {name}")).advise("name one of the IANA database, such as Europe/Berlin")
    })
}

async fn count(arguments: &QueryArguments, query: Query, engine: &dyn Engine) -> Outcome {
    let group_by = arguments.count_by.as_deref().map(group_by_of).transpose()?;
    let interval = arguments.interval.map(|interval| match interval {
        IntervalName::Minute => Interval::Minute,
        IntervalName::Hour => Interval::Hour,
        IntervalName::Day => Interval::Day,
        IntervalName::Week => Interval::Week,
        IntervalName::Month => Interval::Month,
    });
    let time_zone = arguments.time_zone.as_deref().map(|name| time_zone_of(name, interval)).transpose()?;
    let limit = if arguments.all { usize::MAX } else { usize::try_from(arguments.limit).unwrap_or(usize::MAX) };
    let request = CountRequest { query, interval, time_zone, group_by, limit };
    let Answer { facts, found: Counts { counts, truncated } } = engine.count(&request).await.map_err(query_failure)?;
    let value_name = arguments.count_by.as_deref().unwrap_or("value");
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let fields = |count: &Count| {
        let time = interval.map(|_| count.time.map(|time| time.to_string()).unwrap_or_default());
        let value = group_by.map(|_| count.value.clone().unwrap_or_default());
        time.into_iter().chain(value).chain([count.count.to_string()]).collect::<Vec<String>>()
    };
    let header: Vec<&str> =
        interval.map(|_| "time").into_iter().chain(group_by.map(|_| value_name)).chain(["count"]).collect();
    match arguments.output {
        QueryFormat::Table => {
            drop(out);
            let mut table = output::table(&header);
            for count in &counts {
                let mut fields: Vec<String> = fields(count).iter().map(|field| output::printable(field)).collect();
                if let Some(last) = fields.last_mut() {
                    *last = output::number(count.count);
                }
                table.add_row(fields);
            }
            output::align_right(&mut table, [header.len() - 1]);
            output::print_table(&table)?;
            let hint = if truncated { "; less frequent values were left out (--limit or --all)" } else { "" };
            eprintln!("{} read; sealed until {}{hint}", output::bytes(facts.scanned_bytes), facts.sealed_until);
        }
        QueryFormat::Csv => {
            let mut rows = Vec::new();
            csv::write_header(header.iter().copied(), &mut rows);
            for count in &counts {
                let time =
                    interval.map(|_| count.time.map_or(csv::Field::Nothing, |time| csv::Field::Own(time.to_string())));
                let value = group_by.map(|_| count.value.as_deref().map_or(csv::Field::Nothing, csv::Field::Text));
                let number = csv::Field::Own(count.count.to_string());
                csv::write_row(time.into_iter().chain(value).chain([number]), &mut rows);
            }
            out.write_all(&rows)?;
            out.flush()?;
        }
        QueryFormat::Ndjson => {
            for count in &counts {
                serde_json::to_writer(&mut out, count)?;
                out.write_all(b"\n")?;
            }
            out.flush()?;
        }
        QueryFormat::Json => {
            let document = json!({
                "counts": counts,
                "truncated": truncated,
                "sealed_until": facts.sealed_until,
                "complete": facts.is_complete(&request.query),
                "scanned_bytes": facts.scanned_bytes,
                "unreadable_objects": facts.unreadable_objects,
                "engine": facts.engine,
            });
            writeln!(out, "{document}")?;
            out.flush()?;
        }
    }
    warn_unreadable(facts.unreadable_objects);
    Ok(ExitCode::SUCCESS)
}
