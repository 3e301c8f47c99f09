//! Every key of the lake, written and read in one place. The archive's layout is a public contract.

use auditlake_event::{Organization, Region, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::format::Codec;
use crate::period::{Arrival, SealTime};

/// The key of `lake.json`.
pub const LAKE_FILE: &str = "lake.json";
/// Prefix of all landing objects.
pub const LANDING: &str = "landing/";
/// Prefix of all archive objects.
pub const ARCHIVE: &str = "etl/v1/data/";
/// Prefix of all seals.
pub const SEALS: &str = "seals/";
/// Prefix of all digests.
pub const DIGESTS: &str = "digests/";
/// Prefix of what could not be understood.
pub const QUARANTINE: &str = "quarantine/";

/// What lies in the first bucket of a lake in two: landing, quarantine and `lake.json`. Everything else lies in the bucket of the
/// archive, which only a sealer may write.
pub const LANDING_BUCKET: &[&str] = &[LANDING, QUARANTINE, LAKE_FILE];

/// One partition of the archive: the hour of `event_time` of one organization in one region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Partition {
    /// The region.
    pub region: Region,
    /// The organization.
    pub organization: Organization,
    /// The start of the hour.
    pub hour: Timestamp,
}

impl Partition {
    /// The prefix of the partition's objects, ending in `/`.
    pub fn prefix(&self) -> String {
        let civil = self.hour.civil();
        format!(
            "{}year={:04}/month={:02}/day={:02}/hour={:02}/",
            organization_prefix(&self.region, &self.organization),
            civil.year,
            civil.month,
            civil.day,
            civil.hour
        )
    }
}

/// The prefix of everything an organization has in the archive of one region, ending in `/`.
pub fn organization_prefix(region: &Region, organization: &Organization) -> String {
    format!("{ARCHIVE}region={region}/organization=org-{organization}/")
}

/// `year=YYYY/month=MM/day=DD/` of a time.
pub fn day_path(time: Timestamp) -> String {
    let civil = time.civil();
    format!("year={:04}/month={:02}/day={:02}/", civil.year, civil.month, civil.day)
}

/// The name of one archive object, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArchiveKey {
    /// Where it lies.
    pub partition: Partition,
    /// The seal that wrote it.
    pub seal_time: SealTime,
    /// Its number among the seal's objects of this partition.
    pub part: u16,
    /// Its compression.
    pub codec: Codec,
}

impl std::fmt::Display for ArchiveKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let prefix = self.partition.prefix();
        write!(formatter, "{prefix}{}-{:04}{}", self.seal_time.key_name(), self.part, self.codec.suffix())
    }
}

impl ArchiveKey {
    /// Reads an archive key. `None` for anything that is not one, as a stranger might have put it there.
    pub fn parse(key: &str) -> Option<Self> {
        let mut parts = key.strip_prefix(ARCHIVE)?.split('/');
        let region = Region::parse(parts.next()?.strip_prefix("region=")?).ok()?;
        let organization = Organization::parse(parts.next()?.strip_prefix("organization=org-")?).ok()?;
        let year = parts.next()?.strip_prefix("year=")?;
        let month = parts.next()?.strip_prefix("month=")?;
        let day = parts.next()?.strip_prefix("day=")?;
        let hour = parts.next()?.strip_prefix("hour=")?;
        let name = parts.next()?;
        if parts.next().is_some() {
            return None;
        }
        let hour = Timestamp::parse(&format!("{year}-{month}-{day}T{hour}:00:00Z")).ok()?;
        let (stem, codec) = match (name.strip_suffix(Codec::Snappy.suffix()), name.strip_suffix(Codec::Zstd.suffix())) {
            (Some(stem), _) => (stem, Codec::Snappy),
            (_, Some(stem)) => (stem, Codec::Zstd),
            _ => return None,
        };
        let (seal_time, part) = stem.split_once('-')?;
        let parsed = Self {
            partition: Partition { region, organization, hour },
            seal_time: SealTime::parse_key_name(seal_time)?,
            part: part.parse().ok()?,
            codec,
        };
        (parsed.to_string() == key).then_some(parsed)
    }
}

/// The name of one landing object: its arrival and a random part, in one UUIDv7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LandingKey {
    id: Uuid,
}

impl LandingKey {
    /// A key of `arrival`; `random` makes it unique.
    pub fn new(arrival: Arrival, random: [u8; 10]) -> Self {
        let millis = u64::try_from(arrival.0.millis()).unwrap_or(0);
        Self { id: uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid() }
    }

    /// The key of an object of `arrival` that is named after its content: the random part is the start of its SHA-256.
    pub fn of_content(arrival: Arrival, bytes: &[u8]) -> Self {
        let hash: [u8; 32] = Sha256::digest(bytes).into();
        let mut start = [0; 10];
        start.copy_from_slice(&hash[..10]);
        Self::new(arrival, start)
    }

    /// The moment the writer fixed the name.
    pub fn arrival(&self) -> Arrival {
        let (high, _) = self.id.as_u64_pair();
        Arrival(Timestamp::from_millis(i64::try_from(high >> 16).unwrap_or(0)))
    }

    /// Reads a landing key. `None` for anything that is not one.
    pub fn parse(key: &str) -> Option<Self> {
        let (_, name) = key.strip_prefix(LANDING)?.split_once('/')?;
        let id = Uuid::try_parse(name.strip_suffix(".parquet")?).ok()?;
        let parsed = Self { id };
        (id.get_version_num() == 7 && parsed.to_string() == key).then_some(parsed)
    }
}

impl std::fmt::Display for LandingKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}{}.parquet", arrival_prefix(self.arrival()), self.id.as_hyphenated())
    }
}

/// `landing/arrival=<YYYY-MM-DDTHH>/` of an arrival.
pub fn arrival_prefix(arrival: Arrival) -> String {
    let civil = arrival.0.civil();
    format!("{LANDING}arrival={:04}-{:02}-{:02}T{:02}/", civil.year, civil.month, civil.day, civil.hour)
}

/// A text that sorts after every landing key with an earlier arrival and before every one with this or a later arrival:
/// `start_after` and `end` of a list.
pub fn landing_bound(arrival: Arrival) -> String {
    let lowest = LandingKey::new(arrival, [0; 10]).id.as_hyphenated().to_string();
    // The first 13 characters, `xxxxxxxx-xxxx`, are the 48 bits of the time.
    format!("{}{}", arrival_prefix(arrival), &lowest[..13])
}

/// The folder of the seals of a day.
pub fn seals_prefix(seal_time: SealTime) -> String {
    format!("{SEALS}{}", day_path(seal_time.start()))
}

/// The key of a period's close marker.
pub fn close_key(seal_time: SealTime) -> String {
    format!("{}_{}.close.json", seals_prefix(seal_time), seal_time.key_name())
}

/// The key of a period's plan.
pub fn plan_key(seal_time: SealTime) -> String {
    format!("{}_{}.plan.json", seals_prefix(seal_time), seal_time.key_name())
}

/// The key of what one shard of a period's seal did.
pub fn shard_key(seal_time: SealTime, shard: usize) -> String {
    format!("{}_{}.shard-{shard:04}.json", seals_prefix(seal_time), seal_time.key_name())
}

/// The key of a period's seal record.
pub fn record_key(seal_time: SealTime) -> String {
    format!("{}{}.json", seals_prefix(seal_time), seal_time.key_name())
}

/// The prefix of an organization's digests, ending in `/`.
pub fn digests_prefix(organization: &Organization) -> String {
    format!("{DIGESTS}organization=org-{organization}/")
}

/// The key of the digest of one seal of one organization.
pub fn digest_key(organization: &Organization, seal_time: SealTime) -> String {
    format!("{}{}{}.json", digests_prefix(organization), day_path(seal_time.start()), seal_time.key_name())
}

/// The key of the conflicting copies that one shard of a seal set aside.
pub fn conflicts_key(seal_time: SealTime, shard: usize) -> String {
    format!("{QUARANTINE}conflicts/{}{}-{shard:04}.ndjson", day_path(seal_time.start()), seal_time.key_name())
}

/// The key of the statement that events of a landing object, which a seal record omits, were landed again.
pub fn omitted_key(landing_key: &str) -> String {
    format!("{QUARANTINE}omitted/{landing_key}.json")
}

/// The key of the list of posted events with one id and different times that one shard of a seal found.
pub fn restamped_key(seal_time: SealTime, shard: usize) -> String {
    format!("{QUARANTINE}restamped/{}{}-{shard:04}.ndjson", day_path(seal_time.start()), seal_time.key_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn keys_are_as_the_contract_says_and_are_read_back() {
        let key = ArchiveKey {
            partition: Partition {
                region: Region::parse("us-east-1").unwrap(),
                organization: Organization::parse("acme").unwrap(),
                hour: time("2026-03-01T09:00:00Z"),
            },
            seal_time: SealTime::from_start(time("2026-03-01T10:00:00Z")),
            part: 0,
            codec: Codec::Snappy,
        };
        let text = "etl/v1/data/region=us-east-1/organization=org-acme/year=2026/month=03/day=01/hour=09/20260301T100000Z-0000-snappy.parquet";
        assert_eq!(key.to_string(), text);
        assert_eq!(ArchiveKey::parse(text), Some(key));
        for bad in [
            text.replace("month=03", "month=3"),
            text.replace("org-acme", "acme"),
            text.replace("-0000-", "-0-"),
            text.replace("snappy", "gzip"),
            format!("{text}/x"),
        ] {
            assert_eq!(ArchiveKey::parse(&bad), None, "{bad}");
        }
    }

    #[test]
    fn landing_keys_carry_their_arrival_and_sort_by_it() {
        let arrival = Arrival(time("2026-03-01T12:59:59.999Z"));
        let key = LandingKey::new(arrival, [7; 10]);
        assert!(key.to_string().starts_with("landing/arrival=2026-03-01T12/019c"), "{key}");
        assert_eq!(key.arrival(), arrival);
        assert_eq!(LandingKey::parse(&key.to_string()), Some(key));
        assert_eq!(LandingKey::parse(&key.to_string().replace("T12/", "T13/")), None);
        let lowest = LandingKey::new(arrival, [0; 10]).to_string();
        let highest_before = LandingKey::new(Arrival(arrival.0.plus_millis(-1)), [255; 10]).to_string();
        let bound = landing_bound(arrival);
        assert!(highest_before < bound && bound < lowest);
    }

    #[test]
    fn records_sort_before_the_files_of_their_making() {
        let seal_time = SealTime::from_start(time("2026-03-01T12:00:00Z"));
        assert_eq!(record_key(seal_time), "seals/year=2026/month=03/day=01/20260301T120000Z.json");
        assert_eq!(close_key(seal_time), "seals/year=2026/month=03/day=01/_20260301T120000Z.close.json");
        assert_eq!(plan_key(seal_time), "seals/year=2026/month=03/day=01/_20260301T120000Z.plan.json");
    }
}
