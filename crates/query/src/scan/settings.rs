//! What a scan may use of memory, and how it cuts its requests.

use super::expiry::ArchiveExpiry;

/// What a scan may use.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Objects up to this size are fetched whole, in one request.
    pub whole_object_bytes: u64,
    /// Of larger ones, this much of the end at first: footer, page index and bloom filters.
    pub tail_bytes: u64,
    /// Parts of an object closer than this are fetched together.
    pub gap_bytes: u64,
    /// Row groups of fewer rows are read without their page index: their columns are a page or two.
    pub page_index_rows: usize,
    /// Objects that are read at the same time.
    pub concurrency: usize,
    /// Rows of landing whose names are held at once to find copies.
    pub unsealed_rows: usize,
    /// Landing objects up to this size are read together with their neighbours.
    pub merge_object_bytes: u64,
    /// About how many of them are read as one: of older ones many, of the newest fewer.
    pub merge_lengths: Vec<u64>,
    /// Memory for footers.
    pub footer_cache_bytes: usize,
    /// Memory for small objects.
    pub object_cache_bytes: usize,
    /// Memory for landing objects that are read as one.
    pub merged_cache_bytes: usize,
    /// Memory for the indexes of landing objects.
    pub index_cache_bytes: usize,
    /// Memory for lists of folders and digests.
    pub list_cache_bytes: usize,
    /// Memory for what digests name.
    pub digest_cache_bytes: usize,
    /// Digests that follow the range of a query and are read for objects of late events that must be there.
    pub late_digests: usize,
    /// The lifecycle rule that removes archive objects, if there is one: what it may have removed is not missed.
    pub archive_expiry: Option<ArchiveExpiry>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            whole_object_bytes: 128 * 1024,
            tail_bytes: 32 * 1024,
            gap_bytes: 16 * 1024,
            page_index_rows: 16_384,
            concurrency: 16,
            unsealed_rows: 500_000,
            merge_object_bytes: 16 * 1024,
            merge_lengths: vec![1_024, 32],
            footer_cache_bytes: 16 * 1024 * 1024,
            object_cache_bytes: 12 * 1024 * 1024,
            // Some hundred thousand events that arrived one by one.
            merged_cache_bytes: 24 * 1024 * 1024,
            index_cache_bytes: 8 * 1024 * 1024,
            list_cache_bytes: 2 * 1024 * 1024,
            digest_cache_bytes: 4 * 1024 * 1024,
            late_digests: 48,
            archive_expiry: None,
        }
    }
}
