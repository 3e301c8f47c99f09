//! Writing the archive objects of a part of a seal.
//!
//! Guarantees:
//! - SH-1: of all copies of an event (equal region, organization, source, event_time and event_id) exactly one is in the archive:
//!   the one an earlier seal wrote, else the first that arrived. An equal copy is counted, a differing one is handed back whole;
//! - SH-2: rows read = rows written + equal copies + differing copies, for every piece, or it fails;
//! - SH-3: an object that is there already is read, and counts only if its rows are the ones that belong there;
//! - nothing is deleted or rewritten, and writing the same pieces again, or twice at once, ends in the same archive.

use auditlake_store::{Put, Store, Upload};
use bytes::Bytes;

use super::context::ShardContext;
use super::error::ShardError;
use super::gather::{BatchLimit, SortedRows};
use super::outcome::{ArchiveObject, PieceCounts, ShardOutcome};
use super::resolve::Resolver;
use crate::archive::file::{ArchiveEncoder, ArchiveFacts};
use crate::archive::stored_object::StoredObject;
use crate::archive::{StoredObjectError, Unread};
use crate::hash::Hash;
use crate::layout::ArchiveKey;
use crate::piece::Piece;

/// Rows judged and encoded at once.
const BATCH: BatchLimit = BatchLimit { rows: 1024, bytes: 8 << 20 };

/// Objects up to this size are put at once, larger ones are uploaded while they are made.
const PUT_BYTES: usize = 8 * 1024 * 1024;

/// How often a write is tried whose outcome is not known.
const WRITE_ATTEMPTS: u32 = 4;

/// How far the number of an object is moved on when what stands under it cannot be read.
const DISPLACED_BY: u16 = 2_500;
/// How often a number is moved on.
const MOST_DISPLACEMENTS: u16 = 3;

/// Writes the objects of `pieces`, whose rows are read from `rows`. Rows outside the pieces are left for others.
pub async fn write_pieces(
    store: &dyn Store,
    context: &ShardContext,
    pieces: &[Piece],
    rows: &mut SortedRows,
) -> Result<ShardOutcome, ShardError> {
    let mut outcome = ShardOutcome::default();
    for piece in pieces {
        let (object, counts) = PieceWriter { store, context, piece, rows, displacements: 0 }.write().await?;
        outcome.rows_in += counts.rows_in;
        outcome.rows_out += object.as_ref().map_or(0, |object| object.rows);
        outcome.duplicates += counts.duplicates;
        outcome.late_rows += counts.late_rows;
        outcome.late_duplicates += counts.late_duplicates;
        outcome.conflicts.extend(counts.conflicts);
        outcome.unsearched.extend(counts.unsearched);
        outcome.restamped.extend(counts.restamped);
        outcome.displaced.extend(counts.displaced);
        if counts.duplicates > 0 {
            let organization = piece.partition.organization.clone();
            *outcome.duplicates_by_organization.entry(organization).or_default() += counts.duplicates;
        }
        outcome.objects.extend(object);
    }
    Ok(outcome)
}

/// Lets others run: making an object is work for the processor that would not otherwise wait for anything.
async fn let_others_run() {
    let mut waited = false;
    std::future::poll_fn(|context| {
        if waited {
            return std::task::Poll::Ready(());
        }
        waited = true;
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

struct PieceWriter<'a> {
    store: &'a dyn Store,
    context: &'a ShardContext,
    piece: &'a Piece,
    rows: &'a mut SortedRows,
    /// How many objects under this piece's keys turned out to be unreadable.
    displacements: u16,
}

/// One attempt at making an object.
struct Attempt {
    /// How the put ended and what was put; `None` if no row was left.
    written: Option<(Put, ArchiveFacts)>,
    counts: PieceCounts,
}

impl PieceWriter<'_> {
    fn key(&self) -> ArchiveKey {
        ArchiveKey {
            partition: self.piece.partition.clone(),
            seal_time: self.context.seal_time,
            part: self.piece.part + self.displacements * DISPLACED_BY,
            codec: self.context.codec,
        }
    }

    /// Writes the piece, beside what stands there if that cannot be read: an unreadable object of one organization does not stop
    /// the seal of the others. One that can be read and is not ours stops it, since queries would return its rows.
    async fn write(mut self) -> Result<(Option<ArchiveObject>, PieceCounts), ShardError> {
        let expected = self.rows.count(self.piece)?;
        if expected == 0 {
            return Ok((None, PieceCounts::default()));
        }
        let mut displaced = Vec::new();
        loop {
            match self.write_once(expected).await {
                Err(ShardError::Occupied { key, reason })
                    if self.displacements < MOST_DISPLACEMENTS && self.piece.part < DISPLACED_BY =>
                {
                    tracing::error!(
                        alarm = true,
                        key,
                        reason,
                        "an object that cannot be read stands where a seal writes: the rows go beside it"
                    );
                    displaced.push(Unread { key, reason });
                    self.displacements += 1;
                }
                written => {
                    let (object, mut counts) = written?;
                    counts.displaced = displaced;
                    return Ok((object, counts));
                }
            }
        }
    }

    async fn write_once(&mut self, expected: u64) -> Result<(Option<ArchiveObject>, PieceCounts), ShardError> {
        let mut attempts = 1;
        let attempt = loop {
            match self.attempt(expected).await {
                Err(ShardError::Store(error)) if error.retryable() && attempts < WRITE_ATTEMPTS => {
                    tracing::warn!(key = %self.key(), %error, attempts, "archive object is made again");
                    attempts += 1;
                }
                other => break other?,
            }
        };
        let Attempt { written, counts } = attempt;
        let key = self.key();
        let rows_out = written.as_ref().map_or(0, |(_, facts)| facts.rows);
        let conflicts = counts.conflicts.len() as u64;
        if counts.rows_in != expected || expected != rows_out + counts.duplicates + conflicts {
            let (rows_in, duplicates) = (counts.rows_in, counts.duplicates);
            return Err(ShardError::RowsLost { key: key.to_string(), expected, rows_in, rows_out, duplicates, conflicts });
        }
        let stored = match written {
            None => return Ok((None, counts)),
            Some((Put::Created { .. }, facts)) => facts,
            Some((Put::Exists, facts)) => self.accept_existing(&key, &facts).await?,
        };
        let object = ArchiveObject {
            key: key.to_string(),
            partition: key.partition,
            sha256: stored.sha256,
            bytes: stored.bytes,
            rows: stored.rows,
            merkle_root: stored.merkle_root,
            min_event_time: stored.min_event_time,
            max_event_time: stored.max_event_time,
        };
        Ok((Some(object), counts))
    }

    async fn attempt(&mut self, expected: u64) -> Result<Attempt, ShardError> {
        let mut upload: Option<Box<dyn Upload>> = None;
        let result = self.attempt_with(expected, &mut upload).await;
        if let (Err(_), Some(upload)) = (&result, upload)
            && let Err(error) = upload.abort().await
        {
            tracing::warn!(key = %self.key(), %error, "an abandoned upload could not be aborted");
        }
        result
    }

    async fn attempt_with(&mut self, expected: u64, upload: &mut Option<Box<dyn Upload>>) -> Result<Attempt, ShardError> {
        let name = self.key().to_string();
        let mut encoder = ArchiveEncoder::new(self.key(), expected);
        let mut resolver = Resolver::new(self.store, &self.piece.partition, self.context);
        let mut rows = self.rows.read(self.piece);
        while let Some(batch) = rows.next(BATCH)? {
            let (kept, hashes) = resolver.resolve(batch).await?;
            encoder.push(&kept, &hashes)?;
            if encoder.finished_bytes() >= PUT_BYTES {
                let open = match upload {
                    Some(open) => open,
                    None => upload.insert(self.store.upload(&name).await?),
                };
                open.write(encoder.take_bytes()).await?;
            }
            let_others_run().await;
        }
        let counts = resolver.finish();
        let Some((bytes, facts)) = encoder.finish()? else {
            return Ok(Attempt { written: None, counts });
        };
        let Some(mut open) = upload.take() else {
            let put = self.put(&name, bytes).await?;
            return Ok(Attempt { written: Some((put, facts)), counts });
        };
        if let Err(error) = open.write(bytes).await {
            *upload = Some(open);
            return Err(error.into());
        }
        Ok(Attempt { written: Some((open.finish().await?, facts)), counts })
    }

    /// Puts an object that fits into memory, again with the same bytes where nothing is known of the effect.
    async fn put(&self, name: &str, bytes: Bytes) -> Result<Put, ShardError> {
        let mut attempts = 1;
        loop {
            match self.store.put_if_absent(name, bytes.clone()).await {
                Err(error) if error.retryable() && attempts < WRITE_ATTEMPTS => attempts += 1,
                other => return Ok(other?),
            }
        }
    }

    /// What is stored under our key, if its rows are ours. `ours` is what we would have written.
    async fn accept_existing(&mut self, key: &ArchiveKey, ours: &ArchiveFacts) -> Result<ArchiveFacts, ShardError> {
        let mismatch = |reason: String| ShardError::Mismatch { key: key.to_string(), reason };
        let judge = |error: StoredObjectError| match error {
            StoredObjectError::Store(error) => ShardError::Store(error),
            unread @ StoredObjectError::Unreadable(_) => {
                ShardError::Occupied { key: key.to_string(), reason: unread.to_string() }
            }
            other => mismatch(other.to_string()),
        };
        let stored = StoredObject::fetch(self.store, key, self.rows.temporary_directory()).await.map_err(judge)?;
        let theirs = stored.facts().map_err(judge)?;
        if theirs.rows != ours.rows {
            return Err(mismatch(format!("it has {} rows instead of {}", theirs.rows, ours.rows)));
        }
        // Another version may have put the same rows in another order.
        if theirs.merkle_root != ours.merkle_root
            && !self.has_our_rows(&stored, ours.rows).await.map_err(|error| match error {
                OwnOrStored::Own(error) => error,
                OwnOrStored::Stored(error) => judge(error),
            })?
        {
            return Err(mismatch("its rows are not ours".to_owned()));
        }
        Ok(theirs)
    }

    /// Whether a stored object holds the rows of this piece, in whatever order. Hashes are compared a part of their range at a
    /// time, so that an object of any size needs little memory.
    async fn has_our_rows(&mut self, stored: &StoredObject, rows: u64) -> Result<bool, OwnOrStored> {
        let parts = (rows / HASHES_COMPARED_AT_ONCE + 1).min(256);
        for part in 0..parts {
            let belongs = |hash: &&Hash| u64::from(hash.as_bytes()[0]) * parts / 256 == part;
            let mut theirs: Vec<Hash> = Vec::new();
            let collected = stored.for_each_batch(|_, hashes| {
                theirs.extend(hashes.iter().filter(belongs));
                Ok(())
            });
            collected.map_err(OwnOrStored::Stored)?;
            let mut ours: Vec<Hash> = Vec::new();
            let mut resolver = Resolver::new(self.store, &self.piece.partition, self.context);
            let mut batches = self.rows.read(self.piece);
            while let Some(batch) = batches.next(BATCH).map_err(|error| OwnOrStored::Own(error.into()))? {
                let (_, hashes) = resolver.resolve(batch).await.map_err(OwnOrStored::Own)?;
                ours.extend(hashes.iter().filter(belongs));
                let_others_run().await;
            }
            theirs.sort_unstable();
            ours.sort_unstable();
            if theirs != ours {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Event hashes held at once when two orders of rows are compared.
const HASHES_COMPARED_AT_ONCE: u64 = 500_000;

/// Whose rows could not be read.
enum OwnOrStored {
    Own(ShardError),
    Stored(StoredObjectError),
}
