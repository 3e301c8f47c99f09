//! Arguments of `verify`.

use auditlake_event::{Organization, Timestamp};
use clap::Args;

use super::{ReportFormat, StorageArguments, organization, time};

const VERIFY_EXAMPLES: &str = "\
Examples:
  auditlake verify --data ./data                        every byte and every event
  auditlake verify --data /mnt/copy --quick -o json     only the bytes of the objects
  auditlake verify --bucket audit-landing --archive-bucket audit-archive --since 2026-07-01 --until 2026-10-01
  auditlake verify --data ./part --organization acme    what one organization holds

Exit codes:
  0  proven: nothing was altered, missing or added, up to a hash that you kept (--known)
  1  problems were found
  2  invalid command line
  3  nothing was found, as far as can be proven without such a hash
  4  could not be verified";

/// Arguments of `verify`.
#[derive(Debug, Args)]
#[command(after_help = VERIFY_EXAMPLES)]
pub struct VerifyArguments {
    /// Check only the part of one organization: its digests and objects.
    #[arg(long, value_name = "NAME", value_parser = organization)]
    pub organization: Option<Organization>,
    /// Check only seals at or after this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub since: Option<Timestamp>,
    /// Check only seals before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub until: Option<Timestamp>,
    /// Compare the bytes of objects and do not hash their events anew.
    #[arg(long)]
    pub quick: bool,
    /// SHA-256 of a seal record (with --organization, of a digest) that you kept: it must be in the chain. May be repeated.
    #[arg(long, value_name = "SHA256", value_parser = sha256)]
    pub known: Vec<String>,
    /// Output format.
    #[arg(long, short, value_enum, default_value_t = ReportFormat::Table)]
    pub output: ReportFormat,
    /// The location of the lake, or of a copy.
    #[command(flatten)]
    pub storage: StorageArguments,
}

fn sha256(text: &str) -> Result<String, String> {
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { Ok(text.to_ascii_lowercase()) } else { Err("must be 64 hexadecimal digits".to_owned()) }
}
