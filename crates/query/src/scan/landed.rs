//! What is remembered of landing objects.

use std::sync::Arc;

use auditlake_event::{Organization, Region};
use auditlake_lake::landing::file::LandingGroup;
use auditlake_lake::layout::LandingKey;

use super::handle::Handle;

/// A landing object in a list. Landing may hold a hundred thousand: a list holds no texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landed {
    /// Its key.
    pub key: LandingKey,
    /// Its size in bytes.
    pub size: u64,
}

/// The index of one landing object, remembered.
#[derive(Debug)]
pub enum ObjectGroups {
    /// Its groups.
    Readable(Box<[LandingGroup]>),
    /// It cannot be read.
    Unreadable,
}

impl ObjectGroups {
    /// What it costs to keep.
    pub fn memory(&self) -> usize {
        let groups = match self {
            Self::Readable(groups) => groups.iter().map(group_memory).sum(),
            Self::Unreadable => 0,
        };
        groups + 128
    }
}

/// Landing objects that are read as one.
#[derive(Debug)]
pub struct Merged {
    /// Its bytes are in memory.
    pub handle: Arc<Handle>,
    /// Its groups of rows.
    pub groups: Box<[LandingGroup]>,
}

impl Merged {
    /// What it costs to keep.
    pub fn memory(&self) -> usize {
        let bytes = self.handle.merged.as_ref().map_or(0, bytes::Bytes::len);
        bytes + self.groups.iter().map(group_memory).sum::<usize>() + 256
    }
}

/// What a group costs to keep.
fn group_memory(group: &LandingGroup) -> usize {
    size_of::<LandingGroup>() + region_bytes(&group.region) + organization_bytes(&group.organization)
}

fn region_bytes(region: &Region) -> usize {
    region.as_str().len() + 16
}

fn organization_bytes(organization: &Organization) -> usize {
    organization.as_str().len() + 16
}
