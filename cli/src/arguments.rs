//! The command line: every flag is also an environment variable.

mod sign_in;

use std::net::SocketAddr;
use std::path::PathBuf;

use auditlake_event::input::{LargeEvents, Lookalikes};
use auditlake_event::{Organization, Region, Timestamp};
use auditlake_lake::Period;
use clap::{Args, Parser, Subcommand, ValueEnum};

use auditlake_lake::length::Length;

pub use self::sign_in::SignInArguments;

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
  2  the command line is wrong
  3  done, but something was quarantined or set aside and needs a look

Settings are environment variables too, as each --help shows: --seal-period is AUDITLAKE_SEAL_PERIOD.
AUDITLAKE_LOG sets what is logged, such as AUDITLAKE_LOG=debug.";

/// An audit-log lake: events in, hours sealed into write-once Parquet, questions answered.
#[derive(Debug, Parser)]
#[command(name = "auditlake", version, after_help = EXAMPLES, max_term_width = 110, propagate_version = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the lake on this machine: API, storage and seal schedule in one process.
    Serve(Box<ServeArguments>),
    /// Read audit logs of other systems from files and folders into the lake.
    Import(ImportArguments),
    /// Seal every period that is over.
    Seal(SealArguments),
    /// Ask for events, or for their numbers.
    Query(Box<QueryArguments>),
    /// Bring back what a deployed lake's queues gave up: dead letters and quarantined messages.
    Redrive(RedriveArguments),
    /// Say where the lake stands.
    Status(StatusArguments),
    /// Write a completion script for a shell.
    #[command(after_help = "Example:\n  auditlake completions bash > ~/.local/share/bash-completion/completions/auditlake")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Where the lake lies.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Storage")]
pub struct StorageArguments {
    /// The directory of a lake on this machine; may be in use by `auditlake serve`.
    #[arg(long, env = "AUDITLAKE_DATA", value_name = "DIR", default_value = "./data")]
    pub data: PathBuf,
    /// An S3 endpoint other than AWS's own, such as http://127.0.0.1:8788.
    #[arg(long, env = "AUDITLAKE_ENDPOINT", value_name = "URL", requires = "bucket")]
    pub endpoint: Option<String>,
    /// The bucket of a lake on S3, in place of --data. Credentials come from the environment (AWS_ACCESS_KEY_ID, …).
    #[arg(long, env = "AUDITLAKE_BUCKET", value_name = "NAME")]
    pub bucket: Option<String>,
    /// The bucket of the archive, where a lake on S3 has one of its own, as a deployed lake has.
    #[arg(long, env = "AUDITLAKE_ARCHIVE_BUCKET", value_name = "NAME", requires = "bucket")]
    pub archive_bucket: Option<String>,
    /// The folder inside the bucket.
    #[arg(long, env = "AUDITLAKE_PREFIX", value_name = "PREFIX", requires = "bucket")]
    pub prefix: Option<String>,
}

/// How a lake is created, if there is none yet.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "A new lake (an existing one keeps what its lake.json says)")]
pub struct NewLakeArguments {
    /// How much is sealed at once: one hour or a divisor of it, 10s at least [default: 1h].
    #[arg(long, env = "AUDITLAKE_SEAL_PERIOD", value_name = "LENGTH", value_parser = period)]
    pub seal_period: Option<Period>,
    /// How long after a period's end its events may still arrive [default: 5m].
    #[arg(long, env = "AUDITLAKE_SLACK", value_name = "LENGTH")]
    pub slack: Option<Length>,
    /// How archive objects are compressed [default: snappy].
    #[arg(long, env = "AUDITLAKE_CODEC", value_enum)]
    pub codec: Option<CodecName>,
}

/// Compression of archive objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CodecName {
    /// Read by everything, fast.
    Snappy,
    /// Smaller, slower to write.
    Zstd,
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditlake serve
  auditlake serve --data /srv/audit --organization acme
  auditlake serve --data /tmp/demo --seal-period 10s --slack 1s     see sealed Parquet within seconds
  auditlake serve --oidc-issuer https://id.example --oidc-audience auditlake --oidc-client-id console

The directory holds plain files. With DuckDB:
  SELECT * FROM read_parquet('data/etl/v1/data/*/*/*/*/*/*/*.parquet', hive_partitioning = true);

Ctrl-C stops it after the requests in flight are answered. Whatever was acknowledged is on disk.")]
pub struct ServeArguments {
    /// The directory of the lake; made if it is not there.
    #[arg(long, env = "AUDITLAKE_DATA", value_name = "DIR", default_value = "./data")]
    pub data: PathBuf,
    /// Where the API listens; port 0 takes a free one.
    #[arg(long, env = "AUDITLAKE_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    pub listen: SocketAddr,
    /// Where the storage listens, as S3, for other tools; port 0 takes a free one. `auditlake status --storage-keys` prints its keys
    /// [default: 127.0.0.1:8788; closed with --oidc-issuer].
    #[arg(long, env = "AUDITLAKE_S3_LISTEN", value_name = "ADDRESS")]
    pub s3_listen: Option<SocketAddr>,
    /// Let other tools write to the lake through the storage, as functions that are tried on this machine do. Whoever holds the keys
    /// can then say what the lake holds.
    #[arg(long, env = "AUDITLAKE_S3_FULL_ACCESS")]
    pub s3_full_access: bool,
    /// The organization of events and questions that name none.
    #[arg(long, env = "AUDITLAKE_ORGANIZATION", value_name = "NAME", value_parser = organization)]
    pub organization: Option<Organization>,
    /// The installation region of posted events.
    #[arg(long, env = "AUDITLAKE_REGION", value_name = "NAME", default_value = "local", value_parser = region)]
    pub region: Region,
    /// How long landing objects stay after they were sealed.
    #[arg(long, env = "AUDITLAKE_LANDING_RETENTION", value_name = "LENGTH", default_value = "1d")]
    pub landing_retention: Length,
    /// The age in days at which archive objects are removed, by a lifecycle rule or by hand [default: never]. What is missing and
    /// younger fails a question.
    #[arg(
        long,
        env = "AUDITLAKE_ARCHIVE_EXPIRATION_DAYS",
        value_name = "DAYS",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub archive_expiration_days: u32,
    /// Seal by the clock also where it is far ahead of what the lake shows. Without it the server waits for an event that a client posts
    /// with a time of about now.
    #[arg(long, env = "AUDITLAKE_TRUST_CLOCK")]
    pub trust_clock: bool,
    /// Record reads of the log as events, as a deployed lake does.
    #[arg(long, env = "AUDITLAKE_RECORD_READS")]
    pub record_reads: bool,
    /// What happens to members of posted events that look like ours, misspelt, where the request does not say (`?unknown=`).
    #[arg(long, env = "AUDITLAKE_UNKNOWN_MEMBERS", value_name = "WHAT", value_enum, default_value_t = UnknownMembers::Refuse)]
    pub unknown_members: UnknownMembers,
    /// Cut the largest free fields of events over the limit, with a marker, instead of refusing them.
    #[arg(long, env = "AUDITLAKE_TRIM_LARGE_EVENTS")]
    pub trim_large_events: bool,
    /// Print one line of JSON with the addresses to standard output once ready, for scripts.
    #[arg(long, env = "AUDITLAKE_READY_JSON")]
    pub ready_json: bool,
    /// How a new lake is made.
    #[command(flatten)]
    pub new_lake: NewLakeArguments,
    /// Who may call, and how the console signs in.
    #[command(flatten)]
    pub sign_in: SignInArguments,
}

impl ServeArguments {
    /// What happens to posted events over the limit.
    pub fn large_events(&self) -> LargeEvents {
        if self.trim_large_events { LargeEvents::Trim } else { LargeEvents::Refuse }
    }
}

/// What happens to members of posted events that look like ours, misspelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum UnknownMembers {
    /// The event is refused with the name that was probably meant.
    Refuse,
    /// They are kept in `metadata`, as other unknown members are.
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

Importing the same files again changes nothing: the same record is the same event.
Records that cannot be read are kept under quarantine/ with the reason; the exit code is then 3.")]
pub struct ImportArguments {
    /// Files and folders (walked to their end); gzip and zstd are inflated.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// The organization of the events.
    #[arg(
        long,
        env = "AUDITLAKE_ORGANIZATION",
        value_name = "NAME",
        value_parser = organization,
        required_unless_present = "any_organization"
    )]
    pub organization: Option<Organization>,
    /// Move a lake: events that a lake answered or exported keep their organization, region, source and id. Only they are read.
    #[arg(long, conflicts_with = "accounts")]
    pub any_organization: bool,
    /// The organization of one cloud account's events; may be given many times.
    #[arg(long = "account", value_name = "ACCOUNT=ORGANIZATION", value_parser = account)]
    pub accounts: Vec<(String, Organization)>,
    /// The installation region of the events.
    #[arg(long, env = "AUDITLAKE_REGION", value_name = "NAME", default_value = "local", value_parser = region)]
    pub region: Region,
    /// The log format; recognised from the content if not given.
    #[arg(long, env = "AUDITLAKE_SOURCE", value_name = "SOURCE")]
    pub source: Option<String>,
    /// Leave the original records out of the column `raw`.
    #[arg(long, env = "AUDITLAKE_NO_RAW")]
    pub no_raw: bool,
    /// Read and count only; write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// How the result is written.
    #[arg(long, short, value_enum, default_value_t = ReportFormat::Table)]
    pub output: ReportFormat,
    /// How a new lake is made.
    #[command(flatten)]
    pub new_lake: NewLakeArguments,
    /// Where the lake lies.
    #[command(flatten)]
    pub storage: StorageArguments,
}

/// Arguments of `seal`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditlake seal --dry-run
  auditlake seal --until 2026-03-01T12:00:00Z

`auditlake serve` seals by itself. Running this beside it is safe: both come to the same result.")]
pub struct SealArguments {
    /// Say what would be sealed; write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Only periods that begin before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub until: Option<Timestamp>,
    /// Seal nothing, but take this object, which keeps seals from going on, out of the way: it is copied to quarantine, and a
    /// write-once statement says so. Sound objects are refused.
    #[arg(long, value_name = "KEY", requires = "reason", conflicts_with_all = ["dry_run", "until"])]
    pub set_aside: Option<String>,
    /// Why the object is set aside, for the statement.
    #[arg(long, value_name = "TEXT", requires = "set_aside")]
    pub reason: Option<String>,
    /// How the result is written.
    #[arg(long, short, value_enum, default_value_t = ReportFormat::Table)]
    pub output: ReportFormat,
    /// Where the lake lies.
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

A filter given twice takes either value. The newest events come first unless --order says otherwise.")]
pub struct QueryArguments {
    /// The organization that is asked about.
    #[arg(long, env = "AUDITLAKE_ORGANIZATION", value_name = "NAME", value_parser = organization)]
    pub organization: Organization,
    /// The conditions.
    #[command(flatten)]
    pub filters: FilterArguments,
    /// How the answer is written.
    #[arg(long, short, value_enum, default_value_t = QueryFormat::Table)]
    pub output: QueryFormat,
    /// The columns of a table or CSV, with commas between.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// The age in days at which archive objects are removed, by a lifecycle rule or by hand [default: never]. What is missing and
    /// younger fails a question.
    #[arg(
        long,
        env = "AUDITLAKE_ARCHIVE_EXPIRATION_DAYS",
        value_name = "DAYS",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub archive_expiration_days: u32,
    /// Most events to answer; with --count-by most values.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, conflicts_with = "all", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Answer all events, however many.
    #[arg(long)]
    pub all: bool,
    /// Which events come first.
    #[arg(long, value_enum, default_value_t = OrderName::Desc)]
    pub order: OrderName,
    /// Count events by the values of a column, or of metadata.KEY.
    #[arg(long, value_name = "COLUMN")]
    pub count_by: Option<String>,
    /// Count events in buckets of time.
    #[arg(long, value_enum, value_name = "LENGTH")]
    pub interval: Option<IntervalName>,
    /// The zone whose days, weeks and months are counted, such as Europe/Berlin [default: UTC].
    #[arg(long, value_name = "ZONE", requires = "interval")]
    pub time_zone: Option<String>,
    /// Read the original records too (json, ndjson).
    #[arg(long)]
    pub raw: bool,
    /// Where the lake lies.
    #[command(flatten)]
    pub storage: StorageArguments,
}

/// The conditions of a query.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
#[allow(missing_docs, reason = "each is the parameter of that name")]
pub struct FilterArguments {
    /// The earliest event time, inclusive: an RFC 3339 time or a date.
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// The latest event time, exclusive.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Only this long back from now, in place of --from.
    #[arg(long, value_name = "LENGTH", conflicts_with = "from")]
    pub last: Option<Length>,
    /// Who: id, name or e-mail address.
    #[arg(long)]
    pub actor: Vec<String>,
    /// Who: e-mail address.
    #[arg(long)]
    pub actor_email: Vec<String>,
    /// Who: credential or role behind the actor.
    #[arg(long)]
    pub actor_via: Vec<String>,
    /// Everything one access key did, and the call that issued it.
    #[arg(long)]
    pub credential: Vec<String>,
    /// What was done.
    #[arg(long)]
    pub action: Vec<String>,
    /// The kind of action, such as role_management.
    #[arg(long)]
    pub category: Vec<String>,
    /// success, failure, denied or unknown.
    #[arg(long)]
    pub outcome: Vec<String>,
    /// What it was done to: the kind.
    #[arg(long)]
    pub resource_type: Vec<String>,
    /// What it was done to: the id.
    #[arg(long)]
    pub resource_id: Vec<String>,
    /// The door the event came through, such as api or aws.cloudtrail.
    #[arg(long)]
    pub source: Vec<String>,
    /// From where: an address, a block (203.0.113.0/24) or a range (203.0.113.7-203.0.113.20).
    #[arg(long)]
    pub source_ip: Vec<String>,
    /// Where it applies: the kind, such as workspace.
    #[arg(long)]
    pub scope_type: Vec<String>,
    /// Where it applies: the id.
    #[arg(long)]
    pub scope_id: Vec<String>,
    /// The request of the caller.
    #[arg(long)]
    pub request_id: Vec<String>,
    /// The service that was called.
    #[arg(long)]
    pub service_name: Vec<String>,
    /// Why it failed, such as AccessDenied.
    #[arg(long)]
    pub error_code: Vec<String>,
    /// The status of the answer, such as 403.
    #[arg(long)]
    pub http_status: Vec<String>,
    /// A field that was changed; with the next three, of one and the same change.
    #[arg(long, value_name = "FIELD")]
    pub changes_field: Vec<String>,
    /// The value before a change.
    #[arg(long, value_name = "VALUE")]
    pub changes_before: Vec<String>,
    /// The value after a change.
    #[arg(long, value_name = "VALUE")]
    pub changes_after: Vec<String>,
    /// The value before or after a change.
    #[arg(long, value_name = "VALUE")]
    pub changes_value: Vec<String>,
    /// A member of the metadata as KEY=VALUE; a dot goes deeper.
    #[arg(long, value_name = "KEY=VALUE")]
    pub metadata: Vec<String>,
    /// Text contained in actor or resource.
    #[arg(long, short, value_name = "TEXT")]
    pub q: Vec<String>,
    /// The event's id.
    #[arg(long)]
    pub event_id: Vec<String>,
    /// The installation region.
    #[arg(long, value_name = "NAME")]
    pub region: Option<String>,
    /// Any filter as NAME=VALUE, or NAME!=VALUE to exclude.
    #[arg(long = "where", value_name = "NAME=VALUE")]
    pub conditions: Vec<String>,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// Print the keys by which other tools reach the storage of `auditlake serve`, and nothing else.
    #[arg(long, conflicts_with = "bucket")]
    pub storage_keys: bool,
    /// How the result is written.
    #[arg(long, short, value_enum, default_value_t = ReportFormat::Table)]
    pub output: ReportFormat,
    /// Where the lake lies.
    #[command(flatten)]
    pub storage: StorageArguments,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum QueryFormat {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Ndjson,
    /// Comma-separated values with a header.
    Csv,
}

/// The length of a bucket of time.
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

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OrderName {
    /// The newest first.
    Desc,
    /// The oldest first.
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

/// What is brought back.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Dead letters are what a function crashed on; they go back to their queue and leave the dead-letter queue.
Quarantined messages are what a function could not understand; they stay in quarantine, and each goes back once.
Upgrade or mend first: what fails again ends where it was.

Examples:
  auditlake redrive --queue-url https://sqs…/lake-ingest --dead-letter-queue-url https://sqs…/lake-ingest-dead
  auditlake redrive --queue-url https://sqs…/lake-ingest --bucket lake-landing --dry-run")]
pub struct RedriveArguments {
    /// The bucket of landing, whose quarantined messages are brought back.
    #[arg(long, env = "AUDITLAKE_BUCKET", value_name = "NAME")]
    pub bucket: Option<String>,
    /// An S3 and SQS endpoint other than AWS's own.
    #[arg(long, env = "AUDITLAKE_ENDPOINT", value_name = "URL")]
    pub endpoint: Option<String>,
    /// The queue that messages go back to.
    #[arg(long, env = "AUDITLAKE_QUEUE_URL", value_name = "URL")]
    pub queue_url: String,
    /// The queue of dead letters.
    #[arg(long, value_name = "URL")]
    pub dead_letter_queue_url: Option<String>,
    /// Which queue's quarantine is meant.
    #[arg(long, value_name = "NAME", value_parser = ["ingest", "import"], default_value = "ingest")]
    pub queue: String,
    /// Say what would be brought back, and leave it there.
    #[arg(long)]
    pub dry_run: bool,
}
