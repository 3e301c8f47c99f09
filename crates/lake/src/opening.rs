//! Opening a lake, and creating it: a lake is opened by its `lake.json`, and only if the objects here were written by that lake.

use auditlake_store::{ErrorKind, Put, StoreError};

use crate::lake_file::{InvalidLake, Lake};
use crate::layout;
use crate::period::SealTime;

/// Why a lake could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// `lake.json` is there but cannot be used.
    #[error(transparent)]
    Invalid(#[from] InvalidLake),
    /// There are objects of a lake, but no `lake.json`: a new one would hide what is there.
    #[error(
        "lake.json is missing although there are objects of a lake here, such as {0}: restore lake.json, nothing was written"
    )]
    Missing(String),
    /// `lake.json` is not the one that the objects here were written by.
    #[error("lake.json is not the one of this lake: it says {stated}, but {found}; restore it, nothing was written")]
    Foreign {
        /// What `lake.json` says.
        stated: String,
        /// What contradicts it.
        found: String,
    },
}

/// Reads `lake.json`; `None` if there is no lake yet. Fails if there are objects of a lake without one, or of another lake.
pub async fn open(store: &dyn auditlake_store::Store) -> Result<Option<Lake>, OpenError> {
    if let Some(lake) = read(store).await? {
        check_first_period(store, &lake).await?;
        return Ok(Some(lake));
    }
    for prefix in [layout::SEALS, layout::ARCHIVE, layout::DIGESTS, layout::LANDING] {
        if let Some(object) = allowed(store.list_page(prefix, None, 1).await)?.into_iter().next() {
            // Another process may have created the lake and written to it meanwhile.
            return read(store).await?.map(Some).ok_or(OpenError::Missing(object.key));
        }
    }
    Ok(None)
}

/// What was listed; empty where listing is denied. A role without that right skips the check, roles that have it make it.
fn allowed<T>(listed: Result<Vec<T>, StoreError>) -> Result<Vec<T>, StoreError> {
    match listed {
        Err(error) if error.kind == ErrorKind::Denied => Ok(Vec::new()),
        other => other,
    }
}

async fn read(store: &dyn auditlake_store::Store) -> Result<Option<Lake>, OpenError> {
    match store.get(layout::LAKE_FILE).await {
        Ok(object) => Ok(Some(Lake::parse(&object.bytes)?)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Checks that the first seal record, if there is one, is that of the lake's first period: records are written in order from there.
/// Closes are not: periods that are due together are closed side by side, and a run may die between them.
async fn check_first_period(store: &dyn auditlake_store::Store, lake: &Lake) -> Result<(), OpenError> {
    let mut folder = layout::SEALS.to_owned();
    for part in ["year=", "month=", "day="] {
        let parts = allowed(store.list_prefixes(&folder).await)?;
        match parts.into_iter().find(|prefix| prefix[folder.len()..].starts_with(part)) {
            Some(next) => folder = next,
            None => return Ok(()),
        }
    }
    let objects = store.list_page(&folder, None, auditlake_store::PAGE).await?;
    let seal_time_of = |key: &str| SealTime::parse_key_name(key[folder.len()..].split_once('.')?.0);
    match objects.iter().filter_map(|object| seal_time_of(&object.key)).min() {
        Some(found) if found != lake.first_period => Err(OpenError::Foreign {
            stated: format!("that {} is the first period", lake.first_period),
            found: format!("the first seal is of {found}"),
        }),
        _ => Ok(()),
    }
}

/// Opens the lake, or creates it as `wanted` if there is none. Another process may create it first with other values: compare the
/// result with `wanted`.
pub async fn open_or_create(store: &dyn auditlake_store::Store, wanted: &Lake) -> Result<Lake, OpenError> {
    if let Some(lake) = open(store).await? {
        return Ok(lake);
    }
    let bytes = wanted.to_bytes().map_err(|error| InvalidLake::Malformed(error.to_string()))?;
    // What could not be opened again is not written either.
    Lake::parse(&bytes)?;
    match store.put_if_absent(layout::LAKE_FILE, bytes.into()).await? {
        Put::Created { .. } => Ok(wanted.clone()),
        Put::Exists => Ok(Lake::parse(&store.get(layout::LAKE_FILE).await?.bytes)?),
    }
}
