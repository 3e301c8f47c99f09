//! Retries with back-off around any store.
