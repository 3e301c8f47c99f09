//! The command line: every flag is also an environment variable.

mod sign_in;
mod verify;

use std::net::SocketAddr;
use std::path::PathBuf;

use auditlake_event::input::{LargeEvents, Lookalikes};
use auditlake_event::{Organization, Region, Timestamp};
use auditlake_lake::Period;
use clap::{Args, Parser, Subcommand, ValueEnum};

use auditlake_lake::length::Length;

pub use self::sign_in::SignInArguments;
pub use self::verify::VerifyArguments;

const EXAMPLES: &str = "\
Start here:
  auditlake serve
  curl -sS http://127.0.0.1:8787/v1/events -H 'content-type: application/json' -d '{
    \"organization\": \"acme\", \"event_time\": \"'$(date -u +%FT%TZ)'\",
    \"action\": \"role_assign\", \"outcome\": \"success\", \"actor_id\": \"alice\"}'
  auditlake query --organization acme

Exit codes:
  0  done
  1  failed; the message says what to do
  2  invalid command line
  3  done, but something was quarantined or set aside and needs attention

Flags can be set as environment variables; each --help lists them. Example: AUDITLAKE_SEAL_PERIOD for --seal-period.
Use AUDITLAKE_LOG to set the log level, such as AUDITLAKE_LOG=debug.";

/// An audit-log lake: ingests events, seals each hour into write-once Parquet, and answers queries.
#[derive(Debug, Parser)]
#[command(name = "auditlake", version, after_help = EXAMPLES, max_term_width = 110, propagate_version = true)]
pub struct Arguments {
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a lake on this machine: API, storage and seal schedule in one process.
    Serve(Box<ServeArguments>),
    /// Import audit logs of other systems from files and folders.
    Import(ImportArguments),
    /// Seal all periods that have ended.
    Seal(SealArguments),
    /// Search or count events.
    Query(Box<QueryArguments>),
    /// Redrive dead letters and quarantined messages of a deployed lake.
    Redrive(RedriveArguments),
    /// Show lake status.
    Status(StatusArguments),
    /// Check that nothing in a lake was lost, added or altered.
    Verify(VerifyArguments),
    /// Print a shell completion script.
    #[command(after_help = "Example:\n  auditlake completions bash > ~/.local/share/bash-completion/completions/auditlake")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// The location of the lake.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Storage")]
pub struct StorageArguments {
    /// Directory of a local lake; `auditlake serve` may be running on it.
    #[arg(long, env = "AUDITLAKE_DATA", value_name = "DIR", default_value = "./data")]
    pub data: PathBuf,
    /// S3 endpoint to use instead of AWS, such as http://127.0.0.1:8788.
    #[arg(long, env = "AUDITLAKE_ENDPOINT", value_name = "URL", requires = "bucket")]
    pub endpoint: Option<String>,
    /// Bucket of a lake on S3 (instead of --data). Credentials are read from the environment (AWS_ACCESS_KEY_ID, …).
    #[arg(long, env = "AUDITLAKE_BUCKET", value_name = "NAME")]
    pub bucket: Option<String>,
    /// Bucket of the archive, if it is a separate one (as in a deployed lake).
    #[arg(long, env = "AUDITLAKE_ARCHIVE_BUCKET", value_name = "NAME", requires = "bucket")]
    pub archive_bucket: Option<String>,
    /// Prefix inside the bucket.
    #[arg(long, env = "AUDITLAKE_PREFIX", value_name = "PREFIX", requires = "bucket")]
    pub prefix: Option<String>,
}

/// Settings of a new lake.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "New lake (an existing lake keeps the settings in its lake.json)")]
pub struct NewLakeArguments {
    /// Length of a seal period: one hour or a divisor of it, at least 10s [default: 1h].
    #[arg(long, env = "AUDITLAKE_SEAL_PERIOD", value_name = "LENGTH", value_parser = period)]
    pub seal_period: Option<Period>,
    /// How long to wait for late events after a period ends [default: 5m].
    #[arg(long, env = "AUDITLAKE_SLACK", value_name = "LENGTH")]
    pub slack: Option<Length>,
    /// Compression of archive objects [default: snappy].
    #[arg(long, env = "AUDITLAKE_CODEC", value_enum)]
    pub codec: Option<CodecName>,
}

/// Compression of archive objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CodecName {
    /// Fast, and supported by every reader.
    Snappy,
    /// Smaller files, slower to write.
    Zstd,
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditlake serve
  auditlake serve --data /srv/audit --organization acme
  auditlake serve --data /tmp/demo --seal-period 10s --slack 1s     sealed Parquet within seconds
  auditlake serve --oidc-issuer https://id.example --oidc-audience auditlake --oidc-client-id console

The directory holds plain Parquet files. To read them with DuckDB:
  SELECT * FROM read_parquet('data/etl/v1/data/*/*/*/*/*/*/*.parquet', hive_partitioning = true);

Ctrl-C stops the server after it finishes the requests in flight. Acknowledged events are on disk.")]
pub struct ServeArguments {
    /// Directory of the lake; created if missing.
    #[arg(long, env = "AUDITLAKE_DATA", value_name = "DIR", default_value = "./data")]
    pub data: PathBuf,
    /// Address of the API; port 0 picks a free port.
    #[arg(long, env = "AUDITLAKE_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    pub listen: SocketAddr,
    /// Address of the S3-compatible storage for other tools; port 0 picks a free port. `auditlake status --storage-keys` prints its
    /// access keys [default: 127.0.0.1:8788; closed with --oidc-issuer].
    #[arg(long, env = "AUDITLAKE_S3_LISTEN", value_name = "ADDRESS")]
    pub s3_listen: Option<SocketAddr>,
    /// Let other tools write to the lake through the storage, for example functions under test. Anyone with the keys can then change
    /// what the lake holds.
    #[arg(long, env = "AUDITLAKE_S3_FULL_ACCESS")]
    pub s3_full_access: bool,
    /// Organization of events and queries that name none.
    #[arg(long, env = "AUDITLAKE_ORGANIZATION", value_name = "NAME", value_parser = organization)]
    pub organization: Option<Organization>,
    /// Installation region of posted events.
    #[arg(long, env = "AUDITLAKE_REGION", value_name = "NAME", default_value = "local", value_parser = region)]
    pub region: Region,
    /// How long to keep landing objects after they are sealed.
    #[arg(long, env = "AUDITLAKE_LANDING_RETENTION", value_name = "LENGTH", default_value = "1d")]
    pub landing_retention: Length,
    /// Age in days at which archive objects are deleted by a lifecycle rule or by hand [default: never]. Queries fail if a younger
    /// object is missing.
    #[arg(
        long,
        env = "AUDITLAKE_ARCHIVE_EXPIRATION_DAYS",
        value_name = "DAYS",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub archive_expiration_days: u32,
    /// Trust this machine's clock even if it is far ahead of the newest event. Without this flag, sealing waits until a client posts
    /// an event with a current time.
    #[arg(long, env = "AUDITLAKE_TRUST_CLOCK")]
    pub trust_clock: bool,
    /// Record every read of the log as an event, as a deployed lake does.
    #[arg(long, env = "AUDITLAKE_RECORD_READS")]
    pub record_reads: bool,
    /// What to do with misspelt fields of posted events, unless the request says (`?unknown=`).
    #[arg(long, env = "AUDITLAKE_UNKNOWN_MEMBERS", value_name = "WHAT", value_enum, default_value_t = UnknownMembers::Refuse)]
    pub unknown_members: UnknownMembers,
    /// Truncate the largest free-form fields of oversized events, with a marker, instead of refusing the event.
    #[arg(long, env = "AUDITLAKE_TRIM_LARGE_EVENTS")]
    pub trim_large_events: bool,
    /// Print the addresses as one line of JSON once the server is ready.
    #[arg(long, env = "AUDITLAKE_READY_JSON")]
    pub ready_json: bool,
    /// Settings of a new lake.
    #[command(flatten)]
    pub new_lake: NewLakeArguments,
    /// Access control, and console sign-in.
    #[command(flatten)]
    pub sign_in: SignInArguments,
}

impl ServeArguments {
    /// What to do with oversized events.
    pub fn large_events(&self) -> LargeEvents {
        if self.trim_large_events { LargeEvents::Trim } else { LargeEvents::Refuse }
    }
}

/// What to do with misspelt fields of posted events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum UnknownMembers {
    /// Refuse the event and suggest the correct name.
    Refuse,
    /// Keep them in `metadata`, like other unknown fields.
    Keep,
}

impl From<UnknownMembers> for Lookalikes {
    fn from(unknown: UnknownMembers) -> Self {
        match unknown {
            UnknownMembers::Refuse => Lookalikes::Refuse,
            UnknownMembers::Keep => Lookalikes::Keep,
        }
    }
}

/// Arguments of `import`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditlake import ~/cloudtrail --organization acme
  auditlake import trail.json.gz --source aws.cloudtrail --organization acme --region us-east-1
  auditlake import logs/ --organization acme --account 111122223333=globex --dry-run

Importing a file again changes nothing: the same record becomes the same event.
Records that cannot be read go to quarantine/ with the reason, and the exit code is 3.")]
pub struct ImportArguments {
    /// Files and folders (read recursively); gzip and zstd are decompressed, and tar and zip archives are read.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Organization of the events.
    #[arg(
        long,
        env = "AUDITLAKE_ORGANIZATION",
        value_name = "NAME",
        value_parser = organization,
        required_unless_present = "any_organization"
    )]
    pub organization: Option<Organization>,
    /// Move a lake: events exported from a lake keep their organization, region, source and id. Other formats are refused.
    #[arg(long, conflicts_with = "accounts")]
    pub any_organization: bool,
    /// Organization for the events of one cloud account; repeatable.
    #[arg(long = "account", value_name = "ACCOUNT=ORGANIZATION", value_parser = account)]
    pub accounts: Vec<(String, Organization)>,
    /// Installation region of the events.
    #[arg(long, env = "AUDITLAKE_REGION", value_name = "NAME", default_value = "local", value_parser = region)]
    pub region: Region,
    /// Log format [default: detected from the content].
    #[arg(long, env = "AUDITLAKE_SOURCE", value_name = "SOURCE")]
    pub source: Option<String>,
    /// Do not keep the original records in the column `raw`.
    #[arg(long, env = "AUDITLAKE_NO_RAW")]
    pub no_raw: bool,
    /// Read and count the records, but write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Output format.
    #[arg(long, short, value_enum, default_value_t = ReportFormat::Table)]
    pub output: ReportFormat,
    /// Settings of a new lake.
    #[command(flatten)]
    pub new_lake: NewLakeArguments,
    /// The location of the lake.
    #[command(flatten)]
    pub storage: StorageArguments,
}

/// Arguments of `seal`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditlake seal --dry-run
  auditlake seal --until 2026-03-01T12:00:00Z

`auditlake serve` seals on its own. It is safe to run this command at the same time.")]
pub struct SealArguments {
    /// Show what would be sealed, but write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Seal only periods that start before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub until: Option<Timestamp>,
    /// Do not seal; move this object, which blocks sealing, out of the way. It is copied to quarantine and a write-once statement
    /// records it. Valid objects are refused.
    #[arg(long, value_name = "KEY", requires = "reason", conflicts_with_all = ["dry_run", "until"])]
    pub set_aside: Option<String>,
    /// Reason, for the statement.
    #[arg(long, value_name = "TEXT", requires = "set_aside")]
    pub reason: Option<String>,
    /// Output format.
    #[arg(long, short, value_enum, default_value_t = ReportFormat::Table)]
    pub output: ReportFormat,
    /// The location of the lake.
    #[command(flatten)]
    pub storage: StorageArguments,
}

/// Arguments of `query`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditlake query --organization acme --last 24h
  auditlake query --organization acme --outcome denied --from 2026-03-01 --to 2026-03-02 --all --output csv
  auditlake query --organization acme --q alice@example.org --output ndjson | jq .action
  auditlake query --organization acme --count-by actor_email --last 7d
  auditlake query --organization acme --interval hour --last 1d
  auditlake query --organization acme --where 'action!=GetObject' --where source=aws.cloudtrail

  auditlake query --organization acme --changes-field role --changes-after admin --order asc
  auditlake query --organization acme --interval week --time-zone Europe/Berlin --last 90d

Repeat a filter to match any of its values. Events are sorted newest first unless --order is given.")]
pub struct QueryArguments {
    /// Organization to query.
    #[arg(long, env = "AUDITLAKE_ORGANIZATION", value_name = "NAME", value_parser = organization)]
    pub organization: Organization,
    /// Filters.
    #[command(flatten)]
    pub filters: FilterArguments,
    /// Output format.
    #[arg(long, short, value_enum, default_value_t = QueryFormat::Table)]
    pub output: QueryFormat,
    /// Columns of the table or CSV, separated by commas.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// Age in days at which archive objects are deleted by a lifecycle rule or by hand [default: never]. Queries fail if a younger
    /// object is missing.
    #[arg(
        long,
        env = "AUDITLAKE_ARCHIVE_EXPIRATION_DAYS",
        value_name = "DAYS",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub archive_expiration_days: u32,
    /// Maximum number of events (with --count-by: of values).
    #[arg(long, value_name = "NUMBER", default_value_t = 100, conflicts_with = "all", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Return all events, with no limit.
    #[arg(long)]
    pub all: bool,
    /// Sort order.
    #[arg(long, value_enum, default_value_t = OrderName::Desc)]
    pub order: OrderName,
    /// Count events by the value of a column or of metadata.KEY.
    #[arg(long, value_name = "COLUMN")]
    pub count_by: Option<String>,
    /// Count events per time interval.
    #[arg(long, value_enum, value_name = "LENGTH")]
    pub interval: Option<IntervalName>,
    /// Time zone for days, weeks and months, such as Europe/Berlin [default: UTC].
    #[arg(long, value_name = "ZONE", requires = "interval")]
    pub time_zone: Option<String>,
    /// Include the original records (json, ndjson).
    #[arg(long)]
    pub raw: bool,
    /// The location of the lake.
    #[command(flatten)]
    pub storage: StorageArguments,
}

/// Filters of a query.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
#[allow(missing_docs, reason = "each is the parameter of that name")]
pub struct FilterArguments {
    /// Earliest event time, inclusive: an RFC 3339 time or a date.
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Latest event time, exclusive.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Time range up to now, such as 24h (instead of --from).
    #[arg(long, value_name = "LENGTH", conflicts_with = "from")]
    pub last: Option<Length>,
    /// Actor: id, name or email address.
    #[arg(long)]
    pub actor: Vec<String>,
    /// Actor's email address.
    #[arg(long)]
    pub actor_email: Vec<String>,
    /// Credential or role the actor used.
    #[arg(long)]
    pub actor_via: Vec<String>,
    /// Access key: everything it did, and the call that issued it.
    #[arg(long)]
    pub credential: Vec<String>,
    /// Action.
    #[arg(long)]
    pub action: Vec<String>,
    /// Category of the action, such as role_management.
    #[arg(long)]
    pub category: Vec<String>,
    /// Outcome: success, failure, denied or unknown.
    #[arg(long)]
    pub outcome: Vec<String>,
    /// Resource type.
    #[arg(long)]
    pub resource_type: Vec<String>,
    /// Resource id.
    #[arg(long)]
    pub resource_id: Vec<String>,
    /// Source of the event, such as api or aws.cloudtrail.
    #[arg(long)]
    pub source: Vec<String>,
    /// Source address, CIDR block (203.0.113.0/24) or range (203.0.113.7-203.0.113.20).
    #[arg(long)]
    pub source_ip: Vec<String>,
    /// Scope type, such as workspace.
    #[arg(long)]
    pub scope_type: Vec<String>,
    /// Scope id.
    #[arg(long)]
    pub scope_id: Vec<String>,
    /// Request id.
    #[arg(long)]
    pub request_id: Vec<String>,
    /// Service that was called.
    #[arg(long)]
    pub service_name: Vec<String>,
    /// Error code, such as AccessDenied.
    #[arg(long)]
    pub error_code: Vec<String>,
    /// HTTP status, such as 403.
    #[arg(long)]
    pub http_status: Vec<String>,
    /// Changed field. This and the next three filters must match the same change.
    #[arg(long, value_name = "FIELD")]
    pub changes_field: Vec<String>,
    /// Value before the change.
    #[arg(long, value_name = "VALUE")]
    pub changes_before: Vec<String>,
    /// Value after the change.
    #[arg(long, value_name = "VALUE")]
    pub changes_after: Vec<String>,
    /// Value before or after the change.
    #[arg(long, value_name = "VALUE")]
    pub changes_value: Vec<String>,
    /// Metadata field as KEY=VALUE; use dots for nested keys.
    #[arg(long, value_name = "KEY=VALUE")]
    pub metadata: Vec<String>,
    /// Text in the actor or resource.
    #[arg(long, short, value_name = "TEXT")]
    pub q: Vec<String>,
    /// Event id.
    #[arg(long)]
    pub event_id: Vec<String>,
    /// Installation region.
    #[arg(long, value_name = "NAME")]
    pub region: Option<String>,
    /// Any filter as NAME=VALUE, or NAME!=VALUE to exclude.
    #[arg(long = "where", value_name = "NAME=VALUE")]
    pub conditions: Vec<String>,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// Print only the access keys of the storage of `auditlake serve`.
    #[arg(long, conflicts_with = "bucket")]
    pub storage_keys: bool,
    /// Output format.
    #[arg(long, short, value_enum, default_value_t = ReportFormat::Table)]
    pub output: ReportFormat,
    /// The location of the lake.
    #[command(flatten)]
    pub storage: StorageArguments,
}

/// Output format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// Human-readable.
    Table,
    /// JSON.
    Json,
}

/// Output format of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum QueryFormat {
    /// Human-readable.
    Table,
    /// One JSON document.
    Json,
    /// One JSON document per line.
    Ndjson,
    /// Comma-separated values with a header.
    Csv,
}

/// Length of a time interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IntervalName {
    /// One minute.
    Minute,
    /// One hour.
    Hour,
    /// One day.
    Day,
    /// From Monday to Sunday.
    Week,
    /// One month.
    Month,
}

/// Sort order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OrderName {
    /// Newest first.
    Desc,
    /// Oldest first.
    Asc,
}

fn organization(text: &str) -> Result<Organization, String> {
    Organization::parse(text).map_err(|error| error.to_string())
}

fn region(text: &str) -> Result<Region, String> {
    Region::parse(text).map_err(|error| error.to_string())
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|error| error.to_string())
}

fn period(text: &str) -> Result<Period, String> {
    let length: Length = text.parse()?;
    let seconds = u32::try_from(length.millis / 1_000).ok().filter(|_| length.millis % 1_000 == 0);
    let period = seconds.map(Period::from_seconds);
    match period {
        Some(Ok(period)) => Ok(period),
        _ => Err("must divide one hour and last 10 seconds at least: 10s, 15s, 1m, 5m, 15m, 1h…".to_owned()),
    }
}

fn account(text: &str) -> Result<(String, Organization), String> {
    let (account, name) = text.split_once('=').ok_or("must be ACCOUNT=ORGANIZATION")?;
    if account.is_empty() {
        return Err("must be ACCOUNT=ORGANIZATION".to_owned());
    }
    Ok((account.to_owned(), organization(name)?))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_flag_of_serve_is_an_environment_variable_of_its_name() {
        let command = Arguments::command();
        let serve = command.find_subcommand("serve").unwrap();
        for argument in serve.get_arguments() {
            let Some(long) = argument.get_long() else { continue };
            if matches!(long, "help" | "version") {
                continue;
            }
            let expected = format!("AUDITLAKE_{}", long.replace('-', "_").to_uppercase());
            assert_eq!(argument.get_env().and_then(|name| name.to_str()), Some(expected.as_str()), "{long}");
        }
    }
}

/// What to redrive.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Dead letters are messages that a function crashed on; they move from the dead-letter queue back to their queue.
Quarantined messages are messages that a function could not parse; they stay in quarantine, and each is sent again once.
Fix the cause first: messages that fail again end up where they were.

Examples:
  auditlake redrive --queue-url https://sqs…/lake-ingest --dead-letter-queue-url https://sqs…/lake-ingest-dead
  auditlake redrive --queue-url https://sqs…/lake-ingest --bucket lake-landing --dry-run")]
pub struct RedriveArguments {
    /// Landing bucket with the quarantined messages.
    #[arg(long, env = "AUDITLAKE_BUCKET", value_name = "NAME")]
    pub bucket: Option<String>,
    /// S3 and SQS endpoint to use instead of AWS.
    #[arg(long, env = "AUDITLAKE_ENDPOINT", value_name = "URL")]
    pub endpoint: Option<String>,
    /// Queue to send messages to.
    #[arg(long, env = "AUDITLAKE_QUEUE_URL", value_name = "URL")]
    pub queue_url: String,
    /// Dead-letter queue.
    #[arg(long, value_name = "URL")]
    pub dead_letter_queue_url: Option<String>,
    /// Queue whose quarantine to redrive.
    #[arg(long, value_name = "NAME", value_parser = ["ingest", "import"], default_value = "ingest")]
    pub queue: String,
    /// Show what would be redriven, but change nothing.
    #[arg(long)]
    pub dry_run: bool,
}
