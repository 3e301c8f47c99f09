//! The tables over the lake, as Athena's DDL, as Glue's table input and as Trino's DDL, from one description made of
//! [`Column`]: the three can never drift apart, nor from the files.
//!
//! | table | over | partitions |
//! |---|---|---|
//! | `events` | archive | region, organization (injected), year, month, day, hour: as people write it |
//! | `events_hourly` | archive | region, organization (injected), dt: one `BETWEEN` prunes any range |
//! | `events_landing` | landing | arrival, the hour |
//!
//! All partitions are projected: no crawler runs, nothing is registered. The location template makes `organization` the bare
//! name in SQL, where paths say `org-<name>`. Ranges begin at the earliest event time that the lake takes: a partition outside of
//! its projection is not an error, it silently has no rows.

use std::collections::BTreeMap;

use auditlake_event::columns::ColumnKind;
use auditlake_event::{Column, Region};
use auditlake_lake::SealTime;
use auditlake_lake::period::SealRule;
use serde_json::{Value, json};

use crate::identifier::Identifier;
use crate::sql::{Statement, arrival_value, time_literal};
pub use crate::table_names::{EVENTS, EVENTS_HOURLY, EVENTS_LANDING};

/// The first year of projections: that of [`auditlake_event::limits::EARLIEST_EVENT_TIME_MS`].
const FIRST_YEAR: u32 = 2000;
/// The last year of the table that has a column of years.
const LAST_YEAR: u32 = 2099;

/// What the tables are made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableOptions {
    /// The database (Trino: the schema).
    pub database: Identifier,
    /// Where the archive lies: `s3://<bucket>` or `s3://<bucket>/<prefix>`, without a slash at the end.
    pub archive: String,
    /// Where landing lies, alike; often another bucket.
    pub landing: String,
    /// The regions that the lake has events of; at least one.
    pub regions: Vec<Region>,
}

/// How the values of a partition column are made.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Projection {
    Values(Vec<String>),
    Injected,
    Integer { from: u32, to: u32, digits: u32 },
    Hours { from: String, format: &'static str, to: &'static str },
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    database: Identifier,
    name: &'static str,
    columns: Vec<Column>,
    partitions: Vec<(&'static str, Projection)>,
    location: String,
    template: String,
}

/// The three tables over events.
pub fn tables(options: &TableOptions) -> [Table; 3] {
    let archive_columns: Vec<Column> = Column::ALL.iter().copied().filter(|column| !column.is_partition()).collect();
    let archive = format!("{}/{}", options.archive, auditlake_lake::layout::ARCHIVE);
    let landing = format!("{}/{}", options.landing, auditlake_lake::layout::LANDING);
    let organization_path = format!("{archive}region=${{region}}/organization=org-${{organization}}");
    let regions: Vec<String> = options.regions.iter().map(Region::to_string).collect();
    let tenant = vec![("region", Projection::Values(regions)), ("organization", Projection::Injected)];

    let mut parts = tenant.clone();
    parts.extend([
        ("year", Projection::Integer { from: FIRST_YEAR, to: LAST_YEAR, digits: 4 }),
        ("month", Projection::Integer { from: 1, to: 12, digits: 2 }),
        ("day", Projection::Integer { from: 1, to: 31, digits: 2 }),
        ("hour", Projection::Integer { from: 0, to: 23, digits: 2 }),
    ]);
    let events = Table {
        database: options.database.clone(),
        name: EVENTS,
        columns: archive_columns.clone(),
        partitions: parts,
        location: archive.clone(),
        template: format!("{organization_path}/year=${{year}}/month=${{month}}/day=${{day}}/hour=${{hour}}/"),
    };

    let mut hours = tenant;
    let dt = Projection::Hours {
        from: format!("year={FIRST_YEAR}/month=01/day=01/hour=00"),
        format: "'year='yyyy'/month='MM'/day='dd'/hour='HH",
        to: "NOW",
    };
    hours.push(("dt", dt));
    let events_hourly = Table {
        database: options.database.clone(),
        name: EVENTS_HOURLY,
        columns: archive_columns,
        partitions: hours,
        location: archive,
        template: format!("{organization_path}/${{dt}}/"),
    };

    // A writer's clock may be ahead of Athena's.
    let arrival = Projection::Hours { from: "2026-01-01T00".to_owned(), format: "yyyy-MM-dd'T'HH", to: "NOW+1HOURS" };
    let events_landing = Table {
        database: options.database.clone(),
        name: EVENTS_LANDING,
        columns: Column::ALL.to_vec(),
        partitions: vec![("arrival", arrival)],
        template: format!("{landing}arrival=${{arrival}}/"),
        location: landing,
    };
    [events, events_hourly, events_landing]
}

/// The view of archive and landing in one.
pub const EVENTS_LIVE: &str = "events_live";

/// The statement that binds the view `events_live` to what is sealed now. A plain union, so that conditions reach both sides: a
/// retried event may show twice until it is sealed. `dt` prunes the archive's side, as in `events_hourly`.
pub fn live_view(database: &Identifier, sealed_until: SealTime, rule: &SealRule) -> Statement {
    let names: Vec<&str> = Column::ALL.iter().map(|column| column.name()).collect();
    let names = names.join(", ");
    let start = sealed_until.start();
    let literal = time_literal(start);
    let arrival = arrival_value(rule.window(sealed_until).0.0);
    let database = database.as_str();
    let text = format!(
        "CREATE OR REPLACE VIEW \"{database}\".\"{EVENTS_LIVE}\" AS \
         SELECT {names}, dt FROM \"{database}\".\"{EVENTS_HOURLY}\" WHERE seal_time < {literal} \
         UNION ALL \
         SELECT {names}, date_format(event_time, 'year=%Y/month=%m/day=%d/hour=%H') AS dt FROM \"{database}\".\"{EVENTS_LANDING}\" \
         WHERE seal_time >= {literal} AND arrival >= '{arrival}'"
    );
    Statement { text, parameters: Vec::new() }
}

const fn hive_type(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Text => "string",
        ColumnKind::Time => "timestamp",
        ColumnKind::Int32 => "int",
    }
}

const fn trino_type(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Text => "varchar",
        ColumnKind::Time => "timestamp(3)",
        ColumnKind::Int32 => "integer",
    }
}

impl Table {
    /// The table's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Glue's parameters of the table: its partition projection.
    pub fn parameters(&self) -> BTreeMap<String, String> {
        let mut parameters = BTreeMap::from([
            ("EXTERNAL".to_owned(), "TRUE".to_owned()),
            ("classification".to_owned(), "parquet".to_owned()),
            ("projection.enabled".to_owned(), "true".to_owned()),
            ("storage.location.template".to_owned(), self.template.clone()),
        ]);
        for (column, projection) in &self.partitions {
            let mut set = |name: &str, value: String| parameters.insert(format!("projection.{column}.{name}"), value);
            match projection {
                Projection::Values(values) => {
                    set("type", "enum".to_owned());
                    set("values", values.join(","));
                }
                Projection::Injected => {
                    set("type", "injected".to_owned());
                }
                Projection::Integer { from, to, digits } => {
                    set("type", "integer".to_owned());
                    set("range", format!("{from},{to}"));
                    set("digits", digits.to_string());
                }
                Projection::Hours { from, format, to } => {
                    set("type", "date".to_owned());
                    set("format", (*format).to_owned());
                    set("range", format!("{from},{to}"));
                    set("interval", "1".to_owned());
                    set("interval.unit", "HOURS".to_owned());
                }
            }
        }
        parameters
    }

    /// Athena's `CREATE EXTERNAL TABLE`.
    pub fn athena_ddl(&self) -> String {
        let columns: Vec<String> =
            self.columns.iter().map(|column| format!("  `{}` {}", column.name(), hive_type(column.kind()))).collect();
        let partitions: Vec<String> = self.partitions.iter().map(|(name, _)| format!("`{name}` string")).collect();
        let parameters = self.parameters();
        // `EXTERNAL` is what CREATE EXTERNAL TABLE sets by itself.
        let properties: Vec<String> = parameters
            .iter()
            .filter(|(name, _)| *name != "EXTERNAL")
            .map(|(name, value)| format!("  {} = {}", hive_literal(name), hive_literal(value)))
            .collect();
        format!(
            "CREATE EXTERNAL TABLE IF NOT EXISTS `{}`.`{}` (\n{}\n)\nPARTITIONED BY ({})\nSTORED AS PARQUET\nLOCATION {}\n\
             TBLPROPERTIES (\n{}\n)",
            self.database.as_str(),
            self.name,
            columns.join(",\n"),
            partitions.join(", "),
            hive_literal(&self.location),
            properties.join(",\n"),
        )
    }

    /// Glue's `TableInput`, as `AWS::Glue::Table` and `glue:CreateTable` take it.
    pub fn glue_table_input(&self) -> Value {
        let columns: Vec<Value> =
            self.columns.iter().map(|column| json!({"Name": column.name(), "Type": hive_type(column.kind())})).collect();
        let partitions: Vec<Value> =
            self.partitions.iter().map(|(name, _)| json!({"Name": name, "Type": "string"})).collect();
        json!({
            "Name": self.name,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": self.parameters(),
            "PartitionKeys": partitions,
            "StorageDescriptor": {
                "Columns": columns,
                "Location": self.location,
                "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
                "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
            },
        })
    }

    /// Trino's `CREATE TABLE` for its hive connector.
    pub fn trino_ddl(&self) -> String {
        let columns = self.columns.iter().map(|column| format!("  \"{}\" {}", column.name(), trino_type(column.kind())));
        let partitions = self
            .partitions
            .iter()
            .map(|(name, projection)| format!("  \"{name}\" varchar WITH ({})", trino_projection(projection)));
        let definitions: Vec<String> = columns.chain(partitions).collect();
        let names: Vec<String> = self.partitions.iter().map(|(name, _)| sql_literal(name)).collect();
        format!(
            "CREATE TABLE \"{}\".\"{}\" (\n{}\n)\nWITH (\n  format = 'PARQUET',\n  external_location = {},\n  partitioned_by = ARRAY[{}],\n  \
             partition_projection_enabled = true,\n  partition_projection_location_template = {}\n)",
            self.database.as_str(),
            self.name,
            definitions.join(",\n"),
            sql_literal(&self.location),
            names.join(", "),
            sql_literal(&self.template),
        )
    }
}

fn trino_projection(projection: &Projection) -> String {
    match projection {
        Projection::Values(values) => {
            let values: Vec<String> = values.iter().map(|value| sql_literal(value)).collect();
            format!("partition_projection_type = 'enum', partition_projection_values = ARRAY[{}]", values.join(", "))
        }
        Projection::Injected => "partition_projection_type = 'injected'".to_owned(),
        Projection::Integer { from, to, digits } => format!(
            "partition_projection_type = 'integer', partition_projection_range = ARRAY['{from}', '{to}'], \
             partition_projection_digits = {digits}"
        ),
        Projection::Hours { from, format, to } => format!(
            "partition_projection_type = 'date', partition_projection_format = {}, partition_projection_range = ARRAY[{}, '{to}'], \
             partition_projection_interval = 1, partition_projection_interval_unit = 'HOURS'",
            sql_literal(format),
            sql_literal(from),
        ),
    }
}

/// A string of Hive's DDL. It takes double quotes, so that the quotes of date formats need no escape.
fn hive_literal(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn sql_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
