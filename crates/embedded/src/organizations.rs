//! Which organizations have data: those with digests in the directory, and those of the events that were taken in since the start.
//!
//! For a page that lets its user choose one, where everybody may ask about each: on loopback, without tokens.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use auditlake_api::{Door, DoorError};
use auditlake_console::{MOST_ORGANIZATIONS, Organizations};
use auditlake_event::{Event, Organization};
use auditlake_lake::clock::Clock;
use auditlake_lake::layout::DIGESTS;

use crate::clock_guard::Witness;

/// A door that remembers whose events went through it, and whether their times confirm our clock.
pub struct NotingDoor {
    door: Arc<dyn Door>,
    directory: PathBuf,
    clock: Arc<dyn Clock>,
    witness: Arc<Witness>,
    taken_in: Mutex<BTreeSet<String>>,
}

impl NotingDoor {
    /// A door before the other, of the lake in a directory.
    pub fn new(door: Arc<dyn Door>, directory: PathBuf, clock: Arc<dyn Clock>, witness: Arc<Witness>) -> Self {
        Self { door, directory, clock, witness, taken_in: Mutex::new(BTreeSet::new()) }
    }

    fn note(&self, events: &[Event<'_>]) {
        let mut taken_in = self.taken_in.lock().unwrap_or_else(PoisonError::into_inner);
        let mut last = "";
        for event in events {
            let name = event.organization.as_ref();
            if name != last && taken_in.len() < MOST_ORGANIZATIONS && !taken_in.contains(name) {
                taken_in.insert(name.to_owned());
            }
            last = name;
        }
    }
}

#[async_trait]
impl Door for NotingDoor {
    async fn accept(&self, events: &[Event<'_>]) -> Result<(), DoorError> {
        self.door.accept(events).await?;
        self.witness.hear(self.clock.now(), events);
        self.note(events);
        Ok(())
    }
}

/// The organizations that have digests; what is no folder of an organization is passed over.
fn with_digests(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory.join(DIGESTS)) else { return Vec::new() };
    let name = |entry: std::fs::DirEntry| {
        let folder = entry.file_name();
        let organization = Organization::parse(folder.to_str()?.strip_prefix("organization=org-")?).ok()?;
        Some(organization.as_str().to_owned())
    };
    entries.filter_map(Result::ok).filter_map(name).take(MOST_ORGANIZATIONS).collect()
}

#[async_trait]
impl Organizations for NotingDoor {
    async fn names(&self) -> Vec<String> {
        let directory = self.directory.clone();
        let read = tokio::task::spawn_blocking(move || with_digests(&directory)).await;
        let mut names: BTreeSet<String> = read.unwrap_or_default().into_iter().collect();
        names.extend(self.taken_in.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
        names.into_iter().take(MOST_ORGANIZATIONS).collect()
    }
}
