//! What a verification checked, and its verdict.

use std::collections::BTreeMap;

use auditlake_event::Timestamp;
use serde::Serialize;

use crate::finding::{Finding, FindingKind};

/// What was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The only organization whose part was checked; everything if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Start of the first period that was checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// End of the last period that was checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Sealed periods in that range, by their records; of one organization, its digests.
    pub seals: u64,
    /// Organizations with events.
    pub organizations: u64,
    /// Archive objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Their events, as the digests count them.
    pub events: u64,
    /// Whether every row was hashed anew; else only the objects' bytes.
    pub rows_checked: bool,
    /// SHA-256 of the newest record (of one organization, its newest digest), hexadecimal. Who keeps it elsewhere can find out later
    /// whether anything up to here was rewritten.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest_sha256: Option<String>,
    /// How many findings there are, by kind.
    pub findings_by_kind: BTreeMap<FindingKind, u64>,
    /// The first findings, sorted. At most [`Report::MOST_FINDINGS`] are kept.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Most findings that are kept; further ones are counted.
    pub const MOST_FINDINGS: usize = 10_000;

    pub(crate) fn new(organization: Option<String>, rows_checked: bool) -> Self {
        Self {
            organization,
            since: None,
            until: None,
            seals: 0,
            organizations: 0,
            objects: 0,
            bytes: 0,
            events: 0,
            rows_checked,
            newest_sha256: None,
            findings_by_kind: BTreeMap::new(),
            findings: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, kind: FindingKind, key: &str, detail: impl Into<String>) {
        *self.findings_by_kind.entry(kind).or_default() += 1;
        if self.findings.len() < Self::MOST_FINDINGS {
            self.findings.push(Finding { kind, key: key.to_owned(), detail: detail.into() });
        }
    }

    /// How many things are wrong.
    pub fn problems(&self) -> u64 {
        self.findings_by_kind.values().sum()
    }

    /// The verdict in a sentence or two.
    pub fn verdict(&self) -> String {
        let of = self.organization.as_ref().map_or_else(|| "The lake".to_owned(), |name| format!("The part of {name}"));
        let (Some(since), Some(until)) = (self.since, self.until) else {
            return match self.problems() {
                0 => format!("{of}: nothing is sealed yet, so there is nothing to verify."),
                problems => format!("{of}: {}.", counted(problems, "problem")),
            };
        };
        let seals = if self.organization.is_some() { "digest" } else { "sealed period" };
        let scope = format!(
            "{of} from {since} to {until}: {}, {}, {}, {}",
            counted(self.seals, seals),
            counted(self.organizations, "organization"),
            counted(self.objects, "object"),
            counted(self.events, "event"),
        );
        if self.problems() > 0 {
            return format!("{scope}. {} found.", counted(self.problems(), "problem"));
        }
        let how = if self.rows_checked {
            "every byte and every event was compared with what was sealed"
        } else {
            "every byte was compared with what was sealed; events were not hashed anew"
        };
        format!("{scope}. Nothing altered, missing or added: {how}.")
    }

    /// What this verification cannot prove.
    pub fn limits(&self) -> Vec<String> {
        let mut limits = vec![
            "Not signed: someone who can write to the archive and rewrites everything after some moment, hashes included, is found only by \
             a hash that was kept elsewhere (--known)."
                .to_owned(),
        ];
        if self.organization.is_some() {
            limits.push(
                "One organization's part: seal records were not checked, so digests and objects that were removed from the end would not be missed."
                    .to_owned(),
            );
        }
        limits
    }
}

/// `1 event`, `432,720 events`.
fn counted(number: u64, thing: &str) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {thing}{}", if number == 1 { "" } else { "s" })
}
