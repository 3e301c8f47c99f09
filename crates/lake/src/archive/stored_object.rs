//! Reading an archive object that is there already: what is in storage counts, not what a run believes it has written.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMillisecondType;
use arrow_array::{Array, RecordBatch, RecordBatchReader};
use auditlake_event::canonical::ColumnarHasher;
use auditlake_event::columns::archive_schema;
use auditlake_event::{Column, Timestamp};
use auditlake_store::Store;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::reader::ChunkReader;
use sha2::{Digest, Sha256};

use super::error::{StoredObjectError, guarded};
use super::file::{ArchiveFacts, is_of_another_key};
use super::merkle::MerkleTree;
use crate::checksums::{self, Checksums};
use crate::damage::check_layout;
use crate::hash::Hash;
use crate::layout::ArchiveKey;
use crate::row_key::RowKeyColumns;

/// Objects up to this size are read at once and kept in memory, larger ones piece by piece into a temporary file.
const IN_MEMORY_BYTES: u64 = 8 * 1024 * 1024;

/// Rows decoded at once.
const BATCH_ROWS: usize = 4096;

/// Fills `buffer` from a file, as far as the file goes.
fn read_up_to(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

enum Content {
    Memory(Bytes),
    File(File),
}

/// A local copy of an archive object. Its bytes are hashed and not looked at otherwise.
pub struct StoredObject {
    key: ArchiveKey,
    content: Content,
    sha256: Hash,
    bytes: u64,
}

impl StoredObject {
    /// Fetches the object of `key`. One larger than 8 MiB goes to a temporary file, in the system's folder if no other is given.
    pub async fn fetch(
        store: &dyn Store,
        key: &ArchiveKey,
        temporary_directory: Option<&Path>,
    ) -> Result<Self, StoredObjectError> {
        let name = key.to_string();
        let end = store.get_suffix(&name, IN_MEMORY_BYTES).await?;
        if end.size <= IN_MEMORY_BYTES {
            let (sha256, bytes) = (Hash::of(&end.bytes), end.size);
            return Ok(Self { key: key.clone(), content: Content::Memory(end.bytes), sha256, bytes });
        }
        let mut file = match temporary_directory {
            Some(directory) => tempfile::tempfile_in(directory)?,
            None => tempfile::tempfile()?,
        };
        let mut sha256 = Sha256::new();
        let end_start = end.size - end.bytes.len() as u64;
        let mut position = 0;
        while position < end_start {
            let next = (position + IN_MEMORY_BYTES).min(end_start);
            let bytes = store.get_range(&name, position..next).await?;
            sha256.update(&bytes);
            file.write_all(&bytes)?;
            position = next;
        }
        sha256.update(&end.bytes);
        file.write_all(&end.bytes)?;
        let sha256 = Hash::new(sha256.finalize().into());
        Ok(Self { key: key.clone(), content: Content::File(file), sha256, bytes: end.size })
    }

    /// SHA-256 of its bytes.
    pub const fn sha256(&self) -> Hash {
        self.sha256
    }

    /// Its size in bytes.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Checks every byte, if the object was written with checksums.
    fn check_bytes(&self) -> Result<(), StoredObjectError> {
        let mut file = match &self.content {
            Content::Memory(bytes) => return Ok(checksums::check_object(bytes)?),
            Content::File(file) => file.try_clone()?,
        };
        let mut end = [0; checksums::FILE_END_BYTES];
        file.seek(SeekFrom::Start(self.bytes.saturating_sub(end.len() as u64)))?;
        file.read_exact(&mut end)?;
        let footer = checksums::footer_bytes(&end)? as u64;
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(self.bytes.saturating_sub(footer)))?;
        file.read_to_end(&mut tail)?;
        let Some(checksums) = Checksums::of(&tail, self.bytes)? else { return Ok(()) };
        file.rewind()?;
        let mut position = 0;
        let mut blocks = vec![0; 64 * checksums::BLOCK_BYTES];
        loop {
            let read = read_up_to(&mut file, &mut blocks)?;
            let bytes = blocks.get(..read).unwrap_or_default();
            checksums.check(position, bytes)?;
            position += read as u64;
            if read < blocks.len() {
                return Ok(());
            }
        }
    }

    fn reader(&self) -> Result<ParquetRecordBatchReader, StoredObjectError> {
        self.check_bytes()?;
        let reader = match &self.content {
            Content::Memory(bytes) => self.reader_of(bytes.clone())?,
            Content::File(file) => self.reader_of(file.try_clone()?)?,
        };
        let (found, expected) = (reader.schema(), archive_schema());
        let is_same = found.fields().len() == expected.fields().len()
            && found
                .fields()
                .iter()
                .zip(expected.fields())
                .all(|(found, expected)| found.name() == expected.name() && found.data_type() == expected.data_type());
        if is_same { Ok(reader) } else { Err(StoredObjectError::Foreign("it has other columns".to_owned())) }
    }

    fn reader_of<R: ChunkReader + 'static>(&self, content: R) -> Result<ParquetRecordBatchReader, StoredObjectError> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(content)?;
        check_layout(builder.metadata(), self.bytes).map_err(StoredObjectError::Unreadable)?;
        if is_of_another_key(builder.metadata(), &self.key.to_string()) {
            return Err(StoredObjectError::Foreign("its footer says that it belongs elsewhere".to_owned()));
        }
        Ok(builder.with_batch_size(BATCH_ROWS).build()?)
    }

    /// Calls `take` with every batch and the event hashes of its rows, in file order.
    pub(crate) fn for_each_batch(
        &self,
        mut take: impl FnMut(&RecordBatch, &[Hash]) -> Result<(), StoredObjectError>,
    ) -> Result<(), StoredObjectError> {
        let partition = (&self.key.partition.region, &self.key.partition.organization);
        let mut reader = guarded(|| self.reader())?;
        let mut next = || -> Result<Option<(RecordBatch, Vec<Hash>)>, StoredObjectError> {
            let Some(batch) = reader.next().transpose()? else { return Ok(None) };
            let hashes = ColumnarHasher::new(&batch, Some(partition))?.hashes();
            Ok(Some((batch, hashes.into_iter().map(Hash::new).collect())))
        };
        while let Some((batch, hashes)) = guarded(&mut next)? {
            take(&batch, &hashes)?;
        }
        Ok(())
    }

    /// Whether its rows are in the order of the archive: by event time, event id and source, no two alike.
    pub fn is_in_order(&self) -> Result<bool, StoredObjectError> {
        let mut last: Option<(i64, String, String)> = None;
        let mut is_in_order = true;
        self.for_each_batch(|batch, _| {
            let columns = RowKeyColumns::of(batch)?;
            let key_of = |row: usize| (columns.times.value(row), columns.ids.value(row), columns.sources.value(row));
            for row in 0..batch.num_rows() {
                let follows = match row.checked_sub(1) {
                    Some(previous) => key_of(previous) < key_of(row),
                    None => {
                        last.as_ref().is_none_or(|(time, id, source)| (*time, id.as_str(), source.as_str()) < key_of(row))
                    }
                };
                is_in_order &= follows;
            }
            if let Some(row) = batch.num_rows().checked_sub(1) {
                let (time, id, source) = key_of(row);
                last = Some((time, id.to_owned(), source.to_owned()));
            }
            Ok(())
        })?;
        Ok(is_in_order)
    }

    /// What the object is. Fails if a row does not belong under the object's key.
    pub fn facts(&self) -> Result<ArchiveFacts, StoredObjectError> {
        let mut merkle = MerkleTree::new();
        let (mut min_time, mut max_time) = (i64::MAX, i64::MIN);
        let hour = self.key.partition.hour;
        let seal_time = self.key.seal_time.start().millis();
        self.for_each_batch(|batch, hashes| {
            for time in times(batch, Column::EventTime)? {
                min_time = min_time.min(*time);
                max_time = max_time.max(*time);
            }
            if times(batch, Column::SealTime)?.iter().any(|found| *found != seal_time) {
                return Err(StoredObjectError::Foreign("a row has another seal time than its key".to_owned()));
            }
            for hash in hashes {
                merkle.push(hash);
            }
            Ok(())
        })?;
        let (min_event_time, max_event_time) = (Timestamp::from_millis(min_time), Timestamp::from_millis(max_time));
        if merkle.leaves() == 0 || min_event_time.hour() != hour || max_event_time.hour() != hour {
            return Err(StoredObjectError::Foreign("its rows are not of the hour of its key".to_owned()));
        }
        Ok(ArchiveFacts {
            sha256: self.sha256,
            bytes: self.bytes,
            rows: merkle.leaves(),
            merkle_root: merkle.root(),
            min_event_time,
            max_event_time,
        })
    }
}

fn times(batch: &RecordBatch, column: Column) -> Result<&[i64], StoredObjectError> {
    let array = batch.column(archive_schema().index_of(column.name())?);
    let times = array.as_primitive_opt::<TimestampMillisecondType>().filter(|times| times.null_count() == 0);
    times.map(|times| times.values().as_ref()).ok_or_else(|| StoredObjectError::Foreign("a row has no time".to_owned()))
}
