//! Parts of one object in memory, and how missing parts are fetched.

use std::ops::Range;
use std::sync::Arc;

use auditlake_lake::checksums::{ChecksumError, Checksums};
use auditlake_store::{Store, StoreError};
use bytes::{Buf, Bytes};
use futures::future::try_join_all;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::meter::Meter;

/// The parts of an object that were fetched so far. Clones share the bytes.
#[derive(Debug, Clone)]
pub struct Blob {
    size: u64,
    /// Start and bytes, ascending, never overlapping.
    parts: Vec<(u64, Bytes)>,
    /// What fetched bytes are checked by, once that is known.
    checksums: Option<Arc<Checksums>>,
}

/// Why bytes could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// They are not those that were written.
    #[error(transparent)]
    Damaged(#[from] ChecksumError),
}

impl Blob {
    /// Nothing yet of an object of `size` bytes.
    pub const fn empty(size: u64) -> Self {
        Self { size, parts: Vec::new(), checksums: None }
    }

    /// A whole object.
    pub fn whole(bytes: Bytes) -> Self {
        Self { size: bytes.len() as u64, parts: vec![(0, bytes)], checksums: None }
    }

    /// The last bytes of an object of `size` bytes.
    pub fn suffix(size: u64, bytes: Bytes) -> Self {
        Self { size, parts: vec![(size - bytes.len() as u64, bytes)], checksums: None }
    }

    /// Checks what is here, and from now on everything that is fetched, by the object's checksums, if it has any.
    pub fn check_by(&mut self, checksums: Option<&Arc<Checksums>>) -> Result<(), ChecksumError> {
        self.checksums = checksums.cloned();
        let Some(checksums) = checksums else { return Ok(()) };
        self.parts.iter().try_for_each(|(start, bytes)| checksums.check(*start, bytes))
    }

    /// Whether all of a range is here.
    pub fn holds(&self, range: &Range<u64>) -> bool {
        self.part_of(range.start).is_some_and(|(start, bytes)| range.end <= start + bytes.len() as u64)
    }

    fn part_of(&self, position: u64) -> Option<(u64, &Bytes)> {
        let index = self.parts.partition_point(|(start, _)| *start <= position).checked_sub(1)?;
        let (start, bytes) = &self.parts[index];
        (position < start + bytes.len() as u64).then_some((*start, bytes))
    }

    fn slice(&self, start: u64, length: Option<usize>) -> Result<Bytes, ParquetError> {
        let missing = || ParquetError::General(format!("the bytes at {start} were not fetched"));
        let (part_start, bytes) = self.part_of(start).ok_or_else(missing)?;
        let from = usize::try_from(start - part_start).map_err(|_| missing())?;
        let to = length.map_or(Some(bytes.len()), |length| from.checked_add(length)).ok_or_else(missing)?;
        if to > bytes.len() { Err(missing()) } else { Ok(bytes.slice(from..to)) }
    }

    /// Fetches what is missing of `ranges`, in whole blocks where these have checksums, neighbours less than `gap` bytes apart in one request.
    pub async fn fetch(
        &mut self,
        store: &dyn Store,
        meter: &Meter,
        key: &str,
        mut ranges: Vec<Range<u64>>,
        gap: u64,
    ) -> Result<(), FetchError> {
        ranges.retain(|range| range.start < range.end && !self.holds(range));
        if let Some(checksums) = &self.checksums {
            ranges.iter_mut().for_each(|range| *range = checksums.whole_blocks(range.clone()));
        }
        ranges.sort_unstable_by_key(|range| range.start);
        let mut requests: Vec<Range<u64>> = Vec::new();
        for range in ranges {
            match requests.last_mut() {
                Some(last) if range.start <= last.end.saturating_add(gap) => last.end = last.end.max(range.end),
                _ => requests.push(range),
            }
        }
        let fetched = try_join_all(requests.iter().map(|range| meter.get_range(store, key, range.clone()))).await?;
        for (range, bytes) in requests.into_iter().zip(fetched) {
            if let Some(checksums) = &self.checksums {
                checksums.check(range.start, &bytes)?;
            }
            self.insert(range.start, bytes);
        }
        Ok(())
    }

    fn insert(&mut self, start: u64, bytes: Bytes) {
        let end = start + bytes.len() as u64;
        // What lies inside the new part is dropped; an overlap at an edge stays twice in memory but is found once.
        self.parts.retain(|(part, bytes)| *part < start || *part + bytes.len() as u64 > end);
        let index = self.parts.partition_point(|(part, _)| *part <= start);
        self.parts.insert(index, (start, bytes));
    }
}

impl Length for Blob {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for Blob {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(self.slice(start, None)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        self.slice(start, Some(length))
    }
}

#[cfg(test)]
mod tests {
    use auditlake_store::memory::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn neighbours_are_fetched_together_and_nothing_twice() {
        let bytes: Bytes = (0..=255).collect::<Vec<u8>>().into();
        let store = MemoryStore::new();
        store.put_if_absent("k", bytes.clone()).await.unwrap();
        let meter = Meter::default();
        let mut blob = Blob::suffix(256, bytes.slice(250..));
        let before = store.points();
        blob.fetch(&store, &meter, "k", vec![100..110, 10..20, 22..30, 252..254, 5..5], 2).await.unwrap();
        assert_eq!(store.points() - before, 4, "two requests");
        assert_eq!(meter.bytes(), 20 + 10);
        assert_eq!(blob.get_bytes(12, 17).unwrap(), bytes.slice(12..29));
        assert!(blob.get_bytes(12, 19).is_err() && blob.get_bytes(31, 1).is_err());
        blob.fetch(&store, &meter, "k", vec![10..30, 5..40], 2).await.unwrap();
        assert_eq!(blob.get_bytes(5, 35).unwrap(), bytes.slice(5..40));
        assert!(blob.holds(&(100..110)) && blob.holds(&(250..256)) && !blob.holds(&(100..111)));
    }
}
