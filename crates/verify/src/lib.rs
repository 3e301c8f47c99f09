//! Checks that nothing in a lake was lost, added or altered, from its files alone: a lake's directory, a copy of it, or its buckets.
//!
//! What is checked, and against what:
//!
//! - **records**: one for each period from the lake's first to its newest, each with the hash of the one before, of its plan and of its
//!   digests; what it counts adds up (`rows_in = rows_out + duplicates + conflicts`);
//! - **digests**: those that records name and no others, each with the hash of the organization's digest before it;
//! - **objects**: those that digests name, each once, and nothing else in the archive's folders; size and SHA-256;
//! - **rows**: each row's event hash from its columns, the Merkle root over them, their number, order, hour, organization and seal time.
//!
//! A verification reads each object once. It keeps 16 bytes for each object and digest in memory, and the objects that are being checked.
//!
//! The chains are not signed. What follows from that is said by [`Report::limits`].

mod error;
mod finding;
mod named;
mod objects;
mod options;
mod organization;
mod records;
mod report;

use auditlake_lake::Lake;
use auditlake_lake::layout;
use auditlake_store::{ErrorKind, SharedStore};

pub use error::VerifyError;
pub use finding::{Finding, FindingKind};
pub use options::{Options, Progress};
pub use report::Report;

use objects::Checker;

/// Verifies a lake. `progress` is called now and then.
pub async fn verify(
    store: SharedStore,
    options: &Options,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Report, VerifyError> {
    let mut report = Report::new(options.organization.as_ref().map(ToString::to_string), !options.quick);
    let lake = match store.get(layout::LAKE_FILE).await {
        Ok(object) => match Lake::parse(&object.bytes) {
            Ok(lake) => Some(lake),
            Err(error) => {
                report.add(FindingKind::LakeFileUnreadable, layout::LAKE_FILE, error.to_string());
                None
            }
        },
        Err(error) if error.kind == ErrorKind::NotFound => None,
        // One organization's part may be all that a reader may see.
        Err(error) if error.kind == ErrorKind::Denied && options.organization.is_some() => None,
        Err(error) => return Err(error.into()),
    };
    let mut checker = Checker::new(store.clone(), options, progress);
    match &options.organization {
        Some(organization) => organization::check(&mut checker, organization, &mut report).await?,
        None => records::check(&mut checker, lake.as_ref(), &mut report).await?,
    }
    for known in &options.known {
        if !checker.has_seen(known) {
            let detail =
                "no record or digest of the chain has this hash: what followed it was rewritten, or it is of another lake";
            report.add(FindingKind::KnownRecordAbsent, known, detail);
        }
    }
    report.findings.sort();
    Ok(report)
}
