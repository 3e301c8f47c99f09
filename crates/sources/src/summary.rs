//! What was read of an object, in numbers.

/// What a record is that was recognised but is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetAsideKind {
    /// A statement of integrity, such as a CloudTrail digest file.
    Digest,
    /// Statistics about events, such as CloudTrail Insights.
    Insight,
    /// A message of the transport, such as the probe CloudWatch Logs sends to a new subscriber.
    Control,
    /// Counts of events that a system summed up, such as CloudTrail's aggregated events.
    Aggregated,
    /// A notice that something was delivered, or the test of such notices.
    Notification,
    /// An entry of a log that is shared with audit records and is known to be none: a program's own messages.
    NotAudit,
    /// What macOS keeps about files and folders beside them: `._…` and `.DS_Store`.
    FileAttributes,
}

impl SetAsideKind {
    /// Every kind, in the order of reports.
    pub const ALL: [SetAsideKind; 7] = [
        SetAsideKind::Digest,
        SetAsideKind::Insight,
        SetAsideKind::Aggregated,
        SetAsideKind::Notification,
        SetAsideKind::Control,
        SetAsideKind::NotAudit,
        SetAsideKind::FileAttributes,
    ];

    /// The kind's name in reports and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            SetAsideKind::Digest => "digest",
            SetAsideKind::Insight => "insight",
            SetAsideKind::Aggregated => "aggregated",
            SetAsideKind::Notification => "notification",
            SetAsideKind::Control => "control",
            SetAsideKind::NotAudit => "not_audit",
            SetAsideKind::FileAttributes => "file_attributes",
        }
    }
}

/// How many records were set aside, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SetAsideCounts([u64; SetAsideKind::ALL.len()]);

impl SetAsideCounts {
    /// The kinds of which there are any, and how many.
    pub fn iter(&self) -> impl Iterator<Item = (SetAsideKind, u64)> {
        SetAsideKind::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }

    /// Counts one more.
    pub(crate) fn add(&mut self, kind: SetAsideKind) {
        for (count, _) in self.0.iter_mut().zip(SetAsideKind::ALL).filter(|(_, of)| *of == kind) {
            *count += 1;
        }
    }
}

impl std::ops::AddAssign for SetAsideCounts {
    fn add_assign(&mut self, other: Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }
}

/// `3 digest, 2 insight`; `0` if nothing was set aside.
impl std::fmt::Display for SetAsideCounts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut separator = "";
        for (kind, count) in self.iter() {
            write!(formatter, "{separator}{count} {}", kind.as_str())?;
            separator = ", ";
        }
        if separator.is_empty() { formatter.write_str("0") } else { Ok(()) }
    }
}

/// What was read of an object. `records` = `events` + `quarantined` + `set_aside`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Records met.
    pub records: u64,
    /// Records that became events.
    pub events: u64,
    /// Records in quarantine.
    pub quarantined: u64,
    /// Records that are no events.
    pub set_aside: u64,
    /// The same, by kind.
    pub set_aside_by_kind: SetAsideCounts,
    /// Bytes of the object, inflated.
    pub bytes: u64,
}

impl std::ops::AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        self.events += other.events;
        self.quarantined += other.quarantined;
        self.set_aside += other.set_aside;
        self.set_aside_by_kind += other.set_aside_by_kind;
        self.bytes += other.bytes;
    }
}
