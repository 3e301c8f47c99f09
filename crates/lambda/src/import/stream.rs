//! An object as a stream of bytes for a parser on a thread of its own: read in ranges, one ahead of the parser.

use std::io::{self, Read};

use auditlake_store::{SharedStore, StoreError};
use bytes::{Buf, Bytes};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Bytes of a range (8 MiB): two are held at most.
const RANGE_BYTES: u64 = 8 * 1024 * 1024;

/// Reads one object from its start to its end. Must not be used on a runtime's own thread.
pub struct ObjectStream {
    store: SharedStore,
    key: String,
    size: u64,
    next: u64,
    current: Bytes,
    ahead: Option<JoinHandle<Result<Bytes, StoreError>>>,
    runtime: Handle,
}

impl ObjectStream {
    /// The object of a key, whose size is known.
    pub fn new(store: SharedStore, key: String, size: u64, runtime: Handle) -> Self {
        Self { store, key, size, next: 0, current: Bytes::new(), ahead: None, runtime }
    }

    fn fetch_ahead(&mut self) {
        if self.next >= self.size {
            return;
        }
        let range = self.next..(self.next + RANGE_BYTES).min(self.size);
        self.next = range.end;
        let (store, key) = (self.store.clone(), self.key.clone());
        self.ahead = Some(self.runtime.spawn(async move { store.get_range(&key, range).await }));
    }

    fn advance(&mut self) -> io::Result<()> {
        if self.ahead.is_none() {
            self.fetch_ahead();
        }
        let Some(ahead) = self.ahead.take() else { return Ok(()) };
        let fetched = self.runtime.block_on(ahead).map_err(io::Error::other)?;
        self.current = fetched.map_err(io::Error::other)?;
        if self.current.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the object became shorter while it was read"));
        }
        self.fetch_ahead();
        Ok(())
    }
}

impl Read for ObjectStream {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.current.is_empty() && !target.is_empty() {
            self.advance()?;
        }
        let count = target.len().min(self.current.len());
        self.current.copy_to_slice(&mut target[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use auditlake_store::Store;
    use auditlake_store::memory::MemoryStore;

    use super::*;

    async fn read_back(bytes: Vec<u8>) -> Vec<u8> {
        let store = Arc::new(MemoryStore::new());
        store.put_if_absent("k", Bytes::from(bytes.clone())).await.unwrap();
        let mut stream = ObjectStream::new(store, "k".to_owned(), bytes.len() as u64, Handle::current());
        let reading = tokio::task::spawn_blocking(move || {
            let mut read = Vec::new();
            stream.read_to_end(&mut read).map(|_| read)
        });
        reading.await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn an_object_of_any_size_comes_whole() {
        let range = usize::try_from(RANGE_BYTES).unwrap();
        for size in [0, 1, range - 1, range, range + 1, 2 * range + 7] {
            let bytes: Vec<u8> = (0..size).map(|position| u8::try_from(position % 251).unwrap()).collect();
            assert!(read_back(bytes.clone()).await == bytes, "{size}");
        }
    }
}
